/**
 * Parses TOML, YAML and JSON documents with the runtime's parsers.
 *
 * Two modules are loaded late, because a valid document does not need them: `places.ts` finds the
 * places of keys and values, and `unreadable.ts` explains syntax errors.
 */

import type { Place } from "../finding.ts";
import { type Source, source as sourceOf } from "../tree.ts";

/** Keys and array indices from the top of a document to a value. */
export type Path = readonly (string | number)[];

/** A parsed document. */
export interface Document {
  readonly source: Source;
  /** The parsed value of the whole document. */
  readonly data: unknown;
  /** Returns the value at a path, or undefined if there is none. */
  at(path: Path): unknown;
  /** Returns the place of the key at the end of a path; only the file if it is not found. */
  place(path: Path): Place;
  /**
   * Returns the offsets of every occurrence of the key at the end of a path, in order. In YAML a
   * second one is a duplicate; in TOML a table may have many headers.
   *
   * @throws {LocatedSyntaxError} If an occurrence cannot be found, for example one with escapes.
   */
  keyOffsets(path: Path): readonly number[];
  /** Returns the offsets of a text as a whole word in the string at a path. */
  textOffsets(path: Path, text: string): readonly number[];
  /**
   * Parses another text for the same file in the same language.
   *
   * @throws {LocatedSyntaxError} If the text is not legal.
   */
  withText(text: string): Document;
}

interface Language {
  readonly name: string;
  readonly parse: (text: string) => unknown;
  /** Reports whether `refuseHazards` may refuse a text. */
  readonly isSuspect: (text: string) => boolean;
  /** The parsed documents. Commits with the same file often share one source. */
  readonly parsed: WeakMap<Source, Document>;
}

const toml: Language = {
  name: "TOML",
  parse: Bun.TOML.parse,
  // Shorter texts have too few keys to make the runtime's parser slow.
  isSuspect: ({ length }) => length > 150_000,
  parsed: new WeakMap(),
};
const yaml: Language = {
  name: "YAML",
  parse: Bun.YAML.parse,
  // An alias, or a character that other parsers read as a line break.
  isSuspect: (text) => /[\u0085\u2028\u2029\ufeff]|(?:^|[\s[{,:])\*\S/.test(text),
  parsed: new WeakMap(),
};
const json: Language = {
  name: "JSON",
  parse: JSON.parse,
  isSuspect: () => false,
  parsed: new WeakMap(),
};

/**
 * Parses TOML 1.0.
 *
 * @throws {LocatedSyntaxError} If the text is not TOML, with the place of the illegal statement, or
 *   if it has more keys than the runtime can parse in seconds.
 */
export const parseToml = (source: Source): Document => documentOf(source, toml);

/**
 * Parses one YAML 1.2 document. Of duplicate keys the data has the last one; `keyOffsets` finds
 * all.
 *
 * @throws {LocatedSyntaxError} If the text is not YAML, with the illegal line, if its aliases make
 *   it infinite or huge, or if it has a character that other parsers read as a line break.
 */
export const parseYaml = (source: Source): Document => documentOf(source, yaml);

/**
 * Parses JSON. Of duplicate keys the data has the last one.
 *
 * @throws {LocatedSyntaxError} If the text is not JSON; the place is only the file.
 */
export const parseJson = (source: Source): Document => documentOf(source, json);

function documentOf(source: Source, language: Language): Document {
  const document = language.parsed.get(source) ?? parseDocument(source, language);
  language.parsed.set(source, document);
  return document;
}

function parseDocument(source: Source, language: Language): Document {
  const data = parsedData(source, language);
  let found: ReturnType<typeof import("./places.ts").placesIn> | undefined;
  function places() {
    const late = () => require("./places.ts") as typeof import("./places.ts");
    found ??= late().placesIn(source, data, language.parse);
    return found;
  }
  return {
    source,
    data,
    at: (path) => valueAt(data, path),
    place: (path) => places().place(path),
    keyOffsets: (path) => places().keyOffsets(path),
    textOffsets: (path, text) => places().textOffsets(path, text),
    withText: (text) => documentOf(sourceOf(source.path, text), language),
  };
}

function parsedData(source: Source, { name, parse, isSuspect }: Language): unknown {
  const late = () => require("./unreadable.ts") as typeof import("./unreadable.ts");
  if (isSuspect(source.text)) {
    late().refuseHazards(source, name, parse);
  }
  try {
    return parse(source.text);
  } catch (thrown) {
    throw late().unreadable(source, name, parse, thrown);
  }
}

function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const key of path) {
    const isThere =
      typeof key === "number"
        ? Array.isArray(value) && key in value
        : Object.hasOwn(asTable(value) ?? {}, key);
    value = isThere ? (value as Record<string | number, unknown>)[key] : undefined;
  }
  return value;
}

/** Returns a value if it is a table (a plain object, not an array or a date), else undefined. */
export function asTable(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype
    ? (value as Record<string, unknown>)
    : undefined;
}
