/** Explains a command: the text of `--help`, and why a run ended early. */

import {
  exitCodes,
  kebab,
  type Operands,
  type Option,
  type Options,
  UsageError,
} from "./command-line.ts";
import { error, type Finding, findingsOf, LocatedSyntaxError, Refusal } from "./finding.ts";
import { Interrupted } from "./interrupt.ts";
import { defaults } from "./layout.ts";
import { type LayoutFault, layoutKeys } from "./layout-merge.ts";
import { MissingProgram } from "./process.ts";
import type { Report } from "./report.ts";

/** The parts of a command's table that its help shows. */
interface Explained {
  readonly name: string;
  readonly summary: string;
  readonly operands: Operands;
  readonly refuses: readonly string[];
  readonly example: string;
}

/** Returns the help text of a command. */
export function helpOf(table: Explained, options: Options): string {
  const operands = Object.entries(table.operands).map(([name, each]) => {
    const shown = each.shown ?? name;
    return { usage: each.optional ? `[${shown}]` : `<${shown}>`, name: shown, help: each.help };
  });
  const rowsOfOptions = Object.entries(options).map(([name, each]) => ({
    name: `${name === "help" ? "-h, " : ""}--${kebab(name)}${placeholder(each)}`,
    help: each.help,
  }));
  const width = Math.max(...[...operands, ...rowsOfOptions].map(({ name }) => name.length));
  const rows = (entries: readonly { name: string; help: string }[]) =>
    entries.map(({ name, help }) => `  ${name.padEnd(width)}  ${help}`);
  const usage = ["bun", table.name, ...operands.map((each) => each.usage), "[options]"].join(" ");
  return [
    table.summary,
    "",
    `Usage: ${usage}`,
    "",
    ...(operands.length === 0 ? [] : ["Operands:", ...rows(operands), ""]),
    "Options:",
    ...rows(rowsOfOptions),
    "",
    "It refuses when:",
    ...table.refuses.map((reason) => `  - ${reason}`),
    "",
    "Exit codes:",
    "  0    passed",
    "  1    refused, or could not find out",
    "  2    the command line is wrong",
    "  130  interrupted with Ctrl-C",
    "",
    "Example:",
    `  ${table.example}`,
    "",
  ].join("\n");
}

function placeholder(each: Option<unknown>): string {
  return each.value === undefined ? "" : each.valueOptional ? ` [${each.value}]` : ` ${each.value}`;
}

/** The remedy for a failure that only a defect of the scripts can explain. */
export const defect =
  "This is a defect of the script; report it with the command line that led here";

/** Reports the error that ended a command, and returns the exit code. */
export function explain(thrown: unknown, name: string, report: Report): number {
  if (thrown instanceof UsageError) {
    report.add(
      error(`Cannot read the command line: ${thrown.message}${suggestion(thrown)}`, {
        remedy: thrown.remedy ?? `See bun ${name} --help`,
      }),
    );
    return exitCodes.usage;
  }
  if (thrown instanceof Interrupted) {
    report.add(error(thrown.message));
    return thrown.exitCode;
  }
  report.add(refusedBy(thrown, name));
  return exitCodes.refused;
}

function refusedBy(thrown: unknown, name: string): readonly Finding[] {
  if (thrown instanceof MissingProgram) {
    return [error(thrown.message, { remedy: `Install ${thrown.program}, or add it to PATH` })];
  }
  if (!(thrown instanceof Refusal || thrown instanceof LocatedSyntaxError)) {
    return [error(`Cannot finish ${name}: unexpected ${String(thrown)}`, { remedy: defect })];
  }
  const findings = findingsOf(thrown);
  return findings.length > 0
    ? findings
    : [error(`Cannot finish ${name}: refused without a reason`, { remedy: defect })];
}

/** Returns the option that was probably meant by an unknown one, as the end of a sentence. */
function suggestion({ unknown }: UsageError): string {
  const meant = unknown && findMeant(unknown.option, unknown.names);
  return meant === undefined ? "" : `, perhaps --${meant}`;
}

/** The most edits of a typing error; swapping two letters counts as two edits. */
const mostEdits = 2;

/**
 * Returns the name that was probably meant: one that differs only in case or dashes, else the only
 * one with that prefix, else the nearest one within `mostEdits`.
 */
export function findMeant(given: string, names: readonly string[]): string | undefined {
  const same = names.find((name) => letters(name) === letters(given));
  if (same !== undefined) {
    return same;
  }
  const begun = given === "" ? [] : names.filter((name) => name.startsWith(given));
  if (begun.length > 0) {
    return begun.length === 1 ? begun[0] : undefined;
  }
  return nearest(given, names);
}

function nearest(given: string, names: readonly string[]): string | undefined {
  const near = names
    .map((name) => ({ name, edits: editsBetween(given, name) }))
    // If half of a short name differs, it is probably another word.
    .filter(({ name, edits }) => edits <= mostEdits && edits * 2 < name.length)
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.name;
}

function letters(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, "");
}

/** Returns the Levenshtein distance of two words, or infinity if it surely exceeds `mostEdits`. */
function editsBetween(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > mostEdits) {
    return Number.POSITIVE_INFINITY;
  }
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const kept = (above[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(kept, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[to.length] ?? 0;
}

/** Returns what refuses a command because of values in `scripts/layout.ts`. */
export function refusalOfLayout(faults: readonly LayoutFault[]): Refusal {
  const at = { file: "scripts/layout.ts" };
  const refuse = (what: string, remedy: string) =>
    error(`Cannot use the layout: found ${what}`, { at, remedy });
  return new Refusal(
    faults.map(({ path, found, expected, words, known }) => {
      if (known === undefined) {
        const way = `Correct ${path}, or remove it: its default is in scripts/lib/layout.ts`;
        const wanted = words ?? `a value like ${shown(expected)}`;
        return refuse(`${path} = ${shown(found)}, expected ${wanted}`, way);
      }
      const name = path.slice(path.lastIndexOf(".") + 1);
      const near = findMeant(name, known) ?? nearest(name, known);
      const meant =
        near === undefined
          ? layoutKeys(defaults).find((key) => key.endsWith(`.${name}`))
          : path.slice(0, -name.length) + near;
      return refuse(
        `the unknown key ${path}, expected ${meant ?? `one of ${known.join(", ")}`}`,
        meant === undefined ? `Remove ${path}` : `Write ${meant}, or remove ${path}`,
      );
    }),
  );
}

function shown(value: unknown): string {
  const text = String(JSON.stringify(value));
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}
