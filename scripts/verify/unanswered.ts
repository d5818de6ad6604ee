/** A question that gh could not answer, as an answer: the same words whatever the question was. */

import type { Answer } from "../lib/answer.ts";
import { type GhFailure, isLasting } from "../lib/net/gh.ts";

/** What an answer says beside the question. */
export type Said = Omit<Answer, "question">;

/** What stands in for an answer where gh gave none. */
export function unanswered(failure: GhFailure): Said {
  return {
    state: "unknown",
    evidence: failure.why,
    remedy: failure.remedy,
    ...(isLasting(failure) ? { lasting: true } : {}),
  };
}
