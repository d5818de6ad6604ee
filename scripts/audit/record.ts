/** What an audit says about each tag, and what that adds up to. */

import type { Day } from "../lib/calendar.ts";
import { error, type Finding, notice, quote, shellWord } from "../lib/finding.ts";
import type { Tag } from "../lib/git/tags.ts";
import { layout } from "../lib/layout.ts";
import { compareVersions, isPrerelease, isVersion, type Version } from "../lib/version.ts";

/** A tag that releases something, by its name. */
export interface ReleaseTag {
  readonly kind: "release" | "chart";
  readonly tag: string;
  readonly version: Version;
}

/** Returns what a tag's name means, or undefined if it is not a prefix and a strict version. */
export function releaseTagOf(tag: string): ReleaseTag | undefined {
  const kind = tag.startsWith(layout.chartTagPrefix) ? "chart" : "release";
  const prefix = kind === "chart" ? layout.chartTagPrefix : layout.tagPrefix;
  const version = tag.slice(prefix.length);
  return tag.startsWith(prefix) && isVersion(version) ? { kind, tag, version } : undefined;
}

/** What is known of a tag before the files of its commit are read. */
export interface Head
  extends Pick<Tag, "dateOf" | "seconds" | "commit" | "signature" | "bypasses"> {
  /** The day in UTC. */
  readonly date: Day;
  readonly onMain: "yes" | "no" | "unknown";
  /** The name in the tag object, where it is not the ref's. */
  readonly calledItself: string | undefined;
}

/** What the simulation lab had said by the day of the tag. */
export interface Lab {
  readonly state: "pass" | "skipped" | "none";
  /** The latest PASS on record, bypassed or not. */
  readonly pass:
    | { readonly date: Day; readonly ageDays: number; readonly labCommit: string }
    | undefined;
  /** Whether the tagged commit has a ledger at all. */
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

/** What the files of a tagged commit say. */
export interface Content {
  /** Whether the manifests, or of a chart Chart.yaml, state the tag's version. */
  readonly manifests: "agree" | "differ" | "unreadable";
  /** A chart is not released by the lab. */
  readonly lab: Lab | "not asked" | "unreadable";
  readonly stale: readonly StaleReference[] | "unreadable";
  readonly chart:
    | { readonly version: string; readonly appVersion: string | undefined }
    | "none"
    | "unreadable";
  /** Why something above is unreadable. */
  readonly faults: readonly Finding[];
}

/** One tag of the audit. */
export interface Row extends ReleaseTag, Content {
  /** Undefined if the tag leads to no commit that can be read. */
  readonly head: Head | undefined;
}

/** Returns the content of a tag of which nothing can be read. */
export function unreadable(faults: readonly Finding[]): Content {
  const none = "unreadable";
  return { manifests: none, lab: none, stale: none, chart: none, faults };
}

/**
 * Orders tags from the newest to the oldest: by date, a chart before the release of the same second,
 * then by version. A tag without a date comes last.
 */
export function compareRows(one: Row, other: Row): number {
  const at = ({ head }: Row) => head?.seconds ?? -1;
  return (
    at(other) - at(one) ||
    Number(other.kind === "chart") - Number(one.kind === "chart") ||
    compareVersions(other.version, one.version)
  );
}

/** Whether something about a tag could not be read. */
export function isUnreadable({ head, faults }: Row): boolean {
  return head === undefined || faults.length > 0;
}

/** Returns the number of references that state another version; 0 if they are unreadable. */
export function staleCount({ stale }: Row): number {
  return stale === "unreadable" ? 0 : stale.length;
}

// Faults of the past

/** A fault of a release. Nobody can change it any more: it is evidence, and not a warning. */
interface PastFault {
  /** The same words for every tag with this fault. */
  readonly kind: string;
  /** What is special about this tag. */
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

/** Whether the tag's message says that the lab gate was bypassed. */
export function isLabBypass(bypass: string): boolean {
  return bypass.startsWith("lab ");
}

/**
 * Returns what was wrong about the lab. A release before there was a ledger, and a candidate that is
 * tagged for the lab to run, need no PASS.
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

/** Returns a number and its noun. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

// Totals

/** Returns how many tags are what; the counts of a group add up to the tags that could be judged. */
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

/** Counts the items of each key. */
function tally<Item, Key extends string>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  keys: readonly Key[],
) {
  const counts = keys.map((key) => [key, items.filter((item) => keyOf(item) === key).length]);
  return Object.fromEntries(counts) as Record<Key, number>;
}

/** Returns totals in words, a line for each question. */
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
 * Returns an audit as findings: an error for everything that could not be read, and as evidence the
 * totals and each kind of fault with its newest example.
 *
 * @param rows From the newest to the oldest.
 * @param mainFaults Why nothing stands for the main branch.
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
  return tags === 0 ? [] : [error(`Cannot tell ${what}: this clone is shallow`, { remedy })];
}

/** Returns the first of each group, and how many it has. */
function grouped<Item>(items: readonly Item[], key: (item: Item) => string) {
  return [...Map.groupBy(items, key).values()].flatMap(([newest, ...others]) =>
    newest === undefined ? [] : [{ newest, count: others.length + 1 }],
  );
}

/** Names the command that shows a file of a tag; one that was not read may not be there. */
function lookAt(tag: string, { file, line }: NonNullable<Finding["at"]>): string {
  const shown = line === undefined ? `--stat ${shellWord(tag)}` : shellWord(`${tag}:${file}`);
  return `Look at what was tagged: git show ${shown}`;
}
