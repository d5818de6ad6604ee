/** Changes several files of a checkout as one: each atomically, and all of them or none. */

import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { error, type Finding, Refusal, refusal, shellWord } from "../finding.ts";
import { gitFolderOf, type Repository } from "../git/git.ts";
import { type FileState, findFile, reason } from "./files.ts";
import { lockFile } from "./lock.ts";

/** A file that appears, becomes another, or goes. */
export interface FileChange {
  /** Relative to the top level. */
  readonly path: string;
  readonly before: FileState | undefined;
  readonly after: FileState | undefined;
}

/** How a file is found that is written: where it is named, and nowhere else. */
export const toWrite = { links: "none", purpose: "write" } as const;

interface Prepared extends FileChange {
  readonly target: string;
  /** Where it waits, written whole, to be renamed to its target. */
  readonly staged: string;
}

/**
 * Changes files: every one of them is written elsewhere and brought to the disk before the first
 * is renamed into its place, which is compared once more right before that. After a failure or an interrupt those that were changed are as they
 * were before. Only SIGKILL or a crash can leave some changed and others not.
 *
 * What is written waits in the git directory, where nothing takes it for a file of the checkout,
 * or in a folder of the top level that no row of the product names, if the git directory is on
 * another file system. The next run clears what a run that was killed left there.
 *
 * @param prepare Reads what is to be changed, while no other run changes this checkout.
 * @param isInterrupted Whether to stop; asked before each file. The caller holds off signals.
 * @throws {Refusal} If `prepare` refuses, a file is no longer as it was before, or one could not be
 * written; every file is as it was before then, or named.
 */
export async function changeFiles(
  repository: Repository,
  prepare: () => Promise<readonly FileChange[]>,
  isInterrupted: () => boolean,
): Promise<"changed" | "interrupted"> {
  const { root } = repository;
  const descriptor = openSync(root, constants.O_RDONLY);
  try {
    if (!(await lockFile(descriptor, 0))) {
      throw refusal("Cannot write: another run is replacing files of this checkout", {
        remedy: "Let it end, then run this again",
      });
    }
    const waiting = await waitingFolder(repository);
    const prepared = (await prepare()).map((each, index) => ({
      ...each,
      target: join(root, each.path),
      staged: join(waiting, String(index)),
    }));
    try {
      // What a run that was killed left is of no use to anybody.
      clear(waiting);
      mkdirSync(waiting);
      for (const { staged, after } of prepared) {
        if (after !== undefined) {
          stage(staged, after.bytes, after.mode);
        }
      }
      return await install(root, prepared, isInterrupted);
    } catch (thrown) {
      throw thrown instanceof Refusal
        ? thrown
        : refusal(`Cannot write: ${reason(thrown)}; every file is as it was before`, {
            remedy: "Make room or mend the permissions, then run this again",
          });
    } finally {
      clear(waiting);
    }
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Where files wait: only within one file system can they be renamed. It is always the same folder,
 * so that it can be cleared.
 */
async function waitingFolder(repository: Repository): Promise<string> {
  const { root } = repository;
  const gitFolder = await gitFolderOf(repository);
  const isNear = statSync(gitFolder).dev === statSync(root).dev;
  return isNear ? join(gitFolder, "release-replacements") : join(root, ".release-replacements");
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

/** Removes the folder where files wait, with all that is in it. */
function clear(waiting: string): void {
  try {
    rmSync(waiting, { recursive: true, force: true });
  } catch {
    // Making it anew tells why it is out of reach; at the end it does no harm.
  }
}

async function install(
  root: string,
  prepared: readonly Prepared[],
  isInterrupted: () => boolean,
): Promise<"changed" | "interrupted"> {
  const done: Prepared[] = [];
  const made: string[] = [];
  let stopped = false;
  const undo = (cause?: unknown) => {
    restore(root, done, cause);
    for (const folder of made.toReversed()) {
      removeIfEmpty(folder);
    }
  };
  try {
    for (const each of prepared) {
      // A signal is told only to a process that waits.
      await Bun.sleep(0);
      stopped = isInterrupted();
      if (stopped) {
        break;
      }
      put(root, each, made);
      done.push(each);
    }
  } catch (thrown) {
    undo(thrown);
    throw thrown;
  }
  if (stopped) {
    undo();
    return "interrupted";
  }
  for (const folder of new Set(prepared.map(({ target }) => dirname(target)))) {
    syncFolder(folder);
  }
  for (const { target, after } of prepared) {
    for (let folder = dirname(target); after === undefined && removeIfEmpty(folder); ) {
      folder = dirname(folder);
    }
  }
  return "changed";
}

/** Brings one file to its new state; the folders that it needs are added to `made`. */
function put(
  root: string,
  { path, before, after, staged, target }: Prepared,
  made: string[],
): void {
  if (!isSame(findFile(root, path, toWrite), before)) {
    throw hasChanged(path);
  }
  if (after === undefined) {
    rmSync(target);
    return;
  }
  if (before === undefined) {
    makeFolders(dirname(target), made);
  }
  renameSync(staged, target);
}

function isSame(one: FileState | undefined, other: FileState | undefined): boolean {
  return one === undefined || other === undefined
    ? one === other
    : one.mode === other.mode && Buffer.compare(one.bytes, other.bytes) === 0;
}

/** The refusal to write a file that another program has written meanwhile. */
export function hasChanged(path: string): Refusal {
  return refusal(`Cannot write ${path}: it has changed since it was read`, {
    at: { file: path },
    remedy: "Let nothing else edit the checkout, then run this again",
  });
}

function makeFolders(folder: string, made: string[]): void {
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) {
    makeFolders(dirname(folder), made);
    mkdirSync(folder);
    made.push(folder);
  }
}

/** Removes a folder that holds nothing, and tells whether it did. */
function removeIfEmpty(folder: string): boolean {
  try {
    if (readdirSync(folder).length > 0) {
      return false;
    }
    rmdirSync(folder);
    return true;
  } catch {
    // An empty folder is no file of the checkout: git does not know it.
    return false;
  }
}

/**
 * Brings files back to what they were; those that cannot be brought back are named, and so are
 * those that were edited since: an edit stays.
 */
function restore(root: string, done: readonly Prepared[], cause?: unknown): void {
  const faults: Finding[] = [];
  for (const { path, target, staged, before, after } of done.toReversed()) {
    let keep = "";
    try {
      const found = findFile(root, path, toWrite);
      if (found !== undefined && !isSame(found, after)) {
        keep = "Save what you need of it elsewhere. ";
        throw new Error("it has changed since it was written");
      }
      if (before === undefined) {
        rmSync(target);
        continue;
      }
      stage(staged, before.bytes, before.mode);
      renameSync(staged, target);
    } catch (thrown) {
      const remedy =
        before === undefined
          ? `Remove it: rm ${shellWord(path)}`
          : `Take it from git again: git checkout -- ${shellWord(path)}`;
      faults.push(
        error(`Cannot restore ${path}: ${reason(thrown)}`, {
          at: { file: path },
          remedy: `${keep}${remedy}`,
        }),
      );
    }
  }
  if (faults.length > 0) {
    const why =
      cause instanceof Refusal ? cause.findings : [error(`Cannot write: ${reason(cause)}`)];
    throw new Refusal([...(cause === undefined ? [] : why), ...faults]);
  }
}

/** Brings renames to the disk; not every file system can, and then none of them is lost by it. */
function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, constants.O_RDONLY);
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // The files themselves are on the disk; only the moment of their renaming is not.
  }
}
