/**
 * Measures every command beside an empty process of the same run, and how its cost grows with the
 * work; says which budget is missed.
 *
 * Usage: bun run bench
 *
 * It takes no arguments, and several minutes.
 *
 * Exit codes: 0 every budget is kept, 1 one is missed, 2 an argument was given.
 */

import { type Growth, growths } from "./bench/growth.ts";
import { type Cost, tableOf } from "./bench/measure.ts";
import { type CheckCost, productCosts } from "./bench/product.ts";

/**
 * What a check on the product's files may take, as a multiple of the least that it could: a script
 * that asks git and reads the same files. An empty process is no measure for that: it loads no
 * module, opens no file and asks no git, which alone takes two to four of it, by the machine.
 */
const checkBudget = 2.2;
/** What the greatest number of crates or ledger rows may take, in milliseconds. */
const sizeBudget = 1_000;
const budgetedWork = ["crates", "ledger rows"];
/** The exponent beyond which growth is not linear: ten times the work at twice the cost each. */
const linear = 1.3;

const ofLeast = ({ milliseconds, least }: CheckCost) => milliseconds / least.milliseconds;

function costTable(empty: Cost, checks: readonly CheckCost[], others: readonly Cost[]): string {
  const cells = ({ title, milliseconds, ratio }: Cost) => [
    title,
    milliseconds.toFixed(1),
    `${ratio.toFixed(1)}x`,
  ];
  const use = ({ megabytes, exitCode }: Cost) => [megabytes.toFixed(0), String(exitCode)];
  const other = (cost: Cost) => [...cells(cost), "", "", ...use(cost)];
  const head = ["on the product's files", "ms", "of empty", "least ms", "of least", "MB", "exit"];
  return tableOf([
    head,
    other(empty),
    ...checks.map((cost) => [
      ...cells(cost),
      cost.least.milliseconds.toFixed(1),
      `${ofLeast(cost).toFixed(1)}x`,
      ...use(cost),
    ]),
    ...others.map(other),
  ]);
}

function growthTable(all: readonly Growth[]): string {
  const rows = all.map((each) => [
    each.title,
    `${each.sizes.join(", ")} ${each.unit}`,
    ...each.milliseconds.map((time) => time.toFixed(0)),
    each.exponent.toFixed(2),
    each.megabytes.map((size) => size.toFixed(0)).join(", "),
  ]);
  return tableOf([["on growing work", "sizes", "ms", "ms", "ms", "exponent", "MB"], ...rows]);
}

/** The budgets that are missed, each in a sentence. */
function missed(checks: readonly CheckCost[], all: readonly Growth[]): string[] {
  return [
    ...checks
      .filter((cost) => ofLeast(cost) > checkBudget)
      .map(
        (cost) =>
          `${cost.title}: ${ofLeast(cost).toFixed(1)} times the least, expected ${checkBudget} at most`,
      ),
    ...all
      .filter(({ exponent }) => exponent > linear)
      .map(
        ({ title, unit, exponent }) =>
          `${title}: grows with the ${unit} to the power of ${exponent.toFixed(2)}, expected linear growth`,
      ),
    ...all
      .filter(
        ({ unit, milliseconds }) => budgetedWork.includes(unit) && milliseconds[2] > sizeBudget,
      )
      .map(
        ({ title, unit, sizes, milliseconds }) =>
          `${title}: ${milliseconds[2].toFixed(0)} ms for ${sizes[2]} ${unit}, expected ${sizeBudget} ms at most`,
      ),
  ];
}

/** How the checks stand to an empty process, which is what the design counted in. */
function besideEmpty(checks: readonly CheckCost[]): string {
  const over = checks.filter(({ ratio }) => ratio > checkBudget).length;
  const leasts = checks.map(({ least }) => least.ratio);
  const [from, to] = [Math.min(...leasts), Math.max(...leasts)].map((each) => each.toFixed(1));
  return `${over} of ${checks.length} checks take more than ${checkBudget} times an empty process; the least that they could takes ${from} to ${to}`;
}

async function bench(): Promise<number> {
  const say = (text: string) => process.stdout.write(`${text}\n`);
  const { empty, checks, others } = await productCosts();
  say(`${costTable(empty, checks, others)}\n`);
  const all = await growths();
  say(`${growthTable(all)}\n`);
  say(besideEmpty(checks));
  const faults = missed(checks, all);
  for (const fault of faults) {
    say(`missed: ${fault}`);
  }
  say(
    faults.length === 0
      ? "Every budget of the bench is kept"
      : `${faults.length} budgets are missed`,
  );
  return faults.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  if (process.argv.length > 2) {
    process.stderr.write(
      "bun run bench takes no arguments, and measures all for several minutes\n",
    );
    process.exitCode = 2;
  } else {
    process.exitCode = await bench();
  }
}
