/** The branch that a release is prepared on (PROCEDURE step 1), and how it comes to main (step 6). */

import { layout } from "./layout.ts";

/** The name of the branch of a version. */
export function releaseBranch(version: string): string {
  return `release/${version}`;
}

/** Whether a branch is named like one, with nothing in its name that means something to a shell. */
export function isReleaseBranch(branch: string): boolean {
  return /^release\/[0-9A-Za-z][0-9A-Za-z.-]*$/.test(branch);
}

/** The command that brings the checkout to main as the remote has it. */
export const toMain = `git checkout ${layout.mainBranch} && git pull --ff-only ${layout.remote} ${layout.mainBranch}`;

/** The command that merges a release branch into the branch that is checked out. */
export function mergeCommand(branch: string): string {
  return `git merge ${branch} --no-ff -m "Merge ${branch}"`;
}
