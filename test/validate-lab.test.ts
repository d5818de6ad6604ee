import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dayOf } from "../scripts/lib/calendar.ts";
import { checkUnmoved } from "../scripts/validate-lab.ts";
import { runInTerminal } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import {
  type JsonReport,
  start,
  type TestRepository,
  testRepository,
  writeFiles,
} from "./helpers/world.ts";

const script = "scripts/validate-lab.ts";
const today = dayOf(new Date());
const old = "v1.2.2\tabcdef0\t2026-08-01\tPASS\n";
const names = ["down", "up", "seed-services", "validate-findings", "verify-all-scenarios"];
const passing: Readonly<Record<string, string>> = {
  down: "echo down",
  up: "echo up >&2",
  "seed-services": "cat",
  "validate-findings": "printf '\\033[32m10/10\\033[0m scenarios pass\\n'",
  "verify-all-scenarios": "echo '24/24 detector outcomes match'",
};

let lab: TestRepository;
let env: Record<string, string>;

beforeAll(async () => {
  lab = await testRepository();
  env = { ...lab.env, TMPDIR: join(lab.home, "logs") };
  mkdirSync(env.TMPDIR ?? "");
});
afterAll(() => lab[Symbol.asyncDispose]());

/** A lab whose steps do that, committed; answers the commit as the row has it. */
async function labWith(changes: Readonly<Record<string, string>>): Promise<string> {
  const rules = Object.entries({ ...passing, ...changes }).map(
    ([name, recipe]) => `${name}:\n\t${recipe.replaceAll("$", "$$$$")}\n`,
  );
  const head = await lab.commit({ Makefile: `.PHONY: ${names.join(" ")}\n${rules.join("")}` });
  return head.slice(0, 7);
}

/** A ledger with one row outside of the lab. */
function ledger(): string {
  writeFiles(lab.home, { ledger: old });
  return join(lab.home, "ledger");
}

const validate = (args: readonly string[], more: Record<string, string> = {}) =>
  runScript(script, ["v1.2.3", "--lab", lab.root, ...args], {
    cwd: lab.home,
    env: { ...env, ...more },
  });

const row = (sha: string, verdict: string) => `v1.2.3\t${sha}\t${today}\t${verdict}`;

/** What ran, in order, with its fate. */
const fates = ({ data }: JsonReport) =>
  data.steps.map((each: { name: string; status: string }) => `${each.name} ${each.status}`);

test("a lab that passes ends with its row, which is recorded, and each step has its log", async () => {
  const sha = await labWith({});
  const path = ledger();
  const { code, stdout, stderr } = await validate(["--record", "--ledger", path]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${row(sha, "PASS")}\n` });
  expect(readFileSync(path, "utf8")).toBe(`${old}${row(sha, "PASS")}\n`);
  const folder = /^logs: (.*)$/m.exec(stderr)?.[1] ?? "";
  expect(folder).toStartWith(join(env.TMPDIR ?? "", "validate-lab-v1.2.3-"));
  expect(readdirSync(folder).toSorted()).toEqual(
    names.map((name, index) => `${index + 1}-${name}.log`),
  );
  expect(readFileSync(join(folder, "2-up.log"), "utf8")).toBe("up\n");
  expect(readFileSync(join(folder, "3-seed-services.log"), "utf8")).toBe("");
  expect(stderr.replace(folder, "LOGS")).toBe(
    [
      `ledger: ${path}`,
      `lab: ${lab.root} at ${sha}`,
      "logs: LOGS",
      ...names.flatMap((name, index) => {
        const title = `step ${index + 1} of 5: make ${name}`;
        const counts = ["", "", "", " (10/10)", " (24/24)"][index];
        return [title, `${title}: passed${counts}, after 0 s`];
      }),
      `appended as line 2 of ${path}: commit it`,
      "",
    ].join("\n"),
  );
});

test("of a long output only whole lines are shown", async () => {
  await labWith({ up: "head -c 70000 /dev/zero | tr '\\0' x; echo; echo the last line; false" });
  const { code, stderr } = await validate([]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^the end of .*2-up\.log:\n {2}\| the last line\n/m);
});

test("a run over midnight has the day in UTC on which its steps ended, also in the ledger", async () => {
  const sha = await labWith({
    "verify-all-scenarios": "touch ../ended; echo 24/24 detector outcomes match",
  });
  const path = ledger();
  const ended = join(lab.home, "ended");
  const { code, stdout } = await runScript(
    script,
    ["v1.2.3", "--lab", lab.root, "--record", "--ledger", path],
    {
      cwd: lab.home,
      env,
      // The machine slept in between: its clock stands still, and its time does not.
      clock: () => 0,
      moment: () => new Date(existsSync(ended) ? "2026-11-26T00:10Z" : "2026-11-25T23:50Z"),
    },
  );
  const expected = `v1.2.3\t${sha}\t2026-11-26\tPASS\n`;
  expect({ code, stdout }).toEqual({ code: 0, stdout: expected });
  expect(readFileSync(path, "utf8")).toBe(`${old}${expected}`);
});

test.each([
  [
    "one scenario short",
    "validate-findings",
    "echo 9/10 scenarios pass",
    "it reports 9/10 scenarios pass",
  ],
  ["no counts", "validate-findings", "true", 'it reports no count of "scenarios pass"'],
  [
    "a later count that mends an earlier one",
    "verify-all-scenarios",
    "echo 23/24 detector outcomes match; echo 24/24 detector outcomes match",
    "it reports 23/24 detector outcomes match",
  ],
  [
    "complete counts, but another exit code",
    "validate-findings",
    "echo 10/10 scenarios pass; exit 3",
    "exit code 2",
  ],
])("%s is a FAIL with that reason, recorded as such", async (_, name, recipe, fault) => {
  const sha = await labWith({ [name]: recipe });
  const path = ledger();
  const { code, stdout, stderr } = await validate(["--record", "--ledger", path]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: `${row(sha, "FAIL")}\n` });
  expect(stderr).toContain(`error: the lab fails v1.2.3: make ${name}: ${fault}\n  fix: Read `);
  expect(readFileSync(path, "utf8")).toBe(`${old}${row(sha, "FAIL")}\n`);
});

test("a failing step ends the run, and the last 20 lines of its output are shown", async () => {
  await labWith({ up: "seq 1 30; printf 'evil\\033[2J\\007\\n' >&2; exit 1" });
  const { code, stderr } = await validate([]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/2-up\.log:\n {2}\| 13\n/);
  expect(stderr).toContain("  | 30\n  | evil");
  expect(stderr).not.toContain("\u001b");
  expect(stderr).not.toContain("seed-services");
});

test("--keep-going runs the later steps, and the verdict stays FAIL; --json has it all", async () => {
  const sha = await labWith({ up: "exit 1", "validate-findings": "echo 9/10 scenarios pass" });
  const { code, stdout } = await validate(["--keep-going", "--json"]);
  expect(code).toBe(1);
  const report: JsonReport = JSON.parse(stdout);
  expect(fates(report)).toEqual([
    "down passed",
    "up failed",
    "seed-services passed",
    "validate-findings failed",
    "verify-all-scenarios passed",
  ]);
  expect(report.findings.map(({ level, message }) => `${level} ${message}`)).toEqual([
    "error the lab fails v1.2.3: make up: exit code 2",
    "error the lab fails v1.2.3: make validate-findings: it reports 9/10 scenarios pass",
  ]);
  expect(report.data).toMatchObject({ verdict: "FAIL", row: row(sha, "FAIL"), lab: sha });
  expect(report.data.steps[3]).toMatchObject({ exitCode: 0, counts: ["9/10"] });
  expect(report.data.steps[3].seconds).toBeNumber();
});

test("--from starts at that step, warns of those left out, and cannot be recorded", async () => {
  await labWith({ down: "exit 1" });
  const { code, stdout } = await validate(["--from", "validate-findings", "--json"]);
  expect(code).toBe(0);
  const report: JsonReport = JSON.parse(stdout);
  expect(fates(report)).toEqual([
    "down not run",
    "up not run",
    "seed-services not run",
    "validate-findings passed",
    "verify-all-scenarios passed",
  ]);
  expect(report.findings.map(({ level, message }) => `${level} ${message}`)).toEqual([
    "warning the verdict is not about the whole lab: down, up, seed-services are left out",
  ]);
  const path = ledger();
  const refused = await validate(["--from", "up", "--record", "--ledger", path]);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("--record needs a complete run, and --from leaves out down");
  expect(readFileSync(path, "utf8")).toBe(old);
});

test("flags for make in the environment neither skip a step nor hide its failure", async () => {
  await labWith({ up: "exit 1" });
  for (const MAKEFLAGS of ["n", "i"]) {
    expect((await validate([], { MAKEFLAGS, GNUMAKEFLAGS: "-n" })).code).toBe(1);
  }
});

test("a recipe that would print a count has not reported one", async () => {
  const sha = await labWith({ "validate-findings": "false && echo 10/10 scenarios pass || true" });
  expect((await validate([])).stdout).toBe(`${row(sha, "FAIL")}\n`);
});

test("a log too long to be read is no pass where counts are due, and its end is shown", async () => {
  const grow = `'${process.execPath}' -e 'require("node:fs").ftruncateSync(1, 3 * 2 ** 30)'`;
  const sha = await labWith({
    up: grow,
    "validate-findings": `${grow}; echo; echo 10/10 scenarios pass`,
  });
  const { code, stdout, stderr } = await validate([]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: `${row(sha, "FAIL")}\n` });
  expect(stderr).toContain("make validate-findings: its output has more than 67108864 bytes");
  expect(stderr).toMatch(/4-validate-findings\.log:\n(?:.*\n)? {2}\| 10\/10 scenarios pass\n/);
});

test("HEAD that moves and a tree that changes during the run are told", async () => {
  const sha = await labWith({ up: "touch new; git commit --quiet --allow-empty -m Moved" });
  const { code, stdout, stderr } = await validate([]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${row(sha, "PASS")}\n` });
  expect(stderr).toContain(
    `warning: the lab changed during the run, so ${sha} may not identify what ran: HEAD moved from ${sha} to `,
  );
  expect(stderr).toContain('; its tree changed: "new"\n');
});

describe("a lab whose commit cannot be read again after the run", () => {
  const spoil =
    "cp .git/HEAD ../HEAD; echo nothing > .git/HEAD; echo 24/24 detector outcomes match";
  afterEach(() => copyFileSync(join(lab.home, "HEAD"), join(lab.root, ".git/HEAD")));

  test("still gets its verdict and its row, with a warning", async () => {
    const sha = await labWith({ "verify-all-scenarios": spoil });
    const { code, stdout, stderr } = await validate([]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${row(sha, "PASS")}\n` });
    expect(stderr).toContain(
      `warning: the lab changed during the run, so ${sha} may not identify what ran: Cannot read the state of the work tree: git status: `,
    );
    expect(stderr).toContain(
      "  fix: Make sure that nothing else changes the lab's checkout, and run this again; if this run has a row ",
    );
  });

  test("has no PASS recorded", async () => {
    const sha = await labWith({ "verify-all-scenarios": spoil });
    const path = ledger();
    const { code, stdout } = await validate(["--record", "--ledger", path, "--json"]);
    const report: JsonReport = JSON.parse(stdout);
    expect(code).toBe(1);
    expect(report.data).toMatchObject({ verdict: "PASS", row: row(sha, "PASS") });
    expect(report.data.line).toBeUndefined();
    expect(report.findings.map(({ level, message }) => `${level} ${message}`)).toEqual([
      expect.stringMatching(/^warning the lab changed during the run/),
      `error Cannot record the PASS of v1.2.3: the lab cannot be read after the run, so it may have left ${sha}`,
    ]);
    expect(readFileSync(path, "utf8")).toBe(old);
  });

  test("has a FAIL recorded, for that releases nothing", async () => {
    const sha = await labWith({ "verify-all-scenarios": `${spoil}; exit 1` });
    const path = ledger();
    expect((await validate(["--record", "--ledger", path])).code).toBe(1);
    expect(readFileSync(path, "utf8")).toBe(`${old}${row(sha, "FAIL")}\n`);
  });
});

test("a checkout that stays as it is gives no warning, one that was dirty and is clean does", () => {
  const clean = { head: "a".repeat(40), branch: "refs/heads/main", changes: [], underway: [] };
  const dirty = { ...clean, changes: ["x"] };
  expect(checkUnmoved(dirty, { value: dirty })).toEqual([]);
  expect(checkUnmoved(dirty, { value: clean })).toHaveLength(1);
});

describe("before anything runs", () => {
  test.each<[string, readonly string[], RegExp]>([
    [
      "a ledger that is missing",
      ["--record", "--ledger", "none"],
      /ledger .*none not found\.[\s\S]*--ledger PATH of validate-lab/,
    ],
    [
      "a ledger that ends malformed",
      ["--record", "--ledger", "torn"],
      /line 2 at its end is malformed/,
    ],
  ])("%s is refused", async (_, args, words) => {
    await labWith({ down: "touch ran" });
    writeFiles(lab.home, { torn: `${old}v1.2.3 abcdef0\n` });
    const { code, stdout, stderr } = await validate(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(words);
    expect(existsSync(join(lab.root, "ran"))).toBe(false);
  });

  test("a checkout without a Makefile is refused, and so is the product", async () => {
    await using other = await testRepository();
    await other.commit({ "README.md": "" });
    const refused = async (...args: string[]) =>
      (await runScript(script, ["1.2.3", "--lab", ".", ...args], { cwd: other.root, env })).stderr;
    expect(await refused()).toContain(`Cannot run the lab at ${other.root}: it has no Makefile`);
    await other.commit({ Makefile: "", "other.txt": old });
    expect(await refused("--record", "--ledger", "other.txt")).toContain("so it is the product");
  });

  test("a machine without make is refused with the way out", async () => {
    await labWith({});
    const bin = join(lab.home, "bin");
    mkdirSync(bin);
    await start(["ln", "-s", Bun.which("git") ?? "", bin], { cwd: lab.home });
    const { code, stdout, stderr } = await validate([], { PATH: bin });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("error: Cannot run make: it is not installed, or not on PATH");
    expect(stderr).toContain("  fix: Install make");
  });
});

/** Whether a process still works; one that nobody has asked about since its end does not. */
async function isAlive(pid: string): Promise<boolean> {
  const { stdout } = await start(["ps", "-o", "stat=", "-p", pid], { cwd: "/" });
  return !/^\s*(?:Z|$)/.test(stdout);
}

test("Ctrl-C ends all that a hanging step started, records nothing, and exits with 130", async () => {
  const pids = join(lab.home, "pids");
  await labWith({
    up: `sleep 300 & echo $! > ${pids}; (sleep 301; true) & echo $! $$ >> ${pids}; echo hanging; wait`,
  });
  const path = ledger();
  const { code, stdout } = await runInTerminal(
    script,
    ["v1.2.3", "--lab", lab.root, "--record", "--ledger", path],
    { cwd: lab.home, env: { ...env, TERM: "xterm" } },
    ": hanging",
    () => "\u0003",
  );
  expect(code).toBe(130);
  expect(stdout).toContain("\r\u001b[Kstep 2 of 5: make up, 0 s: hanging");
  expect(stdout).toContain("Interrupted: make up was ended, and nothing is recorded");
  expect(stdout).not.toContain("FAIL");
  expect(readFileSync(path, "utf8")).toBe(old);
  const started = readFileSync(pids, "utf8").trim().split(/\s+/);
  expect(started).toHaveLength(3);
  expect(await Promise.all(started.map(isAlive))).toEqual([false, false, false]);
});
