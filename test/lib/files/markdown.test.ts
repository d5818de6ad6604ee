import { expect, test } from "bun:test";
import { codeBlocks, scanBlocks, withoutComments } from "../../../scripts/lib/files/markdown.ts";
import { expectLinear } from "../../helpers/growth.ts";

/** The blocks of a text: `# title` for headings, `text` for content. */
function blocks(text: string): string[] {
  const found: string[] = [];
  scanBlocks(text, {
    heading: ({ level, title }) => void found.push(`${"#".repeat(level)} ${title}`),
    content: () => void found.push("text"),
  });
  return found;
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
  ["a\n=", "# a"],
  [" a\n b\n--- ", "## a b"],
  ["- x\n\na\n---", "text|## a"],
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
  ["a fence that an indented one does not close", "```\n    ```\n## a\n```\n## b", "text|## b"],
  ["a closing fence with a word is none", "```\n``` x\n## a\n```\n## b", "text|text|## b"],
  ["a fence never closed", "```\n## a", "text"],
  ["a fence in a list item", "- x\n\n  ```\n  ## a\n  ```\n## b", "text|text|## b"],
  ["a fence on a list marker's line", "- ```\n  ## a\n  ```\n## b", "text|## b"],
  [
    "a fence in a nested item",
    "1. x\n   - y\n\n     ```\n     ## a\n     ```\n## b",
    "text|text|text|## b",
  ],
  ["a fence in a quote", "> ```\n> ## a\n> ```\n## b", "text|## b"],
  ["an HTML comment", "<!--\n## a\n-->\n## b", "## b"],
  ["an indented HTML comment", "  <!-- x\n\n## a\n--> \n## b", "## b"],
  ["an HTML comment in a list item", "- <!--\n  ## a\n  -->\n## b", "## b"],
  ["preformatted HTML", "<pre>\n## a\n</pre>\n## b", "text|text|text|## b"],
  ["a list item", "- ## a\n## b", "## b"],
  ["a list item that starts with code", "-      x\n\n  ## a\n## b", "text|## b"],
  ["a quote", "> ## a\n## b", "## b"],
])("what only looks like a heading is none: %s", (_, text, expected) => {
  expect(blocks(text)).toEqual(expected.split("|"));
});

test.each([
  ["a fence ends with its list item", "- ```\n  x\n## a", "text|## a"],
  ["a fence ends with its quote", "> ```\n> x\n## a", "text|## a"],
  ["backticks in the information are no fence", "``` a ` b\n## a", "text|## a"],
  ["two backticks are no fence", "``\n## a", "## a"],
  ["a comment in a line hides nothing after it", "x <!--\n## a\n-->", "text|## a"],
  ["a whole comment hides nothing after it", "<!-- x --> y\n## a", "text|## a"],
  ["the shortest comment is whole", "<!-->\n## a", "## a"],
  ["the second shortest comment is whole", "<!--->\n## a", "## a"],
  ["a comment ends with its list item", "- <!-- x\n## a", "## a"],
  ["a comment inside a fence hides nothing after it", "```\n<!--\n```\n## a", "## a"],
  ["a fence inside a comment hides nothing after it", "<!--\n```\n-->\n## a", "## a"],
])("a heading is found: %s", (_, text, expected) => {
  expect(blocks(text)).toEqual(expected.split("|"));
});

test.each([
  "",
  "\n \n\t\n",
  "-",
  "- \n* \n+\n1.\n2)",
  "---",
  "* * *",
  "- - -",
  "___",
  ">",
  "<!-- words -->",
  "<!--\nwords\n\nmore\n-->",
  "- <!-- words -->",
  "- <!-- words\n  more -->",
  "<!-- a --><!-- b -->",
  "[1.2.3]: https://example.invalid/1.2.3",
  '[1.2.3]: <a b> "title"',
  "```\n```",
  "Words\n=====",
  "Words\nmore words\n---",
  "***",
  "...",
  "**<!-- words\nmore words -->**",
  "- **<!-- words\nmore words -->**",
  "- **<!-- words\n  more words -->**",
  "- words\nmore words\n  ---",
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
  "    code",
  "    code\n---",
  "    > ## code",
  "    - ## code",
  "> words",
  "<!-- a --> words",
  "words <!-- a -->",
  "[note]: these are several words",
  "![](image.png)",
  "| a |\n|---|",
  "- words\n---",
  "- words\nmore words\n---",
  "> words\nmore words\n---",
  "> - words\nmore words\n---",
  "- words\nmore words\n===",
  "** <!--\n--> words",
  "> words\n---",
])("%p says something", (text) => {
  expect(blocks(text)).toContain("text");
});

test.each(["\n", "\r\n", "\r"])("lines end with %p, and offsets count it", (end) => {
  const text = ["# a", "x", "## b", "y"].join(end);
  const spans: string[] = [];
  scanBlocks(text, {
    heading: ({ start, end }) => void spans.push(text.slice(start, end)),
    content: () => {},
  });
  expect(spans).toEqual([`# a${end}`, `## b${end}`]);
});

test.each(["- ", "> ", "+ - ", "* * ", "`", "<!--", "<!---->", "[a]: ", "# #", "1. ", "\t"])(
  "a text is read in linear time, however its marks repeat: %p",
  async (unit) => {
    const text = (size: number) => `# a\n${unit.repeat(size / unit.length)}\n`;
    await expectLinear(1_000_000, text, (each) => expect(blocks(each)[0]).toBe("# a"));
  },
);

test("the lines of a deep list are read in linear time", async () => {
  const text = (size: number) => `${"+ ".repeat(size)}\n${"\n".repeat(size)}# a`;
  await expectLinear(100_000, text, (each) => expect(blocks(each)).toEqual(["# a"]));
});

test.each([
  ["a", "a"],
  ["a<!-- b -->c", "a          c"],
  ["a<!--\r\nb\n-->c<!-- d -->", "a    \r\n \n   c          "],
  ["<!--> a", "      a"],
  ["a<!-- b", "a      "],
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
