#!/usr/bin/env bun
/**
 * Sets every version reference to a version (PROCEDURE steps 2 and 3): manifests, lock files, CI
 * templates, snippets, schema examples, changelogs and the chart.
 *
 * Usage: bun scripts/bump-version.ts X.Y.Z [--chart A.B.C] [--date YYYY-MM-DD] [--dry-run] [--chart-only] [--allow-same]
 *
 * Refuses, and writes no file, if the version is not greater than the current one or has a local tag, if
 * a file has uncommitted changes, or if an edit cannot be proven to change only the intended values.
 * Restores every file after a failure. Runs check-references on the result.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted
 * (143 by SIGTERM, 129 by SIGHUP).
 */

import { unifiedDiff } from "./bump/diff.ts";
import {
  type BumpPlan,
  type BumpRequest,
  findTargets,
  planBump,
  type Targets,
} from "./bump/plan.ts";
import { checkReferences, judgeReferences } from "./check-references.ts";
import { dayOf, parseDay } from "./lib/calendar.ts";
import { command, flag, main, operand, option, versionOf } from "./lib/cli.ts";
import { UsageError } from "./lib/command-line.ts";
import { findFile } from "./lib/disk/files.ts";
import { workTree } from "./lib/disk/work-tree.ts";
import { applicationVersions, readReferences, type Versions } from "./lib/files/references.ts";
import { attempt, error, type Finding, notice, shellWord, together } from "./lib/finding.ts";
import { changesAmong, readStatus } from "./lib/git/checkout.ts";
import { earlierReleases } from "./lib/git/last-release.ts";
import type { Repository } from "./lib/git/repository.ts";
import { refValue } from "./lib/git/tag.ts";
import { Interrupted } from "./lib/interrupt.ts";
import { layout } from "./lib/layout.ts";
import { checkoutMain, mergeCommand, releaseBranch } from "./lib/release-branch.ts";
import type { Report } from "./lib/report.ts";
import type { Tree } from "./lib/tree.ts";
import { isVersion, type Version } from "./lib/version.ts";

/** The result of a request: a bump, or the faults that refuse it. */
export interface Preparation {
  readonly targets?: Targets;
  readonly plan?: BumpPlan | undefined;
  readonly faults: readonly Finding[];
}

/** Computes a bump of a tree. Writes nothing. */
export async function prepareBump(tree: Tree, request: BumpRequest): Promise<Preparation> {
  const { version, chartOnly, date } = request;
  const asked = {
    ...(chartOnly ? {} : applicationVersions(version)),
    chart: request.chart ?? version,
  };
  const read = await readReferences(tree, asked);
  const planTo = (versions: Versions) => attempt(() => planBump(tree, read, versions, date));
  const stated = read.workspace.version;
  const isStrict = typeof stated?.value === "string" && isVersion(stated.value);
  const chart = read.references.find(
    ({ row, what }) => row.follows === "chart" && what === "version",
  );
  // The unreadable file may be the chart.
  const isChartUnknown = chart === undefined && read.faults.length > 0;
  if (stated === undefined || !isStrict || isChartUnknown) {
    const file = layout.workspaceManifest;
    const at = stated?.place();
    const fault = error(`Cannot bump: ${file} states no workspace version that is strict SemVer`, {
      at,
      remedy: `Set version = "X.Y.Z" in [workspace.package] of ${file}`,
    });
    // What keeps the targets from being known hides no other fault.
    const others = (await planTo(asked)).findings ?? [];
    const isOther = (each: Finding) => at === undefined || !Bun.deepEquals(each.at, at);
    return {
      faults: [...(at === undefined || isStrict ? [] : [fault]), ...others.filter(isOther)],
    };
  }
  const { targets, faults } = findTargets(
    request,
    { value: stated.value as Version, place: stated.place },
    chart && { value: chart.version as Version, place: chart.place },
  );
  const plan = await planTo(targets.versions);
  return { targets, plan: plan.value, faults: [...faults, ...(plan.findings ?? [])] };
}

/** Returns an error for each version that has a local tag. The remote is not asked. */
async function checkTags(repository: Repository, { versions }: Targets): Promise<Finding[]> {
  const tags = [
    ...(versions.application === undefined ? [] : [layout.tagPrefix + versions.application]),
    ...(versions.chart === undefined ? [] : [layout.chartTagPrefix + versions.chart]),
  ];
  const found = await Promise.all(tags.map((tag) => refValue(repository, `refs/tags/${tag}`)));
  const taken = tags.filter((_, index) => found[index] !== undefined);
  return taken.length > 0
    ? taken.map((tag) =>
        error(`Cannot bump: tag ${tag} already exists locally`, {
          remedy: "Never change what a tag has published: bump to the next version",
        }),
      )
    : [notice(`${tags.join(" and ")}: no such local tag (${layout.remote} is not asked)`)];
}

/** Returns an error for each file with uncommitted changes: git could not restore them. */
async function checkClean(repository: Repository, { files }: BumpPlan): Promise<Finding[]> {
  const paths = files.map(({ path }) => path);
  return (await changesAmong(repository, paths)).map((path) =>
    error(`Cannot bump: ${path} has uncommitted changes, and the bump would overwrite them`, {
      at: { file: path },
      remedy: `Commit it, or set it aside: git stash push --include-untracked -- ${shellWord(path)} (if git status hides it, see git ls-files -v and git check-ignore -v)`,
    }),
  );
}

export const table = command({
  name: "scripts/bump-version.ts",
  summary: "Sets every version reference to a version, and proves each edit.",
  operands: {
    version: operand(
      "the new version; the chart's with --chart-only",
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
  },
  refuses: [
    "X.Y.Z is not greater than the workspace's version, or A.B.C than the chart's",
    "one of these versions has a local tag",
    "a file that would be written has uncommitted changes",
    "the changelog has ## [X.Y.Z] already, followed by more than a date or one placeholder word",
    "a file with references cannot be read, or an edit cannot be proven",
    "check-references refuses the result",
  ],
  example: "bun scripts/bump-version.ts 1.2.3 --dry-run",
  async run({ operands, options, now, report, interrupt, repository }) {
    const { chart, chartOnly, allowSame, dryRun } = options;
    if (chartOnly && chart !== undefined) {
      throw new UsageError("--chart-only takes the chart's version as [version], without --chart");
    }
    const opened = await repository();
    const tree = workTree(opened.root);
    const date = options.date ?? dayOf(now);
    const { version } = operands;
    const request = { version, chart, chartOnly, allowSame, date };
    const { targets, plan, faults } = await prepareBump(tree, request);
    report.add(faults);
    const [tags, files] = await together(
      targets && checkTags(opened, targets),
      plan && checkClean(opened, plan),
    );
    report.add([...(tags ?? []), ...(files ?? [])]);
    const isRefused = report.findings.some(({ level }) => level === "error");
    if (isRefused || targets === undefined || plan === undefined) {
      report.printAside("Nothing was written.");
      return;
    }
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
    await using earlier = earlierReleases(opened);
    const judged =
      targets.versions.application === undefined
        ? await checkReferences(plan.result, targets.application, earlier.findLast)
        : await judgeReferences(plan.references, targets.application, earlier.findLast);
    const isReported = (each: Finding) =>
      each.level === "warning" &&
      plan.left.some(({ at }) => JSON.stringify(at) === JSON.stringify(each.at));
    report.add(judged.filter((each) => !isReported(each)));
    if (!dryRun) {
      showNextSteps(targets, plan, (await readStatus(opened)).branch, report);
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
  return { application, appVersion, chart, files };
}

/** Prints the commands of the procedure that follow the bump. */
function showNextSteps(
  targets: Targets,
  plan: BumpPlan,
  head: string | undefined,
  report: Report,
): void {
  const { application, chart } = targets.versions;
  const steps = application === undefined ? chartSteps(chart) : releaseSteps(application, head);
  const unfinished = new Set(plan.left.flatMap(({ at }) => (at === undefined ? [] : [at.file])));
  const first = [...unfinished].map((file) => `follow the warning about ${file}`);
  report.print("Next:");
  for (const step of [...first, ...steps]) {
    report.print(`  - ${step}`);
  }
}

function chartSteps(chart: Version | undefined): string[] {
  return [
    `git commit --all --message "Bump the chart to ${chart}"`,
    `bun scripts/check-chart-version-bumped.ts ${layout.mainBranch}`,
    `once it is on ${layout.mainBranch}: bun scripts/release-chart.ts ${layout.chartTagPrefix}${chart} --dry-run`,
  ];
}

/** @param head Full name of the branch that is checked out; undefined if HEAD is detached. */
function releaseSteps(version: Version, head: string | undefined): string[] {
  const tag = `${layout.tagPrefix}${version}`;
  const branch = releaseBranch(version);
  return [
    ...(head === `refs/heads/${branch}` ? [] : [`git checkout -b ${branch}`]),
    "cargo fmt --all",
    "cargo clippy --workspace --all-targets --features daemon -- -D warnings",
    "cargo clippy --workspace --no-default-features -- -D warnings",
    "cargo test --workspace",
    "bun scripts/check-vintages.ts",
    `git commit --all --message "Bump to ${version}"`,
    `git push -u ${layout.remote} ${branch}`,
    `bun scripts/validate-lab.ts ${tag} --lab ${layout.lab} --record`,
    `git commit --message "Record the lab validation of ${tag}" ${layout.ledger}`,
    `${checkoutMain} && ${mergeCommand(branch)}`,
    `bun scripts/release.ts ${tag} --dry-run`,
  ];
}

if (import.meta.main) {
  await main(table);
}
