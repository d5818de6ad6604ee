/**
 * Measures what commands take on the product's files, in units of an empty process of the same run:
 * each command, its least script (test/bench/least.ts) and an empty process in turn, so that a busy
 * moment of the machine reaches all of them alike.
 *
 * Usage: bun run bench [CHECKOUT]
 *
 * With CHECKOUT, an earlier version of these scripts takes its turns as well, and the budget is half
 * of its excess over the least. 1,000 crates and a ledger of 100,000 rows may take a second each.
 *
 * Exit codes: 0 every budget is kept, 1 one is missed.
 */

import { cpSync } from "node:fs";
import { join, resolve } from "node:path";
import { smallProduct } from "../scripts/demo/product.ts";
import { dayOf } from "../scripts/lib/calendar.ts";
import { rowText } from "../scripts/lib/files/ledger.ts";
import { table } from "../scripts/lib/files/references.ts";
import { defaults, layout } from "../scripts/lib/layout.ts";
import { productFolder } from "./helpers/product.ts";
import { ledgerRow, today } from "./helpers/release.ts";
import { projectRoot, type TestRepository, testRepository, writeFiles } from "./helpers/world.ts";

const rounds = 15;
/** What the largest work may take, in milliseconds. */
const sizeBudget = 1_000;

interface Subject {
  readonly command: readonly string[];
  /** How many questions to git must wait for one another, and globs of the files that are read. */
  readonly questions: number;
  readonly reads: readonly string[];
}

const manifests = [layout.workspaceManifest, layout.crateManifests];
const chart = `${layout.chart}/Chart.yaml`;
const references = table.flatMap(({ follows, where }) => (follows === "chart" ? [] : where));
const subjects = (version: string, base: string): Subject[] =>
  [
    ["scripts/check-helm-tag-version.ts", [version], 1, [chart]],
    ["scripts/check-tag-version.ts", [version], 1, manifests],
    ["scripts/check-tag-version.ts", [version, "--ref", "HEAD"], 3, manifests],
    ["scripts/check-references.ts", [version], 1, [...new Set(references)]],
    ["scripts/check-vintages.ts", [], 1, [`${defaults.vintages.folder}/**/*.rs`]],
    ["scripts/check-chart-appversion.ts", [], 1, [chart, `${layout.chart}/values.yaml`]],
    ["scripts/check-chart-version-bumped.ts", [base], 3, []],
    ["scripts/check-release-workflow.ts", [], 1, [".github/workflows/*"]],
    ["release-gate/check-ledger.ts", [], 2, [layout.ledger]],
    ["release-gate/check-lab-validation.ts", ["--version", version], 3, [layout.ledger]],
    ["scripts/bump-version.ts", ["99.0.0", "--dry-run"], 3, [...new Set(references)]],
    ["scripts/release.ts", [version, "--dry-run"], 10, [...new Set(references)]],
    ["scripts/status.ts", [version], 10, [...new Set(references)]],
    ["scripts/audit-releases.ts", [], 3, []],
  ].map(([path, args, questions, reads]) => ({
    command: [path, ...(args as string[])] as string[],
    questions: questions as number,
    reads: reads as string[],
  }));

/** Runs a script of a checkout, and returns its milliseconds. */
async function timeOf(command: readonly string[], { root, env }: TestRepository): Promise<number> {
  const start = performance.now();
  const child = Bun.spawn([process.execPath, ...command], {
    ...{ cwd: root, env, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  });
  const [code, words] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  // A refusal is work like any other; a command that was misused or failed has done none.
  if (code > 1 || words.includes("This is a defect of the script")) {
    throw new Error(`${command.join(" ")}: exit code ${code}: ${words}`);
  }
  return performance.now() - start;
}

/** The median times of commands that take turns; a first turn fills the caches. */
async function medians(commands: readonly (readonly string[])[], world: TestRepository) {
  const times = commands.map((): number[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, command] of commands.entries()) {
      const time = await timeOf(command, world);
      times[index]?.push(...(round === 0 ? [] : [time]));
    }
  }
  return times.map((each) => each.toSorted((a, b) => a - b)[rounds >> 1] ?? Number.NaN);
}

/** A workflow in the documented form. */
const workflowOf = (tags: string, check: string) =>
  `on: {push: {tags: ["${tags}"]}}\njobs:\n  check:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - run: bun ${check} "$GITHUB_REF_NAME"\n`;

/** The product on its origin, ready to be released. */
async function productWorld() {
  const world = await testRepository();
  if (productFolder === undefined) {
    writeFiles(world.root, smallProduct("0.11.1"));
  } else {
    cpSync(productFolder, world.root, { recursive: true });
    await Bun.$`chmod -R u+w ${world.root}`.quiet();
  }
  const manifest = await Bun.file(join(world.root, layout.workspaceManifest)).text();
  const version = /^version = "(.*)"$/m.exec(manifest)?.[1] ?? "0.11.1";
  const base = await world.commit(
    {
      [layout.releaseWorkflow]: workflowOf("v*", "scripts/check-tag-version.ts"),
      [layout.chartReleaseWorkflow]: workflowOf("chart-v*", "scripts/check-helm-tag-version.ts"),
    },
    "Product",
  );
  await world.addRemote();
  await world.useSshKey();
  const ledger = Bun.file(join(world.root, layout.ledger));
  const rows = (await ledger.exists()) ? await ledger.text() : "";
  await world.commit({ [layout.ledger]: `${rows}${ledgerRow(version)}` }, "Record the lab");
  await world.git("push", "--quiet", "origin", "main");
  await world.git("tag", "v0.0.1", base);
  const env = { ...world.env, GIT_COMMITTER_DATE: `${today()}T12:00:00Z` };
  return { ...world, env, version, base };
}

const say = (text: string) => process.stdout.write(`${text}\n`);

/** Measures every command on the product's files. Returns the budgets that are missed. */
async function benchProduct(earlier: string | undefined): Promise<string[]> {
  await using world = await productWorld();
  const missed: string[] = [];
  const houses = [projectRoot, ...(earlier === undefined ? [] : [earlier])];
  say(
    `${"units of an empty process".padEnd(58)}  least   this${earlier ? "  earlier  budget" : ""}`,
  );
  for (const { command, questions, reads } of subjects(world.version, world.base)) {
    const files = reads.flatMap((glob) => [
      ...new Bun.Glob(glob).scanSync({ cwd: world.root, dot: true }),
    ]);
    const [path = "", ...args] = command;
    const [empty = 1, ...times] = await medians(
      [
        [join(import.meta.dir, "bench/empty.ts")],
        [join(import.meta.dir, "bench/least.ts"), String(questions), ...files],
        ...houses.map((house) => [join(house, path), ...args]),
      ],
      world,
    );
    const [least = 0, own = 0, other] = times.map((time) => time / empty);
    const budget = other === undefined ? undefined : least + (other - least) / 2;
    const cells = [
      least,
      own,
      ...(other === undefined || budget === undefined ? [] : [other, budget]),
    ];
    const title = command.map((each) => (each === world.base ? "BASE" : each)).join(" ");
    say(`${title.padEnd(58)}  ${cells.map((each) => each.toFixed(2).padStart(5)).join("  ")}`);
    if (budget !== undefined && own > budget) {
      missed.push(`${title}: ${own.toFixed(2)} units, expected ${budget.toFixed(2)} at most`);
    }
  }
  return missed;
}

/** Measures the largest work that there may be. Returns the budgets that are missed. */
async function benchSizes(): Promise<string[]> {
  await using world = await testRepository();
  const version = "1.3.0";
  const crate = (index: number) =>
    `[package]\nname = "crate-${index}"\nversion.workspace = true\n\n[dependencies]\nserde = "1.0.229"\n`;
  const crates = Array.from({ length: 1_000 }, (_, index) => [
    `crates/crate-${index}/Cargo.toml`,
    crate(index),
  ]);
  const row = (index: number) =>
    rowText({
      ...{ tag: `v1.${index}.0`, sha: index.toString(16).padStart(7, "0") },
      ...{ date: dayOf(new Date()), verdict: "PASS" },
    });
  await world.commit({
    "Cargo.toml": `[workspace]\nmembers = ["crates/*"]\n\n[workspace.package]\nversion = "${version}"\n`,
    ...Object.fromEntries(crates),
    [layout.ledger]: Array.from({ length: 100_000 }, (_, index) => `${row(index)}\n`).join(""),
  });
  const missed: string[] = [];
  for (const [what, ...command] of [
    ["1,000 crates", "scripts/check-tag-version.ts", version],
    ["1,000 crates of a commit", "scripts/check-tag-version.ts", version, "--ref", "HEAD"],
    ["100,000 ledger rows", "release-gate/check-ledger.ts"],
    ["100,000 ledger rows", "release-gate/check-lab-validation.ts", "--version", "v1.99999.0"],
  ] as const) {
    const [path, ...args] = command;
    const [time = 0] = await medians([[join(projectRoot, path), ...args]], world);
    say(`${`${what}: ${path}`.padEnd(58)}  ${time.toFixed(0)} ms`);
    if (time > sizeBudget) {
      missed.push(`${what}: ${time.toFixed(0)} ms, expected ${sizeBudget} ms at most`);
    }
  }
  return missed;
}

if (import.meta.main) {
  const [earlier] = process.argv.slice(2);
  const missed = [
    ...(await benchProduct(earlier === undefined ? undefined : resolve(earlier))),
    ...(await benchSizes()),
  ];
  say(
    missed.length === 0
      ? "Every budget is kept"
      : missed.map((each) => `missed: ${each}`).join("\n"),
  );
  process.exitCode = missed.length === 0 ? 0 : 1;
}
