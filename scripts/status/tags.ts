/** The two tags of a release, locally and on the remote: of the application and of its chart. */

import { type Unverified, unverifiedBy } from "../lib/answer.ts";
import { readChart } from "../lib/files/chart.ts";
import { attempt, type Finding } from "../lib/finding.ts";
import { type ObjectId, short } from "../lib/git/git.ts";
import { commitTree } from "../lib/git/objects.ts";
import type { Origin } from "../lib/git/remote.ts";
import { judgeRemoteTag } from "../lib/git/remote-tag.ts";
import type { Repository } from "../lib/git/repository.ts";
import { findLocalTag, type LocalTag } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";
import type { Tree } from "../lib/tree.ts";
import { compareVersions, type Version } from "../lib/version.ts";
import { type Rules as ReleaseRules, resumeCommand } from "../release/plan.ts";
import { type Facts, precheck, whyNotResumable } from "../release/prechecks.ts";
import {
  askChartFiles,
  askImage,
  askRemote,
  byHand,
  command,
  fetchBranch,
  hasChart,
  type Judged,
  type Next,
  type Outcome,
  sumUp,
} from "./questions.ts";

/** The tag of a release: the remote's if the local one is only a copy of it. */
export interface ReleasedTag {
  readonly localTag: LocalTag;
  /** A warning about a local copy. */
  readonly copyWarnings: readonly Finding[];
  /** Set if the remote holds another tag, or one that cannot be verified. */
  readonly dispute?: Unverified;
}

/** Finds the tag of a release, locally and on the remote. */
export async function findReleasedTag(
  repository: Repository,
  tag: string,
  origin: Origin | undefined,
): Promise<ReleasedTag> {
  const localTag = await findLocalTag(repository, tag);
  const theirs = origin?.refs.all.get(`refs/tags/${tag}`);
  const isSame = !("id" in localTag) || theirs === undefined || theirs === localTag.id;
  if (origin === undefined || isSame) {
    return { localTag, copyWarnings: [] };
  }
  try {
    const found = await judgeRemoteTag(repository, tag, origin);
    return found !== undefined && "signer" in found.judged
      ? {
          localTag: { kind: "signed", id: theirs, tag: found.judged },
          copyWarnings: found.copyWarnings,
        }
      : { localTag, copyWarnings: [] };
  } catch (thrown) {
    return { localTag, copyWarnings: [], dispute: unverifiedBy(thrown) };
  }
}

/** The state of a tag, locally and on the remote. */
export interface TagState extends Outcome {
  /**
   * `interrupted`: signed locally; the remote lacks the tag, or its commit on main. `blocked`: no
   * release can continue before `next` is done.
   */
  readonly kind: "free" | "interrupted" | "complete" | "blocked";
  /** The next step; undefined if the tag is free or complete. */
  readonly next?: Next;
  /** Who signed a complete tag. */
  readonly signer?: string;
}

interface Rules extends ReleaseRules {
  /** The remedy for a published tag that is not signed. */
  readonly nextVersion: Next;
}

export const rules: Rules = {
  script: "scripts/release.ts",
  tagPrefix: layout.tagPrefix,
  branch: layout.mainBranch,
  pushesMain: true,
  nextVersion: byHand("Release the next version, with a signed tag"),
};

export const chartRules: Rules = {
  script: "scripts/release-chart.ts",
  tagPrefix: layout.chartTagPrefix,
  branch: layout.mainBranch,
  pushesMain: false,
  nextVersion: byHand(
    "Release the chart's next version, with a signed tag (bun scripts/bump-version.ts A.B.C --chart-only)",
  ),
};

const { remote } = layout;

/** Returns the state of a tag, by the rules of the pre-checks. */
export function tagStateOf(facts: Facts, itsRules: Rules, dispute?: Unverified): TagState {
  const { tag, localTag, refs } = facts;
  const { nextVersion } = itsRules;
  const theirs = refs?.all.get(`refs/tags/${tag}`);
  const blocked = (state: Outcome["state"], evidence: string, next: Next): TagState => ({
    ...{ kind: "blocked", state, evidence, next },
  });
  if (localTag.kind === "absent") {
    const fetch = `git fetch ${remote} refs/tags/${tag}:refs/tags/${tag}`;
    return theirs === undefined
      ? { kind: "free", state: "pending", evidence: `${tag} is not tagged` }
      : blocked("unknown", `${tag} exists on ${remote}, but not locally`, command(fetch));
  }
  if (localTag.kind === "unknown") {
    const { evidence, remedy = evidence } = sumUp(localTag.findings);
    return blocked("unknown", `${tag}: ${evidence}`, byHand(remedy));
  }
  if (refs === undefined) {
    return blocked("unknown", `${tag} exists locally; no answer from ${remote}`, askRemote);
  }
  if (dispute !== undefined) {
    const { state, message, remedy = message } = dispute;
    return blocked(state, `${tag}: ${message}`, byHand(remedy));
  }
  if (localTag.kind === "unfit") {
    const { why } = localTag;
    return theirs === undefined
      ? blocked("failed", `${tag} exists locally: ${why}`, command(`git tag -d ${tag}`))
      : blocked("failed", `${tag} is published: ${why}`, nextVersion);
  }
  if (precheck(facts, itsRules, plain).complete) {
    const evidence = evidenceOf(tag, localTag, itsRules);
    const { signer } = localTag.tag;
    return { kind: "complete", state: "verified", evidence, signer };
  }
  if (theirs !== undefined && facts.relation?.kind === "unfetched") {
    const { branch } = itsRules;
    const evidence = `${tag} is on ${remote}, whose ${branch} is not fetched`;
    return blocked("unknown", evidence, fetchBranch(branch));
  }
  const left =
    theirs === undefined
      ? `${tag} is signed locally, and is not on ${remote}`
      : `${tag} is on ${remote}, and its commit is not on ${remote}/${itsRules.branch}`;
  const why = whyNotResumable(facts, localTag.tag, itsRules);
  if (theirs === undefined && why !== undefined) {
    return blocked("failed", `${left}; ${why}`, command(`git tag -d ${tag}`));
  }
  const next = command(resumeCommand(itsRules.script, tag, localTag.tag.message));
  return { kind: "interrupted", state: "pending", evidence: `interrupted: ${left}`, next };
}

const plain = { dryRun: false, yes: false, resume: true } as const;

/** Returns the evidence of a complete tag, with every bypass that its message records. */
function evidenceOf(
  name: string,
  { tag }: Extract<LocalTag, { kind: "signed" }>,
  { pushesMain, branch }: Rules,
): string {
  const on = pushesMain ? ` on ${remote}/${branch}` : "";
  const signed = `signed by ${tag.signer}, of ${short(tag.object)}${on}`;
  const bypasses = tag.message.split("\n").filter((line) => line.startsWith("Bypassed: "));
  return [`${remote} holds ${name}, ${signed}`, ...bypasses].join("; ");
}

/**
 * Returns the outcome of the pre-checks as if HEAD were on a clean main, or branch in its stead. Other
 * steps judge the branch of HEAD and uncommitted changes.
 */
export function askPrechecks(facts: Facts, itsRules: Rules): Outcome {
  const branch = `refs/heads/${itsRules.branch}`;
  const checkout = { ...facts.checkout, branch, changes: [], underway: [] };
  return sumUp(precheck({ ...facts, checkout }, itsRules, plain).findings);
}

/** The release of the chart that installs a version. */
export interface ChartRelease {
  /** Short name of its tag. */
  readonly tag: string;
  readonly state: TagState;
  /** A warning about a local copy of its tag. */
  readonly copyWarnings: readonly Finding[];
  /** The version of the product that it installs, read from its tag once that is complete. */
  readonly installs: string | undefined;
  /** The chart's version on main, if it is greater: only the tip of main can be released. */
  readonly newerOnMain: Version | undefined;
  /** The outcomes for its files and its image; undefined before the application is released. */
  readonly files: Outcome | undefined;
  readonly image: Outcome | undefined;
}

/**
 * Returns the state of the chart's release; undefined if there is no readable chart.
 *
 * @param facts The facts of the application's release.
 * @param main The tip of the local main.
 * @param isReleased Whether the application is released: the registry is not asked before.
 */
export async function findChartRelease(
  facts: Facts,
  { repository, objects, tree, version, base, tagged }: Judged,
  origin: Origin | undefined,
  main: ObjectId | undefined,
  isReleased: boolean,
  signal: AbortSignal,
): Promise<ChartRelease | undefined> {
  const [tip, beside] = await Promise.all([
    tagged && main !== undefined ? findChart(commitTree(objects, main)) : undefined,
    findChart(tree),
  ]);
  // The chart may be corrected between the two releases: the one on main counts if it installs the version.
  const chart = tip?.installs === version ? tip : beside;
  if (chart === undefined) {
    return undefined;
  }
  const tag = `${layout.chartTagPrefix}${chart.version}`;
  const { localTag, copyWarnings, dispute } = await findReleasedTag(repository, tag, origin);
  const its = { ...facts, tag, version: chart.version, localTag };
  const state = tagStateOf(its, { ...chartRules, branch: base }, dispute);
  const isComplete = state.kind === "complete" && localTag.kind === "signed";
  const isAsked = isReleased && !isComplete;
  const [published, files, image] = await Promise.all([
    isComplete ? findChart(commitTree(objects, localTag.tag.object)) : chart,
    isAsked ? askChartFiles(chart.tree, chart.version) : undefined,
    isAsked ? askImage(repository, chart.tree, signal) : undefined,
  ]);
  const isNewer = tip !== undefined && compareVersions(tip.version, chart.version) > 0;
  const newerOnMain = isNewer ? tip.version : undefined;
  return { tag, state, copyWarnings, installs: published?.installs, newerOnMain, files, image };
}

/** Returns the chart of a tree; undefined if there is no readable chart. */
async function findChart(tree: Tree) {
  if (!(await hasChart(tree))) {
    return undefined;
  }
  const { value } = await attempt(() => readChart(tree, layout.chart));
  return value && { tree, version: value.version.value, installs: value.appVersion?.value };
}
