/** Answers to questions about what a tag triggers, such as a workflow run or a published image. */

import { error, type Finding, findingsOf, notice } from "./finding.ts";

/**
 * `verified`: it exists and is correct. `failed`: it exists and is wrong, or can no longer appear.
 * `pending`: it does not exist yet, but may still appear. `unknown`: the question got no answer.
 */
export type State = "verified" | "failed" | "pending" | "unknown";

/** The answer to one question about a release. */
export interface Answer {
  /** What is asked about, as a short label without a full stop, such as `image on ghcr.io`. */
  readonly question: string;
  readonly state: State;
  /** What was observed, on one line: a digest, a conclusion or a reason. */
  readonly evidence: string;
  /** What the operator can do, in every state but `verified`. */
  readonly remedy?: string | undefined;
  /** A URL with more details, for a person. */
  readonly link?: string | undefined;
}

/** Is thrown when the state of an answer is not `verified`. */
export class Unverified extends Error {
  override readonly name: string = "Unverified";
  readonly state: State;
  readonly remedy: string | undefined;
  readonly link: string | undefined;

  /** @param evidence A reason on one line, not a sentence. */
  constructor(state: State, evidence: string, remedy?: string, link?: string) {
    super(evidence);
    this.state = state;
    this.remedy = remedy;
    this.link = link;
  }
}

/** What a question returns if its answer is `verified`. */
export type Evidence = string | Pick<Answer, "evidence" | "link">;

/**
 * Asks a question and returns its answer. An `Unverified` error sets the state. A refusal, or a
 * syntax error in a server's reply, makes the answer `unknown`.
 *
 * @throws {unknown} Any other error that `ask` throws.
 */
export async function answered(
  question: string,
  ask: () => Evidence | Promise<Evidence>,
): Promise<Answer> {
  try {
    const found = await ask();
    const evidence = typeof found === "string" ? { evidence: found } : found;
    return { question, state: "verified", ...evidence };
  } catch (thrown) {
    return answerOf(question, thrown);
  }
}

/**
 * Returns the answer that corresponds to a thrown error.
 *
 * @throws {unknown} The error itself, if it is a defect.
 */
export function answerOf(question: string, thrown: unknown): Answer {
  const { state, message, remedy, link } =
    thrown instanceof Unverified ? thrown : unanswered(thrown);
  return {
    question,
    state,
    evidence: message,
    remedy: remedy ?? "Check the network and the server, then run the command again",
    link,
  };
}

function unanswered(thrown: unknown): Unverified {
  const findings = thrown instanceof SyntaxError ? [error(thrown.message)] : findingsOf(thrown);
  const remedy = findings.find((each) => each.remedy !== undefined)?.remedy;
  return new Unverified("unknown", findings.map(({ message }) => message).join("; "), remedy);
}

/** Returns an answer as a finding: a notice if it is `verified`, otherwise an error. */
export function findingOf({ question, state, evidence, remedy, link }: Answer): Finding {
  const where = link === undefined ? "" : ` (${link})`;
  if (state === "verified") {
    return notice(`${question}: verified, ${evidence}`);
  }
  return error(`Cannot verify ${question}: ${state}, ${evidence}${where}`, { remedy });
}
