import { describe, expect, test } from "bun:test";
import { type BumpRequest, findTargets } from "../../scripts/bump/plan.ts";
import type { Day } from "../../scripts/lib/calendar.ts";
import { parseVersion } from "../../scripts/lib/version.ts";

/** A request as the command line has it, such as `1.3.0 --chart 1.3.1 --allow-same`. */
function request(words: string): BumpRequest {
  const [version = "", ...options] = words.split(" ");
  const chart = options[options.indexOf("--chart") + 1];
  return {
    version: parseVersion(version),
    chart: options.includes("--chart") ? parseVersion(chart ?? "") : undefined,
    chartOnly: options.includes("--chart-only"),
    allowSame: options.includes("--allow-same"),
    date: "2026-09-01" as Day,
  };
}

/** What a request comes to where the application and the chart are at some versions. */
function targets(words: string, application: string, chart?: string) {
  const stated = (version: string, file: string) => ({
    value: parseVersion(version),
    place: () => ({ file, line: 6 }),
  });
  const found = findTargets(
    request(words),
    stated(application, "Cargo.toml"),
    chart === undefined ? undefined : stated(chart, "c/Chart.yaml"),
  );
  const { application: app, appVersion, chart: own } = found.targets.versions;
  return {
    versions: [app, appVersion, own].map((each) => each ?? "-").join(" "),
    judgedBy: found.targets.application as string,
    faults: found.faults.filter(({ level }) => level === "error").map(({ message }) => message),
    remedies: found.faults.map(({ remedy }) => remedy),
    places: found.faults.map((fault) => fault.at),
  };
}

test.each([
  ["1.3.0", "1.2.9", "1.2.9", "1.3.0 1.3.0 1.3.0", "1.3.0"],
  ["1.3.0-rc.1", "1.2.9", "1.2.9", "1.3.0-rc.1 1.3.0-rc.1 1.3.0-rc.1", "1.3.0-rc.1"],
  ["1.3.0 --chart 2.0.0", "1.2.9", "1.9.9", "1.3.0 1.3.0 2.0.0", "1.3.0"],
  ["1.3.0", "1.2.9", undefined, "1.3.0 - -", "1.3.0"],
  ["1.3.0 --allow-same", "1.3.0", "1.3.0", "1.3.0 1.3.0 1.3.0", "1.3.0"],
  ["1.3.0 --allow-same", "1.3.0", "1.4.0", "1.3.0 1.3.0 1.4.0", "1.3.0"],
  ["1.2.10 --chart-only", "1.2.9", "1.2.9", "- - 1.2.10", "1.2.9"],
  ["1.2.10 --chart-only --allow-same", "1.2.9", "1.2.10", "- - 1.2.10", "1.2.9"],
])(
  "%s at %s, chart at %s, moves application, appVersion and chart to %s",
  (words, application, chart, versions, judgedBy) => {
    expect(targets(words, application, chart)).toMatchObject({ versions, judgedBy, faults: [] });
  },
);

describe("a version that is not greater is refused", () => {
  test.each([
    ["1.2.9", "--allow-same"],
    ["1.2.8", "greater than 1.2.9"],
    ["1.2.8 --allow-same", "greater than 1.2.9"],
  ])("%s, with line and remedy", (words, remedy) => {
    const refused = targets(words, "1.2.9");
    const version = words.split(" ")[0];
    expect(refused.faults).toEqual([
      `Cannot bump to ${version}: found the workspace at 1.2.9, expected a lower version`,
    ]);
    expect(refused.remedies[0]).toContain(remedy);
    expect(refused.places).toEqual([{ file: "Cargo.toml", line: 6 }]);
  });

  test.each([
    ["1.3.2", ""],
    ["1.3.0", "--allow-same"],
  ])("where chart-only releases have run ahead to %s (%s)", (chart, option) => {
    const { faults, remedies } = targets(`1.3.0 ${option}`.trim(), "1.2.9", chart);
    expect(faults).toEqual([
      `Cannot bump the chart to 1.3.0: found it at ${chart}, because of releases of the chart alone, expected a lower version`,
    ]);
    expect(remedies).toEqual([
      `Name a version greater than ${chart}, or the chart's version with --chart A.B.C`,
    ]);
  });

  test.each([
    ["1.3.0 --chart 1.2.9", "1.2.9"],
    ["1.2.9 --chart-only", "1.2.9"],
    ["1.3.0 --chart 1.2.9 --allow-same", "1.2.9"],
  ])("of the chart, if it was named: %s", (words, own) => {
    expect(targets(words, "1.2.8", "1.2.9").faults).toEqual([
      `Cannot bump the chart to ${own}: found it at 1.2.9, expected a lower version`,
    ]);
  });
});

test.each(["1.3.0 --chart 1.3.0", "1.3.0 --chart-only"])(
  "a chart that is not there cannot be bumped: %s",
  (words) => {
    expect(targets(words, "1.2.9").faults).toEqual([
      "Cannot bump the chart: there is no charts/perf-sentinel/Chart.yaml",
    ]);
  },
);
