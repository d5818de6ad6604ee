/** Verifies the workflow run of a tag: its conclusion, the job that failed first, and the remedy. */

import { basename } from "node:path";
import { type Answer, answered, type Evidence, Unverified } from "../lib/answer.ts";
import { asTable } from "../lib/files/document.ts";
import { askGh, type Fields, findLink, findList, findText, type GhWorld } from "../lib/net/gh.ts";

/** Identifies the run of a tag. */
export interface RunQuestion {
  readonly tag: string;
  /** Path of the workflow file, as in the layout. */
  readonly workflow: string;
  /** The full id of the tagged commit, if known. */
  readonly commit?: string | undefined;
}

/** Fields that older versions of gh know; they lack `--event` and `attempt`. */
const runFields = "databaseId,headSha,headBranch,event,status,conclusion,url";

/** The most runs of one tag that are read: there are several if the tag was pushed again. */
const mostRuns = 20;

/**
 * Returns the answer about the workflow run that the push of a tag started. Its latest attempt counts: a
 * re-run job belongs to the same run.
 *
 * The state is `verified` if the run ended in success, and `failed` if it ended otherwise or built
 * another commit than the tag's.
 */
export async function askWorkflowRun(question: RunQuestion, gh: GhWorld): Promise<Answer> {
  return await answered(`run of ${basename(question.workflow)}`, async () =>
    judge(await findRun(question, gh), gh),
  );
}

/**
 * Returns the newest run for the tag and its commit.
 *
 * @throws {Unverified} If there is no run, or only for another commit.
 */
async function findRun({ tag, workflow, commit }: RunQuestion, gh: GhWorld): Promise<Fields> {
  const file = basename(workflow);
  const args = ["run", "list", "--workflow", file, "--branch", tag, "--limit", String(mostRuns)];
  const runs = findList(await askGh([...args, "--json", runFields], gh));
  if (runs?.every(isRun) !== true) {
    throw unread("the answer of gh run list is not a list of runs");
  }
  // gh lists the newest first.
  const pushed = runs.filter(({ event, headBranch }) => event === "push" && headBranch === tag);
  const run = pushed.find(({ headSha }) => headSha === commit) ?? pushed[0];
  if (run === undefined) {
    throw new Unverified(
      "pending",
      `${file} has no run for ${tag} yet`,
      `Wait; if none starts within minutes, check that ${tag} was pushed and that ${workflow} listens to it`,
    );
  }
  if (commit !== undefined && run.headSha !== commit) {
    throw new Unverified(
      "failed",
      `the run was for commit ${findText(run.headSha)}, but ${tag} names ${commit}`,
      `Find out who moved ${tag}: a published tag must not move, so release the next version`,
      findLink(run.url),
    );
  }
  return run;
}

function isRun({ databaseId, headSha, status }: Fields): boolean {
  return Number.isSafeInteger(databaseId) && [headSha, status].every(findText);
}

function unread(evidence: string, link?: string): Unverified {
  return new Unverified("unknown", evidence, "Look at the run on GitHub, and ask again", link);
}

async function judge(run: Fields, gh: GhWorld): Promise<Evidence> {
  const link = findLink(run.url);
  const jobs = await jobsOf(run, gh);
  const failed = firstFailure(jobs);
  if (run.status !== "completed") {
    const busy = jobs.filter(({ status }) => status === "in_progress").map(nameOf);
    const now = busy.length > 0 ? `running: ${busy.join(", ")}` : `it is ${shown(run.status)}`;
    throw new Unverified(
      "pending",
      failed === undefined ? now : `${now}; failed already: ${nameOf(failed)}`,
      run.status === "waiting" ? "Approve the deployment that it waits for" : "Wait until it ends",
      link,
    );
  }
  if (findText(run.conclusion) === undefined) {
    throw unread("the run has ended without a conclusion", link);
  }
  if (run.conclusion === "success") {
    // A run may succeed although it skipped a job.
    const skipped = jobs.filter(({ conclusion }) => conclusion === "skipped").map(nameOf);
    const without = skipped.length > 0 ? `, without ${skipped.join(", ")}` : "";
    return { evidence: `it ended in success${without}`, link };
  }
  const logLink = findLink(failed?.url) ?? link;
  const log = `log${logLink === undefined ? "" : ` at ${logLink}`}, correct the cause, and re-run`;
  if (failed === undefined) {
    const evidence = `it ended as ${shown(run.conclusion)}`;
    throw new Unverified("failed", evidence, `Read the ${log} it`, link);
  }
  const step = findList(failed.steps)?.find(({ conclusion }) => hasFailed(conclusion));
  const name = step === undefined ? "" : nameOf(step);
  const known = procedureRemedies.find(([job, of]) => job.test(nameOf(failed)) && of.test(name));
  throw new Unverified(
    "failed",
    `job ${nameOf(failed)} ended as ${shown(failed.conclusion)}${name && `, in step ${name}`}`,
    known?.[2] ?? `Read the job's ${log} the failed jobs`,
    logLink,
  );
}

/** Returns the jobs of a run, or none if gh cannot list them: the run has a state of its own. */
async function jobsOf(run: Fields, gh: GhWorld): Promise<readonly Fields[]> {
  try {
    const view = await askGh(["run", "view", String(run.databaseId), "--json", "jobs"], gh);
    return findList(asTable(view)?.jobs) ?? [];
  } catch (thrown) {
    if (thrown instanceof Unverified) {
      return [];
    }
    throw thrown;
  }
}

/** Returns the job that failed first; a cancelled job only if no other failed. */
function firstFailure(jobs: readonly Fields[]): Fields | undefined {
  const failed = jobs
    .filter(({ conclusion }) => hasFailed(conclusion))
    .toSorted((a, b) => (endOf(a) < endOf(b) ? -1 : 1));
  return failed.find(({ conclusion }) => conclusion !== "cancelled") ?? failed[0];
}

function hasFailed(conclusion: unknown): boolean {
  return /^(?:failure|timed_out|startup_failure|cancelled)$/.test(String(conclusion));
}

function endOf({ completedAt }: Fields): string {
  return findText(completedAt) ?? "9999";
}

/** The remedies of PROCEDURE's Troubleshooting, by job and failed step. */
const procedureRemedies: readonly (readonly [job: RegExp, step: RegExp, remedy: string])[] = [
  [
    /check[^a-z]versions/i,
    /^/,
    "Bump the workspace version and the pin on perf-sentinel-core together (bump-version.ts), and release the next version",
  ],
  [
    /publish[^a-z]crate/i,
    /^/,
    "Wait 5 minutes, then re-run the failed job: if the crate is on the index by then, the job completes",
  ],
  [
    /docker/i,
    /trivy|scan|^$/i,
    "If Trivy found a CVE: see whether a base-image rebuild resolves it (docker pull, then re-run), else bump the dependency and cut a patch release; do not bypass the scan",
  ],
];

function nameOf({ name }: Fields): string {
  return shown(name);
}

/** Returns a text from GitHub for a message: on one line, at most 100 characters. */
function shown(value: unknown): string {
  return findText(value)?.replace(/\s+/g, " ").slice(0, 100) ?? "without a name";
}
