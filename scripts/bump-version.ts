#!/usr/bin/env bun
/**
 * Brings every version reference to a version in one go (PROCEDURE steps 2 and 3): manifests, lock
 * files, CI templates, snippets, schema examples, changelogs and the chart.
 *
 * Usage: bun scripts/bump-version.ts X.Y.Z [--chart A.B.C] [--date YYYY-MM-DD] [--dry-run] [--chart-only] [--allow-same]
 *
 * Refuses a version that is not greater than the current one, one that is tagged here, files that
 * are not as committed, and an edit that cannot be proven to change the intended values alone: no
 * file is written then. What was written half-way is restored. At the end check-references judges
 * the result.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted
 * (143 by SIGTERM, 129 by SIGHUP).
 */

import { unifiedDiff } from "./bump/diff.ts";
import { type BumpPlan, planBump } from "./bump/plan.ts";
import { type BumpRequest, type Current, findTargets, type Targets } from "./bump/targets.ts";
import { checkReferences } from "./check-references.ts";
import { dayOf, parseDay } from "./lib/calendar.ts";
import { command, flag, main, operand, option, versionOf } from "./lib/cli.ts";
import { replaceFiles } from "./lib/disk/replace.ts";
import { workTree } from "./lib/disk/work-tree.ts";
import { readWorkspace } from "./lib/files/cargo.ts";
import { chartManifest, readChart } from "./lib/files/chart.ts";
import {
  attempt,
  error,
  type Finding,
  notice,
  Refusal,
  refusal,
  shellWord,
  together,
} from "./lib/finding.ts";
import { changesAmong, readStatus } from "./lib/git/checkout.ts";
import type { Repository } from "./lib/git/git.ts";
import { refValue } from "./lib/git/tag.ts";
import { Interrupted } from "./lib/interrupt.ts";
import { layout } from "./lib/layout.ts";
import { mergeCommand, releaseBranch, toMain } from "./lib/release-branch.ts";
import type { Report } from "./lib/report.ts";
import type { Tree } from "./lib/tree.ts";
import { isVersion, type Version } from "./lib/version.ts";

/** A bump that only waits to be written. */
export interface Bump {
  readonly targets: Targets;
  readonly plan: BumpPlan;
}

/** What a request comes to: a bump, or what stands against it; often the versions in any case. */
export interface Preparation {
  readonly targets?: Targets | undefined;
  readonly plan?: BumpPlan | undefined;
  readonly faults: readonly Finding[];
}

/** Computes a bump of a tree, which stays as it is. */
export async function prepareBump(tree: Tree, request: BumpRequest): Promise<Preparation> {
  const current = await attempt(() => readCurrent(tree));
  if (current.value === undefined) {
    return { faults: current.findings };
  }
  const { targets, faults } = findTargets(request, current.value);
  const plan = await attempt(() => planBump(tree, targets.versions, request.date));
  return { targets, plan: plan.value, faults: [...faults, ...(plan.findings ?? [])] };
}

async function readCurrent(tree: Tree): Promise<Current> {
  const [workspace, manifest] = await Promise.all([
    readWorkspace(tree),
    tree.read(chartManifest(layout.chart)),
  ]);
  const { version } = workspace;
  if (version === undefined) {
    throw new Refusal(workspace.faults);
  }
  const { value, place } = version;
  if (typeof value !== "string" || !isVersion(value)) {
    const file = layout.workspaceManifest;
    throw refusal(`Cannot bump: ${file} states no workspace version that is strict SemVer`, {
      at: place(),
      remedy: `Set version = "X.Y.Z" in [workspace.package] of ${file}`,
    });
  }
  const chart = manifest === undefined ? undefined : await readChart(tree, layout.chart);
  return { application: value, at: place(), chart };
}

/** The tags that releases of these versions would make, here: the remote is not asked. */
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
    : [notice(`${tags.join(" and ")}: no such tag here (${layout.remote} is not asked)`)];
}

/** Files that are not as committed could not be taken from git again, and hide what is whose. */
async function checkClean(repository: Repository, { files }: BumpPlan): Promise<Finding[]> {
  const changed = await changesAmong(
    repository,
    files.map(({ path }) => path),
  );
  return changed.map((path) =>
    error(`Cannot bump: ${path} is not as committed, and would be written`, {
      at: { file: path },
      remedy: `Commit it, or set it aside: git stash push --include-untracked -- ${shellWord(path)} (if git status hides it, see git ls-files -v and git check-ignore -v)`,
    }),
  );
}

export const table = command({
  name: "scripts/bump-version.ts",
  summary: "Brings every version reference to a version in one go, and proves each edit.",
  operands: {
    version: operand(
      "the version to bump to; with --chart-only alone, the chart's",
      versionOf(layout.tagPrefix),
      "X.Y.Z",
    ),
  },
  options: {
    chart: option(
      "A.B.C",
      "the chart's own version (default: X.Y.Z)",
      versionOf(layout.chartTagPrefix),
    ),
    date: option("YYYY-MM-DD", "the day of the release (default: today in UTC)", parseDay),
    dryRun: flag("show the unified diff and write nothing"),
    chartOnly: flag("bump the chart's version and changelog alone; appVersion stays"),
    allowSame: flag("accept the current version, to finish a bump that was cut off"),
  },
  refuses: [
    "X.Y.Z is not greater than the workspace's version, or A.B.C than the chart's",
    "the tag of one of them exists here",
    "a file that would be written is not as committed",
    "the changelog has ## [X.Y.Z] already, and more behind it than a date or one word for it",
    "a file that holds references cannot be read, or an edit cannot be proven",
    "check-references refuses the result",
  ],
  example: "bun scripts/bump-version.ts 1.2.3 --dry-run",
  async run({ operands, options, now, report, interrupt, repository }) {
    const opened = await repository();
    const tree = workTree(opened.root);
    const { chart, chartOnly, allowSame, dryRun } = options;
    const date = options.date ?? dayOf(now);
    const { version } = operands;
    const request = { version, chart, chartOnly, allowSame, date };
    const { targets, plan, faults } = await prepareBump(tree, request);
    report.add(faults);
    const [tags, files, { branch }] = await together(
      targets && checkTags(opened, targets),
      plan && checkClean(opened, plan),
      readStatus(opened),
    );
    report.add([...(tags ?? []), ...(files ?? [])]);
    const isRefused = report.findings.some(({ level }) => level === "error");
    if (isRefused || targets === undefined || plan === undefined) {
      report.tell("Nothing was written.");
      return;
    }
    const bump = { targets, plan };
    if (dryRun) {
      await showDiff(bump, opened, report);
    } else {
      const isInterrupted = () => interrupt.requested;
      const outcome = await interrupt.hold(() => replaceFiles(opened, plan.files, isInterrupted));
      if (outcome === "interrupted") {
        throw new Interrupted("every file is as it was before", interrupt.exitCode);
      }
      showTable(bump, report);
    }
    report.add(plan.left);
    const judged = await checkReferences(dryRun ? plan.result : tree, targets.application);
    const told = new Set(plan.left.map(({ at }) => JSON.stringify(at)));
    const isTold = ({ level, at }: Finding) => level === "warning" && told.has(JSON.stringify(at));
    report.add(judged.filter((each) => !isTold(each)));
    if (!dryRun) {
      showNextSteps(bump, branch, report);
    }
  },
});

async function showDiff({ plan, targets }: Bump, repository: Repository, report: Report) {
  const diff = await unifiedDiff(repository, plan.files);
  for (const line of diff.split("\n").slice(0, -1)) {
    report.sayVerbatim(line);
  }
  report.attach({ ...dataOf({ plan, targets }), diff });
  report.add(notice(`Dry run: ${countOf(plan)} would change; nothing was written`));
}

function showTable(bump: Bump, report: Report): void {
  const rows = bump.plan.files.flatMap(({ path, moves }) =>
    moves.map(({ line, what, from, to }) => [`${path}:${line ?? "?"}`, what, `${from} -> ${to}`]),
  );
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    report.say(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
  }
  report.attach(dataOf(bump));
  report.add(notice(`${countOf(bump.plan)} changed`));
}

function countOf({ files }: BumpPlan): string {
  return files.length === 1 ? "1 file" : `${files.length} files`;
}

function dataOf({ targets, plan }: Bump) {
  const { application, appVersion, chart } = targets.versions;
  return {
    application,
    appVersion,
    chart,
    files: plan.files.map(({ path, moves }) => ({
      path,
      moves: moves.map((each) => ({ ...each })),
    })),
  };
}

/** The commands of the procedure that follow the bump. */
function showNextSteps({ targets, plan }: Bump, head: string | undefined, report: Report): void {
  const { application, chart } = targets.versions;
  const steps = application === undefined ? chartSteps(chart) : releaseSteps(application, head);
  const unfinished = new Set(plan.left.flatMap(({ at }) => (at === undefined ? [] : [at.file])));
  const first = [...unfinished].map((file) => `heed the warning about ${file}`);
  report.say("Next:");
  for (const step of [...first, ...steps]) {
    report.say(`  - ${step}`);
  }
}

function chartSteps(chart: Version | undefined): string[] {
  return [
    `git commit --all --message "Bump the chart to ${chart}"`,
    `bun scripts/check-chart-version-bumped.ts ${layout.mainBranch}`,
    `once it is on ${layout.mainBranch}: bun scripts/release-chart.ts ${layout.chartTagPrefix}${chart} --dry-run`,
  ];
}

/** @param head Full name of the branch that is checked out, if one is. */
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
    `${toMain} && ${mergeCommand(branch)}`,
    `bun scripts/release.ts ${tag} --dry-run`,
  ];
}

if (import.meta.main) {
  await main(table);
}
