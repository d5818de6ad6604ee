/**
 * The lab validation ledger (PROCEDURE, "Ledger format reference"): one row a line, four columns
 * separated by tabs. A malformed row is data with its faults, never the end of the reading: the
 * ledger is append-only, so a bad row must not hide a good one.
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

/** How a lab validation ended. */
export type Verdict = (typeof verdicts)[number];

/** Reports whether a text is a verdict, in capitals as the ledger has it. */
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
  /** 1-based; only line feeds end a line, as for git and grep. */
  readonly line: number;
  /** The line without its ending. */
  readonly text: string;
}

/** A row that counts as nothing, and why. */
export interface MalformedRow {
  readonly kind: "malformed";
  readonly line: number;
  readonly text: string;
  /** What was found and what was expected, as one phrase. */
  readonly fault: string;
  /** Where the fault begins. */
  readonly at: Required<Place>;
  /** The valid row that it becomes with one tab between its columns; undefined if more is wrong. */
  readonly repaired: string | undefined;
}

export type Row = Entry | MalformedRow;

/** A ledger: its rows in the order of the file, without comments and empty lines. */
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

/** Returns the malformed rows below the last valid one: a row that is appended would bury them. */
export function malformedEnd(ledger: Ledger): MalformedRow[] {
  const lastValid = ledger.rows.findLastIndex(({ kind }) => kind === "entry");
  return ledger.rows.slice(lastValid + 1).filter((row) => row.kind === "malformed");
}

/**
 * Returns the way out of a malformed row: the command that repairs it, if its separators alone are
 * at fault and its file is the ledger of a checkout.
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

/** More malformed rows than this are another kind of file, and one finding. */
const mostMalformed = 1000;

/**
 * Returns a finding for each malformed row, with its way out.
 *
 * @param make The maker of findings of the level that counts.
 * @param all What cannot be done, where the rows are too many to be named.
 * @param one Returns what cannot be done with a row.
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

/** Returns a row of the ledger as text, without a line ending. */
export function rowText({ tag, sha, date, verdict }: Validation): string {
  return [tag, sha, date, verdict].join("\t");
}

/**
 * Reads a ledger. CRLF line endings are accepted.
 *
 * @param today No validation can be dated later.
 * @throws {LocatedSyntaxError} If it has more than a million malformed rows: they would take its memory.
 */
export function parseLedger(source: Source, today: Day): Ledger {
  const rows: Row[] = [];
  let malformed = 0;
  for (const [index, raw] of linesOf(source.text)) {
    const text = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    // A tab separates columns, even empty ones: such a line was meant to be a row.
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

/** Returns the lines of a text, one at a time, each with its index: a list would be as large again. */
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
  // One cell more than a row has shows that there are too many.
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

/** Names every invalid cell of a row, with the place of the first. */
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

/** Names the first run of white space that is not one tab between two columns. */
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
  /** What was expected instead of a cell; undefined if the cell is valid. */
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
