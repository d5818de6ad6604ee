import { expect, test } from "bun:test";
import type { Path } from "../../scripts/lib/files/document.ts";
import { attempt, Refusal } from "../../scripts/lib/finding.ts";
import { source } from "../../scripts/lib/tree.ts";
import {
  placeOf,
  valuesOf,
  workflowFrom,
  yamlWithoutRepeats,
} from "../../scripts/workflow/workflow.ts";

const read = (text: string) => workflowFrom(source("w.yml", text));

test("jobs, needs and steps are read in order, each with its path", () => {
  const { jobs } = read(
    "jobs:\n  a:\n    steps:\n      - uses: x@v1\n      - run: y\n  b:\n    needs: a\n    uses: ./z.yml\n  c: {needs: [a, b], steps: []}\n",
  );
  expect(jobs).toMatchObject([
    {
      id: "a",
      path: ["jobs", "a"],
      needs: [],
      steps: [
        { path: ["jobs", "a", "steps", 0], uses: "x@v1", run: undefined },
        { path: ["jobs", "a", "steps", 1], uses: undefined, run: "y" },
      ],
    },
    { id: "b", needs: [{ id: "a", path: ["jobs", "b", "needs"] }], steps: [] },
    {
      id: "c",
      needs: [
        { id: "a", path: ["jobs", "c", "needs", 0] },
        { id: "b", path: ["jobs", "c", "needs", 1] },
      ],
      steps: [],
    },
  ]);
});

test("faults of the form are told together, each with its line", () => {
  const text = "jobs:\n  a: 1\n  b:\n    needs: {}\n    steps:\n      - run: x\n        uses: y\n";
  const thrown = (() => {
    try {
      return read(text);
    } catch (error) {
      return error;
    }
  })() as Refusal;
  expect(thrown).toBeInstanceOf(Refusal);
  expect(
    thrown.findings.map(({ level, message, at }) => `${level} ${at?.line} ${message}`),
  ).toEqual([
    'error 2 Cannot read job "a" in w.yml: found a number, which YAML reads as 1, expected a mapping with runs-on and steps',
    'error 4 Cannot read needs of job "b" in w.yml: found a mapping, expected the name of a job, or a list of names',
    'error 6 Cannot read step 1 of job "b" in w.yml: found a mapping, expected a mapping with either run or uses',
  ]);
});

test("no mapping has a key twice, at any depth", async () => {
  const text = "a:\n  - x: 1\n    y: 2\n    'x': 3\nb: {c: 1, c: 2}\n";
  const { findings } = await attempt(async () => yamlWithoutRepeats(source("w.yml", text)));
  expect(findings?.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    'error: Cannot read w.yml: found key "x" in line 4 again after line 2, expected it once',
    'error: Cannot read w.yml: found key "c" in line 5 again after line 5, expected it once',
  ]);
});

test("what has an anchor is a value once, or once in each context", () => {
  const { data } = yamlWithoutRepeats(source("w.yml", "a: &x\n  b: [1]\nc: *x\nd: *x\n"));
  const paths = (contextOf?: (path: Path) => string) =>
    valuesOf(data, contextOf).map(({ path }) => path.join("."));
  expect(paths()).toEqual(["", "a", "a.b", "a.b.0"]);
  expect(paths(([first]) => (first === "a" ? "a" : ""))).toEqual([
    ...["", "a", "a.b", "a.b.0"],
    ...["c", "c.b", "c.b.0"],
  ]);
});

test.each<[string, string, (string | number)[], number | undefined, string]>([
  ["a key", "a:\n  b: c\n", ["a", "b"], undefined, "2:3"],
  ["a text", "a:\n  b: c\n", ["a", "b"], 0, "2:6"],
  ["a line of a block", "a: |\n  b\n  c d\n  b\n", ["a"], 6, "4:3"],
  ["a word of a line", "a: |\n  b\n  c d\n", ["a"], 4, "3:5"],
  ["an item", "a:\n  - b\n  - c\n", ["a", 1], undefined, "3:5"],
  ["an item that is a mapping", "a:\n  - b: 1\n  - c: 2\n", ["a", 1], undefined, "3:5"],
  ["an item without a text", "a:\n  - b\n  - 1\n", ["a", 1], undefined, "1:1"],
  ["a text in a rare spelling", 'x: 1\na: "\\u0062"\n', ["a"], 0, "2:1"],
  ["nothing", "a: 1\n", ["b"], undefined, ""],
])("the place of %s", (_, text, path, offset, expected) => {
  const document = yamlWithoutRepeats(source("w.yml", text));
  const { line, column } = placeOf(document, path, offset);
  expect(line === undefined ? "" : `${line}:${column}`).toBe(expected);
});
