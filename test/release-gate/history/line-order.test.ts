import { expect, test } from "bun:test";
import {
  compareLines,
  type LineChange,
  type TextLine,
} from "../../../release-gate/history/line-order.ts";

const lines = (letters: string) => [...letters].map((text, index) => ({ text, line: index + 1 }));

function shown(change: LineChange<TextLine>): string {
  const { kind } = change;
  if (kind === "removed") {
    return `removed ${change.before.text} at ${change.now}`;
  }
  if (kind === "edited" || kind === "moved") {
    return `${kind} ${change.before.text}${change.before.line} -> ${change.after.text}${change.after.line}`;
  }
  return `${kind} ${change.after.text}${change.after.line}`;
}

test.each<[string, string, string[]]>([
  ["", "", []],
  ["abc", "abc", []],
  ["", "ab", ["appended a1", "appended b2"]],
  ["abc", "abcab", ["appended a4", "appended b5"]],
  ["aab", "aab", []],
  ["aab", "ab", ["removed a at 2"]],
  ["ab", "aab", ["inserted a2"]],
  ["abc", "xabc", ["inserted x1"]],
  ["abc", "axbyc", ["inserted x2", "inserted y4"]],
  ["abc", "axc", ["edited b2 -> x2"]],
  ["abc", "abxd", ["edited c3 -> x3", "appended d4"]],
  ["abc", "c", ["removed a at 1", "removed b at 1"]],
  ["abc", "", ["removed a at 1", "removed b at 1", "removed c at 1"]],
  ["abcd", "bcda", ["moved a1 -> a4"]],
  ["abcd", "dabc", ["moved d4 -> d1"]],
  ["abcd", "axdye", ["edited b2 -> x2", "removed c at 3", "appended y4", "appended e5"]],
])("from %p to %p: %p", (before, after, expected) => {
  expect(compareLines(lines(before), lines(after)).map(shown)).toEqual(expected);
});

test("foreign texts may stand anywhere, and replace nothing", () => {
  const changes = compareLines(lines("abc"), lines("xaxc"), new Set("x"));
  expect(changes.map(shown)).toEqual(["removed b at 4"]);
});

test("a list of 100,000 lines in reverse is compared in a moment", () => {
  const before = Array.from({ length: 100_000 }, (_, index) => ({ line: index, text: `${index}` }));
  const changes = compareLines(before, before.toReversed());
  expect(changes).toHaveLength(99_999);
  expect(changes.every(({ kind }) => kind === "moved")).toBe(true);
});
