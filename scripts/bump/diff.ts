/** Unified diffs, made by git. */

import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { FileState } from "../lib/disk/files.ts";
import { prepareReplacements, type Replacement } from "../lib/disk/replace.ts";
import { makeScratchFolder } from "../lib/disk/scratch.ts";
import { ask, type Repository, unanswered } from "../lib/git/git.ts";

/** Whatever the operator's configuration makes of a diff, this one can be applied. */
const plain = [
  ...["-c", "core.quotePath=false", "-c", "core.attributesFile=/dev/null"],
  ...["-c", "core.autocrlf=false", "-c", "diff.orderFile=/dev/null"],
  ...["-c", "core.fileMode=true", "-c", "diff.suppressBlankEmpty=false"],
  ...["diff", "--no-index", "--no-prefix", "--no-color", "--no-ext-diff", "--no-textconv"],
  ...["--no-renames", "--no-relative", "--text", "--unified=3", "--inter-hunk-context=0"],
  ...["--diff-algorithm=myers", "--no-indent-heuristic"],
];

/**
 * The unified diff of replacements, as `git diff` prints it: of the bytes and the modes that the
 * files have, so that it can be applied to them.
 *
 * @throws {Refusal} If git cannot tell, or a file could not be replaced.
 */
export async function unifiedDiff(
  repository: Repository,
  replacements: readonly Replacement[],
): Promise<string> {
  if (replacements.length === 0) {
    return "";
  }
  const files = await prepareReplacements(repository.root, replacements);
  const folder = makeScratchFolder("release-diff-", repository);
  try {
    for (const file of files) {
      write(join(folder, "a", file.path), file.before);
      write(join(folder, "b", file.path), file.after);
    }
    const answer = await ask({ ...repository, root: folder }, [...plain, "a", "b"]);
    // Exit 1 means that they differ, and every file does.
    if (answer.timedOut || answer.code !== 1 || answer.stdout === "" || answer.stderr !== "") {
      throw unanswered("show what would change", answer);
    }
    return answer.stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whatever its permissions, git must be able to read it; it tells only whether it is executable. */
function write(target: string, { bytes, mode }: FileState): void {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, bytes);
  chmodSync(target, (mode & 0o100) === 0 ? 0o600 : 0o700);
}
