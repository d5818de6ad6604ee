/** The vocabulary of status: what checks answer together, and what comes next. */

import type { Answer } from "../lib/answer.ts";
import { attempt, type Finding, isPass, together } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";

/** An answer to the question that its step asks. */
export type Outcome = Pick<Answer, "state" | "evidence" | "remedy">;

/** What to do: a command to run at the top level, or an instruction for a person. */
export interface Next {
  readonly isCommand: boolean;
  readonly text: string;
  /** Why this comes first; undefined if the evidence of the step says so already. */
  readonly why?: string | undefined;
}

export const command = (text: string, why?: string): Next => ({ isCommand: true, text, why });
export const byHand = (text: string, why?: string): Next => ({ isCommand: false, text, why });

const { mainBranch: main, remote } = layout;

export const askRemote = command(`git ls-remote --heads ${remote}`);
export const fetchMain = command(
  `git fetch ${remote} +refs/heads/${main}:refs/remotes/${remote}/${main}`,
);

/** Returns what checks say together. */
export async function answer(
  checks: readonly Promise<readonly Finding[]>[],
  evidence?: (notices: readonly string[]) => string,
): Promise<Outcome> {
  const { value, findings } = await attempt(() => together(...checks));
  return value === undefined ? sumUpRefusal(findings) : sumUp(value.flat(), evidence);
}

/** A refusal that is about no place in a file is a question that stayed without an answer. */
export function sumUpRefusal(findings: readonly Finding[]): Outcome {
  const outcome = sumUp(findings);
  return findings.every(({ at }) => at === undefined) ? { ...outcome, state: "unknown" } : outcome;
}

/**
 * Returns the answer that findings stand for: the first error and how many more there are, or else
 * the evidence of the pass and the first warning.
 *
 * @param evidence The evidence of a pass, from its notices; by default the last of them, which in
 *   every check that counts is the sum.
 */
export function sumUp(
  findings: readonly Finding[],
  evidence: (notices: readonly string[]) => string = (notices) => notices.at(-1) ?? "",
): Outcome {
  const of = (level: Finding["level"]) => findings.filter((each) => each.level === level);
  const [errors, warnings] = [of("error"), of("warning")];
  const [first] = errors;
  if (first !== undefined) {
    const { remedy } = first;
    return {
      state: "failed",
      evidence: firstOf(errors),
      ...(remedy === undefined ? {} : { remedy }),
    };
  }
  if (!isPass(findings)) {
    return { state: "unknown", evidence: "the check gave no evidence" };
  }
  const caution = warnings.length > 0 ? `; caution: ${firstOf(warnings)}` : "";
  const passed = oneLine(evidence(of("notice").map(({ message }) => message)));
  return { state: "verified", evidence: `${passed}${caution}` };
}

function firstOf(findings: readonly Finding[]): string {
  const more = findings.length - 1;
  return `${oneLine(findings[0]?.message ?? "")}${more > 0 ? ` (and ${more} more)` : ""}`;
}

/** Characters that a line of evidence has at most. */
const lineLimit = 240;

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > lineLimit ? `${flat.slice(0, lineLimit - 3)}...` : flat;
}
