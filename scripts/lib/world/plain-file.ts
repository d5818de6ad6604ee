/** Files of a checkout that may be written: no link, and behind none. */

import { lstatSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { refusal } from "../finding.ts";
import { reason, wayOut } from "./files.ts";

/** A file as it is, or is to be. */
export interface FileState {
  readonly bytes: Uint8Array;
  /** Its permissions. */
  readonly mode: number;
}

/**
 * The file at a path of a checkout, or undefined if there is none.
 *
 * @param root Absolute path of the top level.
 * @throws {Refusal} If something else is there, or the path leads through a link or a file.
 */
export function findPlainFile(root: string, path: string): FileState | undefined {
  const target = join(root, path);
  try {
    refuseDetour(root, path);
    const stats = lstatSync(target, { throwIfNoEntry: false });
    if (stats === undefined) {
      return undefined;
    }
    if (!stats.isFile()) {
      throw notPlain(path, "no plain file");
    }
    return { bytes: readFileSync(target), mode: stats.mode & 0o7777 };
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
function refuseDetour(root: string, path: string): void {
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
      throw notPlain(path, "a file behind a link");
    }
    if (!stats.isDirectory()) {
      throw notPlain(path, `a file in the place of the folder ${folder}`);
    }
  }
}

function notPlain(path: string, found: string) {
  return refusal(`Cannot write ${path}: found ${found}, expected a file of this checkout`, {
    at: { file: path },
    remedy: "Replace the symbolic link by what it leads to, or edit that by hand",
  });
}
