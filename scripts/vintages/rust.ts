/**
 * The tokens of Rust source, as far as it takes to tell code from comments and texts: the runtime
 * has no parser for Rust, and a search in the plain text would find decoys.
 */

import { LocatedSyntaxError } from "../lib/finding.ts";
import type { Source } from "../lib/tree.ts";

/** A piece of code. Comments, blanks and character literals are none. */
export interface RustToken {
  /** A word, a number, a lifetime with its `'`, one other character, or `"` for a whole text. */
  readonly text: string;
  /** What a text stands for, without its quotes and escapes. */
  readonly value?: string;
  /** Offset at which it starts. */
  readonly at: number;
}

const lexeme = new RegExp(
  [
    /(?<line>\/\/)/u,
    /(?<block>\/\*)/u,
    /(?<raw>[bc]?r#*")/u,
    /(?<quoted>[bc]?")/u,
    // Before the lifetimes: what closes after one character is a character.
    /(?<character>b?'(?:\\(?:x[0-9A-Fa-f]{2}|u\{[0-9A-Fa-f_]{1,12}\}|.)|[^\\'\r\n\t])')/u,
    /(?<word>(?:'|r#)?\p{ID_Continue}+)/u,
    /(?<mark>\S)/u,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gu",
);

/**
 * Divides Rust source into tokens, in time linear in its length.
 *
 * @throws {LocatedSyntaxError} If a comment or a text does not end.
 */
export function rustTokens(source: Source): RustToken[] {
  const { text } = source;
  const tokens: RustToken[] = [];
  for (let from = 0; ; ) {
    lexeme.lastIndex = from;
    const match = lexeme.exec(text);
    if (match === null) {
      return tokens;
    }
    const { index: at, 0: found } = match;
    const { line, block, raw, quoted, character } = match.groups ?? {};
    from = at + found.length;
    if (line !== undefined) {
      from = endOfLine(text, from);
    } else if (block !== undefined) {
      from = endOfComment(source, at);
    } else if (raw !== undefined) {
      const closing = `"${"#".repeat(raw.split("#").length - 1)}`;
      const end = text.indexOf(closing, from);
      if (end < 0) {
        throw endless(source, at, "text");
      }
      tokens.push({ text: '"', value: text.slice(from, end), at });
      from = end + closing.length;
    } else if (quoted !== undefined) {
      const end = endOfText(source, at, from);
      tokens.push({ text: '"', value: unescaped(text.slice(from, end)), at });
      from = end + 1;
    } else if (character === undefined) {
      tokens.push({ text: found, at });
    }
  }
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** Block comments nest. */
function endOfComment(source: Source, at: number): number {
  const edge = /\/\*|\*\//g;
  edge.lastIndex = at;
  let depth = 0;
  do {
    const match = edge.exec(source.text);
    if (match === null) {
      throw endless(source, at, "comment");
    }
    depth += match[0] === "/*" ? 1 : -1;
  } while (depth > 0);
  return edge.lastIndex;
}

function endOfText(source: Source, at: number, from: number): number {
  const edge = /\\[\s\S]|"/g;
  edge.lastIndex = from;
  for (let match = edge.exec(source.text); match !== null; match = edge.exec(source.text)) {
    if (match[0] === '"') {
      return match.index;
    }
  }
  throw endless(source, at, "text");
}

function endless(source: Source, at: number, what: string): LocatedSyntaxError {
  return new LocatedSyntaxError(
    `Cannot read ${source.path}: the ${what} that starts here has no end`,
    source.place(at),
  );
}

const letters: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "0": "\0" };

function unescaped(text: string): string {
  return text.replace(
    /\\(?:\r?\n[ \t\r\n]*|x([0-9A-Fa-f]{2})|u\{([0-9A-Fa-f_]+)\}|([\s\S]))/g,
    (whole: string, byte?: string, point?: string, letter?: string) => {
      if (letter !== undefined) {
        return letters[letter] ?? letter;
      }
      const code = byte ?? point?.replaceAll("_", "");
      if (code === undefined) {
        return "";
      }
      const value = Number.parseInt(code, 16);
      return value <= 0x10ffff ? String.fromCodePoint(value) : whole;
    },
  );
}
