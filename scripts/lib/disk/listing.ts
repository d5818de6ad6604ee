/** Lists the files of a work tree. */

import { readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Refusal, refusal } from "../finding.ts";
import { type FolderEntry, listMatches } from "../glob.ts";
import { isTreePath, type Kind } from "../tree.ts";

/** What explains a link or a failure is loaded late: a listing without either needs none of it. */
const late = () => require("./files.ts") as typeof import("./files.ts");

/** Returns the paths of a work tree that match a glob, as `Tree.list` promises. */
export async function listWorkTree(root: string, glob: string): Promise<string[]> {
  return await listMatches(glob, async (folder) => entriesOf(root, folder));
}

function entriesOf(root: string, folder: string): FolderEntry[] {
  if (folder !== "" && !isTreePath(folder)) {
    return [];
  }
  const target = folder === "" ? root : `${root}/${folder}`;
  try {
    const real = realpathSync(target);
    if (real !== target && !late().isWithin(root, real)) {
      refuseDanglingLink(root, folder);
    }
    const entries = readdirSync(target, { withFileTypes: true });
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
    const { isAbsent, reason, wayOut } = late();
    if (thrown instanceof Refusal) {
      throw thrown;
    }
    if (!isAbsent(thrown)) {
      throw refusal(`Cannot list ${folder || root}: ${reason(thrown)}`, {
        remedy: wayOut(thrown, folder || root, "folder"),
      });
    }
    if (folder.includes("\ufffd")) {
      // The runtime reads a name that is not UTF-8 as another one, which no folder has.
      throw refusal(`Cannot list ${folder}: found a name that is not UTF-8`, {
        at: { file: folder },
        remedy: "Give the folder a name in UTF-8",
      });
    }
    refuseDanglingLink(root, folder);
    return [];
  }
}

/** Refuses a folder behind a link that leads to nothing, or out of the checkout. */
function refuseDanglingLink(root: string, folder: string): void {
  const how = { links: "within", purpose: "read", shown: folder } as const;
  late().refuseObstacle(root, folder, "folder", how);
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
    if (!late().isWithin(root, real)) {
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
    return late().isAbsent(thrown) || late().codeOf(thrown) === "ELOOP" ? "file" : "folder";
  }
}
