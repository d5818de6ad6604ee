import { expect, test } from "bun:test";
import { LocatedSyntaxError } from "../../scripts/lib/finding.ts";
import { source } from "../../scripts/lib/tree.ts";
import { rustTokens } from "../../scripts/vintages/rust.ts";

const tokens = (text: string) => rustTokens(source("a.rs", text));

/** Tokens in one line, texts with what they stand for. */
const shown = (text: string) =>
  tokens(text)
    .map((token) => (token.value === undefined ? token.text : `<${token.value}>`))
    .join(" ");

test.each([
  ["pub(crate) const A: &str;", "pub ( crate ) const A : & str ;"],
  ["fn f<'a>(x: &'static str)", "fn f < 'a > ( x : & 'static str )"],
  ["r#const été_2 0x1f 1e5", "r#const été_2 0x1f 1e5"],
  ["'outer: loop { break 'outer; }", "'outer : loop { break 'outer ; }"],
])("code is words, lifetimes and single marks: %p", (text, expected) => {
  expect(shown(text)).toBe(expected);
});

test.each([
  ["a line comment", 'a // "b" /* c\nd', "a d"],
  ["a doc comment", "/// it's\n//! \"\na", "a"],
  ["a line comment at the end", "a // b", "a"],
  ["a block comment", 'a /* "b\n*/ c', "a c"],
  ["nested block comments", "a /* b /* c */ d */ e", "a e"],
  ["the shortest block comment", "a /**/ b", "a b"],
  ["a slash inside a block comment's edges", "a /*/ b */ c", "a c"],
  ["a comment between two words", "a/**/b", "a b"],
])("comments are no tokens: %s", (_, text, expected) => {
  expect(shown(text)).toBe(expected);
});

test.each([
  ['"a"', "a"],
  ['""', ""],
  ['"// a /* b"', "// a /* b"],
  ['"a\\"b\\\\"', 'a"b\\'],
  ['"\\n\\r\\t\\0\\\'"', "\n\r\t\0'"],
  ['"\\x41\\u{e9}\\u{1F6_00}"', "Aé😀"],
  ['"a \\\n   \t\n b"', "a b"],
  ['"a \\\r\n  b"', "a b"],
  ['"a\nb"', "a\nb"],
  ['"\\u{ffffff}"', "\\u{ffffff}"],
  ['r"a\\"', "a\\"],
  ['r#"a "b" c"#', 'a "b" c'],
  ['r##"a "# b"##', 'a "# b'],
  ['b"a"', "a"],
  ['br#"a""#', 'a"'],
  ['c"a"', "a"],
  ['cr"a\\"', "a\\"],
])("%s is one text", (text, value) => {
  expect(tokens(`${text};`)).toEqual([
    { text: '"', value, at: 0 },
    { text: ";", at: text.length },
  ]);
});

test.each([
  "'\"'",
  "b'\"'",
  "'\\''",
  "b'\\''",
  "'\\\\'",
  "'\\x22'",
  "'\\u{22}'",
  "'{'",
  "'/'",
  "'é'",
  "'😀'",
])("the character %s opens nothing, and is no token", (text) => {
  expect(shown(`a ${text} b`)).toBe("a b");
});

test("a token knows its offset", () => {
  expect(tokens('/* é */ const A: &str = "x";').map(({ at }) => at)).toEqual([
    8, 14, 15, 17, 18, 22, 24, 27,
  ]);
});

test.each([
  ["a text", 'a\n  "b \\" c', "text"],
  ["a text that ends in a backslash", 'a\n  "b\\', "text"],
  ["a raw text", 'a\n  r#"b"', "text"],
  ["a comment", "a\n  /* b /* c */", "comment"],
])("what has no end is refused where it starts: %s", (_, text, what) => {
  let thrown: unknown;
  try {
    tokens(text);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(LocatedSyntaxError);
  expect(thrown).toMatchObject({
    message: `Cannot read a.rs: the ${what} that starts here has no end`,
    at: { file: "a.rs", line: 2, column: 3 },
  });
});
