/** Trees of files: the work tree, a commit, or a map in a test. Checks accept any of them. */

import { type Finding, type Place, type Refusal, refusal } from "./finding.ts";

/** The text of one file, with the places of its offsets. */
export interface Source {
  /** Path relative to the top of the tree, with `/`. */
  readonly path: string;
  /** The text without a leading byte order mark. */
  readonly text: string;
  /** Returns the place of a UTF-16 offset into `text`; without one, the file alone. */
  place(offset?: number): Place;
}

/** How the bytes of a file are decoded. */
export interface Decoding {
  /**
   * Decodes invalid UTF-8 as U+FFFD instead of refusing the file, so that the valid lines of a
   * damaged file can be read.
   */
  readonly lenient?: boolean;
}

/**
 * Files by path. A path is relative to the top of the tree, with `/`. There is no file at a path
 * with an empty, `.` or `..` part.
 */
export interface Tree {
  /**
   * Returns the file at a path, or undefined if there is none.
   *
   * @throws {Refusal} If it cannot be read, is not a file or is not UTF-8 text.
   */
  read(path: string, decoding?: Decoding): Promise<Source | undefined>;
  /**
   * Returns the paths of the files that match a glob, in code unit order. If a link or a submodule
   * may hide a match, the result has a path below it, and reading that path refuses.
   *
   * @throws {Refusal} If a folder that may hold a match could not be listed.
   */
  list(glob: string): Promise<string[]>;
}

/** A check: returns findings about a tree, given an input. */
export type Check<Input> = (tree: Tree, input: Input) => Promise<Finding[]>;

/** Returns the source of a text. */
export function source(path: string, content: string): Source {
  const text = content.startsWith("\ufeff") ? content.slice(1) : content;
  let starts: number[] | undefined;
  return {
    path,
    text,
    place(offset) {
      if (offset === undefined) {
        return { file: path };
      }
      starts ??= lineStarts(text);
      const inside = Math.max(0, Math.min(offset, text.length));
      const line = lineIndex(starts, inside);
      return { file: path, line: line + 1, column: inside - (starts[line] ?? 0) + 1 };
    },
  };
}

/** Returns the offsets at which lines begin. `\n`, `\r\n` and a lone `\r` each end a line. */
function lineStarts(text: string): number[] {
  const starts = [0];
  for (const match of text.matchAll(/\r\n|\n|\r/g)) {
    starts.push(match.index + match[0].length);
  }
  return starts;
}

/** Returns the index of the last of ascending starts that is not after an offset, or 0. */
export function lineIndex(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= offset) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

/** Reports whether a text is a path of a tree: no part is empty, `.`, `..` or `.git`. */
export function isTreePath(path: string): boolean {
  return path.split("/").every((part) => !/^(?:|\.|\.\.|\.git)$/i.test(part));
}

/** Returns the refusal for a path that is not of the expected kind. */
export function unexpectedKind(
  path: string,
  found: Kind,
  expected: "file" | "folder",
  commit?: string,
): Refusal {
  const commitIt = commit === undefined ? "" : ", and commit that";
  return refusal(`Cannot read ${path}: found a ${found}, expected a ${expected}`, {
    at: { file: path },
    commit,
    remedy: `Put a ${expected} in place of the ${found} ${path}${commitIt}`,
  });
}

/** The kind of an entry of a folder. */
export type Kind = "file" | "folder" | "symbolic link" | "submodule";
