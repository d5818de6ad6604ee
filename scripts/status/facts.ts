/** Reads the state of a release: its branch, main and tags, locally and on the remote, and its checks. */

import { type Day, dayOf } from "../lib/calendar.ts";
import { parseTagger } from "../lib/files/tag-object.ts";
import { type Attempt, type Finding, warning } from "../lib/finding.ts";
import { type Checkout, readCheckout } from "../lib/git/checkout.ts";
import { findCommit, gitOutput, type ObjectId } from "../lib/git/git.ts";
import { releasesBefore } from "../lib/git/last-release.ts";
import { commitTree, type Objects } from "../lib/git/objects.ts";
import { type Origin, type Relation, relationTo, tipOf } from "../lib/git/remote.ts";
import type { Repository } from "../lib/git/repository.ts";
import { containedTags, refValue } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";
import { baseBranch, releaseBranch } from "../lib/release-branch.ts";
import type { Version } from "../lib/version.ts";
import type { Facts } from "../release/prechecks.ts";
import type { Outcome } from "./questions.ts";
import { askChecks, type Checks, statedVersion } from "./questions.ts";
import {
  askPrechecks,
  type ChartRelease,
  findChartRelease,
  findReleasedTag,
  rules,
  type TagState,
  tagStateOf,
} from "./tags.ts";
import { type Candidate, findCandidate, listVersions, newestFinal } from "./underway.ts";

/** The state of a release. */
export interface StatusFacts {
  readonly version: Version;
  /** Short names of the tag and the branch. */
  readonly tag: string;
  readonly branch: string;
  /** Short name of main, or of the branch in its stead; `main` below is that branch. */
  readonly base: string;
  /** The ref whose commit is judged; `remote tag` is a tag that only the remote has. */
  readonly where: "none" | "branch" | "main" | "tag" | "remote tag";
  /** The commit of that ref; before the branch is opened, the commit of main. */
  readonly commit: ObjectId | undefined;
  readonly checkout: Checkout;
  /** Short name of the branch that HEAD is on; undefined if HEAD is detached. */
  readonly head: string | undefined;
  /** Whether the release branch exists locally. */
  readonly branchExists: boolean;
  /** Undefined if the remote did not answer. */
  readonly remote: RemoteFacts | undefined;
  /** The version of the workspace; undefined once the branch is opened. */
  readonly stated: Version | undefined;
  /** Undefined if no ref exists locally that can be judged. */
  readonly checks: Checks | undefined;
  readonly tagState: TagState;
  /** The newest final version that is tagged, locally or on the remote. */
  readonly newest: Version | undefined;
  /** The newest candidate of the version that is tagged. */
  readonly candidate: Candidate | undefined;
  /** Whether the remote holds the tag; undefined if it did not answer. */
  readonly isPublished: boolean | undefined;
  /** The outcome of the pre-checks for the present commit of main. */
  readonly precheck: Outcome;
  /** The line of a signed tag's message that records a bypass of the lab gate. */
  readonly bypass: string | undefined;
  /** Undefined if there is no chart. */
  readonly chart: ChartRelease | undefined;
  /** Whether the variable LEDGER is set: `validate-lab.ts` then writes to another ledger. */
  readonly ledgerVariable: boolean;
  /** A warning for each question that has no answer. */
  readonly unanswered: readonly Finding[];
  /** Warnings about local tags that are only copies of the remote's. */
  readonly copyWarnings: readonly Finding[];
}

/** The remote's answer, compared with this repository. */
export interface RemoteFacts {
  /** How the local main relates to the one of the remote; undefined if there is no local main. */
  readonly main: Relation["kind"] | undefined;
  /** How the local release branch relates to the one of the remote; `absent` if the remote has none. */
  readonly branch: Relation["kind"] | "absent";
}

/**
 * Reads the state of a release. Changes and fetches nothing.
 *
 * @param signal Aborts the requests to the registry.
 * @throws {Refusal} If the local repository cannot be read.
 */
export async function gatherFacts(
  repository: Repository,
  objects: Objects,
  version: Version,
  { value: origin, findings: noAnswer = [] }: Attempt<Origin>,
  today: Day,
  signal: AbortSignal,
): Promise<StatusFacts> {
  const tag = `${layout.tagPrefix}${version}`;
  const branch = releaseBranch(version);
  const [checkout, tip, { localTag, copyWarnings, dispute }, tagged] = await Promise.all([
    readCheckout(repository),
    refValue(repository, `refs/heads/${branch}`),
    findReleasedTag(repository, tag, origin),
    listVersions(repository, origin),
  ]);
  const { remote, refs } = origin ?? {};
  const signed = localTag.kind === "signed" ? localTag.tag : undefined;
  const isPublished = refs?.all.has(`refs/tags/${tag}`);
  const head = checkout.branch?.replace(/^refs\/heads\//, "");
  const base = await findBase(repository, head, signed?.object);
  const main = await refValue(repository, `refs/heads/${base}`);
  const taggedCommit =
    signed?.object ?? (isPublished ? await findCommit(repository, `refs/tags/${tag}`) : undefined);
  const { where, commit } = taggedCommit
    ? ({ where: "tag", commit: taggedCommit } as const)
    : isPublished
      ? ({ where: "remote tag", commit: undefined } as const)
      : base !== layout.mainBranch
        ? ({ where: "main", commit: main } as const)
        : await findUntagged(repository, objects, version, main, tip);
  const about = commit ?? checkout.head;
  const theirBase = refs && tipOf(refs, base);
  const itsRules = { ...rules, branch: base };
  const release: Facts = {
    ...{ tag, version, commit: about, localTag, remote, refs },
    checkout: { ...checkout, head: main ?? checkout.head, branch: `refs/heads/${base}` },
    relation: theirBase ? await relationTo(repository, about, theirBase) : undefined,
    contained: await containedTags(repository, layout.tagPrefix, about),
    resuming: signed !== undefined,
    interactive: true,
  };
  const tagState = tagStateOf(release, itsRules, dispute);
  const tree = commitTree(objects, about);
  const isTagged = where === "tag";
  // A tagged commit is judged as of the day of its tag, but a release that the remote lacks goes on today.
  const date = isPublished === false ? undefined : parseTagger(signed?.tagger)?.date;
  const day = date === undefined ? today : dayOf(date);
  const judged = {
    ...{ repository, objects, version, tag, commit: about, tree, base, day },
    ...{ findLast: releasesBefore(repository, objects, about), tagged: isTagged },
  };
  const isCheckedOut = head === (where === "branch" ? branch : base) && !isTagged;
  const isAbsent = where === "none" || where === "remote tag";
  const isReleased = tagState.kind === "complete";
  const theirs = refs?.all.get(`refs/heads/${branch}`);
  const [checks, chart, ofMain, ofBranch, stated, candidate] = await Promise.all([
    isAbsent ? undefined : askChecks(judged, isCheckedOut ? checkout.changes : []),
    isAbsent ? undefined : findChartRelease(release, judged, origin, main, isReleased, signal),
    relationOf(repository, main, theirBase),
    relationOf(repository, tip, theirs),
    where === "none" ? statedVersion(tree) : undefined,
    findCandidate(repository, version, tagged, refs, about),
  ]);
  return {
    ...{ version, tag, branch, base, where, checkout, head, tagState, isPublished, checks, chart },
    ...{ commit: where === "remote tag" ? undefined : about, branchExists: tip !== undefined },
    ...{ stated, newest: newestFinal(tagged), candidate },
    remote: refs && {
      main: ofMain,
      branch: ofBranch ?? (theirs === undefined ? "absent" : "unfetched"),
    },
    precheck: askPrechecks(release, itsRules),
    bypass: signed?.message.split("\n").find((line) => line.startsWith("Bypassed: lab ")),
    ledgerVariable: Boolean(repository.env.LEDGER),
    copyWarnings: [...copyWarnings, ...(chart?.copyWarnings ?? [])],
    unanswered: [...noAnswer, ...unansweredBy(checks, chart)],
  };
}

/**
 * Returns the branch that a version is released from: main, unless a listed branch is checked out, or
 * alone has the commit of the tag.
 */
async function findBase(
  repository: Repository,
  head: string | undefined,
  tagged: ObjectId | undefined,
): Promise<string> {
  if (layout.releaseBranches.length === 0 || tagged === undefined) {
    return baseBranch(head);
  }
  const { mainBranch, remote } = layout;
  const folders = ["refs/heads", `refs/remotes/${remote}`];
  const list = ["for-each-ref", "--format=%(refname:strip=2)", `--contains=${tagged}`, ...folders];
  const refs = (await gitOutput(repository, "list the branches", list)).trim().split("\n");
  const names = refs.map((ref) => ref.replace(`${remote}/`, ""));
  return names.includes(mainBranch)
    ? mainBranch
    : (names.find((name) => baseBranch(name) === name) ?? baseBranch(head));
}

/** Returns how one commit relates to another; undefined if there are not both. */
async function relationOf(
  repository: Repository,
  here: ObjectId | undefined,
  there: ObjectId | undefined,
): Promise<Relation["kind"] | undefined> {
  return here === undefined || there === undefined
    ? undefined
    : (await relationTo(repository, here, there)).kind;
}

/** The branch is merged if main states the version and has every commit of the branch. */
async function findUntagged(
  repository: Repository,
  objects: Objects,
  version: Version,
  main: ObjectId | undefined,
  branch: ObjectId | undefined,
): Promise<Pick<StatusFacts, "where" | "commit">> {
  const isOnMain = main && (await statedVersion(commitTree(objects, main))) === version;
  const relation = isOnMain ? await relationOf(repository, branch, main) : undefined;
  if (isOnMain && (branch === undefined || relation === "equal" || relation === "behind")) {
    return { where: "main", commit: main };
  }
  return branch === undefined
    ? { where: "none", commit: main }
    : { where: "branch", commit: branch };
}

/** Returns a warning for each question that the checks could not answer, each once. */
function unansweredBy(checks: Checks | undefined, chart: ChartRelease | undefined): Finding[] {
  const { references, vintages, chart: versions, lab, gate } = checks ?? {};
  const all = [references, vintages, versions, lab, gate, chart?.files, chart?.image];
  const left = all.flatMap((each) => (each?.state === "unknown" ? [each] : []));
  const byEvidence = new Map(left.map((each) => [each.evidence, each]));
  return [...byEvidence.values()].map(({ evidence, remedy }) => warning(evidence, { remedy }));
}
