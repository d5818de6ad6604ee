/** What there is to adopt: the commands and their library, as this checkout of the release tools has them. */

import { findFile, realPath } from "../lib/disk/files.ts";
import { workTree } from "../lib/disk/work-tree.ts";
import { asTable, parseJson } from "../lib/files/document.ts";
import { attempt, refusal } from "../lib/finding.ts";
import { changesAmong } from "../lib/git/checkout.ts";
import { findRepository, resolveCommit } from "../lib/git/git.ts";
import type { Environment } from "../lib/process.ts";
import { isAdoptable, type Origin } from "./manifest.ts";

/** The release tools' own files, and where they come from. */
export interface Upstream extends Origin {
  readonly root: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The files that are not as committed; undefined if git cannot tell. */
  readonly changed: readonly string[] | undefined;
}

/** The demo stays where it is: its world, its stand-in servers and its story serve no release. */
const notAdopted = /^scripts\/(?:demo\.ts$|demo\/)/;

/**
 * Reads the files that a product adopts.
 *
 * @param root Absolute path of the folder that holds `scripts/` and `release-gate/`.
 * @throws {Refusal} If a file cannot be read.
 */
export async function readUpstream(
  root: string,
  env: Environment,
  signal: AbortSignal,
): Promise<Upstream> {
  const tree = workTree(root);
  const globs = ["scripts", "release-gate"].flatMap((folder) => [
    `${folder}/**/*.ts`,
    `${folder}/tsconfig.json`,
  ]);
  const listed = await Promise.all(globs.map(tree.list));
  const files = new Map(
    listed
      .flat()
      .filter((path) => isAdoptable(path) && !notAdopted.test(path))
      .map((path): [string, Uint8Array] => [path, bytesOf(root, path)]),
  );
  const [version, state] = await Promise.all([
    versionOf(root),
    attempt(() => commitOf(root, [...files.keys()], env, signal)),
  ]);
  const { commit, changed } = state.value ?? {};
  return { root, files, version, commit: changed?.length === 0 ? commit : undefined, changed };
}

function bytesOf(root: string, path: string): Uint8Array {
  const file = findFile(root, path, { links: "none" });
  if (file === undefined) {
    throw refusal(`Cannot read ${path}: it has gone since it was listed`, {
      remedy: "Let nothing else edit the release tools, then run this again",
    });
  }
  return file.bytes;
}

async function versionOf(root: string): Promise<string> {
  const source = await workTree(root).read("package.json");
  const version = source && asTable(parseJson(source).data)?.version;
  return typeof version === "string" ? version : "unknown";
}

/** The commit of the release tools, if they are a checkout of their own, and what differs from it. */
async function commitOf(
  root: string,
  paths: readonly string[],
  env: Environment,
  signal: AbortSignal,
): Promise<Pick<Upstream, "commit" | "changed"> | undefined> {
  const repository = await findRepository(root, env, signal);
  if (!("root" in repository) || repository.root !== realPath(root)) {
    return undefined;
  }
  const [commit, changed] = await Promise.all([
    resolveCommit(repository, "HEAD"),
    changesAmong(repository, paths),
  ]);
  return { commit, changed };
}
