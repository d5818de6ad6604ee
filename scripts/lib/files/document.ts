/**
 * TOML, YAML and JSON documents: the data from the runtime's parsers, the places from asking them again.
 *
 * The runtime's parsers tell values but no positions. A place is found by renaming every occurrence
 * of a word in the text, each with its own offset, and parsing again: where the renamed word turns
 * up in the data is what that occurrence means. So the parser itself decides what is a key, a
 * value, a comment or a decoy, in any legal spelling, and this file knows no grammar. Names that
 * are spelled with escapes have no place.
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
 * @throws {LocatedSyntaxError} If the text is not TOML; the place is the statement at fault.
 */
export function parseToml(source: Source): Document {
  return documentOf(source, languages.toml);
}

/**
 * Parses one YAML 1.2 document. Of duplicate keys the last one counts: ask `keyOffsets`.
 *
 * @throws {LocatedSyntaxError} If the text is not YAML; the place is the line at fault.
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
  /** What was parsed already: one file of many commits is often one source. */
  readonly parsed: WeakMap<Source, Document>;
}

const languages = {
  toml: language("TOML", Bun.TOML.parse, true),
  yaml: language("YAML", Bun.YAML.parse, true),
  json: language("JSON", JSON.parse, false),
};

function language(name: string, parse: Parser, isLegalInParts: boolean): Language {
  return { name, parse, isLegalInParts, parsed: new WeakMap() };
}

function documentOf(source: Source, language: Language): Document {
  const document = language.parsed.get(source) ?? parseDocument(source, language);
  language.parsed.set(source, document);
  return document;
}

function parseDocument(source: Source, language: Language): Document {
  const { parse } = language;
  const data = parseOrExplain(source, language);
  const marker = markerFor(source.text);
  const renamings = new Map<string, Renaming>();

  function renamed(word: string): Renaming {
    let found = renamings.get(word);
    if (found === undefined) {
      found = rename(source.text, word, marker, parse);
      renamings.set(word, found);
    }
    return found;
  }

  /** What `read` finds in the variants: all marks at once, or else each mark in its own parse. */
  function search(word: string, read: (variant: unknown) => readonly string[]) {
    const { together, alone } = renamed(word);
    const offsets = marker.offsetsIn(together.flatMap(read), word);
    return offsets.length > 0 ? offsets : marker.offsetsIn(alone().flatMap(read), word);
  }

  function findKey(path: Path): readonly number[] {
    const key = path.at(-1);
    if (typeof key !== "string" || key === "" || descend(data, path).length === 0) {
      return [];
    }
    return search(key, (variant) =>
      keysAt(variant, path.slice(0, -1), marker.unmark).filter(
        (name) => marker.unmark(name) === key,
      ),
    );
  }

  /** Whether a spelling of a key is still there when every spelling that was found is marked. */
  function isFoundWhole(path: Path): boolean {
    const key = path.at(-1);
    if (typeof key !== "string" || key === "" || descend(data, path).length === 0) {
      return true;
    }
    const { together, complete } = renamed(key);
    return (
      complete &&
      !together.some((each) => keysAt(each, path.slice(0, -1), marker.unmark).includes(key))
    );
  }

  return {
    source,
    data,
    at: (path) => descend(data, path)[0],
    place: (path) => source.place(isFoundWhole(path) ? findKey(path)[0] : undefined),
    keyOffsets(path) {
      if (!isFoundWhole(path)) {
        throw new LocatedSyntaxError(
          `Cannot tell where key ${quote(path.join("."))} is written in ${source.path}: found it in a rare spelling`,
          source.place(),
          "Write the key plainly, without escapes, anchors or aliases",
        );
      }
      return findKey(path);
    },
    textOffsets(path, text) {
      const isText = (value: unknown): value is string => typeof value === "string";
      const read = (variant: unknown) => descend(variant, path, marker.unmark).filter(isText);
      const isThere = descend(data, path).some(
        (value) => isText(value) && finderIn(value)(text) >= 0,
      );
      return text !== "" && isThere ? search(text, read) : [];
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
  /** The offsets that the marks of a word carry in texts. */
  offsetsIn(texts: readonly string[], word: string): readonly number[];
}

/** The marks depend on the text, so that no text can hold what looks like its own marks. */
function markerFor(text: string): Marker {
  const token = `-at-${Bun.hash(text).toString(36)}-`;
  const marks = new RegExp(`${token}([0-9]+)-`, "g");
  return {
    mark: (word, offset) => `${word}${token}${offset}-`,
    unmark: (marked) => (marked.includes(token) ? marked.replace(marks, "") : marked),
    offsetsIn(texts, word) {
      const offsets = new Set<number>();
      for (const marked of texts) {
        for (const match of marked.matchAll(marks)) {
          if (marked.slice(0, match.index).endsWith(word)) {
            offsets.add(Number(match[1]));
          }
        }
      }
      return [...offsets].sort((a, b) => a - b);
    },
  };
}

/** Parses of a text in which occurrences of one word are marked. */
interface Renaming {
  /** As few parses as hold every mark that the grammar allows. */
  readonly together: readonly unknown[];
  /** One parse for each mark: slower, and nothing else in the text is changed. */
  alone(): readonly unknown[];
  /** Whether every occurrence was tried, and those that the grammar allows share one parse. */
  readonly complete: boolean;
}

/**
 * How much may be parsed to find the places of one word, as a sum of costs. Parsing TOML takes time
 * that grows with the square of the length in the worst case, so the cost of one parse does too:
 * the budget is about a second.
 */
const placeBudget = 40_000_000;
const parseCost = (length: number) => length + (length * length) / 64_000;

/**
 * Marks every occurrence of a word and parses again. What makes the text illegal (a YAML anchor and
 * its alias, say) is found by halving, and left unmarked.
 */
function rename(text: string, word: string, marker: Marker, parse: Parser): Renaming {
  const offsets = occurrences(text, word);
  let budget = placeBudget;

  function variantOf(group: readonly number[]): unknown {
    budget -= parseCost(text.length);
    try {
      return budget < 0 ? undefined : parse(markAll(text, word, group, marker));
    } catch {
      return undefined;
    }
  }

  function legal(group: readonly number[]): readonly Marked[] {
    const variant = variantOf(group);
    if (variant !== undefined) {
      return [{ group, variant }];
    }
    const half = group.length >> 1;
    return half === 0 ? [] : [...legal(group.slice(0, half)), ...legal(group.slice(half))];
  }

  function joinedLegal(): readonly Marked[] {
    const parts = legal(offsets);
    const group = parts.flatMap((each) => each.group);
    const variant = parts.length < 2 ? undefined : variantOf(group);
    return variant === undefined ? parts : [{ group, variant }];
  }

  const together = joinedLegal();
  const complete = together.length < 2 && budget >= 0;
  let singles: readonly unknown[] | undefined;
  return {
    together: together.map(({ variant }) => variant),
    complete,
    alone() {
      singles ??= together
        .flatMap(({ group }) => group)
        .map((offset) => variantOf([offset]))
        .filter((variant) => variant !== undefined);
      return singles;
    },
  };
}

interface Marked {
  readonly group: readonly number[];
  readonly variant: unknown;
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
function descend(value: unknown, path: Path, unmark?: (name: string) => string): unknown[] {
  let values = [value];
  for (const key of path) {
    values =
      typeof key === "number"
        ? values.flatMap((each) => (Array.isArray(each) && key in each ? [each[key]] : []))
        : joined(values.flatMap((each) => valuesOf(asTable(each) ?? {}, key, unmark)));
  }
  return values;
}

function valuesOf(
  table: Readonly<Record<string, unknown>>,
  key: string,
  unmark: ((name: string) => string) | undefined,
): unknown[] {
  return unmark === undefined
    ? Object.hasOwn(table, key)
      ? [table[key]]
      : []
    : Object.keys(table)
        .filter((name) => unmark(name) === key)
        .map((name) => table[name]);
}

function joined(values: unknown[]): unknown[] {
  return values.length > 1 && values.every(Array.isArray) ? [values.flat()] : values;
}

/** The keys, marks included, of the tables at a path. */
function keysAt(value: unknown, path: Path, unmark: (name: string) => string): string[] {
  return descend(value, path, unmark).flatMap((parent) => Object.keys(asTable(parent) ?? {}));
}

function parseOrExplain(source: Source, { name, parse, isLegalInParts }: Language): unknown {
  try {
    return parse(source.text);
  } catch (thrown) {
    throw new LocatedSyntaxError(
      `Cannot read ${source.path}: not valid ${name}: ${whyOf(thrown)}`,
      source.place(isLegalInParts ? errorOffset(source.text, parse) : undefined),
      thrown instanceof RangeError
        ? `Nest the values of ${source.path} less deeply`
        : `Correct the syntax of ${source.path}`,
    );
  }
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
