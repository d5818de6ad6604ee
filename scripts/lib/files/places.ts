/**
 * Finds the places of keys and texts in a document.
 *
 * The runtime's parsers return values without positions. This module adds a mark with the offset to
 * every occurrence of a word in the text, and parses the text again: the position of a mark in the
 * data shows the meaning of that occurrence. So the parser itself distinguishes keys, values and
 * comments in any legal spelling, and this module needs no grammar. It does not find names with
 * escapes, or words that cannot be marked everywhere.
 */

import { LocatedSyntaxError, type Place, quote } from "../finding.ts";
import type { Source } from "../tree.ts";

/** Keys and array indices from the top of a document to a value. */
type Keys = readonly (string | number)[];

/**
 * The limit for parsing one document again, as a sum of squared lengths, because the runtime's TOML
 * parser takes quadratic time. It corresponds to a few seconds.
 */
const mostParsed = 2e12;
/** The most cached parses of a document. Each one is as large as the document. */
const keptVariants = 8;

/** Returns functions that find places in a source, given its parsed data and its parser. */
export function placesIn(source: Source, data: unknown, parse: (text: string) => unknown) {
  const { text } = source;
  // The token depends on the text, so that no text can contain its own marks.
  const token = `-at-${Bun.hash(text).toString(36)}-`;
  const marks = new RegExp(`${token}([0-9]+)-`, "g");
  const variants = new Map<string, unknown>();
  const namesByTable = new WeakMap<object, Map<string, string[]>>();
  let left = mostParsed;

  /** Returns the data of the text with every occurrence of a word marked; undefined if illegal. */
  function marked(word: string): unknown {
    if (!variants.has(word)) {
      if (variants.size >= keptVariants) {
        variants.clear();
      }
      left -= text.length ** 2;
      variants.set(word, left < 0 ? undefined : parseMarked(word));
    }
    return variants.get(word);
  }

  function parseMarked(word: string): unknown {
    const [head, tail] = partsOf(word);
    const parts: string[] = [];
    let from = 0;
    for (const offset of occurrences(text, word)) {
      // Anchors and aliases must keep the same names.
      if (!/[&*]/.test(text[offset - 1] ?? "")) {
        parts.push(text.slice(from, offset), `${head}${token}${offset}-${tail}`);
        from = offset + word.length;
      }
    }
    try {
      return parse(parts.join("") + text.slice(from));
    } catch {
      return undefined;
    }
  }

  /** Returns the names in a table that are a key with or without a mark. */
  function namesIn(table: unknown, key: string): readonly string[] {
    if (typeof table !== "object" || table === null || Array.isArray(table)) {
      return [];
    }
    const known =
      namesByTable.get(table) ??
      Map.groupBy(Object.keys(table), (name) =>
        name.includes(token) ? name.replace(marks, "") : name,
      );
    namesByTable.set(table, known);
    return known.get(key) ?? [];
  }

  /** Returns the values at a path. Joins arrays of tables that marks have split. */
  function valuesAt(top: unknown, path: Keys): readonly unknown[] {
    let values = [top];
    for (const key of path) {
      values = values.flatMap((each) =>
        typeof key === "number"
          ? Array.isArray(each) && key in each
            ? [each[key]]
            : []
          : namesIn(each, key).map((name) => (each as Record<string, unknown>)[name]),
      );
      values = values.length > 1 && values.every(Array.isArray) ? [values.flat()] : values;
    }
    return values;
  }

  /** Returns the offsets in the marks of a word in some texts. */
  function offsetsIn(texts: readonly string[], word: string): number[] {
    const [head, tail] = partsOf(word);
    const offsets = texts.flatMap((each) =>
      Array.from(each.matchAll(marks))
        .filter(
          ({ 0: mark, index }) =>
            each.endsWith(head, index) && each.startsWith(tail, index + mark.length),
        )
        .map(([, offset]) => Number(offset)),
    );
    return [...new Set(offsets)].sort((a, b) => a - b);
  }

  /** Returns the offsets of a key's occurrences, in order; undefined if one cannot be found. */
  function spellingsOf(path: Keys): readonly number[] | undefined {
    const key = path.at(-1);
    if (typeof key !== "string" || key === "" || valuesAt(data, path).length === 0) {
      return [];
    }
    const variant = marked(key);
    const names = valuesAt(variant, path.slice(0, -1)).flatMap((parent) => namesIn(parent, key));
    // An occurrence without a mark cannot be found.
    return variant === undefined || names.includes(key) ? undefined : offsetsIn(names, key);
  }

  return {
    place: (path: Keys): Place => source.place(spellingsOf(path)?.[0]),
    keyOffsets(path: Keys): readonly number[] {
      const offsets = spellingsOf(path);
      if (offsets === undefined) {
        throw new LocatedSyntaxError(
          `Cannot find where key ${quote(path.join("."))} is written in ${source.path}: found it in a rare spelling`,
          source.place(),
          "Write the key plainly, without escapes, anchors or aliases",
        );
      }
      return offsets;
    },
    textOffsets(path: Keys, word: string): readonly number[] {
      const isText = (value: unknown): value is string => typeof value === "string";
      const isThere = valuesAt(data, path).some(
        (value) => isText(value) && occurrences(value, word).length > 0,
      );
      return isThere ? offsetsIn(valuesAt(marked(word), path).filter(isText), word) : [];
    },
  };
}

/** Splits a word where a mark can be inserted: not after a colon or quote, which ends the scalar. */
function partsOf(word: string): readonly [head: string, tail: string] {
  let end = word.length;
  while (end > 0 && !/[A-Za-z0-9_]/.test(word[end - 1] ?? "")) {
    end -= 1;
  }
  return [word.slice(0, end || word.length), end === 0 ? "" : word.slice(end)];
}

/** The longest word that is searched for: `indexOf` may compare the whole word at every offset. */
const longestWord = 1000;

/** Returns the offsets of a word in a text, except inside of longer words. A long one has none. */
export function occurrences(text: string, word: string): number[] {
  const inWord = /[A-Za-z0-9_-]/;
  const joins = (one: string | undefined, other: string | undefined) =>
    inWord.test(one ?? " ") && inWord.test(other ?? " ");
  const offsets: number[] = [];
  const isShort = word !== "" && word.length <= longestWord;
  for (let at = isShort ? text.indexOf(word) : -1; at >= 0; ) {
    if (!joins(text[at - 1], word[0]) && !joins(word.at(-1), text[at + word.length])) {
      offsets.push(at);
    }
    at = text.indexOf(word, at + word.length);
  }
  return offsets;
}

/** What a place inside a text needs of a document. */
interface Placed {
  readonly source: Source;
  place(path: Keys): Place;
  textOffsets(path: Keys, text: string): readonly number[];
}

/**
 * Returns the place of an offset into the text at a path, or else of its key.
 *
 * @param text The whole text at that path.
 */
export function placeInside(document: Placed, path: Keys, text: string, offset: number): Place {
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
