/** The table of the audit, for a terminal, a step summary, the page and its timeline. */

import { quote } from "../lib/finding.ts";
import { labFault, type Row, staleCount } from "./record.ts";

/** A column. Together they fit 80 characters; a longer cell shifts only the rest of its row. */
export interface Column {
  readonly name: string;
  /** In characters. */
  readonly width: number;
  cell(row: Row): string;
  /** Reports whether the cell of a row states a fault; undefined if the column never does. */
  isFault?(row: Row): boolean;
}

/** The cell of a question that does not apply. */
export const nothing = "-";

/** The cell of an unreadable or unknown value, which is always a fault. */
const unknown = "?";

export const columns: readonly Column[] = [
  { name: "tag", width: 13, cell: ({ tag }) => tag },
  { name: "date", width: 10, cell: ({ head }) => head?.date ?? unknown },
  {
    name: "signed",
    width: 6,
    cell: ({ head }) =>
      head ? { signed: "yes", unsigned: "no", lightweight: "light" }[head.signature] : unknown,
    isFault: ({ head }) => head?.signature !== "signed",
  },
  {
    name: "main",
    width: 4,
    cell: ({ head }) => (head === undefined || head.onMain === "unknown" ? unknown : head.onMain),
    isFault: ({ head }) => head?.onMain === "no",
  },
  {
    name: "files",
    width: 5,
    cell: ({ manifests }) => ({ agree: "ok", differ: "wrong", unreadable: unknown })[manifests],
    isFault: ({ manifests }) => manifests === "differ",
  },
  {
    name: "lab",
    width: 8,
    cell({ lab }) {
      if (typeof lab === "string") {
        return lab === "not asked" ? nothing : unknown;
      }
      return lab.state === "pass" ? `PASS ${lab.pass?.ageDays}d` : lab.state;
    },
    isFault: (row) => labFault(row) !== undefined,
  },
  {
    name: "stale",
    width: 5,
    cell: (row) => (row.stale === "unreadable" ? unknown : String(staleCount(row))),
    isFault: (row) => staleCount(row) > 0,
  },
  {
    name: "chart (app)",
    width: 15,
    cell({ chart }) {
      if (typeof chart === "string") {
        return chart === "none" ? nothing : unknown;
      }
      const { version, appVersion } = chart;
      return `${brief(version)} (${appVersion === undefined ? nothing : brief(appVersion)})`;
    },
  },
];

/** Returns a value from a file on one line, quoted unless it is a plain word. */
function brief(value: string): string {
  return /^[\w.+-]{1,40}$/.test(value) ? value : quote(value);
}

/** Reports whether a row has a fault in a column. */
export function hasFault(row: Row, { cell, isFault }: Column): boolean {
  return cell(row) === unknown || isFault?.(row) === true;
}

/** Returns the cells of each row. */
export function cellsOf(rows: readonly Row[]): string[][] {
  return rows.map((row) => columns.map(({ cell }) => cell(row)));
}

/** Returns the table as lines. */
export function tableLines(rows: readonly Row[]): string[] {
  return [columns.map(({ name }) => name), ...cellsOf(rows)].map((cells) =>
    cells
      .map((cell, index) => cell.padEnd(columns[index]?.width ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
