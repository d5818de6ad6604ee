/** All questions about a release at once, asked again until there is nothing left to wait for. */

import { type Answer, answerOf, findingOf } from "../lib/answer.ts";
import type { Finding } from "../lib/finding.ts";
import { type Interrupt, Interrupted } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import { onSignal } from "../lib/process.ts";
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
  const { promise: ended, reject: end } = Promise.withResolvers<never>();
  ended.catch(() => {});
  const stopListening = onSignal(signal, () => end(signal.reason));
  const given = new Map<Question, readonly Answer[]>();
  const answers = () => questions.flatMap((question) => given.get(question) ?? []);
  const open = () =>
    questions.flatMap((each) => given.get(each)?.filter(isOpen).map(nameOf) ?? [each.label]);

  function progressTitle(): string {
    const verified = answers().filter((answer) => !isOpen(answer)).length;
    return `${verified} verified, waiting for ${open()[0] ?? ""}`;
  }

  async function look(): Promise<void> {
    const asking = questions.map(async (question) => {
      if (given.get(question)?.every((answer) => !isOpen(answer)) !== true) {
        given.set(question, await answersOf(question));
      }
    });
    await Promise.race([Promise.all(asking), ended]);
  }

  async function lookUntilOver(): Promise<Answer[]> {
    const begin = clock();
    const { first, longest } = layout.lookAgain;
    let before: readonly Answer[] = [];
    let idle = 0;
    for (let pause: number = first; ; pause = Math.min(longest, pause * 1.5)) {
      await look();
      const now = answers();
      if (limit > 0 && !terminal.errIsTerminal()) {
        for (const line of changes(before, now)) {
          report.printAside(`after ${duration(clock() - begin)}: ${line}`);
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
      stopListening();
    }
  }, false);
}

const isOpen = ({ state }: Answer) => state !== "verified";
const nameOf = ({ question }: Answer) => question;

/** Returns the answers to a question; what the question as a whole fails with is one answer. */
async function answersOf({ label, ask }: Question): Promise<readonly Answer[]> {
  try {
    return await ask();
  } catch (thrown) {
    return [answerOf(label, thrown)];
  }
}

function isSettled(answers: readonly Answer[]): boolean {
  return answers.some(({ state }) => state === "failed") || !answers.some(isOpen);
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
    if (same.length === 1 || same[0]?.state !== "unknown") {
      return same.map(findingOf);
    }
    const names = same.map(nameOf);
    const shown = names.length > 4 ? names.slice(0, 3) : names;
    const more = names.length > 4 ? ` and ${names.length - 3} more` : "";
    return [findingOf({ ...same[0], question: `${shown.join(", ")}${more}` })];
  });
}
