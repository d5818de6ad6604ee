/** The account of a test run: a skipped test or a bare file that it misses would be nobody's. */

import { expect, test } from "bun:test";
import { judgeCoverage, rangesOf, readCoverage, readSkipped, unexcused } from "./account.ts";

const lcov = `TN:
SF:scripts/a.ts
FNF:1
FNH:1
DA:1,2
DA:2,0
DA:3,0
DA:9,0
LF:4
LH:1
end_of_record
TN:
SF:scripts/b.ts
DA:1,1
LF:1
LH:1
end_of_record
`;

test("every file below the threshold is named, with the lines that were not run", () => {
  expect(judgeCoverage(readCoverage(lcov), 0.95)).toEqual({
    isEnough: false,
    told: [
      "40.00 % of 5 lines in 2 files were run",
      "Too little of scripts/a.ts was run: 25.00 %, expected 95 %; lines 2-3,9",
    ],
  });
});

test("what was run is enough at the threshold; nothing is never enough", () => {
  expect(judgeCoverage(readCoverage(lcov), 0.4).isEnough).toBe(true);
  expect(judgeCoverage(readCoverage(""), 0.4).isEnough).toBe(false);
});

test.each<[number[], string]>([
  [[], ""],
  [[4], "4"],
  [[1, 2, 3, 7, 9, 10], "1-3,7,9-10"],
])("the numbers %p are the ranges %p", (numbers, ranges) => {
  expect(rangesOf(numbers)).toBe(ranges);
});

test("skipped tests are named; all but the product's, and those for want of rights, are faults", () => {
  const junit = `<testsuite name="a" skipped="3">
    <testcase name="one &quot;x&quot;" classname="a registry" time="0" line="1" assertions="0">
      <skipped />
    </testcase>
    <testcase name="the product&apos;s own chart" classname="" time="0" line="1" assertions="0">
      <skipped />
    </testcase>
    <testcase name="runs" classname="" time="0" line="1" assertions="0" />
    <testcase name="the checkout is read-only" classname="refused" time="0" assertions="0">
      <skipped />
    </testcase>
  </testsuite>`;
  const skipped = readSkipped(junit);
  expect(skipped).toEqual([
    "a registry > one &quot;x&quot;",
    "the product&apos;s own chart",
    "refused > the checkout is read-only",
  ]);
  expect(unexcused(skipped)).toEqual(["a registry > one &quot;x&quot;"]);
});
