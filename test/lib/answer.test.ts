import { expect, test } from "bun:test";
import { findingOf, isSettled, type State } from "../../scripts/lib/answer.ts";
import { error, notice } from "../../scripts/lib/finding.ts";

const image = { question: "image on ghcr.io", evidence: "sha256:1", link: "https://example.test" };

test("only a verified answer is evidence", () => {
  expect(findingOf({ ...image, state: "verified" })).toEqual(
    notice("image on ghcr.io: verified, sha256:1"),
  );
});

test.each(["failed", "pending", "unknown"] as const)(
  "an answer that is %s refuses, with where to look and the way out",
  (state) => {
    expect(findingOf({ ...image, state, remedy: "Wait" })).toEqual(
      error(`Cannot verify image on ghcr.io: ${state}, sha256:1 (https://example.test)`, {
        remedy: "Wait",
      }),
    );
  },
);

test.each<[State[], boolean]>([
  [["verified", "verified"], true],
  [["verified", "pending"], false],
  [["unknown", "failed"], true],
  [["unknown"], false],
])("waiting ends when %j cannot get better: %p", (states, settled) => {
  expect(isSettled(states.map((state) => ({ ...image, state })))).toBe(settled);
});
