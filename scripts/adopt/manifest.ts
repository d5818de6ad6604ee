/** The manifest of an adopted copy: the hashes of its files, and the version that they came from. */

import { asTable, parseJson } from "../lib/files/document.ts";
import { LocatedSyntaxError, quote, refusal } from "../lib/finding.ts";
import { isTreePath, type Source } from "../lib/tree.ts";

/** Path of the manifest, from the folder of the copy. */
export const manifestPath = "scripts/adopted.json";

/** The version and the commit of the release tools. */
export interface Origin {
  /** The version in their package.json. */
  readonly version: string;
  /** Undefined if the tools are not the top level of a checkout, or had uncommitted changes. */
  readonly commit: string | undefined;
}

/** The record of an adoption. */
export interface Manifest extends Origin {
  /** The hash of every written file, by its path from the folder of the copy. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Reports whether an adoption may write or remove a path: a TypeScript file in the folders of the release
 * tools, or their `tsconfig.json`, which overrides the product's. The ledger is neither.
 */
export function isAdoptable(path: string): boolean {
  return (
    isTreePath(path) && /^(?:scripts|release-gate)\/(?:[\w./-]+\.ts|tsconfig\.json)$/.test(path)
  );
}

/**
 * Returns the manifest in a file.
 *
 * @param restore The command that restores the manifest from git.
 * @throws {Refusal} If the text is not a manifest, or names a file that no adoption writes.
 */
export function parseManifest(source: Source, restore: string): Manifest {
  const damaged = (why: string) =>
    refusal(`Cannot read ${source.path}: ${why}`, {
      at: { file: source.path },
      remedy: `Restore it from git: ${restore}; or remove it and adopt again, which refuses every file that differs from the release tools`,
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
      throw damaged(`the hash of ${quote(path)} is not a sha256`);
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

/** Returns the text of a manifest, with its files in order: equal manifests have equal texts. */
export function manifestText({ version, commit, files }: Manifest): string {
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  const about = "Written by scripts/adopt.ts, which finds edited files by these hashes";
  return `${JSON.stringify({ about, version, commit, files: Object.fromEntries(sorted) }, null, 2)}\n`;
}

/**
 * Returns the sha256 of a text in hexadecimal, with CRLF replaced by LF: `.gitattributes` and
 * `core.autocrlf` change line endings without an edit.
 */
export function hashOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n");
  return new Bun.CryptoHasher("sha256").update(text, "latin1").digest("hex");
}
