/** Explains why a document cannot be read, with the place at fault. A sound document needs none of it. */

import { LocatedSyntaxError } from "../finding.ts";
import type { Source } from "../tree.ts";

type Parser = (text: string) => unknown;

/**
 * Refuses a text that the runtime's parser would read for too long, or otherwise than other parsers.
 *
 * @throws {LocatedSyntaxError} If it is such a text.
 */
export function refuseHazards(source: Source, language: string, parse: Parser): void {
  if (language === "TOML") {
    refuseManyKeys(source);
  } else {
    refuseLineBreaks(source);
    refuseRepetition(source, parse);
  }
}

/** How many pairs of keys the runtime may compare to parse a TOML document: some seconds. */
const keyPairs = 1_000_000_000;

/** The runtime compares each key of a table of TOML with all others. */
function refuseManyKeys({ path, text, place }: Source): void {
  const names = new Set<string>();
  let keys = 0;
  for (const [, name = "", end] of text.matchAll(
    /("[^"\n]*"|'[^'\n]*'|[^\s"'=,{}[\].]+)[ \t]*([=.\]])?/g,
  )) {
    if (end !== undefined) {
      keys += 1;
      names.add(name);
    }
  }
  if (keys * names.size > keyPairs) {
    throw new LocatedSyntaxError(
      `Cannot read ${path}: found ${keys} keys of ${names.size} names, expected at most ${Math.floor(Math.sqrt(keyPairs))}`,
      place(),
      `Remove what does not belong into ${path}`,
    );
  }
}

/**
 * Refuses what ends a line in YAML 1.1 and not in 1.2: what is a comment for the runtime's parser
 * may go on as a key for another.
 *
 * @throws {LocatedSyntaxError} If the text has such a character.
 */
export function refuseLineBreaks({ path, text, place }: Source): void {
  const index = text.search(/[\u0085\u2028\u2029\ufeff]/);
  if (index >= 0) {
    const code = text.charCodeAt(index).toString(16).toUpperCase().padStart(4, "0");
    throw new LocatedSyntaxError(
      `Cannot read ${path}: found the character U+${code}, which some parsers read as a line break`,
      place(index),
      "Remove it, or write it as an escape in double quotes",
    );
  }
}

/** How many characters aliases may add to a document of YAML. */
const aliased = 1_000_000;

/** Refuses YAML whose aliases make it infinite, or much larger than its text. */
function refuseRepetition({ path, text, place }: Source, parse: Parser): void {
  let left = text.length + aliased;
  const open: unknown[] = [];
  try {
    open.push(parse(text));
  } catch {
    return;
  }
  while (open.length > 0) {
    const value = open.pop();
    left -= typeof value === "string" ? value.length + 1 : 1;
    if (typeof value === "object" && value !== null) {
      const entries = Object.entries(value);
      left -= entries.length;
      for (const [key, each] of left < 0 ? [] : entries) {
        left -= Array.isArray(value) ? 0 : key.length;
        open.push(each);
      }
    }
    if (left < 0) {
      throw new LocatedSyntaxError(
        `Cannot read ${path}: found aliases that make it infinite, or add more than ${aliased} characters`,
        place(),
        `Write the values of ${path} out, without aliases`,
      );
    }
  }
}

/** Returns the error about a text that a parser refuses. */
export function unreadable(
  source: Source,
  name: string,
  parse: Parser,
  thrown: unknown,
): LocatedSyntaxError {
  const isTooDeep = thrown instanceof RangeError;
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  const why = isTooDeep
    ? "nested too deeply"
    : words.replace(/^(?:TOML|YAML|JSON) Parse error: /, "");
  // A text of JSON that is cut short is never legal.
  const offset = name === "JSON" ? undefined : errorOffset(source.text, parse);
  return new LocatedSyntaxError(
    `Cannot read ${source.path}: not valid ${name}: ${why}`,
    source.place(offset),
    isTooDeep
      ? `Nest the values of ${source.path} less deeply`
      : `Correct the syntax of ${source.path}`,
  );
}

/** How many lines one statement may span for a syntax error after it to be found. */
const longestStatement = 400;
/** How much may be parsed to find an error, as a sum of squared lengths: about a second's work. */
const mostParsed = 1e12;

/**
 * Returns the offset of the line or statement that makes a text illegal: the one after the longest
 * run of lines from the top that still parses. The runtime's errors carry the place of the call
 * instead. Undefined if it takes too long to find.
 */
function errorOffset(text: string, parse: Parser): number | undefined {
  const ends = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  let left = mostParsed;

  function isLegal(index: number): boolean {
    const end = ends[index] ?? 0;
    left -= end ** 2;
    try {
      return left < 0 || parse(text.slice(0, end)) !== undefined;
    } catch {
      return false;
    }
  }

  /** Returns the last index of a legal run, from a legal one on, by halving. */
  function boundary(from: number): number {
    let low = from;
    let high = ends.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (isLegal(middle)) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // Runs that end within a statement are illegal, too, and mislead the halving: look further on.
  let last = boundary(0);
  for (let next = last + 2; next < Math.min(ends.length, last + longestStatement); next += 1) {
    if (isLegal(next)) {
      last = boundary(next);
      next = last + 1;
    }
  }
  return left < 0 ? undefined : ends[last];
}
