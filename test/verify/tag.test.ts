import { describe, expect, test } from "bun:test";
import { join } from "node:path";
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
      state: "verified",
      evidence: `${what}; v1.3.0 does not exist locally, with a good signature (ssh)`,
    },
    commit: head,
  });
  expect(await world.localTags()).toEqual([]);

  const old = await world.git("rev-parse", "HEAD~1");
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
      answer: {
        state: "failed",
        evidence: expect.stringContaining(`is not a signed release tag: ${words}`),
      },
      commit: old,
    });
  }

  await world.git("remote", "set-url", "origin", "/nowhere");
  expect(await asked()).toMatchObject({ answer: { state: "unknown" }, commit: old });
});

/** A world whose signed v1.3.0 only origin has, with nothing of its object left here. */
async function publishedWorld() {
  const world = await releaseWorld();
  await world.git("tag", "--sign", "--message", "v1.3.0", "v1.3.0");
  await world.git("push", "--quiet", "origin", "main", "v1.3.0");
  const id = await world.git("rev-parse", "v1.3.0");
  await world.git("tag", "--delete", "v1.3.0");
  await world.git("prune", "--expire=now");
  return { world, id, repository: { root: world.root, env: world.env } };
}

/** All that a question may change in a checkout: refs, objects and the other files of git. */
async function stateOf(root: string): Promise<string> {
  return await Bun.$`find ${join(root, ".git")} -type f | sort | xargs sha1sum`.text();
}

describe("a local tag beside the signed one of origin", () => {
  test.each([
    ["a lightweight tag", []],
    ["an unsigned tag", ["--annotate", "--message", "v1.3.0"]],
  ])(
    "%s of the same commit is a slip: origin's tag is judged, and nothing changes",
    async (what, form) => {
      const { world, id, repository } = await publishedWorld();
      await using _ = world;
      await world.git("tag", ...form, "v1.3.0");
      const head = await world.git("rev-parse", "HEAD");
      const before = await stateOf(world.root);
      const { answer, findings } = await askTag(repository, "v1.3.0", script);
      expect(answer).toMatchObject({
        state: "verified",
        evidence: `object ${id.slice(0, 7)} of commit ${head.slice(0, 7)}; the local v1.3.0 is ${what} of the same commit, with a good signature (ssh)`,
      });
      expect(findings.filter(({ level }) => level !== "notice")).toEqual([
        {
          level: "warning",
          message: `The local v1.3.0 is ${what}, a copy of the signed tag on origin`,
          remedy: "Replace it: git fetch --force origin refs/tags/v1.3.0:refs/tags/v1.3.0",
        },
      ]);
      expect(await stateOf(world.root)).toBe(before);
      await world.git("fetch", "--quiet", "--force", "origin", "refs/tags/v1.3.0:refs/tags/v1.3.0");
      expect(await askTag(repository, "v1.3.0", script)).toMatchObject({
        answer: { evidence: expect.stringContaining("the same as locally") },
        findings: [{ level: "notice" }],
      });
    },
  );

  test.each([
    ["signed again", ["--sign", "--message", "again", "v1.3.0"], "tagged by"],
    ["of another commit", ["v1.3.0", "HEAD~1"], "a lightweight tag"],
    [
      "unsigned, of another commit",
      ["--annotate", "--message", "x", "v1.3.0", "HEAD~1"],
      "it holds no signature",
    ],
  ])("%s: one of the two was replaced, and both are shown", async (_, form, words) => {
    const { world, id, repository } = await publishedWorld();
    await using __ = world;
    await world.git("tag", ...form);
    const here = await world.git("rev-parse", "v1.3.0");
    const before = await stateOf(world.root);
    const { answer, findings } = await askTag(repository, "v1.3.0", script);
    expect(answer.state).toBe("failed");
    expect(answer.evidence).toContain(`origin holds object ${id.slice(0, 7)} of commit `);
    expect(answer.evidence).toContain(`the local v1.3.0 is object ${here.slice(0, 7)} of commit `);
    expect(answer.evidence).toContain(words);
    // The one key is named once.
    expect(answer.evidence.match(/SHA256:/g)).toHaveLength(1);
    expect(answer.evidence).toMatch(/ on \d{4}-\d\d-\d\d/);
    expect(answer.evidence).toEndWith(": one of the two was replaced");
    expect(answer.remedy).not.toMatch(/--force|next version|-d\b/);
    expect(findings.every(({ level }) => level === "notice")).toBe(true);
    expect(await stateOf(world.root)).toBe(before);
  });

  test("in a shallow checkout, as a build server makes it, the tag's object alone is fetched", async () => {
    const { world, id, repository } = await publishedWorld();
    await using _ = world;
    const root = join(world.home, "shallow");
    const from = ["--no-tags", `file://${world.bare}`];
    await world.git("clone", "--quiet", "--depth", "1", ...from, root);
    await world.git("-C", root, "tag", "v1.3.0");
    const before = await stateOf(root);
    const { answer, findings } = await askTag({ ...repository, root }, "v1.3.0", script);
    expect([answer.state, answer.evidence.slice(0, 14)]).toEqual([
      "verified",
      `object ${id.slice(0, 7)}`,
    ]);
    expect(findings.map(({ level }) => level)).toEqual(["notice", "warning"]);
    expect(await stateOf(root)).toBe(before);
  });

  test("a signed local tag beside an unsigned one of origin is no slip", async () => {
    await using world = await releaseWorld();
    await world.git("push", "--quiet", "origin", "main", "main:refs/tags/v1.3.0");
    await world.git("tag", "--sign", "--message", "v1.3.0", "v1.3.0");
    const repository = { root: world.root, env: world.env };
    expect(await askTag(repository, "v1.3.0", script)).toMatchObject({
      answer: { state: "failed", evidence: expect.stringContaining("one of the two was replaced") },
    });
  });
});

test("a signed object whose own name is another tag's is not the release", async () => {
  await using world = await releaseWorld();
  await world.git("tag", "--sign", "--message", "v1.2.9", "v1.2.9");
  await world.git("push", "--quiet", "origin", "main", "v1.2.9:refs/tags/v1.3.0");
  const repository = { root: world.root, env: world.env };
  expect(await askTag(repository, "v1.3.0", script)).toMatchObject({
    answer: { state: "failed", evidence: expect.stringContaining("named v1.2.9") },
  });
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
