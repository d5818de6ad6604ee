import { expect, test } from "bun:test";
import { attempt, error } from "../../../scripts/lib/finding.ts";
import type { Procedure } from "../../../scripts/lib/release/plan.ts";
import { release } from "../../../scripts/lib/release/procedure.ts";
import { parseVersion } from "../../../scripts/lib/version.ts";
import { openRepository } from "../../../scripts/lib/world/git.ts";
import { quietWorld } from "../../helpers/quiet.ts";
import { releaseWorld } from "../../helpers/release.ts";

const withoutGates: Procedure = {
  script: "scripts/release.ts",
  tagPrefix: "v",
  pushesMain: true,
  gates: [],
  evidence: async () => [],
  cautions: async () => [],
  nextSteps: async () => [],
};

test("whatever is not a yes cancels, and changes nothing", async () => {
  await using world = await releaseWorld();
  const before = await world.remoteRefs();
  for (const answer of ["n", undefined]) {
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
  }
  expect(await world.remoteRefs()).toEqual(before);
  expect(await world.localTags()).toEqual([]);
});
