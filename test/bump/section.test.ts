import { expect, test } from "bun:test";
import fc from "fast-check";
import { type SectionRequest, withSection } from "../../scripts/bump/section.ts";
import type { Day } from "../../scripts/lib/calendar.ts";
import { readChangelog } from "../../scripts/lib/files/changelog.ts";
import { LocatedSyntaxError } from "../../scripts/lib/finding.ts";
import { source } from "../../scripts/lib/tree.ts";
import type { Version } from "../../scripts/lib/version.ts";

const release: SectionRequest = {
  version: "1.3.0" as Version,
  date: "2026-09-01" as Day,
  mustHaveDate: true,
  otherwise: [],
};
const silent: SectionRequest = { ...release, mustHaveDate: false };
const chart: SectionRequest = {
  ...silent,
  otherwise: ["### Changed", "", "- `appVersion` moves to `1.3.0`."],
};

const edit = (text: string, request = release) => withSection(source("C.md", text), request);
const old = "## [1.2.9] - 2026-08-07\n\n- old\n";
const dated = "## [1.3.0] - 2026-09-01";
const says = "- `appVersion` moves to `1.3.0`.";
const wordless = `C.md says nothing below ${dated}`;
const kept = `## [Unreleased]\n\n- newer\n\n## [1.3.0] - 2026-08-31\n\n- new\n\n${old}`;
const inFence = `\`\`\`\n## [Unreleased]\n- x\n\`\`\`\n<!--\n## [Unreleased]\n-->\n\n`;
const crlf = (text: string) => text.replaceAll("\n", "\r\n");

type Row = readonly [what: string, before: string, after: string, outcome: string, left?: string];

/** Every edit is held with a second one, which changes nothing. */
function holds(rule: string, request: SectionRequest, rows: readonly Row[]) {
  test.each(rows.map((row) => [...row] as const))(`${rule}: %s`, (...row) => {
    const [, before, text, outcome, left] = row;
    const once = edit(before, request);
    expect({ text: once.text, outcome: once.outcome as string }).toEqual({ text, outcome });
    expect(once.left.map(({ message }) => message)).toEqual(typeof left === "string" ? [left] : []);
    expect(edit(text, request)).toMatchObject({ text, outcome: "kept" });
  });
}

holds("what is unreleased moves below the release's heading, and leaves its own", release, [
  [
    "among prose",
    `# C\n\nProse.\n\n## [Unreleased]\n\n### Added\n\n- new\n\n${old}`,
    `# C\n\nProse.\n\n## [Unreleased]\n\n${dated}\n\n### Added\n\n- new\n\n${old}`,
    "moved",
  ],
  [
    "with CRLF",
    "x\r\n## [unreleased]\r\n\r\n- new\r\n",
    `x\r\n## [unreleased]\r\n\r\n${dated}\r\n\r\n- new\r\n`,
    "moved",
  ],
  ["without brackets", "## Unreleased\n\n- new", `## Unreleased\n\n${dated}\n\n- new`, "moved"],
  [
    "not in a fence or a comment",
    `${inFence}${old}`,
    `${inFence}${dated}\n\n${old}`,
    "added",
    wordless,
  ],
  [
    "not beside a section of the release, and that is said",
    kept,
    kept,
    "kept",
    "C.md still has entries below ## [Unreleased]: the section ## [1.3.0] - 2026-08-31 existed already",
  ],
]);

holds("without anything unreleased a heading is added, and needs words", release, [
  [
    "above the newest version",
    `# C\n\nx\n\n${old}`,
    `# C\n\nx\n\n${dated}\n\n${old}`,
    "added",
    wordless,
  ],
  [
    "below an empty [Unreleased]",
    `## [Unreleased]\n\n${old}`,
    `## [Unreleased]\n\n${dated}\n\n${old}`,
    "added",
    wordless,
  ],
  ["with CRLF", crlf(`x\n\n${old}`), crlf(`x\n\n${dated}\n\n${old}`), "added", wordless],
]);

const text = (heading: string) => `# C\n\n${heading}\n\n- new\n\n${old}`;

holds("a heading of the release gets a date where there is none", release, [
  ["nothing", text("## [1.3.0]"), text(dated), "completed"],
  ["TBD", text("## [1.3.0] - TBD"), text(dated), "completed"],
  ["its form", text("## [1.3.0] - YYYY-MM-DD"), text(dated), "completed"],
  ["a mark", text("## [1.3.0] - # ##"), text(`${dated} ##`), "completed"],
  ["no day", text("## [1.3.0] - 2026-02-30 ##"), text(`${dated} ##`), "completed"],
  ["but keeps another", text("## [1.3.0] - 2026-08-31"), text("## [1.3.0] - 2026-08-31"), "kept"],
]);

test.each([
  ["words behind a date", "[1.3.0] - 2026-08-31 (the Lab release)"],
  ["words alone", "[1.3.0] - the Lab release"],
  ["a word where no date goes", "[1.3.0] soon"],
  ["a date in brackets", "[1.3.0] (2026-08-31)"],
])("a heading is its author's, and refused with the form that is wanted: %s", (_, title) => {
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

holds("the chart's changelog says what is true, in headings like its own", chart, [
  [
    "without dates",
    "## [1.2.9]\n\n- old\n",
    `## [1.3.0]\n\n### Changed\n\n${says}\n\n## [1.2.9]\n\n- old\n`,
    "added",
  ],
  ["with dates", old, `${dated}\n\n### Changed\n\n${says}\n\n${old}`, "added"],
  [
    "what is unreleased",
    "## [Unreleased]\n\n- new\n\n## [1.2.9]\n",
    "## [Unreleased]\n\n## [1.3.0]\n\n- new\n\n## [1.2.9]\n",
    "moved",
  ],
  [
    "in an empty section",
    "## [1.3.0]\n\n## [1.2.9]\n",
    `## [1.3.0]\n\n### Changed\n\n${says}\n\n## [1.2.9]\n`,
    "completed",
  ],
  ["a title", text("## [1.3.0] - the Lab one"), text("## [1.3.0] - the Lab one"), "kept"],
  [
    "below a deep heading",
    "### 1.2.9\n\n- old\n",
    `### 1.3.0\n\n#### Changed\n\n${says}\n\n### 1.2.9\n\n- old\n`,
    "added",
  ],
]);

holds("a sentence is added once to what the author wrote", { ...chart, addsItem: true }, [
  [
    "to its list below Changed",
    "## [1.3.0]\n\n### Added\n\n- a\n\n### Changed\n\n* b\n\n## [1.2.9]\n",
    `## [1.3.0]\n\n### Added\n\n- a\n\n### Changed\n\n${says}\n\n* b\n\n## [1.2.9]\n`,
    "completed",
  ],
  [
    "below Changed of its own",
    "## [1.3.0]\n\n### Fixed\n\n- a\n",
    `## [1.3.0]\n\n### Changed\n\n${says}\n\n### Fixed\n\n- a\n`,
    "completed",
  ],
  [
    "above a bare list",
    "## [1.3.0]\n- a\n",
    `## [1.3.0]\n\n### Changed\n\n${says}\n- a\n`,
    "completed",
  ],
  [
    "with CRLF",
    crlf("## [1.3.0]\n\n- a\n"),
    crlf(`## [1.3.0]\n\n### Changed\n\n${says}\n\n- a\n`),
    "completed",
  ],
  [
    "unless it says so",
    "## [1.3.0]\n\n- appVersion 1.3.0\n",
    "## [1.3.0]\n\n- appVersion 1.3.0\n",
    "kept",
  ],
]);

holds("the chart's changelog needs words where nothing is true to say", silent, [
  [
    "added",
    "## [1.2.9]\n",
    "## [1.3.0]\n\n## [1.2.9]\n",
    "added",
    "C.md says nothing below ## [1.3.0]",
  ],
]);

test.each([
  ["[Unreleased]", "## [Unreleased]\n\n- a\n\n## [Unreleased]\n\n- b\n"],
  ["[1.3.0]", "## [1.3.0]\n\n- a\n\n## [1.3.0] - 2026-08-31\n"],
])("a changelog that has %s twice is refused with its line", (_, twice) => {
  expect(() => edit(twice)).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/^Cannot edit C\.md: found ## \[.* again, expected it once$/),
      at: expect.objectContaining({ line: 5 }),
      also: [expect.objectContaining({ line: 1 })],
    }),
  );
});

const dash = (words: string) => "-".repeat(words.length);

holds("a new heading has the form of the newest one", release, [
  [
    "a title",
    "# 1.2.9 (2026-08-07)\n\n## Fixed\n\n- old\n",
    "# 1.3.0 (2026-09-01)\n\n# 1.2.9 (2026-08-07)\n\n## Fixed\n\n- old\n",
    "added",
    "C.md says nothing below # 1.3.0 (2026-09-01)",
  ],
  [
    "a title below what is unreleased",
    "# Unreleased\n\n## Fixed\n\n- new\n\n# 1.2.9 (2026-08-07)\n\n- old\n",
    "# Unreleased\n\n# 1.3.0 (2026-09-01)\n\n## Fixed\n\n- new\n\n# 1.2.9 (2026-08-07)\n\n- old\n",
    "moved",
  ],
  [
    "a link",
    "## [Unreleased](https://x/compare/v1.2.9...main)\n\n- new\n\n## [1.2.9](https://x/v1.2.9) - 2026-08-07\n\n- old\n",
    "## [Unreleased](https://x/compare/v1.2.9...main)\n\n## [1.3.0](https://x/v1.3.0) - 2026-09-01\n\n- new\n\n## [1.2.9](https://x/v1.2.9) - 2026-08-07\n\n- old\n",
    "moved",
  ],
  [
    "underlined, with CRLF",
    crlf(`Log\n===\n\n1.2.9 / 2026-08-07\n${dash("1.2.9 / 2026-08-07")}\n\n- old\n`),
    crlf(
      `Log\n===\n\n1.3.0 / 2026-09-01\n${dash("1.3.0 / 2026-09-01")}\n\n1.2.9 / 2026-08-07\n${dash("1.2.9 / 2026-08-07")}\n\n- old\n`,
    ),
    "added",
    "C.md says nothing below 1.3.0 / 2026-09-01",
  ],
  [
    "not its mark",
    `${old.replace("-07", "-07 [YANKED]")}`,
    `${dated}\n\n${old.replace("-07", "-07 [YANKED]")}`,
    "added",
    wordless,
  ],
  [
    "bare names",
    "# C\n\n## 1.2.9\n",
    "# C\n\n## 1.3.0 - 2026-09-01\n\n## 1.2.9\n",
    "added",
    "C.md says nothing below ## 1.3.0 - 2026-09-01",
  ],
  [
    "a date in its place",
    "# 1.3.0\n\n- new\n\n# 1.2.9 (2026-08-07)\n",
    "# 1.3.0 (2026-09-01)\n\n- new\n\n# 1.2.9 (2026-08-07)\n",
    "completed",
  ],
]);

test.each([
  ["prose", "# C\n\nx"],
  ["nothing", ""],
  ["bold names", "# C\n\n**1.2.9**\n\n- old\n"],
  ["other names", "# C\n\n## First steps\n\n- old\n"],
])("a changelog without a heading of a release is refused: %s", (_, before) => {
  expect(() => edit(before)).toThrow(
    expect.objectContaining({
      message: `Cannot edit C.md: found no heading of a release, expected one such as ## [1.3.0] - YYYY-MM-DD`,
      remedy: "Write the heading by hand, and below it what is new",
    }),
  );
});

test.each([
  ["the prefix of a tag", "## [v1.2.9] - 2026-08-07", "## [1.2.9] - 2026-08-07"],
  ["the prefix of a tag, bare", "## v1.2.9 (2026-08-07)", "## [1.2.9] - 2026-08-07"],
  ["the prefix of a tag of the release", "## [v1.3.0]", "## [1.3.0]"],
  ["a word before it", "## Release v1.2.9", "## [1.2.9]"],
  ["two numbers", "## [1.2]", "## [A.B.C]"],
  ["another level", "### [1.2.9](https://x) (2026-08-07)", "## [1.2.9] - 2026-08-07"],
])(
  "a newest heading in another form is refused with the one that is wanted: %s",
  (_, heading, wanted) => {
    const older = "## [1.2.8] - 2026-08-01\n\n- old\n";
    for (const above of ["", "## [Unreleased]\n\n- new\n\n"]) {
      expect(() => edit(`${above}${heading}\n\n- x\n\n${older}`)).toThrow(
        expect.objectContaining({
          message: `Cannot edit C.md: found ${heading}, expected ${wanted}`,
          at: expect.objectContaining({ line: above === "" ? 1 : 5 }),
          remedy: `Write the heading as ${wanted}`,
        }),
      );
    }
  },
);

test.each([
  ["the prefix of a tag", "## [v1.2.9] - 2026-08-07", "## [1.2.9] - 2026-08-07"],
  ["a word before it", "## Version 1.2.9", "## [1.2.9]"],
  ["another level", "# v1.2.9", "## [1.2.9]"],
])("headings in no form of a release are refused with the first one: %s", (_, heading, wanted) => {
  for (const above of ["# C\n\n", "## [Unreleased]\n\n"]) {
    expect(() => edit(`${above}${heading}\n\n- x\n`)).toThrow(
      `Cannot edit C.md: found no heading of a release, only ${heading}, expected ${wanted}`,
    );
  }
});

const title = fc
  .tuple(
    fc.constantFrom(
      "[1.2.9]",
      "1.2.9",
      "[1.2.8](https://x/v1.2.8)",
      "v1.2.7",
      "[1.2]",
      "Perf 1.2.6",
    ),
    fc.constantFrom(
      "",
      " - 2026-08-07",
      " (2026-08-07)",
      " / 2026-08-07",
      " - 2026-08-07 [YANKED]",
    ),
  )
  .map((parts) => parts.join(""));
const heading = fc
  .tuple(fc.oneof(title, fc.constantFrom("Unreleased", "[Unreleased]", "Fixed")), fc.nat(4))
  .map(([name, form]) =>
    form < 2 ? `${name}\n${"=-"[form]?.repeat(9)}\n` : `${"#".repeat(form - 1)} ${name}\n`,
  );
const body = fc.constantFrom("", "\n", "\n- x\n\n", "- y\n", "\n### Added\n\n- z\n\n", "\ntext\n");

test("an arbitrary changelog: a bump leaves the sections of other releases, and a second one everything", () => {
  const others = (text: string) =>
    readChangelog(source("C.md", text)).sections.flatMap((each) =>
      each.version === undefined || each.version === release.version
        ? []
        : [[each.title, text.slice(each.bodyStart, each.end).trim()]],
    );
  const arbitrary = fc.array(fc.tuple(heading, body)).map((parts) => parts.flat().join(""));
  fc.assert(
    fc.property(arbitrary, fc.constantFrom(release, silent, chart), (before, request) => {
      let after: string;
      try {
        after = edit(before, request).text;
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(LocatedSyntaxError);
        expect(String(thrown)).not.toContain("read back");
        return;
      }
      expect(others(after)).toEqual(others(before));
      expect(edit(after, request)).toMatchObject({ text: after, outcome: "kept" });
    }),
    { numRuns: 500 },
  );
});
