/** The door to the file system: the work tree as a tree. */

import { realpathSync } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { refusal } from "../finding.ts";
import { type FolderEntry, isTreePath, listMatches, type Tree } from "../tree.ts";
import { decodeSource } from "./objects.ts";

/** The files below a folder as they are on disk now; like a commit, without git's own. */
export function workTree(root: string): Tree {
  return {
    async read(path, decoding) {
      if (!isTreePath(path)) {
        return undefined;
      }
      const bytes = await readIfThere(join(root, path), path);
      return bytes === undefined ? undefined : decodeSource(path, bytes, decoding);
    },
    async list(glob) {
      return await listMatches(glob, (folder) => entriesOf(root, folder));
    },
  };
}

async function entriesOf(root: string, folder: string): Promise<FolderEntry[]> {
  if (folder !== "" && !isTreePath(folder)) {
    return [];
  }
  try {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    return entries
      .filter(({ name }) => name !== ".git")
      .map((each) => ({ name: each.name, kind: each.isDirectory() ? "folder" : "file" }));
  } catch (thrown) {
    if (isAbsent(thrown)) {
      return [];
    }
    throw refusal(`Cannot list ${folder || root}: ${reason(thrown)}`);
  }
}

/**
 * The bytes of a file, or undefined if there is none.
 *
 * @param shown How to name the file in a message.
 * @throws {Refusal} If it is there and cannot be read.
 */
export async function readIfThere(path: string, shown = path): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (thrown) {
    const why = isAbsent(thrown) ? await danglingLink(path) : reason(thrown);
    if (why === undefined) {
      return undefined;
    }
    throw refusal(`Cannot read ${shown}: ${why}`, { at: { file: shown } });
  }
}

/** A link whose target is gone is there, and cannot be read. */
async function danglingLink(path: string): Promise<string | undefined> {
  const stats = await lstat(path).catch(() => undefined);
  return stats?.isSymbolicLink() ? "found a symbolic link to nothing, expected a file" : undefined;
}

/** A path without symbolic links, as git names its top level; itself where that has no meaning. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Whether the file system said "no such file". */
export function isAbsent(thrown: unknown): boolean {
  const code = codeOf(thrown);
  return code === "ENOENT" || code === "ENOTDIR";
}

function codeOf(thrown: unknown): unknown {
  return (thrown as { code?: unknown } | undefined)?.code;
}

/** Why the file system refused, in its own words where they are clear. */
export function reason(thrown: unknown): string {
  if (codeOf(thrown) === "EISDIR") {
    return "found a folder, expected a file";
  }
  return thrown instanceof Error ? thrown.message : String(thrown);
}
