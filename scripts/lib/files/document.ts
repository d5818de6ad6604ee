/**
 * TOML, YAML and JSON documents: the data from the runtime's parsers, the places from asking them again.
 *
 * The runtime's parsers tell values but no positions. A place is found by renaming every occurrence
 * of a word in the text, each with its own offset, and parsing again: where the renamed word turns
 * up in the data is what that occurrence means. So the parser itself decides what is a key, a
 * value, a comment or a decoy, in any legal spelling, and this file knows no grammar. Names that
 * are spelled with escapes have no place, nor has a word that cannot be renamed everywhere.
 */

import { LocatedSyntaxError, type Place, quote } from "../finding.ts";
import { type Source, source as sourceOf } from "../tree.ts";
import { finderIn } from "./find.ts";

/** Keys and array indices from the top of a document to a value. */
export type Path = readonly (string | number)[];

/** A parsed document that knows where its keys and texts stand. */
export interface Document {
  readonly source: Source;
  /** The parsed value of the whole document. */
  readonly data: unknown;
  /** The value at a path, or undefined if there is none. */
  at(path: Path): unknown;
  /** Where the key at the end of a path is written; the file alone if that cannot be told. */
  place(path: Path): Place;
  /**
   * Offsets of every spelling of that key, in order. More than one means duplicates in YAML; a
   * table of TOML may have many headers.
   *
   * @throws {LocatedSyntaxError} If the key has a spelling that cannot be found, with escapes say.
   */
  keyOffsets(path: Path): readonly number[];
  /** Offsets at which a text stands, not cut out of a longer word, in the string at a path. */
  textOffsets(path: Path, text: string): readonly number[];
  /**
   * The document that the same file would be with another text.
   *
   * @throws {LocatedSyntaxError} If the text is not of the document's language.
   */
  withText(text: string): Document;
}

/**
 * Parses TOML 1.0.
 *
 * @throws {LocatedSyntaxError} If the text is not TOML, with the place of the statement at fault;
 * or if it holds more keys than the runtime can parse in seconds.
 */
export function parseToml(source: Source): Document {
  return documentOf(source, languages.toml);
}

/**
 * Parses one YAML 1.2 document. Of duplicate keys the last one counts: ask `keyOffsets`.
 *
 * @throws {LocatedSyntaxError} If the text is not YAML, an alias makes it infinite or huge, or it
 * holds a character that other parsers read as a line break; with the line at fault.
 */
export function parseYaml(source: Source): Document {
  return documentOf(source, languages.yaml);
}

/**
 * Parses JSON. Of duplicate keys the last one counts.
 *
 * @throws {LocatedSyntaxError} If the text is not JSON; the place is the file alone.
 */
export function parseJson(source: Source): Document {
  return documentOf(source, languages.json);
}

type Parser = (text: string) => unknown;

interface Language {
  readonly name: string;
  readonly parse: Parser;
  /** Whether a text that is cut after a statement is still legal: only then errors have places. */
  readonly isLegalInParts: boolean;
  /** Refuses what the parser would read for too long, or otherwise than other parsers. */
  readonly guard: (source: Source) => void;
  /** What was parsed already: one file of many commits is often one source. */
  readonly parsed: WeakMap<Source, Document>;
}

const languages = {
  toml: language("TOML", Bun.TOML.parse, true, refuseManyKeys),
  yaml: language("YAML", parseFinite, true, refuseLineBreaks),
  json: language("JSON", JSON.parse, false),
};

function language(
  name: string,
  parse: Parser,
  isLegalInParts: boolean,
  guard: Language["guard"] = () => {},
): Language {
  return { name, parse, isLegalInParts, guard, parsed: new WeakMap() };
}

function documentOf(source: Source, language: Language): Document {
  const document = language.parsed.get(source) ?? parseDocument(source, language);
  language.parsed.set(source, document);
  return document;
}

function parseDocument(source: Source, language: Language): Document {
  const { text } = source;
  const data = parseOrExplain(source, language);
  const marker = markerFor(text);
  const variants = new Map<string, unknown>();
  let budget = placeBudget;

  /** The data of the text in which every occurrence of a word is marked; undefined if there is none. */
  function renamed(word: string): unknown {
    if (!variants.has(word)) {
      const [oldest = ""] = variants.keys();
      variants.delete(variants.size < keptVariants ? "" : oldest);
      budget -= parseCost(text.length);
      variants.set(word, budget < 0 ? undefined : parseMarked(text, word, marker, language.parse));
    }
    return variants.get(word);
  }

  function keysOf(path: Path): readonly string[] | undefined {
    const key = path.at(-1);
    if (typeof key !== "string" || key === "" || descend(data, path).length === 0) {
      return [];
    }
    const variant = renamed(key);
    const names = descend(variant, path.slice(0, -1), marker).flatMap((parent) =>
      marker.namesIn(asTable(parent) ?? {}, key),
    );
    // A spelling that is still there without a mark cannot be told.
    return variant === undefined || names.includes(key) ? undefined : names;
  }

  const offsetsOf = (path: Path) => {
    const names = keysOf(path);
    return names && marker.offsetsIn(names, String(path.at(-1)));
  };

  return {
    source,
    data,
    at: (path) => descend(data, path)[0],
    place: (path) => source.place(offsetsOf(path)?.[0]),
    keyOffsets(path) {
      const offsets = offsetsOf(path);
      if (offsets === undefined) {
        throw new LocatedSyntaxError(
          `Cannot tell where key ${quote(path.join("."))} is written in ${source.path}: found it in a rare spelling`,
          source.place(),
          "Write the key plainly, without escapes, anchors or aliases",
        );
      }
      return offsets;
    },
    textOffsets(path, text) {
      const isText = (value: unknown): value is string => typeof value === "string";
      const isThere = descend(data, path).some(
        (value) => isText(value) && finderIn(value)(text) >= 0,
      );
      return text !== "" && isThere
        ? marker.offsetsIn(descend(renamed(text), path, marker).filter(isText), text)
        : [];
    },
    withText: (text) => parseDocument(sourceOf(source.path, text), language),
  };
}

/** A value of the wrong kind, for a message. */
export function described(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      return `a number, which YAML reads as ${value}`;
    case "boolean":
      return `the boolean ${value}`;
    default:
      return value === null || value === undefined
        ? "nothing"
        : Array.isArray(value)
          ? "a list"
          : "a mapping";
  }
}

/**
 * The place of an offset into the text at a path, or else of its key.
 *
 * @param text The whole text at that path.
 */
export function placeInside(document: Document, path: Path, text: string, offset: number): Place {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const [line = ""] = text.slice(start).split("\n", 1);
  const words = line.trim();
  const indent = line.indexOf(words);
  // The same words may be in the text more than once: they come in the same order in both.
  const inner = occurrences(text, words);
  const outer = document.textOffsets(path, words);
  const found = outer[inner.indexOf(start + indent)];
  return found === undefined || outer.length !== inner.length
    ? document.place(path)
    : document.source.place(found + Math.max(0, offset - start - indent));
}

/**
 * The object that a JSON text from a server is; it has no place in a file.
 *
 * @param what The object in words, for the message.
 * @throws {SyntaxError} If the text is no JSON, or no object.
 */
export function parseJsonTable(text: string, what: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SyntaxError(`expected a JSON ${what}, found text that is no JSON`);
  }
  const table = asTable(value);
  if (table === undefined) {
    throw new SyntaxError(`expected a JSON ${what}, found no object`);
  }
  return table;
}

/** A table of a document: a plain object, no array and no date. */
export function asTable(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype
    ? (value as Record<string, unknown>)
    : undefined;
}

/** Marks words with their offsets, and reads the marks back. */
interface Marker {
  /** A marked word: still a legal bare key of TOML and plain scalar of YAML. */
  mark(word: string, offset: number): string;
  unmark(text: string): string;
  /** The marked and unmarked spellings of a key in a table. */
  namesIn(table: Readonly<Record<string, unknown>>, key: string): readonly string[];
  /** The offsets that the marks of a word carry in texts. */
  offsetsIn(texts: readonly string[], word: string): readonly number[];
}

/** The marks depend on the text, so that no text can hold what looks like its own marks. */
function markerFor(text: string): Marker {
  const token = `-at-${Bun.hash(text).toString(36)}-`;
  const marks = new RegExp(`${token}([0-9]+)-`, "g");
  const names = new WeakMap<object, Map<string, string[]>>();
  // A mark behind a colon or a quote would be no part of the scalar.
  const parts = (word: string) => {
    let end = word.length;
    while (end > 0 && !/[A-Za-z0-9_]/.test(word[end - 1] ?? "")) {
      end -= 1;
    }
    return [word.slice(0, end || word.length), end === 0 ? "" : word.slice(end)] as const;
  };
  const unmark = (marked: string) => (marked.includes(token) ? marked.replace(marks, "") : marked);
  return {
    mark(word, offset) {
      const [head, tail] = parts(word);
      return `${head}${token}${offset}-${tail}`;
    },
    unmark,
    namesIn(table, key) {
      const known = names.get(table) ?? Map.groupBy(Object.keys(table), unmark);
      names.set(table, known);
      return known.get(key) ?? [];
    },
    offsetsIn(texts, word) {
      const [head, tail] = parts(word);
      const offsets = new Set<number>();
      for (const marked of texts) {
        for (const match of marked.matchAll(marks)) {
          const end = match.index + match[0].length;
          if (marked.endsWith(head, match.index) && marked.startsWith(tail, end)) {
            offsets.add(Number(match[1]));
          }
        }
      }
      return [...offsets].sort((a, b) => a - b);
    },
  };
}

/** How many variants of a document are kept: each is as large as the document. */
const keptVariants = 8;

/**
 * How much may be parsed to find the places of one document, as a sum of costs. Parsing TOML takes
 * time that grows with the square of the length in the worst case, so the cost of one parse does
 * too: the budget is about a second.
 */
const placeBudget = 40_000_000;
const parseCost = (length: number) => length + (length * length) / 64_000;

/** Parses a text in which a word is marked, but for anchors and aliases: they have to agree. */
function parseMarked(text: string, word: string, marker: Marker, parse: Parser): unknown {
  const offsets = occurrences(text, word).filter((offset) => !/[&*]/.test(text[offset - 1] ?? ""));
  try {
    return parse(markAll(text, word, offsets, marker));
  } catch {
    return undefined;
  }
}

/** The offsets at which a word stands in a text, not as a part of a longer word; none of no word. */
export function occurrences(text: string, word: string): number[] {
  const offsets: number[] = [];
  if (word === "") {
    return offsets;
  }
  const inWord = /[A-Za-z0-9_-]/;
  const find = finderIn(text);
  for (let at = find(word); at >= 0; at = find(word, at + word.length)) {
    const before = text[at - 1] ?? " ";
    const after = text[at + word.length] ?? " ";
    const cutsWord =
      (inWord.test(before) && inWord.test(word[0] ?? "")) ||
      (inWord.test(after) && inWord.test(word.at(-1) ?? ""));
    if (!cutsWord) {
      offsets.push(at);
    }
  }
  return offsets;
}

function markAll(text: string, word: string, offsets: readonly number[], { mark }: Marker): string {
  const parts: string[] = [];
  let from = 0;
  for (const offset of offsets) {
    parts.push(text.slice(from, offset), mark(word, offset));
    from = offset + word.length;
  }
  parts.push(text.slice(from));
  return parts.join("");
}

/**
 * The values at a path. With marks, a key stands for every marked spelling of it; arrays of tables
 * that the marks split are joined again, in the order of the text.
 */
function descend(value: unknown, path: Path, marker?: Marker): unknown[] {
  let values = [value];
  for (const key of path) {
    values =
      typeof key === "number"
        ? values.flatMap((each) => (Array.isArray(each) && key in each ? [each[key]] : []))
        : joined(values.flatMap((each) => valuesOf(asTable(each) ?? {}, key, marker)));
  }
  return values;
}

function valuesOf(
  table: Readonly<Record<string, unknown>>,
  key: string,
  marker: Marker | undefined,
): unknown[] {
  const names = marker?.namesIn(table, key) ?? (Object.hasOwn(table, key) ? [key] : []);
  return names.map((name) => table[name]);
}

function joined(values: unknown[]): unknown[] {
  return values.length > 1 && values.every(Array.isArray) ? [values.flat()] : values;
}

/** How many pairs of keys the runtime may compare to parse a TOML document: some seconds. */
const keyPairs = 1_000_000_000;

/** The runtime compares each key of a table of TOML with all others. */
function refuseManyKeys({ path, text, place }: Source): void {
  // A key that no other key equals takes five bytes and more.
  if ((text.length / 5) ** 2 < keyPairs) {
    return;
  }
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

/** How many values aliases may add to a document of YAML. */
const aliased = 1_000_000;

/** Parses YAML whose aliases make a finite document that is not much larger than its text. */
function parseFinite(text: string): unknown {
  const data = Bun.YAML.parse(text);
  const sizes = new Map<unknown, number>();

  function sizeOf(value: unknown): number {
    if (typeof value !== "object" || value === null) {
      return typeof value === "string" ? value.length + 1 : 1;
    }
    let size = sizes.get(value);
    if (size === undefined) {
      sizes.set(value, Number.NaN);
      size = Object.entries(value).reduce((sum, [key, each]) => sum + key.length + sizeOf(each), 1);
      sizes.set(value, size);
    }
    if (Number.isNaN(size)) {
      throw new SyntaxError("Alias inside of the value that it stands for");
    }
    return size;
  }

  if (text.includes("*") && sizeOf(data) > text.length + aliased) {
    throw new SyntaxError("Excessive aliasing");
  }
  return data;
}

/**
 * Refuses what ends a line in YAML 1.1 and not in 1.2, or is skipped there at its start: what is a
 * comment for the runtime's parser may go on as a key for another.
 *
 * @throws {LocatedSyntaxError} If such a character stands outside of quotes.
 */
export function refuseLineBreaks({ path, text, place }: Source): void {
  const breaks = /[\u0085\u2028\u2029\ufeff]/g;
  if (!breaks.test(text)) {
    return;
  }
  // Double quotes read `\x41` as one character, single quotes `''`, and all else reads neither.
  const { mark, offsetsIn } = markerFor(text);
  const probe = text.replace(breaks, (_, offset: number) => mark("\\x41''x", offset));
  let data = "";
  try {
    data = JSON.stringify(parseFinite(probe));
  } catch {}
  const inQuotes = new Set(["A''x", "\\\\x41'x"].flatMap((word) => offsetsIn([data], word)));
  for (const { index, 0: found } of text.matchAll(breaks)) {
    if (!inQuotes.has(index)) {
      const code = found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
      throw new LocatedSyntaxError(
        `Cannot read ${path}: found the character U+${code}, expected none outside of quotes, as some parsers read it as a line break`,
        place(index),
        "Remove it, or write it as an escape in double quotes",
      );
    }
  }
}

function parseOrExplain(source: Source, language: Language): unknown {
  const { name, parse, isLegalInParts, guard } = language;
  guard(source);
  try {
    return parse(source.text);
  } catch (thrown) {
    throw new LocatedSyntaxError(
      `Cannot read ${source.path}: not valid ${name}: ${whyOf(thrown)}`,
      source.place(isLegalInParts ? errorOffset(source.text, parse) : undefined),
      remedyOf(thrown, source.path),
    );
  }
}

function remedyOf(thrown: unknown, path: string): string {
  if (thrown instanceof RangeError) {
    return `Nest the values of ${path} less deeply`;
  }
  return /\balias/i.test(whyOf(thrown))
    ? `Write the values of ${path} out, without that alias`
    : `Correct the syntax of ${path}`;
}

function whyOf(thrown: unknown): string {
  if (thrown instanceof RangeError) {
    return "nested too deeply";
  }
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  return words.replace(/^(TOML|YAML|JSON) Parse error: /, "");
}

/** How many lines one statement may span for a syntax error after it to be found. */
const longestStatement = 400;

/**
 * The offset of the line or statement that makes a text illegal: the one after the longest run of
 * lines from the top that still parses. The runtime's errors carry the place of the call instead.
 * Undefined if that takes too long to find out.
 */
function errorOffset(text: string, parse: Parser): number | undefined {
  const ends = [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
  let budget = placeBudget;

  function isLegal(end: number): boolean {
    budget -= parseCost(end);
    try {
      return budget < 0 || parse(text.slice(0, end)) !== undefined;
    } catch {
      return false;
    }
  }

  /** The first index after `from` at which an illegal run follows a legal one, by halving. */
  function boundary(from: number): number {
    let low = from;
    let high = ends.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (isLegal(ends[middle] ?? 0)) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // Runs that end within a statement are illegal, too, and mislead the halving: look further on.
  let last = boundary(0);
  for (let next = last + 2; next < Math.min(ends.length, last + longestStatement); next++) {
    if (isLegal(ends[next] ?? 0)) {
      last = boundary(next);
      next = last + 1;
    }
  }
  return budget < 0 ? undefined : ends[last];
}
