/** The state of a checkout that a release depends on: branch, commit, changes, unfinished work. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { refusal, together } from "../finding.ts";
import { layout } from "../layout.ts";
import { baseBranch } from "../release-branch.ts";
import { gitFolderOf, gitOutput, isObjectId, type ObjectId } from "./git.ts";
import type { Repository } from "./repository.ts";

export interface Checkout {
  /** The commit that HEAD means. */
  readonly head: ObjectId;
  /** Full name of the current branch; undefined if HEAD is detached. */
  readonly branch: string | undefined;
  /** Paths that differ from HEAD, including untracked ones. */
  readonly changes: readonly string[];
  /** Unfinished operations, such as `merge`. */
  readonly underway: readonly string[];
}

/** Files in the git directory that exist during an operation (wt-status.c). */
const operationFiles = [
  ["MERGE_HEAD", "merge"],
  ["rebase-merge", "rebase"],
  ["rebase-apply", "rebase or am"],
  ["CHERRY_PICK_HEAD", "cherry-pick"],
  ["REVERT_HEAD", "revert"],
  ["BISECT_LOG", "bisect"],
  ["sequencer", "sequence of picks or reverts"],
] as const;

/**
 * Reads the state of the checkout. The operator's configuration of `git status` has no effect.
 *
 * @throws {Refusal} If git fails, or there is no commit yet.
 */
export async function readCheckout(repository: Repository): Promise<Checkout> {
  const [status, folder] = await together(
    readStatus(repository),
    repository.gitFolder ?? gitFolderOf(repository),
  );
  const underway = operationFiles
    .filter(([file]) => existsSync(join(folder, file)))
    .map(([, operation]) => operation);
  return { ...status, underway };
}

/**
 * Returns `baseBranch` of the checked-out branch. Asks git only if the layout lists branches.
 *
 * @throws {Refusal} If git fails.
 */
export async function readBaseBranch(repository: Repository): Promise<string> {
  return layout.releaseBranches.length === 0
    ? layout.mainBranch
    : baseBranch((await gitOutput(repository, "read the branch", showBranch)).trim());
}

/** The arguments of git that print the short name of the checked-out branch. */
export const showBranch = ["branch", "--show-current"];

/** The part of a checkout's state that `git status` reports. */
export type Status = Pick<Checkout, "head" | "branch" | "changes">;

/** A status that the operator's configuration does not change. */
const porcelain = ["status", "--porcelain=v2", "--branch", "--no-renames", "-z"];

/**
 * Reads the current commit and branch, and the uncommitted changes.
 *
 * @throws {Refusal} If git fails, or there is no commit yet.
 */
export async function readStatus(repository: Repository): Promise<Status> {
  const purpose = "read the state of the work tree";
  const whole = ["--untracked-files=normal", "--ignore-submodules=none"];
  const status = ["-c", "core.fsmonitor=false", ...porcelain, ...whole];
  return parseStatus(await gitOutput(repository, purpose, status));
}

/**
 * Returns those of the given paths that differ from HEAD, that git does not track (or ignores), or
 * whose changes git does not report (assume-unchanged, skip-worktree).
 *
 * @throws {Refusal} If git fails.
 */
export async function changesAmong(
  repository: Repository,
  paths: readonly string[],
): Promise<readonly string[]> {
  if (paths.length === 0) {
    return [];
  }
  const settings = ["core.fsmonitor=false", "core.trustctime=true"].flatMap((each) => ["-c", each]);
  const ask = (command: readonly string[]) =>
    gitOutput(repository, "read the state of the files", [
      "--literal-pathspecs",
      ...settings,
      ...command,
      "--",
      ...paths,
    ]);
  const [status, listed] = await Promise.all([
    ask([...porcelain, "--untracked-files=all"]),
    ask(["ls-files", "-v", "-z"]),
  ]);
  const records = new Set(listed.split("\0"));
  // `H` marks a tracked file whose changes `git status` reports.
  const unwatched = paths.filter((path) => !records.has(`H ${path}`));
  return [...new Set([...parseStatus(status).changes, ...unwatched])].sort();
}

/** Parses `git status --porcelain=v2 --branch -z`, whose headers prove that git has answered. */
function parseStatus(status: string): Status {
  const records = status.split("\0");
  const isWhole = records.pop() === "";
  const header = (name: string) =>
    records.find((record) => record.startsWith(`# ${name} `))?.slice(name.length + 3);
  const head = header("branch.oid");
  const branch = header("branch.head");
  if (head === "(initial)") {
    throw refusal("Cannot read the checkout's commit: the current branch has none yet", {
      remedy: "Make the first commit, or check out a branch that has one",
    });
  }
  if (!isWhole || head === undefined || !isObjectId(head) || branch === undefined) {
    throw refusal("Cannot read the state of the work tree: git status gave no answer", {
      remedy: "Run it by hand to see why: git status",
    });
  }
  const changes = records
    .filter((record) => !record.startsWith("# "))
    .map((record) =>
      record
        .split(" ")
        .slice(fieldsBefore[record[0] ?? ""])
        .join(" "),
    );
  return { head, branch: branch === "(detached)" ? undefined : `refs/heads/${branch}`, changes };
}

/** The number of fields before the path, by kind of record (git-status, "Porcelain Format v2"). */
const fieldsBefore: Readonly<Record<string, number>> = { "1": 8, u: 10, "?": 1 };
