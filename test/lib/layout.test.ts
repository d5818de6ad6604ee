import { describe, expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { table } from "../../scripts/lib/files/references.ts";
import { refusalOfLayout } from "../../scripts/lib/help.ts";
import { defaults, layout, layoutFaults } from "../../scripts/lib/layout.ts";
import * as merge from "../../scripts/lib/layout-merge.ts";
import {
  isolatedEnvironment,
  projectRoot,
  start,
  temporaryFolder,
  writeFiles,
} from "../helpers/world.ts";

const mergeLayout = (values: unknown) => merge.mergeLayout(defaults, values);

test("the product sets nothing: its layout is the default", () => {
  expect(layoutFaults).toEqual([]);
  expect(mergeLayout({})).toEqual({ layout, faults: [] });
});

test("groups merge by key at any depth; texts, numbers, lists are replaced", () => {
  const own = {
    product: "mine",
    limits: { local: 5 },
    published: { crates: ["mine"] },
    labSteps: [{ name: "up" }, { name: "test", counts: "passed" }],
    vintages: { rules: { MY_VINTAGE: { months: 3, words: "fresh" } } },
  };
  const { layout: merged, faults } = mergeLayout(own);
  expect(faults).toEqual([]);
  expect(merged).toEqual({
    ...defaults,
    product: "mine",
    limits: { ...defaults.limits, local: 5 },
    published: { ...defaults.published, crates: ["mine"] },
    labSteps: own.labSteps,
    vintages: {
      ...defaults.vintages,
      rules: { ...defaults.vintages.rules, ...own.vintages.rules },
    },
  });
});

const noReferences = {
  lockFiles: undefined,
  ciTemplates: undefined,
  ciGuides: undefined,
  schemaExamples: undefined,
};

test("what a fork has none of is set to undefined: the chart, ledger, lab, vintages, published crates, references, a rule", () => {
  const none = {
    ...{ chart: undefined, ledger: undefined, lab: undefined, vintages: undefined },
    chartChangelog: undefined,
    published: { crates: undefined },
  };
  const { layout: merged, faults } = mergeLayout({ ...none, references: noReferences });
  expect(faults).toEqual([]);
  expect(merged).toStrictEqual({
    ...defaults,
    ...none,
    published: { ...defaults.published, crates: undefined },
    references: { ...defaults.references, ...noReferences },
  });
  const { PUE_VINTAGE: _, ...others } = defaults.vintages.rules;
  const withoutRule = mergeLayout({ vintages: { rules: { PUE_VINTAGE: undefined } } });
  expect(withoutRule).toStrictEqual({
    layout: { ...defaults, vintages: { ...defaults.vintages, rules: others } },
    faults: [],
  });
});

test("a whole layout, as older versions had it edited, is taken as it is", () => {
  const own = { ...structuredClone(layout), chart: "charts/mine" };
  expect(mergeLayout(own)).toEqual({ layout: own, faults: [] });
});

const ownPlace = (values: object) => ({
  references: {
    own: [{ files: "a", pattern: "{version}", atLeast: 1, follows: "chart", ...values }],
  },
});

describe("a layout is refused that sets", () => {
  const unknown = (key: string, meant: string) => `the unknown key ${key}, expected ${meant}`;
  test.each<[values: unknown, found: string]>([
    [{ mainBranh: "trunk" }, unknown("mainBranh", "mainBranch")],
    [{ Product: "mine" }, unknown("Product", "product")],
    [{ published: { crate: ["a"] } }, unknown("published.crate", "published.crates")],
    [{ crateIndex: "a" }, unknown("crateIndex", "published.crateIndex")],
    [{ limits: { zzz: 1 } }, unknown("limits.zzz", "one of network, local, signing")],
    [
      { labSteps: [{ name: "a" }, { names: "b" }] },
      unknown("labSteps[1].names", "labSteps[1].name"),
    ],
    [
      { vintages: { rules: { A: { month: 1, words: "w" } } } },
      unknown("vintages.rules.A.month", "vintages.rules.A.months"),
    ],
    [{ toString: "a" }, "the unknown key toString, expected one of product, mainBranch, "],
    [{ product: 1 }, 'product = 1, expected a value like "perf-sentinel"'],
    [{ product: undefined }, 'product = undefined, expected a value like "perf-sentinel"'],
    [{ waitMinutes: Number.NaN }, "waitMinutes = null, expected a value like 20"],
    [{ chart: "" }, 'chart = "", expected a value like "charts/perf-sentinel"'],
    [{ limits: { network: -1 } }, "limits.network = -1, expected a value like 30000"],
    [{ labGate: null }, "labGate = null, expected a value like "],
    [{ published: ["a"] }, 'published = ["a"], expected a value like {'],
    [{ published: { crates: "a" } }, 'published.crates = "a", expected a value like ["'],
    [{ published: { crates: ["a", 1] } }, "published.crates[1] = 1, expected a value like "],
    [{ labSteps: [{ counts: "a" }] }, 'labSteps[0] = {"counts":"a"}, expected a value like '],
    [
      { vintages: { rules: { A: { words: "w" } } } },
      'vintages.rules.A = {"words":"w"}, expected a value like {"months":',
    ],
    [ownPlace({ pattern: "kube" }), 'references.own[0].pattern = "kube", expected {version} or'],
    [
      ownPlace({ pattern: "{version} {major}.{minor}" }),
      'references.own[0].pattern = "{version} {major}.{minor}", expected {version} or',
    ],
    [ownPlace({ follows: "app" }), 'references.own[0].follows = "app", expected application or'],
    [ownPlace({ file: "a" }), unknown("references.own[0].file", "references.own[0].files")],
    [[], "layout = [], expected a value like {"],
  ])("%j", (values, found) => {
    const merged = mergeLayout(values);
    expect(merged.faults).toHaveLength(1);
    expect(refusalOfLayout(merged.faults).message).toContain(
      `Cannot use the layout: found ${found}`,
    );
  });
});

test("a fork's values reach every command; a misspelled key refuses it, but not its help", async () => {
  using folder = temporaryFolder();
  cpSync(join(projectRoot, "scripts"), join(folder.path, "scripts"), { recursive: true });
  const env = isolatedEnvironment(folder.path);
  const runWith = (values: string, ...args: string[]) => {
    writeFiles(folder.path, { "scripts/layout.ts": `export const layout = ${values};\n` });
    return start([process.execPath, ...args], { cwd: folder.path, env });
  };
  const run = (values: object, ...args: string[]) =>
    runWith(JSON.stringify(values), "scripts/check-tag-version.ts", ...args);
  expect((await run({ tagPrefix: "release-" }, "v1.0.0")).code).toBe(2);
  const misspelled = { tagPrefx: "release-", product: 1 };
  expect(await run(misspelled, "v1.0.0")).toMatchObject({
    code: 1,
    stdout: "",
    stderr: [
      "error: Cannot use the layout: found the unknown key tagPrefx, expected tagPrefix",
      "  at scripts/layout.ts",
      "  fix: Write tagPrefix, or remove tagPrefx",
      'error: Cannot use the layout: found product = 1, expected a value like "perf-sentinel"',
      "  at scripts/layout.ts",
      "  fix: Correct product, or remove it: its default is in scripts/lib/layout.ts",
      "",
    ].join("\n"),
  });
  expect((await run(misspelled, "--help")).code).toBe(0);

  // What the layout has none of has no rows, no gate and no command.
  const none = Object.keys(noReferences).map((key) => `${key}: undefined`);
  const values = `{ vintages: undefined, chartChangelog: undefined, references: { ${none} } }`;
  const rows =
    'import { table } from "./scripts/lib/files/references.ts"; console.log(table.length)';
  expect((await runWith(values, "-e", rows)).stdout).toBe(`${table.length - 6}\n`);
  await start(["git", "init", "--quiet"], { cwd: folder.path, env });
  expect(await runWith(values, "scripts/check-vintages.ts")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(
      "error: Cannot run scripts/check-vintages.ts: the layout has no vintages\n",
    ),
  });
});
