/** The release of the chart that installs a version: its tag, its gates and its image. */

import { chartManifest, readChart } from "../lib/files/chart.ts";
import { attempt } from "../lib/finding.ts";
import type { ObjectId } from "../lib/git/git.ts";
import { commitTree } from "../lib/git/objects.ts";
import { layout } from "../lib/layout.ts";
import type { Tree } from "../lib/tree.ts";
import { compareVersions, type Version } from "../lib/version.ts";
import { findLocalTag } from "../release/local-tag.ts";
import type { Facts } from "../release/plan.ts";
import { type Judged, outcome, type StatusWorld } from "./checks.ts";
import type { ChartFacts } from "./facts.ts";
import { chartScript } from "./next.ts";
import { tagStateOf } from "./tag-state.ts";

const rules = {
  script: chartScript,
  tagPrefix: layout.chartTagPrefix,
  pushesMain: false,
} as const;

/** Whether a tree has the chart. */
export async function hasChart(tree: Tree): Promise<boolean> {
  return (await tree.list(chartManifest(layout.chart))).length > 0;
}

/**
 * Gathers what is known about the chart's release; undefined if there is no chart that can be read.
 *
 * @param facts Those of the application's release.
 * @param main The tip of main here.
 * @param isOut Whether the application is released: before, the registry is not asked.
 */
export async function gatherChart(
  world: StatusWorld,
  facts: Facts,
  judged: Judged,
  main: ObjectId | undefined,
  isOut: boolean,
): Promise<ChartFacts | undefined> {
  const { repository, objects, checks } = world;
  const { installing, tip } = await findCharts(world, judged, main);
  if (installing === undefined) {
    return undefined;
  }
  const { tree, version } = installing;
  const isPassed = tip !== undefined && compareVersions(tip.version, version) > 0;
  const tag = `${layout.chartTagPrefix}${version}`;
  const localTag = await findLocalTag(repository, tag);
  const state = tagStateOf({ ...facts, tag, version, localTag }, rules);
  const isComplete = state.kind === "complete" && localTag.kind === "signed";
  const isAsked = isOut && !isComplete;
  const published = isComplete
    ? await findChartIn(commitTree(objects, localTag.tag.object))
    : installing;
  const [gates, image] = await Promise.all([
    isAsked ? outcome(() => checks.chartGates(tree, version)) : undefined,
    isAsked ? outcome(() => checks.image(repository, tree)) : undefined,
  ]);
  const passedBy = isPassed ? tip.version : undefined;
  return { tag, version, installs: published?.installs, passedBy, state, gates, image };
}

/**
 * The chart at main's tip once the application is tagged, and the one that installs the version: that
 * one, if it still does, because a chart may be mended between the two releases; else the one beside
 * the application.
 */
async function findCharts(
  { objects }: StatusWorld,
  { tree, version, tagged }: Judged,
  main: ObjectId | undefined,
): Promise<Record<"installing" | "tip", ReadableChart | undefined>> {
  const [tip, beside] = await Promise.all([
    tagged && main !== undefined ? findChartIn(commitTree(objects, main)) : undefined,
    findChartIn(tree),
  ]);
  return { installing: tip?.installs === version ? tip : beside, tip };
}

interface ReadableChart {
  readonly tree: Tree;
  readonly version: Version;
  readonly installs: string | undefined;
}

/** The chart of a tree; undefined if there is none that can be read. */
async function findChartIn(tree: Tree): Promise<ReadableChart | undefined> {
  if (!(await hasChart(tree))) {
    return undefined;
  }
  const { value } = await attempt(() => readChart(tree, layout.chart));
  return value && { tree, version: value.version.value, installs: value.appVersion?.value };
}
