#!/usr/bin/env bun
/**
 * Checks that the embedded reference data are fresh enough for a release (PROCEDURE step 2.5).
 *
 * Usage: bun scripts/check-vintages.ts [--date YYYY-MM-DD] [--strict] [--ref COMMIT] [--verbose] [--repo DIR] [--json]
 *
 * A vintage is a constant of the scoring source that states the date of the data in its file. Stale
 * data are a warning, or a notice if the changelog defers them: the section of the workspace's version,
 * or else [Unreleased], names the constant outside HTML comments.
 *
 * A year may mean any of its days: it is fresh if all of them are, stale if none is, and otherwise the
 * check cannot decide.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { type Day, dayOf, daysBetween, isDay, monthsBefore, parseDay } from "./lib/calendar.ts";
import { command, flag, main, option, refOption, verboseOption } from "./lib/cli.ts";
import { readWorkspace, versionIn } from "./lib/files/cargo.ts";
import {
  findLineNaming,
  isUnreleased,
  type Line,
  readChangelog,
  sectionsOf,
} from "./lib/files/changelog.ts";
import {
  attempt,
  error,
  type Finding,
  foldRows,
  LocatedSyntaxError,
  notice,
  type Place,
  quote,
  Refusal,
  warning,
} from "./lib/finding.ts";
import { notComparable } from "./lib/git/chart-changes.ts";
import { judge } from "./lib/git/judged-tree.ts";
import type { FindLastRelease } from "./lib/git/last-release.ts";
import { layout, type VintageRule } from "./lib/layout.ts";
import type { Json } from "./lib/report.ts";
import type { Check, Source, Tree } from "./lib/tree.ts";
import type { Version } from "./lib/version.ts";

/** The options of the check. */
export interface VintageQuestion {
  readonly releaseDay: Day;
  /** Whether a vintage that is neither fresh nor deferred is an error. */
  readonly strict: boolean;
  /** What a missing constant is compared with; without it, none is reported. */
  readonly findLast?: FindLastRelease | undefined;
}

/** A constant that states the date of the data in its file. */
export interface Vintage {
  readonly constant: string;
  readonly text: string;
  /** The place of its name. */
  readonly at: Place;
}

/** The words for each state of a vintage; `unclear` is a year of which only some days are fresh. */
const stateWords = {
  fresh: "fresh",
  deferred: "deferred",
  stale: "stale",
  unclear: "unclear",
  future: "in the future",
  undated: "without a date",
  "no-rule": "without a rule",
};
type VintageState = keyof typeof stateWords;

/** A vintage on the day of a release. */
interface JudgedVintage extends Vintage {
  /** The newest date or year that it states, as `YYYY-MM-DD` or `YYYY`. */
  readonly stated: string | undefined;
  /** The least and the most whole days until the release; undefined for a date after it. */
  readonly age: { readonly least: number; readonly most: number } | undefined;
  readonly rule: VintageRule | undefined;
  /** The first day that the rule accepts. */
  readonly oldest: Day | undefined;
  readonly state: VintageState;
  /** The line of the changelog that defers it. */
  readonly deferral?: Line;
}

const { folder, rules } = layout.vintages ?? { folder: "no folder", rules: {} };

/** Checks the vintages in the scoring source of a tree. */
export const checkVintages: Check<VintageQuestion> = async (tree, question) =>
  (await auditVintages(tree, question)).findings;

/** Returns the warnings about vintages that are stale on a day, and not deferred. */
export async function findStaleVintages(tree: Tree, releaseDay: Day): Promise<Finding[]> {
  const { findings, vintages } = await auditVintages(tree, { releaseDay, strict: false });
  // The findings about the vintages come first, in their order.
  return findings.filter((_, index) => vintages[index]?.state === "stale");
}

/** Judges the vintages in the scoring source of a tree. */
export async function auditVintages(tree: Tree, question: VintageQuestion) {
  const { found, faults } = await findVintages(tree);
  const judged = found.map((vintage) => judgeVintage(vintage, question.releaseDay));
  if (judged.length === 0) {
    const nothing = error(`Cannot check the vintages: found no const …_VINTAGE in ${folder}`, {
      remedy: `Name a checkout with --repo DIR, or a commit with --ref COMMIT, whose ${folder} has them`,
    });
    return { findings: faults.length > 0 ? faults : [nothing], vintages: [] };
  }
  const isDeferrable = ({ state }: JudgedVintage) => state === "stale" || state === "unclear";
  const changelog = judged.some(isDeferrable)
    ? await attempt(() => readDeferrals(tree))
    : undefined;
  const { section = "[Unreleased]", find } = changelog?.value ?? {};
  const vintages = judged.map((each): JudgedVintage => {
    const deferral = isDeferrable(each) ? find?.(each.constant) : undefined;
    return deferral === undefined ? each : { ...each, state: "deferred", deferral };
  });
  const counts = Object.entries(stateWords).flatMap(([state, words]) => {
    const { length } = vintages.filter((each) => each.state === state);
    return length === 0 ? [] : [`${length} ${words}`];
  });
  const findings = [
    ...vintages.map((each) => findingOf(each, section, question)),
    // An unreadable file may hold the missing constant.
    ...(faults.length > 0 ? [] : await missingVintages(tree, vintages, question)),
    ...faults,
    ...(changelog?.findings ?? []),
  ];
  foldRows(findings);
  findings.push(notice(`Vintages on ${question.releaseDay}: ${counts.join(", ")}`));
  return { findings, vintages };
}

// Reading

async function findVintages(tree: Tree) {
  const paths = await tree.list(`${folder}/**/*.rs`);
  const files = await Promise.all(
    paths.map((path) =>
      attempt(async () => {
        const source = await tree.read(path);
        return source === undefined ? [] : readVintages(source);
      }),
    ),
  );
  return {
    found: files.flatMap(({ value = [] }) => value),
    faults: files.flatMap(({ findings = [] }) => findings),
  };
}

/** Matches a declaration of a vintage in any form. */
const declaration = /\b(?:const|static)\s+(?:mut\s+)?([^\s:]*_VINTAGE)\s*:/g;

/** Matches the only valid form of a declaration, from the start of its line. */
const legalForm =
  /[ \t]*(?:pub(?:\([\w: ]+\))? )?(?:const|static) \w+: &(?:'static )?str =\s+"([^"\\\r\n]*)";/y;

/**
 * Returns the vintages that a Rust file declares, in order. Skips lines of comments.
 *
 * @throws {LocatedSyntaxError} If a declaration has another form than the valid one.
 */
export function readVintages(source: Source): Vintage[] {
  const { text, path } = source;
  return [...text.matchAll(declaration)].flatMap(({ 0: found, 1: constant = "", index }) => {
    const start = text.lastIndexOf("\n", index) + 1;
    // Behind `=`, the value may stand on the next line.
    const written = /(?:[^\r\n]*=[ \t]*\r?\n)?[^\r\n]*/.exec(text.slice(start))?.[0] ?? "";
    const line = written.trim().replace(/\s+/g, " ");
    if (line.startsWith("//")) {
      return [];
    }
    legalForm.lastIndex = start;
    const match = legalForm.exec(text);
    const at = source.place(index + found.lastIndexOf(constant));
    if (match === null) {
      const expected = `pub const ${constant}: &str = "...";`;
      throw new LocatedSyntaxError(
        `Cannot read ${path}: found ${quote(line)}, expected ${expected}`,
        at,
        `Declare it as ${expected} without escapes in the text, or rename it`,
      );
    }
    return [{ constant, text: match[1] ?? "", at }];
  });
}

/**
 * Matches a date, `YYYY-MM-DD`, a year from 1900 to 2099 that is not part of a longer number, a name or a
 * version such as 1.2024.3, or a fiscal year such as FY25, which counts as that year. A text in the form
 * of a date that is not a calendar day is not a year either.
 */
const time =
  /(?<![0-9])(?<date>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})(?![0-9])|(?<![\p{L}\p{N}_]\.?)(?:FY(?<fiscal>(?:19|20)?[0-9]{2})|(?<year>(?:19|20)[0-9]{2}))(?!\.?[\p{L}\p{N}_])/gu;

/**
 * Returns the newest date or year in a text, as `YYYY-MM-DD` or `YYYY`, or undefined if there is none.
 * A date is preferred to its year, because it is more precise.
 */
export function findNewestTime(text: string): string | undefined {
  const times = [...text.matchAll(time)].flatMap(({ groups = {} }) => {
    const { date, fiscal = "", year = fiscal.length === 2 ? `20${fiscal}` : fiscal } = groups;
    return date === undefined ? [year] : isDay(date) ? [date] : [];
  });
  // The order of the texts is that of the times, with a date after its year.
  return times.sort().at(-1);
}

// Judging

function judgeVintage(vintage: Vintage, releaseDay: Day): JudgedVintage {
  const rule = rules[vintage.constant];
  const oldest = rule && oldestDay(rule, releaseDay);
  const stated = findNewestTime(vintage.text);
  const judged = { ...vintage, stated, age: undefined, rule, oldest };
  if (stated === undefined) {
    return { ...judged, state: rule === undefined ? "no-rule" : "undated" };
  }
  const days = stated.length === 4 ? [`${stated}-01-01`, `${stated}-12-31`] : [stated, stated];
  const [first, last] = days as [Day, Day];
  if (first > releaseDay) {
    return { ...judged, state: rule === undefined ? "no-rule" : "future" };
  }
  const least = Math.max(0, daysBetween(last, releaseDay));
  const age = { least, most: daysBetween(first, releaseDay) };
  if (oldest === undefined) {
    return { ...judged, age, state: "no-rule" };
  }
  const state = first >= oldest ? "fresh" : last < oldest ? "stale" : "unclear";
  return { ...judged, age, state };
}

function oldestDay({ months = 0, calendarYears }: VintageRule, releaseDay: Day): Day {
  return calendarYears === undefined
    ? monthsBefore(releaseDay, months)
    : monthsBefore(`${releaseDay.slice(0, 4)}-01-01` as Day, 12 * calendarYears);
}

/**
 * Returns the section of the changelog in which a deferral must be written, and a function that
 * returns the line there that names a constant. It is the section of the workspace's version, or
 * `[Unreleased]` if there is no such section.
 *
 * @throws {Refusal} If the workspace manifest or the changelog cannot be read.
 * @throws {LocatedSyntaxError} If the workspace manifest is not TOML.
 */
async function readDeferrals(tree: Tree) {
  const [version, log] = await Promise.all([workspaceVersion(tree), tree.read(layout.changelog)]);
  const changelog = log && readChangelog(log);
  const ours = changelog && version !== undefined ? sectionsOf(changelog, version) : [];
  const unreleased = changelog?.sections.filter(isUnreleased) ?? [];
  const sections = ours.length > 0 ? ours : unreleased;
  return {
    section: `[${sections[0]?.name ?? version ?? "Unreleased"}]`,
    find: (constant: string) =>
      sections
        .map((section) => changelog && findLineNaming(changelog, section, constant))
        .find((line) => line !== undefined),
  };
}

async function workspaceVersion(tree: Tree): Promise<Version | undefined> {
  const isThere = (await tree.read(layout.workspaceManifest)) !== undefined;
  const workspace = await readWorkspace(tree);
  const version = versionIn(workspace);
  if (isThere && version === undefined && workspace.faults.length > 0) {
    throw new Refusal(workspace.faults);
  }
  return version;
}

// Findings

function findingOf(judged: JudgedVintage, section: string, question: VintageQuestion): Finding {
  const { constant, at, rule, oldest, state, deferral } = judged;
  const { releaseDay, strict } = question;
  const found = foundIn(judged);
  const expected = `expected ${oldest} or later (${rule?.words})`;
  const orDefer = `or defer it by a line that names ${constant} in ${section} of ${layout.changelog}`;
  if (state === "fresh") {
    return notice(`${constant} -> ${found} (${rule?.words})`, { at });
  }
  if (state === "deferred") {
    const where = `deferred by ${section} of ${layout.changelog}: ${deferral?.text}`;
    return notice(`${constant} -> ${found}, ${where}`, { at: deferral?.at });
  }
  if (state === "no-rule") {
    const remedy = `Add a rule for ${constant} to vintages in scripts/layout.ts`;
    return warning(`Cannot judge ${constant}: found ${found}, and no rule for it`, { at, remedy });
  }
  const [message, remedy] = {
    stale: [
      `${constant} is stale: found ${found}, ${expected}`,
      `Refresh the data and ${constant}, ${orDefer}`,
    ],
    unclear: [
      `Cannot find out whether ${constant} is stale: found ${found}, ${expected}`,
      `State the day in ${constant} as YYYY-MM-DD, ${orDefer}`,
    ],
    future: [
      `${constant} is in the future: found ${found}, expected ${releaseDay} or earlier`,
      `Correct ${constant}, or name the day of the release with --date`,
    ],
    undated: [
      `Cannot date ${constant}: found ${found}, expected a date or a year`,
      `State the date of the data in ${constant}, as YYYY-MM-DD or YYYY`,
    ],
  }[state];
  return (strict ? error : warning)(message ?? state, { at, remedy });
}

/** Returns the newest date of a vintage and its age, or else its text, for a message. */
function foundIn({ text, stated, age }: JudgedVintage): string {
  if (stated === undefined || age === undefined) {
    return stated ?? quote(text);
  }
  const { least, most } = age;
  const days = least === most ? `${most}` : `${least} to ${most}`;
  return `${stated}, ${days} ${days === "1" ? "day" : "days"} old`;
}

/** Returns a finding for each constant that has a rule, was there in the last release and is gone. */
async function missingVintages(
  tree: Tree,
  vintages: readonly Vintage[],
  { strict, findLast }: VintageQuestion,
): Promise<Finding[]> {
  const isMissing = (name: string) => !vintages.some(({ constant }) => constant === name);
  const missing = Object.keys(rules).filter(isMissing);
  if (missing.length === 0 || findLast === undefined) {
    return [];
  }
  const { value: version } = await attempt(() => workspaceVersion(tree));
  const last = await findLast(version);
  if (last.why !== undefined) {
    return [notComparable(last.why)];
  }
  const { found } = await findVintages(last.tree);
  return missing
    .filter((name) => found.some(({ constant }) => constant === name))
    .map((constant) =>
      (strict ? error : warning)(
        `Cannot judge ${constant}: found no such constant in ${folder}, and ${last.tag} has it`,
        { remedy: `Declare ${constant} there, or set its rule to undefined in scripts/layout.ts` },
      ),
    );
}

// The command

export const table = command({
  name: "scripts/check-vintages.ts",
  needs: "vintages",
  summary: "Checks that the embedded reference data are fresh enough for a release.",
  operands: {},
  options: {
    date: option("YYYY-MM-DD", "the day of the release (default: today in UTC)", parseDay),
    strict: flag("refuse a vintage that is stale and not deferred, or cannot be judged"),
    ref: refOption,
    verbose: verboseOption,
  },
  refuses: [
    `no const …_VINTAGE is found in ${folder}, or a file there cannot be read`,
    'a constant is declared in another form than pub const NAME_VINTAGE: &str = "...";',
    "with --strict: a vintage is stale, and no line of the changelog's section defers it",
    "with --strict: a constant that has a rule was there in the last release and is missing",
    "with --strict: a vintage states no date, a future one, or a year that its rule cannot judge",
  ],
  example: "bun scripts/check-vintages.ts --date 2026-08-07 --strict",
  async run({ options, now, repository, report }) {
    const releaseDay = options.date ?? dayOf(now);
    let vintages: readonly JudgedVintage[] = [];
    const opened = await repository();
    const findings = await judge(opened, options.ref, async (tree, commit, findLast) => {
      const audit = await auditVintages(tree, {
        releaseDay,
        strict: options.strict,
        // After its tag, a version is the last release until the next bump.
        async findLast(version) {
          const { findCommit } = await import("./lib/git/git.ts");
          const names = [`refs/tags/${layout.tagPrefix}${version}`, commit ?? "HEAD"];
          const [tagged, judged] = await Promise.all(names.map((each) => findCommit(opened, each)));
          return await findLast(tagged === judged ? version : undefined);
        },
      });
      vintages = audit.vintages;
      return audit.findings;
    });
    report.add(findings);
    report.attach({ date: releaseDay, vintages: vintages.map(dataOf) });
  },
});

function dataOf(judged: JudgedVintage): Json {
  const { constant, text, at, stated, age, rule, state, deferral } = judged;
  return {
    constant,
    value: text,
    file: at.file,
    line: at.line,
    dated: stated ?? null,
    ageDays: age ?? null,
    rule: rule?.words ?? null,
    state,
    deferral: deferral?.text,
  };
}

if (import.meta.main) {
  await main(table);
}
