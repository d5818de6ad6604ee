/** The name of a release branch (PROCEDURE step 1), and the commands that merge it (step 6). */

import { layout } from "./layout.ts";
import type { Version } from "./version.ts";

/** Returns the name of the release branch of a version; a prerelease is on that of its final version. */
export function releaseBranch(version: Version): string {
  return `release/${version.replace(/-.*/, "")}`;
}

/** Reports whether a name is a release branch's and has no characters that a shell interprets. */
export function isReleaseBranch(branch: string): boolean {
  return /^release\/[0-9A-Za-z][0-9A-Za-z.-]*$/.test(branch);
}

/**
 * Returns the branch that a release is made from: the checked-out one if the layout lists it, else main.
 *
 * @param head Short name of the checked-out branch; empty or undefined if HEAD is detached.
 */
export function baseBranch(head: string | undefined): string {
  const isListed = layout.releaseBranches.some((glob) => new Bun.Glob(glob).match(head ?? ""));
  return isListed && head ? head : layout.mainBranch;
}

/** The branches that releases are made from, in words. */
export const bases = [layout.mainBranch, ...layout.releaseBranches].join(" or ");

/** Returns the remedy for a version of an older line: the listed branches come first, if there are any. */
export function orOnLine(remedy: string): string {
  const { length } = layout.releaseBranches;
  const lines = layout.releaseBranches.join(" or ");
  const otherwise = remedy.charAt(0).toLowerCase() + remedy.slice(1);
  return length === 0 ? remedy : `Check out the branch of its line (${lines}). Or ${otherwise}`;
}

/** The command that checks out main and updates it from the remote. */
export const checkoutMain = `git checkout ${layout.mainBranch} && git pull --ff-only ${layout.remote} ${layout.mainBranch}`;

/**
 * Returns the command that merges a release branch into the current branch.
 *
 * @param name What is merged, such as `origin/release/1.2.3`; default: the local branch.
 */
export function mergeCommand(branch: string, name = branch): string {
  return `git merge ${name} --no-ff -m "Merge ${branch}"`;
}
