/**
 * The procedure as a checklist: the state of each step, and the next one. Only this file decides what
 * comes next. It reads nothing but the facts.
 */

import type { State } from "../lib/answer.ts";
import { labCommand } from "../lib/files/ledger.ts";
import type { Relation } from "../lib/git/remote.ts";
import { has, layout } from "../lib/layout.ts";
import { bases, mergeCommand, orOnLine } from "../lib/release-branch.ts";
import { compareVersions, type Version } from "../lib/version.ts";
import { commitAll, commitLedger, pushCommand, recordCommit } from "./after.ts";
import type { StatusFacts } from "./facts.ts";
import {
  askRemote,
  byHand,
  type Checks,
  command,
  fetchBranch,
  type Next,
  type Outcome,
} from "./questions.ts";
import { chartRules, rules } from "./tags.ts";

/** The state of a step. */
export interface Step {
  /** Its number in PROCEDURE. */
  readonly step: string;
  readonly title: string;
  /** `pending` and `unknown` are open steps. */
  readonly state: State | "not applicable";
  /** The reason for the state, on one line. */
  readonly evidence: string;
  /** What to do; undefined if nothing has to be done. */
  readonly next?: Next | undefined;
}

type Judgement = Omit<Step, "step" | "title">;

export interface Checklist {
  readonly steps: readonly Step[];
  /** The first step that is not done; undefined if the version is released. */
  readonly first: Step | undefined;
  /** The one thing to do next. */
  readonly next: Next | undefined;
}

const { remote } = layout;

type Judge = (facts: StatusFacts, checks: Checks) => Judgement;

/** The steps after step 1 that are about what the layout has. */
const procedure = (
  [
    ["2", "Code, tests, version bumps", judgeReferences, true],
    ["2.5", "Reference-data freshness", judgeVintages, layout.vintages !== undefined],
    ["3", "Bump the Helm chart", judgeChart, has.chart],
    ["4", "Validate in the simulation lab", judgeLab, has.labGate],
    ["5", "Pre-flight gate", judgeGate, has.labGate],
    ["6", "Merge and tag", judgeTag, true],
    ["7", "Release the Helm chart", judgeChartRelease, has.chart],
  ] as const satisfies readonly (readonly [string, string, Judge, boolean])[]
).filter(([_step, _title, _judge, exists]) => exists);

/** Returns the checklist of a release. */
export function judgeSteps(facts: StatusFacts): Checklist {
  const { checks } = facts;
  const steps = [
    { step: "1", title: "Open a release branch", ...judgeBranch(facts) },
    ...procedure.map(([step, title, judge]) => ({
      ...{ step, title },
      ...(checks === undefined ? unjudged(facts) : asPublished(facts, step, judge(facts, checks))),
    })),
  ];
  const first = steps.find(({ state }) => state !== "verified" && state !== "not applicable");
  return { steps, first, next: first?.next };
}

function step(state: Judgement["state"], evidence: string, next?: Next): Judgement {
  const why = next?.why ?? "";
  return { state, evidence: evidence.startsWith(why) ? evidence : `${why}; ${evidence}`, next };
}

const noAnswer = `no answer from ${remote}`;

/**
 * Returns a step before the tag as not applicable if it is not done but the tag is published, which
 * nothing undoes: what is missing is a caution.
 */
function asPublished(facts: StatusFacts, number: string, judged: Judgement): Judgement {
  const { where, isPublished, tag } = facts;
  const isLeft = judged.state === "failed" || judged.state === "pending";
  return isLeft && where === "tag" && isPublished && Number(number) < 6
    ? step("not applicable", `${tag} is published; caution: ${judged.evidence}`)
    : judged;
}

/** Returns a step that cannot be judged: its commit does not exist yet, or only on the remote. */
function unjudged({ where, branch, tagState }: StatusFacts): Judgement {
  return where === "remote tag"
    ? tagState
    : step("pending", `comes after step 1: ${branch} does not exist locally`);
}

/** Returns the step that a check judges; `next` is what to do if the check does not pass. */
function fromCheck(facts: StatusFacts, outcome: Outcome, next: Next): Judgement {
  const { state, evidence, remedy } = outcome;
  if (state === "verified") {
    return outcome;
  }
  if (state === "unknown") {
    return step(state, `no answer: ${evidence}`, remedy === undefined ? next : byHand(remedy));
  }
  // The tagged commit can no longer change: the step cannot become done.
  return step(facts.where === "tag" ? "failed" : state, evidence, next);
}

function judgeBranch(facts: StatusFacts): Judgement {
  const { branch, base: main, where, tag, version } = facts;
  const { branchExists, stated, newest, remote: theirs } = facts;
  const isTagged = where === "tag" || where === "remote tag";
  if (!isTagged && main !== layout.mainBranch) {
    return step("not applicable", `releases are made on ${main} itself`);
  }
  if (!isTagged && newest !== undefined && compareVersions(version, newest) < 0) {
    const evidence = `${version} is lower than the newest release, ${newest}, and releases are made from ${bases} only`;
    const fromMain = `Release the change from ${main}, with a version greater than ${newest}`;
    return step("failed", evidence, byHand(orOnLine(fromMain)));
  }
  if (branchExists) {
    return step("verified", `${branch} exists locally`);
  }
  if (theirs !== undefined && theirs.branch !== "absent") {
    const ref = `refs/heads/${branch}`;
    const fetch = command(`git fetch ${remote} ${ref}:${ref} && git checkout ${branch}`);
    const evidence = `${branch} exists on ${remote}`;
    return where === "none"
      ? step("pending", `${evidence}, but not locally`, endOperation(facts) ?? fetch)
      : step("verified", evidence);
  }
  if (where !== "none") {
    const reached = where === "main" ? `${main} has ${version}` : `${tag} is tagged`;
    return step("not applicable", `${reached}, and there is no ${branch}`);
  }
  if (stated !== undefined && compareVersions(version, stated) <= 0) {
    const greater = byHand(`Name a version greater than ${stated}`);
    return step("failed", `the workspace is at ${stated} already`, greater);
  }
  if (theirs === undefined) {
    return step("unknown", `${branch} does not exist locally, and ${noAnswer}`, askRemote);
  }
  return step("pending", `there is no ${branch} yet`, nextToOpen(facts, branch));
}

/** Returns the next step towards a new release branch. */
export function nextToOpen(facts: StatusFacts, branch: string): Next {
  return checkOut(facts, facts.base) ?? syncMain(facts) ?? command(`git checkout -b ${branch}`);
}

/** Returns `next`, which changes the release's commit, or the step that must come before it. */
function orEarlier(facts: StatusFacts, next: Next): Next {
  const { where, tag, tagState, isPublished, branch } = facts;
  if (where === "tag") {
    return isPublished === undefined ? askRemote : command(`git tag -d ${tag}`);
  }
  const settle = tagState.kind === "blocked" ? tagState.next : undefined;
  return settle ?? checkOut(facts, where === "branch" ? branch : facts.base) ?? next;
}

/** Returns the correction of a refused commit: the bump if it changes a file, else the remedy. */
function correction(facts: StatusFacts, { bump }: Checks, { remedy }: Outcome): Next {
  return orEarlier(facts, bump ?? byHand(remedy ?? "Run the check, and follow its remedy"));
}

function judgeReferences(facts: StatusFacts, checks: Checks): Judgement {
  const { references, described, begun, uncommitted, candidate, lab } = checks;
  const { version, where } = facts;
  const { changelog } = layout;
  const isBumped = references.state === "verified";
  if (isBumped && (described || where === "tag")) {
    return references;
  }
  if (where === "branch" && candidate !== undefined && lab.state !== "verified") {
    const evidence = `at ${candidate.version}, which the lab validates before the bump to ${version}`;
    return step("pending", evidence, nextForLab(facts, checks));
  }
  if (!isBumped && uncommitted?.bumped) {
    const evidence = `bumped to ${version}, not committed yet`;
    return step("pending", evidence, orEarlier(facts, command(commitAll(`Bump to ${version}`))));
  }
  if (!isBumped && (described || uncommitted?.described)) {
    return fromCheck(facts, references, correction(facts, checks, references));
  }
  const section = begun ? version : "Unreleased";
  const write = `Describe the changes below ## [${section}] in ${changelog}`;
  const describe = uncommitted?.described
    ? command(commitAll(`Describe ${version}`), `${changelog} is not committed`)
    : byHand(write, `${changelog} does not describe the changes`);
  const outcome: Outcome = isBumped ? { ...references, state: "pending" } : references;
  return fromCheck(facts, outcome, orEarlier(facts, describe));
}

function judgeVintages(facts: StatusFacts, checks: Checks): Judgement {
  const { vintages, uncommitted } = checks;
  if (vintages === undefined) {
    return step("not applicable", `there is no Rust source in ${layout.vintages?.folder}`);
  }
  const settled = command(commitAll("Refresh or defer reference data"), "not committed yet");
  const next = uncommitted?.fresh ? orEarlier(facts, settled) : correction(facts, checks, vintages);
  return fromCheck(facts, vintages, next);
}

const noChart = step("not applicable", `there is no chart in ${layout.chart}`);

function judgeChart(facts: StatusFacts, checks: Checks): Judgement {
  const { chart, references } = checks;
  if (chart === undefined) {
    return noChart;
  }
  return chart.state === "failed" && references.state !== "verified"
    ? step("pending", "comes after step 2")
    : fromCheck(facts, chart, correction(facts, checks, chart));
}

function judgeLab(facts: StatusFacts, checks: Checks): Judgement {
  const { candidate, where: place, version } = facts;
  const { references, described, uncommitted, lab } = checks;
  const judged = judgeValidation(facts, checks);
  if (candidate === undefined) {
    // The operator decides whether the lab gets a candidate: PROCEDURE recommends an image built locally.
    const isDescribed = described || uncommitted?.described;
    const isDue = place === "branch" && references.state === "pending" && isDescribed;
    return isDue && lab.state === "pending" && checks.candidate === undefined
      ? {
          ...judged,
          evidence: `${judged.evidence}; for a candidate first: bun scripts/bump-version.ts ${version}-rc.1`,
        }
      : judged;
  }
  const where = candidate.isPublished ? `on ${remote}` : "tagged locally";
  const since = candidate.isStale ? ", and the code has changed since" : "";
  const evidence = `${judged.evidence}; candidate ${candidate.tag} is ${where}${since}`;
  return { ...judged, evidence };
}

function judgeValidation(facts: StatusFacts, checks: Checks): Judgement {
  const { lab, uncommitted } = checks;
  if (lab.state !== "verified" && facts.bypass !== undefined) {
    return bypassed(facts);
  }
  const next = nextForLab(facts, checks);
  if (lab.state !== "verified" && uncommitted?.row !== undefined) {
    const evidence = `a ${uncommitted.row} is recorded, and not committed yet`;
    return step(uncommitted.row === "PASS" ? "pending" : "failed", evidence, next);
  }
  return fromCheck(facts, lab, next);
}

function judgeGate(facts: StatusFacts, checks: Checks): Judgement {
  const { gate } = checks;
  if (gate?.state !== "verified" && facts.bypass !== undefined) {
    return bypassed(facts);
  }
  if (gate === undefined && facts.isPublished) {
    return step("not applicable", "there is no PASS to judge");
  }
  return gate === undefined
    ? step("pending", "comes after step 4")
    : fromCheck(facts, gate, nextForLab(facts, checks));
}

const bypassed = ({ tag, bypass }: StatusFacts) => step("not applicable", `${tag} says: ${bypass}`);

/**
 * Returns the next step towards a lab validation that the gate accepts; PROCEDURE begins with a push.
 * A candidate that the branch states is released before the lab runs.
 */
function nextForLab(facts: StatusFacts, { repair, uncommitted, candidate }: Checks): Next {
  const { tag, where, ledgerVariable } = facts;
  if (repair !== undefined) {
    return orEarlier(facts, repair);
  }
  if (uncommitted?.row !== undefined) {
    return orEarlier(facts, command(recordCommit(tag)));
  }
  const unset = ledgerVariable ? "env -u LEDGER " : "";
  const isOnBranch = where === "branch";
  if (isOnBranch && candidate?.isCommitted === false) {
    return orEarlier(facts, command(commitAll(`Bump to ${candidate.version}`)));
  }
  const push = isOnBranch ? pushBranch(facts) : undefined;
  const release = isOnBranch && candidate ? releaseCandidate(facts, candidate.version) : undefined;
  return orEarlier(facts, push ?? release ?? command(`${unset}${labCommand(tag)}`));
}

/** Returns the step that brings the branch's code to the remote as a candidate; undefined if it is there. */
function releaseCandidate({ candidate }: StatusFacts, version: Version): Next | undefined {
  const tag = `${layout.tagPrefix}${version}`;
  const release = `bun ${rules.script} ${tag}`;
  if (candidate?.tag !== tag) {
    return command(release);
  }
  if (candidate.isStale) {
    const next = version.replace(/\d+$/, (number) => `${Number(number) + 1}`);
    return command(`bun scripts/bump-version.ts ${next}`, `the code has changed since ${tag}`);
  }
  if (candidate.isStale === undefined) {
    const ref = `refs/tags/${tag}`;
    return command(`git fetch ${remote} ${ref}:${ref}`, `the commit of ${tag} is not here`);
  }
  return candidate.isPublished ? undefined : command(`${release} --resume`);
}

function judgeTag(facts: StatusFacts): Judgement {
  const { tag, tagState: state, where, branch, base: main, version, precheck } = facts;
  const { remote: theirs } = facts;
  if (state.kind === "complete") {
    return state;
  }
  if (theirs === undefined) {
    return step("unknown", `${tag}: ${noAnswer}`, askRemote);
  }
  if (state.kind === "blocked") {
    return state;
  }
  const allowed = (next: Next) =>
    precheck.state === "verified" ? next : byHand(precheck.remedy ?? precheck.evidence);
  if (state.kind === "interrupted") {
    return { ...state, next: checkOutCleanMain(facts) ?? (state.next && allowed(state.next)) };
  }
  const onMain = checkOutCleanMain(facts) ?? syncMain(facts);
  if (where === "branch") {
    return step("pending", `${main} lacks ${version}`, onMain ?? command(mergeCommand(branch)));
  }
  const next = onMain ?? allowed(command(`bun ${rules.script} ${tag}`));
  return precheck.state === "verified"
    ? step("pending", `${main} has ${version}, and ${tag} is not tagged yet`, next)
    : step("failed", precheck.evidence, next);
}

function judgeChartRelease(facts: StatusFacts): Judgement {
  const { chart, version, base: main, remote: theirs } = facts;
  if (chart === undefined) {
    return noChart;
  }
  const { tag, state, installs = "no stated version", newerOnMain, files, image } = chart;
  const isInstalled = installs === version;
  if (state.kind === "complete" && isInstalled) {
    const { signer } = facts.tagState;
    const isSame = signer !== undefined && signer === state.signer;
    const evidence = isSame ? state.evidence.replace(signer, "the same key") : state.evidence;
    return { ...state, evidence };
  }
  if (facts.tagState.kind !== "complete") {
    return step("pending", `comes after ${facts.tag}`);
  }
  if (!isInstalled) {
    // The operator decides which version the chart gets.
    const bump = `bun scripts/bump-version.ts ${version} --chart A.B.C --allow-same`;
    const next = `Release a chart that installs ${version}, with its next version: ${bump}`;
    return step("failed", `${tag} installs ${installs}, expected ${version}`, byHand(next));
  }
  if (newerOnMain !== undefined && state.kind === "free") {
    const passed = `${tag} is not released, and ${main} has the chart at ${newerOnMain}`;
    const next = `Release the chart that ${main} has, ${newerOnMain}, in its place`;
    return step("failed", passed, byHand(next));
  }
  if (theirs === undefined) {
    return step("unknown", `${tag}: ${noAnswer}`, askRemote);
  }
  if (state.kind === "blocked") {
    return state;
  }
  const push = theirs.main === "ahead" ? command(`git push ${remote} ${main}`) : syncMain(facts);
  const first = checkOutCleanMain(facts) ?? push;
  if (files !== undefined && files.state !== "verified") {
    return { ...files, next: first ?? byHand(files.remedy ?? files.evidence) };
  }
  if (state.kind === "interrupted") {
    return { ...state, next: first ?? state.next };
  }
  const release = `bun ${chartRules.script} ${tag}`;
  if (image === undefined || image.state === "verified") {
    const there = image === undefined ? "" : `; ${image.evidence}`;
    return step("pending", `${state.evidence}${there}`, first ?? command(release));
  }
  const silent = image.state === "unknown" ? "no answer: " : "";
  const wait = first ?? command(`${release} --wait`);
  return step(silent ? "unknown" : "pending", `${silent}${image.evidence}`, wait);
}

// Steps that must come before others

/** Returns the step that checks out a branch; undefined if HEAD is on it. */
function checkOut(facts: StatusFacts, branch: string): Next | undefined {
  const checkOut = facts.head === branch ? undefined : command(`git checkout ${branch}`);
  return endOperation(facts) ?? checkOut;
}

/** Returns the step towards main with a clean work tree; undefined if that is the state. */
function checkOutCleanMain(facts: StatusFacts): Next | undefined {
  const { changes } = facts.checkout;
  if (changes.length === 0) {
    return checkOut(facts, facts.base);
  }
  const first = changes.slice(0, 5).join(", ");
  const more = changes.length > 5 ? ` and ${changes.length - 5} more` : "";
  const clean = changes.every((path) => path === layout.ledger)
    ? command(commitLedger("Record a lab validation"))
    : byHand(
        `Commit what belongs to the release, and set the rest aside (git stash --include-untracked): ${first}${more}`,
      );
  return endOperation(facts) ?? clean;
}

function endOperation({ checkout: { underway } }: StatusFacts): Next | undefined {
  return underway.length > 0
    ? byHand(`Finish or abort the ${underway[0]} in progress: git status names the commands`)
    : undefined;
}

const pull = `git pull --no-rebase --no-edit ${remote}`;

/** Returns the step that updates main from the remote; undefined if main needs none. */
function syncMain({ base, remote: theirs }: StatusFacts): Next | undefined {
  const syncs: Partial<Record<Relation["kind"], Next>> = {
    unfetched: fetchBranch(base),
    behind: command(`git pull --ff-only ${remote} ${base}`),
    diverged: command(`${pull} ${base}`),
  };
  return theirs?.main && syncs[theirs.main];
}

/** Returns the step that makes the release branch equal locally and on the remote; undefined if it is. */
function pushBranch({ remote: theirs, branch }: StatusFacts): Next | undefined {
  if (theirs === undefined || theirs.branch === "equal") {
    return undefined;
  }
  return theirs.branch === "absent" || theirs.branch === "ahead"
    ? command(pushCommand(branch), `${branch} is not pushed`)
    : command(`${pull} ${branch}`, `${remote} has more of ${branch}`);
}
