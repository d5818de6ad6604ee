/** A program that answers many questions over its standard input, such as `git cat-file --batch`. */

import { collect, decode, exitOf, onSignal, type RunOptions, start, tailSize } from "./process.ts";

export interface Conversation {
  write(bytes: string | Uint8Array): void;
  readonly output: ReadableStream<Uint8Array>;
  readonly exited: Promise<number>;
  /** The end of what the program printed on standard error, complete once `exited`. */
  readonly stderr: Promise<string>;
  /** Closes its input, which ends a well-behaved program. */
  end(): void;
  kill(): void;
}

/** Milliseconds for which standard error is read after the end of the program. */
const readAfterEnd = 1000;

/**
 * Starts a program that stays for many questions.
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
  const exited = exitOf(child).then((code) => {
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

/** A program that stopped listening is noticed when its answer is read, not when it is asked. */
function send(action: () => unknown): void {
  const ignore = () => {};
  try {
    Promise.resolve(action()).catch(ignore);
  } catch {
    // As above: the pipe is broken, and reading will show it.
  }
}
