/**
 * The blocks of a Markdown text that decide where it is divided, and whether it says anything.
 *
 * Of CommonMark 0.31 this knows what can hide a heading or pass for content: list items and
 * quotes, code in a fence or indented, raw HTML blocks, headings, link definitions and rules.
 */

import { lineIndex } from "../tree.ts";

/** A heading that stands in no list item and no quote. Offsets are into the text. */
export interface Heading {
  /** From 1 to 6. */
  readonly level: number;
  /** Whether it is marked by `#`, or by a line of `=` or `-` below it. */
  readonly style: "marked" | "underlined";
  readonly title: string;
  /** Where its first line starts, and where the line after its last one does. */
  readonly start: number;
  readonly end: number;
}

/** Told about headings and content in the order of the text. */
export interface BlockVisitor {
  heading(heading: Heading): void;
  /** Something that a reader sees and that is no heading. */
  content(): void;
  /** A line of code, or the end of its fence: where it starts, and where the next line does. */
  code?(line: { readonly start: number; readonly end: number }): void;
}

/** A quote, or a list item by the columns that its later lines are indented by. */
type Container = "quote" | number;

interface Fence {
  readonly character: string;
  readonly length: number;
}

/** A paragraph that the next line may turn into a heading by underlining it. */
interface Paragraph {
  readonly lines: string[];
  /** How many containers it stands in, and where its first line starts. */
  readonly depth: number;
  readonly start: number;
}

/** Deeper nesting counts as text: lines cost their length, not the depth of those before. */
const deepest = 16;

/** Reads a text once, in time linear in its length. */
export function scanBlocks(text: string, visitor: BlockVisitor): void {
  const containers: Container[] = [];
  let fence: Fence | undefined;
  let html: "comment" | "raw" | undefined;
  let paragraph: Paragraph | undefined;

  function endParagraph(): void {
    // A comment may span the lines of a paragraph.
    if (paragraph !== undefined && saysSomething(paragraph.lines.join("\n"))) {
      visitor.content();
    }
    paragraph = undefined;
  }

  function say(words: string): void {
    endParagraph();
    if (saysSomething(words)) {
      visitor.content();
    }
  }

  /**
   * Leaves the containers that a line no longer continues; answers which, and where the line's own
   * text starts.
   */
  function continueContainers(line: string): { own: number; left: readonly Container[] } {
    let at = 0;
    let depth = 0;
    for (const container of containers) {
      const next = continued(container, line, at);
      if (next === undefined) {
        break;
      }
      at = next;
      depth += 1;
    }
    const left = containers.splice(depth);
    if (left.length > 0) {
      fence = undefined;
      html = undefined;
    }
    return { own: at, left };
  }

  /** Enters the list items and quotes that start on a line; answers where the text in them does. */
  function enterContainers(line: string, from: number): number {
    let at = from;
    while (containers.length < deepest) {
      const entered = enteredContainer(line, at);
      if (entered === undefined) {
        break;
      }
      endParagraph();
      containers.push(entered.container);
      at = entered.at;
    }
    return at;
  }

  function insideFence(words: string, { character, length }: Fence): void {
    const run = /^ {0,3}(`+|~+) *$/.exec(words)?.[1];
    if (run?.[0] === character && run.length >= length) {
      fence = undefined;
    } else {
      say(words);
    }
  }

  function insideHtml(words: string, kind: "comment" | "raw"): void {
    const end = kind === "comment" ? words.indexOf("-->") : words.search(rawEnd);
    if (end >= 0) {
      html = undefined;
    }
    say(kind === "raw" ? words : end < 0 ? "" : words.slice(end + 3));
  }

  /** Turns the paragraph into the heading that it is with a line of `=` or `-` below it. */
  function underlineParagraph({ lines, depth, start }: Paragraph, bare: string, end: number): void {
    paragraph = undefined;
    if (depth === 0) {
      const title = lines.map((line) => line.trim()).join(" ");
      visitor.heading({ level: bare[0] === "=" ? 1 : 2, style: "underlined", title, start, end });
    }
  }

  function leaf(words: string, start: number, end: number, left: readonly Container[]): void {
    const block = /^ {0,3}(?=[^ ])/.exec(words);
    const bare = block === null ? "" : words.slice(block[0].length);
    const opened = fenceOf(bare);
    const level = /^(#{1,6})(?: |$)/.exec(bare)?.[1]?.length;
    const depth = containers.length;
    if (opened !== undefined) {
      endParagraph();
      fence = opened;
    } else if (bare.startsWith("<!--")) {
      html = "comment";
      // `<!-->` and `<!--->` are whole comments.
      insideHtml(bare.slice(2), "comment");
    } else if (rawStart.test(bare)) {
      html = "raw";
      insideHtml(bare, "raw");
    } else if (level !== undefined) {
      endParagraph();
      if (depth === 0) {
        const title = titleOf(bare.slice(level));
        visitor.heading({ level, style: "marked", title, start, end });
      }
    } else if (paragraph?.depth === depth && underline.test(bare)) {
      underlineParagraph(paragraph, bare, end);
    } else if (words.trim() === "" || isRule(bare)) {
      endParagraph();
    } else if (block === null && paragraph === undefined) {
      // Indented code, which an underline does not turn into a heading.
      visitor.code?.({ start, end });
      say(words);
    } else if (paragraph !== undefined) {
      // A line that goes on with a paragraph stays in its list items and quotes without their marks.
      paragraph.lines.push(words);
      containers.push(...left);
    } else if (!linkDefinition.test(bare)) {
      paragraph = { lines: [words], depth, start };
    }
  }

  for (const { line, start, end } of linesOf(text)) {
    const { own, left } = continueContainers(line);
    if (fence !== undefined) {
      visitor.code?.({ start, end });
      insideFence(line.slice(own), fence);
    } else if (html !== undefined) {
      insideHtml(line.slice(own), html);
    } else {
      leaf(line.slice(enterContainers(line, own)), start, end, left);
    }
  }
  endParagraph();
}

const rawStart = /^<(?:pre|script|style|textarea)(?:[ >]|$)/i;
const rawEnd = /<\/(?:pre|script|style|textarea)>/i;
const underline = /^(?:=+|-+) *$/;
const linkDefinition =
  /^\[[^[\]]+\]: *(?:<[^<>]*>|[^ <][^ ]*)(?: +(?:"[^"]*"|'[^']*'|\([^()]*\)))? *$/;

/** Lines without their ends (`\n`, `\r\n` or `\r`), with tabs as spaces up to the next stop. */
function* linesOf(text: string): Generator<{ line: string; start: number; end: number }> {
  const lineEnd = /\r\n|\n|\r/g;
  for (let start = 0; start < text.length; ) {
    const match = lineEnd.exec(text);
    const line = text.slice(start, match?.index ?? text.length);
    const end = match === null ? text.length : lineEnd.lastIndex;
    yield { line: line.includes("\t") ? withoutTabs(line) : line, start, end };
    start = end;
  }
}

function withoutTabs(line: string): string {
  let column = 0;
  return line
    .split("\t")
    .map((part, index, parts) => {
      const width = index === parts.length - 1 ? 0 : 4 - ((column + part.length) % 4);
      column += part.length + width;
      return part + " ".repeat(width);
    })
    .join("");
}

function spacesAt(line: string, from: number): number {
  let at = from;
  while (line[at] === " ") {
    at += 1;
  }
  return at - from;
}

/** Where a line goes on in a container, or undefined if the line leaves it. */
function continued(container: Container, line: string, at: number): number | undefined {
  if (container === "quote") {
    return afterQuoteMark(line, at);
  }
  const spaces = spacesAt(line, at);
  if (at + spaces >= line.length) {
    return line.length;
  }
  return spaces >= container ? at + container : undefined;
}

function afterQuoteMark(line: string, at: number): number | undefined {
  const mark = at + spacesAt(line, at);
  if (mark - at > 3 || line[mark] !== ">") {
    return undefined;
  }
  return line[mark + 1] === " " ? mark + 2 : mark + 1;
}

const listMarker = /(?:[-+*]|[0-9]{1,9}[.)])(?= |$)/y;

/** The container that starts at a place of a line, and where the text in it starts. */
function enteredContainer(
  line: string,
  at: number,
): { container: Container; at: number } | undefined {
  const quoted = afterQuoteMark(line, at);
  if (quoted !== undefined) {
    return { container: "quote", at: quoted };
  }
  const indent = spacesAt(line, at);
  listMarker.lastIndex = at + indent;
  const marker = indent > 3 ? undefined : listMarker.exec(line)?.[0];
  if (marker === undefined || isRule(line.slice(at + indent))) {
    return undefined;
  }
  const after = at + indent + marker.length;
  const spaces = spacesAt(line, after);
  // More than four spaces start indented code in the item, one of them being the item's own.
  const padding = spaces > 4 || after + spaces >= line.length ? 1 : spaces;
  return {
    container: indent + marker.length + padding,
    at: Math.min(after + padding, line.length),
  };
}

/** A line across the page; a longer one would say nothing either. */
const rule = /^(?:(?:- *){3,}|(?:\* *){3,}|(?:_ *){3,})$/;
const longestRule = 400;

function isRule(words: string): boolean {
  return words.length <= longestRule && rule.test(words);
}

function fenceOf(bare: string): Fence | undefined {
  const run = /^(?:`{3,}(?=[^`]*$)|~{3,})/.exec(bare)?.[0];
  return run?.[0] === undefined ? undefined : { character: run[0], length: run.length };
}

/** The words of a heading, without the `#` that may close it. */
function titleOf(words: string): string {
  const title = words.trim();
  let end = title.length;
  while (title[end - 1] === "#") {
    end -= 1;
  }
  return end === 0 || title[end - 1] === " " ? title.slice(0, end).trim() : title;
}

/** Whether a line holds a letter, a digit or a pictogram outside HTML comments. */
function saysSomething(words: string): boolean {
  for (let from = 0; from < words.length; ) {
    const comment = words.indexOf("<!--", from);
    const seen = comment < 0 ? words.slice(from) : words.slice(from, comment);
    if (/[\p{L}\p{N}\p{So}]/u.test(seen)) {
      return true;
    }
    const end = comment < 0 ? -1 : words.indexOf("-->", comment + 2);
    from = end < 0 ? words.length : end + 3;
  }
  return false;
}

/** Tells of the offsets of a text whether they lie in code, fenced or indented. */
export function codeBlocks(text: string): (offset: number) => boolean {
  const starts: number[] = [];
  const ends: number[] = [];
  scanBlocks(text, {
    heading() {},
    content() {},
    code({ start, end }) {
      starts.push(start);
      ends.push(end);
    },
  });
  return (offset) => {
    const line = lineIndex(starts, offset);
    return offset >= (starts[line] ?? text.length) && offset < (ends[line] ?? 0);
  };
}

/** A text with its HTML comments blanked out; everything else keeps its place. */
export function withoutComments(text: string): string {
  const parts: string[] = [];
  for (let from = 0; from < text.length; ) {
    const start = text.indexOf("<!--", from);
    const close = start < 0 ? -1 : text.indexOf("-->", start + 2);
    const end = close < 0 ? text.length : close + 3;
    const visible = start < 0 ? text.length : start;
    parts.push(text.slice(from, visible), text.slice(visible, end).replace(/[^\r\n]/g, " "));
    from = end;
  }
  return parts.join("");
}
