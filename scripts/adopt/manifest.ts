/** The manifest of an adopted copy: what was written into a checkout, and where it came from. */

import { asTable, parseJson } from "../lib/files/document.ts";
import { LocatedSyntaxError, quote, refusal } from "../lib/finding.ts";
import { isTreePath, type Source } from "../lib/tree.ts";

/** Where the manifest is, from the folder that holds the copy. */
export const manifestPath = "scripts/adopted.json";

/** The version and the commit of the release tools. */
export interface Origin {
  /** The version in their package.json. */
  readonly version: string;
  /** Undefined if the tools are no checkout of their own, or had uncommitted changes. */
  readonly commit: string | undefined;
}

/** What was adopted. */
export interface Manifest extends Origin {
  /** The hash of every file as it was written, by its path from the folder of the copy. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Reports whether an adoption may write or remove a path: source text in the folders of the release
 * tools, and the `tsconfig.json` that keeps the product's own out of them. The ledger is neither.
 */
export function isAdoptable(path: string): boolean {
  return (
    isTreePath(path) && /^(?:scripts|release-gate)\/(?:[\w./-]+\.ts|tsconfig\.json)$/.test(path)
  );
}

/**
 * Reads a manifest.
 *
 * @param restore The command that takes the manifest from git again.
 * @throws {Refusal} If the text is no manifest, or names a file that no adoption writes.
 */
export function parseManifest(source: Source, restore: string): Manifest {
  const damaged = (why: string) =>
    refusal(`Cannot read ${source.path}: ${why}`, {
      at: { file: source.path },
      remedy: `Take it from git again: ${restore}; or remove it and adopt anew, which refuses every file that differs from the release tools`,
    });
  const { version, commit, files } = asTable(readJson(source, damaged)) ?? {};
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

function readJson(source: Source, damaged: (why: string) => Error): unknown {
  try {
    return parseJson(source).data;
  } catch (thrown) {
    throw thrown instanceof LocatedSyntaxError ? damaged("it is not JSON") : thrown;
  }
}

function isCommit(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && /^[0-9a-f]{40,64}$/.test(value));
}

/** Returns the text of a manifest: the same bytes for the same adoption. */
export function manifestText({ version, commit, files }: Manifest): string {
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  const about = "Written by scripts/adopt.ts; it tells what was adopted from what is edited here";
  return `${JSON.stringify({ about, version, commit, files: Object.fromEntries(sorted) }, null, 2)}\n`;
}

/**
 * Returns the sha256 of a text in hex. CRLF counts as LF: `.gitattributes` and `core.autocrlf`
 * change line endings without an edit.
 */
export function hashOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n");
  return new Bun.CryptoHasher("sha256").update(text, "latin1").digest("hex");
}
