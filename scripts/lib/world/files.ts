/** The door to the file system: the work tree as a tree. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { refusal } from "../finding.ts";
import type { Tree } from "../tree.ts";
import { decodeSource } from "./objects.ts";

/** The files below a folder as they are on disk now. */
export function workTree(root: string): Tree {
  return {
    async read(path, decoding) {
      const bytes = await readIfThere(join(root, path), path);
      return bytes === undefined ? undefined : decodeSource(path, bytes, decoding);
    },
    async list(glob) {
      try {
        const found = await Array.fromAsync(
          new Bun.Glob(glob).scan({ cwd: root, dot: true, onlyFiles: false }),
        );
        return found.map((path) => path.replaceAll("\\", "/")).sort();
      } catch (thrown) {
        if (isAbsent(thrown)) {
          return [];
        }
        throw refusal(`Cannot list ${glob} in ${root}: ${reason(thrown)}`);
      }
    },
  };
}

/**
 * The bytes of a file, or undefined if there is none.
 *
 * @param shown How to name the file in a message.
 * @throws {Refusal} If it is there and cannot be read.
 */
export async function readIfThere(path: string, shown = path): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (thrown) {
    if (isAbsent(thrown)) {
      return undefined;
    }
    throw refusal(`Cannot read ${shown}: ${reason(thrown)}`, { at: { file: shown } });
  }
}

/** Whether the file system said "no such file". */
export function isAbsent(thrown: unknown): boolean {
  const code = (thrown as { code?: unknown }).code;
  return code === "ENOENT" || code === "ENOTDIR";
}

/** The file system's own words. */
export function reason(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
