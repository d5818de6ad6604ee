/**
 * Reads the lines of a Markdown text: headings, code and HTML comments. That is what divides a changelog
 * into sections and a guide into prose and code. Lists and quotes are read as text: a heading in one
 * does not exist for a changelog, and a fence in one is a fence like any other.
 */

import { lineIndex } from "../tree.ts";

/** One line. Offsets are UTF-16 code units into the text. */
export interface MarkdownLine {
  readonly kind: "heading" | "code" | "text";
  /** The line without its end and without HTML comments; empty for the line that opens or closes a fence. */
  readonly words: string;
  /** Where the line starts, and where the next one does. */
  readonly start: number;
  readonly end: number;
  /** Of a heading: 1 to 6, and whether `#` marks it or a line of `=` or `-` below it. */
  readonly level?: number;
  readonly style?: "marked" | "underlined";
  /** Of a heading: its text, without the marks around it. */
  readonly title?: string;
}

/** Marks of quotes and list items at the start of a line. */
const containerMarks = /^[\s>]*(?:(?:[-+*]|[0-9]{1,9}[.)])(?:[ \t]+|$)[\s>]*)*/;
const fence = /^(?:`{3,}(?=[^`]*$)|~{3,})/;
const marked = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
const indented = /^(?: {4}| {0,3}\t)/;
const linkDefinition =
  /^\s{0,3}\[[^[\]]+\]: *(?:<[^<>]*>|[^ <][^ ]*)(?: +(?:"[^"]*"|'[^']*'|\([^()]*\)))? *$/;

/** Returns the lines of a text, in time linear in its length. */
export function readLines(text: string): MarkdownLine[] {
  const lines: MarkdownLine[] = [];
  const visible = commentBlanker(text);
  let open: string | undefined;
  for (const { line, start, end } of physicalLines(text)) {
    const before = lines.at(-1);
    const run = fence.exec(line.replace(containerMarks, ""))?.[0];
    const words = open === undefined ? visible(line, start) : line;
    const isCode = before === undefined || before.kind !== "text" || before.words.trim() === "";
    if (open !== undefined) {
      const closes = run?.startsWith(open) === true && line.trimEnd().endsWith(run);
      lines.push({ kind: "code", words: closes ? "" : line, start, end });
      open = closes ? undefined : open;
    } else if (run !== undefined && words === line) {
      open = run;
      lines.push({ kind: "code", words: "", start, end });
    } else if (indented.test(words) && isCode && words.trim() !== "") {
      lines.push({ kind: "code", words, start, end });
    } else if (
      /^ {0,3}(?:=+|-+)[ \t]*$/.test(words) &&
      before !== undefined &&
      isParagraph(before)
    ) {
      const level = words.includes("=") ? 1 : 2;
      const title = before.words.trim();
      lines[lines.length - 1] = {
        ...before,
        kind: "heading",
        end,
        level,
        style: "underlined",
        title,
      };
    } else {
      const [, marks, rest = ""] = marked.exec(words) ?? [];
      lines.push(
        marks === undefined
          ? { kind: "text", words, start, end }
          : {
              ...{ kind: "heading", words, start, end, style: "marked" },
              ...{ level: marks.length, title: rest.replace(/(?:^|[ \t]+)#+[ \t]*$/, "").trim() },
            },
      );
    }
  }
  return lines;
}

/** Reports whether a line, outside a heading, holds a letter, a digit or a pictogram that a reader sees. */
export function saysSomething({ kind, words }: MarkdownLine): boolean {
  const text = kind === "text" ? words.replace(containerMarks, "") : words;
  return kind !== "heading" && /[\p{L}\p{N}\p{So}]/u.test(text) && !linkDefinition.test(text);
}

/** Returns whether an offset lies in code, fenced or indented. */
export function codeBlocks(text: string): (offset: number) => boolean {
  const lines = readLines(text);
  const starts = lines.map(({ start }) => start);
  return (offset) => lines[lineIndex(starts, offset)]?.kind === "code";
}

/** Returns a text with its closed HTML comments blanked out; all else keeps its offset. */
export function withoutComments(text: string): string {
  // A comment that is left open hides nothing: behind the last end no start is looked for.
  const end = text.lastIndexOf("-->") + "-->".length;
  return text.slice(0, end).replace(/<!--(?:-?>|[\s\S]*?-->)/g, blank) + text.slice(end);
}

function blank(text: string): string {
  return text.replace(/[^\r\n]/g, " ");
}

/** Whether a line can be the title of an underlined heading. */
function isParagraph({ kind, words }: MarkdownLine): boolean {
  return (
    kind === "text" &&
    words.trim() !== "" &&
    /^ {0,3}/.exec(words)?.[0] === containerMarks.exec(words)?.[0]
  );
}

/**
 * Returns a function that blanks the closed comments of a line, a comment that began before it
 * included. Call it for lines outside code, in their order.
 */
function commentBlanker(text: string): (line: string, start: number) => string {
  let hiddenUntil = 0;
  const lastEnd = text.lastIndexOf("-->");
  return (line, start) => {
    const covered = Math.max(0, Math.min(line.length, hiddenUntil - start));
    let shown = " ".repeat(covered);
    for (let at = line.indexOf("<!--", covered); at >= 0; at = line.indexOf("<!--", shown.length)) {
      if (start + at + 2 > lastEnd) {
        break;
      }
      hiddenUntil = text.indexOf("-->", start + at + 2) + "-->".length;
      const end = Math.min(line.length, hiddenUntil - start);
      shown += line.slice(shown.length, at) + " ".repeat(end - at);
    }
    return shown + line.slice(shown.length);
  };
}

/** Yields the lines of a text without their ends (`\n`, `\r\n` or `\r`). */
function* physicalLines(text: string): Generator<{ line: string; start: number; end: number }> {
  const lineEnd = /\r\n|\n|\r/g;
  for (let start = 0; start < text.length; ) {
    const match = lineEnd.exec(text);
    const end = match === null ? text.length : lineEnd.lastIndex;
    yield { line: text.slice(start, match?.index ?? text.length), start, end };
    start = end;
  }
}
