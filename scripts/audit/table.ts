/** The audit as a table of text: as wide as it is, or fitted to a terminal. */

import { quote } from "../lib/finding.ts";
import type { SummaryTable } from "../lib/report.ts";
import { visible } from "../lib/visible.ts";
import type { Row } from "./record.ts";

/** A column in full words, and in short ones for a narrow terminal. */
interface Column {
  readonly name: string;
  readonly short: string;
  /** The narrower the terminal, the more columns are left out: those of the highest rank first. */
  readonly rank: number;
  cell(row: Row): string;
  shortCell?(row: Row): string;
  /** What its short cells mean, if they do not say so. */
  readonly codes?: string;
}

const absent = "-";

const columns: readonly Column[] = [
  { name: "tag", short: "tag", rank: 0, cell: ({ tag }) => tag },
  {
    name: "date",
    short: "date",
    rank: 1,
    cell: ({ head }) =>
      head === undefined
        ? "unreadable"
        : `${head.date}${head.dateOf === "commit" ? " (commit's)" : ""}`,
    shortCell: ({ head }) => head?.date ?? "?",
  },
  {
    name: "signature",
    short: "sig",
    codes: "lw: lightweight",
    rank: 3,
    cell: ({ head }) => head?.signature ?? absent,
    shortCell: ({ head }) =>
      head === undefined
        ? "?"
        : { signed: "yes", unsigned: "no", lightweight: "lw" }[head.signature],
  },
  {
    name: "on main",
    short: "main",
    rank: 6,
    cell: ({ head }) => head?.onMain ?? absent,
    shortCell: ({ head }) => (head === undefined || head.onMain === "unknown" ? "?" : head.onMain),
  },
  {
    name: "manifests",
    short: "man",
    codes: "ok: agree, no: differ",
    rank: 5,
    cell: ({ manifests }) => manifests,
    shortCell: ({ manifests }) => ({ agree: "ok", differ: "no", unreadable: "?" })[manifests],
  },
  {
    name: "lab",
    short: "lab",
    rank: 2,
    cell: labText,
    shortCell: ({ lab }) => {
      if (typeof lab === "string") {
        return lab === "not asked" ? absent : "?";
      }
      return lab.state === "pass" && lab.pass
        ? `${lab.pass.ageDays}d`
        : lab.state === "skipped"
          ? "skip"
          : "none";
    },
  },
  {
    name: "stale",
    short: "old",
    rank: 4,
    cell: ({ stale }) => (stale === "unreadable" ? stale : String(stale.length)),
    shortCell: ({ stale }) => (stale === "unreadable" ? "?" : String(stale.length)),
  },
  { name: "chart (appVersion)", short: "chart (app)", rank: 7, cell: chartText },
];

/** What the lab had said, such as `PASS 12d`. */
export function labText({ lab }: Row): string {
  if (typeof lab === "string") {
    return lab === "not asked" ? absent : lab;
  }
  const pass = lab.pass && `PASS ${lab.pass.ageDays}d`;
  return lab.state === "pass"
    ? (pass ?? "")
    : `${lab.state}${pass === undefined ? "" : ` (${pass})`}`;
}

/** The chart's versions, such as `1.2.3 (1.2.3)`. */
export function chartText({ chart }: Row): string {
  return typeof chart === "string"
    ? chart
    : `${brief(chart.version)} (${chart.appVersion === undefined ? "none" : brief(chart.appVersion)})`;
}

/** Characters of a value that no rule keeps short. */
const briefLength = 40;

/** A value from a file on one line; quoted unless it is plain. */
function brief(value: string): string {
  if (/^[\w.+-]{1,40}$/.test(value)) {
    return value;
  }
  const characters = [...value];
  const cut = characters.slice(0, briefLength).join("");
  return visible(quote(characters.length > briefLength ? `${cut}...` : value));
}

/** Every column in full words. */
export function fullTable(rows: readonly Row[]): SummaryTable {
  return {
    columns: columns.map(({ name }) => name),
    rows: rows.map((row) => columns.map((column) => column.cell(row))),
  };
}

const gap = "  ";

/**
 * The table as lines of a width at most: in full words if they fit, else in short ones, else
 * without the columns that do not fit, and says so.
 *
 * @param width Columns of the terminal; infinite where nothing limits it.
 */
export function tableLines(rows: readonly Row[], width: number): string[] {
  const full = fullTable(rows);
  if (widthOf(full) <= width) {
    return linesOf(full, width);
  }
  const kept = columns.toSorted((one, other) => one.rank - other.rank);
  const left: Column[] = [];
  for (;;) {
    const shown = columns.filter((column) => kept.includes(column));
    const table = {
      columns: shown.map(({ short }) => short),
      rows: rows.map((row) => shown.map((column) => (column.shortCell ?? column.cell)(row))),
    };
    if (widthOf(table) <= width || kept.length === 1) {
      return [...linesOf(table, width), ...wrapped(legendOf(shown, left), width)];
    }
    left.unshift(...kept.splice(-1));
  }
}

/** What the short words mean, and what is not shown. */
function legendOf(shown: readonly Column[], left: readonly Column[]): string {
  const renamed = shown.filter(({ name, short }) => name !== short);
  const meanings = renamed.map(({ name, short, codes }) =>
    codes === undefined ? `${short} = ${name}` : `${short} = ${name} (${codes})`,
  );
  const without =
    left.length === 0 ? [] : [`not shown: ${left.map(({ name }) => name).join(", ")}`];
  return [...meanings, "?: unreadable or unknown", ...without].join("; ");
}

function wrapped(words: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of words.split(" ").filter((each) => each !== "")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${line} ${word}`;
    } else {
      lines.push(cut(word, width));
    }
  }
  return lines;
}

function widthsOf({ columns: names, rows }: SummaryTable): number[] {
  return names.map((name, index) =>
    rows.reduce(
      (most, cells) => Math.max(most, Bun.stringWidth(cells[index] ?? "")),
      Bun.stringWidth(name),
    ),
  );
}

function widthOf(table: SummaryTable): number {
  const widths = widthsOf(table);
  return widths.reduce((sum, each) => sum + each, gap.length * (widths.length - 1));
}

function linesOf(table: SummaryTable, width: number): string[] {
  const widths = widthsOf(table);
  return [table.columns, ...table.rows].map((cells) =>
    cut(cells.map((cell, index) => padded(cell, widths[index] ?? 0)).join(gap), width).trimEnd(),
  );
}

function padded(cell: string, width: number): string {
  return cell + " ".repeat(Math.max(0, width - Bun.stringWidth(cell)));
}

/** As much of a line as fits; wide characters take two columns, and the cut is marked. */
function cut(line: string, width: number): string {
  if (Bun.stringWidth(line) <= width) {
    return line;
  }
  let shown = "";
  for (const { segment } of new Intl.Segmenter().segment(line)) {
    if (Bun.stringWidth(shown + segment) > width - 1) {
      break;
    }
    shown += segment;
  }
  return `${shown}…`;
}
