/** Reads the release tools that a product adopts: the commands and their library. */

import { findFile, realPath } from "../lib/disk/files.ts";
import { workTree } from "../lib/disk/work-tree.ts";
import { asTable, parseJson } from "../lib/files/document.ts";
import { attempt, refusal } from "../lib/finding.ts";
import { changesAmong } from "../lib/git/checkout.ts";
import { resolveCommit } from "../lib/git/git.ts";
import { findRepository } from "../lib/git/repository.ts";
import type { Environment } from "../lib/process.ts";
import { isAdoptable, type Origin } from "./manifest.ts";

/** The files of the release tools, with their version and commit. */
export interface Upstream extends Origin {
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** The files with uncommitted changes; undefined if unknown. */
  readonly changed: readonly string[] | undefined;
}

/** The demo is not needed for a release. */
const notAdopted = /^scripts\/demo(?:\.ts$|\/)/;

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
  const globs = ["scripts/**/*", "release-gate/**/*"];
  const paths = (await Promise.all(globs.map(tree.list)))
    .flat()
    .filter((path) => isAdoptable(path) && !notAdopted.test(path));
  const files = new Map(paths.map((path) => [path, readBytes(root, path)]));
  const description = await tree.read("package.json");
  const version = description && asTable(parseJson(description).data)?.version;
  const { value } = await attempt(() => readCommit(root, paths, env, signal));
  return {
    files,
    version: typeof version === "string" ? version : "unknown",
    commit: value?.changed.length === 0 ? value.commit : undefined,
    changed: value?.changed,
  };
}

function readBytes(root: string, path: string): Uint8Array {
  const file = findFile(root, path, { links: "none" });
  if (file === undefined) {
    throw refusal(`Cannot read ${path}: it was removed after it was listed`, {
      remedy: "Run this again while no other program changes the release tools",
    });
  }
  return file.bytes;
}

/** Returns the commit of the release tools and the files with changes; undefined without a checkout. */
async function readCommit(
  root: string,
  paths: readonly string[],
  env: Environment,
  signal: AbortSignal,
) {
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
