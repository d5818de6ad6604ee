/**
 * Vintages of reference data: the `const …_VINTAGE` of Rust source, and the newest date or year
 * that each states.
 */

import { type Day, isDay } from "../lib/calendar.ts";
import type { Place } from "../lib/finding.ts";
import type { Source } from "../lib/tree.ts";
import { type RustToken, rustTokens } from "./rust.ts";

/** A constant that says how old the data beside it are. */
export interface Vintage {
  readonly constant: string;
  /** Its text; undefined if it is anything but one text literal of type `&str`. */
  readonly value: string | undefined;
  /** The place of its name. */
  readonly at: Place;
}

/**
 * Reads the vintages that a Rust file declares, in order: `const` or `static`, of any visibility,
 * wherever in the code. What is compiled for tests only (`#[cfg(test)]`) is no reference data.
 *
 * @throws {LocatedSyntaxError} If a comment or a text does not end.
 */
export function readVintages(source: Source): Vintage[] {
  if (!source.text.includes(suffix)) {
    return [];
  }
  const tokens = rustTokens(source);
  const vintages: Vintage[] = [];
  for (let index = 0; index < tokens.length; ) {
    if (stands(tokens, index, testOnly)) {
      index = afterItem(tokens, index + testOnly.length);
      continue;
    }
    const name = tokens[index + 1];
    if (isVintage(tokens, index) && name !== undefined) {
      const value = textAfter(tokens, index + 3);
      vintages.push({ constant: name.text, value, at: source.place(name.at) });
    }
    index += 1;
  }
  return vintages;
}

const suffix = "_VINTAGE";
const testOnly = ["#", "[", "cfg", "(", "test", ")", "]"];

function isVintage(tokens: readonly RustToken[], index: number): boolean {
  const [keyword, name, colon] = [0, 1, 2].map((each) => tokens[index + each]?.text ?? "");
  return (
    (keyword === "const" || keyword === "static") &&
    name?.endsWith(suffix) === true &&
    colon === ":"
  );
}

/** The text of `&str = "…";`, the lifetime of the reference spelled out or not. */
function textAfter(tokens: readonly RustToken[], index: number): string | undefined {
  const lifetime = tokens[index + 1]?.text.startsWith("'") ? 1 : 0;
  const rest = index + 1 + lifetime;
  return stands(tokens, index, ["&"]) && stands(tokens, rest, ["str", "=", '"', ";"])
    ? tokens[rest + 2]?.value
    : undefined;
}

function stands(tokens: readonly RustToken[], index: number, texts: readonly string[]): boolean {
  return texts.every((text, offset) => tokens[index + offset]?.text === text);
}

/** The index after the item that starts at one: after its `;`, or after its block. */
function afterItem(tokens: readonly RustToken[], start: number): number {
  let depth = 0;
  for (let index = start; index < tokens.length; index += 1) {
    const text = tokens[index]?.text ?? "";
    if ("([{".includes(text)) {
      depth += 1;
    } else if (")]}".includes(text)) {
      depth -= 1;
    }
    if (depth < 0 || (depth === 0 && (text === ";" || text === "}"))) {
      return index + 1;
    }
  }
  return tokens.length;
}

/** A date or a year that a text states, as the days that it can mean. */
export interface StatedTime {
  /** `YYYY-MM-DD` or `YYYY`. */
  readonly text: string;
  /** The same day twice for a date; the first and the last one of a year. */
  readonly first: Day;
  readonly last: Day;
}

/**
 * A date is `YYYY-MM-DD`; a text of that shape that is no real day is no year either. A year is four
 * digits from 1900 to 2099 that stand alone, which those in longer numbers, names and versions such
 * as 1.2024.3 do not. A fiscal year is the year that it is named after, as in FY25.
 */
const time =
  /(?<![0-9])(?<date>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2})(?![0-9])|(?<![\p{L}\p{N}_]\.?)(?:FY(?<fiscal>(?:19|20)?[0-9]{2})|(?<year>(?:19|20)[0-9]{2}))(?!\.?[\p{L}\p{N}_])/gu;

/**
 * The newest date or year that a text states, or undefined if it states none. Of a year and a date
 * in that year the date counts, as it says more.
 */
export function findNewestTime(text: string): StatedTime | undefined {
  let newest: StatedTime | undefined;
  for (const { groups } of text.matchAll(time)) {
    const stated = timeOf(groups ?? {});
    // As texts, times compare in their order, and a date after its year.
    if (stated !== undefined && (newest === undefined || stated.text > newest.text)) {
      newest = stated;
    }
  }
  return newest;
}

function timeOf(groups: Readonly<Record<string, string | undefined>>): StatedTime | undefined {
  const { date, fiscal = "", year = fiscal.length === 2 ? `20${fiscal}` : fiscal } = groups;
  if (date === undefined) {
    return { text: year, first: `${year}-01-01` as Day, last: `${year}-12-31` as Day };
  }
  return isDay(date) ? { text: date, first: date, last: date } : undefined;
}
