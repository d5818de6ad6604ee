/** Asks the operator a question on the terminal. */

import { closeSync, constants, openSync, readSync } from "node:fs";
import { createInterface } from "node:readline";
import type { ReadStream } from "node:tty";
import { refusal } from "./finding.ts";

export interface QuestionStreams {
  readonly input: NodeJS.ReadableStream;
  /** The descriptor of `input`, if it is a terminal. */
  readonly terminal?: number;
  print(text: string): void;
}

/**
 * Prints a question and reads one line.
 *
 * @returns The line; undefined at the end of input, or if `signal` fires.
 * @throws {Refusal} If earlier input cannot be discarded.
 */
export async function ask(
  prompt: string,
  signal: AbortSignal,
  { input, terminal, print }: QuestionStreams,
): Promise<string | undefined> {
  if (terminal !== undefined) {
    discardTyped(input as ReadStream, terminal);
  }
  print(prompt);
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const lines = createInterface({ input, terminal: false, signal });
  lines.once("line", resolve);
  lines.once("close", () => resolve(undefined));
  const answer = await promise;
  lines.close();
  if (answer === undefined) {
    print("\n");
  }
  return answer;
}

/**
 * Discards what was typed before the question, because it cannot be the answer. Raw mode is needed
 * to read a line that is not yet complete.
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
      // Read until nothing is left.
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
 * Opens the terminal of a descriptor again in non-blocking mode, and returns the new descriptor.
 * The given one must stay blocking, because other processes share its mode. After `su` only
 * `/dev/tty` can be opened; without a controlling terminal only `/dev/fd` can.
 */
function reopened(descriptor: number): number {
  const mode = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return openSync("/dev/tty", mode);
  } catch {
    return openSync(`/dev/fd/${descriptor}`, mode);
  }
}
