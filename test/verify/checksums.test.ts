import { expect, test } from "bun:test";
import { LocatedSyntaxError } from "../../scripts/lib/finding.ts";
import { source } from "../../scripts/lib/tree.ts";
import { parseChecksums } from "../../scripts/verify/checksums.ts";

const one = "a1".repeat(32);
const two = "b2".repeat(32);

const parse = (text: string) => [...parseChecksums(source("SHA256SUMS", text))];

test.each([
  ["in text mode", `${one}  a\n${two}  b\n`],
  ["in binary mode", `${one} *a\n${two} *b\n`],
  ["with a dot before the name", `${one}  ./a\n${two}  ./b\n`],
  ["in capital letters", `${one.toUpperCase()}  a\n${two}  b\n`],
  ["with carriage returns, and no last line feed", `${one}  a\r\n${two}  b`],
  ["twice with the same sum", `${one}  a\n${two}  b\n${one}  a\n`],
])("checksums are read %s", (_, text) => {
  expect(parse(text)).toEqual([
    ["a", one],
    ["b", two],
  ]);
});

test("a name may have spaces within", () => {
  expect(parse(`${one}  a b\n`)).toEqual([["a b", one]]);
});

test("a name from the root keeps its slash", () => {
  expect(parse(`${one}  /a\n`)).toEqual([["/a", one]]);
});

test.each([
  ["a single space", `${one} a\n`, "line 1 is no sha256 checksum", 1],
  ["a space before the name", `${one}   a\n`, "line 1 is no sha256 checksum", 1],
  ["a space behind the name", `${one}  a \n`, "line 1 is no sha256 checksum", 1],
  ["words before the sum", `x${one}  a\n`, "line 1 is no sha256 checksum", 1],
  ["nothing", "", "it is empty", undefined],
  ["an empty line alone", "\n", 'line 1 is no sha256 checksum: found ""', 1],
  ["a line between", `${one}  a\n\n${two}  b\n`, 'line 2 is no sha256 checksum: found ""', 2],
  ["a sum that is too short", `${one.slice(1)}  a\n`, "line 1 is no sha256 checksum", 1],
  ["a sum of another kind", `${one}${one}  a\n`, "line 1 is no sha256 checksum", 1],
  ["a sum without a name", `${one}\n`, "line 1 is no sha256 checksum", 1],
  ["a sum with an empty name", `${one}  \n`, "line 1 is no sha256 checksum", 1],
  ["the BSD form", `SHA256 (a) = ${one}\n`, "line 1 is no sha256 checksum", 1],
  ["HTML", "<!DOCTYPE html>\n", "line 1 is no sha256 checksum", 1],
  ["two sums for a name", `${one}  a\n${two}  a\n`, 'it names "a" twice, with different sums', 2],
])("%s is refused, at its line", (_, text, message, line) => {
  let thrown: unknown;
  try {
    parse(text);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(LocatedSyntaxError);
  const { message: found, at } = thrown as LocatedSyntaxError;
  expect(found).toStartWith(message);
  expect(at).toEqual(line === undefined ? { file: "SHA256SUMS" } : { file: "SHA256SUMS", line });
});
