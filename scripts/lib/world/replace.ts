/** Replaces several files of a checkout as one: each atomically, and all of them or none. */

import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { attempt, error, type Finding, Refusal, refusal } from "../finding.ts";
import { reason } from "./files.ts";
import { lockFile } from "./lock.ts";
import { decodeSource } from "./objects.ts";

/** A file of a checkout whose text becomes another; a byte order mark before it stays. */
export interface Replacement {
  /** Relative to the top level. */
  readonly path: string;
  /** The text that the new one was made from. */
  readonly before: string;
  readonly after: string;
}

/** A file that is ready to be replaced. */
interface Prepared {
  readonly path: string;
  readonly target: string;
  readonly mode: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/**
 * Replaces files: every one of them is written beside its target and brought to the disk before the
 * first is renamed into its place. After a failure or an interrupt those that were replaced get
 * their old bytes back. Only SIGKILL or a crash can leave some replaced and others not.
 *
 * @param root Absolute path of the top level.
 * @param isInterrupted Whether to stop; asked before each file. The caller holds off signals.
 * @throws {Refusal} If a file is no longer as it was read, is no plain file of the checkout, or
 * could not be written; every file is as it was before then, or named.
 */
export async function replaceFiles(
  root: string,
  replacements: readonly Replacement[],
  isInterrupted: () => boolean,
): Promise<"replaced" | "interrupted"> {
  const descriptor = openSync(root, constants.O_RDONLY);
  try {
    if (!(await lockFile(descriptor, 0))) {
      throw refusal("Cannot write: another run is replacing files of this checkout", {
        remedy: "Let it end, then run this again",
      });
    }
    const prepared = await prepareAll(root, replacements);
    try {
      for (const each of prepared) {
        stage(each.target, each.after, each.mode);
      }
      return await install(prepared, isInterrupted);
    } catch (thrown) {
      throw thrown instanceof Refusal
        ? thrown
        : refusal(`Cannot write: ${reason(thrown)}; every file is as it was before`, {
            remedy: "Make room or mend the permissions, then run this again",
          });
    } finally {
      for (const { target } of prepared) {
        unstage(target);
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

async function prepareAll(
  root: string,
  replacements: readonly Replacement[],
): Promise<readonly Prepared[]> {
  const answers = await Promise.all(
    replacements.map((each) => attempt(async () => prepare(root, each))),
  );
  const faults = answers.flatMap(({ findings }) => findings ?? []);
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
  return answers.flatMap(({ value }) => (value === undefined ? [] : [value]));
}

function prepare(root: string, { path, before, after }: Replacement): Prepared {
  const target = join(root, path);
  const at = { file: path };
  const stats = lstatSync(target, { throwIfNoEntry: false });
  if (
    !stats?.isFile() ||
    realpathSync(dirname(target)) !== join(realpathSync(root), dirname(path))
  ) {
    const found = stats?.isFile() ? "a file behind a link" : "no plain file";
    throw refusal(`Cannot write ${path}: found ${found}, expected a file of this checkout`, {
      at,
      remedy: "Replace the symbolic link by what it leads to, or edit that by hand",
    });
  }
  const bytes = readFileSync(target);
  if (decodeSource(path, bytes).text !== before) {
    throw refusal(`Cannot write ${path}: it has changed since it was read`, {
      at,
      remedy: "Let nothing else edit the checkout, then run this again",
    });
  }
  const mark = bytes.subarray(0, bytes.length - Buffer.byteLength(before));
  return {
    path,
    target,
    mode: stats.mode & 0o7777,
    before: bytes,
    after: Buffer.concat([mark, Buffer.from(after)]),
  };
}

/** Always the same name: a run after one that was killed writes over what that one left. */
const stagedPath = (target: string) => join(dirname(target), `.${basename(target)}.replacement`);

/** Writes a file beside its target, whole and on the disk. */
function stage(target: string, bytes: Uint8Array, mode: number): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const descriptor = openSync(stagedPath(target), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
  try {
    fchmodSync(descriptor, mode);
    writeFileSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Removes what was written beside a target and not renamed, if anything was. */
function unstage(target: string): void {
  try {
    rmSync(stagedPath(target), { force: true });
  } catch {
    // It is not this run's, or out of reach: it does no harm, and must not hide what went wrong.
  }
}

async function install(
  prepared: readonly Prepared[],
  isInterrupted: () => boolean,
): Promise<"replaced" | "interrupted"> {
  const done: Prepared[] = [];
  try {
    for (const each of prepared) {
      // A signal is told only to a process that waits.
      await Bun.sleep(0);
      if (isInterrupted()) {
        restore(done);
        return "interrupted";
      }
      renameSync(stagedPath(each.target), each.target);
      done.push(each);
    }
  } catch (thrown) {
    restore(done, thrown);
    throw thrown;
  }
  for (const folder of new Set(prepared.map(({ target }) => dirname(target)))) {
    syncFolder(folder);
  }
  return "replaced";
}

/** Gives files their old bytes back; those that cannot get them are named. */
function restore(done: readonly Prepared[], cause?: unknown): void {
  const faults: Finding[] = [];
  for (const { path, target, before, mode } of done.toReversed()) {
    try {
      stage(target, before, mode);
      renameSync(stagedPath(target), target);
    } catch (thrown) {
      faults.push(
        error(`Cannot restore ${path}: ${reason(thrown)}`, {
          at: { file: path },
          remedy: `Take it from git again: git checkout -- ${path}`,
        }),
      );
    }
  }
  if (faults.length > 0) {
    const why = cause === undefined ? [] : [error(`Cannot write: ${reason(cause)}`)];
    throw new Refusal([...why, ...faults]);
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
