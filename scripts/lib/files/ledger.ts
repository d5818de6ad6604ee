/**
 * Parses the lab validation ledger (PROCEDURE, "Ledger format reference"): one row per line, four
 * columns separated by tabs. The result includes malformed rows with their faults: the ledger is
 * append-only, so a malformed row must not hide a valid one.
 */

import { type Day, isDay } from "../calendar.ts";
import {
  type error,
  type Finding,
  LocatedSyntaxError,
  type Place,
  quote,
  shellWord,
} from "../finding.ts";
import { layout } from "../layout.ts";
import type { Source } from "../tree.ts";
import { isVersion } from "../version.ts";

const verdicts = ["PASS", "FAIL"] as const;

/** The result of a lab validation. */
export type Verdict = (typeof verdicts)[number];

/** Reports whether a text is a verdict in capitals. */
export function isVerdict(text: string): text is Verdict {
  return (verdicts as readonly string[]).includes(text);
}

/** The four columns of a row. */
export interface Validation {
  /** The version with its tag prefix, such as `v1.2.3`. */
  readonly tag: string;
  /** The lab's commit, 7 to 64 hex digits. */
  readonly sha: string;
  readonly date: Day;
  readonly verdict: Verdict;
}

/** A valid row. */
export interface Entry extends Validation {
  readonly kind: "entry";
  /** 1-based. Only line feeds end a line, as in git and grep. */
  readonly line: number;
  /** The line without its ending. */
  readonly text: string;
}

/** A malformed row, which is ignored, and its fault. */
export interface MalformedRow {
  readonly kind: "malformed";
  readonly line: number;
  readonly text: string;
  /** One phrase: found ..., expected .... */
  readonly fault: string;
  /** The place where the fault begins. */
  readonly at: Required<Place>;
  /** The row with one tab between its columns; undefined if it would still be malformed. */
  readonly repaired: string | undefined;
}

export type Row = Entry | MalformedRow;

/** The rows of a ledger in the order of the file, without comments and empty lines. */
export interface Ledger {
  readonly source: Source;
  readonly rows: readonly Row[];
}

/** Returns the valid rows of a ledger, in the order of the file. */
export function entriesOf(ledger: Ledger): Entry[] {
  return ledger.rows.filter((row) => row.kind === "entry");
}

/** Returns the malformed rows of a ledger, in the order of the file. */
export function malformedOf(ledger: Ledger): MalformedRow[] {
  return ledger.rows.filter((row) => row.kind === "malformed");
}

/** Returns the malformed rows after the last valid one. */
export function malformedEnd(ledger: Ledger): MalformedRow[] {
  const lastValid = ledger.rows.findLastIndex(({ kind }) => kind === "entry");
  return ledger.rows.slice(lastValid + 1).filter((row) => row.kind === "malformed");
}

/**
 * Returns the remedy for a malformed row: the command that repairs it, if only its separators are
 * wrong and its file is the ledger of a checkout.
 */
export function repairText({ at: { file }, line, repaired }: MalformedRow): string {
  if (repaired === undefined) {
    return `Remove line ${line}, and append a correct row at the end`;
  }
  const command = `bun release-gate/check-ledger.ts --repair ${line}`;
  if (file === layout.ledger) {
    return command;
  }
  return file.endsWith(`/${layout.ledger}`)
    ? `${command} --repo ${shellWord(file.slice(0, -layout.ledger.length - 1) || "/")}`
    : `Write line ${line} with one tab between its columns: ${quote(repaired)}`;
}

/** With more malformed rows the file is probably not a ledger, and gets only one finding. */
const mostMalformed = 1000;

/**
 * Returns a finding with a remedy for each malformed row.
 *
 * @param make Makes a finding of the right level.
 * @param all The start of the message if there are too many rows to name.
 * @param one Returns the start of the message for one row.
 */
export function malformedFindings(
  rows: readonly MalformedRow[],
  make: typeof error,
  all: string,
  one: (row: MalformedRow) => string,
): Finding[] {
  if (rows.length > mostMalformed) {
    const found = `found ${rows.length.toLocaleString("en-US")} malformed rows, expected none`;
    const remedy = "Make sure that this file is the ledger, and remove the malformed rows";
    return [make(`${all}: ${found}`, { at: rows[0]?.at, remedy })];
  }
  return rows.map((row) =>
    make(`${one(row)}: ${row.fault}`, { at: row.at, remedy: repairText(row) }),
  );
}

/** Returns the text of a row without a line ending. */
export function rowText({ tag, sha, date, verdict }: Validation): string {
  return [tag, sha, date, verdict].join("\t");
}

/**
 * Parses a ledger. CRLF line endings are accepted.
 *
 * @param today The latest legal date of a validation.
 * @throws {LocatedSyntaxError} If it has more than a million malformed rows, which need much
 *   memory.
 */
export function parseLedger(source: Source, today: Day): Ledger {
  const rows: Row[] = [];
  let malformed = 0;
  for (const [index, raw] of linesOf(source.text)) {
    const text = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    // A line of white space with a tab is a row with empty columns.
    if (!text.startsWith("#") && (text.trim() !== "" || text.includes("\t"))) {
      const row = parseRow(source.path, index + 1, text, today);
      rows.push(row);
      malformed += row.kind === "malformed" ? 1 : 0;
      if (malformed > 1_000_000) {
        const found = "found more than a million malformed rows, expected a ledger";
        const { path: file } = source;
        const remedy = `Put the ledger in place of ${file}`;
        throw new LocatedSyntaxError(`Cannot read ${file}: ${found}`, { file }, remedy);
      }
    }
  }
  return { source, rows };
}

/** Yields the lines of a text with their indices. A list would double the memory. */
function* linesOf(text: string): Generator<readonly [index: number, line: string]> {
  let start = 0;
  for (let index = 0; start <= text.length; index += 1) {
    const end = text.indexOf("\n", start);
    const next = end < 0 ? text.length : end;
    yield [index, text.slice(start, next)];
    start = next + 1;
  }
}

function parseRow(file: string, line: number, text: string, today: Day): Row {
  // One cell too many is enough to know that there are too many.
  const cells = text.split("\t", columns.length + 1);
  if (isRow(cells, today)) {
    const [tag, sha, date, verdict] = cells;
    return { kind: "entry", line, text, tag, sha, date, verdict } as Entry;
  }
  const words = text.trim().split(/\s+/, columns.length + 1);
  const repaired = isRow(words, today) ? words.join("\t") : undefined;
  const { fault, column } =
    repaired !== undefined
      ? separatorFault(text)
      : cells.length === columns.length
        ? cellFault(cells, today)
        : { fault: countFault(cells.length), column: 1 };
  return { kind: "malformed", line, text, fault, at: { file, line, column }, repaired };
}

function isRow(cells: readonly string[], today: Day): boolean {
  return (
    cells.length === columns.length &&
    columns.every(({ fault }, index) => fault(cells[index] ?? "", today) === undefined)
  );
}

function countFault(count: number): string {
  const found = count > columns.length ? `more than ${columns.length}` : count;
  return `found ${found} ${count === 1 ? "column" : "columns"}, expected ${columns.length} separated by tabs`;
}

/** Returns the faults of all invalid cells of a row, and the column of the first. */
function cellFault(cells: readonly string[], today: Day) {
  const faults = columns.flatMap(({ name, fault }, index) => {
    const cell = cells[index] ?? "";
    const expected = fault(cell, today);
    const column = cells.slice(0, index).join("\t").length + (index === 0 ? 1 : 2);
    const message = `column ${index + 1} (${name}): found ${quote(cell)}, ${expected}`;
    return expected === undefined ? [] : [{ message, column }];
  });
  return { fault: faults.map(({ message }) => message).join("; "), column: faults[0]?.column ?? 1 };
}

/** Returns the fault of the first white space that is not one tab between two columns. */
function separatorFault(text: string) {
  const before = text.trimStart() === text ? 1 : 0;
  const runs = Array.from(text.matchAll(/\s+/g), ({ 0: blanks, index }, count) => {
    const cell = before + count;
    const isBetween = cell > 0 && cell < columns.length;
    return { blanks, column: index + 1, cell, isBetween };
  });
  const wrong = runs.find(({ blanks, isBetween }) => !isBetween || blanks !== "\t");
  const { blanks = "", column = 1, cell = 0, isBetween = false } = wrong ?? {};
  const where = cell === 0 ? "before column 1" : `after column ${cell}`;
  return {
    fault: `found ${quote(blanks)} ${where}, expected ${isBetween ? "one tab" : "nothing"}`,
    column,
  };
}

interface Column {
  readonly name: string;
  /** Returns what was expected instead of a cell; undefined if the cell is valid. */
  fault(text: string, today: Day): string | undefined;
}

/** The columns of a row (PROCEDURE, "Ledger format reference"). */
const columns: readonly Column[] = [
  {
    name: "version",
    fault: (text) =>
      text.startsWith(layout.tagPrefix) && isVersion(text.slice(layout.tagPrefix.length))
        ? undefined
        : `expected a version with its leading ${layout.tagPrefix}, such as ${layout.tagPrefix}1.2.3`,
  },
  {
    name: "lab commit",
    fault: (text) =>
      /^[0-9A-Fa-f]{7,64}$/.test(text) ? undefined : "expected 7 to 64 hexadecimal digits",
  },
  {
    name: "date",
    fault: (text, today) => {
      if (!isDay(text)) {
        return "expected a calendar day as YYYY-MM-DD";
      }
      return text <= today ? undefined : `expected a day that is not after today, ${today} in UTC`;
    },
  },
  {
    name: "verdict",
    fault: (text) => (isVerdict(text) ? undefined : `expected ${verdicts.join(" or ")}`),
  },
];
