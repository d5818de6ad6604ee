import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { checkChartVersionBumped } from "../scripts/check-chart-version-bumped.ts";
import { attempt, type Finding, refusal } from "../scripts/lib/finding.ts";
import { layout } from "../scripts/lib/layout.ts";
import { type Tree, unexpectedKind } from "../scripts/lib/tree.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { productFolder } from "./helpers/product.ts";
import { runScript } from "./helpers/run-script.ts";
import {
  type JsonReport,
  start,
  type TestRepository,
  temporaryFolder,
  testRepository,
  writeFiles,
} from "./helpers/world.ts";

const script = "scripts/check-chart-version-bumped.ts";
const folder = layout.chart;
const manifest = `${folder}/Chart.yaml`;
const changelog = `${folder}/CHANGELOG.md`;
const template = `${folder}/templates/service.yaml`;

type Files = Readonly<Record<string, string>>;

const old: Files = {
  [manifest]: "name: x\nversion: 1.2.3\n",
  [changelog]: "# Changelog\n\n## [1.2.3]\n\n- first\n",
  [template]: "a: 1\n",
  "Cargo.toml": "",
};

/** A changelog with a section above the one of `old`. */
const log = (heading: string, body = "- second\n") =>
  `# Changelog\n\n${heading}\n\n${body}\n## [1.2.3]\n\n- first\n`;

/** `old` with some files changed, or without those that are undefined. */
function changedFiles(changes: Readonly<Record<string, string | undefined>>): Files {
  return Object.fromEntries(
    Object.entries({ ...old, ...changes }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
}

async function judge(base: Files, head: Files): Promise<readonly Finding[]> {
  const paths = [...new Set([...Object.keys(base), ...Object.keys(head)])].sort();
  const answer = await attempt(() =>
    checkChartVersionBumped({
      base: memoryTree(base),
      head: memoryTree(head),
      changed: paths.filter((path) => base[path] !== head[path]),
    }),
  );
  return answer.findings ?? answer.value;
}

/** Errors and warnings as `line: message`, without what all errors start with. */
function faults(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ level }) => level !== "notice")
    .map(({ level, message, at }) => {
      const words = message.replace(`Cannot accept the change of ${folder}: `, "");
      return `${level} ${at?.line ?? "-"}: ${words}`;
    });
}

const good = { [manifest]: "name: x\nversion: 1.3.0\n", [changelog]: log("## [1.3.0]") };

test.each([
  ["nothing changed", {}, [`${folder}: no change since the base`]],
  [
    "only other files changed",
    { "Cargo.toml": "x", "charts/other/Chart.yaml": "y" },
    [`${folder}: no change since the base`],
  ],
  [
    "only the changelog changed",
    { [changelog]: log("## [9.9.9]") },
    [`${folder}: only CHANGELOG.md changed since the base, no new version needed`],
  ],
  [
    "a change with its version and its entry",
    { ...good, [template]: "a: 2\n" },
    [
      `${folder}: changed since the base: CHANGELOG.md, Chart.yaml, templates/service.yaml`,
      `${manifest}: version 1.2.3 -> 1.3.0`,
      `${changelog}: new section ## [1.3.0] with content`,
    ],
  ],
] as const)("a change passes and names its evidence: %s", async (_, changes, notices) => {
  const findings = await judge(old, changedFiles(changes));
  expect(faults(findings)).toEqual([]);
  expect(findings.map(({ message }) => message)).toEqual([...notices]);
});

test.each([
  ["1.2.3", "1.10.0", true],
  ["1.2.3-rc.1", "1.2.3", true],
  ["1.2.3", "1.2.3-rc.1", false],
  ["1.10.0", "1.9.0", false],
])("the version must be greater by SemVer precedence: %p to %p", async (before, after, passes) => {
  const base = { [manifest]: `version: ${before}\n`, [template]: "a: 1\n" };
  const head = { [manifest]: `version: ${after}\n`, [changelog]: `## [${after}]\n\n- x\n` };
  const found = passes
    ? []
    : [
        `error 1: found version ${after} in Chart.yaml, expected one greater than ${before} of the base`,
      ];
  expect(faults(await judge(base, head))).toEqual(found);
});

const missing = `${changelog} has no section ## [1.3.0]`;
const silent = "found nothing below ## [1.3.0], expected what has changed";

test.each([
  ["no changelog", undefined, ["error -: found no CHANGELOG.md, expected one"]],
  ["no section", old[changelog], [`error -: ${missing}`]],
  ["a section of another version", log("## [1.3.1]"), [`error -: ${missing}`]],
  ["a heading without brackets", log("## 1.3.0"), [`error 3: ${missing}, found "## 1.3.0"`]],
  ["a heading in a comment", log("<!--\n## [1.3.0]\n-->"), [`error -: ${missing}`]],
  ["nothing below", log("## [1.3.0]", ""), [`error 3: ${silent}`]],
  ["a sub-heading alone", log("## [1.3.0]", "### Added\n"), [`error 3: ${silent}`]],
  [
    "two sections",
    log("## [1.3.0]", "- x\n\n## [1.3.0]\n- y\n"),
    ["error 3: found section ## [1.3.0] twice, expected it once"],
  ],
])("the changelog must have a section with content: %s", async (_, text, expected) => {
  expect(faults(await judge(old, changedFiles({ ...good, [changelog]: text })))).toEqual(expected);
});

test("a section in the form of the file counts, and in another form is named with the one that is wanted", async () => {
  const bare = (text: string) => text.replace("## [1.2.3]", "# 1.2.3 (2026-08-01)");
  const base = changedFiles({ [changelog]: bare(old[changelog] ?? "") });
  const judged = (heading: string) =>
    judge(base, changedFiles({ ...good, [changelog]: bare(log(heading)) }));
  const right = await judged("# 1.3.0 (2026-09-01)");
  expect(right.map(({ message }) => message)).toContain(
    `${changelog}: new section # 1.3.0 with content`,
  );
  expect(faults(right)).toEqual([]);
  expect(faults(await judged("# v1.3.0"))).toEqual([
    `error 3: ${changelog} has no section # 1.3.0, found "# v1.3.0"`,
  ]);
  const prefixed = await judge(old, changedFiles({ ...good, [changelog]: log("## [v1.3.0]") }));
  expect(prefixed.find(({ level }) => level === "error")).toMatchObject({
    message: `Cannot accept the change of ${folder}: ${changelog} has no section ## [1.3.0], found "## [v1.3.0]"`,
    at: { line: 3 },
    remedy: "Write the heading as ## [1.3.0], and commit it",
  });
});

describe("a chart without a changelog, and a layout that says so", () => {
  const was = layout.chartChangelog;
  const setChangelog = (name: string | undefined) =>
    Object.assign(layout as { chartChangelog: string | undefined }, { chartChangelog: name });
  beforeAll(() => setChangelog(undefined));
  afterAll(() => setChangelog(was));
  const base = changedFiles({ [changelog]: undefined });
  const to = (version: string) =>
    judge(base, { ...base, [manifest]: `name: x\nversion: ${version}\n`, [template]: "a: 2\n" });

  test("needs a greater version alone", async () => {
    const greater = await to("1.3.0");
    expect(faults(greater)).toEqual([]);
    expect(greater.map(({ message }) => message)).toEqual([
      `${folder}: changed since the base: Chart.yaml, templates/service.yaml`,
      `${manifest}: version 1.2.3 -> 1.3.0`,
    ]);
    const same = (await to("1.2.3")).filter(({ level }) => level === "error");
    expect(same.map(({ remedy }) => remedy)).toEqual([
      `Set version in ${manifest} to one greater than 1.2.3, and commit it`,
    ]);
  });

  test("is not excused by a change of a file of that name", async () => {
    const log = { ...base, [changelog]: "x\n" };
    expect(faults(await judge(base, log))).toEqual([
      "error 2: found version 1.2.3 in Chart.yaml, expected one greater than 1.2.3 of the base",
    ]);
  });
});

test("a version that is not greater is one fault, whose way out names both files", async () => {
  const expected = (version: string) => [
    {
      level: "error",
      message: `Cannot accept the change of ${folder}: found version ${version} in Chart.yaml, expected one greater than 1.2.3 of the base`,
      at: { file: manifest, line: 2, column: 1 },
      remedy: `Set version in ${manifest} to one greater than 1.2.3, describe the change in ${changelog} below a heading ## [A.B.C] of that version, and commit both`,
    },
  ];
  const same = await judge(old, changedFiles({ [template]: "a: 2\n" }));
  const lower = { [manifest]: "name: x\nversion: 1.2.2\n" };
  const less = await judge(old, changedFiles(lower));
  expect(same.filter(({ level }) => level !== "notice")).toEqual(expected("1.2.3") as Finding[]);
  expect(less.filter(({ level }) => level !== "notice")).toEqual(expected("1.2.2") as Finding[]);
});

test("all faults are reported at once, with the way out of each", async () => {
  const sections = "## [1.3.0]\n\n## [1.3.0]\n";
  const base = changedFiles({ [changelog]: sections });
  const findings = await judge(base, changedFiles({ ...good, [changelog]: `${sections}\n` }));
  expect(findings.filter(({ level }) => level === "error")).toEqual([
    {
      level: "error",
      message: `Cannot accept the change of ${folder}: found section ## [1.3.0] twice, expected it once`,
      at: { file: changelog, line: 1, column: 1 },
      also: [{ file: changelog, line: 3, column: 1 }],
      remedy: "Merge the sections into one",
    },
    {
      level: "error",
      message: `Cannot accept the change of ${folder}: found section ## [1.3.0] in the base already, expected a new one`,
      at: { file: changelog, line: 1, column: 1 },
      remedy: "Describe the change below the heading of a version that is not in the base",
    },
    {
      level: "error",
      message: `Cannot accept the change of ${folder}: found nothing below ## [1.3.0], expected what has changed`,
      at: { file: changelog, line: 1, column: 1 },
      remedy: `Describe the change in ${changelog} below ## [1.3.0], and commit it; sub-headings and HTML comments alone do not count`,
    },
  ]);
});

test("a chart that is new is fine, if its version can be read", async () => {
  const base = { "Cargo.toml": "" };
  expect(await judge(base, { [manifest]: "version: 0.1.0\n" })).toEqual([
    {
      level: "notice",
      message: `${manifest}: version 0.1.0 of a new chart`,
      at: { file: manifest, line: 1, column: 1 },
    },
  ]);
  expect(faults(await judge(base, { [manifest]: "version: 0.10\n" }))).toHaveLength(1);
});

test("a chart that is gone is refused", async () => {
  expect(faults(await judge(old, { "Cargo.toml": "" }))).toEqual([
    `error -: found no ${manifest}, expected the chart to stay`,
  ]);
  expect(faults(await judge(old, changedFiles({ [manifest]: undefined })))).toHaveLength(1);
});

test("a tree that never had the chart passes with a warning", async () => {
  const findings = await judge({ a: "1" }, { a: "2" });
  expect(findings.map(({ level }) => level)).toEqual(["notice", "warning"]);
});

test.each([["version: 1.10\n"], ["version: 1.3.0\nversion: 1.3.0\n"]])(
  "a version that cannot be read is refused: %p",
  async (text) => {
    const found = faults(await judge(old, changedFiles({ ...good, [manifest]: text })));
    expect(found).toEqual([expect.stringMatching(/^error/)]);
  },
);

test("a changelog that is gone is a fault beside a version that cannot be read", async () => {
  const files = { ...good, [manifest]: "version: 1.10\n", [changelog]: undefined };
  const found = (await judge(old, changedFiles(files))).filter(({ level }) => level === "error");
  expect(found.map(({ at }) => at?.file)).toEqual([manifest, changelog]);
  expect(found[1]?.message).toEndWith("found no CHANGELOG.md, expected one");
});

test.each([["version: 1.10\n"], ["version: 1.2.3\nversion: 1.2.4\n"]])(
  "a base that cannot be read does not stop the change that corrects it: %p",
  async (text) => {
    const base = changedFiles({ [manifest]: text });
    const corrected = await judge(base, changedFiles(good));
    expect(faults(corrected)).toHaveLength(1);
    expect(faults(corrected)[0]).toStartWith(
      "warning -: Cannot compare with the version of the base: ",
    );
    // What can be judged still is.
    expect(
      faults(await judge(base, changedFiles({ ...good, [changelog]: old[changelog] }))),
    ).toEqual([expect.stringMatching(/^warning/), `error -: ${missing}`]);
  },
);

/** A tree in which a symbolic link stands at a path, or git cannot read what does. */
function broken(files: Files, path: string, fault: "a link" | "no answer"): Tree {
  const tree = memoryTree(files);
  return {
    list: tree.list,
    read(asked) {
      if (asked !== path) {
        return tree.read(asked);
      }
      throw fault === "a link"
        ? unexpectedKind(path, "symbolic link", "file")
        : refusal("Cannot read it from git: found nothing");
    },
  };
}

const linked = (path: string) => `Cannot read ${path}: found a symbolic link, expected a file`;

async function judgeTrees(base: Tree, head: Tree): Promise<string[]> {
  const changed = [manifest, changelog, template];
  return faults(await checkChartVersionBumped({ base, head, changed }));
}

test("a changelog that cannot be read hides no other fault, and none hides it", async () => {
  const same = "found version 1.2.3 in Chart.yaml, expected one greater than 1.2.3 of the base";
  const link = `error -: ${linked(changelog)}`;
  const base = memoryTree(old);
  expect(await judgeTrees(base, broken(old, changelog, "a link"))).toEqual([
    `error 2: ${same}`,
    link,
  ]);
  expect(await judgeTrees(base, broken(changedFiles(good), changelog, "a link"))).toEqual([link]);
  const number = changedFiles({ [manifest]: "version: 1.10\n", [changelog]: undefined });
  expect(await judgeTrees(base, broken(number, changelog, "a link"))).toEqual([
    expect.stringMatching(/^error 1: Cannot read the chart version/),
    link,
  ]);
});

test.each([
  [
    "gone",
    memoryTree(changedFiles({ [changelog]: undefined })),
    "found no CHANGELOG.md, expected one",
  ],
  ["a link", broken(old, changelog, "a link"), linked(changelog)],
  ["unanswered", broken(old, changelog, "no answer"), "Cannot read it from git: found nothing"],
])("a changelog that is %s is no edit of it, and refused", async (_, head, message) => {
  const change = { base: memoryTree(old), head, changed: [changelog] };
  expect(faults(await checkChartVersionBumped(change))).toEqual([`error -: ${message}`]);
});

test.each([
  [manifest, "version"],
  [changelog, "changelog"],
])("a link in the base does not stop the change that replaces it: %s", async (path, what) => {
  const head = memoryTree(changedFiles(good));
  expect(await judgeTrees(broken(old, path, "a link"), head)).toEqual([
    `warning -: Cannot compare with the ${what} of the base: ${linked(path)}`,
  ]);
});

test.each([manifest, changelog])(
  "a base that git cannot read is refused, never taken for corrected: %s",
  async (path) => {
    const head = memoryTree(changedFiles(good));
    expect(await judgeTrees(broken(old, path, "no answer"), head)).toEqual([
      "error -: Cannot read it from git: found nothing",
    ]);
  },
);

const run = (
  repository: TestRepository,
  args: string[],
  more: { env?: object; cwd?: string } = {},
) =>
  runScript(script, args, {
    cwd: join(repository.root, more.cwd ?? ""),
    env: { ...repository.env, ...more.env },
  });

test("bytes that are no UTF-8 in the base do not stop the change that corrects them", async () => {
  await using repository = await testRepository();
  const latin1 = (text: string) => Buffer.from(text, "latin1");
  await repository.commit({
    [manifest]: latin1("description: café\nversion: 1.2.3\n"),
    [changelog]: latin1("## [1.2.3]\n\n- café\n"),
  });
  await repository.commit(good);
  const { code, stdout } = await run(repository, ["HEAD~1"]);
  expect(stdout).toContain(`${manifest}: version 1.2.3 -> 1.3.0`);
  expect(code).toBe(0);
});

/** A repository with `old` on origin/main, and a branch off it. */
async function branched(): Promise<TestRepository & { readonly mergeBase: string }> {
  const repository = await testRepository();
  const mergeBase = await repository.commit(old);
  await repository.addRemote();
  await repository.git("checkout", "--quiet", "-b", "topic");
  return Object.assign(repository, { mergeBase });
}

test("a transcript: refused, told why, and accepted", async () => {
  await using repository = await branched();
  const { mergeBase } = repository;
  const refused = await repository.commit({ [template]: "a: 2\n" });
  const base = `base origin/main at ${mergeBase.slice(0, 7)} (merge base ${mergeBase.slice(0, 7)})`;
  expect(await run(repository, ["main"])).toEqual({
    code: 1,
    stdout: [
      `HEAD at ${refused.slice(0, 7)} against ${base}`,
      `${folder}: changed since the base: templates/service.yaml`,
      "",
    ].join("\n"),
    stderr: [
      `error: Cannot accept the change of ${folder}: found version 1.2.3 in Chart.yaml, expected one greater than 1.2.3 of the base`,
      `  at ${manifest}:2:1 in commit ${refused.slice(0, 12)}`,
      `  fix: Set version in ${manifest} to one greater than 1.2.3, describe the change in ${changelog} below a heading ## [A.B.C] of that version, and commit both`,
      "",
    ].join("\n"),
  });

  // An uncommitted bump does not count, whether it is staged or not, and from any subfolder.
  writeFiles(repository.root, { ...good, "charts/other": "", [`${folder}/new`]: "" });
  await repository.git("add", manifest);
  const early = await run(repository, ["main"], { cwd: `${folder}/templates` });
  expect(early.code).toBe(1);
  expect(early.stderr).toStartWith(
    [
      `warning: Uncommitted changes in ${folder} are not judged: CHANGELOG.md, Chart.yaml, new`,
      "  fix: Commit them, then run this again",
      "error: ",
    ].join("\n"),
  );
  const named = await run(repository, ["main", "--ref", "HEAD"]);
  expect(named).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: /) });
  writeFiles(repository.root, { "charts/other": undefined, [`${folder}/new`]: undefined });

  const accepted = await repository.commit({}, "Bump");
  expect(await run(repository, ["main"], { cwd: `${folder}/templates` })).toEqual({
    code: 0,
    stdout: [
      `HEAD at ${accepted.slice(0, 7)} against ${base}`,
      `${folder}: changed since the base: CHANGELOG.md, Chart.yaml, templates/service.yaml`,
      `${manifest}: version 1.2.3 -> 1.3.0`,
      `${changelog}: new section ## [1.3.0] with content`,
      "",
    ].join("\n"),
    stderr: "",
  });

  const json = await run(repository, ["main", "--ref", refused, "--json"]);
  expect(json.code).toBe(1);
  const report = JSON.parse(json.stdout) as JsonReport;
  expect(report.data).toEqual({
    base: "origin/main",
    baseCommit: mergeBase,
    mergeBases: [mergeBase],
    head: refused,
  });
  const errors = report.findings.filter(({ level }) => level === "error");
  expect(errors.map(({ file, line, commit }) => [file, line, commit])).toEqual([
    [manifest, 2, refused],
  ]);
});

test("the merge base counts, not what the base has become since", async () => {
  await using repository = await branched();
  await repository.commit({ "src/a": "1" });
  await repository.git("checkout", "--quiet", "main");
  await repository.commit({ [template]: "a: 9\n", [manifest]: "version: 9.0.0\n" });
  await repository.git("push", "--quiet", "origin", "main");
  await repository.git("checkout", "--quiet", "topic");
  const { code, stdout } = await run(repository, ["main"]);
  expect(stdout).toContain(`${folder}: no change since the base`);
  expect(stdout).toContain(`(merge base ${repository.mergeBase.slice(0, 7)})`);
  expect(code).toBe(0);
});

/** Commits to origin's main, and returns to the topic. */
async function onMain({ git, commit }: TestRepository, files: Files): Promise<void> {
  await git("checkout", "--quiet", "main");
  await commit(files, "On main");
  await git("push", "--quiet", "origin", "main");
  await git("checkout", "--quiet", "topic");
}

test("the version must exceed that of the base branch's tip, too: another change may have taken it", async () => {
  await using repository = await branched();
  const { git } = repository;
  await repository.commit({ ...good, [template]: "a: 2\n" }, "One");
  expect((await run(repository, ["main"])).code).toBe(0);
  await onMain(repository, { ...good, [template]: "a: 3\n" });
  const second = await run(repository, ["main"]);
  expect(second.stderr).toStartWith(
    `error: Cannot accept the change of ${folder}: found version 1.3.0 in Chart.yaml, but origin/main already has 1.3.0: raise it further\n`,
  );
  expect(second.stderr).toContain(
    `fix: Set version in ${manifest} to one greater than 1.3.0, describe`,
  );
  expect(second.stderr.match(/^error: /gm)).toHaveLength(1);
  expect(second.code).toBe(1);

  // The way out leads out, before and after main is merged.
  await repository.commit({
    [manifest]: "name: x\nversion: 1.3.1\n",
    [changelog]: log("## [1.3.1]"),
  });
  expect(await run(repository, ["main"])).toMatchObject({ code: 0, stderr: "" });
  await git("merge", "--quiet", "--no-edit", "-X", "ours", "origin/main");
  expect(await run(repository, ["main"])).toMatchObject({ code: 0, stderr: "" });
});

test("a chart that both sides add must exceed that of the base branch's tip", async () => {
  await using repository = await testRepository();
  await repository.commit({ "Cargo.toml": "" });
  await repository.addRemote();
  await repository.git("checkout", "--quiet", "-b", "topic");
  await repository.commit({ [manifest]: "version: 0.1.0\n" });
  await onMain(repository, { [manifest]: "version: 0.1.0\nname: x\n" });
  const { code, stderr } = await run(repository, ["main"]);
  expect(stderr).toContain("but origin/main already has 0.1.0: raise it further");
  expect(code).toBe(1);
});

test("a chart that is already as at the base branch's tip needs no further version", async () => {
  await using repository = await branched();
  await repository.commit({ ...good, "src/a": "1" });
  await onMain(repository, { ...good, "src/b": "1" });
  expect(await run(repository, ["main"])).toMatchObject({ code: 0, stderr: "" });
});

test("the base is the argument, else GITHUB_BASE_REF; origin's branch before any other commit", async () => {
  await using repository = await branched();
  await repository.git("branch", "main", "--force", await repository.commit({ [template]: "b\n" }));
  await repository.git("branch", "--", "local");

  // The local main is HEAD, and would pass; origin/main comes first.
  expect((await run(repository, ["main"])).stdout).toContain("against base origin/main at");
  expect((await run(repository, ["main"])).code).toBe(1);
  const inherited = await run(repository, [], { env: { GITHUB_BASE_REF: "main" } });
  expect([inherited.code, inherited.stdout]).toEqual([
    1,
    expect.stringContaining("against base origin/main at"),
  ]);
  const argued = await run(repository, ["local"], { env: { GITHUB_BASE_REF: "main" } });
  expect([argued.code, argued.stdout]).toEqual([
    0,
    expect.stringContaining("against base local at"),
  ]);
  expect((await run(repository, ["HEAD~1"])).code).toBe(1);
  expect((await run(repository, [repository.mergeBase.slice(0, 10)])).code).toBe(1);
});

test.each([
  [[], {}],
  [[], { GITHUB_BASE_REF: "" }],
  [[""], { GITHUB_BASE_REF: "main" }],
  [["main", "extra"], {}],
])(
  "no base, or a wrong command line, is told before anything is read: %p %p",
  async (args, env) => {
    using home = temporaryFolder();
    const ended = await runScript(script, args, {
      cwd: home.path,
      env: { PATH: process.env.PATH ?? "", HOME: home.path, ...env },
    });
    expect(ended.stderr).toStartWith("error: Cannot read the command line: ");
    expect(ended.code).toBe(2);
  },
);

/** The error output of one refusal. */
const refusalOf = (message: string, remedy: string) => `error: ${message}\n  fix: ${remedy}\n`;

test("a shallow clone, whatever it holds, an unknown base and no merge base are refused with remedies", async () => {
  await using repository = await branched();
  await repository.commit({ ...good, [template]: "a: 2\n" });
  await repository.git("push", "--quiet", "origin", "topic");
  await repository.git("checkout", "--quiet", "--orphan", "unrelated");
  await repository.commit({ [template]: "a: 3\n" });

  const unknown = await run(repository, ["nowhere"]);
  const unrelated = await run(repository, ["main"]);
  const clone = join(repository.home, "clone");
  const origin = `file://${repository.home}/origin.git`;
  const depth = ["clone", "--quiet", "--depth=1", "-b", "topic"];
  await repository.git(...depth, "--no-single-branch", origin, clone);
  await repository.git(...depth, origin, `${clone}2`);
  const judgeIn = (cwd: string) => runScript(script, ["main"], { cwd, env: repository.env });
  const [shallow, shallowUnknown] = [await judgeIn(clone), await judgeIn(`${clone}2`)];

  const remedy =
    "Fetch the whole history (in GitHub Actions, check out with fetch-depth: 0): git fetch --unshallow origin +refs/heads/main:refs/remotes/origin/main";
  const why = "this clone is shallow";
  const noMergeBase = "Cannot find the merge base of HEAD and origin/main";
  const all = [unknown, unrelated, shallow, shallowUnknown];
  expect(all.map(({ code, stdout }) => [code, stdout])).toEqual(Array(4).fill([1, ""]));
  expect(all.map(({ stderr }) => stderr)).toEqual([
    refusalOf(
      'Cannot find base "nowhere": found neither origin/nowhere nor a commit of that name',
      "Name another, or fetch this one (in GitHub Actions, check out with fetch-depth: 0): git fetch origin +refs/heads/nowhere:refs/remotes/origin/nowhere",
    ),
    refusalOf(
      `${noMergeBase}: the two have no commit in common`,
      "Name the branch that it was started from; in GitHub Actions, check out with fetch-depth: 0",
    ),
    refusalOf(`Cannot compare HEAD with main: ${why}`, remedy),
    refusalOf(`Cannot compare HEAD with main: ${why}`, remedy),
  ]);

  // The remedy works as printed, even in a clone of one branch alone.
  const [command = ""] = /git fetch .*$/m.exec(shallow.stderr) ?? [];
  for (const cwd of [clone, `${clone}2`]) {
    expect(await start(command.split(" "), { cwd, env: repository.env })).toMatchObject({
      code: 0,
    });
    expect(await judgeIn(cwd)).toMatchObject({ code: 0, stderr: "" });
  }
});

test("the operator's git configuration changes nothing about the verdict", async () => {
  await using repository = await branched();
  // A renamed file is a change even if nothing in it differs.
  await repository.git("mv", template, `${folder}/templates/dienst-é.yaml`);
  await repository.commit({}, "Rename");
  for (const [name, value] of [
    ["diff.noprefix", "true"],
    ["diff.relative", "true"],
    ["diff.renames", "copies"],
    ["diff.ignoreSubmodules", "all"],
    ["diff.orderFile", join(repository.home, "absent")],
    ["diff.external", "false"],
    ["core.quotePath", "true"],
    ["core.pager", "false"],
    ["color.ui", "always"],
    ["log.showSignature", "true"],
  ] as const) {
    await repository.git("config", name, value);
  }
  const { code, stdout } = await run(repository, ["main"], { cwd: folder });
  expect(stdout).toContain(
    "changed since the base: templates/dienst-é.yaml, templates/service.yaml",
  );
  expect(code).toBe(1);
});

test("after merges in both directions, every merge base is judged", async () => {
  await using repository = await branched();
  const { git } = repository;
  const ours = await repository.commit({ "src/a": "1" });
  await git("checkout", "--quiet", "main");
  const theirs = await repository.commit({ ...good, [template]: "a: 2\n" });
  await git("merge", "--quiet", "--no-edit", ours);
  await git("push", "--quiet", "origin", "main");
  await git("checkout", "--quiet", "topic");
  await git("merge", "--quiet", "--no-edit", theirs);
  const merged = await run(repository, ["main"]);
  const [one = "", other = ""] = [ours, theirs].sort().map((id) => id.slice(0, 7));
  expect(merged.stdout).toContain(`(merge base ${one} and ${other})`);
  expect(merged.stdout).toContain(`${folder}: no change since the base`);
  expect(merged.stdout).toContain(`${manifest}: version 1.2.3 -> 1.3.0`);
  expect(merged.code).toBe(0);

  // Against the merge base on the topic alone this would count as bumped.
  await repository.commit({ [template]: "a: 3\n" });
  const changed = await run(repository, ["main"]);
  expect(changed.stderr).toContain("expected one greater than 1.3.0 of the base");
  expect(changed.code).toBe(1);
});

test.skipIf(productFolder === undefined)("the product's own chart is judged", async () => {
  const read = (path: string) => Bun.file(join(productFolder ?? "", path)).text();
  const values = `${folder}/values.yaml`;
  const product = {
    [manifest]: await read(manifest),
    [changelog]: await read(changelog),
    [values]: await read(values),
  };
  const changed = { ...product, [values]: `${product[values]}\nextra: 1\n` };
  expect(faults(await judge(product, changed))).toEqual([
    "error 9: found version 0.11.1 in Chart.yaml, expected one greater than 0.11.1 of the base",
  ]);
  const bumped = {
    ...changed,
    [manifest]: (product[manifest] ?? "").replace("\nversion: 0.11.1\n", "\nversion: 0.12.0\n"),
    [changelog]: (product[changelog] ?? "").replace(
      "## [0.11.1]",
      "## [0.12.0] - 2026-09-01\n\n### Added\n\n- `extra`.\n\n## [0.11.1]",
    ),
  };
  expect(faults(await judge(product, bumped))).toEqual([]);
});
