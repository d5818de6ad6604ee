/**
 * The lab validation ledger (PROCEDURE, "Ledger format reference"): one row a line, four columns
 * separated by tabs. A malformed row is data with its faults, never the end of the reading: the
 * ledger is append-only, so a bad row must not hide a good one.
 */

import { type Day, isDay } from "../calendar.ts";
import { type Place, quote } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Source } from "../tree.ts";
import { isVersion } from "../version.ts";

const verdicts = ["PASS", "FAIL"] as const;

/** How a lab validation ended. */
export type Verdict = (typeof verdicts)[number];

/** Whether a text is a verdict, in capitals as the ledger has it. */
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

/** One field of a row, and where it stands. */
export interface Cell {
  readonly text: string;
  /** 1-based position of its first character in the line. */
  readonly column: number;
}

interface Line {
  /** 1-based; only line feeds end a line, as for git and grep. */
  readonly line: number;
  /** The line without its ending. */
  readonly text: string;
}

/** A valid row. */
export interface Entry extends Line, Validation {
  readonly kind: "entry";
}

/** A row that counts as nothing, and why. */
export interface MalformedRow extends Line {
  readonly kind: "malformed";
  /** At least one, in the order of the columns. */
  readonly faults: readonly [Fault, ...Fault[]];
}

/** One thing that is wrong with a row. */
export interface Fault {
  /** What was found and what was expected. */
  readonly message: string;
  /** The column of the table that it is about, from 1; undefined if it is the row's count. */
  readonly cell: number | undefined;
  readonly at: Place;
}

export type Row = Entry | MalformedRow;

/** A ledger: its rows in the order of the file, without comments and empty lines. */
export interface Ledger {
  readonly source: Source;
  readonly rows: readonly Row[];
}

/** The valid rows of a ledger, in the order of the file. */
export function entriesOf(ledger: Ledger): Entry[] {
  return ledger.rows.filter((row) => row.kind === "entry");
}

/** The malformed rows of a ledger, in the order of the file. */
export function malformedOf(ledger: Ledger): MalformedRow[] {
  return ledger.rows.filter((row) => row.kind === "malformed");
}

/** What is wrong with a row, as one phrase. */
export function faultText({ faults }: MalformedRow): string {
  return [...new Set(faults.map(({ message }) => message))].join("; ");
}

/** The way out of a malformed row, which counts as nothing: without it the ledger is append-only still. */
export function mendText({ line }: MalformedRow): string {
  return `Mend line ${line}, or remove it and append a correct row at the end`;
}

/** A row of the ledger as text, without a line ending. */
export function rowText({ tag, sha, date, verdict }: Validation): string {
  return [tag, sha, date, verdict].join("\t");
}

/** More cells than any row that could have been meant. */
const cellLimit = 9;

/**
 * Reads a ledger. CRLF line endings are tolerated.
 *
 * @param today No validation can be dated later.
 * @param earlier Ledgers that were read with the same `today`. What has grown from one of them, as
 * a ledger should, is read from its end on.
 */
export function parseLedger(source: Source, today: Day, earlier: readonly Ledger[] = []): Ledger {
  const known = earlier.find((each) => hasGrownFrom(source, each.source));
  const from = known?.source.text.length ?? 0;
  const before = known === undefined ? 0 : lineCount(known.source.text);
  const rows: Row[] = known?.rows.slice() ?? [];
  for (const [index, raw] of linesOf(source.text.slice(from))) {
    const text = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    // A tab separates columns, even empty ones: such a line was meant to be a row.
    if (!text.startsWith("#") && (text.trim() !== "" || text.includes("\t"))) {
      rows.push(parseRow(source.path, before + index + 1, text, today));
    }
  }
  return { source, rows };
}

/** The lines of a text, one at a time, each with its index: a list of all would be as large again. */
function* linesOf(text: string): Generator<readonly [index: number, line: string]> {
  let start = 0;
  for (let index = 0; start <= text.length; index += 1) {
    const end = text.indexOf("\n", start);
    const next = end < 0 ? text.length : end;
    yield [index, text.slice(start, next)];
    start = next + 1;
  }
}

function hasGrownFrom(source: Source, earlier: Source): boolean {
  const { path, text } = earlier;
  return source.path === path && text.endsWith("\n") && source.text.startsWith(text);
}

function lineCount(text: string): number {
  return text.split("\n").length - 1;
}

function parseRow(file: string, line: number, text: string, today: Day): Row {
  const cells = cellsOf(text);
  const [first, ...more] = faultsOf(text, cells, today).map(({ cell, column, message }) => ({
    message,
    cell,
    at: { file, line, column },
  }));
  if (first !== undefined) {
    return { kind: "malformed", line, text, faults: [first, ...more] };
  }
  const [tag, sha, date, verdict] = cells.map((cell) => cell.text);
  const validation = { tag, sha, date, verdict } as Validation;
  return { kind: "entry", line, text, ...validation };
}

/** What the tabs of a row separate; of a longer row only the first `cellLimit`. */
export function cellsOf(text: string): Cell[] {
  let column = 1;
  return text.split("\t", cellLimit).map((cell) => {
    const at = column;
    column += cell.length + 1;
    return { text: cell, column: at };
  });
}

interface FaultInRow {
  readonly cell: number | undefined;
  readonly column: number;
  readonly message: string;
}

/** What is wrong with a row: its separators if those alone explain it, else its cells. */
function faultsOf(text: string, cells: readonly Cell[], today: Day): FaultInRow[] {
  const inCells = faultsInCells(cells, today);
  const counted = cells.length === columns.length;
  if (counted && inCells.length === 0) {
    return [];
  }
  const meant = text.trim().split(/\s+/, columns.length + 1);
  const faultsOfMeant = meant.filter((each, index) => columns[index]?.fault(each, today));
  const separators =
    meant.length === columns.length && faultsOfMeant.length < columns.length
      ? faultsInSeparators(text)
      : [];
  if (counted) {
    return faultsOfMeant.length === 0 && separators.length > 0 ? separators : inCells;
  }
  const count = cells.length < cellLimit ? String(cells.length) : `${cellLimit} or more`;
  const found = `found ${count} ${count === "1" ? "column" : "columns"}`;
  const message = `${found}, expected ${columns.length} separated by tabs`;
  return [{ cell: undefined, column: separators[0]?.column ?? 1, message }, ...separators];
}

function faultsInCells(cells: readonly Cell[], today: Day): FaultInRow[] {
  const faults: FaultInRow[] = [];
  // Nearly every row of a long ledger is sound: it costs no list of its own.
  for (let index = 0; index < cells.length; index += 1) {
    const { text, column } = cells[index] as Cell;
    const fault = columns[index]?.fault(text, today);
    if (fault !== undefined) {
      const which = `column ${index + 1} (${columns[index]?.name})`;
      faults.push({
        cell: index + 1,
        column,
        message: `${which}: found ${quote(text)}, ${fault}`,
      });
    }
  }
  return faults;
}

/** Names every run of blanks that is not exactly one tab. */
function faultsInSeparators(text: string): FaultInRow[] {
  const faults: FaultInRow[] = [];
  let cell = 1;
  for (const { 0: blanks, index } of text.matchAll(/\s+/g)) {
    const between = index > 0 && index + blanks.length < text.length;
    if (!between || blanks !== "\t") {
      const what =
        between && !blanks.includes("\t") ? "a space where a tab belongs" : "a blank too many";
      faults.push({ cell, column: index + 1, message: `column ${cell} holds ${what}` });
    }
    cell += blanks.split("\t").length - 1;
  }
  return faults;
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
