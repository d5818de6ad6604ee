/** Asks all questions about a release at once, and again until waiting is of no use. */

import { type Answer, answerOf, findingOf } from "../lib/answer.ts";
import type { Finding } from "../lib/finding.ts";
import { type Interrupt, Interrupted } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import { onSignal } from "../lib/process.ts";
import { duration, showProgress, type Watcher } from "../lib/progress.ts";
import type { Report } from "../lib/report.ts";
import { sleep } from "../lib/sleep.ts";

/** A question, which has one answer or more. */
export interface Question {
  /** Its name in messages while there is no answer. */
  readonly label: string;
  ask(): Promise<readonly Answer[]>;
}

/** The parts of an invocation that a survey uses. */
export interface SurveyWorld extends Watcher {
  readonly report: Report;
  readonly interrupt: Interrupt;
}

export interface SurveyOptions {
  /** Milliseconds to wait for open answers; 0 asks once. */
  readonly limit: number;
  /** Returns the message about the open questions if the operator interrupts the survey. */
  readonly state: (open: readonly string[]) => string;
  /** Reports whether waiting is of no use; by default when one has failed, or none may change. */
  readonly isOver?: (answers: readonly Answer[]) => boolean;
  /** Returns the second part of the progress line. */
  readonly beside?: (answers: readonly Answer[]) => string;
  /** Replaces the sleep in tests. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/**
 * Asks all questions at once. Asks those that are not verified again after growing pauses, until waiting
 * is of no use or the time is over.
 *
 * @returns The answers, in the order of the questions.
 * @throws {Interrupted} If the operator interrupts it; the message names the open questions.
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
  const heard = new Map(questions.map((each) => [each, new Map<string, boolean>()]));
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
        given.set(question, stillWaitable(heard.get(question), await answersOf(question)));
      }
    });
    await Promise.race([Promise.all(asking), ended]);
  }

  return await interrupt.hold(async () => {
    const begin = clock();
    const { first, longest } = layout.lookAgain;
    const endProgress = showProgress(world, progressTitle, () => options.beside?.(answers()) ?? "");
    let before: readonly Answer[] = [];
    try {
      for (let pause: number = first; ; pause = Math.min(longest, pause * 1.5)) {
        await look();
        const now = answers();
        const left = limit - (clock() - begin);
        const isLast = left <= 0 || isOver(now);
        // What the first look finds at its end is reported anyway.
        if (!(isLast && before.length === 0) && !terminal.errIsTerminal()) {
          for (const line of changes(before, now)) {
            report.printAside(`after ${duration(clock() - begin)}: ${line}`);
          }
        }
        before = now;
        if (isLast) {
          return now;
        }
        await (options.sleep ?? sleep)(Math.min(pause, left), signal);
      }
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

/** Returns the answers to a question; an error that it throws becomes one answer. */
async function answersOf({ label, ask }: Question): Promise<readonly Answer[]> {
  try {
    return await ask();
  } catch (thrown) {
    return [answerOf(label, thrown)];
  }
}

/**
 * Marks what is unknown after an earlier answer: a source that has answered once may do so again.
 *
 * @param heard By name, whether an answer was there or due before; it is brought up to date.
 */
function stillWaitable(heard = new Map<string, boolean>(), answers: readonly Answer[]): Answer[] {
  const isAnyHeard = [...heard.values()].includes(true);
  return answers.map((answer) => {
    const { question, state, temporary } = answer;
    const was = heard.get(question) ?? isAnyHeard;
    heard.set(question, was || state !== "unknown" || temporary === true);
    return was && state === "unknown" ? { ...answer, temporary: true } : answer;
  });
}

function isSettled(answers: readonly Answer[]): boolean {
  const mayChange = ({ state, temporary }: Answer) => state === "pending" || temporary === true;
  return answers.some(({ state }) => state === "failed") || !answers.some(mayChange);
}

/** Returns a line for each answer whose state changed since the last look; at first for each open one. */
function changes(before: readonly Answer[], now: readonly Answer[]): string[] {
  const states = new Map(before.map(({ question, state }) => [question, state]));
  return now
    .filter(({ question, state }) =>
      before.length === 0 ? state !== "verified" : states.get(question) !== state,
    )
    .map(({ question, state, evidence }) => `${question}: ${state}, ${evidence}`);
}

/**
 * Returns answers as findings, in their order. All that are unknown for the same reason become one
 * finding in the place of the first, which names three of them: the data name all.
 */
export function findingsOfAnswers(answers: readonly Answer[]): Finding[] {
  const reasons = Map.groupBy(answers, ({ question, state, evidence, remedy }) =>
    state === "unknown" ? JSON.stringify([evidence, remedy]) : question,
  );
  return [...reasons.values()].flatMap((same) => {
    const more = same.length > 3 ? ` and ${same.length - 3} more` : "";
    const question = same.slice(0, 3).map(nameOf).join(", ") + more;
    return same.slice(0, 1).map((first) => findingOf({ ...first, question }));
  });
}
