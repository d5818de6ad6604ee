/** JavaScript and TypeScript modules: what they import, and the scripts that they name. */

import { LocatedSyntaxError } from "../lib/finding.ts";
import type { Source } from "../lib/tree.ts";

/** A text in a module, and its offset there. */
export interface Mention {
  readonly text: string;
  readonly offset: number | undefined;
}

export interface Module {
  /** Specifiers of imports of every kind, those of types alone left out. */
  readonly imports: readonly Mention[];
  /** String literals that are a path of a script and nothing else, imports left out. */
  readonly paths: readonly Mention[];
  /** Command lines that the module hands to a shell or to another program, as far as they show. */
  readonly commands: readonly Mention[];
}

const extension = /\.[cm]?([jt]sx?)$/;

/** Whether a path names a module. */
export function isModulePath(path: string): boolean {
  return extension.test(path);
}

/** A literal without a blank: a sentence that mentions a script does not call it. */
const scriptLiteral = /(["'`])([\w@.+/-]+\.(?:[cm]?[jt]sx?|sh|bash|py))\1/g;
/** The first operand of `exec`, `spawn` and their relatives, and the text of Bun's shell. */
const commandLiteral = /(?:\$|\b(?:exec|spawn)\w*\s*\(\s*\[?\s*)(["'`])([^"'`]*)\1/g;

/**
 * Reads a module with the runtime's own parser, so that comments and types do not count.
 *
 * @throws {LocatedSyntaxError} If the module cannot be parsed.
 */
export function readModule(source: Source): Module {
  const [, loader = "ts"] = extension.exec(source.path) ?? [];
  const transpiler = new Bun.Transpiler({ loader: loader as "ts" | "tsx" | "js" | "jsx" });
  // The parser knows no `#!` line; blanks keep every offset.
  const text = source.text.replace(/^#!.*/, (line) => " ".repeat(line.length));
  const mention = (each: string): Mention => {
    const offset = source.text.indexOf(each);
    return { text: each, offset: offset < 0 ? undefined : offset };
  };
  try {
    const imports = transpiler.scanImports(text).map(({ path }) => mention(path));
    const code = transpiler.transformSync(text);
    const literals = (pattern: RegExp) =>
      [...code.matchAll(pattern)].map((match) => mention(match[2] ?? ""));
    const paths = literals(scriptLiteral).filter(({ text: path }) =>
      imports.every((each) => each.text !== path),
    );
    return { imports, paths, commands: literals(commandLiteral) };
  } catch {
    throw new LocatedSyntaxError(
      `Cannot read ${source.path}: not valid ${loader.startsWith("t") ? "TypeScript" : "JavaScript"}`,
      source.place(),
      "Correct the syntax of the module",
    );
  }
}
