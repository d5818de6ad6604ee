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
  /** Set if it is `unknown` for a cause that may pass, such as a slow server: not a missing login. */
  readonly temporary?: true | undefined;
}

/** Is thrown when the state of an answer is not `verified`. */
export class Unverified extends Error {
  override readonly name: string = "Unverified";
  readonly state: State;
  readonly remedy: string | undefined;
  readonly link: string | undefined;
  readonly temporary: boolean;

  /**
   * @param evidence A reason on one line, not a sentence.
   * @param temporary Whether an unknown answer may become known by waiting.
   */
  constructor(state: State, evidence: string, remedy?: string, link?: string, temporary = false) {
    super(evidence);
    this.state = state;
    this.remedy = remedy;
    this.link = link;
    this.temporary = temporary;
  }
}

/**
 * Reports whether the words of a program are about trouble that may pass: no answer in time, a lost
 * connection, or a server that is overloaded. Without network or login, or a name that resolves, no
 * waiting helps.
 */
export function isTemporary(words: string): boolean {
  return /\b(?:HTTP|error:) (?:429|5\d\d)\b|\btime(?:d |-)?out\b|\bno answer within\b|\bconnection (?:was )?(?:reset|closed)\b|\bEOF\b|\brate limit/i.test(
    words,
  );
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

/** The way out where a server cannot be reached. */
export const checkNetwork = "Check the network and the server, then run the command again";

/**
 * Returns the answer that corresponds to a thrown error.
 *
 * @throws {unknown} The error itself, if it is a defect.
 */
export function answerOf(question: string, thrown: unknown): Answer {
  const { state, message, remedy, link, temporary } = unverifiedBy(thrown);
  return {
    question,
    state,
    evidence: message,
    remedy: remedy ?? checkNetwork,
    link,
    ...(temporary && { temporary }),
  };
}

/**
 * Returns a thrown error as an `Unverified` one: a refusal or a syntax error is an unknown answer.
 *
 * @throws {unknown} The error itself, if it is a defect.
 */
export function unverifiedBy(thrown: unknown): Unverified {
  if (thrown instanceof Unverified) {
    return thrown;
  }
  const findings = thrown instanceof SyntaxError ? [error(thrown.message)] : findingsOf(thrown);
  const remedy = findings.find((each) => each.remedy !== undefined)?.remedy;
  const evidence = findings.map(({ message }) => message).join("; ");
  return new Unverified("unknown", evidence, remedy, undefined, isTemporary(evidence));
}

/** Returns an answer as a finding: a notice if it is `verified`, otherwise an error. */
export function findingOf({ question, state, evidence, remedy, link }: Answer): Finding {
  const where = link === undefined ? "" : ` (${link})`;
  if (state === "verified") {
    return notice(`${question}: verified, ${evidence}`);
  }
  return error(`Cannot verify ${question}: ${state}, ${evidence}${where}`, { remedy });
}
