import { expect, test } from "bun:test";
import { jobShape, runShape } from "../../scripts/demo/gh.ts";
import { startRegistry } from "../../scripts/demo/registry.ts";
import { parseImageReference } from "../../scripts/lib/files/image-reference.ts";
import { error, type Finding } from "../../scripts/lib/finding.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { awaitImage } from "../../scripts/release/await-image.ts";
import { ghWorld } from "../helpers/gh.ts";
import { quietWorld } from "../helpers/quiet.ts";

const refusal = error("Cannot find the image");

/** Waits two minutes for an image that no registry has, while the run of v1.3.0 stands so. */
async function waited(status: string, conclusion: string): Promise<readonly Finding[] | undefined> {
  using registry = startRegistry();
  using gh = ghWorld();
  const { repository } = layout.published;
  const run = {
    repository,
    tag: "v1.3.0",
    commit: "c".repeat(40),
    workflow: layout.releaseWorkflow,
  };
  gh.gh.reply("run list", { stdout: [runShape(run, { status, conclusion })] });
  gh.gh.reply("run view", { stdout: { jobs: [jobShape("docker", "failure")] } });
  const { world, sleep } = quietWorld();
  const { env, cwd } = gh.world;
  return await awaitImage(
    {
      tag: "chart-v1.3.0",
      reference: parseImageReference(`${registry.host}/owner/product:1.3.0`),
      platforms: [],
      limit: 120_000,
    },
    { ...world, images: { env, cwd }, gh: gh.world },
    [refusal],
    sleep,
  );
}

test("a run that has failed ends the wait, and is what stands against the release", async () => {
  const findings = await waited("completed", "failure");
  expect(findings?.map(({ level }) => level)).toEqual(["error"]);
  expect(findings?.[0]?.message).toMatch(
    /^Cannot release chart-v1\.3\.0: the run of release\.yml for v1\.3\.0 that publishes its image has failed, job docker ended as failure /,
  );
});

test("an image that does not appear in time is refused as before, with how long it was waited for", async () => {
  const findings = await waited("in_progress", "");
  expect(findings?.map(({ level }) => level)).toEqual(["error", "error"]);
  expect(findings?.[0]).toEqual(refusal);
  expect(findings?.[1]?.message).toMatch(
    /^Cannot release chart-v1\.3\.0: its image did not appear within 2 min 0 s; the last answer was: /,
  );
});
