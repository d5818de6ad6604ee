/** The procedure as a checklist: the state of each step, by facts alone, and what comes next. */

import { layout } from "../lib/layout.ts";
import type { Outcome, StatusFacts, TagState } from "./facts.ts";
import {
  branchOf,
  bumpChart,
  bump as bumpNext,
  describe,
  mend,
  mergeAndTag,
  type Next,
  openBranch,
  releaseChart,
  releasePassing,
  tagOf,
  validate,
} from "./next.ts";

/** `open`: not done yet. `refused`: what was done does not pass. */
export type State = "done" | "open" | "refused" | "not applicable";

export interface Step {
  /** Its number in PROCEDURE. */
  readonly step: string;
  readonly title: string;
  readonly state: State;
  /** On one line. */
  readonly evidence: string;
}

export interface Checklist {
  readonly steps: readonly Step[];
  /** What leads on from the first step that is not done; undefined if the version is released. */
  readonly next: Next | undefined;
}

/** A step's state, and what leads on from it if it is not done. */
interface Judgement {
  readonly state: State;
  readonly evidence: string;
  readonly next?: Next;
}

const { mainBranch: main, remote } = layout;

const procedure: readonly (readonly [string, string, (facts: StatusFacts) => Judgement])[] = [
  ["1", "Open a release branch", branchStep],
  ["2", "Code, tests, version bumps", referencesStep],
  ["2.5", "Reference-data freshness", vintagesStep],
  ["3", "Bump the Helm chart", chartStep],
  ["4", "Validate in the simulation lab", labStep],
  ["5", "Pre-flight gate", gateStep],
  ["6", "Merge and tag", tagStep],
  ["7", "Release the Helm chart", chartReleaseStep],
];

/** Judges every step of a release. */
export function judgeSteps(facts: StatusFacts): Checklist {
  const judged = procedure.map(([step, title, judge]) => ({ step, title, ...judge(facts) }));
  const first = judged.find(({ state }) => state === "open" || state === "refused");
  return {
    steps: judged.map(({ step, title, state, evidence }) => ({ step, title, state, evidence })),
    next: first?.next,
  };
}

const done = (evidence: string): Judgement => ({ state: "done", evidence });
const notApplicable = (evidence: string): Judgement => ({ state: "not applicable", evidence });
const open = (evidence: string, next?: Next): Judgement => judgement("open", evidence, next);
const refused = (evidence: string, next: Next): Judgement => judgement("refused", evidence, next);

function judgement(state: State, evidence: string, next: Next | undefined): Judgement {
  return { state, evidence, ...(next === undefined ? {} : { next }) };
}

const noAnswer = `no answer from ${remote}`;

/**
 * A check that did not pass: refused if there is something that it refuses, or that can no longer be
 * done; else open. Where it has no answer, its own way out comes first.
 */
function failed(
  { verdict, evidence, remedy }: Outcome,
  { where }: StatusFacts,
  isBegun: boolean,
  next: Next,
): Judgement {
  if (verdict === "unanswered") {
    return open(`no answer: ${evidence}`, remedy === undefined ? next : { byHand: remedy });
  }
  return isBegun || where === "tag" ? refused(evidence, next) : open(evidence, next);
}

function branchStep(facts: StatusFacts): Judgement {
  const { where, branchHere, lower, remote: theirs } = facts;
  const branch = branchOf(facts);
  if (branchHere) {
    return done(`${branch} is here`);
  }
  if (theirs !== undefined && theirs.branch !== "absent") {
    const there = `${branch} is on ${remote}`;
    return where === "nowhere" ? open(`${there}, not here`, openBranch(facts)) : done(there);
  }
  if (where !== "nowhere") {
    const reached = where === "tag" ? `${tagOf(facts)} is tagged` : `${main} has ${facts.version}`;
    return notApplicable(`${reached}, and there is no ${branch}`);
  }
  if (lower !== undefined) {
    return refused(lower.evidence, { byHand: lower.remedy ?? lower.evidence });
  }
  return theirs === undefined
    ? open(`there is no ${branch} here, and ${noAnswer}`, openBranch(facts))
    : open(`there is no ${branch} yet`, openBranch(facts));
}

function referencesStep(facts: StatusFacts): Judgement {
  const { references, words, where, bump, version, workTree } = facts;
  if (where === "nowhere") {
    return notBegun(facts);
  }
  if (references.verdict !== "passed") {
    if (workTree?.references.verdict === "passed") {
      return open(`bumped to ${version}, not committed yet`, bumpNext(facts, undefined));
    }
    const isBegun = bump.begun || bump.refused !== undefined;
    const { evidence } = bump.refused ?? references;
    const found = { ...references, evidence: `${unprepared(facts)}${evidence}` };
    return failed(found, facts, isBegun, bumpNext(facts, references.remedy));
  }
  return words || where === "tag"
    ? done(references.evidence)
    : open(`${layout.changelog} does not say what is new in ${version}`, describe(facts));
}

/** What comes before a bump, as a beginning. */
function unprepared({ where, words, workTree, bump: { unclean } }: StatusFacts): string {
  if (where === "tag") {
    return "";
  }
  if (!(workTree?.words ?? words)) {
    return `${layout.changelog} does not say what is new; `;
  }
  const [path] = unclean;
  const more = unclean.length > 1 ? ` (and ${unclean.length - 1} more)` : "";
  return path === undefined ? "" : `${path}${more} is not committed; `;
}

const notBegun = (facts: StatusFacts) => open(`not begun: ${branchOf(facts)} comes first`);

function vintagesStep(facts: StatusFacts): Judgement {
  const { vintages, where } = facts;
  if (where === "nowhere") {
    return notBegun(facts);
  }
  if (vintages === undefined) {
    return notApplicable(`there is no Rust source in ${layout.vintages.folder}`);
  }
  return vintages.verdict === "passed"
    ? done(vintages.evidence)
    : failed(vintages, facts, true, mend(facts, vintages.remedy));
}

function chartStep(facts: StatusFacts): Judgement {
  const { chart, where, references } = facts;
  const isBumped = references.verdict === "passed";
  if (where === "nowhere") {
    return notBegun(facts);
  }
  if (chart === undefined) {
    return notApplicable(`there is no chart in ${layout.chart}`);
  }
  return chart.verdict === "passed"
    ? done(chart.evidence)
    : failed(chart, facts, isBumped, mend(facts, chart.remedy));
}

function labStep(facts: StatusFacts): Judgement {
  const { lab, where, workTree, bypass } = facts;
  if (where === "nowhere") {
    return notBegun(facts);
  }
  if (lab.verdict === "passed") {
    return done(lab.evidence);
  }
  if (bypass !== undefined) {
    return notApplicable(`${tagOf(facts)} says: ${bypass}`);
  }
  if (workTree?.recorded !== undefined) {
    const row = `a ${workTree.recorded} is recorded, and not committed yet`;
    return workTree.recorded === "PASS"
      ? open(row, validate(facts))
      : refused(row, validate(facts));
  }
  const found = { ...lab, evidence: `${preservation(facts)}${lab.evidence}` };
  return failed(found, facts, lab.failed, validate(facts));
}

/** What there is to say before the lab runs about the branch on the remote, as a beginning. */
function preservation(facts: StatusFacts): string {
  if (facts.where !== "branch") {
    return "";
  }
  const branch = branchOf(facts);
  switch (facts.remote?.branch) {
    case undefined:
      return `whether ${branch} is pushed: ${noAnswer}; `;
    case "equal":
      return "";
    case "absent":
    case "ahead":
      return `${branch} is not pushed; `;
    default:
      return `${remote} has more of ${branch}; `;
  }
}

function gateStep(facts: StatusFacts): Judgement {
  const { gate, lab, where, bypass } = facts;
  if (where === "nowhere") {
    return notBegun(facts);
  }
  if (gate.verdict === "passed") {
    return done(gate.evidence);
  }
  if (bypass !== undefined) {
    return notApplicable(`${tagOf(facts)} says: ${bypass}`);
  }
  return failed(gate, facts, lab.verdict === "passed", validate(facts));
}

function tagStep(facts: StatusFacts): Judgement {
  const { tag, where, remote: theirs, version } = facts;
  if (tag.kind === "complete") {
    return done(tag.evidence);
  }
  const next = mergeAndTag(facts);
  if (theirs === undefined) {
    return open(`${tagOf(facts)}: ${noAnswer}`, next);
  }
  const found = tagEvidence(tag, tagOf(facts));
  if (found !== undefined) {
    return isRefused(tag) ? refused(found, next) : open(found, next);
  }
  if (where !== "main") {
    return where === "nowhere" ? notBegun(facts) : open(`${main} lacks ${version}`, next);
  }
  return facts.precheck.verdict === "passed"
    ? open(`${main} has ${version}, and ${tagOf(facts)} is not tagged yet`, next)
    : refused(facts.precheck.evidence, next);
}

const isRefused = ({ kind }: TagState) => kind === "unfit" || kind === "taken";

/** What there is to say about a tag that is neither free nor published whole. */
function tagEvidence(state: TagState, tag: string): string | undefined {
  switch (state.kind) {
    case "interrupted":
      return state.published
        ? `interrupted: ${tag} is on ${remote}, its commit not on ${main} there`
        : `interrupted: ${tag} is signed here, not on ${remote}`;
    case "elsewhere":
      return `${tag} is on ${remote}, not here`;
    case "unfetched":
      return `${tag} is on ${remote}, whose ${main} is not here yet`;
    case "unfit":
      return `${tag} is here: ${state.why}`;
    case "taken":
    case "unknown":
      return `${tag}: ${state.why}`;
    default:
      return undefined;
  }
}

function chartReleaseStep(facts: StatusFacts): Judgement {
  const { chartRelease: chart, tag, where, remote: theirs } = facts;
  if (chart === undefined) {
    return where === "nowhere"
      ? notBegun(facts)
      : notApplicable(`there is no chart in ${layout.chart}`);
  }
  const isInstalled = chart.installs === facts.version;
  if (chart.state.kind === "complete" && isInstalled) {
    return done(chart.state.evidence);
  }
  if (tag.kind !== "complete") {
    return open(`comes after ${tagOf(facts)}`);
  }
  if (!isInstalled) {
    const installed = chart.installs ?? "no version that it states";
    return refused(
      `${chart.tag} installs ${installed}, expected ${facts.version}`,
      bumpChart(facts),
    );
  }
  const { passedBy } = chart;
  if (passedBy !== undefined && chart.state.kind === "free") {
    const passing = `${chart.tag} is not released, and ${layout.mainBranch} has the chart at ${passedBy}`;
    return refused(passing, releasePassing(passedBy));
  }
  const next = releaseChart(facts, chart);
  if (theirs === undefined) {
    return open(`${chart.tag}: ${noAnswer}`, next);
  }
  const found = tagEvidence(chart.state, chart.tag);
  if (found !== undefined) {
    return isRefused(chart.state) ? refused(found, next) : open(found, next);
  }
  const { gates, image } = chart;
  if (gates !== undefined && gates.verdict !== "passed") {
    return refused(gates.evidence, next);
  }
  if (image?.verdict !== "passed") {
    const silent = image?.verdict === "refused" ? "" : "no answer: ";
    return open(`${silent}${image?.evidence ?? "the registry was not asked"}`, next);
  }
  return open(`${chart.tag} is not tagged; ${image.evidence}`, next);
}
