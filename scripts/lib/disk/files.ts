/** The door to the file system: the work tree as a tree. */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Refusal, refusal } from "../finding.ts";
import { decodeSource } from "../git/objects.ts";
import { type FolderEntry, isTreePath, type Kind, listMatches, type Tree } from "../tree.ts";

/** A file as it is, or is to be. */
export interface FileState {
  readonly bytes: Uint8Array;
  /** Its permissions. */
  readonly mode: number;
}

/** The most bytes of a file that are read; the files of a release are far smaller. */
const mostBytes = 64 * 2 ** 20;

/**
 * The files below a folder as they are on disk now; like a commit, without git's own. Links are
 * followed as long as they lead to a place below that folder. They are asked for at once rather
 * than in the background: to load what that takes, and to hand each file from thread to thread,
 * costs more than to read it.
 */
export function workTree(root: string): Tree {
  return {
    async read(path, decoding) {
      const bytes = isTreePath(path) ? readWithin(root, path) : undefined;
      return bytes === undefined ? undefined : decodeSource(path, bytes, decoding);
    },
    async list(glob) {
      return await listMatches(glob, async (folder) => entriesOf(root, folder));
    },
  };
}

function readWithin(root: string, path: string): Uint8Array | undefined {
  const target = join(root, path);
  try {
    const real = realpathSync(target);
    if (!isWithin(root, real)) {
      throw leadsOut(root, path);
    }
    return readRegular(real, path).bytes;
  } catch (thrown) {
    if (isAbsent(thrown) && !isWithin(root, realPath(dirname(target)))) {
      throw leadsOut(root, path);
    }
    return absentOr(thrown, target, path);
  }
}

/** Whether a path without links is a place of the checkout, and none of git's own. */
function isWithin(root: string, real: string): boolean {
  const isBelow = (top: string) =>
    `${real}/`.startsWith(`${top}/`) && !`${real.slice(top.length)}/`.includes("/.git/");
  return isBelow(root.replace(/\/$/, "")) || isBelow(realPath(root).replace(/\/$/, ""));
}

/** The refusal of a path that a link leads out of the checkout. */
function leadsOut(root: string, path: string): Refusal {
  const parts = path.split("/");
  const ways = parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  const link = ways.find((way) => !isWithin(root, realPath(join(root, way)))) ?? path;
  const target = realPath(join(root, link));
  const kind = link === path && !isFolder(target) ? "file" : "folder";
  return refusal(
    `Cannot read ${path}: found that ${link} leads to ${target}, expected a ${kind} of this checkout`,
    { at: { file: path }, remedy: `Put a ${kind} in place of the symbolic link ${link}` },
  );
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/**
 * Reads a regular file, and never waits for what is none.
 *
 * @param shown How to name the file in a message.
 * @param follow Whether a symbolic link at the path itself is followed.
 * @throws {Refusal} If it is no regular file, or too large. What the system says is thrown as it is.
 */
export function readRegular(path: string, shown: string, follow = false): FileState {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  const descriptor = openSync(path, O_RDONLY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
  try {
    const stats = fstatSync(descriptor);
    refuseUnreadable(stats, shown);
    return { bytes: readFileSync(descriptor), mode: stats.mode & 0o7777 };
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Refuses what is no regular file, and one that is too large.
 *
 * @throws {Refusal} If it is.
 */
export function refuseUnreadable(stats: Stats, shown: string): void {
  if (!stats.isFile()) {
    const kind = stats.isDirectory() ? "folder" : stats.isFIFO() ? "named pipe" : "device";
    throw refusal(`Cannot read ${shown}: found a ${kind}, expected a file`, {
      at: { file: shown },
      remedy: `Put a file in place of the ${kind} ${shown}`,
    });
  }
  refuseSize(stats.size, shown);
}

function refuseSize(size: number, shown: string): void {
  if (size > mostBytes) {
    const found = size.toLocaleString("en-US");
    throw refusal(`Cannot read ${shown}: found ${found} bytes, expected at most 64 MB`, {
      at: { file: shown },
      remedy: `Put the right file in place of ${shown}`,
    });
  }
}

function entriesOf(root: string, folder: string): FolderEntry[] {
  if (folder !== "" && !isTreePath(folder)) {
    return [];
  }
  if (!isWithin(root, realPath(join(root, folder)))) {
    throw leadsOut(root, folder);
  }
  try {
    const entries = readdirSync(join(root, folder), { withFileTypes: true });
    return entries
      .filter(({ name }) => name !== ".git")
      .map((each) => {
        const kind = each.isDirectory() ? "folder" : "file";
        return {
          name: each.name,
          kind: each.isSymbolicLink() ? behindLink(root, join(folder, each.name)) : kind,
        };
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

/**
 * What a link stands for: a folder that is listed as well, one out of the checkout that is not, or
 * something that is refused where it is read, if it is no file.
 */
function behindLink(root: string, path: string): Kind {
  try {
    const target = join(root, path);
    if (!statSync(target).isDirectory()) {
      return "file";
    }
    const real = realpathSync(target);
    if (!isWithin(root, real)) {
      return "symbolic link";
    }
    for (let around = dirname(path); ; around = dirname(around)) {
      // The folders around the link are listed already.
      if (realpathSync(join(root, around)) === real) {
        return "file";
      }
      if (around === ".") {
        return "folder";
      }
    }
  } catch (thrown) {
    // A link to nothing, or in circles, is refused where it is read. Any other is, where it is listed.
    return isAbsent(thrown) || codeOf(thrown) === "ELOOP" ? "file" : "folder";
  }
}

/**
 * The bytes of a file that the operator named, or undefined if there is none: a link or a pipe will do.
 *
 * @param shown How to name the file in a message.
 * @throws {Refusal} If it is there and cannot be read.
 */
export async function readIfThere(path: string, shown = path): Promise<Uint8Array | undefined> {
  try {
    return statSync(path).isFile()
      ? readRegular(path, shown, true).bytes
      : await readStream(path, shown);
  } catch (thrown) {
    return absentOr(thrown, path, shown);
  }
}

/** Undefined if the file system said that there is no such file. */
function absentOr(thrown: unknown, path: string, shown: string): undefined {
  const why = isAbsent(thrown) ? danglingLink(path) : reason(thrown);
  if (why === undefined) {
    return undefined;
  }
  throw thrown instanceof Refusal
    ? thrown
    : refusal(`Cannot read ${shown}: ${why}`, {
        at: { file: shown },
        remedy: wayOut(thrown, shown, "file"),
      });
}

/** What is in a pipe, say: it may be long in coming, and Ctrl-C must be heard meanwhile. */
async function readStream(path: string, shown: string): Promise<Uint8Array> {
  const { open } = await import("node:fs/promises");
  await using file = await open(path);
  const chunks: Uint8Array[] = [];
  for (let size = 0; ; ) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(2 ** 16));
    if (bytesRead === 0) {
      return Buffer.concat(chunks);
    }
    chunks.push(buffer.subarray(0, bytesRead));
    size += bytesRead;
    refuseSize(size, shown);
  }
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
