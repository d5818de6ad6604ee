/** Files fetched from outside for one command: a folder that is gone in the end, and their sums. */

import { createReadStream, rmSync } from "node:fs";
import { makeFolderIn, makeScratchFolder } from "../lib/disk/scratch.ts";
import type { Environment } from "../lib/process.ts";

/** A file that was fetched. */
export interface Fetched {
  readonly path: string;
  /** Hexadecimal, in lower case. */
  readonly sha256: string;
}

/** A temporary folder, removed at the end of its scope: `using downloads = openDownloads(env)`. */
export interface Downloads extends Disposable {
  readonly path: string;
  /** What is there already, by what identifies it outside: asking again fetches nothing twice. */
  readonly fetched: Map<string, Fetched>;
}

/**
 * Makes an empty folder that only the operator can read.
 *
 * @throws {Refusal} If there can be none.
 */
export function openDownloads(env: Environment): Downloads {
  const path = makeScratchFolder("release-assets-", { env });
  return {
    path,
    fetched: new Map(),
    // Where an interrupt ended the fetching, a last file may still come in between.
    [Symbol.dispose]: () =>
      rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }),
  };
}

/**
 * Makes an empty folder among the downloads.
 *
 * @throws {Refusal} If there can be none.
 */
export function newFolder({ path }: Downloads): string {
  return makeFolderIn(path, "assets-");
}

/**
 * The sha256 of a file, in hexadecimal, read piece by piece: however large it is.
 *
 * @throws {Error} If the file system refuses, or the signal fires.
 */
export async function sha256Of(path: string, signal?: AbortSignal): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of createReadStream(path, signal === undefined ? {} : { signal })) {
    hash.update(chunk);
  }
  return hash.digest("hex");
}
