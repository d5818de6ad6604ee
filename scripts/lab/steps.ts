/** Runs the steps of the lab, each with its own log, and judges them by exit code and counts. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Invocation } from "../lib/cli.ts";
import type { Repository } from "../lib/git/repository.ts";
import { Interrupted } from "../lib/interrupt.ts";
import { type LabStep, layout } from "../lib/layout.ts";
import { type Environment, needProgram } from "../lib/process.ts";
import { runGroup } from "../lib/process-group.ts";
import { duration, showProgress } from "../lib/progress.ts";

/** The steps in order. */
export const { labSteps } = layout;

/** The result of a step, as the report has it. */
export type StepResult = {
  readonly name: string;
  readonly status: "passed" | "failed";
  readonly exitCode: number;
  readonly seconds: number;
  readonly counts: readonly string[];
  /** Absolute path of the file with its output. */
  readonly log: string;
  /** Why it failed; undefined if it passed. */
  readonly reason: string | undefined;
};

/**
 * Returns the environment of make: that of the operator without flags for make. With `-n` or `-i` a step
 * that did nothing, or failed, would end with 0. With `s` make does not print recipes, which may
 * contain text that looks like a count.
 */
function makeEnvironment(lab: Repository, env: Environment): Environment {
  const clean = { ...lab.env, LC_ALL: env.LC_ALL, MAKEFLAGS: "s" };
  const flags = ["MAKELEVEL", "MFLAGS", "GNUMAKEFLAGS", "MAKEFILES"];
  return Object.fromEntries(Object.entries(clean).filter(([name]) => !flags.includes(name)));
}

type World = Pick<Invocation, "clock" | "env" | "interrupt" | "report" | "terminal">;

/**
 * Runs steps in order, up to the first that fails, or all with `keepGoing`.
 *
 * @throws {Interrupted} If the operator interrupts it; all processes of the step are ended.
 * @throws {Refusal} If make is missing.
 */
export async function runSteps(
  world: World,
  lab: Repository,
  steps: readonly LabStep[],
  { folder, keepGoing }: { readonly folder: string; readonly keepGoing: boolean },
): Promise<StepResult[]> {
  const { interrupt } = world;
  const results: StepResult[] = [];
  for (const [index, step] of steps.entries()) {
    const title = `step ${index + 1} of ${steps.length}: make ${step.name}`;
    const log = join(folder, `${labSteps.indexOf(step) + 1}-${step.name}.log`);
    const result = await interrupt.hold(() => runStep(world, lab, step, { title, log }));
    if (result === undefined) {
      throw new Interrupted(
        `make ${step.name} was ended, and nothing is recorded`,
        interrupt.exitCode,
      );
    }
    results.push(result);
    if (result.status === "failed" && !keepGoing) {
      break;
    }
  }
  return results;
}

/** The largest log, in bytes, that is searched for counts. */
const mostBytes = 64 * 2 ** 20;
/** The bytes at the end of a log that are read for its last lines, and for its last line only. */
const tailBytes = 64 * 1024;
const lastLineBytes = 4096;
/** The most lines, and characters of a line, that are shown of a failed step's output. */
const tailLines = 20;
const tailColumns = 500;

/** Runs a step, and prints its result. Returns undefined after an interrupt. */
async function runStep(
  world: World,
  lab: Repository,
  { name, counts: words }: LabStep,
  { title, log }: { readonly title: string; readonly log: string },
): Promise<StepResult | undefined> {
  const { clock, env, interrupt, report } = world;
  report.printAside(title);
  const output = openSync(log, "ax+");
  const begin = clock();
  const stopProgress = showProgress(
    world,
    () => title,
    () => endOfLog(output, lastLineBytes).findLast((line) => line.trim() !== "") ?? "",
  );
  try {
    const exitCode = await runGroup(["make", name], {
      cwd: lab.root,
      env: makeEnvironment(lab, env),
      output,
      signal: interrupt.requestSignal,
    })
      .catch((thrown) => needProgram(thrown, "Install make, or add it to PATH, and run this again"))
      .finally(stopProgress);
    if (interrupt.requested) {
      return undefined;
    }
    const elapsed = clock() - begin;
    const isOverlong = words !== undefined && fstatSync(output).size > mostBytes;
    const counts =
      words === undefined || isOverlong ? [] : readCounts(endOfLog(output, mostBytes), words);
    const reason = isOverlong
      ? `its output has more than ${mostBytes} bytes, too many to search for counts`
      : faultOf(exitCode, counts, words);
    const found = counts.length === 0 ? "" : ` (${counts.join(", ")})`;
    const verdict = reason === undefined ? `passed${found}` : `FAILED, ${reason}`;
    report.printAside(`${title}: ${verdict}, after ${duration(elapsed)}`);
    if (reason !== undefined) {
      const tail = endOfLog(output, tailBytes).slice(-tailLines);
      const shown = tail.map((line) => line.slice(0, tailColumns));
      report.printAside([`the end of ${log}:`, ...shown].join("\n"));
    }
    const status = reason === undefined ? "passed" : "failed";
    const seconds = Math.round(elapsed) / 1000;
    return { name, status, exitCode, seconds, counts, log, reason };
  } finally {
    closeSync(output);
  }
}

/**
 * Returns the whole lines at the end of a log, without escape sequences. Reads the open file, because a step may
 * remove temporary files.
 *
 * @param output The descriptor of the log.
 * @param most The most bytes to read.
 */
function endOfLog(output: number, most: number): string[] {
  const { size } = fstatSync(output);
  const bytes = Buffer.alloc(Math.min(size, most));
  let length = 0;
  for (let read = 1; read > 0 && length < bytes.length; length += read) {
    const begin = size - bytes.length + length;
    read = readSync(output, bytes, length, bytes.length - length, begin);
  }
  const text = bytes.toString("utf8", 0, length);
  // The first line of a longer log is cut, and may be binary.
  return linesOf(size > most ? text.replace(/^[^\r\n]*(?:\r?\n|\r|$)/, "") : text);
}

/** Returns the lines of an output. A carriage return ends one: a terminal overwrites the line after it. */
export function linesOf(output: string): string[] {
  const text = stripVTControlCharacters(output).replace(/\n$/, "");
  return text === "" ? [] : text.split(/\r?\n|\r/);
}

/**
 * Matches words before a count that make it an expectation, not a result. The wording of results is not
 * fixed, so every other count is a result.
 */
const expectation =
  /\b(?:goals?|targets?|aims?|wants?|wanted|needs?|needed|requires?|required|should|must|hopes?|until|unless|if|when|whether|not)\b(?:[\s"'`:=>(-]|\b(?:is|be|are|all|that|at least)\b){0,20}$/i;

/** The number of characters before a count that are searched for these words. */
const expectationColumns = 60;

/**
 * Returns the counts in lines of output, such as `10/10`: digits, a slash and digits before the given words, in
 * any case. Leaves out a complete count if its line states it as an expectation, or if it is joined to
 * a word. An incomplete count is never left out.
 */
export function readCounts(lines: readonly string[], words: string): string[] {
  const phrase = words.split(" ").join("\\s+");
  const pattern = new RegExp(`(?<!\\d)(\\d+)\\s*/\\s*(\\d+)\\s+${phrase}(?!\\w)`, "gi");
  return lines.flatMap((line) => {
    const expected = line.search(/\bexpect(?:ed|s|ing)?\b/i);
    return [...line.matchAll(pattern)].flatMap(({ index, 1: passed, 2: total }) => {
      const count = `${passed}/${total}`;
      const isExpectation =
        (expected !== -1 && expected < index) ||
        expectation.test(line.slice(Math.max(0, index - expectationColumns), index));
      const isJoined = /[\w./-]/.test(line.charAt(index - 1));
      return (isExpectation || isJoined) && isComplete(count) ? [] : [count];
    });
  });
}

/** Reports whether both numbers of a count are equal, and not 0. */
function isComplete(count: string): boolean {
  return /^([1-9]\d*)\/\1$/.test(count);
}

/** The most counts that a message names. */
const namedCounts = 5;

/**
 * Returns why a step failed, or undefined if it passed: with exit code 0 and, if it must report counts, at
 * least one count, and only complete ones. A later count never overrides an earlier failure: it may be of
 * other scenarios. After another exit code missing counts are no further fault.
 */
export function faultOf(
  exitCode: number,
  counts: readonly string[],
  words: string | undefined,
): string | undefined {
  const short = counts.filter((count) => !isComplete(count)).slice(0, namedCounts);
  const isMissing = words !== undefined && counts.length === 0 && exitCode === 0;
  const faults = [
    ...(exitCode === 0 ? [] : [`exit code ${exitCode}`]),
    ...(short.length === 0 ? [] : [`it reports ${short.join(", ")} ${words}`]),
    ...(isMissing ? [`it reports no count of "${words}"`] : []),
  ];
  return faults.join("; ") || undefined;
}
