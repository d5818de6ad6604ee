import { describe, expect, test } from "bun:test";
import { attestationShape, type GhReply, predicates } from "../../scripts/demo/gh.ts";
import { Unverified } from "../../scripts/lib/answer.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { askAttestations, type Subject } from "../../scripts/verify/github-release.ts";
import { ghWorld, tooOldForAttestations } from "../helpers/gh.ts";

const release = {
  repository: layout.published.repository,
  tag: "v1.3.0",
  commit: "1".repeat(40),
  workflow: layout.releaseWorkflow,
};
const home = `https://github.com/${release.repository}`;
const subjectOf = (name: string): Subject => ({
  name,
  file: () => Promise.resolve({ path: `/tmp/${name}`, sha256: "a1".repeat(32) }),
});
const linux = subjectOf("linux");
const named = { name: "linux", sha256: "a1".repeat(32) };
const provenance = attestationShape(release, named, predicates.provenance);
const spdx = attestationShape(release, named, predicates.spdx);

/** The two answers about a subject, where gh answers so. */
async function ask(
  replies: { readonly v1?: GhReply; readonly spdx?: GhReply } = {},
  subject = linux,
) {
  using made = ghWorld();
  made.gh.reply("attestation verify linux v1", replies.v1 ?? { stdout: [provenance] });
  made.gh.reply("attestation verify linux v2.3", replies.spdx ?? { stdout: [spdx] });
  const answers = await askAttestations([subject], release, made.world);
  return { answers, asked: made.gh.asked() };
}

test("both attestations of a subject are verified, each asked for by its predicate", async () => {
  const { answers, asked } = await ask();
  expect(answers).toEqual(
    ["provenance", "SPDX attestation"].map((what) => ({
      question: `${what} of linux`,
      state: "verified",
      evidence: "signed by .github/workflows/release.yml at refs/tags/v1.3.0",
    })),
  );
  const words = (predicate: string) =>
    `attestation verify /tmp/linux --predicate-type ${predicate} --format json --repo robintra/perf-sentinel`;
  expect(asked.toSorted()).toEqual([words(predicates.provenance), words(predicates.spdx)]);
});

test("subjects are asked at once and answered in their order", async () => {
  using made = ghWorld();
  made.gh.reply("attestation verify slow", { shell: "sleep 0.1", stdout: [] });
  made.gh.reply("attestation verify quick", { stdout: [] });
  const subjects = ["slow", "quick"].map(subjectOf);
  const answers = await askAttestations(subjects, release, made.world);
  expect(answers.map(({ question }) => question)).toEqual([
    "provenance of slow",
    "SPDX attestation of slow",
    "provenance of quick",
    "SPDX attestation of quick",
  ]);
});

test("one sound attestation is enough, whatever stands beside it", async () => {
  const other = attestationShape(release, named, predicates.provenance, {
    sourceRepositoryRef: "refs/heads/main",
  });
  const { answers } = await ask({ v1: { stdout: [other, spdx, provenance] } });
  expect(answers.map(({ state }) => state)).toEqual(["verified", "verified"]);
});

test("where the commit is not known, the tag is what binds", async () => {
  using made = ghWorld();
  made.gh.reply("attestation verify", { stdout: [provenance] });
  const { commit: _, ...origin } = release;
  const [answer] = await askAttestations([linux], origin, made.world);
  expect(answer?.state).toBe("verified");
});

describe("an attestation has failed", () => {
  const file = (name: string) => `${home}/.github/workflows/${name}@refs/tags/v1.3.0`;
  const other = "2".repeat(40);
  test.each<[string, string, string | undefined, string]>([
    ["ref", "sourceRepositoryRef", "refs/heads/main", "refs/tags/v1.3.0"],
    ["ref", "sourceRepositoryRef", "refs/tags/v1.2.9", "refs/tags/v1.3.0"],
    ["ref", "sourceRepositoryRef", undefined, "refs/tags/v1.3.0"],
    ["repository", "sourceRepositoryURI", `${home}-fork`, home],
    ["workflow", "buildSignerURI", file("ci.yml"), file("release.yml")],
    ["commit", "sourceRepositoryDigest", other, release.commit],
  ])("of another %s: %s is %s", async (what, key, found, expected) => {
    const certificate = { [key]: found };
    const shape = attestationShape(release, named, predicates.provenance, certificate);
    const { answers } = await ask({ v1: { stdout: [shape] } });
    const evidence = `it names ${what} ${found ?? "unknown"}, expected ${expected}`;
    expect(answers[0]).toMatchObject({ state: "failed", evidence });
    expect(answers[1]?.state).toBe("verified");
  });

  test("of another file", async () => {
    const shape = attestationShape(
      release,
      { name: "linux", sha256: "b2".repeat(32) },
      predicates.spdx,
    );
    const { answers } = await ask({ spdx: { stdout: [shape] } });
    expect(answers[1]).toMatchObject({
      state: "failed",
      evidence: `it names a file with another sha256 than ${named.sha256}`,
    });
  });

  test("whose signature gh does not accept", async () => {
    const stderr = 'Error: verifying with issuer "sigstore.dev"\n';
    const { answers } = await ask({ v1: { code: 1, stderr } });
    expect(answers[0]).toMatchObject({
      state: "failed",
      evidence: expect.stringContaining('verifying with issuer "sigstore.dev"'),
    });
  });
});

describe("an attestation that is absent", () => {
  const absent: readonly (readonly [string, GhReply])[] = [
    ["as gh says", { code: 1, stderr: "Error: no attestations found\n" }],
    [
      "as the server says",
      {
        code: 1,
        stderr: `✗ Loading attestations from GitHub API failed\n\nError: HTTP 404: Not Found (https://api.github.com/repos/robintra/perf-sentinel/attestations/sha256:${named.sha256}?per_page=30)\n`,
      },
    ],
    // gh 2.49 to 2.66 ends well where there is none.
    ["as an empty list says", { stdout: [] }],
    ["as there is only one of another kind", { stdout: [spdx] }],
  ];
  test.each(absent)("%s, is pending", async (_, reply) => {
    const { answers } = await ask({ v1: reply });
    expect(answers[0]).toMatchObject({ state: "pending", evidence: "there is no attestation" });
  });
});

test("the attestations of a subject that is not there are not either, and gh is not asked", async () => {
  const file = () => Promise.reject(new Unverified("pending", "there is no such asset", "Wait"));
  const { answers, asked } = await ask({}, { name: "linux", file });
  expect(answers).toMatchObject(
    Array(2).fill({ state: "pending", evidence: "there is no such asset", remedy: "Wait" }),
  );
  expect(asked).toEqual([]);
});

describe("nobody knows anything of an attestation if gh", () => {
  test("is too old, in the same words for each", async () => {
    const { answers } = await ask({ v1: tooOldForAttestations, spdx: tooOldForAttestations });
    for (const answer of answers) {
      expect(answer).toMatchObject({
        state: "unknown",
        evidence: "the installed gh is too old for gh attestation verify",
        remedy: "Update gh to 2.67 or later (https://cli.github.com)",
      });
    }
  });

  test.each([
    ["a result without a certificate", { signature: {} }],
    ["a result without a statement", { statement: null }],
    ["a statement without subjects", { statement: { predicateType: predicates.provenance } }],
  ])("tells of %s", async (_, details) => {
    const { verificationResult, ...rest } = provenance;
    const shape = { ...rest, verificationResult: { ...verificationResult, ...details } };
    const { answers } = await ask({ v1: { stdout: [shape] } });
    expect(answers[0]?.state).toBe("unknown");
  });

  test.each([
    ["the network", 'Error: verifying with issuer "sigstore.dev": dial tcp: lookup tuf-repo\n'],
    ["the roots of trust", "Error: failed to update TUF client: signature verification failed\n"],
  ])("cannot verify a signature because of %s", async (_, stderr) => {
    const { answers } = await ask({ v1: { code: 1, stderr } });
    expect(answers[0]?.state).toBe("unknown");
  });
});
