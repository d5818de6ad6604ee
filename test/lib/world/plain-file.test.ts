import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { findPlainFile } from "../../../scripts/lib/world/plain-file.ts";
import { temporaryFolder, writeFiles } from "../../helpers/world.ts";

test("a plain file is found with its bytes and its mode, and where nothing is, nothing", () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, { "sub/a.txt": "a" });
  chmodSync(join(folder.path, "sub/a.txt"), 0o640);
  expect(findPlainFile(folder.path, "sub/a.txt")).toEqual({ bytes: Buffer.from("a"), mode: 0o640 });
  expect(findPlainFile(folder.path, "sub/b.txt")).toBeUndefined();
  expect(findPlainFile(folder.path, "none/a.txt")).toBeUndefined();
});

test.each([
  ["a folder", "folder", "found no plain file"],
  ["a link", "link", "found no plain file"],
  ["what is behind a link", "way/a.txt", "found a file behind a link"],
  ["what is below a file", "a.txt/b.txt", "found a file in the place of the folder a.txt"],
])("%s is refused: it is no file of the checkout", (_, path, words) => {
  using folder = temporaryFolder();
  writeFiles(folder.path, { "a.txt": "a", "other/a.txt": "a" });
  mkdirSync(join(folder.path, "folder"));
  symlinkSync("a.txt", join(folder.path, "link"));
  symlinkSync("other", join(folder.path, "way"));
  expect(() => findPlainFile(folder.path, path)).toThrow(`Cannot write ${path}: ${words}`);
});

test("a file that the system will not tell of is refused, and not taken for one that is not there", () => {
  using folder = temporaryFolder();
  // No file system has names of this length.
  const path = `${"x".repeat(1000)}.txt`;
  expect(() => findPlainFile(folder.path, path)).toThrow(`Cannot read ${path}: `);
});
