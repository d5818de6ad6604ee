import { expect, test } from "bun:test";
import { error, notice } from "../../scripts/lib/finding.ts";
import { findingOfRun } from "../../scripts/release/watch.ts";

const run = {
  question: "workflow run",
  evidence: "run 7",
  link: "https://example.test/7",
  remedy: "Look at it",
};

test("a run that ended well is evidence", () => {
  expect(findingOfRun("v1.3.0", { ...run, state: "verified" })).toEqual(
    notice("workflow run: verified, run 7"),
  );
});

test("a run that failed refuses, and leaves no doubt that the tag is released", () => {
  expect(findingOfRun("v1.3.0", { ...run, state: "failed" })).toEqual(
    error("v1.3.0 is released, but its workflow run has failed: run 7 (https://example.test/7)", {
      remedy: "Look at it",
    }),
  );
});

test("a run that is not over in time refuses, and can be looked at again", () => {
  const { level, message, remedy } = findingOfRun("v1.3.0", { ...run, state: "pending" });
  expect(level).toBe("error");
  expect(message).toMatch(
    /^v1\.3\.0 is released; its workflow run was not over within .+: run 7 \(https:.+\)$/,
  );
  expect(remedy).toBe("Look again: bun scripts/verify-release.ts v1.3.0 --wait");
});

test("a run that nobody could be asked about refuses", () => {
  expect(findingOfRun("v1.3.0", { ...run, state: "unknown" })).toEqual(
    error("v1.3.0 is released; its workflow run could not be watched: run 7", {
      remedy: "Look at it",
    }),
  );
});
