/** The result of an audit: the record of each tag, its faults, the table, and the totals. */

import type { Day } from "../lib/calendar.ts";
import { type Finding, quote } from "../lib/finding.ts";
import type { Tag } from "../lib/git/tag.ts";
import { has, layout } from "../lib/layout.ts";
import { compareVersions, isCandidate, isVersion, type Version } from "../lib/version.ts";

/** The parts of the name of a release tag. */
export interface ReleaseTag {
  readonly kind: "release" | "chart";
  readonly tag: string;
  readonly version: Version;
}

/** Returns the parts of a tag's name, or undefined if it is not a prefix and a strict version. */
export function releaseTagOf(tag: string): ReleaseTag | undefined {
  const kind = has.chart && tag.startsWith(layout.chartTagPrefix) ? "chart" : "release";
  const prefix = kind === "chart" ? layout.chartTagPrefix : layout.tagPrefix;
  const version = tag.slice(prefix.length);
  return tag.startsWith(prefix) && isVersion(version) ? { kind, tag, version } : undefined;
}

/** The tag itself, without the files of its commit. */
export interface Head
  extends Pick<Tag, "dateOf" | "seconds" | "commit" | "signature" | "bypasses"> {
  /** The day in UTC. */
  readonly date: Day;
  readonly onMain: "yes" | "no" | "unknown";
  /** The name in the tag object, if it differs from the ref's. */
  readonly calledItself: string | undefined;
}

/** The lab validation on the day of the tag. */
export interface Lab {
  readonly state: "pass" | "skipped" | "none";
  /** The latest PASS in the ledger, even if the gate was bypassed. */
  readonly pass:
    | { readonly date: Day; readonly ageDays: number; readonly labCommit: string }
    | undefined;
  /** Whether the tagged commit has a ledger. */
  readonly hasLedger: boolean;
}

/** A reference that states another version than the tag's. */
export interface StaleReference {
  readonly row: string;
  readonly file: string;
  readonly what: string;
  readonly found: string;
  readonly expected: string;
}

/** The result for the files of a tagged commit. */
export interface Content {
  /** Whether the manifests (for a chart, Chart.yaml) state the tag's version. */
  readonly manifests: "agree" | "differ" | "unreadable";
  /** `not asked` for a chart and a candidate, which need no lab validation, and without a lab gate. */
  readonly lab: Lab | "not asked" | "unreadable";
  readonly stale: readonly StaleReference[] | "unreadable";
  readonly chart:
    | { readonly version: string; readonly appVersion: string | undefined }
    | "none"
    | "unreadable";
  /** Why a part is `unreadable`. */
  readonly faults: readonly Finding[];
}

/** One tag of the audit. */
export interface Row extends ReleaseTag, Content {
  /** Undefined if the commit of the tag cannot be read; `faults` has the reason. */
  readonly head: Head | undefined;
}

/** Returns the content of a tag that cannot be read. */
export function unreadable(faults: readonly Finding[]): Content {
  const none = "unreadable";
  return { manifests: none, lab: none, stale: none, chart: none, faults };
}

/**
 * Compares tags, from the newest to the oldest: by date, then a chart before a release, then by version.
 * A tag without a date comes last.
 */
export function compareRows(one: Row, other: Row): number {
  const at = ({ head }: Row) => head?.seconds ?? -1;
  return (
    at(other) - at(one) ||
    Number(other.kind === "chart") - Number(one.kind === "chart") ||
    compareVersions(other.version, one.version)
  );
}

/** Returns the number of references that state another version; 0 if they are unreadable. */
export function staleCount({ stale }: Row): number {
  return stale === "unreadable" ? 0 : stale.length;
}

// Faults of the past

/** A fault of a published release. It can no longer be corrected, so it is a notice, not a warning. */
interface PastFault {
  /** The same text for every tag with this fault. */
  readonly kind: string;
  /** What differs between tags. */
  readonly detail?: string;
}

export function pastFaults(row: Row): PastFault[] {
  const { calledItself, bypasses = [] } = row.head ?? {};
  const bypassed = bypasses.filter((bypass) => !isLabBypass(bypass)).join("; ");
  const faults: (PastFault | undefined)[] = [
    ...columns.map(({ fault }) => fault?.(row)),
    calledItself === undefined
      ? undefined
      : { kind: "another name in the tag object", detail: quote(calledItself) },
    bypassed === "" ? undefined : { kind: "bypassed", detail: bypassed },
  ];
  return faults.filter((fault) => fault !== undefined);
}

/** Reports whether a bypass that a tag's message records is that of the lab gate. */
export function isLabBypass(bypass: string): boolean {
  return bypass.startsWith("lab ");
}

/**
 * Returns the fault of the lab validation. A release from before the ledger needs no PASS, nor does a
 * candidate, which is tagged so that the lab can run it.
 */
function labFault({ lab, version }: Row): PastFault | undefined {
  if (typeof lab === "string") {
    return undefined;
  }
  if (lab.state === "skipped") {
    return { kind: "lab gate skipped" };
  }
  if (lab.pass === undefined) {
    const isNeeded = lab.hasLedger && !isCandidate(version);
    return isNeeded ? { kind: "no lab PASS on record" } : undefined;
  }
  return lab.pass.ageDays > layout.maxValidationAgeDays
    ? { kind: tooOld, detail: plural(lab.pass.ageDays, "day") }
    : undefined;
}

const tooOld = `lab PASS older than ${layout.maxValidationAgeDays} days`;

/** Returns the faults of a release as phrases. */
export function faultPhrases(row: Row): string[] {
  return pastFaults(row).map(({ kind, detail }) => (detail ? `${kind}: ${detail}` : kind));
}

/** Returns a count with its noun, such as `2 tags`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

// The table

/** A column. Together they fit 80 characters; a longer cell shifts only the rest of its row. */
export interface Column {
  readonly name: string;
  /** In characters. */
  readonly width: number;
  cell(row: Row): string;
  /** Returns the fault that the cell of a row states; undefined if the column never states one. */
  fault?(row: Row): PastFault | undefined;
}

/** The cell of a question that does not apply. */
export const nothing = "-";

/** The cell of an unreadable or unknown value, which is always a fault. */
const unknown = "?";

const allColumns: readonly Column[] = [
  { name: "tag", width: 13, cell: ({ tag }) => tag },
  { name: "date", width: 10, cell: ({ head }) => head?.date ?? unknown },
  {
    name: "signed",
    width: 6,
    cell: ({ head }) =>
      head ? { signed: "yes", unsigned: "no", lightweight: "light" }[head.signature] : unknown,
    fault: ({ head }) =>
      ({
        signed: undefined,
        unsigned: { kind: "not signed" },
        lightweight: { kind: "lightweight, so not signed" },
      })[head?.signature ?? "signed"],
  },
  {
    name: "main",
    width: 4,
    cell: ({ head }) => (head === undefined || head.onMain === "unknown" ? unknown : head.onMain),
    // A candidate is tagged on its release branch.
    fault: ({ head, version }) =>
      head?.onMain === "no" && !isCandidate(version)
        ? { kind: "commit not on the main branch" }
        : undefined,
  },
  {
    name: "files",
    width: 5,
    cell: ({ manifests }) => ({ agree: "ok", differ: "wrong", unreadable: unknown })[manifests],
    fault({ kind, manifests }) {
      const where = kind === "chart" ? "Chart.yaml" : "the manifests";
      return manifests === "differ" ? { kind: `another version in ${where}` } : undefined;
    },
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
    fault: labFault,
  },
  {
    name: "stale",
    width: 5,
    cell: (row) => (row.stale === "unreadable" ? unknown : String(staleCount(row))),
    fault(row) {
      const count = staleCount(row);
      return count > 0 ? { kind: "stale references", detail: String(count) } : undefined;
    },
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

/** The columns about what the layout has. */
export const columns = allColumns.filter(
  ({ name }) => (name !== "lab" || has.labGate) && (name !== "chart (app)" || has.chart),
);

/** Returns a value from a file on one line, quoted unless it is a plain word. */
function brief(value: string): string {
  return /^[\w.+-]{1,40}$/.test(value) ? value : quote(value);
}

/** Reports whether a row has a fault in a column. */
export function hasFault(row: Row, { cell, fault }: Column): boolean {
  return cell(row) === unknown || fault?.(row) !== undefined;
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

// Totals

/** Returns the number of tags in each state. The counts of a group add up to the judged tags. */
export function totalsOf(rows: readonly Row[]) {
  const releases = rows.filter(({ kind }) => kind === "release");
  const heads = rows.flatMap(({ head }) => head ?? []);
  const labState = ({ lab }: Row) => (typeof lab === "string" ? lab : lab.state);
  const stale = rows.map(staleCount);
  return {
    tags: rows.length,
    releases: releases.length,
    charts: rows.length - releases.length,
    signature: tally(heads, ({ signature }) => signature, ["signed", "unsigned", "lightweight"]),
    onMain: tally(heads, ({ onMain }) => onMain, ["yes", "no", "unknown"]),
    manifests: tally(rows, ({ manifests }) => manifests, ["agree", "differ", "unreadable"]),
    lab: {
      ...tally(releases, labState, ["pass", "skipped", "none", "unreadable"]),
      /** Among `pass`. */
      tooOld: releases.filter((row) => labFault(row)?.kind === tooOld).length,
    },
    stale: {
      references: stale.reduce((sum, each) => sum + each, 0),
      tags: stale.filter((each) => each > 0).length,
    },
    unreadable: rows.filter(({ faults }) => faults.length > 0).length,
    /** Tags with faults of the past. */
    faulty: rows.filter((row) => pastFaults(row).length > 0).length,
  };
}

/** Returns the number of items for each key. */
function tally<Item, Key extends string>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  keys: readonly Key[],
) {
  const counts = keys.map((key) => [key, items.filter((item) => keyOf(item) === key).length]);
  return Object.fromEntries(counts) as Record<Key, number>;
}

/** Returns the totals as text, one line for each question. */
export function totalLines(totals: ReturnType<typeof totalsOf>): string[] {
  const { signature, onMain, manifests, lab, stale } = totals;
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .filter(([, count], index) => count > 0 || index === 0)
      .map(([what, count]) => `${count} ${what}`)
      .join(", ");
  const { pass, skipped, none, unreadable: unread } = lab;
  return [
    `${plural(totals.tags, "tag")}: ${plural(totals.releases, "release")}${has.chart ? `, ${plural(totals.charts, "chart")}` : ""}`,
    `signature: ${list(signature)}`,
    `on main: ${list(onMain)}`,
    `manifests: ${list(manifests)}`,
    ...(has.labGate ? [`lab: ${list({ PASS: pass, skipped, none, unreadable: unread })}`] : []),
    `stale references: ${stale.references} in ${plural(stale.tags, "tag")}`,
    `${plural(totals.faulty, "tag")} with faults, ${totals.unreadable} with something unreadable`,
  ];
}
