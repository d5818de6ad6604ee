/** Gathers the facts about a release, all questions at once, and changes nothing. */

import { type Day, dayOf } from "../lib/calendar.ts";
import { workTree } from "../lib/disk/work-tree.ts";
import { parseTagger } from "../lib/files/tag-object.ts";
import { type Finding, warning } from "../lib/finding.ts";
import type { ObjectId, Repository } from "../lib/git/git.ts";
import { commitTree } from "../lib/git/objects.ts";
import { relationTo } from "../lib/git/remote.ts";
import { layout } from "../lib/layout.ts";
import type { Environment } from "../lib/process.ts";
import { compareVersions, type Version } from "../lib/version.ts";
import type { LocalTag } from "../release/local-tag.ts";
import type { Facts } from "../release/plan.ts";
import { gatherChart } from "./chart-facts.ts";
import type { Judged, StatusWorld } from "./checks.ts";
import { judgeCommit, judgeWorkTree, notHere } from "./commit-facts.ts";
import type { BumpFacts, Outcome, StatusFacts } from "./facts.ts";
import { homeOf, releaseScript, tagOf } from "./next.ts";
import { readStanding, type Standing, statedVersion } from "./standing.ts";
import { precheckOutcome, tagStateOf } from "./tag-state.ts";

/** The facts, and why some questions have no answer. */
export interface Gathered {
  readonly facts: StatusFacts;
  /** What stands for the release; undefined if it is not here. */
  readonly commit: ObjectId | undefined;
  readonly unanswered: readonly Finding[];
}

const rules = {
  script: releaseScript,
  tagPrefix: layout.tagPrefix,
  pushesMain: true,
} as const;

/**
 * Gathers all that is to be known about a release.
 *
 * @throws {Refusal} If the repository itself gives no answer.
 */
export async function gather(
  world: StatusWorld,
  version: Version,
  env: Environment,
): Promise<Gathered> {
  const { repository, objects } = world;
  const standing = await readStanding(repository, objects, version);
  const { where, commit, checkout, localTag, refs, main } = standing;
  const { changes, underway } = checkout;
  const head = checkout.branch?.replace(/^refs\/heads\//, "");
  const release = await releaseFacts(repository, standing, version);
  const tag = tagStateOf(release, rules);
  const judged = commit === undefined ? undefined : judgedAt(world, version, standing, commit);
  const isHome = where !== "tag" && head === homeOf({ where, version });
  const [ofCommit, ofWorkTree, bump, lower, chartRelease] = await Promise.all([
    judged === undefined ? notHere(version) : judgeCommit(world, judged, refs),
    isHome && judged !== undefined && changes.length > 0
      ? judgeWorkTree(world, judged, changes)
      : undefined,
    judged === undefined || judged.tagged ? nothingToBump : askBump(world, judged, isHome),
    judged !== undefined && where === "nowhere" ? findLower(judged) : undefined,
    judged === undefined || where === "nowhere"
      ? undefined
      : gatherChart(world, release, judged, main, tag.kind === "complete"),
  ]);
  const facts: StatusFacts = {
    ...ofCommit,
    version,
    where,
    head,
    elsewhere: standing.elsewhere,
    changes,
    underway,
    branchHere: standing.branch !== undefined,
    remote: standing.compared,
    lower,
    workTree: ofWorkTree,
    bump,
    bypass: bypassIn(localTag),
    tag,
    precheck: precheckOutcome(release, rules),
    chartRelease,
    ledgerVariable: Boolean(env.LEDGER),
  };
  return { commit, facts, unanswered: [...standing.unanswered, ...silent(facts)] };
}

/**
 * A tagged commit is judged as of the day on which its tag was made, unless the tag is known to be
 * only here: its release goes on today.
 */
function judgedAt(
  { objects, today }: StatusWorld,
  version: Version,
  { where, localTag, refs }: Standing,
  commit: ObjectId,
): Judged {
  const mayBeOut = refs?.tags.has(`refs/tags/${tagOf({ version })}`) ?? true;
  return {
    version,
    commit,
    tree: commitTree(objects, commit),
    tagged: where === "tag",
    day: (mayBeOut ? taggingDay(localTag) : undefined) ?? today,
  };
}

/** The day on which a tag was made, as its tagger says. */
function taggingDay(localTag: LocalTag): Day | undefined {
  const tagger = localTag.kind === "signed" ? localTag.tag.tagger : undefined;
  const date = parseTagger(tagger)?.date;
  return date && dayOf(date);
}

/** The line of a tag's message that says that the lab gate was bypassed. */
function bypassIn(localTag: LocalTag): string | undefined {
  return localTag.kind === "signed"
    ? localTag.tag.message.split("\n").find((line) => line.startsWith("Bypassed: lab "))
    : undefined;
}

/** The facts of the pre-checks, about what stands for the release. */
async function releaseFacts(
  repository: Repository,
  { commit, checkout, localTag, remote, refs }: Standing,
  version: Version,
): Promise<Facts> {
  const about = commit ?? checkout.head;
  return {
    tag: tagOf({ version }),
    version,
    commit: about,
    checkout,
    localTag,
    remote,
    refs,
    relation: refs && (await relationTo(repository, about, refs.main)),
    resuming: localTag.kind === "signed",
    interactive: true,
  };
}

/** Of a tagged commit nothing is bumped any more. */
const nothingToBump: BumpFacts = {
  begun: true,
  edits: 0,
  refused: undefined,
  unclean: [],
  untracked: [],
};

/** What a bump would do to the work tree, if HEAD is where it belongs, or else to the commit. */
function askBump({ repository, checks }: StatusWorld, judged: Judged, isHome: boolean) {
  const tree = isHome ? workTree(repository.root) : judged.tree;
  return checks.bump(repository, { ...judged, tree }, isHome);
}

/** Before a release has begun: a version below the workspace's is none to come. */
async function findLower({ tree, version }: Judged): Promise<Outcome | undefined> {
  const stated = await statedVersion(tree);
  return stated === undefined || compareVersions(version, stated) > 0
    ? undefined
    : {
        verdict: "refused",
        evidence: `the workspace is at ${stated} already`,
        remedy: `Name a version greater than ${stated}`,
      };
}

/** What the checks could not find out, each answer once. */
function silent(facts: StatusFacts): Finding[] {
  const { references, vintages, chart, lab, gate, chartRelease } = facts;
  const all = [references, vintages, chart, lab, gate, chartRelease?.gates, chartRelease?.image];
  const left = all.flatMap((each) => (each?.verdict === "unanswered" ? [each] : []));
  const byEvidence = new Map(left.map((each) => [each.evidence, each]));
  return [...byEvidence.values()].map(({ evidence, remedy }) => warning(evidence, { remedy }));
}
