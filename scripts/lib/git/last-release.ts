/** Finds the last release, with which a check compares what it cannot judge alone. */

import { attempt, quote, Refusal, together } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Tree } from "../tree.ts";
import { compareVersions, isPrerelease, isVersion, type Version } from "../version.ts";
import { findCommit } from "./git.ts";
import { commitTree, type Objects } from "./objects.ts";
import type { Repository } from "./repository.ts";
import type { TagRef } from "./tag.ts";

/** The last release, or why it is not known. */
export type LastRelease =
  | { readonly tag: string; readonly version: Version; readonly tree: Tree; readonly why?: never }
  | { readonly why: string; readonly version?: never };

/**
 * Returns the last release before a version; undefined means before any. The prefix is that of its
 * tags (default: the application's).
 */
export type FindLastRelease = (
  judged: Version | undefined,
  prefix?: string,
) => Promise<LastRelease>;

/**
 * Returns the question for the last release before a commit: the newest tag of a final version that the
 * commit descends from; if it descends from none, the newest one of all. The judged version's own tag
 * is not the last release. Nothing is read before the first question, and the tags are listed once.
 *
 * @param commit The commit that is judged; default: the current one.
 */
export function releasesBefore(
  repository: Repository,
  objects: Objects,
  commit = "HEAD",
): FindLastRelease {
  let asked: ReturnType<typeof listReleases> | undefined;
  return async (judged, prefix = layout.tagPrefix) => {
    asked ??= listReleases(repository, commit);
    const { why, merged, listAll } = await asked;
    if (why !== undefined) {
      return { why };
    }
    const newest = newestRelease(merged, prefix, judged);
    const found = newest ?? newestRelease(await listAll(), prefix, judged);
    return found === undefined
      ? { why: `there is no tag ${prefix}X.Y.Z of another final version` }
      : // git reads the tree behind a tag object as it reads that of a commit.
        { tag: found.tag, version: found.version, tree: commitTree(objects, found.id) };
  };
}

/** Lists the tags of the releases that a commit descends from, or returns why they are not known. */
async function listReleases(repository: Repository, commit: string) {
  // Loaded here, as few runs ask for the last release.
  const [{ isShallow }, { listTags }] = await Promise.all([
    import("./history.ts"),
    import("./tag.ts"),
  ]);
  const patterns = [`${layout.tagPrefix}*`, `${layout.chartTagPrefix}*`];
  const [listed, shallow] = await together(
    attempt(() => listTags(repository, patterns, commit)),
    isShallow(repository),
  );
  if (shallow) {
    return { why: "the clone is shallow" };
  }
  if (listed.findings === undefined) {
    return { merged: listed.value, listAll: () => listTags(repository, patterns) };
  }
  if ((await findCommit(repository, commit)) === undefined) {
    return { why: `there is no commit ${quote(commit)}` };
  }
  throw new Refusal(listed.findings);
}

/** Returns the newest tag of a final version among tags with a prefix, apart from one version. */
export function newestRelease(refs: readonly TagRef[], prefix: string, except?: Version) {
  const releases = refs.flatMap(({ name, id }) => {
    const version = name.startsWith(prefix) ? name.slice(prefix.length) : "";
    const counts = isVersion(version) && !isPrerelease(version) && version !== except;
    return counts && id !== undefined ? [{ tag: name, version, id }] : [];
  });
  return releases.sort((one, other) => compareVersions(other.version, one.version))[0];
}
