import { expect, test } from "bun:test";
import {
  compareVersions,
  isCandidate,
  isPrerelease,
  isVersion,
  parseVersion,
} from "../../scripts/lib/version.ts";

test.each([
  ["1.2.3", "1.2.3"],
  ["v1.2.3", "1.2.3"],
  ["v0.1.0-rc.1", "0.1.0-rc.1"],
  ["1.0.0--", "1.0.0--"],
])("a tag or version %p reads as %p", (text, version) => {
  expect<string>(parseVersion(text)).toBe(version);
});

test("what is not strict SemVer, or has another prefix, is no version", () => {
  const none = [
    ...["", "v", "1.2", "01.2.3", "1.2.3-01", "1.2.3-", "1.2.3+build", "vv1.2.3"],
    ...["chart-v1.2.3", " 1.2.3", "1.2.3\n", "１.2.3"],
  ];
  expect(none.filter(isVersion)).toEqual([]);
  for (const text of none) {
    expect(() => parseVersion(text)).toThrow(SyntaxError);
  }
});

test.each([
  ["0.12", "v", "perhaps v0.12.0"],
  ["V0.12.0", "v", "perhaps v0.12.0"],
  ["chart-v0.12.0", "v", "perhaps v0.12.0"],
  ["v0.12.0", "chart-v", "perhaps chart-v0.12.0"],
  ["0.12.0+build", "v", "without build metadata (+...), perhaps v0.12.0"],
  ["latest", "v", "such as v1.2.3 or 1.2.3-rc.1"],
])("%p, read as a version with prefix %p, is refused with a way out", (text, prefix, words) => {
  expect(() => parseVersion(text, prefix)).toThrow(`found ${JSON.stringify(text)}, expected`);
  expect(() => parseVersion(text, prefix)).toThrow(words);
});

test("the order of versions is SemVer's precedence, numbers of any length included", () => {
  const ascending = [
    "0.1.0-alpha",
    "0.1.0-alpha.1",
    "0.1.0-alpha.beta",
    "0.1.0-beta.2",
    "0.1.0-beta.11",
    "0.1.0-rc.1",
    "0.1.0",
    "0.2.0",
    "0.10.0",
    "1.0.0-2",
    "1.0.0-222",
    "1.0.0-18446744073709551616",
    "1.0.0--",
    "1.0.0-0a",
    "1.0.0-A",
    "1.0.0-a",
    "1.0.0-a.b",
    "1.0.0-a-b",
    "1.0.0-a1",
    "1.0.0",
    "1.0.1-alpha",
    "9007199254740992.0.0",
    "9007199254740993.0.0",
    "99999999999999999999998.0.0",
    "99999999999999999999999.0.0",
  ].map((text) => parseVersion(text));
  for (const [index, each] of ascending.entries()) {
    for (const later of ascending.slice(index + 1)) {
      const orders = [compareVersions(each, later), compareVersions(later, each)].map(Math.sign);
      expect([each, later, ...orders]).toEqual([each, later, -1, 1]);
    }
  }
});

test("a version has 256 characters at most", () => {
  const long = `1.2.3-${"a".repeat(250)}`;
  expect([isVersion(long), isVersion(`${long}a`)]).toEqual([true, false]);
});

test.each([
  ["1.2.3-rc.1", true],
  ["1.2.3--", true],
  ["1.2.3", false],
])("whether %p is a prerelease: %p", (text, expected) => {
  expect(isPrerelease(parseVersion(text))).toBe(expected);
});

test.each([
  ["1.2.3-rc.1", true],
  ["1.2.3-rc.10", true],
  ["1.2.3-rc1", false],
  ["1.2.3-rc.1.2", false],
  ["1.2.3-beta.1", false],
  ["1.2.3", false],
])("whether %p is a candidate for the lab: %p", (text, expected) => {
  expect(isCandidate(parseVersion(text))).toBe(expected);
});
