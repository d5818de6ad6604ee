/**
 * The procedure as a checklist: what is done, and what comes next. This is the one place that decides
 * what comes next; it judges facts alone.
 */

import type { State } from "../lib/answer.ts";
import { layout } from "../lib/layout.ts";
import { mergeCommand } from "../lib/release-branch.ts";
import { compareVersions } from "../lib/version.ts";
import { askRemote, byHand, command, fetchMain, type Next, type Outcome } from "./answers.ts";
import type { StatusFacts } from "./facts.ts";
import type { Work } from "./questions.ts";
import { chartRules, rules } from "./tags.ts";

/** What was found out about a step. */
interface Judgement {
  /** `pending` and `unknown` are open steps. */
  readonly state: State | "not applicable";
  /** On one line. */
  readonly evidence: string;
  /** What leads on from it; undefined if nothing has to be done. */
  readonly next?: Next | undefined;
}

export interface Step extends Judgement {
  /** Its number in PROCEDURE. */
  readonly step: string;
  readonly title: string;
}

export interface Checklist {
  readonly steps: readonly Step[];
  /** The first step that is not done; undefined if the version is released. */
  readonly first: Step | undefined;
  /** The one thing to do next. */
  readonly next: Next | undefined;
}

const { mainBranch: main, remote } = layout;

type Judge = (facts: StatusFacts, work: Work) => Judgement;

/** The steps after the first. */
const procedure: readonly (readonly [step: string, title: string, judge: Judge])[] = [
  ["2", "Code, tests, version bumps", judgeReferences],
  ["2.5", "Reference-data freshness", judgeVintages],
  ["3", "Bump the Helm chart", judgeChart],
  ["4", "Validate in the simulation lab", judgeLab],
  ["5", "Pre-flight gate", judgeGate],
  ["6", "Merge and tag", judgeTag],
  ["7", "Release the Helm chart", judgeChartRelease],
];

/** Judges every step of a release. */
export function judgeSteps(facts: StatusFacts): Checklist {
  const { work } = facts;
  const steps = [
    { step: "1", title: "Open a release branch", ...judgeBranch(facts) },
    ...procedure.map(([step, title, judge]) => ({
      ...{ step, title },
      ...(work === undefined ? withoutWork(facts) : judge(facts, work)),
    })),
  ];
  const first = steps.find(({ state }) => state !== "verified" && state !== "not applicable");
  return { steps, first, next: first?.next };
}

const commitAll = (message: string, why?: string) =>
  command(`git commit --all --message "${message}"`, why);
const commitLedger = (message: string) =>
  command(`git commit --message "${message}" ${layout.ledger}`);

function step(state: Judgement["state"], evidence: string, next?: Next): Judgement {
  const why = next?.why ?? "";
  return { state, evidence: evidence.startsWith(why) ? evidence : `${why}; ${evidence}`, next };
}

const noAnswer = `no answer from ${remote}`;

/** A step that cannot be judged: its commit does not exist yet, or is on the remote alone. */
function withoutWork({ where, branch, tagState }: StatusFacts): Judgement {
  return where === "elsewhere" ? tagState : step("pending", `not begun: ${branch} comes first`);
}

/** A step that a check answers, and what leads on if it does not pass. */
function fromCheck(facts: StatusFacts, outcome: Outcome, next: Next): Judgement {
  const { state, evidence, remedy } = outcome;
  switch (state) {
    case "verified":
      return outcome;
    case "unknown":
      return step(state, `no answer: ${evidence}`, remedy === undefined ? next : byHand(remedy));
    default:
      // What is tagged can no longer be done.
      return step(facts.where === "tag" ? "failed" : state, evidence, next);
  }
}

function judgeBranch(facts: StatusFacts): Judgement {
  const { branch, where, tag, version, branchHere, stated, remote: theirs } = facts;
  if (branchHere) {
    return step("verified", `${branch} is here`);
  }
  if (theirs !== undefined && theirs.branch !== "absent") {
    const ref = `refs/heads/${branch}`;
    const fetch = `git fetch ${remote} ${ref}:${ref} && git checkout ${branch}`;
    return where === "nowhere"
      ? step(
          "pending",
          `${branch} exists on ${remote}, but not locally`,
          endUnderway(facts) ?? command(fetch),
        )
      : step("verified", `${branch} is on ${remote}`);
  }
  if (where !== "nowhere") {
    const reached = where === "main" ? `${main} has ${version}` : `${tag} is tagged`;
    return step("not applicable", `${reached}, and there is no ${branch}`);
  }
  if (stated !== undefined && compareVersions(version, stated) <= 0) {
    const greater = byHand(`Name a version greater than ${stated}`);
    return step("failed", `the workspace is at ${stated} already`, greater);
  }
  if (theirs === undefined) {
    return step("unknown", `there is no ${branch} here, and ${noAnswer}`, askRemote);
  }
  const next = toBranch(facts, main) ?? syncMain(facts) ?? command(`git checkout -b ${branch}`);
  return step("pending", `there is no ${branch} yet`, next);
}

/** Returns what changes the release's commit, or what has to come before that. */
function change(facts: StatusFacts, next: Next): Next {
  const { where, tagState, branch } = facts;
  if (where === "tag") {
    return tagState.startOver;
  }
  const settle = tagState.kind === "in the way" ? tagState.next : undefined;
  return settle ?? toBranch(facts, where === "branch" ? branch : main) ?? next;
}

/** Returns what corrects a refused commit: the bump if that changes anything, else a person. */
function correct(facts: StatusFacts, { bump }: Work, { remedy }: Outcome): Next {
  return change(facts, bump.next ?? byHand(remedy ?? "See what the check says"));
}

function judgeReferences(facts: StatusFacts, work: Work): Judgement {
  const { references, words, bump, here } = work;
  const { version, where } = facts;
  const { changelog } = layout;
  const isBumped = references.state === "verified";
  if (isBumped && (words || where === "tag")) {
    return references;
  }
  if (!isBumped && here?.bumped) {
    const evidence = `bumped to ${version}, not committed yet`;
    return step("pending", evidence, change(facts, commitAll(`Bump to ${version}`)));
  }
  if (!isBumped && (words || here?.words)) {
    return fromCheck(facts, references, correct(facts, work, references));
  }
  const section = bump.begun ? version : "Unreleased";
  const write = `Write what is new below ## [${section}] in ${changelog}`;
  const describe = here?.words
    ? commitAll(`Describe ${version}`, `${changelog} is not committed`)
    : byHand(write, `${changelog} does not say what is new`);
  const outcome: Outcome = isBumped ? { ...references, state: "pending" } : references;
  return fromCheck(facts, outcome, change(facts, describe));
}

function judgeVintages(facts: StatusFacts, work: Work): Judgement {
  const { vintages } = work;
  return vintages === undefined
    ? step("not applicable", `there is no Rust source in ${layout.vintages.folder}`)
    : fromCheck(facts, vintages, correct(facts, work, vintages));
}

const noChart = step("not applicable", `there is no chart in ${layout.chart}`);

function judgeChart(facts: StatusFacts, work: Work): Judgement {
  const { chart, references } = work;
  if (chart === undefined) {
    return noChart;
  }
  return chart.state === "failed" && references.state !== "verified"
    ? step("pending", "comes after step 2")
    : fromCheck(facts, chart, correct(facts, work, chart));
}

function judgeLab(facts: StatusFacts, { lab, here }: Work): Judgement {
  if (lab.state !== "verified" && facts.bypass !== undefined) {
    return bypassed(facts);
  }
  if (lab.state !== "verified" && here?.row !== undefined) {
    const evidence = `a ${here.row} is recorded, and not committed yet`;
    return step(here.row === "PASS" ? "pending" : "failed", evidence, validate(facts, here));
  }
  return fromCheck(facts, lab, validate(facts, here));
}

function judgeGate(facts: StatusFacts, { gate, here }: Work): Judgement {
  if (gate?.state !== "verified" && facts.bypass !== undefined) {
    return bypassed(facts);
  }
  return gate === undefined
    ? step("pending", "comes after step 4")
    : fromCheck(facts, gate, validate(facts, here));
}

const bypassed = ({ tag, bypass }: StatusFacts) => step("not applicable", `${tag} says: ${bypass}`);

/** Returns what leads to a lab validation that the gate takes. PROCEDURE begins with a push. */
function validate(facts: StatusFacts, here: Work["here"]): Next {
  const { tag, where, ledgerVariable } = facts;
  if (here?.row !== undefined) {
    return change(facts, commitLedger(`Record the lab validation of ${tag}`));
  }
  const unset = ledgerVariable ? "env -u LEDGER " : "";
  const run = `${unset}bun scripts/validate-lab.ts ${tag} --lab ${layout.lab} --record`;
  const push = where === "branch" ? pushBranch(facts) : undefined;
  return change(facts, push ?? command(run));
}

function judgeTag(facts: StatusFacts): Judgement {
  const { tag, tagState: state, where, branch, version, remote: theirs, precheck } = facts;
  if (state.kind === "complete") {
    return state;
  }
  if (theirs === undefined) {
    return step("unknown", `${tag}: ${noAnswer}`, askRemote);
  }
  if (state.kind === "in the way") {
    return state;
  }
  const allowed = (next: Next) =>
    precheck.state === "verified" ? next : byHand(precheck.remedy ?? precheck.evidence);
  if (state.kind === "interrupted") {
    return { ...state, next: toCleanMain(facts) ?? (state.next && allowed(state.next)) };
  }
  const onMain = toCleanMain(facts) ?? syncMain(facts);
  if (where === "branch") {
    return step("pending", `${main} lacks ${version}`, onMain ?? command(mergeCommand(branch)));
  }
  const next = onMain ?? allowed(command(`bun ${rules.script} ${tag}`));
  return precheck.state === "verified"
    ? step("pending", `${main} has ${version}, and ${tag} is not tagged yet`, next)
    : step("failed", precheck.evidence, next);
}

function judgeChartRelease(facts: StatusFacts): Judgement {
  const { chart, version, remote: theirs } = facts;
  if (chart === undefined) {
    return noChart;
  }
  const { tag, state, installs = "no version that it states", passedBy, files, image } = chart;
  const isInstalled = installs === version;
  if (state.kind === "complete" && isInstalled) {
    return state;
  }
  if (facts.tagState.kind !== "complete") {
    return step("pending", `comes after ${facts.tag}`);
  }
  if (!isInstalled) {
    // Which version the chart gets, a person decides.
    const bump = `bun scripts/bump-version.ts ${version} --chart A.B.C --allow-same`;
    const next = `Release a chart that installs ${version}, with its next version: ${bump}`;
    return step("failed", `${tag} installs ${installs}, expected ${version}`, byHand(next));
  }
  if (passedBy !== undefined && state.kind === "free") {
    const passed = `${tag} is not released, and ${main} has the chart at ${passedBy}`;
    const next = `Release the chart that ${main} has, ${passedBy}, in its place`;
    return step("failed", passed, byHand(next));
  }
  if (theirs === undefined) {
    return step("unknown", `${tag}: ${noAnswer}`, askRemote);
  }
  if (state.kind === "in the way") {
    return state;
  }
  const push = theirs.main === "ahead" ? command(`git push ${remote} ${main}`) : syncMain(facts);
  const first = toCleanMain(facts) ?? push;
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

// What has to come before

/** What checks out a branch; undefined if HEAD is on it. Git refuses to overwrite changes there. */
function toBranch(facts: StatusFacts, branch: string): Next | undefined {
  const checkOut = facts.head === branch ? undefined : command(`git checkout ${branch}`);
  return endUnderway(facts) ?? checkOut;
}

/** What leads to main with a clean work tree; undefined if HEAD is there. */
function toCleanMain(facts: StatusFacts): Next | undefined {
  const { changes } = facts.checkout;
  if (changes.length === 0) {
    return toBranch(facts, main);
  }
  const first = changes.slice(0, 5).join(", ");
  const more = changes.length > 5 ? ` and ${changes.length - 5} more` : "";
  const clean = changes.every((path) => path === layout.ledger)
    ? commitLedger("Record a lab validation")
    : byHand(
        `Commit what is to stay, and set the rest aside (git stash --include-untracked): ${first}${more}`,
      );
  return endUnderway(facts) ?? clean;
}

function endUnderway({ checkout: { underway } }: StatusFacts): Next | undefined {
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

/** What brings the release branch to the remote; undefined if it is there as it is here. */
function pushBranch({ remote: theirs, branch }: StatusFacts): Next | undefined {
  switch (theirs?.branch) {
    case "absent":
    case "ahead":
      return command(`git push -u ${remote} ${branch}`, `${branch} is not pushed`);
    case "behind":
    case "diverged":
    case "unfetched":
      return command(
        `git pull --no-rebase --no-edit ${remote} ${branch}`,
        `${remote} has more of ${branch}`,
      );
    default:
      return undefined;
  }
}
