import { expect, test } from "bun:test";
import { error, notice } from "../../scripts/lib/finding.ts";
import { openRepository } from "../../scripts/lib/git/git.ts";
import { openObjects } from "../../scripts/lib/git/objects.ts";
import { signTag } from "../../scripts/lib/git/tag.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import { examineInTime, obtainTag } from "../../scripts/release/examination.ts";
import type { Gate } from "../../scripts/release/gate.ts";
import type { Candidate, Facts } from "../../scripts/release/plan.ts";
import { waysOn } from "../../scripts/release/prechecks.ts";
import { memoryTree } from "../helpers/memory-tree.ts";
import { quietWorld } from "../helpers/quiet.ts";
import { testRepository } from "../helpers/world.ts";

const tag = "v1.3.0";
const version = parseVersion("1.3.0");
const leftMessage = `${tag}\n\nBypassed: lab validation gate (--skip-lab)\n`;

/** Resumes with the tag that an interrupted run left, and that the remote may hold. */
async function resumed(message: string, published = false) {
  await using world = await testRepository();
  const commit = await world.commit({ "README.md": "a" });
  await world.useSshKey();
  const repository = await openRepository(world.root, world.env);
  const quiet = quietWorld().world;
  const left = await signTag(repository, { tag, commit, message: leftMessage }, quiet.moment());
  const { report } = quiet;
  const remoteTags = published ? ([[`refs/tags/${tag}`, left.id]] as const) : [];
  const facts: Facts = {
    tag,
    version,
    commit,
    checkout: { head: commit, branch: "refs/heads/main", changes: [], underway: [] },
    localTag: { kind: "signed", id: left.id, tag: left },
    remote: undefined,
    refs: { main: commit, tags: new Map(remoteTags), tagged: new Map(), lookalikes: [] },
    relation: undefined,
    resuming: true,
    interactive: false,
  };
  const candidate: Candidate = {
    repository,
    objects: {} as Candidate["objects"],
    version,
    tag,
    commit,
    tree: memoryTree({}),
    refs: undefined,
    waysOn: waysOn(facts, { script: "scripts/release.ts" }),
  };
  const obtained = await obtainTag(facts, candidate, message, quiet);
  const refusals = report.findings.filter(({ level }) => level === "error");
  return { isLeft: obtained && obtained === left, refusals };
}

test("a run that would make the same tag goes on with the one that is here", async () => {
  expect(await resumed(leftMessage)).toEqual({ isLeft: true, refusals: [] });
});

test.each<[string, boolean, string]>([
  ["is here alone", false, "Or start over: git tag -d v1.3.0"],
  ["is published", true, "A published tag is never moved"],
])(
  "a tag that this run would not make is not resumed, a bypass must be repeated: it %s",
  async (_, published, or) => {
    const { isLeft, refusals } = await resumed(`${tag}\n`, published);
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

test("a commit that comes in during the wait refuses: the operator asked for another one", async () => {
  await using world = await testRepository();
  await world.commit({ "README.md": "a" });
  await world.addRemote();
  await world.useSshKey();
  let published = false;
  const gate: Gate<Candidate> = {
    title: "image",
    check: async () => [published ? notice("it is there") : error("it is not there")],
  };
  const quiet = quietWorld().world;
  const { report } = quiet;
  const repository = await openRepository(world.root, world.env);
  await using objects = openObjects(repository);
  await examineInTime({
    world: { ...quiet, repository: async () => repository },
    repository,
    objects,
    procedure: {
      script: "scripts/release.ts",
      tagPrefix: "v",
      pushesMain: true,
      gates: [gate],
      patience: {
        gate,
        async wait() {
          published = true;
          await world.commit({ "README.md": "b" });
          return undefined;
        },
      },
      evidence: async () => [],
      cautions: async () => [],
      nextSteps: async () => [],
    },
    version,
    options: { dryRun: false, yes: true, resume: false, atomic: false },
  });
  const errors = report.findings.filter(({ level }) => level === "error");
  expect(errors.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /^Cannot release v1\.3\.0: HEAD moved from [0-9a-f]+ to [0-9a-f]+ during the wait$/,
    ),
  ]);
});
