import { expect, test } from "bun:test";
import { findingsOfAudit } from "../../scripts/audit/findings.ts";
import type { Row } from "../../scripts/audit/record.ts";
import type { Audit } from "../../scripts/audit/survey.ts";
import { error, type Finding, warning } from "../../scripts/lib/finding.ts";
import { chartRow, soundRow } from "../helpers/audit.ts";

const main: Audit["main"] = {
  value: { shown: "main", commit: "0".repeat(40), commits: new Set(), isShallow: true },
};

function problemsOf(rows: readonly Row[], mainline: Audit["main"] = main): Finding[] {
  const findings = findingsOfAudit({ rows, others: [], main: mainline });
  return findings.filter(({ level }) => level !== "notice");
}

test("stale references lead to a command that tells each of them", () => {
  const stale = [{ row: "r", file: "f", what: "w", found: "1", expected: "2" }];
  expect(
    problemsOf([soundRow(1, { stale }), chartRow(2, { stale })]).map(({ remedy }) => remedy),
  ).toEqual([
    "See each: bun scripts/check-references.ts v1.1.0 --ref v1.1.0",
    "See each: bun scripts/audit-releases.ts --html audit.html",
  ]);
});

test("a tag that cannot be audited in full is refused with each of its faults, in their places", () => {
  const at = { file: "Cargo.toml", line: 2 };
  const rows = [soundRow(1, { faults: [error("not TOML", { at }), warning("not read")] })];
  expect(problemsOf(rows)).toMatchObject([
    error("Cannot audit all of v1.1.0: not TOML", { at }),
    error("Cannot audit all of v1.1.0: not read"),
  ]);
});

test("what a tag holds cannot be mended: the way out is to look at it, not what a reader would have changed", () => {
  const remedy = "Add the file";
  const git = "Check the repository: git fsck";
  const remediesOf = (row: Row) => problemsOf([row]).map((each) => each.remedy);
  const faults = [
    error("no such file", { at: { file: "charts/Chart.yaml" }, remedy }),
    error("not YAML", { at: { file: "charts/our $x.yaml", line: 3 }, remedy }),
    error("git cat-file failed", { remedy: git }),
  ];
  expect(remediesOf(chartRow(1, { faults }))).toEqual([
    "Look at what was tagged: git show --stat chart-v1.1.0",
    "Look at what was tagged: git show 'chart-v1.1.0:charts/our $x.yaml'",
    git,
  ]);
});

test("more history is asked for only where there is a main branch to look for", () => {
  const rows = [soundRow(1, {}, { onMain: "unknown" })];
  const missing = error("Cannot find the main branch");
  expect(problemsOf(rows).map(({ message }) => message)).toEqual([
    "Cannot tell whether 1 of 1 tags are on the main branch",
  ]);
  expect(problemsOf(rows, { findings: [missing] })).toEqual([missing]);
});
