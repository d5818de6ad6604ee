/** Replaces several files of a checkout as one: each atomically, and all of them or none. */

import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { attempt, error, type Finding, Refusal, refusal } from "../finding.ts";
import { reason } from "./files.ts";
import { line, type Repository } from "./git.ts";
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

/** A file that is ready to be replaced, byte for byte. */
export interface PreparedReplacement {
  readonly path: string;
  readonly target: string;
  /** Its permissions, which stay. */
  readonly mode: number;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

interface Prepared extends PreparedReplacement {
  /** Where it waits, written whole, to be renamed to its target. */
  readonly staged: string;
}

/**
 * Replaces files: every one of them is written elsewhere and brought to the disk before the
 * first is renamed into its place. After a failure or an interrupt those that were replaced get
 * their old bytes back. Only SIGKILL or a crash can leave some replaced and others not.
 *
 * What is written waits in the git directory, where nothing takes it for a file of the checkout,
 * or in a folder of the top level that no row of the product names, if the git directory is on
 * another file system. The next run clears what a run that was killed left there.
 *
 * @param isInterrupted Whether to stop; asked before each file. The caller holds off signals.
 * @throws {Refusal} If a file is no longer as it was read, is no plain file of the checkout, or
 * could not be written; every file is as it was before then, or named.
 */
export async function replaceFiles(
  repository: Repository,
  replacements: readonly Replacement[],
  isInterrupted: () => boolean,
): Promise<"replaced" | "interrupted"> {
  const { root } = repository;
  const descriptor = openSync(root, constants.O_RDONLY);
  try {
    if (!(await lockFile(descriptor, 0))) {
      throw refusal("Cannot write: another run is replacing files of this checkout", {
        remedy: "Let it end, then run this again",
      });
    }
    const waiting = await waitingFolder(repository);
    const prepared = (await prepareReplacements(root, replacements)).map((each, index) => ({
      ...each,
      staged: join(waiting, String(index)),
    }));
    try {
      // What a run that was killed left is of no use to anybody.
      clear(waiting);
      mkdirSync(waiting);
      for (const each of prepared) {
        stage(each.staged, each.after, each.mode);
      }
      return await install(prepared, isInterrupted);
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
 * Finds the bytes that files have and are to have: line endings and byte order marks stay.
 *
 * @param root Absolute path of the top level.
 * @throws {Refusal} If a file is no longer as it was read, or is no plain file of the checkout.
 */
export async function prepareReplacements(
  root: string,
  replacements: readonly Replacement[],
): Promise<readonly PreparedReplacement[]> {
  const answers = await Promise.all(
    replacements.map((each) => attempt(async () => prepare(root, each))),
  );
  const faults = answers.flatMap(({ findings }) => findings ?? []);
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
  return answers.flatMap(({ value }) => (value === undefined ? [] : [value]));
}

function prepare(root: string, { path, before, after }: Replacement): PreparedReplacement {
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

/**
 * Where files wait: only within one file system can they be renamed. It is always the same folder,
 * so that it can be cleared.
 */
async function waitingFolder(repository: Repository): Promise<string> {
  const { root } = repository;
  const question = ["rev-parse", "--absolute-git-dir"];
  const gitFolder = await line(repository, "find the git directory", question);
  const isNear = statSync(gitFolder).dev === statSync(root).dev;
  return isNear ? join(gitFolder, "release-replacements") : join(root, ".release-replacements");
}

/** Writes a file whole and to the disk. */
function stage(staged: string, bytes: Uint8Array, mode: number): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
  const descriptor = openSync(staged, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode);
  try {
    fchmodSync(descriptor, mode);
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
      renameSync(each.staged, each.target);
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
  for (const { path, target, staged, before, mode } of done.toReversed()) {
    try {
      stage(staged, before, mode);
      renameSync(staged, target);
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
