/** Finds versions in snippets for users: assignments of a constant, and `tool@v1.2.3`. */

import type { Source } from "../tree.ts";
import type { Span } from "./edit.ts";
import { codeBlocks, withoutComments } from "./markdown.ts";

/** A version with an optional `v`; it may be illegal. */
const written = "v?[0-9][0-9A-Za-z.+-]*";
/** The start of a line. The flag `m` would also end a line at U+2028, unlike any shell or YAML. */
const lineStart = "(?<=^|[\\n\\r])";
/** Words that declare a constant in Groovy, a shell or a Dockerfile. */
const declaration = "(?:export|readonly|def|final|static|String|ENV|ARG)[ \\t]+";
/** A block or a flow mapping that begins on the line of the constant. */
const opening = "(?:[\\w-]+[ \\t]*:?[ \\t]*)?\\{(?:(?:(?!//)[^{}#\\n\\r])*[,;])?[ \\t]*";
/** What may precede an assigned constant: nothing that begins a comment. */
const lead = `${lineStart}[ \\t>]*(?:-[ \\t]+)?(?:${opening})?(?:${declaration})*(?:env\\.)?`;
/** What may follow the value, so that it is the whole value. */
const tail = "(?=[ \\t]*(?:[,;}]|$|[\\n\\r]|[ \\t]#|//|&&|\\|\\|))";
/** What may also follow it in a shell without spaces around `=`: the command to run with it. */
const command = "(?=[ \\t]+[\\w./~$\"'\\\\])";

/**
 * Returns the versions that a constant is set to, at the start of a line or of a block on it:
 * `NAME: "1.2.3"`, `NAME = '1.2.3'` or `NAME=1.2.3`. It does not find expressions, or values in a
 * comment that begins on the same line.
 */
export function findConstants({ text }: Source, name: string): readonly Span[] {
  const value = `(["']?)(${written})\\2`;
  const assignment = new RegExp(
    `${lead}(["']?)${RegExp.escape(name)}\\1(?:[ \\t]*[:=][ \\t]*${value}${tail}|=${value.replace("2", "4")}${command})`,
    "g",
  );
  return [...text.matchAll(assignment)].map((match) => {
    const [whole, , quote, version, shellQuote, shellVersion] = match;
    const found = version ?? shellVersion ?? "";
    const closing = quote ?? shellQuote ?? "";
    return { offset: match.index + whole.length - closing.length - found.length, text: found };
  });
}

/**
 * Returns the assignments of a constant that contain a version and that `findConstants` does not
 * find, such as expressions. It ignores line comments.
 */
export function findUnclearConstants(file: Source, name: string): readonly Span[] {
  const assignment = new RegExp(
    `(?<![\\w$.-])(["']?)${RegExp.escape(name)}\\1(?:[ \\t]*(?::|=(?!=))\\s*|[ \\t]+(?=["']?v?[0-9]))[^\\n\\r#;,]{0,120}?[0-9]+\\.[0-9]+\\.[0-9]+[0-9A-Za-z.+-]*`,
    "g",
  );
  const shown = file.text.replace(/(?<=^|\s)(?:#|\/\/)[^\n\r]*/g, (each) =>
    " ".repeat(each.length),
  );
  const clear = new Set(findConstants(file, name).map(({ offset, text }) => offset + text.length));
  return Array.from(shown.matchAll(assignment), ({ index, 0: text }) => ({
    offset: index,
    text,
  })).filter(({ offset, text }) => !clear.has(offset + text.length));
}

/** Returns the spans that a finder finds in the code of a Markdown text, outside comments. */
export function findInCode(file: Source, find: (file: Source) => readonly Span[]): readonly Span[] {
  const isCode = codeBlocks(file.text);
  return find({ ...file, text: withoutComments(file.text) }).filter(({ offset }) => isCode(offset));
}

/** Returns the versions in mentions such as `product@v1.2.3`, outside HTML comments. */
export function findMentions({ text }: Source, product: string, prefix: string): readonly Span[] {
  const number = "(?:0|[1-9][0-9]*)";
  const suffix = "(?:-[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?";
  const mention = new RegExp(
    `(?<![\\w-])${RegExp.escape(product)}@(${RegExp.escape(prefix)}${number}\\.${number}\\.${number}${suffix})(?![\\w-]|\\.\\w)`,
    "g",
  );
  return [...withoutComments(text).matchAll(mention)].map((match) => {
    const [whole, version = ""] = match;
    return { offset: match.index + whole.length - version.length, text: version };
  });
}

/**
 * Returns the mentions of a product with a version that `findMentions` does not find: without the
 * prefix, after a path, or in another case. It ignores HTML comments, names in an npm scope (they
 * are other packages), and what continues as a host name or an IP address.
 */
export function findUnclearMentions(
  file: Source,
  product: string,
  prefix: string,
): readonly Span[] {
  const number = "[0-9]{1,15}(?![0-9])";
  const version = `${number}\\.${number}\\.${number}`;
  // Path parts are bounded, because otherwise the time would be quadratic in a long line of them.
  const mention = new RegExp(
    `(?<![\\w@-])(?<!@[\\w.-]{1,64}/)${RegExp.escape(product)}(?:/[\\w.-]{1,64}){0,8}@(?:refs/tags/)?((?:${RegExp.escape(prefix)}|v)${version}|${version}(?!\\.[0-9]))(?!\\.[a-z])`,
    "gi",
  );
  const clear = new Set(findMentions(file, product, prefix).map(({ offset }) => offset));
  return [...withoutComments(file.text).matchAll(mention)]
    .filter(({ index, 0: whole, 1: found = "" }) => !clear.has(index + whole.length - found.length))
    .map(({ index, 0: text }) => ({ offset: index, text }));
}
