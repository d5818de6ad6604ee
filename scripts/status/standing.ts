/** Where a release stands in git: its branch, main and tag, here and on the remote. */

import { readWorkspace } from "../lib/files/cargo.ts";
import { attempt, type Finding } from "../lib/finding.ts";
import { branchesElsewhere, type Checkout, readCheckout } from "../lib/git/checkout.ts";
import { findCommit, type ObjectId, type Repository } from "../lib/git/git.ts";
import { commitTree, type Objects } from "../lib/git/objects.ts";
import {
  askRemote,
  findRemote,
  type Relation,
  type Remote,
  type RemoteAnswer,
  relationTo,
} from "../lib/git/remote.ts";
import { refValue } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";
import type { Tree } from "../lib/tree.ts";
import { isVersion, type Version } from "../lib/version.ts";
import { findLocalTag, type LocalTag } from "../release/local-tag.ts";
import type { RemoteFacts, Where } from "./facts.ts";
import { branchOf, tagOf } from "./next.ts";

export interface Standing {
  readonly where: Where;
  /** What stands for the release; undefined if its tag is not here. */
  readonly commit: ObjectId | undefined;
  readonly checkout: Checkout;
  /** Work trees that have branches checked out, by full name of the branch. */
  readonly elsewhere: ReadonlyMap<string, string>;
  /** Tips of the branches that are here. */
  readonly main: ObjectId | undefined;
  readonly branch: ObjectId | undefined;
  readonly localTag: LocalTag;
  readonly remote: Remote | undefined;
  readonly refs: RemoteAnswer | undefined;
  readonly compared: RemoteFacts | undefined;
  /** Why there is no answer of the remote. */
  readonly unanswered: readonly Finding[];
}

/**
 * Reads where a release stands. The remote is asked what it holds; nothing is fetched.
 *
 * @throws {Refusal} If the repository itself gives no answer.
 */
export async function readStanding(
  repository: Repository,
  objects: Objects,
  version: Version,
): Promise<Standing> {
  const names = { version };
  const [checkout, elsewhere, main, branch, localTag, asked] = await Promise.all([
    readCheckout(repository),
    branchesElsewhere(repository),
    refValue(repository, `refs/heads/${layout.mainBranch}`),
    refValue(repository, `refs/heads/${branchOf(names)}`),
    findLocalTag(repository, tagOf(names)),
    attempt(async () => {
      const remote = await findRemote(repository, layout.remote);
      return { remote, refs: await askRemote(repository, remote, [branchOf(names)]) };
    }),
  ]);
  const refs = asked.value?.refs;
  const held = refs?.tags.get(`refs/tags/${tagOf(names)}`);
  const isTagged = localTag.kind === "signed" || held !== undefined;
  const [standing, compared] = await Promise.all([
    isTagged
      ? taggedCommit(repository, localTag, tagOf(names))
      : untagged(repository, objects, version, { main, branch, head: checkout.head }),
    refs && compare(repository, refs, branchOf(names), { main, branch }),
  ]);
  return {
    ...standing,
    checkout,
    elsewhere,
    main,
    branch,
    localTag,
    remote: asked.value?.remote,
    refs,
    compared,
    unanswered: asked.findings ?? [],
  };
}

type Found = Pick<Standing, "where" | "commit">;

async function taggedCommit(
  repository: Repository,
  localTag: LocalTag,
  tag: string,
): Promise<Found> {
  const commit =
    localTag.kind === "signed"
      ? localTag.tag.object
      : await findCommit(repository, `refs/tags/${tag}`);
  return { where: "tag", commit };
}

interface Tips {
  readonly main: ObjectId | undefined;
  readonly branch: ObjectId | undefined;
}

/** A branch whose every commit is on a main that states the version has been merged. */
async function untagged(
  repository: Repository,
  objects: Objects,
  version: Version,
  { main, branch, head }: Tips & { readonly head: ObjectId },
): Promise<Found> {
  const isOnMain =
    main !== undefined && (await statedVersion(commitTree(objects, main))) === version;
  if (branch === undefined) {
    return isOnMain ? { where: "main", commit: main } : { where: "nowhere", commit: main ?? head };
  }
  const isMerged = isOnMain && isContained(await relationTo(repository, branch, main));
  return isMerged ? { where: "main", commit: main } : { where: "branch", commit: branch };
}

const isContained = ({ kind }: Relation) => kind === "equal" || kind === "behind";

/** The version that a tree's workspace states, if it can be read and is one. */
export async function statedVersion(tree: Tree): Promise<Version | undefined> {
  const { value } = await attempt(() => readWorkspace(tree));
  const stated = value?.version?.value;
  return typeof stated === "string" && isVersion(stated) ? stated : undefined;
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
