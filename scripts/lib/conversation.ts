/** Runs a program that answers questions from its standard input, like `git cat-file --batch`. */

import {
  collect,
  decode,
  exitCodeOf,
  onSignal,
  type RunOptions,
  readAfterEnd,
  start,
  tailSize,
} from "./process.ts";

export interface Conversation {
  write(bytes: string | Uint8Array): void;
  readonly output: ReadableStream<Uint8Array>;
  readonly exited: Promise<number>;
  /** The last part of standard error; it resolves after the program has exited. */
  readonly stderr: Promise<string>;
  /** Closes standard input, which makes the program exit. */
  end(): void;
  kill(): void;
}

/**
 * Starts a program that answers many questions.
 *
 * @throws {MissingProgram} If the program cannot be started.
 * @throws {Refusal} If its folder does not exist, or the system refuses to start it.
 */
export function converse(
  command: readonly string[],
  options: Pick<RunOptions, "cwd" | "env" | "signal">,
): Conversation {
  const child = start(command, options, { stdin: "pipe", output: "pipe" });
  const closing = new AbortController();
  const stopListening = onSignal(options.signal, () => child.kill("SIGTERM"));
  let lastRead: ReturnType<typeof setTimeout> | undefined;
  const exited = exitCodeOf(child).then((code) => {
    stopListening();
    lastRead = setTimeout(() => closing.abort(), readAfterEnd);
    return code;
  });
  return {
    write(bytes) {
      send(() => child.stdin.write(bytes));
      send(() => child.stdin.flush());
    },
    output: child.stdout,
    exited,
    stderr: collect(child.stderr, closing.signal, { most: tailSize })
      .then(decode)
      .finally(() => clearTimeout(lastRead)),
    end: () => send(() => child.stdin.end()),
    kill: () => child.kill("SIGKILL"),
  };
}

/** Runs an action on a pipe and ignores its failure: reading the answer reports a closed pipe. */
function send(action: () => unknown): void {
  Promise.try(action).catch(() => {});
}
