/** The manifest of an adopted copy: what was written into a checkout, and where it came from. */

import { asTable, parseJson } from "../lib/files/document.ts";
import { LocatedSyntaxError, quote, refusal } from "../lib/finding.ts";
import { isTreePath, type Source } from "../lib/tree.ts";

/** Where the manifest is, from the folder that holds the copy. */
export const manifestPath = "scripts/adopted.json";

/** What the release tools say about themselves. */
export interface Origin {
  /** The version in their package.json. */
  readonly version: string;
  /** Their commit; undefined if that cannot be told, or if they were not as committed. */
  readonly commit: string | undefined;
}

/** What was adopted. */
export interface Manifest extends Origin {
  /** The hash of every file as it was written, by its path from the folder of the copy. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Whether a path is one that an adoption may write, or remove: source text in the folders of the
 * release tools, and what keeps the product's own `tsconfig.json` out of them. The ledger never is.
 */
export function isAdoptable(path: string): boolean {
  return (
    isTreePath(path) && /^(?:scripts|release-gate)\/(?:[\w./-]+\.ts|tsconfig\.json)$/.test(path)
  );
}

/**
 * Reads a manifest.
 *
 * @param again The command that takes it from git again.
 * @throws {Refusal} If it is no manifest, or names a file that no adoption
 *   writes.
 */
export function parseManifest(source: Source, again: string): Manifest {
  const damaged = (why: string) => damage(source, why, again);
  const data = jsonOf(source);
  if (data === undefined) {
    throw damaged("it is not JSON");
  }
  const { version, commit, files } = asTable(data) ?? {};
  const table = asTable(files);
  if (typeof version !== "string" || !isCommit(commit) || table === undefined) {
    throw damaged("it has no version, or no files");
  }
  const entries = Object.entries(table).map(([path, hash]): [string, string] => {
    if (!isAdoptable(path)) {
      throw damaged(`it names ${quote(path)}, which no adoption writes`);
    }
    if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)) {
      throw damaged(`the hash of ${quote(path)} is no sha256`);
    }
    return [path, hash];
  });
  return { version, commit, files: new Map(entries) };
}

/** What a text says in JSON; undefined if it is none. */
function jsonOf(source: Source): unknown {
  try {
    return parseJson(source).data;
  } catch (thrown) {
    if (thrown instanceof LocatedSyntaxError) {
      return undefined;
    }
    throw thrown;
  }
}

function isCommit(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && /^[0-9a-f]{40,64}$/.test(value));
}

function damage({ path }: Source, why: string, again: string) {
  return refusal(`Cannot read ${path}: ${why}`, {
    at: { file: path },
    remedy: `Take it from git again: ${again}; or remove it and adopt anew, which takes up every file that is as it is upstream and names the others`,
  });
}

/** A manifest as its file has it: the same bytes for the same adoption. */
export function manifestText({ version, commit, files }: Manifest): string {
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  const about = "Written by scripts/adopt.ts; it tells what was adopted from what is edited here";
  return `${JSON.stringify({ about, version, commit, files: Object.fromEntries(sorted) }, null, 2)}\n`;
}

/**
 * The sha256 of a text in hex, its lines ended by line feeds: `.gitattributes` and `core.autocrlf`
 * turn the ends of lines, and edit nothing.
 */
export function hashOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n");
  return new Bun.CryptoHasher("sha256").update(text, "latin1").digest("hex");
}

/** The hash of every file, by path. */
export function hashesOf(files: ReadonlyMap<string, Uint8Array>): Map<string, string> {
  return new Map(Array.from(files, ([path, bytes]) => [path, hashOf(bytes)]));
}
