/** The one line on a terminal that is rewritten while long work goes on. */

import type { Environment } from "./process.ts";
import type { Terminal } from "./terminal.ts";
import { visible } from "./visible.ts";

/** What a progress line needs of an invocation. */
export interface Watcher {
  readonly env: Environment;
  readonly terminal: Terminal;
  /** Milliseconds since some moment. */
  clock(): number;
}

/** Moves to the start of a terminal's line and empties it. */
const emptyLine = "\r\u001b[K";

/** Milliseconds between two looks at the work. */
const interval = 200;

/**
 * Shows where work is, for how long, and what it said last, where somebody watches; elsewhere,
 * nothing.
 *
 * @param last What the work said last; asked before each look.
 * @returns How to end it, which empties the line.
 */
export function showProgress(
  watcher: Watcher,
  title: () => string,
  last: () => string,
): () => void {
  const { clock, env, terminal } = watcher;
  if (!terminal.live() || env.TERM === "dumb") {
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
 * The progress line: where the work is, for how long, and what was said last, cut to the width.
 *
 * @param elapsed Milliseconds.
 * @param columns Of the terminal; the last one stays free, for a full line would wrap.
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

/** Milliseconds in words for people: `7 s`, `3 min 20 s`, `1 h 02 min`. */
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

/** As much of a text as fits into columns; wide characters take two. */
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
