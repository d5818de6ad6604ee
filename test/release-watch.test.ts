/** What `release.ts --watch` makes of the workflow run, once the release is complete. */

import { describe, expect, test } from "bun:test";
import { jobShape, runShape, type StandInGh, standInGh } from "../scripts/demo/gh.ts";
import { Interrupted } from "../scripts/lib/interrupt.ts";
import { layout } from "../scripts/lib/layout.ts";
import { watchRun } from "../scripts/release/wait.ts";
import { ghWorld, notLoggedIn } from "./helpers/gh.ts";
import { quietWorld } from "./helpers/quiet.ts";
import { type ReleaseWorld, releaseWorld } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";

const commit = "c".repeat(40);
const tag = "v1.3.0";

function shapeOf(commit: string, details: object = {}) {
  const { repository } = layout.published;
  return runShape({ repository, tag, commit, workflow: layout.releaseWorkflow }, details);
}
const going = { status: "in_progress", conclusion: "" };
const lost = { status: "completed", conclusion: "failure" };

/** Follows a run; `meanwhile` changes what gh tells during each pause, the first one being 1. */
async function watch(
  gh: ReturnType<typeof ghWorld>,
  meanwhile: (pause: number, controller: AbortController) => unknown = () => {},
) {
  const { world, controller, sleep, elapsed } = quietWorld();
  let pauses = 0;
  const repository = { root: gh.world.cwd, env: gh.world.env };
  const flow = { world: { ...world, repository: async () => repository }, repository };
  const { finding } = await watchRun(flow, { tag, commit }, async (milliseconds, signal) => {
    pauses += 1;
    meanwhile(pauses, controller);
    await sleep(milliseconds, signal);
  });
  return { finding, pauses, minutes: elapsed() / 60_000 };
}

describe("a run is followed", () => {
  test("from before it begins to its success", async () => {
    using github = ghWorld();
    github.gh.reply("run list", { stdout: [] });
    const { finding, pauses } = await watch(github, (pause) =>
      github.gh.reply("run list", { stdout: [shapeOf(commit, pause < 3 ? going : {})] }),
    );
    expect(pauses).toBe(3);
    expect(finding).toEqual({
      level: "notice",
      message: expect.stringContaining("run of release.yml: verified, it ended in success"),
    });
  });

  test("to its failure: the job, the link and the way out; the release stands", async () => {
    using github = ghWorld();
    github.gh.reply("run list", { stdout: [shapeOf(commit, going)] });
    github.gh.reply("run view", { stdout: { jobs: [jobShape("publish-crate", "failure")] } });
    const { finding } = await watch(github, () =>
      github.gh.reply("run list", { stdout: [shapeOf(commit, lost)] }),
    );
    expect(finding.level).toBe("error");
    expect(finding.message).toStartWith(
      "v1.3.0 is released, but its workflow run has failed: job publish-crate ended as failure",
    );
    expect(finding.message).toContain("(https://github.com/robintra/perf-sentinel/actions/runs/");
    expect(finding.remedy).toContain("re-run the failed job");
  });

  test("only if it is for the commit that was released", async () => {
    using github = ghWorld();
    github.gh.reply("run list", { stdout: [shapeOf("d".repeat(40))] });
    const { finding, pauses } = await watch(github);
    expect(pauses).toBe(0);
    expect(finding.message).toContain(`the run was for commit ${"d".repeat(40)}`);
  });

  test("for an hour at most", async () => {
    using github = ghWorld();
    github.gh.reply("run list", { stdout: [shapeOf(commit, going)] });
    const { finding, minutes } = await watch(github);
    expect(minutes).toBe(layout.watchMinutes);
    expect(finding.level).toBe("error");
    expect(finding.message).toStartWith(
      "v1.3.0 is released; its workflow run was not over within 1 h 00 min: ",
    );
    expect(finding.remedy).toBe("Look again: bun scripts/verify-release.ts v1.3.0 --wait");
  });

  test("not at all where gh cannot tell, however long it is asked", async () => {
    using github = ghWorld();
    github.gh.reply("run list", notLoggedIn);
    expect(await watch(github)).toMatchObject({
      pauses: 0,
      finding: {
        level: "error",
        message:
          "v1.3.0 is released; its workflow run could not be watched: gh is not logged in to github.com",
        remedy: expect.stringContaining("gh auth login"),
      },
    });
  });

  test("until Ctrl-C, which says that the release stands", async () => {
    using github = ghWorld();
    github.gh.reply("run list", { stdout: [shapeOf(commit, going)] });
    const ended = watch(github, (_, controller) => controller.abort());
    const thrown = await ended.catch((reason: unknown) => reason);
    expect(thrown).toBeInstanceOf(Interrupted);
    expect(String(thrown)).toEndWith(
      "v1.3.0 is released; its workflow run goes on. Look again: bun scripts/verify-release.ts v1.3.0 --wait",
    );
  });
});

/** Runs release.ts with a gh that tells of one run. */
async function release(
  world: ReleaseWorld,
  args: readonly string[],
  tell: (gh: StandInGh, commit: string) => void,
) {
  const gh = standInGh(world.home);
  tell(gh, await world.git("rev-parse", "HEAD"));
  const env = { ...world.env, PATH: `${gh.bin}:${world.env.PATH}` };
  const ended = await runScript("scripts/release.ts", [tag, ...args], { cwd: world.root, env });
  return { ...ended, asked: gh.asked() };
}

test("as a command: exit code 0 needs the release and its run, and --resume watches again", async () => {
  await using world = await releaseWorld();
  const first = await release(world, ["--yes", "--watch"], (gh, head) => {
    gh.reply("run list", { stdout: [shapeOf(head, lost)] });
    gh.reply("run view", { stdout: { jobs: [jobShape("docker", "failure")] } });
  });
  expect(first.code).toBe(1);
  expect(first.asked[0]).toStartWith("run list --workflow release.yml --branch v1.3.0 ");
  expect(first.stdout).toContain("v1.3.0 is released: commit ");
  expect(first.stderr).toContain("v1.3.0 is released, but its workflow run has failed: job docker");
  expect(Object.keys(await world.remoteRefs())).toContain("refs/tags/v1.3.0");

  const again = await release(world, ["--resume", "--watch", "--json"], (gh, head) =>
    gh.reply("run list", { stdout: [shapeOf(head)] }),
  );
  expect(again.code).toBe(0);
  expect(JSON.parse(again.stdout).data).toMatchObject({
    tag,
    outcome: "complete",
    run: { question: "run of release.yml", state: "verified" },
  });
});

test("a release that is refused is not watched", async () => {
  await using world = await releaseWorld();
  await world.git("checkout", "--quiet", "-b", "feature");
  const { code, asked } = await release(world, ["--yes", "--watch"], () => {});
  expect({ code, asked }).toEqual({ code: 1, asked: [] });
});

test("there is nothing to watch in a dry run", async () => {
  await using world = await releaseWorld();
  const { code, stderr } = await release(world, ["--dry-run", "--watch"], () => {});
  expect(code).toBe(2);
  expect(stderr).toContain("--watch follows a release, and --dry-run makes none");
});
