import { describe, expect, test } from "bun:test";
import { mediaTypes, type StandInRegistry, startRegistry } from "../../scripts/demo/registry.ts";
import { askChartArtifact } from "../../scripts/verify/chart-artifact.ts";
import { quickWorld } from "../helpers/quick.ts";

const repository = "owner/charts/perf-sentinel";
const chart = { name: "perf-sentinel", version: "0.4.0", appVersion: "1.3.0" };

async function ask({ host }: Pick<StandInRegistry, "host">) {
  const reference = { registry: host, repository, tag: "0.4.0" };
  const published = { reference, name: "perf-sentinel", appVersion: "1.3.0" };
  return (await askChartArtifact(published, quickWorld)).answer;
}

test("a chart that says what its tag says is verified by its digest", async () => {
  using registry = startRegistry();
  const digest = registry.pushChart(repository, chart);
  expect(await ask(registry)).toEqual({
    question: `chart on ${registry.host}`,
    state: "verified",
    evidence: `${repository}:0.4.0 is ${digest}`,
  });
});

test("a chart that is not there yet is pending", async () => {
  using registry = startRegistry();
  registry.pushChart(repository, { ...chart, version: "0.3.9" });
  expect(await ask(registry)).toMatchObject({
    state: "pending",
    remedy: "Wait for helm-release.yml to push it",
  });
});

describe("a chart has failed", () => {
  test.each([
    [{ ...chart, name: "other" }, 'its name is "other", expected perf-sentinel'],
    [{ ...chart, appVersion: "1.2.9" }, 'its appVersion is "1.2.9", expected 1.3.0'],
    [
      { name: "other", appVersion: "1.2.9" },
      'its name is "other", expected perf-sentinel; its version is missing, expected 0.4.0; its appVersion is "1.2.9", expected 1.3.0',
    ],
  ])("that says %j", async (config, fault) => {
    using registry = startRegistry();
    pushArtifact(registry, config, [mediaTypes.helmContent]);
    const answer = await ask(registry);
    expect(answer.state).toBe("failed");
    expect(answer.evidence).toEndWith(`, and ${fault}`);
  });

  test.each([0, 2])("that holds %i archives", async (count) => {
    using registry = startRegistry();
    pushArtifact(registry, chart, Array(count).fill(mediaTypes.helmContent));
    expect((await ask(registry)).evidence).toEndWith(`holds ${count} chart archives, expected 1`);
  });

  test("that is an image", async () => {
    using registry = startRegistry();
    registry.pushImage(repository, "0.4.0", "linux/amd64");
    expect(await ask(registry)).toMatchObject({
      state: "failed",
      evidence: expect.stringContaining("it is no Helm chart but"),
    });
    registry.pushIndex(repository, "0.4.0", ["linux/amd64"]);
    expect(await ask(registry)).toMatchObject({ state: "failed" });
  });
});

test("a provenance file beside the archive is no second archive", async () => {
  using registry = startRegistry();
  pushArtifact(registry, chart, [
    mediaTypes.helmContent,
    "application/vnd.cncf.helm.chart.provenance.v1.prov",
  ]);
  expect(await ask(registry)).toMatchObject({ state: "verified" });
});

test("an appVersion that nobody can tell is not compared", async () => {
  using registry = startRegistry();
  registry.pushChart(repository, { ...chart, appVersion: "9.9.9" });
  const reference = { registry: registry.host, repository, tag: "0.4.0" };
  const published = { reference, name: "perf-sentinel", appVersion: undefined };
  expect(await askChartArtifact(published, quickWorld)).toMatchObject({
    answer: { state: "verified" },
    digest: expect.stringContaining("sha256:"),
  });
});

describe("nobody knows", () => {
  test("of a chart whose archive the registry does not deliver", async () => {
    using registry = startRegistry();
    const archive = pushArtifact(registry, chart, [mediaTypes.helmContent]);
    registry.remove(repository, archive);
    expect(await ask(registry)).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining("answered 404 (BLOB_UNKNOWN)"),
    });
  });

  test.each(["no JSON", "[]", '{"config": {"mediaType": 1}'])(
    "of a configuration that is %j",
    async (config) => {
      using registry = startRegistry();
      pushArtifact(registry, config, [mediaTypes.helmContent]);
      expect(await ask(registry)).toMatchObject({ state: "unknown" });
    },
  );

  test("of a part that is named by no digest", async () => {
    using registry = startRegistry();
    const manifest = {
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.helmConfig, digest: "../../secret" },
      layers: [{ mediaType: mediaTypes.helmContent, digest: 1 }],
    };
    registry.pushManifest(repository, "0.4.0", manifest, mediaTypes.manifest);
    expect(await ask(registry)).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining('expected a digest in the manifest, found "../../secret"'),
    });
    expect(registry.requests.filter(({ path }) => path.includes("secret"))).toEqual([]);
  });

  test("of a registry that is gone", async () => {
    const registry = startRegistry();
    registry[Symbol.dispose]();
    expect(await ask(registry)).toMatchObject({ state: "unknown" });
  });
});

/** Holds an artifact with that configuration and layers; answers the digest of its archive. */
function pushArtifact(registry: StandInRegistry, config: unknown, layers: readonly string[]) {
  const archive = registry.pushBlob(repository, "archive");
  const manifest = {
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.helmConfig, digest: registry.pushBlob(repository, config) },
    layers: layers.map((mediaType) => ({ mediaType, digest: archive })),
  };
  registry.pushManifest(repository, "0.4.0", manifest, mediaTypes.manifest);
  return archive;
}
