#!/usr/bin/env bun
/**
 * Checks that the release workflows start only on their tags, check the pushed tag first, and never
 * invoke the lab gate.
 *
 * Usage: bun scripts/check-release-workflow.ts [--ref COMMIT] [--repo DIR] [--json]
 *
 * Refuses if a workflow has another trigger, if no first job certainly runs the tag check on the
 * pushed tag, if a job does not wait for that job's success, if a step or anything that it calls
 * invokes the lab gate, and if a workflow is missing or cannot be read.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { command, main, refOption } from "./lib/cli.ts";
import { attempt, type Finding, refusal } from "./lib/finding.ts";
import { judge } from "./lib/git/judged-tree.ts";
import { layout } from "./lib/layout.ts";
import type { Check, Tree } from "./lib/tree.ts";
import type { Guarded } from "./workflow/breach.ts";
import { checkLabGate } from "./workflow/lab-gate.ts";
import { checkNeeds } from "./workflow/needs.ts";
import { findTagCheck } from "./workflow/tag-check.ts";
import { checkTriggers } from "./workflow/triggers.ts";
import { workflowFrom } from "./workflow/workflow.ts";

const workflows: readonly Guarded[] = [
  {
    file: layout.releaseWorkflow,
    tagPrefix: layout.tagPrefix,
    check: "scripts/check-tag-version",
  },
  {
    file: layout.chartReleaseWorkflow,
    tagPrefix: layout.chartTagPrefix,
    check: "scripts/check-helm-tag-version",
  },
];

/** Judges the invariant of both release workflows of a tree. */
export const checkReleaseWorkflow: Check<void> = async (tree) => {
  const findings: Finding[] = [];
  for (const guarded of workflows) {
    const judged = await attempt(() => judgeWorkflow(tree, guarded));
    findings.push(...(judged.findings ?? judged.value));
  }
  return findings;
};

async function judgeWorkflow(tree: Tree, guarded: Guarded): Promise<Finding[]> {
  const source = await tree.read(guarded.file);
  if (source === undefined) {
    throw refusal(`Cannot read ${guarded.file}: there is no such file`, {
      at: { file: guarded.file },
      remedy: "Add the workflow, or name it in scripts/lib/layout.ts",
    });
  }
  const workflow = workflowFrom(source);
  const { job, findings } = await findTagCheck(tree, workflow, guarded);
  return [
    ...checkTriggers(workflow, guarded),
    ...findings,
    ...(job === undefined ? [] : checkNeeds(workflow, job)),
    ...(await checkLabGate(tree, workflow)),
  ];
}

export const table = command({
  name: "scripts/check-release-workflow.ts",
  summary:
    "Checks that the release workflows start only on tags, check the tag first, and never invoke the lab gate.",
  operands: {},
  options: { ref: refOption },
  refuses: [
    `${layout.releaseWorkflow} starts on anything but ${layout.tagPrefix}* tags, or ${layout.chartReleaseWorkflow} on anything but ${layout.chartTagPrefix}* tags`,
    "no job without needs certainly runs the tag check on the pushed tag",
    "another job can run without the success of that job",
    "a step, or a script, action or workflow of the tree that it calls, invokes the lab gate",
    "a workflow is missing, or cannot be read",
  ],
  example: "bun scripts/check-release-workflow.ts --ref main",
  async run({ options, repository, report }) {
    report.add(await judge(await repository(), options.ref, (tree) => checkReleaseWorkflow(tree)));
  },
});

if (import.meta.main) {
  await main(table);
}
