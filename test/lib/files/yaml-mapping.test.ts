import { expect, test } from "bun:test";
import { keysOf, parseYamlMapping, repeatedKeys } from "../../../scripts/lib/files/yaml-mapping.ts";
import { LocatedSyntaxError } from "../../../scripts/lib/finding.ts";
import { source } from "../../../scripts/lib/tree.ts";
import { expectLinear } from "../../helpers/growth.ts";

const keys = (text: string) =>
  keysOf(parseYamlMapping(source("f.yaml", text))).map(({ name, offset }) => `${name}@${offset}`);

test.each([
  ["plain keys", "a: 1\nb: 2\n", ["a@0", "b@5"]],
  ["duplicates", "a: 1\na: 2\n", ["a@0", "a@5"]],
  ["quoted keys, after their quote", "\"a\": 1\n'b': 2\n", ["a@1", "b@8"]],
  ["an escaped spelling of a duplicate", '"\\u0061": 1\na: 2\n', ["a@1", "a@12"]],
  ["a doubled quote", "'b''c': 1\n", ["b'c@1"]],
  ["explicit keys", "a: 1\n? a\n: 2\n? 'b'\n: 3\n", ["a@0", "a@7", "b@16"]],
  ["a key with a comma", "a, b: 1\n", ["a, b@0"]],
  ["a flow mapping", "{a: 1, 'a': 2, \"b\":3,c: 4}", ["a@1", "a@8", "b@16", "c@21"]],
  ["a flow mapping over lines", "{\n  a: 1,\n  # c: 3\n  a: 2\n}", ["a@4", "a@21"]],
  ["on the marker's line", "--- {a: 1}\n", ["a@5"]],
  ["CRLF", "a: 1\r\nb: 2\r\na: 3\r\n", ["a@0", "b@6", "a@12"]],
  ["indented", "  a: 1\n  b: 2\n", ["a@2", "b@9"]],
  ["a merge key, not what it merges", "x: &x {v: 1}\n<<: *x\n", ["x@0", "<<@13"]],
])("top-level keys are found: %s", (_, text, expected) => {
  expect(keys(text)).toEqual(expected);
});

test.each([
  ["a comment", "a: 1\n# a: 2\n", ["a@0"]],
  ["a literal text", "a: |\n  a: 1\n  b: 2, a: 3\nc: 1\n", ["a@0", "c@25"]],
  ["a quoted text over lines", 'a: "x, \\"a\\": 1,\n  b: 2, c"\n', ["a@0"]],
  ["a nested mapping", "a:\n  a: 1\n  b: {a: 2}\n", ["a@0"]],
  ["a value with an anchor", "a: &x\n  b\nc: *x\nd: &y e\n", ["a@0", "c@10", "d@16"]],
  ["a list of mappings", "a:\n- a: 1\n- {a: 1}\n", ["a@0"]],
])("what only looks like a top-level key is none: %s", (_, text, expected) => {
  expect(keys(text)).toEqual(expected);
});

test.each([
  ["an alias as a key", "x: &x a\n*x : 2\n"],
  ["a key with an anchor", "&x a: 1\n"],
  ["a key with a tag and an anchor", "!!str &x a: 1\n"],
])("keys that cannot be told apart are refused, never taken for unique: %s", (_, text) => {
  expect(() => keys(text)).toThrow("Cannot tell the top-level keys of f.yaml apart");
});

test("a key that cannot be told apart is named with its line", () => {
  const refused = (text: string) => {
    try {
      return keys(text);
    } catch (thrown) {
      const { message, at } = thrown as LocatedSyntaxError;
      return `${at.line}: ${message}`;
    }
  };
  const words = "Cannot tell the top-level keys of f.yaml apart: found";
  expect(refused("b: 1\n&x a: 1\n")).toBe(`2: ${words} key "a" in a rare spelling`);
});

test.each([
  ["", "nothing"],
  ["# only a comment\n", "nothing"],
  ["text", "a single value"],
  ["- a\n- b\n- c\n", "a list"],
  ["--- # x\n[[a], 0]", "a list"],
  ["a: 1\n---\nb: 2\n", "several documents"],
  ["- a\n--- 0", "several documents"],
])("%p is not one mapping but %s", (text, found) => {
  const parse = () => parseYamlMapping(source("f.yaml", text));
  expect(parse).toThrow(LocatedSyntaxError);
  expect(parse).toThrow(`Cannot read f.yaml: found ${found}, expected one YAML mapping`);
});

test("illegal YAML is refused with its line", () => {
  const thrown = (() => {
    try {
      return parseYamlMapping(source("f.yaml", "a: 1\nb: [\n"));
    } catch (error) {
      return error;
    }
  })() as LocatedSyntaxError;
  expect(thrown.message).toContain("Cannot read f.yaml: not valid YAML");
  expect(thrown.at).toMatchObject({ file: "f.yaml", line: 2 });
});

const repeated = (text: string) =>
  repeatedKeys(parseYamlMapping(source("f.yaml", text))).map(
    ({ path, offsets }) => `${path.join(".")}@${offsets.join(",")}`,
  );

test.each([
  ["in a mapping", "a:\n  b: 1\n  c: 2\n  b: 3\n", ["a.b@5,19"]],
  ["at the top, more than twice", "a: 1\na: 2\n'a': 3\n", ["a@0,5,11"]],
  ["in a list of mappings", "a:\n  - b: 1\n    c: 2\n    b: 3\n", ["a.0.b@7,25"]],
  ["in a flow mapping", "a: [{b: 1, b: 2}]\n", ["a.0.b@5,11"]],
  ["in both of two", "a: {b: 1, b: 2}\na: {c: 1, c: 2}\n", ["a@0,16", "a.b@4,10", "a.c@20,26"]],
  ["with an escape", 'a:\n  "\\u0062": 1\n  b: 2\n', ["a.b@6,19"]],
  ["behind an alias, once", "a: &x {b: 1, b: 2}\nc: *x\n", ["a.b@7,13"]],
])("keys that are there twice are found: %s", (_, text, expected) => {
  expect(repeated(text)).toEqual(expected);
});

test.each([
  ["in mappings beside each other", "a: {b: 1}\nc: {b: 1}\nd:\n  - b: 1\n  - b: 1\n"],
  ["in a text", "a: |\n  b: 1\n  b: 2\nc: 'd: 1, d: 2'\n"],
  ["in a comment", "a: 1\n# a: 2\n"],
  ["as a merge", "a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n"],
])("what is not there twice is no such key: %s", (_, text) => {
  expect(repeated(text)).toEqual([]);
});

test.each([",", "{", ', "', "? ", "- "])("finding keys takes linear time: %p", async (unit) => {
  const text = (size: number) => `a: |\n  ${unit.repeat(size / unit.length)}\nb: 1\n`;
  await expectLinear(1_000_000, text, (each) => expect(keys(each)).toHaveLength(2));
});
