/**
 * Reads the keys of a chart's YAML files in one form: each one once, at the start of its own line,
 * in the same indentation as its siblings. The parsed data does not show duplicates, and YAML
 * parsers disagree about rare forms.
 */

import { asTable, type Document } from "./document.ts";

/** A line of a block mapping that can begin a key: no item, no closing bracket, not indented. */
interface KeyLine {
  /** The key; empty if the line has another form than `key:` or `key: value`. */
  readonly name: string;
  /** Offsets of the name and of the line's end. */
  readonly offset: number;
  readonly end: number;
  /** The text after the colon, without an anchor and a comment. */
  readonly written: string;
}

const keyForm =
  /^ *(["']?)([\w$<./\u00c0-\uffff][\w$<./\u00c0-\uffff-]*)\1[ \t]*:(?:[ \t]+(?:&\S+(?:[ \t]+|$))?(.*))?$/;

/** Reports whether Helm, which ignores the case of keys, reads a key as one of the versions. */
export function isLookalike({ name }: KeyLine): boolean {
  // U+017F folds to s, as in Go.
  return /^(?:app)?ver[s\u017f]ion$/i.test(name) && name !== "version" && name !== "appVersion";
}

/**
 * Returns the lines of a block mapping in which a key may begin, its parsed data, and its keys by
 * name if each one has its own line once.
 *
 * @param path The path of the mapping: empty, or one top-level key.
 */
export function keysAt(document: Document, path: readonly string[] = []) {
  const { text } = document.source;
  const data = document.at(path);
  let [from, body, indent] = [0, text, ""];
  if (path.length > 0) {
    const parent = keysAt(document).keys?.get(path[0] ?? "");
    from = parent?.end ?? text.length;
    [body = ""] = text.slice(from).split(/^(?![\s#])/m, 1);
    indent = /^ +(?![\s#])/m.exec(body)?.[0] ?? "";
  }
  const starts = new RegExp(`^${indent}(?![\\s#%\\]}]|(?:-|---|\\.{3})(?:\\s|$)).+`, "gm");
  const lines = Array.from(body.matchAll(starts), ({ 0: line, index }): KeyLine => {
    const [, quote = "", name = "", written = ""] = keyForm.exec(line) ?? [];
    return {
      name,
      offset: from + index + indent.length + quote.length,
      end: from + index + line.length,
      written: written.replace(/(?:^|[ \t])#.*/, "").trim(),
    };
  });
  const names = Object.keys(asTable(data) ?? {});
  const keys = new Map(lines.map((each) => [each.name, each]));
  const isPlain = lines.length === names.length && names.every((name) => keys.has(name));
  return { data, lines, keys: isPlain ? keys : undefined };
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
