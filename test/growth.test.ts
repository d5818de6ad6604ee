/** The ruler of growth: one that cannot tell quadratic work from linear would hold nothing. */

import { expect, test } from "bun:test";
import { expectLinear } from "./helpers/growth.ts";

const numbers = (size: number) => Array.from({ length: size }, (_, index) => index);

test("linear work is linear", async () => {
  await expectLinear(100_000, numbers, (all) => all.map((each) => each * each));
});

test("quadratic work is refused", async () => {
  const pairs = (all: number[]) => {
    let sum = 0;
    for (const one of all) {
      for (const other of all) {
        sum = (sum + one * other) % 1_000_003;
      }
    }
    return sum;
  };
  const judged = expectLinear(4000, numbers, pairs);
  await expect(judged).rejects.toThrow(
    /^Tenfold work took \d+\.\d times as long, expected about 10$/,
  );
});
