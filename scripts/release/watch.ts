/** Following the workflow run that a pushed tag has started. */

import type { Answer } from "../lib/answer.ts";
import { error, type Finding, notice } from "../lib/finding.ts";
import type { ObjectId } from "../lib/git/git.ts";
import { layout } from "../lib/layout.ts";
import type { GhWorld } from "../lib/net/gh.ts";
import { duration } from "../lib/progress.ts";
import { type SurveyOptions, type SurveyWorld, survey } from "../verify/survey.ts";
import { askWorkflowRun } from "../verify/workflow-run.ts";

/** Milliseconds that a run is followed at most. */
const limit = layout.watchMinutes * 60_000;

/** Follows the run of an application's tag to its end. */
export async function watchRun(
  tag: string,
  commit: ObjectId,
  world: SurveyWorld,
  gh: GhWorld,
  sleep?: SurveyOptions["sleep"],
): Promise<Answer> {
  const ask = async () => [
    await askWorkflowRun({ tag, workflow: layout.releaseWorkflow, commit }, gh),
  ];
  const answers = await survey(world, [{ label: "workflow run", ask }], {
    limit,
    beside: ([run]) => run?.evidence ?? "",
    state: () => `${tag} is released; its workflow run goes on. Look again: ${lookAgain(tag)}`,
    ...(sleep === undefined ? {} : { sleep }),
  });
  const [answer] = answers;
  if (answer === undefined) {
    throw new Error("the survey gave no answer");
  }
  return answer;
}

function lookAgain(tag: string): string {
  return `bun scripts/verify-release.ts ${tag} --wait`;
}

/** A run that was followed, as a finding: the release stands, whatever became of the run. */
export function findingOfRun(tag: string, run: Answer): Finding {
  const { state, evidence, remedy, link } = run;
  const where = link === undefined ? "" : ` (${link})`;
  switch (state) {
    case "verified":
      return notice(`${run.question}: verified, ${evidence}`);
    case "failed":
      return error(`${tag} is released, but its workflow run has failed: ${evidence}${where}`, {
        remedy,
      });
    case "pending":
      return error(
        `${tag} is released; its workflow run was not over within ${duration(limit)}: ${evidence}${where}`,
        { remedy: `Look again: ${lookAgain(tag)}` },
      );
    case "unknown":
      return error(`${tag} is released; its workflow run could not be watched: ${evidence}`, {
        remedy,
      });
  }
}
