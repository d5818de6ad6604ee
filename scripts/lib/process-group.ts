/** Runs a program and its child processes as one process group. */

import { exitCodeOf, onSignal, type RunOptions, start } from "./process.ts";
import { endAll } from "./process-tree.ts";

export interface GroupOptions extends Pick<RunOptions, "cwd" | "env"> {
  /** Descriptor of an open file that receives standard output and standard error. */
  readonly output: number;
  /** Ends the whole group when it fires. */
  readonly signal: AbortSignal;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly grace?: number;
}

/**
 * Runs a program to its end as the leader of a new session: it has no terminal to ask the operator,
 * and a signal can end its whole group. If it ends by itself, its background processes (such as a
 * port forwarding) continue.
 *
 * @returns Its exit code; 128 + n if signal n ended it.
 * @throws {MissingProgram} If the program cannot be started.
 * @throws {Refusal} If its folder does not exist, or the system refuses to start it.
 */
export async function runGroup(
  command: readonly string[],
  { cwd, env, output, signal, grace = 3000 }: GroupOptions,
): Promise<number> {
  const child = start(command, { cwd, env }, { stdin: "ignore", output, detached: true });
  let ending: Promise<void> | undefined;
  // A negative process id addresses the whole process group.
  const stopListening = onSignal(signal, () => {
    ending ??= endAll([-child.pid], grace);
  });
  try {
    const code = await exitCodeOf(child);
    await ending;
    return code;
  } finally {
    stopListening();
  }
}
