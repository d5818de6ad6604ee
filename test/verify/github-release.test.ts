import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import {
  checksumsOf,
  type GhReply,
  releaseShape,
  type StandInGh,
  sha256OfText,
  soundAssets,
} from "../../scripts/demo/gh.ts";
import type { State } from "../../scripts/lib/answer.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { openDownloads } from "../../scripts/verify/downloads.ts";
import { askGithubRelease } from "../../scripts/verify/github-release.ts";
import { faults, ghWorld } from "../helpers/gh.ts";

const release = {
  repository: layout.published.repository,
  tag: "v1.3.0",
  commit: "1".repeat(40),
  workflow: layout.releaseWorkflow,
};
const { tag } = release;
const list = "SHA256SUMS.txt";
const [linux, , , windows] = layout.published.binaries;
const { sbom } = layout.published;
const names = [...layout.published.binaries.slice(0, 3), `${windows}.exe`, sbom];
const sound = soundAssets(names, list);
const labels = [
  `GitHub release ${tag}`,
  "checksums of the release",
  ...layout.published.binaries.map((name) => `asset ${name}`),
  `asset ${sbom}`,
];

interface Case {
  /** What is published, by name; default: all that is sound. */
  readonly assets?: Readonly<Record<string, string>>;
  /** What `gh release view` says otherwise. */
  readonly details?: object;
  readonly change?: (gh: StandInGh) => void;
  readonly run?: State;
  readonly kind?: "application" | "chart";
}

/** Lets gh tell of the release, and bring its assets. */
function publish(gh: StandInGh, assets: Readonly<Record<string, string>>, details: object = {}) {
  gh.reply("release view", { stdout: releaseShape(release, assets, details) });
  gh.publish(assets);
}

async function ask({ assets = sound, details = {}, change, run, kind = "application" }: Case = {}) {
  using made = ghWorld();
  using downloads = openDownloads(made.world.env);
  publish(made.gh, assets, details);
  change?.(made.gh);
  const { answers, binaries } = await askGithubRelease(tag, kind, made.world, { downloads, run });
  const of = (question: string) => answers.find((each) => each.question === question);
  return { answers, binaries, of, asked: made.gh.asked() };
}

/** The sound assets with some of them changed, or left out. */
function changed(changes: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const all = Object.entries({ ...sound, ...changes });
  return Object.fromEntries(
    all.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]])),
  );
}

/** The shape of the release with another detail in one asset. */
function withAsset(name: string, details: object): object {
  const { assets } = releaseShape(release, sound);
  return { assets: assets.map((each) => (each.name === name ? { ...each, ...details } : each)) };
}

test("a sound release is verified in all answers, each with its evidence", async () => {
  const { answers, binaries } = await ask();
  expect(answers.map(({ question, state }) => [question, state])).toEqual(
    labels.map((label) => [label, "verified"]),
  );
  expect(answers.map(({ evidence }) => evidence)).toEqual([
    "published on 2026-08-07",
    `${list} names 5 files, sha256 ${sha256OfText(sound[list] ?? "")}`,
    ...names.map((name) => `${name}, sha256 ${sha256OfText(sound[name] ?? "")} as ${list} says`),
  ]);
  expect(binaries.map(({ name, sha256 }) => [name, sha256])).toEqual(
    layout.published.binaries.map((name, index) => [
      name,
      sha256OfText(sound[names[index] ?? ""] ?? ""),
    ]),
  );
});

test("a release that is marked as a prerelease is said to be one", async () => {
  const { of } = await ask({ details: { isPrerelease: true } });
  expect(of(labels[0] ?? "")).toMatchObject({
    state: "verified",
    evidence: "published on 2026-08-07 as a prerelease",
  });
});

test("only what is needed is fetched, and with what old versions of gh know", async () => {
  const { asked } = await ask({ assets: changed({ "large-video.mp4": "x" }) });
  expect(asked).toHaveLength(2);
  expect(asked[0]).toBe(
    "release view v1.3.0 --json tagName,isDraft,isPrerelease,url,assets,publishedAt --repo github.com/robintra/perf-sentinel",
  );
  expect(asked[1]).toMatch(
    /^release download v1\.3\.0 --dir \S+ --pattern SHA256SUMS\.txt --pattern /,
  );
  expect(asked[1]).not.toContain("large-video");
});

test("asking again fetches only what was uploaded again", async () => {
  using made = ghWorld();
  using downloads = openDownloads(made.world.env);
  publish(made.gh, sound);
  const again = () => askGithubRelease(tag, "application", made.world, { downloads });
  await again();
  await again();
  expect(made.gh.asked().filter((each) => each.startsWith("release download"))).toHaveLength(1);
  made.gh.reply("release view", {
    stdout: releaseShape(release, sound, withAsset(sbom, { updatedAt: "2026-08-08T00:00:00Z" })),
  });
  const { answers } = await again();
  expect(answers.every(({ state }) => state === "verified")).toBe(true);
  expect(made.gh.asked().at(-1)).toContain(` --pattern ${sbom} --repo `);
  expect(made.gh.asked().at(-1)).not.toContain(list);
});

test("the folder is gone in the end, with all that was fetched", async () => {
  using made = ghWorld();
  publish(made.gh, sound);
  let path = "";
  {
    using downloads = openDownloads(made.world.env);
    path = downloads.path;
    const context = { downloads };
    const { binaries } = await askGithubRelease(tag, "application", made.world, context);
    expect(binaries.every(({ target = "" }) => target.startsWith(path) && existsSync(target))).toBe(
      true,
    );
  }
  expect(existsSync(path)).toBe(false);
});

describe("a release that is absent", () => {
  const change = (gh: StandInGh) =>
    gh.reply("release view", { code: 1, stderr: "release not found\n" });

  test.each<[State | undefined, State]>([
    [undefined, "pending"],
    ["pending", "pending"],
    ["unknown", "pending"],
    ["verified", "failed"],
    ["failed", "failed"],
  ])("while the run is %p is %s, in every answer", async (run, state) => {
    const { answers, binaries, asked } = await ask({ change, ...(run && { run }) });
    expect(answers.map((each) => [each.question, each.state])).toEqual(
      labels.map((label) => [label, state]),
    );
    expect(binaries.map(({ target, absent }) => [target, absent?.state])).toEqual(
      layout.published.binaries.map(() => [undefined, state]),
    );
    expect(asked).toHaveLength(1);
  });
});

describe("a draft is pending", () => {
  test("of an application, and its assets are judged all the same", async () => {
    const { answers, of } = await ask({ details: { isDraft: true, publishedAt: null } });
    expect(answers.map(({ state }) => state)).toEqual(["pending", ...Array(6).fill("verified")]);
    expect(of(`GitHub release ${tag}`)?.remedy).toStartWith("Wait until release.yml publishes it");
  });

  test("of a chart, with the remedy of PROCEDURE", async () => {
    const { answers, binaries } = await ask({ kind: "chart", details: { isDraft: true } });
    expect(answers).toEqual([
      {
        question: `GitHub release ${tag}`,
        state: "pending",
        evidence: "it is a draft",
        remedy: "Publish the drafted release once you have reviewed it",
        link: `https://github.com/${release.repository}/releases/tag/${tag}`,
      },
    ]);
    expect(binaries).toEqual([]);
  });
});

test("a chart's release that is published is verified, and nothing is fetched", async () => {
  const { answers, asked } = await ask({ kind: "chart", assets: {} });
  expect(answers.map(({ state }) => state)).toEqual(["verified"]);
  expect(asked).toHaveLength(1);
});

describe("an asset", () => {
  const label = `asset ${linux}`;

  test.each<[State | undefined, State]>([
    [undefined, "pending"],
    ["verified", "failed"],
  ])("that is absent while the run is %p is %s", async (run, state) => {
    const assets = changed({ [linux]: undefined });
    const { of, answers } = await ask({ assets, ...(run && { run }) });
    expect(of(label)).toMatchObject({ state, evidence: expect.stringContaining("no such asset") });
    expect(answers.filter((each) => each.state !== "verified")).toHaveLength(1);
  });

  test("whose upload is not complete is pending", async () => {
    const { of } = await ask({ details: withAsset(linux, { state: "starter" }) });
    expect(of(label)).toMatchObject({
      state: "pending",
      evidence: "its upload is not complete yet",
    });
  });

  test("that is not what the checksums say has failed, with both sums", async () => {
    const { of, binaries } = await ask({ assets: changed({ [linux]: "something else" }) });
    expect(of(label)).toMatchObject({
      state: "failed",
      evidence: `${linux} has sha256 ${sha256OfText("something else")}, but ${list} says ${sha256OfText(sound[linux] ?? "")}`,
    });
    expect(binaries[0]?.target).toBeString();
  });

  test("that the checksums do not name has failed", async () => {
    const { [linux]: _, [list]: __, ...others } = sound;
    const { of } = await ask({ assets: changed({ [list]: checksumsOf(others) }) });
    expect(of(label)).toMatchObject({
      state: "failed",
      evidence: `${list} does not name ${linux}`,
    });
  });

  test("that is named by several is not guessed", async () => {
    const { of } = await ask({ assets: changed({ [`${linux}.tar.gz`]: "x" }) });
    expect(of(label)).toMatchObject({
      state: "failed",
      evidence: `several assets may be meant: ${linux}, ${linux}.tar.gz`,
    });
  });

  test("with a name that is a path or a pattern is not asked for", async () => {
    const { assets } = releaseShape(release, sound);
    const bad = [`${linux}-/../../x`, `${linux}-*`].map((name) => ({ ...assets[0], name }));
    const { asked, answers } = await ask({ details: { assets: [...assets, ...bad] } });
    expect(answers.every(({ state }) => state === "verified")).toBe(true);
    expect(asked.at(-1)).not.toMatch(/\.\.|\*/);
  });

  test("is not taken for what stands beside it, or for one with a longer name", async () => {
    const beside = { [`${linux}.sha256`]: "x", [`${linux}.sbom.json`]: "x", [`${linux}v2`]: "x" };
    const { answers } = await ask({ assets: changed(beside) });
    expect(answers.every(({ state }) => state === "verified")).toBe(true);
  });

  test("that did not come whole is unknown", async () => {
    const { of } = await ask({ details: withAsset(linux, { size: 1 }) });
    expect(of(label)).toMatchObject({
      state: "unknown",
      evidence: `gh release download did not bring ${linux} whole`,
    });
  });
});

describe("the checksums", () => {
  const label = "checksums of the release";

  test.each(layout.published.checksums)("may be named %s", async (name) => {
    const { answers } = await ask({ assets: soundAssets(names, name) });
    expect(answers.every(({ state }) => state === "verified")).toBe(true);
  });

  test("that are absent leave no asset verified", async () => {
    const { answers } = await ask({ assets: changed({ [list]: undefined }) });
    expect(answers.map(({ state }) => state)).toEqual(["verified", ...Array(6).fill("pending")]);
  });

  test.each([
    ["that are malformed", "<html>", "SHA256SUMS.txt: line 1 is no sha256 checksum"],
    ["that are empty", "", "SHA256SUMS.txt: it is empty"],
    [
      "that name a file twice, with different sums",
      `${"0".repeat(64)}  ${sbom}\n${sound[list]}`,
      `SHA256SUMS.txt: it names "${sbom}" twice`,
    ],
    [
      "that are too large to be checksums",
      `${"0".repeat(64)}  x\n`.repeat(20_000),
      "SHA256SUMS.txt: it is too large",
    ],
  ])("%s have failed, and leave no asset verified", async (_, text, evidence) => {
    const { answers, of } = await ask({ assets: changed({ [list]: text }) });
    expect(of(label)).toMatchObject({
      state: "failed",
      evidence: expect.stringContaining(evidence),
    });
    expect(answers.map(({ state }) => state)).toEqual(["verified", ...Array(6).fill("failed")]);
  });
});

describe("nobody knows anything of a release if gh", () => {
  test.each(faults)("%s", async (_, reply, evidence, lasting) => {
    const { answers, binaries } = await ask({ change: (gh) => gh.reply("release view", reply) });
    expect(answers.map(({ question }) => question)).toEqual(labels);
    for (const answer of answers) {
      expect(answer).toMatchObject({ state: "unknown", evidence: expect.stringMatching(evidence) });
      expect(answer.lasting ?? false).toBe(lasting);
    }
    expect(binaries.map(({ absent }) => absent?.state)).toEqual(Array(4).fill("unknown"));
  });

  test("hangs", async () => {
    using made = ghWorld({ patience: 100 });
    using downloads = openDownloads(made.world.env);
    made.gh.reply("release view", { shell: "exec sleep 60" });
    const { answers } = await askGithubRelease(tag, "application", made.world, { downloads });
    expect(answers.map(({ state, evidence }) => [state, evidence])).toEqual(
      labels.map(() => ["unknown", "gh release view gave no answer within 0.1 s"]),
    );
  });

  test.each<[string, object]>([
    ["tells of another tag", { tagName: "v1.2.9" }],
    ["does not tell of a draft", { isDraft: "no" }],
    ["does not tell of assets", { assets: null }],
  ])("%s", async (_, details) => {
    const { answers } = await ask({ details });
    expect(answers.map(({ state }) => state)).toEqual(labels.map(() => "unknown"));
  });
});

describe("nobody knows anything of the assets if gh release download", () => {
  const fetching: readonly (readonly [string, GhReply])[] = [
    ["fails", { code: 1, stderr: "HTTP 503: Service Unavailable\n" }],
    ["is over its rate", { code: 1, stderr: "HTTP 403: API rate limit exceeded\n" }],
    ["brings nothing and ends well", {}],
    ["is killed", { shell: "kill -9 $$" }],
    ["brings half of an asset and ends well", { shell: 'printf x > "$5/$7"' }],
  ];
  test.each(fetching)("%s", async (_, reply) => {
    const { answers } = await ask({ change: (gh) => gh.reply("release download", reply) });
    expect(answers.map(({ state }) => state)).toEqual(["verified", ...Array(6).fill("unknown")]);
  });
});
