import { describe, expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import {
  checksumsOf,
  type GhReply,
  releaseShape,
  type StandInGh,
  sha256OfText,
  soundAssets,
} from "../../scripts/demo/gh.ts";
import { layout } from "../../scripts/lib/layout.ts";
import {
  askGithubRelease,
  openDownloads,
  parseChecksums,
} from "../../scripts/verify/github-release.ts";
import { ghWorld, notLoggedIn } from "../helpers/gh.ts";

const release = {
  repository: layout.published.repository,
  tag: "v1.3.0",
  commit: "1".repeat(40),
  workflow: layout.releaseWorkflow,
};
const { tag } = release;
const list = "SHA256SUMS.txt";
const [linux = "", , , windows] = layout.published.binaries;
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
  readonly kind?: "application" | "chart";
}

/** Lets gh tell of the release, and bring its assets. */
function publish(gh: StandInGh, assets: Readonly<Record<string, string>>, details: object = {}) {
  gh.reply("release view", { stdout: releaseShape(release, assets, details) });
  gh.publish(assets);
}

async function ask({ assets = sound, details = {}, change, kind = "application" }: Case = {}) {
  using made = ghWorld();
  using downloads = openDownloads(made.world.env);
  publish(made.gh, assets, details);
  change?.(made.gh);
  const { answers, binaries } = await askGithubRelease(tag, kind, made.world, downloads);
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
    ...names.map((name) => `${name}, sha256 ${sha256OfText(sound[name] ?? "")} as in ${list}`),
  ]);
  const files = binaries.map(async ({ name, file }) => [name, (await file()).sha256]);
  expect(await Promise.all(files)).toEqual(
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
  expect(asked[0]).toBe(
    "release view v1.3.0 --json tagName,isDraft,isPrerelease,url,assets,publishedAt --repo github.com/robintra/perf-sentinel",
  );
  const fetched = asked.slice(1).map((words) => / --pattern (\S+) --clobber /.exec(words)?.[1]);
  expect(fetched.toSorted()).toEqual([list, ...names].toSorted());
});

test("asking again fetches only what was uploaded again", async () => {
  using made = ghWorld();
  using downloads = openDownloads(made.world.env);
  publish(made.gh, sound);
  const again = async () => {
    const before = made.gh.asked().length;
    const { answers } = await askGithubRelease(tag, "application", made.world, downloads);
    expect(answers.every(({ state }) => state === "verified")).toBe(true);
    return made.gh.asked().slice(before + 1);
  };
  expect(await again()).toHaveLength(6);
  expect(await again()).toEqual([]);
  made.gh.reply("release view", {
    stdout: releaseShape(release, sound, withAsset(sbom, { updatedAt: "2026-08-08T00:00:00Z" })),
  });
  expect(await again()).toEqual([expect.stringContaining(` --pattern ${sbom} --clobber `)]);
});

test("the folder is gone in the end, with all that was fetched", async () => {
  using made = ghWorld();
  publish(made.gh, sound);
  let path = "";
  {
    using downloads = openDownloads(made.world.env);
    path = downloads.path;
    const { binaries } = await askGithubRelease(tag, "application", made.world, downloads);
    const files = await Promise.all(binaries.map(({ file }) => file()));
    expect(files.every((each) => each.path.startsWith(path) && existsSync(each.path))).toBe(true);
    expect(statSync(path).mode & 0o077).toBe(0);
  }
  expect(existsSync(path)).toBe(false);
});

test("a release that is absent is pending in every answer, and its binaries with it", async () => {
  const { answers, binaries, asked } = await ask({
    change: (gh) => gh.reply("release view", { code: 1, stderr: "release not found\n" }),
  });
  expect(answers.map((each) => [each.question, each.state])).toEqual(
    labels.map((label) => [label, "pending"]),
  );
  for (const { file } of binaries) {
    expect(file()).rejects.toThrow("there is no release");
  }
  expect(asked).toHaveLength(1);
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

  const { [linux]: _, [list]: __, ...unnamed } = sound;
  test.each<[string, Case, string, string]>([
    ["absent", { assets: changed({ [linux]: undefined }) }, "pending", "the asset is missing"],
    [
      "not uploaded whole",
      { details: withAsset(linux, { state: "starter" }) },
      "pending",
      "its upload is not complete",
    ],
    [
      "not what the checksums say",
      { assets: changed({ [linux]: "something else" }) },
      "failed",
      `${linux} has sha256 ${sha256OfText("something else")}, but ${list} says ${sha256OfText(sound[linux] ?? "")}`,
    ],
    [
      "not named by the checksums",
      { assets: changed({ [list]: checksumsOf(unnamed) }) },
      "failed",
      `${list} does not name ${linux}`,
    ],
    [
      "one of several",
      { assets: changed({ [`${linux}.tar.gz`]: "x" }) },
      "failed",
      `found several assets: ${linux}, ${linux}.tar.gz, expected 1`,
    ],
    [
      "not fetched whole",
      { details: withAsset(linux, { size: 1 }) },
      "unknown",
      `gh release download fetched ${linux} only in part`,
    ],
  ])("that is %s is not verified, and all others are", async (_, release, state, evidence) => {
    const { of, answers } = await ask(release);
    expect(of(label)).toMatchObject({ state, evidence });
    expect(answers.filter((each) => each.state !== "verified")).toHaveLength(1);
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

  test("that are malformed have failed, and leave no asset verified", async () => {
    const { answers, of } = await ask({ assets: changed({ [list]: "<html>" }) });
    const evidence = expect.stringContaining(`${list}: line 1 is not a sha256 checksum`);
    expect(of(label)).toMatchObject({ state: "failed", evidence });
    expect(answers.map(({ state }) => state)).toEqual(["verified", ...Array(6).fill("failed")]);
  });
});

describe("all answers are unknown if gh", () => {
  test("gives no answer", async () => {
    const change = (gh: StandInGh) => gh.reply("release view", notLoggedIn);
    const { answers } = await ask({ change });
    const unknown = { state: "unknown", evidence: "gh is not logged in to github.com" };
    expect(answers).toMatchObject(labels.map((question) => ({ question, ...unknown })));
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
    ["brings nothing and ends well", {}],
    ["brings half of an asset and ends well", { shell: 'printf x > "$5/$7"' }],
  ];
  test.each(fetching)("%s", async (_, reply) => {
    const { answers } = await ask({ change: (gh) => gh.reply("release download", reply) });
    expect(answers.map(({ state }) => state)).toEqual(["verified", ...Array(6).fill("unknown")]);
  });
});

const one = "a1".repeat(32);
const two = "b2".repeat(32);

test.each([
  ["in text mode", `${one}  a\n${two}  b\n`],
  ["in binary mode, with a dot before the name", `${one} *./a\n${two} *./b\n`],
  ["in capital letters", `${one.toUpperCase()}  a\n${two}  b\n`],
  ["with carriage returns, and no last line feed", `${one}  a\r\n${two}  b`],
  ["twice with the same sum", `${one}  a\n${two}  b\n${one}  a\n`],
])("checksums are read %s", (_, text) => {
  expect([...parseChecksums(text)]).toEqual([
    ["a", one],
    ["b", two],
  ]);
});

test.each([
  ["", "line 1 is not a sha256 checksum"],
  [`${one} a\n`, "line 1 is not a sha256 checksum"],
  [`${one}  a \n`, "line 1 is not a sha256 checksum"],
  [`${one}  a\n\n${two}  b\n`, 'line 2 is not a sha256 checksum: found ""'],
  [`${one}${one}  a\n`, "line 1 is not a sha256 checksum"],
  [`SHA256 (a) = ${one}\n`, "line 1 is not a sha256 checksum"],
  [`${one}  a\n${two}  a\n`, 'it names "a" twice, with different sums'],
])("%j is refused as checksums", (text, message) => {
  expect(() => parseChecksums(text)).toThrow(message);
});
