/** What a check found, on one line. */

import { type Finding, isPass } from "../lib/finding.ts";
import type { Outcome } from "./facts.ts";

/** Characters that a line of evidence has at most. */
const lineLimit = 240;

/** A text on one line, cut where it is long. */
export function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > lineLimit ? `${flat.slice(0, lineLimit - 3)}...` : flat;
}

/**
 * The outcome of a check: its first error and how many more there are, or else its evidence.
 *
 * @param evidence The evidence of a pass, from its notices; by default the last of them, which in
 *   every check that counts is the sum.
 */
export function outcomeOf(
  findings: readonly Finding[],
  evidence: (notices: readonly string[]) => string = (notices) => notices.at(-1) ?? "",
): Outcome {
  const errors = findings.filter(({ level }) => level === "error");
  const [first] = errors;
  if (first !== undefined) {
    return { verdict: "refused", evidence: withRest(first.message, errors), ...wayOut(first) };
  }
  if (!isPass(findings)) {
    return { verdict: "unanswered", evidence: "the check gave no evidence" };
  }
  const notices = findings.filter(({ level }) => level === "notice");
  const warnings = findings.filter(({ level }) => level === "warning");
  const caution = warnings[0] && `; caution: ${withRest(warnings[0].message, warnings)}`;
  const passed = evidence(notices.map(({ message }) => message));
  return { verdict: "passed", evidence: `${oneLine(passed)}${caution ?? ""}` };
}

function withRest(message: string, all: readonly Finding[]): string {
  const more = all.length - 1;
  return `${oneLine(message)}${more > 0 ? ` (and ${more} more)` : ""}`;
}

const wayOut = ({ remedy }: Finding) => (remedy === undefined ? {} : { remedy });
