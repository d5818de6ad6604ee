import { expect, test } from "bun:test";
import { unifiedDiff } from "../../scripts/bump/diff.ts";
import { gitEnvironment } from "../../scripts/lib/git/git.ts";
import { testRepository } from "../helpers/world.ts";

test("nothing that changes has an empty diff, and git is not asked for it", async () => {
  const nowhere = { root: "/nonexistent", env: {} };
  expect(await unifiedDiff(nowhere, [])).toBe("");
});

test("what is to change is told as a diff, and what git shows no difference of is refused", async () => {
  await using world = await testRepository();
  await world.commit({ "a.txt": "a1\n" });
  const repository = { root: world.root, env: gitEnvironment(world.env) };
  const diff = (after: string) =>
    unifiedDiff(repository, [{ path: "a.txt", before: "a1\n", after }]);
  expect(await diff("a2\n")).toEndWith("--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-a1\n+a2\n");
  await expect(diff("a1\n")).rejects.toThrow("show what would change");
});
