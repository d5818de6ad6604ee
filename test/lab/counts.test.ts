import { expect, test } from "bun:test";
import { faultOf, readCounts } from "../../scripts/lab/counts.ts";
import { expectLinear } from "../helpers/growth.ts";

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
  expect(readCounts(output, words)).toEqual(expected);
});

test("a line of very many counts is read in linear time", async () => {
  const line = (size: number) => "1/1 scenarios pass ".repeat(size);
  await expectLinear(200_000, line, (output) => readCounts(output, words));
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
  expect(faultOf(readCounts(output, words), words)).toBe(fault);
});
