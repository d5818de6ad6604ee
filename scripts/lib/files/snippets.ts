/** Versions in snippets for users: a constant that pins one, and mentions such as `tool@v1.2.3`. */

import type { Source } from "../tree.ts";
import type { Span } from "./edit.ts";
import { fencedCode } from "./markdown.ts";

/** A version as it is written, a leading `v` included; it may be no legal version. */
const written = "v?[0-9][0-9A-Za-z.+-]*";
/** What may stand before a constant that is assigned: nothing that makes it a comment. */
const lead = "^[ \\t>]*(?:-[ \\t]+)?(?:export[ \\t]+|def[ \\t]+|env\\.)?";
/** What may stand behind the value, so that it is the whole value. */
const tail = "(?=[ \\t]*(?:[,;}]|$|[ \\t]#|//))";

/**
 * The versions that a constant is set to, at the start of a line: `NAME: "1.2.3"`, `NAME = '1.2.3'`
 * or `NAME=1.2.3`. A value that is an expression is none, and neither is what a comment says.
 */
export function findConstants({ text }: Source, name: string): readonly Span[] {
  const assignment = new RegExp(
    `${lead}(["']?)${RegExp.escape(name)}\\1[ \\t]*[:=][ \\t]*(["']?)(${written})\\2${tail}`,
    "gm",
  );
  return [...withoutBlockComments(text).matchAll(assignment)].map((match) => {
    const [whole, , quote = "", value = ""] = match;
    return { offset: match.index + whole.length - quote.length - value.length, text: value };
  });
}

/** A text with comments that begin at the start of a line blanked out; the rest keeps its place. */
function withoutBlockComments(text: string): string {
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, (comment) => comment.replace(/[^\r\n]/g, " "));
}

/** The versions that a constant is set to in the fenced code of a Markdown text. */
export function findFencedConstants(source: Source, name: string): readonly Span[] {
  const isCode = fencedCode(source.text);
  return findConstants(source, name).filter(({ offset }) => isCode(offset));
}

/** The versions of a product that a text mentions as `product@v1.2.3`, the prefix included. */
export function findMentions({ text }: Source, product: string, prefix: string): readonly Span[] {
  const number = "(?:0|[1-9][0-9]*)";
  const suffix = "(?:-[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?";
  const mention = new RegExp(
    `(?<![\\w-])${RegExp.escape(product)}@(${RegExp.escape(prefix)}${number}\\.${number}\\.${number}${suffix})(?![\\w-]|\\.\\w)`,
    "g",
  );
  return [...text.matchAll(mention)].map((match) => {
    const [whole, version = ""] = match;
    return { offset: match.index + whole.length - version.length, text: version };
  });
}
