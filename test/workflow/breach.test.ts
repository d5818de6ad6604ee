import { expect, test } from "bun:test";
import { error } from "../../scripts/lib/finding.ts";
import { breach } from "../../scripts/workflow/breach.ts";

test("a breach refuses the workflow, at its place and with the way out", () => {
  const details = { at: { file: "w.yml", line: 3 }, remedy: "Remove it" };
  expect(breach("w.yml", "no trigger", "a push of a tag", details)).toEqual(
    error("Cannot accept w.yml: found no trigger, expected a push of a tag", details),
  );
});
