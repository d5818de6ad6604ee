/** Where a release stands: its branch, main and tags, here and on the remote, and what checks say. */

import { type Day, dayOf } from "../lib/calendar.ts";
import { parseTagger } from "../lib/files/tag-object.ts";
import { attempt, type Finding, warning } from "../lib/finding.ts";
import { type Checkout, readCheckout } from "../lib/git/checkout.ts";
import { findCommit, type ObjectId } from "../lib/git/git.ts";
import { commitTree, type Objects } from "../lib/git/objects.ts";
import {
  askRemote,
  findRemote,
  type Relation,
  type RemoteAnswer,
  relationTo,
} from "../lib/git/remote.ts";
import type { Repository } from "../lib/git/repository.ts";
import { findLocalTag, type LocalTag, refValue } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";
import { releaseBranch } from "../lib/release-branch.ts";
import type { Version } from "../lib/version.ts";
import type { Facts } from "../release/prechecks.ts";
import type { Outcome } from "./answers.ts";
import { askChecks, statedVersion, type Work } from "./questions.ts";
import {
  askPrechecks,
  type ChartRelease,
  findChartRelease,
  rules,
  type TagState,
  tagStateOf,
} from "./tags.ts";

/** All that is known about a release. */
export interface StatusFacts {
  readonly version: Version;
  /** Short names of its tag and its branch. */
  readonly tag: string;
  readonly branch: string;
  /** What stands for the release; `elsewhere` is a tag that only the remote has. */
  readonly where: "nowhere" | "branch" | "main" | "tag" | "elsewhere";
  /** The commit that stands for it; before its branch is opened, the one that main is at. */
  readonly commit: ObjectId | undefined;
  readonly checkout: Checkout;
  /** The branch that HEAD is on, by its short name; undefined if it is detached. */
  readonly head: string | undefined;
  /** Whether the release branch is here. */
  readonly branchHere: boolean;
  /** Undefined if the remote gave no answer. */
  readonly remote: RemoteFacts | undefined;
  /** The version of the workspace before the branch is opened. */
  readonly stated: Version | undefined;
  /** Undefined if there is nothing to judge yet, or not here. */
  readonly work: Work | undefined;
  readonly tagState: TagState;
  /** What else stands against tagging main as it is. */
  readonly precheck: Outcome;
  /** The line of a signed tag's message that says that the lab was bypassed. */
  readonly bypass: string | undefined;
  /** Undefined if there is no chart. */
  readonly chart: ChartRelease | undefined;
  /** Whether LEDGER leads the lab's record to another ledger. */
  readonly ledgerVariable: boolean;
  /** Why questions have no answer. */
  readonly unanswered: readonly Finding[];
}

/** The remote's answer, compared with this repository. */
export interface RemoteFacts {
  /** How main here stands to main there; undefined if there is no main here. */
  readonly main: Relation["kind"] | undefined;
  /** How the release branch here stands to the one there, if it is there. */
  readonly branch: Relation["kind"] | "absent";
}

/** What a release is asked about in. */
export interface StatusWorld {
  readonly repository: Repository;
  readonly objects: Objects;
  readonly today: Day;
  /** Ends the questions to the registry. */
  readonly signal: AbortSignal;
}

interface Tips {
  readonly head: ObjectId;
  readonly main: ObjectId | undefined;
  readonly branch: ObjectId | undefined;
}

/**
 * Asks all that there is to know about a release, and changes and fetches nothing.
 *
 * @throws {Refusal} If the repository itself gives no answer.
 */
export async function gatherFacts(world: StatusWorld, version: Version): Promise<StatusFacts> {
  const { repository, objects, today } = world;
  const tag = `${layout.tagPrefix}${version}`;
  const branch = releaseBranch(version);
  const [checkout, main, tip, localTag, asked] = await Promise.all([
    readCheckout(repository),
    refValue(repository, `refs/heads/${layout.mainBranch}`),
    refValue(repository, `refs/heads/${branch}`),
    findLocalTag(repository, tag),
    attempt(async () => {
      const remote = await findRemote(repository, layout.remote);
      return { remote, refs: await askRemote(repository, remote, [branch]) };
    }),
  ]);
  const { remote, refs } = asked.value ?? {};
  const tips = { head: checkout.head, main, branch: tip };
  const isTagged = localTag.kind === "signed" || refs?.tags.has(`refs/tags/${tag}`) === true;
  const { where, commit } = isTagged
    ? await findTagged(repository, localTag, tag)
    : await findUntagged(world, version, tips);
  const about = commit ?? checkout.head;
  const release: Facts = {
    ...{ tag, version, commit: about, checkout, localTag, remote, refs },
    relation: refs && (await relationTo(repository, about, refs.main)),
    resuming: localTag.kind === "signed",
    interactive: true,
  };
  const tagState = tagStateOf(release, rules);
  const head = checkout.branch?.replace(/^refs\/heads\//, "");
  const tree = commitTree(objects, about);
  const tagged = where === "tag";
  const mayBeOut = refs?.tags.has(`refs/tags/${tag}`) ?? true;
  const day = (mayBeOut ? taggingDay(localTag) : undefined) ?? today;
  const judged = { repository, objects, version, tag, commit: about, tree, day, tagged };
  const isHome = head === (where === "branch" ? branch : layout.mainBranch) && !tagged;
  const isNowhere = where === "nowhere" || where === "elsewhere";
  const [work, chart, compared, stated] = await Promise.all([
    isNowhere ? undefined : askChecks(judged, isHome ? checkout.changes : []),
    isNowhere
      ? undefined
      : findChartRelease(release, judged, main, tagState.kind === "complete", world.signal),
    refs && compare(repository, refs, branch, tips),
    where === "nowhere" ? statedVersion(tree) : undefined,
  ]);
  return {
    ...{ version, tag, branch, where, commit, checkout, head, tagState, work, chart },
    ...{ branchHere: tip !== undefined, remote: compared, stated },
    precheck: askPrechecks(release),
    bypass: messageOf(localTag).find((line) => line.startsWith("Bypassed: lab ")),
    ledgerVariable: Boolean(repository.env.LEDGER),
    unanswered: [...(asked.findings ?? []), ...unansweredBy(work, chart)],
  };
}

type Standing = Pick<StatusFacts, "where" | "commit">;

async function findTagged(repository: Repository, local: LocalTag, tag: string): Promise<Standing> {
  const commit =
    local.kind === "signed" ? local.tag.object : await findCommit(repository, `refs/tags/${tag}`);
  return { where: commit === undefined ? "elsewhere" : "tag", commit };
}

/** A branch whose every commit is on a main that states the version has been merged. */
async function findUntagged(
  { repository, objects }: StatusWorld,
  version: Version,
  { head, main, branch }: Tips,
): Promise<Standing> {
  const isOnMain =
    main !== undefined && (await statedVersion(commitTree(objects, main))) === version;
  if (branch === undefined) {
    return isOnMain ? { where: "main", commit: main } : { where: "nowhere", commit: main ?? head };
  }
  const relation = isOnMain ? (await relationTo(repository, branch, main)).kind : undefined;
  const isMerged = relation === "equal" || relation === "behind";
  return isMerged ? { where: "main", commit: main } : { where: "branch", commit: branch };
}

async function compare(
  repository: Repository,
  refs: RemoteAnswer,
  branchName: string,
  { main, branch }: Tips,
): Promise<RemoteFacts> {
  const there = refs.branches.get(branchName);
  const [ofMain, ofBranch] = await Promise.all([
    main === undefined ? undefined : relationTo(repository, main, refs.main),
    there === undefined || branch === undefined ? undefined : relationTo(repository, branch, there),
  ]);
  return {
    main: ofMain?.kind,
    branch: ofBranch?.kind ?? (there === undefined ? "absent" : "unfetched"),
  };
}

function messageOf(localTag: LocalTag): readonly string[] {
  return localTag.kind === "signed" ? localTag.tag.message.split("\n") : [];
}

/**
 * Returns the day on which a tag was made, as its tagger says. A commit is judged as of that day,
 * unless its tag is known to be only here: its release goes on today.
 */
function taggingDay(localTag: LocalTag): Day | undefined {
  const tagger = localTag.kind === "signed" ? localTag.tag.tagger : undefined;
  const date = parseTagger(tagger)?.date;
  return date && dayOf(date);
}

/** Returns the questions that the checks could not answer, each once. */
function unansweredBy(work: Work | undefined, chart: ChartRelease | undefined): Finding[] {
  const { references, vintages, chart: versions, lab, gate } = work ?? {};
  const all = [references, vintages, versions, lab, gate, chart?.files, chart?.image];
  const left = all.flatMap((each) => (each?.state === "unknown" ? [each] : []));
  const byEvidence = new Map(left.map((each) => [each.evidence, each]));
  return [...byEvidence.values()].map(({ evidence, remedy }) => warning(evidence, { remedy }));
}
