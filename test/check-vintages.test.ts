import { expect, test } from "bun:test";
import { checkVintages, findNewestTime, readVintages } from "../scripts/check-vintages.ts";
import type { Day } from "../scripts/lib/calendar.ts";
import { type Finding, isPass } from "../scripts/lib/finding.ts";
import { defaults } from "../scripts/lib/layout.ts";
import { source } from "../scripts/lib/tree.ts";
import { parseVersion } from "../scripts/lib/version.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { runScript } from "./helpers/run-script.ts";
import { type JsonReport, testRepository } from "./helpers/world.ts";

const script = "scripts/check-vintages.ts";
const { folder } = defaults.vintages;
const today = "2026-08-07";

/** The product's own shapes, all fresh on 2026-08-07. */
const good: Readonly<Record<string, string>> = {
  SPECPOWER_VINTAGE: "2026-04-24 (CCF aligned)",
  CCF_LEGACY_VINTAGE: "2026-04-24 (CCF aligned)",
  CARBON_PROFILES_VINTAGE: "2022-2024 shapes, ember-2025 levels",
  CARBON_TABLE_VINTAGE: "ember-2025",
  PUE_VINTAGE: "2026 refresh (AWS 2024 global, GCP 2024 fleet, Azure FY25)",
};

const declare = (vintages: Readonly<Record<string, string>>) =>
  Object.entries(vintages)
    .map(([name, value]) => `pub const ${name}: &str = "${value}";\n`)
    .join("");

/** A tree whose vintages are the good ones, but for those named. */
const files = (vintages: Readonly<Record<string, string>> = {}) => ({
  [`${folder}/carbon.rs`]: declare({ ...good, ...vintages }),
});

const check = (
  tree: Readonly<Record<string, string>>,
  { date = today, strict = false }: { date?: string; strict?: boolean } = {},
) => checkVintages(memoryTree(tree), { releaseDay: date as Day, strict });

const shown = (findings: readonly Finding[]) =>
  findings.map(({ level, message }) => `${level} ${message}`);

/** The only finding about a constant. */
function about(findings: readonly Finding[], constant: string): Finding | undefined {
  const [found, ...others] = findings.filter(({ message }) => message.includes(constant));
  expect(others).toEqual([]);
  return found;
}

test("each fresh vintage is a notice with its time, its age, its rule and its place", async () => {
  const findings = await check(files());
  expect(shown(findings)).toEqual([
    "notice SPECPOWER_VINTAGE -> 2026-04-24, 105 days old (within the last two quarters)",
    "notice CCF_LEGACY_VINTAGE -> 2026-04-24, 105 days old (within the last two quarters)",
    "notice CARBON_PROFILES_VINTAGE -> 2025, 219 to 583 days old (of the current or the previous year)",
    "notice CARBON_TABLE_VINTAGE -> 2025, 219 to 583 days old (of the current or the previous year)",
    "notice PUE_VINTAGE -> 2026, 0 to 218 days old (refreshed within a year)",
    "notice Vintages on 2026-08-07: 5 fresh",
  ]);
  expect(findings[1]?.at).toEqual({ file: `${folder}/carbon.rs`, line: 2, column: 11 });
});

test("every Rust file below the folder counts, in the order of paths, and nothing else does", async () => {
  const { PUE_VINTAGE = "", ...others } = good;
  const pue = declare({ PUE_VINTAGE });
  const findings = await check({
    [`${folder}/b.rs`]: "",
    [`${folder}/deep/er/a.rs`]: declare(others),
    [`${folder}/a.rs`]: pue,
    [`${folder}/a.md`]: pue,
    [`${folder}.rs`]: pue,
    "crates/sentinel-cli/src/score/a.rs": pue,
  });
  expect(findings.map(({ at }) => at?.file)).toEqual([
    `${folder}/a.rs`,
    ...Object.keys(others).map(() => `${folder}/deep/er/a.rs`),
    undefined,
  ]);
  expect(findings.every(({ level }) => level === "notice")).toBe(true);
});

test.each([
  // Two quarters are six months, to the day.
  ["SPECPOWER_VINTAGE", "2026-02-07", "2026-08-07", "fresh"],
  ["SPECPOWER_VINTAGE", "2026-02-06", "2026-08-07", "stale"],
  ["SPECPOWER_VINTAGE", "2026-08-08", "2026-08-07", "future"],
  // A year may mean any day of it.
  ["SPECPOWER_VINTAGE", "2026", "2026-07-01", "fresh"],
  ["SPECPOWER_VINTAGE", "2026", "2026-07-02", "unclear"],
  ["SPECPOWER_VINTAGE", "2025", "2026-06-30", "unclear"],
  ["SPECPOWER_VINTAGE", "2025", "2026-07-01", "stale"],
  ["SPECPOWER_VINTAGE", "2027", "2026-12-31", "future"],
  // The current year or the one before.
  ["CARBON_PROFILES_VINTAGE", "2025", "2026-12-31", "fresh"],
  ["CARBON_PROFILES_VINTAGE", "2025", "2027-01-01", "stale"],
  // One year, to the day.
  ["PUE_VINTAGE", "2025-08-07", "2026-08-07", "fresh"],
  ["PUE_VINTAGE", "2025-08-06", "2026-08-07", "stale"],
  ["PUE_VINTAGE", "2026", "2027-01-01", "fresh"],
  ["PUE_VINTAGE", "2026", "2027-01-02", "unclear"],
  ["PUE_VINTAGE", "2026", "2028-01-01", "stale"],
  ["PUE_VINTAGE", "Azure FY25", "2026-01-01", "fresh"],
  // What states no time.
  ["PUE_VINTAGE", "latest reports", "2026-08-07", "undated"],
])("%s of %p on %s is %s", async (constant, value, date, state) => {
  const words = {
    fresh: " -> ",
    stale: `${constant} is stale: found `,
    unclear: `Cannot find out whether ${constant} is stale: found `,
    future: `${constant} is in the future: found `,
    undated: `Cannot date ${constant}: found "`,
  };
  const tree = files({ [constant]: value });
  for (const strict of [false, true]) {
    const found = about(await check(tree, { date, strict }), constant);
    expect(found?.message).toContain(words[state as keyof typeof words]);
    expect(found?.level).toBe(state === "fresh" ? "notice" : strict ? "error" : "warning");
  }
});

test("a complaint says what was found and expected, where, and the way out", async () => {
  const at = { file: `${folder}/carbon.rs`, line: 1, column: 11 };
  const [stale] = await check(files({ SPECPOWER_VINTAGE: "2025-04-24" }));
  expect(stale).toEqual({
    level: "warning",
    message:
      "SPECPOWER_VINTAGE is stale: found 2025-04-24, 470 days old, expected 2026-02-07 or later (within the last two quarters)",
    remedy:
      "Refresh the data and SPECPOWER_VINTAGE, or defer it by a line that names SPECPOWER_VINTAGE in [Unreleased] of CHANGELOG.md",
    at,
  });
  for (const [value, remedy] of [
    ["2026", /^State the day in SPECPOWER_VINTAGE as YYYY-MM-DD, or defer it by a line /],
    ["2062-04-24", /^Correct SPECPOWER_VINTAGE, or name the day of the release with --date$/],
    ["CCF aligned", /^State the date of the data in SPECPOWER_VINTAGE, as YYYY-MM-DD or YYYY$/],
  ] as const) {
    const [found] = await check(files({ SPECPOWER_VINTAGE: value }));
    expect(found).toMatchObject({ at, remedy: expect.stringMatching(remedy) });
  }
});

test("a constant without a rule is listed with a warning, in strict mode too", async () => {
  const tree = files({ WATER_VINTAGE: "2019", FIRE_VINTAGE: "none" });
  for (const strict of [false, true]) {
    const findings = await check(tree, { strict });
    expect(about(findings, " WATER_VINTAGE")).toEqual({
      level: "warning",
      message: "Cannot judge WATER_VINTAGE: found 2019, 2411 to 2775 days old, and no rule for it",
      remedy: "Add a rule for WATER_VINTAGE to vintages in scripts/layout.ts",
      at: { file: `${folder}/carbon.rs`, line: 6, column: 11 },
    });
    expect(about(findings, "FIRE_VINTAGE")?.message).toBe(
      'Cannot judge FIRE_VINTAGE: found "none", and no rule for it',
    );
    expect(isPass(findings)).toBe(true);
  }
});

test("a rule whose constant was there in the last release and is gone is a warning, in strict mode an error", async () => {
  const { SPECPOWER_VINTAGE: _, ...others } = good;
  const tree = { [`${folder}/a.rs`]: declare(others), "Cargo.toml": manifest("1.3.0") };
  const after = (constants: Record<string, string>, strict = false) =>
    checkVintages(memoryTree(tree), {
      releaseDay: "2026-08-07" as Day,
      strict,
      findLast: async (judged) => ({
        tag: `before ${judged}`,
        version: parseVersion("1.2.9"),
        tree: memoryTree({ [`${folder}/old.rs`]: declare(constants) }),
      }),
    });
  for (const strict of [false, true]) {
    expect(about(await after(good, strict), "SPECPOWER_VINTAGE")).toEqual({
      level: strict ? "error" : "warning",
      message: `Cannot judge SPECPOWER_VINTAGE: found no such constant in ${folder}, and before 1.3.0 has it`,
      remedy: "Declare SPECPOWER_VINTAGE there, or set its rule to undefined in scripts/layout.ts",
    });
    expect(about(await after(others, strict), "SPECPOWER_VINTAGE")).toBeUndefined();
  }
  const { length } = await check(tree);
  const unknown = await checkVintages(memoryTree(tree), {
    releaseDay: "2026-08-07" as Day,
    strict: true,
    findLast: () => Promise.resolve({ why: "the clone is shallow" }),
  });
  expect(unknown).toHaveLength(length + 1);
  expect(unknown).toContainEqual({
    level: "notice",
    message: "Not compared with the last release: the clone is shallow",
  });
});

test.each([
  ["no folder", {}],
  ["no Rust file", { [`${folder}/a.md`]: declare(good) }],
  ["comments alone", { [`${folder}/a.rs`]: declare(good).replace(/^/gm, "// ") }],
])("without any vintage nothing was checked, and that is a refusal: %s", async (_, tree) => {
  expect(await check(tree)).toEqual([
    {
      level: "error",
      message: `Cannot check the vintages: found no const …_VINTAGE in ${folder}`,
      remedy: `Name a checkout with --repo DIR, or a commit with --ref COMMIT, whose ${folder} has them`,
    },
  ]);
});

test("a file that cannot be read is an error, hides no other, and stands in for what is missing", async () => {
  const findings = await check({
    [`${folder}/a.rs`]: "const A_VINTAGE: u16 = 2026;",
    [`${folder}/b.rs`]: declare({ PUE_VINTAGE: "2026" }),
  });
  expect(shown(findings)).toEqual([
    "notice PUE_VINTAGE -> 2026, 0 to 218 days old (refreshed within a year)",
    `error Cannot read ${folder}/a.rs: found "const A_VINTAGE: u16 = 2026;", expected pub const A_VINTAGE: &str = "...";`,
    "notice Vintages on 2026-08-07: 1 fresh",
  ]);
});

// The declarations

const read = (text: string) => readVintages(source("a.rs", text));

test.each([
  ["private", 'const A_VINTAGE: &str = "x";'],
  ["public in the crate", 'pub(crate) const A_VINTAGE: &str = "x";'],
  ["with a lifetime", 'pub const A_VINTAGE: &\'static str = "x";'],
  ["a static", 'static A_VINTAGE: &str = "x";'],
  ["on two lines, as rustfmt breaks a long one", 'pub const A_VINTAGE: &str =\n    "x";'],
  ["in a module", 'mod m {\r\n\tpub const A_VINTAGE: &str = "x";\r\n}'],
])("a vintage is read: %s", (_, text) => {
  expect(read(text).map(({ constant, text: stated }) => [constant, stated])).toEqual([
    ["A_VINTAGE", "x"],
  ]);
});

test.each([
  ["a comment", '/// const A_VINTAGE: &str = "x";\n  // pub const A_VINTAGE: u16 = 1;'],
  ["a use", "use crate::A_VINTAGE;\nfn f() -> &'static str { A_VINTAGE }"],
  ["a pointer to a type", "fn f(p: *const A_VINTAGE) {}"],
  ["another suffix", 'const A_VINTAGES: &str = "x"; const VINTAGE: &str = "x";'],
])("what declares no vintage is skipped: %s", (_, text) => {
  expect(read(text)).toEqual([]);
});

test.each([
  ["another constant", "const A_VINTAGE: &str = B_VINTAGE;"],
  ["a macro", 'const A_VINTAGE: &str = concat!("2026", "-04");'],
  ["an expression", 'const A_VINTAGE: &str = "2026".trim_ascii();'],
  ["another type", "pub const A_VINTAGE: u16 = 2026;"],
  ["a raw text", 'const A_VINTAGE: &str = r"2026";'],
  ["a text with escapes", 'const A_VINTAGE: &str = "\\x32026";'],
  ["a text that does not end", 'const A_VINTAGE: &str = "2026'],
  ["code before it", 'fn f() {} const A_VINTAGE: &str = "2026";'],
  ["another spacing", 'const A_VINTAGE:&str="2026";'],
  ["a raw text on the next line", 'const A_VINTAGE: &str =\n    r"2026";'],
  ["a mutable static", 'static mut A_VINTAGE: &str = "2026";'],
])("a vintage in another form is refused at its name: %s", (_, text) => {
  expect(() => read(`// 1\n${text}`)).toThrow(
    expect.objectContaining({
      message: `Cannot read a.rs: found ${JSON.stringify(text.replace(/\s+/g, " "))}, expected pub const A_VINTAGE: &str = "...";`,
      at: { file: "a.rs", line: 2, column: text.indexOf("A_VINTAGE") + 1 },
      remedy: expect.stringContaining('Declare it as pub const A_VINTAGE: &str = "...";'),
    }),
  );
});

test.each([
  // The shapes that the product uses.
  ["2026-04-24 (CCF aligned)", "2026-04-24"],
  ["2022-10-2024", "2024"],
  ["2022-2024 shapes, ember-2025 levels", "2025"],
  ["ember-2025", "2025"],
  ["2026 refresh (AWS 2024 global, GCP 2024 fleet, Azure FY25)", "2026"],
  // Dates.
  ["2024-02-29", "2024-02-29"],
  ["2025-01-01..2025-03-31", "2025-03-31"],
  ["ccf-coefficients-2026-04-24", "2026-04-24"],
  ["2025-12-31, 2026", "2026"],
  ["2026, of 2026-04-24", "2026-04-24"],
  ["2026-04-24, of 2025", "2026-04-24"],
  // Years.
  ["2024/25", "2024"],
  ["2024-25", "2024"],
  ["(2025)", "2025"],
  // Fiscal years.
  ["Azure FY25", "2025"],
  ["FY2025", "2025"],
  ["2025, FY24", "2025"],
])("the newest time that %p states is %s", (text, expected) => {
  expect(findNewestTime(text)).toBe(expected);
});

test("what is no whole date, year or fiscal year states none", () => {
  const texts = [
    ...["", "CCF aligned", "2026-02-30", "2026-4-24", "20260424", "1.2024.3", "2024.3", "v2024"],
    ...["SPECpower_ssj2008", "2025Q3", "ember_2025", "1825", "2100", "FY5", "XFY25", "٢٠٢٤"],
  ];
  expect(texts.filter((text) => findNewestTime(text) !== undefined)).toEqual([]);
});

test("a long file and a long vintage are read in linear time", () => {
  const text = `${"// x\nfn f<'a>(x: &'a str) {} const   \n".repeat(20_000)}const A_VINTAGE: &str = "${"2024.FY".repeat(20_000)} 2025";`;
  const [vintage] = read(text);
  expect(vintage?.at.line).toBe(40_001);
  expect(findNewestTime(vintage?.text ?? "")).toBe("2025");
});

// Deferrals

const manifest = (version: string) => `[workspace.package]\nversion = "${version}"\n`;
const stale = files({ SPECPOWER_VINTAGE: "2025-04-24" });
const line = '- `SPECPOWER_VINTAGE` stays: the "next" snapshot is late.';

/** The finding about the stale constant, given a changelog and the workspace's version. */
const deferred = async (changelog: string, version = "1.3.0") =>
  about(
    await check(
      {
        ...stale,
        "CHANGELOG.md": changelog,
        ...(version === "" ? {} : { "Cargo.toml": manifest(version) }),
      },
      { strict: true },
    ),
    "SPECPOWER_VINTAGE",
  );

test("a deferral in the section of the workspace's version is a notice that quotes the line", async () => {
  expect(await deferred(`# Log\n\n## [1.3.0] - 2026-08-07\n\n### Changed\n\n${line}\n`)).toEqual({
    level: "notice",
    message: `SPECPOWER_VINTAGE -> 2025-04-24, 470 days old, deferred by [1.3.0] of CHANGELOG.md: ${line}`,
    at: { file: "CHANGELOG.md", line: 7, column: 4 },
  });
});

test("a deferral also answers for a year that is too vague", async () => {
  const findings = await check(
    { ...files({ PUE_VINTAGE: "2025" }), "CHANGELOG.md": "## [Unreleased]\nPUE_VINTAGE: later\n" },
    { strict: true },
  );
  expect(about(findings, "PUE_VINTAGE")).toMatchObject({
    level: "notice",
    message:
      "PUE_VINTAGE -> 2025, 219 to 583 days old, deferred by [Unreleased] of CHANGELOG.md: PUE_VINTAGE: later",
  });
  expect(findings.at(-1)?.message).toBe("Vintages on 2026-08-07: 4 fresh, 1 deferred");
});

const unreleased = `## [Unreleased]\n${line}\n`;

test.each<[where: string, changelog: string, version: string, section?: string]>([
  ["[Unreleased], without a section of the version", `${unreleased}## [1.2.9]\n`, "1.3.0"],
  ["[Unreleased], without a manifest", unreleased, ""],
  ["the section of a prerelease", `## [1.3.0-rc.1]\n${line}\n`, "1.3.0-rc.1"],
  ["a code block, which a reader sees", `## [1.3.0]\n~~~\n${line}\n~~~\n`, "1.3.0"],
  ["the second section of a version", `## [1.3.0]\n\n## [1.3.0]\n${line}\n`, "1.3.0"],
  ["a file with CRLF", `## [1.3.0]\r\n\r\n${line}\r\n`, "1.3.0"],
  ["no section", "", "1.3.0", "[1.3.0]"],
  ["another version's", `## [1.3.0]\n- x\n\n## [1.2.9]\n${line}\n`, "1.3.0", "[1.3.0]"],
  ["[Unreleased] beside the version's", `${unreleased}## [1.3.0]\n`, "1.3.0", "[1.3.0]"],
  ["an HTML comment", `## [1.3.0]\n<!--\n${line}\n-->\n`, "1.3.0", "[1.3.0]"],
  ["a section in a fence", `\`\`\`\n## [1.3.0]\n${line}\n\`\`\`\n`, "1.3.0", "[1.3.0]"],
  ["another constant's", "## [1.3.0]\nOLD_SPECPOWER_VINTAGE, SPECPOWER\n", "1.3.0", "[1.3.0]"],
  ["no line of [Unreleased]", "## [Unreleased]\n- x\n", "1.3.0", "[Unreleased]"],
])(
  "a deferral counts in what is to be released, else the complaint names the section: %s",
  async (_, changelog, version, ...[section]) => {
    const found = await deferred(changelog, version);
    expect(found?.level).toBe(section === undefined ? "notice" : "error");
    expect(found?.remedy ?? "").toEndWith(section ? `in ${section} of CHANGELOG.md` : "");
  },
);

test("a deferral does not excuse a vintage of the future", async () => {
  const future = files({ SPECPOWER_VINTAGE: "2062-04-24" });
  const findings = await check({ ...future, "CHANGELOG.md": unreleased });
  expect(about(findings, "SPECPOWER_VINTAGE")?.level).toBe("warning");
});

test("a manifest that cannot be read leaves the question of a deferral open: an error", async () => {
  const findings = await check({ ...stale, "Cargo.toml": "[", "CHANGELOG.md": `${line}\n` });
  expect(findings.map(({ level }) => level)).toContain("error");
  expect(about(findings, "SPECPOWER_VINTAGE")?.level).toBe("warning");
  const fresh = await check({ ...files(), "Cargo.toml": "[" });
  expect(isPass(fresh)).toBe(true);
});

// The command

test("the command judges the work tree or a commit, on the day of --date", async () => {
  await using repository = await testRepository();
  const { root, env } = repository;
  const path = `${folder}/cloud_energy/table.rs`;
  const commit = await repository.commit({
    [`${folder}/carbon.rs`]: declare(good),
    "Cargo.toml": manifest("1.3.0"),
    "CHANGELOG.md": "## [1.3.0]\n- SPECPOWER_VINTAGE is deferred.\n",
  });
  const { SPECPOWER_VINTAGE: _, ...others } = good;
  await Bun.write(`${root}/${folder}/carbon.rs`, declare(others));
  await Bun.write(
    `${root}/${path}`,
    'pub(crate) const SPECPOWER_VINTAGE: &str =\n    "2025-04-24";\n',
  );
  await Bun.write(`${root}/CHANGELOG.md`, "");
  const cwd = `${root}/${folder}`;
  const notices = [
    "CCF_LEGACY_VINTAGE -> 2026-04-24, 105 days old (within the last two quarters)",
    "CARBON_PROFILES_VINTAGE -> 2025, 219 to 583 days old (of the current or the previous year)",
    "CARBON_TABLE_VINTAGE -> 2025, 219 to 583 days old (of the current or the previous year)",
    "PUE_VINTAGE -> 2026, 0 to 218 days old (refreshed within a year)",
  ];
  const complaint = [
    "SPECPOWER_VINTAGE is stale: found 2025-04-24, 470 days old, expected 2026-02-07 or later (within the last two quarters)",
    `  at ${path}:1:18`,
    "  fix: Refresh the data and SPECPOWER_VINTAGE, or defer it by a line that names SPECPOWER_VINTAGE in [1.3.0] of CHANGELOG.md",
    "",
  ].join("\n");
  const run = (...args: string[]) => runScript(script, ["--date", ...args], { cwd, env });

  expect(await run(today)).toEqual({
    code: 0,
    stdout: `${[...notices, `Vintages on ${today}: 4 fresh, 1 stale`].join("\n")}\n`,
    stderr: `warning: ${complaint}`,
  });
  expect(await run(today, "--strict")).toMatchObject({ code: 1, stderr: `error: ${complaint}` });

  const judged = await run("2026-12-01", "--strict", "--json", "--ref", "HEAD");
  expect(judged.stderr).toBe("");
  const report = JSON.parse(judged.stdout) as JsonReport;
  expect(report).toMatchObject({ script, ok: false, exitCode: 1 });
  expect(report.findings.map(({ commit: each }) => each)).toEqual(Array(6).fill(commit));
  expect(report.data.vintages[0]).toMatchObject({
    constant: "SPECPOWER_VINTAGE",
    ageDays: { least: 221, most: 221 },
    state: "deferred",
    deferral: "- SPECPOWER_VINTAGE is deferred.",
  });
  expect(report.data.vintages[1]).toMatchObject({ state: "stale" });
});

test("a constant that went with the last release itself is nobody's task before the next bump", async () => {
  await using world = await testRepository();
  const { PUE_VINTAGE: _, ...others } = good;
  const files = { [`${folder}/a.rs`]: declare(good), "Cargo.toml": manifest("1.2.9") };
  await world.commit(files, "1.2.9");
  await world.git("tag", "v1.2.9");
  await world.commit({ [`${folder}/a.rs`]: declare(others), "Cargo.toml": manifest("1.3.0") });
  const missing = async () => {
    const { stderr } = await runScript(script, ["--date", today], {
      cwd: world.root,
      env: world.env,
    });
    return /and (v\S+) has it/.exec(stderr)?.[1];
  };
  expect(await missing()).toBe("v1.2.9");
  await world.git("tag", "v1.3.0");
  expect(await missing()).toBe("v1.2.9");
  await world.commit({ "README.md": "next\n" });
  expect(await missing()).toBeUndefined();
});
