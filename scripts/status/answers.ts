/** The types of `status.ts`: the outcome of several checks, and the next step. */

import type { Answer } from "../lib/answer.ts";
import { attempt, type Finding, isPass, together } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";

/** The outcome of a check or of several, on one line. */
export type Outcome = Pick<Answer, "state" | "evidence" | "remedy">;

/** What to do: a command to run at the top level, or an instruction for a person. */
export interface Next {
  readonly isCommand: boolean;
  readonly text: string;
  /** The reason for it; undefined if the evidence of the step states it. */
  readonly why?: string | undefined;
}

export const command = (text: string, why?: string): Next => ({ isCommand: true, text, why });
export const byHand = (text: string, why?: string): Next => ({ isCommand: false, text, why });

const { mainBranch: main, remote } = layout;

export const askRemote = command(`git ls-remote --heads ${remote}`);
export const fetchMain = command(
  `git fetch ${remote} +refs/heads/${main}:refs/remotes/${remote}/${main}`,
);

/** Runs checks, and returns their common outcome. */
export async function answer(
  checks: readonly Promise<readonly Finding[]>[],
  evidence?: (notices: readonly string[]) => string,
): Promise<Outcome> {
  const { value, findings } = await attempt(() => together(...checks));
  return value === undefined ? sumUpRefusal(findings) : sumUp(value.flat(), evidence);
}

/** Returns the outcome of a refusal: `unknown` unless a finding names a place in a file. */
export function sumUpRefusal(findings: readonly Finding[]): Outcome {
  const outcome = sumUp(findings);
  return findings.every(({ at }) => at === undefined) ? { ...outcome, state: "unknown" } : outcome;
}

/**
 * Returns findings as one outcome. Its evidence is the first error and the number of others, or else
 * the evidence of the pass and the first warning.
 *
 * @param evidence Returns the evidence of a pass from its notices. The default is the last notice,
 *   which is the total in every check that counts.
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

/** The most characters that a line of evidence has. */
const lineLimit = 240;

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > lineLimit ? `${flat.slice(0, lineLimit - 3)}...` : flat;
}
