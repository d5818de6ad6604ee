#!/usr/bin/env bun
/**
 * Checks that a change of the chart comes with a greater version and a changelog entry (PROCEDURE
 * step 3).
 *
 * Usage: bun scripts/check-chart-version-bumped.ts [base] [--ref COMMIT] [--repo DIR] [--json]
 *
 * Compares HEAD with its merge base with the base. Uncommitted changes are not checked; without
 * --ref they are a warning. Refuses a change of the chart without a greater version (by SemVer
 * precedence) or without a new `## [A.B.C]` section with content in CHANGELOG.md. The version must
 * exceed that of the base itself, too: another change may have taken it since the merge base. If
 * only CHANGELOG.md has changed, no new version is needed. If the layout names no changelog of the
 * chart, only the version is checked.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { command, main, nonEmpty, option, optionalOperand } from "./lib/cli.ts";
import { UsageError } from "./lib/command-line.ts";
import { type Changelog, readChangelog, sectionsOf } from "./lib/files/changelog.ts";
import { chartManifest, chartVersionFrom, type Located } from "./lib/files/chart.ts";
import {
  attempt,
  error,
  type Finding,
  notice,
  type Place,
  together,
  warning,
} from "./lib/finding.ts";
import { readStatus } from "./lib/git/checkout.ts";
import { type ObjectId, resolveCommit, short } from "./lib/git/git.ts";
import { changedPaths, findMergeBases, type MergeBases } from "./lib/git/history.ts";
import { commitTree, openObjects } from "./lib/git/objects.ts";
import type { Repository } from "./lib/git/repository.ts";
import { layout } from "./lib/layout.ts";
import type { Decoding, Tree } from "./lib/tree.ts";
import { compareVersions, type Version } from "./lib/version.ts";

const { chart: folder } = layout;
const manifest = chartManifest(folder);

/** A change, as two trees and the paths that differ between them. */
export interface Change {
  readonly base: Tree;
  readonly head: Tree;
  /** Relative to the top level. Paths outside of the chart's folder are ignored. */
  readonly changed: readonly string[];
  /** The tip of the base branch, if its chart may have another version than the base. */
  readonly tip?: { readonly shown: string; readonly tree: Tree } | undefined;
}

/** Checks the effect of a change on the chart. */
export async function checkChartVersionBumped(change: Change): Promise<Finding[]> {
  const { base, head, changed, tip } = change;
  const { chartChangelog } = layout;
  const path = chartChangelog && `${folder}/${chartChangelog}`;
  const ours = changed.filter((path) => path === folder || path.startsWith(`${folder}/`));
  if (ours.length === 0) {
    const unchanged = notice(`${folder}: no change since the base`);
    const missing = warning(`There is no ${manifest}, so no change of a chart will ever be found`, {
      remedy: "Name the chart's folder in scripts/layout.ts",
    });
    return (await head.list(manifest)).length > 0 ? [unchanged] : [unchanged, missing];
  }
  const log = await attempt(async () => path && (await head.read(path)));
  const changelog = log.value ? readChangelog(log.value) : undefined;
  if (path && ours.every((each) => each === path)) {
    return changelog === undefined
      ? [...(log.findings ?? [noChangelog(path, `Restore ${path}, and commit it`)])]
      : [notice(`${folder}: only ${chartChangelog} changed since the base, no new version needed`)];
  }
  const [before, ahead, after] = await Promise.all([
    attempt(() => versionIn(base, { lenient: true })),
    attempt(async () => tip && (await versionIn(tip.tree, { lenient: true }))),
    attempt(() => versionIn(head)),
  ]);
  const version = after.value;
  if (after.findings === undefined && version === undefined) {
    const remedy =
      "Restore it; if the chart has moved or is retired, say so in scripts/layout.ts and in CI";
    const at = { file: manifest };
    return [
      error(`${cannotAccept}: found no ${manifest}, expected the chart to stay`, { at, remedy }),
    ];
  }
  const ways = waysOut(path, changelog);
  const isNew = before.findings === undefined && before.value === undefined;
  const others = { before: before.value?.value, taken: ahead.value?.value, isNew, tip: tip?.shown };
  const ofVersion = [
    ...faultsOfBase(before.findings, "version"),
    ...faultsOfBase(ahead.findings, "version"),
    ...(after.findings ?? []),
    ...(version === undefined ? [] : versionFindings(version, others, ways)),
  ];
  if (isNew) {
    return ofVersion;
  }
  const findings = [notice(`${folder}: changed since the base: ${listed(ours)}`), ...ofVersion];
  // Without a new version, no section can be required.
  const bumped = findings.some(({ level }) => level === "error") ? undefined : version?.value;
  const ofLog =
    path === undefined
      ? []
      : changelog === undefined
        ? (log.findings ?? [noChangelog(path, ways.describe(bumped ?? "A.B.C"))])
        : bumped === undefined
          ? []
          : await changelogFindings(base, changelog, bumped, ways);
  return [...findings, ...ofLog];
}

/** Returns the chart's version in a tree, or undefined if there is no chart. */
async function versionIn(tree: Tree, decoding?: Decoding): Promise<Located<Version> | undefined> {
  const found = await tree.read(manifest, decoding);
  return found && chartVersionFrom(found);
}

/**
 * Returns the faults of the base as warnings, so that they do not block the change that corrects
 * them. A failure of git has no place in a file and remains an error.
 */
function faultsOfBase(findings: readonly Finding[] | undefined, what: string): Finding[] {
  return (findings ?? []).map((fault) =>
    fault.at === undefined
      ? fault
      : warning(`Cannot compare with the ${what} of the base: ${fault.message}`, {
          remedy: "Check by hand that the version has not been released before",
        }),
  );
}

const cannotAccept = `Cannot accept the change of ${folder}`;

function noChangelog(file: string, remedy: string): Finding {
  const name = file.slice(folder.length + 1);
  return error(`${cannotAccept}: found no ${name}, expected one`, { at: { file }, remedy });
}

/** Returns the ways out of faults of the version and of its section, which may not be needed. */
function waysOut(path: string | undefined, changelog: Changelog | undefined) {
  const heading = (name: string) => changelog?.heading(name)[0] ?? `## [${name}]`;
  const section = `describe the change in ${path} below a heading ${heading("A.B.C")} of that version`;
  const commit = path === undefined ? "and commit it" : `${section}, and commit both`;
  return {
    heading,
    describe: (name: string) =>
      `Describe the change in ${path} below ${heading(name)}, and commit it`,
    raise: (least: Version) => `Set version in ${manifest} to one greater than ${least}, ${commit}`,
  };
}

type WaysOut = ReturnType<typeof waysOut>;

function listed(paths: readonly string[]): string {
  const names = paths.slice(0, 5).map((path) => path.slice(folder.length + 1) || path);
  const more = paths.length - names.length;
  return more === 0 ? names.join(", ") : `${names.join(", ")} and ${more} more`;
}

/** Other versions of the chart. */
interface OtherVersions {
  /** The one of the base; undefined if it is unknown, or the chart is new. */
  readonly before: Version | undefined;
  readonly isNew: boolean;
  /** The one of the base branch's tip, if it may differ, and the name of that branch. */
  readonly taken: Version | undefined;
  readonly tip: string | undefined;
}

/** Checks the version against others. */
function versionFindings(
  { value, at }: Located<Version>,
  { before, isNew, taken, tip }: OtherVersions,
  { raise }: WaysOut,
): Finding[] {
  const isAbove = (one: Version, other: Version) => compareVersions(one, other) > 0;
  const found = `${cannotAccept}: found version ${value} in Chart.yaml`;
  const isNewer = taken !== undefined && (before === undefined || isAbove(taken, before));
  if (isNewer && !isAbove(value, taken)) {
    const message = `${found}, but ${tip} already has ${taken}: raise it further`;
    return [error(message, { at, remedy: raise(taken) })];
  }
  if (before !== undefined && !isAbove(value, before)) {
    const expected = `expected one greater than ${before} of the base`;
    return [error(`${found}, ${expected}`, { at, remedy: raise(before) })];
  }
  const from = before === undefined ? "" : `${before} -> `;
  return [notice(`${manifest}: version ${from}${value}${isNew ? " of a new chart" : ""}`, { at })];
}

/** Checks the section of a version in the changelog. */
async function changelogFindings(
  base: Tree,
  changelog: Changelog,
  version: Version,
  { heading: form, describe }: WaysOut,
): Promise<readonly Finding[]> {
  const { source } = changelog;
  const heading = form(version);
  const before = await attempt(() => base.read(source.path, { lenient: true }));
  const sections = sectionsOf(changelog, version);
  const [section, ...more] = sections;
  if (section === undefined) {
    const similar = changelog.misspelled.find((each) => each.version === version);
    const found = similar === undefined ? "" : `, found "${similar.heading}"`;
    return [
      error(`${cannotAccept}: ${source.path} has no section ${heading}${found}`, {
        at: similar?.at ?? source.place(),
        remedy: similar ? `Write the heading as ${heading}, and commit it` : describe(version),
      }),
    ];
  }
  const findings = faultsOfBase(before.findings, "changelog");
  const refuse = (found: string, remedy: string, also: readonly Place[] = []) =>
    findings.push(error(`${cannotAccept}: found ${found}`, { at: section.at, also, remedy }));
  if (more.length > 0) {
    const places = more.map(({ at }) => at);
    refuse(`section ${heading} twice, expected it once`, "Merge the sections into one", places);
  }
  if (before.value !== undefined && sectionsOf(readChangelog(before.value), version).length > 0) {
    refuse(
      `section ${heading} in the base already, expected a new one`,
      "Describe the change below the heading of a version that is not in the base",
    );
  }
  const saying = sections.find(({ hasContent }) => hasContent);
  if (saying === undefined) {
    refuse(
      `nothing below ${heading}, expected what has changed`,
      `${describe(version)}; sub-headings and HTML comments alone do not count`,
    );
  }
  return findings.some(({ level }) => level === "error")
    ? findings
    : [...findings, notice(`${source.path}: new section ${heading} with content`, saying)];
}

/**
 * Checks the changes of the chart between a base and a commit.
 *
 * @param base A branch of the remote, or any commit-ish.
 * @throws {Refusal} If the base is unknown, or this clone has no common ancestor.
 */
export async function checkChartSince(
  repository: Repository,
  base: string,
  commit: ObjectId,
): Promise<Finding[]> {
  const against = await findMergeBases(repository, base, { shown: short(commit), commit });
  return await judgeCommit(repository, against, commit);
}

/** Checks a commit against each merge base, and against the base if that has another chart by now. */
async function judgeCommit(
  repository: Repository,
  { base, mergeBases }: MergeBases,
  head: ObjectId,
): Promise<Finding[]> {
  await using objects = openObjects(repository);
  const [ours, theirs, ...earlier] = await Promise.all(
    [head, base.commit, ...mergeBases].map(
      async (commit) => (await objects.find(`${commit}:${folder}`))?.id,
    ),
  );
  // A merge takes the base's chart if the commit has not changed it since each merge base.
  const tip = [theirs, ...earlier].includes(ours)
    ? undefined
    : { shown: base.shown, tree: commitTree(objects, base.commit) };
  const judged = await Promise.all(
    mergeBases.map(async (mergeBase) => {
      const answer = await attempt(async () =>
        checkChartVersionBumped({
          base: commitTree(objects, mergeBase),
          head: commitTree(objects, head),
          changed: await changedPaths(repository, objects, mergeBase, head, folder),
          tip,
        }),
      );
      return answer.findings ?? answer.value;
    }),
  );
  // The same finding for several merge bases is reported once.
  const once = new Map(judged.flat().map((finding) => [JSON.stringify(finding), finding]));
  return [...once.values()].map((finding) =>
    finding.at === undefined ? finding : { ...finding, commit: finding.commit ?? head },
  );
}

/** Returns a warning if the chart has uncommitted changes, which are not checked. */
async function uncommitted(repository: Repository): Promise<Finding[]> {
  const { changes } = await readStatus(repository);
  // git reports an untracked folder without its content, which may include the chart.
  const ours = changes.filter(
    (path) => path.startsWith(`${folder}/`) || (path.endsWith("/") && folder.startsWith(path)),
  );
  return ours.length === 0
    ? []
    : [
        warning(`Uncommitted changes in ${folder} are not judged: ${listed(ours)}`, {
          remedy: "Commit them, then run this again",
        }),
      ];
}

export const table = command({
  name: "scripts/check-chart-version-bumped.ts",
  needs: "chart",
  summary: "Checks that a change of the chart comes with a greater version and a changelog entry.",
  operands: {
    base: optionalOperand(
      `the branch of ${layout.remote}, or any commit, to compare with (default: $GITHUB_BASE_REF)`,
      nonEmpty,
    ),
  },
  options: { ref: option("COMMIT", "check that commit instead of HEAD", nonEmpty) },
  refuses: [
    `${folder} has changed, and its version is not greater than at the base, and at the merge base with it`,
    "its CHANGELOG.md is missing or cannot be read, even if nothing else has changed",
    "its CHANGELOG.md has no new ## [A.B.C] section with content for the version",
    "Chart.yaml is missing or cannot be read",
    "the base is unknown, has no common ancestor with HEAD, or the clone is shallow",
  ],
  example: "bun scripts/check-chart-version-bumped.ts main",
  async run({ operands, options, env, repository, report }) {
    const base = operands.base || env.GITHUB_BASE_REF;
    if (!base) {
      throw new UsageError("missing operand [base], and GITHUB_BASE_REF is not set");
    }
    const shown = options.ref ?? "HEAD";
    const opened = await repository();
    const resolving = resolveCommit(opened, shown);
    const [commit, against, notJudged] = await together(
      resolving,
      findMergeBases(opened, base, { shown, commit: resolving }),
      options.ref === undefined ? uncommitted(opened) : [],
    );
    report.add([notice(evidence(against, shown, commit)), ...notJudged]);
    report.attach({
      base: against.base.shown,
      baseCommit: against.base.commit,
      mergeBases: against.mergeBases,
      head: commit,
    });
    report.add(await judgeCommit(opened, against, commit));
  },
});

function evidence({ base, mergeBases }: MergeBases, shown: string, head: ObjectId): string {
  const bases = `merge base ${mergeBases.map(short).join(" and ")}`;
  return `${shown} at ${short(head)} against base ${base.shown} at ${short(base.commit)} (${bases})`;
}

if (import.meta.main) {
  await main(table);
}
