/** Runs a check on the work tree, or on the commit that `--ref` names. */

import { workTree } from "../disk/work-tree.ts";
import { type Finding, findingsOf } from "../finding.ts";
import type { Tree } from "../tree.ts";
import type { ObjectId } from "./git.ts";
import type { FindLastRelease } from "./last-release.ts";
import type { Objects } from "./objects.ts";
import type { Repository } from "./repository.ts";

/**
 * Runs a check on the work tree or a commit, and returns its findings. A refusal and a syntax error
 * in a file become findings, too. Every finding about a commit names that commit.
 *
 * @param revision The value of `--ref`; undefined for the work tree.
 * @param check Receives the tree, the full name of its commit (undefined for the work tree), and the
 *   question for the last release before it.
 * @throws {Refusal} If there is no such commit.
 */
export async function judge(
  repository: Repository,
  revision: string | undefined,
  check: (
    tree: Tree,
    commit: ObjectId | undefined,
    findLast: FindLastRelease,
  ) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  await using opened = new AsyncDisposableStack();
  let commit: ObjectId | undefined;
  let objects: Objects | undefined;
  let asked: Promise<FindLastRelease> | undefined;
  const findLast: FindLastRelease = async (judged, prefix) => {
    asked ??= Promise.all([import("./last-release.ts"), import("./objects.ts")]).then(
      ([{ releasesBefore }, { openObjects }]) =>
        releasesBefore(repository, objects ?? opened.use(openObjects(repository)), commit),
    );
    return await (await asked)(judged, prefix);
  };
  if (revision === undefined) {
    return await check(workTree(repository.root), undefined, findLast).catch(findingsOf);
  }
  const [{ resolveCommit }, { commitTree, openObjects }] = await Promise.all([
    import("./git.ts"),
    import("./objects.ts"),
  ]);
  commit = await resolveCommit(repository, revision);
  objects = opened.use(openObjects(repository));
  return inCommit(
    commit,
    await check(commitTree(objects, commit), commit, findLast).catch(findingsOf),
  );
}

/** Returns findings that name a commit, unless they already do. Does not find their places. */
export function inCommit(commit: ObjectId, findings: readonly Finding[]): Finding[] {
  return findings.map((each) =>
    each.commit === undefined
      ? Object.defineProperties({} as Finding, {
          ...Object.getOwnPropertyDescriptors(each),
          commit: { value: commit, enumerable: true },
        })
      : each,
  );
}
