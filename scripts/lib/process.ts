/** The one door to other programs: starts them, and never mistakes silence for an answer. */

import { statSync } from "node:fs";
import { refusal } from "./finding.ts";

/** Environment variables, passed by value; only the command line reads the process's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface RunOptions {
  readonly cwd: string;
  readonly env: Environment;
  /** Text or bytes for standard input; default: an empty input. */
  readonly stdin?: string | Uint8Array;
  /** Milliseconds after which the program is killed and the question counts as unanswered. */
  readonly timeout?: number;
  /** Bytes on either output stream after which the program is killed; default: 64 MB. */
  readonly mostOutput?: number;
  /** Ends the program, and the programs that it started, when it fires. */
  readonly signal?: AbortSignal | undefined;
  /** Receives standard error as it comes, in any amount; only the end of it is kept then. */
  readonly onStderr?: (text: string) => void;
}

/** A program that has ended, and what it printed. */
export interface Finished<Output = string> {
  readonly command: readonly string[];
  /** The exit code; 128 + n if signal n ended it. */
  readonly code: number;
  readonly stdout: Output;
  readonly stderr: string;
  /** True if the time limit ended it; its output is then not an answer. */
  readonly timedOut: boolean;
  /** The limit in bytes if it printed more, and was killed; its output is then cut. */
  readonly overflowed?: number;
}

/** A program that could not be started, because it is not installed or may not be run. */
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

/** Bytes that a program may print where its caller states no other limit. */
const usualOutput = 64 * 1024 * 1024;
/** Bytes that are kept of a stream without a limit: more than any message carries. */
export const tailSize = 64 * 1024;
/** Milliseconds for which pipes are read that stay open after their program has ended. */
const readAfterEnd = 1000;
/** The exit code of a program that was killed. */
const killed = 137;

/**
 * Runs a program to its end. Its exit code is data.
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

  /** Ends the program and what it waits for; a second call waits for the first. */
  function end(name: "SIGTERM" | "SIGKILL"): void {
    ending ??= import("./process-tree.ts").then(({ endTree }) => endTree(child, name));
  }
  function cut(): void {
    if (ending === undefined) {
      end("SIGKILL");
    } else {
      // It was asked to end before, and has not obeyed.
      child.kill("SIGKILL");
    }
    closing.abort();
  }
  function overrun(): void {
    overflow = { overflowed: mostOutput };
    cut();
  }
  /** After its exit only what it left behind prints errors, which are no part of its answer. */
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
  const exited = exitOf(child).then((code) => {
    hasExited = true;
    clearTimeout(timer);
    // The number of an ended process may soon be another program's.
    ending ??= Promise.resolve();
    // A grandchild may hold the pipes open and go on printing; nobody waits for it.
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
    // A program that ended by itself after its output was cut has not answered either.
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
 * Starts a program; every other function here goes through it.
 *
 * @param streams `output` is "pipe", or the descriptor of an open file for both streams. A program
 *   with `detached` leads a session of its own.
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

/** Calls a listener when a signal fires, or has fired. Returns a function that stops listening. */
export function onSignal(signal: AbortSignal | undefined, listener: () => void): () => void {
  signal?.addEventListener("abort", listener, { once: true });
  if (signal?.aborted) {
    listener();
  }
  return () => signal?.removeEventListener("abort", listener);
}

/** Exit codes of SIGHUP, SIGINT and SIGTERM, which a terminal sends to a whole group of processes. */
const sharedSignals: ReadonlySet<number> = new Set([129, 130, 143]);
/** Milliseconds by which a signal may reach this process later than a child. */
const signalDelay = 100;

/**
 * Returns the exit code of a program. After Ctrl-C it waits for a moment, so that this process hears
 * of Ctrl-C first and does not report the interrupt as a failure of the program.
 */
export async function exitOf({ exited }: { readonly exited: Promise<number> }): Promise<number> {
  const code = await exited;
  if (sharedSignals.has(code)) {
    await Bun.sleep(signalDelay);
  }
  return code;
}

interface CollectOptions {
  /** Bytes that are kept: the last ones. */
  readonly most: number;
  /** Called when there is more. */
  readonly onMore?: () => void;
  /** Receives all of it as text, as it comes. */
  readonly onText?: (text: string) => void;
}

/** Reads a stream to its end, or until `closing` fires. */
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
      // A stream that never pauses would keep this process from hearing of signals, timers and exits.
      await Bun.sleep(0);
    }
  }
}

/** Reports whether a path leads to a directory. */
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

/** Characters of a program's last words that a message carries. */
const lastWordsLength = 2000;

/** Returns a program's last words for a message: its standard error, or else how it ended. */
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
