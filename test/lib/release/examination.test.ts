import { expect, test } from "bun:test";
import { error } from "../../../scripts/lib/finding.ts";
import { obtainTag } from "../../../scripts/lib/release/examination.ts";
import type { Candidate, Facts } from "../../../scripts/lib/release/plan.ts";
import { memoryTree } from "../../../scripts/lib/tree.ts";
import { parseVersion } from "../../../scripts/lib/version.ts";
import type { SignedTag } from "../../../scripts/lib/world/tag.ts";
import { quietWorld } from "../../helpers/quiet.ts";

const commit = "a".repeat(40);
const tag = "v1.3.0";
const version = parseVersion("1.3.0");

const left: SignedTag = {
  id: "c".repeat(40),
  bytes: new Uint8Array(),
  object: commit,
  type: "commit",
  tag,
  tagger: "T <t@example.invalid> 0 +0000",
  message: `${tag}\n\nBypassed: the lab gate (--skip-lab)\n`,
  signature: undefined,
  signer: "a key",
};

/** Resumes with the tag that an interrupted run left. */
async function resumed(message: string) {
  const { report } = quietWorld().world;
  const facts: Facts = {
    tag,
    version,
    commit,
    checkout: { head: commit, branch: "refs/heads/main", changes: [], underway: [] },
    localTag: { kind: "signed", id: left.id, tag: left },
    remote: undefined,
    refs: undefined,
    relation: undefined,
    resuming: true,
    interactive: false,
  };
  const candidate: Candidate = {
    repository: { root: "/nonexistent", env: {} },
    objects: {} as Candidate["objects"],
    version,
    tag,
    commit,
    tree: memoryTree({}),
    refs: undefined,
  };
  const obtained = await obtainTag(facts, candidate, message, report);
  return { obtained, findings: report.findings };
}

test("a run that would make the same tag goes on with the one that is here", async () => {
  expect(await resumed(left.message)).toEqual({ obtained: left, findings: [] });
});

test("a tag that this run would not make is not resumed: a bypass must be repeated", async () => {
  const { obtained, findings } = await resumed(`${tag}\n`);
  expect(obtained).toBeUndefined();
  expect(findings).toEqual([
    error(
      expect.stringMatching(/^Cannot resume v1\.3\.0: the tag here is not what this run would/),
      {
        remedy: "Repeat the options of the interrupted run, or start over: git tag -d v1.3.0",
      },
    ),
  ]);
});
