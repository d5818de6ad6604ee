import { expect, test } from "bun:test";
import { type Fate, fateOf, isChange, isInTheWay } from "../../scripts/adopt/plan.ts";

// Every way in which three states can be equal, different or absent: 1, 2, 3 are contents.
test.each<[string | undefined, string | undefined, string | undefined, Fate]>([
  // upstream, adopted, here
  ["1", "1", "1", "current"],
  ["1", "2", "1", "current"],
  ["1", undefined, "1", "current"],
  ["1", undefined, undefined, "new"],
  ["1", "1", undefined, "restored"],
  ["1", "2", undefined, "restored"],
  ["1", "2", "2", "updated"],
  ["1", "1", "2", "edited"],
  ["1", "2", "3", "conflict"],
  ["1", undefined, "2", "foreign"],
  [undefined, "1", "1", "removed"],
  [undefined, "1", "2", "conflict"],
  [undefined, "1", undefined, "forgotten"],
])("upstream %p, adopted %p, here %p: %s", (upstream, adopted, here, fate) => {
  expect(fateOf({ upstream, adopted, here })).toBe(fate);
});

test("the run bit matters only where the contents are as they should be", () => {
  const lacksRunBit = true;
  expect(fateOf({ upstream: "1", adopted: "1", here: "1", lacksRunBit })).toBe("run bit");
  expect(fateOf({ upstream: "1", adopted: "1", here: "2", lacksRunBit })).toBe("edited");
});

test("nothing that only the product has is ever written", () => {
  const kept: Fate[] = ["edited", "conflict", "foreign", "current", "forgotten"];
  for (const fate of kept) {
    expect(isChange({ path: "scripts/a.ts", fate })).toBe(false);
  }
  const inTheWay: Fate[] = ["conflict", "foreign"];
  expect(kept.filter((fate) => isInTheWay({ path: "scripts/a.ts", fate }))).toEqual(inTheWay);
});
