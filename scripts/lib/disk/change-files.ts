/** Changes several files of a checkout: each one atomically, and all of them or none. */

import { dlopen, FFIType } from "bun:ffi";
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

/** A file that is created, changed or removed; `undefined` means that it does not exist. */
export interface FileChange {
  /** Relative to the top level. */
  readonly path: string;
  readonly before: FileState | undefined;
  readonly after: FileState | undefined;
}

/** How to find a file for writing: without following links. */
export const toWrite = { links: "none", purpose: "write" } as const;

/** The outcome of a change. After `interrupted` every file is as it was before. */
export type Outcome = "changed" | "interrupted";

/**
 * The folder at the top level that holds complete new files until they are renamed to their paths.
 * A rename needs the same file system. The name is fixed, so that the next run removes what a
 * killed run left there.
 */
const waitingFolder = ".release-replacements";

/**
 * Changes files. It writes all of them to the disk before it renames the first one to its path.
 * Right before each rename it checks that the old file is still as expected. Only SIGKILL or a
 * crash can leave some files changed and others not.
 *
 * @param root Absolute path of the top level.
 * @param prepare Returns the changes. It runs under the lock of this checkout.
 * @param isInterrupted Reports whether to stop, before each file. The caller defers signals.
 * @param lockLimit Milliseconds to wait for another run that changes files of this checkout.
 * @throws {Refusal} If `prepare` refuses, a file has changed meanwhile, or one cannot be written.
 *   Every file that is then not as it was before has a finding.
 */
export async function changeFiles(
  root: string,
  prepare: () => readonly FileChange[],
  isInterrupted: () => boolean,
  lockLimit = 0,
): Promise<Outcome> {
  const descriptor = openSync(root, constants.O_RDONLY);
  const waiting = join(root, waitingFolder);
  try {
    if (!(await lockFile(descriptor, lockLimit))) {
      throw refusal("Cannot write: another run is replacing files of this checkout", {
        remedy: "Let it end, then run this again",
      });
    }
    const changes = prepare();
    try {
      clear(waiting);
      mkdirSync(waiting);
      // git must not report what a killed run leaves here.
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
 * Writes a file and flushes it to the disk.
 *
 * @param mode Its permissions; default: those of a new file.
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
    // `mkdirSync` will report the failure; after the change the folder does no harm.
  }
}

async function install(
  root: string,
  changes: readonly FileChange[],
  isInterrupted: () => boolean,
): Promise<Outcome> {
  let done = 0;
  let cause: unknown;
  try {
    for (const [index, change] of changes.entries()) {
      // The runtime reports a signal only while this waits.
      await Bun.sleep(0);
      if (isInterrupted()) {
        break;
      }
      put(root, index, change);
      done += 1;
    }
  } catch (thrown) {
    cause = thrown;
  }
  const faults = done === changes.length ? [] : restore(root, changes.slice(0, done));
  removeEmptyFolders(root, changes);
  if (faults.length > 0) {
    // The error that made the restoration necessary is reported first.
    const why = cause === undefined ? [] : [error(`Cannot write: ${reason(cause)}`)];
    throw new Refusal([...(cause instanceof Refusal ? cause.findings : why), ...faults]);
  }
  if (cause !== undefined) {
    throw cause;
  }
  return done === changes.length ? "changed" : "interrupted";
}

/** Moves the new file of the change with this index to its path, or removes the old one. */
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

/** Returns the refusal for a file that another program has changed meanwhile. */
function hasChanged(path: string): Refusal {
  return refusal(`Cannot write ${path}: it has changed since it was read`, {
    at: { file: path },
    remedy: "Let nothing else edit the checkout, then run this again",
  });
}

/**
 * Undoes changes. Returns an error for each file that cannot be restored, or was edited meanwhile:
 * the edit is kept, and the old file is written beside it, because git may not have it.
 */
function restore(root: string, changes: readonly FileChange[]): Finding[] {
  return [...changes.entries()].reverse().flatMap(([index, { path, before, after }]) => {
    try {
      if (before !== undefined) {
        stage(join(root, waitingFolder, String(index)), before.bytes, before.mode);
      }
      put(root, index, { path, before: after, after: before });
      return [];
    } catch (thrown) {
      const again =
        before === undefined
          ? `remove it: rm ${shellWord(path)}`
          : writeBeside(root, path, before)
            ? `restore it: mv ${shellWord(`${path}.before`)} ${shellWord(path)}`
            : "undo the edit by hand";
      const why =
        thrown instanceof Refusal ? "it has changed since it was written" : reason(thrown);
      const remedy = `Save what you need of it elsewhere, then ${again}`;
      return [error(`Cannot restore ${path}: ${why}`, { at: { file: path }, remedy })];
    }
  });
}

/** Writes the old version of a file beside it, and reports whether that worked. */
function writeBeside(root: string, path: string, { bytes, mode }: FileState): boolean {
  try {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    stage(join(root, `${path}.before`), bytes, mode);
    return true;
  } catch {
    return false;
  }
}

/** Removes empty parent folders of changed files, because git does not track them. */
function removeEmptyFolders(root: string, changes: readonly FileChange[]): void {
  for (const { path } of changes) {
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
      try {
        rmdirSync(join(root, folder));
      } catch {
        // It is not empty, or does not exist.
        break;
      }
    }
  }
}

/** A new text for a file of a checkout. A byte order mark is kept. */
export interface Replacement {
  /** Relative to the top level. */
  readonly path: string;
  /** The text that was read. */
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

// Locks

/** `LOCK_EX | LOCK_NB` of <sys/file.h>, the same on Linux and macOS. */
const exclusiveAtOnce = 2 | 4;

/** Milliseconds between two attempts. */
const pause = 10;

/** The names of the C library: on Linux with glibc and musl, and on macOS. */
const cLibraries = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "libSystem.B.dylib",
];

/**
 * Acquires the kernel's exclusive lock on an open file. Closing the descriptor releases it, and so
 * does the end of the process, even by SIGKILL. A lock file would stay behind.
 *
 * @param limit Milliseconds to wait for another holder.
 * @returns Whether the lock was taken.
 * @throws {Refusal} If this platform has no such locks.
 */
export async function lockFile(descriptor: number, limit: number): Promise<boolean> {
  const lock = findFlock();
  for (let waited = 0; lock(descriptor, exclusiveAtOnce) !== 0; waited += pause) {
    if (waited >= limit) {
      return false;
    }
    await Bun.sleep(pause);
  }
  return true;
}

/** Returns `flock` of the C library, which the runtime does not offer. */
function findFlock() {
  for (const library of cLibraries) {
    try {
      const { symbols } = dlopen(library, {
        flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
      });
      return symbols.flock;
    } catch {
      // Another system's C library.
    }
  }
  throw refusal(`Cannot lock a file: found no flock on ${process.platform} ${process.arch}`, {
    remedy: "Run this on Linux or macOS",
  });
}
