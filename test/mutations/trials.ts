/** Stands in for `bun:test` in test files: the same tests, surveyed or tried with mutants. */

import * as real from "bun:test";
import { relative } from "node:path";
import { projectRoot } from "../helpers/world.ts";
import { type Operator, operators, underMutant } from "./mutant.ts";
import { readPlan, type TestName, type Trial, writeAnswer } from "./plan.ts";
import { titleOf } from "./title.ts";

export { afterAll, afterEach, beforeAll, beforeEach, expect } from "bun:test";

type Body = (...row: unknown[]) => unknown;
type Options = Parameters<typeof real.test>[2];
type Declare = (name: string, body: Body, options?: Options) => void;

const plan = readPlan();
const blocks: string[] = [];
const taken = new Map<string, number>();

/** How many programs this process has started. */
let started = 0;
const spawn = Bun.spawn;
Bun.spawn = ((...args: Parameters<typeof spawn>) => {
  started++;
  return spawn(...args);
}) as typeof spawn;

/** Names a test: a name that was there before in its file is numbered. */
function nameFor(title: string): TestName {
  const file = relative(projectRoot, Bun.main);
  const name = [...blocks, title].join(" > ").replace(/\s+/g, " ").trim();
  const key = JSON.stringify([file, name]);
  const count = (taken.get(key) ?? 0) + 1;
  taken.set(key, count);
  return { file, name: count === 1 ? name : `${name} (${count})` };
}

function declare(title: string, body: () => unknown, options?: Options): void {
  const test = nameFor(title);
  if (plan.trials === undefined) {
    real.test(title, () => survey(test, body), options);
    return;
  }
  const trial = plan.trials.find(({ file, name }) => file === test.file && name === test.name);
  if (trial !== undefined) {
    real.test(title, () => tryOut(trial, body), options);
  }
}

async function survey(test: TestName, body: () => unknown): Promise<void> {
  const before = started;
  const { sites, thrown } = await underMutant(undefined, body);
  writeAnswer(
    plan,
    thrown === undefined
      ? { kind: "met", test, sites, starts: started > before }
      : { kind: "failed", test, words: wordsOf(thrown) },
  );
}

/** Runs a test with each mutant, and at last with none: then it must pass. */
async function tryOut({ file, name, sites }: Trial, body: () => unknown): Promise<void> {
  const test = { file, name };
  const complaints = new Map<string, string | undefined>();
  for (const site of sites) {
    complaints.set(site, await complaintOf(site, body));
  }
  const { thrown } = await underMutant(undefined, body);
  for (const site of sites) {
    const complaint =
      thrown === undefined ? complaints.get(site) : `it fails without a mutant: ${wordsOf(thrown)}`;
    writeAnswer(plan, { kind: "tried", test, site, ...(complaint ? { complaint } : {}) });
  }
}

async function complaintOf(key: string, body: () => unknown): Promise<string | undefined> {
  for (const operator of operators) {
    const { sites, thrown } = await underMutant({ key, operator }, () => inTime(body));
    if (!sites.includes(key)) {
      return "the test does not make the finding";
    }
    const complaint = complaintAbout(operator, thrown);
    if (complaint !== undefined) {
      return complaint;
    }
  }
  return undefined;
}

/** A mutant may wait for what never comes. */
async function inTime(body: () => unknown): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("it does not end")), 30_000);
  try {
    await Promise.race([promise, body()]);
  } finally {
    clearTimeout(timer);
  }
}

/** Only an expectation kills: what else goes wrong may be an accident of the mutant. */
function complaintAbout(operator: Operator, thrown: unknown): string | undefined {
  if (thrown === undefined) {
    return `the test passes although the finding is ${operator}`;
  }
  const words = wordsOf(thrown);
  return /^(?:expect\(|Received value must be)/.test(words)
    ? undefined
    : `${operator}, no expectation fails: ${words}`;
}

function wordsOf(thrown: unknown): string {
  return Bun.stripANSI(thrown instanceof Error ? thrown.message : String(thrown)).trim();
}

function each(declareOne: Declare) {
  return (table: readonly unknown[]) =>
    (template: string, body: Body, options?: Options): void => {
      for (const [index, row] of table.entries()) {
        const args = Array.isArray(row) ? row : [row];
        declareOne(titleOf(template, row, index), () => body(...args), options);
      }
    };
}

/** Tests that depend on the machine are left out: no machine may miss what the table names. */
function sometimes(): unknown {
  return Object.assign(() => {}, { each: () => () => {} });
}

function block(title: string, body: () => void): void {
  real.describe(title, () => {
    blocks.push(title);
    body();
    blocks.pop();
  });
}

export const test = Object.assign(declare, {
  each: each(declare),
  skipIf: sometimes,
  if: sometimes,
});
export const describe = Object.assign(block, {
  each: each(block as Declare),
  skip: () => {},
  skipIf: sometimes,
});
