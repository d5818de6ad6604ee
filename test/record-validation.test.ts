import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { dayOf } from "../scripts/lib/calendar.ts";
import { layout } from "../scripts/lib/layout.ts";
import { checkLab } from "../scripts/record-validation.ts";
import { runScript } from "./helpers/run-script.ts";
import { type TestRepository, testRepository, writeFiles } from "./helpers/world.ts";

const script = "scripts/record-validation.ts";
const today = dayOf(new Date());
const old = "v1.2.2\tabcdef0\t2026-08-01\tPASS";

let lab: TestRepository;
let sha: string;
let row: string;
const run = (args: readonly string[], env: Record<string, string> = {}, cwd = lab.root) =>
  runScript(script, args, { cwd, env: { ...lab.env, ...env } });

/** A ledger outside of the lab with that content; answers its path. */
function ledgerWith(name: string, content: string): string {
  writeFiles(lab.home, { [name]: content });
  return join(lab.home, name);
}

beforeAll(async () => {
  lab = await testRepository();
  sha = (await lab.commit({ "docs/QUICKSTART.md": "" })).slice(0, 7);
  row = `v1.2.3\t${sha}\t${today}\tPASS`;
});

afterAll(() => lab[Symbol.asyncDispose]());

test.each([["v1.2.3"], ["1.2.3"]])(
  "standard output has one row with real tabs and nothing else, from any subfolder: %p",
  async (version) => {
    expect(await run([version, "PASS"], {}, join(lab.root, "docs"))).toEqual({
      code: 0,
      stdout: `${row}\n`,
      stderr: "",
    });
  },
);

test("a folder that is no checkout, and a checkout without a commit, are refused", async () => {
  const empty = join(lab.home, "empty");
  mkdirSync(empty);
  const outside = await run(["1.2.3", "PASS", "--lab", empty]);
  await lab.git("init", "--quiet", empty);
  const unborn = await run(["1.2.3", "PASS", "--lab", empty]);
  expect(outside).toMatchObject({ code: 1, stdout: "" });
  expect(outside.stderr).toStartWith(
    `error: Cannot find the lab's checkout at ${empty}: fatal: not a git`,
  );
  expect(outside.stderr).toContain("fix: Name the lab's checkout with --lab DIR");
  expect(unborn).toMatchObject({ code: 1, stdout: "" });
  expect(unborn.stderr).toContain("the current branch has none yet");
});

test.each([
  ["4", 7],
  ["12", 12],
])(
  "with core.abbrev %p the sha has %p digits, so never fewer than the ledger takes",
  async (abbrev, digits) => {
    const env = {
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "core.abbrev",
      GIT_CONFIG_VALUE_0: abbrev,
    };
    const { stdout } = await run(["1.2.3", "PASS"], env);
    const head = await lab.git("rev-parse", "HEAD");
    expect(stdout).toBe(`v1.2.3\t${head.slice(0, digits)}\t${today}\tPASS\n`);
  },
);

const clean = {
  head: "0123456789abcdef0123456789abcdef01234567",
  branch: "refs/heads/main",
  changes: [],
  underway: [],
};

test.each([
  ["a clean lab on main: none", {}, []],
  [
    "a dirty one",
    { changes: ["a", "b\nc"] },
    [`the lab's working tree is dirty: what ran is not commit 0123456: "a", "b\\nc"`],
  ],
  [
    "many changes",
    { changes: [..."abcdefg"] },
    [
      `the lab's working tree is dirty: what ran is not commit 0123456: "a", "b", "c", "d", "e", and 2 more`,
    ],
  ],
  [
    "another branch",
    { branch: "refs/heads/x/y" },
    ['the lab is not on main: it is on branch "x/y"'],
  ],
  ["a detached HEAD", { branch: undefined }, ["the lab is not on main: its HEAD is detached"]],
])("what may not be the lab's commit is a warning with a remedy: %s", (_, state, messages) => {
  const findings = checkLab({ ...clean, ...state });
  expect(findings.map(({ level, message }) => [level, message])).toEqual(
    messages.map((message) => ["warning", message]),
  );
  expect(findings.every(({ remedy }) => remedy !== undefined)).toBe(true);
});

const productFiles = {
  "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\n',
  "crates/cli/Cargo.toml": `[package]\nname = "${layout.product}"\nversion = "1.2.3"\n`,
  [layout.ledger]: `${old}\n`,
  "docs/a.md": "",
};

test("the product is refused as the lab, by whatever path, and no row is printed", async () => {
  await using product = await testRepository();
  await product.commit(productFiles);
  symlinkSync(product.root, join(product.home, "link"));
  for (const args of [["--append"], ["--lab", ".."], ["--lab", "../../link"]]) {
    const options = { cwd: join(product.root, "docs"), env: product.env };
    const ended = await runScript(script, ["1.2.3", "PASS", ...args], options);
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toStartWith(
      `error: Cannot use ${product.root} as the lab: it has the crate ${layout.product}, so it is the product\n`,
    );
  }
  expect(readFileSync(join(product.root, layout.ledger), "utf8")).toBe(`${old}\n`);
});

test("a checkout is not the lab of a ledger in it, whatever the ledger's name is", async () => {
  await using product = await testRepository();
  await product.commit({ "other.txt": `${old}\n`, [layout.ledger]: `${old}\n` });
  const { root: cwd, env } = product;
  for (const [args, more, name] of [
    [["--append", "other.txt"], {}, "other.txt"],
    [["--append"], { LEDGER: "other.txt" }, "other.txt"],
    [["--append"], {}, layout.ledger],
  ] as const) {
    const options = { cwd, env: { ...env, ...more } };
    const ended = await runScript(script, ["1.2.3", "PASS", ...args], options);
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toStartWith(
      `error: Cannot use ${cwd} as the lab: it has the ledger ${join(cwd, name)}, so it is the product\n`,
    );
    expect(readFileSync(join(cwd, name), "utf8")).toBe(`${old}\n`);
  }
});

test("a lab may hold a ledger, crates of its own, and the product's checkout", async () => {
  await using other = await testRepository();
  await other.commit({
    [layout.ledger]: `${old}\n`,
    "Cargo.toml": '[package]\nname = "load"\nversion = "0.1.0"\n',
    ".gitignore": "product\n",
  });
  const product = join(other.root, "product");
  await other.git("init", "--quiet", product);
  writeFiles(product, productFiles);
  for (const [args, stderr] of [
    [[], ""],
    [["--append", "--repo", product], expect.stringContaining("appended as line 2")],
  ] as const) {
    const options = { cwd: other.root, env: other.env };
    expect(await runScript(script, ["1.2.3", "PASS", ...args], options)).toMatchObject({
      code: 0,
      stderr,
    });
  }
});

test("warnings go to standard error, and the row is printed all the same", async () => {
  await using other = await testRepository();
  const head = (await other.commit({ a: "" })).slice(0, 7);
  await other.git("checkout", "--quiet", "-b", "topic");
  writeFiles(other.root, { untracked: "" });
  const { code, stdout, stderr } = await runScript(script, ["1.2.3", "PASS"], {
    cwd: other.root,
    env: other.env,
  });
  expect({ code, stdout }).toEqual({ code: 0, stdout: `v1.2.3\t${head}\t${today}\tPASS\n` });
  expect(stderr.match(/^warning: .*$/gm)).toEqual([
    `warning: the lab's working tree is dirty: what ran is not commit ${head}: "untracked"`,
    'warning: the lab is not on main: it is on branch "topic"',
  ]);
});

describe("--append", () => {
  test("adds the row that it prints, and says where", async () => {
    const path = ledgerWith("ledger.txt", old);
    expect(await run(["1.2.3", "PASS", "--append", path])).toEqual({
      code: 0,
      stdout: `${row}\n`,
      stderr: `ledger: ${path}\nappended as line 2 of ${path}: commit it\n`,
    });
    expect(readFileSync(path, "utf8")).toBe(`${old}\n${row}\n`);
  });

  test("without a value takes LEDGER, else the ledger of --repo", async () => {
    await using product = await testRepository();
    writeFiles(product.root, { [layout.ledger]: `${old}\n` });
    const named = ledgerWith("named.txt", "");
    const path = join(product.root, layout.ledger);
    const args = ["--append", "--repo", product.root];
    const fromLedger = await run(["1.2.3", "PASS", ...args], { LEDGER: named });
    const fromRepo = await run(["1.2.3", "FAIL", ...args], { LEDGER: "" });
    expect([fromLedger.stderr, fromRepo.stderr]).toEqual([
      `ledger: ${named} (from LEDGER)\nappended as line 1 of ${named}: commit it\n`,
      `ledger: ${path}\nappended as line 2 of ${path}: commit it\n`,
    ]);
    expect(readFileSync(named, "utf8")).toBe(`${row}\n`);
    expect(readFileSync(path, "utf8")).toBe(`${old}\n${row.replace("PASS", "FAIL")}\n`);
  });

  test("refuses a missing ledger and one that ends malformed, and still prints the row", async () => {
    const torn = ledgerWith("torn.txt", `${old}\nv1.2.3 abc`);
    const [missing, unnamed, malformed] = await Promise.all([
      run(["1.2.3", "PASS", "--append", "nowhere.txt"]),
      run(["1.2.3", "PASS", "--append"]),
      run(["1.2.3", "PASS", "--append", torn]),
    ]);
    for (const [ended, words] of [
      [missing, `error: ledger ${join(lab.root, "nowhere.txt")} not found.\n`],
      [unnamed, `error: ledger ${join(lab.root, layout.ledger)} not found.\n`],
      [malformed, `error: Cannot append to ${torn}: line 2 at its end is malformed: `],
    ] as const) {
      expect(ended).toMatchObject({ code: 1, stdout: `${row}\n` });
      expect(ended.stderr).toContain(words);
    }
    expect(missing.stderr).toContain(
      "  fix: Name the product's checkout: --repo DIR; or its ledger: ",
    );
    expect(readFileSync(torn, "utf8")).toBe(`${old}\nv1.2.3 abc`);
  });
});
