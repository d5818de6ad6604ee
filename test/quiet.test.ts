/** Holds that a product in good order gets no warning: one means that a person must look now. */

import { afterAll, expect, test } from "bun:test";
import { realShape, realShapeWorld, released } from "./helpers/real-shape.ts";
import type { ReleaseWorld } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";

const manifest = "charts/perf-sentinel/Chart.yaml";

const worlds = new Map<string, Promise<ReleaseWorld>>();

/** Returns the released product without some of its tags: the state before they were made. */
function worldWithout(...tags: readonly string[]): Promise<ReleaseWorld> {
  const make = async () => {
    const world = await realShapeWorld();
    for (const tag of tags) {
      await world.git("tag", "--delete", tag);
      await world.git("push", "--quiet", "origin", `:refs/tags/${tag}`);
    }
    return world;
  };
  const key = tags.join(" ");
  const made = worlds.get(key) ?? make();
  worlds.set(key, made);
  return made;
}

afterAll(async () => {
  for (const world of worlds.values()) {
    await (await world)[Symbol.asyncDispose]();
  }
});

/** Runs a command without network, and returns its exit code and its warnings. */
async function run(world: ReleaseWorld, line: string) {
  const [script = "", ...args] = line.split(" ");
  const env = { ...world.env, https_proxy: "http://127.0.0.1:9" };
  const { code, stderr } = await runScript(script, args, { cwd: world.root, env });
  return { code, warnings: stderr.match(/^warning: .*/gm) ?? [] };
}

test.each([
  `scripts/check-tag-version.ts v${released}`,
  `scripts/check-references.ts v${released}`,
  `scripts/check-references.ts v${released} --ref v${released}`,
  "scripts/check-references.ts v0.11.0 --ref v0.11.0",
  "scripts/check-vintages.ts --strict",
  "scripts/check-chart-appversion.ts",
  `scripts/check-helm-tag-version.ts chart-v${released}`,
  "scripts/check-chart-version-bumped.ts main",
  "scripts/check-release-workflow.ts",
  "scripts/audit-releases.ts",
  "release-gate/check-ledger.ts main",
  "release-gate/check-ledger.ts --history",
  `release-gate/check-lab-validation.ts --version v${released}`,
])("%s passes on the product as it was released, without a warning", async (line) => {
  expect(await run(await worldWithout(), line)).toMatchObject({ code: 0, warnings: [] });
});

test.each([
  `scripts/release.ts v${released} --dry-run`,
  `scripts/release.ts v${released} --dry-run --strict`,
])("%s passes before its tag was made, without a warning", async (line) => {
  expect(await run(await worldWithout(`v${released}`), line)).toMatchObject({
    code: 0,
    warnings: [],
  });
});

test("a dry run of the chart before its tag was made warns of what it bypasses alone", async () => {
  const line = `scripts/release-chart.ts chart-v${released} --dry-run --skip-image-check`;
  const { code, warnings } = await run(await worldWithout(`chart-v${released}`), line);
  expect({ code, warnings }).toEqual({ code: 0, warnings: [expect.stringContaining("BYPASSED")] });
});

test.each(["scripts/status.ts", `scripts/status.ts v${released}`, "scripts/status.ts v0.12.0"])(
  "%s warns of nothing",
  async (line) => {
    expect((await run(await worldWithout(), line)).warnings).toEqual([]);
  },
);

const bumps = ["scripts/bump-version.ts 0.12.0 --dry-run", "scripts/bump-version.ts 0.12.0"];

test.each(bumps)(
  "%s warns of what a person has not written yet, and else of nothing",
  async (line) => {
    await using world = await realShapeWorld();
    await world.git("checkout", "--quiet", "-b", "release/0.12.0");
    const { code, warnings } = await run(world, line);
    expect({ code, warnings }).toEqual({
      code: 0,
      warnings: [
        expect.stringContaining("CHANGELOG.md"),
        expect.stringContaining("artifacthub.io/changes"),
      ],
    });
  },
);

test.each(bumps)("%s warns of nothing if the notes are written", async (line) => {
  await using world = await realShapeWorld();
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  const { "CHANGELOG.md": log = "", [manifest]: chart = "" } = realShape(released);
  await world.commit({
    "CHANGELOG.md": log.replace("## [", "## [Unreleased]\n\n- new\n\n## ["),
    [manifest]: chart.replace(`"appVersion ${released}: `, '"appVersion 0.12.0: '),
  });
  expect(await run(world, line)).toMatchObject({ code: 0, warnings: [] });
});
