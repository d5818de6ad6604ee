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
  /**
   * Bytes of standard output, or of standard error, after which the program is killed; default:
   * 64 MB, as what a program prints may be up to others.
   */
  readonly mostOutput?: number;
  /** Ends the program, and what it waits for, when it fires. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Receives standard error as it comes, for programs that talk to the operator. They may talk as
   * much as they like, and only the end of it is kept.
   */
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
  /** The limit in bytes if it printed more, and was killed; its output is then cut. */
  readonly overflowed?: number;
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
  const { mostOutput = usualOutput, onStderr, timeout, signal } = options;
  const child = spawn(command, options, inputBytes(options.stdin));
  const pipes = openPipes();
  let timedOut = false;
  let overflow: Pick<Answer, "overflowed"> = {};
  let ending: Promise<void> | undefined;
  const end = (name: "SIGTERM" | "SIGKILL") => {
    ending ??= endTree(child, name);
  };
  const cut = () => {
    end("SIGKILL");
    // One that was asked to end before may have refused to.
    child.kill("SIGKILL");
    pipes.abandon();
  };
  const expire = () => {
    timedOut = true;
    cut();
  };
  const overrun = () => {
    overflow = { overflowed: mostOutput };
    cut();
  };
  const timer = timeout === undefined ? undefined : setTimeout(expire, timeout);
  const stopHearing = onSignal(signal, () => end("SIGTERM"));
  const exited = endOf(child, () => {
    clearTimeout(timer);
    // Its number may soon be another program's.
    ending ??= Promise.resolve();
    pipes.abandonSoon();
  });
  try {
    const [code, stdout, stderr] = await Promise.all([
      exited,
      pipes.collect(child.stdout, { most: mostOutput, onMore: overrun }),
      onStderr === undefined
        ? pipes.collect(child.stderr, { most: mostOutput, onMore: overrun })
        : pipes.collect(child.stderr, { most: tailSize, onText: onStderr }),
    ]);
    await ending;
    const answer = { command, code, stdout, stderr: decode(stderr), timedOut };
    // A program that had ended by itself has given a cut answer all the same.
    return overflow.overflowed === undefined ? answer : { ...answer, ...overflow, code: killed };
  } finally {
    clearTimeout(timer);
    pipes.close();
    stopHearing();
  }
}

/** Bytes that a program may print where its caller states no other limit. */
const usualOutput = 64 * 1024 * 1024;

/** Bytes that are kept of what may be endless: more than any message carries. */
const tailSize = 64 * 1024;

/** The exit code of a program that was killed. */
const killed = 137;

/** Calls a listener when a signal fires, or has fired. Returns what stops that. */
function onSignal(signal: AbortSignal | undefined, listener: () => void): () => void {
  signal?.addEventListener("abort", listener, { once: true });
  if (signal?.aborted) {
    listener();
  }
  return () => signal?.removeEventListener("abort", listener);
}

/** Milliseconds that what a program waits for has to end by itself before it is killed. */
const treeGrace = 1000;

/**
 * Ends a program, and what it has started and waits for: a signing program would outlive its git,
 * and go on asking. It cannot lead a group of its own to end with: its passphrase is asked for on
 * the terminal, which only the group in the foreground may read.
 *
 * @param name What the program itself gets. The others can always put a terminal in order first.
 */
async function endTree(
  child: { readonly pid: number; kill(name: "SIGTERM" | "SIGKILL"): void },
  name: "SIGTERM" | "SIGKILL",
): Promise<void> {
  const below = descendantsOf(child.pid);
  child.kill(name);
  await endAll(below, treeGrace);
}

/** Processes below another one by their parents, as long as those live. None if `ps` is missing. */
function descendantsOf(root: number): number[] {
  let table = "";
  try {
    table = Bun.spawnSync(["ps", "-A", "-o", "pid=,ppid="]).stdout.toString();
  } catch {
    // The program itself can be ended all the same.
  }
  const pairs = Array.from(table.matchAll(/(\d+) +(\d+)/g), (row) => row.slice(1).map(Number));
  const found = [root];
  for (const parent of found) {
    found.push(...pairs.flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : [])));
  }
  return found.slice(1);
}

export interface GroupOptions extends Pick<RunOptions, "cwd" | "env"> {
  /** Descriptor of an open file that takes standard output and standard error as they come. */
  readonly output: number;
  /** Ends the program and all that it started when it fires. */
  readonly signal: AbortSignal;
  /** Milliseconds that they have to end by themselves before they are killed. */
  readonly grace?: number;
}

/** Milliseconds between two looks at processes that are to end. */
const lookPause = 25;

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
    // All processes of a group answer to its leader's number, negated.
    ending ??= endAll([-child.pid], grace);
  };
  const stopHearing = onSignal(signal, end);
  try {
    const code = await child.exited;
    await ending;
    return code;
  } finally {
    stopHearing();
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

/** Ends processes: asks, and kills what has not obeyed in time. */
async function endAll(targets: readonly number[], grace: number): Promise<void> {
  let left = targets.filter((each) => signalTo(each, "SIGTERM"));
  for (let waited = 0; left.length > 0 && waited < grace; waited += lookPause) {
    await Bun.sleep(lookPause);
    left = left.filter((each) => signalTo(each, 0));
  }
  for (const each of left) {
    signalTo(each, "SIGKILL");
  }
}

/** Sends a signal to a process, or to a group by its negated number; false if it is gone. */
function signalTo(target: number, signal: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    return process.kill(target, signal);
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
  const stopHearing = onSignal(options.signal, () => child.kill("SIGTERM"));
  const exited = endOf(child, () => {
    stopHearing();
    pipes.abandonSoon();
  });
  return {
    write(bytes) {
      send(() => child.stdin.write(bytes));
      send(() => child.stdin.flush());
    },
    output: child.stdout,
    exited,
    stderr: pipes.collect(child.stderr, { most: tailSize }).then(decode).finally(pipes.close),
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

/** Milliseconds for which pipes are read that stay open after their program has ended. */
const readAfterEnd = 1000;

interface CollectOptions {
  /** Bytes that are kept; of more than that, the last. */
  readonly most: number;
  readonly onMore?: () => void;
  /** Receives all of it as text, as it comes. */
  readonly onText?: (text: string) => void;
}

/**
 * Reads the output of one program. A grandchild (an SSH master connection, say) may hold the pipes
 * open long after the program itself has ended, and go on printing; nobody waits for it.
 */
function openPipes() {
  const stop = new AbortController();
  let looking: ReturnType<typeof setInterval> | undefined;
  return {
    async collect(
      stream: ReadableStream<Uint8Array>,
      { most, onMore, onText }: CollectOptions,
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
        chunks.push(value);
        size += value.length;
        if (size > most) {
          onMore?.();
        }
        while (size - (chunks[0]?.length ?? size) >= most) {
          size -= chunks.shift()?.length ?? 0;
        }
        onText?.(decoder.decode(value, { stream: true }));
      }
    },
    /** Stops reading now. */
    abandon: () => stop.abort(),
    /**
     * Stops reading a moment from now, whether or not more keeps coming: what the program wrote
     * before its end is in the pipes already. The moment has two halves, as one that comes late
     * may find that none of it has been read yet.
     */
    abandonSoon(): void {
      let isSecond = false;
      looking = setInterval(() => {
        if (isSecond) {
          stop.abort();
          clearInterval(looking);
        }
        isSecond = true;
      }, readAfterEnd / 2);
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
export function lastWords(
  answer: Pick<Answer, "code" | "stderr" | "timedOut" | "overflowed">,
): string {
  if (answer.timedOut) {
    return "no answer within the time limit";
  }
  const all = answer.stderr.trimEnd();
  const words =
    all.length > lastWordsLength ? `...${all.slice(-lastWordsLength)}` : all.trimStart();
  if (answer.overflowed !== undefined) {
    const most = `it printed more than ${answer.overflowed / 1024 / 1024} MB`;
    return words === "" ? most : `${most}, and at last: ${words}`;
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
