/** The ruler of growth: one that cannot tell quadratic work from linear would hold nothing. */

import { expect, test } from "bun:test";
import { expectLinear } from "./helpers/growth.ts";

const numbers = (size: number) => Array.from({ length: size }, (_, index) => index);

test("linear work is linear", async () => {
  await expectLinear(100_000, numbers, (all) => all.map((each) => each * each));
});

test("quadratic work is refused", async () => {
  const pairs = (all: number[]) => all.reduce((sum, each) => sum + all.lastIndexOf(-each - 1), 0);
  const judged = expectLinear(8000, numbers, pairs);
  await expect(judged).rejects.toThrow(
    /^Tenfold work took \d+\.\d times as long, expected about 10$/,
  );
});
