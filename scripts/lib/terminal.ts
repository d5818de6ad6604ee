/** The one door to the terminal: standard streams, and the operator behind them. */

import { fstatSync, writeSync } from "node:fs";
import type { WriteStream } from "node:tty";
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
      const { ask } = await import("./question.ts");
      return await ask(prompt, signal, {
        input: streams.input(),
        // What is piped in is no terminal's, and cannot be discarded.
        ...(isTerminal(streams.in) ? { terminal: streams.in } : {}),
        print: (text) => void write(streams.err, text),
      });
    },
  };
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
