import { expect, test } from "bun:test";
import { error, type Finding, notice, warning } from "../../scripts/lib/finding.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { askImage, type Outcome, sumUp } from "../../scripts/status/questions.ts";
import { memoryTree } from "../helpers/memory-tree.ts";

test.each<[string, Finding[], Outcome]>([
  [
    "the first error, and counts the others",
    [notice("fine"), error("stale\nhere", { remedy: "Correct it" }), error("b"), error("c")],
    { state: "failed", evidence: "stale here (and 2 more)", remedy: "Correct it" },
  ],
  ["the last notice of a pass", [notice("a"), notice("b")], { state: "verified", evidence: "b" }],
  [
    "a warning beside it",
    [notice("a"), warning("old\nrow"), warning("x")],
    { state: "verified", evidence: "a; caution: old row (and 1 more)" },
  ],
  [
    "that there is no evidence",
    [warning("x")],
    { state: "unknown", evidence: "the check gave no evidence" },
  ],
])("findings become one answer, which tells %s", (_, findings, expected) => {
  expect(sumUp(findings)).toEqual(expected);
});

test("a long text is cut", () => {
  expect(sumUp([notice("x".repeat(300))]).evidence).toHaveLength(240);
});

test("a chart that promises no image, and names none, has no image to wait for", async () => {
  const tree = memoryTree({
    [`${layout.chart}/Chart.yaml`]: "version: 1.3.0\n",
    [`${layout.chart}/values.yaml`]: "operator:\n  image: a/b\n",
  });
  const { signal } = new AbortController();
  expect(await askImage({ root: "/", env: {} }, tree, signal)).toEqual({
    state: "verified",
    evidence: "the chart promises no image",
  });
});
