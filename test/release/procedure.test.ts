import { expect, test } from "bun:test";
import { attempt, error } from "../../scripts/lib/finding.ts";
import { openRepository } from "../../scripts/lib/git/git.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import { release } from "../../scripts/release/procedure.ts";
import { withoutGates } from "../helpers/procedure.ts";
import { quietWorld } from "../helpers/quiet.ts";
import { testRepository } from "../helpers/world.ts";

test.each(["n", undefined])("%p is not a yes: it cancels, and changes nothing", async (answer) => {
  await using world = await testRepository();
  await world.commit({ "README.md": "a" });
  await world.addRemote();
  await world.useSshKey();
  const refs = () => Promise.all([world.git("ls-remote", "origin"), world.git("tag", "--list")]);
  const before = await refs();
  const quiet = quietWorld().world;
  const terminal = { ...quiet.terminal, interactive: true, question: async () => answer };
  const { findings } = await attempt(() =>
    release(
      { ...quiet, terminal, repository: () => openRepository(world.root, world.env) },
      withoutGates,
      parseVersion("1.3.0"),
      { dryRun: false, yes: false, resume: false, atomic: false },
    ),
  );
  expect(findings).toEqual([
    error("Cancelled by the operator: nothing was changed", {
      remedy: "Run it again when you are ready",
    }),
  ]);
  expect(await refs()).toEqual(before);
});
