/** The work tree as a tree: the files of a checkout as they are on disk now. */

import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from "node:fs";
import { decodeSource } from "../files/decode.ts";
import { isTreePath, type Tree } from "../tree.ts";

/**
 * Returns the files below a folder, like a commit without git's own. Links are followed as long as
 * they lead to a place below that folder.
 *
 * @param root Absolute path of the top level.
 */
export function workTree(root: string): Tree {
  return {
    async read(path, decoding) {
      if (!isTreePath(path)) {
        return undefined;
      }
      // Reading at once costs less than to load and hand over what reads in the background.
      const bytes =
        readPlainFile(root, path) ?? (await import("./files.ts")).findFile(root, path)?.bytes;
      return bytes && decodeSource(path, bytes, decoding);
    },
    async list(glob) {
      const { listWorkTree } = await import("./listing.ts");
      return await listWorkTree(root, glob);
    },
  };
}

/** The most bytes of a file that are read here. */
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
    // `findFile` knows what the failure means.
    return undefined;
  } finally {
    if (descriptor !== undefined) {
      closeSync(descriptor);
    }
  }
}
