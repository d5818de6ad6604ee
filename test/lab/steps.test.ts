import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { faultOf, labSteps, linesOf, readCounts, runSteps } from "../../scripts/lab/steps.ts";
import { Interrupted } from "../../scripts/lib/interrupt.ts";
import { expectLinear } from "../helpers/growth.ts";
import { quietWorld } from "../helpers/quiet.ts";
import { isolatedEnvironment, temporaryFolder, writeFiles } from "../helpers/world.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

const down = labSteps.slice(0, 1);

/** Runs the first step of a lab whose recipe that is. */
function runDown(recipe: string, { world }: ReturnType<typeof quietWorld>) {
  writeFiles(folder.path, { Makefile: `.PHONY: down\ndown:\n\t${recipe}\n` });
  const env = { ...isolatedEnvironment(folder.path), TERM: "xterm" };
  const lab = { root: folder.path, env };
  return runSteps({ ...world, env }, lab, down, { folder: folder.path, keepGoing: false });
}

test("a step that is interrupted is ended, and has no result", async () => {
  const quiet = quietWorld();
  const running = runDown("echo begun; exec sleep 300", quiet);
  const log = join(folder.path, "1-down.log");
  for (let round = 0; round < 1000 && readFileSync(log, "utf8") === ""; round++) {
    await Bun.sleep(10);
  }
  quiet.controller.abort();
  const thrown: unknown = await running.catch((each: unknown) => each);
  expect(thrown).toBeInstanceOf(Interrupted);
  expect(String(thrown)).toContain("make down was ended, and nothing is recorded");
  expect(quiet.written.err).not.toContain("passed");
  expect(quiet.written.err).not.toContain("FAILED");
});

test("who watches a step sees what it said last, blank lines aside", async () => {
  const quiet = quietWorld(true);
  const [result] = await runDown("printf 'first\\nlast words\\n\\n'; sleep 1", quiet);
  expect(result?.reason).toBeUndefined();
  expect(quiet.written.err).toContain("step 1 of 1: make down, 0 s: last words");
});

// Counts

const words = "scenarios pass";

test.each([
  ["10/10 scenarios pass", ["10/10"]],
  ["==> 10/10 scenarios pass.\n", ["10/10"]],
  ["\u001b[32m10\u001b[0m/\u001b[1m10\u001b[0m scenarios\u001b[K pass", ["10/10"]],
  ["progress 3\r9/10 scenarios pass\r10/10 scenarios pass\r\n", ["9/10", "10/10"]],
  ["(10 / 10  Scenarios PASS)", ["10/10"]],
  ["expected: 10/10 scenarios pass", []],
  ["expected 10/10 scenarios pass, found 9/10 scenarios pass", ["9/10"]],
  ["9/10 scenarios pass, expected 10/10 scenarios pass", ["9/10"]],
  ["goal: 10/10 scenarios pass", []],
  ["we want '10/10 scenarios pass'", []],
  ["not 10/10 scenarios pass", []],
  ["goal: 9/10 scenarios pass", ["9/10"]],
  ["goal met: 10/10 scenarios pass", ["10/10"]],
  ["[target validate-findings] 10/10 scenarios pass", ["10/10"]],
  ["verified that all 10/10 scenarios pass", ["10/10"]],
  ["10/10 scenarios passed", []],
  ["10/10 scenarios\npass", []],
  ["24/24 detector outcomes match", []],
  ["1.10/10 scenarios pass", []],
  ["2026/10/10 scenarios pass", []],
  ["10 scenarios pass", []],
  ["run-9/10 scenarios pass\nx_8/10 scenarios pass", ["9/10", "8/10"]],
  ["x_10/10 scenarios pass", []],
])("the counts of %j are %p", (output, expected) => {
  expect(readCounts(linesOf(output), words)).toEqual(expected);
});

test("a line of very many counts is read in linear time", async () => {
  const line = (size: number) => "1/1 scenarios pass ".repeat(size);
  await expectLinear(200_000, line, (output) => readCounts([output], words));
});

test.each([
  ["1/1 scenarios pass", undefined],
  ["5/5 scenarios pass\n3/3 scenarios pass", undefined],
  ["", 'it reports no count of "scenarios pass"'],
  ["9/10 scenarios pass", "it reports 9/10 scenarios pass"],
  ["11/10 scenarios pass", "it reports 11/10 scenarios pass"],
  ["0/0 scenarios pass", "it reports 0/0 scenarios pass"],
  ["9/10 scenarios pass\n10/10 scenarios pass", "it reports 9/10 scenarios pass"],
  [
    "90071992547409921/90071992547409920 scenarios pass",
    "it reports 90071992547409921/90071992547409920 scenarios pass",
  ],
])("every count must be all of at least one: %j", (output, fault) => {
  expect(faultOf(0, readCounts(linesOf(output), words), words)).toBe(fault);
});
