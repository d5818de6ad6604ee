import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Day } from "../../../scripts/lib/calendar.ts";
import {
  entriesOf,
  malformedFindings,
  malformedOf,
  parseLedger,
} from "../../../scripts/lib/files/ledger.ts";
import { error } from "../../../scripts/lib/finding.ts";
import { source } from "../../../scripts/lib/tree.ts";
import { expectLinear } from "../../helpers/growth.ts";
import { productFolder } from "../../helpers/product.ts";

const today = "2026-08-07" as Day;
const parse = (text: string) => parseLedger(source("ledger.txt", text), today);

/** What is wrong with the only row of a text, where, and what repairs it. */
function fault(text: string) {
  const [row] = malformedOf(parse(text));
  return { fault: row?.fault, column: row?.at.column, repaired: row?.repaired };
}

test("a row is four columns between tabs, with its line and its text", () => {
  expect(parse("v1.2.3\tabcdef1\t2026-08-07\tPASS\n").rows).toEqual([
    {
      kind: "entry",
      line: 1,
      text: "v1.2.3\tabcdef1\t2026-08-07\tPASS",
      tag: "v1.2.3",
      sha: "abcdef1",
      date: "2026-08-07" as Day,
      verdict: "PASS",
    },
  ]);
});

test("comments, empty lines and lines of spaces are no rows, and count as lines", () => {
  const ledger = parse("# comment\n\n   \n#v1.2.3\nv1.2.3\tabcdef1\t2026-08-07\tPASS");
  expect(ledger.rows.map(({ kind, line }) => [kind, line])).toEqual([["entry", 5]]);
});

test.each(["\t", "\t\t\t", "  \t\r"])("a line of tabs is a malformed row: %p", (text) => {
  const ledger = parse(`${text}\nv1.2.3\tabcdef1\t2026-08-07\tPASS`);
  expect(ledger.rows.map(({ kind, line }) => [kind, line])).toEqual([
    ["malformed", 1],
    ["entry", 2],
  ]);
});

test("CRLF and a byte order mark are tolerated", () => {
  const ledger = parse(
    "\ufeffv1.2.3\tabcdef1\t2026-08-07\tPASS\r\n\r\n# x\r\nv1.2.4\tabcdef1\t2026-08-07\tFAIL\r\n",
  );
  expect(ledger.rows.map(({ kind, line }) => [kind, line])).toEqual([
    ["entry", 1],
    ["entry", 4],
  ]);
});

test.each([
  "v1.2.3\tabcdef1\t2026-08-07\tPASS",
  "v1.2.3-rc.1\tabcdef1\t2026-08-07\tFAIL",
  `v1.2.3\t${"a".repeat(64)}\t2026-08-06\tPASS`,
  "v1.2.3\tABCDEF1\t1999-12-31\tPASS",
])("%p is valid", (row) => {
  expect(malformedOf(parse(row))).toEqual([]);
  expect(entriesOf(parse(row))).toHaveLength(1);
});

const version = "expected a version with its leading v, such as v1.2.3";
const commit = "expected 7 to 64 hexadecimal digits";
const date = "expected a calendar day as YYYY-MM-DD, not after today in UTC";

test.each([
  ["1.2.3\tabcdef1\t2026-08-07\tPASS", `column 1 (version): found "1.2.3", ${version}`, 1],
  ["v1.2\tabcdef1\t2026-08-07\tPASS", `column 1 (version): found "v1.2", ${version}`, 1],
  ["v1.2.3+b\tabcdef1\t2026-08-07\tPASS", `column 1 (version): found "v1.2.3+b", ${version}`, 1],
  ["vv1.2.3\tabcdef1\t2026-08-07\tPASS", `column 1 (version): found "vv1.2.3", ${version}`, 1],
  ["v1.2.3\tabcdef\t2026-08-07\tPASS", `column 2 (lab commit): found "abcdef", ${commit}`, 8],
  ["v1.2.3\tabcdefg\t2026-08-07\tPASS", `column 2 (lab commit): found "abcdefg", ${commit}`, 8],
  [
    `v1.2.3\t${"a".repeat(65)}\t2026-08-07\tPASS`,
    `column 2 (lab commit): found "${"a".repeat(65)}", ${commit}`,
    8,
  ],
  ["v1.2.3\t\t2026-08-07\tPASS", `column 2 (lab commit): found "", ${commit}`, 8],
  ["v1.2.3\tabcdef1\tnow\tPASS", `column 3 (date): found "now", ${date}`, 16],
  ["v1.2.3\tabcdef1\t2026-02-30\tPASS", `column 3 (date): found "2026-02-30", ${date}`, 16],
  ["v1.2.3\tabcdef1\t2026-08-08\tPASS", `column 3 (date): found "2026-08-08", ${date}`, 16],
  [
    "v1.2.3\tabcdef1\t2026-08-07\tpass",
    'column 4 (verdict): found "pass", expected PASS or FAIL',
    27,
  ],
  [
    "v9\tabc\t2026-13-01\tpass",
    `column 1 (version): found "v9", ${version}; column 2 (lab commit): found "abc", ${commit}; column 3 (date): found "2026-13-01", ${date}; column 4 (verdict): found "pass", expected PASS or FAIL`,
    1,
  ],
  [
    "v1.2.3\t2\t2026-08-07\t4",
    `column 2 (lab commit): found "2", ${commit}; column 4 (verdict): found "4", expected PASS or FAIL`,
    8,
  ],
])("%p is malformed in columns, and the fault names each", (row, message, column) => {
  expect(fault(row)).toEqual({ fault: message, column, repaired: undefined });
});

test.each([
  ["v1.2.3", "found 1 column"],
  ["v1.2.3\tabcdef1\tPASS", "found 3 columns"],
  ["v1.2.3\tabcdef1\t2026-08-07\tPASS\tx", "found more than 4 columns"],
  ["x\t".repeat(40), "found more than 4 columns"],
  ["this is no row", "found 1 column"],
  ["v1.2.3\tabcdef1\t2026-08-07  pass", "found 3 columns"],
])("%p has the wrong number of columns, which no separator explains", (row, found) => {
  const words = `${found}, expected 4 separated by tabs`;
  expect(fault(row)).toEqual({ fault: words, column: 1, repaired: undefined });
});

const sound = "v1.2.3\tabcdef1\t2026-08-07\tPASS";

test.each([
  ["v1.2.3 abcdef1 2026-08-07 PASS", '" " after column 1', 7],
  ["v1.2.3\tabcdef1  2026-08-07\tPASS", '"  " after column 2', 15],
  ["v1.2.3\u00a0abcdef1\t2026-08-07\tPASS", '"\u00a0" after column 1', 7],
  ["v1.2.3\t\tabcdef1\t2026-08-07\tPASS", '"\\t" after column 1', 8],
  ["v1.2.3\tabcdef1 \t2026-08-07\tPASS", '" \\t" after column 2', 15],
  [`${sound} `, '" " after column 4', 31],
  [` ${sound}`, '" " before column 1', 1],
])("%p is malformed by its separators alone: one fault, and the row that it becomes", (...each) => {
  const [row, found, column] = each;
  const words = `found ${found}, expected one tab between two columns, and no other white space`;
  expect(fault(row)).toEqual({ fault: words, column, repaired: sound });
});

test.each([
  ["release-gate/lab-validations.txt", "bun release-gate/check-ledger.ts --repair 1"],
  [
    "/a b/release-gate/lab-validations.txt",
    "bun release-gate/check-ledger.ts --repair 1 --repo '/a b/'",
  ],
  ["other.txt", `Write line 1 with one tab between its columns: ${JSON.stringify(sound)}`],
])("the way out of separators at fault repairs the row: %p", (path, words) => {
  const ledger = parseLedger(source(path, `${sound} \nx\n`), today);
  expect(
    malformedFindings(malformedOf(ledger), error, () => "x").map(({ remedy }) => remedy),
  ).toEqual([words, "Remove line 2, and record its lab run again"]);
});

test("a malformed row hides no row around it", () => {
  const ledger = parse(
    [
      "v1.0.0\tabcdef1\t2026-08-01\tPASS",
      "\0\u001b[31m",
      "v1.0.1 abcdef1 2026-08-01 PASS",
      "\ufffd\ufffd",
      "<<<<<<< HEAD",
      "v1.0.2\tabcdef1\t2026-08-01\tPASS\rv9.9.9\tabcdef1\t2026-08-01\tPASS",
      "v1.0.3\tabcdef1\t2026-08-01\tPASS",
    ].join("\n"),
  );
  expect(entriesOf(ledger).map(({ tag }) => tag)).toEqual(["v1.0.0", "v1.0.3"]);
  expect(malformedOf(ledger).map(({ line }) => line)).toEqual([2, 3, 4, 5, 6]);
});

test("100,000 rows and lines of 10 MB are read in linear time", async () => {
  const row = (_: unknown, index: number) => `v0.${index}.0\tabcdef1\t2026-08-01\tPASS\n`;
  const text = (rows: number) =>
    `${Array.from({ length: rows }, row).join("")}${"x \t".repeat(35 * rows)}\n${" ".repeat(100 * rows)}x\n`;
  await expectLinear(100_000, text, (each) => {
    const ledger = parse(each);
    expect(malformedOf(ledger)).toHaveLength(2);
    expect(entriesOf(ledger).length % 10_000).toBe(0);
  });
});

test.skipIf(productFolder === undefined)("the product's ledger has no malformed row", async () => {
  const text = await Bun.file(join(productFolder ?? "", "release-gate/lab-validations.txt")).text();
  const ledger = parse(text);
  expect(malformedOf(ledger)).toEqual([]);
  expect(entriesOf(ledger)).toHaveLength(text.match(/^v/gm)?.length ?? 0);
});

test("more than 1,000 malformed rows are one finding, and hide no row", () => {
  const ledger = parse(`${"x\n".repeat(1200)}${sound}\n`);
  expect(entriesOf(ledger).map(({ line }) => line)).toEqual([1201]);
  const findings = malformedFindings(
    malformedOf(ledger),
    error,
    ({ line }) => `ignoring malformed line ${line}`,
  );
  expect(findings).toEqual([
    {
      level: "error",
      message:
        "ignoring malformed line 1, and 1199 more: found 1 column, expected 4 separated by tabs",
      at: { file: "ledger.txt", line: 1, column: 1 },
      remedy: "Make sure that ledger.txt is the ledger, and remove its malformed rows",
    },
  ]);
  expect(malformedFindings(malformedOf(ledger).slice(0, 1000), error, () => "x")).toHaveLength(
    1000,
  );
});
