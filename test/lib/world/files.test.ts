import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "../../../scripts/lib/finding.ts";
import { isAbsent, readIfThere, reason, workTree } from "../../../scripts/lib/world/files.ts";
import { temporaryFolder, writeFiles } from "../../helpers/world.ts";

async function refused(question: Promise<unknown>): Promise<Refusal> {
  try {
    await question;
  } catch (thrown) {
    if (thrown instanceof Refusal) {
      return thrown;
    }
    throw thrown;
  }
  throw new Error("expected a refusal");
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

test("a folder in place of a file is refused", async () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, "Cargo.toml"));
  const { findings } = await refused(workTree(folder.path).read("Cargo.toml"));
  expect(findings).toEqual([
    {
      level: "error",
      message: "Cannot read Cargo.toml: found a folder, expected a file",
      at: { file: "Cargo.toml" },
    },
  ]);
});

test("a link reads as its target; one that leads nowhere, or in circles, is refused", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, { real: "text" });
  symlinkSync("real", join(folder.path, "link"));
  symlinkSync("gone", join(folder.path, "dangling"));
  symlinkSync("circle", join(folder.path, "circle"));
  const tree = workTree(folder.path);
  expect((await tree.read("link"))?.text).toBe("text");
  expect((await refused(tree.read("dangling"))).message).toBe(
    "Cannot read dangling: found a symbolic link to nothing, expected a file",
  );
  expect((await refused(tree.read("circle"))).message).toStartWith("Cannot read circle: ELOOP");
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
  symlinkSync("a", join(folder.path, "linked"));
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
