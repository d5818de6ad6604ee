import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { checkOwnFile, writeOwnFile } from "../../scripts/audit/own-file.ts";
import { temporaryFolder } from "../helpers/world.ts";

const mark = "<made by us>";
let folder: ReturnType<typeof temporaryFolder>;
const at = (name: string) => join(folder.path, name);

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

test("a new file is written whole, and nothing is left beside it", () => {
  writeOwnFile(at("page"), `${mark} new`, mark);
  expect(readFileSync(at("page"), "utf8")).toBe(`${mark} new`);
  expect(readdirSync(folder.path)).toEqual(["page"]);
});

test("a folder may be reached by a link", () => {
  mkdirSync(at("real"));
  symlinkSync(at("real"), at("linked"));
  writeOwnFile(at("linked/page"), `${mark} new`, mark);
  expect(readFileSync(at("real/page"), "utf8")).toBe(`${mark} new`);
});

test.each(["", `${mark} old`])(
  "a file of its own, or an empty one, is replaced and keeps its mode: %p",
  (old) => {
    writeFileSync(at("page"), old);
    chmodSync(at("page"), 0o640);
    writeOwnFile(at("page"), `${mark} new`, mark);
    expect(readFileSync(at("page"), "utf8")).toBe(`${mark} new`);
    expect(lstatSync(at("page")).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder.path)).toEqual(["page"]);
  },
);

describe("is refused, before and at the writing, and stays as it is:", () => {
  test.each<[string, string, () => void]>([
    [
      "another file",
      "another file, expected none or an earlier page",
      () => writeFileSync(at("page"), "notes"),
    ],
    ["a folder", "a folder, expected a file", () => mkdirSync(at("page"))],
    [
      "a link, even to a file of its own",
      "the symbolic link page to ",
      () => {
        writeFileSync(at("own"), mark);
        symlinkSync(at("own"), at("page"));
      },
    ],
    ["a link to nothing", "the symbolic link page to ", () => symlinkSync(at("none"), at("page"))],
    ["a pipe", "a named pipe, expected a file", () => void Bun.spawnSync(["mkfifo", at("page")])],
  ])("%s", (_, found, make) => {
    make();
    const before = readdirSync(folder.path);
    const words = `found ${found}`;
    expect(() => checkOwnFile(at("page"), mark)).toThrow(words);
    expect(() => writeOwnFile(at("page"), `${mark} new`, mark)).toThrow(words);
    expect(readdirSync(folder.path)).toEqual(before);
    for (const name of before.filter((each) => lstatSync(at(each)).isFile())) {
      expect(readFileSync(at(name), "utf8")).not.toContain("new");
    }
  });

  test.each([
    ["a path in a folder that is not there", "none/page"],
    ["a path below a file", "file/page"],
    ["a path below a link to nothing", "link/page"],
  ])("%s", (_, name) => {
    writeFileSync(at("file"), "");
    symlinkSync(at("nothing"), at("link"));
    expect(() => checkOwnFile(at(name), mark)).toThrow("Cannot write ");
    expect(() => writeOwnFile(at(name), mark, mark)).toThrow("Cannot write ");
  });
});

test("what cannot be put in its place is refused, and nothing is left beside it", () => {
  writeFileSync(at("other"), "");
  // Only a folder can have this name: the file is written whole, and cannot be renamed.
  expect(() => writeOwnFile(`${at("page")}/`, `${mark} new`, mark)).toThrow("Cannot write ");
  expect(readdirSync(folder.path)).toEqual(["other"]);
});
