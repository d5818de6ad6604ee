/** What an audit says about each tag of a release or a chart, and what that adds up to. */

import type { Day } from "../lib/calendar.ts";
import { type Finding, quote } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import { compareVersions, isPrerelease, isVersion, type Version } from "../lib/version.ts";

/** A tag that releases something, by its name. */
export interface ReleaseTag {
  readonly kind: "release" | "chart";
  readonly tag: string;
  readonly version: Version;
}

/** The tag that a name is, or undefined if it is a prefix without a strict version behind it. */
export function releaseTagOf(tag: string): ReleaseTag | undefined {
  const kind = tag.startsWith(layout.chartTagPrefix) ? "chart" : "release";
  const prefix = kind === "chart" ? layout.chartTagPrefix : layout.tagPrefix;
  const version = tag.slice(prefix.length);
  return tag.startsWith(prefix) && isVersion(version) ? { kind, tag, version } : undefined;
}

/** What is known of a tag before the files of its commit are read. */
export interface Head {
  /** The day in UTC, and whose it is: a lightweight tag has its commit's date. */
  readonly date: Day;
  readonly dateOf: "tagger" | "commit";
  /** Unix seconds. */
  readonly seconds: number;
  readonly commit: string;
  /** Whether the tag object carries a signature; whether it is good is not asked. */
  readonly signature: "signed" | "unsigned" | "lightweight";
  readonly onMain: "yes" | "no" | "unknown";
  /** The name in the tag object, where it is not the ref's. */
  readonly calledItself: string | undefined;
  /** What the tag's message says was bypassed. */
  readonly bypasses: readonly string[];
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

export interface ChartVersions {
  readonly version: string;
  readonly appVersion: string | undefined;
}

/** What the files of a tagged commit say. */
export interface Content {
  /** Whether the manifests, or of a chart Chart.yaml, state the tag's version. */
  readonly manifests: "agree" | "differ" | "unreadable";
  /** A chart is not released by the lab. */
  readonly lab: Lab | "not asked" | "unreadable";
  readonly stale: readonly StaleReference[] | "unreadable";
  readonly chart: ChartVersions | "none" | "unreadable";
  /** Why something above is unreadable. */
  readonly faults: readonly Finding[];
}

/** One tag of the audit. */
export interface Row extends ReleaseTag, Content {
  /** Undefined if the tag leads to no commit that can be read. */
  readonly head: Head | undefined;
}

/** The content of a tag that leads to nothing. */
export function unreadable(faults: readonly Finding[]): Content {
  const none = "unreadable";
  return { manifests: none, lab: none, stale: none, chart: none, faults };
}

/**
 * The order of history: by date, releases before charts of the same second, then by version. What
 * has no date comes last.
 */
export function compareRows(one: Row, other: Row): number {
  const at = ({ head }: Row) => head?.seconds ?? Number.MAX_SAFE_INTEGER;
  return (
    at(one) - at(other) ||
    Number(one.kind === "chart") - Number(other.kind === "chart") ||
    compareVersions(one.version, other.version)
  );
}

/** What was wrong with a release, as phrases: faults of the past, which nothing can mend. */
export function pastFaults(row: Row): string[] {
  const { head, manifests, stale } = row;
  const count = stale === "unreadable" ? 0 : stale.length;
  return [
    head?.signature === "unsigned" && "it is not signed",
    head?.signature === "lightweight" && "it is lightweight, so nobody signed it",
    head?.calledItself !== undefined && `its tag object calls itself ${quote(head.calledItself)}`,
    head?.onMain === "no" && "its commit is not on the main branch",
    manifests === "differ" &&
      (row.kind === "chart"
        ? "Chart.yaml states another version"
        : "the manifests state another version"),
    labFault(row),
    ...otherBypasses(row),
    count > 0 && plural(count, "stale reference"),
  ].filter((fault) => typeof fault === "string");
}

/** What the tag says was bypassed, the lab gate apart: that one has a column of its own. */
function otherBypasses({ head }: Row): string[] {
  const others = (head?.bypasses ?? []).filter((bypass) => !bypass.startsWith("lab "));
  return others.map((bypass) => `bypassed: ${bypass}`);
}

/**
 * What was wrong about the lab. A release before there was a ledger, and a candidate that is tagged
 * for the lab to run, need no PASS.
 */
export function labFault({ lab, version }: Row): string | undefined {
  if (typeof lab === "string") {
    return undefined;
  }
  if (lab.state === "skipped") {
    return "its lab gate was skipped";
  }
  if (lab.pass === undefined) {
    return lab.hasLedger && !isPrerelease(version) ? "no lab PASS was on record" : undefined;
  }
  return isTooOld(lab) ? `its lab PASS was ${plural(lab.pass.ageDays, "day")} old` : undefined;
}

/** Whether the lab gate would refuse the PASS. */
export function isTooOld({ pass }: Lab): boolean {
  return pass !== undefined && pass.ageDays > layout.maxValidationAgeDays;
}

/** A number and its noun. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** How many tags are what; those of each group add up to the tags that could be judged. */
export interface Totals {
  readonly tags: number;
  readonly releases: number;
  readonly charts: number;
  readonly signature: Readonly<Record<Head["signature"], number>>;
  readonly onMain: Readonly<Record<Head["onMain"], number>>;
  readonly manifests: Readonly<Record<Content["manifests"], number>>;
  /** Releases alone; `tooOld` are among `pass`. */
  readonly lab: Readonly<Record<Lab["state"] | "tooOld" | "unreadable", number>>;
  readonly stale: { readonly references: number; readonly tags: number };
  /** Tags of which something could not be read. */
  readonly unreadable: number;
  /** Tags with faults of the past. */
  readonly faulty: number;
}

export function totalsOf(rows: readonly Row[]): Totals {
  const count = (isCounted: (row: Row) => boolean) => rows.filter(isCounted).length;
  const signed = (signature: Head["signature"]) =>
    count(({ head }) => head?.signature === signature);
  const onMain = (answer: Head["onMain"]) => count(({ head }) => head?.onMain === answer);
  const manifests = (answer: Content["manifests"]) => count((row) => row.manifests === answer);
  const releases = rows.filter(({ kind }) => kind === "release");
  const labs = releases.flatMap(({ lab }) => (typeof lab === "string" ? [] : [lab]));
  const inState = (state: Lab["state"]) => labs.filter((lab) => lab.state === state).length;
  const stale = rows.map((row) => (row.stale === "unreadable" ? 0 : row.stale.length));
  return {
    tags: rows.length,
    releases: releases.length,
    charts: rows.length - releases.length,
    signature: {
      signed: signed("signed"),
      unsigned: signed("unsigned"),
      lightweight: signed("lightweight"),
    },
    onMain: { yes: onMain("yes"), no: onMain("no"), unknown: onMain("unknown") },
    manifests: {
      agree: manifests("agree"),
      differ: manifests("differ"),
      unreadable: manifests("unreadable"),
    },
    lab: {
      pass: inState("pass"),
      tooOld: labs.filter((lab) => lab.state === "pass" && isTooOld(lab)).length,
      skipped: inState("skipped"),
      none: inState("none"),
      unreadable: releases.length - labs.length,
    },
    stale: {
      references: stale.reduce((sum, each) => sum + each, 0),
      tags: stale.filter((each) => each > 0).length,
    },
    unreadable: count(isUnreadable),
    faulty: count((row) => pastFaults(row).length > 0),
  };
}

/** Whether something about a tag could not be read. */
export function isUnreadable({ head, faults }: Row): boolean {
  return head === undefined || faults.length > 0;
}

/** Totals in words, a line for each question. */
export function totalLines(totals: Totals): string[] {
  const { signature, onMain, manifests, lab, stale } = totals;
  const list = (parts: readonly [number, string][]) =>
    parts
      .filter(([count], index) => count > 0 || index === 0)
      .map(([count, what]) => `${count} ${what}`)
      .join(", ");
  return [
    `${plural(totals.tags, "tag")}: ${plural(totals.releases, "release")}, ${plural(totals.charts, "chart")}`,
    `signature: ${list([
      [signature.signed, "signed"],
      [signature.unsigned, "unsigned"],
      [signature.lightweight, "lightweight"],
    ])}`,
    `on main: ${list([
      [onMain.yes, "yes"],
      [onMain.no, "no"],
      [onMain.unknown, "unknown"],
    ])}`,
    `manifests: ${list([
      [manifests.agree, "agree"],
      [manifests.differ, "differ"],
      [manifests.unreadable, "unreadable"],
    ])}`,
    `lab: ${list([
      [lab.pass, `PASS${lab.tooOld > 0 ? ` (${lab.tooOld} too old)` : ""}`],
      [lab.skipped, "skipped"],
      [lab.none, "none"],
      [lab.unreadable, "unreadable"],
    ])}`,
    `stale references: ${stale.references} in ${plural(stale.tags, "tag")}`,
    `${plural(totals.faulty, "tag")} with faults, ${totals.unreadable} with something unreadable`,
  ];
}
