import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync, truncateSync } from "node:fs";
import { join } from "node:path";
import {
  findFile,
  isAbsent,
  readIfThere,
  realPath,
  reason,
  wayOut,
} from "../../../scripts/lib/disk/files.ts";
import { workTree } from "../../../scripts/lib/disk/work-tree.ts";
import { error, Refusal } from "../../../scripts/lib/finding.ts";
import { temporaryFolder, writeFiles } from "../../helpers/world.ts";

/** Returns the refusal of a question. */
async function refused(question: Promise<unknown>): Promise<Refusal> {
  const thrown: unknown = await question.then(
    () => undefined,
    (reason) => reason,
  );
  expect(thrown).toBeInstanceOf(Refusal);
  return thrown as Refusal;
}

test("a file reads as it is on disk now, and an absent one is undefined", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, { "a/b.txt": "one" });
  const tree = workTree(folder.path);
  expect((await tree.read("a/b.txt"))?.text).toBe("one");
  writeFiles(folder.path, { "a/b.txt": "\ufefftwo" });
  const read = await tree.read("a/b.txt");
  expect(read?.text).toBe("two");
  expect(read?.place(0)).toEqual({ file: "a/b.txt", line: 1, column: 1 });
  expect(await tree.read("a/c.txt")).toBeUndefined();
  expect(await tree.read("a/b.txt/c")).toBeUndefined();
  expect(await workTree(join(folder.path, "gone")).read("a")).toBeUndefined();
});

test("a link reads as its target; one that leads nowhere, or in circles, is refused", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, { real: "text" });
  symlinkSync("real", join(folder.path, "link"));
  symlinkSync("gone", join(folder.path, "dangling"));
  symlinkSync("circle", join(folder.path, "circle"));
  const tree = workTree(folder.path);
  expect((await tree.read("link"))?.text).toBe("text");
  for (const [link, target] of [
    ["dangling", "gone"],
    ["circle", "circle"],
  ]) {
    expect((await refused(tree.read(`${link}`))).message).toBe(
      `Cannot read ${link}: found the symbolic link ${link} to ${target}, expected a file of this checkout`,
    );
  }
});

const leadingOut: [path: string, link: string, target: string, kind: "file" | "folder"][] = [
  ["Cargo.toml", "Cargo.toml", "/dev/null", "file"],
  ["a.txt", "a.txt", "../outside/a.txt", "file"],
  ["git.txt", "git.txt", ".git/config", "file"],
  ["out/a.txt", "out", "../outside", "folder"],
  ["out/none.txt", "out", "../outside", "folder"],
  ["chain/a.txt", "chain", "out", "folder"],
];

test.each(leadingOut)(
  "%s is refused if %s leads out of the checkout, to %s",
  async (path, link, target, kind) => {
    using folder = temporaryFolder();
    const root = join(folder.path, "top");
    writeFiles(folder.path, { "top/.git/config": "", "outside/a.txt": "a" });
    symlinkSync("../outside", join(root, "out"));
    if (link !== "out") {
      symlinkSync(target, join(root, link));
    }
    expect((await refused(workTree(root).read(path))).findings).toEqual([
      {
        level: "error",
        message: `Cannot read ${path}: found the symbolic link ${link} to ${target}, expected a ${kind} of this checkout`,
        at: { file: path },
        remedy: `Put a ${kind} in place of the symbolic link ${link}, or move it away`,
      },
    ]);
  },
);

test("a list never looks out of the checkout, and names what may be there", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, "top");
  writeFiles(folder.path, { "top/src/a.rs": "", "outside/deep/b.rs": "" });
  symlinkSync("../../outside", join(root, "src/out"));
  symlinkSync("../outside", join(root, "out"));
  const tree = workTree(root);
  expect(await tree.list("src/**/*.rs")).toEqual(["src/a.rs", "src/out/*.rs"]);
  expect((await refused(tree.read("src/out/*.rs"))).message).toContain(
    "found the symbolic link src/out",
  );
  expect((await refused(tree.list("out/*.rs"))).message).toContain("found the symbolic link out");
});

test("a file of more than 64 MB is refused", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "Cargo.toml");
  writeFiles(folder.path, { "Cargo.toml": "" });
  truncateSync(path, 64 * 2 ** 20 + 1);
  const words = "found 67,108,865 bytes, expected at most 64 MB";
  const tree = workTree(folder.path);
  expect((await refused(tree.read("Cargo.toml"))).message).toBe(`Cannot read Cargo.toml: ${words}`);
  expect((await refused(readIfThere(path, "x"))).message).toBe(`Cannot read x: ${words}`);
  expect((await refused(readIfThere("/dev/zero"))).message).toContain("found a device");
});

test("a list holds files and links, not folders and not what is git's own", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, {
    ".git/config": "",
    ".github/x.yml": "",
    "b/Cargo.toml": "",
    "a/Cargo.toml": "",
    "a/.git": "",
    "Z/Cargo.toml": "",
    "back\\slash.txt": "",
  });
  mkdirSync(join(folder.path, "c/Cargo.toml"), { recursive: true });
  symlinkSync("a/Cargo.toml", join(folder.path, "linked"));
  const tree = workTree(folder.path);
  expect(await tree.list("*/Cargo.toml")).toEqual(["Z/Cargo.toml", "a/Cargo.toml", "b/Cargo.toml"]);
  expect(await tree.list("**")).toEqual([
    ".github/x.yml",
    "Z/Cargo.toml",
    "a/Cargo.toml",
    "b/Cargo.toml",
    "back\\slash.txt",
    "linked",
  ]);
  expect(await tree.list("gone/*")).toEqual([]);
  expect(await workTree(join(folder.path, "gone")).list("*")).toEqual([]);
});

test("a list looks through links to folders, in circles only once", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, { "top/crates/a/Cargo.toml": "", "top/v/b/Cargo.toml": "" });
  writeFiles(folder.path, { "out/Cargo.toml": "" });
  const links = {
    "crates/b": "../v/b",
    "crates/out": "../../out",
    "crates/self": ".",
    "crates/up": "..",
    "crates/gone": "nowhere",
    "crates/circle": "circle",
    "v/crates": "../crates",
  };
  for (const [path, target] of Object.entries(links)) {
    symlinkSync(target, join(folder.path, "top", path));
  }
  const tree = workTree(join(folder.path, "top"));
  const crates = ["crates/a/Cargo.toml", "crates/b/Cargo.toml", "crates/out/Cargo.toml"];
  expect(await tree.list("crates/*/Cargo.toml")).toEqual(crates);
  expect(await tree.list("**/Cargo.toml")).toEqual([
    ...crates,
    "v/b/Cargo.toml",
    ...crates.map((path) => `v/${path}`),
  ]);
  expect((await tree.read("crates/b/Cargo.toml"))?.text).toBe("");
});

test.if(process.platform === "linux")(
  "a folder whose name is not UTF-8 is refused where a match may be in it",
  async () => {
    using folder = temporaryFolder();
    mkdirSync(join(folder.path, "crates"));
    mkdirSync(Buffer.concat([Buffer.from(join(folder.path, "crates/")), Buffer.from([0xff])]));
    const tree = workTree(folder.path);
    const { findings } = await refused(tree.list("crates/*/Cargo.toml"));
    expect(findings).toEqual([
      {
        level: "error",
        message: "Cannot list crates/\ufffd: found a name that is not UTF-8",
        at: { file: "crates/\ufffd" },
        remedy: "Give the folder a name in UTF-8",
      },
    ]);
    expect(await tree.list("*/Cargo.toml")).toEqual([]);
  },
);

test.each([
  ["EACCES", "Give yourself access to x"],
  ["EIO", "Look at x, and run this again"],
])("the way out of %s", (code, remedy) => {
  expect(wayOut(Object.assign(new Error(code), { code }), "x")).toBe(remedy);
});

test("a message names a file as the operator knows it", async () => {
  using folder = temporaryFolder();
  expect((await refused(readIfThere(folder.path, "the ledger"))).message).toBe(
    "Cannot read the ledger: found a folder, expected a file",
  );
  expect((await refused(readIfThere("nul\0byte"))).message).toMatch(/^Cannot read nul\0byte: /);
});

test("only 'no such file' is an absence", () => {
  const failure = (code: string) => Object.assign(new Error(`${code}: words`), { code });
  expect(isAbsent(failure("ENOENT"))).toBe(true);
  expect(isAbsent(failure("ENOTDIR"))).toBe(true);
  for (const other of [failure("EACCES"), failure("EIO"), new Error("ENOENT"), undefined]) {
    expect(isAbsent(other)).toBe(false);
  }
  expect(reason(failure("EACCES"))).toBe("EACCES: words");
  expect(reason("words")).toBe("words");
});

test("a path that leads nowhere is its own real path", () => {
  using folder = temporaryFolder();
  const nowhere = join(folder.path, "nowhere");
  expect(realPath(nowhere)).toBe(nowhere);
});

describe("a plain file", () => {
  test("is found with its bytes and its mode, and where nothing is, nothing", () => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { "sub/a.txt": "a" });
    chmodSync(join(folder.path, "sub/a.txt"), 0o640);
    const find = (path: string) => findFile(folder.path, path, { links: "none" });
    expect(find("sub/a.txt")).toEqual({ bytes: Buffer.from("a"), mode: 0o640 });
    expect(find("sub/b.txt")).toBeUndefined();
    expect(find("none/a.txt")).toBeUndefined();
  });

  test.each([
    ["folder", "a folder", "a file", "file in place of the folder folder"],
    ["pipe", "a named pipe", "a file", "file in place of the named pipe pipe"],
    [
      "link",
      "the symbolic link link to a.txt",
      "a plain file",
      "file in place of the symbolic link link",
    ],
    [
      "way/a.txt",
      "the symbolic link way to other",
      "a plain folder",
      "folder in place of the symbolic link way",
    ],
    [
      "way/none",
      "the symbolic link way to other",
      "a plain folder",
      "folder in place of the symbolic link way",
    ],
    ["a.txt/b.txt", "the file a.txt", "a plain folder", "folder in place of the file a.txt"],
  ])("is nothing else: %s is refused with a way out", async (path, found, expected, way) => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { "a.txt": "a", "other/a.txt": "a" });
    mkdirSync(join(folder.path, "folder"));
    symlinkSync("a.txt", join(folder.path, "link"));
    symlinkSync("other", join(folder.path, "way"));
    Bun.spawnSync(["mkfifo", join(folder.path, "pipe")]);
    for (const purpose of ["read", "write"] as const) {
      const find = async () => findFile(folder.path, path, { links: "none", purpose });
      expect((await refused(find())).findings).toEqual([
        error(`Cannot ${purpose} ${path}: found ${found}, expected ${expected}`, {
          at: { file: path },
          remedy: `Put a ${way}, or move it away`,
        }),
      ]);
    }
  });

  test("that the system does not describe is refused, and not taken for an absent one", () => {
    using folder = temporaryFolder();
    // No file system has names of this length.
    const path = `${"x".repeat(1000)}.txt`;
    expect(() => findFile(folder.path, path)).toThrow(`Cannot read ${path}: `);
  });
});
