/** Waiting for what a pushed tag starts: the image of a chart, and the end of a workflow run. */

import type { Answer } from "../lib/answer.ts";
import { error, type Finding, notice } from "../lib/finding.ts";
import { short } from "../lib/git/git.ts";
import { layout } from "../lib/layout.ts";
import { duration } from "../lib/progress.ts";
import { type SurveyOptions, survey } from "../verify/survey.ts";
import { askWorkflowRun, type RunQuestion } from "../verify/workflow-run.ts";
import { type Examined, examine, type Flow, refuses, sign } from "./flow.ts";

/** `limit`: milliseconds at most; `sleep`: how to wait, for tests. */
export type WaitOptions = Pick<SurveyOptions, "limit" | "sleep">;

/**
 * Examines a release again and again while nothing but an image that is not published yet stands
 * against it, and the run that publishes it has not failed. The last examination counts.
 */
export async function examineUntilPublished(flow: Flow, options: WaitOptions): Promise<Examined> {
  const { tag, repository } = flow;
  // Ctrl-C ends what a look asks, but nothing of what comes after the wait.
  const { requestSignal: signal } = flow.world.interrupt;
  const looking: Flow = { ...flow, repository: { ...repository, signal } };
  const seen: Examined[] = [];
  async function look(): Promise<Answer[]> {
    const examined = await examine(looking);
    seen.push(examined);
    const awaited = awaitedBy(examined);
    // What cannot sign now is reported now, not after the wait.
    if (awaited === undefined || (seen.length === 1 && !(await sign(flow, examined)).signed)) {
      return [];
    }
    const [{ message = "", remedy = "" } = {}] = awaited.findings;
    const image: Answer = { question: "image", state: "pending", evidence: message, remedy };
    const run = awaited.pending?.tag && (await askRun(looking, { tag: awaited.pending.tag }));
    return run
      ? [image, { ...run, question: `${run.question} for ${awaited.pending.tag}` }]
      : [image];
  }
  const [image, run] = await survey(flow.world, [{ label: "image", ask: look }], {
    ...options,
    isOver: ([image, run]) => image === undefined || run?.state === "failed",
    beside: ([, run]) => (run ? `${run.question} ${run.state}, ${run.evidence}` : ""),
    state: () => `${tag} is not released: its image is not published yet; nothing was changed`,
  });
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined) {
    throw new Error("the survey asked nothing");
  }
  const { verdicts } = last;
  const [before, now] = [first.facts.commit, last.facts.commit];
  if (image === undefined) {
    const moved = `HEAD moved from ${short(before)} to ${short(now)} during the wait`;
    const remedy = "See what came in, then run the release again";
    const findings = before === now ? [] : [error(`Cannot release ${tag}: ${moved}`, { remedy })];
    return { ...last, verdicts: [...verdicts, { findings }] };
  }
  if (run?.state === "failed") {
    const why = `the ${run.question} that publishes its image has failed, ${run.evidence}`;
    const failed = error(`Cannot release ${tag}: ${why}${whereOf(run)}`, { remedy: run.remedy });
    const others = verdicts.filter(({ pending }) => pending === undefined);
    return { ...last, verdicts: [...others, { findings: [failed] }] };
  }
  const late = `its image did not appear within ${duration(options.limit)}`;
  // That the run is unknown, as without gh, is not why the image is not there.
  const { remedy } = run?.state === "pending" ? run : image;
  const findings = [error(`Cannot release ${tag}: ${late}`, { remedy })];
  return { ...last, verdicts: [...verdicts, { findings }] };
}

/** Returns the verdict that time alone may change, if nothing else stands against the release. */
function awaitedBy({ verdicts }: Examined) {
  const [first, ...others] = verdicts.filter(refuses);
  return others.length === 0 && first?.pending ? first : undefined;
}

function whereOf({ link }: Answer): string {
  return link === undefined ? "" : ` (${link})`;
}

type Asking = Pick<Flow, "world" | "repository">;

function askRun({ repository, world }: Asking, question: Omit<RunQuestion, "workflow">) {
  const { env, root: cwd } = repository;
  const { requestSignal: signal } = world.interrupt;
  const { releaseWorkflow: workflow, published } = layout;
  const gh = { env, cwd, signal, repository: published.repository };
  return askWorkflowRun({ ...question, workflow }, gh);
}

/** Follows the workflow run of a released tag to its end, for `layout.watchMinutes` at most. */
export async function watchRun(
  flow: Asking,
  { tag, commit }: { readonly tag: string; readonly commit: string },
  sleep?: SurveyOptions["sleep"],
): Promise<{ readonly run: Answer; readonly finding: Finding }> {
  const again = `bun scripts/verify-release.ts ${tag} --wait`;
  const limit = layout.watchMinutes * 60_000;
  const ask = async () => [await askRun(flow, { tag, commit })];
  const [run] = await survey(flow.world, [{ label: "workflow run", ask }], {
    ...{ limit, ...(sleep && { sleep }) },
    beside: ([run]) => run?.evidence ?? "",
    state: () => `${tag} is released; its workflow run goes on. Look again: ${again}`,
  });
  if (run === undefined) {
    throw new Error("the survey gave no answer");
  }
  const { question, state, evidence, remedy } = run;
  const seen = `${evidence}${whereOf(run)}`;
  const finding = {
    verified: notice(`${question}: verified, ${evidence}`),
    failed: error(`${tag} is released, but its workflow run has failed: ${seen}`, { remedy }),
    pending: error(
      `${tag} is released; its workflow run was not over within ${duration(limit)}: ${seen}`,
      { remedy: `Look again: ${again}` },
    ),
    unknown: error(`${tag} is released; its workflow run could not be watched: ${evidence}`, {
      remedy,
    }),
  };
  return { run, finding: finding[state] };
}
