/** Shows one line on the terminal and rewrites it while long work runs. */

import type { Environment } from "./process.ts";
import type { Terminal } from "./terminal.ts";
import { visible } from "./visible.ts";

/** The parts of an `Invocation` that a progress line uses. */
export interface Watcher {
  readonly env: Environment;
  readonly terminal: Terminal;
  /** Returns the milliseconds of a monotonic clock. */
  clock(): number;
}

/** The sequence that moves to the start of a terminal's line and erases it. */
const emptyLine = "\r\u001b[K";

/** Milliseconds between two updates. */
const interval = 200;

/**
 * Shows the current step, the elapsed time and the last output line, if standard error is a
 * terminal.
 *
 * @param last Returns the last output line of the work.
 * @returns A function that erases the line and stops the updates.
 */
export function showProgress(
  watcher: Watcher,
  title: () => string,
  last: () => string,
): () => void {
  const { clock, env, terminal } = watcher;
  if (!terminal.errIsTerminal() || env.TERM === "dumb") {
    return () => {};
  }
  const begin = clock();
  const timer = setInterval(() => {
    const line = progressLine(title(), clock() - begin, last(), terminal.columns());
    terminal.err(`${emptyLine}${line}`);
  }, interval);
  return () => {
    clearInterval(timer);
    terminal.err(emptyLine);
  };
}

/**
 * Returns the progress line, cut to the width of the terminal.
 *
 * @param elapsed Milliseconds.
 * @param columns The width. The last column stays free, because a full line would wrap.
 */
export function progressLine(
  step: string,
  elapsed: number,
  lastLine: string,
  columns: number,
): string {
  const said = lastLine.replaceAll("\t", " ").trim();
  return cut(
    visible(`${step}, ${duration(elapsed)}${said === "" ? "" : `: ${said}`}`),
    columns - 1,
  );
}

/** Returns milliseconds in words: `7 s`, `3 min 20 s`, `1 h 02 min`. */
export function duration(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) {
    return `${seconds} s`;
  }
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** Returns as much of a text as fits into some columns; wide characters take two. */
function cut(text: string, columns: number): string {
  let used = 0;
  let end = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    used += Bun.stringWidth(segment);
    if (used > columns) {
      break;
    }
    end += segment.length;
  }
  return text.slice(0, end);
}
