import { expect, test } from "bun:test";
import { Unverified } from "../../scripts/lib/answer.ts";
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
  all: new Map(object === undefined ? [] : [["refs/tags/v1.3.0", object]]),
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
const fetch = "git fetch origin refs/tags/v1.3.0:refs/tags/v1.3.0";
const fetchMain = "git fetch origin +refs/heads/main:refs/remotes/origin/main";
const ask = "git ls-remote --heads origin";
const deleteIt = "git tag -d v1.3.0";
const resign = "Release the next version, with a signed tag";
const unknown = { kind: "unknown", findings: [error("x", { remedy: "Install it" })] } as const;
const both = { localTag: signed, refs: held(id) };
const ahead = { kind: "ahead", commits: ["x"] } as const;
const silent = { refs: undefined, relation: undefined };

test.each<[string, Partial<Facts>, string, string | undefined]>([
  ["free", {}, "free pending", undefined],
  ["on the remote alone", { refs: held(id) }, "blocked unknown", fetch],
  ["signed, here alone", { localTag: signed }, "interrupted pending", finish],
  ["landed", { ...both, relation: { kind: "behind" } }, "complete verified", undefined],
  ["not landed", { ...both, relation: ahead }, "interrupted pending", finish],
  ["main not here", { ...both, relation: { kind: "unfetched" } }, "blocked unknown", fetchMain],
  ["unsigned, here alone", { localTag: unfit }, "blocked failed", deleteIt],
  ["unsigned, and published", { localTag: unfit, refs: held(id) }, "blocked failed", resign],
  ["one that cannot be judged", { localTag: unknown }, "blocked unknown", "Install it"],
  ["signed, of no remote known", { localTag: signed, ...silent }, "blocked unknown", ask],
  ["unsigned, of no remote known", { localTag: unfit, ...silent }, "blocked unknown", ask],
])("a tag is judged by both sides: %s", (_, change, expected, way) => {
  const { kind, state, next } = tagStateOf({ ...facts, ...change }, rules);
  expect([`${kind} ${state}`, next?.text]).toEqual([expected, way]);
});

test("another tag on the remote blocks the release, by the reason that it came with", () => {
  const dispute = new Unverified("failed", "one of the two was replaced", "Ask the signers");
  const change = { localTag: signed, refs: held(other) };
  expect(tagStateOf({ ...facts, ...change }, rules, dispute)).toMatchObject({
    ...{ kind: "blocked", state: "failed", evidence: "v1.3.0: one of the two was replaced" },
    next: { text: "Ask the signers" },
  });
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
  expect(askPrechecks({ ...facts, checkout }, rules).state).toBe("verified");
  const diverged = askPrechecks({ ...facts, checkout, relation: { kind: "diverged" } }, rules);
  expect(diverged.state).toBe("failed");
  expect(diverged.evidence).toContain("has diverged from origin/main");
});
