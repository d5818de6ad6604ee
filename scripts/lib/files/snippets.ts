/** Versions in snippets for users: a constant that pins one, and mentions such as `tool@v1.2.3`. */

import type { Source } from "../tree.ts";
import type { Span } from "./edit.ts";
import { codeBlocks, withoutComments } from "./markdown.ts";

/** A version as it is written, a leading `v` included; it may be no legal version. */
const written = "v?[0-9][0-9A-Za-z.+-]*";
/** The start of a line. The flag `m` would read U+2028 as a line's end, which no shell or YAML does. */
const lineStart = "(?<=^|[\\n\\r])";
/** Words that declare a constant in Groovy, a shell or a Dockerfile. */
const declaration = "(?:export|readonly|def|final|static|String|ENV|ARG)[ \\t]+";
/** A block or a flow mapping that opens on the line of the constant. */
const opening = "(?:[\\w-]+[ \\t]*:?[ \\t]*)?\\{(?:(?:(?!//)[^{}#\\n\\r])*[,;])?[ \\t]*";
/** What may stand before a constant that is assigned: nothing that makes it a comment. */
const lead = `${lineStart}[ \\t>]*(?:-[ \\t]+)?(?:${opening})?(?:${declaration})*(?:env\\.)?`;
/** What may stand behind the value, so that it is the whole value. */
const tail = "(?=[ \\t]*(?:[,;}]|$|[\\n\\r]|[ \\t]#|//|&&|\\|\\|))";
/** What else may stand behind it in a shell, without spaces around `=`: the command to run with it. */
const command = "(?=[ \\t]+[\\w./~$\"'\\\\])";

/**
 * Returns the versions that a constant is set to, at the start of a line or of a block on it: `NAME: "1.2.3"`,
 * `NAME = '1.2.3'` or `NAME=1.2.3`. A value that is an expression is none, and neither is one in a
 * comment that begins on its line.
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
 * Returns where a constant is set, outside line comments, to something with a version that
 * `findConstants` does not find: an expression.
 */
export function findUnclearConstants(file: Source, name: string): readonly Span[] {
  const assignment = new RegExp(
    `(?<![\\w$.-])(["']?)${RegExp.escape(name)}\\1(?:[ \\t]*(?::|=(?!=))\\s*|[ \\t]+(?=["']?v?[0-9]))[^\\n\\r#;,]{0,120}?[0-9]+\\.[0-9]+\\.[0-9]+`,
    "g",
  );
  const clear = new Set(findConstants(file, name).map(({ offset, text }) => offset + text.length));
  const { text: lines } = file;
  const isComment = lineComments(lines);
  return [...lines.matchAll(assignment)]
    .filter(({ index, 0: whole }) => {
      const end = index + whole.length;
      const rest = /^[0-9A-Za-z.+-]*/.exec(lines.slice(end))?.[0] ?? "";
      return !isComment(index) && !clear.has(end + rest.length);
    })
    .map(({ index, 0: text }) => ({ offset: index, text }));
}

/** Reports whether an offset lies inside a line comment. Call it with ascending offsets. */
function lineComments(text: string): (offset: number) => boolean {
  const comments = text.matchAll(/(?<=^|\s)(?:#|\/\/)[^\n\r]*/g);
  let comment = comments.next().value;
  return (offset) => {
    while (comment !== undefined && comment.index + comment[0].length < offset) {
      comment = comments.next().value;
    }
    return comment !== undefined && comment.index < offset;
  };
}

/** Returns what a finder finds in the code of a Markdown text, outside comments. */
export function findInCode(file: Source, find: (file: Source) => readonly Span[]): readonly Span[] {
  const isCode = codeBlocks(file.text);
  return find({ ...file, text: withoutComments(file.text) }).filter(({ offset }) => isCode(offset));
}

/** Returns the versions of a product that a text mentions as `product@v1.2.3` outside HTML comments. */
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
 * Returns where a text mentions a product outside HTML comments with a version that `findMentions`
 * does not find: without the prefix, behind a path, or in another case. A name in a scope of npm is another
 * package, and what continues like a host name or an IP address is one.
 */
export function findUnclearMentions(
  file: Source,
  product: string,
  prefix: string,
): readonly Span[] {
  const number = "[0-9]{1,15}(?![0-9])";
  const version = `${number}\\.${number}\\.${number}`;
  // The parts of a path are bounded, or a long line of them would be read from each one anew.
  const mention = new RegExp(
    `(?<![\\w@-])(?<!@[\\w.-]{1,64}/)${RegExp.escape(product)}(?:/[\\w.-]{1,64}){0,8}@(?:refs/tags/)?((?:${RegExp.escape(prefix)}|v)${version}|${version}(?!\\.[0-9]))(?!\\.[a-z])`,
    "gi",
  );
  const clear = new Set(findMentions(file, product, prefix).map(({ offset }) => offset));
  return [...withoutComments(file.text).matchAll(mention)]
    .filter(({ index, 0: whole, 1: found = "" }) => !clear.has(index + whole.length - found.length))
    .map(({ index, 0: text }) => ({ offset: index, text }));
}
