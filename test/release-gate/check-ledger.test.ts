import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { checkLedger } from "../../release-gate/check-ledger.ts";
import type { Day } from "../../scripts/lib/calendar.ts";
import { parseLedger } from "../../scripts/lib/files/ledger.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { source } from "../../scripts/lib/tree.ts";
import { memoryTree } from "../helpers/memory-tree.ts";
import { productFolder } from "../helpers/product.ts";
import { runScript } from "../helpers/run-script.ts";
import {
  type JsonReport,
  start,
  type TestRepository,
  testRepository,
  writeFiles,
} from "../helpers/world.ts";

const script = "release-gate/check-ledger.ts";
const { ledger: path } = layout;
const today = "2026-08-07" as Day;

/** A sound row: its version's minor number, and its day in July. */
const row = (minor: number, day = minor, verdict = "PASS") =>
  `v1.${minor}.0\tabcdef${minor}\t2026-07-0${day}\t${verdict}`;
const [r1, r2, r3, r4, r5] = [1, 2, 3, 4, 5].map((each) => row(each)) as [
  string,
  string,
  string,
  string,
  string,
];
const torn = r3.replace("\t", " ");
const text = (...lines: string[]) => `${lines.join("\n")}\n`;

/** Every finding as its level, its line and its message. */
async function judge(now: string | undefined, base?: string, tagged: [string, Day][] = []) {
  const bases =
    base === undefined
      ? []
      : [{ ledger: parseLedger(source(path, base), today), shown: "the base" }];
  const tree = memoryTree(now === undefined ? {} : { [path]: now });
  const findings = await checkLedger(tree, { today, tagged: new Map(tagged), bases });
  return findings.map(({ level, at, message }) => [
    level,
    at?.line,
    message.replace(`of ${path}: `, ""),
  ]);
}

describe("the rows of a ledger", () => {
  test.each([
    ["no rows", "# nothing yet\n", "0 rows, all valid"],
    ["one row", text(r1), "1 row, all valid"],
    ["exact duplicates", text(r1, r1, r2), "3 rows, all valid"],
    [
      "several rows of one day, CRLF and comments",
      "# x\r\n\r\n".concat(r1, "\r\n", row(2, 1)),
      "2",
    ],
  ])("are sound: %s", async (_, content, words) => {
    expect(await judge(content)).toEqual([
      ["notice", undefined, expect.stringContaining(`${path}: ${words}`)],
    ]);
  });

  test("a missing ledger is refused", async () => {
    expect(await judge(undefined)).toEqual([["error", undefined, `ledger ${path} not found.`]]);
  });

  test("a malformed row is one error with its place and its way out", async () => {
    const content = text(r1, torn.replaceAll("\t", " "), "v1\tabc\t2026-07-04\tpass");
    const tree = memoryTree({ [path]: content });
    expect(await checkLedger(tree, { today, tagged: new Map(), bases: [] })).toEqual([
      {
        level: "error",
        message: `Cannot read line 2 of ${path}: found " " after column 1, expected one tab between two columns, and no other white space`,
        at: { file: path, line: 2, column: 7 },
        remedy: "bun release-gate/check-ledger.ts --repair 2",
      },
      {
        level: "error",
        message: expect.stringContaining(": column 1 (version): "),
        at: { file: path, line: 3, column: 1 },
        remedy: "Remove line 3, and record its lab run again",
      },
    ]);
  });

  test("dates that run backwards are a warning, once, whatever stands between", async () => {
    expect(await judge(text(r1, r4, "# note", torn.slice(0, 5), r2, r3))).toEqual([
      ["error", 4, expect.any(String)],
      ["warning", 5, "Line 5 is dated 2026-07-02, before the date of line 2 above it, 2026-07-04"],
    ]);
  });

  test("a PASS later than the tag of its version is a warning; of the same day, or a FAIL, is none", async () => {
    const tagged: [string, Day][] = ["v1.1.0", "v1.2.0", "v1.3.0"].map((tag) => [
      tag,
      "2026-07-02" as Day,
    ]);
    expect(await judge(text(r1, r2, r3, row(3, 4, "FAIL"), r4), undefined, tagged)).toEqual([
      ["warning", 3, "Line 3 is a PASS of 2026-07-03 for v1.3.0, which was tagged on 2026-07-02"],
      ["notice", undefined, expect.stringContaining("all valid")],
    ]);
  });
});

describe("against a base", () => {
  const base = text("# head", r1, r2, r3);
  const fine = ["notice", undefined, expect.stringContaining("3 of the base kept")];

  test.each([
    ["nothing changed", base],
    ["rows appended", text("# head", r1, r2, r3, r4, r4)],
    ["comments and empty lines added", text("# head", "", "# new", r1, "# more", r2, r3, "# end")],
    ["line endings changed", base.replaceAll("\n", "\r\n")],
    ["the final line ending lost", base.trimEnd()],
  ])("nothing is found: %s", async (_, now) => {
    expect(await judge(now, base)).toEqual([fine]);
  });

  test.each<[string, string, number | undefined, string | undefined, number]>([
    ["an edited row", text("# head", r1, row(2, 2, "FAIL"), r3, r4), 3, row(2, 2, "FAIL"), 3],
    ["an edited last row", text("# head", "# more", r1, r2, row(3, 4), r5), 5, row(3, 4), 4],
    ["a removed row", text("# head", r1, r3), 3, r3, 3],
    ["a removed last row", text("# head", r1, r2), undefined, undefined, 4],
    ["an inserted row", text("# head", r1, row(1, 2), r2, r3), 3, row(1, 2), 3],
    ["an inserted duplicate", text("# head", r1, r1, r2, r3), 3, r1, 3],
    ["a row commented out", text("# head", r1, `# ${r2}`, r3), 4, r3, 3],
    ["a row that was mangled", text("# head", r1, `${r2} `, r3), 4, r3, 3],
    ["rows in another order", text("# head", r1, r3, r2), 3, r3, 3],
    ["no row at all", "# head\n", undefined, undefined, 2],
  ])("%s is one error, at the first difference, with both lines", async (...each) => {
    const [, now, line, found, expected] = each;
    const words = found === undefined ? "no more rows" : JSON.stringify(found);
    const was = JSON.stringify(base.split("\n")[expected - 1]);
    const all = await judge(now, base);
    expect(
      all.filter(([level, , message]) => level === "error" && !/ read /.test(`${message}`)),
    ).toEqual([
      [
        "error",
        line,
        `Cannot accept ${line === undefined ? path : `line ${line}`}${line === undefined ? ":" : ""} found ${words}, expected ${was} as in line ${expected} of the base`,
      ],
    ]);
  });

  test.each([
    ["edited", text("# other", r1, r2, r3), "1 comment"],
    ["removed", text(r1, r2, r3), "1 comment"],
    ["moved: none", text(r1, r2, r3, "# head"), undefined],
  ])("comments are one notice with their number: %s", async (_, now, words) => {
    const told = ["notice", undefined, `${words} of the base edited or removed`];
    expect(await judge(now, base)).toEqual([...(words === undefined ? [] : [told]), fine]);
  });

  test.each([
    ["repaired in place", text(r1, torn, r4), text(r1, r3, r4, r5)],
    ["removed", text(r1, torn, r4), text(r1, r4)],
    ["repaired at the end", text(r1, torn), text(r1, r3, r4)],
    ["replaced at the end", text(r1, torn), text(r1, r4)],
    ["removed, and appended where it was made good", text(torn, r3), text(r3)],
    ["one of two repaired in place", text(torn, "x", r4), text(r3, r4)],
  ])("a malformed row of the base counts as nothing: %s", async (_, malformed, now) => {
    expect(await judge(now, malformed)).toEqual([
      ["notice", undefined, expect.stringContaining("kept")],
    ]);
  });

  test.each([
    ["became another row", text(r1, r2, r4)],
    ["stays, and its repair is inserted", text(r1, r3, torn, r4)],
  ])("a malformed row of the base that %s is an error", async (_, now) => {
    const found = await judge(now, text(r1, torn, r4));
    expect(found).toContainEqual(["error", 2, expect.stringContaining(" expected ")]);
  });
});

let clean: TestRepository;
let bad: TestRepository;
const run = (repository: TestRepository, ...args: string[]) =>
  runScript(script, args, { cwd: repository.root, env: repository.env });
/** The commits of the bad history, by subject. */
const commits = new Map<string, string>();

async function step(subject: string, content: string | undefined, at: string = path) {
  commits.set(subject, await bad.commit({ [at]: content }, subject));
}

async function makeClean() {
  clean = await testRepository();
  const { git } = clean;
  // Long enough to be known again when it moves.
  const head = "# A ledger, append-only";
  await clean.commit({ "lab.txt": text(head, r1), "src/a": "1" }, "Start");
  await clean.commit({ "src/a": "2" }, "Work");
  await clean.commit({ "lab.txt": text(head, r1, r1) }, "Twice");
  await git("checkout", "--quiet", "-b", "side");
  await clean.commit({ "lab.txt": text(head, r1, r1, row(2, 2)) }, "Append on the side");
  await git("checkout", "--quiet", "main");
  await clean.commit({ "lab.txt": undefined, [path]: text(head, r1, r1) }, "Move");
  await clean.commit({ [path]: text(head, r1, r1, row(3, 2)) }, "Append");
  await start(["git", "merge", "--quiet", "--no-commit", "side"], {
    cwd: clean.root,
    env: clean.env,
  });
  await clean.commit(
    { "lab.txt": undefined, [path]: text(head, r1, r1, row(3, 2), row(2, 2)) },
    "Merge",
  );
  await clean.commit({ [path]: text(head, r1, r1, row(3, 2), row(2, 2), r4) }, "Append after");
}

async function makeBad() {
  bad = await testRepository();
  await step("start", text("# one", r1, r2), "lab.txt");
  await start(["git", "tag", "--annotate", "--message", "Early", "v1.5.0"], {
    cwd: bad.root,
    env: { ...bad.env, GIT_COMMITTER_DATE: "2026-08-04T23:59:59Z" },
  });
  await bad.git("tag", "v1.4.0", "HEAD^{tree}");
  await bad.git("tag", "very-old");
  await step("edit", text("# one", row(1, 1, "FAIL"), r2), "lab.txt");
  await bad.git("rm", "--quiet", "lab.txt");
  await step("move", text("# one", row(1, 1, "FAIL"), r2));
  await step("comment", text("# two", row(1, 1, "FAIL"), r2));
  await step("tear", text("# two", row(1, 1, "FAIL"), r2, torn));
  await step("append", text("# two", row(1, 1, "FAIL"), r2, torn, r4));
  await step("mend", text("# two", row(1, 1, "FAIL"), r2, r3, r4));
  await step("remove", text("# two", r2, r3, r4));
  await step("reorder", text("# two", r2, r4, r3));
  await step("insert", text("# two", r2, r4, r2, r3));
  await step("gone", undefined);
  await step("again", text(r1, row(5, 5).replace("-07-", "-08-")));
}

beforeAll(() => Promise.all([makeClean(), makeBad()]));
afterAll(() => Promise.all([clean, bad].map((each) => each[Symbol.asyncDispose]())));

describe("--history", () => {
  test("finds every violation once, at the commit that made it, and no other", async () => {
    const { code, stdout } = await run(bad, "--history", "--json");
    expect(code).toBe(1);
    const { findings, data } = JSON.parse(stdout) as JsonReport;
    const told = findings.map(({ level, line, commit, message }) => [
      [...commits].find(([, id]) => id === commit)?.[0],
      level,
      line,
      message.replace(/ \(in .*\)$/, "").replace(/^.* of \S+\.txt: /, ""),
    ]);
    const id = (subject: string) => commits.get(subject)?.slice(0, 7);
    expect(told).toEqual([
      ["start", "notice", undefined, "The ledger begins with 2 rows: git finds no earlier file"],
      ["edit", "error", 2, expect.stringContaining(`as in line 2 of commit ${id("start")}`)],
      ["comment", "notice", undefined, `1 comment of commit ${id("move")} edited or removed`],
      ["mend", "warning", 4, expect.stringContaining("is repaired in line 4")],
      ["remove", "error", 2, expect.stringContaining("as in line 2 of commit")],
      ["reorder", "error", 3, expect.stringContaining("as in line 3 of commit")],
      ["insert", "error", 4, expect.stringContaining("as in line 4 of commit")],
      ["gone", "error", undefined, `ledger ${path} not found`],
      ["again", "notice", undefined, "The ledger begins with 2 rows: git finds no earlier file"],
      [undefined, "warning", 2, expect.stringContaining("which was tagged on 2026-08-04")],
      [undefined, "notice", undefined, expect.stringContaining("2 rows, all valid")],
    ]);
    expect(data.commits).toEqual([...commits.values()]);
    const [start, edit] = findings;
    expect(start).toMatchObject({
      message: `The ledger begins with 2 rows: git finds no earlier file (in ${id("start")} of 2026-08-07, "start")`,
      file: "lab.txt",
    });
    expect(edit).toMatchObject({ file: "lab.txt", commit: commits.get("edit") });
    expect(edit?.message).toEndWith(`(in ${id("edit")} of 2026-08-07, "edit")`);
  });

  test("finds nothing in a clean one, with a rename, duplicates and a merge of two appends", async () => {
    const first = await clean.git("rev-list", "--max-parents=0", "HEAD");
    expect(await run(clean, "--history")).toEqual({
      code: 0,
      stdout: [
        `The ledger begins with 1 row: git finds no earlier file (in ${first.slice(0, 7)} of 2026-08-07, "Start")`,
        `${path}: 7 commits changed it, and kept every valid row since it began`,
        `${path}: 5 rows, all valid`,
        "",
      ].join("\n"),
      stderr: "",
    });
  });

  test("a merge that loses a row of one side is an error of the merge", async () => {
    await using repository = await testRepository();
    const { git } = repository;
    const root = await repository.commit({ [path]: text(r1) });
    await git("checkout", "--quiet", "-b", "side");
    await repository.commit({ [path]: text(r1, r2) });
    await git("checkout", "--quiet", "main");
    await repository.commit({ [path]: text(r1, r3) });
    await git("merge", "--quiet", "--strategy=ours", "-m", "Lose it", "side");
    const merge = await git("rev-parse", "HEAD");
    const { code, stdout } = await run(repository, "--history", "--json");
    const { findings } = JSON.parse(stdout) as JsonReport;
    expect(code).toBe(1);
    expect(findings.map(({ level, commit }) => [level, commit])).toEqual([
      ["notice", root],
      ["error", merge],
      ["notice", undefined],
    ]);
    expect(findings[1]?.message).toContain("found no more rows, expected");
  });

  test("a shallow clone is refused", async () => {
    const clone = join(clean.home, "clone");
    await clean.git("clone", "--quiet", "--depth=1", `file://${clean.root}`, clone);
    const { code, stderr } = await runScript(script, ["--history"], { cwd: clone, env: clean.env });
    expect(code).toBe(1);
    expect(stderr).toContain("this clone is shallow");
  });

  test("a git that fails or is silent is refused", async () => {
    const bin = join(clean.home, "bin");
    for (const [name, words] of [
      ["log", "git log: exit code 3"],
      ["for-each-ref", "git for-each-ref: exit code 3"],
      ["rev-list", "git rev-list: exit code 3"],
      ["log-silent", "git log gave an incomplete answer"],
      ["rev-list-silent", "git rev-list gave an incomplete answer"],
    ] as const) {
      const [command, silent] = [name.replace("-silent", ""), name.endsWith("-silent")];
      const stub = `#!/bin/sh\nfor each; do [ "$each" = ${command} ] && exit ${silent ? 0 : 3}; done\nexec ${Bun.which("git")} "$@"\n`;
      writeFiles(bin, { git: stub });
      await start(["chmod", "+x", join(bin, "git")], { cwd: clean.home });
      const env = { ...clean.env, PATH: `${bin}:${clean.env.PATH}` };
      const { code, stderr } = await runScript(script, ["--history"], { cwd: clean.root, env });
      expect([code, stderr]).toEqual([1, expect.stringContaining(words)]);
    }
  });
});

test("the base is the argument, else GITHUB_BASE_REF, and the ledger that of the work tree or --ref", async () => {
  await using repository = await testRepository();
  const first = await repository.commit({ [path]: text(r1) });
  writeFiles(repository.root, { [path]: text(r2) });
  const env = { ...repository.env, GITHUB_BASE_REF: "main" };
  const options = { cwd: repository.root, env };
  const inherited = await runScript(script, [], options);
  expect(inherited).toEqual({
    code: 1,
    stdout: `HEAD against base main (merge base ${first.slice(0, 7)})\n`,
    stderr: [
      `error: Cannot accept line 1 of ${path}: found ${JSON.stringify(r2)}, expected ${JSON.stringify(r1)} as in line 1 of the base ${first.slice(0, 7)}`,
      `  at ${path}:1`,
      "  fix: Restore the rows as they were, and append new rows at the end: the ledger is append-only",
      "",
    ].join("\n"),
  });
  expect((await runScript(script, ["HEAD", "--ref", "HEAD"], options)).code).toBe(0);
  const unknown = await runScript(script, ["nowhere"], options);
  expect(unknown).toMatchObject({ code: 1, stdout: `${path}: 1 row, all valid\n` });
  expect(unknown.stderr).toStartWith('error: Cannot find base "nowhere"');
  expect(await run(repository)).toMatchObject({ code: 0, stderr: "" });
});

test("LEDGER leads nowhere, and the output says so: another ledger has no history to be held to", async () => {
  await using repository = await testRepository();
  await repository.commit({ [path]: text(r1) });
  writeFiles(repository.home, { "my-ledger": "junk\n" });
  const judged = (LEDGER: string) =>
    runScript(script, ["HEAD"], { cwd: repository.root, env: { ...repository.env, LEDGER } });
  expect(await judged(join(repository.home, "my-ledger"))).toEqual({
    code: 0,
    stdout: expect.stringContaining(`${path}: 1 row, all valid`),
    stderr: [
      `warning: LEDGER is set and ignored: only ${path} of the checkout is judged`,
      "  fix: Unset LEDGER; to judge the ledger of another checkout: --repo DIR",
      "",
    ].join("\n"),
  });
  expect(await judged("")).toMatchObject({ code: 0, stderr: "" });
});

test.skipIf(productFolder === undefined)("the product's own ledger is clean", async () => {
  const content = await Bun.file(join(productFolder ?? "", path)).text();
  expect(await judge(content, content)).toEqual([
    ["notice", undefined, expect.stringMatching(/: [1-9][0-9]* rows, all valid; /)],
  ]);
});

/** The faults of a history, each by the subject of its commit and its line. */
async function faultsIn(repository: TestRepository) {
  const { findings } = JSON.parse((await run(repository, "--history", "--json")).stdout);
  return (findings as JsonReport["findings"])
    .filter(({ level }) => level === "error")
    .map(({ message, line }) => [/, "(.*)"\)$/.exec(message)?.[1], line]);
}

test("a merge that moves the ledger does not hide what came before", async () => {
  await using repository = await testRepository();
  const { git } = repository;
  await repository.commit({ "lab.txt": text(r1, r2) }, "Start");
  await repository.commit({ "lab.txt": text(r2) }, "Remove");
  await git("checkout", "--quiet", "-b", "side");
  await repository.commit({ a: "1" });
  await git("checkout", "--quiet", "main");
  await repository.commit({ "lab.txt": text(r2, r3) }, "Append");
  await git("merge", "--quiet", "--no-commit", "side");
  await repository.commit({ "lab.txt": undefined, [path]: text(r2, r3) }, "Merge");
  expect(await faultsIn(repository)).toEqual([["Remove", 1]]);
});

test("a base with the ledger under another name is compared if git sees a rename; else a warning", async () => {
  await using repository = await testRepository();
  const rows = [r1, r2, r3, r4];
  const base = await repository.commit({ "lab.txt": text(...rows) }, "Start");
  await repository.commit({ "lab.txt": undefined, [path]: text(r1, r3, r4) }, "Move and remove");
  const moved = await run(repository, base);
  expect(moved).toMatchObject({ code: 1, stderr: expect.stringContaining(" (lab.txt)\n") });
  const none = await repository.commit({ [path]: undefined, a: "1" });
  await repository.commit({ [path]: text(r5) }, "Anew");
  const copied = await run(repository, none);
  expect(copied).toMatchObject({
    code: 0,
    stderr: expect.stringContaining("every row counts as new"),
  });
});

test("a merge whose sides appended the same row among others keeps both sides", async () => {
  await using repository = await testRepository();
  const clean = [r1, r2, row(5, 3), r4, row(2, 2)];
  await repository.commit({ [path]: text(r1) }, "Start");
  await repository.git("checkout", "--quiet", "-b", "side");
  await repository.commit({ [path]: text(r1, r4, r2) }, "Append on the side");
  await repository.git("checkout", "--quiet", "main");
  await repository.commit({ [path]: text(r1, r2, row(5, 3)) }, "Append");
  await start(["git", "merge", "--quiet", "--no-commit", "side"], {
    cwd: repository.root,
    env: repository.env,
  });
  await repository.commit({ [path]: text(...clean) }, "Merge");
  const { code, stderr } = await run(repository, "--history");
  expect(stderr).not.toContain("error:");
  expect(code).toBe(0);
});

test("rows that were mangled and repaired in place are one warning each, reworded comments one notice: exit 0", async () => {
  await using repository = await testRepository();
  const commit = (subject: string, ...lines: string[]) =>
    repository.commit({ [path]: text(...lines) }, subject);
  const comments = Array.from({ length: 77 }, (_, index) => `# note ${index}`);
  await commit("Start", ...comments, row(1));
  const mangled = await commit("Record", ...comments, row(1), row(2).replace("\t", " "));
  const repaired = await commit("Use tabs", ...comments, row(1), row(2));
  const second = row(3).replaceAll("\t", "  ");
  const mangledAgain = await commit("Record again", ...comments, row(1), row(2), second, row(4));
  const repairedAgain = await commit("Tabs", ...comments, row(1), row(2), row(3), row(4));
  const other = comments.map((each) => `${each}, reworded`);
  const reworded = await commit("Reword", ...other, row(1), row(2), row(3), row(4));
  const { code, stdout } = await run(repository, "--history", "--json");
  const { findings } = JSON.parse(stdout) as JsonReport;
  expect(findings.map(({ level, commit: at, line }) => [level, at, line])).toEqual([
    ["notice", expect.any(String), undefined],
    ["warning", repaired, 79],
    ["warning", repairedAgain, 80],
    ["notice", reworded, undefined],
    ["notice", undefined, undefined],
    ["notice", undefined, undefined],
  ]);
  expect(code).toBe(0);
  expect(findings[1]?.message).toContain(mangled.slice(0, 7));
  expect(findings[1]?.message).toContain(repaired.slice(0, 7));
  expect(findings[2]?.message).toContain(mangledAgain.slice(0, 7));
  expect(findings[3]?.message).toContain("77 comments");
  expect(await run(repository)).toMatchObject({ code: 0, stderr: "" });
  expect(await run(repository, mangled)).toMatchObject({ code: 0, stderr: "" });
});

test("a malformed row that was removed is one warning of the history; a merge tells nothing again", async () => {
  await using repository = await testRepository();
  const { git } = repository;
  await repository.commit({ [path]: text("# one", r1, torn, "junk") }, "Start");
  await git("checkout", "--quiet", "-b", "side");
  await repository.commit({ a: "1" });
  await git("checkout", "--quiet", "main");
  await repository.commit({ [path]: text("# two", r1, r3) }, "Put right");
  await git("merge", "--quiet", "--no-ff", "-m", "Merge", "side");
  const { code, stdout } = await run(repository, "--history", "--json");
  const { findings } = JSON.parse(stdout) as JsonReport;
  expect(code).toBe(0);
  expect(findings.map(({ level }) => level)).toEqual([
    "notice",
    "notice",
    "warning",
    "warning",
    "notice",
    "notice",
  ]);
  expect(findings[2]?.message).toContain("is repaired in line 3");
  expect(findings[3]?.message).toContain("is removed");
});

test("a move on a side branch does not hide what came before, on either side", async () => {
  await using repository = await testRepository();
  const { git } = repository;
  await repository.commit({ "lab.txt": text(r1, r2) }, "Start");
  await git("checkout", "--quiet", "-b", "side");
  await repository.commit({ "lab.txt": undefined, [path]: text(r1, r2) }, "Move");
  await repository.commit({ [path]: text(r2, r3) }, "Remove");
  await git("checkout", "--quiet", "main");
  await repository.commit({ "lab.txt": text(r1, r4) }, "Edit");
  await start(["git", "merge", "--quiet", "--no-commit", "side"], {
    cwd: repository.root,
    env: repository.env,
  });
  await repository.commit({ "lab.txt": undefined, [path]: text(r1, r4, r2, r3) }, "Merge");
  expect((await faultsIn(repository)).toSorted()).toEqual([
    ["Edit", 2],
    ["Remove", 1],
  ]);
});

test("a PASS of a candidate comes after its tag, which is there for the lab to run", async () => {
  await using repository = await testRepository();
  const ledger = ["rc.1", "beta.1"].map((name) => row(3, 8).replace("v1.3.0", `v1.3.0-${name}`));
  await repository.commit({ [path]: text(...ledger) }, "Ledger", {
    GIT_COMMITTER_DATE: "2026-07-07T12:00:00Z",
  });
  await repository.git("tag", "v1.3.0-rc.1");
  await repository.git("tag", "v1.3.0-beta.1");
  const { code, stderr } = await run(repository);
  expect([code, stderr.match(/^warning: .*/gm)]).toEqual([
    0,
    ["warning: Line 2 is a PASS of 2026-07-08 for v1.3.0-beta.1, which was tagged on 2026-07-07"],
  ]);
});

describe("--repair", () => {
  test("rewrites one row with real tabs, as the finding says, and nothing else", async () => {
    await using repository = await testRepository();
    const before = text("# head", r1, ` ${r2.replaceAll("\t", "   ")}\r`, r3, torn);
    await repository.commit({ [path]: before });
    const { stdout } = await run(repository, "--json");
    const { findings } = JSON.parse(stdout) as JsonReport;
    expect(findings.map(({ line }) => line)).toEqual([3, 5]);
    const commands = findings.map(({ remedy = "" }) => remedy.split(" ").slice(2));
    for (const command of commands) {
      const env = { ...repository.env, GITHUB_BASE_REF: "main" };
      const repaired = await runScript(script, command, { cwd: repository.root, env });
      expect(repaired).toMatchObject({ code: 0, stderr: "" });
      expect(repaired.stdout).toContain("now has one tab between its columns");
    }
    const after = await Bun.file(join(repository.root, path)).text();
    expect(after).toBe(text("# head", r1, `${r2}\r`, r3, r3));
    expect(await run(repository, "HEAD")).toMatchObject({ code: 0, stderr: "" });
  });

  test.each([
    [
      "a valid row",
      "1",
      "Cannot repair line 1 of release-gate/lab-validations.txt: found a valid row",
    ],
    [
      "a comment",
      "2",
      "Cannot repair line 2 of release-gate/lab-validations.txt: found no row there",
    ],
    ["no line", "99", "found no row there"],
    ["a row with another fault", "3", 'txt: column 4 (verdict): found "pass"'],
  ])("refuses what its separators do not explain: %s", async (_, line, words) => {
    await using repository = await testRepository();
    const before = text(r1, "# x", row(2, 2, "pass"));
    writeFiles(repository.root, { [path]: before });
    const { code, stderr } = await run(repository, "--repair", line);
    expect([code, stderr]).toEqual([1, expect.stringContaining(words)]);
    expect(await Bun.file(join(repository.root, path)).text()).toBe(before);
  });

  test("refuses a ledger that is missing, or that a link leads to", async () => {
    await using repository = await testRepository();
    expect(await run(repository, "--repair", "1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`ledger ${path} not found.`),
    });
    writeFiles(repository.root, { "other.txt": `${torn}\n`, "release-gate/a": "" });
    symlinkSync("../other.txt", join(repository.root, path));
    expect(await run(repository, "--repair", "1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("found the symbolic link"),
    });
    expect(await Bun.file(join(repository.root, "other.txt")).text()).toBe(`${torn}\n`);
  });

  test.each([["main"], ["--history"], ["--ref=HEAD"]])(
    "judges nothing: with %p the command line is wrong",
    async (given) => {
      const { code, stderr } = await run(clean, "--repair", "1", given);
      expect([code, stderr]).toEqual([2, expect.stringContaining("--repair checks nothing")]);
    },
  );
});
