/** The image gate and the verification against a real registry: Debian's docker-registry. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseImageReference } from "../scripts/lib/files/image-reference.ts";
import { checkImage } from "../scripts/lib/net/image.ts";
import { askChartArtifact, askImages } from "../scripts/verify/published.ts";
import { findComponent } from "./helpers/components.ts";
import { type RealRegistry, startRealRegistry } from "./helpers/real-registry.ts";
import { releaseWorld } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { isolatedEnvironment, temporaryFolder } from "./helpers/world.ts";

const program = findComponent("docker-registry");
const image = "robintra/perf-sentinel";
const both = ["linux/amd64", "linux/arm64"];

describe.skipIf(program === undefined)("a real registry (docker-registry)", () => {
  let registry: RealRegistry;
  let other: RealRegistry;
  let digest: string;
  const folder = temporaryFolder();
  const world = { env: isolatedEnvironment(folder.path), cwd: "/" };

  beforeAll(async () => {
    [registry, other] = await Promise.all([
      startRealRegistry(program ?? ""),
      startRealRegistry(program ?? ""),
    ]);
    digest = await registry.pushIndex(image, "1.3.0", both);
  });

  afterAll(async () => {
    await Promise.all([registry[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]);
    folder[Symbol.dispose]();
  });

  const referenceTo = ({ host }: RealRegistry, tag = "1.3.0") =>
    parseImageReference(`${host}/${image}:${tag}`);

  test("an image of all promised platforms passes, by the digest that was pushed", async () => {
    const reference = referenceTo(registry);
    expect((await checkImage({ reference, platforms: both }, world)).findings).toEqual([
      {
        level: "notice",
        message: `image ${registry.host}/${image}:1.3.0 -> ${digest} (linux/amd64, linux/arm64)`,
      },
    ]);
  });

  test("a promised platform that was not pushed is refused by name", async () => {
    const reference = referenceTo(registry);
    const platforms = [...both, "linux/riscv64"];
    expect((await checkImage({ reference, platforms }, world)).findings).toMatchObject([
      { level: "error", message: expect.stringContaining("Cannot find linux/riscv64") },
    ]);
  });

  test("an index that lists one image for two platforms is refused", async () => {
    const reference = referenceTo(registry, "1.3.0-one");
    await registry.pushIndex(image, "1.3.0-one", both, ["linux/amd64", "linux/amd64"]);
    expect((await checkImage({ reference, platforms: both }, world)).findings).toMatchObject([
      { level: "error", message: expect.stringContaining("Cannot find linux/arm64") },
    ]);
    expect(await askImages([reference], both, world)).toMatchObject([
      { state: "failed", evidence: expect.stringContaining("lacks linux/arm64") },
    ]);
  });

  test.each([
    ["a tag", (to: RealRegistry) => referenceTo(to, "9.9.9")],
    ["a repository", (to: RealRegistry) => parseImageReference(`${to.host}/nobody/nothing:1.3.0`)],
  ])("%s that is not there is absent, and no unanswered question", async (_, referenceOf) => {
    expect(
      (await checkImage({ reference: referenceOf(registry), platforms: both }, world)).findings,
    ).toMatchObject([
      { level: "error", message: expect.stringContaining("expected it to be published") },
    ]);
  });

  test("two registries agree on a release by the digest, or the second one failed", async () => {
    const references = [referenceTo(registry), referenceTo(other)];
    const ask = () => askImages(references, both, world);
    expect((await ask()).map(({ state }) => state)).toEqual(["verified", "pending"]);
    await other.pushIndex(image, "1.3.0", both.toReversed());
    expect((await ask()).map(({ state }) => state)).toEqual(["verified", "failed"]);
    await other.pushIndex(image, "1.3.0", both);
    expect((await ask()).map(({ state }) => state)).toEqual(["verified", "verified"]);
  });

  test("a chart's artifact is verified by its config, and failed if it is another version's", async () => {
    const chart = { name: "perf-sentinel", version: "1.3.0", appVersion: "1.3.0" };
    const pushed = await registry.pushChart("charts/perf-sentinel", chart);
    const reference = { registry: registry.host, repository: "charts/perf-sentinel", tag: "1.3.0" };
    const ask = (appVersion: string) => askChartArtifact(reference, appVersion, world);
    expect(await ask("1.3.0")).toMatchObject({ answer: { state: "verified" }, digest: pushed });
    expect(await ask("1.2.9")).toMatchObject({ answer: { state: "failed" } });
  });

  test("a chart is released once the real registry holds its image, and not before", async () => {
    await using product = await releaseWorld(other.host);
    await product.git("push", "--quiet", "origin", "main");
    await product.git("tag", "v1.3.0");
    const release = () =>
      runScript("scripts/release-chart.ts", ["chart-v1.3.0", "--yes"], {
        cwd: product.root,
        env: product.env,
      });
    const index = await other.pushIndex(image, "1.3.0", ["linux/amd64"]);
    expect(index).toStartWith("sha256:");
    expect(await release()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("Cannot find linux/arm64"),
    });
    expect(Object.keys(await product.remoteRefs())).toEqual(["refs/heads/main"]);
    await other.pushIndex(image, "1.3.0", both);
    expect(await release()).toMatchObject({ code: 0 });
    expect(Object.keys(await product.remoteRefs())).toContain("refs/tags/chart-v1.3.0");
  });
});
