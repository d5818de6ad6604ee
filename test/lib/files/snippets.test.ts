import { expect, test } from "bun:test";
import {
  findConstants,
  findInCode,
  findMentions,
  findUnclearConstants,
  findUnclearMentions,
} from "../../../scripts/lib/files/snippets.ts";
import { type Source, source } from "../../../scripts/lib/tree.ts";
import { expectLinear } from "../../helpers/growth.ts";

/** Marks what was found in a text. */
function marked(text: string, spans: readonly { offset: number; text: string }[]): string {
  let shown = text;
  for (const span of spans.toReversed()) {
    expect(text.slice(span.offset, span.offset + span.text.length)).toBe(span.text);
    const end = span.offset + span.text.length;
    shown = `${shown.slice(0, span.offset)}‹${span.text}›${shown.slice(end)}`;
  }
  return shown;
}

const findCodeConstants = (file: Source, name: string) =>
  findInCode(file, (each) => findConstants(each, name));

const bare = (text: string) => text.replaceAll(/[‹›]/g, "");

test.each([
  ["YAML, quoted", 'env:\n  NAME: "‹1.2.9›"\n'],
  ["YAML, in single quotes, with a comment", "  NAME: '‹1.2.9›'   # NAME: 1.0.0"],
  ["YAML, plain, with a comment and CRLF", "a:\r\n\tNAME : ‹1.2.9› # pinned\r\nb: 1\r\n"],
  ["YAML, an item", "- NAME: ‹1.2.9-rc.1›"],
  ["YAML, a quoted key", `  "NAME": '‹1.2.9›'`],
  ["Groovy", "environment {\n    NAME = '‹1.2.9›'\n}"],
  ["Groovy, a definition with a comment", 'def NAME = "‹1.2.9›" // the release\n'],
  ["the shell", "export NAME=‹1.2.9›; run\nNAME='‹v1.2.9›'\n"],
  ["a stale value that is no legal version", 'NAME: "‹1.2›"\nNAME: "‹01.2.3+x›"'],
  ["Groovy, a typed definition", "String NAME = '‹1.2.9›'\nfinal String NAME = '‹1.2.9›'"],
  ["Groovy, a block on one line", "environment { NAME = '‹1.2.9›' }"],
  ["YAML, a flow mapping", 'env: { NAME: "‹1.2.9›" }\nenv: { A: b, "NAME": ‹1.2.9›, C: d }'],
  ["a Dockerfile", "ARG NAME=‹1.2.9›\nENV NAME=‹1.2.9› OTHER=x\n"],
  ["the shell, declared", "readonly NAME=‹1.2.9›\nexport NAME=‹1.2.9›\nexport NAME='‹1.2.9›' X=1"],
  ["the shell, for a command", `NAME=‹1.2.9› ./run.sh\nNAME="‹1.2.9›" \\\n  "$x"`],
  ["the shell, before a command", 'NAME="‹1.2.9›" && x\nNAME=‹1.2.9› || x'],
  ["several", "NAME: ‹1.2.9›\nNAME: ‹1.3.0›"],
])("a constant is found at the start of a line: %s", (_, text) => {
  expect(marked(bare(text), findConstants(source("f", bare(text)), "NAME"))).toBe(text);
});

test.each([
  ["a comment", '# NAME: "1.2.9"\n  # NAME = 1.2.9\n// NAME = "1.2.9"\n * NAME: "1.2.9"'],
  ["a comment with U+2028 or U+2029", '# a\u2028NAME: "1.2.9"\n// b\u2029NAME: "1.2.9"'],
  ["a comment in a block", "x { // a, NAME = '1.2.9' }\nx: { # a, NAME: 1.2.9 }"],
  ["a tight expression", "NAME='1.2.9' + x\nNAME='1.2.9'.trim()"],
  ["prose", 'Set NAME: "1.2.9" here\nthe constant NAME = 1.2.9'],
  ["a use", `curl "v\${NAME}/1.2.9"\n- uses: a@\${{ env.NAME }}\n$NAME = "1.2.9"`],
  ["an expression", `NAME: \${{ inputs.x }}\nNAME=\${1:-1.2.9}\nNAME = '1.2.9' + suffix`],
  ["an interpolation", 'NAME: "1.2.9-$x"\nNAME=1.2.9$x\nNAME: 1.2.9 or later'],
  ["another name", "MY_NAME: 1.2.9\nNAME_2: 1.2.9\nname: 1.2.9\nNAME.x = 1.2.9"],
  ["a word", 'NAME: latest\nNAME: "main"\nNAME:\n  1.2.9'],
  ["an open quote", 'NAME: "1.2.9\nNAME: \'1.2.9"'],
])("%s is no constant", (_, text) => {
  expect(marked(text, findConstants(source("f", text), "NAME"))).toBe(text);
});

test("HTML comments hide constants and mentions, unless they are left open", () => {
  const text =
    "<!-- tool@v1.2.9\ntool@v1.2.9 --> tool@‹v1.2.9›\n```\n<!--\nNAME: 1.2.9\n-->\n```\n`<!--` tool@‹v1.2.9›\n";
  expect(marked(bare(text), findMentions(source("f", bare(text)), "tool", "v"))).toBe(text);
  expect(findCodeConstants(source("f", bare(text)), "NAME")).toEqual([]);
});

test("in Markdown only code holds constants, in a fence or indented", () => {
  const text = `NAME: "1.2.9"

\`\`\`yaml
NAME: "‹1.2.9›"
# NAME: "1.2.9"
\`\`\`

NAME: "1.2.9"

- an item
  ~~~sh
  export NAME=‹1.2.9›
  ~~~
- > \`\`\`
  > NAME = '‹1.2.9›'
  > \`\`\`

<!--
\`\`\`
NAME: "1.2.9"
\`\`\`
-->

    NAME: "‹1.2.9›"
    # NAME: "1.2.9"

\tNAME: ‹1.2.9›

A paragraph goes on below
    NAME: "1.2.9"

- an item

  NAME: "1.2.9"

      NAME: ‹1.2.9›

  <!--
      NAME: "1.2.9"
  -->

## A heading
    NAME: ‹1.2.9›

\`\`\`
NAME: ‹1.2.9›`;
  expect(marked(bare(text), findCodeConstants(source("f", bare(text)), "NAME"))).toBe(text);
  expect(findCodeConstants(source("f", ""), "NAME")).toEqual([]);
});

test("a mention is the product, an at sign and a whole version", () => {
  const text =
    "uses: owner/tool@‹v1.2.9›\n(tool@‹v1.2.9-rc.1›), tool@‹v1.10.0›. tool@‹v1.2.9›\n" +
    "my-tool@v1.2.9 tool@v1 tool@v1.2 tool@main tool@1.2.9 tool@v1.2.9.1 tool@v01.2.3 tool@v1.2.9x\n" +
    "other@v1.2.9 tool @v1.2.9 tools@v1.2.9";
  expect(marked(bare(text), findMentions(source("f", bare(text)), "tool", "v"))).toBe(text);
});

test.each([
  ["an expression", "NAME = '1.2.9' + x\nNAME='1.2.9'.trim()\nNAME: 1.2.9 or later", 3],
  ["a default", `NAME=\${1:-1.2.9}\nNAME: \${{ inputs.x || '1.2.9' }}`, 2],
  ["an interpolation", 'NAME: "1.2.9-$x"\nNAME=1.2.9$x', 2],
  ["another line", 'NAME:\n  value: "1.2.9"\nNAME:\r\n  1.2.9', 2],
  ["a place within a line", `- run: NAME=1.2.9 ./x\nsudo NAME=1.2.9 x\nwithEnv(['NAME=1.2.9'])`, 3],
  ["an old Dockerfile", "ENV NAME 1.2.9", 1],
  ["what is read", 'NAME: "1.2.9"\nNAME=1.2.9-rc.1 ./x\nexport NAME=1.2.9', 0],
  [
    "a comment",
    "# NAME: 1.2.9\nx # NAME=1.2.9\n// NAME = '1.2.9'\nf() /* a\nNAME = '1.2.9'\n*/",
    0,
  ],
  ["a use", `curl "v\${NAME}/1.2.9"\n$NAME = 1.2.9\nif (NAME == '1.2.9')\nMY_NAME: 1.2.9`, 0],
  ["no version", 'NAME: latest\nOTHER: "1.2.9"\nNAME: main # 1.2.9', 0],
] satisfies [string, string, number][])(
  "an assignment that is not read is unclear: %s",
  (_, text, count) => {
    expect(findUnclearConstants(source("f", text), "NAME")).toHaveLength(count);
  },
);

test.each([
  ["without the prefix", "uses: o/‹tool@1.2.9›\n‹tool@0.9.0›-rc.1, ‹tool@1.2.9›. `‹tool@01.2.3›`"],
  ["a capital letter", "uses: o/‹tool@V1.2.9›\nuses: O/‹Tool@v1.2.9›"],
  ["a path", "uses: o/‹tool/sub@v1.2.9›\n‹tool/.github/workflows/a.yml@1.2.9›"],
  ["the tag's full name", "uses: o/‹tool@refs/tags/v1.2.9›"],
  ["no legal version", "‹tool@v1.2.9›.1 ‹tool@v01.2.3› ‹tool@v1.2.9›x ‹tool@v1.2.9›-rc_1"],
  ["beside one that is read", "o/tool@v1.2.9 o/‹tool@1.2.9› tool/tool@v1.2.9,‹tool@1.2.9›"],
  ["at a host", "git+ssh://git@host/o/‹tool@1.2.9› git@host:o/‹tool@1.2.9›"],
  ["what is read", "o/tool@v1.2.9 tool@v1.2.9-rc.1. (tool@v1.2.9)"],
  ["a branch", "tool@main tool@v1 tool@v1.2 tool@1.x tool@release-1.2.9 tool@refs/heads/v1.2.9"],
  ["a commit", `tool@${"0123456789".repeat(4)} # v1.2.9\ntool@1234567`],
  ["an expression", "tool@$" + "{{ env.NAME }} tool@$NAME/1.2.9 tool@ 1.2.9 tool@<1.2.9>"],
  ["an e-mail address", "tool@example.com tool@1.2.9.example.org tool@v1.2.33.example.org"],
  ["an address of the Internet", "ssh tool@10.0.0.1 tool@192.168.100.12:22"],
  ["a scope of npm", "@tool/x@1.2.9 @tool/tool@1.2.9 npm:@o/tool@1.2.9 @tool@1.2.9"],
  ["another product", "my-tool@1.2.9 tools@1.2.9 tool-x@1.2.9 tool.js@1.2.9 o/other@1.2.9 tool/"],
  ["an HTML comment", "<!-- tool@1.2.9\ntool@V1.2.9 -->"],
])("a mention with a version that is not read is unclear, and nothing else: %s", (_, text) => {
  expect(marked(bare(text), findUnclearMentions(source("f", bare(text)), "tool", "v"))).toBe(text);
});

test.each([
  "\t",
  "NAME: $(x 1.2.3)\n",
  "NAME: $(x 1.2.3) ",
  "# NAME: 1.2.3 ",
  "<!-- ",
  "x // y\n",
  "tool/",
  "tool/tool@",
  "@tool/",
  "tool@1.2.9 ",
  "tool@1",
  "tool@v1.2.9-a.",
  "tool@v",
  "1.",
])("a text is read in time that grows with it: %p again and again", async (part) => {
  const text = (size: number) => source("a.md", part.repeat(size / part.length));
  await expectLinear(200_000, text, (file) => [
    findUnclearConstants(file, "NAME"),
    findCodeConstants(file, "NAME"),
    findUnclearMentions(file, "tool", "v"),
  ]);
});
