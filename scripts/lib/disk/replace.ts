/** Replaces the texts of several files of a checkout as one. */

import { decodeSource } from "../files/decode.ts";
import { attempt, Refusal, refusal, shellWord } from "../finding.ts";
import type { Repository } from "../git/git.ts";
import { changeFiles, type FileChange, hasChanged, toWrite } from "./change-files.ts";
import { type FileState, findFile } from "./files.ts";

/** A file of a checkout whose text becomes another; a byte order mark before it stays. */
export interface Replacement {
  /** Relative to the top level. */
  readonly path: string;
  /** The text that the new one was made from. */
  readonly before: string;
  readonly after: string;
}

/** A file that is ready to be replaced, byte for byte. */
export interface PreparedReplacement extends FileChange {
  readonly before: FileState;
  readonly after: FileState;
}

/**
 * Replaces files, all of them or none, as `changeFiles` does.
 *
 * @param isInterrupted Whether to stop; asked before each file. The caller holds off signals.
 * @throws {Refusal} If a file is no longer as it was read, is no plain file of the checkout, or
 * could not be written; every file is as it was before then, or named.
 */
export function replaceFiles(
  repository: Repository,
  replacements: readonly Replacement[],
  isInterrupted: () => boolean,
): Promise<"changed" | "interrupted"> {
  const prepare = () => prepareReplacements(repository.root, replacements);
  return changeFiles(repository, prepare, isInterrupted);
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
  const found = findFile(root, path, toWrite);
  const at = { file: path };
  if (found === undefined) {
    throw refusal(`Cannot write ${path}: found no plain file, expected a file of this checkout`, {
      at,
      remedy: `Take it from git again: git checkout -- ${shellWord(path)}`,
    });
  }
  const { bytes, mode } = found;
  if (decodeSource(path, bytes).text !== before) {
    throw hasChanged(path);
  }
  const mark = bytes.subarray(0, bytes.length - Buffer.byteLength(before));
  const made = Buffer.concat([mark, Buffer.from(after)]);
  return { path, before: found, after: { bytes: made, mode } };
}
