/** Changes several files of a checkout as one: each atomically, and all of them or none. */

import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { decodeSource } from "../files/decode.ts";
import { answerAll, error, type Finding, Refusal, refusal, shellWord } from "../finding.ts";
import { type FileState, findFile, reason } from "./files.ts";
import { lockFile } from "./lock.ts";

/** A file that appears, becomes another, or is removed. */
export interface FileChange {
  /** Relative to the top level. */
  readonly path: string;
  readonly before: FileState | undefined;
  readonly after: FileState | undefined;
}

/** How a file is found that is written: at its path itself, and through no link. */
export const toWrite = { links: "none", purpose: "write" } as const;

/** What ends a change: that it is made, or an interrupt that left every file as it was before. */
export type Outcome = "changed" | "interrupted";

/**
 * The folder at the top level where files wait, written whole, to be renamed to their paths: only
 * within one file system can they be. It is always the same one, so that the next run clears what a
 * run that was killed left there.
 */
const waitingFolder = ".release-replacements";

/**
 * Changes files: every one is written elsewhere and brought to the disk before the first is renamed
 * to its path, and is compared with what was read once more right before that. Only SIGKILL or a
 * crash can leave some changed and others not.
 *
 * @param root Absolute path of the top level.
 * @param prepare Returns the changes; no other run changes this checkout meanwhile.
 * @param isInterrupted Whether to stop; asked before each file. The caller holds off signals.
 * @throws {Refusal} If `prepare` refuses, a file is no longer as it was before, or one could not be
 *   written. Every file is then as it was before, or named.
 */
export async function changeFiles(
  root: string,
  prepare: () => readonly FileChange[],
  isInterrupted: () => boolean,
): Promise<Outcome> {
  const descriptor = openSync(root, constants.O_RDONLY);
  const waiting = join(root, waitingFolder);
  try {
    if (!(await lockFile(descriptor, 0))) {
      throw refusal("Cannot write: another run is replacing files of this checkout", {
        remedy: "Let it end, then run this again",
      });
    }
    const changes = prepare();
    try {
      clear(waiting);
      mkdirSync(waiting);
      // Git is not to see what a run that is killed leaves here.
      stage(join(waiting, ".gitignore"), new TextEncoder().encode("*\n"));
      for (const [index, { after }] of changes.entries()) {
        if (after !== undefined) {
          stage(join(waiting, String(index)), after.bytes, after.mode);
        }
      }
      return await install(root, changes, isInterrupted);
    } catch (thrown) {
      throw thrown instanceof Refusal
        ? thrown
        : refusal(`Cannot write: ${reason(thrown)}; every file is as it was before`, {
            remedy: "Free disk space or give yourself access, then run this again",
          });
    } finally {
      clear(waiting);
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Writes a file whole and to the disk.
 *
 * @param mode Its permissions; those of any new file without them.
 */
export function stage(staged: string, bytes: Uint8Array, mode?: number): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const descriptor = openSync(staged, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
  try {
    if (mode !== undefined) {
      fchmodSync(descriptor, mode);
    }
    writeFileSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function clear(waiting: string): void {
  try {
    rmSync(waiting, { recursive: true, force: true });
  } catch {
    // Making it again reports why it is out of reach; at the end it does no harm.
  }
}

async function install(
  root: string,
  changes: readonly FileChange[],
  isInterrupted: () => boolean,
): Promise<Outcome> {
  let done = 0;
  let outcome: Outcome = "changed";
  try {
    for (const [index, change] of changes.entries()) {
      // The runtime reports a signal only while this waits.
      await Bun.sleep(0);
      if (isInterrupted()) {
        outcome = "interrupted";
        break;
      }
      put(root, index, change);
      done += 1;
    }
  } catch (thrown) {
    restore(root, changes.slice(0, done), thrown);
    throw thrown;
  }
  if (outcome === "interrupted") {
    restore(root, changes.slice(0, done));
  }
  removeEmptyFolders(root, changes);
  return outcome;
}

/** Brings one file to its new state, which waits under the index of its change. */
function put(root: string, index: number, { path, before, after }: FileChange): void {
  if (!isSame(findFile(root, path, toWrite), before)) {
    throw hasChanged(path);
  }
  const target = join(root, path);
  if (after === undefined) {
    rmSync(target);
    return;
  }
  mkdirSync(dirname(target), { recursive: true });
  renameSync(join(root, waitingFolder, String(index)), target);
}

function isSame(one: FileState | undefined, other: FileState | undefined): boolean {
  return one === undefined || other === undefined
    ? one === other
    : one.mode === other.mode && Buffer.compare(one.bytes, other.bytes) === 0;
}

/** Returns the refusal to write a file that another program has written meanwhile. */
function hasChanged(path: string): Refusal {
  return refusal(`Cannot write ${path}: it has changed since it was read`, {
    at: { file: path },
    remedy: "Let nothing else edit the checkout, then run this again",
  });
}

/**
 * Makes changes undone.
 *
 * @param cause What went wrong, which is reported first.
 * @throws {Refusal} If a file cannot be brought back, or was edited meanwhile: an edit stays.
 */
function restore(root: string, changes: readonly FileChange[], cause?: unknown): void {
  const faults: Finding[] = [];
  for (const [index, { path, before, after }] of [...changes.entries()].reverse()) {
    try {
      if (before !== undefined) {
        stage(join(root, waitingFolder, String(index)), before.bytes, before.mode);
      }
      put(root, index, { path, before: after, after: before });
    } catch (thrown) {
      const again =
        before === undefined
          ? `remove it: rm ${shellWord(path)}`
          : `take it from git again: git checkout -- ${shellWord(path)}`;
      const why =
        thrown instanceof Refusal ? "it has changed since it was written" : reason(thrown);
      faults.push(
        error(`Cannot restore ${path}: ${why}`, {
          at: { file: path },
          remedy: `Save what you need of it elsewhere, then ${again}`,
        }),
      );
    }
  }
  removeEmptyFolders(root, changes);
  if (faults.length > 0) {
    const why =
      cause instanceof Refusal ? cause.findings : [error(`Cannot write: ${reason(cause)}`)];
    throw new Refusal([...(cause === undefined ? [] : why), ...faults]);
  }
}

/** Removes the folders of changed files that hold nothing any more: git does not know them. */
function removeEmptyFolders(root: string, changes: readonly FileChange[]): void {
  for (const { path } of changes) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
      try {
        rmdirSync(join(root, folder));
      } catch {
        // It holds a file, or is gone already.
        break;
      }
    }
  }
}

/** A file of a checkout whose text becomes another; a byte order mark before it stays. */
export interface Replacement {
  /** Relative to the top level. */
  readonly path: string;
  /** The text that the new one was made from. */
  readonly before: string;
  readonly after: string;
}

/**
 * Replaces the texts of files, all of them or none, as `changeFiles` does.
 *
 * @param root Absolute path of the top level.
 * @throws {Refusal} As `changeFiles` does.
 */
export function replaceFiles(
  root: string,
  replacements: readonly Replacement[],
  isInterrupted: () => boolean,
): Promise<Outcome> {
  const prepare = () => answerAll(replacements, (each) => changeOf(root, each));
  return changeFiles(root, prepare, isInterrupted);
}

function changeOf(root: string, { path, before, after }: Replacement): FileChange {
  const found = findFile(root, path, toWrite);
  if (found === undefined || decodeSource(path, found.bytes).text !== before) {
    throw hasChanged(path);
  }
  const { bytes, mode } = found;
  const mark = bytes.subarray(0, bytes.length - Buffer.byteLength(before));
  return { path, before: found, after: { bytes: Buffer.concat([mark, Buffer.from(after)]), mode } };
}
