import { expect, test } from "bun:test";
import { LocatedSyntaxError, notice, refusal } from "../../../scripts/lib/finding.ts";
import { judge } from "../../../scripts/lib/git/judged-tree.ts";
import { openRepository } from "../../../scripts/lib/git/repository.ts";
import type { Tree } from "../../../scripts/lib/tree.ts";
import { testRepository, writeFiles } from "../../helpers/world.ts";

async function say(tree: Tree) {
  return [notice((await tree.read("a.txt"))?.text ?? "absent")];
}

test("without --ref the work tree is judged, with it the commit and nothing else", async () => {
  await using world = await testRepository();
  const commit = await world.commit({ "a.txt": "committed" });
  writeFiles(world.root, { "a.txt": "edited" });
  const repository = await openRepository(world.root, world.env);
  expect(await judge(repository, undefined, say)).toEqual([notice("edited")]);
  expect(await judge(repository, "main", say)).toEqual([notice("committed", { commit })]);
  await expect(judge(repository, "nowhere", say)).rejects.toThrow('Cannot find commit "nowhere"');
});

test("a refusal and a syntax error found in a commit name the commit", async () => {
  await using world = await testRepository();
  const commit = await world.commit({});
  const repository = await openRepository(world.root, world.env);
  const refused = await judge(repository, "HEAD", () => Promise.reject(refusal("Cannot read it")));
  expect(refused).toEqual([{ level: "error", message: "Cannot read it", commit }]);
  const at = { file: "a.toml", line: 3 };
  const illegal = await judge(repository, "HEAD", () =>
    Promise.reject(new LocatedSyntaxError("Cannot read a.toml", at)),
  );
  expect(illegal).toEqual([{ level: "error", message: "Cannot read a.toml", at, commit }]);
});

test("a defect of a check is no finding", async () => {
  await using world = await testRepository();
  const repository = await openRepository(world.root, world.env);
  const broken = () => Promise.reject(new TypeError("broken"));
  await expect(judge(repository, undefined, broken)).rejects.toThrow(TypeError);
});
