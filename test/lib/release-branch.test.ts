import { expect, test } from "bun:test";
import { isReleaseBranch, mergeCommand, releaseBranch } from "../../scripts/lib/release-branch.ts";
import { parseVersion } from "../../scripts/lib/version.ts";

test.each([
  ["release/1.3.0", true],
  ["release/v1.3.0", true],
  ["release/1.3.0-rc.1", true],
  ["release/", false],
  ["release/-x", false],
  ["release/$(id)", false],
  ["release/1.3.0;x", false],
  ["release/1.3.0\nx", false],
  ["release/1.3.0/x", false],
  ["feature", false],
  ["x/release/1.3.0", false],
])("only a plain name is one of a release branch: %p is %p", (name, expected) => {
  expect(isReleaseBranch(name)).toBe(expected);
});

test("a release branch is named and merged as the procedure has it", () => {
  const branch = releaseBranch(parseVersion("1.3.0"));
  expect(isReleaseBranch(branch)).toBe(true);
  expect(mergeCommand(branch)).toBe('git merge release/1.3.0 --no-ff -m "Merge release/1.3.0"');
  for (const prerelease of ["1.3.0-rc.1", "1.3.0-rc2", "1.3.0-beta.1"]) {
    expect(releaseBranch(parseVersion(prerelease))).toBe(branch);
  }
});
