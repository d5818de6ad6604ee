import { expect, test } from "bun:test";
import { cellsOf, tableLines } from "../../scripts/audit/record.ts";
import { chartRow, soundRow } from "../helpers/audit.ts";

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
