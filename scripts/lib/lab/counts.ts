/** The counts that a step of the lab run reports, such as `10/10 scenarios pass`. */

import { stripVTControlCharacters } from "node:util";

/** How many of how many. */
export interface Count {
  readonly passed: bigint;
  readonly total: bigint;
}

/**
 * The counts in an output, in order: digits, a slash and digits before the given words, in any
 * case. Colours and other escape sequences are no part of them. A complete count behind the word
 * "expected" in its line is what a step hopes for, not what it found, and one that is joined to a
 * word may be something else; an incomplete count is always a fault.
 */
export function findCounts(output: string, words: string): Count[] {
  const phrase = words.split(" ").map(escapeRegExp).join("\\s+");
  const pattern = new RegExp(`(?<!\\d)(\\d+)\\s*/\\s*(\\d+)\\s+${phrase}(?!\\w)`, "gi");
  return plainLines(output).flatMap((line) =>
    [...line.matchAll(pattern)]
      .map((match) => ({
        passed: BigInt(match[1] ?? 0),
        total: BigInt(match[2] ?? 0),
        joined: /[\w./-]$/.test(line.slice(0, match.index)),
        hoped: /\bexpect(?:ed|s|ing)?\b/i.test(line.slice(0, match.index)),
      }))
      .filter((each) => !((each.hoped || each.joined) && isComplete(each)))
      .map(({ passed, total }) => ({ passed, total })),
  );
}

/** Whether a count is all of at least one. */
function isComplete({ passed, total }: Count): boolean {
  return total > 0n && passed === total;
}

/**
 * Why counts are no pass, or undefined if they are: there must be one, and each must be all of at
 * least one. A later count does not mend an earlier one, for an output cannot tell a repetition
 * from another set of scenarios.
 */
export function faultOf(counts: readonly Count[], words: string): string | undefined {
  if (counts.length === 0) {
    return `it reports no count of "${words}"`;
  }
  const short = counts.filter((each) => !isComplete(each)).map((each) => countText(each));
  return short.length === 0
    ? undefined
    : `it reports ${short.slice(0, namedCounts).join(", ")} ${words}`;
}

/** How many counts a message names. */
const namedCounts = 5;

/** A count as the lab writes it. */
export function countText({ passed, total }: Count): string {
  return `${passed}/${total}`;
}

/** The lines of an output as text: without escape sequences; a carriage return ends one, too. */
export function plainLines(output: string): string[] {
  return stripVTControlCharacters(output).split(/\r?\n|\r/);
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
