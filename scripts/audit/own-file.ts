/** A file that a command writes as a whole and may replace later: its own, and nothing else. */

import { lstatSync, mkdtempSync, renameSync, rmSync, type Stats, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { stage } from "../lib/disk/change-files.ts";
import { isAbsent, readRegular, reason } from "../lib/disk/files.ts";
import { Refusal, refusal } from "../lib/finding.ts";

/**
 * Refuses a path that `writeOwnFile` would refuse; for before the work that makes the text.
 *
 * @throws {Refusal} If there is something that is no plain file with that mark, or no folder for it.
 */
export function checkOwnFile(path: string, mark: string): void {
  replaced(path, mark);
}

/**
 * Writes a file whole, or leaves what is there as it is. A symbolic link is never followed.
 *
 * @param mark What only such a file holds, so that no other is replaced; an empty one may be.
 * @throws {Refusal} If there is something else, or the file cannot be written.
 */
export function writeOwnFile(path: string, text: string, mark: string): void {
  const stats = replaced(path, mark);
  let folder: string | undefined;
  try {
    // Beside its target, as only within one file system can it be renamed.
    folder = mkdtempSync(join(dirname(path), ".audit-"));
    const staged = join(folder, "staged");
    stage(staged, new TextEncoder().encode(text), stats && stats.mode & 0o7777);
    renameSync(staged, path);
  } catch (thrown) {
    throw refusal(`Cannot write ${path}: ${reason(thrown)}`, {
      remedy: "Make room or mend the permissions, or name another file",
    });
  } finally {
    if (folder !== undefined) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** The file that would be replaced; undefined if there is none. */
function replaced(path: string, mark: string): Stats | undefined {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) {
      // A folder may be reached by a link, as any other program reaches it.
      if (!statSync(dirname(path)).isDirectory()) {
        throw refusal(`Cannot write ${path}: ${dirname(path)} is no folder`, {
          remedy: "Name a file in a folder",
        });
      }
      return undefined;
    }
    const isOwn = stats.isFile() && (stats.size === 0 || holds(path, mark));
    if (!isOwn) {
      const found = stats.isFile()
        ? "a file of another kind"
        : stats.isSymbolicLink()
          ? "a symbolic link"
          : stats.isDirectory()
            ? "a folder"
            : "no plain file";
      throw refusal(`Cannot write ${path}: found ${found}, expected none or an earlier page`, {
        remedy: "Name another file, or remove that one first",
      });
    }
    return stats;
  } catch (thrown) {
    if (thrown instanceof Refusal) {
      throw thrown;
    }
    throw refusal(`Cannot write ${path}: ${reason(thrown)}`, {
      remedy: isAbsent(thrown) ? `Make the folder first: ${dirname(path)}` : "Name another file",
    });
  }
}

function holds(path: string, mark: string): boolean {
  return new TextDecoder().decode(readRegular(path, path).bytes).includes(mark);
}
