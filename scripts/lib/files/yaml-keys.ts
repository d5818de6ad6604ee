/**
 * Reads the keys of a chart's YAML files: each one once, at the start of its own line, in the same
 * indentation as its siblings; or all in braces on one line. The parsed data does not show
 * duplicates, and YAML parsers disagree about rare forms.
 */

import { asTable, type Document } from "./document.ts";

/** A line of a block mapping that can begin a key. */
interface KeyLine {
  /** The key; empty if it has a tag, an anchor or an escape, or if there is none. */
  readonly name: string;
  /** Offsets of the name and of the line's end. */
  readonly offset: number;
  readonly end: number;
  /** The text after the colon, without an anchor and a comment. */
  readonly written: string;
}

/** A plain key: colons and `#` count where no space follows or goes before. */
const plainKey =
  /(?![,[\]{}#&*!|>'"%@`]|[?:-](?:\s|$))(?:[^\s:]|:(?=\S))+(?:[ \t]+(?!#)(?:[^\s:]|:(?=\S))+)*/;
const keyForm = new RegExp(
  `^ *(?:"([^"\\\\]*)"|'((?:[^']|'')*)'|(${plainKey.source}))\\s*:(?:[ \\t]+(?:&\\S+(?:[ \\t]+|$))?(.*))?$`,
);

/** Braces on one line whose entries hold no braces, tags, anchors or escapes. */
const flatBraces = /^\{([^{}[\]&*!<>\\#]*)\}$/;

/** Reports whether Helm, which ignores the case of keys, reads a key as one of the versions. */
export function isLookalike({ name }: KeyLine): boolean {
  // U+017F folds to s, as in Go.
  return /^(?:app)?ver[s\u017f]ion$/i.test(name) && name !== "version" && name !== "appVersion";
}

/**
 * Returns the parsed data of a mapping, the line of its own key, the lines in which its keys may begin,
 * and its keys by name if each one is there once.
 *
 * @param path The path of the mapping: empty, or one top-level key.
 */
export function keysAt(document: Document, path: readonly string[] = []) {
  const { text } = document.source;
  const data = document.at(path);
  let parent: KeyLine | undefined;
  let [from, body, indent] = [0, text, ""];
  if (path.length > 0) {
    parent = keysAt(document).keys?.get(path[0] ?? "") as KeyLine | undefined;
    from = parent?.end ?? text.length;
    [body = ""] = text.slice(from).split(/^(?![\s#])/m, 1);
    indent = /^ +(?![\s#])/m.exec(body)?.[0] ?? "";
  }
  const inBraces = flatBraces.exec(parent?.written ?? "")?.[1];
  if (parent !== undefined && inBraces !== undefined) {
    from = text.indexOf("{", parent.offset) + 1;
    body = inBraces;
  }
  const starts = new RegExp(`^${indent}(?![\\s#%\\]}]|(?:-|---|\\.{3})(?:\\s|$)).+`, "gm");
  const pieces = inBraces === undefined ? body.matchAll(starts) : body.matchAll(/[^,\s][^,]*/g);
  const lines = Array.from(pieces, ({ 0: line, index }): KeyLine => {
    const [, double, single, plain, written = ""] = keyForm.exec(line) ?? [];
    const start = from + index;
    return {
      name: double ?? single ?? plain ?? "",
      offset: start + indent.length + ((double ?? single) === undefined ? 0 : 1),
      end: start + line.length,
      written: written.replace(/(?:^|[ \t])#.*/, "").trim(),
    };
  });
  const count = Object.keys(asTable(data) ?? {}).length;
  const keys = new Map(lines.map((each) => [each.name, each]));
  const isPlain = lines.length === count && keys.size === count && !keys.has("") && !keys.has("<<");
  return { data, lines, parent, keys: isPlain || count === 0 ? keys : undefined };
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
