import { describe, expect, test } from "bun:test";
import { prepareBump } from "../scripts/bump-version.ts";
import {
  checkOperatorReferences,
  checkReferences,
  judgeReferences,
  type Weight,
} from "../scripts/check-references.ts";
import { smallProduct } from "../scripts/demo/product.ts";
import type { Day } from "../scripts/lib/calendar.ts";
import { workTree } from "../scripts/lib/disk/work-tree.ts";
import { applicationVersions, readReferences } from "../scripts/lib/files/references.ts";
import { type Finding, isPass } from "../scripts/lib/finding.ts";
import type { FindLastRelease } from "../scripts/lib/git/last-release.ts";
import { parseVersion } from "../scripts/lib/version.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { productFolder } from "./helpers/product.ts";
import { runScript } from "./helpers/run-script.ts";
import { type JsonReport, testRepository, writeFiles } from "./helpers/world.ts";

const script = "scripts/check-references.ts";
const product = smallProduct("1.3.0");
const version = parseVersion("1.3.0");

const check = (changes: Record<string, string> = {}, base = product) =>
  checkReferences(memoryTree({ ...base, ...changes }), version);

test("every reference of a whole release is a notice with its line", async () => {
  const findings = await check();
  expect(findings.filter(({ level }) => level !== "notice")).toEqual([]);
  const rows = findings.filter(({ detail }) => detail);
  expect(rows.map(({ message, at }) => `${at?.file}:${at?.line} ${message}`)).toEqual([
    "Cargo.toml:6 Cargo.toml -> 1.3.0 (matches tag)",
    "crates/sentinel-cli/Cargo.toml:3 crates/sentinel-cli/Cargo.toml -> 1.3.0 (inherits the workspace version)",
    "crates/sentinel-core/Cargo.toml:3 crates/sentinel-core/Cargo.toml -> 1.3.0 (inherits the workspace version)",
    "crates/sentinel-cli/Cargo.toml:7 crates/sentinel-cli/Cargo.toml: perf-sentinel-core -> 1.3.0 (matches tag)",
    "Cargo.lock:5 Cargo.lock: perf-sentinel -> 1.3.0 (matches tag)",
    "Cargo.lock:13 Cargo.lock: perf-sentinel-core -> 1.3.0 (matches tag)",
    "docs/ci-templates/github-actions.yml:3 docs/ci-templates/github-actions.yml: PERF_SENTINEL_VERSION -> 1.3.0 (matches tag)",
    "docs/ci-templates/jenkinsfile.groovy:3 docs/ci-templates/jenkinsfile.groovy: PERF_SENTINEL_VERSION -> 1.3.0 (matches tag)",
    "docs/CI.md:5 docs/CI.md: PERF_SENTINEL_VERSION -> 1.3.0 (matches tag)",
    "docs/CI.md:7 docs/CI.md: perf-sentinel -> v1.3.0 (matches tag)",
    "docs/schemas/examples/example.json:5 docs/schemas/examples/example.json: binary_verification_url -> v1.3.0 (matches tag)",
    "CHANGELOG.md:3 CHANGELOG.md: section -> [1.3.0] - 2026-08-07 (matches tag)",
    "charts/perf-sentinel/Chart.yaml:5 charts/perf-sentinel/Chart.yaml: appVersion -> 1.3.0 (matches tag)",
    "charts/perf-sentinel/Chart.yaml:9 charts/perf-sentinel/Chart.yaml: ghcr.io/robintra/perf-sentinel -> 1.3.0 (matches tag)",
  ]);
});

test("a pass prints one sum, and its rows are details", async () => {
  const shown = (await check()).filter(({ detail }) => !detail);
  expect(shown.map(({ message }) => message)).toEqual(["12 references in 9 files state 1.3.0"]);
});

test("a workspace at another version is one error with the places of all that state it", async () => {
  const whole = (await check({}, smallProduct("1.2.9"))).filter(({ level }) => level !== "notice");
  expect(whole).toHaveLength(1);
  expect(whole[0]).toMatchObject({
    message: "Cannot tag v1.3.0: the workspace is at 1.2.9: did you mean v1.2.9?",
    at: { file: "Cargo.toml", line: 6 },
    remedy: "Name v1.2.9 if you meant that; else bump first: bun scripts/bump-version.ts 1.3.0",
  });
  expect(whole[0]?.also?.map(({ file, line }) => `${file}:${line}`)).toEqual([
    "crates/sentinel-cli/Cargo.toml:7",
    "Cargo.lock:5",
    "Cargo.lock:13",
    "docs/ci-templates/github-actions.yml:3",
    "docs/ci-templates/jenkinsfile.groovy:3",
    "docs/CI.md:5",
    "docs/CI.md:7",
    "docs/schemas/examples/example.json:5",
    "CHANGELOG.md:3",
    "charts/perf-sentinel/Chart.yaml:5",
    "charts/perf-sentinel/Chart.yaml:9",
  ]);
  const third = smallProduct("1.1.0")["docs/schemas/examples/example.json"] ?? "";
  const mixed = await check({ "docs/schemas/examples/example.json": third }, smallProduct("1.2.9"));
  expect(mixed.filter(({ level }) => level === "error").map(({ message }) => message)).toEqual([
    "Cannot tag v1.3.0: the workspace is at 1.2.9: did you mean v1.2.9?",
    "Cannot tag v1.3.0: docs/schemas/examples/example.json says binary_verification_url v1.1.0, expected v1.3.0",
  ]);
});

test("every stale reference of a bumped workspace is an error with file, line, found and expected", async () => {
  const manifests = Object.entries(product).filter(([path]) => path.endsWith("Cargo.toml"));
  const findings = await check(Object.fromEntries(manifests), smallProduct("1.2.9"));
  const errors = findings.filter(({ level }) => level === "error");
  expect(errors.map(({ message, at }) => `${at?.line} ${message}`)).toEqual(
    [
      "5 Cargo.lock says perf-sentinel 1.2.9, expected 1.3.0",
      "13 Cargo.lock says perf-sentinel-core 1.2.9, expected 1.3.0",
      "3 docs/ci-templates/github-actions.yml says PERF_SENTINEL_VERSION 1.2.9, expected 1.3.0",
      "3 docs/ci-templates/jenkinsfile.groovy says PERF_SENTINEL_VERSION 1.2.9, expected 1.3.0",
      "5 docs/CI.md says PERF_SENTINEL_VERSION 1.2.9, expected 1.3.0",
      "7 docs/CI.md says perf-sentinel v1.2.9, expected v1.3.0",
      "5 docs/schemas/examples/example.json says binary_verification_url v1.2.9, expected v1.3.0",
      "3 CHANGELOG.md says section [1.2.9] - 2026-08-07, expected [1.3.0] with the date of the release",
      "5 charts/perf-sentinel/Chart.yaml says appVersion 1.2.9, expected 1.3.0",
      "9 charts/perf-sentinel/Chart.yaml says ghcr.io/robintra/perf-sentinel 1.2.9, expected 1.3.0",
    ].map((each) => each.replace(" ", " Cannot tag v1.3.0: ")),
  );
  expect(new Set(errors.map(({ remedy }) => remedy))).toEqual(
    new Set(["Bring every reference along: bun scripts/bump-version.ts 1.3.0 --allow-same"]),
  );
});

test("a chart in another folder than the layout's is an error; no chart at all is none", async () => {
  const moved = Object.entries(product).map(([path, text]) => [
    path.replace("charts/perf-sentinel/", "charts/tidepool/"),
    text,
  ]);
  const findings = await checkReferences(memoryTree(Object.fromEntries(moved)), version);
  expect(findings.filter(({ level }) => level !== "notice")).toEqual([
    {
      level: "error",
      message:
        "Cannot read the chart: the layout names charts/perf-sentinel, which has no Chart.yaml; found charts/tidepool/Chart.yaml",
      at: { file: "charts/tidepool/Chart.yaml" },
      remedy: "Set chart in scripts/layout.ts to its folder, or to undefined if it is not released",
    },
  ]);
  const without = moved.filter(([path]) => !path?.startsWith("charts/"));
  expect(isPass(await checkReferences(memoryTree(Object.fromEntries(without)), version))).toBe(
    true,
  );
});

test("the chart's own version and changelog may run ahead", async () => {
  const chart = product["charts/perf-sentinel/Chart.yaml"] ?? "";
  const findings = await check({
    "charts/perf-sentinel/Chart.yaml": chart.replace("\nversion: 1.3.0", "\nversion: 1.3.4"),
    "charts/perf-sentinel/CHANGELOG.md": "# Changelog\n",
  });
  expect(findings.every(({ level }) => level === "notice")).toBe(true);
});

/** Returns a question for a last release with some files. */
const releasedWith =
  (files: Record<string, string>): FindLastRelease =>
  (judged, prefix = "v") =>
    Promise.resolve({
      tag: `${prefix}1.2.9`,
      version: parseVersion("1.2.9"),
      tree: memoryTree(judged === version ? files : {}),
    });
const never: FindLastRelease = () => Promise.reject(new Error("asked"));
const unknown: FindLastRelease = () => Promise.resolve({ why: "the clone is shallow" });
const complaints = (findings: readonly Finding[]) =>
  findings.filter(({ level }) => level !== "notice");

test("files that are not there are no findings, and nothing older is asked", async () => {
  const manifests = Object.entries(product).filter(([path]) => path.endsWith("Cargo.toml"));
  const bare = await checkReferences(memoryTree(Object.fromEntries(manifests)), version, never);
  expect(complaints(bare)).toEqual([]);
  expect(bare.at(-1)?.message).toBe("2 references in 2 files state 1.3.0");
});

test("a file without its reference is a warning if it held one in the last release", async () => {
  const changes = {
    "docs/CI.md": "perf-sentinel@v1.3.0\n",
    "Cargo.lock": "version = 4\n",
    "docs/ci-templates/cleanup.yml": "on: push\n",
  };
  const tree = memoryTree({ ...product, ...changes });
  for (const judge of [checkReferences, checkOperatorReferences("required")]) {
    const blind = await judge(
      tree,
      version,
      releasedWith({ ...smallProduct("1.2.9"), "docs/ci-templates/cleanup.yml": "on: push\n" }),
    );
    expect(complaints(blind)).toEqual([
      {
        level: "warning",
        message:
          "Cargo.lock no longer holds the reference that it held in v1.2.9: locked workspace package",
        remedy:
          "Restore it; if it is gone on purpose, go on: after this release nothing asks for it",
        at: { file: "Cargo.lock" },
      },
      expect.objectContaining({
        level: "warning",
        message:
          "docs/CI.md no longer holds the reference that it held in v1.2.9: PERF_SENTINEL_VERSION in a snippet",
      }),
    ]);
    expect(
      complaints(
        await judge(tree, version, releasedWith({ ...smallProduct("1.2.9"), ...changes })),
      ),
    ).toEqual([]);
    const uncompared = await judge(tree, version, unknown);
    expect(complaints(uncompared)).toEqual([]);
    expect(uncompared.filter(({ message }) => message.startsWith("Not compared"))).toEqual([
      { level: "notice", message: "Not compared with the last release: the clone is shallow" },
    ]);
  }
});

test("the annotation of images that is gone, and the list of changes that is the last one, are warnings", async () => {
  const path = "charts/perf-sentinel/Chart.yaml";
  const chart = product[path] ?? "";
  const gone = { ...product, [path]: chart.slice(0, chart.indexOf("annotations:")) };
  const old = releasedWith(smallProduct("1.2.9"));
  expect(complaints(await checkReferences(memoryTree(gone), version, old))).toMatchObject([
    { message: expect.stringContaining("that it held in v1.2.9: image in artifacthub.io/images") },
  ]);
  const listing = `${chart}  artifacthub.io/changes: "- kind: changed"\n`;
  const same: FindLastRelease = async (judged, prefix) => ({
    tag: `${prefix}1.2.9 before ${judged}`,
    version: parseVersion("1.2.9"),
    tree: memoryTree({ [path]: listing.replaceAll("1.3.0", "1.2.9") }),
  });
  const tree = memoryTree({ ...product, [path]: listing });
  expect(complaints(await checkReferences(tree, version, same))).toMatchObject([
    { level: "warning", message: expect.stringContaining("chart-v1.2.9 before 1.3.0") },
  ]);
  expect(complaints(await checkOperatorReferences("advised")(tree, version, same))).toEqual([]);
});

test.each([
  ["## 1.2.9 (2026-08-01)\n\n- old\n", "error"],
  ["1.2.9\n-----\n\n- old\n", "error"],
  ["", "error"],
  ["## [Unreleased]\n\n- new\n", "error"],
  ["## [1.2.9] - 2026-08-01\n\n- old, 1.3.0 comes\n", "error"],
  ["## [1.3.0]\n\n- new\n", "warning"],
  ["## [1.2.9] - 2026-08-01\n## 1.3.0 - 2026-08-07\n", "warning"],
  ["## 1.3.0 (2026-08-07)\n\n- new\n", undefined],
  ["v1.3.0\n------\n\n- new\n", undefined],
  ["# Release 1.3.0\n\n- new\n", undefined],
])(
  "a changelog without a heading for the final version is always an error before its release: %j",
  async (changelog, level) => {
    const tree = memoryTree({ ...product, "CHANGELOG.md": `# Changelog\n\n${changelog}` });
    const old = releasedWith({ "CHANGELOG.md": "# 1.2.9\n" });
    const levels = async (weight: Weight) =>
      complaints(await checkOperatorReferences(weight)(tree, version, old))
        .filter(({ message }) => message.includes(" says section "))
        .map((each) => each.level);
    const one = <T>(each: T | undefined) => (each === undefined ? [] : [each]);
    expect(await levels("advised")).toEqual(one(level) as never);
    expect(await levels("required")).toEqual(one(level && "error") as never);
    expect(await levels("history")).toEqual(one(level && "warning") as never);
    const checked = complaints(await checkReferences(tree, version, old));
    expect(checked.map((each) => each.level)).toEqual(one(level && "error") as never);
    const candidate = parseVersion("1.3.0-rc.1");
    const judged = await checkOperatorReferences("advised")(tree, candidate, old);
    expect(judged.filter(({ at }) => at?.file === "CHANGELOG.md")).toEqual([]);
  },
);

test("a constant or a mention in a spelling that is not read is a warning if it states the last release", async () => {
  const guide = product["docs/CI.md"] ?? "";
  const first = guide.split("\n").length;
  const changes = {
    "docs/CI.md": `${guide}uses: o/perf-sentinel@1.2.9\nuses: o/perf-sentinel@1.1.0\n~~~\nsudo PERF_SENTINEL_VERSION=1.2.9 x\n~~~\n`,
    "docs/ci-templates/a.groovy": `PERF_SENTINEL_VERSION = '1.3.0'\nPERF_SENTINEL_VERSION = '1.2.9' + x\nPERF_SENTINEL_VERSION = '11.2.9' + x\n`,
  };
  const tree = memoryTree({ ...product, ...changes });
  const old = releasedWith({});
  for (const findings of [
    await checkReferences(tree, version, old),
    await checkOperatorReferences("advised")(tree, version, old),
    await checkOperatorReferences("required")(tree, version, old),
  ]) {
    expect(complaints(findings)).toMatchObject([
      { level: "warning", at: { file: "docs/ci-templates/a.groovy", line: 2 } },
      { level: "warning", at: { file: "docs/CI.md", line: first + 3 } },
      {
        level: "warning",
        message:
          "docs/CI.md seems to state the version of v1.2.9 in a spelling that is not read: perf-sentinel@vX.Y.Z",
        remedy: "Look at the line: write it as perf-sentinel@vX.Y.Z, or change it by hand",
        at: { file: "docs/CI.md", line: first, column: 9 },
      },
    ]);
  }
});

test("what cannot be read is an error beside everything else", async () => {
  const findings = await check({
    "Cargo.lock": "[",
    "docs/schemas/examples/example.json": "[",
    "charts/perf-sentinel/Chart.yaml": "version: 1\n",
  });
  expect(findings.filter(({ level }) => level === "error").map(({ at }) => at?.file)).toEqual([
    "Cargo.lock",
    "docs/schemas/examples/example.json",
    "charts/perf-sentinel/Chart.yaml",
  ]);
  expect(findings.filter(({ level }) => level === "notice")).toHaveLength(9);
  expect((await check({}, {})).map(({ level }) => level)).toEqual(["error"]);
});

test("text from files is quoted where it is not plain", async () => {
  const findings = await check({
    "docs/schemas/examples/example.json": JSON.stringify({
      binary_verification_url: "https://x/releases/tag/v1.2.9\u001b[31m, expected v1.3.0",
    }),
  });
  expect(findings.find(({ level }) => level === "error")?.message).toContain(
    'says binary_verification_url "v1.2.9\\u001b[31m, expected v1.3.0", expected v1.3.0',
  );
});

describe("a heading of the release without its date", () => {
  const bump = "Bring every reference along: bun scripts/bump-version.ts 1.3.0 --allow-same";
  const byHand =
    "Write the heading by hand as ## [1.3.0] - YYYY-MM-DD, and what else it says below it";

  test.each([
    ["[1.3.0]", bump],
    ["[1.3.0] - TBD", bump],
    ["[1.3.0] - YYYY-MM-DD", bump],
    ["[1.3.0] - 2026-08-07 (the Lab release)", byHand],
    ["[1.3.0] - TBD - the Lab release", byHand],
    ["[1.3.0] – 2026-08-07", byHand],
    ["[1.3.0] (2026-08-07)", byHand],
    ["[1.2.9] (2026-08-07)", bump],
  ])("is mended by a bump, or by hand where a bump refuses it: %s", async (title, remedy) => {
    const tree = { ...product, "CHANGELOG.md": `# Changelog\n\n## ${title}\n\n- new\n` };
    for (const findings of [
      await check(tree),
      await checkOperatorReferences("required")(memoryTree(tree), version),
    ]) {
      expect(findings.filter(({ level }) => level === "error")).toMatchObject([
        { at: { file: "CHANGELOG.md", line: 3 }, remedy },
      ]);
    }
    const request = { version, chart: undefined, chartOnly: false, allowSame: true };
    const { faults } = await prepareBump(memoryTree(tree), {
      ...request,
      date: "2026-09-01" as Day,
    });
    expect(faults.map((fault) => fault.remedy)).toEqual(remedy === bump ? [] : [remedy]);
  });

  test("is no matter of the workspace's version that is past it", async () => {
    const tree = memoryTree({ ...product, "CHANGELOG.md": "## [1.2.9] (2026-08-07)\n\n- old\n" });
    const findings = await checkReferences(tree, parseVersion("1.2.9"));
    expect(findings.find(({ at }) => at?.file === "CHANGELOG.md")?.remedy).toStartWith(
      "The workspace is at 1.3.0, and a bump goes forward only",
    );
  });
});

const byHandAs = (heading: string) =>
  `Write the heading by hand as ${heading}, and what else it says below it`;

describe("a section of the release that says [YANKED] behind its date", () => {
  const changelog = (heading: string) => ({
    ...product,
    "CHANGELOG.md": `# Changelog\n\n${heading}\n\n- new\n`,
  });
  const yanked = memoryTree(changelog("## [1.3.0] - 2026-08-07 [YANKED]"));

  test("is right if the version is tagged", async () => {
    const read = await readReferences(yanked, applicationVersions(version));
    expect(complaints(await judgeReferences(read, version, undefined, true))).toEqual([]);
    expect(complaints(await checkOperatorReferences("history")(yanked, version))).toEqual([]);
  });

  test.each(["advised", "required"] as const)(
    "is an error before the release: %s",
    async (weight) => {
      for (const findings of [
        await checkReferences(yanked, version),
        await checkOperatorReferences(weight)(yanked, version),
      ]) {
        expect(complaints(findings)).toMatchObject([
          {
            level: "error",
            message:
              "Cannot tag v1.3.0: CHANGELOG.md says section [1.3.0] - 2026-08-07 [YANKED], expected [1.3.0] with the date of the release",
            at: { line: 3 },
            remedy: byHandAs("## [1.3.0] - YYYY-MM-DD"),
          },
        ]);
      }
    },
  );

  test("is right for the command once the tag is there", async () => {
    await using repository = await testRepository();
    await repository.commit(changelog("## [1.3.0] - 2026-08-07 [YANKED]"));
    const run = () => runScript(script, ["v1.3.0"], { cwd: repository.root, env: repository.env });
    expect((await run()).code).toBe(1);
    await repository.git("tag", "v1.3.0");
    expect(await run()).toMatchObject({ code: 0, stderr: "" });
  });
});

test.each(["## [1.3.0] - 2026-08-06", "## 1.3.0 (2026-08-06)", "## [v1.3.0]"])(
  "two sections of the release are an error with both lines, and a warning in history: %s",
  async (other) => {
    const tree = memoryTree({
      ...product,
      "CHANGELOG.md": `## [1.3.0] - 2026-08-07\n\n- a\n\n${other}\n\n- b\n`,
    });
    const twice = "CHANGELOG.md has section [1.3.0] twice, expected it once";
    for (const [findings, level, opening] of [
      [await checkReferences(tree, version), "error", "Cannot tag v1.3.0: "],
      [await checkOperatorReferences("advised")(tree, version), "error", "Cannot tag v1.3.0: "],
      [await checkOperatorReferences("history")(tree, version), "warning", ""],
    ] as const) {
      expect(complaints(findings)).toMatchObject([
        { level, message: `${opening}${twice}`, at: { line: 1 }, also: [{ line: 5 }] },
      ]);
    }
  },
);

test("a section in the form of the file counts", async () => {
  const tree = (heading: string) =>
    memoryTree({
      ...product,
      "CHANGELOG.md": `${heading}\n\n- new\n\n# 1.2.9 (2026-08-01)\n\n- old\n`,
    });
  expect(complaints(await checkReferences(tree("# 1.3.0 (2026-08-07)"), version))).toEqual([]);
  expect(complaints(await checkReferences(tree("# 1.3.0"), version))).toMatchObject([
    {
      message:
        "Cannot tag v1.3.0: CHANGELOG.md says section 1.3.0, expected 1.3.0 with the date of the release",
    },
  ]);
  const hollow = memoryTree({ ...product, "CHANGELOG.md": "# 1.3.0 (2026-08-07)\n" });
  expect(complaints(await checkReferences(hollow, version))).toMatchObject([
    { level: "warning", message: "CHANGELOG.md says nothing below # 1.3.0 (2026-08-07)" },
  ]);
});

test("a section of the release that says nothing is a warning, and an error where it is required", async () => {
  const heading = "## [1.3.0] - 2026-08-07\n";
  const changes = { "CHANGELOG.md": `# Changelog\n\n${heading}\n### Added\n` };
  const tree = memoryTree({ ...product, ...changes });
  const words = "CHANGELOG.md says nothing below ## [1.3.0] - 2026-08-07";
  const at = { file: "CHANGELOG.md", line: 3, column: 1 };
  for (const [findings, level, message] of [
    [await check(changes), "warning", words],
    [await checkOperatorReferences("advised")(tree, version), "warning", words],
    [
      await checkOperatorReferences("required")(tree, version),
      "error",
      `Cannot tag v1.3.0: ${words}`,
    ],
  ] as const) {
    expect(findings.filter((each) => each.level !== "notice")).toMatchObject([
      { level, message, at },
    ]);
  }
});

describe("operator-driven references alone", () => {
  const stale = smallProduct("1.2.9");
  const mixed = {
    ...product,
    "docs/CI.md": stale["docs/CI.md"] ?? "",
    "docs/schemas/examples/example.json": "{",
  };

  test.each([
    ["advised", "warning", "Stale reference: "],
    ["required", "error", "Cannot tag v1.3.0: "],
  ] as const)(
    "are %s: a stale one is a(n) %s, what a gate enforces is left to it",
    async (weight, level, opening) => {
      const findings = await checkOperatorReferences(weight)(memoryTree(mixed), version);
      expect(
        findings.map((each) => [each.level, each.at?.file, each.message.slice(0, opening.length)]),
      ).toEqual([
        [level, "docs/schemas/examples/example.json", expect.any(String)],
        [level, "docs/CI.md", opening],
        [level, "docs/CI.md", opening],
        ["notice", undefined, expect.any(String)],
      ]);
      expect(findings[0]?.message).toStartWith("Cannot read docs/schemas/examples/example.json");
      expect(findings.at(-1)?.message).toBe("7 of 10 operator-driven references state 1.3.0");
    },
  );
});

describe.skipIf(productFolder === undefined)("the product's own files", () => {
  const tree = workTree(productFolder ?? "");

  test("agree on 0.11.1 as far as they are there", async () => {
    const findings = await checkReferences(tree, parseVersion("0.11.1"));
    expect(findings.filter(({ level }) => level !== "notice")).toEqual([]);
    expect(findings).toHaveLength(13);
  });

  test("are stale for another version by one cause, each with its line", async () => {
    const findings = await checkReferences(tree, parseVersion("0.12.0"));
    const errors = findings.filter(({ level }) => level === "error");
    expect(
      errors.flatMap(({ at, also = [] }) => [at, ...also]).map((at) => `${at?.file}:${at?.line}`),
    ).toEqual([
      "Cargo.toml:6",
      "crates/sentinel-cli/Cargo.toml:35",
      "Cargo.lock:1893",
      "Cargo.lock:1920",
      "fuzz/Cargo.lock:764",
      "docs/schemas/examples/example-internal-G1.json:206",
      "docs/schemas/examples/example-official-public-G2.json:169",
      "CHANGELOG.md:5",
      "charts/perf-sentinel/Chart.yaml:10",
      "charts/perf-sentinel/Chart.yaml:209",
    ]);
  });
});

test("the command judges the work tree, or any commit, and lists what it judged", async () => {
  await using world = await testRepository();
  const old = await world.commit(smallProduct("1.2.9"));
  await world.commit(product);
  writeFiles(world.root, { "docs/CI.md": smallProduct("1.2.9")["docs/CI.md"] });
  const options = { cwd: world.root, env: world.env };
  const refused = await runScript(script, ["v1.3.0"], options);
  expect(refused.code).toBe(1);
  expect(refused.stdout).toStartWith("Cargo.toml -> 1.3.0 (matches tag)\n");
  expect(
    refused.stderr,
  ).toBe(`error: Cannot tag v1.3.0: docs/CI.md says PERF_SENTINEL_VERSION 1.2.9, expected 1.3.0
  at docs/CI.md:5:27
error: Cannot tag v1.3.0: docs/CI.md says perf-sentinel v1.2.9, expected v1.3.0
  at docs/CI.md:7:34
  fix: Bring every reference along: bun scripts/bump-version.ts 1.3.0 --allow-same
`);
  expect(await runScript(script, ["1.3.0", "--ref", "HEAD"], options)).toMatchObject({
    code: 0,
    stderr: "",
  });
  const passed = await runScript(script, ["1.2.8"], options);
  expect(passed.stderr).toContain(
    "fix: The workspace is at 1.3.0, and a bump goes forward only: ask about that version, or about a commit of 1.2.8 with --ref\n",
  );
  expect(passed.stderr).not.toContain("--allow-same");
  const audited = await runScript(script, ["1.2.9", "--ref", old, "--json"], options);
  const report: JsonReport = JSON.parse(audited.stdout);
  expect(report).toMatchObject({
    script,
    ok: true,
    exitCode: 0,
    data: { version: "1.2.9", stale: 0 },
  });
  expect(report.findings.every(({ commit }) => commit === old)).toBe(true);
  expect(report.data.references).toHaveLength(12);
  expect(report.data.references[4]).toEqual({
    row: "PERF_SENTINEL_VERSION of a CI template",
    enforced: false,
    file: "docs/ci-templates/github-actions.yml",
    line: 3,
    column: 27,
    what: "PERF_SENTINEL_VERSION",
    found: "1.2.9",
    expected: "1.2.9",
    stale: false,
  });
  expect(await runScript(script, [], options)).toMatchObject({ code: 2 });
});

test("what is stale in the commit of the version's own tag is history, which no bump changes", async () => {
  await using world = await testRepository();
  await world.commit({ ...product, "docs/CI.md": smallProduct("1.2.9")["docs/CI.md"] });
  const options = { cwd: world.root, env: world.env };
  const before = await runScript(script, ["v1.3.0", "--ref", "HEAD"], options);
  expect(before.stderr).toContain("fix: Bring every reference along: bun scripts/bump-version.ts");
  await world.git("tag", "v1.3.0");
  for (const ref of ["v1.3.0", "HEAD"]) {
    const { code, stderr } = await runScript(script, ["v1.3.0", "--ref", ref], options);
    expect(code).toBe(1);
    expect(stderr).not.toContain("bump-version.ts");
    expect(stderr.match(/fix: .*/g)).toEqual([
      "fix: v1.3.0 is tagged, so this stays as it is: correct it in the next release",
    ]);
  }
});

test("a prerelease moves the manifests and the lock files; what users copy stays", async () => {
  const candidate = parseVersion("1.3.0-rc.1");
  const moved = ["Cargo.toml", "Cargo.lock", "crates/sentinel-cli/Cargo.toml"];
  const files = Object.fromEntries(
    Object.entries(smallProduct("1.2.9")).map(([path, text]) => [
      path,
      moved.includes(path) ? text.replaceAll("1.2.9", candidate) : text,
    ]),
  );
  const findings = await checkReferences(memoryTree(files), candidate);
  expect(findings.filter(({ level }) => level !== "notice")).toEqual([]);
  const places = new Set(findings.flatMap(({ at }) => at?.file ?? []));
  expect([...places].sort()).toEqual([...moved, "crates/sentinel-core/Cargo.toml"].sort());
});
