/**
 * Parses a Markdown text into headings, code and other text, as far as changelogs and guides need
 * it. Lists and quotes are text: a heading inside of them is ignored, but a fence is recognised.
 */

import { lineIndex } from "../tree.ts";

/** One line. Offsets are UTF-16 code units into the text. */
export interface MarkdownLine {
  readonly kind: "heading" | "code" | "text";
  /** The line without its end and without HTML comments; empty if it opens or closes a fence. */
  readonly words: string;
  /** The start of this line and of the next one. */
  readonly start: number;
  readonly end: number;
  /** Of a heading: 1 to 6, and whether it has `#` or a line of `=` or `-` below it. */
  readonly level?: number;
  readonly style?: "marked" | "underlined";
  /** Of a heading: its text without marks. */
  readonly title?: string;
}

/** Marks of quotes and list items at the start of a line. */
const containerMarks = /^[\s>]*(?:(?:[-+*]|[0-9]{1,9}[.)])(?:[ \t]+|$)[\s>]*)*/;
const fence = /^(?:`{3,}(?=[^`]*$)|~{3,})/;
/** Without the flag `s`, `.` would end at U+2028 and U+2029, which end no line of Markdown. */
const marked = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/s;
const indented = /^(?: {4}| {0,3}\t)/;
const linkDefinition =
  /^\s{0,3}\[[^[\]]+\]: *(?:<[^<>]*>|[^ <][^ ]*)(?: +(?:"[^"]*"|'[^']*'|\([^()]*\)))? *$/;

/** Returns the lines of a text in time linear in its length. */
export function readLines(text: string): MarkdownLine[] {
  const lines: MarkdownLine[] = [];
  const visible = commentBlanker(text);
  let open: string | undefined;
  for (const { line, start, end } of physicalLines(text)) {
    const before = lines.at(-1);
    const mayFence = line.includes("```") || line.includes("~~~");
    const run = mayFence ? fence.exec(line.replace(containerMarks, ""))?.[0] : undefined;
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

/** Reports whether a line is not a heading and shows a letter, a digit or a pictogram. */
export function saysSomething({ kind, words }: MarkdownLine): boolean {
  const text = kind === "text" ? words.replace(containerMarks, "") : words;
  return kind !== "heading" && /[\p{L}\p{N}\p{So}]/u.test(text) && !linkDefinition.test(text);
}

/** Returns a function that reports whether an offset lies in fenced or indented code. */
export function codeBlocks(text: string): (offset: number) => boolean {
  const lines = readLines(text);
  const starts = lines.map(({ start }) => start);
  return (offset) => lines[lineIndex(starts, offset)]?.kind === "code";
}

/** Returns a text with spaces instead of its closed HTML comments, so that offsets stay the same. */
export function withoutComments(text: string): string {
  // An unclosed comment hides nothing, so no comment starts after the last end.
  const end = text.lastIndexOf("-->") + "-->".length;
  return text.slice(0, end).replace(/<!--(?:-?>|[\s\S]*?-->)/g, blank) + text.slice(end);
}

function blank(text: string): string {
  return text.replace(/[^\r\n]/g, " ");
}

/** Reports whether a line can be the title of an underlined heading. */
function isParagraph({ kind, words }: MarkdownLine): boolean {
  return (
    kind === "text" &&
    words.trim() !== "" &&
    /^ {0,3}/.exec(words)?.[0] === containerMarks.exec(words)?.[0]
  );
}

/**
 * Returns a function that replaces the closed comments of a line by spaces, including one from an
 * earlier line. Call it for the lines outside code, in order.
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
