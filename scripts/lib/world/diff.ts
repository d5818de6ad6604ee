/** Unified diffs, made by git. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ask, type Repository, unanswered } from "./git.ts";

/** A file with the text that it has and the other one that it would have. */
export interface Difference {
  /** Relative to the top level. */
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/** Whatever the operator's configuration makes of a diff, this one can be applied. */
const plain = [
  ...["-c", "core.quotePath=false", "-c", "core.attributesFile=/dev/null"],
  ...["-c", "core.autocrlf=false", "-c", "diff.orderFile=/dev/null"],
  ...["diff", "--no-index", "--no-prefix", "--no-color", "--no-ext-diff", "--no-textconv"],
  ...["--no-renames", "--no-relative", "--text", "--unified=3", "--inter-hunk-context=0"],
  ...["--diff-algorithm=myers", "--no-indent-heuristic"],
];

/**
 * The unified diff of some files, as `git diff` prints it.
 *
 * @throws {Refusal} If git cannot tell.
 */
export async function unifiedDiff(
  repository: Repository,
  files: readonly Difference[],
): Promise<string> {
  if (files.length === 0) {
    return "";
  }
  const folder = mkdtempSync(join(tmpdir(), "release-diff-"));
  try {
    for (const { path, before, after } of files) {
      write(join(folder, "a", path), before);
      write(join(folder, "b", path), after);
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

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
