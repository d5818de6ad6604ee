/** The tree that a bump leaves: a tree in which some files have other texts. */

import { source, type Tree } from "../lib/tree.ts";

/** Returns a tree in which some files have other texts: edits that are not written yet. */
export function editedTree(tree: Tree, texts: ReadonlyMap<string, string>): Tree {
  return {
    async read(path, decoding) {
      const text = texts.get(path);
      return text === undefined ? await tree.read(path, decoding) : source(path, text);
    },
    list: (glob) => tree.list(glob),
  };
}
