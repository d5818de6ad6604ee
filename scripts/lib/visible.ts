/** Makes untrusted text safe to print on a terminal and in the log of GitHub Actions. */

/**
 * Characters that control a terminal, hide text or change its direction: controls, formats, line
 * and paragraph separators, and lone surrogates. Line feed and tab are excluded.
 */
export const controlCharacters = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

function escapeOf(character: string): string {
  const code = character.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : jsonEscapeOf(character);
}

export function jsonEscapeOf(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

/**
 * Reports whether GitHub's runner may obey a part of a text: `##[` anywhere, or `::` after nothing
 * but blanks in its line. The runner also ends lines at a lone carriage return.
 */
export function holdsCommand(text: string): boolean {
  const blank = /[\s\x85]/;
  for (let at = text.indexOf("::"); at >= 0; at = text.indexOf("::", at + 1)) {
    let start = at;
    while (
      start > 0 &&
      blank.test(text[start - 1] ?? "") &&
      !/[\r\n]/.test(text[start - 1] ?? "")
    ) {
      start -= 1;
    }
    if (start === 0 || /[\r\n]/.test(text[start - 1] ?? "")) {
      return true;
    }
  }
  return text.includes("##[");
}

/**
 * Returns an untrusted text with control characters escaped, and with further lines indented so
 * that they cannot be mistaken for output of the command itself.
 *
 * @param actions Whether GitHub Actions reads the text. `::` at the start of a line and `##[` are
 *   then escaped, because its runner obeys them.
 */
export function visible(text: string, actions = false): string {
  const escaped = visibleLines(text).join("\n  | ");
  return actions ? escaped.replace(/^(\s*)::/, "$1| ::").replaceAll("##[", "##\\x5b") : escaped;
}

/** Returns the lines of a text with control characters escaped. */
export function visibleLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.replace(controlCharacters, escapeOf));
}
