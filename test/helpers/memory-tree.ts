/** A tree made of texts by path. */

import { source, type Tree, unexpectedKind } from "../../scripts/lib/tree.ts";

/** Returns a tree of texts by path. */
export function memoryTree(files: Readonly<Record<string, string>>): Tree {
  return {
    async read(path) {
      const content = Object.hasOwn(files, path) ? files[path] : undefined;
      if (content !== undefined) {
        return source(path, content);
      }
      if (path !== "" && Object.keys(files).some((each) => each.startsWith(`${path}/`))) {
        throw unexpectedKind(path, "folder", "file");
      }
      return undefined;
    },
    list(glob) {
      const matcher = new Bun.Glob(glob);
      return Promise.resolve(
        Object.keys(files)
          .filter((path) => matcher.match(path))
          .sort(),
      );
    },
  };
}
