/** Lists the files of a work tree. */

import { readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Refusal, refusal } from "../finding.ts";
import { type FolderEntry, listMatches } from "../glob.ts";
import { errorCode } from "../process.ts";
import { isTreePath, type Kind } from "../tree.ts";

/** Loads `files.ts` late: only links and failures need it. */
const late = () => require("./files.ts") as typeof import("./files.ts");

/** Returns the paths of a work tree that match a glob, as `Tree.list` does. */
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
      // The runtime decodes a name that is not UTF-8 to another one, which does not exist.
      throw refusal(`Cannot list ${folder}: found a name that is not UTF-8`, {
        at: { file: folder },
        remedy: "Give the folder a name in UTF-8",
      });
    }
    refuseDanglingLink(root, folder);
    return [];
  }
}

/** Refuses a folder behind a broken link, or one that leads out of the checkout. */
function refuseDanglingLink(root: string, folder: string): void {
  const how = { links: "within", purpose: "read", shown: folder } as const;
  late().refuseObstacle(root, folder, "folder", how);
}

/**
 * Returns the kind that a link is listed as: `folder` for a folder of the checkout, `symbolic link`
 * for one outside of it, otherwise `file`. Reading refuses a `file` that is not one.
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
      // The parent folders of the link are being listed already.
      if (realpathSync(join(root, around)) === real) {
        return "file";
      }
      if (around === ".") {
        return "folder";
      }
    }
  } catch (thrown) {
    // Reading refuses a broken link or a loop; listing refuses any other link that fails.
    return late().isAbsent(thrown) || errorCode(thrown) === "ELOOP" ? "file" : "folder";
  }
}
