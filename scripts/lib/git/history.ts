/** Compares two commits: finds their merge bases and the files that differ. */

import { quote, refusal, together } from "../finding.ts";
import { layout } from "../layout.ts";
import {
  findCommit,
  gitOutput,
  isBranchName,
  isObjectId,
  type ObjectId,
  rerun,
  unanswered,
} from "./git.ts";
import type { Objects } from "./objects.ts";
import { type Repository, runGit } from "./repository.ts";

/** The base of a change. */
export interface Base {
  /** The name for messages: `origin/main`, or the name that the operator gave. */
  readonly shown: string;
  readonly commit: ObjectId;
}

/** A base and its merge bases with a commit. */
export interface MergeBases {
  readonly base: Base;
  /** In a fixed order. There are several after merges in both directions. */
  readonly mergeBases: readonly ObjectId[];
}

/**
 * Finds the merge bases of a commit and a base.
 *
 * @param name The base: a branch of the remote, or any other commit-ish.
 * @param head The full name of the commit, or its promise, and its name for messages.
 * @throws {Refusal} If the clone is shallow, the base is unknown, or the two have no common ancestor.
 */
export async function findMergeBases(
  repository: Repository,
  name: string,
  head: { readonly shown: string; readonly commit: ObjectId | Promise<ObjectId> },
): Promise<MergeBases> {
  const [_, base, commit] = await together(
    refuseShallow(repository, `compare ${head.shown} with ${name}`, name),
    findBase(repository, name),
    head.commit,
  );
  const mergeBases = await listMergeBases(repository, base.commit, commit);
  if (mergeBases.length === 0) {
    const what = `find the merge base of ${head.shown} and ${base.shown}`;
    throw refusal(`Cannot ${what}: the two have no commit in common`, {
      remedy:
        "Name the branch that it was started from; in GitHub Actions, check out with fetch-depth: 0",
    });
  }
  return { base, mergeBases };
}

async function findBase(repository: Repository, name: string): Promise<Base> {
  const { remote } = layout;
  const branch = mayBeOfRemote(name)
    ? await findCommit(repository, `refs/remotes/${remote}/${name}`)
    : undefined;
  const commit = branch ?? (await findCommit(repository, name));
  if (commit === undefined) {
    throw refusal(
      `Cannot find base ${quote(name)}: found neither ${remote}/${name} nor a commit of that name`,
      {
        remedy: `Name another, or fetch this one (in GitHub Actions, check out with fetch-depth: 0): ${fetchCommand(name)}`,
      },
    );
  }
  return { shown: branch === undefined ? name : `${remote}/${name}`, commit };
}

/** Reports whether a name may be a branch of the remote, with or without a suffix such as `~1`. */
function mayBeOfRemote(name: string): boolean {
  const branch = name.replace(/(?:[~^][0-9]*)+$/, "");
  // `HEAD~1` means the checkout's HEAD even if refs/remotes/origin/HEAD exists. A full object name
  // means that object even if a branch has the same name.
  return branch !== "HEAD" && !isObjectId(branch) && isBranchName(branch);
}

/**
 * Refuses a shallow clone, whose history may end too early for a question about all of it.
 *
 * @param what Completes "Cannot ...".
 * @param base What the remedy fetches.
 * @throws {Refusal} If the clone is shallow, or git fails.
 */
export async function refuseShallow(
  repository: Repository,
  what: string,
  base: string = layout.mainBranch,
): Promise<void> {
  if (await isShallow(repository)) {
    throw refusal(`Cannot ${what}: this clone is shallow`, {
      remedy: `Fetch the whole history (in GitHub Actions, check out with fetch-depth: 0): ${fetchCommand(base, "--unshallow ")}`,
    });
  }
}

/**
 * Reports whether the clone is shallow.
 *
 * @throws {Refusal} If git fails.
 */
export async function isShallow(repository: Repository): Promise<boolean> {
  if (repository.isShallow !== undefined) {
    return repository.isShallow;
  }
  const purpose = "find out whether this clone is shallow";
  const args = ["rev-parse", "--is-shallow-repository"];
  const answer = (await gitOutput(repository, purpose, args)).trim();
  if (answer !== "true" && answer !== "false") {
    throw refusal(
      `Cannot ${purpose}: git rev-parse says ${quote(answer)}, expected true or false`,
      { remedy: rerun(args) },
    );
  }
  return answer === "true";
}

/**
 * Returns the command that fetches a base, which also works in a single-branch clone. If the base
 * is not a branch, or its name is not safe in a shell, the command fetches the main branch.
 */
function fetchCommand(base: string, option = ""): string {
  const { remote, mainBranch } = layout;
  const name = base.replace(new RegExp(`^(?:refs/remotes/)?${remote}/`), "");
  const isBranch = /^(?!HEAD|refs\/|[0-9a-f]{7,64}$|.*\.\.)\w[\w./-]*$/.test(name);
  const branch = isBranch ? name : mainBranch;
  return `git fetch ${option}${remote} +refs/heads/${branch}:refs/remotes/${remote}/${branch}`;
}

async function listMergeBases(
  repository: Repository,
  one: ObjectId,
  other: ObjectId,
): Promise<readonly ObjectId[]> {
  const answer = await runGit(repository, ["merge-base", "--all", one, other]);
  const found = answer.stdout.split("\n").filter((each) => each !== "");
  // Exit code 1 without any output means that there is no merge base.
  const isNone = answer.code === 1 && found.length === 0 && answer.stderr === "";
  const isSome = answer.code === 0 && found.length > 0 && found.every(isObjectId);
  if (answer.timedOut || !(isNone || isSome)) {
    throw unanswered("find the merge base", answer);
  }
  return found.sort();
}

/**
 * Returns the sorted paths below a folder that differ between two commits in contents, kind or
 * mode.
 *
 * @param folder Relative to the top level, without wildcards.
 * @throws {Refusal} If git fails.
 */
export async function changedPaths(
  repository: Repository,
  objects: Objects,
  from: ObjectId,
  to: ObjectId,
  folder: string,
): Promise<readonly string[]> {
  const [before, after] = await Promise.all(
    [from, to].map((commit) => objects.find(`${commit}:${folder}`)),
  );
  if (before?.id === after?.id) {
    return [];
  }
  const purpose = `list what changed in ${folder}`;
  const args = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--ignore-submodules=none"];
  const pathspec = `:(top,literal)${folder}`;
  const output = await gitOutput(repository, purpose, [...args, from, to, "--", pathspec]);
  const paths = output.split("\0");
  const isWhole = paths.pop() === "";
  const isInside = (path: string) => path === folder || path.startsWith(`${folder}/`);
  // The two trees differ, so an empty or truncated list is wrong.
  if (!isWhole || paths.length === 0 || !paths.every(isInside)) {
    const named = output === "" ? "nothing" : quote(output);
    throw refusal(`Cannot ${purpose}: git diff-tree named ${named} between ${from} and ${to}`, {
      remedy: "Check the repository: git fsck",
    });
  }
  return paths.sort();
}
