/** The one thing to do next at each point of a release: a command, or what only a person can do. */

import { shellWord } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import { mergeCommand, releaseBranch } from "../lib/release-branch.ts";
import type { Version } from "../lib/version.ts";
import type { ChartFacts, StatusFacts, TagState } from "./facts.ts";

/** What to do: a command as it is run at the top level, or an instruction for a person. */
export type Next = { readonly command: string } | { readonly byHand: string };

const { mainBranch: main, remote } = layout;
const command = (text: string): Next => ({ command: text });
const byHand = (text: string): Next => ({ byHand: text });

export const releaseScript = "scripts/release.ts";
export const chartScript = "scripts/release-chart.ts";
export const branchOf = ({ version }: Pick<StatusFacts, "version">) => releaseBranch(version);
export const tagOf = ({ version }: Pick<StatusFacts, "version">) => `${layout.tagPrefix}${version}`;

/** Where the work on a release is committed at present. */
export function homeOf(facts: Pick<StatusFacts, "where" | "version">): string {
  return facts.where === "branch" ? branchOf(facts) : main;
}

export const askRemote = command(`git ls-remote --heads ${remote}`);

const fetchMain = command(`git fetch ${remote} +refs/heads/${main}:refs/remotes/${remote}/${main}`);
const ledgerCommit = (message: string) =>
  command(`git commit --message "${message}" ${layout.ledger}`);

/** What is not committed is named: it may be what the release lacks. */
function putAway(changes: readonly string[]): Next {
  if (changes.every((path) => path === layout.ledger)) {
    return ledgerCommit("Record a lab validation");
  }
  return byHand(`Commit what is to stay, and ${setAside(changes)}`);
}

function setAside(changes: readonly string[]): string {
  const first = changes.slice(0, 5).join(", ");
  const more = changes.length > 5 ? ` and ${changes.length - 5} more` : "";
  return `set the rest aside (git stash --include-untracked): ${first}${more}`;
}

/** What has to come before anything else happens on a branch. */
function toBranch(facts: StatusFacts, branch: string): Next | undefined {
  const other = facts.elsewhere.get(`refs/heads/${branch}`);
  return (
    endUnderway(facts) ??
    (facts.head === branch
      ? undefined
      : other === undefined
        ? checkOut(facts, `git checkout ${branch}`)
        : byHand(`Go on where ${branch} is checked out: cd ${shellWord(other)}`))
  );
}

/** Git takes along what is not committed, unless the other branch has another state of it. */
function checkOut({ changes }: StatusFacts, words: string): Next {
  return changes.every((path) => path === layout.ledger)
    ? command(words)
    : byHand(`${words} (if git refuses: commit what is to stay first, and ${setAside(changes)})`);
}

/** What has to come before a release leaves main. */
function toCleanMain(facts: StatusFacts): Next | undefined {
  const first =
    endUnderway(facts) ?? (facts.changes.length > 0 ? putAway(facts.changes) : undefined);
  return first ?? toBranch(facts, main);
}

function endUnderway({ underway }: StatusFacts): Next | undefined {
  return underway.length > 0
    ? byHand(`Finish or end the ${underway[0]} that is under way; git status tells how`)
    : undefined;
}

/** What brings main up to the remote's; undefined if nothing has to. */
function syncMain({ remote: theirs }: StatusFacts): Next | undefined {
  switch (theirs?.main) {
    case "unfetched":
      return fetchMain;
    case "behind":
      return command(`git pull --ff-only ${remote} ${main}`);
    case "diverged":
      return command(`git pull --no-rebase --no-edit ${remote} ${main}`);
    default:
      return undefined;
  }
}

// Step 1

export function openBranch(facts: StatusFacts): Next {
  const branch = branchOf(facts);
  if (facts.remote === undefined) {
    return askRemote;
  }
  if (facts.remote.branch !== "absent") {
    const ref = `refs/heads/${branch}`;
    const fetch = `git fetch ${remote} ${ref}:${ref} && git checkout ${branch}`;
    return endUnderway(facts) ?? checkOut(facts, fetch);
  }
  return toBranch(facts, main) ?? syncMain(facts) ?? command(`git checkout -b ${branch}`);
}

// Steps 2, 2.5 and 3

/** What brings the version references along; `words` is the check's own way out. */
export function bump(facts: StatusFacts, words: string | undefined): Next {
  const { version, tag, where, workTree } = facts;
  if (where === "tag") {
    return startOver(facts);
  }
  if (tag.kind === "unfit") {
    return deleteTag(tagOf(facts));
  }
  const first = toBranch(facts, homeOf(facts));
  if (first !== undefined) {
    return first;
  }
  if (workTree?.references.verdict === "passed") {
    return commitAll(`Bump to ${version}`);
  }
  return (workTree?.words ?? facts.words) ? mend(facts, words) : describe(facts);
}

/** What mends a commit that a check refuses: the bump if that changes anything, else a person. */
export function mend(facts: StatusFacts, words: string | undefined): Next {
  const { version, bump: would } = facts;
  if (facts.where === "tag") {
    return startOver(facts);
  }
  const first = toBranch(facts, homeOf(facts));
  if (first !== undefined) {
    return first;
  }
  if (would.unclean.length > 0) {
    return commitAll(`Prepare ${version}`, would.untracked);
  }
  if (would.refused === undefined && would.edits > 0) {
    const again = would.begun ? " --allow-same" : "";
    return command(`bun scripts/bump-version.ts ${version}${again}`);
  }
  return byHand(would.refused?.remedy ?? words ?? "See what the check says");
}

/** What gives the release its words in the changelog. */
export function describe(facts: StatusFacts): Next {
  const { version, bump: would, workTree } = facts;
  const first = toBranch(facts, homeOf(facts));
  if (first !== undefined) {
    return first;
  }
  if (workTree?.words) {
    return commitAll(`Describe ${version}`);
  }
  const section = would.begun ? version : "Unreleased";
  return byHand(`Write what is new below ## [${section}] in ${layout.changelog}`);
}

function commitAll(message: string, untracked: readonly string[] = []): Next {
  const add = untracked.length === 0 ? "" : `git add -- ${untracked.map(shellWord).join(" ")} && `;
  return command(`${add}git commit --all --message "${message}"`);
}

/** A tagged commit stays as it is: only a tag that nobody has can be made again. */
function startOver(facts: StatusFacts): Next {
  const { tag } = facts;
  if (facts.remote === undefined) {
    return askRemote;
  }
  if (tag.kind === "elsewhere") {
    return fetchTag(tagOf(facts));
  }
  return tag.kind === "interrupted" && !tag.published ? deleteTag(tagOf(facts)) : nextVersion;
}

const nextVersion = byHand("Never move a published tag: release the next version");
const deleteTag = (tag: string) => command(`git tag -d ${tag}`);
const fetchTag = (tag: string) => command(`git fetch ${remote} refs/tags/${tag}:refs/tags/${tag}`);

// Steps 4 and 5

/** What leads to a lab validation that the gate takes. */
export function validate(facts: StatusFacts): Next {
  if (facts.where === "tag") {
    return startOver(facts);
  }
  const first = toBranch(facts, homeOf(facts));
  if (first !== undefined) {
    return first;
  }
  const tag = tagOf(facts);
  if (facts.workTree?.recorded !== undefined) {
    return ledgerCommit(`Record the lab validation of ${tag}`);
  }
  const preserve = facts.where === "branch" ? pushBranch(facts) : undefined;
  const unset = facts.ledgerVariable ? "env -u LEDGER " : "";
  const run = `${unset}bun scripts/validate-lab.ts ${tag} --lab ${layout.lab} --record`;
  return preserve ?? command(run);
}

/** PROCEDURE step 4 begins with the branch on the remote; undefined if it is there as it is here. */
function pushBranch(facts: StatusFacts): Next | undefined {
  const branch = branchOf(facts);
  switch (facts.remote?.branch) {
    case "absent":
    case "ahead":
      return command(`git push -u ${remote} ${branch}`);
    case "behind":
    case "diverged":
    case "unfetched":
      return command(`git pull --no-rebase --no-edit ${remote} ${branch}`);
    default:
      return undefined;
  }
}

// Step 6

export function mergeAndTag(facts: StatusFacts): Next {
  const { remote: theirs, tag, where, precheck } = facts;
  if (theirs === undefined) {
    return askRemote;
  }
  const first = settleTag(tag, tagOf(facts)) ?? toCleanMain(facts);
  if (first !== undefined) {
    return first;
  }
  if (tag.kind === "interrupted") {
    return precheck.verdict === "passed" ? command(tag.command) : byHand(remedyOf(precheck));
  }
  const sync = syncMain(facts);
  if (sync !== undefined) {
    return sync;
  }
  if (where === "branch") {
    return command(mergeCommand(branchOf(facts)));
  }
  return precheck.verdict === "passed"
    ? command(`bun ${releaseScript} ${tagOf(facts)}`)
    : byHand(remedyOf(precheck));
}

const remedyOf = ({ remedy, evidence }: { remedy?: string; evidence: string }) =>
  remedy ?? evidence;

/** What a tag in the way asks for; undefined if it is free, or a release can go on from it. */
function settleTag(state: TagState, tag: string): Next | undefined {
  switch (state.kind) {
    case "elsewhere":
      return fetchTag(tag);
    case "unfetched":
      return fetchMain;
    case "unfit":
      return deleteTag(tag);
    case "taken":
      return nextVersion;
    case "unknown":
      return byHand(state.remedy);
    default:
      return undefined;
  }
}

// Step 7

/** A chart that installs another version was not bumped: which version it gets, a person decides. */
export function bumpChart({ version }: StatusFacts): Next {
  return byHand(
    `Release a chart that installs ${version}, with its next version: bun scripts/bump-version.ts ${version} --chart A.B.C --allow-same`,
  );
}

/** A chart that main has left behind is released no more: the next one comes in its place. */
export function releasePassing(passedBy: Version): Next {
  return byHand(`Release the chart that ${main} has, ${passedBy}, in its place`);
}

export function releaseChart(facts: StatusFacts, chart: ChartFacts): Next {
  const { remote: theirs } = facts;
  const { tag, state, gates, image } = chart;
  if (theirs === undefined) {
    return askRemote;
  }
  if (state.kind === "taken") {
    return byHand(
      "Never move a published tag: release the chart's next version (bun scripts/bump-version.ts A.B.C --chart-only)",
    );
  }
  const first =
    settleTag(state, tag) ??
    toCleanMain(facts) ??
    (theirs.main === "ahead" ? command(`git push ${remote} ${main}`) : syncMain(facts));
  if (first !== undefined) {
    return first;
  }
  if (gates !== undefined && gates.verdict !== "passed") {
    return byHand(remedyOf(gates));
  }
  if (state.kind === "interrupted") {
    return command(state.command);
  }
  const wait = image?.verdict === "passed" ? "" : " --wait";
  return command(`bun ${chartScript} ${tag}${wait}`);
}
