import { expect, test } from "bun:test";
import {
  attempt,
  error,
  findingsOf,
  isPass,
  LocatedSyntaxError,
  notice,
  quote,
  Refusal,
  refusal,
  shellWord,
  together,
  warning,
} from "../../scripts/lib/finding.ts";

test("a refusal carries one error, and its words are those of the error", () => {
  const details = { remedy: "Turn back", at: { file: "a", line: 2 } };
  const refused = refusal("Cannot go on", details);
  expect(refused.message).toBe("Cannot go on");
  expect(refused.findings).toEqual([error("Cannot go on", details)]);
});

test("a refusal of many findings says them all", () => {
  const all = [error("one"), warning("two")];
  expect(new Refusal(all).message).toBe("one\ntwo");
  expect(findingsOf(new Refusal(all))).toEqual(all);
});

test("a syntax error that knows its place is an error there", () => {
  const at = { file: "Cargo.toml", line: 3 };
  expect(findingsOf(new LocatedSyntaxError("not TOML", at, "Mend it"))).toEqual([
    error("not TOML", { at, remedy: "Mend it" }),
  ]);
});

test("what is neither a refusal nor knows its place is a defect, and no finding", async () => {
  expect(() => findingsOf(new SyntaxError("no place"))).toThrow("no place");
  await expect(attempt(() => Promise.reject(new TypeError("a defect")))).rejects.toThrow(
    "a defect",
  );
});

test("an attempt keeps what was refused, so that other questions still count", async () => {
  expect(await attempt(() => Promise.reject(refusal("Cannot know")))).toEqual({
    findings: [error("Cannot know")],
  });
  expect(await attempt(async () => 1)).toEqual({ value: 1 });
});

test.each([
  ["nothing", [], false],
  ["a warning alone", [warning("look")], false],
  ["evidence", [notice("seen")], true],
  ["evidence beside a warning", [warning("look"), notice("seen")], true],
  ["evidence beside an error", [notice("seen"), error("bad")], false],
])("%s passes or not: only evidence without an error does", (_, findings, passes) => {
  expect(isPass(findings)).toBe(passes);
});

test("a place that costs a look is looked for when it is asked for, and once", () => {
  let looks = 0;
  const at = () => {
    looks += 1;
    return { file: "a", line: looks };
  };
  const found = notice("seen", { at });
  expect([found.level, found.message, looks]).toEqual(["notice", "seen", 0]);
  expect(JSON.parse(JSON.stringify(found)).at).toEqual({ file: "a", line: 1 });
  expect({ ...found }.at).toEqual({ file: "a", line: 1 });
});

test("a quoted value shows its ends and its line breaks, and no more than fits in a line", () => {
  expect(quote(" a\n")).toBe('" a\\n"');
  expect(quote("x".repeat(121))).toBe(`"${"x".repeat(117)}..."`);
});

const later = <T>(value: T, turns: number): Promise<T> =>
  turns === 0 ? Promise.resolve(value) : Promise.resolve().then(() => later(value, turns - 1));

test("questions asked at once are answered in their order", async () => {
  expect(await together(later("a", 5), "b", later(3, 1))).toEqual(["a", "b", 3]);
});

test("of several refusals the first in order is told, whichever came first", async () => {
  const slow = later(0, 9).then(() => {
    throw refusal("the first");
  });
  const quick = Promise.reject(refusal("the second"));
  await expect(together(slow, quick)).rejects.toThrow("the first");
});

test.each([
  ["release/1.3.0", "release/1.3.0"],
  ["--format=json", "--format=json"],
  [":refs/tags/v1", ":refs/tags/v1"],
  ["=ls", "'=ls'"],
  ["refs/tags/*", "'refs/tags/*'"],
  ["$(id)", "'$(id)'"],
  ["it's", "'it'\\''s'"],
  ["a b", "'a b'"],
  ["~", "'~'"],
  ["", "''"],
])("what a shell would not take as it is, is quoted: %p as %s", async (text, expected) => {
  expect(shellWord(text)).toBe(expected);
  const { stdout } = Bun.spawnSync(["sh", "-c", `printf %s ${expected}`]);
  expect(stdout.toString()).toBe(text);
});
