/**
 * The commands of the procedure that follow a bump. `next.ts` prints the same ones and imports them
 * from here: it imports the bump, which imports this file.
 */

import { checkLabValidation, defaultQuestion } from "../../release-gate/check-lab-validation.ts";
import type { Day } from "../lib/calendar.ts";
import { workTree } from "../lib/disk/work-tree.ts";
import { labCommand } from "../lib/files/ledger.ts";
import { isPass } from "../lib/finding.ts";
import { readStatus } from "../lib/git/checkout.ts";
import type { Repository } from "../lib/git/repository.ts";
import { refValue } from "../lib/git/tag.ts";
import { has, layout } from "../lib/layout.ts";
import { baseBranch, checkoutMain, mergeCommand, releaseBranch } from "../lib/release-branch.ts";
import { isCandidate, type Version } from "../lib/version.ts";

const { mainBranch: main, remote, ledger, tagPrefix, chartTagPrefix } = layout;

export const commitAll = (message: string) => `git commit --all --message "${message}"`;

export const commitLedger = (message: string) => `git commit --message "${message}" ${ledger}`;

export const recordCommit = (tag: string) => commitLedger(`Record the lab validation of ${tag}`);

export const pushCommand = (branch: string) => `git push -u ${remote} ${branch}`;

/** The versions that a bump has set; no application for a bump of the chart alone. */
export interface BumpedVersions {
  readonly application: Version | undefined;
  readonly chart: Version | undefined;
}

/**
 * Returns the commands that are left after a bump, in their order: none for what the repository
 * holds already. The remote is not asked.
 *
 * @param today The day as of which a lab validation counts.
 * @throws {Refusal} If git does not answer.
 */
export async function nextAfterBump(
  repository: Repository,
  { application, chart }: BumpedVersions,
  today: Day,
): Promise<string[]> {
  const { branch: head, changes, head: commit } = await readStatus(repository);
  const isChanged = changes.length > 0;
  // A listed branch takes the place of main: the version needs no branch of its own.
  const base = baseBranch(head?.replace(/^refs\/heads\//, ""));
  if (application === undefined) {
    return [
      ...(isChanged ? [commitAll(`Bump the chart to ${chart}`)] : []),
      `bun scripts/check-chart-version-bumped.ts ${base}`,
      `once it is on ${base}: bun scripts/release-chart.ts ${chartTagPrefix}${chart} --dry-run`,
    ];
  }
  const tag = `${tagPrefix}${application}`;
  const isInPlace = base !== main;
  const branch = isInPlace ? base : releaseBranch(application);
  const question = { ...defaultQuestion, version: application, today };
  const [local, pushed, validation] = await Promise.all([
    refValue(repository, `refs/heads/${branch}`),
    refValue(repository, `refs/remotes/${remote}/${branch}`),
    has.labGate ? checkLabValidation(workTree(repository.root), question) : undefined,
  ]);
  // Without -b, git makes the branch from that of the remote.
  const checkOut = `git checkout ${(local ?? pushed) === undefined ? "-b " : ""}${branch}`;
  const validate =
    validation === undefined || isPass(validation) ? [] : [labCommand(tag), recordCommit(tag)];
  return [
    ...(head === `refs/heads/${branch}` ? [] : [checkOut]),
    ...(isChanged ? [...localGates, commitAll(`Bump to ${application}`)] : []),
    ...(isChanged || pushed !== commit ? [pushCommand(branch)] : []),
    ...(isCandidate(application)
      ? []
      : [...validate, ...(isInPlace ? [] : [`${checkoutMain} && ${mergeCommand(branch)}`])]),
    `bun scripts/release.ts ${tag} --dry-run`,
  ];
}

/** The gates of step 2 that leave no trace. */
const localGates = [
  ...layout.localGates,
  ...(layout.vintages === undefined ? [] : ["bun scripts/check-vintages.ts"]),
];
