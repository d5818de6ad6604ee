/** The counts that a step of the lab run reports, such as `10/10 scenarios pass`. */

import { stripVTControlCharacters } from "node:util";

/** A carriage return ends a line, too: what follows it is written over the line. */
const lineEnd = /\r?\n|\r/;

/** Returns the lines of an output as text, without escape sequences. */
export function plainLines(output: string): string[] {
  return stripVTControlCharacters(output).split(lineEnd);
}

/**
 * Words right before a count that make it something other than a result. The lab words its results
 * as it likes, so this knows words of hope, and takes every other count for a result.
 */
const hope =
  /\b(?:goals?|targets?|aims?|wants?|wanted|needs?|needed|requires?|required|should|must|hopes?|until|unless|if|when|whether|not)\b(?:[\s"'`:=>(-]|\b(?:is|be|are|all|that|at least)\b){0,20}$/i;

/** Characters before a count in which such a word is looked for. */
const hopeColumns = 60;

/**
 * Returns the counts in an output, such as `10/10`: digits, a slash and digits before the given
 * words, in any case. A complete count that its line states as a hope is not a result, and one that
 * is joined to a word may be something else; an incomplete count always counts.
 */
export function readCounts(output: string, words: string): string[] {
  const phrase = words.split(" ").join("\\s+");
  const pattern = new RegExp(`(?<!\\d)(\\d+)\\s*/\\s*(\\d+)\\s+${phrase}(?!\\w)`, "gi");
  return plainLines(output).flatMap((line) => {
    const expected = line.search(/\bexpect(?:ed|s|ing)?\b/i);
    return [...line.matchAll(pattern)].flatMap(({ index, 1: passed, 2: total }) => {
      const count = `${passed}/${total}`;
      const isHope =
        (expected !== -1 && expected < index) ||
        hope.test(line.slice(Math.max(0, index - hopeColumns), index));
      const isJoined = /[\w./-]/.test(line.charAt(index - 1));
      return (isHope || isJoined) && isComplete(count) ? [] : [count];
    });
  });
}

/** Reports whether a count is all of at least one. */
function isComplete(count: string): boolean {
  return /^([1-9]\d*)\/\1$/.test(count);
}

/** How many counts a message names. */
const namedCounts = 5;

/**
 * Returns why counts fail a step, or undefined if they pass: there must be one, and each must be all
 * of at least one. A later count never overrides an earlier failure, for an output cannot tell a
 * repetition from another set of scenarios.
 */
export function faultOf(counts: readonly string[], words: string): string | undefined {
  if (counts.length === 0) {
    return `it reports no count of "${words}"`;
  }
  const short = counts.filter((count) => !isComplete(count)).slice(0, namedCounts);
  return short.length === 0 ? undefined : `it reports ${short.join(", ")} ${words}`;
}
