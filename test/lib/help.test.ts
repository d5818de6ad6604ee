import { expect, test } from "bun:test";
import { UsageError } from "../../scripts/lib/command-line.ts";
import { error } from "../../scripts/lib/finding.ts";
import { explain, findMeant } from "../../scripts/lib/help.ts";
import { quietWorld } from "../helpers/quiet.ts";

const names = ["dry-run", "yes", "skip-lab", "strict", "resume", "ref", "repo", "json", "help"];

test.each<[string, string | undefined]>([
  ["JSON", "json"],
  ["dryRun", "dry-run"],
  ["dry-rnu", "dry-run"],
  ["dr-run", "dry-run"],
  ["skip-labs", "skip-lab"],
  ["resmue", "resume"],
  ["dry", "dry-run"],
  ["yess", "yes"],
  ["repp", "repo"],
  ["re", undefined],
  ["", undefined],
  ["no", undefined],
  ["x", undefined],
  ["nope", undefined],
  ["skip", "skip-lab"],
  ["skip-gate", undefined],
  ["__proto__", undefined],
  ["a".repeat(1_000_000), undefined],
])("of what was given as --%s, this was probably meant: %s", (given, expected) => {
  expect(findMeant(given, names)).toBe(expected);
});

test("an unknown option is refused with the one that was probably meant", () => {
  const { report } = quietWorld().world;
  const thrown = new UsageError('unknown option "--JSON"', { option: "JSON", names });
  expect(explain(thrown, "scripts/x.ts", report)).toBe(2);
  expect(report.findings).toEqual([
    error('Cannot read the command line: unknown option "--JSON", perhaps --json', {
      remedy: "See bun scripts/x.ts --help",
    }),
  ]);
});
