/** Questions that are asked at once, and what a refusal of some of them means. */

import { expect, test } from "bun:test";
import { refusal, together } from "../../scripts/lib/finding.ts";

const later = <T>(value: T, turns: number): Promise<T> =>
  turns === 0 ? Promise.resolve(value) : Promise.resolve().then(() => later(value, turns - 1));

test("questions asked at once are answered in their order", async () => {
  expect(await together(later("a", 5), "b", later(3, 1))).toEqual(["a", "b", 3]);
});

test("of several refusals the first in order is told, whichever came first", async () => {
  const slow = later(0, 9).then(() => {
    throw refusal("the first");
  });
  const quick = Promise.reject(refusal("the second"));
  expect(together(slow, quick)).rejects.toThrow("the first");
});
