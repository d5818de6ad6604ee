import { expect, test } from "bun:test";
import { titleOf } from "./title.ts";

test.each<[string, unknown, string]>([
  ["%s in %s", ["a b", 2], "a b in 2"],
  ["%p and %j", ["a", { b: 1 }], '"a" and {"b":1}'],
  ["row %#: 100%%", [], "row 3: 100%"],
  ["$name of $no", { name: "x" }, '"x" of $no'],
  ["%s alone", "text", "text alone"],
])("%s is filled with %j", (template, row, title) => {
  expect(titleOf(template, row, 3)).toBe(title);
});

test("a name that asks for what is not known here is refused, not guessed", () => {
  expect(() => titleOf("%o", [1], 0)).toThrow(SyntaxError);
});
