/**
 * Edits spans of a text, and reads the result again to prove that only the intended values changed.
 *
 * An edit of a document is accepted if the parsed result differs in exactly the intended values. An
 * edit of a text without a grammar is accepted if the same spans are found again, with the intended
 * texts. Everything outside of the spans stays the same byte for byte.
 */

import { LocatedSyntaxError, quote } from "../finding.ts";
import { type Source, source as sourceOf } from "../tree.ts";
import { asTable, type Document, type Path } from "./document.ts";
import { occurrences } from "./places.ts";

/** A span of a text, and its replacement. */
export interface Splice {
  /** UTF-16 offset of the span. */
  readonly offset: number;
  /** The text of the span. */
  readonly from: string;
  readonly to: string;
}

/** A part of a string value in a document, and its replacement. */
export interface Change {
  /** Keys to the value. */
  readonly path: Path;
  /** UTF-16 offset of the part in the parsed value. */
  readonly at: number;
  readonly from: string;
  readonly to: string;
}

/**
 * Returns a text with splices applied. Identical splices are applied once.
 *
 * @throws {RangeError} If two splices overlap or a span has another text, which is a defect.
 */
export function spliced(text: string, splices: readonly Splice[]): string {
  const parts: string[] = [];
  let end = 0;
  const distinct = [...new Map(splices.map((each) => [JSON.stringify(each), each])).values()];
  for (const { offset, from, to } of distinct.sort((a, b) => a.offset - b.offset)) {
    if (offset < end || !text.startsWith(from, offset)) {
      throw new RangeError(`cannot splice ${quote(from)} at offset ${offset}`);
    }
    parts.push(text.slice(end, offset), to);
    end = offset + from.length;
  }
  return parts.join("") + text.slice(end);
}

/**
 * Returns the text of a document with changes applied, and verifies it by parsing it again.
 *
 * @throws {LocatedSyntaxError} If a change would affect anything else, for example because the
 *   value has escapes or an anchor.
 */
export function editDocument(document: Document, changes: readonly Change[]): string {
  const splices = changes
    .map((change) => spliceOf(document, change))
    .sort((a, b) => a.offset - b.offset);
  // Different changes of one text, which an anchor shares, would overlap.
  const texts = new Map(splices.map(({ offset, to }) => [offset, to]));
  const shared = splices.find(({ offset, to }) => texts.get(offset) !== to);
  const edited = shared ? "" : spliced(document.source.text, splices);
  if (
    shared ||
    !Bun.deepEquals(document.withText(edited).data, intendedData(document, changes), true)
  ) {
    const { from, offset } = shared ?? splices[0] ?? { from: "", offset: undefined };
    throw cannotEdit(document, from, "a spelling that other values share", offset);
  }
  return edited;
}

/** Returns the intended data after changes. A value shared by an alias changes at one path only. */
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
 * Returns the splice of a document's text that corresponds to a change.
 *
 * @throws {LocatedSyntaxError} If the text does not contain the part literally.
 */
export function spliceOf(document: Document, { path, at, from, to }: Change): Splice {
  const value = document.at(path);
  if (typeof value !== "string" || from === "" || !value.startsWith(from, at)) {
    const found =
      typeof value !== "string" ? "no text" : from === "" ? "an empty text" : "another text";
    throw cannotEdit(document, from, found, undefined, path);
  }
  // The value may contain the words several times, in the same order as the text. If one occurrence
  // has escapes, the offset is wrong, and parsing the result again reveals that.
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

/** A span of a text that a finder found. */
export interface Span {
  readonly offset: number;
  readonly text: string;
}

/**
 * Returns a text with splices applied, and verifies it by finding the spans again: each must have
 * its intended text.
 *
 * @param find Returns the spans of a text, in order, without overlaps.
 * @throws {LocatedSyntaxError} If other spans are found.
 */
export function editText(
  source: Source,
  splices: readonly Splice[],
  find: (source: Source) => readonly Span[],
): string {
  const byOffset = new Map(splices.map((each) => [each.offset, each]));
  const before = find(source);
  const replaced = before.filter(({ offset, text }) => byOffset.get(offset)?.from === text);
  const edited = spliced(source.text, splices);
  const intended = before.map(({ offset, text }) => byOffset.get(offset)?.to ?? text);
  const after = find(sourceOf(source.path, edited)).map(({ text }) => text);
  const isProven = replaced.length === byOffset.size && Bun.deepEquals(after, intended);
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
