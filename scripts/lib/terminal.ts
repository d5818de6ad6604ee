/** Reads and writes the standard streams of the process. */

import { fstatSync, writeSync } from "node:fs";
import type { WriteStream } from "node:tty";
import { refusal } from "./finding.ts";
import type { Environment } from "./process.ts";

export interface Terminal {
  /**
   * Writes to standard output.
   *
   * @throws {Refusal} If writing fails, for example on a full disk, unless `keepWriting` was
   *   called.
   */
  out(text: string): void;
  /** Writes to standard error. Ignores a failure, because it could not be reported anywhere. */
  err(text: string): void;
  /**
   * From now on, writes a text to the other stream if one fails, and ignores a failure of both: the
   * command has changed something, and its exit code must report that.
   *
   * @param outIsData Whether standard output is for JSON only.
   */
  keepWriting(outIsData: boolean): void;
  /** Whether each stream is a terminal and NO_COLOR is not set. */
  readonly colours: { readonly out: boolean; readonly err: boolean };
  /** Whether standard input is a terminal, so that the operator can answer a question. */
  readonly interactive: boolean;
  /** Reports whether standard output is a terminal. */
  outIsTerminal(): boolean;
  /** Reports whether standard error is a terminal. */
  errIsTerminal(): boolean;
  /** Returns the current width of the terminal on standard error. */
  columns(): number;
  /** Asks on standard error and returns one line; undefined at the end of input or an interrupt. */
  question(prompt: string, signal: AbortSignal): Promise<string | undefined>;
}

/** The descriptors of the standard streams, and the stream that reads the first one. */
export interface Streams {
  readonly in: number;
  readonly out: number;
  readonly err: number;
  /** Opens standard input. Only a question calls it: an open input keeps the process alive. */
  readonly input: () => NodeJS.ReadableStream;
}

const standardStreams: Streams = { in: 0, out: 1, err: 2, input: () => process.stdin };

/**
 * Returns the terminal of this process.
 *
 * @param streams Tests pass other streams.
 */
export function processTerminal(env: Environment, streams: Streams = standardStreams): Terminal {
  const mayColour = !env.NO_COLOR && env.TERM !== "dumb";
  let keeping: { readonly outIsData: boolean } | undefined;
  return {
    out(text) {
      const failure = write(streams.out, text);
      if (failure !== undefined && keeping !== undefined) {
        write(streams.err, text);
      } else if (failure !== undefined && failure.code !== "EPIPE") {
        // EPIPE is not an error: a reader such as `head` has read enough.
        throw refusal(`Cannot write to standard output: ${failure.message}`, {
          remedy: "Make room, or send standard output elsewhere, and run this again",
        });
      }
    },
    err(text) {
      const failure = write(streams.err, text);
      // A text without a line end is a progress line, which only a terminal shows.
      if (failure !== undefined && keeping?.outIsData === false && text.endsWith("\n")) {
        write(streams.out, text);
      }
    },
    keepWriting(outIsData) {
      keeping = { outIsData };
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
    outIsTerminal: () => isTerminal(streams.out),
    errIsTerminal: () => isTerminal(streams.err),
    columns: columnsOf(streams.err),
    async question(prompt, signal) {
      const { ask } = await import("./question.ts");
      return await ask(prompt, signal, {
        input: streams.input(),
        // Earlier input can be discarded only on a terminal.
        ...(isTerminal(streams.in) ? { terminal: streams.in } : {}),
        print: (text) => void write(streams.err, text),
      });
    },
  };
}

/**
 * Reports whether a stream is a terminal. Loads `node:tty` only for a character device, because
 * loading takes longer than most commands run.
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

/** The width if the terminal does not report one. */
const usualColumns = 80;

/** Returns a function that returns the current width of a terminal. */
function columnsOf(descriptor: number): () => number {
  // This stream only serves to read the size. It is reused because each one takes a descriptor, and
  // it reads the size again only on request.
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
 * Writes a text synchronously, so that nothing is lost if the process exits right after.
 *
 * @returns The failure, or undefined after success.
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
