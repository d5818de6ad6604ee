#!/usr/bin/env bun
/**
 * Checks that the chart's version is the version of a chart tag.
 *
 * Usage: bun scripts/check-helm-tag-version.ts <chart-vA.B.C|A.B.C> [--ref COMMIT] [--repo DIR] [--json]
 *
 * Refuses if Chart.yaml has another version, none, or one that is not a string of strict SemVer, if
 * it has a duplicate top-level key, and if it is missing or cannot be read.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { command, main, operand, refOption, versionOf } from "./lib/cli.ts";
import { chartManifest, chartVersionFrom, needFile } from "./lib/files/chart.ts";
import { error, notice } from "./lib/finding.ts";
import { judge } from "./lib/git/judged-tree.ts";
import { layout } from "./lib/layout.ts";
import type { Check, Tree } from "./lib/tree.ts";
import type { Version } from "./lib/version.ts";

/** Checks that the version in the Chart.yaml of a tree is exactly `version`. */
export const checkHelmTagVersion: Check<Version> = async (tree, version) => {
  const manifest = chartManifest(layout.chart);
  const { value, at } = chartVersionFrom(await needFile(tree, manifest));
  if (value === version) {
    return [notice(`${at.file} -> ${value} (matches tag)`, { at })];
  }
  const tag = `${layout.chartTagPrefix}${version}`;
  return [
    error(
      `Cannot tag ${tag}: ${at.file} says ${value}, expected ${version}: did you mean ${layout.chartTagPrefix}${value}?`,
      {
        at,
        remedy: `Set version: ${version} in ${at.file}, or tag ${layout.chartTagPrefix}${value}`,
      },
    ),
  ];
};

export const table = command({
  name: "scripts/check-helm-tag-version.ts",
  needs: "chart",
  summary: "Checks that the chart's version is the version of a chart tag.",
  operands: {
    version: operand(
      "the chart tag or version to be released, such as chart-v1.2.3 or 1.2.3",
      versionOf(layout.chartTagPrefix),
      `${layout.chartTagPrefix}A.B.C|A.B.C`,
    ),
  },
  options: { ref: refOption },
  refuses: [
    `${layout.chart}/Chart.yaml states another version, including its prerelease part`,
    "the version there is missing, a number, or not strict SemVer",
    "a top-level key occurs twice",
    "Chart.yaml is missing or cannot be read",
  ],
  example: "bun scripts/check-helm-tag-version.ts chart-v1.2.3",
  async run({ operands, options, repository, report }) {
    const check = (tree: Tree) => checkHelmTagVersion(tree, operands.version);
    report.add(await judge(await repository(), options.ref, check));
  },
});

if (import.meta.main) {
  await main(table);
}
