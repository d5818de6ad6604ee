import { expect, test } from "bun:test";
import { askTag } from "../../scripts/verify/tag.ts";
import { releaseWorld, standIn } from "../helpers/release.ts";

const script = "scripts/release.ts";
test("a tag is asked for here and on the remote, signed or not, and nothing is fetched", async () => {
  await using world = await releaseWorld();
  const repository = { root: world.root, env: world.env };
  const head = await world.git("rev-parse", "HEAD");
  const asked = () => askTag(repository, "v1.3.0", script);

  expect(await asked()).toMatchObject({
    answer: {
      state: "failed",
      evidence: "v1.3.0 exists neither locally nor on origin",
      remedy: "Release it: bun scripts/release.ts v1.3.0",
    },
    commit: undefined,
  });
  await world.git("tag", "--sign", "--message", "v1.3.0", "v1.3.0");
  expect(await asked()).toMatchObject({
    answer: { state: "failed", remedy: "Release it: bun scripts/release.ts v1.3.0 --resume" },
    commit: head,
  });
  await world.git("push", "--quiet", "origin", "v1.3.0");
  const id = await world.git("rev-parse", "v1.3.0");
  const what = `object ${id.slice(0, 7)} of commit ${head.slice(0, 7)}`;
  expect(await asked()).toMatchObject({
    answer: {
      state: "verified",
      evidence: `${what}, the same as locally, with a good signature (ssh)`,
    },
    commit: head,
  });

  await world.git("tag", "--delete", "v1.3.0");
  expect(await asked()).toMatchObject({ answer: { state: "verified" }, commit: head });
  await world.git("prune", "--expire=now");
  expect(await asked()).toMatchObject({
    answer: {
      state: "unknown",
      evidence: `${what}; v1.3.0 does not exist locally; its signature cannot be verified: the local repository lacks its object`,
      remedy: "Fetch the tag: git fetch origin tag v1.3.0",
    },
    commit: head,
  });
  expect(await world.localTags()).toEqual([]);

  const old = await world.git("rev-parse", "HEAD~1");
  await world.git("tag", "v1.3.0", old);
  expect(await asked()).toMatchObject({
    answer: { state: "failed", evidence: expect.stringContaining("the local v1.3.0 is object") },
    commit: head,
  });
  for (const [words, ...form] of [
    ["it is a lightweight tag, without an object to sign"],
    ["it holds no signature", "--annotate", "--message", "v1.3.0"],
    [
      "its signature is not good",
      "--annotate",
      "--message",
      "v1.3.0\n\n-----BEGIN SSH SIGNATURE-----",
    ],
    [
      "its signature is not good",
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
      evidence: expect.stringContaining("cannot be verified: Cannot judge the tag's signature"),
      remedy: expect.stringContaining("Put right what the program says"),
    },
  });
});

test("promises are those of the tag's commit", async () => {
  await using world = await releaseWorld();
  const repository = { root: world.root, env: world.env };
  async function read(commit: string) {
    await world.git("tag", "--force", "v1.3.0", commit);
    return await askTag(repository, "v1.3.0", script);
  }
  const head = await world.git("rev-parse", "HEAD");
  expect(await read(head)).toMatchObject({
    promises: {
      platforms: ["linux/amd64", "linux/arm64"],
      pulled: { tag: "1.3.0" },
      appVersion: "1.3.0",
    },
    findings: [{ level: "notice", message: expect.stringContaining(head.slice(0, 7)) }],
  });

  const chart = "charts/perf-sentinel/Chart.yaml";
  const text = await Bun.file(`${world.root}/${chart}`).text();
  const bare = await world.commit({ [chart]: text.slice(0, text.indexOf("annotations")) });
  expect(await read(bare)).toMatchObject({
    promises: { platforms: [] },
    findings: [
      { level: "notice" },
      { level: "warning", message: expect.stringContaining("not checked") },
    ],
  });
  for (const broken of [text.replace("linux/amd64", `linux/${"x".repeat(41)}`), undefined]) {
    const commit = await world.commit({ [chart]: broken });
    expect(await read(commit)).toMatchObject({
      promises: { name: "Unverified", message: "the promises of v1.3.0 cannot be read" },
      findings: [{ level: "notice" }, { level: "error", commit }],
    });
  }
});
