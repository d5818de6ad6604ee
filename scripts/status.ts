#!/usr/bin/env bun
/**
 * Shows the state of a release: each step of the procedure with its state and its evidence, and the
 * next command.
 *
 * Usage: bun scripts/status.ts [vX.Y.Z] [--repo DIR] [--json]
 *
 * The default version is that of the release branch that HEAD is on, or else the workspace's. Runs
 * the checks of the other commands on the commit of the release (of its tag, main, or its branch).
 * Changes and fetches nothing. Refuses while a step is open or refused; a question without an answer,
 * as without a network, leaves its step open. Steps that leave no trace, such as `cargo test`, are
 * not shown.
 *
 * Exit codes: 0 released, 1 something is open or could not be found out, 2 wrong command line,
 * 130 interrupted.
 */

import { dayOf } from "./lib/calendar.ts";
import { command, main, optionalOperand, versionOf } from "./lib/cli.ts";
import { workTree } from "./lib/disk/work-tree.ts";
import { error, type Finding, notice, refusal, warning } from "./lib/finding.ts";
import { readStatus } from "./lib/git/checkout.ts";
import { short } from "./lib/git/git.ts";
import { openObjects } from "./lib/git/objects.ts";
import type { Repository } from "./lib/git/repository.ts";
import { layout } from "./lib/layout.ts";
import type { Report } from "./lib/report.ts";
import { isVersion, type Version } from "./lib/version.ts";
import { gatherFacts, type StatusFacts } from "./status/facts.ts";
import { type Checklist, judgeSteps, type Step } from "./status/next.ts";
import { statedVersion } from "./status/questions.ts";

export const table = command({
  name: "scripts/status.ts",
  summary: "Shows the state of each step of a release, and the next command.",
  operands: {
    version: optionalOperand(
      "the version, as vX.Y.Z or X.Y.Z (default: of the release branch, else the workspace's)",
      versionOf(layout.tagPrefix),
    ),
  },
  options: {},
  refuses: [
    "a step of the release is open or refused: the last line states the next step",
    "a question has no answer: its step is open",
    "no version is named, and neither HEAD's branch nor the workspace states one",
  ],
  example: "bun scripts/status.ts v1.2.3",
  async run({ operands, now, repository, report, interrupt }) {
    const found = await repository();
    // In a partial clone git would fetch missing objects.
    const opened = { ...found, env: { ...found.env, GIT_NO_LAZY_FETCH: "1" } };
    await using objects = openObjects(opened);
    const manifest = layout.workspaceManifest;
    if ((await objects.find(`HEAD:${manifest}`)) === undefined) {
      // Every step would be open.
      throw refusal(`Cannot find the state of a release: ${opened.root} has no ${manifest}`, {
        remedy: "Name the product's checkout with --repo DIR",
      });
    }
    const version = operands.version ?? (await defaultVersion(opened));
    const signal = interrupt.requestSignal;
    const asking = gatherFacts(opened, objects, version, dayOf(now), signal);
    const facts = await report.waitFor("Asking the checks", asking);
    const checklist = judgeSteps(facts);
    show(facts, checklist, report);
    if (operands.version === undefined && checklist.first === undefined) {
      report.print("For the next release, name its version: bun scripts/status.ts vX.Y.Z");
    }
  },
});

/**
 * Returns the version of the release branch that HEAD is on, or else the workspace's.
 *
 * @throws {Refusal} If neither states one.
 */
async function defaultVersion(repository: Repository): Promise<Version> {
  const { branch = "" } = await readStatus(repository);
  const named = /^refs\/heads\/release\/(.+)$/.exec(branch)?.[1] ?? "";
  const version = isVersion(named) ? named : await statedVersion(workTree(repository.root));
  if (version === undefined) {
    throw refusal(`Cannot find the version: ${layout.workspaceManifest} states none`, {
      remedy: "Name it: bun scripts/status.ts vX.Y.Z",
    });
  }
  return version;
}

/** The word for each state: a step that could not be judged is open. */
const shownAs = {
  verified: "done",
  failed: "refused",
  pending: "open",
  unknown: "open",
  "not applicable": "not applicable",
} as const satisfies Record<Step["state"], string>;

function show(facts: StatusFacts, checklist: Checklist, report: Report): void {
  const { tag, branch, version, where, commit, unanswered } = facts;
  const { next } = checklist;
  const location = {
    none: "not begun",
    branch: `on ${branch}`,
    main: `on ${layout.mainBranch}`,
    tag: "tagged",
    "remote tag": `tagged on ${layout.remote}`,
  };
  const at = commit === undefined || where === "none" ? "" : ` at ${short(commit)}`;
  report.print(`${tag}: ${location[where]}${at}`);
  const steps = checklist.steps.map(({ step, title, state, evidence }) => {
    return { step, title, state: shownAs[state], evidence };
  });
  const width = Math.max(...steps.map(({ title }) => title.length));
  for (const { step, state, title, evidence } of steps) {
    report.print(`  ${step.padEnd(4)}  ${state.padEnd(14)}  ${title.padEnd(width)}  ${evidence}`);
  }
  const columns = ["step", "state", "title", "evidence"];
  const rows = steps.map(({ step, title, state, evidence }) => [step, state, title, evidence]);
  report.tabulate({ columns, rows });
  report.attach({
    ...{ version, tag, branch, commit },
    steps,
    unanswered: unanswered.map(({ message }) => message),
    next: next?.isCommand ? next.text : undefined,
    byHand: next?.isCommand === false ? next.text : undefined,
  });
  report.add(unanswered.map(({ message, remedy }) => warning(`No answer: ${message}`, { remedy })));
  report.add(verdictOf(facts, checklist));
}

/** Returns the verdict on all steps: a notice if the release is complete, else an error. */
function verdictOf({ tag, where, tagState }: StatusFacts, { first, next }: Checklist): Finding {
  if (first === undefined) {
    return notice(`${tag} is released: every step is done, or not applicable`);
  }
  const progress = tagState.kind === "complete" ? "is released only in part" : "is not released";
  const state = where === "remote tag" ? `exists on ${layout.remote}, but not locally` : progress;
  return error(`${tag} ${state}: step ${first.step} is ${shownAs[first.state]}`, {
    remedy: next?.text,
  });
}

if (import.meta.main) {
  await main(table);
}
