/** The state of a checkout that a release depends on: branch, commit, changes, unfinished work. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { refusal, together } from "../finding.ts";
import { gitFolderOf, gitOutput, isObjectId, type ObjectId } from "./git.ts";
import type { Repository } from "./repository.ts";

export interface Checkout {
  /** The commit that HEAD means. */
  readonly head: ObjectId;
  /** Full name of the branch that HEAD is on; undefined if it is detached. */
  readonly branch: string | undefined;
  /** Paths that differ from HEAD, untracked ones included. */
  readonly changes: readonly string[];
  /** Operations that were begun and not ended, such as `merge`. */
  readonly underway: readonly string[];
}

/** Files that git keeps in the git directory of a work tree during an operation (wt-status.c). */
const traces = [
  ["MERGE_HEAD", "merge"],
  ["rebase-merge", "rebase"],
  ["rebase-apply", "rebase or am"],
  ["CHERRY_PICK_HEAD", "cherry-pick"],
  ["REVERT_HEAD", "revert"],
  ["BISECT_LOG", "bisect"],
  ["sequencer", "sequence of picks or reverts"],
] as const;

/**
 * Reads the state of the checkout, whatever the operator's status configuration is.
 *
 * @throws {Refusal} If git cannot say, or there is no commit yet.
 */
export async function readCheckout(repository: Repository): Promise<Checkout> {
  const [status, folder] = await together(
    readStatus(repository),
    repository.gitFolder ?? gitFolderOf(repository),
  );
  const underway = traces
    .filter(([file]) => existsSync(join(folder, file)))
    .map(([, operation]) => operation);
  return { ...status, underway };
}

/** What `git status` tells of a checkout. */
export type Status = Pick<Checkout, "head" | "branch" | "changes">;

/**
 * Reads only what is checked out, and what differs from it.
 *
 * @throws {Refusal} If git cannot say, or there is no commit yet.
 */
export async function readStatus(repository: Repository): Promise<Status> {
  const purpose = "read the state of the work tree";
  const options = ["--porcelain=v2", "--branch", "--untracked-files=normal"];
  const whole = ["--ignore-submodules=none", "--no-renames", "-z"];
  const status = ["-c", "core.fsmonitor=false", "status", ...options, ...whole];
  return parseStatus(await gitOutput(repository, purpose, status));
}

/**
 * The files among some that differ from HEAD, that git does not track (ignored ones included), or
 * whose changes the index tells git to overlook (assume-unchanged, skip-worktree).
 *
 * @throws {Refusal} If git cannot say.
 */
export async function changesAmong(
  repository: Repository,
  paths: readonly string[],
): Promise<readonly string[]> {
  if (paths.length === 0) {
    return [];
  }
  const purpose = "read the state of the files";
  const careful = [
    "--literal-pathspecs",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.trustctime=true",
  ];
  const [status, listed] = await Promise.all([
    gitOutput(repository, purpose, [
      ...careful,
      "status",
      "--porcelain=v2",
      "--branch",
      "--untracked-files=all",
      "--no-renames",
      "-z",
      "--",
      ...paths,
    ]),
    gitOutput(repository, purpose, [...careful, "ls-files", "-v", "-z", "--", ...paths]),
  ]);
  const watched = new Set(listed.split("\0"));
  const unwatched = paths.filter((path) => !watched.has(`${watchedTag} ${path}`));
  return [...new Set([...parseStatus(status).changes, ...unwatched])].sort();
}

/** How `git ls-files -v` marks a tracked file whose changes `git status` tells. */
const watchedTag = "H";

/** Reads `git status --porcelain=v2 --branch -z`; its headers prove that git answered. */
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
        .slice(fieldsBefore[record[0] ?? ""] ?? 1)
        .join(" "),
    );
  return { head, branch: branch === detached ? undefined : `refs/heads/${branch}`, changes };
}

/** What stands for the branch where HEAD is on none. */
const detached = "(detached)";

/** How many fields stand before the path, by kind of record (git-status, "Porcelain Format v2"). */
const fieldsBefore: Readonly<Record<string, number>> = { "1": 8, "2": 9, u: 10, "?": 1, "!": 1 };
