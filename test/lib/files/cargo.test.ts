import { describe, expect, test } from "bun:test";
import { readWorkspace } from "../../../scripts/lib/files/cargo.ts";
import { layout } from "../../../scripts/lib/layout.ts";
import { memoryTree } from "../../helpers/memory-tree.ts";

type Files = Readonly<Record<string, string>>;

const root = (members: string, rest = "") =>
  `[workspace]\nmembers = ${members}\n${rest}\n[workspace.package]\nversion = "1.2.3"\n`;

const crate = (name: string, rest = "") =>
  `[package]\nname = "${name}"\nversion.workspace = true\n${rest}`;

const read = (files: Files) => readWorkspace(memoryTree(files));

const manifestsOf = async (files: Files) =>
  (await read(files)).crates.map(({ manifest }) => manifest);

/** What is left out, each with its package and what excludes it. */
const leftOutOf = async (files: Files) =>
  (await read(files)).leftOut.map(
    ({ manifest, name = "?", excludedBy }) =>
      `${manifest} ${name}${excludedBy === undefined ? "" : ` by ${excludedBy}`}`,
  );

const faultsOf = async (files: Files) =>
  (await read(files)).faults.map(({ level, message, at }) => {
    expect(level).toBe("error");
    return `${at?.file}:${at?.line ?? ""} ${message}`;
  });

describe("crates", () => {
  const crates = {
    "crates/a/Cargo.toml": crate("a"),
    "crates/b/Cargo.toml": crate("b"),
    "libs/x/y/Cargo.toml": crate("y"),
    "libs/z/Cargo.toml": crate("z"),
    "fuzz/Cargo.toml": crate("fuzz", "[workspace]\n"),
  };
  const inCrates = ["crates/a/Cargo.toml", "crates/b/Cargo.toml"];

  test.each([
    ["members spelled out", '["crates/a", "crates/b"]', inCrates],
    ["a glob", '["crates/*"]', inCrates],
    ["a character class, which Cargo's globs have", '["libs/[!a]"]', [...inCrates, "libs/z"]],
    ["a glob over any depth", '["libs/**"]', [...inCrates, "libs/x/y", "libs/z"]],
    ["crates in the usual place that members forgets", '["libs/z"]', [...inCrates, "libs/z"]],
    [
      "needless dots and slashes",
      '["./crates/a", "crates//b/", "crates/../libs/z"]',
      [...inCrates, "libs/z"],
    ],
    ["no members", "[]", inCrates],
  ])("%s", async (_, members, expected) => {
    const files = { ...crates, "Cargo.toml": root(members) };
    const paths = expected.map((path) => (path.endsWith(".toml") ? path : `${path}/Cargo.toml`));
    expect(await manifestsOf(files)).toEqual(paths);
    expect(await faultsOf(files)).toEqual([]);
  });

  test.each([
    ["leaves out what a glob matches", '["crates/*"]', '["crates/b"]', ["a"]],
    ["takes `./` and a slash at the end", '["crates/*"]', '["./crates/b/"]', ["a"]],
    ["leaves out crates in the usual place too", "[]", '["crates/b"]', ["a"]],
    [
      "does not touch a member that is spelled out",
      '["crates/a", "crates/b"]',
      '["crates/b"]',
      ["a", "b"],
    ],
    ["does not touch what lies below such a member", '["crates"]', '["crates/b"]', ["a", "b"]],
  ])("exclude %s", async (_, members, exclude, expected) => {
    const files = { ...crates, "Cargo.toml": root(members, `exclude = ${exclude}`) };
    const { crates: found } = await read(files);
    expect(found.map(({ name }) => name)).toEqual(expected);
  });

  test("the root package is a crate, and comes first", async () => {
    const files = {
      "Cargo.toml": `${crate("top")}\n${root('[".", "crates/a"]')}`,
      "crates/a/Cargo.toml": crate("a"),
    };
    const { crates: found, faults } = await read(files);
    expect(found.map(({ name }) => name)).toEqual(["top", "a"]);
    expect(faults).toEqual([]);
  });

  test("a crate that is a workspace of its own counts only if members lists it", async () => {
    const own = { "crates/fuzz/Cargo.toml": crate("fuzz", "[workspace]\n") };
    const crates = { "crates/a/Cargo.toml": crate("a") };
    const unlisted = { ...own, ...crates, "Cargo.toml": root('["crates/a"]') };
    expect(await manifestsOf(unlisted)).toEqual(["crates/a/Cargo.toml"]);
    expect(await leftOutOf(unlisted)).toEqual(["crates/fuzz/Cargo.toml fuzz"]);
    const listed = { ...own, ...crates, "Cargo.toml": root('["crates/fuzz"]') };
    expect(await manifestsOf(listed)).toEqual(["crates/a/Cargo.toml", "crates/fuzz/Cargo.toml"]);
    expect(await leftOutOf(listed)).toEqual([]);
  });

  test.each([
    ["exclude names", '["crates/*"]', '["fuzz", "crates/b"]', ["b by crates/b"]],
    ["exclude names, forgotten by members", '["crates/a"]', '["crates/b"]', ["b by crates/b"]],
    ["nothing names: members spells it out", '["crates/a", "crates/b"]', '["crates/b"]', []],
    ["nothing names: it is elsewhere", '["crates/*", "libs/*"]', '["libs/z", "fuzz"]', []],
  ])("in the usual place is left out if %s", async (_, members, exclude, expected) => {
    const files = { ...crates, "Cargo.toml": root(members, `exclude = ${exclude}`) };
    expect(await leftOutOf(files)).toEqual(
      expected.map((each) => `crates/${each[0]}/Cargo.toml ${each}`),
    );
  });

  test("those left out are told by path, and with what can be read of them", async () => {
    const files = {
      "Cargo.toml": root('["crates/a"]', 'exclude = ["crates/d", "crates/b"]'),
      "crates/a/Cargo.toml": crate("a"),
      "crates/b/Cargo.toml": "= b",
      "crates/c/Cargo.toml": crate("c", "[workspace]\n"),
      "crates/d/Cargo.toml": "[package]\nname = 1\n",
    };
    expect(await leftOutOf(files)).toEqual([
      "crates/b/Cargo.toml ? by crates/b",
      "crates/c/Cargo.toml c",
      "crates/d/Cargo.toml ? by crates/d",
    ]);
    expect(await faultsOf(files)).toEqual([]);
  });

  test.each([
    ["libs/[^a]", ["libs/^", "libs/a"]],
    ["libs/[!^]", ["libs/a", "libs/b"]],
    ["libs/*\\\\x", ["libs/b\\x"]],
  ])("a glob reads as Cargo reads it: %s", async (glob, expected) => {
    const folders = ["libs/^", "libs/a", "libs/b", "libs/b\\x"];
    const crates = Object.fromEntries(
      folders.map((folder, index) => [`${folder}/Cargo.toml`, crate(`c${index}`)]),
    );
    const found = await manifestsOf({ ...crates, "Cargo.toml": root(`["${glob}"]`) });
    expect(found).toEqual(expected.map((folder) => `${folder}/Cargo.toml`));
  });

  test("a path dependency counts if it inherits the workspace version, at any distance", async () => {
    const files = {
      "Cargo.toml": root('["crates/a"]', 'exclude = ["vendor/out"]'),
      "crates/a/Cargo.toml": crate(
        "a",
        '[dependencies]\nx = { path = "../../base/x" }\nv = { path = "../../vendor/v" }\n' +
          'out = { path = "../../vendor/out" }\nfar = { path = "../../../far" }\n' +
          'gone = { path = "../../gone" }\n',
      ),
      "base/x/Cargo.toml": crate("x", '[dev-dependencies]\ny = { path = "../y" }\n'),
      "base/y/Cargo.toml": crate("y", '[dev-dependencies]\na = { path = "../../crates/a" }\n'),
      "vendor/v/Cargo.toml": '[package]\nname = "v"\nversion = "0.1.0"\n',
      "vendor/out/Cargo.toml": crate("out"),
      "base/unused/Cargo.toml": crate("unused"),
    };
    const { crates: found, faults } = await read(files);
    expect(found.map(({ name }) => name)).toEqual(["x", "y", "a"]);
    expect(faults).toEqual([]);
  });

  test.each([
    ["true", "publish = true", true],
    ["a registry", 'publish = ["internal"]', true],
    ["false", "publish = false", false],
    ["no registry", "publish = []", false],
    ["the workspace's false", "publish.workspace = true", false],
  ])("published: %s", async (_, line, published) => {
    const { crates: found } = await read({
      "Cargo.toml": `${root('["crates/a"]')}publish = false\n`,
      "crates/a/Cargo.toml": crate("a", line),
    });
    expect(found.map((each) => each.published)).toEqual([published]);
  });
});

describe("faults", () => {
  const a = { "crates/a/Cargo.toml": crate("a") };

  test.each<[string, Files, string[]]>([
    [
      "no root manifest",
      a,
      ["Cargo.toml: Cannot read the workspace: there is no Cargo.toml at the top level"],
    ],
    [
      "an illegal root manifest",
      { ...a, "Cargo.toml": "[workspace]\nmembers = [\n" },
      [expect.stringContaining("Cargo.toml:2 Cannot read Cargo.toml: not valid TOML")],
    ],
    [
      "a member without a manifest",
      { ...a, "Cargo.toml": root('[\n"crates/a",\n"libs/b"\n]') },
      ["Cargo.toml:4 Cannot read the workspace: there is no libs/b/Cargo.toml"],
    ],
    [
      "a glob without a match",
      { ...a, "Cargo.toml": root('["crates/*", "libs/*"]') },
      ['Cargo.toml:2 Cannot read the workspace: member "libs/*" matches no crate'],
    ],
    [
      "braces, which Cargo's globs do not have",
      { ...a, "Cargo.toml": root('["crates/{a,b}", "crates/{a,b}*"]') },
      [
        'Cargo.toml:2 Cannot read the workspace: member "crates/{a,b}*" matches no crate',
        "Cargo.toml:2 Cannot read the workspace: there is no crates/{a,b}/Cargo.toml",
      ],
    ],
    [
      "a member outside",
      { ...a, "Cargo.toml": root('["../out", "/abs"]') },
      [
        'Cargo.toml:2 Cannot read the workspace: member "../out" lies outside the workspace folder',
        'Cargo.toml:2 Cannot read the workspace: member "/abs" lies outside the workspace folder',
      ],
    ],
    [
      "members that is no array",
      { ...a, "Cargo.toml": root('"crates/a"') },
      ['Cargo.toml:2 Cannot read the workspace: workspace.members in Cargo.toml holds "crates/a"'],
    ],
    [
      "an entry that is no text",
      { ...a, "Cargo.toml": root("[1, true, {}, []]") },
      [
        "Cargo.toml:2 Cannot read the workspace: workspace.members in Cargo.toml holds the number 1",
      ],
    ],
    [
      "a crate without a name",
      { "Cargo.toml": root("[]"), "crates/a/Cargo.toml": "\n[package]" },
      [
        "crates/a/Cargo.toml:2 Cannot read the workspace: crates/a/Cargo.toml does not name its package",
      ],
    ],
  ])("%s", async (_, files, expected) => {
    expect(await faultsOf(files)).toEqual(expected);
  });

  test("all faults are told at once, in the order of the files", async () => {
    const files = {
      "Cargo.toml": root('["crates/c", "crates/a", "crates/d", "crates/b", "libs/b"]'),
      "crates/c/Cargo.toml": "= c",
      "crates/d/Cargo.toml": "= d",
      "crates/a/Cargo.toml": "= a",
      "crates/b/Cargo.toml": crate("b"),
    };
    const faults = await faultsOf(files);
    expect(faults.map((each) => each.split(" ")[0])).toEqual([
      "Cargo.toml:2",
      "crates/a/Cargo.toml:1",
      "crates/c/Cargo.toml:1",
      "crates/d/Cargo.toml:1",
    ]);
    expect(await manifestsOf(files)).toEqual(["crates/b/Cargo.toml"]);
  });
});

describe("a workspace in a subfolder", () => {
  const of = {
    ...layout,
    workspaceManifest: "rust/Cargo.toml",
    crateManifests: "rust/libs/*/Cargo.toml",
  };
  const pin = (path: string) => `[dependencies]\nx = { path = "${path}", version = "1.2.3" }\n`;
  const files = {
    "Cargo.toml": root('["z"]'),
    "rust/a/Cargo.toml": crate("a", pin("../b")),
    "rust/b/Cargo.toml": crate("b", pin("../../shared/c")),
    "rust/libs/d/Cargo.toml": crate("d"),
    "rust/libs/old/Cargo.toml": crate("old"),
    "shared/c/Cargo.toml": crate("c"),
    "a/Cargo.toml": "not read",
  };

  test.each([
    ["spelled out", '["a", "b", "libs/d"]', '["libs/old"]'],
    ["a glob", '["[ab]", "libs/*"]', '["./libs/old/"]'],
    ["in dots", '["../rust/a", "./b"]', '["libs/old"]'],
  ])(
    "has its members, exclude and path dependencies relative to it: %s",
    async (_, members, exclude) => {
      const manifest = `${root(members, `exclude = ${exclude}`)}[workspace.dependencies]\ny = { path = "a", version = "1.2.3" }\n`;
      const found = await readWorkspace(memoryTree({ ...files, "rust/Cargo.toml": manifest }), of);
      expect(found.faults).toEqual([]);
      expect(found.crates.map((each) => each.manifest)).toEqual([
        "rust/a/Cargo.toml",
        "rust/b/Cargo.toml",
        "rust/libs/d/Cargo.toml",
        "shared/c/Cargo.toml",
      ]);
      expect(found.pins.map((each) => `${each.manifest} ${each.sibling}`)).toEqual([
        "rust/Cargo.toml a",
        "rust/a/Cargo.toml b",
        "rust/b/Cargo.toml c",
      ]);
      expect(found.leftOut.map((each) => each.manifest)).toEqual(["rust/libs/old/Cargo.toml"]);
    },
  );

  test("may have a root package, and tells its absent member with its own path", async () => {
    const manifest = `${crate("top", pin("b"))}${root('["b", "gone"]')}`;
    const found = await readWorkspace(memoryTree({ ...files, "rust/Cargo.toml": manifest }), of);
    expect(found.crates[0]).toMatchObject({ manifest: "rust/Cargo.toml", name: "top" });
    expect(found.pins[0]).toMatchObject({ manifest: "rust/Cargo.toml", sibling: "b" });
    expect(found.faults).toMatchObject([
      {
        message: "Cannot read the workspace: there is no rust/gone/Cargo.toml",
        at: { file: "rust/Cargo.toml" },
        remedy: "Add rust/gone/Cargo.toml, or remove it from members in rust/Cargo.toml",
      },
    ]);
  });
});

test("a path dependency that the layout names is a crate, whatever version it states", async () => {
  const own = (name: string) => `[package]\nname = "${name}"\nversion = "0.1.0"\n`;
  const files = {
    "Cargo.toml": `${own("top")}[dependencies]\nx = { path = "core" }\ny = { path = "vendored" }\n[workspace]\n`,
    "core/Cargo.toml": own("perf-sentinel-core"),
    "vendored/Cargo.toml": own("vendored"),
  };
  expect(await manifestsOf(files)).toEqual(["Cargo.toml", "core/Cargo.toml"]);
});

describe("statements, for those who list or edit them", () => {
  test("each carries its document, its keys, its value and its place", async () => {
    const { version, crates, pins } = await read({
      "Cargo.toml": `${root('["crates/*"]')}[workspace.dependencies]\nb = "=1.2.3"\n`,
      "crates/a/Cargo.toml":
        '[package]\nname = "a"\nversion = "1.2.3"\n[target."cfg(feature = \\"version\\")".dependencies]\n' +
        'bb = { package = "b", version = "^1.2.3", path = "../b" }\n',
      "crates/b/Cargo.toml": crate("b"),
    });
    const told = [version, crates[0]?.version, ...pins.map(({ requirement }) => requirement)].map(
      (each) => each && [each.document.source.path, each.path, each.value, each.place()],
    );
    const inA = "crates/a/Cargo.toml";
    expect(told).toEqual([
      ["Cargo.toml", ["workspace", "package", "version"], "1.2.3", at("Cargo.toml", 5, 1)],
      [inA, ["package", "version"], "1.2.3", at(inA, 3, 1)],
      ["Cargo.toml", ["workspace", "dependencies", "b"], "=1.2.3", at("Cargo.toml", 7, 6)],
      [
        inA,
        ["target", 'cfg(feature = "version")', "dependencies", "bb", "version"],
        "^1.2.3",
        at(inA, 5, 23),
      ],
    ]);
    for (const { requirement } of pins) {
      expect(requirement.document.at(requirement.path)).toBe(requirement.value);
    }
  });

  const at = (file: string, line: number, column: number) => ({ file, line, column });

  test("what is not stated has the place of the table around it", async () => {
    const { version, crates } = await read({
      "Cargo.toml": '[workspace]\nmembers = ["crates/a"]\n',
      "crates/a/Cargo.toml": '\n[package]\nname = "a"\n',
    });
    expect(version).toBeUndefined();
    expect(crates[0]?.version.place()).toEqual(at("crates/a/Cargo.toml", 2, 2));
  });
});

test("each of 2,000 absent members is told, and no parse of the manifest stays for each", async () => {
  const members = Array.from({ length: 2000 }, (_, index) => `"crates/member-${index}"`);
  const before = process.memoryUsage.rss();
  const faults = await faultsOf({ "Cargo.toml": root(`[${members.join(",\n")}]`) });
  expect(faults).toHaveLength(2000);
  expect(faults[0]).toStartWith("Cargo.toml:2 ");
  expect(process.memoryUsage.rss() - before).toBeLessThan(500_000_000);
});

test.each([["[package\n"], [undefined]])(
  "a pin on a member counts although its manifest cannot be read or is missing: %p",
  async (manifest) => {
    const pin = '[dependencies]\nb = { path = "../b", version = "1.2.2" }\n';
    const { pins, faults } = await read({
      "Cargo.toml": root('["crates/a", "crates/b"]'),
      "crates/a/Cargo.toml": crate("a", pin),
      ...(manifest === undefined ? {} : { "crates/b/Cargo.toml": manifest }),
    });
    expect(pins.map(({ sibling, requirement }) => [sibling, requirement.value])).toEqual([
      ["b", "1.2.2"],
    ]);
    expect(faults).toHaveLength(1);
  },
);
