import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { smallProduct } from "../scripts/demo/product.ts";
import { mediaTypes, type StandInRegistry, startRegistry } from "../scripts/demo/registry.ts";
import { installHook, type ReleaseWorld, releaseWorld, standIn } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { type Ended, startScript } from "./helpers/world.ts";

const script = "scripts/release-chart.ts";
const tagRef = "refs/tags/chart-v1.3.0";
const repository = "robintra/perf-sentinel";
const platforms = ["linux/amd64", "linux/arm64"];

interface ChartWorld extends AsyncDisposable {
  readonly world: ReleaseWorld;
  readonly registry: StandInRegistry;
}

/** The small product at 1.3.0 on origin, main and v1.3.0, with its image in a loopback registry. */
async function chartWorld(image = true): Promise<ChartWorld> {
  const registry = startRegistry();
  const world = await releaseWorld(registry.host);
  await world.git("push", "--quiet", "origin", "main", "main:refs/tags/v1.3.0");
  if (image) {
    registry.pushIndex(repository, "1.3.0", platforms);
  }
  return {
    world,
    registry,
    async [Symbol.asyncDispose]() {
      registry[Symbol.dispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

function release(
  world: ReleaseWorld,
  args: readonly string[] = [],
  env: Record<string, string> = world.env,
): Promise<Ended> {
  return runScript(script, ["chart-v1.3.0", ...args], { cwd: world.root, env });
}

test("a chart release signs the tag and pushes only the tag", async () => {
  await using each = await chartWorld();
  const { world, registry } = each;
  const before = await world.remoteRefs();
  const { code, stdout, stderr } = await release(world, ["--yes"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: `Pushing ${tagRef} to origin ...\n` });
  expect(stdout).toContain("charts/perf-sentinel/Chart.yaml");
  expect(stdout).toContain("linux/amd64, linux/arm64");
  expect(stdout).toContain("v1.3.0, which the chart installs, is tagged on origin");
  const after = await world.remoteRefs();
  expect(after).toEqual({
    ...before,
    [tagRef]: await world.git("rev-parse", "chart-v1.3.0^{tag}"),
  });
  const tag = await world.git("--git-dir", world.bare, "cat-file", "tag", "chart-v1.3.0");
  expect(tag).toContain(`object ${before["refs/heads/main"]}\n`);
  expect(tag).toMatch(/\n\nchart-v1\.3\.0\n\nImage-check: image 127\..*:1\.3\.0 -> sha256:/);
  expect(tag).toContain("-----BEGIN SSH SIGNATURE-----");
  // The index, and for each platform a manifest and a configuration; none of them twice.
  expect(new Set(registry.requests.map(({ path }) => path)).size).toBe(5);
  expect(registry.requests).toHaveLength(5);
});

describe("nothing is mutated when", () => {
  const rows: [string, string, (each: ChartWorld) => unknown][] = [
    [
      "HEAD is ahead of the remote's main",
      "1 commit ahead of origin/main",
      ({ world }) => world.commit({ "README.md": "x" }),
    ],
    [
      "the chart states another version",
      "Chart.yaml",
      async ({ world, registry }) => {
        await world.commit(smallProduct("1.4.0", registry.host));
        await world.git("push", "--quiet", "origin", "main");
      },
    ],
    [
      "a promised platform is missing",
      "Cannot find linux/arm64",
      ({ registry }) => registry.pushIndex(repository, "1.3.0", ["linux/amd64"]),
    ],
    [
      "the index lists one image for two platforms",
      "the configuration of that image says linux/amd64",
      ({ registry }) => {
        const digest = registry.pushImage(repository, undefined, "linux/amd64");
        const manifests = ["amd64", "arm64"].map((architecture) => ({
          mediaType: mediaTypes.manifest,
          digest,
          platform: { os: "linux", architecture },
        }));
        registry.pushManifest(repository, "1.3.0", { manifests }, mediaTypes.index);
      },
    ],
    [
      "the registry does not answer",
      "Cannot find out whether image",
      ({ registry }) => registry[Symbol.dispose](),
    ],
    [
      "an install pulls an earlier image than the one that is promised, and that image is published",
      "1.2.9, and appVersion is 1.3.0",
      async ({ world, registry }) => {
        registry.pushIndex(repository, "1.2.9", platforms);
        const path = "charts/perf-sentinel/values.yaml";
        const values = await Bun.file(join(world.root, path)).text();
        await world.commit({ [path]: values.replace('tag: ""', 'tag: "1.2.9"') });
        await world.git("push", "--quiet", "origin", "main");
      },
    ],
    [
      "the tag is on the remote",
      "already exists on origin",
      ({ world }) => world.git("push", "--quiet", "origin", `main:${tagRef}`),
    ],
  ];

  test.each(rows)("%s", async (_, words, prepare) => {
    await using each = await chartWorld();
    await prepare(each);
    const before = await each.world.remoteRefs();
    const { code, stderr } = await release(each.world, ["--yes"]);
    expect(stderr).toContain(words);
    expect(code).toBe(1);
    expect(await each.world.remoteRefs()).toEqual(before);
    expect(await each.world.localTags()).toEqual([]);
  });
});

test("an image that is not published refuses, and says what to wait for", async () => {
  await using each = await chartWorld(false);
  const before = await each.world.remoteRefs();
  const { code, stderr } = await release(each.world, ["--yes"]);
  expect(code).toBe(1);
  expect(stderr).toContain("Cannot find image");
  expect(stderr).toContain("Wait for release.yml");
  expect(await each.world.remoteRefs()).toEqual(before);
});

test("--skip-image-check bypasses only the image gate, loudly, and the signed tag says so", async () => {
  await using each = await chartWorld(false);
  const { world, registry } = each;
  const { code, stdout, stderr } = await release(world, ["--yes", "--skip-image-check"]);
  expect(code).toBe(0);
  expect(registry.requests).toEqual([]);
  expect(stderr).toContain("warning: BYPASSED: image gate (--skip-image-check)");
  expect(stdout).toContain("BYPASSED  image gate (--skip-image-check)");
  const tag = await world.git("--git-dir", world.bare, "cat-file", "tag", "chart-v1.3.0");
  expect(tag).toContain("\nBypassed: image gate (--skip-image-check)\n");
});

test("a missing application tag on the remote is a warning", async () => {
  await using each = await chartWorld();
  const { world } = each;
  await world.git("push", "--quiet", "origin", ":refs/tags/v1.3.0");
  const { code, stderr } = await release(world, ["--dry-run"]);
  expect(code).toBe(0);
  expect(stderr).toContain("warning: The chart installs v1.3.0, which is not tagged on origin");
});

test("a rejected tag is rolled back, and a rerun releases", async () => {
  await using each = await chartWorld();
  const { world } = each;
  installHook(world.bare, "update", "echo not today >&2; exit 1");
  const { code, stderr } = await release(world, ["--yes"]);
  expect(code).toBe(1);
  expect(stderr).toContain("not today");
  expect(stderr).toContain("Rolling back the local tag chart-v1.3.0");
  expect(await world.localTags()).toEqual([]);
  installHook(world.bare, "update", "exit 0");
  expect((await release(world, ["--yes"])).code).toBe(0);
});

test("a run killed before its push is finished by --resume, even after main has moved on", async () => {
  await using each = await chartWorld();
  const { world } = each;
  const kill = 'case "$*" in *" push "*) kill -9 $PPID; exit 1;; esac; exec "$REAL" "$@"';
  const env = standIn(world, "git", kill);
  const killed = await startScript(script, ["chart-v1.3.0", "--yes"], { cwd: world.root, env });
  expect(killed.code).toBe(137);
  const id = await world.git("rev-parse", "chart-v1.3.0^{tag}");
  await world.commit({ "README.md": "later work" });
  await world.git("push", "--quiet", "origin", "main");
  expect((await release(world, ["--yes"])).stderr).toContain("--resume");
  expect(await release(world, ["--yes", "--resume"])).toMatchObject({ code: 0 });
  expect((await world.remoteRefs())[tagRef]).toBe(id);
});

test("a chart that promises no image, and names none, is released, and the tag says that none was checked", async () => {
  await using each = await chartWorld(false);
  const { world } = each;
  const folder = "charts/perf-sentinel";
  const manifest = smallProduct("1.3.0")[`${folder}/Chart.yaml`] ?? "";
  await world.commit({
    [`${folder}/Chart.yaml`]: manifest.slice(0, manifest.indexOf("annotations:")),
    [`${folder}/values.yaml`]: "operator:\n  image: a/b\n",
  });
  await world.git("push", "--quiet", "origin", "main");
  const { code, stderr } = await release(world, ["--yes"]);
  expect([code, stderr]).toEqual([0, `Pushing ${tagRef} to origin ...\n`]);
  const tag = await world.git("--git-dir", world.bare, "cat-file", "tag", "chart-v1.3.0");
  expect(tag).toContain(`Image-check: none, as ${folder}/Chart.yaml promises no image\n`);
});
