/** Finds the keys of YAML mappings with their places, and duplicate keys. */

import { LocatedSyntaxError, quote } from "../finding.ts";
import type { Source } from "../tree.ts";
import { asTable, type Document, type Path, parseYaml } from "./document.ts";

/** One occurrence of a key. */
export interface Key {
  readonly name: string;
  /** Its offset, after an opening quote. */
  readonly offset: number;
}

/**
 * Parses a file that must contain one YAML mapping.
 *
 * @throws {LocatedSyntaxError} If it is not YAML, or contains anything else.
 */
export function parseYamlMapping(source: Source): Document {
  const document = parseYaml(source);
  refuseOtherThanMapping(document);
  return document;
}

/** @throws {LocatedSyntaxError} If a YAML document is not one mapping. */
export function refuseOtherThanMapping({ data, source, withText }: Document): void {
  if (asTable(data) === undefined) {
    // The runtime also returns a list for several documents. Adding a document tells them apart.
    const isList = () => Bun.deepEquals(withText(`${source.text}\n--- 0\n`).data, [data, 0]);
    const found = Array.isArray(data)
      ? isList()
        ? "a list"
        : "several documents"
      : data === null
        ? "nothing"
        : "a single value";
    throw new LocatedSyntaxError(
      `Cannot read ${source.path}: found ${found}, expected one YAML mapping`,
      source.place(),
      "Make the file one document of `key: value` lines",
    );
  }
}

/** Returns the mark for a possible key. It becomes the start of the same scalar. */
const mark = (offset: number) => `key-at-${offset}-`;
const marks = /key-at-([0-9]+)-/g;

/**
 * The start of a line, or of an entry in brackets; then `- `, `? ` and the tag of a string. A key
 * with an anchor gets no mark and is refused: its aliases would have the same mark, and two keys
 * would look like one. A key with another tag is refused, too: parsers disagree about `!!binary`.
 */
const lead = "(?<=^|[{[,])[ \\t]*(?:-[ \\t]+){0,9}(?:\\?[ \\t]+)?(?:!!str[ \\t]+)?";
/** A quoted text on one line, before a colon or at the end of the line. */
const quoted = `(?:"(?:[^"\\\\\\r\\n]|\\\\.)*"|'(?:[^'\\r\\n]|'')*')[ \\t]*(?::|$)`;
/** The first character of a plain scalar that is not a document marker. */
const plain = "(?!(?:---|\\.\\.\\.)(?:\\s|$))(?=[?:-]\\S|[^\\s\"'#%@`&*!|>{}[\\],?:-])";
const mayBeKey = new RegExp(`(${lead})(?:${quoted}|${plain})`, "gm");

/**
 * Returns every occurrence of every key of a mapping, in order, including merge keys `<<`. A name
 * that occurs twice is a duplicate, which the parsed data cannot show because it has only the last.
 *
 * As in `places.ts`, the parser decides: every possible key is marked with its offset, and the keys
 * in the parsed result show which ones were keys. Extra marks do no harm, and a key without a mark
 * is detected.
 *
 * @param key The top-level key of the mapping; default: the whole document.
 * @throws {LocatedSyntaxError} If a key has a form that cannot be marked.
 */
export function keysOf(document: Document, key?: string): readonly Key[] {
  const top = asTable(parseMarked(document)) ?? { "": undefined };
  const own = Object.entries(top).find(([name]) => name.replace(marks, "") === key);
  return key === undefined ? keysIn(document, [], top) : keysIn(document, [key], own?.[1]);
}

/** Returns the keys of a table in the marked data. */
function keysIn({ source, place }: Document, path: Path, table: unknown): readonly Key[] {
  const keys = Object.keys(asTable(table) ?? {}).map((marked) => {
    const [first] = marked.matchAll(marks);
    const name = marked.replace(marks, "");
    if (first?.index !== 0) {
      const which = path.length === 0 ? "top-level keys" : `keys of ${quote(path.join("."))}`;
      throw new LocatedSyntaxError(
        `Cannot tell the ${which} of ${source.path} apart: found ${name === "" ? "a key" : `key ${quote(name)}`} in a rare spelling`,
        place([...path, name]),
        "Write each key plainly, at the start of its own line",
      );
    }
    return { name, offset: Number(first[1]) };
  });
  return keys.sort((a, b) => a.offset - b.offset);
}

/** Texts that YAML 1.1 reads as a boolean, number or date, but the runtime's parser as a string. */
const otherwiseIn11 =
  /^(?:y|n|yes|no|on|off|=|[-+]?[0-9][0-9_]*(?::[0-9][0-9_]*)*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?|[-+]?\.[0-9_]+|[-+]?0[box][0-9a-f_]+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t \t].*)?)$/i;

/** Returns the offset at which the value of a key is written, behind an anchor; undefined if unclear. */
function valueOffset({ text }: Source, { name, offset }: Key): number | undefined {
  const quote = /["']/.exec(text[offset - 1] ?? "")?.[0];
  const rest = quote === '"' ? '(?:[^"\\\\]|\\\\.)*"' : "(?:[^']|'')*'";
  const key = quote === undefined ? "" : rest;
  const after = new RegExp(`${key}\\s*:\\s*(?:&\\S+\\s+)?`, "y");
  after.lastIndex = quote === undefined ? offset + name.length : offset;
  return after.test(text) ? after.lastIndex : undefined;
}

/**
 * Returns a description of how the string at a key is written; undefined if it directly follows the key, plain
 * or in quotes and without tag, alias or block scalar, so that every YAML parser reads the same string.
 */
export function rareSpelling(source: Source, key: Key, value: string): string | undefined {
  const { text } = source;
  const start = valueOffset(source, key) ?? text.length;
  const isPlain =
    /["']/.test(text[start] ?? "") ||
    (text.startsWith(value, start) &&
      /^(?:[\s,\]}]|$)/.test(text.slice(start + value.length, start + value.length + 1)) &&
      !otherwiseIn11.test(value));
  const first = /^[!*|>]\S{0,40}/.exec(text.slice(start, start + 41))?.[0] ?? "";
  return isPlain
    ? undefined
    : first.startsWith("!")
      ? `the tag ${first}`
      : first.startsWith("*")
        ? `the alias ${first}`
        : first !== ""
          ? "a block of text"
          : `${quote(value)} in a spelling that YAML 1.1 may read otherwise`;
}

/** A key that occurs more than once in a mapping. */
export interface RepeatedKey {
  readonly path: Path;
  /** The offsets of its occurrences, in order. */
  readonly offsets: readonly number[];
}

/**
 * Returns the duplicate keys of a document at any depth.
 *
 * @throws {LocatedSyntaxError} If a key has a form that cannot be found.
 */
export function repeatedKeys(document: Document): readonly RepeatedKey[] {
  const repeated: RepeatedKey[] = [];
  const seen = new Set<unknown>();

  function visit(path: Path, value: unknown): void {
    // A value with an anchor appears again at each alias.
    if (typeof value !== "object" || value === null || seen.has(value)) {
      return;
    }
    seen.add(value);
    if (!Array.isArray(value)) {
      const spellings = Map.groupBy(keysIn(document, path, value), ({ name }) => name);
      for (const [name, keys] of spellings) {
        if (keys.length > 1) {
          repeated.push({ path: [...path, name], offsets: keys.map(({ offset }) => offset) });
        }
      }
    }
    for (const [marked, each] of Object.entries(value)) {
      visit([...path, Array.isArray(value) ? Number(marked) : marked.replace(marks, "")], each);
    }
  }

  visit([], parseMarked(document) ?? document.data);
  return repeated;
}

/** Returns the data with a mark in each key; undefined if the marks make the text illegal. */
function parseMarked({ source: { text }, withText }: Document): unknown {
  const parts: string[] = [];
  let from = 0;
  for (const match of text.matchAll(mayBeKey)) {
    const start = match.index + (match[1] ?? "").length;
    const offset = start + (/["']/.test(text[start] ?? "") ? 1 : 0);
    parts.push(text.slice(from, offset), mark(offset));
    from = offset;
  }
  try {
    return withText(parts.join("") + text.slice(from)).data;
  } catch {
    return undefined;
  }
}
