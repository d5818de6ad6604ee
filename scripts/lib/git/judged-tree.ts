/** What a check judges: the work tree, or the commit that `--ref` names. */

import { workTree } from "../disk/work-tree.ts";
import { type Finding, findingsOf } from "../finding.ts";
import type { Tree } from "../tree.ts";
import type { ObjectId } from "./git.ts";
import type { Repository } from "./repository.ts";

/**
 * Runs a check on the work tree, or on a commit, and returns what it found. Every finding about a
 * commit names it, a refusal of the check and a syntax error in a file included.
 *
 * @param revision What `--ref` says; the work tree without it.
 * @param check Told the full name of the commit when it is not the work tree.
 * @throws {Refusal} If there is no such commit.
 */
export async function judge(
  repository: Repository,
  revision: string | undefined,
  check: (tree: Tree, commit: ObjectId | undefined) => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  if (revision === undefined) {
    return await check(workTree(repository.root), undefined).catch(findingsOf);
  }
  const [{ resolveCommit }, { commitTree, openObjects }] = await Promise.all([
    import("./git.ts"),
    import("./objects.ts"),
  ]);
  const commit = await resolveCommit(repository, revision);
  await using objects = openObjects(repository);
  return inCommit(commit, await check(commitTree(objects, commit), commit).catch(findingsOf));
}

/** Returns findings that name the commit in which they were found. No place is asked for. */
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
