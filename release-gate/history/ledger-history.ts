/**
 * What a change does to the ledger (PROCEDURE, "Ledger format reference"): whether the rows that it
 * brings are sound, and whether the rows that were there are still there, as they were.
 */

import type { Day } from "../../scripts/lib/calendar.ts";
import {
  cellsOf,
  type Entry,
  entriesOf,
  type Ledger,
  type MalformedRow,
  mendText,
  parseLedger,
  type Row,
} from "../../scripts/lib/files/ledger.ts";
import { error, type Finding, quote, warning } from "../../scripts/lib/finding.ts";
import { compareLines, type LineChange, type TextLine } from "./line-order.ts";

/** What is known of the world when a ledger is judged. */
export interface LedgerTimes {
  /** No validation can be dated later. */
  readonly today: Day;
  /** The day on which each version was tagged, by tag. */
  readonly tagged: ReadonlyMap<string, Day>;
}

/** A ledger that another one came from. */
export interface EarlierLedger {
  readonly ledger: Ledger;
  /** How messages name it, such as `the base`. */
  readonly shown: string;
}

/**
 * Judges every row of a ledger by itself: malformed rows are errors; dates that run backwards, and
 * a PASS for a version that was tagged on an earlier day, are warnings.
 *
 * @param earlier Ledgers that were judged before: what they have already is not told again. A row
 * of theirs that now stands behind another row is, if its date is the earlier one.
 */
export function checkRows(
  ledger: Ledger,
  { tagged, today }: LedgerTimes,
  earlier: readonly Ledger[] = [],
): Finding[] {
  const rows = newRows(ledger, earlier);
  const backwards = backwardsOf(ledger);
  const told = new Set(earlier.flatMap((each) => [...backwardsOf(each)].map(pairText)));
  const findings: Finding[] = [];
  for (const row of ledger.rows) {
    if (row.kind === "malformed") {
      findings.push(...(rows.has(row) ? malformed(row, today) : []));
      continue;
    }
    const { line, date, tag, verdict } = row;
    const at = () => ({
      file: ledger.source.path,
      line,
      column: cellsOf(row.text)[2]?.column ?? 1,
    });
    const before = backwards.get(row);
    if (before !== undefined && (rows.has(row) || !told.has(pairText([row, before])))) {
      findings.push(
        warning(
          `The dates run backwards: line ${line} is dated ${date}, line ${before.line} before it ${before.date}`,
          { at, remedy: "Make sure that the row carries the day of its lab run" },
        ),
      );
    }
    const tagDay = tagged.get(tag);
    if (rows.has(row) && verdict === "PASS" && tagDay !== undefined && tagDay < date) {
      findings.push(
        warning(`Line ${line} is a PASS of ${date} for ${tag}, which was tagged on ${tagDay}`, {
          at,
          remedy: "Make sure that the row names the version that the lab ran",
        }),
      );
    }
  }
  return findings;
}

/** The valid rows that are dated before the valid row above them, each with that row. */
function backwardsOf(ledger: Ledger): ReadonlyMap<Row, Entry> {
  const entries = entriesOf(ledger);
  return new Map(
    entries.flatMap((row, index) => {
      const before = entries[index - 1];
      return before !== undefined && row.date < before.date ? [[row, before]] : [];
    }),
  );
}

function pairText([row, before]: readonly [Row, Row]): string {
  return `${before.text}\n${row.text}`;
}

/** The faults of a row; the count of its columns only if nothing else explains it. */
function malformed(row: MalformedRow, today: Day): Finding[] {
  const inCells = row.faults.filter(({ cell }) => cell !== undefined);
  const faults = inCells.length > 0 ? inCells : row.faults;
  return faults.map(({ message, at }) =>
    error(`Cannot read line ${row.line} of ${at.file}: ${message}`, {
      at,
      remedy: repair(row, at.file, today),
    }),
  );
}

/** The way out of a malformed row: the whole row as it was meant, if that can be told. */
function repair(row: MalformedRow, file: string, today: Day): string {
  const meant = wordsOf(row).join("\t");
  const [read] = parseLedger({ path: file, text: meant, place: () => ({ file }) }, today).rows;
  return read?.kind === "entry"
    ? `Write line ${row.line} with one tab between its columns: ${quote(meant)}`
    : mendText(row);
}

function wordsOf({ text }: Row): string[] {
  // Of a huge row only as much as can tell that it has too many words.
  return text.trim().split(/\s+/, 6);
}

/**
 * Judges whether a ledger still has all rows of the ledgers that it came from, in their order and
 * before all others. Malformed rows count as nothing: what becomes of them is a warning, and so is
 * an edited comment.
 *
 * @param earlier More than one for a merge, which must keep the rows of each parent; rows of one
 * parent may then stand between those of another.
 */
export function checkAppendOnly(ledger: Ledger, earlier: readonly EarlierLedger[]): Finding[] {
  return earlier.flatMap((before, index) => {
    const others = earlier.filter((_, each) => each !== index).map((other) => other.ledger);
    const foreign = textsOf(others.flatMap(rowsOf));
    const kept = others.length > 0 && isWovenIn(before.ledger.rows, ledger.rows, foreign);
    const rows = kept ? [] : compareLines(before.ledger.rows, ledger.rows, foreign);
    const comments = compareLines(
      commentsOf(before.ledger),
      commentsOf(ledger),
      textsOf(others.flatMap(commentsOf)),
    );
    const judge = { file: ledger.source.path, shown: before.shown };
    return [
      ...rows.flatMap((change) => rowFinding(change, judge)),
      ...comments.flatMap((change) => commentFinding(change, judge)),
    ];
  });
}

/**
 * Whether a merge keeps all rows of one parent in order, with nothing between them but rows of the
 * others. Rows that both sides have can be paired in several ways, of which one is enough.
 */
function isWovenIn(
  rows: readonly Row[],
  merged: readonly Row[],
  foreign: ReadonlySet<string>,
): boolean {
  let next = 0;
  for (const { text } of merged) {
    if (text === rows[next]?.text) {
      next += 1;
    } else if (next < rows.length && !foreign.has(text)) {
      return false;
    }
  }
  return next === rows.length;
}

/** The rows of a ledger that none of the ledgers has that it came from. */
function newRows(ledger: Ledger, earlier: readonly Ledger[]): Pick<ReadonlySet<Row>, "has"> {
  const [first, ...others] = earlier;
  if (first === undefined) {
    return { has: () => true };
  }
  const changes = compareLines(first.rows, ledger.rows, textsOf(others.flatMap(rowsOf)));
  return new Set(
    changes.flatMap((change) =>
      change.kind === "removed" || change.kind === "moved" ? [] : [change.after],
    ),
  );
}

function rowsOf({ rows }: Ledger): readonly Row[] {
  return rows;
}

function commentsOf({ source }: Ledger): TextLine[] {
  return source.text.split("\n").flatMap((raw, index) => {
    const text = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    return text.startsWith("#") ? [{ line: index + 1, text }] : [];
  });
}

function textsOf(lines: readonly TextLine[]): ReadonlySet<string> {
  return new Set(lines.map(({ text }) => text));
}

interface Judged {
  readonly file: string;
  readonly shown: string;
}

const appendOnly =
  "Restore the rows as they were, and append what is new at the end: the ledger is append-only";

function rowFinding(change: LineChange<Row>, { file, shown }: Judged): Finding[] {
  const tell = (level: typeof error, line: number, message: string) => [
    level(`Cannot accept line ${line} of ${file}: ${message}`, {
      at: { file, line },
      remedy: appendOnly,
    }),
  ];
  const note = (line: number, message: string) => [
    warning(message, {
      at: { file, line },
      remedy: "Make sure that the row says what was meant: a malformed row counts as nothing",
    }),
  ];
  switch (change.kind) {
    case "appended":
      return [];
    case "inserted":
      // A malformed row is an error already, wherever it stands.
      return change.after.kind === "malformed"
        ? []
        : tell(
            error,
            change.after.line,
            `found a row inserted before line ${change.next.line} of ${shown}, expected new rows at the end`,
          );
    case "edited": {
      const { before, after, isLast } = change;
      const counted =
        before.kind === "entry" ||
        (after.kind === "entry" && !isLast && wordsOf(before).join() !== wordsOf(after).join());
      return counted
        ? tell(
            error,
            after.line,
            `found ${quote(after.text)}, expected ${quote(before.text)} as in line ${before.line} of ${shown}`,
          )
        : note(
            after.line,
            `Line ${before.line} of ${shown} was malformed, and is changed in line ${after.line}`,
          );
    }
    case "moved": {
      const { before, after } = change;
      return before.kind === "entry"
        ? tell(
            error,
            after.line,
            `found the row of line ${before.line} of ${shown} in another order, expected the order of ${shown}`,
          )
        : note(
            after.line,
            `Line ${before.line} of ${shown} was malformed, and is now line ${after.line}`,
          );
    }
    case "removed": {
      const { before, now } = change;
      return before.kind === "entry"
        ? tell(
            error,
            now,
            `found line ${before.line} of ${shown} removed, expected ${quote(before.text)}`,
          )
        : note(now, `Line ${before.line} of ${shown} was malformed, and is removed at line ${now}`);
    }
  }
}

function commentFinding(change: LineChange<TextLine>, { file, shown }: Judged): Finding[] {
  if (change.kind === "appended" || change.kind === "inserted") {
    return [];
  }
  const { before } = change;
  const line = change.kind === "removed" ? change.now : change.after.line;
  const message = `The comment of line ${before.line} of ${shown} is ${change.kind} at line ${line}`;
  return [
    warning(message, {
      at: { file, line },
      remedy: "Restore it, and add a comment of its own for what is new",
    }),
  ];
}
