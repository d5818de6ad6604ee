/** The two tags of a release, here and on the remote: the application's and its chart's. */

import { readChart } from "../lib/files/chart.ts";
import { attempt } from "../lib/finding.ts";
import { type ObjectId, short } from "../lib/git/git.ts";
import { commitTree } from "../lib/git/objects.ts";
import { findLocalTag, type LocalTag } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";
import type { Tree } from "../lib/tree.ts";
import { compareVersions, type Version } from "../lib/version.ts";
import { type Rules as ReleaseRules, resumeCommand } from "../release/plan.ts";
import { type Facts, precheck } from "../release/prechecks.ts";
import {
  askRemote,
  byHand,
  command,
  fetchMain,
  type Next,
  type Outcome,
  sumUp,
} from "./answers.ts";
import { askChartFiles, askImage, hasChart, type Judged } from "./questions.ts";

/** How a tag stands, here and on the remote. */
export interface TagState extends Outcome {
  /**
   * `interrupted`: signed here; the remote lacks the tag, or its commit on main. `in the way`: no
   * release can go on before `next`.
   */
  readonly kind: "free" | "interrupted" | "complete" | "in the way";
  /** What settles it; undefined if it is free or complete. */
  readonly next?: Next;
  /** What leads on if the tagged commit cannot be released. */
  readonly startOver: Next;
}

interface Rules extends ReleaseRules {
  /** The way out of a published tag that is not what it should be. */
  readonly nextVersion: Next;
}

export const rules: Rules = {
  script: "scripts/release.ts",
  tagPrefix: layout.tagPrefix,
  pushesMain: true,
  nextVersion: byHand("Never move a published tag: release the next version"),
};

export const chartRules: Rules = {
  script: "scripts/release-chart.ts",
  tagPrefix: layout.chartTagPrefix,
  pushesMain: false,
  nextVersion: byHand(
    "Never move a published tag: release the chart's next version (bun scripts/bump-version.ts A.B.C --chart-only)",
  ),
};

const { remote } = layout;

/** Judges a tag by the rules of the pre-checks. */
export function tagStateOf(facts: Facts, itsRules: Rules): TagState {
  const { tag, localTag, refs } = facts;
  const { nextVersion } = itsRules;
  const theirs = refs?.tags.get(`refs/tags/${tag}`);
  const deleteIt = command(`git tag -d ${tag}`);
  const asked = theirs === undefined ? deleteIt : nextVersion;
  const startOver = refs === undefined ? askRemote : asked;
  const inTheWay = (state: Outcome["state"], evidence: string, next: Next): TagState => ({
    ...{ kind: "in the way", state, evidence, next, startOver },
  });
  if (localTag.kind === "absent") {
    const fetch = `git fetch ${remote} refs/tags/${tag}:refs/tags/${tag}`;
    return theirs === undefined
      ? { kind: "free", state: "pending", evidence: `${tag} is not tagged`, startOver }
      : inTheWay("unknown", `${tag} exists on ${remote}, but not locally`, command(fetch));
  }
  if (localTag.kind === "unknown") {
    const { evidence, remedy = evidence } = sumUp(localTag.findings);
    return inTheWay("unknown", `${tag}: ${evidence}`, byHand(remedy));
  }
  if (theirs !== undefined && theirs !== localTag.id) {
    const [there, here] = [short(theirs), short(localTag.id)];
    const evidence = `${tag}: ${remote} holds another tag (${there}) than is here (${here})`;
    return inTheWay("failed", evidence, nextVersion);
  }
  if (localTag.kind === "unfit") {
    const { why } = localTag;
    return theirs === undefined
      ? inTheWay("failed", `${tag} is here: ${why}`, deleteIt)
      : inTheWay("failed", `${tag}: ${why}, and published`, nextVersion);
  }
  if (precheck(facts, itsRules, plain).complete) {
    const evidence = evidenceOf(tag, localTag, itsRules);
    return { kind: "complete", state: "verified", evidence, startOver };
  }
  if (theirs !== undefined && facts.relation?.kind === "unfetched") {
    const { mainBranch: main } = layout;
    return inTheWay("unknown", `${tag} is on ${remote}, whose ${main} is not here yet`, fetchMain);
  }
  const left =
    theirs === undefined
      ? `${tag} is signed here, not on ${remote}`
      : `${tag} is on ${remote}, its commit not on ${layout.mainBranch} there`;
  const next = command(resumeCommand(itsRules.script, tag, localTag.tag.message));
  return {
    kind: "interrupted",
    state: "pending",
    evidence: `interrupted: ${left}`,
    next,
    startOver,
  };
}

const plain = { dryRun: false, yes: false, resume: true } as const;

/** A bypass stays loud after the release. */
function evidenceOf(
  name: string,
  { tag }: Extract<LocalTag, { kind: "signed" }>,
  { pushesMain }: Rules,
): string {
  const on = pushesMain ? ` on ${remote}/${layout.mainBranch}` : "";
  const signed = `signed by ${tag.signer}, of ${short(tag.object)}${on}`;
  const bypasses = tag.message.split("\n").filter((line) => line.startsWith("Bypassed: "));
  return [`${remote} holds ${name}, ${signed}`, ...bypasses].join("; ");
}

/**
 * Returns what the pre-checks would say, were HEAD on a clean main: where HEAD is, and what is not
 * committed, is another question.
 */
export function askPrechecks(facts: Facts): Outcome {
  const branch = `refs/heads/${layout.mainBranch}`;
  const checkout = { ...facts.checkout, branch, changes: [], underway: [] };
  return sumUp(precheck({ ...facts, checkout }, rules, plain).findings);
}

/** The release of the chart that installs a version. */
export interface ChartRelease {
  /** Short name of its tag. */
  readonly tag: string;
  readonly state: TagState;
  /** The version of the product that it installs: as it was tagged, once its tag is complete. */
  readonly installs: string | undefined;
  /** The chart's version on main, if it is greater: a chart is released from main's tip alone. */
  readonly passedBy: Version | undefined;
  /** What its files and its image say; undefined before the application is out. */
  readonly files: Outcome | undefined;
  readonly image: Outcome | undefined;
}

/**
 * Returns how the chart's release stands; undefined if there is no chart that can be read.
 *
 * @param facts Those of the application's release.
 * @param main The tip of main here.
 * @param isOut Whether the application is released: before, the registry is not asked.
 */
export async function findChartRelease(
  facts: Facts,
  { repository, objects, tree, version, tagged }: Judged,
  main: ObjectId | undefined,
  isOut: boolean,
  signal: AbortSignal,
): Promise<ChartRelease | undefined> {
  const [tip, beside] = await Promise.all([
    tagged && main !== undefined ? findChart(commitTree(objects, main)) : undefined,
    findChart(tree),
  ]);
  // The chart may be corrected between the two releases: main's counts while it installs the version.
  const chart = tip?.installs === version ? tip : beside;
  if (chart === undefined) {
    return undefined;
  }
  const tag = `${layout.chartTagPrefix}${chart.version}`;
  const localTag = await findLocalTag(repository, tag);
  const state = tagStateOf({ ...facts, tag, version: chart.version, localTag }, chartRules);
  const isComplete = state.kind === "complete" && localTag.kind === "signed";
  const isAsked = isOut && !isComplete;
  const [published, files, image] = await Promise.all([
    isComplete ? findChart(commitTree(objects, localTag.tag.object)) : chart,
    isAsked ? askChartFiles(chart.tree, chart.version) : undefined,
    isAsked ? askImage(repository, chart.tree, signal) : undefined,
  ]);
  const isPassed = tip !== undefined && compareVersions(tip.version, chart.version) > 0;
  const passedBy = isPassed ? tip.version : undefined;
  return { tag, state, installs: published?.installs, passedBy, files, image };
}

/** Returns the chart of a tree; undefined if there is none that can be read. */
async function findChart(tree: Tree) {
  if (!(await hasChart(tree))) {
    return undefined;
  }
  const { value } = await attempt(() => readChart(tree, layout.chart));
  return value && { tree, version: value.version.value, installs: value.appVersion?.value };
}
