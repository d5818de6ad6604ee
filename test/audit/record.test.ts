import { describe, expect, test } from "bun:test";
import {
  cellsOf,
  compareRows,
  faultPhrases,
  type Head,
  type Row,
  releaseTagOf,
  tableLines,
} from "../../scripts/audit/record.ts";
import { findingsOfAudit } from "../../scripts/audit-releases.ts";
import { parseDay } from "../../scripts/lib/calendar.ts";
import { error, warning } from "../../scripts/lib/finding.ts";
import { chartRow, soundRow } from "../helpers/audit.ts";

test("a release tag is a prefix and a strict version", () => {
  const release = ["v1.2.3", "v1.2.3-rc.1"];
  const none = ["v1.2", "v01.2.3", "v1.2.3+b", "chart-1.2.3", "vv1.2.3", "1.2.3"];
  const tags = [...release, "chart-v1.2.3", ...none];
  const ofKind = (kind?: string) => tags.filter((tag) => releaseTagOf(tag)?.kind === kind);
  expect([ofKind("release"), ofKind("chart"), ofKind()]).toEqual([release, ["chart-v1.2.3"], none]);
});

test("tags go from the newest to the oldest, a chart before its release; what has no date is last", () => {
  const same = soundRow(1).head;
  const rows = [
    soundRow(3, { head: undefined }),
    chartRow(1),
    soundRow(10, { head: same }),
    soundRow(9, { head: same }),
    soundRow(0),
    chartRow(2, { head: undefined }),
  ];
  expect(rows.toSorted(compareRows).map(({ tag }) => tag)).toEqual([
    "chart-v1.1.0",
    "v1.10.0",
    "v1.9.0",
    "v1.0.0",
    "chart-v1.2.0",
    "v1.3.0",
  ]);
});

describe("faults of the past:", () => {
  const pass = (ageDays: number) =>
    ({
      state: "pass",
      pass: { date: parseDay("2025-01-01"), ageDays, labCommit: "a" },
      hasLedger: true,
    }) as const;
  const none = (hasLedger: boolean) => ({ state: "none", pass: undefined, hasLedger }) as const;

  test.each([
    ["a sound release has none", soundRow(1), []],
    ["a sound chart has none", chartRow(1), []],
    ["a PASS of 30 days is none", soundRow(1, { lab: pass(30) }), []],
    ["a PASS of 31 days", soundRow(1, { lab: pass(31) }), ["lab PASS older than 30 days: 31 days"]],
    ["no PASS", soundRow(1, { lab: none(true) }), ["no lab PASS on record"]],
    ["no PASS before there was a ledger is none", soundRow(1, { lab: none(false) }), []],
    [
      "a candidate is tagged on its release branch, for the lab to run: it needs no PASS, and not main",
      soundRow(1, { lab: none(true), version: "1.1.0-rc.1" as never }, { onMain: "no" }),
      [],
    ],
    [
      "another prerelease is a release like any",
      soundRow(1, { lab: none(true), version: "1.1.0-beta.1" as never }, { onMain: "no" }),
      ["commit not on the main branch", "no lab PASS on record"],
    ],
    [
      "a chart that differs",
      chartRow(1, { manifests: "differ" }),
      ["another version in Chart.yaml"],
    ],
    [
      "a bypass of another gate than the lab's",
      chartRow(1, {}, { bypasses: ["image gate (--skip-image-check)"] }),
      ["bypassed: image gate (--skip-image-check)"],
    ],
    [
      "all at once",
      soundRow(
        1,
        {
          manifests: "differ",
          stale: [{ row: "", file: "", what: "", found: "", expected: "" }],
          lab: { ...pass(3), state: "skipped" },
        },
        { signature: "lightweight", onMain: "no", calledItself: "v9\n" },
      ),
      [
        "lightweight, so not signed",
        "commit not on the main branch",
        "another version in the manifests",
        "lab gate skipped",
        "stale references: 1",
        'another name in the tag object: "v9\\n"',
      ],
    ],
  ])("%s", (_, row, expected) => {
    expect(faultPhrases(row)).toEqual(expected);
  });
});

describe("findings", () => {
  const problemsOf = (rows: readonly Row[], mainFaults?: Parameters<typeof findingsOfAudit>[1]) =>
    findingsOfAudit(rows, mainFaults).filter(({ level }) => level !== "notice");

  test("fifty tags with every kind of fault need twenty lines, the head of the table included", () => {
    const faults: [Partial<Row>, Partial<Head>][] = [
      [{}, { signature: "unsigned" }],
      [{}, { signature: "lightweight" }],
      [{}, { calledItself: "v9" }],
      [{}, { onMain: "no" }],
      [{ manifests: "differ" }, {}],
      [{ stale: [{ row: "", file: "", what: "", found: "", expected: "" }] }, {}],
      [{}, { bypasses: ["image gate (--skip-image-check)"] }],
      [{ lab: { state: "skipped", pass: undefined, hasLedger: true } }, {}],
      [{ lab: { state: "none", pass: undefined, hasLedger: true } }, {}],
      [{ lab: soundRow(31).lab }, {}],
    ];
    const rows = Array.from({ length: 50 }, (_, index) => {
      const [changes = {}, head] = faults[index % faults.length] ?? [];
      return index === 49 ? chartRow(49, { manifests: "differ" }) : soundRow(index, changes, head);
    });
    const notices = findingsOfAudit(rows.toReversed(), undefined);
    expect(notices.map(({ level }) => level)).toEqual(Array(18).fill("notice"));
    expect(tableLines(rows)).toHaveLength(51);
  });

  test("a fault of the past is one notice a kind, with its newest example and no way out", () => {
    const stale = [{ row: "r", file: "f", what: "w", found: "1", expected: "2" }];
    const rows = [
      chartRow(3, { stale: [...stale, ...stale] }),
      soundRow(2, { stale }),
      soundRow(1),
    ];
    const findings = findingsOfAudit(
      [...rows, soundRow(0, {}, { signature: "unsigned" })],
      undefined,
    );
    expect(findings.slice(-2)).toEqual([
      { level: "notice", message: "stale references: 2 tags, newest chart-v1.3.0 (2)" },
      { level: "notice", message: "not signed: 1 tag, newest v1.0.0" },
    ]);
  });

  test("what cannot be read is one error a cause, and leads to what was tagged", () => {
    const remedy = "Add the file";
    const git = "Check the repository: git fsck";
    const gone = error("no such file", { at: { file: "charts/Chart.yaml" }, remedy });
    const broken = error("not YAML", { at: { file: "charts/our $x.yaml", line: 3 }, remedy });
    const faults = [broken, error("git cat-file failed", { remedy: git }), warning("not read")];
    const rows = [
      chartRow(3, { faults: [gone] }),
      soundRow(2, { faults: [gone] }),
      soundRow(1, { faults }),
    ];
    expect(problemsOf(rows)).toEqual([
      error("Cannot audit all of chart-v1.3.0 and 1 other tag: no such file", {
        ...gone,
        remedy: "Look at what was tagged: git show --stat chart-v1.3.0",
      }),
      error("Cannot audit all of v1.1.0: not YAML", {
        ...broken,
        remedy: "Look at what was tagged: git show 'v1.1.0:charts/our $x.yaml'",
      }),
      error("Cannot audit all of v1.1.0: git cat-file failed", { remedy: git }),
      error("Cannot audit all of v1.1.0: not read"),
    ]);
  });

  test("more history is asked for only where there is a main branch to look for", () => {
    const rows = [soundRow(1, {}, { onMain: "unknown" })];
    const missing = error("Cannot find the main branch");
    expect(problemsOf(rows).map(({ message }) => message)).toEqual([
      "Cannot find out for 1 tag whether the commit is on the main branch: this clone is shallow",
    ]);
    expect(problemsOf(rows, [missing])).toEqual([missing]);
  });
});

test("the table fits 80 columns, and a longer cell moves its own row alone", () => {
  const nothing = { manifests: "unreadable", lab: "unreadable", stale: "unreadable" } as const;
  const rows = [
    soundRow(11, { chart: { version: "0.11.1", appVersion: "0.11.1" } }),
    chartRow(1, { stale: "unreadable", manifests: "differ" }, { signature: "lightweight" }),
    soundRow(2, { head: undefined, ...nothing, chart: "none" }),
    soundRow(
      3,
      { tag: "v1.3.0-alpha.beta", lab: { state: "skipped", pass: undefined, hasLedger: true } },
      { onMain: "unknown", signature: "unsigned" },
    ),
  ];
  const lines = tableLines(rows);
  expect(lines).toEqual([
    "tag            date        signed  main  files  lab       stale  chart (app)",
    "v1.11.0        2025-08-09  yes     yes   ok     PASS 11d  0      0.11.1 (0.11.1)",
    "chart-v1.1.0   2025-01-21  light   yes   wrong  -         ?      1.1.0 (1.1.0)",
    "v1.2.0         ?           ?       ?     ?      ?         ?      -",
    "v1.3.0-alpha.beta  2025-03-02  no      ?     ok     skipped   0      1.3.0 (1.3.0)",
  ]);
  expect(lines[1]).toHaveLength(80);
});

test.each([
  ["plain", "1.1.0-rc.1", "1.1.0 (1.1.0-rc.1)"],
  ["absent", undefined, "1.1.0 (-)"],
  ["empty", "", '1.1.0 ("")'],
  ["with a line break", "1\n2", '1.1.0 ("1\\n2")'],
  ["long", "x".repeat(200), `1.1.0 ("${"x".repeat(117)}...")`],
])("a value from a file that is %s stays on its line", (_, appVersion, expected) => {
  const [cells] = cellsOf([soundRow(1, { chart: { version: "1.1.0", appVersion } })]);
  expect(cells?.at(-1)).toBe(expected);
});
