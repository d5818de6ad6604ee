/** Text from anywhere, made safe to print on a terminal and in the log of GitHub Actions. */

/**
 * Characters that steer a terminal, hide text or turn its direction: controls, formats, line and
 * paragraph separators, and halves of surrogate pairs. A line feed and a tab are none of them.
 */
export const steering = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

function escapeOf(character: string): string {
  const code = character.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : jsonEscapeOf(character);
}

export function jsonEscapeOf(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

/**
 * Whether GitHub's runner may take a part of a text for a command: `##[` anywhere, or `::` behind
 * nothing but blanks in its line. The runner ends lines at a lone carriage return, too.
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
 * Text from anywhere, made safe to print: steering characters become escapes, further lines are
 * indented so that no line can pretend to be output of the command itself.
 *
 * @param actions Whether GitHub Actions reads the text. Its runner takes `::` at the start of a
 *   line and `##[` anywhere in it for a command, so both are broken up.
 */
export function visible(text: string, actions = false): string {
  const escaped = visibleLines(text).join("\n  | ");
  return actions ? escaped.replace(/^(\s*)::/, "$1| ::").replaceAll("##[", "##\\x5b") : escaped;
}

/** The lines of a text, each with its steering characters escaped. */
export function visibleLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.replace(steering, escapeOf));
}
