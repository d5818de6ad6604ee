/** All questions about a release at once, asked again until there is nothing left to wait for. */

import { type Answer, answerOf, findingOf } from "../lib/answer.ts";
import { error, type Finding } from "../lib/finding.ts";
import { type Interrupt, Interrupted } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import { duration, showProgress, type Watcher } from "../lib/progress.ts";
import type { Report } from "../lib/report.ts";
import { sleep } from "../lib/sleep.ts";

/** A question that one look at the world answers, perhaps in several answers. */
export interface Question {
  /** What is asked about, for as long as there is no answer. */
  readonly label: string;
  ask(): Promise<readonly Answer[]>;
}

/** What a survey needs of an invocation. */
export interface SurveyWorld extends Watcher {
  readonly report: Report;
  readonly interrupt: Interrupt;
}

export interface SurveyOptions {
  /** Milliseconds to wait for answers that are still open; 0 asks once. */
  readonly limit: number;
  /** What is left, as the end of a sentence, if the operator ends the survey. */
  readonly state: (open: readonly string[]) => string;
  /** Whether waiting is of no use any more; default: all are verified, or one has failed. */
  readonly isOver?: (answers: readonly Answer[]) => boolean;
  /** What else the progress line says, once there is an answer. */
  readonly beside?: (answers: readonly Answer[]) => string;
  /** How to wait, for tests. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/** Looks in a row without anything pending: what is unknown then does not become known by waiting. */
const mostIdleLooks = 3;

/**
 * Asks all questions at once, and those that are not verified again after growing pauses, until
 * waiting is of no use or the time is over.
 *
 * @returns The answers, in the order of the questions.
 * @throws {Interrupted} If the operator ended it; the message says what is open.
 */
export async function survey(
  world: SurveyWorld,
  questions: readonly Question[],
  options: SurveyOptions,
): Promise<Answer[]> {
  const { clock, interrupt, report, terminal } = world;
  const { requestSignal: signal } = interrupt;
  const { limit, isOver = isSettled } = options;
  const given = new Map<Question, readonly Answer[]>();
  const answers = () => questions.flatMap((question) => given.get(question) ?? []);
  const open = () =>
    questions.flatMap((question) => openOf(given.get(question)) ?? [question.label]);

  function progressTitle(): string {
    const all = answers();
    const verified = all.length - (openOf(all)?.length ?? 0);
    const [first = ""] = open();
    return given.size < questions.length
      ? `${verified} verified, asking about ${first}`
      : `${verified} of ${all.length} verified, waiting for ${first}`;
  }

  async function look(): Promise<void> {
    const asking = questions.map(async (question) => {
      if (openOf(given.get(question))?.length !== 0) {
        given.set(question, await answersOf(question));
      }
    });
    await unlessAborted(Promise.all(asking), signal);
  }

  async function lookUntilOver(): Promise<Answer[]> {
    const begin = clock();
    const { first, longest } = layout.lookAgain;
    let before: readonly Answer[] = [];
    let idle = 0;
    for (let pause: number = first; ; pause = Math.min(longest, pause * 1.5)) {
      await look();
      const now = answers();
      if (limit > 0 && !terminal.live()) {
        for (const line of changes(before, now)) {
          report.tell(`after ${duration(clock() - begin)}: ${line}`);
        }
      }
      before = now;
      idle = now.some(({ state }) => state === "pending") ? 0 : idle + 1;
      const left = limit - (clock() - begin);
      if (left <= 0 || idle === mostIdleLooks || isOver(now)) {
        return now;
      }
      await (options.sleep ?? sleep)(Math.min(pause, left), signal);
    }
  }

  return await interrupt.hold(async () => {
    const endProgress = showProgress(world, progressTitle, () => options.beside?.(answers()) ?? "");
    try {
      return await lookUntilOver();
    } catch (thrown) {
      throw signal.aborted ? new Interrupted(options.state(open()), interrupt.exitCode) : thrown;
    } finally {
      endProgress();
    }
  }, false);
}

/** Waits for work; rejects as soon as the signal fires, whatever the work still does. */
async function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    await Promise.race([work, aborted]);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Returns the answers to a question; what the question as a whole fails with is one answer. */
async function answersOf({ label, ask }: Question): Promise<readonly Answer[]> {
  try {
    return await ask();
  } catch (thrown) {
    return [answerOf(label, thrown)];
  }
}

function isSettled(answers: readonly Answer[]): boolean {
  return answers.some(({ state }) => state === "failed") || openOf(answers)?.length === 0;
}

/** Returns the questions that are not verified; undefined if there are no answers yet. */
function openOf(answers: readonly Answer[] | undefined): string[] | undefined {
  return answers?.filter(({ state }) => state !== "verified").map(({ question }) => question);
}

/** Returns what is new since the last look: answers in another state, and at first all open ones. */
function changes(before: readonly Answer[], now: readonly Answer[]): string[] {
  const states = new Map(before.map(({ question, state }) => [question, state]));
  return now
    .filter(({ question, state }) =>
      before.length === 0 ? state !== "verified" : states.get(question) !== state,
    )
    .map(({ question, state, evidence }) => `${question}: ${state}, ${evidence}`);
}

/**
 * Returns answers as findings, in their order. Those that are unknown for one reason are one
 * finding, at the place of the first; if they are many, it counts them, as the data name all.
 */
export function findingsOfAnswers(answers: readonly Answer[]): Finding[] {
  const reasons = Map.groupBy(answers, ({ question, state, evidence, remedy }) =>
    state === "unknown" ? JSON.stringify([evidence, remedy]) : question,
  );
  return [...reasons.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined || first.state !== "unknown" || same.length === 1) {
      return same.map(findingOf);
    }
    const names = listOf(same.map(({ question }) => question));
    return [error(`Cannot verify ${names}: unknown, ${first.evidence}`, { remedy: first.remedy })];
  });
}

/** Returns names in a sentence that stays readable: the first of many, and how many more there are. */
function listOf(names: readonly string[]): string {
  const shown = names.length > 4 ? names.slice(0, 3) : names;
  const more = names.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
