/** A file that a command writes as a whole and may replace later: its own, and nothing else. */

import { mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { stage, toWrite } from "../lib/disk/change-files.ts";
import { type FileState, findFile, reason } from "../lib/disk/files.ts";
import { refusal } from "../lib/finding.ts";

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
  const mode = replaced(path, mark)?.mode;
  let folder: string | undefined;
  try {
    // Beside its target, as only within one file system can it be renamed.
    folder = mkdtempSync(join(dirname(path), ".audit-"));
    const staged = join(folder, "staged");
    stage(staged, new TextEncoder().encode(text), mode);
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
function replaced(path: string, mark: string): FileState | undefined {
  // A folder may be reached by a link, as any other program reaches it.
  const folder = dirname(path);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw refusal(`Cannot write ${path}: ${folder} is no folder`, {
      remedy: `Make the folder first: ${folder}; or name a file in another one`,
    });
  }
  const found = findFile(folder, basename(path), { ...toWrite, shown: path });
  const text = new TextDecoder().decode(found?.bytes);
  if (text !== "" && !text.includes(mark)) {
    throw refusal(`Cannot write ${path}: found another file, expected none or an earlier page`, {
      remedy: "Name another file, or remove that one first",
    });
  }
  return found;
}
