import { describe, expect, test } from "bun:test";
import { pageMark, pageOf } from "../../scripts/audit/page.ts";
import { compareRows, pastFaults, releaseTagOf } from "../../scripts/audit/record.ts";
import { timelineOf } from "../../scripts/audit/timeline.ts";
import { parseDay } from "../../scripts/lib/calendar.ts";
import { chartRow, soundRow } from "../helpers/audit.ts";

const subject = {
  rows: [soundRow(1), chartRow(1), soundRow(2)],
  main: { shown: "main", commit: "0123456789abcdef".padEnd(40, "0") },
  since: undefined,
  day: parseDay("2026-08-07"),
};

describe("the page", () => {
  test("is the same for the same audit, and known by its mark", () => {
    expect(pageOf(subject)).toBe(pageOf(subject));
    expect(pageOf(subject)).toContain(pageMark);
    expect(pageOf(subject)).toContain(
      "Audit of 3 tags on 2026-08-07 (UTC); the main branch is main at 0123456789ab.",
    );
    expect(pageOf({ ...subject, main: undefined, since: "1.1.0" })).toContain(
      "Audit of 3 tags since v1.1.0 on 2026-08-07 (UTC); no main branch was found.",
    );
  });

  test("asks for nothing from elsewhere, and holds no script", () => {
    const page = pageOf(subject);
    expect(page.match(/\b(?:src|href|action|data)="[^"]*"/g)).toEqual([
      'href="data:,"',
      'href="#totals"',
      'href="#timeline"',
      'href="#tags"',
    ]);
    expect(page).not.toMatch(/<script|url\(|@import|\bon\w+=|https?:/);
  });

  test("says in words what the picture cannot show", () => {
    const unread = soundRow(1, { head: undefined });
    expect(pageOf({ ...subject, rows: [unread] })).toContain("No tag has a date that can be read.");
    expect(timelineOf([unread])).toBeUndefined();
    expect(timelineOf([soundRow(2), unread])).toContain(
      "1 tag without a readable date in the table alone.",
    );
  });
});

describe("the picture", () => {
  const ticks = (last: number) =>
    [
      ...(timelineOf([soundRow(0), soundRow(0, {}, { ...secondsLater(last) })]) ?? "").matchAll(
        /text-anchor="middle">([^<]*)</g,
      ),
    ].map(([, words]) => words);
  const secondsLater = (days: number) => {
    const moment = new Date(Date.UTC(2025, 0, 1 + days, 12));
    return {
      seconds: moment.getTime() / 1000,
      date: parseDay(moment.toISOString().slice(0, 10)),
    };
  };

  test.each([
    ["one day", 0, ["2025-01-01"]],
    ["days", 9, ["2025-01-01", "2025-01-10"]],
    ["months", 100, ["2025-02", "2025-03", "2025-04"]],
    ["quarters", 500, ["2025-04", "2025-07", "2025-10", "2026-01", "2026-04"]],
    ["years", 2000, ["2026", "2027", "2028", "2029", "2030"]],
    ["centuries", 200_000, ["2100", "2200", "2300", "2400", "2500"]],
  ])("has a time axis of %s", (_, days, expected) => {
    expect(ticks(days)).toEqual(expected);
  });

  test("every mark lies within it, and no number is broken, however far apart values are", () => {
    const old = {
      state: "pass",
      pass: { date: parseDay("2000-01-01"), ageDays: 9000, labCommit: "a" },
      hasLedger: true,
    } as const;
    const rows = [soundRow(0), soundRow(1, { lab: old }), chartRow(400)];
    const picture = timelineOf(rows) ?? "";
    expect(picture).not.toMatch(/NaN|Infinity|undefined/);
    const xs = [...picture.matchAll(/cx="([^"]*)"|d="M(\S+) /g)].map(([, one, other]) =>
      Number(one ?? other),
    );
    expect(xs).toHaveLength(5);
    expect(xs.every((x) => x >= 130 && x <= 880)).toBe(true);
  });
});

test("a release tag is a prefix and a strict version", () => {
  const kinds = [
    "v1.2.3",
    "chart-v1.2.3",
    "v1.2.3-rc.1",
    "v1.2",
    "v01.2.3",
    "v1.2.3+b",
    "chart-1.2.3",
    "vv1.2.3",
    "1.2.3",
  ];
  expect(kinds.map((tag) => releaseTagOf(tag)?.kind)).toEqual([
    "release",
    "chart",
    "release",
    ...Array(6).fill(undefined),
  ]);
});

test("history goes by date, then a release before its chart, then by version; what has no date is last", () => {
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
    "v1.0.0",
    "v1.9.0",
    "v1.10.0",
    "chart-v1.1.0",
    "v1.3.0",
    "chart-v1.2.0",
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
    ["a PASS of 31 days", soundRow(1, { lab: pass(31) }), ["its lab PASS was 31 days old"]],
    ["no PASS", soundRow(1, { lab: none(true) }), ["no lab PASS was on record"]],
    ["no PASS before there was a ledger is none", soundRow(1, { lab: none(false) }), []],
    [
      "no PASS of a candidate is none: it is tagged for the lab to run",
      soundRow(1, { lab: none(true), version: "1.1.0-rc.1" as never }),
      [],
    ],
    [
      "a chart that differs",
      chartRow(1, { manifests: "differ" }),
      ["Chart.yaml states another version"],
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
        "it is lightweight, so nobody signed it",
        'its tag object calls itself "v9\\n"',
        "its commit is not on the main branch",
        "the manifests state another version",
        "its lab gate was skipped",
        "1 stale reference",
      ],
    ],
  ])("%s", (_, row, expected) => {
    expect(pastFaults(row)).toEqual(expected);
  });
});
