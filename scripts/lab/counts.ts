/** The counts that a step of the lab run reports, such as `10/10 scenarios pass`. */

import { stripVTControlCharacters } from "node:util";

/** How many of how many. */
export interface Count {
  readonly passed: bigint;
  readonly total: bigint;
}

/** What was read of a step's output. */
export interface Tally {
  /** In their order; of very many, the first ones, and an incomplete one if there is any. */
  readonly counts: readonly Count[];
  /** Whether a line was too long to be read. */
  readonly overlong: boolean;
}

/** Characters of a line in which counts are read. */
const longestLine = 2 ** 24;

/** How many counts are kept. */
const keptCounts = 1000;

/**
 * Reads the counts in an output that comes in pieces, of which no more is held than a line: digits,
 * a slash and digits before the given words, in any case. Colours and other escape sequences are no
 * part of them. A complete count that its line states as a hope is not a result, and one that is
 * joined to a word may be something else; an incomplete count is always a fault.
 */
export async function readCounts(
  pieces: Iterable<string> | AsyncIterable<string>,
  words: string,
  longest = longestLine,
): Promise<Tally> {
  const phrase = words.split(" ").map(escapeRegExp).join("\\s+");
  const pattern = new RegExp(`(?<!\\d)(\\d+)\\s*/\\s*(\\d+)\\s+${phrase}(?!\\w)`, "gi");
  const counts: Count[] = [];
  let complete = true;
  let overlong = false;
  let line = "";
  function endLine(): void {
    overlong ||= line.length > longest;
    for (const count of line.length > longest ? [] : countsIn(line, pattern)) {
      // One incomplete count decides, wherever it stands; of more of either kind nothing depends.
      if (counts.length < keptCounts || (complete && !isComplete(count))) {
        counts.push(count);
        complete &&= isComplete(count);
      }
    }
    line = "";
  }
  for await (const piece of pieces) {
    for (const [index, part] of piece.split(lineEnd).entries()) {
      if (index > 0) {
        endLine();
      }
      if (line.length <= longest) {
        line += part;
      }
    }
  }
  endLine();
  return { counts, overlong };
}

/**
 * Words that make the count right behind them something else than a result. How the lab words its
 * results is not ours to say, so this knows hopes, and takes every other count for a result.
 */
const hope =
  /\b(?:goals?|targets?|aims?|wants?|wanted|needs?|needed|requires?|required|should|must|hopes?|until|unless|if|when|whether|not)\b(?:[\s"'`:=>(-]|\b(?:is|be|are|all|that|at least)\b){0,20}$/i;

/** Characters before a count in which such a word is looked for. */
const hopeColumns = 60;

/** The counts in one line. */
function countsIn(raw: string, pattern: RegExp): Count[] {
  const line = stripVTControlCharacters(raw);
  const expected = line.search(/\bexpect(?:ed|s|ing)?\b/i);
  return [...line.matchAll(pattern)]
    .map((match) => ({
      passed: BigInt(match[1] ?? 0),
      total: BigInt(match[2] ?? 0),
      joined: /[\w./-]/.test(line.charAt(match.index - 1)),
      hoped:
        (expected !== -1 && expected < match.index) ||
        hope.test(line.slice(Math.max(0, match.index - hopeColumns), match.index)),
    }))
    .filter((each) => !((each.hoped || each.joined) && isComplete(each)))
    .map(({ passed, total }) => ({ passed, total }));
}

/** Whether a count is all of at least one. */
function isComplete({ passed, total }: Count): boolean {
  return total > 0n && passed === total;
}

/**
 * Why counts are no pass, or undefined if they are: there must be one, each must be all of at least
 * one, and every line must have been read. A later count does not mend an earlier one, for an output
 * cannot tell a repetition from another set of scenarios.
 */
export function faultOf({ counts, overlong }: Tally, words: string): string | undefined {
  const short = counts.filter((each) => !isComplete(each)).map((each) => countText(each));
  const faults = [
    counts.length === 0 ? `it reports no count of "${words}"` : undefined,
    short.length === 0
      ? undefined
      : `it reports ${short.slice(0, namedCounts).join(", ")} ${words}`,
    overlong
      ? `it writes a line of more than ${longestLine} characters, in which no count is read`
      : undefined,
  ];
  return faults.filter((each) => each !== undefined).join("; ") || undefined;
}

/** How many counts a message names. */
const namedCounts = 5;

/** A count as the lab writes it. */
export function countText({ passed, total }: Count): string {
  return `${passed}/${total}`;
}

/** A carriage return ends a line, too: what follows it is written over the line. */
const lineEnd = /\r?\n|\r/;

/** The lines of an output as text, without escape sequences. */
export function plainLines(output: string): string[] {
  return stripVTControlCharacters(output).split(lineEnd);
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
