/** How long commands take and how much memory they hold, beside an empty process of the same run. */

import { join } from "node:path";
import { temporaryFolder } from "../helpers/world.ts";

/** A script to be measured, run by this runtime. */
export interface Subject {
  readonly title: string;
  /** Path of the script, and its arguments. */
  readonly command: readonly string[];
  readonly env?: Record<string, string>;
}

/** What one command took: the median of several runs. */
export interface Cost {
  readonly title: string;
  readonly exitCode: number;
  readonly milliseconds: number;
  /** The time as a multiple of an empty process's. */
  readonly ratio: number;
  /** Peak of the process's resident memory, without the programs that it starts, in MB. */
  readonly megabytes: number;
}

interface Run {
  readonly exitCode: number;
  readonly milliseconds: number;
}

/** A process that does nothing: the unit of all ratios. */
const nothing: Subject = {
  title: "an empty process",
  command: [join(import.meta.dir, "nothing.ts")],
};

async function measure(
  { title, command, env }: Subject,
  cwd: string,
  common: Record<string, string>,
  preload: readonly string[] = [],
): Promise<Run> {
  const start = performance.now();
  const child = Bun.spawn([process.execPath, ...preload, ...command], {
    cwd,
    env: { ...common, ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const [exitCode, words] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  const milliseconds = performance.now() - start;
  // A refusal is work like any other; a command that was misused or fell over has done none.
  if (exitCode > 1 || words.includes("This is a defect of the script")) {
    throw new Error(`${title}: exit code ${exitCode}: ${words}`);
  }
  return { exitCode, milliseconds };
}

/** The peak of a process's memory, in MB; a run of its own, for the look costs time. */
async function peakOf(subject: Subject, cwd: string, env: Record<string, string>) {
  using folder = temporaryFolder();
  const file = join(folder.path, "peak");
  const preload = ["--preload", join(import.meta.dir, "peak.ts")];
  await measure(subject, cwd, { ...env, BENCH_PEAK: file }, preload);
  return Number(await Bun.file(file).text()) / 1e6;
}

/** The middle one of several numbers. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
}

/**
 * What commands cost, the empty process first. They take turns, so that a busy moment of the
 * machine hits all of them alike; a first turn is not timed: it looks at the memory, and leaves the
 * runtime's and the system's caches filled.
 */
export async function costsOf(
  subjects: readonly Subject[],
  cwd: string,
  env: Record<string, string>,
  rounds: number,
): Promise<Cost[]> {
  const all: { subject: Subject; megabytes: number; runs: Run[] }[] = [];
  for (const subject of [nothing, ...subjects]) {
    all.push({ subject, megabytes: await peakOf(subject, cwd, env), runs: [] });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { subject, runs } of all) {
      runs.push(await measure(subject, cwd, env));
    }
  }
  const timeOf = (runs: readonly Run[]) => median(runs.map(({ milliseconds }) => milliseconds));
  const unit = timeOf(all[0]?.runs ?? []);
  return all.map(({ subject: { title }, megabytes, runs }) => ({
    title,
    exitCode: Math.max(...runs.map(({ exitCode }) => exitCode)),
    milliseconds: timeOf(runs),
    ratio: timeOf(runs) / unit,
    megabytes,
  }));
}

/**
 * The exponent k of `fixed cost + factor * size ** k` through three times, whose sizes grow tenfold
 * each: the slope in a log-log plot once the fixed cost, a process's start, is taken away.
 *
 * @param noise Milliseconds that say nothing: less growth than that counts as that much.
 */
export function growthExponent(times: readonly [number, number, number], noise: number): number {
  const [small, middle, large] = times;
  const atLeast = (growth: number) => Math.max(growth, noise);
  return Math.log10(atLeast(large - middle) / atLeast(middle - small));
}

/** Rows of texts as a table: the first column to the left, numbers to the right. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}
