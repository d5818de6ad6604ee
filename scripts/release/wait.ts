/** Waiting for what a pushed tag starts: the image of a chart, and the end of a workflow run. */

import type { Answer } from "../lib/answer.ts";
import { error, type Finding, notice } from "../lib/finding.ts";
import { short } from "../lib/git/git.ts";
import { Interrupted } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import type { GhWorld } from "../lib/net/gh.ts";
import { duration, showProgress } from "../lib/progress.ts";
import { sleep as sleepForReal } from "../lib/sleep.ts";
import { askWorkflowRun } from "../verify/workflow-run.ts";
import {
  type Examined,
  examine,
  type Flow,
  obtainTag,
  type ReleaseWorld,
  refuses,
} from "./flow.ts";

export interface WaitOptions {
  /** Milliseconds at most. */
  readonly limit: number;
  /** How to wait, for tests. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

interface Looking<T> extends WaitOptions {
  readonly title: string;
  look(): Promise<T>;
  isOver(seen: T): boolean;
  /** Returns what was seen last, in one line. */
  words(seen: T): string;
  /** What is left if the operator ends it, as the end of a sentence. */
  readonly state: string;
}

/**
 * Looks again, with growing pauses, until it is over or the time is.
 *
 * @throws {Interrupted} If the operator ended it.
 */
async function lookUntil<T>(world: ReleaseWorld, looking: Looking<T>): Promise<T> {
  const { clock, interrupt, report, terminal } = world;
  const { limit, sleep = sleepForReal } = looking;
  const { requestSignal: signal } = interrupt;
  const begin = clock();
  let words = "";
  async function wait(): Promise<T> {
    for (let pause: number = layout.lookAgain.first; ; pause *= 1.5) {
      const seen = await looking.look();
      signal.throwIfAborted();
      const left = limit - (clock() - begin);
      if (looking.isOver(seen) || left <= 0) {
        return seen;
      }
      const now = looking.words(seen);
      if (now !== words && !terminal.live()) {
        report.tell(`after ${duration(clock() - begin)}: ${now}`);
      }
      words = now;
      await sleep(Math.min(pause, layout.lookAgain.longest, left), signal);
    }
  }
  return await interrupt.hold(async () => {
    const endProgress = showProgress(
      world,
      () => looking.title,
      () => words,
    );
    try {
      return await wait();
    } catch (thrown) {
      if (signal.aborted) {
        throw new Interrupted(looking.state, interrupt.exitCode);
      }
      throw thrown;
    } finally {
      endProgress();
    }
  }, false);
}

/**
 * Examines a release again and again while nothing but an image that is not published yet stands
 * against it. The last examination counts, of the commit that the first one saw.
 */
export async function examineUntilPublished(flow: Flow, options: WaitOptions): Promise<Examined> {
  const { tag, world } = flow;
  const { requestSignal: signal } = world.interrupt;
  // Ctrl-C ends what a look asks, but nothing of what comes after the wait.
  const looking: Flow = { ...flow, repository: { ...flow.repository, signal } };
  let first: Examined | undefined;
  let run: Answer | undefined;
  const last = await lookUntil(world, {
    ...options,
    title: "waiting for the image",
    state: `${tag} is not released: its image is not published yet; nothing was changed`,
    async look() {
      const examined = await examine(looking);
      const awaited = isWaiting(examined) ? pendingOf(examined)?.pending : undefined;
      // What cannot sign now is reported now, not after the wait.
      const waits = awaited && (first || (await obtainTag(flow, examined)).tag);
      first ??= examined;
      run = waits && awaited.tag ? await askRun(flow, awaited.tag) : undefined;
      return { examined, waits: waits !== undefined };
    },
    isOver: ({ waits }) => !waits || run?.state === "failed",
    words({ examined }) {
      const findings = pendingOf(examined)?.findings ?? [];
      const state = run && `${run.question}: ${run.state}, ${run.evidence}`;
      return [...findings.map(({ message }) => message), ...(state ? [state] : [])].join("; ");
    },
  });
  const { examined } = last;
  const moved = first && headMoved(tag, first, examined);
  if (!last.waits) {
    return moved ? withFindings(examined, [moved]) : examined;
  }
  if (run?.state === "failed") {
    const verdicts = examined.verdicts.filter(({ pending }) => pending === undefined);
    return withFindings({ ...examined, verdicts }, [runFailed(tag, run)]);
  }
  const late = `Cannot release ${tag}: its image did not appear within ${duration(options.limit)}`;
  const remedy = run?.remedy ?? pendingOf(examined)?.findings[0]?.remedy;
  return withFindings(examined, [error(late, { remedy })]);
}

const pendingOf = ({ verdicts }: Examined) => verdicts.find(({ pending }) => pending !== undefined);

/** Reports whether nothing but what time may bring stands against a release. */
function isWaiting({ verdicts }: Examined): boolean {
  const refusing = verdicts.filter(refuses);
  return refusing.length > 0 && refusing.every(({ pending }) => pending !== undefined);
}

function withFindings(examined: Examined, findings: readonly Finding[]): Examined {
  return { ...examined, verdicts: [...examined.verdicts, { findings }] };
}

function headMoved(tag: string, { facts: before }: Examined, { facts: now }: Examined) {
  return before.commit === now.commit
    ? undefined
    : error(
        `Cannot release ${tag}: HEAD moved from ${short(before.commit)} to ${short(now.commit)} during the wait`,
        { remedy: "See what came in, then run the release again" },
      );
}

function runFailed(tag: string, { question, evidence, link, remedy }: Answer): Finding {
  const where = link === undefined ? "" : ` (${link})`;
  const why = `the ${question} that publishes its image has failed, ${evidence}${where}`;
  return error(`Cannot release ${tag}: ${why}`, { remedy });
}

async function askRun({ repository, world }: Flow, tag: string): Promise<Answer> {
  const run = await askWorkflowRun(
    { tag, workflow: layout.releaseWorkflow },
    ghOf(repository, world),
  );
  return { ...run, question: `${run.question} for ${tag}` };
}

function ghOf({ env, root: cwd }: Flow["repository"], { interrupt }: ReleaseWorld): GhWorld {
  const { requestSignal: signal } = interrupt;
  return { env, cwd, signal, repository: layout.published.repository };
}

/** Looks in a row that find nothing out: a person has to act then, as where gh is not logged in. */
const mostUnknowns = 3;

/** Follows the workflow run of a released tag to its end, for `layout.watchMinutes` at most. */
export async function watchRun(
  { world, repository }: Pick<Flow, "world" | "repository">,
  tag: string,
  commit: string,
  sleep?: WaitOptions["sleep"],
): Promise<{ readonly run: Answer; readonly finding: Finding }> {
  const again = `bun scripts/verify-release.ts ${tag} --wait`;
  const limit = layout.watchMinutes * 60_000;
  const question = { tag, workflow: layout.releaseWorkflow, commit };
  let unknowns = 0;
  const run = await lookUntil(world, {
    ...{ limit, ...(sleep && { sleep }) },
    title: "waiting for the workflow run",
    state: `${tag} is released; its workflow run goes on. Look again: ${again}`,
    async look() {
      const answer = await askWorkflowRun(question, ghOf(repository, world));
      unknowns = answer.state === "unknown" ? unknowns + 1 : 0;
      return answer;
    },
    isOver: ({ state }) => state === "verified" || state === "failed" || unknowns === mostUnknowns,
    words: ({ question, state, evidence }) => `${question}: ${state}, ${evidence}`,
  });
  return { run, finding: findingOfRun(run, tag, limit, again) };
}

/** Returns a run as a finding: the release stands, however the run ended. */
function findingOfRun(run: Answer, tag: string, limit: number, again: string): Finding {
  const { question, state, evidence, remedy, link } = run;
  const where = link === undefined ? "" : ` (${link})`;
  switch (state) {
    case "verified":
      return notice(`${question}: verified, ${evidence}`);
    case "failed":
      return error(`${tag} is released, but its workflow run has failed: ${evidence}${where}`, {
        remedy,
      });
    case "pending": {
      const late = `its workflow run was not over within ${duration(limit)}`;
      return error(`${tag} is released; ${late}: ${evidence}${where}`, {
        remedy: `Look again: ${again}`,
      });
    }
    case "unknown":
      return error(`${tag} is released; its workflow run could not be watched: ${evidence}`, {
        remedy,
      });
  }
}
