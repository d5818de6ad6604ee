/** The tree after a bump, before its edits are written. */

import { source, type Tree } from "../lib/tree.ts";

/** Returns the tree that a bump will write: the given texts replace those of its files. */
export function editedTree(tree: Tree, texts: ReadonlyMap<string, string>): Tree {
  return {
    async read(path, decoding) {
      const text = texts.get(path);
      return text === undefined ? await tree.read(path, decoding) : source(path, text);
    },
    list: (glob) => tree.list(glob),
  };
}
