#!/usr/bin/env bun
/**
 * Checks that a change of the chart comes with a greater version and a changelog entry (PROCEDURE
 * step 3).
 *
 * Usage: bun scripts/check-chart-version-bumped.ts [base] [--ref COMMIT] [--repo DIR] [--json]
 *
 * Compares HEAD with its merge base with the base. Uncommitted changes are not checked; without
 * --ref they are a warning. Refuses a change of the chart without a greater version (by SemVer
 * precedence) or without a new `## [A.B.C]` section with content in CHANGELOG.md. If only
 * CHANGELOG.md has changed, no new version is needed.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { command, main, nonEmpty, option, optionalOperand } from "./lib/cli.ts";
import { UsageError } from "./lib/command-line.ts";
import { readChangelog, sectionsOf } from "./lib/files/changelog.ts";
import { chartManifest, chartVersionFrom, type Located } from "./lib/files/chart.ts";
import { attempt, error, type Finding, notice, together, warning } from "./lib/finding.ts";
import { readStatus } from "./lib/git/checkout.ts";
import { type ObjectId, resolveCommit, short } from "./lib/git/git.ts";
import { changedPaths, findMergeBases, type MergeBases } from "./lib/git/history.ts";
import { commitTree, openObjects } from "./lib/git/objects.ts";
import type { Repository } from "./lib/git/repository.ts";
import { layout } from "./lib/layout.ts";
import type { Decoding, Source, Tree } from "./lib/tree.ts";
import { compareVersions, type Version } from "./lib/version.ts";

const { chart: folder } = layout;
const manifest = chartManifest(folder);
const changelogPath = `${folder}/CHANGELOG.md`;

/** A change, as two trees and the paths that differ between them. */
export interface Change {
  readonly base: Tree;
  readonly head: Tree;
  /** Relative to the top level. Paths outside of the chart's folder are ignored. */
  readonly changed: readonly string[];
}

/** Checks the effect of a change on the chart. */
export async function checkChartVersionBumped({ base, head, changed }: Change): Promise<Finding[]> {
  const ours = changed.filter((path) => path === folder || path.startsWith(`${folder}/`));
  if (ours.length === 0) {
    const unchanged = notice(`${folder}: no change since the base`);
    const missing = warning(`There is no ${manifest}, so no change of a chart will ever be found`, {
      remedy: "Name the chart's folder in scripts/layout.ts",
    });
    return (await head.list(manifest)).length > 0 ? [unchanged] : [unchanged, missing];
  }
  const log = await attempt(() => head.read(changelogPath));
  if (ours.every((path) => path === changelogPath)) {
    return log.value === undefined
      ? [...(log.findings ?? [noChangelog(`Restore ${changelogPath}, and commit it`)])]
      : [notice(`${folder}: only CHANGELOG.md changed since the base, no new version needed`)];
  }
  const [before, after] = await Promise.all([
    attempt(() => versionIn(base, { lenient: true })),
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
  if (before.findings === undefined && before.value === undefined) {
    return version === undefined
      ? [...(after.findings ?? [])]
      : [notice(`${manifest}: version ${version.value} of a new chart`, version)];
  }
  const findings = [
    notice(`${folder}: changed since the base: ${listed(ours)}`),
    ...faultsOfBase(before.findings, "version"),
    ...(after.findings ?? []),
    ...(version === undefined ? [] : versionFindings(before.value?.value, version)),
  ];
  // Without a new version, no section can be required.
  const bumped = findings.some(({ level }) => level === "error") ? undefined : version?.value;
  const ofLog =
    log.value === undefined
      ? (log.findings ?? [noChangelog(describing(bumped ?? "A.B.C"))])
      : bumped === undefined
        ? []
        : await changelogFindings(base, log.value, bumped);
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

function noChangelog(remedy: string): Finding {
  const at = { file: changelogPath };
  return error(`${cannotAccept}: found no CHANGELOG.md, expected one`, { at, remedy });
}

const describing = (version: Version | "A.B.C") =>
  `Describe the change in ${changelogPath} below ## [${version}], and commit it`;

function listed(paths: readonly string[]): string {
  const names = paths.slice(0, 5).map((path) => path.slice(folder.length + 1) || path);
  const more = paths.length - names.length;
  return more === 0 ? names.join(", ") : `${names.join(", ")} and ${more} more`;
}

/** Checks the version against the one of the base, which may be unknown. */
function versionFindings(before: Version | undefined, { value, at }: Located<Version>): Finding[] {
  if (before !== undefined && compareVersions(value, before) <= 0) {
    const expected = `expected one greater than ${before} of the base`;
    return [
      error(`${cannotAccept}: found version ${value} in Chart.yaml, ${expected}`, {
        at,
        remedy: `Set version in ${manifest} to one greater than ${before}, describe the change in ${changelogPath} below a heading ## [A.B.C] of that version, and commit both`,
      }),
    ];
  }
  const from = before === undefined ? "" : `${before} -> `;
  return [notice(`${manifest}: version ${from}${value}`, { at })];
}

/** Checks the section of a version in the changelog. */
async function changelogFindings(
  base: Tree,
  source: Source,
  version: Version,
): Promise<readonly Finding[]> {
  const heading = `## [${version}]`;
  const before = await attempt(() => base.read(changelogPath, { lenient: true }));
  const changelog = readChangelog(source);
  const sections = sectionsOf(changelog, version);
  const [section, second] = sections;
  if (section === undefined) {
    const similar = changelog.sections.find(({ title }) => title.includes(version));
    const found = similar === undefined ? "" : `, found "## ${similar.title}"`;
    return [
      error(`${cannotAccept}: ${changelogPath} has no section ${heading}${found}`, {
        at: similar?.at ?? source.place(),
        remedy: describing(version),
      }),
    ];
  }
  const findings = faultsOfBase(before.findings, "changelog");
  if (second !== undefined) {
    findings.push(
      warning(`${changelogPath} has more than one section ${heading}`, {
        at: second.at,
        remedy: "Merge the sections into one",
      }),
    );
  }
  const refuse = (found: string, remedy: string) =>
    findings.push(error(`${cannotAccept}: found ${found}`, { at: section.at, remedy }));
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
      `${describing(version)}; sub-headings and HTML comments alone do not count`,
    );
  }
  return findings.some(({ level }) => level === "error")
    ? findings
    : [...findings, notice(`${changelogPath}: new section ${heading} with content`, saying)];
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

/** Checks a commit against each merge base. */
async function judgeCommit(
  repository: Repository,
  { mergeBases }: MergeBases,
  head: ObjectId,
): Promise<Finding[]> {
  await using objects = openObjects(repository);
  const judged = await Promise.all(
    mergeBases.map(async (mergeBase) => {
      const answer = await attempt(async () =>
        checkChartVersionBumped({
          base: commitTree(objects, mergeBase),
          head: commitTree(objects, head),
          changed: await changedPaths(repository, objects, mergeBase, head, folder),
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
  summary: "Checks that a change of the chart comes with a greater version and a changelog entry.",
  operands: {
    base: optionalOperand(
      `the branch of ${layout.remote}, or any commit, to compare with (default: $GITHUB_BASE_REF)`,
      nonEmpty,
    ),
  },
  options: { ref: option("COMMIT", "check that commit instead of HEAD", nonEmpty) },
  refuses: [
    `${folder} has changed, and its version is not greater than at the merge base with the base`,
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
