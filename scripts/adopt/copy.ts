/** A product's copy of the release tools: where it is, what it holds, and how it is written. */

import { join, relative, resolve } from "node:path";
import { changeFiles, type FileChange } from "../lib/disk/change-files.ts";
import { type FileState, findFile, realPath } from "../lib/disk/files.ts";
import { decodeSource } from "../lib/files/decode.ts";
import { attempt, type Finding, Refusal, refusal, shellWord } from "../lib/finding.ts";
import { ask, findRepository, type Repository, unanswered } from "../lib/git/git.ts";
import type { Environment } from "../lib/process.ts";
import { type Manifest, manifestPath, parseManifest } from "./manifest.ts";

/** A folder of a product's checkout that holds a copy, or is to. */
export interface Copy {
  readonly repository: Repository;
  /** Absolute path of the folder, without links. */
  readonly folder: string;
  /** The path of one of its files from the top level. */
  pathOf(path: string): string;
  /** The path of one of its files as a shell in the current folder takes it. */
  wordOf(path: string): string;
  /** How a git command begins that is typed in the current folder, and whose paths are the copy's. */
  readonly git: string;
}

/**
 * Opens the folder of a copy.
 *
 * @param named The folder as the operator named it.
 * @param cwd The current folder.
 * @throws {Refusal} If it is in no work tree.
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
  const isCurrent = real === realPath(cwd);
  const wordOf = (path: string) => shellWord(noOption(join(isCurrent ? "." : named, path)));
  return {
    repository,
    folder: real,
    pathOf: (path) => (prefix === "" ? path : `${prefix}/${path}`),
    wordOf,
    git: isCurrent ? "git" : `git -C ${wordOf(".")}`,
  };
}

/** A path that no command takes for an option. */
function noOption(path: string): string {
  return path.startsWith("-") ? `./${path}` : path;
}

/**
 * The manifest of a copy, or undefined if there is none.
 *
 * @throws {Refusal} If there is something else in its place, or it is damaged.
 */
export function findManifest(copy: Copy): Manifest | undefined {
  const path = copy.pathOf(manifestPath);
  const file = findFile(copy.repository.root, path, { links: "none" });
  return file && parseManifest(decodeSource(path, file.bytes), takeAgain(copy));
}

/** The command that takes the manifest from git again. */
export function takeAgain({ git }: Copy): string {
  return `${git} checkout -- ${manifestPath}`;
}

/**
 * The files of a copy as they are, those that are there.
 *
 * @throws {Refusal} If something else than a file of the checkout stands in the place of any.
 */
export async function readCopy(
  { repository, pathOf }: Copy,
  paths: readonly string[],
): Promise<ReadonlyMap<string, FileState>> {
  const answers = await Promise.all(
    paths.map((path) =>
      attempt(async () => findFile(repository.root, pathOf(path), { links: "none" })),
    ),
  );
  const faults: readonly Finding[] = answers.flatMap(({ findings }) => findings ?? []);
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
  return new Map(
    paths.flatMap((path, index) => {
      const state = answers[index]?.value;
      return state === undefined ? [] : [[path, state] as const];
    }),
  );
}

/** The bytes that files are to have, by path; undefined removes a file. */
export type Contents = ReadonlyMap<string, Uint8Array | undefined>;

/**
 * Writes files of a copy, all or none, in the order that they come in.
 *
 * @param seen The files as they were when it was decided to write them.
 * @param isInterrupted Whether to stop; asked before each file. The caller holds off signals.
 * @throws {Refusal} If a file is no longer as it was seen, or cannot be written.
 */
export function writeCopy(
  copy: Copy,
  contents: Contents,
  seen: ReadonlyMap<string, FileState>,
  isInterrupted: () => boolean,
): Promise<"changed" | "interrupted"> {
  const changes = Array.from(contents, ([path, bytes]): FileChange => {
    const before = seen.get(path);
    const after = bytes && { bytes, mode: modeOf(bytes, before) };
    return { path: copy.pathOf(path), before, after };
  });
  return changeFiles(copy.repository, async () => changes, isInterrupted);
}

/** The permissions of a file: its own as far as it has any, with the run bit that a command needs. */
function modeOf(bytes: Uint8Array, before: FileState | undefined): number {
  const mode = before?.mode ?? 0o644;
  // Whoever may read a command may run it.
  return isCommand(bytes) ? mode | ((mode & 0o444) >> 2) : mode;
}

/** Whether a file is to be run: it names what runs it. */
export function isCommand(bytes: Uint8Array): boolean {
  return bytes[0] === 0x23 && bytes[1] === 0x21;
}

/**
 * Which files of a copy git ignores: they would never be committed.
 *
 * @throws {Refusal} If git cannot tell.
 */
export async function ignoredAmong(
  { repository, pathOf }: Copy,
  paths: readonly string[],
): Promise<readonly string[]> {
  const stdin = paths.map((path) => `${pathOf(path)}\0`).join("");
  const answer = await ask(repository, ["check-ignore", "-z", "--stdin"], { stdin });
  // Exit 1 means that none of them is.
  if (answer.timedOut || answer.code > 1) {
    throw unanswered("find out what git ignores", answer);
  }
  const ignored = new Set(answer.stdout.split("\0"));
  return paths.filter((path) => ignored.has(pathOf(path)));
}
