// biome-ignore-all lint/suspicious/noTemplateCurlyInString: shell scripts are full of them
import { expect, test } from "bun:test";
import { readShell } from "../../scripts/workflow/shell.ts";
import { expectLinear } from "../helpers/growth.ts";

/** Commands as `before words after`; nested ones in brackets. */
const commands = (text: string) =>
  readShell(text).commands.map(({ words, before, after, nested }) => {
    const line = words.map(({ raw }) => raw).join("_");
    const shown = [before, line, after].join(" ").replaceAll("\n", "¶").trim();
    return nested ? `[${shown}]` : shown;
  });

test.each<[string, string, string[]]>([
  ["words", "a 'b c' \"d e\" f\\ g", ["a_'b c'_\"d e\"_f\\ g"]],
  ["lines", "a\n\n  b\n", ["a ¶", "¶ b ¶"]],
  ["CRLF", "a b\r\nc\r\n", ["a_b ¶", "¶ c ¶"]],
  ["continued lines", "a \\\n  b\\\nc", ["a_bc"]],
  [
    "operators",
    "a; b & c && d || e | f |& g",
    ["a ;", "; b &", "& c &&", "&& d ||", "|| e |", "| f |&", "|& g"],
  ],
  ["an operator at the end of a line", "a &&\n\n# x\nb ||\nc", ["a &&", "&& b ||", "|| c"]],
  ["comments", "# a; b\nc # d | e\nf#g $# ${#h} #", ["¶ c ¶", "¶ f#g_$#_${#h}"]],
  ["redirections", "a > b 2>&1 < c >> d &> e >| f <<< g 3<h i", ["a_i"]],
  ["numbers that are words", "a 2 > b 3", ["a_2_3"]],
  [
    "expansions",
    'a ${b:-"}"} $c ${d#\'}\'} "${e:-"f g"}"',
    ['a_${b:-"}"}_$c_${d#\'}\'}_"${e:-"f g"}"'],
  ],
  [
    "expressions of a workflow",
    "a ${{ b || 'c' }} \"${{ d }}\" '${{ e }}'",
    ["a_${{ b || 'c' }}_\"${{ d }}\"_'${{ e }}'"],
  ],
  [
    "quotes in quotes",
    "a \"it's\" 'say \"x\"' $'it\\'s' $\"b c\"",
    ["a_\"it's\"_'say \"x\"'_$'it\\'s'_$\"b c\""],
  ],
  ["arithmetic", "a $((1 << 2 # 3))\n((b<<=1))\nc", ["a_$((1 << 2 # 3)) ¶", "¶ c"]],
  [
    "substitutions",
    'a "$(b | c)" $(d; e)',
    ['a_"$(b | c)"_$(d; e)', "[b |]", "[| c )]", "[d ;]", "[; e )]"],
  ],
  ["old substitutions in a word", "a`b`c d", ["a`b`c_d", "[b `]"]],
  ["old substitutions", "a `b # c` d", ["a_`b # c`_d", "[b `]"]],
  ["process substitutions", "a <(b) >(c)", ["a", "[b )]", "[c )]"]],
  [
    "here-documents",
    "a <<E; b\nc 'd\n# E\nE\ne <<-'F' | f\n\tg\n\tF\nh",
    ["a ;", "; b ¶", "¶ e |", "| f ¶", "¶ h"],
  ],
  [
    "a here-document in a substitution",
    'a "$(b <<E\nit\'s )\nE\n)"\nc',
    [`a_"$(b <<E\nit's )\nE\n)" ¶`.replaceAll("\n", "¶"), "[b ¶]", "¶ c"],
  ],
  [
    "conditions",
    "if a; then b; elif c; then d; else e; fi; f",
    ["[a ;]", "[; b ;]", "[; c ;]", "[; d ;]", "[; e ;]", "; f"],
  ],
  [
    "loops",
    "while a; do b; done\nfor x in y; do c; done\nuntil d; do e; done && f",
    ["[a ;]", "[; b ;]", "[¶ for_x_in_y ;]", "[; c ;]", "[¶ d ;]", "[; e ;]", "&& f"],
  ],
  [
    "a loop over numbers",
    "for ((i = 0; i < 3; i++)); do a; done\nb",
    ["[for (]", "[( i_=_0 ;]", "[; i ;]", "[; i++ )]", "[; a ;]", "¶ b"],
  ],
  [
    "a case",
    "case $x in\n  a|(b)) c ;;\n  *) d\nesac\ne",
    ["[case_$x_in ¶]", "[¶ a |]", "[( b )]", "[) c ;]", "[¶ * )]", "[) d ¶]", "¶ e"],
  ],
  [
    "functions",
    "f() { a; }\nfunction g { b; }\nfunction h() { c; }\nd",
    ["f (", "[) a ;]", "[¶ function_g_{_b ;]", "¶ function_h (", "[) c ;]", "¶ d"].map(
      (each) => each,
    ),
  ],
  ["groups", "{ a; }; (b; c); d", ["[a ;]", "[( b ;]", "[; c )]", "; d"]],
  ["negation", "! a\nb", ["[a ¶]", "¶ b"]],
  [
    "words that only look like a block",
    "echo if then { fi\n'if' a",
    ["echo_if_then_{_fi ¶", "¶ 'if'_a"],
  ],
  [
    "tests",
    '[[ $a =~ ^(b|c)$ && -n "$d" ]] || e\nf',
    expect.arrayContaining(["|| e ¶", "¶ f"]) as unknown as string[],
  ],
])("commands are told apart: %s", (_, text, expected) => {
  expect(commands(text)).toEqual(expected);
});

test("words know where they stand", () => {
  const text = "a\n  b 'c d'";
  const offsets = readShell(text).commands.flatMap(({ words }) =>
    words.map(({ offset }) => offset),
  );
  expect(offsets).toEqual([0, 4, 6]);
});

test.each([
  ["a # b\n# c\nd", "a    \n   \nd"],
  ["a '# b' \"# c\" d#e \\# f # g", "a '# b' \"# c\" d#e \\# f    "],
  ['a "$(b # c\n)" # d', 'a "$(b    \n)"    '],
  ['a "$(echo "x # y")"', 'a "$(echo "x # y")"'],
  ["a `b # c` # d", "a `b    `    "],
  ["a <<E # b\n# c\nE\n# d", "a <<E    \n# c\nE\n   "],
  ["a;#b\n(#c\n)", "a;  \n(  \n)"],
  ["${{ a # b }} # c", "${{ a # b }}    "],
  ["a ${b # c} $(( 16#f )) $'# d'", "a ${b # c} $(( 16#f )) $'# d'"],
])("comments become blanks, and nothing else: %p", (text, code) => {
  expect(readShell(text).code).toBe(code);
});

test.each([
  "a 'b # c",
  'a "b # c',
  "a $(b # c",
  "a `b # c",
  "a ${b # c",
  "a <<E # b\nc",
  "a <<E # b",
  "a ${{ b # c",
  "a $((1 # c",
  "if a # b",
  "for x in y # b",
  "a ) # b",
  "( a # b",
  "$(".repeat(100_000),
])("what does not end is all code, and has no commands: %p", (text) => {
  expect(readShell(text)).toEqual({ code: text, commands: [] });
});

test.each([
  "a b\n",
  "'a' ",
  '"$(a)" ',
  "# a\n",
  "a <<E\nE\n",
  "(a)\n",
  "a\\\n",
  "{ ",
  "$((",
  "$(",
  '"${',
])("a long script takes linear time: %p", async (unit) => {
  await expectLinear(200_000, (size) => unit.repeat(size / unit.length), readShell);
});
