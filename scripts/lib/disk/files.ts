/** Reads regular files of a checkout, and explains failures of the file system. */

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
import { errorCode } from "../process.ts";

/** The content and permissions of a file. */
export interface FileState {
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/** The most bytes that are read of a file; the files of a release are far smaller. */
const mostBytes = 64 * 2 ** 20;

/** How a file of a checkout is found. */
interface Search {
  /** Whether links that stay within the checkout are followed, or none. */
  readonly links?: "within" | "none";
  /** The verb in the message of a refusal. */
  readonly purpose?: "read" | "write";
  /** The name of the file in messages; default: its path. */
  readonly shown?: string;
}

/**
 * Returns the file at a path of a checkout, or undefined if there is none. It never blocks on a
 * pipe.
 *
 * @param root Absolute path of the top level.
 * @throws {Refusal} If the path is not a regular file, or cannot be read.
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
    if (isAbsent(thrown) || errorCode(thrown) === "ELOOP") {
      refuseObstacle(root, path, "file", { links, purpose, shown });
    }
    return undefinedIfAbsent(thrown, shown);
  }
}

/** Reports whether a path without links lies within the checkout and outside `.git`. */
export function isWithin(root: string, real: string): boolean {
  const isBelow = (top: string) =>
    `${real}/`.startsWith(`${top}/`) && !`${real.slice(top.length)}/`.includes("/.git/");
  return isBelow(root.replace(/\/$/, "")) || isBelow(realPath(root).replace(/\/$/, ""));
}

/**
 * Refuses a path that goes through a link that `links` does not allow. With `none` it also refuses
 * a path that goes through a file.
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
    // The target is missing, or the links form a loop.
    return false;
  }
}

/**
 * Reads a regular file. It never blocks on a pipe or a device.
 *
 * @param shown The name of the file in messages.
 * @throws {Refusal} If it is not a regular file, or too large.
 * @throws {Error} If the file system fails.
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
 * Returns the bytes of a file, link or pipe that the operator named, or undefined if there is none.
 *
 * @param shown The name of the file in messages.
 * @throws {Refusal} If it exists but cannot be read.
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

/** Returns undefined if an error means that there is no such file; otherwise throws a refusal. */
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

/** Reads a pipe asynchronously: its data may arrive late, and Ctrl-C must still work. */
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

/** Returns a path with its symbolic links resolved, or the path itself if it cannot be resolved. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** Reports whether an error means that there is no such file. */
export function isAbsent(thrown: unknown): boolean {
  const code = errorCode(thrown);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** Returns the reason of an error of the file system, for a message. */
export function reason(thrown: unknown): string {
  if (errorCode(thrown) === "EISDIR") {
    return "found a folder, expected a file";
  }
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Returns the remedy for an error of the file system. */
export function wayOut(thrown: unknown, shown: string, expected: "file" | "folder"): string {
  switch (errorCode(thrown)) {
    case "EACCES":
    case "EPERM":
      return `Give yourself access to ${shown}`;
    case "EISDIR":
      return `Put a file in place of the folder ${shown}`;
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
      return `Make the link ${shown} lead to a ${expected}, or replace it with one`;
    case "ENAMETOOLONG":
      return "Use a shorter path";
    default:
      return `Look at ${shown}, and run this again`;
  }
}
