/**
 * Measures scripts as ratios to an empty Bun process of the same run, and whether they are linear.
 *
 * Usage: bun run bench
 */

import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Day, dayOf } from "../scripts/lib/calendar.ts";
import { rowText } from "../scripts/lib/files/ledger.ts";
import { layout } from "../scripts/lib/layout.ts";
import { projectRoot, testRepository, writeFiles } from "./helpers/world.ts";

const sizes = [1_000, 10_000, 100_000];
const rounds = 5;
/** What a size ten times greater may cost, as a multiple of ten; twice of it is not linear. */
const tolerance = 2;

const millisecondsPerDay = 86_400_000;

/** A clean ledger whose last row is a PASS of today. */
function ledgerOf(rows: number, today: Date): string {
  const lines = Array.from({ length: rows }, (_, index) => {
    const age = Math.floor(((rows - 1 - index) / rows) * 3_000);
    const date: Day = dayOf(new Date(today.getTime() - age * millisecondsPerDay));
    const sha = index.toString(16).padStart(7, "0");
    return rowText({ tag: `v1.${index}.0`, sha, date, verdict: "PASS" });
  });
  return `${lines.join("\n")}\n`;
}

type Command = readonly string[];

async function timeOf(command: Command, cwd: string, env: Record<string, string>): Promise<number> {
  const start = performance.now();
  const child = Bun.spawn([...command], { cwd, env, stdout: "ignore", stderr: "pipe" });
  const [code, words] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  const time = performance.now() - start;
  if (code !== 0) {
    throw new Error(`${command.join(" ")}: exit code ${code}: ${words}`);
  }
  return time;
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
}

/** The median times of commands that take turns, so that a busy moment hits all of them. */
async function mediansOf(
  commands: readonly Command[],
  cwd: string,
  env: Record<string, string>,
): Promise<number[]> {
  const times: number[][] = commands.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, command] of commands.entries()) {
      times[index]?.push(await timeOf(command, cwd, env));
    }
  }
  return times.map(median);
}

function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "))
    .join("\n");
}

/** Whether the time beyond the smallest size's grows no faster than the rows. */
function isLinear(ratios: readonly number[]): boolean {
  const [small = 0, middle = 0, large = 0] = ratios;
  const [few = 0, some = 0, many = 0] = sizes;
  const perRow = Math.max(middle - small, 0) / (some - few);
  // Where the middle size is lost in the noise, a tenth of the start of a process stands for it.
  const noise = 0.1 / (some - few);
  return (large - middle) / (many - some) <= tolerance * Math.max(perRow, noise);
}

async function bench(): Promise<boolean> {
  await using repository = await testRepository();
  const { root, home, env } = repository;
  const today = new Date();
  const empty = join(home, "empty.ts");
  writeFileSync(empty, "");
  const run = (script: string, ...args: string[]) => [
    process.execPath,
    join(projectRoot, script),
    ...args,
  ];
  const ratios: number[][] = [[], [], []];
  const table = [["rows", "empty ms", "check-ledger", "against a base", "check-lab-validation"]];
  for (const size of sizes) {
    const last = `v1.${size - 1}.0`;
    const content = ledgerOf(size, today);
    writeFiles(root, { [layout.ledger]: content });
    const base = await repository.commit({}, `${size} rows`);
    const [unit = 1, ...times] = await mediansOf(
      [
        [process.execPath, empty],
        run("release-gate/check-ledger.ts"),
        run("release-gate/check-ledger.ts", base),
        run("release-gate/check-lab-validation.ts", "--version", last),
      ],
      root,
      env,
    );
    for (const [index, time] of times.entries()) {
      ratios[index]?.push(time / unit);
    }
    const shown = times.map((time) => `${(time / unit).toFixed(1)}x`);
    table.push([String(size), unit.toFixed(1), ...shown]);
  }
  rmSync(empty);
  const linear = ratios.map(isLinear);
  table.push(["", "", ...linear.map((each) => (each ? "linear" : "NOT LINEAR"))]);
  process.stdout.write(`${tableOf(table)}\n`);
  return linear.every(Boolean);
}

if (import.meta.main) {
  process.exitCode = (await bench()) ? 0 : 1;
}
