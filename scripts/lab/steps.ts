/** Runs the steps of the lab, each with its own log, and judges them by exit code and counts. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import type { Invocation } from "../lib/cli.ts";
import { reason } from "../lib/disk/files.ts";
import { refusal } from "../lib/finding.ts";
import type { Repository } from "../lib/git/repository.ts";
import { Interrupted } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import { type Environment, needProgram } from "../lib/process.ts";
import { runGroup } from "../lib/process-group.ts";
import { duration, showProgress } from "../lib/progress.ts";

/** A step: a target of make, and the words after the counts that it must report. */
export interface LabStep {
  readonly name: string;
  readonly counts?: string;
}

/** The steps in order. */
export const labSteps: readonly LabStep[] = layout.labSteps;

/** The result of a step. */
export interface StepResult {
  readonly name: string;
  readonly exitCode: number;
  /** In milliseconds. */
  readonly elapsed: number;
  readonly counts: readonly string[];
  /** Absolute path of the file with its output. */
  readonly log: string;
  /** The last lines of the output. */
  readonly tail: readonly string[];
  /** The reason for its failure; undefined if it passed. */
  readonly fault: string | undefined;
}

/**
 * Returns why a step failed, or undefined if it passed. It passes with exit code 0 and, if it must report
 * counts, with complete ones. After another exit code missing counts are no further fault.
 */
export function checkStep(
  { counts: words }: LabStep,
  exitCode: number,
  counts: readonly string[],
): string | undefined {
  const isDue = words !== undefined && (exitCode === 0 || counts.length > 0);
  const faults = [
    exitCode === 0 ? undefined : `exit code ${exitCode}`,
    isDue ? faultOf(counts, words) : undefined,
  ];
  return faults.filter((each) => each !== undefined).join("; ") || undefined;
}

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

/**
 * Runs steps in order, up to the first that fails, or all with `keepGoing`.
 *
 * @throws {Interrupted} If the operator interrupts it; all processes of the step are ended.
 * @throws {Refusal} If make is missing, or a log cannot be written.
 */
export async function runSteps(
  invocation: Pick<Invocation, "clock" | "env" | "interrupt" | "report" | "terminal">,
  lab: Repository,
  steps: readonly LabStep[],
  { folder, keepGoing }: { readonly folder: string; readonly keepGoing: boolean },
): Promise<StepResult[]> {
  const { report, interrupt } = invocation;
  const results: StepResult[] = [];
  for (const [index, step] of steps.entries()) {
    const title = `step ${index + 1} of ${steps.length}: make ${step.name}`;
    const log = join(folder, `${labSteps.indexOf(step) + 1}-${step.name}.log`);
    report.printAside(title);
    const result = await interrupt.hold(() => runStep(invocation, lab, step, { title, log }));
    if (interrupt.requested) {
      throw new Interrupted(
        `make ${step.name} was ended, and nothing is recorded`,
        interrupt.exitCode,
      );
    }
    results.push(result);
    const { fault, elapsed, counts, tail } = result;
    const found = counts.length === 0 ? "" : ` (${counts.join(", ")})`;
    const verdict = fault === undefined ? `passed${found}` : `FAILED, ${fault}`;
    report.printAside(`${title}: ${verdict}, after ${duration(elapsed)}`);
    if (fault !== undefined) {
      report.printAside([`the end of ${log}:`, ...tail].join("\n"));
      if (!keepGoing) {
        break;
      }
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

async function runStep(
  invocation: Pick<Invocation, "clock" | "env" | "interrupt" | "terminal">,
  lab: Repository,
  step: LabStep,
  { title, log }: { readonly title: string; readonly log: string },
): Promise<StepResult> {
  const { clock, env, interrupt } = invocation;
  const output = openLog(log);
  const begin = clock();
  const stopProgress = showProgress(
    invocation,
    () => title,
    () => plainLines(endOfLog(output, lastLineBytes)).findLast((line) => line.trim() !== "") ?? "",
  );
  try {
    const exitCode = await runGroup(["make", step.name], {
      cwd: lab.root,
      env: makeEnvironment(lab, env),
      output,
      signal: interrupt.requestSignal,
    }).catch((thrown) =>
      needProgram(thrown, "Install make, or add it to PATH, and run this again"),
    );
    const elapsed = clock() - begin;
    const isOverlong = step.counts !== undefined && fstatSync(output).size > mostBytes;
    const counts =
      step.counts === undefined || isOverlong
        ? []
        : readCounts(endOfLog(output, mostBytes), step.counts);
    const fault = isOverlong
      ? `its output has more than ${mostBytes} bytes, too many to search for counts`
      : checkStep(step, exitCode, counts);
    return { name: step.name, exitCode, elapsed, counts, log, tail: tailOf(output), fault };
  } finally {
    stopProgress();
    closeSync(output);
  }
}

function openLog(log: string): number {
  try {
    return openSync(log, "ax+");
  } catch (thrown) {
    throw refusal(`Cannot write log ${log}: ${reason(thrown)}`, {
      remedy: "Make room there, or set TMPDIR to another folder, and run this again",
    });
  }
}

function tailOf(output: number): string[] {
  // One byte more shows where the tail begins: what stands before its first line end is left out.
  const lines = plainLines(endOfLog(output, tailBytes + 1));
  const ended = lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  const isCut = fstatSync(output).size > tailBytes && ended.length > 1;
  const whole = isCut ? ended.slice(1) : ended;
  return whole.slice(-tailLines).map((line) => line.slice(0, tailColumns));
}

/**
 * Returns the end of a log. Reads the open file, because a step may remove temporary files.
 *
 * @param output The descriptor of the log.
 * @param most The most bytes to read.
 */
function endOfLog(output: number, most: number): string {
  const { size } = fstatSync(output);
  const bytes = Buffer.alloc(Math.min(size, most));
  let length = 0;
  for (let read = 1; read > 0 && length < bytes.length; length += read) {
    const begin = size - bytes.length + length;
    read = readSync(output, bytes, length, bytes.length - length, begin);
  }
  return bytes.toString("utf8", 0, length);
}

// Counts

/** A carriage return ends a line as well: a terminal overwrites the line after it. */
const lineEnd = /\r?\n|\r/;

/** Returns the lines of an output without escape sequences. */
function plainLines(output: string): string[] {
  return stripVTControlCharacters(output).split(lineEnd);
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
 * Returns the counts in an output, such as `10/10`: digits, a slash and digits before the given words, in
 * any case. Leaves out a complete count if its line states it as an expectation, or if it is joined to
 * a word. An incomplete count is never left out.
 */
export function readCounts(output: string, words: string): string[] {
  const phrase = words.split(" ").join("\\s+");
  const pattern = new RegExp(`(?<!\\d)(\\d+)\\s*/\\s*(\\d+)\\s+${phrase}(?!\\w)`, "gi");
  return plainLines(output).flatMap((line) => {
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
 * Returns why counts fail a step, or undefined if they pass: there must be at least one, and each must be
 * complete. A later count never overrides an earlier failure: it may be of other scenarios.
 */
export function faultOf(counts: readonly string[], words: string): string | undefined {
  if (counts.length === 0) {
    return `it reports no count of "${words}"`;
  }
  const short = counts.filter((count) => !isComplete(count)).slice(0, namedCounts);
  return short.length === 0 ? undefined : `it reports ${short.join(", ")} ${words}`;
}
