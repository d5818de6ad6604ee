/**
 * Edits by span: a text changes in the intended places only, and is read again to prove it.
 *
 * An edit of a document is accepted if the text, parsed again, differs from before in exactly the
 * intended values; an edit of a text without a grammar, if the same things are found in it again,
 * each as intended. Everything outside of the spans survives byte for byte.
 */

import { LocatedSyntaxError, quote } from "../finding.ts";
import { type Source, source as sourceOf } from "../tree.ts";
import { asTable, type Document, type Path } from "./document.ts";
import { occurrences } from "./places.ts";

/** A span of a text, and what takes its place. */
export interface Splice {
  /** UTF-16 offset of the span. */
  readonly offset: number;
  /** What stands there. */
  readonly from: string;
  readonly to: string;
}

/** A part of a string value in a document, and what takes its place. */
export interface Change {
  /** Keys to the value. */
  readonly path: Path;
  /** UTF-16 offset of the part in the value, as data. */
  readonly at: number;
  readonly from: string;
  readonly to: string;
}

/**
 * Returns a text with its splices carried out. Splices that are the same are one.
 *
 * @throws {RangeError} If two splices overlap, or something else stands at one: a defect.
 */
export function spliced(text: string, splices: readonly Splice[]): string {
  const parts: string[] = [];
  let end = 0;
  for (const { offset, from, to } of inOrder(splices)) {
    if (offset < end || !text.startsWith(from, offset)) {
      throw new RangeError(`cannot splice ${quote(from)} at offset ${offset}`);
    }
    parts.push(text.slice(end, offset), to);
    end = endOf({ offset, from });
  }
  return parts.join("") + text.slice(end);
}

const endOf = ({ offset, from }: Pick<Splice, "offset" | "from">) => offset + from.length;

/** Returns splices by offset, each once. */
function inOrder(splices: readonly Splice[]): readonly Splice[] {
  const byText = new Map(splices.map((each) => [JSON.stringify(each), each]));
  return [...byText.values()].sort((a, b) => a.offset - b.offset);
}

/**
 * Returns the text of a document with changes carried out, proven by parsing it again.
 *
 * @throws {LocatedSyntaxError} If one of them cannot be made without touching anything else: the
 * value is spelled with escapes, say, or shared with another key.
 */
export function editDocument(document: Document, changes: readonly Change[]): string {
  const { text } = document.source;
  const splices = inOrder(changes.map((change) => spliceOf(document, change)));
  const clash = splices.find(
    ({ offset }, index) => offset < endOf(splices[index - 1] ?? { offset: 0, from: "" }),
  );
  if (clash !== undefined) {
    throw cannotEdit(document, clash.from, "one text that means two values", clash.offset);
  }
  const edited = spliced(text, splices);
  if (!Bun.deepEquals(document.withText(edited).data, intendedData(document, changes), true)) {
    const [first] = splices;
    const found = "a spelling that other values share";
    throw cannotEdit(document, first?.from ?? "", found, first?.offset);
  }
  return edited;
}

/** Returns the data that changes are to make of a document; what is shared changes in one place. */
function intendedData(document: Document, changes: readonly Change[]): unknown {
  const byPath = Map.groupBy(changes, ({ path }) => JSON.stringify(path));
  return [...byPath.values()].reduce((data: unknown, same) => {
    const [{ path } = { path: [] }] = same;
    const splices = same.map(({ at, from, to }) => ({ offset: at, from, to }));
    return withValue(data, path, spliced(String(document.at(path)), splices));
  }, document.data);
}

function withValue(data: unknown, path: Path, value: unknown): unknown {
  const [key, ...rest] = path;
  if (typeof key === "number" && Array.isArray(data)) {
    return data.with(key, withValue(data[key], rest, value));
  }
  const table = asTable(data);
  return key === undefined || table === undefined
    ? value
    : { ...table, [key]: withValue(table[key], rest, value) };
}

/**
 * Returns the splice of a document that makes a change.
 *
 * @throws {LocatedSyntaxError} If the value's part is not written there as it is.
 */
export function spliceOf(document: Document, { path, at, from, to }: Change): Splice {
  const value = document.at(path);
  if (typeof value !== "string" || from === "" || !value.startsWith(from, at)) {
    const found =
      typeof value !== "string" ? "no text" : from === "" ? "an empty text" : "another text";
    throw cannotEdit(document, from, found, undefined, path);
  }
  // The same words may be in the value more than once: they come in the same order in both. If one
  // of them is spelled with escapes, the offset is wrong, which parsing again shows.
  const offset = document.textOffsets(path, from)[occurrences(value, from).indexOf(at)];
  if (offset === undefined) {
    throw cannotEdit(document, from, "it in a rare spelling", undefined, path);
  }
  return { offset, from, to };
}

function cannotEdit(
  { source, place }: Document,
  text: string,
  found: string,
  offset: number | undefined,
  path: Path = [],
): LocatedSyntaxError {
  const at = offset === undefined ? place(path) : source.place(offset);
  const which = path.length === 0 ? "" : ` of ${quote(path.join("."))}`;
  return new LocatedSyntaxError(
    `Cannot edit ${quote(text)}${which} in ${source.path}: found ${found}, expected it written plainly`,
    at,
    "Write the value out, without escapes, anchors and aliases, or edit it by hand",
  );
}

/** Something that was found in a text: where it stands, and as what. */
export interface Span {
  readonly offset: number;
  readonly text: string;
}

/**
 * Returns a text with splices carried out, proven by finding the same spans in it again: those that were
 * spliced as they are now, the others unchanged, and the text between them untouched.
 *
 * @param find Returns the spans of a text, in order, without overlaps.
 * @throws {LocatedSyntaxError} If something else is found.
 */
export function editText(
  source: Source,
  splices: readonly Splice[],
  find: (source: Source) => readonly Span[],
): string {
  const intended = new Map(splices.map((each) => [each.offset, each]));
  const edited = spliced(source.text, splices);
  const before = find(source);
  const after = find(sourceOf(source.path, edited)).map(({ offset, text }) => ({ offset, text }));
  let shift = 0;
  const expected = before.map(({ offset, text }) => {
    const to = intended.get(offset)?.to ?? text;
    shift += to.length - text.length;
    return { offset: offset + shift - (to.length - text.length), text: to };
  });
  const isProven =
    splices.every(({ offset }) => before.some((span) => span.offset === offset)) &&
    Bun.deepEquals(after, expected);
  if (!isProven) {
    const [first] = splices;
    throw new LocatedSyntaxError(
      `Cannot edit ${quote(first?.from ?? "")} in ${source.path}: it does not read back as intended`,
      source.place(first?.offset),
      "Edit it by hand",
    );
  }
  return edited;
}
