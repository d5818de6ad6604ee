/** A product's copy of the release tools: its manifest, its comparison with them, and its changes. */

import { join, relative, resolve } from "node:path";
import type { FileChange } from "../lib/disk/change-files.ts";
import { type FileState, findFile, realPath } from "../lib/disk/files.ts";
import { workTree } from "../lib/disk/work-tree.ts";
import { decodeSource } from "../lib/files/decode.ts";
import { asTable } from "../lib/files/document.ts";
import { answerAll, attempt, quote, refusal, shellWord } from "../lib/finding.ts";
import { changesAmong } from "../lib/git/checkout.ts";
import { gitOutput, isObjectId, resolveCommit } from "../lib/git/git.ts";
import { findRepository, type Repository } from "../lib/git/repository.ts";
import type { Environment } from "../lib/process.ts";
import { isTreePath, type Source } from "../lib/tree.ts";

/** Path of the manifest, from the folder of the copy. */
export const manifestPath = "scripts/adopted.json";

/** The file with the fork's own values: an adoption writes it if it is missing, and never touches it. */
export const ownLayout = "scripts/layout.ts";

/** The record of an adoption: which files it wrote, and from which version of the release tools. */
export interface Manifest {
  /** The version in the package.json of the release tools. */
  readonly version: string;
  /** Undefined if the tools are not the top level of a checkout, or had uncommitted changes. */
  readonly commit: string | undefined;
  /** The hash of every file, by its path from the folder of the copy. */
  readonly files: ReadonlyMap<string, string>;
}

/** The release tools that a product adopts, with the manifest that their adoption writes. */
export interface Upstream extends Manifest {
  readonly states: ReadonlyMap<string, FileState>;
  /** The files with uncommitted changes; undefined if unknown. */
  readonly changed: readonly string[] | undefined;
}

/** The folder of a copy in a product's checkout. It may be empty before the first adoption. */
export interface Copy {
  readonly repository: Repository;
  /** Absolute path, without symbolic links. */
  readonly folder: string;
  /** Returns the path of a file from the top level of the checkout. */
  pathOf(path: string): string;
  /** Returns the path of a file as a shell word, from the current folder. */
  wordOf(path: string): string;
}

/**
 * Opens the folder of a copy.
 *
 * @param named The folder as the operator named it.
 * @param cwd The current folder.
 * @throws {Refusal} If the folder is in no work tree.
 */
export async function openCopy(
  named: string,
  cwd: string,
  env: Environment,
  signal: AbortSignal,
): Promise<Copy> {
  const folder = resolve(cwd, named);
  const repository = await findRepository(folder, env, signal);
  if (!("root" in repository)) {
    throw refusal(`Cannot find a git work tree at ${folder}: ${repository.why}`, {
      remedy: repository.remedy ?? "Name a folder in the product's checkout as DIR",
    });
  }
  const real = realPath(folder);
  const prefix = relative(repository.root, real);
  return {
    repository,
    folder: real,
    pathOf: (path) => join(prefix, path),
    // A path that begins with `-` would be an option.
    wordOf: (path) => shellWord(join(named, path).replace(/^-/, "./-")),
  };
}

/**
 * Reads the files that a product adopts.
 *
 * @param root Absolute path of the folder that holds `scripts/` and `release-gate/`.
 * @throws {Refusal} If a file cannot be read.
 */
export async function readUpstream(
  root: string,
  env: Environment,
  signal: AbortSignal,
): Promise<Upstream> {
  const tree = workTree(root);
  const paths = (await Promise.all(["scripts/**/*", "release-gate/**/*"].map(tree.list)))
    .flat()
    .filter(isAdoptable)
    .sort();
  const states = readFiles(root, paths);
  const files = new Map(Array.from(states, ([path, { bytes }]) => [path, hashOf(bytes)]));
  const description = await tree.read("package.json");
  const version = asTable(parsedJson(description?.text ?? ""))?.version;
  const { value: git } = await attempt(async () => {
    const repository = await findRepository(root, env, signal);
    return "root" in repository && repository.root === realPath(root)
      ? await Promise.all([resolveCommit(repository, "HEAD"), changesAmong(repository, paths)])
      : undefined;
  });
  const [commit, changed] = git ?? [];
  return {
    version: typeof version === "string" ? version : "unknown",
    commit: changed?.length === 0 ? commit : undefined,
    files,
    states,
    changed,
  };
}

/**
 * Reports whether an adoption may write or remove a path: a TypeScript file in the folders of the release
 * tools, or their `tsconfig.json`, which overrides the product's. The ledger is neither, and no release
 * needs the demo.
 */
export function isAdoptable(path: string): boolean {
  const form = /^(?:scripts|release-gate)\/(?!demo[./])(?:[\w./-]+\.ts|tsconfig\.json)$/;
  return isTreePath(path) && form.test(path);
}

/**
 * Returns those files that exist, by path.
 *
 * @param root Absolute path of the top level.
 * @param pathOf Returns the path of a file from the top level.
 * @throws {Refusal} If a path is not a regular file of the checkout.
 */
function readFiles(root: string, paths: readonly string[], pathOf = (path: string) => path) {
  const states = answerAll(paths, (path) => findFile(root, pathOf(path), { links: "none" }));
  const entries = paths.map((path, index) => [path, states[index]] as const);
  return new Map(entries.filter((each): each is [string, FileState] => each[1] !== undefined));
}

/** Returns the command that restores the manifest of a copy from git. */
export function restoreManifest({ wordOf }: Copy): string {
  return `git -C ${wordOf(".")} checkout -- ${manifestPath}`;
}

/**
 * Returns the manifest in a file.
 *
 * @param restore The command that restores the manifest from git.
 * @throws {Refusal} If the text is not a manifest, or names a file that no adoption writes.
 */
export function parseManifest({ path, text }: Source, restore: string): Manifest {
  const { version, commit, files } = asTable(parsedJson(text)) ?? {};
  const table = asTable(files) as Readonly<Record<string, string>> | undefined;
  const stray = Object.keys(table ?? {}).find((each) => !isAdoptable(each));
  const isOrigin = typeof version === "string" && (commit === undefined || isObjectId(`${commit}`));
  if (!isOrigin || table === undefined || stray !== undefined) {
    const why =
      stray === undefined
        ? "it is not what adopt.ts wrote"
        : `it names ${quote(stray)}, which no adoption writes`;
    throw refusal(`Cannot read ${path}: ${why}`, {
      at: { file: path },
      remedy: `Restore it from git: ${restore}; or remove it and adopt again, which refuses every file that differs from the release tools`,
    });
  }
  return { version, commit: commit as string | undefined, files: new Map(Object.entries(table)) };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns the text of a manifest. */
export function manifestText({ version, commit, files }: Manifest): string {
  const about = "Written by scripts/adopt.ts, which finds edited files by these hashes";
  return `${JSON.stringify({ about, version, commit, files: Object.fromEntries(files) }, null, 2)}\n`;
}

/**
 * Returns the sha256 of a text in hexadecimal, with CRLF replaced by LF: `.gitattributes` and
 * `core.autocrlf` change line endings without an edit.
 */
export function hashOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1").replaceAll("\r\n", "\n");
  return new Bun.CryptoHasher("sha256").update(text, "latin1").digest("hex");
}

/**
 * What an adoption does with a file. "Upstream" means the release tools.
 *
 * - `current`: nothing, because it equals the file upstream, or is the fork's own.
 * - `stale`: writes it, because it is missing, has not been edited, or has lost its run bit.
 * - `removed`: removes it, because it no longer exists upstream.
 * - `edited`: keeps it, because it was edited in the copy and has not changed upstream.
 * - `conflict`: refuses, because it was edited in the copy and has changed upstream, or was never
 *   adopted.
 */
export type Fate = "current" | "stale" | "removed" | "edited" | "conflict";

/**
 * Returns the fate of a file from the hashes of three versions of it, which are undefined if it does not
 * exist: in the release tools, as the last adoption wrote it, and in the copy.
 */
export function fateOf(upstream?: string, adopted?: string, here?: string): Fate {
  if (here === upstream) {
    return "current";
  }
  if (here === undefined || here === adopted) {
    return upstream === undefined ? "removed" : "stale";
  }
  return adopted !== undefined && adopted === upstream ? "edited" : "conflict";
}

/** One file of the copy, and its fate. */
export interface Step {
  /** From the folder of the copy. */
  readonly path: string;
  readonly fate: Fate;
}

/** Reports whether an adoption writes or removes a file. */
export function isChange({ fate }: Step): boolean {
  return fate === "stale" || fate === "removed";
}

/** A copy compared with the release tools. */
export interface Adoption {
  readonly copy: Copy;
  /** The last adoption; undefined before the first. */
  readonly manifest: Manifest | undefined;
  /** Undefined if a copy checks itself. */
  readonly upstream: Upstream | undefined;
  /** The present files of the copy, including the manifest. */
  readonly here: ReadonlyMap<string, FileState>;
  /** Every file that exists in the copy, or should. */
  readonly steps: readonly Step[];
}

/**
 * Compares a copy with the release tools. Changes nothing.
 *
 * @param upstream Undefined to compare the copy with its own manifest.
 * @throws {Refusal} If the copy or its manifest cannot be read, or a path is not a regular file.
 */
export async function compareCopy(copy: Copy, upstream: Upstream | undefined): Promise<Adoption> {
  const readHere = (paths: readonly string[]) =>
    readFiles(copy.repository.root, paths, copy.pathOf);
  const recorded = readHere([manifestPath]).get(manifestPath);
  const manifest =
    recorded &&
    parseManifest(decodeSource(copy.pathOf(manifestPath), recorded.bytes), restoreManifest(copy));
  const adopted: Manifest["files"] = manifest?.files ?? new Map();
  const wanted = upstream?.files ?? adopted;
  const paths = [...new Set([...wanted.keys(), ...adopted.keys()])].sort();
  const here = readHere([...paths, manifestPath]);
  const steps = paths
    .filter((path) => wanted.has(path) || here.has(path))
    .map((path): Step => {
      const state = here.get(path);
      if (path === ownLayout && state !== undefined) {
        return { path, fate: "current" };
      }
      const fate = fateOf(wanted.get(path), adopted.get(path), state && hashOf(state.bytes));
      return { path, fate: fate === "current" && lacksRunBit(state) ? "stale" : fate };
    });
  return { copy, manifest, upstream, here, steps };
}

/**
 * Returns the changes that complete an adoption. That of the manifest comes last: after an interrupt
 * before it, the next run can finish.
 */
export function changesOf({ copy, manifest, upstream, here, steps }: Adoption): FileChange[] {
  function changeTo(path: string, bytes: Uint8Array | undefined): FileChange {
    const before = here.get(path);
    const after = bytes && { bytes, mode: modeOf(bytes, before) };
    return { path: copy.pathOf(path), before, after };
  }
  if (upstream === undefined) {
    return [];
  }
  const changes = steps
    .filter(isChange)
    .map(({ path }) => changeTo(path, upstream.states.get(path)?.bytes));
  const isRecorded = changes.length === 0 && Bun.deepEquals(upstream.files, manifest?.files);
  const text = new TextEncoder().encode(manifestText(upstream));
  return isRecorded ? [] : [...changes, changeTo(manifestPath, text)];
}

/** Returns the permissions to write: those of the present file, and the run bits of a command. */
function modeOf(bytes: Uint8Array, before: FileState | undefined): number {
  const mode = before?.mode ?? 0o644;
  // Everyone who may read a command may run it.
  return isCommand(bytes) ? mode | ((mode & 0o444) >> 2) : mode;
}

function lacksRunBit(state: FileState | undefined): boolean {
  return state !== undefined && isCommand(state.bytes) && (state.mode & 0o100) === 0;
}

/** Reports whether a file begins with `#!`. */
function isCommand(bytes: Uint8Array): boolean {
  return bytes[0] === 0x23 && bytes[1] === 0x21;
}

/**
 * Returns those paths of a copy that git ignores, which would never be committed.
 *
 * @throws {Refusal} If git fails.
 */
export async function ignoredAmong(
  { repository, pathOf }: Copy,
  paths: readonly string[],
): Promise<readonly string[]> {
  const folders = ["scripts", "release-gate"].map(pathOf);
  const question = ["--literal-pathspecs", "ls-files", "--others", "--ignored"];
  const args = [...question, "--exclude-standard", "-z", "--", ...folders];
  const ignored = new Set((await gitOutput(repository, "list ignored files", args)).split("\0"));
  return paths.filter((path) => ignored.has(pathOf(path)));
}
