import { describe, expect, test } from "bun:test";
import { error } from "../../scripts/lib/finding.ts";
import { readExpectation } from "../../scripts/verify/expected.ts";
import { askTag, judgeSignature, judgeTagSides, type TagSide } from "../../scripts/verify/tag.ts";
import { releaseWorld, standIn } from "../helpers/release.ts";

const script = "scripts/release.ts";
const one = { id: "a".repeat(40), commit: "c".repeat(40) };
const other = { id: "b".repeat(40), commit: "d".repeat(40) };
const silent: TagSide = { findings: [error("Cannot ask origin", { remedy: "Check the network" })] };

describe("a tag is", () => {
  test.each<[string, TagSide, TagSide, string, string]>([
    ["verified if both sides hold one object", one, one, "verified", "the same as here"],
    ["verified without one here", "absent", one, "verified", "there is no v1.3.0 here"],
    ["failed if it is another one here", other, one, "failed", "v1.3.0 here is object bbbbbbb"],
    [
      "failed if it is another object of the same commit",
      { ...other, commit: one.commit },
      one,
      "failed",
      "v1.3.0 here is object bbbbbbb",
    ],
    ["failed if only here", one, "absent", "failed", "v1.3.0 is here (object aaaaaaa), and not on"],
    ["failed if nowhere", "absent", "absent", "failed", "there is no v1.3.0, here or on origin"],
    ["unknown if the remote is silent", one, silent, "unknown", "Cannot ask origin"],
    ["unknown if git is silent here", silent, one, "unknown", "Cannot ask origin"],
  ])("%s", (_, here, there, state, words) => {
    const answer = judgeTagSides("v1.3.0", here, there, script);
    expect(answer).toMatchObject({ question: "tag on origin", state });
    expect(answer.evidence).toContain(words);
    expect(answer.remedy === undefined).toBe(state === "verified");
  });

  test("to be released, or its release finished, if the remote lacks it", () => {
    const remedy = (here: TagSide) => judgeTagSides("v1.3.0", here, "absent", script).remedy;
    expect(remedy("absent")).toBe("Release it: bun scripts/release.ts v1.3.0");
    expect(remedy(one)).toBe("Release it: bun scripts/release.ts v1.3.0 --resume");
  });
});

describe("a tag that is the same on both sides is", () => {
  const compared = judgeTagSides("v1.3.0", one, one, script);

  test("verified if it carries a signature, whose kind is told", () => {
    expect(judgeSignature("v1.3.0", compared, { kind: "present", format: "ssh" }, script)).toEqual({
      ...compared,
      evidence: `${compared.evidence}, with a good signature (ssh)`,
    });
  });

  test("failed without one, and the way out is another version, never another tag", () => {
    const signature = { kind: "absent", why: "its object holds no whole signature" } as const;
    expect(judgeSignature("v1.3.0", compared, signature, script)).toEqual({
      question: "tag on origin",
      state: "failed",
      evidence: `${compared.evidence}; it is not signed: its object holds no whole signature`,
      remedy: expect.stringMatching(
        /never move a published tag: release the next version with bun scripts\/release\.ts$/,
      ),
    });
  });

  test("unknown where its object is not here, and waiting is of no use", () => {
    const signature = { kind: "unknown", why: "its object is not here" } as const;
    expect(judgeSignature("v1.3.0", compared, signature, script)).toEqual({
      question: "tag on origin",
      state: "unknown",
      evidence: `${compared.evidence}; whether it is signed is not known here: its object is not here`,
      remedy: "Fetch the tag: git fetch origin tag v1.3.0",
      lasting: true,
    });
  });
});

test("a tag is asked for here and on the remote, signed or not, and nothing is fetched", async () => {
  await using world = await releaseWorld();
  const repository = { root: world.root, env: world.env };
  const head = await world.git("rev-parse", "HEAD");
  const asked = () => askTag(repository, "v1.3.0", script);

  expect(await asked()).toMatchObject({ answer: { state: "failed" }, commit: undefined });
  await world.git("tag", "--sign", "--message", "v1.3.0", "v1.3.0");
  expect(await asked()).toMatchObject({ answer: { state: "failed" }, commit: head });
  await world.git("push", "--quiet", "origin", "v1.3.0");
  const id = await world.git("rev-parse", "v1.3.0");
  const what = `object ${id.slice(0, 7)} of commit ${head.slice(0, 7)}`;
  expect(await asked()).toMatchObject({
    answer: {
      state: "verified",
      evidence: `${what}, the same as here, with a good signature (ssh)`,
    },
    commit: head,
  });

  await world.git("tag", "--delete", "v1.3.0");
  expect(await asked()).toMatchObject({ answer: { state: "verified" }, commit: head });
  await world.git("prune", "--expire=now");
  expect(await asked()).toMatchObject({
    answer: {
      state: "unknown",
      evidence: `${what}; there is no v1.3.0 here; whether it is signed is not known here: its object is not here`,
    },
    commit: head,
  });
  expect(await world.localTags()).toEqual([]);

  const old = await world.git("rev-parse", "HEAD~1");
  await world.git("tag", "v1.3.0", old);
  expect(await asked()).toMatchObject({ answer: { state: "failed" }, commit: head });
  for (const [words, ...form] of [
    ["it is a lightweight tag, without an object to sign"],
    ["its object holds no whole signature", "--annotate", "--message", "v1.3.0"],
    [
      "its object holds no whole signature",
      "--annotate",
      "--message",
      "v1.3.0\n\n-----BEGIN SSH SIGNATURE-----",
    ],
    [
      "its SSH signature is not good",
      "--annotate",
      "--message",
      "v1.3.0\n\n-----BEGIN SSH SIGNATURE-----\nnothing\n-----END SSH SIGNATURE-----",
    ],
  ]) {
    await world.git("tag", "--force", ...form, "v1.3.0", old);
    await world.git("push", "--quiet", "--force", "origin", "v1.3.0");
    expect(await asked()).toMatchObject({
      answer: { state: "failed", evidence: expect.stringContaining(`is not signed: ${words}`) },
      commit: old,
    });
  }

  await world.git("remote", "set-url", "origin", "/nowhere");
  expect(await asked()).toMatchObject({ answer: { state: "unknown" }, commit: old });
});

test("a signature that nobody can judge here is unknown, and the way out is the judge's", async () => {
  await using world = await releaseWorld();
  await world.git("tag", "--sign", "--message", "v1.3.0", "v1.3.0");
  await world.git("push", "--quiet", "origin", "v1.3.0");
  const env = standIn(world, "ssh-keygen", "echo out of order >&2; exit 255");
  expect(await askTag({ root: world.root, env }, "v1.3.0", script)).toMatchObject({
    answer: {
      state: "unknown",
      evidence: expect.stringContaining("is not known here: Cannot judge the tag's signature"),
      remedy: expect.stringContaining("Put right what the program says"),
    },
  });
});

test("promises are those of the tag's commit, and of HEAD only where that is not here", async () => {
  await using world = await releaseWorld();
  const repository = { root: world.root, env: world.env };
  const old = await world.git("rev-parse", "HEAD~1");
  const read = (commit: string | undefined) => readExpectation(repository, "v1.2.9", commit);
  const platforms = ["linux/amd64", "linux/arm64"];

  expect(await read(old)).toMatchObject({
    promises: { platforms, chartVersion: "1.2.9", appVersion: "1.2.9" },
    ofTag: true,
    findings: [{ level: "notice", message: expect.stringContaining(old.slice(0, 7)) }],
  });
  for (const [unknown, why, remedy] of [
    [undefined, "not known", undefined],
    ["0".repeat(40), "not here", expect.stringContaining("git fetch origin tag v1.2.9")],
  ] as const) {
    const message = `The commit of v1.2.9 is ${why}: what it promises is read from HEAD`;
    const expectation = await read(unknown);
    expect(expectation.findings[0]?.remedy).toEqual(remedy);
    expect(expectation).toMatchObject({
      promises: { platforms, chartVersion: "1.3.0", pulled: { tag: "1.3.0" } },
      ofTag: false,
      findings: [{ level: "warning", message }],
    });
  }

  const chart = "charts/perf-sentinel/Chart.yaml";
  const text = await Bun.file(`${world.root}/${chart}`).text();
  const bare = await world.commit({ [chart]: text.slice(0, text.indexOf("annotations")) });
  expect(await read(bare)).toMatchObject({
    promises: { platforms: [] },
    findings: [
      { level: "notice" },
      { level: "warning", message: expect.stringContaining("No platform") },
    ],
  });
  const odd = await world.commit({ [chart]: text.replace("linux/amd64", "one two") });
  expect(await read(odd)).toMatchObject({
    promises: undefined,
    findings: [{ level: "notice" }, { level: "error", commit: odd }],
  });
  const none = await world.commit({ [chart]: undefined });
  expect(await read(none)).toMatchObject({
    promises: undefined,
    findings: [{ level: "notice" }, { level: "error", commit: none }],
  });
});
