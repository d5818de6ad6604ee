import { expect, test } from "bun:test";
import { error } from "../../scripts/lib/finding.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import type { Facts } from "../../scripts/release/prechecks.ts";
import { askPrechecks, chartRules, rules, tagStateOf } from "../../scripts/status/tags.ts";

const commit = "a".repeat(40);
const id = "c".repeat(40);
const other = "d".repeat(40);
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

const finish = { text: "bun scripts/release.ts v1.3.0 --resume --skip-lab" };
const fetch = { text: "git fetch origin refs/tags/v1.3.0:refs/tags/v1.3.0" };
const fetchMain = { text: "git fetch origin +refs/heads/main:refs/remotes/origin/main" };
const deleteIt = { text: "git tag -d v1.3.0" };
const stays = { text: "Never move a published tag: release the next version" };
const install = [error("no ssh-keygen", { remedy: "Install it" })];

test.each<[string, Partial<Facts>, object]>([
  ["free", {}, { kind: "free" }],
  [
    "on the remote alone",
    { refs: held(id) },
    {
      ...{ kind: "blocked", state: "unknown", next: fetch },
      evidence: "v1.3.0 exists on origin, but not locally",
    },
  ],
  [
    "signed, here alone",
    { localTag: signed },
    {
      ...{ kind: "interrupted", next: finish },
      evidence: "interrupted: v1.3.0 is signed locally, and is not on origin",
    },
  ],
  [
    "signed, on both sides, its commit on main",
    { localTag: signed, refs: held(id), relation: { kind: "behind" } },
    { kind: "complete" },
  ],
  [
    "signed, on both sides, its commit not on main",
    { localTag: signed, refs: held(id), relation: { kind: "ahead", commits: ["x"] } },
    { kind: "interrupted", next: finish },
  ],
  [
    "signed, on both sides, and the remote's main is not here",
    { localTag: signed, refs: held(id), relation: { kind: "unfetched" } },
    { kind: "blocked", state: "unknown", next: fetchMain },
  ],
  [
    "signed, and another one on the remote",
    { localTag: signed, refs: held(other) },
    { kind: "blocked", state: "failed", next: stays },
  ],
  [
    "unsigned, here alone",
    { localTag: unfit },
    { kind: "blocked", evidence: "v1.3.0 exists locally: a lightweight tag", next: deleteIt },
  ],
  [
    "unsigned, and published",
    { localTag: unfit, refs: held(id) },
    { evidence: "v1.3.0 is published: a lightweight tag", next: stays },
  ],
  [
    "unsigned, and another one on the remote",
    { localTag: unfit, refs: held(other) },
    { next: stays },
  ],
  [
    "one that cannot be judged",
    { localTag: { kind: "unknown", findings: install } },
    { kind: "blocked", state: "unknown", next: { text: "Install it" } },
  ],
  [
    "signed, and the remote is silent: never complete",
    { localTag: signed, refs: undefined, relation: undefined },
    { kind: "interrupted" },
  ],
])("a tag is judged by both sides: %s", (_, change, expected) => {
  expect(tagStateOf({ ...facts, ...change }, rules)).toMatchObject(expected);
});

test("the chart's tag is complete wherever main is", () => {
  const relation = { kind: "diverged" } as const;
  const chart = { ...facts, localTag: signed, refs: held(id), relation };
  expect(tagStateOf(chart, chartRules).kind).toBe("complete");
  expect(tagStateOf(chart, rules).kind).toBe("interrupted");
});

test("a bypass stays loud after the release: the evidence repeats what the tag says", () => {
  const there = { ...facts, localTag: signed, refs: held(id) };
  expect(tagStateOf(there, rules).evidence).toMatch(
    /, of \w{7} on origin\/main; Bypassed: lab validation gate \(--skip-lab\)$/,
  );
});

test("the pre-checks count as if HEAD were on a clean main", () => {
  const checkout = { head: commit, branch: "refs/heads/x", changes: ["x"], underway: ["merge"] };
  expect(askPrechecks({ ...facts, checkout }).state).toBe("verified");
  const diverged = askPrechecks({ ...facts, checkout, relation: { kind: "diverged" } });
  expect(diverged.state).toBe("failed");
  expect(diverged.evidence).toContain("has diverged from origin/main");
});
