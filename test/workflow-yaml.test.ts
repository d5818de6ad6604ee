import { expect, test } from "bun:test";
import { attempt } from "../scripts/lib/finding.ts";
import { source } from "../scripts/lib/tree.ts";
import { parseWorkflow } from "../scripts/workflow/yaml.ts";
import { expectLinear } from "./helpers/growth.ts";

/** The findings of a refused workflow, as `line: message`. */
async function faultsOf(text: string): Promise<string[]> {
  const { findings = [] } = await attempt(async () => parseWorkflow(source("f.yaml", text)));
  return findings.map(({ at, message }) => `${at?.line ?? "-"}: ${message}`);
}

test.each([
  ["", "nothing"],
  ["# only a comment\n", "nothing"],
  ["text", "a single value"],
  ["- a\n- b\n", "a list or several documents"],
  ["a: 1\n---\nb: 2\n", "a list or several documents"],
])("%p is not one mapping but %s", async (text, found) => {
  expect(await faultsOf(text)).toEqual([
    `-: Cannot read f.yaml: found ${found}, expected one YAML mapping`,
  ]);
});

test.each([
  ["in a mapping", "a:\n  b: 1\n  c: 2\n  b: 3\n", ["b 2 4"]],
  ["at the top, more than twice", "a: 1\na: 2\n'a': 3\n", ["a 1 2", "a 1 3"]],
  ["in a list of mappings", "a:\n  - b: 1\n    c: 2\n    b: 3\n", ["b 2 4"]],
  ["in a flow mapping", "a: [{b: 1,\n b: 2}]\n", ["b 1 2"]],
  ["in both of two", "a: {b: 1,\n b: 2}\na: {c: 1, c: 2}\n", ["b 1 2", "a 1 3", "c 3 3"]],
  ["with an escape", 'a:\n  "\\u0062": 1\n  b: 2\n', ["b 2 3"]],
  ["behind an alias, once", "a: &x {b: 1, b: 2}\nc: *x\n", ["b 1 1"]],
])("keys that are there twice are refused: %s", async (_, text, keys) => {
  const expected = keys.map((each) => {
    const [name, first, line] = each.split(" ");
    return `${line}: Cannot read f.yaml: found key "${name}" in line ${line} again after line ${first}, expected it once`;
  });
  expect(await faultsOf(text)).toEqual(expected);
});

test.each([
  ["in mappings beside each other", "a: {b: 1}\nc: {b: 1}\nd:\n  - b: 1\n  - b: 1\n"],
  ["in a text", "a: |\n  b: 1\n  b: 2\nc: 'd: 1, d: 2'\n"],
  ["in a comment", "a: 1\n# a: 2\n"],
  ["in a quoted text over lines", 'a: "x, \\"a\\": 1,\n  b: 2, c"\n'],
  ["as a merge", "a: &x {b: 1}\nc:\n  <<: *x\n  b: 2\n"],
])("what is not there twice is no such key: %s", async (_, text) => {
  expect(await faultsOf(text)).toEqual([]);
});

test.each([
  ["an alias as a key", "x: &x a\n*x : 2\n"],
  ["a key with an anchor", "b: 1\n&x a: 1\n"],
  ["a key with a tag", "a: 2\n!!binary YQ==: 1\n"],
  ["an explicit key", "a: 2\n? a\n: 1\n"],
])("keys that cannot be told apart are refused, never taken for unique: %s", async (_, text) => {
  expect(await faultsOf(text)).toEqual([
    expect.stringContaining("Cannot tell the top-level keys of f.yaml apart: found key"),
  ]);
});

test.each([",", "{", ', "', "? ", "- "])("finding keys takes linear time: %p", async (unit) => {
  const text = (size: number) => `a: |\n  ${unit.repeat(size / unit.length)}\nb: 1\n`;
  await expectLinear(1_000_000, text, async (each) => expect(await faultsOf(each)).toEqual([]));
});
