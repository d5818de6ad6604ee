/** The door to the file system: reads regular files of a checkout, and says why it cannot. */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { Refusal, refusal } from "../finding.ts";

/** A file as it is, or is to be. */
export interface FileState {
  readonly bytes: Uint8Array;
  /** Its permissions. */
  readonly mode: number;
}

/** The most bytes of a file that are read; the files of a release are far smaller. */
const mostBytes = 64 * 2 ** 20;

/** How a file of a checkout is found. */
interface Search {
  /** Which links may lead to it: those that stay within the checkout, or none. */
  readonly links?: "within" | "none";
  /** What the file is asked for: a refusal says so. */
  readonly purpose?: "read" | "write";
  /** How to name the file in a message, if not by its path. */
  readonly shown?: string;
}

/**
 * The file at a path of a checkout, or undefined if there is none. It never waits for a pipe.
 *
 * @param root Absolute path of the top level.
 * @throws {Refusal} If something else is there, or it cannot be read.
 */
export function findFile(root: string, path: string, how: Search = {}): FileState | undefined {
  const { links = "within", purpose = "read", shown = path } = how;
  const target = join(root, path);
  try {
    const real = realpathSync(target);
    const isElsewhere = links === "within" && !isWithin(root, real);
    if (isElsewhere || (links === "none" && real !== target)) {
      refuseObstacle(root, path, "file", { links, purpose, shown });
    }
    if (isElsewhere) {
      throw refusal(`Cannot read ${shown}: found ${real}, expected a file of this checkout`, {
        at: { file: shown },
        remedy: "Let nothing else edit the checkout, then run this again",
      });
    }
    return readRegular(links === "none" ? target : real, shown, { purpose });
  } catch (thrown) {
    if (isAbsent(thrown) || codeOf(thrown) === "ELOOP") {
      refuseObstacle(root, path, "file", { links, purpose, shown });
    }
    return undefinedIfAbsent(thrown, shown);
  }
}

/** Whether a path without links is a place of the checkout, and none of git's own. */
export function isWithin(root: string, real: string): boolean {
  const isBelow = (top: string) =>
    `${real}/`.startsWith(`${top}/`) && !`${real.slice(top.length)}/`.includes("/.git/");
  return isBelow(root.replace(/\/$/, "")) || isBelow(realPath(root).replace(/\/$/, ""));
}

/**
 * Refuses a path that leads through a link that it may not, or, if it may through none, through
 * something else than folders.
 */
export function refuseObstacle(
  root: string,
  path: string,
  expected: "file" | "folder",
  { links, purpose, shown }: Required<Search>,
): void {
  const parts = path.split("/");
  for (const index of parts.keys()) {
    const way = parts.slice(0, index + 1).join("/");
    const place = join(root, way);
    const stats = lstatIfThere(place);
    const isLink = stats?.isSymbolicLink() === true;
    const isLast = index === parts.length - 1;
    const isBarred = isLink
      ? links === "none" || !leadsWithin(root, place)
      : links === "none" && stats?.isFile() === true && !isLast;
    if (isBarred) {
      const found = isLink
        ? `the symbolic link ${way} to ${readlinkSync(place)}`
        : `the file ${way}`;
      const kind = isLast ? expected : "folder";
      const wanted = links === "none" ? `a plain ${kind}` : `a ${kind} of this checkout`;
      throw refusal(`Cannot ${purpose} ${shown}: found ${found}, expected ${wanted}`, {
        at: { file: shown },
        remedy: `Put a ${kind} in place of the ${isLink ? "symbolic link" : "file"} ${way}, or move it away`,
      });
    }
  }
}

function lstatIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

function leadsWithin(root: string, link: string): boolean {
  try {
    return isWithin(root, realpathSync(link));
  } catch {
    // It leads to nothing, or in circles.
    return false;
  }
}

/**
 * Reads a regular file, and never waits for what is none.
 *
 * @param shown How to name the file in a message.
 * @throws {Refusal} If it is no regular file, or too large. What the system says is thrown as it is.
 */
function readRegular(
  path: string,
  shown: string,
  { purpose = "read", follow = false } = {},
): FileState {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  const descriptor = openSync(path, O_RDONLY | O_NONBLOCK | (follow ? 0 : O_NOFOLLOW));
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) {
      const kind = stats.isDirectory() ? "folder" : stats.isFIFO() ? "named pipe" : "device";
      throw refusal(`Cannot ${purpose} ${shown}: found a ${kind}, expected a file`, {
        at: { file: shown },
        remedy: `Put a file in place of the ${kind} ${shown}, or move it away`,
      });
    }
    refuseSize(stats.size, shown);
    return { bytes: readFileSync(descriptor), mode: stats.mode & 0o7777 };
  } finally {
    closeSync(descriptor);
  }
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

/**
 * The bytes of a file that the operator named, or undefined if there is none: a link or a pipe will do.
 *
 * @param shown How to name the file in a message.
 * @throws {Refusal} If it is there and cannot be read.
 */
export async function readIfThere(path: string, shown = path): Promise<Uint8Array | undefined> {
  try {
    return statSync(path).isFile()
      ? readRegular(path, shown, { follow: true }).bytes
      : await readStream(path, shown);
  } catch (thrown) {
    return undefinedIfAbsent(thrown, shown);
  }
}

/** Undefined if the file system said that there is no such file. */
function undefinedIfAbsent(thrown: unknown, shown: string): undefined {
  if (isAbsent(thrown)) {
    return undefined;
  }
  throw thrown instanceof Refusal
    ? thrown
    : refusal(`Cannot read ${shown}: ${reason(thrown)}`, {
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

export function codeOf(thrown: unknown): unknown {
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
