/** A product's copy of the release tools: opens, compares and writes it. */

import { join, relative, resolve } from "node:path";
import { changeFiles, type FileChange, type Outcome } from "../lib/disk/change-files.ts";
import { type FileState, findFile, realPath } from "../lib/disk/files.ts";
import { decodeSource } from "../lib/files/decode.ts";
import { answerAll, refusal, shellWord } from "../lib/finding.ts";
import { unanswered } from "../lib/git/git.ts";
import { findRepository, type Repository, runGit } from "../lib/git/repository.ts";
import type { Environment } from "../lib/process.ts";
import { hashOf, type Manifest, manifestPath, manifestText, parseManifest } from "./manifest.ts";
import type { Upstream } from "./upstream.ts";

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

/** Returns the command that restores the manifest of a copy from git. */
export function restoreManifest({ wordOf }: Copy): string {
  return `git -C ${wordOf(".")} checkout -- ${manifestPath}`;
}

/**
 * What an adoption does with a file. "Upstream" means the release tools.
 *
 * - `current`: nothing, because it equals the file upstream.
 * - `stale`: writes it, because it is missing, has not been edited, or has lost its run bit.
 * - `removed`: removes it, because it no longer exists upstream.
 * - `edited`: keeps it, because it was edited in the copy and has not changed upstream.
 * - `conflict`: refuses, because it was edited in the copy and has changed upstream, or was never
 *   adopted.
 */
export type Fate = "current" | "stale" | "removed" | "edited" | "conflict";

/** The hashes of three versions of a file; undefined if it does not exist. */
export interface FileStates {
  /** In the release tools. */
  readonly upstream: string | undefined;
  /** As the last adoption wrote it. */
  readonly adopted: string | undefined;
  /** As it is in the copy. */
  readonly here: string | undefined;
}

/** Returns the fate of a file, by its content. */
export function fateOf({ upstream, adopted, here }: FileStates): Fate {
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
  const recorded = readCopy(copy, [manifestPath]).get(manifestPath);
  const manifest =
    recorded &&
    parseManifest(decodeSource(copy.pathOf(manifestPath), recorded.bytes), restoreManifest(copy));
  const adopted = manifest?.files ?? new Map<string, string>();
  const wanted = upstream === undefined ? adopted : hashesOf(upstream);
  const paths = [...new Set([...wanted.keys(), ...adopted.keys()])].sort();
  const here = readCopy(copy, [...paths, manifestPath]);
  const steps = paths
    .filter((path) => wanted.has(path) || here.has(path))
    .map((path): Step => {
      const state = here.get(path);
      const fate = fateOf({
        upstream: wanted.get(path),
        adopted: adopted.get(path),
        here: state && hashOf(state.bytes),
      });
      return { path, fate: fate === "current" && lacksRunBit(state) ? "stale" : fate };
    });
  return { copy, manifest, upstream, here, steps };
}

/**
 * Returns those files of a copy that exist.
 *
 * @throws {Refusal} If a path is not a regular file of the checkout.
 */
export function readCopy(
  { repository, pathOf }: Copy,
  paths: readonly string[],
): ReadonlyMap<string, FileState> {
  const states = answerAll(paths, (path) =>
    findFile(repository.root, pathOf(path), { links: "none" }),
  );
  return new Map(
    paths.flatMap((path, index) => {
      const state = states[index];
      return state === undefined ? [] : [[path, state] as const];
    }),
  );
}

/**
 * Returns the bytes that an adoption writes, by path; undefined for a file that it removes. The manifest
 * comes last: after an interrupt before it, the next run can finish.
 */
export function contentsOf(adoption: Adoption): Map<string, Uint8Array | undefined> {
  const { steps, upstream, manifest } = adoption;
  const contents = new Map<string, Uint8Array | undefined>(
    steps.filter(isChange).map(({ path }) => [path, upstream?.files.get(path)]),
  );
  if (upstream !== undefined) {
    const files = hashesOf(upstream);
    if (contents.size > 0 || !Bun.deepEquals(files, manifest?.files)) {
      const text = manifestText({ version: upstream.version, commit: upstream.commit, files });
      contents.set(manifestPath, new TextEncoder().encode(text));
    }
  }
  return contents;
}

function hashesOf({ files }: Upstream): Map<string, string> {
  return new Map(Array.from(files, ([path, bytes]) => [path, hashOf(bytes)]));
}

/**
 * Writes files of a copy, all or none, in the order of `contents`.
 *
 * @param seen The files as they were read for the comparison.
 * @param isInterrupted Reports whether to stop; called before each file. The caller defers signals.
 * @throws {Refusal} If a file has changed since, or cannot be written.
 */
export function writeCopy(
  copy: Copy,
  contents: ReadonlyMap<string, Uint8Array | undefined>,
  seen: ReadonlyMap<string, FileState>,
  isInterrupted: () => boolean,
): Promise<Outcome> {
  const changes = Array.from(contents, ([path, bytes]): FileChange => {
    const before = seen.get(path);
    const after = bytes && { bytes, mode: modeOf(bytes, before) };
    return { path: copy.pathOf(path), before, after };
  });
  return changeFiles(copy.repository.root, () => changes, isInterrupted);
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
 * Returns the files of a copy that git ignores, which would never be committed.
 *
 * @throws {Refusal} If git fails.
 */
export async function ignoredAmong(
  { repository, pathOf }: Copy,
  paths: readonly string[],
): Promise<readonly string[]> {
  const stdin = paths.map((path) => `${pathOf(path)}\0`).join("");
  const answer = await runGit(repository, ["check-ignore", "-z", "--stdin"], { stdin });
  // Exit 1 means that git ignores none of them.
  if (answer.timedOut || answer.code > 1) {
    throw unanswered("find out what git ignores", answer);
  }
  const ignored = new Set(answer.stdout.split("\0"));
  return paths.filter((path) => ignored.has(pathOf(path)));
}
