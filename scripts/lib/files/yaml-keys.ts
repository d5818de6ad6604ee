/**
 * Reads the keys of a chart's YAML files: each one once, at the start of its own line, in the same
 * indentation as its siblings; or all of them in braces. The parsed data does not show duplicates,
 * and YAML parsers disagree about rare forms.
 */

import { asTable, type Document } from "./document.ts";

/** A line of a block mapping that can begin a key, or an entry in braces. */
interface KeyLine {
  /** The key; empty if it has a tag, an anchor or an escape, or if there is none. */
  readonly name: string;
  /** Offsets of the name and of the line's end. */
  readonly offset: number;
  readonly end: number;
  /** The text after the colon, without an anchor and a comment. */
  readonly written: string;
}

/** A mapping. */
interface Mapping {
  readonly data: unknown;
  /** Where a key may begin. */
  readonly lines: readonly KeyLine[];
  /** The line of its own key. */
  readonly parent: KeyLine | undefined;
  /** Its keys by name, if each one is there once. */
  readonly keys: ReadonlyMap<string, KeyLine> | undefined;
}

/** Returns the source of a pattern for a key in quotes or plain, without some characters. */
const keyWithout = (excluded: string) => {
  const word = `(?:[^\\s:${excluded}]|:(?=[^\\s${excluded}]))+`;
  const plain = `(?![,[\\]{}#&*!|>'"%@\`]|[?:-](?:\\s|$))${word}(?:[ \\t]+(?!#)${word})*`;
  return `(?:"([^"\\\\]*)"|'((?:[^']|'')*)'|(${plain}))\\s*:`;
};
const keyForm = new RegExp(`^ *${keyWithout("")}(?:[ \\t]+(?:&\\S+(?:[ \\t]+|$))?(.*))?$`);
/** An entry in braces, or only the character before one in another form. */
const entryForm = new RegExp(
  `[{,](?:\\s*${keyWithout(",[\\]{}")}\\s*("(?:[^"\\\\]|\\\\.)*"|'(?:[^']|'')*'|\\[[^\\]"'#]*\\]|[^\\s,[\\]{}"'#&*!|>%@\`][^,[\\]{}"'#\\n]*)?\\s*(?=[,}])|(?!\\s*\\}))`,
  "gy",
);

/** Reports whether Helm, which ignores the case of keys, reads a key as one of the versions. */
export function isLookalike({ name }: KeyLine): boolean {
  // U+017F folds to s, as in Go.
  return /^(?:app)?ver[s\u017f]ion$/i.test(name) && name !== "version" && name !== "appVersion";
}

/**
 * Returns the keys of a mapping, and the lines or entries in which they may begin.
 *
 * @param path The path of the mapping: empty, or one top-level key. Only the latter may be in braces.
 */
export function keysAt(document: Document, path: readonly string[] = []): Mapping {
  const { text } = document.source;
  const data = document.at(path);
  const parent = path.length > 0 ? keysAt(document).keys?.get(path[0] ?? "") : undefined;
  const lines =
    parent?.written.startsWith("{") === true
      ? entriesFrom(text, text.indexOf("{", parent.offset))
      : linesOf(text, path.length === 0 ? undefined : (parent?.end ?? text.length));
  const count = Object.keys(asTable(data) ?? {}).length;
  const keys = new Map(lines.map((each) => [each.name, each]));
  const isPlain = lines.length === count && keys.size === count && !keys.has("") && !keys.has("<<");
  return { data, lines, parent, keys: isPlain || count === 0 ? keys : undefined };
}

/** Returns the lines that begin a key, of the whole text or of the mapping that begins at an offset. */
function linesOf(text: string, from: number | undefined): KeyLine[] {
  const [body = ""] = from === undefined ? [text] : text.slice(from).split(/^(?![\s#])/m, 1);
  const indent = from === undefined ? "" : (/^ +(?![\s#])/m.exec(body)?.[0] ?? "");
  const starts = new RegExp(`^${indent}(?![\\s#%\\]}]|(?:-|---|\\.{3})(?:\\s|$)).+`, "gm");
  return Array.from(body.matchAll(starts), ({ 0: line, index }) => {
    const [, double, single, plain, written = ""] = keyForm.exec(line) ?? [];
    const start = (from ?? 0) + index;
    return {
      name: double ?? single ?? plain ?? "",
      offset: start + indent.length + ((double ?? single) === undefined ? 0 : 1),
      end: start + line.length,
      written: written.replace(/(?:^|[ \t])#.*/, "").trim(),
    };
  });
}

/** Returns the entries of the braces that begin at an offset. */
function entriesFrom(text: string, from: number): KeyLine[] {
  return Array.from(text.slice(from).matchAll(entryForm), (match) => {
    const [entry, double, single, plain, written = ""] = match;
    const name = double ?? single ?? plain ?? "";
    const start = from + match.index;
    const offset = name === "" ? from : start + entry.indexOf(name);
    return { name, offset, end: start + entry.length, written: written.trim() };
  });
}

/** Texts that YAML 1.1 reads as a boolean, number or date, but the runtime's parser as a string. */
const otherwiseIn11 =
  /^(?:y|n|yes|no|on|off|=|[-+]?[0-9][0-9_]*(?::[0-9][0-9_]*)*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?|[-+]?\.[0-9_]+|[-+]?0[box][0-9a-f_]+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[t \t].*)?)$/i;

/**
 * Returns the string at a path, if it is written so that every YAML parser reads the same one: on
 * the line of its key, plain or in quotes, without tag and alias.
 */
export function stringAt(
  document: Document,
  path: readonly string[],
  { keys } = keysAt(document, path.slice(0, -1)),
): string | undefined {
  const value = document.at(path);
  const line = keys?.get(path.at(-1) ?? "");
  const isSame =
    typeof value === "string" &&
    (line?.written === value
      ? !otherwiseIn11.test(value)
      : [`"${value}"`, `'${value}'`].includes(line?.written ?? ""));
  return isSame ? value : undefined;
}
