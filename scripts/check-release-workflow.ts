#!/usr/bin/env bun
/**
 * Checks that the release workflows start only on their tags, check the pushed tag first, and never
 * invoke the lab gate.
 *
 * Usage: bun scripts/check-release-workflow.ts [--ref COMMIT] [--repo DIR] [--json]
 *
 * Accepts only the documented form (docs/adopting.md). Refuses if a workflow has another trigger,
 * if its first job is not a checkout and the tag check on the pushed tag, if another job can run
 * without the success of that job, if the workflow or a file that it names mentions the lab gate,
 * and if a workflow is missing or cannot be read.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { command, main, refOption } from "./lib/cli.ts";
import { attempt, type Finding, refusal, warning } from "./lib/finding.ts";
import { judge } from "./lib/git/judged-tree.ts";
import { has, layout } from "./lib/layout.ts";
import type { Check, Source, Tree } from "./lib/tree.ts";
import { checkDocumentedForm, type Guarded } from "./workflow/documented-form.ts";
import { checkLabGate } from "./workflow/lab-gate.ts";
import { parseWorkflow } from "./workflow/yaml.ts";

const workflows: readonly Guarded[] = [
  {
    file: layout.releaseWorkflow,
    tagPrefix: layout.tagPrefix,
    check: "scripts/check-tag-version",
  },
  ...(has.chart
    ? [
        {
          file: layout.chartReleaseWorkflow,
          tagPrefix: layout.chartTagPrefix,
          check: "scripts/check-helm-tag-version",
        },
      ]
    : []),
];

/** Checks both release workflows of a tree. */
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
      remedy: "Add the workflow, or name it in scripts/layout.ts",
    });
  }
  const document = parseWorkflow(source);
  return [
    ...checkDocumentedForm(document, guarded),
    ...(await checkPresence(tree, source, guarded)),
    ...(await checkLabGate(tree, document)),
  ];
}

/** Returns a warning if a workflow calls a check that the tree lacks: every run would then fail. */
async function checkPresence(tree: Tree, { text }: Source, guarded: Guarded): Promise<Finding[]> {
  const files = [".ts", ".sh"].map((end) => guarded.check + end);
  const called = files.find((path) => text.includes(path));
  if (called === undefined || (await tree.list(called)).length > 0) {
    return [];
  }
  const at = { file: guarded.file };
  const remedy = `Commit ${called}, or call the check with its other file extension`;
  return [warning(`Every run of ${guarded.file} will fail: there is no ${called}`, { at, remedy })];
}

export const table = command({
  name: "scripts/check-release-workflow.ts",
  summary:
    "Checks that the release workflows start only on tags, check the tag first, and never invoke the lab gate.",
  operands: {},
  options: { ref: refOption },
  refuses: [
    `${layout.releaseWorkflow} starts on anything but ${layout.tagPrefix}* tags, or ${layout.chartReleaseWorkflow} on anything but ${layout.chartTagPrefix}* tags`,
    "the first job is not in the documented form: a checkout, then the tag check on the pushed tag",
    "another job can run without the success of that job",
    "the workflow, or a script, action or workflow of the repository that it names, mentions the lab gate",
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
