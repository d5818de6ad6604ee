import { expect, test } from "bun:test";
import {
  codeBlocks,
  readLines,
  saysSomething,
  withoutComments,
} from "../../../scripts/lib/files/markdown.ts";
import { expectLinear } from "../../helpers/growth.ts";

/** The lines of a text that count: `# title` for headings, `text` for those that say something. */
function blocks(text: string): string[] {
  return readLines(text).flatMap((line) =>
    line.level !== undefined
      ? [`${"#".repeat(line.level)} ${line.title}`]
      : saysSomething(line)
        ? ["text"]
        : [],
  );
}

test.each([
  ["# a", "# a"],
  ["###### a", "###### a"],
  ["   ## a", "## a"],
  ["##\ta", "## a"],
  ["## a  ", "## a"],
  ["## a ##", "## a"],
  ["## a # b#", "## a # b#"],
  ["##", "## "],
  ["## ##", "## "],
  ["text\n## a", "text|## a"],
  ["> quote\n## a", "text|## a"],
  ["- item\n## a", "text|## a"],
  ["## a\u2028b\u2029c", "## a\u2028b\u2029c"],
  ["a\n=", "# a"],
  [" a\n--- ", "## a"],
])("%p is a heading", (text, expected) => {
  expect(blocks(text)).toEqual(expected.split("|"));
});

test.each([
  ["no space", "##a", "text"],
  ["seven marks", "####### a", "text"],
  ["indented code", "    ## a", "text"],
  ["indented by a tab", "\t## a", "text"],
  ["a backtick fence", "```\n## a\n```\n## b", "text|## b"],
  ["a tilde fence", "~~~ md\n## a\n~~~\n## b", "text|## b"],
  ["a longer fence", "````\n```\n## a\n```\n````\n## b", "text|## b"],
  ["a fence closed by a longer one", "```\n## a\n`````  \n## b", "text|## b"],
  ["a fence of the other kind inside", "```\n~~~\n```\n## b", "## b"],
  ["an indented fence", "   ```\n## a\n  ```\n## b", "text|## b"],
  ["a closing fence with a word is none", "```\n``` x\n## a\n```\n## b", "text|text|## b"],
  ["a fence never closed", "```\n## a", "text"],
  ["a fence in a list item", "- x\n\n  ```\n  ## a\n  ```\n## b", "text|text|## b"],
  ["a fence on a list marker's line", "- ```\n  ## a\n  ```\n## b", "text|## b"],
  ["a fence in a quote", "> ```\n> ## a\n> ```\n## b", "text|## b"],
  ["an HTML comment", "<!--\n## a\n-->\n## b", "## b"],
  ["an indented HTML comment", "  <!-- x\n\n## a\n--> \n## b", "## b"],
  ["a comment that starts in a line", "x <!--\n## a\n-->\n## b", "text|## b"],
  ["a list item", "- ## a\n## b", "text|## b"],
  ["a quote", "> ## a\n## b", "text|## b"],
  ["a rule below an item", "- x\n\na\n\n---", "text|text"],
])("what only looks like a heading is none: %s", (_, text, expected) => {
  expect(blocks(text)).toEqual(expected.split("|"));
});

test.each([
  ["backticks in the information are no fence", "``` a ` b\n## a", "text|## a"],
  ["two backticks are no fence", "``\n## a", "## a"],
  ["a whole comment hides nothing after it", "<!-- x --> y\n## a", "text|## a"],
  ["the shortest comment is whole", "<!-->\n## a", "## a"],
  ["the second shortest comment is whole", "<!--->\n## a", "## a"],
  ["a comment left open hides nothing", "<!-- x\n## a", "text|## a"],
  ["a comment inside a fence hides nothing after it", "```\n<!--\n```\n## a\n-->", "## a"],
  ["a fence inside a comment hides nothing after it", "<!--\n```\n-->\n## a", "## a"],
])("a heading is found: %s", (_, text, expected) => {
  expect(blocks(text)).toEqual(expected.split("|"));
});

test.each([
  "",
  "\n \n\t\n",
  "- \n* \n+\n1.\n2)",
  "---",
  "* * *",
  ">",
  "<!-- words -->",
  "<!--\nwords\n\nmore\n-->",
  "- <!-- words\n  more -->",
  "<!-- a --><!-- b -->",
  "[1.2.3]: https://example.invalid/1.2.3",
  '[1.2.3]: <a b> "title"',
  "```\n```",
  "Words\n=====",
  "...",
  "**<!-- words\nmore words -->**",
])("%p says nothing", (text) => {
  expect(blocks(text)).not.toContain("text");
});

test.each([
  "words",
  "- words",
  "- [ ] words",
  "7",
  "变化",
  "🎉",
  "```\ncode\n```",
  "    code\n---",
  "> words\n---",
  "- words\n---",
  "<!-- a --> words",
  "words <!-- a -->",
  "[note]: these are several words",
  "![](image.png)",
  "| a |\n|---|",
])("%p says something", (text) => {
  expect(blocks(text)).toContain("text");
});

test.each(["\n", "\r\n", "\r"])("lines end with %p, and offsets count it", (end) => {
  const text = ["# a", "x", "b", "---", "y"].join(end);
  const spans = readLines(text)
    .filter(({ kind }) => kind === "heading")
    .map(({ start, end }) => text.slice(start, end));
  expect(spans).toEqual([`# a${end}`, `b${end}---${end}`]);
});

test.each(["- ", "> ", "+ - ", "* * ", "`", "<!--", "<!---->", "[a]: ", "# #", "1. ", "\t"])(
  "a text is read in linear time, however its marks repeat: %p",
  async (unit) => {
    const text = (size: number) => `# a\n${unit.repeat(size / unit.length)}\n`;
    await expectLinear(1_000_000, text, (each) => expect(blocks(each)[0]).toBe("# a"));
  },
);

test.each([
  ["a", "a"],
  ["a<!-- b -->c", "a          c"],
  ["a<!--\r\nb\n-->c<!-- d -->", "a    \r\n \n   c          "],
  ["<!--> a", "      a"],
  ["a<!-- b", "a<!-- b"],
  ["--> a", "--> a"],
])("comments of %p are blanked, and all else keeps its place", (text, expected) => {
  expect(withoutComments(text)).toBe(expected);
});

test("code is found among many lines of it in time that grows with them", async () => {
  const line = "    x\n";
  const text = (size: number) => line.repeat(size / line.length);
  await expectLinear(600_000, text, (code) => {
    const isCode = codeBlocks(code);
    let found = 0;
    for (let offset = 0; offset < code.length; offset += line.length) {
      found += Number(isCode(offset));
    }
    expect(found).toBe(code.length / line.length);
  });
});
