/** Finds the last release, with which a check compares what it cannot judge alone. */

import { quote, together } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Tree } from "../tree.ts";
import { compareVersions, isPrerelease, isVersion, type Version } from "../version.ts";
import { findCommit, type ObjectId } from "./git.ts";
import { commitTree, type Objects, openObjects } from "./objects.ts";
import type { Repository } from "./repository.ts";
import type { TagRef } from "./tag.ts";

/** The last release, or why it is not known. */
export type LastRelease =
  | { readonly tag: string; readonly version: Version; readonly tree: Tree; readonly why?: never }
  | { readonly why: string };

/** A question that is asked only if its answer matters. */
export type AskLastRelease = () => Promise<LastRelease>;

/**
 * Returns the last release before a version; undefined means before any. The prefix is that of its
 * tags (default: the application's).
 */
export type FindLastRelease = (
  judged: Version | undefined,
  prefix?: string,
) => Promise<LastRelease>;

/** The releases before a commit. Nothing is read before the first question. */
export interface EarlierReleases extends AsyncDisposable {
  readonly findLast: FindLastRelease;
}

/** Opens the releases before a commit; default: the current one. */
export function earlierReleases(repository: Repository, commit?: ObjectId): EarlierReleases {
  const opened = new AsyncDisposableStack();
  return {
    async findLast(judged, prefix = layout.tagPrefix) {
      const objects = opened.use(openObjects(repository));
      return await askLastRelease(repository, objects, judged, {
        prefix,
        ...(commit && { commit }),
      })();
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/**
 * Returns a function that finds the newest tag of a final version that a commit descends from; if
 * it descends from none, the newest one of all. The function asks git once.
 *
 * @param judged The version that is judged. Its own tag is not the last release.
 * @param commit The commit that is judged; default: the current one.
 */
export function askLastRelease(
  repository: Repository,
  objects: Objects,
  judged: Version | undefined,
  { commit = "HEAD", prefix = layout.tagPrefix }: { commit?: string; prefix?: string } = {},
): AskLastRelease {
  let answer: Promise<LastRelease> | undefined;
  return () => {
    answer ??= findLastRelease(repository, objects, judged, commit, prefix);
    return answer;
  };
}

async function findLastRelease(
  repository: Repository,
  objects: Objects,
  judged: Version | undefined,
  revision: string,
  prefix: string,
): Promise<LastRelease> {
  // Loaded here, as few runs ask for the last release.
  const [{ isShallow }, { listTags }] = await Promise.all([
    import("./history.ts"),
    import("./tag.ts"),
  ]);
  const [commit, shallow] = await together(findCommit(repository, revision), isShallow(repository));
  if (commit === undefined) {
    return { why: `there is no commit ${quote(revision)}` };
  }
  if (shallow) {
    return { why: "the clone is shallow" };
  }
  const list = async (inCommit?: ObjectId) =>
    newestRelease(await listTags(repository, [`${prefix}*`], inCommit), prefix, judged);
  const found = (await list(commit)) ?? (await list());
  if (found === undefined) {
    return { why: `there is no tag ${prefix}X.Y.Z of another final version` };
  }
  const { tag, version, id } = found;
  // git reads the tree behind a tag object as it reads that of a commit.
  return { tag, version, tree: commitTree(objects, id) };
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
