import { afterAll, beforeAll, describe, expect, test } from "bun:test";
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
    ["no rows", "# nothing yet\n", "0 rows, all sound"],
    ["one row", text(r1), "1 row, all sound"],
    ["exact duplicates", text(r1, r1, r2), "3 rows, all sound"],
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

  test("each fault of a malformed row is an error with line, column and the repair", async () => {
    const content = text(r1, torn, "v1\tabc\t2026-07-04\tpass");
    const findings = await checkLedger(memoryTree({ [path]: content }), {
      today,
      tagged: new Map(),
      bases: [],
    });
    const told: unknown[] = findings.map(({ level, message, at, remedy }) => [
      level,
      message,
      at,
      remedy,
    ]);
    expect(told).toEqual([
      [
        "error",
        `Cannot read line 2 of ${path}: column 1 holds a space where a tab belongs`,
        { file: path, line: 2, column: 7 },
        `Write line 2 with one tab between its columns: ${JSON.stringify(r3)}`,
      ],
      ...[
        [
          1,
          'column 1 (version): found "v1", expected a version with its leading v, such as v1.2.3',
        ],
        [4, 'column 2 (lab commit): found "abc", expected 7 to 64 hexadecimal digits'],
        [19, 'column 4 (verdict): found "pass", expected PASS or FAIL'],
      ].map(([column, words]) => [
        "error",
        `Cannot read line 3 of ${path}: ${words}`,
        { file: path, line: 3, column },
        "Mend line 3, or remove it and append a correct row at the end",
      ]),
    ]);
  });

  test("dates that run backwards are a warning, once, whatever stands between", async () => {
    expect(await judge(text(r1, r4, "# note", torn.slice(0, 5), r2, r3))).toEqual([
      ["error", 4, expect.any(String)],
      [
        "warning",
        5,
        "The dates run backwards: line 5 is dated 2026-07-02, line 2 before it 2026-07-04",
      ],
    ]);
  });

  test("a PASS later than the tag of its version is a warning; of the same day, or a FAIL, is none", async () => {
    const tagged: [string, Day][] = ["v1.1.0", "v1.2.0", "v1.3.0"].map((tag) => [
      tag,
      "2026-07-02" as Day,
    ]);
    expect(await judge(text(r1, r2, r3, row(3, 4, "FAIL"), r4), undefined, tagged)).toEqual([
      ["warning", 3, "Line 3 is a PASS of 2026-07-03 for v1.3.0, which was tagged on 2026-07-02"],
      ["notice", undefined, expect.stringContaining("all sound")],
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

  const edited = row(2, 2, "FAIL");
  test.each<[string, string, ...[number, string][]]>([
    [
      "an edited row",
      text("# head", r1, edited, r3, r4),
      [
        3,
        `found ${JSON.stringify(edited)}, expected ${JSON.stringify(r2)} as in line 3 of the base`,
      ],
    ],
    [
      "an edited last row",
      text("# head", "# more", r1, r2, row(3, 4), r5),
      [
        5,
        `found ${JSON.stringify(row(3, 4))}, expected ${JSON.stringify(r3)} as in line 4 of the base`,
      ],
    ],
    [
      "a removed row",
      text("# head", r1, r3),
      [3, `found line 3 of the base removed, expected ${JSON.stringify(r2)}`],
    ],
    [
      "a removed last row",
      text("# head", r1, r2),
      [3, `found line 4 of the base removed, expected ${JSON.stringify(r3)}`],
    ],
    [
      "an inserted row",
      text("# head", r1, row(1, 2), r2, r3),
      [3, "found a row inserted before line 3 of the base, expected new rows at the end"],
    ],
    [
      "an inserted duplicate",
      text("# head", r1, r1, r2, r3),
      [3, "found a row inserted before line 3 of the base, expected new rows at the end"],
    ],
    [
      "a row commented out",
      text("# head", r1, `# ${r2}`, r3),
      [4, `found line 3 of the base removed, expected ${JSON.stringify(r2)}`],
    ],
  ])("%s is an error that names both lines", async (_, now, ...expected) => {
    expect(await judge(now, base)).toEqual(
      expected.map(([line, words]) => ["error", line, `Cannot accept line ${line} ${words}`]),
    );
  });

  test("a row in another order is one error that names both lines", async () => {
    expect(await judge(text("# head", r2, r3, r1), base)).toEqual([
      ["warning", 4, expect.stringContaining("The dates run backwards")],
      [
        "error",
        4,
        "Cannot accept line 4 found the row of line 2 of the base in another order, expected the order of the base",
      ],
    ]);
  });

  test("an edited or a removed comment is a warning", async () => {
    expect(await judge(text("# other", r1, r2, r3), base)).toEqual([
      ["warning", 1, "The comment of line 1 of the base is edited at line 1"],
      fine,
    ]);
    expect(await judge(text(r1, r2, r3), base)).toEqual([
      ["warning", 1, "The comment of line 1 of the base is removed at line 1"],
      fine,
    ]);
  });

  test("a malformed row of the base may be mended or removed, but not become another row", async () => {
    const malformed = text(r1, torn, r4);
    const kept = ["notice", undefined, expect.stringContaining("kept")];
    expect(await judge(text(r1, r3, r4), malformed)).toEqual([
      ["warning", 2, "Line 2 of the base was malformed, and is changed in line 2"],
      kept,
    ]);
    expect(await judge(text(r1, r4, r4), malformed)).toEqual([
      ["warning", 2, "Line 2 of the base was malformed, and is removed at line 2"],
      kept,
    ]);
    // At the end, another row is one that was appended.
    expect(await judge(text(r1, r4), text(r1, torn))).toEqual([
      ["warning", 2, "Line 2 of the base was malformed, and is changed in line 2"],
      kept,
    ]);
    expect(await judge(text(r1, r2, r4), malformed)).toEqual([
      ["error", 2, expect.stringContaining(`found ${JSON.stringify(r2)}`)],
    ]);
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
  await step("backwards", text("# two", r2, r4, r2, r3, r1));
  await step("late", text("# two", r2, r4, r2, r3, r1, row(5, 5).replace("-07-", "-08-")));
  await step("gone", undefined);
  await step("again", text(r1));
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
      [
        "start",
        "warning",
        undefined,
        expect.stringContaining("The ledger begins here with 2 rows"),
      ],
      ["edit", "error", 2, expect.stringContaining(`as in line 2 of commit ${id("start")}`)],
      [
        "comment",
        "warning",
        1,
        `The comment of line 1 of commit ${id("move")} is edited at line 1`,
      ],
      ["tear", "error", 4, "column 1 holds a space where a tab belongs"],
      ["mend", "warning", 4, expect.stringContaining("was malformed, and is changed in line 4")],
      ["remove", "error", 2, expect.stringContaining("found line 2 of commit")],
      ["reorder", "warning", 4, expect.stringContaining("The dates run backwards")],
      ["reorder", "error", 4, expect.stringContaining("in another order")],
      ["insert", "warning", 4, expect.stringContaining("The dates run backwards")],
      ["insert", "error", 4, expect.stringContaining("found a row inserted before line 4 of")],
      ["backwards", "warning", 6, expect.stringContaining("The dates run backwards")],
      ["late", "warning", 7, expect.stringContaining("for v1.5.0, which was tagged on 2026-08-04")],
      ["gone", "error", undefined, `ledger ${path} not found.`],
      ["again", "notice", undefined, "The ledger begins here with 1 row"],
      [undefined, "notice", undefined, expect.stringContaining("1 row, all sound")],
    ]);
    expect(data.commits).toEqual([...commits.values()]);
    const [start, edit] = findings;
    expect(start).toMatchObject({
      message: `The ledger begins here with 2 rows: what came before is not judged (in ${id("start")} of 2026-08-07, "start")`,
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
        `The ledger begins here with 1 row (in ${first.slice(0, 7)} of 2026-08-07, "Start")`,
        `${path}: 7 commits touched it, and only appended`,
        `${path}: 5 rows, all sound`,
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
    expect(findings[1]?.message).toContain("found line 2 of commit");
  });

  test("a shallow clone is refused", async () => {
    const clone = join(clean.home, "clone");
    await clean.git("clone", "--quiet", "--depth=1", `file://${clean.root}`, clone);
    const { code, stderr } = await runScript(script, ["--history"], { cwd: clone, env: clean.env });
    expect(code).toBe(1);
    expect(stderr).toContain("this clone is shallow, and its history ends too early");
  });

  test("a git that fails or is silent is refused", async () => {
    const bin = join(clean.home, "bin");
    for (const [name, words] of [
      ["log", "git log: exit code 3"],
      ["for-each-ref", "git for-each-ref: exit code 3"],
      ["log-silent", "git log gave an incomplete answer"],
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
      "  fix: Restore the rows as they were, and append what is new at the end: the ledger is append-only",
      "",
    ].join("\n"),
  });
  expect((await runScript(script, ["HEAD", "--ref", "HEAD"], options)).code).toBe(0);
  const unknown = await runScript(script, ["nowhere"], options);
  expect(unknown).toMatchObject({ code: 1, stdout: `${path}: 1 row, all sound\n` });
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
    stdout: expect.stringContaining(`${path}: 1 row, all sound`),
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
    ["notice", undefined, expect.stringMatching(/: [1-9][0-9]* rows, all sound; /)],
  ]);
});

test("a move is followed whatever diff.renameLimit says", async () => {
  await using repository = await testRepository();
  const rows = [r1, r2, r3, r4, r5];
  const others = ["a", "b", "c"];
  const files = (folder: string, more: string) =>
    Object.fromEntries(
      others.map((name) => [`${folder}/${name}${more}`, text(...rows, name, more)]),
    );
  await repository.commit({ "old/l.txt": text(...rows), ...files("old", "") }, "Start");
  const gone = Object.fromEntries(["l.txt", ...others].map((name) => [`old/${name}`, undefined]));
  const moved = { [path]: text(r1, r3, r4, r5), ...files("new", "more") };
  await repository.commit({ ...gone, ...moved }, "Move and remove");
  await repository.git("config", "diff.renameLimit", "1");
  const history = await run(repository, "--history");
  expect(history.stderr).toContain("line 2");
  expect(history.code).toBe(1);
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

/** A submodule that goes with the ledger is no file to read. */
async function addSubmodule({ git }: TestRepository, commit: string) {
  await git("update-index", "--add", "--cacheinfo", `160000,${commit},module`);
  await git("commit", "--quiet", "-m", "Add a submodule");
  return await git("rev-parse", "HEAD");
}

test("a move that rewrites the rows does not hide what came before", async () => {
  await using repository = await testRepository();
  const rewritten = [1, 2, 3].map((each) => `v2.${each}.0\tfedcba${each}\t2026-07-30\tFAIL`);
  await repository.commit({ "oldest.txt": text(r1, r2) }, "Start");
  await repository.commit({ "oldest.txt": text(r2) }, "Remove");
  await repository.commit(
    { "oldest.txt": undefined, "kept.txt": text(r2), "old.txt": text(r3, r4) },
    "Rewrite",
  );
  const notes = text("# Rows look so:", ...rewritten.slice(0, 1), "three", "more", "lines");
  const other = await repository.commit({ "a.md": notes, "b.txt": text(r5, r5) }, "Other files");
  await addSubmodule(repository, other);
  await repository.commit(
    { "a.md": undefined, "b.txt": undefined, "old.txt": undefined, [path]: text(r3, ...rewritten) },
    "Rewrite most",
  );
  expect(await faultsIn(repository)).toEqual([
    ["Remove", 1],
    ["Rewrite", 1],
    ["Rewrite most", 2],
  ]);
});

describe("against a base with the ledger under another name", () => {
  test("its rows must be kept, in the work tree and in a commit; a copy is a warning", async () => {
    await using repository = await testRepository();
    const first = await repository.commit({ "lab.txt": text(r1, r2), "a.md": "# a\n" }, "Start");
    const base = await addSubmodule(repository, first);
    const gone = { "lab.txt": undefined, "a.md": undefined };
    const shown = `the base ${base.slice(0, 7)} (lab.txt)`;
    writeFiles(repository.root, { [path]: text(r2) });
    const copied = await run(repository, base);
    expect(copied.code).toBe(0);
    expect(copied.stderr).toContain("every row counts as new");
    expect(copied.stderr).toContain("--history");
    // Not even staged: git sees no rename here.
    writeFiles(repository.root, { ...gone, [path]: text(r1, r2, r3) });
    expect(await run(repository, base)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`3 rows, all sound; 2 of ${shown} kept`),
      stderr: "",
    });
    await repository.commit({ [path]: text(r2, r3) }, "Move and remove");
    const { code, stderr } = await run(repository, base, "--ref", "HEAD");
    expect(stderr).toContain(`found line 1 of ${shown} removed`);
    expect(code).toBe(1);
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

test("dates that run backwards only where two sides meet are told of the merge, once", async () => {
  await using repository = await testRepository();
  const { git } = repository;
  await repository.commit({ [path]: text(r1) });
  await git("checkout", "--quiet", "-b", "side");
  await repository.commit({ [path]: text(r1, r3, r2) }, "Backwards on the side");
  const side = await git("rev-parse", "HEAD");
  await git("checkout", "--quiet", "main");
  await repository.commit({ [path]: text(r1, r4) }, "Append");
  await start(["git", "merge", "--quiet", "--no-commit", "side"], {
    cwd: repository.root,
    env: repository.env,
  });
  const merge = await repository.commit({ [path]: text(r1, r4, r3, r2) }, "Merge");
  const again = text(r1, r4, r3, r2, r5, r3, r2);
  const after = await repository.commit({ [path]: again }, "Append the same");
  const { findings } = JSON.parse((await run(repository, "--history", "--json")).stdout);
  const told = (findings as JsonReport["findings"]).filter(({ level }) => level !== "notice");
  const places = told.map(({ commit, line, message }) => [commit, line, message.split(":")[0]]);
  const words = "The dates run backwards";
  expect(places).toEqual([
    [side, 3, words],
    [merge, 3, words],
    [after, 6, words],
    [after, 7, words],
  ]);
});
