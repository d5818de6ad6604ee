/** Runs the steps of the lab run, each with a log of its own, and judges how each ended. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Invocation } from "../lib/cli.ts";
import { reason } from "../lib/disk/files.ts";
import { makeScratchFolder } from "../lib/disk/scratch.ts";
import { refusal } from "../lib/finding.ts";
import type { Repository } from "../lib/git/git.ts";
import { Interrupted } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import { type Environment, needProgram } from "../lib/process.ts";
import { runGroup } from "../lib/process-group.ts";
import { duration, showProgress } from "../lib/progress.ts";
import { type Count, countText, faultOf, plainLines, readCounts, type Tally } from "./counts.ts";

/** One step: a target of make, and the words of the counts that it must report. */
export interface LabStep {
  readonly name: string;
  readonly counts?: string;
}

/** The steps in their order. */
export const labSteps: readonly LabStep[] = layout.labSteps;

/** How a step ended. */
export interface StepResult {
  readonly name: string;
  readonly exitCode: number;
  /** Milliseconds. */
  readonly elapsed: number;
  readonly counts: readonly Count[];
  /** Absolute path of its whole output. */
  readonly log: string;
  /** The last lines of it. */
  readonly tail: readonly string[];
  /** Why it failed; undefined if it passed. */
  readonly fault: string | undefined;
}

/**
 * Judges a step that came to its end: exit code 0, and where counts are due, complete ones.
 *
 * @returns Why it failed, or undefined.
 */
export function checkStep(
  { counts: words }: LabStep,
  exitCode: number,
  tally: Tally,
): string | undefined {
  const faults = [
    exitCode === 0 ? undefined : `exit code ${exitCode}`,
    // A step that broke off owes no counts, but those that it reports say more than its code.
    words === undefined || (exitCode !== 0 && tally.counts.length === 0)
      ? undefined
      : faultOf(tally, words),
  ];
  return faults.filter((each) => each !== undefined).join("; ") || undefined;
}

/** Makes the folder of the logs, below `TMPDIR`. It is kept. */
export function makeLogFolder(tag: string, { env, cwd }: Pick<Invocation, "env" | "cwd">): string {
  return makeScratchFolder(`validate-lab-${tag}-`, { env, cwd }, "a folder for the logs");
}

/**
 * The environment of make: that of the operator, but no flags for make itself. `-n` or `-i` among
 * them would end a step with 0 that did nothing, or failed. `s` keeps make from printing recipes,
 * in which counts may stand that nothing has reported.
 */
function makeEnvironment(lab: Repository, env: Environment): Environment {
  const clean = { ...lab.env, LC_ALL: env.LC_ALL, MAKEFLAGS: "s" };
  const flags = ["MAKELEVEL", "MFLAGS", "GNUMAKEFLAGS", "MAKEFILES"];
  return Object.fromEntries(Object.entries(clean).filter(([name]) => !flags.includes(name)));
}

/**
 * Runs steps in order; the first that fails is the last, unless the run is to go on.
 *
 * @throws {Interrupted} If the operator ended it; nothing of the running step is left.
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
    report.tell(title);
    const result = await interrupt.hold(() => runStep(invocation, lab, step, { title, log }));
    if (interrupt.requested) {
      throw new Interrupted(
        `make ${step.name} was ended, and nothing is recorded`,
        interrupt.exitCode,
      );
    }
    results.push(result);
    report.tell(endOf(title, result));
    if (result.fault !== undefined) {
      report.tell([`the end of ${log}:`, ...result.tail].join("\n"));
      if (!keepGoing) {
        break;
      }
    }
  }
  return results;
}

function endOf(title: string, { fault, elapsed, counts }: StepResult): string {
  const found = counts.length === 0 ? "" : ` (${counts.map(countText).join(", ")})`;
  const verdict = fault === undefined ? `passed${found}` : `FAILED, ${fault}`;
  return `${title}: ${verdict}, after ${duration(elapsed)}`;
}

/** How much of a failing step's output is shown. */
const tailLines = 20;
const tailColumns = 500;
const tailBytes = 64 * 1024;

function tailOf(output: number): string[] {
  const lines = plainLines(endOfLog(output, tailBytes));
  const ended = lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  // Of a longer log the first line is the rest of one: it is shown only if there is no other.
  const whole = fstatSync(output).size > tailBytes && ended.length > 1 ? ended.slice(1) : ended;
  return whole.slice(-tailLines).map((line) => line.slice(0, tailColumns));
}

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
    () => lastLineOf(output),
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
    const tally =
      step.counts === undefined
        ? { counts: [], overlong: false }
        : await readCounts(piecesOf(output, interrupt.requestSignal), step.counts);
    return {
      name: step.name,
      exitCode,
      elapsed,
      counts: tally.counts,
      log,
      tail: tailOf(output),
      fault: checkStep(step, exitCode, tally),
    };
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

/** Bytes at the end of a log in which its last line is looked for. */
const lookBack = 4096;

/** The last line of a log that says something. */
function lastLineOf(output: number): string {
  const lines = plainLines(endOfLog(output, lookBack));
  return lines.findLast((line) => line.trim() !== "") ?? "";
}

/** Bytes of a log that are read at once. */
const pieceBytes = 1024 * 1024;

/**
 * The text of a log in pieces, as long as nobody interrupts. It is read where it was opened, as its
 * end is: whatever a step does to temporary files, this is what it said.
 */
async function* piecesOf(output: number, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const bytes = Buffer.alloc(pieceBytes);
  const { size } = fstatSync(output);
  let position = 0;
  while (position < size && !signal.aborted) {
    const read = readSync(output, bytes, 0, Math.min(bytes.length, size - position), position);
    if (read === 0) {
      break;
    }
    position += read;
    yield decoder.decode(bytes.subarray(0, read), { stream: true });
    // Lets a Ctrl-C and the progress line in.
    await Bun.sleep(0);
  }
  yield decoder.decode();
}

/**
 * The end of a log, read where it was opened.
 *
 * @param most Bytes.
 */
function endOfLog(output: number, most: number): string {
  const { size } = fstatSync(output);
  const bytes = Buffer.alloc(Math.min(size, most));
  let length = 0;
  while (length < bytes.length) {
    const begin = size - bytes.length + length;
    const read = readSync(output, bytes, length, bytes.length - length, begin);
    if (read === 0) {
      break;
    }
    length += read;
  }
  return bytes.toString("utf8", 0, length);
}
