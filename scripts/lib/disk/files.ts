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

/** How a file or folder of a checkout is found. */
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
  refuseObstacle(root, path, "file", how);
  return readRegular(join(root, path), { shown: path, ...how });
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
  { links = "within", purpose = "read", shown = path }: Search = {},
): void {
  const parts = path.split("/");
  for (const index of parts.keys()) {
    const way = parts.slice(0, index + 1).join("/");
    const kind = index === parts.length - 1 ? expected : "folder";
    const obstacle = obstacleAt(root, way, links, kind);
    if (obstacle !== undefined) {
      const wanted = links === "none" ? `a plain ${kind}` : `a ${kind} of this checkout`;
      const target = obstacle === "file" ? "" : ` to ${readlinkSync(join(root, way))}`;
      const found = `found the ${obstacle} ${way}${target}`;
      throw refusal(`Cannot ${purpose} ${shown}: ${found}, expected ${wanted}`, {
        at: { file: shown },
        remedy: `Put a ${kind} in place of the ${obstacle} ${way}, or move it away`,
      });
    }
  }
}

/** Returns what must not stand at a path. */
function obstacleAt(
  root: string,
  way: string,
  links: "within" | "none",
  expected: "file" | "folder",
): "symbolic link" | "file" | undefined {
  const place = join(root, way);
  try {
    const stats = lstatSync(place);
    if (!stats.isSymbolicLink()) {
      return links === "none" && expected === "folder" && stats.isFile() ? "file" : undefined;
    }
  } catch {
    // Reading reports any other failure than an absence.
    return undefined;
  }
  try {
    return links === "within" && isWithin(root, realpathSync(place)) ? undefined : "symbolic link";
  } catch {
    // The target is missing, or the links form a loop.
    return "symbolic link";
  }
}

/**
 * Returns the regular file at a path, through links unless there must be `none`, or undefined if
 * there is none. It never blocks on a pipe or a device.
 *
 * @throws {Refusal} If it is not a regular file, too large, or cannot be read.
 */
function readRegular(
  path: string,
  { shown = path, purpose = "read", links }: Search,
): FileState | undefined {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  const at = { file: shown };
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, O_RDONLY | O_NONBLOCK | (links === "none" ? O_NOFOLLOW : 0));
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) {
      const kind = stats.isDirectory() ? "folder" : stats.isFIFO() ? "named pipe" : "device";
      throw refusal(`Cannot ${purpose} ${shown}: found a ${kind}, expected a file`, {
        at,
        remedy: `Put a file in place of the ${kind} ${shown}, or move it away`,
      });
    }
    if (stats.size > mostBytes) {
      const found = `${stats.size.toLocaleString("en-US")} bytes`;
      throw refusal(`Cannot read ${shown}: found ${found}, expected at most 64 MB`, {
        at,
        remedy: `Put the right file in place of ${shown}`,
      });
    }
    return { bytes: readFileSync(descriptor), mode: stats.mode & 0o7777 };
  } catch (thrown) {
    if (isAbsent(thrown)) {
      return undefined;
    }
    throw thrown instanceof Refusal
      ? thrown
      : refusal(`Cannot read ${shown}: ${reason(thrown)}`, {
          at,
          remedy: wayOut(thrown, shown),
        });
  } finally {
    if (descriptor !== undefined) {
      closeSync(descriptor);
    }
  }
}

/**
 * Returns the bytes of a file that the operator named, or undefined if there is none.
 *
 * @param shown The name of the file in messages.
 * @throws {Refusal} If it is not a regular file, or cannot be read.
 */
export async function readIfThere(path: string, shown = path): Promise<Uint8Array | undefined> {
  return readRegular(path, { shown })?.bytes;
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
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Returns the remedy for an error of the file system. */
export function wayOut(thrown: unknown, shown: string): string {
  const code = errorCode(thrown);
  return code === "EACCES" || code === "EPERM"
    ? `Give yourself access to ${shown}`
    : `Look at ${shown}, and run this again`;
}
