/** Compares the files of two commits, apart from the versions that a bump moves. */

import { versionIn } from "../../scripts/lib/files/cargo.ts";
import { editDocument } from "../../scripts/lib/files/edit.ts";
import { isStale, type Reference, readReferences } from "../../scripts/lib/files/references.ts";
import { attempt, refusal } from "../../scripts/lib/finding.ts";
import { gitOutput, type ObjectId } from "../../scripts/lib/git/git.ts";
import { commitTree, openObjects } from "../../scripts/lib/git/objects.ts";
import type { Repository } from "../../scripts/lib/git/repository.ts";
import type { Tree } from "../../scripts/lib/tree.ts";
import type { Version } from "../../scripts/lib/version.ts";

/**
 * Returns the paths that differ between two commits in more than the version of the workspace, as a bump
 * moves it. A change that was reverted leaves no difference.
 *
 * @param isAsked Reports whether a path matters.
 * @throws {Refusal} If git fails.
 */
export async function findChangedFiles(
  repository: Repository,
  [before, after]: readonly [ObjectId, ObjectId],
  isAsked: (path: string) => boolean,
): Promise<ReadonlySet<string>> {
  const purpose = "find what changed since the validation";
  const plain = ["--no-renames", "--no-relative", "--ignore-submodules=none"];
  const list = ["diff-tree", "--stdin", "--always", "-r", "-z", ...plain];
  const stdin = `${after} ${before}\n`;
  // git prints the commit before its differences: this shows that it has answered.
  const [id, ...fields] = (await gitOutput(repository, purpose, list, { stdin })).split("\0");
  if (id !== after || fields.length % 2 === 0) {
    throw refusal(`Cannot ${purpose}: git diff-tree gave an incomplete answer`, {
      remedy: "Check the repository: git fsck",
    });
  }
  const changes = fields.flatMap((path, index) =>
    index % 2 === 1 && isAsked(path) ? [{ path, status: fields[index - 1] ?? "" }] : [],
  );
  await using objects = openObjects(repository);
  const trees = [before, after].map((commit) => commitTree(objects, commit));
  const [old = new Map(), now = new Map()] = await Promise.all(trees.map(readManifests));
  const isMoved = ({ path, status }: (typeof changes)[number]) =>
    /^:(\d+) \1 .* M$/.test(status) && old.has(path) && old.get(path) === now.get(path);
  return new Set(changes.filter((each) => !isMoved(each)).map(({ path }) => path));
}

/**
 * Returns the text of each file that states the version of the workspace, by path, with one other version
 * in place of it. A file in which the bump could not move it is missing.
 */
async function readManifests(tree: Tree): Promise<ReadonlyMap<string, string>> {
  const neutral = "0.0.0" as Version;
  const { value: read } = await attempt(() => readReferences(tree, { application: neutral }));
  const application = read && versionIn(read.workspace);
  const ours = application ? read.references.filter((each) => !isStale(each, { application })) : [];
  const files = [...Map.groupBy(ours, ({ file }) => file)];
  const texts = files.map(async ([path, found]): Promise<readonly [string, string][]> => {
    const { value } = await attempt(async () => withVersion(found, neutral));
    return value === undefined ? [] : [[path, value]];
  });
  return new Map((await Promise.all(texts)).flat());
}

/** Returns the text of a document with another version in its references. */
function withVersion(found: readonly Reference[], version: Version): string | undefined {
  const sites = found.flatMap(({ site }) => (site.kind === "value" ? site : []));
  const [first] = sites;
  const changes = sites.map(({ change }) => change(version));
  return first && editDocument(first.document, changes);
}
