import { expect, test } from "bun:test";
import { join } from "node:path";
import {
  findLineNaming,
  isYanked,
  readChangelog,
  sectionsOf,
} from "../../../scripts/lib/files/changelog.ts";
import { source } from "../../../scripts/lib/tree.ts";
import { parseVersion, type Version } from "../../../scripts/lib/version.ts";
import { expectLinear } from "../../helpers/growth.ts";
import { productFolder } from "../../helpers/product.ts";

const read = (text: string) => readChangelog(source("CHANGELOG.md", text));

test.each([
  ["## [1.2.3]", "1.2.3", undefined],
  ["## [1.2.3] - 2026-08-07", "1.2.3", "2026-08-07"],
  ["## [1.2.3] - 2026-08-07 [YANKED]", "1.2.3", "2026-08-07 [YANKED]"],
  ["## [1.2.3-rc.1]", "1.2.3-rc.1", undefined],
  ["## [1.2.3](https://example.invalid) - today", "1.2.3", "today"],
  ["## [1.2.3][link]", "1.2.3", undefined],
  ["  ##  [1.2.3]  ##", "1.2.3", undefined],
  ["## [1.2.3] (yanked)", "1.2.3", undefined],
  ["## [1.2.3] - 2026-08-07\u2028", "1.2.3", "2026-08-07"],
  ["## [1.2.3] - a\u2028b", "1.2.3", "a\u2028b"],
])("%p is the section of a version", (heading, version, date) => {
  expect(read(`${heading}\n`).sections).toMatchObject([{ version, name: version, date }]);
});

test.each([
  ["## v1.2.3", undefined],
  ["## [v1.2.3]", "v1.2.3"],
  ["## [1.2]", "1.2"],
  ["## [1.2.3+build]", "1.2.3+build"],
  ["## [Unreleased]", "Unreleased"],
  ["## [1.2.3]x", undefined],
  ["## About [1.2.3]", undefined],
])("%p is a section of no version", (heading, name) => {
  const [section, ...others] = read(`${heading}\n`).sections;
  expect(others).toEqual([]);
  expect({ name: section?.name, version: section?.version }).toEqual({ name, version: undefined });
});

test("a section ends where the next one starts, or at a heading above it", () => {
  const text = "# Log\n\nIntro.\n\n## [2.0.0]\n\n### Added\n\n- x\n\n## [1.0.0]\ny\n# Old\nz\n";
  const { sections } = read(text);
  expect(sections.map(({ start, end }) => text.slice(start, end))).toEqual([
    "## [2.0.0]\n\n### Added\n\n- x\n\n",
    "## [1.0.0]\ny\n",
  ]);
  expect(sections.map(({ bodyStart, end }) => text.slice(bodyStart, end))).toEqual([
    "\n### Added\n\n- x\n\n",
    "y\n",
  ]);
  expect(sections.map(({ at }) => at.line)).toEqual([5, 11]);
});

test("spans count CRLF and follow a byte order mark that is not part of the text", () => {
  const changelog = read("\ufeff## [2.0.0]\r\n- x\r\n\r\n## [1.0.0]\r\n");
  const { text } = changelog.source;
  const [first] = changelog.sections;
  expect(first && text.slice(first.start, first.bodyStart)).toBe("## [2.0.0]\r\n");
  expect(first && text.slice(first.bodyStart, first.end)).toBe("- x\r\n\r\n");
  expect(first?.hasContent).toBe(true);
});

test.each([
  ["nothing", "", false],
  ["a sub-heading", "### Added\n", false],
  ["an HTML comment", "<!-- to be written -->\n", false],
  ["an HTML comment over lines", "<!--\n- to be\n\n- written\n-->\n", false],
  ["a sub-heading and a comment", "### Added\n\n<!-- x -->\n#### More\n", false],
  ["link definitions", "[2.0.0]: https://example.invalid\n[1.0.0]: <x>\n", false],
  ["an empty list item", "### Added\n\n-\n", false],
  ["a comment in a paragraph over lines", "**<!-- TODO\ndescribe -->**\n", false],
  ["an underlined heading of the same level", "Added\n-----\n", false],
  ["text below an underlined heading of the same level", "[1.9.0]\n-----\n- x\n", false],
  ["an item", "- x\n", true],
  ["an item below a sub-heading", "### Added\n\n- x\n", true],
  ["a sentence", "First release.\n", true],
  ["code", "```\n## [1.0.0]\n```\n", true],
  ["text above an underlined heading", "- x\n\n[1.9.0]\n-----\n", true],
  ["an item that goes on without indent above a rule", "- x\ny\n---\n", true],
])("whether a section has content: %s", (_, body, hasContent) => {
  const { sections } = read(`## [2.0.0]\n${body}\n## [1.0.0]\n- y\n`);
  expect(sections.map((section) => section.hasContent)).toEqual([hasContent, true]);
});

test("an underlined heading ends a section and starts none", () => {
  const text = "## [2.0.0]\n\n[1.0.0] - 2026-01-01\n--------------------\n- x\n";
  const { sections } = read(text);
  expect(sections.map(({ start, end }) => text.slice(start, end))).toEqual(["## [2.0.0]\n\n"]);
});

test("content above the first section belongs to none", () => {
  expect(read("words\n## [1.0.0]\n").sections[0]?.hasContent).toBe(false);
});

test("the sections of a version are none, one, or all there are", () => {
  const changelog = read("## [2.0.0]\n## [1.0.0]\n## [2.0.0] - again\n");
  const lines = (version: string) =>
    sectionsOf(changelog, parseVersion(version)).map(({ at }) => at.line);
  expect([lines("3.0.0"), lines("1.0.0"), lines("2.0.0")]).toEqual([[], [2], [1, 3]]);
});

test("a changelog of 2 MB is read in linear time", async () => {
  const section = "## [1.2.3]\n\n### Fixed\n\n- Words about `code` and more.\n\n";
  await expectLinear(
    36_000,
    (count) => section.repeat(count),
    (text) => expect(read(text).sections).toHaveLength(text.length / section.length),
  );
});

test.skipIf(productFolder === undefined)(
  "the product's own changelogs are read whole",
  async () => {
    for (const path of ["CHANGELOG.md", "charts/perf-sentinel/CHANGELOG.md"]) {
      const text = await Bun.file(join(productFolder ?? "", path)).text();
      const { sections } = read(text);
      expect(sections.map(({ title }) => `## ${title}`)).toEqual(text.match(/^## .*$/gm) ?? []);
      expect(sections.filter(({ version, hasContent }) => !version || !hasContent)).toEqual([]);
      expect(read(text).misspelled).toEqual([]);
      expect(read(text).heading("9.9.9", day)).toEqual([`## [9.9.9] - ${day}`]);
      expect(sections.map(({ start, end }) => text.slice(start, end)).join("")).toBe(
        text.slice(sections[0]?.start),
      );
    }
  },
);

test.each([
  ["a line", "- x\n- of A_B, kept.\n- A_B\n", "- of A_B, kept.", 3, 6],
  ["the first line", "A_B\n", "A_B", 2, 1],
  ["the last line", "x\r\n\r\n  `A_B`", "`A_B`", 4, 4],
  ["between lone carriage returns", "x\rA_B y\rz", "A_B y", 3, 1],
  ["beside a comment", "<!-- A_B --> A_B x\n", "A_B x", 2, 14],
  ["after a comment of many lines", "<!--\nA_B\n-->\nA_B y\n", "A_B y", 5, 1],
])("the line that names a word is found: %s", (_, body, text, line, column) => {
  const changelog = read(`## [1.2.3] A_B\n${body}`);
  const [section] = changelog.sections;
  expect(section && findLineNaming(changelog, section, "A_B")).toEqual({
    text,
    at: { file: "CHANGELOG.md", line, column },
  });
});

test.each([
  ["in the heading alone", "## [1.2.3] A_B\n- x\n"],
  ["in a longer word", "## [1.2.3]\nA_B_C XA_B A_BX\n"],
  ["in a comment", "## [1.2.3]\n<!-- A_B -->\n"],
  ["in another section", "## [1.2.3]\n\n## [1.2.2]\nA_B\n"],
])("a word is not named: %s", (_, text) => {
  const changelog = read(text);
  const [section] = changelog.sections;
  expect(section).toBeDefined();
  expect(section && findLineNaming(changelog, section, "A_B")).toBeUndefined();
});

const day = "2026-08-07";

test.each([
  [
    "a title",
    `# 1.1.0 (${day})\n\n## Fixed\n\n- x\n\n# 1.0.0 (2026-01-01)\n- y\n`,
    `# 1.2.0 (${day})`,
  ],
  [
    "links",
    `## [1.1.0](https://x/compare/v1.0.0...v1.1.0) - ${day}\n- x\n\n## [1.0.0](https://x/v1.0.0) - ${day}\n- y\n`,
    `## [1.2.0](https://x/compare/v1.1.0...v1.2.0) - ${day}`,
  ],
  [
    "links and dates in parentheses",
    `# [1.1.0](https://x/v1.1.0) (${day})\n\n### Fixed\n* x\n\n# [1.0.0](https://x/v1.0.0) (${day})\n* y\n`,
    `# [1.2.0](https://x/v1.2.0) (${day})`,
  ],
  ["bare names", `# Log\n\n## 1.1.0 - ${day}\n\n- x\n\n## 1.0.0\n- y\n`, `## 1.2.0 - ${day}`],
  ["dates alone", `## 1.1.0 ${day}\n\n- x\n\n## 1.0.0 ${day}\n- y\n`, `## 1.2.0 ${day}`],
  ["a deeper level", `## Log\n\n### 1.1.0\n\n- x\n\n### 1.0.0\n- y\n`, `### 1.2.0 - ${day}`],
  [
    "double underlines",
    `1.1.0 / ${day}\n==================\n\nFixed\n-----\n- x\n\n1.0.0 / ${day}\n=====\n- y\n`,
    `1.2.0 / ${day}\n==================`,
  ],
  [
    "single underlines",
    `Log\n===\n\n[1.1.0] - ${day}\n---\n- x\n\n[1.0.0]\n---\n- y\n`,
    `[1.2.0] - ${day}\n--------------------`,
  ],
  [
    "the form of now, after another one",
    `# 1.1.0 (${day})\n\n- x\n\n# 1.0.0 (${day})\n- y\n\n## [0.9.0] - ${day}\n- z\n`,
    `# 1.2.0 (${day})`,
  ],
])("headings of releases are those of the file's own form: %s", (_, text, next) => {
  const changelog = read(text);
  const versions = changelog.sections.flatMap(({ version }) => version ?? []);
  expect(versions.slice(0, 2)).toEqual(["1.1.0", "1.0.0"] as Version[]);
  expect(changelog.sections.filter(({ version, hasContent }) => version && !hasContent)).toEqual(
    [],
  );
  expect(changelog.heading(parseVersion("1.2.0"), day).join("\n")).toBe(next);
  expect(changelog.misspelled).toEqual([]);
});

test.each([
  ["a name without brackets", "## 1.3.0"],
  ["a prefix", "## [v1.3.0]"],
  ["another level", "# [1.3.0]"],
  ["a word at another level", "# Release 1.3.0"],
  ["a deeper level", "### [1.3.0](https://x) (2026-08-07)"],
  ["an underline", "1.3.0\n====="],
])("one heading of another form is no heading of a release, but looks like one: %s", (_, other) => {
  const changelog = read(`# Log\n\n${other}\n\n- x\n\n## [1.2.9] - 2026-08-07\n- y\n`);
  expect(changelog.sections.flatMap(({ version }) => version ?? [])).toEqual([
    "1.2.9",
  ] as Version[]);
  expect(changelog.misspelled).toMatchObject([{ version: "1.3.0", at: { line: 3 } }]);
});

test.each([
  ["a version in a sub-heading", "### 1.75.0 is the minimum\n"],
  ["a number", "### 1.5 times faster\n"],
  ["versions that the release collects", "### 1.0.0-rc.2\n- x\n\n### 1.0.0-rc.1\n"],
])("a sub-heading is part of its section: %s", (_, body) => {
  const text = `## [1.0.0]\n\n${body}- y\n`;
  expect(read(text).sections.map(({ end }) => end)).toEqual([text.length]);
});

test.each([
  [`## [1.2.3] - ${day} [YANKED]`, true],
  [`# 1.2.3 (${day}) [yanked]`, true],
  [`## [1.2.3] - ${day}`, false],
  [`## [1.2.3] [YANKED]`, false],
  [`## [1.2.3] - TBD [YANKED]`, false],
])("a release is yanked if the mark stands behind its date: %p", (heading, expected) => {
  expect(read(`${heading}\n`).sections.map(isYanked)).toEqual([expected]);
});
