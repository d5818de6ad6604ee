import { expect, test } from "bun:test";
import { source } from "../../scripts/lib/tree.ts";
import { findNewestTime, readVintages } from "../../scripts/vintages/vintages.ts";

const read = (text: string) => readVintages(source("a.rs", text));
const values = (text: string) => read(text).map(({ constant, value }) => [constant, value]);

test.each([
  ["private", 'const A_VINTAGE: &str = "x";'],
  ["public", 'pub const A_VINTAGE: &str = "x";'],
  ["public in the crate", 'pub(crate) const A_VINTAGE: &str = "x";'],
  ["public in a path", 'pub(in crate::score) const A_VINTAGE: &str = "x";'],
  ["with a lifetime", 'const A_VINTAGE: &\'static str = "x";'],
  ["a static", 'static A_VINTAGE: &str = "x";'],
  ["on many lines", 'pub\nconst\nA_VINTAGE\n:\n&\nstr\n=\n"x"\n;'],
  ["without blanks", 'const A_VINTAGE:&str="x";'],
  ["with comments between its parts", 'const /* a */ A_VINTAGE: // b\n&str = /* c */ "x";'],
  ["in a raw text", 'const A_VINTAGE: &str = r"x";'],
  ["in a raw text with marks", 'const A_VINTAGE: &str = r#"x"#;'],
  ["with an escape", 'const A_VINTAGE: &str = "\\x78";'],
  ["in a module", 'mod m { pub const A_VINTAGE: &str = "x"; }'],
  ["with attributes", '#[allow(dead_code)]\n#[doc = "d"]\nconst A_VINTAGE: &str = "x";'],
  ["after code for tests", '#[cfg(test)] mod tests;\nconst A_VINTAGE: &str = "x";'],
  [
    "after a nested block for tests",
    '#[cfg(test)] mod t { fn f() {} } const A_VINTAGE: &str = "x";',
  ],
  ["after a function for tests", '#[cfg(test)] fn f(x: [u8; 2]) {} const A_VINTAGE: &str = "x";'],
  ["after a variant for tests", 'enum E { #[cfg(test)] A } const A_VINTAGE: &str = "x";'],
  ["behind a feature", '#[cfg(feature = "test")] const A_VINTAGE: &str = "x";'],
])("a vintage is found: %s", (_, text) => {
  expect(values(text)).toEqual([["A_VINTAGE", "x"]]);
});

test.each([
  ["a line comment", '// const A_VINTAGE: &str = "x";'],
  ["a doc comment", '/// const A_VINTAGE: &str = "x";'],
  ["a nested block comment", '/* /* */ const A_VINTAGE: &str = "x"; */'],
  ["a text", 'const A: &str = "const A_VINTAGE: &str = \\"x\\";";'],
  ["a raw text", 'const A: &str = r#"const A_VINTAGE: &str = "x";"#;'],
  ["code behind a quote character", 'const A: char = \'"\'; // const A_VINTAGE: &str = "x";'],
  ["a local variable", 'fn f() { let A_VINTAGE: &str = "x"; }'],
  ["a use", "use crate::A_VINTAGE; fn f() -> &'static str { A_VINTAGE }"],
  ["a pointer to a type", "fn f(p: *const A_VINTAGE) {}"],
  ["another suffix", 'const A_VINTAGES: &str = "x"; const VINTAGE: &str = "x";'],
  ["a module for tests", '#[cfg(test)]\nmod tests { fn f() {} const A_VINTAGE: &str = "x"; }'],
  ["a constant for tests", '#[cfg(test)] const A_VINTAGE: &str = "x";'],
  [
    "a module for tests with more attributes",
    '#[cfg(test)] #[path = "x.rs"] mod tests { const A_VINTAGE: &str = "x"; }',
  ],
])("what is no vintage is not read: %s", (_, text) => {
  expect(values(text)).toEqual([]);
});

test.each([
  ["another constant", "const A_VINTAGE: &str = B_VINTAGE;"],
  ["a macro", 'const A_VINTAGE: &str = concat!("2026", "-04");'],
  ["an expression", 'const A_VINTAGE: &str = "2026".trim_ascii();'],
  ["a number", "const A_VINTAGE: u16 = 2026;"],
  ["a list", 'const A_VINTAGE: &[&str] = &["2026"];'],
  ["no value", "const A_VINTAGE: &str;"],
  ["nothing more", "const A_VINTAGE:"],
])("a vintage that is no text literal is told without a value: %s", (_, text) => {
  expect(values(text)).toEqual([["A_VINTAGE", undefined]]);
});

test("vintages come in the order of the file, each at its name", () => {
  const text = '// é\r\npub const B_VINTAGE: &str = "b";\r\n\tconst A_VINTAGE: &str =\r\n"a";';
  expect(read(text)).toEqual([
    { constant: "B_VINTAGE", value: "b", at: { file: "a.rs", line: 2, column: 11 } },
    { constant: "A_VINTAGE", value: "a", at: { file: "a.rs", line: 3, column: 8 } },
  ]);
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
  ["2026-04-24T10:00:00Z", "2026-04-24"],
  ["2025-12-31, 2026", "2026"],
  ["2026, of 2026-04-24", "2026-04-24"],
  ["2026-04-24, of 2026", "2026-04-24"],
  ["2026-04-24, of 2025", "2026-04-24"],
  // Years.
  ["1999", "1999"],
  ["2024/25", "2024"],
  ["2024-25", "2024"],
  ["2024–2025", "2025"],
  ["2025.", "2025"],
  ["(2025)", "2025"],
  ["2026-04", "2026"],
  // Fiscal years.
  ["Azure FY25", "2025"],
  ["FY2025", "2025"],
  ["2024, FY25", "2025"],
  ["2025, FY24", "2025"],
])("the newest time that %p states is %s", (text, expected) => {
  expect(findNewestTime(text)?.text).toBe(expected);
});

test.each([
  "",
  "CCF aligned",
  "2026-02-30",
  "2026-13-01",
  "2026-4-24",
  "20260424",
  "12026-02-03",
  "12024",
  "20245",
  "1.2024.3",
  "1.2024",
  "2024.3",
  "v2024",
  "SPECpower_ssj2008",
  "2025Q3",
  "2025H1",
  "ember_2025",
  "ember_2024.csv",
  "1825",
  "2100",
  "FY5",
  "FY250",
  "XFY25",
  "٢٠٢٤",
])("%p states no date and no year", (text) => {
  expect(findNewestTime(text)).toBeUndefined();
});

test("a date means one day, and a year any day of it", () => {
  expect<unknown>(findNewestTime("2026-04-24")).toEqual({
    text: "2026-04-24",
    first: "2026-04-24",
    last: "2026-04-24",
  });
  expect<unknown>(findNewestTime("FY25")).toEqual({
    text: "2025",
    first: "2025-01-01",
    last: "2025-12-31",
  });
});

test("a long file and a long vintage are read in linear time", () => {
  const text = `${"// x\nfn f<'a>(x: &'a str) {} /* 'a \" */\n".repeat(20_000)}const A_VINTAGE: &str = "${"2024.FY".repeat(20_000)} 2025";`;
  const [vintage] = read(text);
  expect(vintage?.at.line).toBe(40_001);
  expect(findNewestTime(vintage?.value ?? "")?.text).toBe("2025");
});
