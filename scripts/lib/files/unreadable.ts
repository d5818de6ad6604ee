/** Explains why a document or a value cannot be read. It is loaded only for faults. */

import { LocatedSyntaxError, quote } from "../finding.ts";
import type { Source } from "../tree.ts";

type Parser = (text: string) => unknown;

/**
 * Refuses a text for which the runtime's parser is too slow, or that other parsers read
 * differently.
 *
 * @throws {LocatedSyntaxError} If the text is refused.
 */
export function refuseHazards(source: Source, language: string, parse: Parser): void {
  if (language === "TOML") {
    refuseManyKeys(source);
  } else {
    refuseLineBreaks(source);
    refuseRepetition(source, parse);
  }
}

/** The most pairs of keys that the runtime may compare to parse a TOML document: some seconds. */
const keyPairs = 1_000_000_000;

/** Refuses TOML with too many keys: the runtime compares each key of a table with all others. */
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
 * Refuses characters that end a line in YAML 1.1, but not in 1.2: after one of them, a comment of
 * the runtime's parser may be a key for another parser.
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

/** The most characters that aliases may add to the parsed document. */
const mostAdded = 1_000_000;
/** The most characters that aliases may add during a parse, if each one adds the whole text. */
const mostRepeated = 50_000_000;

/** Refuses YAML whose aliases make it infinite, or much larger than its text. */
function refuseRepetition({ path, text, place }: Source, parse: Parser): void {
  const anchors = new Set(Array.from(text.matchAll(/&([^\s,[\]{}]+)/g), ([, name]) => name));
  const aliases = Array.from(text.matchAll(/\*([^\s,[\]{}]+)/g), ([, name]) => name);
  const count = aliases.filter((name) => anchors.has(name)).length;
  // The runtime's parser copies the value of each alias.
  let left = count * text.length > mostRepeated ? -1 : text.length + mostAdded;
  const open: unknown[] = [];
  try {
    open.push(left < 0 ? undefined : parse(text));
  } catch {
    return;
  }
  while (open.length > 0 && left >= 0) {
    const value = open.pop();
    left -= typeof value === "string" ? value.length + 1 : 1;
    if (typeof value === "object" && value !== null) {
      const keys = Object.keys(value);
      left -= Array.isArray(value) ? keys.length : keys.join(" ").length;
      open.push(...(left < 0 ? [] : Object.values(value)));
    }
  }
  if (left < 0) {
    throw new LocatedSyntaxError(
      `Cannot read ${path}: found aliases that make it infinite, or add more than ${mostAdded} characters`,
      place(),
      `Write the values of ${path} out, without aliases`,
    );
  }
}

/** @throws {LocatedSyntaxError} If the data of a YAML file is not one mapping. */
export function refuseOtherThanMapping({ path, place }: Source, data: unknown): void {
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    const found = Array.isArray(data)
      ? "a list or several documents"
      : data === null
        ? "nothing"
        : "a single value";
    throw new LocatedSyntaxError(
      `Cannot read ${path}: found ${found}, expected one YAML mapping`,
      place(),
      "Make the file one document of `key: value` lines",
    );
  }
}

/** Returns the error for a text that a parser refuses. */
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
  // A truncated JSON text is never legal, so the place cannot be found.
  const offset = name === "JSON" ? undefined : errorOffset(source.text, parse);
  return new LocatedSyntaxError(
    `Cannot read ${source.path}: not valid ${name}: ${why}`,
    source.place(offset),
    isTooDeep
      ? `Nest the values of ${source.path} less deeply`
      : `Correct the syntax of ${source.path}`,
  );
}

/** The most lines of a statement in which to search for the illegal one. */
const longestStatement = 400;

/**
 * Returns the offset of the line that makes a text illegal: the one after the longest legal run of
 * lines from the top. The runtime's errors do not have this place.
 */
function errorOffset(text: string, parse: Parser): number {
  function isLegal(end: number): boolean {
    try {
      return parse(text.slice(0, end)) !== undefined;
    } catch {
      return false;
    }
  }

  const lines = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  // A run that ends within a statement is illegal, so a binary search finds the statement first.
  const statements = [0, ...lines.filter((start) => /[A-Za-z[]/.test(text[start] ?? ""))];
  let low = 0;
  let high = statements.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (isLegal(statements[middle] ?? 0)) {
      low = middle;
    } else {
      high = middle;
    }
  }
  const [start = 0, end = text.length] = [statements[low], statements[high]];
  const inside = lines.filter((line) => line >= start && line < end).slice(0, longestStatement);
  return inside.findLast(isLegal) ?? start;
}

/** Returns a description of a value, for a message about a wrong type. */
export function describeValue(value: unknown, language: "TOML" | "YAML"): string {
  const isToml = language === "TOML";
  if (typeof value === "string") {
    return quote(value);
  }
  if (typeof value === "object" && value !== null) {
    const isDate = Object.getPrototypeOf(value) !== Object.prototype;
    const table = isToml ? "a table" : "a mapping";
    return Array.isArray(value) ? (isToml ? "an array" : "a list") : isDate ? "a date" : table;
  }
  if (typeof value === "boolean") {
    return `the boolean ${value}`;
  }
  // A file of YAML may well say 1.10 where its author means no number.
  const number = isToml ? `the number ${value}` : `a number, which YAML reads as ${value}`;
  return value === null || value === undefined ? "nothing" : number;
}
