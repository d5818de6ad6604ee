/** All questions about a release at once, asked again until there is nothing left to wait for. */

import { type Answer, findingOf, isSettled } from "../lib/answer.ts";
import { attempt, error, type Finding } from "../lib/finding.ts";
import { type Interrupt, Interrupted } from "../lib/interrupt.ts";
import { duration, showProgress, type Watcher } from "../lib/progress.ts";
import type { Report } from "../lib/report.ts";
import { sleep } from "../lib/sleep.ts";
import { poll } from "./poll.ts";

/** A question that one look at the world answers, perhaps in several answers. */
export interface Question {
  /** What is asked about, for as long as there is no answer. */
  readonly label: string;
  /**
   * Whether the answer is the workflow run of the tag, or is about something that this run makes:
   * once the run has failed, that can no longer come.
   */
  readonly run?: "itself" | "makes it";
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
  /** Whether waiting is of no use any more, if that is not for all answers to decide. */
  readonly isOver?: (answers: readonly Answer[]) => boolean;
  /** What else the progress line says, once there is an answer. */
  readonly beside?: (answers: readonly Answer[]) => string;
  /** How to wait, for tests. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/**
 * Asks all questions, at once, and those without a final answer again, within the limit.
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
  const begin = clock();
  const given: (readonly Answer[] | undefined)[] = questions.map(() => undefined);
  let told: readonly Answer[] = [];

  async function askAll(): Promise<Answer[]> {
    const asking = questions.map(async (question, index) => {
      if (!isFinal(given[index])) {
        given[index] = await answersOf(question);
      }
    });
    await unlessAborted(Promise.all(asking), signal);
    const answers = combine(questions, given);
    if (options.limit > 0 && !terminal.live()) {
      for (const line of changes(told, answers)) {
        report.tell(`after ${duration(clock() - begin)}: ${line}`);
      }
    }
    told = answers;
    return answers;
  }

  async function askUntilOver(): Promise<Answer[]> {
    const endProgress = showProgress(
      world,
      () => progressTitle(questions, given),
      () => options.beside?.(combine(questions, given)) ?? "",
    );
    try {
      return await poll(askAll, options.isOver ?? isOver, {
        limit: options.limit,
        clock,
        sleep: options.sleep ?? sleep,
        signal,
      });
    } catch (thrown) {
      if (signal.aborted) {
        throw new Interrupted(options.state(openOf(questions, given)), interrupt.exitCode);
      }
      throw thrown;
    } finally {
      endProgress();
    }
  }

  return await interrupt.hold(askUntilOver, false);
}

/** Waits for work; rejects as soon as the signal fires, whatever the work still does. */
async function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    await Promise.race([work, aborted]);
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The answers to a question; a refusal is a question that nobody could answer. */
async function answersOf(question: Question): Promise<readonly Answer[]> {
  const { value, findings } = await attempt(() => question.ask());
  return (
    value ?? [
      {
        question: question.label,
        state: "unknown",
        evidence: findings.map(({ message }) => message).join("; "),
        remedy: findings.find(({ remedy }) => remedy !== undefined)?.remedy ?? "Ask again",
      },
    ]
  );
}

/** Whether asking again is of no use. */
function isFinal(answers: readonly Answer[] | undefined): boolean {
  return answers?.every(({ state, lasting }) => state === "verified" || lasting === true) ?? false;
}

/** Whether waiting is of no use: all is settled, or a person has to act first. */
export function isOver(answers: readonly Answer[]): boolean {
  return isSettled(answers) || isFinal(answers);
}

/** All answers so far, in order; what a failed run would have made has failed with it. */
function combine(
  questions: readonly Question[],
  given: readonly (readonly Answer[] | undefined)[],
): Answer[] {
  const runs = given.flatMap((answers, index) =>
    questions[index]?.run === "itself" ? (answers ?? []) : [],
  );
  const failed = runs.find(({ state }) => state === "failed");
  return given.flatMap((answers = [], index) =>
    failed !== undefined && questions[index]?.run === "makes it"
      ? answers.map((answer) => failedWith(failed, answer))
      : answers,
  );
}

/** An answer about something that a failed run would have made. */
export function failedWith(run: Answer, answer: Answer): Answer {
  return answer.state === "pending"
    ? {
        ...answer,
        ...(run.link === undefined ? {} : { link: run.link }),
        ...(run.remedy === undefined ? {} : { remedy: run.remedy }),
        state: "failed",
        evidence: `${answer.evidence}, and can no longer come: the ${run.question} has failed`,
      }
    : answer;
}

/** What is new since the last look: answers in another state, and at first all that is open. */
function changes(before: readonly Answer[], now: readonly Answer[]): string[] {
  const states = new Map(before.map(({ question, state }) => [question, state]));
  return now
    .filter(({ question, state }) =>
      before.length === 0 ? state !== "verified" : states.get(question) !== state,
    )
    .map(({ question, state, evidence }) => `${question}: ${state}, ${evidence}`);
}

/** What has no final answer, by name. */
function openOf(
  questions: readonly Question[],
  given: readonly (readonly Answer[] | undefined)[],
): string[] {
  return given.flatMap(
    (answers, index) =>
      answers?.filter(({ state }) => state !== "verified").map(({ question }) => question) ?? [
        questions[index]?.label ?? "",
      ],
  );
}

function progressTitle(
  questions: readonly Question[],
  given: readonly (readonly Answer[] | undefined)[],
): string {
  const answers = combine(questions, given);
  const verified = answers.filter(({ state }) => state === "verified").length;
  const [first = ""] = openOf(questions, given);
  return given.includes(undefined)
    ? `${verified} verified, asking about ${first}`
    : `${verified} of ${answers.length} verified, waiting for ${first}`;
}

/**
 * Answers as findings, in their order. Those that nobody could give for one and the same reason are
 * one finding, at the place of the first; if they are many, it counts them, as the data name all.
 */
export function findingsOfAnswers(answers: readonly Answer[]): Finding[] {
  const reasons = new Map<string, Answer[]>();
  for (const answer of answers) {
    const { question, state, evidence, remedy } = answer;
    const key = state === "unknown" ? JSON.stringify([evidence, remedy]) : question;
    reasons.set(key, [...(reasons.get(key) ?? []), answer]);
  }
  return [...reasons.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined || first.state !== "unknown" || same.length === 1) {
      return same.map(findingOf);
    }
    const names = listOf(same.map(({ question }) => question));
    return [error(`Cannot verify ${names}: unknown, ${first.evidence}`, { remedy: first.remedy })];
  });
}

/** Names in a sentence that stays readable: the first of many, and how many more there are. */
function listOf(names: readonly string[]): string {
  const shown = names.length > 4 ? names.slice(0, 3) : names;
  const more = names.length - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
