/** Runs a program, and all that it starts, as a group that ends as one. */

import { exitOf, onSignal, type RunOptions, start } from "./process.ts";
import { endAll } from "./process-tree.ts";

export interface GroupOptions extends Pick<RunOptions, "cwd" | "env"> {
  /** Descriptor of an open file that takes standard output and standard error as they come. */
  readonly output: number;
  /** Ends the program and all that it started when it fires. */
  readonly signal: AbortSignal;
  /** Milliseconds that they have to end by themselves before they are killed. */
  readonly grace?: number;
}

/**
 * Runs a program to its end as the leader of a session of its own: without the operator's terminal,
 * so that it can ask nothing, and with all that it starts in one group, which ends as one. What it
 * leaves running when it ends by itself (a port forwarding, say) goes on.
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
  // The negated number of a leader stands for all processes of its group.
  const stopListening = onSignal(signal, () => {
    ending ??= endAll([-child.pid], grace);
  });
  try {
    const code = await exitOf(child);
    await ending;
    return code;
  } finally {
    stopListening();
  }
}
