/** The one door to the terminal: standard streams, and the operator behind them. */

import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from "node:fs";
import type { ReadStream, WriteStream } from "node:tty";
import { refusal } from "./finding.ts";
import type { Environment } from "./process.ts";

export interface Terminal {
  /**
   * Writes to standard output.
   *
   * @throws {Refusal} If it cannot be written (a full disk): what a command says is its answer.
   *   Never after `outlive`.
   */
  out(text: string): void;
  /** Writes to standard error, where nobody can be told about a failure. */
  err(text: string): void;
  /**
   * From now on a stream that fails changes nothing, as something has been changed that the exit
   * code must tell of: what one stream does not take goes to the other, once.
   *
   * @param outIsData Whether standard output takes data alone.
   */
  outlive(outIsData: boolean): void;
  /** Whether that stream may be coloured: a terminal, and NO_COLOR is not set. */
  readonly colours: { readonly out: boolean; readonly err: boolean };
  /** Whether standard input is a terminal, so that a question can be answered. */
  readonly interactive: boolean;
  /** Whether standard output is a terminal, which shows what no program reads. */
  shown(): boolean;
  /** Whether standard error is a terminal, where somebody watches. */
  live(): boolean;
  /** Columns of the terminal behind standard error, as wide as its window is now. */
  columns(): number;
  /** Asks on standard error and reads one line; undefined at the end of input, or if interrupted. */
  question(prompt: string, signal: AbortSignal): Promise<string | undefined>;
}

/** The streams that a terminal is made of: descriptors, and the lines behind the first one. */
export interface Streams {
  readonly in: number;
  readonly out: number;
  readonly err: number;
  /** Called for a question alone: no command may hold standard input open that asks nothing. */
  readonly input: () => NodeJS.ReadableStream;
}

const standardStreams: Streams = { in: 0, out: 1, err: 2, input: () => process.stdin };

/**
 * The terminal of this process.
 *
 * @param streams Those of this process, if they are not a test's.
 */
export function processTerminal(env: Environment, streams: Streams = standardStreams): Terminal {
  const mayColour = !env.NO_COLOR && env.TERM !== "dumb";
  let outlives: { readonly outIsData: boolean } | undefined;
  return {
    out(text) {
      const failure = write(streams.out, text);
      if (failure !== undefined && outlives !== undefined) {
        write(streams.err, text);
      } else if (failure !== undefined && failure.code !== "EPIPE") {
        // A reader that left (`| head`) has read what it wanted.
        throw refusal(`Cannot write to standard output: ${failure.message}`, {
          remedy: "Make room, or send standard output elsewhere, and run this again",
        });
      }
    },
    err(text) {
      const failure = write(streams.err, text);
      // What ends no line is a line of progress, for a terminal alone.
      if (failure !== undefined && outlives?.outIsData === false && text.endsWith("\n")) {
        write(streams.out, text);
      }
    },
    outlive(outIsData) {
      outlives = { outIsData };
    },
    colours: {
      get out() {
        return mayColour && isTerminal(streams.out);
      },
      get err() {
        return mayColour && isTerminal(streams.err);
      },
    },
    get interactive() {
      return isTerminal(streams.in);
    },
    shown: () => isTerminal(streams.out),
    live: () => isTerminal(streams.err),
    columns: columnsOf(streams.err),
    async question(prompt, signal) {
      const { createInterface } = await import("node:readline");
      const input = streams.input();
      if (isTerminal(streams.in)) {
        discardTyped(input as ReadStream, streams.in);
      }
      write(streams.err, prompt);
      const lines = createInterface({ input, terminal: false });
      return new Promise((resolve) => {
        let answer: string | undefined;
        signal.addEventListener("abort", () => lines.close(), { once: true });
        lines.once("line", (line) => {
          answer = line;
          lines.close();
        });
        lines.once("close", () => {
          if (answer === undefined) {
            write(streams.err, "\n");
          }
          resolve(answer);
        });
        if (signal.aborted) {
          // It came while the lines were being opened, when nothing heard it yet.
          lines.close();
        }
      });
    },
  };
}

/**
 * Discards what was typed before a question, which cannot be an answer to it. Until its end a line
 * can be read in raw mode alone.
 *
 * @throws {Refusal} If the terminal cannot be read without waiting for it.
 */
function discardTyped(input: ReadStream, descriptor: number): void {
  let terminal: number | undefined;
  input.setRawMode(true);
  try {
    terminal = reopened(descriptor);
    const typed = new Uint8Array(4096);
    while (readSync(terminal, typed) > 0) {
      // What was typed is of no interest.
    }
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    if (code !== "EAGAIN") {
      throw refusal(`Cannot ask on this terminal: ${message}`, {
        remedy: "Run this again in another terminal",
      });
    }
  } finally {
    input.setRawMode(false);
    if (terminal !== undefined) {
      closeSync(terminal);
    }
  }
}

/**
 * Opens the terminal behind a descriptor once more, to be read without waiting: other processes
 * share the mode of the descriptor itself. After `su` only the first way is open, and without a
 * terminal that controls the process only the second.
 */
function reopened(descriptor: number): number {
  const mode = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return openSync("/dev/tty", mode);
  } catch {
    return openSync(`/dev/fd/${descriptor}`, mode);
  }
}

/**
 * Whether a standard stream is a terminal. `node:tty` is loaded only for what may be one: it costs
 * more than most commands need for their whole work.
 */
function isTerminal(descriptor: number): boolean {
  try {
    return (
      fstatSync(descriptor).isCharacterDevice() &&
      process.getBuiltinModule("node:tty").isatty(descriptor)
    );
  } catch {
    return false;
  }
}

/** Columns of a terminal that does not tell. */
const usualColumns = 80;

/** How to ask a terminal for its columns. */
function columnsOf(descriptor: number): () => number {
  // This stream serves to ask for the size alone: there is one, for each would take a descriptor,
  // and it looks again only when it is told to.
  let sized: (WriteStream & { _refreshSize?(): void }) | undefined;
  return () => {
    if (!isTerminal(descriptor)) {
      return usualColumns;
    }
    sized ??= new (process.getBuiltinModule("node:tty").WriteStream)(descriptor);
    sized._refreshSize?.();
    return sized.columns || usualColumns;
  };
}

/**
 * Writes all of a text at once, so that nothing is lost when the process ends right after.
 *
 * @returns Why that failed, or undefined.
 */
function write(
  descriptor: number,
  text: string,
): { readonly code: unknown; readonly message: string } | undefined {
  let rest: Uint8Array = new TextEncoder().encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (thrown) {
      const { code, message } = thrown as { code?: unknown; message?: unknown };
      if (code === "EAGAIN") {
        Bun.sleepSync(1);
        continue;
      }
      return { code, message: String(message) };
    }
  }
  return undefined;
}
