/** The workflow run that a tag started: its conclusion, the job that failed first, and the way out. */

import type { Answer } from "../lib/answer.ts";
import { askGh, type GhWorld, isGhFailure } from "../lib/net/gh.ts";
import { type Fields, findFields, findLink, findList, findText } from "./gh-json.ts";
import { type Said, unanswered } from "./unanswered.ts";

/** What started a run, and which one is meant. */
export interface RunQuestion {
  readonly tag: string;
  /** Path of the workflow file, as in the layout. */
  readonly workflow: string;
  /** The commit that the tag names, in full, where that is known. */
  readonly commit?: string | undefined;
}

/** What older versions of gh know as well; `--event` and the attempt are not among it. */
const runFields = "databaseId,headSha,headBranch,event,status,conclusion,url,createdAt";

/** Runs of one tag at most: one, and some more where the tag was pushed again. */
const mostRuns = 20;

/** States of a run or a job that has not ended. */
const running: ReadonlySet<unknown> = new Set([
  "queued",
  "requested",
  "waiting",
  "pending",
  "in_progress",
]);

/** Conclusions of a run that are no success. */
const failures: ReadonlySet<unknown> = new Set([
  "failure",
  "cancelled",
  "timed_out",
  "startup_failure",
  "action_required",
  "neutral",
  "skipped",
  "stale",
]);

/**
 * Asks what became of the workflow run that the push of a tag started. Its latest attempt counts:
 * running a job again goes on with the same run.
 *
 * `verified` is a run that ended in success, `failed` one that ended otherwise, or that was not for
 * the commit of the tag.
 */
export async function askWorkflowRun(question: RunQuestion, gh: GhWorld): Promise<Answer> {
  const said = await ask(question, gh);
  return { question: `run of ${fileOf(question.workflow)}`, ...said };
}

function fileOf(workflow: string): string {
  return workflow.slice(workflow.lastIndexOf("/") + 1);
}

async function ask({ tag, workflow, commit }: RunQuestion, gh: GhWorld): Promise<Said> {
  const file = fileOf(workflow);
  const args = ["run", "list", "--workflow", file, "--branch", tag, "--limit", String(mostRuns)];
  const answer = await askGh([...args, "--json", runFields], gh);
  if (isGhFailure(answer)) {
    return unanswered(answer);
  }
  const runs = answer.kind === "json" ? findList(answer.value) : undefined;
  if (runs === undefined || !runs.every(isRun)) {
    return unread("gh run list answered with something that is no list of runs");
  }
  const pushed = runs
    .filter(({ event, headBranch }) => event === "push" && headBranch === tag)
    .toSorted((a, b) => (timeOf(b) < timeOf(a) ? -1 : 1));
  const run = pushed.find(({ headSha }) => headSha === commit) ?? pushed[0];
  if (run === undefined) {
    return {
      state: "pending",
      evidence: `there is no run of ${file} for ${tag} yet`,
      remedy: `Wait; if none starts within minutes, look whether ${tag} was pushed and ${workflow} listens to it`,
    };
  }
  if (commit !== undefined && run.headSha !== commit) {
    return {
      state: "failed",
      evidence: `the run was for commit ${findText(run.headSha)}, but ${tag} names ${commit}`,
      remedy: `Find out who moved ${tag}: a published tag must not move, so release the next version`,
      ...findLink(run.url),
    };
  }
  return await judge(run, gh);
}

function isRun({ databaseId, headSha, status, createdAt }: Fields): boolean {
  return (
    Number.isSafeInteger(databaseId) && [headSha, status, createdAt].every((each) => findText(each))
  );
}

/** When a run was made: moments of one form, which compare as text. */
function timeOf(run: Fields): string {
  return `${run.createdAt} ${String(run.databaseId).padStart(20, "0")}`;
}

function unread(evidence: string): Said {
  return { state: "unknown", evidence, remedy: "Look at the run on GitHub, and ask again" };
}

async function judge(run: Fields, gh: GhWorld): Promise<Said> {
  const link = findLink(run.url);
  if (run.status === "completed" && run.conclusion === "success") {
    return { state: "verified", evidence: successOf(await jobsOf(run, gh)), ...link };
  }
  const isOpen = running.has(run.status);
  if (!isOpen && !(run.status === "completed" && failures.has(run.conclusion))) {
    return { ...unread(`the run is ${words(run.status)}, ${words(run.conclusion)}`), ...link };
  }
  const jobs = await jobsOf(run, gh);
  return isOpen ? openRun(run, jobs, link) : failedRun(run, jobs, link);
}

/** The jobs of a run; none if gh cannot tell them: the run's own state stands without them. */
async function jobsOf(run: Fields, gh: GhWorld): Promise<Fields[]> {
  const answer = await askGh(["run", "view", String(run.databaseId), "--json", "jobs"], gh);
  const view = answer.kind === "json" ? findFields(answer.value) : undefined;
  return findList(view?.jobs) ?? [];
}

/** A success, with the jobs that had no part in it: a run may succeed without having run them. */
function successOf(jobs: readonly Fields[]): string {
  const skipped = jobs.filter(({ conclusion }) => conclusion === "skipped").map(nameOf);
  return `it ended in success${skipped.length === 0 ? "" : `, without ${skipped.join(", ")}`}`;
}

function openRun(run: Fields, jobs: readonly Fields[], link: Pick<Answer, "link">): Said {
  const failed = firstFailure(jobs);
  const busy = jobs.filter(({ status }) => status === "in_progress").map(nameOf);
  const now = busy.length > 0 ? `running: ${busy.join(", ")}` : `it is ${words(run.status)}`;
  return {
    state: "pending",
    evidence: failed === undefined ? now : `${now}; failed already: ${nameOf(failed)}`,
    remedy:
      run.status === "waiting" ? "Approve the deployment that it waits for" : "Wait until it ends",
    ...link,
  };
}

function failedRun(run: Fields, jobs: readonly Fields[], link: Pick<Answer, "link">): Said {
  const job = firstFailure(jobs);
  if (job === undefined) {
    return {
      state: "failed",
      evidence: `it ended as ${words(run.conclusion)}`,
      remedy: `Read the log${link.link === undefined ? "" : ` at ${link.link}`}, mend the cause, and re-run it`,
      ...link,
    };
  }
  const own = { ...link, ...findLink(job.url) };
  const step = findList(job.steps)?.find(
    ({ conclusion }) => failures.has(conclusion) && conclusion !== "skipped",
  );
  const at = step === undefined ? "" : `, in step ${nameOf(step)}`;
  return {
    state: "failed",
    evidence: `job ${nameOf(job)} ended as ${words(job.conclusion)}${at}`,
    remedy: remedyFor(job, step, own.link),
    ...own,
  };
}

/** The job that failed first; one that was cancelled only if none has failed by itself. */
function firstFailure(jobs: readonly Fields[]): Fields | undefined {
  const ended = jobs.toSorted((a, b) => (endOf(a) < endOf(b) ? -1 : 1));
  return (
    ended.find(({ conclusion }) => conclusion === "failure" || conclusion === "timed_out") ??
    ended.find(({ conclusion }) => conclusion === "cancelled" || conclusion === "startup_failure")
  );
}

function endOf({ completedAt }: Fields): string {
  return findText(completedAt) ?? "9999";
}

/** The way out that PROCEDURE's Troubleshooting gives for a job, else where its log is. */
function remedyFor(job: Fields, step: Fields | undefined, link: string | undefined): string {
  const name = nameOf(job)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-");
  if (name.includes("check-versions")) {
    return "Bump the workspace version and the pin on perf-sentinel-core together (bump-version.ts), and release the next version";
  }
  if (name.includes("publish-crate")) {
    return "Wait 5 minutes, then re-run the failed job: if the crate is on the index by then, the job completes";
  }
  if (name.includes("docker") && /trivy|scan/i.test(step === undefined ? "trivy" : nameOf(step))) {
    return "If Trivy found a CVE: see whether a base-image rebuild resolves it (docker pull, then re-run), else bump the dependency and cut a patch release; do not bypass the scan";
  }
  return `Read the job's log${link === undefined ? "" : ` at ${link}`}, mend the cause, and re-run the failed jobs`;
}

function nameOf({ name }: Fields): string {
  return words(name);
}

/** Words of GitHub for a message: on one line, and cut. */
function words(value: unknown): string {
  return findText(value)?.replace(/\s+/g, " ").slice(0, 100) ?? "nameless";
}
