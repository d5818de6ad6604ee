import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { checkTagVersion, judgeTagVersion } from "../scripts/check-tag-version.ts";
import { workTree } from "../scripts/lib/disk/work-tree.ts";
import { readWorkspace } from "../scripts/lib/files/cargo.ts";
import type { Finding } from "../scripts/lib/finding.ts";
import { commitTree, openObjects } from "../scripts/lib/git/objects.ts";
import { openRepository } from "../scripts/lib/git/repository.ts";
import { layout } from "../scripts/lib/layout.ts";
import { parseVersion } from "../scripts/lib/version.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { runScript } from "./helpers/run-script.ts";
import { type JsonReport, testRepository, writeFiles } from "./helpers/world.ts";

const script = "scripts/check-tag-version.ts";

type Files = Readonly<Record<string, string>>;

const root = (version = "1.2.3", rest = "") =>
  `[workspace]\nmembers = ["crates/*"]\n[workspace.package]\nversion = "${version}"\n${rest}`;

const excluding = (folders: string) =>
  root().replace("[workspace.package]", `exclude = [${folders}]\n$&`);

const crate = (name: string, rest = "") =>
  `[package]\nname = "${name}"\nversion.workspace = true\n${rest}`;

const good: Files = {
  "Cargo.toml": root(),
  "crates/a/Cargo.toml": crate("a", '[dependencies]\nb = { path = "../b", version = "1.2.3" }\n'),
  "crates/b/Cargo.toml": crate("b"),
};

const check = (files: Files, version = "1.2.3") =>
  checkTagVersion(memoryTree(files), parseVersion(version));

/** Findings other than notices, as `level file:line message`. */
const complaints = (findings: readonly Finding[]) =>
  findings
    .filter(({ level }) => level !== "notice")
    .map(({ level, at, message }) => `${level} ${at?.file}:${at?.line ?? ""} ${message}`);

const notices = (findings: readonly Finding[]) =>
  findings.filter(({ level }) => level === "notice").map(({ message }) => message);

test("every match is a notice, with its place", async () => {
  const findings = await check(good);
  expect(complaints(findings)).toEqual([]);
  expect(findings.map(({ message, at }) => `${at?.file}:${at?.line} ${message}`)).toEqual([
    "Cargo.toml:4 Cargo.toml -> 1.2.3 (matches tag)",
    "crates/a/Cargo.toml:3 crates/a/Cargo.toml -> 1.2.3 (inherits the workspace version)",
    "crates/b/Cargo.toml:3 crates/b/Cargo.toml -> 1.2.3 (inherits the workspace version)",
    "crates/a/Cargo.toml:5 crates/a/Cargo.toml: b -> 1.2.3 (matches tag)",
  ]);
});

test("a workspace at another version is one error with all places that state it, a third version its own", async () => {
  const files = {
    ...good,
    "crates/b/Cargo.toml": '[package]\nname = "b"\nversion = "1.2.2"\n',
    "crates/c/Cargo.toml": '[package]\nname = "c"\nversion = "1.2.3"\n',
  };
  const findings = await check(files, "1.3.0");
  expect(findings).toEqual([
    {
      level: "error",
      message: "Cannot tag v1.3.0: the workspace is at 1.2.3: did you mean v1.2.3?",
      at: { file: "Cargo.toml", line: 4, column: 1 },
      also: [
        { file: "crates/c/Cargo.toml", line: 3, column: 1 },
        { file: "crates/a/Cargo.toml", line: 5, column: 22 },
      ],
      remedy: "Name v1.2.3 if you meant that; else bump first: bun scripts/bump-version.ts 1.3.0",
    },
    {
      level: "error",
      message: "Cannot tag v1.3.0: crates/b/Cargo.toml says 1.2.2, expected 1.3.0",
      at: { file: "crates/b/Cargo.toml", line: 3, column: 1 },
      remedy:
        'Set version = "1.3.0" in [package] of crates/b/Cargo.toml, or version.workspace = true',
    },
  ]);
  const pinned = {
    ...good,
    "crates/a/Cargo.toml": good["crates/a/Cargo.toml"]?.replace('"1.2.3"', '"1.2.2"') ?? "",
  };
  expect(complaints(await check(pinned))).toEqual([
    "error crates/a/Cargo.toml:5 Cannot tag v1.2.3: crates/a/Cargo.toml requires b 1.2.2, expected 1.2.3",
  ]);
});

test("evidence of more than ten rows is details below one sum", async () => {
  const many = Array.from({ length: 10 }, (_, nth) => [
    `crates/c${nth}/Cargo.toml`,
    crate(`c${nth}`),
  ]);
  const findings = await check({ "Cargo.toml": root(), ...Object.fromEntries(many) });
  expect(findings.filter(({ detail }) => detail)).toHaveLength(11);
  expect(findings.filter(({ detail }) => !detail)).toEqual([
    {
      level: "notice",
      message: "the workspace, its crates and their pins on each other state 1.2.3",
    },
  ]);
});

describe("the workspace version", () => {
  const says = (what: string) => `Cannot tag v1.2.3: Cargo.toml says ${what}, expected 1.2.3`;

  test.each([
    ["a number", root().replace('"1.2.3"', "1.2"), `4 ${says("the number 1.2")}`],
    ["a table", root().replace('"1.2.3"', "{ workspace = true }"), `4 ${says("a table")}`],
    ["empty", root(""), `4 ${says('""')}`],
    ["with a v", root("v1.2.3"), `4 ${says('"v1.2.3"')}`],
    ["with build metadata", root("1.2.3+1"), `4 ${says('"1.2.3+1"')}`],
    [
      "a candidate",
      root("1.2.3-rc.1"),
      "4 Cannot tag v1.2.3: the workspace is at 1.2.3-rc.1: did you mean v1.2.3-rc.1?",
    ],
  ])("%s", async (_, manifest, expected) => {
    const files = { "Cargo.toml": manifest, "crates/a/Cargo.toml": stated("a", "1.2.3") };
    expect(complaints(await check(files))).toEqual([`error Cargo.toml:${expected}`]);
  });

  test.each([
    ["a literal string", "[workspace.package]\nversion = '1.2.3'\n"],
    ["dotted keys", 'workspace.package.version = "1.2.3"\n'],
    ["an escape", '[workspace.package]\nversion = "1.2\\u002e3"\n'],
    ["CRLF and a byte order mark", '\ufeff[workspace.package]\r\nversion = "1.2.3"\r\n'],
  ])("may be spelled with %s", async (_, manifest) => {
    const findings = await check({ "Cargo.toml": manifest, "crates/a/Cargo.toml": crate("a") });
    expect(complaints(findings)).toEqual([]);
    expect(notices(findings)).toEqual([
      "Cargo.toml -> 1.2.3 (matches tag)",
      "crates/a/Cargo.toml -> 1.2.3 (inherits the workspace version)",
    ]);
  });

  test("is the root package's where none is shared, and is told once", async () => {
    const files = {
      "Cargo.toml": stated("top", "1.2.3", '\npublish = false\n[workspace]\nmembers = ["lib"]\n'),
      "lib/Cargo.toml": stated("lib", "1.2.3"),
    };
    const findings = await check(files);
    expect(complaints(findings)).toEqual([]);
    expect(notices(findings)).toEqual([
      "Cargo.toml -> 1.2.3 (matches tag)",
      "lib/Cargo.toml -> 1.2.3 (matches tag)",
    ]);
    const [found, ...more] = await check(files, "1.3.0");
    expect(more).toEqual([]);
    expect(found).toMatchObject({
      message: "Cannot tag v1.3.0: the workspace is at 1.2.3: did you mean v1.2.3?",
      at: { file: "Cargo.toml", line: 3 },
      also: [{ file: "lib/Cargo.toml", line: 3 }],
    });
  });

  test("is none where no manifest shares one: each crate is judged by its own, and a notice says so", async () => {
    const files = {
      "Cargo.toml": '[workspace]\nmembers = ["a", "b"]\n',
      "a/Cargo.toml": stated("a", "1.2.3"),
      "b/Cargo.toml": stated("b", "1.2.2"),
    };
    const findings = await check(files);
    expect(complaints(findings)).toEqual([
      "error b/Cargo.toml:3 Cannot tag v1.2.3: b/Cargo.toml says 1.2.2, expected 1.2.3",
    ]);
    expect(notices(findings)).toEqual([
      "Cargo.toml states no workspace version: each crate states its own",
      "a/Cargo.toml -> 1.2.3 (matches tag)",
    ]);
  });

  test("a candidate's version matches a candidate's tag and no other", async () => {
    const pin = '[dependencies]\nb = { path = "../b", version = "=1.3.0-rc.2" }\n';
    const files = {
      "Cargo.toml": root("1.3.0-rc.2"),
      "crates/a/Cargo.toml": crate("a", pin),
      "crates/b/Cargo.toml": crate("b"),
    };
    expect(complaints(await check(files, "v1.3.0-rc.2"))).toEqual([]);
    expect(complaints(await check(files, "1.3.0"))).toHaveLength(1);
    expect(complaints(await check(files, "1.3.0-rc.20"))).toHaveLength(1);
  });
});

function stated(name: string, version: string, rest = ""): string {
  return `[package]\nname = "${name}"\nversion = "${version}"\n${rest}`;
}

describe("a crate", () => {
  const path = "crates/a/Cargo.toml";

  test.each([
    ["inherits", 'version.workspace = true\nname = "a"'],
    ["states the version", 'version = "1.2.3"\nname = "a"'],
  ])("%s", async (_, lines) => {
    const findings = await check({ "Cargo.toml": root(), [path]: `[package]\n${lines}\n` });
    expect(complaints(findings)).toEqual([]);
    expect(notices(findings)[1]).toStartWith("crates/a/Cargo.toml -> 1.2.3 (");
  });

  test.each([
    ["another version", 'version = "1.2.2"', 3, "says 1.2.2, expected 1.2.3"],
    ["a number", "version = 1.2", 3, "says the number 1.2, expected 1.2.3"],
    ["an array", "version = []", 3, "says an array, expected 1.2.3"],
    ["workspace = false", "version.workspace = false", 3, "says a table, expected 1.2.3"],
    ["nothing", "", 1, "neither states a version nor inherits one"],
  ])("is refused that states %s", async (_, line, at, expected) => {
    const files = { "Cargo.toml": root(), [path]: `[package]\nname = "a"\n${line}\n` };
    const found = complaints(await check(files));
    expect(found).toHaveLength(1);
    expect(found[0]).toStartWith(`error ${path}:${at} Cannot tag v1.2.3: ${path} ${expected}`);
  });

  test("in [project], the old name of [package], is read as Cargo reads it", async () => {
    const old = (version: string) => `[project]\nname = "a"\nversion = "${version}"\n`;
    const files = (version: string) => ({ "Cargo.toml": root(), [path]: old(version) });
    expect(complaints(await check(files("1.2.3")))).toEqual([]);
    const refused = (await check(files("1.2.2"))).filter(({ level }) => level !== "notice");
    expect(refused).toMatchObject([
      {
        message: `Cannot tag v1.2.3: ${path} says 1.2.2, expected 1.2.3`,
        at: { file: path, line: 3 },
        remedy: `Set version = "1.2.3" in [project] of ${path}, or version.workspace = true`,
      },
    ]);
  });

  test.each([
    ["", '[workspace]\nmembers = ["crates/*"]\n'],
    [", whatever the root package states", `${stated("top", "1.2.3")}[workspace]\n`],
  ])("that inherits a version which is not there is refused%s", async (_, manifest) => {
    const files = { ...good, "Cargo.toml": manifest };
    expect(complaints(await check(files))).toEqual([
      "error crates/a/Cargo.toml:3 Cannot read the workspace: crates/a/Cargo.toml inherits a workspace version, and there is none",
      "error crates/b/Cargo.toml:3 Cannot read the workspace: crates/b/Cargo.toml inherits a workspace version, and there is none",
    ]);
  });
});

describe("a member with publish = false", () => {
  const pinning = (requirement: string, rest = "") =>
    stated("x", "0.1.0", `publish = false\n${rest}[dependencies]\na = "${requirement}"\n`);
  const listing = root().replace('"crates/*"', '"crates/a", "crates/b", "tools/x"');
  const inTools = "tools/x/Cargo.toml";
  const judge = (manifest: string, changes: Files = {}) =>
    check({ ...good, "Cargo.toml": listing, [inTools]: manifest, ...changes });

  test.each(["publish = false", "publish = []"])("is a notice: %s", async (line) => {
    const findings = await judge(stated("x", "0.1.0", `${line}\n[dependencies]\na = "1.2"\n`));
    expect(complaints(findings)).toEqual([]);
    expect(notices(findings)).toContain(`${inTools} is not released: it says publish = false`);
    expect(notices(findings)).toContain(`${inTools}: a -> 1.2 (admits 1.2.3)`);
  });

  test("is like one without a version, which Cargo does not publish", async () => {
    const findings = await judge('[package]\nname = "x"\n');
    expect(complaints(findings)).toEqual([]);
    expect(notices(findings)).toContain(`${inTools} is not released: it states no version`);
  });

  test.each([
    ["that no longer admits the version", "=1.2.2", `5 Cannot tag v1.2.3: ${inTools} requires a`],
    ["that Cargo cannot read", "one", `5 Cannot tag v1.2.3: ${inTools} requires a`],
  ])("is refused for a requirement %s", async (_, requirement, expected) => {
    const [found = "", ...more] = complaints(await judge(pinning(requirement)));
    expect(more).toEqual([]);
    expect(found.replace("6 ", "5 ")).toStartWith(`error ${inTools}:${expected}`);
  });

  test("is no sibling: a crate may require any version of it", async () => {
    const a = crate("a", '[dev-dependencies]\nx = { path = "../../tools/x", version = "0.1" }\n');
    expect(complaints(await judge(pinning("1"), { "crates/a/Cargo.toml": a }))).toEqual([]);
  });

  test.each([
    ["in the usual place", "crates/x/Cargo.toml", stated("x", "0.1.0", "publish = false\n")],
    ["named like the product", inTools, stated("perf-sentinel", "0.1.0", "publish = false\n")],
    ["that is published", inTools, stated("perf-sentinel-core", "0.1.0", "publish = []\n")],
    ["of which publish is unset", inTools, stated("x", "0.1.0")],
  ])("counts, as does one %s", async (_, path, manifest) => {
    const members = listing.replace("tools/x", path.slice(0, -"/Cargo.toml".length));
    const files = { ...good, "Cargo.toml": members, [path]: manifest };
    expect(complaints(await check(files))).toEqual([
      `error ${path}:3 Cannot tag v1.2.3: ${path} says 0.1.0, expected 1.2.3`,
    ]);
  });

  test("that inherits a version which is not there is refused", async () => {
    const files = {
      "Cargo.toml": '[workspace]\nmembers = ["a", "x"]\n',
      "a/Cargo.toml": stated("a", "1.2.3"),
      "x/Cargo.toml": crate("x", "publish = false\n"),
    };
    expect(complaints(await check(files))).toEqual([
      "error x/Cargo.toml:3 Cannot read the workspace: x/Cargo.toml inherits a workspace version, and there is none",
    ]);
  });
});

describe("a crate in the usual place that is left out", () => {
  const listing = root().replace('"crates/*"', '"crates/a", "crates/b"');
  const own = (name: string) => stated(name, "0.1.0", "\n[workspace]\n");
  const inOld = "crates/old/Cargo.toml";

  test.each<[string, Files, Finding]>([
    [
      "as a workspace of its own",
      { "Cargo.toml": listing, [inOld]: own("old") },
      {
        level: "warning",
        message: `${inOld} is left out: it is a workspace of its own, not a member of Cargo.toml`,
        at: { file: inOld, line: 5, column: 2 },
        remedy: `Remove [workspace] from ${inOld}, or move crates/old away from crates/*/Cargo.toml`,
      },
    ],
  ])("is told with a warning, and not judged: %s", async (_, files, expected) => {
    const findings = await check({ ...good, ...files });
    expect(findings.filter(({ level }) => level !== "notice")).toEqual([expected]);
  });

  test.each<[string, Files, Finding]>([
    [
      "by exclude",
      {
        "Cargo.toml": excluding('"./crates/old/"'),
        [inOld]: stated("perf-sentinel-core", "0.3.0"),
      },
      {
        level: "error",
        message: `Cannot tag v1.2.3: ${inOld} is left out, and a release publishes perf-sentinel-core: Cargo.toml excludes "./crates/old/"`,
        at: { file: "Cargo.toml", line: 3, column: 13 },
        remedy:
          'Remove "./crates/old/" from exclude of [workspace] in Cargo.toml, or set published.crates in scripts/layout.ts without perf-sentinel-core',
      },
    ],
  ])("is refused if a release publishes it: %s", async (_, files, expected) => {
    const findings = await check({ ...good, ...files });
    expect(findings.filter(({ level }) => level !== "notice")).toEqual([expected]);
  });

  test("is told by exclude though its manifest cannot be read", async () => {
    const files = { ...good, "Cargo.toml": excluding('"crates/old"'), [inOld]: "= old" };
    expect(complaints(await check(files))).toEqual([
      `warning Cargo.toml:3 ${inOld} is left out: Cargo.toml excludes "crates/old"`,
    ]);
  });
});

test("a crate behind a link is judged in the work tree and refused in a commit, unless excluded", async () => {
  await using world = await testRepository();
  const { root: top } = world;
  mkdirSync(join(top, "crates"));
  symlinkSync("../vendor/c", join(top, "crates/c"));
  const files = { ...good, "Cargo.toml": root(), "vendor/c/Cargo.toml": stated("c", "1.2.2") };
  const commit = await world.commit(files);
  const inTree = await checkTagVersion(workTree(top), parseVersion("1.2.3"));
  expect(complaints(inTree)).toEqual([
    "error crates/c/Cargo.toml:3 Cannot tag v1.2.3: crates/c/Cargo.toml says 1.2.2, expected 1.2.3",
  ]);
  await using objects = openObjects(await openRepository(top, world.env));
  const inCommit = await checkTagVersion(commitTree(objects, commit), parseVersion("1.2.3"));
  expect(inCommit.filter(({ level }) => level !== "notice")).toEqual([
    {
      level: "error",
      message: "Cannot read crates/c: found a symbolic link, expected a folder",
      at: { file: "crates/c" },
      commit,
      remedy: "Put a folder in place of the symbolic link crates/c, and commit that",
    },
  ]);
  const next = await world.commit({ "Cargo.toml": excluding('"crates/c"') });
  const excluded = await checkTagVersion(commitTree(objects, next), parseVersion("1.2.3"));
  expect(complaints(excluded)).toEqual([
    'warning Cargo.toml:3 crates/c/Cargo.toml is left out: Cargo.toml excludes "crates/c"',
  ]);
});

test("a workspace without crates is refused", async () => {
  const none = root().replace('"crates/*"', "");
  expect(complaints(await check({ "Cargo.toml": none }))).toEqual([
    "error Cargo.toml: Cannot tag v1.2.3: the workspace has no crates",
  ]);
  expect(complaints(await check({}))).toEqual([
    "error Cargo.toml: Cannot read the workspace: there is no Cargo.toml at the top level",
  ]);
});

describe("a pin", () => {
  const line = (text: string, needle: string) =>
    text.slice(0, text.indexOf(needle)).split("\n").length;

  /** Every spelling of a pin on crate `b` in crate `a`, with VERSION where the version stands. */
  const spellings: [string, string][] = [
    ["by name", '[dependencies]\nb = "VERSION"\n'],
    ["inline table", '[dependencies]\nb = { version = "VERSION" }\n'],
    ["by path", '[dependencies]\nb = { path = "../b", version = "VERSION" }\n'],
    ["by path alone", '[dependencies]\nx = { version = "VERSION", path = ".././b/" }\n'],
    ["sub-table", '[dependencies.b]\npath = "../b"\nversion = "VERSION"\n'],
    ["renamed", '[dependencies]\nbee = { package = "b", path = "../b", version = "VERSION" }\n'],
    ["build", '[build-dependencies]\nb = "VERSION"\n'],
    ["git", '[dependencies]\nb = { git = "https://example.invalid/b", version = "VERSION" }\n'],
  ];

  test.each(spellings)("is found and judged: %s", async (_, text) => {
    const manifest = (version: string) => crate("a", text.replace("VERSION", version));
    const path = "crates/a/Cargo.toml";
    const stale = manifest("1.2.2");
    expect(complaints(await check({ ...good, [path]: stale }))).toEqual([
      `error ${path}:${line(stale, "1.2.2")} Cannot tag v1.2.3: ${path} requires b 1.2.2, expected 1.2.3`,
    ]);
    const matching = await check({ ...good, [path]: manifest("1.2.3") });
    expect(complaints(matching)).toEqual([]);
    expect(notices(matching)).toContain(`${path}: b -> 1.2.3 (matches tag)`);
  });

  test.each([
    ["[workspace.dependencies]", 'b = "VERSION"\n'],
    [
      "[workspace.dependencies]",
      'bee = { package = "b", path = "crates/b", version = "VERSION" }\n',
    ],
    ["[workspace.dependencies]", 'x = { path = "crates/b", version = "VERSION" }\n'],
    ["[workspace.dependencies.b]", 'version = "VERSION"\n'],
    ["[patch.crates-io]", 'b = { path = "crates/b", version = "VERSION" }\n'],
    ['[patch."https://example.invalid"]', 'b = { path = "crates/b", version = "VERSION" }\n'],
    ["[dependencies]", 'b = "VERSION"\n'],
  ])("in the root manifest is found and judged: %s %s", async (header, text) => {
    const files = (version: string) => ({
      ...good,
      "Cargo.toml": `${stated("top", "1.2.3")}${root("1.2.3", `${header}\n${text.replace("VERSION", version)}`)}`,
    });
    const stale = files("1.2.2");
    expect(complaints(await check(stale))).toEqual([
      `error Cargo.toml:${line(stale["Cargo.toml"], "1.2.2")} Cannot tag v1.2.3: Cargo.toml requires b 1.2.2, expected 1.2.3`,
    ]);
    const matching = await check(files("1.2.3"));
    expect(complaints(matching)).toEqual([]);
    expect(notices(matching)).toContain("Cargo.toml: b -> 1.2.3 (matches tag)");
  });

  test.each([
    ["1.2.3", true],
    ["=1.2.3", true],
    ["^1.2.3", true],
    [" = 1.2.3 ", true],
    ["1.2", false],
    ["*", false],
    ["", false],
    ["~1.2.3", false],
    [">=1.2.3", false],
    ["==1.2.3", false],
    ["=v1.2.3", false],
    ["1.2.3, <2", false],
    ["1.2.3+build", false],
    ["1.2.3\\n", false],
  ])("requirement %p matches: %p", async (requirement, matches) => {
    const pin = crate("a", `[dependencies]\nb = "${requirement}"\n`);
    const found = complaints(await check({ ...good, "crates/a/Cargo.toml": pin }));
    expect(found).toHaveLength(matches ? 0 : 1);
    if (!matches) {
      expect(found[0]).toStartWith("error crates/a/Cargo.toml:5 Cannot tag v1.2.3: ");
      expect(found[0]).toEndWith(", expected 1.2.3");
    }
  });

  test.each([
    ["b = 1.2", "the number 1.2"],
    ["b = { version = 1 }", "the number 1"],
    ["b = true", "the boolean true"],
    ["b = { version = [] }", "an array"],
  ])("of the wrong type is refused: %s", async (entry, shown) => {
    const pin = crate("a", `[dependencies]\n${entry}\n`);
    expect(complaints(await check({ ...good, "crates/a/Cargo.toml": pin }))).toEqual([
      `error crates/a/Cargo.toml:5 Cannot tag v1.2.3: crates/a/Cargo.toml requires b with ${shown} as its version, expected 1.2.3`,
    ]);
  });

  test.each([
    ["another package with the same version", 'other = "1.2.2"\nother2 = { version = "1.2.2" }\n'],
    ["a name that differs", 'b_ = "0.1"\nB = "0.1"\nbb = "0.1"\nb-b = "0.1"\n'],
    ["a key that renames another package", 'b = { package = "other", version = "0.9" }\n'],
    ["inherited", "b.workspace = true\n"],
    ["inherited, with a version that Cargo ignores", 'b = { workspace = true, version = "0.9" }\n'],
    ["[replace], which states no requirement", '[replace]\n"b:1.2.2" = { path = "crates/b" }\n'],
    [
      "tables of other tools",
      '[package.metadata.dependencies]\nb = "0.9"\n[features]\nb = ["0.9"]\n',
    ],
    [
      "old spellings of tables, which Cargo ignores beside the new ones",
      '[dev-dependencies]\n[dev_dependencies]\nb = "0.9"\n[target.x.build-dependencies]\n[target.x.build_dependencies]\nb = "0.9"\n',
    ],
    [
      "an earlier release under another name",
      '[dev-dependencies]\nold = { package = "b", version = "=1.1.0" }\n',
    ],
    ["tables that count in the root only", '[patch.crates-io]\nb = "0.9"\n'],
  ])("is not what looks like one: %s", async (_, text) => {
    const files = {
      ...good,
      "Cargo.toml": root("1.2.3", '[workspace.dependencies]\nb = "1.2.3"\n'),
      "crates/a/Cargo.toml": crate("a", `[dependencies]\n${text}`),
    };
    const findings = await check(files);
    expect(complaints(findings)).toEqual([]);
    expect(notices(findings).filter((each) => each.includes("a/Cargo.toml:"))).toEqual([]);
  });

  /** Judges requirements of crate `a` on `b`, and returns what is not a notice. */
  const judgeRanges = async (tables: string, shared = "", rangesBetweenCrates = false) => {
    const files = {
      ...good,
      "Cargo.toml": root("1.2.3", shared),
      "crates/a/Cargo.toml": crate("a", tables),
    };
    const workspace = await readWorkspace(memoryTree(files), { ...layout, rangesBetweenCrates });
    const findings = judgeTagVersion(workspace, parseVersion("1.2.3"));
    return complaints(findings).map((each) => each.slice(each.lastIndexOf(": ") + 2));
  };
  const all = (requirement: string) =>
    `[dependencies]\nb = "${requirement}"\n[build-dependencies]\nb = "${requirement}"\n[dev-dependencies]\nb = "${requirement}"\n[target.x.dev-dependencies]\nb = "${requirement}"\n`;

  test.each([">=1", "1", "1.2", "1.2.2", ">=1.0, <2", "~1.2", "*"])(
    "may be a range that admits the version in a development dependency alone: %s",
    async (range) => {
      expect(await judgeRanges(all(range))).toHaveLength(2);
      expect(await judgeRanges(all(range), "", true)).toEqual([]);
    },
  );

  test("that does not admit the version is refused everywhere", async () => {
    expect(await judgeRanges(all("2"))).toHaveLength(4);
    expect(await judgeRanges(all("2"), "", true)).toHaveLength(4);
  });

  test("that is shared may be a range if only development dependencies inherit it", async () => {
    const shared = '[workspace.dependencies]\nb = ">=1"\n';
    const stale = ['Cargo.toml requires b ">=1", expected 1.2.3'];
    const inherited = "b.workspace = true\n";
    expect(await judgeRanges(`[dev-dependencies]\n${inherited}`, shared)).toEqual([]);
    expect(await judgeRanges(`[dependencies]\n${inherited}`, shared)).toEqual(stale);
    const both = `[dependencies]\n${inherited}[dev-dependencies]\n${inherited}`;
    expect(await judgeRanges(both, shared)).toEqual(stale);
    expect(await judgeRanges("", shared)).toEqual(stale);
  });

  test("tells `-` from `_`, as Cargo does in manifests", async () => {
    const files = {
      "Cargo.toml": root(),
      "crates/a/Cargo.toml": crate("a", '[dependencies]\nb-c = "1.2.2"\nb_c = "0.9"\n'),
      "crates/bc/Cargo.toml": crate("b-c"),
    };
    expect(complaints(await check(files))).toEqual([
      "error crates/a/Cargo.toml:5 Cannot tag v1.2.3: crates/a/Cargo.toml requires b-c 1.2.2, expected 1.2.3",
    ]);
  });

  test("is judged although another manifest cannot be read", async () => {
    const files = {
      "Cargo.toml": root(),
      "crates/a/Cargo.toml": crate(
        "a",
        '[dependencies]\nb = { path = "../b", version = "1.2.2" }\nc = "1.2.1"\n',
      ),
      "crates/b/Cargo.toml": "[package\n",
      "crates/c/Cargo.toml": crate("c"),
    };
    expect(complaints(await check(files))).toEqual([
      expect.stringContaining(
        "error crates/b/Cargo.toml:1 Cannot read crates/b/Cargo.toml: not valid",
      ),
      ...["b 1.2.2", "c 1.2.1"].map(
        (pin, index) =>
          `error crates/a/Cargo.toml:${5 + index} Cannot tag v1.2.3: crates/a/Cargo.toml requires ${pin}, expected 1.2.3`,
      ),
    ]);
  });
});

describe("a path dependency without a version", () => {
  const warned = async (files: Files) => complaints(await check(files));
  const refuses = (name: string, place: string) =>
    `warning ${place} cargo publish will refuse crates/a/Cargo.toml: its dependency ${name} has no version`;
  const at = "crates/a/Cargo.toml:5";

  test.each([
    ["normal", "[dependencies]", 'b = { path = "../b" }', [refuses("b", at)]],
    ["build", "[build-dependencies]", 'b = { path = "../b" }', [refuses("b", at)]],
    ["target", "[target.x.dependencies]", 'b = { path = "../b" }', [refuses("b", at)]],
    ["renamed", "[dependencies]", 'x = { path = "../b", package = "b" }', [refuses("b", at)]],
    ["no sibling", "[dependencies]", 'v = { path = "../../vendor/v" }', [refuses("v", at)]],
    ["from git, a sibling", "[dependencies]", 'b = { git = "x" }', [refuses("b", at)]],
    ["from git, no sibling", "[dependencies]", 'v = { git = "x" }', []],
    ["development, which is dropped", "[dev-dependencies]", 'b = { path = "../b" }', []],
    ["with a version", "[dependencies]", 'b = { path = "../b", version = "1.2.3" }', []],
  ])("is a warning where cargo publish refuses it: %s", async (_, header, entry, expected) => {
    const manifest = crate("a", `${header}\n${entry}\n`);
    expect(await warned({ ...good, "crates/a/Cargo.toml": manifest })).toEqual(expected);
    for (const unpublished of ["publish = false", "publish = []"]) {
      const hidden = crate("a", `${unpublished}\n${header}\n${entry}\n`);
      expect(await warned({ ...good, "crates/a/Cargo.toml": hidden })).toEqual([]);
    }
  });

  test("is told once where it is declared, if published crates inherit it", async () => {
    const shared = {
      ...good,
      "Cargo.toml": root("1.2.3", '[workspace.dependencies]\nb = { path = "crates/b" }\n'),
    };
    const using = (table: string) => crate("a", `[${table}]\nb.workspace = true\n`);
    const twice = {
      ...shared,
      "crates/a/Cargo.toml": using("dependencies"),
      "crates/c/Cargo.toml": using("dependencies").replace('"a"', '"c"'),
    };
    expect(await warned(twice)).toEqual([refuses("b", "Cargo.toml:6")]);
    expect(await warned({ ...shared, "crates/a/Cargo.toml": using("dev-dependencies") })).toEqual(
      [],
    );
    expect(await warned({ ...shared, "crates/a/Cargo.toml": crate("a") })).toEqual([]);
  });
});

describe("the command", () => {
  test("refuses from a subfolder, with the places and the ways out on standard error", async () => {
    await using world = await testRepository();
    writeFiles(world.root, good);
    const options = { cwd: join(world.root, "crates/a"), env: world.env };
    const { code, stdout, stderr } = await runScript(script, ["1.3.0"], options);
    expect(code).toBe(1);
    expect(stdout).not.toContain("matches tag");
    expect(stderr).toBe(
      [
        "error: Cannot tag v1.3.0: the workspace is at 1.2.3: did you mean v1.2.3?",
        "  at Cargo.toml:4:1",
        "  at crates/a/Cargo.toml:5:22",
        "  fix: Name v1.2.3 if you meant that; else bump first: bun scripts/bump-version.ts 1.3.0",
        "",
      ].join("\n"),
    );
  });

  test("--ref judges that commit and nothing of the work tree, and says so", async () => {
    await using world = await testRepository();
    const commit = await world.commit(good);
    writeFiles(world.root, { "Cargo.toml": root("1.3.0"), "crates/b/Cargo.toml": "[package\n" });
    const run = async (...args: string[]) => {
      const options = { cwd: world.root, env: world.env };
      const { code, stdout, stderr } = await runScript(script, [...args, "--json"], options);
      return { code, stderr, report: JSON.parse(stdout) as JsonReport };
    };
    const [atCommit, inTree, elsewhere] = await Promise.all([
      run("1.2.3", "--ref", "HEAD"),
      run("1.2.3"),
      run("1.2.3", "--ref", "nowhere"),
    ]);
    expect(atCommit).toMatchObject({ code: 0, stderr: "" });
    expect(atCommit.report).toMatchObject({ script, ok: true, exitCode: 0 });
    expect(atCommit.report.findings.map((each) => each.commit)).toEqual(Array(4).fill(commit));
    expect(inTree).toMatchObject({ code: 1, stderr: "", report: { ok: false, exitCode: 1 } });
    expect(inTree.report.findings).toContainEqual({
      level: "error",
      message: "Cannot tag v1.2.3: the workspace is at 1.3.0: did you mean v1.3.0?",
      remedy:
        "The workspace is at 1.3.0, and a bump goes forward only: ask about that version, or about a commit of 1.2.3 with --ref",
      file: "Cargo.toml",
      line: 4,
      column: 1,
    });
    expect(elsewhere.code).toBe(1);
    expect(elsewhere.report.findings[0]?.message).toContain('Cannot find commit "nowhere"');
  });
});
