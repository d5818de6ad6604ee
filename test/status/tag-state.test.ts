import { expect, test } from "bun:test";
import { error } from "../../scripts/lib/finding.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import type { Facts } from "../../scripts/release/plan.ts";
import { precheckOutcome, tagStateOf } from "../../scripts/status/tag-state.ts";

const commit = "a".repeat(40);
const id = "c".repeat(40);
const other = "d".repeat(40);
const rules = { script: "scripts/release.ts", tagPrefix: "v", pushesMain: true };
const chartRules = { ...rules, script: "scripts/release-chart.ts", pushesMain: false };

const signed: Facts["localTag"] = {
  kind: "signed",
  id,
  tag: {
    id,
    bytes: new Uint8Array(),
    object: commit,
    type: "commit",
    tag: "v1.3.0",
    tagger: "T <t@example.invalid> 0 +0000",
    message: "v1.3.0\n\nBypassed: lab validation gate (--skip-lab)\n",
    signature: undefined,
    signer: "ED25519 key SHA256:x",
  },
};
const unfit: Facts["localTag"] = { kind: "unfit", id, why: "a lightweight tag" };
const held = (object?: string) => ({
  main: commit,
  tags: new Map(object === undefined ? [] : [["refs/tags/v1.3.0", object]]),
  tagged: new Map<string, string>(),
  lookalikes: [],
});

const facts: Facts = {
  tag: "v1.3.0",
  version: parseVersion("1.3.0"),
  commit,
  checkout: { head: commit, branch: "refs/heads/main", changes: [], underway: [] },
  localTag: { kind: "absent" },
  remote: { name: "origin", url: "/r", shown: "/r", answersByName: true },
  refs: held(),
  relation: { kind: "equal" },
  resuming: false,
  interactive: true,
};

const finish = "bun scripts/release.ts v1.3.0 --resume --skip-lab";

test.each<[string, Partial<Facts>, object]>([
  ["neither here nor there", {}, { kind: "free" }],
  ["on the remote alone", { refs: held(id) }, { kind: "elsewhere" }],
  [
    "signed, here alone",
    { localTag: signed },
    { kind: "interrupted", command: finish, published: false },
  ],
  [
    "signed, on both sides, its commit on main",
    { localTag: signed, refs: held(id), relation: { kind: "behind" } },
    { kind: "complete" },
  ],
  [
    "signed, on both sides, its commit not on main",
    { localTag: signed, refs: held(id), relation: { kind: "ahead", commits: ["x"] } },
    { kind: "interrupted", command: finish, published: true },
  ],
  [
    "signed, on both sides, beside a main that is not here",
    { localTag: signed, refs: held(id), relation: { kind: "unfetched" } },
    { kind: "unfetched" },
  ],
  [
    "signed, and another one on the remote",
    { localTag: signed, refs: held(other) },
    { kind: "taken" },
  ],
  ["unsigned, here alone", { localTag: unfit }, { kind: "unfit", why: "a lightweight tag" }],
  [
    "unsigned, and published",
    { localTag: unfit, refs: held(id) },
    { kind: "taken", why: "a lightweight tag, and published" },
  ],
  [
    "unsigned, and another one on the remote",
    { localTag: unfit, refs: held(other) },
    { kind: "taken" },
  ],
  [
    "one that nobody can judge",
    { localTag: { kind: "unknown", findings: [error("no ssh-keygen", { remedy: "Install it" })] } },
    { kind: "unknown", why: "no ssh-keygen", remedy: "Install it" },
  ],
  [
    "signed, and the remote is silent: it is never complete",
    { localTag: signed, refs: undefined, relation: undefined },
    { kind: "interrupted", published: false },
  ],
])("a tag is told by both sides: %s", (_, change, expected) => {
  expect(tagStateOf({ ...facts, ...change }, rules)).toMatchObject(expected);
});

test("the chart's tag is complete wherever main is", () => {
  const chart = {
    ...facts,
    localTag: signed,
    refs: held(id),
    relation: { kind: "diverged" } as const,
  };
  expect(tagStateOf(chart, chartRules).kind).toBe("complete");
  expect(tagStateOf(chart, rules).kind).toBe("interrupted");
});

test("a bypass stays loud after the release: the evidence repeats what the tag says", () => {
  const there = { ...facts, localTag: signed, refs: held(id) };
  expect(tagStateOf(there, rules)).toMatchObject({
    kind: "complete",
    evidence: expect.stringMatching(
      /, of \w{7} on origin\/main; Bypassed: lab validation gate \(--skip-lab\)$/,
    ),
  });
});

test("the pre-checks count as if HEAD were on a clean main", () => {
  const checkout = { head: commit, branch: "refs/heads/x", changes: ["x"], underway: ["merge"] };
  expect(precheckOutcome({ ...facts, checkout }, rules).verdict).toBe("passed");
  const diverged = precheckOutcome({ ...facts, checkout, relation: { kind: "diverged" } }, rules);
  expect(diverged.verdict).toBe("refused");
  expect(diverged.evidence).toContain("has diverged from origin/main");
});
