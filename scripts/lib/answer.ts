/** The vocabulary of questions to the outside: what became of one thing that a tag triggers. */

import { error, type Finding, findingsOf, notice } from "./finding.ts";

/**
 * `verified`: it is there and right. `failed`: it is there and wrong, or can no longer come.
 * `pending`: it is not there yet and still may come. `unknown`: the question got no answer.
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
  readonly remedy?: string | undefined;
  /** Where a person can look. */
  readonly link?: string | undefined;
}

/** Thrown where a question ends in another state than `verified`. */
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

/** What a verified answer says beside its question. */
export type Evidence = string | Pick<Answer, "evidence" | "link">;

/**
 * Asks a question. What is thrown for want of an answer, a refusal or a syntax error in what a
 * server sent, makes the answer `unknown`; `Unverified` names the state itself.
 *
 * @throws {unknown} What `ask` throws otherwise.
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
 * Returns the answer that something thrown stands for.
 *
 * @throws {unknown} The same, if it is a defect.
 */
export function answerOf(question: string, thrown: unknown): Answer {
  const { state, message, remedy, link } =
    thrown instanceof Unverified ? thrown : new Unverified("unknown", ...reasonOf(thrown));
  return {
    question,
    state,
    evidence: message,
    remedy: remedy ?? "Check the network and the server, then run the command again",
    link,
  };
}

function reasonOf(thrown: unknown): [evidence: string, remedy: string | undefined] {
  const findings = thrown instanceof SyntaxError ? [error(thrown.message)] : findingsOf(thrown);
  const remedy = findings.find((each) => each.remedy !== undefined)?.remedy;
  return [findings.map(({ message }) => message).join("; "), remedy];
}

/** Returns an answer as the data of a report. */
export function dataOfAnswer({ question, state, evidence, remedy, link }: Answer) {
  return { question, state, evidence, remedy, link };
}

/** Returns an answer as a finding: only `verified` is evidence, everything else refuses. */
export function findingOf({ question, state, evidence, remedy, link }: Answer): Finding {
  const where = link === undefined ? "" : ` (${link})`;
  if (state === "verified") {
    return notice(`${question}: verified, ${evidence}`);
  }
  return error(`Cannot verify ${question}: ${state}, ${evidence}${where}`, { remedy });
}
