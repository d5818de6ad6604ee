/** Asks the operator a question on the terminal. */

import { closeSync, constants, openSync, readSync } from "node:fs";
import { createInterface } from "node:readline";
import type { ReadStream } from "node:tty";
import { refusal } from "./finding.ts";

export interface QuestionStreams {
  readonly input: NodeJS.ReadableStream;
  /** Descriptor of the terminal that `input` reads, if it is one. */
  readonly terminal?: number;
  print(text: string): void;
}

/**
 * Asks, and reads one line.
 *
 * @returns The line; undefined at the end of input, or if `signal` fires.
 * @throws {Refusal} If what was typed before the question cannot be discarded.
 */
export function ask(
  prompt: string,
  signal: AbortSignal,
  { input, terminal, print }: QuestionStreams,
): Promise<string | undefined> {
  if (terminal !== undefined) {
    discardTyped(input as ReadStream, terminal);
  }
  print(prompt);
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
        print("\n");
      }
      resolve(answer);
    });
    if (signal.aborted) {
      // It fired while the lines were being opened, when nothing listened yet.
      lines.close();
    }
  });
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
