/** The one door to the terminal: standard streams, and the operator behind them. */

import { writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { isatty } from "node:tty";
import type { Environment } from "./process.ts";

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether that stream may be coloured: a terminal, and NO_COLOR is not set. */
  readonly colours: { readonly out: boolean; readonly err: boolean };
  /** Whether standard input is a terminal, so that a question can be answered. */
  readonly interactive: boolean;
  /** Asks on standard error and reads one line; undefined at the end of input. */
  question(prompt: string): Promise<string | undefined>;
}

/** The terminal of this process. */
export function processTerminal(env: Environment): Terminal {
  const mayColour = !env.NO_COLOR && env.TERM !== "dumb";
  return {
    out: (text) => write(1, text),
    err: (text) => write(2, text),
    colours: { out: mayColour && isatty(1), err: mayColour && isatty(2) },
    interactive: isatty(0),
    question(prompt) {
      write(2, prompt);
      const lines = createInterface({ input: process.stdin, terminal: false });
      return new Promise((resolve) => {
        lines.once("line", (line) => {
          resolve(line);
          lines.close();
        });
        lines.once("close", () => resolve(undefined));
      });
    },
  };
}

/** Writes all of a text at once, so that nothing is lost when the process ends right after. */
function write(descriptor: number, text: string): void {
  let rest: Uint8Array = new TextEncoder().encode(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (thrown) {
      const code = (thrown as { code?: unknown }).code;
      if (code === "EAGAIN") {
        Bun.sleepSync(1);
        continue;
      }
      // A reader that left (`| head`) is no fault of the command; its exit code still counts.
      return;
    }
  }
}
