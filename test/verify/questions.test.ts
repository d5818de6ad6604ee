/** Every question about a release in each of its states, as one look at a whole world tells it. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  attestationShape,
  type GhRelease,
  jobShape,
  predicates,
  publishSoundly,
  releaseShape,
  runShape,
  soundAssets,
} from "../../scripts/demo/gh.ts";
import { startCrateIndex, startRegistry } from "../../scripts/demo/registry.ts";
import type { Answer, State } from "../../scripts/lib/answer.ts";
import { defaults, layout } from "../../scripts/lib/layout.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import { openDownloads } from "../../scripts/verify/github-release.ts";
import { questionsOf, type TagKind } from "../../scripts/verify/questions.ts";
import { survey } from "../../scripts/verify/survey.ts";
import { ghWorld } from "../helpers/gh.ts";
import { quickHttp } from "../helpers/quick.ts";
import { quietWorld } from "../helpers/quiet.ts";
import { type ReleaseWorld, releaseWorld } from "../helpers/release.ts";

const version = parseVersion("1.3.0");
const candidate = "v1.3.0-rc.1";
const image = "robintra/perf-sentinel";
const chart = "robintra/charts/perf-sentinel";
const platforms = ["linux/amd64", "linux/arm64"];
const { published } = defaults;
const files = [...published.binaries, published.sbom];

let product: ReleaseWorld;
/** The product's registry, whose name its chart holds; it never stops. */
let registry: ReturnType<typeof startRegistry>;
let commit: string;

beforeAll(async () => {
  registry = startRegistry({ intercept: (request, path) => fault(request, path) });
  product = await releaseWorld(registry.host);
  await product.git("tag", "--sign", "--message", "v1.3.0", "v1.3.0");
  await product.git("tag", "--sign", "--message", "chart", "chart-v1.3.0");
  await product.git("tag", "--sign", "--message", candidate, candidate);
  await product.git("push", "--quiet", "origin", "main", "v1.3.0", "chart-v1.3.0", candidate);
  commit = await product.git("rev-parse", "HEAD");
  registry.pushIndex(image, "1.3.0", platforms);
  registry.pushIndex(image, "1.3.0-rc.1", platforms);
});

afterAll(async () => {
  registry[Symbol.dispose]();
  await product[Symbol.asyncDispose]();
});

type Fault = (request: Request, path: string) => Response | undefined;
const noFault: Fault = () => undefined;
let fault = noFault;

/** Everything around the product that a row may change. */
function soundWorld(kind: TagKind) {
  const github = ghWorld();
  const { gh } = github;
  const index = startCrateIndex();
  const isChart = kind === "chart";
  const release: GhRelease = {
    repository: published.repository,
    tag: isChart ? "chart-v1.3.0" : "v1.3.0",
    commit,
    workflow: isChart ? layout.chartReleaseWorkflow : layout.releaseWorkflow,
  };
  const assets = soundAssets(files, published.checksums[0]);
  publishSoundly(gh, release, isChart ? {} : assets);
  const pushChart = (appVersion = "1.3.0") => {
    const digest = registry.pushChart(chart, {
      name: layout.product,
      version: "1.3.0",
      appVersion,
    });
    const subject = { name: layout.product, sha256: digest.slice("sha256:".length) };
    for (const type of Object.values(predicates)) {
      const kind = type.slice(type.lastIndexOf("/") + 1);
      gh.reply(`attestation verify perf-sentinel@${digest} ${kind}`, {
        stdout: [attestationShape(release, subject, type)],
      });
    }
    return digest;
  };
  pushChart();
  for (const name of published.crates) {
    index.publish(name, "1.3.0");
  }
  return {
    gh,
    index,
    release,
    assets,
    pushChart,
    github,
    env: github.world.env,
    [Symbol.dispose]() {
      fault = noFault;
      index[Symbol.dispose]();
      github[Symbol.dispose]();
    },
  };
}
type World = ReturnType<typeof soundWorld>;

/** One look at a release. */
async function look(kind: TagKind, each: World, of = version): Promise<Answer[]> {
  const { env } = each;
  const release = {
    kind,
    version: of,
    registry: registry.host,
    crateIndex: new URL(each.index.url),
  };
  using downloads = openDownloads(env);
  const repository = { root: product.root, env: { ...product.env, PATH: env.PATH } };
  const { questions } = questionsOf(release, repository, quickHttp, downloads);
  const { world } = quietWorld();
  return await survey(world, questions, { limit: 0, state: () => "" });
}

/** The states of answers, by question. */
function statesOf(answers: readonly Answer[]): Record<string, State> {
  return Object.fromEntries(answers.map(({ question, state }) => [question, state]));
}

const all = (labels: readonly string[], state: State) =>
  Object.fromEntries(labels.map((label) => [label, state]));
const attested = (names: readonly string[]) =>
  names.flatMap((name) => [`provenance of ${name}`, `SPDX attestation of ${name}`]);
const assetLabels = ["checksums of the release", ...files.map((name) => `asset ${name}`)];
const attestations = attested(published.binaries);
const github = ["run of release.yml", "GitHub release v1.3.0", ...assetLabels, ...attestations];
const crates = published.crates.map((name) => `crate ${name}`);
const chartAttestations = attested([`chart ${layout.product} 1.3.0`]);
const chartGithub = [
  "run of helm-release.yml",
  "GitHub release chart-v1.3.0",
  ...chartAttestations,
];
const imageLabel = () => `image on ${registry.host}`;
const chartLabel = () => `chart on ${registry.host}`;

/** The labels of all questions, in their order. */
const labelsOf = (kind: TagKind) =>
  kind === "application"
    ? ["tag on origin", ...github, imageLabel(), ...crates]
    : ["tag on origin", ...chartGithub, chartLabel(), imageLabel()];

test("a sound release is verified in every answer, in a stable order", async () => {
  using each = soundWorld("application");
  const answers = await look("application", each);
  expect(statesOf(answers)).toEqual(all(labelsOf("application"), "verified"));
  expect(answers.map(({ question }) => question)).toEqual(labelsOf("application"));
});

test("a sound chart is verified in every answer", async () => {
  using each = soundWorld("chart");
  expect(statesOf(await look("chart", each))).toEqual(all(labelsOf("chart"), "verified"));
  const asked = each.gh.asked().filter((line) => line.startsWith("attestation"));
  expect(asked[0]).toContain(` oci://${registry.host}/${chart}@sha256:`);
});

type Row = readonly [
  name: string,
  change: (each: World) => unknown,
  differs: () => Record<string, State>,
];

/** A registry in which something is absent. */
const absent =
  (what: string): Fault =>
  (_, path) =>
    path.includes(what)
      ? Response.json({ errors: [{ code: "MANIFEST_UNKNOWN" }] }, { status: 404 })
      : undefined;
const going = { status: "in_progress", conclusion: "" };
const lost = { status: "completed", conclusion: "failure" };

const expectDifference =
  (kind: TagKind) =>
  async (_: string, change: Row[1], differs: Row[2]): Promise<void> => {
    using each = soundWorld(kind);
    const sound = all(labelsOf(kind), "verified");
    await change(each);
    const answers = await look(kind, each);
    expect(statesOf(answers)).toEqual({ ...sound, ...differs() });
    for (const { state, remedy, question } of answers) {
      expect([question, remedy !== undefined]).toEqual([question, state !== "verified"]);
    }
  };

describe("of an application, only what is told differs:", () => {
  const rows: Row[] = [
    [
      "the run goes on, and nothing is there yet",
      ({ gh, release }) => {
        gh.reply("run list", { stdout: [runShape(release, going)] });
        gh.reply("release view", { code: 1, stderr: "release not found\n" });
        fault = absent(image);
      },
      () => ({ ...all(github, "pending"), [imageLabel()]: "pending" }),
    ],
    [
      "the run has failed before the image and the release",
      ({ gh, release }) => {
        gh.reply("run list", { stdout: [runShape(release, lost)] });
        gh.reply("run view", { stdout: { jobs: [jobShape("docker", "failure")] } });
        gh.reply("release view", { code: 1, stderr: "release not found\n" });
        fault = absent(image);
      },
      () => ({ ...all(github, "failed"), [imageLabel()]: "failed" }),
    ],
    [
      "the run has ended well, and the image is not there",
      () => {
        fault = absent(image);
      },
      () => ({ [imageLabel()]: "failed" }),
    ],
    [
      "the release is a draft",
      ({ gh, release, assets }) =>
        gh.reply("release view", { stdout: releaseShape(release, assets, { isDraft: true }) }),
      () => ({ "GitHub release v1.3.0": "pending" }),
    ],
    [
      "a crate is not there while the run goes on",
      ({ gh, release, index }) => {
        gh.reply("run list", { stdout: [runShape(release, going)] });
        index.remove("perf-sentinel");
      },
      () => ({ "run of release.yml": "pending", "crate perf-sentinel": "pending" }),
    ],
  ];

  test.each(rows)("%s", expectDifference("application"));
});

describe("of a chart, only what is told differs:", () => {
  const rows: Row[] = [
    [
      "the chart is not there while the run goes on",
      ({ gh, release }) => {
        gh.reply("run list", { stdout: [runShape(release, going)] });
        fault = absent(chart);
      },
      () => ({
        "run of helm-release.yml": "pending",
        [chartLabel()]: "pending",
        ...all(chartAttestations, "pending"),
      }),
    ],
    [
      "the chart is not there, and the run has ended",
      () => {
        fault = absent(chart);
      },
      () => ({ [chartLabel()]: "failed", ...all(chartAttestations, "failed") }),
    ],
    [
      "the chart states another appVersion",
      ({ pushChart }) => pushChart("1.2.9"),
      () => ({ [chartLabel()]: "failed", ...all(chartAttestations, "failed") }),
    ],
    [
      "the release is still a draft",
      ({ gh, release }) =>
        gh.reply("release view", { stdout: releaseShape(release, {}, { isDraft: true }) }),
      () => ({ "GitHub release chart-v1.3.0": "pending" }),
    ],
    [
      "the image that it installs is not there, and gh knows no run for it",
      () => {
        fault = absent(image);
      },
      () => ({ [imageLabel()]: "pending" }),
    ],
  ];

  test.each(rows)("%s", expectDifference("chart"));

  test("a tag without a commit promises nothing", async () => {
    using each = soundWorld("chart");
    const answers = await look("chart", each, parseVersion("1.2.9"));
    expect(answers.find(({ question }) => question === "image of the chart")).toMatchObject({
      state: "unknown",
      evidence: "chart-v1.2.9 exists neither locally nor on origin",
    });
  });

  test("the run that should have made its image has failed", async () => {
    using each = soundWorld("chart");
    fault = absent(image);
    // The stand-in has one answer for all runs; the image's is told apart by its branch.
    const run = (tag: string, details: object) =>
      JSON.stringify([runShape({ ...each.release, tag }, details)]);
    each.gh.reply("run list", {
      shell: `case "$*" in *--branch\\ v1.3.0*) echo '${run("v1.3.0", lost)}'; exit 0 ;; esac`,
      stdout: run("chart-v1.3.0", {}),
    });
    const answers = await look("chart", each);
    expect(statesOf(answers)).toMatchObject({
      "run of helm-release.yml": "verified",
      [imageLabel()]: "failed",
    });
    expect(answers.find(({ question }) => question === imageLabel())?.evidence).toEndWith(
      "and waiting is of no use: the run of release.yml has failed",
    );
  });
});

describe("of a candidate, what it triggers is asked for:", () => {
  /** A world with a candidate, whose crates are not published. */
  function candidateWorld(details: object = { isPrerelease: true }) {
    const each = soundWorld("application");
    const release = { ...each.release, tag: candidate };
    publishSoundly(each.gh, release, each.assets);
    each.gh.reply("release view", { stdout: releaseShape(release, each.assets, details) });
    return { ...each, release };
  }
  const released = ["GitHub release v1.3.0-rc.1", ...assetLabels, ...attestations];
  const always = () => ["tag on origin", "run of release.yml", imageLabel()];
  const lookAt = (each: World) => look("application", each, parseVersion(candidate));

  test("its tag, run and image and its prerelease, and no crate", async () => {
    using each = candidateWorld();
    const answers = await lookAt(each);
    expect(statesOf(answers)).toEqual(all([...always(), ...released], "verified"));
    const own = answers.find(({ question }) => question === released[0]);
    expect(own?.evidence).toEndWith(" as a prerelease");
  });

  test("a release that is not marked as a prerelease has failed: GitHub shows it as the latest", async () => {
    using each = candidateWorld({ isPrerelease: false });
    const own = (await lookAt(each)).find(({ question }) => question === released[0]);
    expect(own).toMatchObject({
      state: "failed",
      evidence: expect.stringContaining("not marked as a prerelease"),
      remedy: expect.stringContaining(
        "gh release edit v1.3.0-rc.1 --prerelease --repo robintra/perf-sentinel",
      ),
    });
  });

  test.each<[State, object]>([
    ["verified", {}],
    ["failed", lost],
  ])("no release is missed once the run is %s", async (state, details) => {
    using each = candidateWorld();
    each.gh.reply("run list", { stdout: [runShape(each.release, details)] });
    each.gh.reply("release view", { code: 1, stderr: "release not found\n" });
    expect(statesOf(await lookAt(each))).toEqual({
      ...all(always(), "verified"),
      "run of release.yml": state,
    });
  });

  test("while the run goes on, a release may still appear", async () => {
    using each = candidateWorld();
    each.gh.reply("run list", { stdout: [runShape(each.release, going)] });
    each.gh.reply("release view", { code: 1, stderr: "release not found\n" });
    expect(statesOf(await lookAt(each))).toMatchObject(all(released, "pending"));
  });

  test("another prerelease is an ordinary release: its crates are asked for", async () => {
    using each = soundWorld("application");
    const answers = await look("application", each, parseVersion("1.3.0-beta.1"));
    expect(Object.keys(statesOf(answers))).toContain("crate perf-sentinel");
  });
});
