/** Holds the table in test/README.md: a row for every `error` finding, and a test that fails without it. */

import { expect, test } from "bun:test";
import { readPage, rowsIn, siteCells, testOf } from "./mutations/page.ts";
import { keyOf, type Trial } from "./mutations/plan.ts";
import { complaintIn, runTrials } from "./mutations/search.ts";
import { findSites } from "./mutations/sites.ts";

const sites = findSites();
const rows = rowsIn(readPage());

test("the table has a row for every error finding in the sources, and no other", () => {
  expect(sites.length).toBeGreaterThan(100);
  // To mend it: bun run mutations
  expect(rows.map(([check, within, finding]) => [check, within, finding])).toEqual(
    sites.map(siteCells),
  );
});

/** What must be no kill, or the trials would prove nothing. */
function controls(): (Trial & { readonly complaint: string })[] {
  const file = "test/lib/gate.test.ts";
  const noEvidence = sites.filter((site) => site.file === "scripts/lib/gate.ts").map(keyOf);
  return [
    { file, name: "a notice passes", sites: noEvidence, complaint: "does not make the finding" },
    { file, name: "no such test", sites: noEvidence, complaint: "did not run" },
    {
      file,
      name: "no findings refuse",
      sites: noEvidence,
      complaint: "passes although the finding is admitted",
    },
  ];
}

test("each test in the table fails without its finding, because an expectation does", async () => {
  const trials = rows.map((row, index): Trial => {
    const site = sites[index];
    return { ...testOf(row), sites: site === undefined ? [] : [keyOf(site)] };
  });
  const answers = await runTrials([...trials, ...controls()], sites);
  const complaint = (trial: Trial) => complaintIn(answers, trial, trial.sites[0] ?? "");
  const survivors = trials
    .map((trial, index) => ({ row: rows[index], complaint: complaint(trial) }))
    .filter((each) => each.complaint !== undefined);
  expect(survivors).toEqual([]);
  for (const control of controls()) {
    expect(complaint(control)).toContain(control.complaint);
  }
}, 300_000);
