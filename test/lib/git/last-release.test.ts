import { expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { releasesBefore } from "../../../scripts/lib/git/last-release.ts";
import { openObjects } from "../../../scripts/lib/git/objects.ts";
import { gitEnvironment } from "../../../scripts/lib/git/repository.ts";
import { layout } from "../../../scripts/lib/layout.ts";
import { parseVersion } from "../../../scripts/lib/version.ts";
import { standIn } from "../../helpers/release.ts";
import { type TestRepository, testRepository } from "../../helpers/world.ts";

/** Returns the tag and the content of `a` at the last release, or why it is not known. */
async function lastRelease(world: TestRepository, judged?: string, commit?: string) {
  const repository = { root: world.root, env: gitEnvironment(world.env) };
  const version = judged === undefined ? undefined : parseVersion(judged);
  await using objects = openObjects(repository);
  const last = await releasesBefore(repository, objects, commit)(version);
  return last.why ?? [last.tag, (await last.tree.read("a"))?.text];
}

test("the last release is the newest final one that the commit descends from, else of all", async () => {
  await using world = await testRepository();
  const root = await world.commit({ a: "root" }, "Root");
  expect(await lastRelease(world)).toBe("there is no tag vX.Y.Z of another final version");
  await world.commit({ a: "1.9" }, "1.9");
  await world.git("tag", "v1.9.0");
  await world.commit({ a: "1.10" }, "1.10");
  await world.git("tag", "--annotate", "--message=x", "v1.10.0");
  await world.git("tag", "v1.11.0-rc.1");
  await world.git("tag", "chart-v9.0.0");
  await world.git("switch", "--quiet", "--create=old", "v1.9.0");
  await world.commit({ a: "2.0" }, "2.0");
  await world.git("tag", "v2.0.0");
  await world.git("switch", "--quiet", "main");

  expect(await lastRelease(world)).toEqual(["v1.10.0", "1.10"]);
  expect(await lastRelease(world, "1.11.0")).toEqual(["v1.10.0", "1.10"]);
  expect(await lastRelease(world, "1.10.0")).toEqual(["v1.9.0", "1.9"]);
  expect(await lastRelease(world, undefined, "old")).toEqual(["v2.0.0", "2.0"]);
  expect(await lastRelease(world, undefined, root)).toEqual(["v2.0.0", "2.0"]);
});

test("a clone that may lack tags, and one without a commit, do not know it", async () => {
  await using world = await testRepository();
  const commit = await world.commit({ a: "1" }, "One");
  await world.git("tag", "v1.0.0");
  await Bun.write(join(world.root, ".git/shallow"), `${commit}\n`);
  expect(await lastRelease(world)).toBe("the clone is shallow");
  rmSync(join(world.root, ".git/shallow"));
  await world.git("switch", "--quiet", "--orphan=empty");
  expect(await lastRelease(world)).toBe('there is no commit "HEAD"');
});

test("the last releases of the application and of the chart take three git processes", async () => {
  await using world = await testRepository();
  await world.commit({ a: "1" }, "One");
  await world.git("tag", "v1.0.0");
  await world.git("tag", "chart-v1.0.0");
  const log = join(world.home, "log");
  const env = standIn(world, "git", `echo "$1" >> '${log}'\nexec "$REAL" "$@"`);
  const repository = { root: world.root, env: gitEnvironment(env) };
  await using objects = openObjects(repository);
  const findLast = releasesBefore(repository, objects);
  const asked = [undefined, layout.chartTagPrefix].map(async (prefix) => {
    const last = await findLast(undefined, prefix);
    return last.why ?? (await last.tree.read("a"))?.text;
  });
  expect(await Promise.all(asked)).toEqual(["1", "1"]);
  expect(readFileSync(log, "utf8").split("\n").filter(Boolean).sort()).toEqual([
    "cat-file",
    "for-each-ref",
    "rev-parse",
  ]);
});
