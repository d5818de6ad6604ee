/** Lists the files of any tree by one set of rules. */

import type { Kind } from "./tree.ts";

/** An entry of a folder. Its kind is `symbolic link` only if the tree cannot follow the link. */
export interface FolderEntry {
  readonly name: string;
  readonly kind: Kind;
}

/**
 * Returns the paths that match a glob, in code unit order.
 *
 * @param entriesOf Returns the entries of the folder at a path, or none if there is no such folder.
 *   The empty path is the top.
 */
export async function listMatches(
  glob: string,
  entriesOf: (folder: string) => Promise<Iterable<FolderEntry>>,
): Promise<string[]> {
  const matcher = new Bun.Glob(glob);
  const found: string[] = [];

  async function walk(folder: string, levels: number): Promise<void> {
    for (const { name, kind } of await entriesOf(folder)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (kind === "folder") {
        await (levels > 1 && walk(path, levels - 1));
      } else if (kind !== "submodule" && matcher.match(path)) {
        found.push(path);
      } else if (kind !== "file" && mayHoldMatch(path, glob)) {
        found.push(`${path}/${glob.slice(glob.lastIndexOf("/") + 1)}`);
      }
    }
  }

  const top = fixedFolder(glob);
  await walk(top, levelsBelow(top, glob));
  return found.sort();
}

/** Returns the deepest folder that holds every match of a glob. */
export function fixedFolder(glob: string): string {
  const parts = glob.split("/").slice(0, -1);
  const wild = parts.findIndex((part) => /[*?[\]{}!\\]/.test(part));
  return (wild < 0 ? parts : parts.slice(0, wild)).join("/");
}

/** Reports whether a glob may match something below a folder that the tree cannot read. */
function mayHoldMatch(folder: string, glob: string): boolean {
  const parts = glob.split("/").slice(0, -1);
  const depth = folder.split("/").length;
  const deep = parts.indexOf("**");
  const end = deep >= 0 && deep < depth ? deep + 1 : depth;
  // Alternatives in braces may contain slashes, so no folder can be ruled out.
  return (
    /(?<!\\)\{/.test(glob) ||
    (end <= parts.length && new Bun.Glob(parts.slice(0, end).join("/")).match(folder))
  );
}

/** Returns how many levels below a folder a glob can match. Deeper folders need not be read. */
function levelsBelow(folder: string, glob: string): number {
  const depth = (path: string) => (path === "" ? 0 : path.split("/").length);
  return /\*\*|[{[\\]/.test(glob) ? Number.POSITIVE_INFINITY : depth(glob) - depth(folder);
}
