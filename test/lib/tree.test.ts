import { expect, test } from "bun:test";
import { type FolderEntry, fixedFolder, listMatches } from "../../scripts/lib/glob.ts";
import { isTreePath, source } from "../../scripts/lib/tree.ts";
import { memoryTree } from "../helpers/memory-tree.ts";

test.each<[string, string, number, number, number]>([
  ["the first character", "ab\ncd", 0, 1, 1],
  ["a line feed belongs to the line it ends", "ab\ncd", 2, 1, 3],
  ["the line after a line feed", "ab\ncd", 3, 2, 1],
  ["the line after CRLF", "ab\r\ncd", 4, 2, 1],
  ["the line feed of CRLF belongs to the line it ends", "ab\r\ncd", 3, 1, 4],
  ["the line after a lone CR", "ab\rcd", 3, 2, 1],
  ["mixed line ends", "a\rb\r\nc\nd", 7, 4, 1],
  ["two CR are two lines", "a\r\rb", 3, 3, 1],
  ["the end of a text", "ab\ncd", 5, 2, 3],
  ["the end of a text that ends in a line feed", "ab\n", 3, 2, 1],
  ["beyond the end counts as the end", "ab\ncd", 99, 2, 3],
  ["before the start counts as the start", "ab\ncd", -1, 1, 1],
  ["an empty text", "", 0, 1, 1],
  ["a column counts UTF-16 code units", "\u{1f600}x", 2, 1, 3],
  ["a byte order mark has no column", "\ufeffab", 1, 1, 2],
])("place: %s", (_, content, offset, line, column) => {
  expect(source("f", content).place(offset)).toEqual({ file: "f", line, column });
});

test("every offset's place leads back to the offset", () => {
  const text = "one\r\ntwo\rthree\n\n\r\n\u{1f600}four";
  const lines = text.split(/(?<=\r\n|\n|\r(?!\n))/);
  const from = source("f", text);
  for (let offset = 0; offset < text.length; offset++) {
    const { line = 0, column = 0 } = from.place(offset);
    const before = lines.slice(0, line - 1).join("").length;
    expect(before + column - 1).toBe(offset);
  }
});

test("without an offset a place is the file alone", () => {
  expect(source("a/b", "text").place()).toEqual({ file: "a/b" });
});

test("only one byte order mark at the start is taken away", () => {
  expect(source("f", "\ufeff\ufeffa\ufeff").text).toBe("\ufeffa\ufeff");
});

test("names of Object.prototype are no files of a map", async () => {
  const tree = memoryTree({ a: "" });
  expect(await tree.read("constructor")).toBeUndefined();
  expect(await tree.read("__proto__")).toBeUndefined();
  expect((await memoryTree({ constructor: "c" }).read("constructor"))?.text).toBe("c");
});

test("a folder of a map is not a file", async () => {
  const read = memoryTree({ "a/b/c": "" }).read("a/b");
  await expect(read).rejects.toThrow("Cannot read a/b: found a folder, expected a file");
});

test.each([
  ["a", true],
  ["a/.b/..c/d...", true],
  [".gitignore", true],
  [".github/.gitkeep", true],
  [" /\n", true],
  ["", false],
  ["/a", false],
  ["a/", false],
  ["a//b", false],
  ["./a", false],
  ["a/../b", false],
  ["..", false],
  [".git/config", false],
  ["a/.git/b/Cargo.toml", false],
  [".GIT", false],
])("%p names something in a tree: %p", (path, expected) => {
  expect(isTreePath(path)).toBe(expected);
});

test("a list is in code unit order", async () => {
  const tree = memoryTree({ "b/x": "", "B/x": "", "a-/x": "", "a/x": "", "ä/x": "" });
  expect(await tree.list("*/x")).toEqual(["B/x", "a-/x", "a/x", "b/x", "ä/x"]);
});

test.each([
  ["crates/*/Cargo.toml", ["crates", "crates/a", "crates/b"]],
  ["crates/**/x", ["crates", "crates/a", "crates/a/src", "crates/b"]],
  ["crates/a/Cargo.toml", ["crates/a"]],
  ["*", [""]],
])("listing %p reads only the folders that can hold a match", async (glob, expected) => {
  const folders: Record<string, string[]> = {
    "": ["crates", "target"],
    crates: ["a", "b"],
    "crates/a": ["Cargo.toml", "src"],
    "crates/a/src": ["main.rs"],
  };
  const asked: string[] = [];
  await listMatches(glob, async (folder): Promise<FolderEntry[]> => {
    asked.push(folder);
    const names = folders[folder] ?? [];
    return names.map((name) => ({ name, kind: name.includes(".") ? "file" : "folder" }));
  });
  expect(asked).toEqual(expected);
});

test.each([
  ["crates/*/Cargo.toml", "crates"],
  ["a/b/*", "a/b"],
  ["a/b/c.txt", "a/b"],
  ["*", ""],
  ["a/{b,c}/d", "a"],
  ["a\\*b/c", ""],
])("all matches of %p lie below %p", (glob, folder) => {
  expect(fixedFolder(glob)).toBe(folder);
});
