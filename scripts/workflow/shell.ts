/**
 * Shell scripts, as far as a reviewer reads them: which commands run one after another, and what is
 * comment.
 *
 * A text that ends inside a quote, a block or a here-document was misread, or is no shell script:
 * it has no commands then, and all of it counts as code, so that nothing hides in a misreading.
 */

/** A word of a command. */
export interface ShellWord {
  /** As written, quotes and expansions included; continued lines are joined. */
  readonly raw: string;
  /** Offset into the text. */
  readonly offset: number;
}

/** A simple command: words up to an operator, without redirections. */
export interface ShellCommand {
  readonly words: readonly [ShellWord, ...ShellWord[]];
  /** The operators around it: a line feed, `;`, `&`, `&&`, `||`, `|`, a bracket; none at an end. */
  readonly before: string;
  readonly after: string;
  /** Whether it is negated, or in a condition, loop, function, group, subshell or substitution. */
  readonly nested: boolean;
}

export interface ShellScript {
  /** In the order of the text; what stands inside quotes and here-documents is no command. */
  readonly commands: readonly ShellCommand[];
  /** The text with blanks for comments: every offset stays. */
  readonly code: string;
}

/** Reads a shell script; the `${{ expressions }}` of a workflow are parts of words. */
export function readShell(text: string): ShellScript {
  try {
    return parse(text);
  } catch (thrown) {
    // Brackets may be nested too deeply for this reader.
    if (thrown instanceof Unfinished || thrown instanceof RangeError) {
      return { commands: [], code: text };
    }
    throw thrown;
  }
}

/** The text ended where it must not. */
class Unfinished extends Error {}

/** Words after which a command begins, in a block of its own or in the same one. */
const openers = new Set(["if", "while", "until", "{"]);
const continuers = new Set(["then", "else", "elif", "do"]);
/** Words that open a block and have operands. */
const headers = new Set(["for", "select", "case"]);
/** Words that close a block, and what may have opened it. */
const closers = new Map([
  ["fi", ["if"]],
  ["done", ["for", "select", "while", "until"]],
  ["esac", ["case"]],
  ["}", ["{"]],
]);

/** Operators, the longest first. */
const operator = /;;&|;;|;&|;|&&|\|\||\|&|&|\||\n/y;
const redirection = /<<<|<<-|<<|&>>|&>|>>|>\||[<>]&|<>|<|>/y;
const blank = /[ \t\r]+|\\\r?\n/y;
/** What no quote, expansion, operator or blank interrupts. */
const plain = /[^\s\\'"`$#;&|()<>]+/y;

interface Cursor {
  readonly text: string;
  at: number;
}

/** What a pattern matches right here, taken; undefined if it does not match. */
function take(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at;
  const found = pattern.exec(cursor.text)?.[0];
  cursor.at += found?.length ?? 0;
  return found;
}

/** Moves behind the next `end`. */
function skipPast(cursor: Cursor, end: string): void {
  const found = cursor.text.indexOf(end, cursor.at);
  if (found < 0) {
    throw new Unfinished();
  }
  cursor.at = found + end.length;
}

interface HereDocument {
  readonly end: string;
  readonly indented: boolean;
}

function parse(text: string): ShellScript {
  const cursor: Cursor = { text, at: 0 };
  const commands: ShellCommand[] = [];
  const comments: { start: number; end: number }[] = [];

  /** Takes one piece of a word: a quoted text, an expansion, or a character. */
  function takePiece(): void {
    if (take(cursor, plain) !== undefined) {
      return;
    }
    if (take(cursor, /\$\{\{/y) !== undefined) {
      skipPast(cursor, "}}");
    } else if (take(cursor, /\$?"/y) !== undefined) {
      takeUntil('"');
    } else if (take(cursor, /\$'/y) !== undefined) {
      while (take(cursor, /'/y) === undefined) {
        takeCharacter();
      }
    } else if (take(cursor, /'/y) !== undefined) {
      skipPast(cursor, "'");
    } else if (!takeExpansion()) {
      takeCharacter();
    }
  }

  /** Takes quoted text or the inside of `${ }`, in which expansions count. */
  function takeUntil(end: '"' | "}"): void {
    while (cursor.text[cursor.at] !== end) {
      if (take(cursor, /\$\{\{/y) !== undefined) {
        skipPast(cursor, "}}");
      } else if (end === "}" && /["']/.test(cursor.text[cursor.at] ?? "")) {
        takePiece();
      } else if (!takeExpansion()) {
        takeCharacter();
      }
    }
    cursor.at += 1;
  }

  function takeExpansion(): boolean {
    if (take(cursor, /\$\(\(/y) !== undefined) {
      takeArithmetic();
    } else if (take(cursor, /\$\(/y) !== undefined) {
      takeList(")");
    } else if (take(cursor, /`/y) !== undefined) {
      takeList("`");
    } else if (take(cursor, /\$\{/y) !== undefined) {
      takeUntil("}");
    } else {
      return false;
    }
    return true;
  }

  function takeCharacter(): void {
    if (cursor.at >= text.length) {
      throw new Unfinished();
    }
    cursor.at += cursor.text[cursor.at] === "\\" ? 2 : 1;
  }

  /** Takes the rest of `((…))`: numbers, in which `<<` and `#` mean something else. */
  function takeArithmetic(): void {
    for (let depth = 2; depth > 0; ) {
      const next = text[cursor.at];
      depth += next === "(" ? 1 : next === ")" ? -1 : 0;
      takeCharacter();
    }
  }

  function takeHereDocuments(pending: HereDocument[]): void {
    for (const { end, indented } of pending.splice(0)) {
      let line: string;
      do {
        if (cursor.at >= text.length) {
          throw new Unfinished();
        }
        line = take(cursor, /[^\n]*/y) ?? "";
        take(cursor, /\n/y);
      } while ((indented ? line.replace(/^\t+/, "") : line).replace(/\r$/, "") !== end);
    }
  }

  /** Takes commands up to the end of the text, or of the substitution that they are in. */
  function takeList(end?: ")" | "`"): void {
    const open: string[] = [];
    const pending: HereDocument[] = [];
    let words: ShellWord[] = [];
    let before = "";
    let negated = false;
    let redirected: string | undefined;

    function takeWord(): void {
      const offset = cursor.at;
      do {
        takePiece();
      } while (cursor.at < text.length && !isBoundary(end));
      const raw = text.slice(offset, cursor.at).replace(/\\\r?\n/g, "");
      const target = redirected;
      redirected = undefined;
      if (target?.startsWith("<<") && target !== "<<<") {
        pending.push({ end: raw.replace(/["'\\]/g, ""), indented: target === "<<-" });
      } else if (
        target !== undefined ||
        (/^[0-9]+$/.test(raw) && /[<>]/.test(text[cursor.at] ?? ""))
      ) {
        return;
      } else if (words.length > 0 || !takeReserved(raw)) {
        words.push({ raw, offset });
        if (words[0]?.raw === "function" && raw === "{") {
          open.push("{");
        }
      }
    }

    /** Answers whether a first word belongs to the grammar, and not to a command. */
    function takeReserved(raw: string): boolean {
      const opener = closers.get(raw);
      if (opener !== undefined) {
        if (opener.includes(open.at(-1) ?? "")) {
          open.pop();
        }
        return true;
      }
      if (openers.has(raw) || headers.has(raw)) {
        open.push(raw);
      }
      negated ||= raw === "!";
      return raw === "!" || openers.has(raw) || continuers.has(raw);
    }

    function endCommand(after: string): void {
      const [first, ...more] = words;
      if (first !== undefined) {
        const nested = end !== undefined || negated || open.length > 0;
        commands.push({ words: [first, ...more], before, after, nested });
      }
      // After `&&` a command may begin on the next line.
      if (first !== undefined || after !== "\n" || !/^(?:&&|\|\|?|\|&)$/.test(before)) {
        before = after;
      }
      words = [];
      negated = false;
    }

    /** Answers whether the bracket ends the list itself. */
    function takeBracket(bracket: string): boolean {
      endCommand(bracket);
      if (bracket === "(") {
        open.push(bracket);
      } else if (open.at(-1) === "(") {
        open.pop();
      } else if (open.at(-1) !== "case") {
        return true;
      }
      return false;
    }

    function takeComment(): void {
      const start = cursor.at;
      take(cursor, end === "`" ? /[^\n`]*/y : /[^\n]*/y);
      comments.push({ start, end: cursor.at });
    }

    while (cursor.at < text.length) {
      if (take(cursor, blank) !== undefined) {
        continue;
      }
      if (text[cursor.at] === "#") {
        takeComment();
        continue;
      }
      if (end === "`" && take(cursor, /`/y) !== undefined) {
        endCommand("`");
        return;
      }
      if (take(cursor, /[<>]\(/y) !== undefined) {
        takeList(")");
        continue;
      }
      const redirect = take(cursor, redirection);
      if (redirect !== undefined) {
        redirected = redirect;
        continue;
      }
      const found = take(cursor, operator);
      if (found !== undefined) {
        endCommand(found.startsWith(";") ? ";" : found);
        if (found === "\n") {
          takeHereDocuments(pending);
        }
        continue;
      }
      if (words.length === 0 && take(cursor, /\(\(/y) !== undefined) {
        takeArithmetic();
        continue;
      }
      const bracket = take(cursor, /[()]/y);
      if (bracket === undefined) {
        takeWord();
      } else if (takeBracket(bracket)) {
        if (end !== ")") {
          throw new Unfinished();
        }
        return;
      }
    }
    if (end !== undefined || open.length > 0 || pending.length > 0) {
      throw new Unfinished();
    }
    endCommand("");
  }

  function isBoundary(end: ")" | "`" | undefined): boolean {
    const next = text[cursor.at] ?? "";
    return /[\s;&|()<>]/.test(next) || (end === "`" && next === "`");
  }

  takeList();
  return {
    commands: commands.sort((a, b) => a.words[0].offset - b.words[0].offset),
    code: blanked(text, comments),
  };
}

function blanked(text: string, comments: readonly { start: number; end: number }[]): string {
  let code = "";
  let from = 0;
  for (const { start, end } of comments) {
    code += text.slice(from, start) + " ".repeat(end - start);
    from = end;
  }
  return code + text.slice(from);
}
