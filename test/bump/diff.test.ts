import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { unifiedDiff } from "../../scripts/bump/diff.ts";
import { expectLinear } from "../helpers/growth.ts";
import { start, temporaryFolder, writeFiles } from "../helpers/world.ts";

test("texts that are the same have an empty diff", () => {
  expect(unifiedDiff("a.txt", "a\n", "a\n")).toBe("");
});

test("lines that are replaced and inserted stand with three lines around them", () => {
  const lines = (...numbers: readonly (number | string)[]) => numbers.map((n) => `${n}\n`).join("");
  const before = lines(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);
  const after = lines(1, "two", "three", 4, 5, 6, 7, 8, 9, 10, 11, 12, "new", 13, 14);
  expect(unifiedDiff("docs/a b.md", before, after)).toBe(
    [
      "--- a/docs/a b.md",
      "+++ b/docs/a b.md",
      "@@ -1,6 +1,6 @@",
      ...[" 1", "-2", "-3", "+two", "+three", " 4", " 5", " 6"],
      "@@ -10,5 +10,6 @@",
      ...[" 10", " 11", " 12", "+new", " 13", " 14"],
      "",
    ].join("\n"),
  );
});

test("git makes the new text of the old one, whatever they are", async () => {
  using folder = temporaryFolder();
  const line = fc.constantFrom("", "a", "b", "c", "é\r", "\ufeff");
  const text = fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n"));
  const pairs = fc.sample(fc.tuple(text, text), { numRuns: 40, seed: 7 });
  const patches = pairs.map(([before, after], index) => {
    writeFiles(folder.path, { [`${index}`]: before });
    return unifiedDiff(`${index}`, before, after);
  });
  writeFiles(folder.path, { patch: patches.join("") });
  const { code, stderr } = await start(["git", "apply", "patch"], { cwd: folder.path });
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  for (const [index, [, after]] of pairs.entries()) {
    expect(readFileSync(join(folder.path, `${index}`), "utf8")).toBe(after);
  }
});

test("a long text with many changes is compared in linear time", async () => {
  const text = (size: number) => 'name = "x"\nversion = "1.2.9"\n\n\n\n\n'.repeat(size / 30);
  await expectLinear(600_000, text, (before) =>
    unifiedDiff("Cargo.lock", before, `${before.replaceAll("1.2.9", "1.3.0")}new\nlines\n`),
  );
});
