/** The one door to other programs: spawns them, and never mistakes silence for an answer. */

import { statSync } from "node:fs";
import { refusal } from "./finding.ts";

/** Environment variables, passed by value; only the command line reads the process's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface RunOptions {
  readonly cwd: string;
  readonly env: Environment;
  /** Text or bytes for standard input; none is an empty input. */
  readonly stdin?: string | Uint8Array;
  /** Milliseconds after which the program is killed and the question counts as unanswered. */
  readonly timeout?: number;
  /** Bytes of standard output, or of standard error, after which the program is killed. */
  readonly mostOutput?: number;
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
  /** True if it printed more than was asked for, and was killed; its output is then cut. */
  readonly overflowed?: true;
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
    const why =
      errorCode(cause) === "EACCES"
        ? "it is there, but may not be executed"
        : "it is not installed, or not on PATH";
    super(`Cannot run ${program}: ${why}`, { cause });
    this.program = program;
  }
}

/**
 * Runs a program to its end. Its exit code is data.
 *
 * @throws {MissingProgram} If the program cannot be started.
 * @throws {Refusal} If the folder to run it in is gone, or the system refuses to start it.
 */
export async function run(command: readonly string[], options: RunOptions): Promise<Answer> {
  const { stdout, ...rest } = await runBytes(command, options);
  return { ...rest, stdout: decode(stdout) };
}

/**
 * Runs a program to its end, with standard output as bytes.
 *
 * @throws {MissingProgram} If the program cannot be started.
 * @throws {Refusal} If the folder to run it in is gone, or the system refuses to start it.
 */
export async function runBytes(
  command: readonly string[],
  options: RunOptions,
): Promise<BytesAnswer> {
  const child = spawn(command, options, inputBytes(options.stdin));
  let overflow: Pick<Answer, "overflowed"> = {};
  const pipes = openPipes(options.mostOutput, () => {
    overflow = { overflowed: true };
    child.kill("SIGKILL");
    pipes.abandon();
  });
  let timedOut = false;
  const expire = () => {
    timedOut = true;
    child.kill("SIGKILL");
    pipes.abandon();
  };
  const timer = options.timeout === undefined ? undefined : setTimeout(expire, options.timeout);
  const stopHearing = endOnSignal(child, options.signal);
  const exited = endOf(child, () => {
    clearTimeout(timer);
    pipes.abandonWhenQuiet();
  });
  try {
    const [code, stdout, stderr] = await Promise.all([
      exited,
      pipes.collect(child.stdout),
      pipes.collect(child.stderr, options.onStderr),
    ]);
    return { command, code, stdout, stderr: decode(stderr), timedOut, ...overflow };
  } finally {
    clearTimeout(timer);
    pipes.close();
    stopHearing();
  }
}

/** Ends a program when a signal fires, or has fired. Answers what stops that. */
function endOnSignal(
  child: { kill(name: "SIGTERM"): void },
  signal: AbortSignal | undefined,
): () => void {
  const end = () => child.kill("SIGTERM");
  signal?.addEventListener("abort", end, { once: true });
  if (signal?.aborted) {
    end();
  }
  return () => signal?.removeEventListener("abort", end);
}

export interface GroupOptions extends Pick<RunOptions, "cwd" | "env"> {
  /** Descriptor of an open file that takes standard output and standard error as they come. */
  readonly output: number;
  /** Ends the program and all that it started when it fires. */
  readonly signal: AbortSignal;
  /** Milliseconds that they have to end by themselves before they are killed. */
  readonly grace?: number;
}

/** Milliseconds between two looks at a group of processes that is to end. */
const groupLook = 25;

/**
 * Runs a program to its end as the leader of a session of its own: without the operator's terminal,
 * so that it can ask nothing, and with all that it starts in one group, which ends as one. What it
 * leaves running when it ends by itself (a port forwarding, say) goes on.
 *
 * @returns Its exit code; 128 + n if signal n ended it.
 * @throws {MissingProgram} If the program cannot be started.
 * @throws {Refusal} If the folder to run it in is gone, or the system refuses to start it.
 */
export async function runGroup(
  command: readonly string[],
  { cwd, env, output, signal, grace = 3000 }: GroupOptions,
): Promise<number> {
  const child = startGroup(command, cwd, env, output);
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= endGroup(child.pid, grace);
  };
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) {
    end();
  }
  try {
    const code = await child.exited;
    await ending;
    return code;
  } finally {
    signal.removeEventListener("abort", end);
  }
}

function startGroup(command: readonly string[], cwd: string, env: Environment, output: number) {
  try {
    return Bun.spawn([...command], {
      cwd,
      env: { ...env },
      stdin: "ignore",
      stdout: output,
      stderr: output,
      detached: true,
    });
  } catch (thrown) {
    throw startFailure(command[0] ?? "", cwd, thrown);
  }
}

/** Ends a group of processes: asks, and kills what has not obeyed in time. */
async function endGroup(leader: number, grace: number): Promise<void> {
  signalGroup(leader, "SIGTERM");
  for (let waited = 0; waited < grace; waited += groupLook) {
    if (!signalGroup(leader, 0)) {
      return;
    }
    await Bun.sleep(groupLook);
  }
  signalGroup(leader, "SIGKILL");
}

/** Sends a signal to a group of processes; false if there is none of it left. */
function signalGroup(leader: number, signal: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    return process.kill(-leader, signal);
  } catch (thrown) {
    // Any other failure means that there is something which may not be reached.
    return errorCode(thrown) !== "ESRCH";
  }
}

function inputBytes(input: string | Uint8Array | undefined): Uint8Array | "ignore" {
  if (input === undefined) {
    return "ignore";
  }
  return typeof input === "string" ? new TextEncoder().encode(input) : input;
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
 * @throws {Refusal} If the folder to run it in is gone, or the system refuses to start it.
 */
export function converse(
  command: readonly string[],
  options: Pick<RunOptions, "cwd" | "env" | "signal">,
): Conversation {
  const child = spawn(command, options, "pipe");
  const pipes = openPipes();
  const stopHearing = endOnSignal(child, options.signal);
  const exited = endOf(child, () => {
    stopHearing();
    pipes.abandonWhenQuiet();
  });
  return {
    write(bytes) {
      send(() => child.stdin.write(bytes));
      send(() => child.stdin.flush());
    },
    output: child.stdout,
    exited,
    stderr: pipes.collect(child.stderr).then(decode).finally(pipes.close),
    end: () => send(() => child.stdin.end()),
    kill: () => child.kill("SIGKILL"),
  };
}

/** A program that stopped listening is found out when its answer is read, not when it is asked. */
function send(action: () => unknown): void {
  const ignore = () => {};
  try {
    Promise.resolve(action()).catch(ignore);
  } catch {
    // As above: the pipe is broken, and reading will tell.
  }
}

function spawn<Input extends "pipe" | "ignore" | Uint8Array>(
  command: readonly string[],
  options: Pick<RunOptions, "cwd" | "env">,
  stdin: Input,
) {
  try {
    return Bun.spawn([...command], {
      cwd: options.cwd,
      env: { ...options.env },
      stdin,
      stdout: "pipe",
      stderr: "pipe",
    });
  } catch (thrown) {
    throw startFailure(command[0] ?? "", options.cwd, thrown);
  }
}

/** Why a program could not be started: the runtime uses one code for several reasons. */
function startFailure(program: string, cwd: string, thrown: unknown): Error {
  if (!isFolder(cwd)) {
    return refusal(`Cannot run ${program} in ${cwd}: there is no such folder`, {
      remedy: "Change to a folder that exists, and run it again",
    });
  }
  const code = errorCode(thrown);
  if (code === "ENOENT" || code === "EACCES") {
    return new MissingProgram(program, thrown);
  }
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  return refusal(`Cannot run ${program}: ${words}`);
}

/** Exit codes of SIGHUP, SIGINT and SIGTERM, which reach a whole group of processes at once. */
const sharedSignals: ReadonlySet<number> = new Set([129, 130, 143]);

/** Milliseconds that a signal may take longer to reach this process than a child. */
const signalDelay = 100;

/**
 * The exit code of a program. Where Ctrl-C ended it, this process hears of Ctrl-C before it hears
 * of the end: an interrupt must not be told as a failure of the program.
 */
async function endOf(
  child: { readonly exited: Promise<number> },
  onExit: () => void,
): Promise<number> {
  const code = await child.exited;
  onExit();
  if (sharedSignals.has(code)) {
    await Bun.sleep(signalDelay);
  }
  return code;
}

/** Whether a path leads to a folder. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function errorCode(thrown: unknown): unknown {
  return (thrown as { code?: unknown } | undefined)?.code;
}

/** Milliseconds between two looks at pipes that stay open after their program has ended. */
const quietTime = 500;

/**
 * Reads the output of one program. A grandchild (an SSH master connection, say) may hold the pipes
 * open long after the program itself has ended; nobody waits for it.
 *
 * @param most Bytes of each pipe, after which `onTooMuch` is called.
 */
function openPipes(most = Number.POSITIVE_INFINITY, onTooMuch: () => void = () => {}) {
  const stop = new AbortController();
  let chunksSeen = 0;
  let looking: ReturnType<typeof setInterval> | undefined;
  return {
    async collect(
      stream: ReadableStream<Uint8Array>,
      listener?: (text: string) => void,
    ): Promise<Uint8Array> {
      const chunks: Uint8Array[] = [];
      const decoder = new TextDecoder();
      const reader = stream.getReader();
      const leave = () => void reader.cancel().catch(() => {});
      stop.signal.addEventListener("abort", leave, { once: true });
      let size = 0;
      for (;;) {
        const { done, value } = await reader.read();
        if (done) {
          return Buffer.concat(chunks);
        }
        chunksSeen += 1;
        chunks.push(value);
        size += value.length;
        if (size > most) {
          onTooMuch();
        }
        listener?.(decoder.decode(value, { stream: true }));
      }
    },
    /** Stops reading now. */
    abandon: () => stop.abort(),
    /**
     * Stops reading once nothing has come between two looks: what the program wrote before its end
     * is in the pipes already, but a first look that comes late has read none of it yet.
     */
    abandonWhenQuiet(): void {
      let before = -1;
      looking = setInterval(() => {
        if (before === chunksSeen) {
          stop.abort();
          clearInterval(looking);
        }
        before = chunksSeen;
      }, quietTime);
    },
    close: () => clearInterval(looking),
  };
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** How many characters of a program's last words a message carries. */
const lastWordsLength = 2000;

/** A program's last words for a message: its standard error, or else how it ended. */
export function lastWords(answer: Pick<Answer, "code" | "stderr" | "timedOut">): string {
  if (answer.timedOut) {
    return "no answer within the time limit";
  }
  const words = answer.stderr.trim();
  if (words.length > lastWordsLength) {
    return `...${words.slice(-lastWordsLength)}`;
  }
  return words || `exit code ${answer.code} without a message`;
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
