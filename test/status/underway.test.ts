import { expect, test } from "bun:test";
import { attempt } from "../../scripts/lib/finding.ts";
import { openObjects } from "../../scripts/lib/git/objects.ts";
import { askOrigin } from "../../scripts/lib/git/remote.ts";
import { askedBranches, findUnderway } from "../../scripts/status/underway.ts";
import { realShape, realShapeWorld, released } from "../helpers/real-shape.ts";
import type { ReleaseWorld } from "../helpers/release.ts";

async function shownIn(world: ReleaseWorld) {
  await using objects = openObjects(world);
  const { value: origin } = await attempt(() => askOrigin(world, askedBranches));
  return await findUnderway(world, objects, origin);
}

/** Opens a release branch with a commit of its own. HEAD ends on main. */
async function branchOff(world: ReleaseWorld, version: string) {
  await world.git("checkout", "--quiet", "-b", `release/${version}`, "main");
  await world.commit(realShape(version), `Bump to ${version}`);
  await world.git("checkout", "--quiet", "main");
}

const merge = (world: ReleaseWorld, branch: string) =>
  world.git("merge", "--quiet", "--no-ff", "--message", `Merge ${branch}`, branch);

const idle = { version: released, others: [], proposal: "0.12.0" };
const open = { version: "0.12.0", others: [] };

test.each<[string, (world: ReleaseWorld) => Promise<unknown>, object]>([
  ["nothing", async () => {}, idle],
  ["a local release branch", (world) => branchOff(world, "0.12.0"), open],
  [
    "a release branch without a commit of its own",
    (world) => world.git("branch", "release/0.12.0"),
    open,
  ],
  [
    "a release branch that only origin has",
    async (world) => {
      await branchOff(world, "0.12.0");
      await world.git("push", "--quiet", "origin", "release/0.12.0");
      await world.git("branch", "--quiet", "-D", "release/0.12.0");
    },
    open,
  ],
  [
    "the newest of several",
    async (world) => {
      for (const version of ["0.12.0", "0.13.0", "0.11.2"]) {
        await branchOff(world, version);
      }
    },
    { version: "0.13.0", others: ["0.12.0", "0.11.2"] },
  ],
  ["no branch of an older line", (world) => branchOff(world, "0.11.0"), idle],
  [
    "what is merged and not tagged, though the branch is gone",
    async (world) => {
      await branchOff(world, "0.12.0");
      await merge(world, "release/0.12.0");
      await world.git("branch", "--quiet", "-D", "release/0.12.0");
    },
    open,
  ],
  [
    "no branch that main has left behind",
    async (world) => {
      await branchOff(world, "0.12.0");
      await merge(world, "release/0.12.0");
      await branchOff(world, "0.13.0");
      await merge(world, "release/0.13.0");
    },
    { version: "0.13.0", others: [] },
  ],
  [
    "no branch whose release only origin knows",
    async (world) => {
      await branchOff(world, "0.12.0");
      await world.git("push", "--quiet", "origin", "release/0.12.0:refs/tags/v0.12.0");
    },
    { version: "0.12.0", others: [], proposal: "0.13.0" },
  ],
  [
    "a version that has a candidate only",
    async (world) => {
      await branchOff(world, "0.12.0");
      await world.git("tag", "v0.12.0-rc.1", "release/0.12.0");
    },
    open,
  ],
  [
    "that of the release branch which HEAD is on",
    async (world) => {
      await branchOff(world, "0.12.0");
      await world.git("checkout", "--quiet", "-b", "release/0.11.1");
    },
    { version: released, others: [] },
  ],
  [
    "what is known locally if origin is silent",
    async (world) => {
      await branchOff(world, "0.12.0");
      await world.git("remote", "set-url", "origin", "/nowhere");
    },
    open,
  ],
])("what is under way is %s", async (_, prepare, expected) => {
  await using world = await realShapeWorld();
  await prepare(world);
  expect(await shownIn(world)).toEqual(expected as Awaited<ReturnType<typeof shownIn>>);
});
