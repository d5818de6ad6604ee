/** Files of a checkout that may be written: no link, and behind none. */

import { lstatSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { refusal } from "../finding.ts";
import { type FileState, readRegular, reason, wayOut } from "./files.ts";

/** Whether a file is only read, or is to be written. */
type Purpose = "read" | "write";

/**
 * The file at a path of a checkout, or undefined if there is none.
 *
 * @param root Absolute path of the top level.
 * @param purpose What the file is asked for: the refusal says so.
 * @throws {Refusal} If something else is there, or the path leads through a link or a file.
 */
export function findPlainFile(
  root: string,
  path: string,
  purpose: Purpose = "read",
): FileState | undefined {
  const target = join(root, path);
  try {
    refuseDetour(root, path, purpose);
    const stats = lstatSync(target, { throwIfNoEntry: false });
    if (stats === undefined) {
      return undefined;
    }
    if (!stats.isFile()) {
      throw notPlain(path, purpose, obstacleOf(stats, path));
    }
    return readRegular(target, path);
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown) {
      throw refusal(`Cannot read ${path}: ${reason(thrown)}`, {
        at: { file: path },
        remedy: wayOut(thrown, path, "file"),
      });
    }
    throw thrown;
  }
}

/** What is there of the folders above a path must be folders, and no links to them. */
function refuseDetour(root: string, path: string, purpose: Purpose): void {
  const parts = dirname(path)
    .split("/")
    .filter((part) => part !== ".");
  for (const [index] of parts.entries()) {
    const folder = parts.slice(0, index + 1).join("/");
    const stats = lstatSync(join(root, folder), { throwIfNoEntry: false });
    if (stats === undefined) {
      return;
    }
    if (stats.isSymbolicLink()) {
      throw notPlain(path, purpose, {
        ...obstacleOf(stats, folder),
        found: "a file behind a link",
      });
    }
    if (!stats.isDirectory()) {
      const found = `a file in the place of the folder ${folder}`;
      throw notPlain(path, purpose, { ...obstacleOf(stats, folder), found });
    }
  }
}

/** What stands where a file, or a folder on the way to it, belongs. */
interface Obstacle {
  readonly found: string;
  /** How a remedy names it. */
  readonly thing: string;
  readonly isLink: boolean;
}

function obstacleOf(stats: Stats, place: string): Obstacle {
  const isLink = stats.isSymbolicLink();
  if (isLink) {
    return { found: "a symbolic link", thing: `the symbolic link ${place}`, isLink };
  }
  if (stats.isDirectory()) {
    return { found: "a folder", thing: `the folder ${place}`, isLink };
  }
  const thing = stats.isFile() ? `the file ${place}` : place;
  return { found: "no plain file", thing, isLink };
}

function notPlain(path: string, purpose: Purpose, { found, thing, isLink }: Obstacle) {
  // What is read through a link needs no edit here once that was edited.
  const other =
    purpose === "write" ? "or edit that by hand" : "or move it away; then run this again";
  return refusal(`Cannot ${purpose} ${path}: found ${found}, expected a file of this checkout`, {
    at: { file: path },
    remedy: isLink
      ? `Replace ${thing} by what it leads to, ${other}`
      : `Move ${thing} away, then run this again`,
  });
}
