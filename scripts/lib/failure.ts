/** Explains what ended a command early: a wrong command line, an interrupt, a refusal, or a defect. */

import { exitCodes, UsageError } from "./command-line.ts";
import { error, type Finding, findingsOf, LocatedSyntaxError, Refusal } from "./finding.ts";
import { Interrupted } from "./interrupt.ts";
import { MissingProgram } from "./process.ts";
import type { Report } from "./report.ts";

/** The way out of a failure that nothing but a mistake in the scripts explains. */
export const defect =
  "This is a defect of the script; report it with the command line that led here";

/** Reports what ended a command early. Returns its exit code. */
export function explain(thrown: unknown, name: string, report: Report): number {
  if (thrown instanceof UsageError) {
    report.add(
      error(`Cannot read the command line: ${thrown.message}${suggestion(thrown)}`, {
        remedy: `See bun ${name} --help`,
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
    return [error(`Cannot finish ${name}: unexpected ${wordsOf(thrown)}`, { remedy: defect })];
  }
  const findings = findingsOf(thrown);
  return findings.length > 0
    ? findings
    : [error(`Cannot finish ${name}: refused without a reason`, { remedy: defect })];
}

export function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}

/** Returns the option that was probably meant by an unknown one, as the end of a sentence. */
function suggestion({ unknown }: UsageError): string {
  const meant = unknown && findMeant(unknown.option, unknown.names);
  return meant === undefined ? "" : `, perhaps --${meant}`;
}

/** Edits that a slip of the fingers makes at most; a swap of two letters is two. */
const slip = 2;

/**
 * The name that was probably meant: the same one in other case or without its dashes, the only one
 * that begins so, or the nearest that a slip explains.
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
  const near = names
    .map((name) => ({ name, edits: editsBetween(given, name) }))
    // Half of a short name may be another word altogether.
    .filter(({ name, edits }) => edits <= slip && edits * 2 < name.length)
    .sort((a, b) => a.edits - b.edits);
  return near[0]?.name;
}

function letters(name: string): string {
  return name.toLowerCase().replace(/[^a-z]/g, "");
}

/** How many letters must be added, removed or replaced (the Levenshtein distance). */
function editsBetween(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > slip) {
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
