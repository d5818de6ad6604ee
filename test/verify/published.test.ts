import { describe, expect, test } from "bun:test";
import {
  mediaTypes,
  type StandInCrateIndex,
  type StandInRegistry,
  startCrateIndex,
  startRegistry,
} from "../../scripts/demo/registry.ts";
import { parseImageReference } from "../../scripts/lib/files/image-reference.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import {
  askChartArtifact,
  askCrate,
  askImages,
  crateIndexPath,
} from "../../scripts/verify/published.ts";
import { quickHttp, quickWorld } from "../helpers/quick.ts";

const imageName = "owner/product";
const platforms = ["linux/amd64", "linux/arm64"];

function askImage(...registries: Pick<StandInRegistry, "host">[]) {
  const references = registries.map(({ host }) =>
    parseImageReference(`${host}/${imageName}:1.3.0`),
  );
  return askImages(references, platforms, quickWorld);
}

test("the same image in two registries is verified in both, by digest and platforms", async () => {
  using one = startRegistry();
  using other = startRegistry();
  const digest = one.pushIndex(imageName, "1.3.0", platforms);
  other.pushIndex(imageName, "1.3.0", platforms);
  const evidence = `owner/product:1.3.0 is ${digest} (linux/amd64, linux/arm64)`;
  expect(await askImage(one, other)).toEqual([
    { question: `image on ${one.host}`, state: "verified", evidence },
    { question: `image on ${other.host}`, state: "verified", evidence },
  ]);
});

test("another image under the same tag has failed, even with every platform", async () => {
  using one = startRegistry();
  using other = startRegistry();
  const first = one.pushIndex(imageName, "1.3.0", platforms);
  const second = other.pushIndex(imageName, "1.3.0", [...platforms, "linux/riscv64"]);
  expect(await askImage(one, other)).toMatchObject([
    { state: "verified" },
    {
      state: "failed",
      evidence: `it is ${second}, but ${one.host} holds ${first} under the same tag`,
      remedy: expect.stringContaining("release the next version"),
    },
  ]);
});

test("an image that is not there yet is pending, whatever other registries hold", async () => {
  using one = startRegistry();
  using other = startRegistry();
  other.pushIndex(imageName, "1.3.0", platforms);
  expect(await askImage(one, other)).toMatchObject([
    {
      state: "pending",
      evidence: `owner/product:1.3.0 does not exist: http://${one.host} answered 404 (MANIFEST_UNKNOWN)`,
      remedy: expect.stringContaining("Wait for release.yml"),
    },
    { state: "verified" },
  ]);
});

const chartName = "owner/charts/perf-sentinel";
const chart = { name: "perf-sentinel", version: "0.4.0", appVersion: "1.3.0" };

async function askChart({ host }: Pick<StandInRegistry, "host">) {
  const reference = { registry: host, repository: chartName, tag: "0.4.0" };
  return (await askChartArtifact(reference, "1.3.0", quickWorld)).answer;
}

test("a chart that says what its tag says is verified by its digest", async () => {
  using registry = startRegistry();
  const digest = registry.pushChart(chartName, chart);
  expect(await askChart(registry)).toEqual({
    question: `chart on ${registry.host}`,
    state: "verified",
    evidence: `${chartName}:0.4.0 is ${digest}`,
  });
});

test("a chart that is not there yet is pending", async () => {
  using registry = startRegistry();
  registry.pushChart(chartName, { ...chart, version: "0.3.9" });
  expect(await askChart(registry)).toMatchObject({
    state: "pending",
    remedy: "Wait for helm-release.yml to push it",
  });
});

const helm = [mediaTypes.helmContent];
test.each<[string, object, readonly string[], string]>([
  [
    "another name",
    { ...chart, name: "other" },
    helm,
    'its name is "other", expected perf-sentinel',
  ],
  [
    "neither its version nor the product's",
    { name: "perf-sentinel", appVersion: "1.2.9" },
    helm,
    'its version is missing, expected 0.4.0; its appVersion is "1.2.9", expected 1.3.0',
  ],
  ["no archive", chart, [], "it holds 0 chart archives, expected 1"],
  ["two archives", chart, [...helm, ...helm], "it holds 2 chart archives, expected 1"],
])("a chart with %s has failed", async (_, config, layers, fault) => {
  using registry = startRegistry();
  pushArtifact(registry, config, layers);
  const evidence = expect.stringContaining(`, and ${fault}`);
  expect(await askChart(registry)).toMatchObject({ state: "failed", evidence });
});

test("an image where a chart must be has failed", async () => {
  using registry = startRegistry();
  registry.pushImage(chartName, "0.4.0", "linux/amd64");
  const evidence = expect.stringContaining("it is not a Helm chart but");
  expect(await askChart(registry)).toMatchObject({ state: "failed", evidence });
  registry.pushIndex(chartName, "0.4.0", ["linux/amd64"]);
  expect(await askChart(registry)).toMatchObject({ state: "failed" });
});

test("a provenance file beside the archive is no second archive", async () => {
  using registry = startRegistry();
  pushArtifact(registry, chart, [
    mediaTypes.helmContent,
    "application/vnd.cncf.helm.chart.provenance.v1.prov",
  ]);
  expect(await askChart(registry)).toMatchObject({ state: "verified" });
});

test("an appVersion that nobody can tell is not compared", async () => {
  using registry = startRegistry();
  registry.pushChart(chartName, { ...chart, appVersion: "9.9.9" });
  const reference = { registry: registry.host, repository: chartName, tag: "0.4.0" };
  expect(await askChartArtifact(reference, undefined, quickWorld)).toMatchObject({
    answer: { state: "verified" },
    digest: expect.stringContaining("sha256:"),
  });
});

describe("nobody knows", () => {
  test("of a chart whose archive the registry does not deliver", async () => {
    using registry = startRegistry();
    const archive = pushArtifact(registry, chart, [mediaTypes.helmContent]);
    registry.remove(chartName, archive);
    expect(await askChart(registry)).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining("answered 404 (BLOB_UNKNOWN)"),
    });
  });

  test.each(["no JSON", "[]"])("of a configuration that is %j", async (config) => {
    using registry = startRegistry();
    pushArtifact(registry, config, [mediaTypes.helmContent]);
    expect(await askChart(registry)).toMatchObject({ state: "unknown" });
  });

  test("of a part that is named by no digest", async () => {
    using registry = startRegistry();
    const manifest = {
      mediaType: mediaTypes.manifest,
      config: { mediaType: mediaTypes.helmConfig, digest: "../../secret" },
      layers: [{ mediaType: mediaTypes.helmContent, digest: 1 }],
    };
    registry.pushManifest(chartName, "0.4.0", manifest, mediaTypes.manifest);
    expect(await askChart(registry)).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining('expected a digest in the manifest, found "../../secret"'),
    });
    expect(registry.requests.filter(({ path }) => path.includes("secret"))).toEqual([]);
  });
});

/** Holds an artifact with that configuration and layers; answers the digest of its archive. */
function pushArtifact(registry: StandInRegistry, config: unknown, layers: readonly string[]) {
  const archive = registry.pushBlob(chartName, "archive");
  const manifest = {
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.helmConfig, digest: registry.pushBlob(chartName, config) },
    layers: layers.map((mediaType) => ({ mediaType, digest: archive })),
  };
  registry.pushManifest(chartName, "0.4.0", manifest, mediaTypes.manifest);
  return archive;
}

const name = "perf-sentinel";
const version = parseVersion("1.3.0");

function askIndex(index: Pick<StandInCrateIndex, "url">) {
  return askCrate(name, version, new URL(index.url), quickHttp);
}

test("a version of the index is verified by its checksum", async () => {
  using index = startCrateIndex();
  index.publish(name, "1.2.9");
  const cksum = index.publish(name, "1.3.0");
  expect(await askIndex(index)).toEqual({
    question: "crate perf-sentinel",
    state: "verified",
    evidence: `1.3.0 with checksum ${cksum}`,
  });
  expect(index.requests.map(({ path }) => path)).toEqual(["/pe/rf/perf-sentinel"]);
});

test.each([
  ["a", "1/a"],
  ["ab", "2/ab"],
  ["abc", "3/a/abc"],
  ["Abcd", "ab/cd/abcd"],
  ["perf-sentinel-core", "pe/rf/perf-sentinel-core"],
])("the index keeps %s at %s", (crate, path) => {
  expect(crateIndexPath(crate)).toBe(path);
});

test.each([
  [undefined, "the index lists no such crate"],
  ["1.3.0-rc.1", "the index lists no version 1.3.0"],
  ["11.3.0", "the index lists no version 1.3.0"],
  ["1.3.0+build", "the index lists no version 1.3.0"],
])("an index that holds %j alone leaves 1.3.0 pending", async (other, evidence) => {
  using index = startCrateIndex();
  if (other !== undefined) {
    index.publish(name, other);
  }
  const remedy = expect.stringContaining("re-run the failed job");
  expect(await askIndex(index)).toMatchObject({ state: "pending", evidence, remedy });
});

test("a yanked version has failed", async () => {
  using index = startCrateIndex();
  const cksum = index.publish(name, "1.3.0", { yanked: true });
  expect(await askIndex(index)).toMatchObject({
    state: "failed",
    evidence: `1.3.0 with checksum ${cksum} is yanked`,
    remedy: expect.stringContaining("cargo yank --undo --version 1.3.0 perf-sentinel"),
  });
});

const line = { name, vers: "1.3.0", cksum: "0".repeat(64), yanked: false };
const needed = "expected one line for perf-sentinel 1.3.0 with cksum";

test.each([
  ["{", "JSON"],
  ["[]", "line of the index file"],
  ['{"name":"perf-sentinel"}', "expected a version in each line"],
  ['{"vers":130}', "expected a version in each line"],
  [JSON.stringify({ ...line, cksum: undefined }), needed],
  [JSON.stringify({ ...line, cksum: "A".repeat(64) }), needed],
  [JSON.stringify({ ...line, yanked: null }), needed],
  [JSON.stringify({ ...line, name: "perf-sentine1" }), needed],
  [`${JSON.stringify(line)}\n${JSON.stringify({ ...line, yanked: true })}`, needed],
])("an index file with the line %j is no answer", async (text, why) => {
  using index = startCrateIndex();
  index.publish(name, "1.2.9");
  index.addLine(name, text);
  expect(await askIndex(index)).toMatchObject({
    state: "unknown",
    evidence: expect.stringContaining(why),
  });
});

describe("nobody could be asked:", () => {
  test("a server that fails", async () => {
    using index = startCrateIndex(() => new Response("", { status: 503 }));
    expect(await askIndex(index)).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining("answered 503"),
    });
  });

  test("a server that is no crate index", async () => {
    using registry = startRegistry();
    expect(await askIndex({ url: `http://${registry.host}/` })).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining("has no config.json of a crate index"),
    });
  });
});
