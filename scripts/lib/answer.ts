/** What became of one thing that a tag triggers: seen from outside, and never guessed. */

import { error, type Finding, notice } from "./finding.ts";

/**
 * `verified`: it is there and right. `failed`: it is there and wrong, or can no longer come.
 * `pending`: it is not there yet and still may come. `unknown`: nobody could be asked.
 */
export type State = "verified" | "failed" | "pending" | "unknown";

/** The answer to one question about a release. */
export interface Answer {
  /** What is asked about, as a short label without a full stop, such as `image on ghcr.io`. */
  readonly question: string;
  readonly state: State;
  /** What was seen, on one line: a digest, a conclusion, a reason. */
  readonly evidence: string;
  /** The way out, of all states but `verified`. */
  readonly remedy?: string;
  /** Where a person can look. */
  readonly link?: string;
  /**
   * Of an unknown answer: whether waiting is of no use, because a person has to act before anybody
   * can be asked, as where gh is missing.
   */
  readonly lasting?: true;
}

/** Whether waiting can no longer change what is to be said: all are verified, or one has failed. */
export function isSettled(answers: readonly Answer[]): boolean {
  return (
    answers.some(({ state }) => state === "failed") ||
    answers.every(({ state }) => state === "verified")
  );
}

/** An answer as the data of a report. */
export function dataOfAnswer({ question, state, evidence, remedy, link }: Answer) {
  return { question, state, evidence, remedy, link };
}

/** An answer as a finding: only `verified` is evidence, everything else refuses. */
export function findingOf({ question, state, evidence, remedy, link }: Answer): Finding {
  const where = link === undefined ? "" : ` (${link})`;
  if (state === "verified") {
    return notice(`${question}: verified, ${evidence}`);
  }
  return error(`Cannot verify ${question}: ${state}, ${evidence}${where}`, { remedy });
}
