/** The door to the file system: the work tree as a tree. */

import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { refusal } from "../finding.ts";
import { decodeSource } from "../git/objects.ts";
import { type FolderEntry, isTreePath, listMatches, type Tree } from "../tree.ts";

/**
 * The files below a folder as they are on disk now; like a commit, without git's own. They are
 * asked for at once rather than in the background: to load what that takes, and to hand each file
 * from thread to thread, costs more than to read it.
 */
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
      return await listMatches(glob, async (folder) => entriesOf(root, folder));
    },
  };
}

function entriesOf(root: string, folder: string): FolderEntry[] {
  if (folder !== "" && !isTreePath(folder)) {
    return [];
  }
  try {
    const entries = readdirSync(join(root, folder), { withFileTypes: true });
    return entries
      .filter(({ name }) => name !== ".git")
      .map((each) => {
        const isFolder =
          each.isDirectory() || (each.isSymbolicLink() && leadsDown(root, join(folder, each.name)));
        return { name: each.name, kind: isFolder ? "folder" : "file" };
      });
  } catch (thrown) {
    if (isAbsent(thrown) && !folder.includes("\ufffd")) {
      return [];
    }
    if (isAbsent(thrown)) {
      // The runtime reads such a name as another one, which nothing has.
      throw refusal(`Cannot list ${folder}: found a name that is not UTF-8`, {
        at: { file: folder },
        remedy: "Give the folder a name in UTF-8",
      });
    }
    throw refusal(`Cannot list ${folder || root}: ${reason(thrown)}`, {
      remedy: wayOut(thrown, folder || root, "folder"),
    });
  }
}

/** Whether a link leads to a folder other than those around the link, which are listed already. */
function leadsDown(root: string, path: string): boolean {
  try {
    const target = join(root, path);
    if (!statSync(target).isDirectory()) {
      return false;
    }
    const real = realpathSync(target);
    for (let around = dirname(path); ; around = dirname(around)) {
      if (realpathSync(join(root, around)) === real) {
        return false;
      }
      if (around === ".") {
        return true;
      }
    }
  } catch (thrown) {
    // A link to nothing, or in circles, is refused where it is read. Any other is, where it is listed.
    return !isAbsent(thrown) && codeOf(thrown) !== "ELOOP";
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
    return statSync(path).isFile() ? readFileSync(path) : await readStream(path);
  } catch (thrown) {
    const why = isAbsent(thrown) ? danglingLink(path) : reason(thrown);
    if (why === undefined) {
      return undefined;
    }
    throw refusal(`Cannot read ${shown}: ${why}`, {
      at: { file: shown },
      remedy: wayOut(thrown, shown, "file"),
    });
  }
}

/** What is in a pipe, say: it may be long in coming, and Ctrl-C must be heard meanwhile. */
async function readStream(path: string): Promise<Uint8Array> {
  const { readFile } = await import("node:fs/promises");
  return await readFile(path);
}

/** A link whose target is gone is there, and cannot be read. */
function danglingLink(path: string): string | undefined {
  try {
    const isLink = lstatSync(path).isSymbolicLink();
    return isLink ? "found a symbolic link to nothing, expected a file" : undefined;
  } catch {
    return undefined;
  }
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

/** What to do about a path that the file system refused. */
export function wayOut(thrown: unknown, shown: string, expected: "file" | "folder"): string {
  switch (codeOf(thrown)) {
    case "EACCES":
    case "EPERM":
      return `Give yourself access to ${shown}`;
    case "EISDIR":
      return `Put a file in place of the folder ${shown}`;
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
      return `Let the link ${shown} lead to a ${expected}, or put one in its place`;
    case "ENAMETOOLONG":
      return "Use a shorter path";
    default:
      return `Look at ${shown}, and run this again`;
  }
}
