/** The pushed tag, as a word of a shell script in a workflow spells it. */

import type { ShellCommand, ShellScript } from "./shell.ts";

/** Where the variables of a script come from. */
export interface Variables {
  readonly script: ShellScript;
  /** The commands before the one whose word is asked about. */
  readonly earlier: readonly ShellCommand[];
  /** What the workflow sets as an environment variable. */
  settled(name: string): unknown;
}

/**
 * Whether a word is the pushed tag or its version: a variable or an expression of GitHub's that
 * holds it, or a variable that was set to one of these in the workflow or once in the script.
 *
 * @param prefix What the tag begins with, and its version does not.
 */
export function isPushedTag(word: string, prefix: string, variables: Variables): boolean {
  const [, mark, inner = ""] = /^(["']?)([\s\S]*)\1$/.exec(word) ?? [];
  const [, ofEnvironment] = /^\$\{\{\s*env\.(\w+)\s*\}\}$/.exec(inner) ?? [];
  if (isTagExpression(inner) || isTagExpression(variables.settled(ofEnvironment ?? ""))) {
    return true;
  }
  const [, plain, braced, cut = ""] = /^\$(?:(\w+)|\{(\w+)(##?[^}]*)?\})$/.exec(inner) ?? [];
  const name = plain ?? braced;
  // Nothing is expanded between single quotes.
  if (name === undefined || mark === "'") {
    return false;
  }
  const cuts = ["#", "##"].flatMap((each) =>
    name === "GITHUB_REF"
      ? ["##*/", `${each}refs/tags/`, `${each}refs/tags/${prefix}`]
      : ["", `${each}${prefix}`],
  );
  return cuts.includes(cut) && holdsTag(name, prefix, variables);
}

/** Whether a variable holds the pushed tag, or the whole ref if it is named so. */
function holdsTag(name: string, prefix: string, { script, earlier, settled }: Variables): boolean {
  const assignments = script.code.match(new RegExp(`(?<![\\w-])${name}=`, "g")) ?? [];
  if (assignments.length === 0) {
    return /^GITHUB_REF(?:_NAME)?$/.test(name) || isTagExpression(settled(name));
  }
  const value = assignmentTo(name, earlier);
  // What the script sets twice, or from what it sets itself, is not followed.
  const others = { script, earlier: [], settled };
  return assignments.length === 1 && value !== undefined && isPushedTag(value, prefix, others);
}

/** What one of these commands assigns to a variable, as written. */
function assignmentTo(name: string, commands: readonly ShellCommand[]): string | undefined {
  for (const { words, nested } of commands) {
    const parts = words.map(({ raw }) => raw);
    const isDeclared = /^(?:export|readonly)$/.test(parts[0] ?? "");
    const [only = "", ...more] = isDeclared ? parts.slice(1) : parts;
    if (!nested && more.length === 0 && only.startsWith(`${name}=`)) {
      return only.slice(name.length + 1);
    }
  }
  return undefined;
}

function isTagExpression(value: unknown): boolean {
  return typeof value === "string" && /^\$\{\{\s*github\.ref_name\s*\}\}$/i.test(value);
}
