/** Reads the YAML of a workflow: one mapping, in which no mapping has a key twice. */

import { type Document, type Path, parseYaml } from "../lib/files/document.ts";
import { refuseOtherThanMapping } from "../lib/files/unreadable.ts";
import {
  error,
  type Finding,
  LocatedSyntaxError,
  type Place,
  quote,
  Refusal,
} from "../lib/finding.ts";
import type { Source } from "../lib/tree.ts";

/**
 * Returns the document of a workflow.
 *
 * @throws {LocatedSyntaxError} If the file is not one YAML mapping.
 * @throws {Refusal} If a mapping has a key twice: YAML readers disagree about which one counts.
 */
export function parseWorkflow(source: Source): Document {
  const document = parseYaml(source);
  refuseOtherThanMapping(document.source, document.data);
  const faults = duplicateKeys(document, [], parseMarked(document) ?? document.data);
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
  return document;
}

/** Returns the mark for a possible key. It becomes the start of the same scalar. */
const mark = (offset: number) => `key-at-${offset}-`;
const marks = /key-at-([0-9]+)-/g;

/**
 * The start of a line, or of an entry in brackets; then any `- `. A key with an anchor gets no mark
 * and is refused: its aliases would have the same mark, and two keys would look like one. A key with
 * a tag is refused, too: parsers disagree about `!!binary`.
 */
const lead = "(?<=^|[{[,])[ \\t]*(?:-[ \\t]+){0,9}";
/** A quoted text on one line, before a colon or at the end of the line. */
const quoted = `(?:"(?:[^"\\\\\\r\\n]|\\\\.)*"|'(?:[^'\\r\\n]|'')*')[ \\t]*(?::|$)`;
/** The first character of a plain scalar that is not a document marker. */
const plain = "(?!(?:---|\\.\\.\\.)(?:\\s|$))(?=[?:-]\\S|[^\\s\"'#%@`&*!|>{}[\\],?:-])";
const mayBeKey = new RegExp(`(${lead})(?:${quoted}|${plain})`, "gm");

/**
 * Returns a fault for each duplicate key in a part of the marked data and below it. The parsed data
 * itself does not show duplicates.
 *
 * As in `places.ts`, the parser decides: every possible key is marked with its offset, and the keys
 * in the parsed result show which ones were keys. Extra marks do no harm, and a key without a mark
 * is detected.
 *
 * @throws {LocatedSyntaxError} If a key has a form that cannot be marked.
 */
function duplicateKeys(
  document: Document,
  path: Path,
  value: unknown,
  seen = new Set<unknown>(),
): readonly Finding[] {
  // A value with an anchor appears again at each alias.
  if (typeof value !== "object" || value === null || seen.has(value)) {
    return [];
  }
  seen.add(value);
  if (Array.isArray(value)) {
    return value.flatMap((each, index) => duplicateKeys(document, [...path, index], each, seen));
  }
  const first = new Map<string, Place>();
  return Object.entries(value).flatMap(([key, each]) => {
    const name = key.replace(marks, "");
    const [mark] = key.matchAll(marks);
    if (mark?.index !== 0) {
      throw rareKey(document, path, name);
    }
    const at = document.source.place(Number(mark[1]));
    const before = first.get(name);
    first.set(name, before ?? at);
    const below = duplicateKeys(document, [...path, name], each, seen);
    return before === undefined
      ? below
      : [
          error(
            `Cannot read ${at.file}: found key ${quote(name)} in line ${at.line} again after line ${before.line}, expected it once`,
            { at, remedy: "Remove one of the two: YAML readers disagree about which one counts" },
          ),
          ...below,
        ];
  });
}

function rareKey({ source, place }: Document, path: Path, name: string): LocatedSyntaxError {
  const which = path.length === 0 ? "top-level keys" : `keys of ${quote(path.join("."))}`;
  const found = name === "" ? "a key" : `key ${quote(name)}`;
  return new LocatedSyntaxError(
    `Cannot tell the ${which} of ${source.path} apart: found ${found} in a rare spelling`,
    place([...path, name]),
    "Write each key plainly, at the start of its own line",
  );
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
