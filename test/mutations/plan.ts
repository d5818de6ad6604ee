/** What a process of the test runner is asked about mutants, and what it answers. */

import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isolatedEnvironment, projectRoot, start, temporaryFolder } from "../helpers/world.ts";
import type { Site } from "./sites.ts";

/** A test by its file and its full name: those of the blocks around it, then its own. */
export interface TestName {
  readonly file: string;
  readonly name: string;
}

/** A test that is to fail when sites are mutated one by one; sites are named by `keyOf`. */
export interface Trial extends TestName {
  readonly sites: readonly string[];
}

export interface Plan {
  /** By file; in each, by the offset of the called name. */
  readonly sites: Readonly<
    Record<string, readonly { offset: number; callee: string; key: string }[]>
  >;
  /** The tests to try; without them every test runs once and tells which sites it meets. */
  readonly trials: readonly Trial[] | undefined;
  /** Where the answers go, one JSON object a line. */
  readonly answers: string;
}

export type Answer =
  | {
      /** A test as it is, and the sites whose finding it made. */
      readonly kind: "met";
      readonly test: TestName;
      readonly sites: readonly string[];
      /** Whether other programs were started meanwhile. */
      readonly starts: boolean;
    }
  | {
      /** A test that fails as it is. */
      readonly kind: "failed";
      readonly test: TestName;
      readonly words: string;
    }
  | {
      /** What a mutant did to a test; without a word of complaint it was killed. */
      readonly kind: "tried";
      readonly test: TestName;
      readonly site: string;
      readonly complaint?: string;
    };

/** The variable that leads a process to its plan. */
export const planVariable = "MUTATIONS_PLAN";

export function readPlan(): Plan {
  return JSON.parse(readFileSync(process.env[planVariable] ?? "", "utf8"));
}

export function writeAnswer(plan: Plan, answer: Answer): void {
  appendFileSync(plan.answers, `${JSON.stringify(answer)}\n`);
}

export function keyOf({ file, within, finding }: Site): string {
  return JSON.stringify([file, within, finding]);
}

/** How long a test may take beside everything else that a machine does. */
const patience = ["--timeout", "300000"];

/**
 * Runs test files under a plan.
 *
 * @throws {Error} If the test runner fails, whatever the reason: a mutant's effect is an answer.
 */
export async function runPlan(
  files: readonly string[],
  trials: readonly Trial[] | undefined,
  sites: readonly Site[],
): Promise<Answer[]> {
  using folder = temporaryFolder();
  const plan: Plan = { sites: placesOf(sites), trials, answers: join(folder.path, "answers") };
  const path = join(folder.path, "plan.json");
  writeFileSync(path, JSON.stringify(plan));
  writeFileSync(plan.answers, "");
  const preload = join(import.meta.dir, "preload.ts");
  const command = [process.execPath, "test", ...patience, "--preload", preload];
  const ended = await start([...command, ...files.map((file) => `./${file}`)], {
    cwd: projectRoot,
    // A snapshot that is missing must not be written by a mutant.
    env: { ...isolatedEnvironment(folder.path), [planVariable]: path, CI: "true" },
  });
  if (ended.code !== 0) {
    throw new Error(`Cannot try mutants: bun test ended with ${ended.code}:\n${ended.stderr}`);
  }
  return readFileSync(plan.answers, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

function placesOf(sites: readonly Site[]): Plan["sites"] {
  const files = Map.groupBy(sites, ({ file }) => file);
  return Object.fromEntries(
    [...files].map(([file, those]) => [
      file,
      those.map((site) => ({ offset: site.offset, callee: site.callee, key: keyOf(site) })),
    ]),
  );
}
