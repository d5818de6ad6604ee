import { expect, test } from "bun:test";
import { error, notice, warning } from "../../scripts/lib/finding.ts";
import { oneLine, outcomeOf } from "../../scripts/status/outcome.ts";

test("errors come before all else, the first in words and the others counted", () => {
  expect(
    outcomeOf([
      notice("fine"),
      error("stale\nhere", { remedy: "Mend it" }),
      error("b"),
      error("c"),
    ]),
  ).toEqual({ verdict: "refused", evidence: "stale here (and 2 more)", remedy: "Mend it" });
});

test("a pass has its last notice as evidence, or what the notices are made into", () => {
  const findings = [notice("a"), notice("b")];
  expect(outcomeOf(findings)).toEqual({ verdict: "passed", evidence: "b" });
  expect(outcomeOf(findings, (notices) => notices.join("+")).evidence).toBe("a+b");
});

test("a warning does not refuse, and is not lost", () => {
  expect(outcomeOf([notice("a"), warning("old\nrow"), warning("x")])).toEqual({
    verdict: "passed",
    evidence: "a; caution: old row (and 1 more)",
  });
});

test("a check without evidence has not passed", () => {
  expect(outcomeOf([]).verdict).toBe("unanswered");
  expect(outcomeOf([warning("x")]).verdict).toBe("unanswered");
});

test("a long text is cut, and a text stays on one line", () => {
  expect(oneLine(" a\r\n\tb ")).toBe("a b");
  expect(oneLine("x".repeat(300))).toHaveLength(240);
});
