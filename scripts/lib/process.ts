/** Starts other programs. Every other module runs programs through this one. */

import { statSync } from "node:fs";
import { refusal } from "./finding.ts";

/** Environment variables. Only `main` reads those of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface RunOptions {
  readonly cwd: string;
  readonly env: Environment;
  /** Standard input; default: empty. */
  readonly stdin?: string | Uint8Array;
  /** Milliseconds after which the program is killed and `timedOut` is set. */
  readonly timeout?: number;
  /** Bytes on either output stream after which the program is killed; default: 64 MB. */
  readonly mostOutput?: number;
  /** Ends the program and its descendants when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Receives standard error while the program runs. Only the end of it is then kept. */
  readonly onStderr?: (text: string) => void;
}

/** A program that has ended, and what it printed. */
export interface Finished<Output = string> {
  readonly command: readonly string[];
  /** The exit code; 128 + n if signal n ended it. */
  readonly code: number;
  readonly stdout: Output;
  readonly stderr: string;
  /** Whether the time limit ended it. Its output is then incomplete. */
  readonly timedOut: boolean;
  /** The limit in bytes, if the program exceeded it and was killed. Its output is incomplete. */
  readonly overflowed?: number;
}

/** Is thrown if a program is not installed or may not be executed. */
export class MissingProgram extends Error {
  override readonly name = "MissingProgram";
  readonly program: string;

  constructor(program: string, cause: unknown) {
    const why =
      errorCode(cause) === "EACCES"
        ? "it is there, but may not be executed"
        : "it is not installed, or not on PATH";
    super(`Cannot run ${program}: ${why}`, { cause });
    this.program = program;
  }
}

/** The default of `mostOutput`, in bytes. */
const usualOutput = 64 * 1024 * 1024;
/** Bytes that are kept of a stream without a limit; no message shows more. */
export const tailSize = 64 * 1024;
/** Milliseconds for which open pipes are still read after the program has ended. */
export const readAfterEnd = 1000;
/** The exit code of a program that was killed. */
const killed = 137;

/**
 * Runs a program to its end. A non-zero exit code is not an error.
 *
 * @throws {MissingProgram} If the program cannot be started.
 * @throws {Refusal} If its folder does not exist, or the system refuses to start it.
 */
export async function run(command: readonly string[], options: RunOptions): Promise<Finished> {
  const { stdout, ...rest } = await runBytes(command, options);
  return { ...rest, stdout: decode(stdout) };
}

/**
 * Runs a program to its end, with standard output as bytes.
 *
 * @throws {MissingProgram} If the program cannot be started.
 * @throws {Refusal} If its folder does not exist, or the system refuses to start it.
 */
export async function runBytes(
  command: readonly string[],
  options: RunOptions,
): Promise<Finished<Uint8Array>> {
  const { mostOutput = usualOutput, onStderr, stdin, timeout, signal } = options;
  const input = typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin;
  const child = start(command, options, { stdin: input ?? "ignore", output: "pipe" });
  const closing = new AbortController();
  let timedOut = false;
  let hasExited = false;
  let overflow: Pick<Finished, "overflowed"> = {};
  let ending: Promise<void> | undefined;

  /** Ends the program and its descendants. A second call has no effect. */
  function end(name: "SIGTERM" | "SIGKILL"): void {
    ending ??= import("./process-tree.ts").then(({ endTree }) => endTree(child, name));
  }
  function cut(): void {
    if (ending === undefined) {
      end("SIGKILL");
    } else {
      // It has not ended after an earlier SIGTERM.
      child.kill("SIGKILL");
    }
    closing.abort();
  }
  function overrun(): void {
    overflow = { overflowed: mostOutput };
    cut();
  }
  /** Ignores standard error after the exit: it comes from background processes. */
  function overrunErrors(): void {
    if (!hasExited) {
      overrun();
    }
  }

  function expire(): void {
    timedOut = true;
    cut();
  }

  const timer = timeout === undefined ? undefined : setTimeout(expire, timeout);
  const stopListening = onSignal(signal, () => end("SIGTERM"));
  let lastRead: ReturnType<typeof setTimeout> | undefined;
  const exited = exitCodeOf(child).then((code) => {
    hasExited = true;
    clearTimeout(timer);
    // The system may reuse the id of an ended process, so it must not be signalled any more.
    ending ??= Promise.resolve();
    // A background process may keep the pipes open and continue to print.
    lastRead = setTimeout(() => closing.abort(), readAfterEnd);
    return code;
  });
  try {
    const [code, stdout, stderr] = await Promise.all([
      exited,
      collect(child.stdout, closing.signal, { most: mostOutput, onMore: overrun }),
      onStderr === undefined
        ? collect(child.stderr, closing.signal, { most: mostOutput, onMore: overrunErrors })
        : collect(child.stderr, closing.signal, { most: tailSize, onText: onStderr }),
    ]);
    await ending;
    const finished = { command, code, stdout, stderr: decode(stderr), timedOut };
    // The output is incomplete even if the program then ended by itself.
    return overflow.overflowed === undefined
      ? finished
      : { ...finished, ...overflow, code: killed };
  } finally {
    clearTimeout(timer);
    clearTimeout(lastRead);
    stopListening();
  }
}

/**
 * Starts a program.
 *
 * @param streams `output` is "pipe", or the descriptor of an open file for both streams. With
 *   `detached` the program leads a new session.
 * @throws {MissingProgram} If the program cannot be started.
 * @throws {Refusal} If its folder does not exist, or the system refuses to start it.
 */
export function start<Input extends "pipe" | "ignore" | Uint8Array, Output extends "pipe" | number>(
  command: readonly string[],
  { cwd, env }: Pick<RunOptions, "cwd" | "env">,
  { stdin, output, detached = false }: { stdin: Input; output: Output; detached?: boolean },
) {
  try {
    return Bun.spawn([...command], {
      ...{ cwd, env: { ...env }, stdin, stdout: output, stderr: output, detached },
    });
  } catch (thrown) {
    const [program = ""] = command;
    if (!isDirectory(cwd)) {
      throw refusal(`Cannot run ${program} in ${cwd}: there is no such directory`, {
        remedy: "Change to a directory that exists, and run it again",
      });
    }
    const code = errorCode(thrown);
    if (code === "ENOENT" || code === "EACCES") {
      throw new MissingProgram(program, thrown);
    }
    throw refusal(
      `Cannot run ${program}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    );
  }
}

/**
 * Calls a listener when a signal fires, at once if it has fired already. Returns a function that
 * removes the listener.
 */
export function onSignal(signal: AbortSignal | undefined, listener: () => void): () => void {
  signal?.addEventListener("abort", listener, { once: true });
  if (signal?.aborted) {
    listener();
  }
  return () => signal?.removeEventListener("abort", listener);
}

/** Exit codes of SIGHUP, SIGINT and SIGTERM, which a terminal sends to a whole process group. */
const sharedSignals: ReadonlySet<number> = new Set([129, 130, 143]);
/** Milliseconds by which this process may receive a signal later than a child does. */
const signalDelay = 100;

/**
 * Returns the exit code of a program. After an exit by signal it waits, so that this process also
 * receives the signal and does not report the interrupt as a failure of the program.
 */
export async function exitCodeOf({
  exited,
}: {
  readonly exited: Promise<number>;
}): Promise<number> {
  const code = await exited;
  if (sharedSignals.has(code)) {
    await Bun.sleep(signalDelay);
  }
  return code;
}

interface CollectOptions {
  /** The most bytes to keep; earlier ones are dropped. */
  readonly most: number;
  /** Called when the stream has more. */
  readonly onMore?: () => void;
  /** Receives the whole stream as text, in parts. */
  readonly onText?: (text: string) => void;
}

/** Reads a stream to its end, or until `closing` fires. Returns its last bytes. */
export async function collect(
  stream: ReadableStream<Uint8Array>,
  closing: AbortSignal,
  { most, onMore, onText }: CollectOptions,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  const stopListening = onSignal(closing, () => void reader.cancel().catch(() => {}));
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      stopListening();
      return Buffer.concat(chunks);
    }
    chunks.push(value);
    size += value.length;
    if (size > most) {
      onMore?.();
    }
    while (size - (chunks[0]?.length ?? size) >= most) {
      size -= chunks.shift()?.length ?? 0;
    }
    if (onText !== undefined) {
      onText(decoder.decode(value, { stream: true }));
      // Without this pause, a busy stream would block signals, timers and exits.
      await Bun.sleep(0);
    }
  }
}

/** Reports whether a path is a directory or a link to one. */
export function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

export function errorCode(thrown: unknown): unknown {
  return (thrown as { code?: unknown } | undefined)?.code;
}

export function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** The most characters of a program's standard error in a message. */
const lastWordsLength = 2000;

/** Returns the end of a program's standard error for a message, or how the program ended. */
export function lastWords(
  finished: Pick<Finished, "code" | "stderr" | "timedOut" | "overflowed">,
): string {
  if (finished.timedOut) {
    return "no answer within the time limit";
  }
  const all = finished.stderr.trimEnd();
  const words =
    all.length > lastWordsLength ? `...${all.slice(-lastWordsLength)}` : all.trimStart();
  if (finished.overflowed !== undefined) {
    const most = `it printed more than ${finished.overflowed / 1024 / 1024} MB`;
    return words === "" ? most : `${most}, and at last: ${words}`;
  }
  return words || `exit code ${finished.code} without a message`;
}

/**
 * Rethrows an error; a missing program becomes a refusal with a remedy.
 *
 * @throws {Refusal} If the program is missing.
 */
export function needProgram(thrown: unknown, remedy: string): never {
  if (thrown instanceof MissingProgram) {
    throw refusal(thrown.message, { remedy });
  }
  throw thrown;
}
