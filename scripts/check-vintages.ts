#!/usr/bin/env bun
/**
 * Checks that the embedded reference data are fresh enough for a release (PROCEDURE step 2.5).
 *
 * Usage: bun scripts/check-vintages.ts [--date YYYY-MM-DD] [--strict] [--ref COMMIT] [--repo DIR] [--json]
 *
 * Stale data are a warning, and a notice if the changelog defers them: if the section of the
 * workspace's version, or else [Unreleased], names the constant outside of HTML comments. Refuses
 * if there is no vintage to judge or the source cannot be read; with --strict also if a vintage is
 * stale and not deferred, or cannot be told to be fresh.
 *
 * A vintage that states a year alone may mean any day of it: it is fresh if all of them are, stale
 * if none is, and otherwise the check cannot tell.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { type Day, dayOf, daysBetween, monthsBefore, parseDay } from "./lib/calendar.ts";
import { command, flag, main, option, refOption } from "./lib/cli.ts";
import { findLineNaming, type Line, readChangelog, sectionsOf } from "./lib/files/changelog.ts";
import { parseToml } from "./lib/files/document.ts";
import { attempt, error, type Finding, notice, quote, warning } from "./lib/finding.ts";
import { judge } from "./lib/git/judged-tree.ts";
import { layout } from "./lib/layout.ts";
import type { Json } from "./lib/report.ts";
import type { Check, Tree } from "./lib/tree.ts";
import { isVersion } from "./lib/version.ts";
import {
  findNewestTime,
  readVintages,
  type StatedTime,
  type Vintage,
} from "./vintages/vintages.ts";

/** What is asked of the vintages. */
export interface VintageQuestion {
  readonly releaseDay: Day;
  /** Whether a vintage that is not shown to be fresh, and not deferred, refuses. */
  readonly strict: boolean;
}

/** How a vintage stands to its rule; `unclear` is a year of which only some days are fresh. */
export type VintageState =
  | "fresh"
  | "deferred"
  | "stale"
  | "unclear"
  | "future"
  | "undated"
  | "no-rule";

/** A vintage on the day of a release. */
export interface JudgedVintage {
  readonly vintage: Vintage;
  /** The newest date or year that it states. */
  readonly stated: StatedTime | undefined;
  /** Whole days from there to the release: at least and at most; none if it lies after that. */
  readonly age: { readonly least: number; readonly most: number } | undefined;
  readonly rule: VintageRule | undefined;
  readonly state: VintageState;
  /** The line of the changelog that defers it. */
  readonly deferral: Line | undefined;
}

interface Audit {
  readonly findings: readonly Finding[];
  readonly vintages: readonly JudgedVintage[];
}

/** What a vintage must be, by `months` or by `calendarYears`, and how the procedure says it. */
interface VintageRule {
  readonly months?: number;
  readonly calendarYears?: number;
  readonly words: string;
}

const { folder } = layout.vintages;
const rules: Readonly<Record<string, VintageRule>> = layout.vintages.rules;

/** Judges the vintages that the scoring source of a tree declares. */
export const checkVintages: Check<VintageQuestion> = async (tree, question) => {
  return [...(await auditVintages(tree, question)).findings];
};

async function auditVintages(tree: Tree, question: VintageQuestion): Promise<Audit> {
  const { vintages, faults } = await collectVintages(tree);
  if (vintages.length === 0) {
    return { findings: faults.length > 0 ? faults : [noVintages()], vintages: [] };
  }
  const judged = vintages.map((vintage) => judgeVintage(vintage, question));
  const changelog = judged.some(({ state }) => canBeDeferred(state))
    ? await attempt(() => readDeferrals(tree))
    : { findings: [] };
  const final = judged.map((each) => defer(each, changelog.value));
  const section = changelog.value?.section ?? "[Unreleased]";
  const findings = [
    ...final.map((each) => findingOf(each, section, question)),
    // A file that cannot be read may hold what seems to be missing.
    ...(faults.length > 0 ? [] : missingVintages(vintages, question)),
    ...faults,
    ...(changelog.findings ?? []),
    summaryOf(final, question),
  ];
  return { findings, vintages: final };
}

async function collectVintages(tree: Tree) {
  const paths = await tree.list(`${folder}/**/*.rs`);
  const answers = await Promise.all(
    paths.map((path) =>
      attempt(async () => {
        const source = await tree.read(path);
        return source === undefined ? [] : readVintages(source);
      }),
    ),
  );
  return {
    vintages: answers.flatMap(({ value }) => value ?? []),
    faults: answers.flatMap(({ findings }) => findings ?? []),
  };
}

function judgeVintage(vintage: Vintage, { releaseDay }: VintageQuestion): JudgedVintage {
  const { constant, value } = vintage;
  const rule = rules[constant];
  const stated = value === undefined ? undefined : findNewestTime(value);
  const age = stated && ageOf(stated, releaseDay);
  const state = stateOf(stated, rule, releaseDay);
  return { vintage, stated, age, rule, state, deferral: undefined };
}

function ageOf({ first, last }: StatedTime, releaseDay: Day): JudgedVintage["age"] {
  return first > releaseDay
    ? undefined
    : { least: Math.max(0, daysBetween(last, releaseDay)), most: daysBetween(first, releaseDay) };
}

function stateOf(
  stated: StatedTime | undefined,
  rule: VintageRule | undefined,
  releaseDay: Day,
): VintageState {
  if (rule === undefined) {
    return "no-rule";
  }
  if (stated === undefined) {
    return "undated";
  }
  if (stated.first > releaseDay) {
    return "future";
  }
  const oldest = oldestDay(rule, releaseDay);
  return stated.first >= oldest ? "fresh" : stated.last < oldest ? "stale" : "unclear";
}

/** The first day that a rule accepts. */
function oldestDay({ months = 0, calendarYears }: VintageRule, releaseDay: Day): Day {
  return calendarYears === undefined
    ? monthsBefore(releaseDay, months)
    : monthsBefore(`${releaseDay.slice(0, 4)}-01-01` as Day, 12 * calendarYears);
}

// Deferrals

interface Deferrals {
  /** The heading under which a deferral is to be written. */
  readonly section: string;
  /** The line that names a constant, or undefined if none does. */
  find(constant: string): Line | undefined;
}

const canBeDeferred = (state: VintageState) => state === "stale" || state === "unclear";

/**
 * Reads what the changelog says of the version being released: the section of the workspace's
 * version, or `[Unreleased]` as long as there is none.
 *
 * @throws {Refusal} If the workspace manifest or the changelog cannot be read.
 * @throws {LocatedSyntaxError} If the workspace manifest is no TOML.
 */
async function readDeferrals(tree: Tree): Promise<Deferrals> {
  const [manifest, log] = await Promise.all([
    tree.read(layout.workspaceManifest),
    tree.read(layout.changelog),
  ]);
  const stated = manifest && parseToml(manifest).at(["workspace", "package", "version"]);
  const version = typeof stated === "string" && isVersion(stated) ? stated : undefined;
  const changelog = log && readChangelog(log);
  const ours = changelog && version !== undefined ? sectionsOf(changelog, version) : [];
  const unreleased = changelog?.sections.filter(({ name }) => name === "Unreleased") ?? [];
  const sections = ours.length > 0 ? ours : unreleased;
  return {
    section: `[${sections[0]?.name ?? version ?? "Unreleased"}]`,
    find(constant) {
      return sections
        .map((section) => changelog && findLineNaming(changelog, section, constant))
        .find((line) => line !== undefined);
    },
  };
}

function defer(judged: JudgedVintage, deferrals: Deferrals | undefined): JudgedVintage {
  const deferral = canBeDeferred(judged.state)
    ? deferrals?.find(judged.vintage.constant)
    : undefined;
  return deferral === undefined ? judged : { ...judged, state: "deferred", deferral };
}

// Findings

function findingOf(judged: JudgedVintage, section: string, question: VintageQuestion): Finding {
  const { vintage, rule, deferral } = judged;
  const { constant, at } = vintage;
  const { releaseDay, strict } = question;
  const complain = strict ? error : warning;
  const found = foundIn(judged);
  const expected = rule && `expected ${oldestDay(rule, releaseDay)} or later (${rule.words})`;
  const orDefer = `or defer it by a line that names ${constant} in ${section} of ${layout.changelog}`;
  switch (judged.state) {
    case "fresh":
      return notice(`${constant} -> ${found} (${rule?.words})`, { at });
    case "deferred":
      return notice(
        `${constant} -> ${found}, deferred by ${section} of ${layout.changelog}: ${deferral?.text}`,
        { at: deferral?.at },
      );
    case "stale":
      return complain(`${constant} is stale: found ${found}, ${expected}`, {
        at,
        remedy: `Refresh the data and ${constant}, ${orDefer}`,
      });
    case "unclear":
      return complain(`Cannot tell whether ${constant} is stale: found ${found}, ${expected}`, {
        at,
        remedy: `State the day in ${constant} as YYYY-MM-DD, ${orDefer}`,
      });
    case "future":
      return complain(
        `${constant} lies in the future: found ${found}, expected ${releaseDay} or earlier`,
        { at, remedy: `Correct ${constant}, or name the day of the release with --date` },
      );
    case "undated":
      return complain(`Cannot date ${constant}: found ${found}, expected a date or a year`, {
        at,
        remedy: `State in ${constant} how old its data are, as YYYY-MM-DD or YYYY`,
      });
    case "no-rule":
      return warning(`Cannot judge ${constant}: found ${found}, and no rule for it`, {
        at,
        remedy: `Add a rule for ${constant} to vintages in scripts/lib/layout.ts`,
      });
  }
}

/** What a vintage says, in words: its newest time and the age of that, or else its text. */
function foundIn({ vintage, stated, age }: JudgedVintage): string {
  if (stated === undefined) {
    return vintage.value === undefined ? "no text of type &str" : quote(vintage.value);
  }
  if (age === undefined) {
    return stated.text;
  }
  const { least, most } = age;
  const days = least === most ? `${most}` : `${least} to ${most}`;
  return `${stated.text}, ${days} ${days === "1" ? "day" : "days"} old`;
}

function noVintages(): Finding {
  return error(`Cannot check the vintages: found no const …_VINTAGE in ${folder}`, {
    remedy: `Name a checkout with --repo DIR, or a commit with --ref COMMIT, whose ${folder} has them`,
  });
}

/** A rule whose constant is gone was not asked: in strict mode nothing shows that its data are fresh. */
function missingVintages(vintages: readonly Vintage[], { strict }: VintageQuestion): Finding[] {
  const complain = strict ? error : warning;
  const there = new Set(vintages.map(({ constant }) => constant));
  return Object.keys(rules)
    .filter((constant) => !there.has(constant))
    .map((constant) =>
      complain(`Cannot judge ${constant}: found no such constant in ${folder}`, {
        remedy: `Declare ${constant} there, or take its rule out of scripts/lib/layout.ts`,
      }),
    );
}

const stateWords: Readonly<Record<VintageState, string>> = {
  fresh: "fresh",
  deferred: "deferred",
  stale: "stale",
  unclear: "unclear",
  future: "in the future",
  undated: "without a date",
  "no-rule": "without a rule",
};

/** How many vintages there are in each state: evidence that all of them were looked at. */
function summaryOf(vintages: readonly JudgedVintage[], { releaseDay }: VintageQuestion): Finding {
  const counts = Object.entries(stateWords)
    .map(([state, words]) => [vintages.filter((each) => each.state === state).length, words])
    .filter(([count]) => count !== 0)
    .map((parts) => parts.join(" "));
  return notice(`Vintages on ${releaseDay}: ${counts.join(", ")}`);
}

// The command

export const table = command({
  name: "scripts/check-vintages.ts",
  summary: "Checks that the embedded reference data are fresh enough for a release.",
  operands: {},
  options: {
    date: option("YYYY-MM-DD", "the day of the release (default: today in UTC)", parseDay),
    strict: flag("refuse a vintage that is stale and not deferred, or not shown to be fresh"),
    ref: refOption,
  },
  refuses: [
    `no const …_VINTAGE is found in ${folder}, or a file there cannot be read`,
    "with --strict: a vintage is stale, and no line of the changelog's section defers it",
    "with --strict: a constant that has a rule is not there",
    "with --strict: a vintage states no date, one in the future, or a year too vague for its rule",
  ],
  example: "bun scripts/check-vintages.ts --date 2026-08-07 --strict",
  async run({ options, now, repository, report }) {
    const question = { releaseDay: options.date ?? dayOf(now), strict: options.strict };
    let vintages: readonly JudgedVintage[] = [];
    const findings = await judge(await repository(), options.ref, async (tree) => {
      const audit = await auditVintages(tree, question);
      vintages = audit.vintages;
      return audit.findings;
    });
    report.add(findings);
    report.attach({
      date: question.releaseDay,
      vintages: vintages.map(dataOf),
    });
  },
});

function dataOf({ vintage, stated, age, rule, state, deferral }: JudgedVintage): Json {
  const { constant, value, at } = vintage;
  return {
    constant,
    value: value ?? null,
    file: at.file,
    line: at.line,
    dated: stated?.text ?? null,
    ageDays: age ?? null,
    rule: rule?.words ?? null,
    state,
    deferral: deferral?.text,
  };
}

if (import.meta.main) {
  await main(table);
}
