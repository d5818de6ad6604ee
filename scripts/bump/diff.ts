/** Makes unified diffs of a bump's edits, which replace and insert lines. */

/** The number of unchanged lines before and after a change. */
const contextLines = 3;

/** A line of a diff: its sign, and its text with the line end. */
type Row = readonly [sign: " " | "-" | "+", text: string];

/** Returns the unified diff of one file for `git apply`; empty if the texts are equal. */
export function unifiedDiff(path: string, before: string, after: string): string {
  const rows = rowsOf(linesOf(before), linesOf(after));
  const hunks: { from: number; to: number }[] = [];
  for (const [index, [sign]] of rows.entries()) {
    if (sign !== " ") {
      const last = hunks.at(-1);
      const to = Math.min(rows.length, index + contextLines + 1);
      if (last !== undefined && index - contextLines <= last.to) {
        last.to = to;
      } else {
        hunks.push({ from: Math.max(0, index - contextLines), to });
      }
    }
  }
  const parts = [`--- ${quotedPath(`a/${path}`)}\n+++ ${quotedPath(`b/${path}`)}\n`];
  // The number of lines before the hunk in each text, and the first row after the last hunk.
  let [old, fresh, end] = [0, 0, 0];
  for (const { from, to } of hunks) {
    old += from - end;
    fresh += from - end;
    const inside = rows.slice(from, to);
    const removed = inside.filter(([sign]) => sign !== "+").length;
    const added = inside.filter(([sign]) => sign !== "-").length;
    parts.push(`@@ -${rangeOf(old, removed)} +${rangeOf(fresh, added)} @@\n`);
    parts.push(
      ...inside.map(([sign, text]) => `${sign}${text}${text.endsWith("\n") ? "" : noEnd}`),
    );
    old += removed;
    fresh += added;
    end = to;
  }
  return hunks.length === 0 ? "" : parts.join("");
}

const noEnd = "\n\\ No newline at end of file\n";

function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/**
 * Pairs the lines of two texts. A difference is an insertion if the old line follows within as many
 * lines as are still to be inserted, else a replacement. The diff of any two texts is correct; the diff
 * of a bump, which only replaces and inserts lines, is also the shortest.
 */
function rowsOf(before: readonly string[], after: readonly string[]): readonly Row[] {
  const rows: Row[] = [];
  // The old lines of a change come before its new ones.
  let added: Row[] = [];
  let next = 0;
  const add = (count: number) => {
    added.push(...after.slice(next, next + count).map((text): Row => ["+", text]));
    next += count;
  };
  for (const [index, line] of before.entries()) {
    const more = Math.max(0, after.length - next - (before.length - index));
    const ahead = after.slice(next, next + more + 1).indexOf(line);
    add(Math.max(0, ahead));
    if (ahead >= 0) {
      rows.push(...added, [" ", line]);
      added = [];
      next += 1;
    } else {
      rows.push(["-", line]);
      add(1);
    }
  }
  add(after.length - next);
  return [...rows, ...added];
}

/** Returns the range in a hunk's header: its first line and the number of lines. */
function rangeOf(linesBefore: number, count: number): string {
  return count === 1 ? `${linesBefore + 1}` : `${linesBefore + (count === 0 ? 0 : 1)},${count}`;
}

/** Returns a path for a diff, quoted if a character would end the line. */
function quotedPath(path: string): string {
  return /[\p{Cc}"\\]/u.test(path) ? JSON.stringify(path) : path;
}
