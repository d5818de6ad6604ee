/** Finds the keys of YAML mappings, each with its place, and those that are there twice. */

import { LocatedSyntaxError, quote } from "../finding.ts";
import type { Source } from "../tree.ts";
import { asTable, type Document, type Path, parseYaml } from "./document.ts";

/** One spelling of a key of a mapping. */
export interface Key {
  readonly name: string;
  /** Offset of the spelling, after an opening quote. */
  readonly offset: number;
}

/**
 * Parses a file that must hold one YAML mapping.
 *
 * @throws {LocatedSyntaxError} If it is not YAML, or holds anything but one mapping.
 */
export function parseYamlMapping(source: Source): Document {
  const document = parseYaml(source);
  refuseOtherThanMapping(document);
  return document;
}

/** @throws {LocatedSyntaxError} If a document of YAML is anything but one mapping. */
export function refuseOtherThanMapping({ data, source }: Document): void {
  if (asTable(data) === undefined) {
    // The runtime returns a list for several documents, too.
    const found = Array.isArray(data)
      ? "a list or several documents"
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

/** Marks the start of what may be a key; still the start of the same scalar. */
const mark = (offset: number) => `key-at-${offset}-`;
const marks = /key-at-([0-9]+)-/g;

/**
 * The start of a line, or of an entry in brackets; then `- `, `? ` and the tag of a string. A key with an
 * anchor stays unmarked, and so refused: its aliases would carry the mark, and two keys would look
 * like one. So does one with another tag: `!!binary` is another name for some parsers.
 */
const lead = "(?<=^|[{[,])[ \\t]*(?:-[ \\t]+){0,9}(?:\\?[ \\t]+)?(?:!!str[ \\t]+)?";
/** A quoted text on one line, before a colon or alone behind `? `. */
const quoted = `(?:"(?:[^"\\\\\\r\\n]|\\\\.)*"|'(?:[^'\\r\\n]|'')*')[ \\t]*(?::|$)`;
/** The first character of a plain scalar that is no document marker. */
const plain = "(?!(?:---|\\.\\.\\.)(?:\\s|$))(?=[?:-]\\S|[^\\s\"'#%@`&*!|>{}[\\],?:-])";
const mayBeKey = new RegExp(`(${lead})(?:${quoted}|${plain})`, "gm");

/**
 * Returns every spelling of every key of a mapping, in order, a merge key `<<` included: a name that
 * is there twice is a duplicate, which the parsed data cannot show because the last one wins.
 *
 * As in `places.ts`, the parser decides: whatever may be a key is marked with its offset, and the
 * keys of the text parsed again show which were keys, and what they mean. Too many marks do no
 * harm, and a key without one is noticed.
 *
 * @param key The top-level key of the mapping; without one, the top itself.
 * @throws {LocatedSyntaxError} If a key is spelled so that it cannot be marked.
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

/** What YAML 1.1 reads as a boolean, a number or a date, and the runtime's parser as a string. */
const otherwiseIn11 =
  /^(?:y|n|yes|no|on|off|=|[-+]?[0-9][0-9_]*(?::[0-9][0-9_]*)*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?|[-+]?\.[0-9_]+|[-+]?0[box][0-9a-f_]+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t \t].*)?)$/i;

/**
 * Reports whether the string at a key is written right there, plainly or in quotes, so that every
 * parser of YAML reads it as the same string: without tag, alias and block scalar.
 */
export function isPlainString({ text }: Source, { name, offset }: Key, value: string): boolean {
  const quote = /["']/.exec(text[offset - 1] ?? "")?.[0];
  const rest = quote === '"' ? '(?:[^"\\\\]|\\\\.)*"' : "(?:[^']|'')*'";
  const key = quote === undefined ? "" : rest;
  const after = new RegExp(`${key}\\s*:\\s*(?:&\\S+\\s+)?`, "y");
  after.lastIndex = quote === undefined ? offset + name.length : offset;
  if (!after.test(text)) {
    return false;
  }
  const start = after.lastIndex;
  return (
    /["']/.test(text[start] ?? "") ||
    (text.startsWith(value, start) &&
      /^(?:[\s,\]}]|$)/.test(text.slice(start + value.length, start + value.length + 1)) &&
      !otherwiseIn11.test(value))
  );
}

/** A key that one mapping has more than once. */
export interface RepeatedKey {
  readonly path: Path;
  /** Of every spelling, in order. */
  readonly offsets: readonly number[];
}

/**
 * Returns the keys, at any depth, that a mapping has more than once; the parsed data has the last.
 *
 * @throws {LocatedSyntaxError} If a key is spelled so that it cannot be found.
 */
export function repeatedKeys(document: Document): readonly RepeatedKey[] {
  const repeated: RepeatedKey[] = [];
  const seen = new Set<unknown>();

  function visit(path: Path, value: unknown): void {
    // What has an anchor is there again at each alias.
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

/** Returns the data with a mark at each key; undefined if the marks make the text illegal. */
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
