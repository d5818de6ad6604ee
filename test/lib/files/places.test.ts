/** The search for a word: the runtime's own is the measure where words are short. */

import { expect, test } from "bun:test";
import fc from "fast-check";
import { finderIn } from "../../../scripts/lib/files/places.ts";
import { expectLinear } from "../../helpers/growth.ts";

const letters = fc.constantFrom("a", "b", "é", "\u6100", "\u0061", "\u6161", "💥", "\ud83d", "\n");

test("a word of any length is found where the runtime finds it", () => {
  const words = fc.array(letters, { maxLength: 4 }).map((few) => few.join(""));
  fc.assert(
    fc.property(
      words,
      fc.integer({ min: 1, max: 120 }),
      fc.array(words),
      fc.nat(30),
      (word, times, around, from) => {
        const long = word.repeat(times);
        const text = around.join(long);
        expect(finderIn(text)(long, from)).toBe(text.indexOf(long, from));
      },
    ),
  );
});

test("a letter that seems to start within another is not found", () => {
  const word = "\u6161".repeat(101);
  expect(finderIn(`\u6100${"\u6161".repeat(100)}\u0061`)(word)).toBe(-1);
  expect(finderIn(`\u6100${"\u6161".repeat(100)}\u0061${word}`)(word)).toBe(102);
});

test("the time grows with the text alone, though its parts look like the word", async () => {
  const input = (size: number) => ({
    text: `"${"x".repeat(size)}" "${"x".repeat(size / 2)}"`,
    word: `${"x".repeat(size / 4)}y${"x".repeat(size / 4)}`,
  });
  await expectLinear(50_000, input, ({ text, word }) => finderIn(text)(word));
});
