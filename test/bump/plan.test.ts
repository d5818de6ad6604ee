import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type BumpRequest, findTargets, planBump } from "../../scripts/bump/plan.ts";
import { prepareBump } from "../../scripts/bump-version.ts";
import { checkReferences } from "../../scripts/check-references.ts";
import { smallProduct } from "../../scripts/demo/product.ts";
import type { Day } from "../../scripts/lib/calendar.ts";
import {
  applicationVersions,
  readReferences,
  type Versions,
} from "../../scripts/lib/files/references.ts";
import { attempt, isPass, notice } from "../../scripts/lib/finding.ts";
import { parseVersion, type Version } from "../../scripts/lib/version.ts";
import { memoryTree } from "../helpers/memory-tree.ts";
import { spelledProduct } from "../helpers/spellings.ts";

const next = "1.3.0" as Version;
const all: Versions = { ...applicationVersions(next), chart: next };
const date = "2026-09-01" as Day;
type Files = Record<string, string>;

async function planOf(files: Files, versions: Versions) {
  const tree = memoryTree(files);
  return await planBump(tree, await readReferences(tree, versions), versions, date);
}

/** The files after a bump, all of them. */
async function bumped(files: Files, versions = all) {
  const plan = await planOf(files, versions);
  const edits = Object.fromEntries(plan.files.map(({ path, after }) => [path, after]));
  return { plan, files: { ...files, ...edits } };
}

async function faultsOf(files: Files): Promise<string[]> {
  const { findings = [] } = await attempt(() => planOf(files, all));
  expect(isPass([notice("nothing else"), ...findings])).toBe(false);
  return findings.map(({ at, message }) => `${at?.file}:${at?.line ?? "-"} ${message}`);
}

/** The files of the faults that keep a bump from being prepared. */
async function preparedFaults(files: Files) {
  const request = { version: next, chart: undefined, chartOnly: false, allowSame: false, date };
  const { faults } = await prepareBump(memoryTree(files), request);
  return faults.map(({ at }) => at?.file);
}

const product: Files = smallProduct("1.2.9");

test("every row of the table moves, and nothing else: the result is the product at the version", async () => {
  const { plan, files } = await bumped(product);
  const expected: Files = smallProduct(next);
  const changelogs = ["CHANGELOG.md", "charts/perf-sentinel/CHANGELOG.md"];
  for (const [path, text] of Object.entries(files)) {
    if (!changelogs.includes(path)) {
      expect([path, text]).toEqual([path, expected[path] ?? ""]);
    }
  }
  expect(files["CHANGELOG.md"]).toBe(
    product["CHANGELOG.md"]?.replace("## [1.2.9]", "## [1.3.0] - 2026-09-01\n\n## [1.2.9]") ?? "",
  );
  expect(files["charts/perf-sentinel/CHANGELOG.md"]).toBe(
    product["charts/perf-sentinel/CHANGELOG.md"]?.replace(
      "## [1.2.9]",
      "## [1.3.0]\n\n### Changed\n\n- `appVersion` moves to `1.3.0`.\n\n## [1.2.9]",
    ) ?? "",
  );
  expect(plan.left.map(({ level, message }) => [level, message])).toEqual([
    ["warning", "CHANGELOG.md says nothing below ## [1.3.0] - 2026-09-01"],
  ]);
  const judged = await checkReferences(plan.result, next);
  expect(judged.filter(({ level }) => level !== "notice")).toMatchObject([
    { level: "warning", message: "CHANGELOG.md says nothing below ## [1.3.0] - 2026-09-01" },
  ]);
  expect((await bumped(files)).plan.files).toEqual([]);
});

test("what is half bumped is finished, whatever version the other half states", async () => {
  const { files } = await bumped(product);
  const stale: Files = smallProduct("1.2.7");
  for (const path of Object.keys(files).filter((each) => !each.endsWith("CHANGELOG.md"))) {
    const half = { ...files, [path]: stale[path] ?? "" };
    expect((await bumped(half)).files).toEqual(files);
  }
});

test("only what follows a version moves: the chart alone keeps its appVersion", async () => {
  const { plan, files } = await bumped(product, { chart: next });
  expect(plan.files.map(({ path }) => path)).toEqual([
    "charts/perf-sentinel/CHANGELOG.md",
    "charts/perf-sentinel/Chart.yaml",
  ]);
  const chart = "charts/perf-sentinel/Chart.yaml";
  expect(files[chart]).toBe(product[chart]?.replace("\nversion: 1.2.9", "\nversion: 1.3.0") ?? "");
  expect(files["charts/perf-sentinel/CHANGELOG.md"]).not.toContain("moves to `1.3.0`");
  expect(plan.left.map(({ message }) => message)).toEqual([
    "charts/perf-sentinel/CHANGELOG.md says nothing below ## [1.3.0]",
  ]);
});

test("a digest behind a bumped tag is left, with a warning", async () => {
  const chart = product["charts/perf-sentinel/Chart.yaml"] ?? "";
  const digest = `@sha256:${"a".repeat(64)}`;
  const { files, plan } = await bumped({
    ...product,
    "charts/perf-sentinel/Chart.yaml": chart.replace("sentinel:1.2.9", `sentinel:1.2.9${digest}`),
  });
  expect(files["charts/perf-sentinel/Chart.yaml"]).toContain(`sentinel:1.3.0${digest}`);
  expect(plan.left[0]).toMatchObject({
    level: "warning",
    message: `The digest behind the new tag is still that of the old image: ghcr.io/robintra/perf-sentinel:1.2.9${digest}`,
    at: { file: "charts/perf-sentinel/Chart.yaml", line: 9 },
  });
});

test("files that are not there are left out", async () => {
  const manifests = Object.entries(product).filter(([path]) => path.endsWith("Cargo.toml"));
  expect((await bumped(Object.fromEntries(manifests))).plan.files.map(({ path }) => path)).toEqual([
    "Cargo.toml",
    "crates/sentinel-cli/Cargo.toml",
  ]);
});

describe("nothing is planned, with every fault told,", () => {
  test("if files cannot be read", async () => {
    const faults = await faultsOf({
      ...product,
      "Cargo.lock": "[",
      "docs/schemas/examples/example.json": "[",
      "charts/perf-sentinel/Chart.yaml": "version: 1\n",
      "crates/sentinel-cli/Cargo.toml": "[",
    });
    expect(faults.map((fault) => fault.split(":")[0])).toEqual([
      "crates/sentinel-cli/Cargo.toml",
      "Cargo.lock",
      "docs/schemas/examples/example.json",
      "charts/perf-sentinel/Chart.yaml",
    ]);
  });

  test("if one file cannot be read and others cannot be edited", async () => {
    const manifest = product["crates/sentinel-cli/Cargo.toml"] ?? "";
    const twice = "## [Unreleased]\n\n- a\n\n## [Unreleased]\n";
    const faulty = {
      ...product,
      "crates/sentinel-cli/Cargo.toml": manifest.replace('"1.2.9"', '"1\\u002e2.9"'),
      "CHANGELOG.md": twice,
    };
    const files = { ...faulty, "charts/perf-sentinel/Chart.yaml": "version: 1.10\n" };
    const expected = [
      "charts/perf-sentinel/Chart.yaml",
      "crates/sentinel-cli/Cargo.toml",
      "CHANGELOG.md",
    ];
    expect((await faultsOf(files)).map((fault) => fault.split(":")[0])).toEqual(expected);
    expect(await preparedFaults(files)).toEqual(expected);
    const root = product["Cargo.toml"] ?? "";
    for (const version of ['"1.2"', "1.2"]) {
      const unclear = { ...faulty, "Cargo.toml": root.replace('"1.2.9"', version) };
      expect(await preparedFaults(unclear)).toEqual(["Cargo.toml", ...expected.slice(1)]);
    }
  });

  test("once, if a changelog cannot be read", async () => {
    const { "CHANGELOG.md": _, ...others } = product;
    const faults = await faultsOf({ ...others, "CHANGELOG.md/folder": "" });
    expect(faults.map((fault) => fault.split(":")[0])).toEqual(["CHANGELOG.md"]);
  });

  test("if values cannot be changed alone", async () => {
    const manifest = product["crates/sentinel-cli/Cargo.toml"] ?? "";
    expect(
      await faultsOf({
        ...product,
        "crates/sentinel-cli/Cargo.toml": manifest.replace('"1.2.9"', '"1\\u002e2.9"'),
        "charts/perf-sentinel/Chart.yaml": "version: &v 1.2.9\nname: *v\nappVersion: x\n",
        "CHANGELOG.md": "## [Unreleased]\n\n- a\n\n## [Unreleased]\n",
      }),
    ).toEqual([
      'crates/sentinel-cli/Cargo.toml:7 Cannot edit "1.2.9" of "dependencies.perf-sentinel-core.version" in crates/sentinel-cli/Cargo.toml: found it in a rare spelling, expected it written plainly',
      'charts/perf-sentinel/Chart.yaml:1 Cannot edit "1.2.9" in charts/perf-sentinel/Chart.yaml: found a spelling that other values share, expected it written plainly',
      "CHANGELOG.md:5 Cannot edit CHANGELOG.md: found ## [Unreleased] again, expected it once",
    ]);
  });
});

test("a bump after which the table would find something else is refused: a published crate at that version", async () => {
  const lock = (entries: string) => `version = 4\n${entries}`;
  const faults = await faultsOf({
    ...product,
    "Cargo.lock": lock(`
[[package]]
name = "perf-sentinel"
version = "1.2.9"
dependencies = ["perf-sentinel-core 1.2.9", "perf-sentinel-core 1.3.0"]

[[package]]
name = "perf-sentinel-core"
version = "1.2.9"

[[package]]
name = "perf-sentinel-core"
version = "1.3.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
`),
  });
  expect(faults).toEqual([
    "undefined:- Cannot prove the edits: found other references than before",
  ]);
});

test.each([
  ["=1.2.9", "=1.3.0"],
  ["1.2", "1.2"],
  ["1.2.9", "1.2.9"],
  [">=1, <2", ">=1, <2"],
  ["~1.2", "1.3.0"],
])(
  "a development dependency on a sibling moves only if it does not admit the version: %s",
  async (from, to) => {
    const path = "crates/sentinel-core/Cargo.toml";
    const needing = (requirement: string) =>
      `${product[path]}\n[dev-dependencies]\nperf-sentinel = { path = "../sentinel-cli", version = "${requirement}" }\n`;
    const { files } = await bumped({ ...product, [path]: needing(from) });
    expect(files[path]).toBe(needing(to));
    expect((await bumped(files)).plan.files).toEqual([]);
  },
);

test.each([
  ["a crate", "dev-dependencies", "1.2.9", "1.2.9"],
  ["a crate", "dev-dependencies", "=1.2.9", "=1.3.0"],
  ["the workspace", "workspace.dependencies", "~1.2", "1.3.0"],
])(
  "a member with publish = false that inherits the version: %s requires it in %s as %s",
  async (_, table, from, to) => {
    const inShared = table.startsWith("workspace");
    const path = inShared ? "Cargo.toml" : "crates/sentinel-core/Cargo.toml";
    const folder = inShared ? "tools/x" : "../../tools/x";
    const root = product["Cargo.toml"]?.replace("members = [", 'members = ["tools/x", ') ?? "";
    const files = {
      ...product,
      "Cargo.toml": root,
      "tools/x/Cargo.toml": '[package]\nname = "x"\nversion.workspace = true\npublish = false\n',
    };
    const needing = (text: string, requirement: string) =>
      `${text}\n[${table}]\nx = { path = "${folder}", version = "${requirement}" }\n`;
    const before: Files = { ...files, [path]: needing((files as Files)[path] ?? "", from) };
    const after = (await bumped(before)).files;
    expect(after[path]).toContain(`x = { path = "${folder}", version = "${to}" }`);
  },
);

test("a crate that inherits from no workspace version keeps a bump from being prepared", async () => {
  const text = product["Cargo.toml"]?.replace('version = "1.2.9"', "") ?? "";
  expect(await preparedFaults({ ...product, "Cargo.toml": text })).toEqual([
    "crates/sentinel-cli/Cargo.toml",
    "crates/sentinel-core/Cargo.toml",
  ]);
});

test("without a workspace version, a bump goes beyond the greatest of the crates", async () => {
  const files: Files = {
    ...product,
    "Cargo.toml": '[workspace]\nmembers = ["a", "b"]\n',
    "a/Cargo.toml": '[package]\nname = "a"\nversion = "1.2.9"\n',
    "b/Cargo.toml": '[package]\nname = "b"\nversion = "1.3.1"\n',
  };
  const {
    "crates/sentinel-core/Cargo.toml": _,
    "crates/sentinel-cli/Cargo.toml": __,
    ...rest
  } = files;
  expect(await preparedFaults(rest)).toEqual(["b/Cargo.toml"]);
});

test("arbitrary legal spellings: a bump changes exactly the intended values, and a second nothing", async () => {
  let moved = 0;
  const property = fc.asyncProperty(fc.gen(), async (generate) => {
    const { before, after, slots } = spelledProduct(generate, next);
    const { plan, files } = await bumped(before);
    expect(files).toEqual(after);
    expect(plan.files.reduce((sum, each) => sum + each.moves.length, 0)).toBe(slots);
    const judged = await checkReferences(memoryTree(files), next);
    expect(judged.filter(({ level }) => level === "error")).toEqual([]);
    expect((await bumped(files)).plan.files).toEqual([]);
    moved += slots;
  });
  await fc.assert(property, { seed: 20_260_807, numRuns: 60 });
  expect(moved).toBeGreaterThan(60 * 6);
});

// Versions

/** A request as the command line has it, such as `1.3.0 --chart 1.3.1 --allow-same`. */
function request(words: string): BumpRequest {
  const [version = "", ...options] = words.split(" ");
  const chart = options[options.indexOf("--chart") + 1];
  return {
    version: parseVersion(version),
    chart: options.includes("--chart") ? parseVersion(chart ?? "") : undefined,
    chartOnly: options.includes("--chart-only"),
    allowSame: options.includes("--allow-same"),
    date,
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
  ["1.3.0-rc.1", "1.2.9", undefined, "1.3.0-rc.1 - -", "1.3.0-rc.1"],
  ["1.3.0 --chart 2.0.0", "1.2.9", "1.9.9", "1.3.0 1.3.0 2.0.0", "1.3.0"],
  ["1.3.0", "1.2.9", undefined, "1.3.0 1.3.0 -", "1.3.0"],
  ["1.3.0 --allow-same", "1.3.0", "1.3.0", "1.3.0 1.3.0 1.3.0", "1.3.0"],
  ["1.3.0", "1.2.9", "1.3.0", "1.3.0 1.3.0 1.3.0", "1.3.0"],
  ["1.3.0 --chart 1.3.0", "1.2.9", "1.3.0", "1.3.0 1.3.0 1.3.0", "1.3.0"],
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
    ["1.3.1", "--allow-same"],
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
