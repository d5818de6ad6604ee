/** The result of an audit: the record of each tag, the table, the totals, and the findings. */

import type { Day } from "../lib/calendar.ts";
import { error, type Finding, notice, quote, shellWord } from "../lib/finding.ts";
import type { Tag } from "../lib/git/tags.ts";
import { layout } from "../lib/layout.ts";
import { compareVersions, isPrerelease, isVersion, type Version } from "../lib/version.ts";

/** The parts of the name of a release tag. */
export interface ReleaseTag {
  readonly kind: "release" | "chart";
  readonly tag: string;
  readonly version: Version;
}

/** Returns the parts of a tag's name, or undefined if it is not a prefix and a strict version. */
export function releaseTagOf(tag: string): ReleaseTag | undefined {
  const kind = tag.startsWith(layout.chartTagPrefix) ? "chart" : "release";
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
  /** `not asked` for a chart, which needs no lab validation. */
  readonly lab: Lab | "not asked" | "unreadable";
  readonly stale: readonly StaleReference[] | "unreadable";
  readonly chart:
    | { readonly version: string; readonly appVersion: string | undefined }
    | "none"
    | "unreadable";
  /** The reasons for `unreadable`. */
  readonly faults: readonly Finding[];
}

/** One tag of the audit. */
export interface Row extends ReleaseTag, Content {
  /** Undefined if the commit of the tag cannot be read. */
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

/** Reports whether a part of a tag could not be read. */
export function isUnreadable({ head, faults }: Row): boolean {
  return head === undefined || faults.length > 0;
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

function pastFaults(row: Row): PastFault[] {
  const { head, manifests } = row;
  const bypassed = (head?.bypasses ?? []).filter((bypass) => !isLabBypass(bypass));
  const faults: (PastFault | undefined | false)[] = [
    head?.signature === "unsigned" && { kind: "not signed" },
    head?.signature === "lightweight" && { kind: "lightweight, so not signed" },
    head?.calledItself !== undefined && {
      kind: "another name in the tag object",
      detail: quote(head.calledItself),
    },
    head?.onMain === "no" && { kind: "commit not on the main branch" },
    manifests === "differ" && {
      kind: `another version in ${row.kind === "chart" ? "Chart.yaml" : "the manifests"}`,
    },
    labFault(row),
    bypassed.length > 0 && { kind: "bypassed", detail: bypassed.join("; ") },
    staleCount(row) > 0 && { kind: "stale references", detail: String(staleCount(row)) },
  ];
  return faults.filter((fault) => typeof fault === "object");
}

/** Reports whether a bypass that a tag's message records is that of the lab gate. */
export function isLabBypass(bypass: string): boolean {
  return bypass.startsWith("lab ");
}

/**
 * Returns the fault of the lab validation. A release from before the ledger needs no PASS, nor does a
 * candidate, which is tagged so that the lab can run it.
 */
export function labFault({ lab, version }: Row): PastFault | undefined {
  if (typeof lab === "string") {
    return undefined;
  }
  if (lab.state === "skipped") {
    return { kind: "lab gate skipped" };
  }
  if (lab.pass === undefined) {
    const isNeeded = lab.hasLedger && !isPrerelease(version);
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
    unreadable: rows.filter(isUnreadable).length,
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
    `${plural(totals.tags, "tag")}: ${plural(totals.releases, "release")}, ${plural(totals.charts, "chart")}`,
    `signature: ${list(signature)}`,
    `on main: ${list(onMain)}`,
    `manifests: ${list(manifests)}`,
    `lab: ${list({ PASS: pass, skipped, none, unreadable: unread })}`,
    `stale references: ${stale.references} in ${plural(stale.tags, "tag")}`,
    `${plural(totals.faulty, "tag")} with faults, ${totals.unreadable} with something unreadable`,
  ];
}

// Findings

/**
 * Returns an audit as findings: an error for everything that could not be read, and notices with the
 * totals and with the newest example of each kind of fault.
 *
 * @param rows From the newest to the oldest.
 * @param mainFaults Why the main branch was not found; undefined if it was.
 */
export function findingsOfAudit(
  rows: readonly Row[],
  mainFaults: readonly Finding[] | undefined,
): Finding[] {
  const totals = totalsOf(rows);
  const unread = rows.flatMap((row) => row.faults.map((fault) => ({ row, fault })));
  const faults = rows.flatMap((row) => pastFaults(row).map((fault) => ({ row, ...fault })));
  return [
    ...(mainFaults ?? cutOff(totals.onMain.unknown)),
    ...grouped(unread, ({ fault }) => fault.message).map(({ newest: { row, fault }, count }) => {
      const others = count > 1 ? ` and ${plural(count - 1, "other tag")}` : "";
      return error(`Cannot audit all of ${row.tag}${others}: ${fault.message}`, {
        ...fault,
        remedy: fault.at === undefined ? fault.remedy : lookAt(row.tag, fault.at),
      });
    }),
    ...totalLines(totals).map((line) => notice(line)),
    ...grouped(faults, ({ kind }) => kind).map(({ newest: { row, kind, detail }, count }) => {
      const example = detail === undefined ? row.tag : `${row.tag} (${detail})`;
      return notice(`${kind}: ${plural(count, "tag")}, newest ${example}`);
    }),
  ];
}

function cutOff(tags: number): Finding[] {
  const remedy =
    "Fetch the whole history: git fetch --unshallow (in GitHub Actions, check out with fetch-depth: 0)";
  const what = `for ${plural(tags, "tag")} whether the commit is on the main branch`;
  return tags === 0 ? [] : [error(`Cannot find out ${what}: this clone is shallow`, { remedy })];
}

/** Returns the first item of each group, and the number of its items. */
function grouped<Item>(items: readonly Item[], key: (item: Item) => string) {
  return [...Map.groupBy(items, key).values()].flatMap(([newest, ...others]) =>
    newest === undefined ? [] : [{ newest, count: others.length + 1 }],
  );
}

/** Returns the remedy that shows a file of a tag. A file without a line may not exist. */
function lookAt(tag: string, { file, line }: NonNullable<Finding["at"]>): string {
  const shown = line === undefined ? `--stat ${shellWord(tag)}` : shellWord(`${tag}:${file}`);
  return `Look at what was tagged: git show ${shown}`;
}
