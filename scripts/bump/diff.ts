/** Makes unified diffs of a bump's edits, which replace and insert lines. */

/** The number of unchanged lines before and after a change. */
const contextLines = 3;

/** A line of a diff: its sign, and its text with the line end. */
type Row = readonly [sign: " " | "-" | "+", text: string];

/** Returns the unified diff of one file for `git apply`; empty if the texts are equal. */
export function unifiedDiff(path: string, before: string, after: string): string {
  const rows = rowsOf(linesOf(before), linesOf(after));
  const isNearChange = (index: number) =>
    rows
      .slice(Math.max(0, index - contextLines), index + contextLines + 1)
      .some(([sign]) => sign !== " ");
  const hunks: { readonly old: number; readonly fresh: number; readonly rows: Row[] }[] = [];
  // The number of lines before this row in each text.
  let [old, fresh] = [0, 0];
  let isInHunk = false;
  for (const [index, row] of rows.entries()) {
    const isNear = isNearChange(index);
    if (isNear && !isInHunk) {
      hunks.push({ old, fresh, rows: [] });
    }
    if (isNear) {
      hunks.at(-1)?.rows.push(row);
    }
    isInHunk = isNear;
    old += row[0] === "+" ? 0 : 1;
    fresh += row[0] === "-" ? 0 : 1;
  }
  const texts = hunks.map((hunk) => {
    const count = (other: Row[0]) => hunk.rows.filter(([sign]) => sign !== other).length;
    const ranges = `-${rangeOf(hunk.old, count("+"))} +${rangeOf(hunk.fresh, count("-"))}`;
    const lines = hunk.rows.map(
      ([sign, text]) => `${sign}${text}${text.endsWith("\n") ? "" : noEnd}`,
    );
    return `@@ ${ranges} @@\n${lines.join("")}`;
  });
  return hunks.length === 0 ? "" : `--- a/${path}\n+++ b/${path}\n${texts.join("")}`;
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
