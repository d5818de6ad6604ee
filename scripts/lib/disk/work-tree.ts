/** Presents the files of a checkout on disk as a tree. */

import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync } from "node:fs";
import { decodeSource } from "../files/decode.ts";
import { isTreePath, type Tree } from "../tree.ts";
import { listWorkTree } from "./listing.ts";

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
      // A plain synchronous read is faster than loading `files.ts`.
      const bytes =
        readPlainFile(root, path) ?? (await import("./files.ts")).findFile(root, path)?.bytes;
      return bytes && decodeSource(path, bytes, decoding);
    },
    list: (glob) => listWorkTree(root, glob),
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
