/** The audit as one table: for a terminal, a step summary and a page. */

import { quote } from "../lib/finding.ts";
import { labFault, type Row, staleCount } from "./record.ts";

/** A column. All of them fit 80 characters; a longer cell moves the rest of its row alone. */
export interface Column {
  readonly name: string;
  /** Characters. */
  readonly width: number;
  cell(row: Row): string;
  /** Whether the cell states a fault. */
  isFault(row: Row): boolean;
}

/** The cell of what could not be read or found out. */
const unknown = "?";

export const columns: readonly Column[] = [
  { name: "tag", width: 13, cell: ({ tag }) => tag, isFault: () => false },
  { name: "date", width: 10, cell: ({ head }) => head?.date ?? unknown, isFault: isHeadless },
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
    isFault: ({ head }) => head?.onMain !== "yes",
  },
  {
    name: "files",
    width: 5,
    cell: ({ manifests }) => ({ agree: "ok", differ: "wrong", unreadable: unknown })[manifests],
    isFault: ({ manifests }) => manifests !== "agree",
  },
  {
    name: "lab",
    width: 8,
    cell: labText,
    isFault: (row) => row.lab === "unreadable" || labFault(row) !== undefined,
  },
  {
    name: "stale",
    width: 5,
    cell: (row) => (row.stale === "unreadable" ? unknown : String(staleCount(row))),
    isFault: ({ stale }) => stale.length > 0,
  },
  {
    name: "chart (app)",
    width: 15,
    cell: ({ chart }) =>
      chart === "none"
        ? "-"
        : chart === "unreadable"
          ? unknown
          : `${brief(chart.version)} (${chart.appVersion === undefined ? "-" : brief(chart.appVersion)})`,
    isFault: ({ chart }) => chart === "unreadable",
  },
];

function isHeadless({ head }: Row): boolean {
  return head === undefined;
}

/** Returns what the lab had said, such as `PASS 12d`. */
function labText({ lab }: Row): string {
  if (typeof lab === "string") {
    return lab === "not asked" ? "-" : unknown;
  }
  return lab.state === "pass" ? `PASS ${lab.pass?.ageDays}d` : lab.state;
}

/** Returns a value from a file on one line; quoted unless it is plain. */
function brief(value: string): string {
  return /^[\w.+-]{1,40}$/.test(value) ? value : quote(value);
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
