import { describe, expect, test } from "bun:test";
import { type SectionRequest, withSection } from "../../scripts/bump/section.ts";
import type { Day } from "../../scripts/lib/calendar.ts";
import { LocatedSyntaxError } from "../../scripts/lib/finding.ts";
import { source } from "../../scripts/lib/tree.ts";
import type { Version } from "../../scripts/lib/version.ts";

const release: SectionRequest = {
  version: "1.3.0" as Version,
  date: "2026-09-01" as Day,
  mustHaveDate: true,
  otherwise: [],
};
const chart: SectionRequest = {
  ...release,
  mustHaveDate: false,
  otherwise: ["### Changed", "", "- `appVersion` moves to `1.3.0`."],
};

const edit = (text: string, request = release) => withSection(source("C.md", text), request);
const old = "## [1.2.9] - 2026-08-07\n\n- old\n";

/** Every test of an edit also holds that a second one changes nothing. */
function edited(text: string, request = release) {
  const once = edit(text, request);
  const twice = edit(once.text, request);
  expect({ text: twice.text, outcome: twice.outcome }).toEqual({
    text: once.text,
    outcome: "kept",
  });
  return { text: once.text, outcome: once.outcome, left: once.left.map(({ message }) => message) };
}

describe("what is unreleased", () => {
  test("moves below the release's heading, and leaves its own", () => {
    const text = `# Changelog\n\nProse.\n\n## [Unreleased]\n\n### Added\n\n- new\n\n${old}`;
    expect(edited(text)).toEqual({
      text: `# Changelog\n\nProse.\n\n## [Unreleased]\n\n## [1.3.0] - 2026-09-01\n\n### Added\n\n- new\n\n${old}`,
      outcome: "moved",
      left: [],
    });
  });

  test.each([
    [
      "without blank lines",
      `## [Unreleased]\n- new\n${old}`,
      `## [Unreleased]\n\n## [1.3.0] - 2026-09-01\n- new\n${old}`,
    ],
    [
      "with CRLF",
      "x\r\n## [unreleased]\r\n\r\n- new\r\n",
      "x\r\n## [unreleased]\r\n\r\n## [1.3.0] - 2026-09-01\r\n\r\n- new\r\n",
    ],
    [
      "without brackets",
      "## Unreleased\n\n- new",
      "## Unreleased\n\n## [1.3.0] - 2026-09-01\n\n- new",
    ],
  ])("moves %s as the file is written", (_, before, after) => {
    expect(edited(before)).toEqual({ text: after, outcome: "moved", left: [] });
  });

  test("in a fence or a comment is no heading", () => {
    const text = `\`\`\`\n## [Unreleased]\n- x\n\`\`\`\n<!--\n## [Unreleased]\n-->\n\n${old}`;
    expect(edited(text).text).toBe(text.replace(old, `## [1.3.0] - 2026-09-01\n\n${old}`));
  });

  test("is left alone where the release has a section already, and that is said", () => {
    const text = `## [Unreleased]\n\n- newer\n\n## [1.3.0] - 2026-08-31\n\n- new\n\n${old}`;
    expect(edited(text)).toEqual({
      text,
      outcome: "kept",
      left: [
        "C.md keeps what is below ## [Unreleased]: there was a section ## [1.3.0] - 2026-08-31 already",
      ],
    });
  });
});

describe("without anything unreleased", () => {
  const wordless = "C.md says nothing below ## [1.3.0] - 2026-09-01";

  test.each([
    [
      "above the newest version",
      `# C\n\nx\n\n${old}`,
      `# C\n\nx\n\n## [1.3.0] - 2026-09-01\n\n${old}`,
    ],
    [
      "below an empty [Unreleased]",
      `## [Unreleased]\n\n${old}`,
      `## [Unreleased]\n\n## [1.3.0] - 2026-09-01\n\n${old}`,
    ],
    [
      "above headings of another form",
      "# C\n\n## 1.2.9\n\n- x\n",
      "# C\n\n## [1.3.0] - 2026-09-01\n\n## 1.2.9\n\n- x\n",
    ],
    ["at the end of prose", "# C\n\nx", "# C\n\nx\n\n## [1.3.0] - 2026-09-01\n"],
    ["in an empty file", "", "## [1.3.0] - 2026-09-01\n"],
    ["with CRLF", `x\r\n\r\n${old}`, `x\r\n\r\n## [1.3.0] - 2026-09-01\r\n\r\n${old}`],
  ])("a heading is added %s, and needs words", (_, before, after) => {
    expect(edited(before)).toEqual({ text: after, outcome: "added", left: [wordless] });
  });
});

describe("a heading of the release that is there", () => {
  const text = (heading: string) => `# C\n\n${heading}\n\n- new\n\n${old}`;

  test.each([
    ["nothing stands for one", "## [1.3.0]", "## [1.3.0] - 2026-09-01"],
    ["TBD stands for one", "## [1.3.0] - TBD", "## [1.3.0] - 2026-09-01"],
    ["its form stands for one", "## [1.3.0] - YYYY-MM-DD", "## [1.3.0] - 2026-09-01"],
    ["the day is none", "## [1.3.0] - 2026-02-30 ##", "## [1.3.0] - 2026-09-01 ##"],
  ])("gets a date where %s: %s", (_, before, after) => {
    expect(edited(text(before))).toEqual({ text: text(after), outcome: "completed", left: [] });
  });

  test("keeps a date that is not the release's", () => {
    const dated = text("## [1.3.0] - 2026-08-31");
    expect(edited(dated)).toEqual({ text: dated, outcome: "kept", left: [] });
  });

  test.each([
    ["words behind a date", "[1.3.0] - 2026-08-31 (the Lab release)"],
    ["words alone", "[1.3.0] - the Lab release"],
    ["a word where no date goes", "[1.3.0] soon"],
    ["a date in brackets", "[1.3.0] (2026-08-31)"],
    ["a date in words", "[1.3.0] - 31-Aug-2026"],
    ["a dash alone", "[1.3.0] -"],
  ])("is its author's, and refused with the form that is wanted, if it has %s: %s", (_, title) => {
    const act = () => edit(text(`## ${title}`));
    expect(act).toThrow(LocatedSyntaxError);
    expect(act).toThrow(
      expect.objectContaining({
        message: `Cannot edit C.md: found ## ${title}, expected ## [1.3.0] - YYYY-MM-DD`,
        at: expect.objectContaining({ file: "C.md", line: 3 }),
        remedy:
          "Write the heading by hand as ## [1.3.0] - YYYY-MM-DD, and what else it says below it",
      }),
    );
  });

  test("may say anything where it needs no date", () => {
    const titled = text("## [1.3.0] - the Lab release");
    expect(edited(titled, chart)).toEqual({ text: titled, outcome: "kept", left: [] });
  });
});

test("a heading that does not read back with the date is refused", () => {
  expect(() => edit("## [1.3.0] - # ##\n\n- new\n")).toThrow(
    "Cannot edit C.md: found headings that do not read back as intended",
  );
});

describe("the chart's changelog", () => {
  const sentence = "### Changed\n\n- `appVersion` moves to `1.3.0`.\n";

  test("says what is true where nothing was written, in headings like its own", () => {
    const bare = "# C\n\n## [1.2.9]\n\n- old\n";
    expect(edited(bare, chart)).toEqual({
      text: `# C\n\n## [1.3.0]\n\n${sentence}\n## [1.2.9]\n\n- old\n`,
      outcome: "added",
      left: [],
    });
    expect(edited(old, chart).text).toBe(`## [1.3.0] - 2026-09-01\n\n${sentence}\n${old}`);
    expect(edited("## [Unreleased]\r\n\r\n## [1.2.9]\r\n", chart).text).toBe(
      `## [Unreleased]\r\n\r\n## [1.3.0]\r\n\r\n${sentence.replaceAll("\n", "\r\n")}\r\n## [1.2.9]\r\n`,
    );
  });

  test("moves its own [Unreleased], and completes an empty section", () => {
    expect(edited("## [Unreleased]\n\n- new\n\n## [1.2.9]\n", chart)).toEqual({
      text: "## [Unreleased]\n\n## [1.3.0]\n\n- new\n\n## [1.2.9]\n",
      outcome: "moved",
      left: [],
    });
    expect(edited("## [1.3.0]\n\n## [1.2.9]\n", chart)).toEqual({
      text: `## [1.3.0]\n\n${sentence}\n## [1.2.9]\n`,
      outcome: "completed",
      left: [],
    });
  });

  test("needs words where there is nothing true to say", () => {
    const silent = { ...chart, otherwise: [] };
    expect(edited("## [1.2.9]\n", silent)).toEqual({
      text: "## [1.3.0]\n\n## [1.2.9]\n",
      outcome: "added",
      left: ["C.md says nothing below ## [1.3.0]"],
    });
  });
});

test.each([
  ["[Unreleased]", "## [Unreleased]\n\n- a\n\n## [Unreleased]\n\n- b\n", 5],
  ["[1.3.0]", "## [1.3.0]\n\n- a\n\n## [1.3.0] - 2026-08-31\n", 5],
])("a changelog that has %s twice is refused with its line", (_, text, line) => {
  const act = () => edit(text);
  expect(act).toThrow(LocatedSyntaxError);
  expect(act).toThrow(/^Cannot edit C\.md: found ## \[.* again, expected it once$/);
  try {
    act();
  } catch (thrown) {
    expect((thrown as LocatedSyntaxError).at).toMatchObject({ line });
  }
});
