/**
 * Parses the lab validation ledger (PROCEDURE, "Ledger format reference"): one row per line, four
 * columns separated by tabs. The result includes malformed rows with their faults: the ledger is
 * append-only, so a malformed row must not hide a valid one.
 */

import { type Day, isDay } from "../calendar.ts";
import { type error, type Finding, type Place, quote, shellWord } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Source } from "../tree.ts";
import { isVersion } from "../version.ts";

/** The result of a lab validation. */
export type Verdict = "PASS" | "FAIL";

/** Reports whether a text is a verdict in capitals. */
export function isVerdict(text: string): text is Verdict {
  return text === "PASS" || text === "FAIL";
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
  const lastValid = entriesOf(ledger).at(-1)?.line ?? 0;
  return malformedOf(ledger).filter(({ line }) => line > lastValid);
}

/** With more malformed rows a file is probably not a ledger, and gets one finding. */
const mostMalformed = 1000;

/**
 * Returns the findings for malformed rows: one each, or one for all if there are too many.
 *
 * @param make Gives them their level.
 * @param action Returns the start of the message for a row.
 */
export function malformedFindings(
  rows: readonly MalformedRow[],
  make: typeof error,
  action: (row: MalformedRow) => string,
): Finding[] {
  const isMany = rows.length > mostMalformed;
  return rows.slice(0, isMany ? 1 : undefined).map((row) => {
    const { at, fault } = row;
    const remedy = `Make sure that ${at.file} is the ledger, and remove its malformed rows`;
    return isMany
      ? make(`${action(row)}, and ${rows.length - 1} more: ${fault}`, { at, remedy })
      : make(`${action(row)}: ${fault}`, { at, remedy: repairOf(row) });
  });
}

/**
 * Returns the remedy for a malformed row. If only its separators are wrong, that is the command that repairs it
 * in the ledger of a checkout, or the correct row.
 */
export function repairOf({ at, line, repaired }: MalformedRow): string {
  if (repaired === undefined) {
    return `Remove line ${line}, and record its lab run again`;
  }
  const top = at.file.slice(0, -layout.ledger.length);
  const where = top === "" ? "" : ` --repo ${shellWord(top)}`;
  return isRepairable({ at, repaired })
    ? `bun release-gate/check-ledger.ts --repair ${line}${where}`
    : `Write line ${line} with one tab between its columns: ${quote(repaired)}`;
}

/** Reports whether `check-ledger --repair` repairs a malformed row. */
export function isRepairable({ at, repaired }: Pick<MalformedRow, "at" | "repaired">): boolean {
  return repaired !== undefined && `/${at.file}`.endsWith(`/${layout.ledger}`);
}

/** Returns the command that runs the lab and records its verdict. Nothing else opens the gate. */
export function labCommand(tag: string, ledger: string = layout.ledger): string {
  const named = ledger === layout.ledger ? "" : ` --ledger ${shellWord(ledger)}`;
  return `bun scripts/validate-lab.ts ${tag} --lab ${layout.lab ?? "DIR"} --record${named}`;
}

/** The remedy for a product that never had a ledger. */
export const beginLedger = `A product that never had one begins it: touch ${layout.ledger} && git add ${layout.ledger}`;

/** Returns the text of a row without a line ending. */
export function rowText({ tag, sha, date, verdict }: Validation): string {
  return [tag, sha, date, verdict].join("\t");
}

/**
 * Parses a ledger. CRLF line endings are accepted.
 *
 * @param today The latest legal date of a validation.
 */
export function parseLedger(source: Source, today: Day): Ledger {
  const rows: Row[] = [];
  for (const [index, raw] of source.text.split("\n").entries()) {
    const text = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    // A line of white space with a tab is a row with empty columns.
    if (!text.startsWith("#") && (text.trim() !== "" || text.includes("\t"))) {
      rows.push(parseRow(source.path, index + 1, text, today));
    }
  }
  return { source, rows };
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
    repaired === undefined ? cellFault(cells, today) : separatorFault(text, repaired);
  return { kind: "malformed", line, text, fault, at: { file, line, column }, repaired };
}

function isRow(cells: readonly string[], today: Day): boolean {
  return (
    cells.length === columns.length &&
    columns.every(({ isValid }, index) => isValid(cells[index] ?? "", today))
  );
}

/** Returns the faults of the invalid cells and the column of the first, or that of the number of cells. */
function cellFault(cells: readonly string[], today: Day) {
  const count = cells.length;
  if (count !== columns.length) {
    const found = count > columns.length ? `more than ${columns.length}` : count;
    const noun = count === 1 ? "column" : "columns";
    const fault = `found ${found} ${noun}, expected ${columns.length} separated by tabs`;
    return { fault, column: 1 };
  }
  const faults = columns.flatMap(({ name, expected, isValid }, index) => {
    const cell = cells[index] ?? "";
    const column = cells.slice(0, index).join(" ").length + (index === 0 ? 1 : 2);
    const fault = `column ${index + 1} (${name}): found ${quote(cell)}, expected ${expected}`;
    return isValid(cell, today) ? [] : [{ fault, column }];
  });
  return { fault: faults.map(({ fault }) => fault).join("; "), column: faults[0]?.column ?? 1 };
}

/** Returns the fault of the first white space that is not one tab between two columns. */
function separatorFault(text: string, repaired: string) {
  let start = 0;
  while (text[start] === repaired[start]) {
    start += 1;
  }
  const [found] = /^\s*/.exec(text.slice(start)) ?? [""];
  const cells = text.slice(0, start).trim().split("\t").length;
  const where = start === 0 ? "before column 1" : `after column ${cells}`;
  const expected = "expected one tab between two columns, and no other white space";
  return { fault: `found ${quote(found)} ${where}, ${expected}`, column: start + 1 };
}

interface Column {
  readonly name: string;
  /** Describes a valid cell. */
  readonly expected: string;
  isValid(text: string, today: Day): boolean;
}

/** The columns of a row (PROCEDURE, "Ledger format reference"). */
const columns: readonly Column[] = [
  {
    name: "version",
    expected: `a version with its leading ${layout.tagPrefix}, such as ${layout.tagPrefix}1.2.3`,
    isValid: (text) =>
      text.startsWith(layout.tagPrefix) && isVersion(text.slice(layout.tagPrefix.length)),
  },
  {
    name: "lab commit",
    expected: "7 to 64 hexadecimal digits",
    isValid: (text) => /^[0-9A-Fa-f]{7,64}$/.test(text),
  },
  {
    name: "date",
    expected: "a calendar day as YYYY-MM-DD, not after today in UTC",
    isValid: (text, today) => isDay(text) && text <= today,
  },
  { name: "verdict", expected: "PASS or FAIL", isValid: isVerdict },
];
