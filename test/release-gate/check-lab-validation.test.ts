import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import {
  checkLabValidation,
  findLabValidation,
  labEvidence,
} from "../../release-gate/check-lab-validation.ts";
import { type Day, dayOf } from "../../scripts/lib/calendar.ts";
import { workTree } from "../../scripts/lib/disk/work-tree.ts";
import type { Finding } from "../../scripts/lib/finding.ts";
import { layout } from "../../scripts/lib/layout.ts";
import type { Version } from "../../scripts/lib/version.ts";
import { memoryTree } from "../helpers/memory-tree.ts";
import { productFolder } from "../helpers/product.ts";
import { runScript } from "../helpers/run-script.ts";
import {
  type Ended,
  type JsonReport,
  startScript,
  type TestRepository,
  temporaryFolder,
  testRepository,
  writeFiles,
} from "../helpers/world.ts";

const ledger = layout.ledger;
const question = {
  version: "1.2.3" as Version,
  today: "2026-08-31" as Day,
  maxAgeDays: 30,
  ledger,
};

/** The command that a refusal ends in: it runs the lab, and none that a refusal names forges a PASS. */
const record = "bun scripts/validate-lab.ts v1.2.3 --lab ../perf-sentinel-simulation-lab --record";

type Overrides = Partial<typeof question>;

/** Rows written with blanks for tabs, as lines of a ledger. */
const ledgerOf = (rows: readonly string[]) =>
  `${rows.map((row) => row.replaceAll(" ", "\t")).join("\n")}\n`;

function check(rows: readonly string[], overrides: Overrides = {}): Promise<Finding[]> {
  const tree = memoryTree({ [ledger]: ledgerOf(rows) });
  return checkLabValidation(tree, { ...question, ...overrides });
}

async function verdict(rows: readonly string[], overrides: Overrides = {}): Promise<string> {
  const findings = await check(rows, overrides);
  return findings.findLast(({ level }) => level !== "warning")?.message ?? "";
}

test("the PASS is told word for word as PROCEDURE has it, with the row it stands in", async () => {
  expect(await check(["# x", "v1.2.3 abcdef1 2026-08-07 PASS"])).toEqual([
    {
      level: "notice",
      message:
        "release-gate: PASS for v1.2.3 dated 2026-08-07 (lab commit abcdef1, 24d old, threshold 30d). OK to release.",
      at: { file: ledger, line: 2 },
    },
  ]);
});

test.each([
  ["2026-08-31", "0d old, threshold 30d", 30],
  ["2026-08-01", "30d old, threshold 30d", 30],
  ["2026-07-31", "is 31 days old", 30],
  ["2026-08-30", "1d old, threshold 1d", 1],
  ["2026-08-29", "is 2 days old", 1],
  ["1752-11-16", "99999d old, threshold 99999d", 99_999],
  ["1752-11-15", "is 100000 days old", 99_999],
])("a PASS is accepted while its age is at most the threshold: %s %s", async (...each) => {
  const [date, words, maxAgeDays] = each;
  expect(await verdict([`v1.2.3 abcdef1 ${date} PASS`], { maxAgeDays })).toContain(words);
});

test("the age changes at midnight UTC", async () => {
  const age = (moment: string) =>
    verdict(["v1.2.3 abcdef1 2026-08-01 PASS"], { today: dayOf(new Date(moment)) });
  expect(await age("2026-08-31T23:59:59.999Z")).toContain("30d old");
  expect(await age("2026-09-01T00:00:00.000Z")).toContain("is 31 days old");
});

/** Rows of August, of `v1.2.3` unless they name another version; the first is of commit `aaaaaaa`. */
const august = (...rows: string[]) =>
  rows.map((row, index) => {
    const [verdict = "", day = "", version = "v1.2.3"] = row.split(" ").reverse();
    return `${version} ${"abc"[index]?.repeat(7)} 2026-08-${day} ${verdict}`;
  });

test.each([
  ["the latest date decides", august("09 PASS", "08 PASS"), "aaaaaaa"],
  ["of one date the later row decides", august("09 PASS", "09 PASS"), "bbbbbbb"],
  [
    "other versions do not count",
    august("08 PASS", "v1.2.30 09 PASS", "v1.2.3-rc.1 09 PASS"),
    "aaaaaaa",
  ],
  ["a malformed row does not count", august("08 PASS", "32 PASS", "10 PASSED"), "aaaaaaa"],
  ["a FAIL does not count", august("08 PASS", "09 FAIL"), "aaaaaaa"],
])("%s", async (_, rows, sha) => {
  expect(await verdict(rows)).toContain(`(lab commit ${sha}, `);
});

test.each([
  ["of a later date", august("08 PASS", "09 FAIL"), [2]],
  ["of a later date, further up", august("09 FAIL", "08 PASS"), [1]],
  ["of that date, further down", august("09 PASS", "09 FAIL"), [2]],
  ["twice", august("08 PASS", "09 FAIL", "10 FAIL"), [2, 3]],
  ["of that date, further up: none", august("09 FAIL", "09 PASS"), []],
  ["of an earlier date, further down", august("09 PASS", "08 FAIL"), [2]],
  ["of an earlier date, further up: none", august("08 FAIL", "09 PASS"), []],
  ["of another version: none", august("08 PASS", "v1.2.4 09 FAIL"), []],
])("a FAIL after the PASS is a loud warning and no refusal: %s", async (_, rows, lines) => {
  const findings = await check(rows);
  const warnings = findings.filter(({ level }) => level === "warning");
  expect(warnings.map(({ at }) => at?.line)).toEqual(lines);
  for (const { message, remedy } of warnings) {
    expect(message).toStartWith(
      "A FAIL WAS RECORDED AFTER THE LATEST PASS for v1.2.3: dated 2026-08-",
    );
    expect(remedy).toEndWith(record);
  }
  expect(findings.at(-1)?.level).toBe("notice");
});

test("a missing ledger is refused", async () => {
  expect(await checkLabValidation(memoryTree({}), question)).toEqual([
    {
      level: "error",
      message: "ledger release-gate/lab-validations.txt not found.",
      remedy:
        "Make sure release-gate/lab-validations.txt is present and committed; check-lab-validation.ts also reads another one: set LEDGER=/path/to/file, or --ledger PATH. A product that never had one begins it: touch release-gate/lab-validations.txt && git add release-gate/lab-validations.txt",
      at: { file: ledger },
    },
  ]);
});

test.each([
  ["nothing", []],
  ["comments", ["# v1.2.3 abcdef1 2026-08-07 PASS", ""]],
  ["another version", ["v1.2.2 abcdef1 2026-08-07 PASS"]],
])("a ledger without a PASS for the version is refused: %s", async (_, rows) => {
  expect(await check(rows)).toEqual([
    {
      level: "error",
      message: "no PASS entry for v1.2.3 in release-gate/lab-validations.txt",
      remedy: `Rerun the lab and append a PASS line: ${record}, then commit it`,
      at: { file: ledger },
    },
  ]);
});

test("only FAIL on record is no PASS, and the refusal says so", async () => {
  const rows = ["v1.2.3 aaaaaaa 2026-08-09 FAIL", "v1.2.3 bbbbbbb 2026-08-08 FAIL"];
  expect(await check(rows)).toMatchObject([
    {
      level: "error",
      message:
        "no PASS entry for v1.2.3 in release-gate/lab-validations.txt; FAIL is on record, dated 2026-08-09 (lab commit aaaaaaa, line 1)",
      at: { file: ledger, line: 1 },
    },
  ]);
});

test("a PASS that is too old is refused", async () => {
  expect(await check(["v1.2.3 abcdef1 2026-07-01 PASS"])).toEqual([
    {
      level: "error",
      message:
        "latest PASS for v1.2.3 is 61 days old (dated 2026-07-01, lab commit abcdef1). Threshold is 30 days.",
      remedy: `Rerun the lab on the current branch and append a fresh PASS entry: ${record}, then commit it`,
      at: { file: ledger, line: 1 },
    },
  ]);
});

test("a malformed row is a warning with its line and column, and hides no PASS", async () => {
  const rows = [
    "v1.2.3 aaaaaaa 2026-08-08",
    "v1.2.3 bbbbbbb 2026-02-30 PASS",
    "v1.2.3 aaaaaaa 2026-08-08 PASS",
  ];
  expect(await check(rows)).toMatchObject([
    {
      level: "warning",
      message: "ignoring malformed line 1: found 3 columns, expected 4 separated by tabs",
      remedy: "Remove line 1, and record its lab run again",
      at: { file: ledger, line: 1, column: 1 },
    },
    {
      level: "warning",
      message:
        'ignoring malformed line 2: column 3 (date): found "2026-02-30", expected a calendar day as YYYY-MM-DD, not after today in UTC',
      remedy: "Remove line 2, and record its lab run again",
      at: { file: ledger, line: 2, column: 16 },
    },
    { level: "notice" },
  ]);
});

test.each([
  ["no valid row", ["x", "y"], true],
  ["one at the end", ["v1.2.2 abcdef1 2026-08-07 PASS", "x"], true],
  [
    "one that names the version",
    ["v1.2.3 abcdef1 2026-08-07", "v1.2.2 abcdef1 2026-08-07 PASS"],
    true,
  ],
  [
    "one that may be a fresher PASS",
    ["v1.2.3 abcdef1 2026-07-01 PASS", "v1.2.3 abcdef1 2026-08-30 pass"],
    true,
  ],
  [
    "an old one of another version: no",
    ["v1.2.2 abcdef1 2026-08-07", "v1.2.2 abcdef1 2026-08-07 PASS"],
    false,
  ],
])("a refusal has malformed rows that may matter put right first: %s", async (_, rows, first) => {
  const refused = (await check(rows)).at(-1);
  const words = "Repair or remove the malformed lines. If that is not enough: ";
  expect(refused?.level).toBe("error");
  expect(refused?.remedy?.startsWith(words)).toBe(first);
  expect(refused?.remedy).toEndWith(`: ${record}, then commit it`);
});

test.each([
  ["no PASS", "v1.2.3  abcdef1 2026-08-07 PASS"],
  ["too old", "v1.2.3\tabcdef1\t2026-07-01\tPASS\nv1.2.3  abcdef1\t2026-08-07\tPASS"],
])(
  "the way out of %s is the repair of the version's own row, where its separators hide it",
  async (_, text) => {
    const findings = await checkLabValidation(memoryTree({ [ledger]: text }), question);
    const line = text.split("\n").length;
    const remedy = `bun release-gate/check-ledger.ts --repair ${line}`;
    expect(findings.map((each) => [each.level, each.remedy])).toEqual([
      ["warning", remedy],
      ["error", remedy],
    ]);
  },
);

test("the validation that decides is data, and undefined where the check refuses", async () => {
  const tree = memoryTree({
    [ledger]: ledgerOf(["v1.2.3 aaaaaaa 2026-08-07 PASS", "v1.2.2 bbbbbbb 2026-07-01 PASS"]),
  });
  const found = await findLabValidation(tree, question);
  expect(found).toMatchObject({ ageDays: 24, entry: { sha: "aaaaaaa", line: 1 } });
  expect(found && labEvidence(found)).toBe("Lab-validation: PASS 2026-08-07 lab aaaaaaa");
  for (const version of ["1.2.2", "1.2.4"] as Version[]) {
    expect(await findLabValidation(tree, { ...question, version })).toBeUndefined();
  }
  expect(await findLabValidation(memoryTree({}), question)).toBeUndefined();
});

test("a row that is not UTF-8 is malformed, and hides no PASS", async () => {
  using folder = temporaryFolder();
  const bytes = Buffer.from(
    `# caf\xe9\nv1.2.3\tabcdef\xff\t2026-08-07\tPASS\n${ledgerOf(["v1.2.3 abcdef1 2026-08-07 PASS"])}`,
    "latin1",
  );
  writeFiles(folder.path, { [ledger]: bytes });
  const findings = await checkLabValidation(workTree(folder.path), question);
  expect(findings.map(({ level, at }) => [level, at?.line])).toEqual([
    ["warning", 2],
    ["notice", 3],
  ]);
});

describe.skipIf(productFolder === undefined)("on the product's ledger", () => {
  const tree = workTree(productFolder ?? "");

  const found = "release-gate: PASS for v0.11.0 dated 2026-08-07 (lab commit 214ea6f";
  const days = (version: string, age: number) => `latest PASS for v${version} is ${age} days old`;
  test.each([
    ["0.11.0", "2026-08-07", `${found}, 0d old, threshold 30d). OK to release.`],
    ["0.11.0", "2026-09-06", `${found}, 30d old, threshold 30d). OK to release.`],
    ["0.11.0", "2026-09-07", days("0.11.0", 31)],
    ["0.9.5", "2026-08-07", days("0.9.5", 34)],
    ["0.8.4", "2026-08-07", "no PASS entry for v0.8.4 in release-gate/lab-validations.txt"],
  ] as [Version, Day, string][])("v%s on %s", async (version, today, message) => {
    const findings = await checkLabValidation(tree, { ...question, version, today });
    expect(findings.map((each) => each.message)).toEqual([expect.stringContaining(message)]);
  });
});

describe("as a command", () => {
  const script = "release-gate/check-lab-validation.ts";
  const date = "2026-08-07";
  const days = String(Math.round((Date.parse(dayOf(new Date())) - Date.parse(date)) / 86_400_000));
  const fresh = ["--max-age-days", "99999"];
  let world: TestRepository;
  let validated: string;
  const run = (
    args: readonly string[],
    env: Record<string, string> = {},
    cwd = world.root,
  ): Promise<Ended> => runScript(script, args, { cwd, env: { ...world.env, ...env } });

  beforeAll(async () => {
    world = await testRepository();
    validated = await world.commit(
      { [ledger]: ledgerOf(["v1.2.3 abcdef1 2026-08-07 PASS"]), "crates/a/lib.rs": "" },
      "Validate",
    );
  });

  afterAll(() => world[Symbol.asyncDispose]());

  const pass = () =>
    `release-gate: PASS for v1.2.3 dated ${date} (lab commit abcdef1, ${days}d old, threshold 99999d). OK to release.\n`;
  const calm = () =>
    `no commit since the PASS was committed in ${validated.slice(0, 7)} touched crates/, Cargo.toml, Cargo.lock or Dockerfile\n`;

  test("a PASS is evidence on standard output, from any subfolder", async () => {
    expect(await run(["--version", "v1.2.3", ...fresh], {}, join(world.root, "crates/a"))).toEqual({
      code: 0,
      stdout: `${pass()}${calm()}`,
      stderr: "",
    });
  });

  test.each([
    [[], "option --version: it must be given, with VERSION"],
    [["--version", "1.2.3", "--max-age-days", "0"], "expected a whole number from 1 to 99999"],
    [["--version", "1.2.3", "--max-age-days", "100000"], "expected a whole number from 1 to 99999"],
    [["--version", "1.2.3", "--ledger", ""], "option --ledger: expected a value"],
  ])("a wrong command line ends with 2: %p", async (args, words) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(words);
  });

  test("--json is one object with the deciding row as data", async () => {
    const { code, stdout, stderr } = await run(["--version", "1.2.3", ...fresh, "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout) as JsonReport).toMatchObject({
      script,
      ok: true,
      exitCode: 0,
      findings: [
        { level: "notice", message: pass().trimEnd(), file: ledger, line: 1 },
        { level: "notice", message: calm().trimEnd(), file: ledger, line: 1 },
      ],
      data: {
        version: "v1.2.3",
        ledger,
        maxAgeDays: 99_999,
        latestPass: {
          version: "v1.2.3",
          lab: "abcdef1",
          date,
          verdict: "PASS",
          line: 1,
          ageDays: Number(days),
        },
      },
    });
  });

  test("warnings and refusals go to standard error, with place and remedy", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "bad.txt");
    writeFiles(folder.path, {
      "bad.txt": "v1.2.3 abcdef1 2026-08-07 PASS\nv1.2.2\tabcdef1\t2026-08-07\tPASS\n",
    });
    expect(await run(["--version", "1.2.3", "--ledger", path])).toEqual({
      code: 1,
      stdout: "",
      stderr: `warning: ignoring malformed line 1: found " " after column 1, expected one tab between two columns, and no other white space
  at ${path}:1:7
error: no PASS entry for v1.2.3 in ${path}
  at ${path}
  fix: Write line 1 with one tab between its columns: "v1.2.3\\tabcdef1\\t2026-08-07\\tPASS"
`,
    });
  });

  test("LEDGER is honoured and said, --ledger beats it, and an empty one is none", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "other.txt");
    writeFiles(folder.path, { "other.txt": ledgerOf(["v9.9.9 abcdef1 2026-08-07 PASS"]) });
    const [used, beaten, empty] = await Promise.all([
      run(["--version", "9.9.9", ...fresh], { LEDGER: path }),
      run(["--version", "1.2.3", ...fresh, "--ledger", ledger], { LEDGER: path }),
      run(["--version", "1.2.3", ...fresh], { LEDGER: "" }),
    ]);
    expect(used).toEqual({
      code: 0,
      stdout: `ledger: ${path} (from LEDGER)\n${pass().replace("1.2.3", "9.9.9")}`,
      stderr: "",
    });
    expect(beaten).toEqual({ code: 0, stdout: `${pass()}${calm()}`, stderr: "" });
    expect(empty).toEqual(beaten);
  });

  test("a ledger may come through a pipe, which no repository holds", async () => {
    const { code, stdout, stderr } = await startScript(
      script,
      ["--version", "1.2.3", ...fresh, "--ledger", "/dev/stdin"],
      { cwd: world.root, env: world.env, stdin: ledgerOf(["v1.2.3 abcdef1 2026-08-07 PASS"]) },
    );
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: pass(), stderr: "" });
  });

  test("a ledger that a link leads out of the checkout is refused by both gates alike", async () => {
    await using product = await testRepository();
    await product.commit({ "README.md": "" });
    const outside = join(product.home, "ledger.txt");
    writeFiles(product.home, { "ledger.txt": ledgerOf(["v1.2.3 abcdef1 2026-08-07 PASS"]) });
    mkdirSync(join(product.root, "release-gate"));
    symlinkSync(outside, join(product.root, ledger));
    const options = { cwd: product.root, env: product.env };
    const refused = await Promise.all([
      runScript(script, ["--version", "1.2.3", ...fresh], options),
      runScript("release-gate/check-ledger.ts", [], options),
    ]);
    for (const { code, stderr } of refused) {
      expect(code).toBe(1);
      expect(stderr).toContain(
        `Cannot read ${ledger}: found the symbolic link ${ledger} to ${outside}, expected a file of this checkout`,
      );
    }
  });

  test("a missing ledger is named as the operator named it", async () => {
    const { code, stderr } = await run(["--version", "1.2.3", "--ledger", "nowhere.txt"]);
    expect(code).toBe(1);
    expect(stderr).toStartWith("error: ledger nowhere.txt not found.\n  at nowhere.txt\n");
  });

  test("--ref judges the ledger of a commit, which must be in the repository", async () => {
    await using other = await testRepository();
    const first = await other.commit({ [ledger]: "# none\n" });
    await other.commit({ [ledger]: ledgerOf(["v1.2.3 abcdef1 2026-08-07 PASS"]) }, "Validate");
    const second = await other.commit({ Dockerfile: "FROM scratch" }, "Image");
    writeFiles(other.root, { [ledger]: "mangled\n" });
    const ask = (...args: string[]) =>
      runScript(script, ["--version", "1.2.3", ...fresh, "--json", ...args], {
        cwd: other.root,
        env: other.env,
      });
    const [old, drifted, outside] = await Promise.all([
      ask("--ref", first),
      ask("--ref", "HEAD"),
      ask("--ref", "HEAD", "--ledger", "../elsewhere.txt"),
    ]);
    expect(JSON.parse(old.stdout)).toMatchObject({
      exitCode: 1,
      findings: [{ level: "error", commit: first, file: ledger }],
    });
    expect(JSON.parse(drifted.stdout)).toMatchObject({
      exitCode: 0,
      findings: [
        { level: "notice", commit: second, file: ledger, line: 1 },
        { level: "warning", commit: second, file: ledger, line: 1 },
      ],
    });
    expect(JSON.parse(outside.stdout)).toMatchObject({
      exitCode: 1,
      findings: [
        {
          level: "error",
          message: expect.stringMatching(/^Cannot read \.\.\/elsewhere\.txt in a commit/),
        },
      ],
    });
  });

  test("a row that is not committed yet passes with a warning", async () => {
    await using other = await testRepository();
    await other.commit({ [ledger]: "# none\n" });
    writeFiles(other.root, { [ledger]: ledgerOf(["v1.2.3 abcdef1 2026-08-07 PASS"]) });
    const { code, stderr } = await runScript(script, ["--version", "1.2.3", ...fresh], {
      cwd: other.root,
      env: other.env,
    });
    expect(code).toBe(0);
    expect(stderr).toStartWith(
      "warning: Cannot count the commits since the validation: line 1 is not committed yet\n",
    );
  });
});
