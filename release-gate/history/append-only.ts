/** Checks that a ledger was only appended to: its old valid rows must still be its first valid rows. */

import {
  type Entry,
  entriesOf,
  type Ledger,
  malformedOf,
  type Row,
} from "../../scripts/lib/files/ledger.ts";
import { error, type Finding, notice, quote } from "../../scripts/lib/finding.ts";
import { layout } from "../../scripts/lib/layout.ts";

/** An earlier version of a ledger. */
export interface EarlierLedger {
  readonly ledger: Ledger;
  /** Its name in messages, such as `the base`. */
  readonly shown: string;
}

/** Returns the error for a tree without a ledger. */
export function missingLedger(): Finding {
  return error(`ledger ${layout.ledger} not found.`, {
    at: { file: layout.ledger },
    remedy: "Restore it: the ledger is append-only",
  });
}

/**
 * Returns an error for the first valid row of each earlier ledger that is edited, removed, moved, or has
 * another row inserted before it, and one notice with the number of edited or removed comments. A
 * malformed row may be removed, or repaired in its place.
 *
 * @param earlier Several for a merge, which must keep the rows of each parent in order; rows of one
 * parent may be between those of another.
 */
export function checkAppendOnly(ledger: Ledger, earlier: readonly EarlierLedger[]): Finding[] {
  const file = ledger.source.path;
  const differences = earlier.flatMap(({ ledger: before, shown }) => {
    const others = earlier.map((each) => each.ledger).filter((each) => each !== before);
    const found = findDifference(before, ledger, others);
    return found === undefined ? [] : [differenceError(found, file, shown)];
  });
  // In a merge, a comment that one parent has edited already does not count.
  const counts = earlier.map((each) => lostComments(each.ledger, ledger));
  const count = earlier.length === 0 ? 0 : Math.min(...counts);
  if (count === 0) {
    return differences;
  }
  const comments = count === 1 ? "1 comment" : `${count} comments`;
  const from = earlier.map(({ shown }) => shown).join(" and ");
  const edited = notice(`${comments} of ${from} edited or removed`, { at: { file } });
  return [...differences, edited];
}

/** A valid row that is lost, and the row in its place, if there is one. */
interface Difference {
  readonly before: Entry;
  readonly after: Entry | undefined;
}

function findDifference(
  before: Ledger,
  after: Ledger,
  others: readonly Ledger[],
): Difference | undefined {
  const rows = entriesOf(after);
  const foreign = new Set(others.flatMap((each) => entriesOf(each).map(({ text }) => text)));
  if (firstLost(entriesOf(before), rows, foreign) === undefined) {
    return undefined;
  }
  const remaining = new Set(malformedOf(after).map(({ text }) => text));
  const meant = before.rows.filter((row) => row.kind === "entry" || !remaining.has(row.text));
  return firstLost(meant, rows, foreign);
}

/**
 * Returns the first valid row that is not in its place.
 *
 * @param before Valid rows, which must stay, and malformed ones, which may be repaired or removed.
 * @param foreign The texts of rows that may be anywhere.
 */
function firstLost(
  before: readonly Row[],
  after: readonly Entry[],
  foreign: ReadonlySet<string>,
): Difference | undefined {
  let next = 0;
  for (const row of after) {
    let at = next;
    let expected = before[at];
    while (expected?.kind === "malformed" && expected.repaired !== row.text) {
      at += 1;
      expected = before[at];
    }
    if (expected === undefined) {
      return undefined;
    }
    if (expected.kind === "malformed" || expected.text === row.text) {
      next = at + 1;
    } else if (!foreign.has(row.text)) {
      return { before: expected, after: row };
    }
  }
  const lost = before.slice(next).find((row) => row.kind === "entry");
  return lost && { before: lost, after: undefined };
}

function differenceError({ before, after }: Difference, file: string, shown: string): Finding {
  const [where, found, at] =
    after === undefined
      ? [file, "no more rows", { file }]
      : [`line ${after.line} of ${file}`, quote(after.text), { file, line: after.line }];
  const expected = `${quote(before.text)} as in line ${before.line} of ${shown}`;
  return error(`Cannot accept ${where}: found ${found}, expected ${expected}`, {
    at,
    remedy:
      "Restore the rows as they were, and append new rows at the end: the ledger is append-only",
  });
}

/** Returns how many comments of an earlier ledger the later one lacks; their places do not matter. */
function lostComments(before: Ledger, after: Ledger): number {
  const kept = new Map<string, number>();
  for (const text of commentsOf(after)) {
    kept.set(text, (kept.get(text) ?? 0) + 1);
  }
  return commentsOf(before).filter((text) => {
    const count = kept.get(text) ?? 0;
    kept.set(text, count - 1);
    return count <= 0;
  }).length;
}

function commentsOf({ source }: Ledger): string[] {
  return source.text
    .split("\n")
    .filter((line) => line.startsWith("#"))
    .map((line) => line.trimEnd());
}
