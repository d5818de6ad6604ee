#!/usr/bin/env bun
/**
 * Shows the state of a release: each step of the procedure with its state and its evidence, and the
 * next command.
 *
 * Usage: bun scripts/status.ts [vX.Y.Z] [--repo DIR] [--json]
 *
 * The default version is that of the release branch that HEAD is on, or else the one that is under way:
 * the newest above the newest release that has an unmerged release branch, locally or on the remote, or
 * that main states. If there is none, the newest release is shown, and how to begin the next one. A
 * candidate (vX.Y.Z-rc.N) is part of step 4 of its version. Runs the checks of the other commands on the
 * commit of the release (of its tag, main, or its branch).
 * Changes and fetches nothing. Refuses while a step is open or refused; a question without an answer,
 * as without a network, leaves its step open. Steps that leave no trace, such as `cargo test`, are
 * not shown.
 *
 * Exit codes: 0 released, 1 something is open or could not be found out, 2 wrong command line,
 * 130 interrupted.
 */

import { dayOf } from "./lib/calendar.ts";
import { command, main, optionalOperand, versionOf } from "./lib/cli.ts";
import { attempt, error, type Finding, notice, refusal, warning } from "./lib/finding.ts";
import { short } from "./lib/git/git.ts";
import { openObjects } from "./lib/git/objects.ts";
import { askOrigin } from "./lib/git/remote.ts";
import { layout } from "./lib/layout.ts";
import { releaseBranch } from "./lib/release-branch.ts";
import type { Report } from "./lib/report.ts";
import type { Terminal } from "./lib/terminal.ts";
import { finalOf } from "./lib/version.ts";
import { gatherFacts, type StatusFacts } from "./status/facts.ts";
import { type Checklist, judgeSteps, nextToOpen, type Step } from "./status/next.ts";
import type { Next } from "./status/questions.ts";
import { askedBranches, findUnderway, type Shown } from "./status/underway.ts";

export const table = command({
  name: "scripts/status.ts",
  summary: "Shows the state of each step of a release, and the next command.",
  operands: {
    version: optionalOperand(
      "the version, as vX.Y.Z or X.Y.Z (default: the one that is under way)",
      versionOf(layout.tagPrefix),
    ),
  },
  options: {},
  refuses: [
    "a step of the release is open or refused: the last line states the next step",
    "a question has no answer: its step is open",
    "no version is named, and no branch, tag or workspace states one",
  ],
  example: "bun scripts/status.ts v1.2.3",
  async run({ operands, now, repository, report, terminal, interrupt }) {
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
    const signal = interrupt.requestSignal;
    const examine = async () => {
      const asked = await attempt(() => askOrigin(opened, askedBranches));
      const shown: Shown =
        operands.version === undefined
          ? await findUnderway(opened, objects, asked.value)
          : { version: finalOf(operands.version), others: [] };
      const facts = await gatherFacts(opened, objects, shown.version, asked, dayOf(now), signal);
      return { facts, ...shown };
    };
    const { facts, others, proposal } = await report.waitFor("Asking the checks", examine());
    const checklist = judgeSteps(facts);
    const begin = checklist.first === undefined ? proposal : undefined;
    const next = begin ? nextToOpen(facts, releaseBranch(begin)) : checklist.next;
    attach(facts, checklist, next, report);
    if (begin !== undefined) {
      report.print(`nothing is under way; the newest release is ${facts.tag}`);
      report.print(`To begin ${begin}, or another version in its place:`);
      report.print(`  ${next?.text}`);
    } else {
      show(facts, checklist, report, terminal);
    }
    for (const other of others) {
      const tag = `${layout.tagPrefix}${other}`;
      report.print(`also under way: ${tag} (bun scripts/status.ts ${tag})`);
    }
    const unanswered = facts.unanswered.map(({ message, remedy }) =>
      warning(`No answer: ${message}`, { remedy }),
    );
    report.add([...facts.copyWarnings, ...unanswered]);
    report.add(begin === undefined ? verdictOf(facts, checklist) : []);
  },
});

/** The word for each state, and its colour: a step that could not be judged is open. */
const shownAs = {
  verified: { text: "done", level: "notice" },
  failed: { text: "refused", level: "error" },
  pending: { text: "open", level: "warning" },
  unknown: { text: "open", level: "warning" },
  "not applicable": undefined,
} as const satisfies Record<Step["state"], { text: string; level: Finding["level"] } | undefined>;

const stateWord = (state: Step["state"]) => shownAs[state]?.text ?? "not applicable";

function attach(
  { tag, branch, version, commit, unanswered }: StatusFacts,
  checklist: Checklist,
  next: Next | undefined,
  report: Report,
): void {
  const steps = checklist.steps.map(({ step, title, state, evidence }) => {
    return { step, title, state: stateWord(state), evidence };
  });
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
}

function show(facts: StatusFacts, { steps }: Checklist, report: Report, terminal: Terminal): void {
  const { tag, branch, base, where, commit, remote } = facts;
  const isTheirs = remote !== undefined && remote.branch !== "absent";
  const location = {
    none: isTheirs ? `${branch} is on ${layout.remote} only` : "not begun",
    branch: `on ${branch}`,
    main: `on ${base}`,
    tag: "tagged",
    "remote tag": `tagged on ${layout.remote}`,
  };
  const at = commit === undefined || where === "none" ? "" : ` at ${short(commit)}`;
  report.print(`${tag}: ${location[where]}${at}`);
  const width = Math.max(...steps.map(({ title }) => title.length));
  const words = steps.flatMap(({ evidence }) => evidence.split(" "));
  const longest = Math.max(...words.map(({ length }) => length), leastWidth);
  const columns = terminal.outIsTerminal() ? terminal.columns() : Number.MAX_SAFE_INTEGER;
  for (const { step, state, title, evidence } of steps) {
    const head = `  ${step.padEnd(4)}  ${stateWord(state).padEnd(14)}  ${title.padEnd(width)}  `;
    // A terminal would cut a word that does not fit: then the evidence begins below its step.
    const isBelow = columns - head.length < longest;
    const indent = isBelow ? 8 : head.length;
    const below = wrapped(evidence, columns - indent);
    const line = isBelow ? head.trimEnd() : head + below.shift();
    const word = shownAs[state];
    word === undefined ? report.print(line) : report.printColoured(line, word.text, word.level);
    for (const each of below) {
      report.print(" ".repeat(indent) + each);
    }
  }
}

/** The fewest characters of a line of evidence beside its step. */
const leastWidth = 24;

/** Returns a text in lines of a width that is greater than 0. A word that is longer stays whole. */
function wrapped(text: string, width: number): string[] {
  return text.match(new RegExp(`\\S.{0,${Math.max(width, 1) - 1}}(?=\\s|$)|\\S+`, "g")) ?? [text];
}

/** Returns the verdict on all steps: a notice if the release is complete, else an error. */
function verdictOf(
  { tag, where, tagState, remote }: StatusFacts,
  { first, next }: Checklist,
): Finding {
  if (first === undefined) {
    return notice(`${tag} is released: every step is done, or not applicable`);
  }
  const progress =
    remote === undefined
      ? `may be released, which ${layout.remote} did not answer`
      : tagState.kind === "complete"
        ? "is released only in part"
        : "is not released";
  const message =
    where === "remote tag"
      ? `${tag} is released: ${layout.remote} has its tag, which must be fetched to find out the rest`
      : `${tag} ${progress}: step ${first.step} is ${stateWord(first.state)}`;
  return error(message, { remedy: next?.text });
}

if (import.meta.main) {
  await main(table);
}
