/** Unified diffs of a bump's edits, which replace lines and insert some. */

/** How many unchanged lines stand around a change. */
const contextLines = 3;

/** A line of a diff: its sign, and its text with its line end. */
type Row = readonly [sign: " " | "-" | "+", text: string];

/** Returns the unified diff of one file as `git apply` takes it; an empty text if nothing differs. */
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
  // How many lines stand before the hunk in each text, and the row behind the hunk before.
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
 * Pairs the lines of two texts, of which the second has some more. Lines that differ are an
 * insertion if the old line follows among as many lines as are still to be inserted, and else a
 * replacement: any two texts get a correct diff, and those that a bump makes the shortest one.
 */
function rowsOf(before: readonly string[], after: readonly string[]): readonly Row[] {
  const rows: Row[] = [];
  // Of lines that change side by side, the old ones come first.
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

/** Returns the range of a hunk's header: its first line and how many there are. */
function rangeOf(linesBefore: number, count: number): string {
  return count === 1 ? `${linesBefore + 1}` : `${linesBefore + (count === 0 ? 0 : 1)},${count}`;
}

/** Returns a path as a diff names it, so that no character of it ends the line. */
function quotedPath(path: string): string {
  return /[\p{Cc}"\\]/u.test(path) ? JSON.stringify(path) : path;
}
