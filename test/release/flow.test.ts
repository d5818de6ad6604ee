import { expect, test } from "bun:test";
import { error, type Finding, notice, refusal, warning } from "../../scripts/lib/finding.ts";
import { openObjects } from "../../scripts/lib/git/objects.ts";
import { openRepository } from "../../scripts/lib/git/repository.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import { askGates, type Gate, sign, type Target } from "../../scripts/release/flow.ts";
import type { Facts } from "../../scripts/release/prechecks.ts";
import { signTag } from "../../scripts/release/sign.ts";
import { memoryTree } from "../helpers/memory-tree.ts";
import { withoutGates } from "../helpers/procedure.ts";
import { quietWorld } from "../helpers/quiet.ts";
import { testRepository } from "../helpers/world.ts";

const tag = "v1.3.0";
const version = parseVersion("1.3.0");
const repository = { root: "/", env: {} };
const target: Target = {
  repository,
  findLast: () => Promise.reject(new Error("asked")),
  ...{ version, tag, commit: "a".repeat(40), tree: memoryTree({}) },
};
const options = { dryRun: false, yes: false, resume: false, atomic: false };

const gate = (check: () => Promise<readonly Finding[]>, title = "asked"): Gate => ({
  title,
  check: async () => ({ findings: await check() }),
});
const noEvidence = error('Cannot pass gate "asked": it gave no evidence');

test.each<[string, Finding[], Finding[]]>([
  ["a notice passes", [notice("seen")], []],
  ["a warning beside a notice passes", [warning("look"), notice("seen")], []],
  ["an error refuses beside a notice", [notice("seen"), error("bad")], []],
  ["no findings refuse", [], [noEvidence]],
  ["warnings alone refuse", [warning("look")], [noEvidence]],
])("of a gate's findings %s", async (_, findings, added) => {
  const verdicts = await askGates([gate(async () => findings)], target);
  expect(verdicts).toEqual([{ findings: [...findings, ...added] }]);
});

test("a gate that throws a refusal refuses; a defect in a gate ends everything", async () => {
  const refused = gate(() => Promise.reject(refusal("Cannot know")));
  expect(await askGates([refused], target)).toEqual([{ findings: [error("Cannot know")] }]);
  const broken = gate(() => Promise.reject(new TypeError("undefined is not a function")));
  await expect(askGates([broken], target)).rejects.toThrow("undefined is not a function");
});

test("a bypass is a warning and a line of the tag's message, and the question is not asked", async () => {
  const bypassed = { ...gate(() => Promise.reject(new Error("asked"))), bypass: "the lab" };
  const [verdict] = await askGates([bypassed], target);
  expect(verdict?.trailers).toEqual(["Bypassed: the lab"]);
  expect(verdict?.findings).toEqual([
    warning("BYPASSED: the lab", { remedy: expect.stringContaining("The signed tag will say so") }),
  ]);
});

test("gates are asked at once, and answer in their own order", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = gate(() => promise.then(() => [notice("1")]));
  const second = gate(async () => {
    resolve();
    return [notice("2")];
  });
  const verdicts = await askGates([first, second], target);
  expect(verdicts.flatMap(({ findings }) => findings)).toEqual([notice("1"), notice("2")]);
});

const leftTrailer = "Bypassed: lab validation gate (--skip-lab)";

/** Resumes with the tag that an interrupted run left, and that the remote may hold. */
async function resumed(trailers: readonly string[], published = false) {
  await using world = await testRepository();
  const commit = await world.commit({ "README.md": "a" });
  await world.useSshKey();
  const repository = await openRepository(world.root, world.env);
  const quiet = quietWorld().world;
  const message = `${tag}\n\n${leftTrailer}\n`;
  const left = await signTag(repository, { tag, commit, message }, quiet.moment());
  const remoteTags = published ? ([[`refs/tags/${tag}`, left.id]] as const) : [];
  const facts: Facts = {
    ...{ tag, version, commit },
    checkout: { head: commit, branch: "refs/heads/main", changes: [], underway: [] },
    localTag: { kind: "signed", id: left.id, tag: left },
    remote: undefined,
    refs: { main: commit, all: new Map(remoteTags) },
    relation: undefined,
    resuming: true,
    interactive: false,
  };
  await using objects = openObjects(repository);
  const flow = { world: { ...quiet, repository: async () => repository }, repository, objects };
  const { signed, findings } = await sign(
    { ...flow, procedure: withoutGates, options, version, tag },
    {
      facts,
      verdicts: [{ findings: [], trailers }],
      target: { ...target, commit },
      passed: true,
      complete: false,
    },
  );
  const refusals = findings.filter(({ level }) => level === "error");
  return { isLeft: signed && signed === left, refusals };
}

test("a run that would make the same tag goes on with the one that is here", async () => {
  expect(await resumed([leftTrailer])).toEqual({ isLeft: true, refusals: [] });
});

test.each<[string, boolean, string]>([
  [
    "is here alone",
    false,
    "Or delete it and release: git tag -d v1.3.0 && bun scripts/release.ts v1.3.0",
  ],
  ["is published", true, "A published tag is never moved"],
])(
  "a tag that this run would not make is not resumed, a bypass must be repeated: it %s",
  async (_, published, or) => {
    const { isLeft, refusals } = await resumed([], published);
    expect(isLeft).toBeUndefined();
    expect(refusals).toEqual([
      error(
        expect.stringMatching(/^Cannot resume v1\.3\.0: the tag here is not what this run would/),
        {
          remedy: `Repeat the options of the interrupted run: bun scripts/release.ts v1.3.0 --resume --skip-lab. ${or}`,
        },
      ),
    ]);
  },
);
