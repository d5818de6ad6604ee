import { expect, test } from "bun:test";
import { hashOf, isAdoptable, manifestText, parseManifest } from "../../scripts/adopt/manifest.ts";
import { source } from "../../scripts/lib/tree.ts";

const hash = "a".repeat(64);
const path = "scripts/adopted.json";

test("a manifest reads back as it was written, in one order", () => {
  const commit = "b".repeat(40);
  const files = new Map([
    ["scripts/b.ts", hash],
    ["release-gate/a.ts", hash],
  ]);
  const text = manifestText({ version: "0.1.0", commit, files });
  expect(text.indexOf("release-gate/a.ts")).toBeLessThan(text.indexOf("scripts/b.ts"));
  expect(parseManifest(source(path, text), "AGAIN")).toEqual({ version: "0.1.0", commit, files });
  const anew = manifestText({ version: "0.1.0", commit, files: new Map([...files].toReversed()) });
  expect(anew).toBe(text);
});

test.each([
  ["no JSON", "{"],
  ["a list", "[]"],
  ["without a version", `{"files":{}}`],
  ["without files", `{"version":"0.1.0"}`],
  ["with a commit that is none", `{"version":"0.1.0","commit":"main","files":{}}`],
  ["with a hash that is none", `{"version":"0.1.0","files":{"scripts/a.ts":"abc"}}`],
  ["with the ledger", `{"version":"0.1.0","files":{"release-gate/lab-validations.txt":"${hash}"}}`],
  ["with a way out", `{"version":"0.1.0","files":{"scripts/../../a.ts":"${hash}"}}`],
])("a manifest that is damaged is refused: %s", (_, text) => {
  expect(() => parseManifest(source(path, text), "AGAIN")).toThrow(path);
});

test.each([
  ["scripts/release.ts", true],
  ["scripts/lib/files/cargo.ts", true],
  ["release-gate/check-ledger.ts", true],
  ["release-gate/lab-validations.txt", false],
  ["release-gate/history/drift.ts", true],
  ["scripts/release.sh", false],
  ["scripts/adopted.json", false],
  ["scripts//a.ts", false],
  ["scripts/./a.ts", false],
  ["/scripts/a.ts", false],
  ["src/a.ts", false],
  ["scripts/tsconfig.json", true],
  ["release-gate/tsconfig.json", true],
  ["tsconfig.json", false],
  ["scripts/lib/tsconfig.json", false],
  ["scripts/package.json", false],
  ["scripts/a\u0000.ts", false],
])("only source text of the tools may be written: %p %p", (candidate, expected) => {
  expect(isAdoptable(candidate)).toBe(expected);
});

test("hashes are sha256, in hex", () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  expect(hashOf(new Uint8Array())).toBe(empty);
});
