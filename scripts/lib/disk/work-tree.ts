/** Presents the files of a checkout on disk as a tree. */

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from "node:fs";
import { decodeSource } from "../files/decode.ts";
import { Refusal, refusal } from "../finding.ts";
import { type FolderEntry, listMatches } from "../glob.ts";
import { errorCode } from "../process.ts";
import { isTreePath, type Kind, type Tree } from "../tree.ts";

/** Loads `files.ts` late: only links, large files and failures need it. */
const late = () => require("./files.ts") as typeof import("./files.ts");

/**
 * Returns the files below a folder, except those in `.git`, as a tree. It follows links that lead
 * to a place below that folder.
 *
 * @param root Absolute path of the top level.
 */
export function workTree(root: string): Tree {
  return {
    async read(path, decoding) {
      if (!isTreePath(path)) {
        return undefined;
      }
      const bytes = readPlainFile(root, path) ?? late().findFile(root, path)?.bytes;
      return bytes && decodeSource(path, bytes, decoding);
    },
    list: (glob) => listMatches(glob, async (folder) => entriesOf(root, folder)),
  };
}

/** The most bytes of a file that `readPlainFile` reads. */
const mostBytes = 2 ** 20;
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Returns the bytes of a small regular file that no link leads to; undefined for anything else. */
function readPlainFile(root: string, path: string): Uint8Array | undefined {
  let descriptor: number | undefined;
  try {
    const target = `${root}/${path}`;
    if (realpathSync(target) !== target) {
      return undefined;
    }
    descriptor = openSync(target, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    const stats = fstatSync(descriptor);
    return stats.isFile() && stats.size <= mostBytes ? readFileSync(descriptor) : undefined;
  } catch {
    // `findFile` will report the failure.
    return undefined;
  } finally {
    if (descriptor !== undefined) {
      closeSync(descriptor);
    }
  }
}

function entriesOf(root: string, folder: string): FolderEntry[] {
  if (folder !== "" && !isTreePath(folder)) {
    return [];
  }
  const target = folder === "" ? root : `${root}/${folder}`;
  try {
    if (folder !== "" && realpathSync(target) !== target) {
      late().refuseObstacle(root, folder, "folder");
    }
    return readdirSync(target, { withFileTypes: true })
      .filter(({ name }) => name !== ".git")
      .map((entry) => {
        const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
        const kind = entry.isDirectory() ? "folder" : "file";
        return { name: entry.name, kind: entry.isSymbolicLink() ? behindLink(root, path) : kind };
      });
  } catch (thrown) {
    const { isAbsent, reason, refuseObstacle, wayOut } = late();
    if (thrown instanceof Refusal) {
      throw thrown;
    }
    refuseObstacle(root, folder, "folder");
    if (!isAbsent(thrown)) {
      throw refusal(`Cannot list ${folder || root}: ${reason(thrown)}`, {
        remedy: wayOut(thrown, folder || root),
      });
    }
    if (folder.includes("\ufffd")) {
      // The runtime decodes a name that is not UTF-8 to another one, which does not exist.
      throw refusal(`Cannot list ${folder}: found a name that is not UTF-8`, {
        at: { file: folder },
        remedy: "Give the folder a name in UTF-8",
      });
    }
    return [];
  }
}

/**
 * Returns the kind that a link is listed as: `folder` for a folder of the checkout, `symbolic link`
 * for one outside of it, otherwise `file`. Reading refuses a `file` that is not one.
 */
function behindLink(root: string, path: string): Kind {
  try {
    const target = `${root}/${path}`;
    if (!statSync(target).isDirectory()) {
      return "file";
    }
    const real = realpathSync(target);
    if (!late().isWithin(root, real)) {
      return "symbolic link";
    }
    // The parent folders of the link are being listed already.
    const parents = path.split("/").map((_, index, parts) => parts.slice(0, index).join("/"));
    return parents.some((parent) => realpathSync(`${root}/${parent}`) === real) ? "file" : "folder";
  } catch (thrown) {
    // Reading refuses a broken link or a loop; listing refuses any other link that fails.
    return late().isAbsent(thrown) || errorCode(thrown) === "ELOOP" ? "file" : "folder";
  }
}
