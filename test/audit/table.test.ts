import { describe, expect, test } from "bun:test";
import { fullTable, tableLines } from "../../scripts/audit/table.ts";
import { chartRow, soundRow } from "../helpers/audit.ts";

const rows = [
  soundRow(1),
  chartRow(1, { stale: "unreadable" }, { signature: "lightweight", dateOf: "commit" }),
  soundRow(2, { head: undefined, manifests: "unreadable", lab: "unreadable", stale: "unreadable" }),
  soundRow(
    3,
    { lab: { state: "skipped", pass: undefined, hasLedger: true } },
    { onMain: "unknown" },
  ),
];

test("where nothing limits it, the table is in full words", () => {
  expect(tableLines(rows, Number.POSITIVE_INFINITY)).toEqual([
    "tag           date                   signature    on main  manifests   lab         stale       chart (appVersion)",
    "v1.1.0        2025-01-21             signed       yes      agree       PASS 1d     0           1.1.0 (1.1.0)",
    "chart-v1.1.0  2025-01-21 (commit's)  lightweight  yes      agree       -           unreadable  1.1.0 (1.1.0)",
    "v1.2.0        unreadable             -            -        unreadable  unreadable  unreadable  1.2.0 (1.2.0)",
    "v1.3.0        2025-03-02             signed       unknown  agree       skipped     0           1.3.0 (1.3.0)",
  ]);
});

test("where that does not fit, it is in short words, and says what they mean", () => {
  expect(tableLines(rows, 79)).toEqual([
    "tag           date        sig  main  man  lab   old  chart (app)",
    "v1.1.0        2025-01-21  yes  yes   ok   1d    0    1.1.0 (1.1.0)",
    "chart-v1.1.0  2025-01-21  lw   yes   ok   -     ?    1.1.0 (1.1.0)",
    "v1.2.0        ?           ?    ?     ?    ?     ?    1.2.0 (1.2.0)",
    "v1.3.0        2025-03-02  yes  ?     ok   skip  0    1.3.0 (1.3.0)",
    "sig = signature (lw: lightweight); main = on main; man = manifests (ok: agree,",
    "no: differ); old = stale; chart (app) = chart (appVersion); ?: unreadable or",
    "unknown",
  ]);
});

test("where even that does not fit, whole columns go, the same ones first, and are named", () => {
  expect(tableLines(rows, 50)).toEqual([
    "tag           date        sig  man  lab   old",
    "v1.1.0        2025-01-21  yes  ok   1d    0",
    "chart-v1.1.0  2025-01-21  lw   ok   -     ?",
    "v1.2.0        ?           ?    ?    ?     ?",
    "v1.3.0        2025-03-02  yes  ok   skip  0",
    "sig = signature (lw: lightweight); man = manifests",
    "(ok: agree, no: differ); old = stale; ?:",
    "unreadable or unknown; not shown: on main, chart",
    "(appVersion)",
  ]);
  const headings = [60, 50, 40, 36, 30, 25, 12].map((width) => tableLines(rows, width)[0]);
  expect(headings).toEqual(
    [
      "tag           date        sig  main  man  lab   old",
      "tag           date        sig  man  lab   old",
      "tag           date        sig  lab   old",
      "tag           date        sig  lab",
      "tag           date        lab",
      "tag           date",
      "tag",
    ].map((each) => expect.stringMatching(new RegExp(`^${each.replaceAll(/ +/g, " +")}`))),
  );
});

test("at no width is a line wider than that, or empty", () => {
  const wide = soundRow(4, { chart: { version: "1.4.0", appVersion: "版本".repeat(9) } });
  for (let width = 3; width < 130; width++) {
    const lines = tableLines([...rows, wide], width);
    const wrong = lines.filter((line) => Bun.stringWidth(line) > width || line === "");
    expect({ width, wrong }).toEqual({ width, wrong: [] });
    expect(lines.length).toBeGreaterThanOrEqual(rows.length + 2);
  }
});

describe("a value from a file", () => {
  const cell = (appVersion: string | undefined) =>
    fullTable([soundRow(1, { chart: { version: "1.1.0", appVersion } })]).rows[0]?.at(-1);

  test.each([
    ["plain", "1.1.0-rc.1", "1.1.0 (1.1.0-rc.1)"],
    ["absent", undefined, "1.1.0 (none)"],
    ["empty", "", '1.1.0 ("")'],
    ["with a line break", "1\n2", '1.1.0 ("1\\n2")'],
    ["that steers the terminal", "\u001b[2J\u202e", '1.1.0 ("\\u001b[2J\\u202e")'],
    ["long", "x".repeat(99), `1.1.0 ("${"x".repeat(40)}...")`],
  ])("%s stays on its line", (_, value, expected) => {
    expect(cell(value)).toBe(expected);
  });
});
