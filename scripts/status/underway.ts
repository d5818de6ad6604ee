/** Which release is under way: by its release branch, or because main states it and no tag does. */

import { findValidatedChanges } from "../../release-gate/history/drift.ts";
import { attempt, refusal } from "../lib/finding.ts";
import { readStatus } from "../lib/git/checkout.ts";
import { findCommit, gitOutput, type ObjectId } from "../lib/git/git.ts";
import { commitTree, type Objects } from "../lib/git/objects.ts";
import { type Origin, type RemoteRefs, relationTo } from "../lib/git/remote.ts";
import type { Repository } from "../lib/git/repository.ts";
import { listTags } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";
import { baseBranch } from "../lib/release-branch.ts";
import {
  compareVersions,
  finalOf,
  isCandidate,
  isPrerelease,
  isVersion,
  type Version,
} from "../lib/version.ts";
import { statedVersion } from "./questions.ts";

const releaseBranches = "release/*";

/** The branches that the remote is asked for. It knows other globs than the layout. */
export const askedBranches = [layout.releaseBranches.length > 0 ? "*" : releaseBranches];

/** Returns the refs of the remote below a prefix, by their names without it. */
function namesOf(refs: RemoteRefs | undefined, prefix: string): [string, ObjectId][] {
  return [...(refs?.all ?? [])].flatMap(([ref, id]): [string, ObjectId][] =>
    ref.startsWith(prefix) ? [[ref.slice(prefix.length), id]] : [],
  );
}

/** Lists the versions that are tagged, locally or on the remote, in ascending order. */
export async function listVersions(
  repository: Repository,
  origin: Origin | undefined,
): Promise<Version[]> {
  const prefix = layout.tagPrefix;
  const local = (await listTags(repository, [`${prefix}*`])).map(({ name }) => name);
  const theirs = namesOf(origin?.refs, "refs/tags/").map(([name]) => name);
  return [...new Set([...local, ...theirs])]
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .filter(isVersion)
    .sort(compareVersions);
}

/** Returns the newest final version of a list in ascending order. */
export function newestFinal(versions: readonly Version[]): Version | undefined {
  return versions.findLast((version) => !isPrerelease(version));
}

/** A candidate for lab validation that is tagged. */
export interface Candidate {
  readonly tag: string;
  readonly isPublished: boolean;
  /** Whether the branch has other product code; undefined if its commit is not here. */
  readonly isStale: boolean | undefined;
}

/**
 * Returns the newest candidate of a version among the tagged versions, which ascend.
 *
 * @param tip The commit to compare its code with: that of the release branch.
 */
export async function findCandidate(
  repository: Repository,
  version: Version,
  tagged: readonly Version[],
  refs: RemoteRefs | undefined,
  tip: ObjectId,
): Promise<Candidate | undefined> {
  const newest = tagged.findLast((each) => isCandidate(each) && each.startsWith(`${version}-`));
  if (newest === undefined) {
    return undefined;
  }
  const tag = `${layout.tagPrefix}${newest}`;
  const ref = `refs/tags/${tag}`;
  // The commit of a tag that only the remote has is here if its branch is.
  const commit = await findCommit(
    repository,
    refs?.all.get(`${ref}^{}`) ?? refs?.all.get(ref) ?? ref,
  );
  const changes =
    commit === undefined ? undefined : await findValidatedChanges(repository, [commit, tip]);
  return { tag, isPublished: refs?.all.has(ref) ?? false, isStale: changes && changes.size > 0 };
}

/** The release to show. */
export interface Shown {
  readonly version: Version;
  /** Other versions that are under way, newest first. */
  readonly others: readonly Version[];
  /** The next minor version, if nothing is under way: `version` is the newest release then. */
  readonly proposal?: Version;
}

/**
 * Finds the release that is under way: that of the release branch that HEAD is on; else the newest
 * of the versions above the newest release that have an unmerged release branch, locally or on the
 * remote, or that main states.
 *
 * @throws {Refusal} If the local repository cannot be read, or no branch, tag or workspace states one.
 */
export async function findUnderway(
  repository: Repository,
  objects: Objects,
  origin: Origin | undefined,
): Promise<Shown> {
  const { branch: head = "" } = await readStatus(repository);
  const name = head.replace(/^refs\/heads\//, "");
  const isInPlace = baseBranch(name) !== layout.mainBranch;
  const onHead =
    versionOf(name) ?? (isInPlace ? await statedVersion(commitTree(objects, "HEAD")) : undefined);
  if (onHead !== undefined) {
    return { version: finalOf(onHead), others: [] };
  }
  const main = await findCommit(repository, `refs/heads/${layout.mainBranch}`);
  const [tagged, local, stated] = await Promise.all([
    listVersions(repository, origin),
    listReleaseBranches(repository),
    statedVersion(commitTree(objects, main ?? "HEAD")),
  ]);
  const newest = newestFinal(tagged);
  const isNewer = (version: Version) =>
    newest === undefined || compareVersions(version, newest) > 0;
  /** Reports whether main has a release branch, and states a greater version than the branch's. */
  const isDone = async (version: Version, tip: ObjectId) => {
    if (main === undefined || stated === undefined || compareVersions(stated, version) <= 0) {
      return false;
    }
    const { value } = await attempt(() => relationTo(repository, main, tip));
    return value?.kind === "ahead" || value?.kind === "equal";
  };
  const branches = [...namesOf(origin?.refs, "refs/heads/"), ...local];
  const open = await Promise.all(
    branches.map(async ([branch, tip]) => {
      const version = versionOf(branch);
      const isOpen = version && isNewer(version) && !(await isDone(version, tip));
      return isOpen ? [version] : [];
    }),
  );
  const onMain = stated !== undefined && isNewer(stated) && !isCandidate(stated) ? [stated] : [];
  const [version, ...others] = [...new Set([...open.flat(), ...onMain])]
    .sort(compareVersions)
    .reverse();
  if (version !== undefined) {
    return { version, others };
  }
  if (newest === undefined) {
    throw refusal(`Cannot find the version: ${layout.workspaceManifest} states none`, {
      remedy: "Name it: bun scripts/status.ts vX.Y.Z",
    });
  }
  const [major, minor] = newest.split(".").map(Number);
  return { version: newest, others, proposal: `${major}.${(minor ?? 0) + 1}.0` as Version };
}

/** Returns the version that the name of a release branch states. */
function versionOf(branch: string): Version | undefined {
  const named = /^release\/(.+)$/.exec(branch)?.[1] ?? "";
  return isVersion(named) ? named : undefined;
}

/** Lists the local release branches, by short name, with their commits. */
async function listReleaseBranches(repository: Repository): Promise<[string, ObjectId][]> {
  const format = "--format=%(refname:strip=2) %(objectname)";
  const list = ["for-each-ref", format, `refs/heads/${releaseBranches}`];
  const listed = await gitOutput(repository, "list the release branches", list);
  return listed.split("\n").map((line) => {
    const [name = "", id = ""] = line.split(" ");
    return [name, id];
  });
}
