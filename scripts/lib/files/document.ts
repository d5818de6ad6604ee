/**
 * TOML and YAML documents: the data from the runtime's parsers, the places from asking them again.
 *
 * The runtime's parsers tell values but no positions. A place is found by renaming every occurrence
 * of a word in the text, each with its own offset, and parsing again: where the renamed word turns
 * up in the data is what that occurrence means. So the parser itself decides what is a key, a
 * value, a comment or a decoy, in any legal spelling, and this file knows no grammar.
 */

import { LocatedSyntaxError, type Place } from "../finding.ts";
import type { Source } from "../tree.ts";

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
  /** Offsets of every spelling of that key, in order: more than one means duplicates. */
  keyOffsets(path: Path): readonly number[];
  /** Offsets at which a text stands inside the string value at a path, in order. */
  textOffsets(path: Path, text: string): readonly number[];
}

/**
 * Parses TOML 1.0.
 *
 * @throws {LocatedSyntaxError} If the text is not TOML; the place is the statement at fault.
 */
export function parseToml(source: Source): Document {
  return parseDocument(source, Bun.TOML.parse, "TOML");
}

/**
 * Parses one YAML 1.2 document. Of duplicate keys the last one counts: ask `keyOffsets`.
 *
 * @throws {LocatedSyntaxError} If the text is not YAML; the place is the line at fault.
 */
export function parseYaml(source: Source): Document {
  return parseDocument(source, Bun.YAML.parse, "YAML");
}

type Parser = (text: string) => unknown;

function parseDocument(source: Source, parse: Parser, language: string): Document {
  const data = parseOrExplain(source, parse, language);
  const renamings = new Map<string, readonly unknown[]>();

  function renamed(word: string): readonly unknown[] {
    let found = renamings.get(word);
    if (found === undefined) {
      found = rename(source.text, word, parse);
      renamings.set(word, found);
    }
    return found;
  }

  function keyOffsets(path: Path): readonly number[] {
    const key = path.at(-1);
    if (typeof key !== "string" || key === "") {
      return [];
    }
    const found = renamed(key).flatMap((variant) => {
      const parents = descend(variant, path.slice(0, -1), key);
      return parents.flatMap((parent) => Object.keys(asTable(parent) ?? {}));
    });
    return offsetsIn(found, key);
  }

  return {
    source,
    data,
    at: (path) => descend(data, path)[0],
    place: (path) => source.place(keyOffsets(path)[0]),
    keyOffsets,
    textOffsets(path, text) {
      if (text === "") {
        return [];
      }
      const values = renamed(text).flatMap((variant) => descend(variant, path, text));
      return offsetsIn(
        values.filter((value) => typeof value === "string"),
        text,
      );
    },
  };
}

/** A table of a document: an object that is no array. */
export function asTable(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** A word marked with its offset, still a legal bare key of TOML and plain scalar of YAML. */
const mark = (word: string, offset: number) => `${word}-at-${offset}-`;
const marked = /-at-([0-9]+)-/g;

/**
 * Parses the text with every occurrence of a word marked. Where marking all of them together makes
 * the text illegal (a YAML anchor and its alias, say) each is marked alone.
 */
function rename(text: string, word: string, parse: Parser): readonly unknown[] {
  const offsets = occurrences(text, word);
  const variants: unknown[] = [];
  for (const group of [offsets, ...offsets.map((offset) => [offset])]) {
    try {
      variants.push(parse(markAll(text, word, group)));
    } catch {
      continue;
    }
    if (group === offsets) {
      break;
    }
  }
  return variants;
}

/** The offsets at which a word stands in a text, not as a part of a longer word. */
export function occurrences(text: string, word: string): number[] {
  const offsets: number[] = [];
  const inWord = /[A-Za-z0-9_-]/;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
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

function markAll(text: string, word: string, offsets: readonly number[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const offset of offsets) {
    parts.push(text.slice(from, offset), mark(word, offset));
    from = offset + word.length;
  }
  parts.push(text.slice(from));
  return parts.join("");
}

/** The values at a path; with a word, a key in which it is marked counts as the key itself. */
function descend(value: unknown, path: Path, word?: string): unknown[] {
  let values = [value];
  for (const key of path) {
    values = values.flatMap((each) => {
      if (typeof key === "number") {
        return Array.isArray(each) && key in each ? [each[key]] : [];
      }
      const table = asTable(each) ?? {};
      const names =
        word !== undefined && key.includes(word)
          ? Object.keys(table).filter((name) => unmark(name) === key)
          : [key];
      return names.filter((name) => Object.hasOwn(table, name)).map((name) => table[name]);
    });
  }
  return values;
}

function unmark(text: string): string {
  return text.replace(marked, "");
}

/** The offsets that the marks of a word carry in texts. */
function offsetsIn(texts: readonly string[], word: string): readonly number[] {
  const offsets = new Set<number>();
  for (const text of texts) {
    for (const match of text.matchAll(marked)) {
      if (text.slice(0, match.index).endsWith(word)) {
        offsets.add(Number(match[1]));
      }
    }
  }
  return [...offsets].sort((a, b) => a - b);
}

function parseOrExplain(source: Source, parse: Parser, language: string): unknown {
  try {
    return parse(source.text);
  } catch (thrown) {
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    const why = words.replace(/^(TOML|YAML) Parse error: /, "");
    throw new LocatedSyntaxError(
      `Cannot read ${source.path}: not valid ${language}: ${why}`,
      source.place(errorOffset(source.text, parse)),
    );
  }
}

/** How many characters may be parsed again to find a syntax error. */
const searchBudget = 20_000_000;

/**
 * The offset of the line or statement that makes a text illegal: the one after the longest run of
 * lines from the top that still parses. The runtime's errors carry the place of the call instead.
 */
function errorOffset(text: string, parse: Parser): number | undefined {
  let budget = searchBudget;
  for (let end = text.length; end > 0; ) {
    end = end < 2 ? 0 : text.lastIndexOf("\n", end - 2) + 1;
    budget -= end;
    if (budget < 0) {
      return undefined;
    }
    try {
      parse(text.slice(0, end));
      return end;
    } catch {
      // Still illegal: look further up.
    }
  }
  return 0;
}
