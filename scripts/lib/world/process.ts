/** The one door to other programs: spawns them, and never mistakes silence for an answer. */

import { refusal } from "../finding.ts";

/** Environment variables, passed by value; only the command line reads the process's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface RunOptions {
  readonly cwd: string;
  readonly env: Environment;
  /** Text or bytes for standard input; none is an empty input. */
  readonly stdin?: string | Uint8Array;
  /** Milliseconds after which the program is killed and the question counts as unanswered. */
  readonly timeout?: number;
  /** Ends the program when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Receives standard error as it comes, for programs that talk to the operator. */
  readonly onStderr?: (text: string) => void;
}

/** How a program ended, and what it said. */
export interface Answer {
  readonly command: readonly string[];
  /** The exit code; 128 + n if signal n ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** True if the time limit ended it; its output is then not an answer. */
  readonly timedOut: boolean;
}

/** Standard output as bytes, for programs that print more than text. */
export interface BytesAnswer extends Omit<Answer, "stdout"> {
  readonly stdout: Uint8Array;
}

/** A program that could not be started, because it is not installed or may not be run. */
export class MissingProgram extends Error {
  override readonly name = "MissingProgram";
  readonly program: string;

  constructor(program: string, cause: unknown) {
    super(`Cannot run ${program}: it is not installed, or not on PATH`, { cause });
    this.program = program;
  }
}

/**
 * Runs a program to its end. Its exit code is data.
 *
 * @throws {MissingProgram} If the program cannot be started.
 */
export async function run(command: readonly string[], options: RunOptions): Promise<Answer> {
  const { stdout, ...rest } = await runBytes(command, options);
  return { ...rest, stdout: decode(stdout) };
}

/**
 * Runs a program to its end, with standard output as bytes.
 *
 * @throws {MissingProgram} If the program cannot be started.
 */
export async function runBytes(
  command: readonly string[],
  options: RunOptions,
): Promise<BytesAnswer> {
  const child = spawn(command, options);
  if (options.stdin !== undefined) {
    child.stdin.write(options.stdin);
  }
  await Promise.resolve(child.stdin.end()).catch(() => {
    // The program closed its input early; its exit code tells the rest.
  });
  const stop = new AbortController();
  let timedOut = false;
  const timer =
    options.timeout === undefined
      ? undefined
      : setTimeout(() => {
          timedOut = true;
          child.kill("SIGKILL");
          stop.abort();
        }, options.timeout);
  const interrupt = () => child.kill("SIGTERM");
  options.signal?.addEventListener("abort", interrupt, { once: true });
  if (options.signal?.aborted) {
    interrupt();
  }
  try {
    // A grandchild may hold the pipes open after the time limit: then the pipes are abandoned.
    const [code, stdout, stderr] = await Promise.all([
      child.exited,
      collect(child.stdout, stop.signal),
      collect(child.stderr, stop.signal, options.onStderr),
    ]);
    return { command, code, stdout, stderr: decode(stderr), timedOut };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", interrupt);
  }
}

/** A program that answers many questions over its standard input. */
export interface Conversation {
  write(bytes: string | Uint8Array): void;
  readonly output: ReadableStream<Uint8Array>;
  readonly exited: Promise<number>;
  /** What the program said on standard error, complete once `exited`. */
  readonly stderr: Promise<string>;
  /** Closes its input, which ends a well-behaved program. */
  end(): void;
  kill(): void;
}

/**
 * Starts a program that stays for many questions.
 *
 * @throws {MissingProgram} If the program cannot be started.
 */
export function converse(
  command: readonly string[],
  options: Pick<RunOptions, "cwd" | "env">,
): Conversation {
  const child = spawn(command, options);
  return {
    write(bytes) {
      child.stdin.write(bytes);
      child.stdin.flush();
    },
    output: child.stdout,
    exited: child.exited,
    stderr: collect(child.stderr, new AbortController().signal).then(decode),
    end: () => void child.stdin.end(),
    kill: () => child.kill("SIGKILL"),
  };
}

function spawn(command: readonly string[], options: Pick<RunOptions, "cwd" | "env">) {
  try {
    return Bun.spawn([...command], {
      cwd: options.cwd,
      env: { ...options.env },
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
  } catch (thrown) {
    throw new MissingProgram(command[0] ?? "", thrown);
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  stop: AbortSignal,
  listener?: (text: string) => void,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  const abandon = () => void reader.cancel().catch(() => {});
  stop.addEventListener("abort", abandon, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return Buffer.concat(chunks);
      }
      chunks.push(value);
      listener?.(decoder.decode(value, { stream: true }));
    }
  } finally {
    stop.removeEventListener("abort", abandon);
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** A program's last words for a message: its standard error, or else how it ended. */
export function lastWords(answer: Pick<Answer, "code" | "stderr" | "timedOut">): string {
  if (answer.timedOut) {
    return "no answer within the time limit";
  }
  return answer.stderr.trim() || `exit code ${answer.code} without a message`;
}

/**
 * Turns a missing program into a refusal with a remedy; passes everything else on.
 *
 * @throws {Refusal} If the program is missing.
 */
export function needProgram(thrown: unknown, remedy: string): never {
  if (thrown instanceof MissingProgram) {
    throw refusal(thrown.message, { remedy });
  }
  throw thrown;
}
