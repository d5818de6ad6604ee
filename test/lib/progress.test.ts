import { expect, test } from "bun:test";
import { duration, progressLine } from "../../scripts/lib/progress.ts";

test.each([
  [0, "0 s"],
  [59_999, "59 s"],
  [200_000, "3 min 20 s"],
  [3_720_000, "1 h 02 min"],
])("%p milliseconds are %p", (milliseconds, words) => {
  expect(duration(milliseconds)).toBe(words);
});

test.each([
  ["pods\tready ", 80, "step 1 of 5, 7 s: pods ready"],
  ["", 80, "step 1 of 5, 7 s"],
  ["pods ready", 20, "step 1 of 5, 7 s: p"],
  ["\u202e\u0007x", 80, "step 1 of 5, 7 s: \\u202e\\x07x"],
  ["日本語", 23, "step 1 of 5, 7 s: 日本"],
])("the line for %j in %p columns leaves the last one free", (said, columns, line) => {
  expect(progressLine("step 1 of 5", 7_400, said, columns)).toBe(line);
});
