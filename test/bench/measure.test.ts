/** The bench's arithmetic: a budget that cannot be missed would be none. */

import { expect, test } from "bun:test";
import { growthExponent, median, tableOf } from "./measure.ts";

test.each<[string, [number, number, number], number]>([
  ["linear growth", [10, 100, 1000], 1],
  ["linear growth above a fixed cost", [28, 37, 127], 1],
  ["square growth", [20, 30, 1030], 2],
  ["growth that is lost in the noise", [20, 20.4, 19.8], 0],
  ["growth that shows only at the end", [20, 20.1, 120.1], 2],
])("%s has its exponent", (_, times, exponent) => {
  expect(growthExponent(times, 1)).toBeCloseTo(exponent, 5);
});

test("a median is the middle one, whatever the outliers", () => {
  expect(median([900, 1, 3])).toBe(3);
});

test("a table puts numbers below each other", () => {
  expect(
    tableOf([
      ["a", "ms"],
      ["long", "7"],
    ]),
  ).toBe("a     ms\nlong   7");
});
