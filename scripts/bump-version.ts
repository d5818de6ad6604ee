#!/usr/bin/env bun
/**
 * Sets every version reference to a version (PROCEDURE steps 2 and 3): manifests, lock files, CI
 * templates, snippets, schema examples, changelogs and the chart.
 *
 * Usage: bun scripts/bump-version.ts X.Y.Z [--chart A.B.C] [--date YYYY-MM-DD] [--dry-run] [--chart-only] [--allow-same] [--verbose]
 *
 * A prerelease moves only the manifests and the lock files, because people copy the other references.
 *
 * Refuses, and writes no file, if the version is not greater than the current one, has a local tag or is
 * below the newest release, if a file other than a changelog has uncommitted changes, or if an edit
 * cannot be proven to change only the intended values. Restores every file after a failure. Runs
 * check-references on the result.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted
 * (143 by SIGTERM, 129 by SIGHUP).
 */

import { unifiedDiff } from "./bump/diff.ts";
import {
  type BumpPlan,
  type BumpRequest,
  type FileEdit,
  findTargets,
  planBump,
  type Targets,
} from "./bump/plan.ts";
import { judgeReferences } from "./check-references.ts";
import { dayOf, parseDay } from "./lib/calendar.ts";
import { command, flag, main, need, operand, option, verboseOption, versionOf } from "./lib/cli.ts";
import { UsageError } from "./lib/command-line.ts";
import { findFile } from "./lib/disk/files.ts";
import { workTree } from "./lib/disk/work-tree.ts";
import { versionIn } from "./lib/files/cargo.ts";
import { readChangelog, sectionsOf } from "./lib/files/changelog.ts";
import {
  applicationVersions,
  readReferences,
  table as references,
  type Versions,
} from "./lib/files/references.ts";
import {
  attempt,
  error,
  type Finding,
  notice,
  shellWord,
  together,
  warning,
} from "./lib/finding.ts";
import { changesAmong, showBranch } from "./lib/git/checkout.ts";
import { gitOutput } from "./lib/git/git.ts";
import { newestRelease, releasesBefore } from "./lib/git/last-release.ts";
import { countMentions } from "./lib/git/mentions.ts";
import { openObjects } from "./lib/git/objects.ts";
import type { Repository } from "./lib/git/repository.ts";
import { listTags } from "./lib/git/tag.ts";
import { Interrupted } from "./lib/interrupt.ts";
import { layout } from "./lib/layout.ts";
import { baseBranch, bases, orOnLine, releaseBranch } from "./lib/release-branch.ts";
import type { Report } from "./lib/report.ts";
import { source, type Tree } from "./lib/tree.ts";
import { compareVersions, isPrerelease, isVersion, type Version } from "./lib/version.ts";

/** The result of a request: a bump, or the faults that refuse it. */
export interface Preparation {
  readonly targets?: Targets;
  readonly plan?: BumpPlan | undefined;
  /** The workspace's version before the bump. */
  readonly from?: Version;
  readonly faults: readonly Finding[];
}

/** Computes a bump of a tree. Writes nothing. */
export async function prepareBump(tree: Tree, request: BumpRequest): Promise<Preparation> {
  const { version, chartOnly, date } = request;
  const movesChart = chartOnly || !isPrerelease(version);
  const asked = {
    ...(chartOnly ? {} : applicationVersions(version)),
    ...(movesChart ? { chart: request.chart ?? version } : {}),
  };
  const read = await readReferences(tree, asked);
  const planTo = (versions: Versions) => attempt(() => planBump(tree, read, versions, date));
  const { version: stated, faults: unread } = read.workspace;
  const current = versionIn(read.workspace);
  const chart = read.references.find(
    ({ row, what }) => row.follows === "chart" && what === "version",
  );
  // The unreadable file may be the chart.
  const isChartUnknown = movesChart && chart === undefined && read.faults.length > 0;
  if (stated === undefined || current === undefined || isChartUnknown) {
    const file = layout.workspaceManifest;
    const at = stated?.place() ?? { file };
    const table = stated?.path.slice(0, -1).join(".") ?? "workspace.package";
    const fault = error(`Cannot bump: ${file} states no workspace version that is strict SemVer`, {
      at,
      remedy: `Set version = "X.Y.Z" in [${table}] of ${file}`,
    });
    const isFault = current === undefined && (stated !== undefined || unread.length === 0);
    // What keeps the targets from being known hides no other fault.
    const others = (await planTo(asked)).findings ?? [];
    const isOther = (each: Finding) => !isFault || !Bun.deepEquals(each.at, at);
    return { faults: [...(isFault ? [fault] : []), ...others.filter(isOther)] };
  }
  const { targets, faults } = findTargets(
    request,
    { value: current, place: stated.place },
    chart && { value: chart.version as Version, place: chart.place },
  );
  const plan = await planTo(targets.versions);
  return {
    targets,
    from: current,
    plan: plan.value,
    faults: [...faults, ...(plan.findings ?? [])],
  };
}

/**
 * Returns an error for each version that has a local tag, or is below the newest release.
 *
 * @param isOnMain Whether the bump has no fault yet, and its releases come from main. Otherwise the newest
 * release is not compared: another finding has the same cause, or an older line may be released.
 */
async function checkTags(
  repository: Repository,
  { versions }: Targets,
  isOnMain: Promise<boolean>,
): Promise<Finding[]> {
  const { tagPrefix, chartTagPrefix, mainBranch, releaseBranches, remote } = layout;
  const { application, chart } = versions;
  const refs = await listTags(repository, [`${tagPrefix}*`, `${chartTagPrefix}*`]);
  const asked = [
    ...(application ? [{ prefix: tagPrefix, version: application, isLockstep: false }] : []),
    ...(chart ? [{ prefix: chartTagPrefix, version: chart, isLockstep: !!application }] : []),
  ].map((each) => ({ ...each, tag: each.prefix + each.version }));
  const taken = asked.filter(({ tag }) => refs.some(({ name }) => name === tag));
  if (taken.length > 0) {
    return taken.map(({ tag, isLockstep }) => {
      const next = isLockstep
        ? "name the chart's next one with --chart A.B.C"
        : "bump to the next version";
      const remedy = `Never change what a tag has published: ${next}`;
      return error(`Cannot bump: tag ${tag} already exists locally`, { remedy });
    });
  }
  for (const { prefix, version, tag } of (await isOnMain) ? asked : []) {
    const newest = newestRelease(refs, prefix);
    if (newest && compareVersions(version, newest.version) < 0) {
      const here = releaseBranches.length > 0 ? " from here" : "";
      const why = `releases come from ${bases} only, so an older line cannot be released${here}`;
      const remedy = orOnLine(
        `Bring the change to ${mainBranch}, and release it from there with a version greater than ${newest.version}`,
      );
      const found = `${newest.tag} is released already, and ${why}`;
      return [error(`Cannot release ${tag}: ${found}`, { remedy })];
    }
  }
  const tags = asked.map(({ tag }) => tag).join(" and ");
  return [notice(`${tags}: no such local tag (${remote} is not asked)`)];
}

/** Files that may have uncommitted changes: their edits keep what the author wrote. */
const changelogs = new Set(references.flatMap(({ section, where }) => (section ? where : [])));

/** Returns the files of a bump that have uncommitted changes, apart from changelogs. */
export async function findUnclean(repository: Repository, { files }: BumpPlan) {
  const paths = files.map(({ path }) => path).filter((path) => !changelogs.has(path));
  return await changesAmong(repository, paths);
}

/** Returns an error if files have uncommitted changes: git could not restore them. */
async function checkClean(repository: Repository, plan: BumpPlan): Promise<Finding[]> {
  const [first, ...others] = await findUnclean(repository, plan);
  if (first === undefined) {
    return [];
  }
  const who = others.length === 0 ? `${first} has` : `${others.length + 1} files have`;
  const paths = [first, ...others].map(shellWord).join(" ");
  return [
    error(`Cannot bump: ${who} uncommitted changes, and the bump would overwrite them`, {
      at: { file: first },
      also: others.map((file) => ({ file })),
      remedy: `Commit that, or set it aside: git stash push --include-untracked -- ${paths} (if git status hides it, see git ls-files -v and git check-ignore -v)`,
    }),
  ];
}

/**
 * Returns a warning if another version is probably meant: a prerelease in another spelling, or the
 * version of the release branch.
 *
 * @param from The version before the bump.
 * @param branch Short name of the current branch; empty if HEAD is detached.
 * @param written The files that this run changes: none in a dry run.
 */
function checkMeant(
  version: Version,
  from: Version,
  branch: string,
  written: readonly FileEdit[],
): Finding[] {
  const [run, word] = /(?<=[-.])([A-Za-z]+)[0-9]+(?=\.|$)/.exec(version) ?? [];
  const spelled = run && version.replace(run, `${word}.${run.slice(word?.length)}`);
  const onBranch = /^release\/(.+)$/.exec(branch)?.[1] ?? "";
  if (spelled && isVersion(spelled)) {
    const why = `${version} sorts as text: ${word}10 comes before ${word}2`;
    const remedy = `Write ${spelled}: ${wayTo(spelled, version, from, written)}`;
    return [warning(why, { remedy })];
  }
  if (!isVersion(onBranch) || releaseBranch(version) === releaseBranch(onBranch)) {
    return [];
  }
  const remedy = `If ${onBranch} is meant: ${wayTo(onBranch, version, from, written)}`;
  return [warning(`The bump is to ${version}, on the branch ${branch}`, { remedy })];
}

/** Returns how to undo what a bump has written, if anything, and to bump to another version instead. */
function wayTo(meant: Version, version: Version, from: Version, files: readonly FileEdit[]) {
  const others = files.filter(({ path }) => !changelogs.has(path)).map(({ path }) => path);
  const renamed: string[] = [];
  const doubled: string[] = [];
  for (const { path, before, moves } of files) {
    const { from: origin } = moves.find(({ what }) => what === "section") ?? {};
    const isNew = origin === "[Unreleased]" || origin === "nothing";
    if (isNew && sectionsOf(readChangelog(source(path, before)), meant).length > 0) {
      const part = origin === "nothing" ? "section" : "heading";
      doubled.push(`remove the ${part} ${version} from ${path}`);
    } else if (isNew) {
      renamed.push(path);
    }
  }
  return [
    ...(others.length > 0 ? [`git checkout -- ${others.map(shellWord).join(" ")}`] : []),
    ...(renamed.length > 0 ? [`write ${meant} for ${version} in ${renamed.join(" and ")}`] : []),
    ...doubled,
    `bun scripts/bump-version.ts ${meant}${meant === from ? " --allow-same" : ""}`,
  ].join(", then ");
}

export const table = command({
  name: "scripts/bump-version.ts",
  summary: "Sets every version reference to a version, and proves each edit.",
  operands: {
    version: operand(
      "the new version, of which a prerelease moves manifests and lock files alone; the chart's with --chart-only",
      versionOf(layout.tagPrefix),
      "X.Y.Z",
    ),
  },
  options: {
    chart: option(
      "A.B.C",
      "the chart's version (default: X.Y.Z)",
      versionOf(layout.chartTagPrefix),
    ),
    date: option("YYYY-MM-DD", "the day of the release (default: today in UTC)", parseDay),
    dryRun: flag("show the unified diff and write nothing"),
    chartOnly: flag("bump only the chart's version and changelog, not appVersion"),
    allowSame: flag("accept the current version, to finish an interrupted bump"),
    verbose: verboseOption,
  },
  refuses: [
    "X.Y.Z is not greater than the workspace's version, or A.B.C than the chart's; the chart may stand at X.Y.Z",
    "one of these versions has a local tag, or is below the newest release: releases come from main only",
    "a file that would be written has uncommitted changes; a changelog may have them",
    "the changelog has ## [X.Y.Z] already, followed by more than a date or one placeholder word",
    "a changelog has no heading of a release, or its newest one is in another form than the file's",
    "a file with references cannot be read, or an edit cannot be proven",
    "check-references refuses the result",
  ],
  example: "bun scripts/bump-version.ts 1.2.3 --dry-run",
  async run({ operands, options, now, report, interrupt, repository }) {
    const { chart, chartOnly, allowSame, dryRun } = options;
    if (chartOnly && chart !== undefined) {
      throw new UsageError("--chart-only takes the chart's version as [version], without --chart");
    }
    if (!chartOnly && chart !== undefined && isPrerelease(operands.version)) {
      throw new UsageError(
        "--chart goes with a final version: a prerelease leaves the chart as it is",
      );
    }
    if (chartOnly || chart !== undefined) {
      need("chart", "bump the chart");
    }
    const opened = await repository();
    const tree = workTree(opened.root);
    const date = options.date ?? dayOf(now);
    const { version } = operands;
    const request = { version, chart, chartOnly, allowSame, date };
    const { targets, plan, from, faults } = await prepareBump(tree, request);
    report.add(faults);
    const branch = gitOutput(opened, "read the branch", showBranch).then((name) => name.trim());
    const isOnMain = (name: string) =>
      faults.length === 0 && baseBranch(name) === layout.mainBranch;
    const [tags, files, head] = await together(
      targets && checkTags(opened, targets, branch.then(isOnMain)),
      plan && !dryRun && checkClean(opened, plan),
      branch,
    );
    report.add([...(tags || []), ...(files || [])]);
    const isRefused = report.findings.some(({ level }) => level === "error");
    if (isRefused || targets === undefined || plan === undefined) {
      report.printAside("Nothing was written.");
      return;
    }
    const written = dryRun ? [] : plan.files;
    report.add(chartOnly ? [] : checkMeant(version, from ?? version, head, written));
    const count = plan.files.length === 1 ? "1 file" : `${plan.files.length} files`;
    const data = dataOf(targets, plan);
    if (dryRun) {
      const diff = diffOf(opened.root, plan);
      for (const line of diff.split("\n").slice(0, -1)) {
        report.printVerbatim(line);
      }
      report.attach({ ...data, diff });
      report.add(notice(`Dry run: ${count} would change; nothing was written`));
    } else {
      const { replaceFiles } = await import("./lib/disk/change-files.ts");
      const isInterrupted = () => interrupt.requested;
      const outcome = await interrupt.hold(() =>
        replaceFiles(opened.root, plan.files, isInterrupted),
      );
      if (outcome === "interrupted") {
        throw new Interrupted("every file is as it was before", interrupt.exitCode);
      }
      showMoves(plan, report);
      report.attach(data);
      report.add(notice(`${count} changed`));
    }
    report.add(plan.left);
    await using objects = openObjects(opened);
    const findLast = releasesBefore(opened, objects);
    // A bump of the chart alone moves no image, so it asks for none.
    const { appVersion: _, ...kept } = applicationVersions(targets.application);
    const after = chartOnly ? await readReferences(plan.result, kept) : plan.references;
    const judged = await judgeReferences(after, targets.application, findLast);
    const isReported = (each: Finding) =>
      each.level === "warning" &&
      plan.left.some(({ at }) => JSON.stringify(at) === JSON.stringify(each.at));
    const rows = Map.groupBy(judged, ({ detail }) => detail === true);
    report.add((rows.get(false) ?? []).filter((each) => !isReported(each)));
    // A batch of their own: a fault among them would print all that match as well.
    report.add(rows.get(true) ?? []);
    if (!chartOnly) {
      const lines = plan.files.flatMap(({ path, moves }) =>
        moves.map(({ line }) => `${path}:${line}`),
      );
      const known = new Set(lines);
      const isKnown = (file: string, line: number) => known.has(`${file}:${line}`);
      report.add(await countMentions(opened, version, { findLast, from, isKnown }));
    }
    if (!dryRun) {
      const { nextAfterBump } = await import("./status/after.ts");
      const { application, chart: own } = targets.versions;
      const steps = await nextAfterBump(opened, { application, chart: own }, dayOf(now));
      const warnings = [...plan.left, ...judged].filter(({ level }) => level === "warning");
      const first = new Set(warnings.map(({ message }) => `follow the warning: ${message}`));
      for (const line of ["Next:", ...[...first, ...steps].map((step) => `  - ${step}`)]) {
        report.print(line);
      }
    }
  },
});

/** Returns the diff of the files on disk, which may begin with a byte order mark. */
function diffOf(root: string, { files }: BumpPlan): string {
  const diffs = files.map(({ path, before, after }) => {
    const size = findFile(root, path, { links: "none", purpose: "write" })?.bytes.length ?? 0;
    const bom = size > Buffer.byteLength(before) ? "\ufeff" : "";
    return unifiedDiff(path, bom + before, bom + after);
  });
  return diffs.join("");
}

function showMoves({ files }: BumpPlan, report: Report): void {
  const rows = files.flatMap(({ path, moves }) =>
    moves.map(({ line, what, from, to }) => [`${path}:${line ?? "?"}`, what, `${from} -> ${to}`]),
  );
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    report.print(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  }
}

function dataOf(targets: Targets, plan: BumpPlan) {
  const { application, appVersion, chart } = targets.versions;
  const files = plan.files.map(({ path, moves }) => ({
    path,
    moves: moves.map((each) => ({ ...each })),
  }));
  return { application, appVersion: chart && appVersion, chart, files };
}

if (import.meta.main) {
  await main(table);
}
