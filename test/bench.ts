/**
 * Measures every command beside an empty process of the same run, and how its cost grows with the
 * work; says which budget is missed.
 *
 * Usage: bun run bench
 *
 * Exit codes: 0 every budget is kept, 1 one is missed.
 */

import { type Growth, growths } from "./bench/growth.ts";
import { type Cost, tableOf } from "./bench/measure.ts";
import { productCosts } from "./bench/product.ts";

/** What a check on the product's files may take, as a multiple of an empty process. */
const checkBudget = 2.2;
/** What the greatest number of crates or ledger rows may take, in milliseconds. */
const sizeBudget = 1_000;
const budgetedWork = ["crates", "ledger rows"];
/** The exponent beyond which growth is not linear: ten times the work at twice the cost each. */
const linear = 1.3;

function costTable(costs: readonly Cost[]): string {
  const rows = costs.map(({ title, exitCode, milliseconds, ratio, megabytes }) => [
    title,
    milliseconds.toFixed(1),
    `${ratio.toFixed(1)}x`,
    megabytes.toFixed(0),
    String(exitCode),
  ]);
  return tableOf([["on the product's files", "ms", "ratio", "MB", "exit"], ...rows]);
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
function missed(checks: readonly Cost[], all: readonly Growth[]): string[] {
  return [
    ...checks
      .filter(({ ratio }) => ratio > checkBudget)
      .map(
        ({ title, ratio }) => `${title}: ${ratio.toFixed(1)}x, expected ${checkBudget}x at most`,
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

async function bench(): Promise<number> {
  const say = (text: string) => process.stdout.write(`${text}\n`);
  const { checks, others } = await productCosts();
  say(`${costTable([...checks, ...others.slice(1)])}\n`);
  const all = await growths();
  say(`${growthTable(all)}\n`);
  const faults = missed(checks.slice(1), all);
  for (const fault of faults) {
    say(`missed: ${fault}`);
  }
  say(faults.length === 0 ? "Every budget is kept" : `${faults.length} budgets are missed`);
  return faults.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = await bench();
}
