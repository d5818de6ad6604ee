/** The release commands on a product of the real shape: in good order, and after common mistakes. */

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startRegistry } from "../scripts/demo/registry.ts";
import { defaults, layout } from "../scripts/lib/layout.ts";
import { realShape, realShapeWorld } from "./helpers/real-shape.ts";
import { type ReleaseWorld, today } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { start } from "./helpers/world.ts";

const script = "scripts/release.ts";
const branch = "release/0.12.0";
const merge = `git merge ${branch} --no-ff -m "Merge ${branch}"`;

function run(world: ReleaseWorld, command: string, ...args: readonly string[]) {
  return runScript(command, args, { cwd: world.root, env: world.env });
}

/** Does what a refusal says: the commands of git, then what `bun` releases with --yes. */
async function follow(world: ReleaseWorld, way: string) {
  const [git = "", release = ""] = way.split(/ && (?=bun )/);
  const { root: cwd, env } = world;
  expect(await start(["sh", "-ec", git], { cwd, env })).toMatchObject({ code: 0 });
  const [, command = "", ...args] = release.split(" ");
  return command === "" ? undefined : await run(world, command, ...args, "--yes");
}

/** Bumps to a version on its release branch, with a PASS of the lab; HEAD is on main afterwards. */
async function bumped(world: ReleaseWorld, version: string, changes: Record<string, string> = {}) {
  await world.git("checkout", "--quiet", "-b", `release/${version}`);
  const ledger = readFileSync(join(world.root, layout.ledger), "utf8");
  const row = `v${version}\t214ea6f\t${today()}\tPASS\n`;
  const files = { ...realShape(version), [layout.ledger]: ledger + row, ...changes };
  await world.commit(files, `Bump to ${version}`);
  await world.git("checkout", "--quiet", "main");
}

/** A world in which main has 0.12.0, ready to be released. */
async function readyWorld(changes: Record<string, string> = {}): Promise<ReleaseWorld> {
  const world = await realShapeWorld();
  await bumped(world, "0.12.0", changes);
  await world.git("merge", "--quiet", "--no-ff", "-m", `Merge ${branch}`, branch);
  return world;
}

describe("a dry run in good order", () => {
  /** Pre-checks, gates and cautions; the proof of signing; the plan; the verdict. */
  const lines = (gates: number, rows: number) => 5 + gates + 1 + rows + 1;

  test("of a release is 18 lines, beside the commits that main gains", async () => {
    await using world = await readyWorld();
    const { code, stdout, stderr } = await run(world, script, "v0.12.0", "--dry-run");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.match(/SHA256:/g)).toHaveLength(1);
    const commits = ["Merge release/0.12.0", "Bump to 0.12.0"];
    expect(stdout.trimEnd().split("\n")).toHaveLength(lines(3, 8) + commits.length);
    const verbose = await run(world, script, "v0.12.0", "--dry-run", "--verbose");
    expect(verbose.stdout).toContain("Cargo.toml -> 0.12.0 (matches tag)\n");
    expect(verbose.stdout).toContain("no commit since the PASS was committed");
    expect(stdout).not.toContain("(matches tag)");
  });

  test("of a chart release is 18 lines", async () => {
    using registry = startRegistry();
    registry.pushIndex("robintra/perf-sentinel", "0.12.0", ["linux/amd64", "linux/arm64"]);
    const chart = Object.fromEntries(
      Object.entries(realShape("0.12.0"))
        .filter(([path]) => path.startsWith(layout.chart))
        .map(([path, text]) => [path, text.replaceAll("ghcr.io", registry.host)]),
    );
    await using world = await readyWorld(chart);
    expect(await run(world, script, "v0.12.0", "--yes")).toMatchObject({ code: 0 });
    const chartScript = "scripts/release-chart.ts";
    const { code, stdout, stderr } = await run(world, chartScript, "chart-v0.12.0", "--dry-run");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.match(/SHA256:/g)).toHaveLength(1);
    expect(stdout.trimEnd().split("\n")).toHaveLength(lines(4, 7));
  });
});

describe("a forgotten merge is the one finding, and its way out releases,", () => {
  test.each<[string, (world: ReleaseWorld) => Promise<unknown>, string]>([
    ["where the branch is here", async () => {}, merge],
    [
      "where only origin has the branch",
      async ({ git }) => {
        await git("push", "--quiet", "origin", branch);
        await git("branch", "--quiet", "-D", branch);
        await git("update-ref", "-d", `refs/remotes/origin/${branch}`);
      },
      `git fetch origin && ${merge.replace(branch, `origin/${branch}`)}`,
    ],
  ])("%s", async (_, prepare, way) => {
    await using world = await realShapeWorld();
    await bumped(world, "0.12.0");
    await prepare(world);
    const { code, stdout, stderr } = await run(world, script, "v0.12.0", "--yes");
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: "",
      stderr: `error: Cannot release v0.12.0: ${branch} is not merged into main\n  fix: ${way}\nNothing was changed: v0.12.0 is refused.\n`,
    });
    await follow(world, way);
    expect(await run(world, script, "v0.12.0", "--yes")).toMatchObject({ code: 0 });
  });

  test("where origin's branch has gained a commit since", async () => {
    await using world = await readyWorld();
    await world.git("push", "--quiet", "origin", branch);
    const other = join(world.home, "other");
    await world.git("clone", "--quiet", "--branch", branch, world.bare, other);
    await world.git("-C", other, "commit", "--quiet", "--allow-empty", "-m", "Late fix");
    await world.git("-C", other, "push", "--quiet", "origin", branch);
    const { stderr } = await run(world, script, "v0.12.0", "--yes");
    const way = `git fetch origin && ${merge.replace(branch, `origin/${branch}`)}`;
    expect(stderr).toContain(`fix: ${way}\n`);
    await follow(world, way);
    expect(await run(world, script, "v0.12.0", "--yes")).toMatchObject({ code: 0 });
  });
});

test("the wrong version is one finding, unless a pre-check may say why", async () => {
  await using world = await readyWorld();
  await world.git("config", "user.signingkey", "/none");
  const wrong = "error: Cannot tag v0.21.0: the workspace is at 0.12.0: did you mean v0.12.0?";
  const findings = async () =>
    (await run(world, script, "v0.21.0", "--yes")).stderr.match(/^(?:error|warning): .*/gm);
  expect(await findings()).toEqual([wrong]);
  await Bun.write(join(world.root, "new"), "");
  expect((await findings())?.slice(0, 2)).toEqual(["error: The working tree is dirty: new", wrong]);
});

test("the wrong version of the chart is one finding", async () => {
  await using world = await readyWorld();
  await world.git("push", "--quiet", "origin", "main");
  const { stderr } = await run(world, "scripts/release-chart.ts", "chart-v0.21.0", "--yes");
  expect(stderr.match(/^(?:error|warning): .*/gm)).toEqual([
    "error: Cannot tag chart-v0.21.0: charts/perf-sentinel/Chart.yaml says 0.12.0, expected 0.21.0: did you mean chart-v0.12.0?",
  ]);
});

describe("on its release branch, a version that is not ready", () => {
  async function onBranch(stated: string, changes: Record<string, string> = {}) {
    const world = await realShapeWorld();
    await world.git("checkout", "--quiet", "-b", branch);
    await world.commit({ ...realShape(stated), "new.md": "", ...changes }, `Bump to ${stated}`);
    return world;
  }

  test.each([
    ["0.12.0-rc.1", "v0.12.0", "v0.12.0-rc.1"],
    ["0.12.0-rc.1", "v0.12.0-rc1", "v0.12.0-rc.1"],
    ["0.12.0", "v0.21.0", "v0.12.0"],
    ["0.11.1", "v0.12.0", "v0.11.1"],
  ])("is one finding where the workspace is at %s: %s", async (stated, tag, meant) => {
    await using world = await onBranch(stated);
    const { stderr } = await run(world, script, tag, "--yes");
    expect(stderr.match(/^(?:error|warning): .*/gm)).toEqual([
      `error: Cannot tag ${tag}: the workspace is at ${stated}: did you mean ${meant}?`,
    ]);
    expect(stderr).not.toContain("git merge");
  });

  test("is led by status to what is left, and to the merge after that", async () => {
    await using world = await onBranch("0.12.0");
    const { stderr } = await run(world, script, "v0.12.0", "--yes");
    expect(stderr).toContain("bun scripts/status.ts v0.12.0\n");
    expect(stderr).not.toContain("git merge");
    const bypassed = await run(world, script, "v0.12.0", "--yes", "--skip-lab");
    expect(bypassed.stderr).toContain(`git checkout main && ${merge}`);
  });
});

test.each([
  [script, "chart-v0.12.0", "bun scripts/release-chart.ts chart-v0.12.0"],
  ["scripts/release-chart.ts", "v0.12.0", "bun scripts/release.ts v0.12.0"],
])("%s names the command that releases %s", async (command, tag, way) => {
  await using world = await realShapeWorld();
  const { code, stderr } = await run(world, command, tag);
  expect(code).toBe(2);
  expect(stderr).toContain(`another command releases ${tag}\n  fix: ${way}\n`);
});

describe("an older line is not merged with main in either direction", () => {
  const why =
    "fix: The procedure releases from main only, never from an older line: release a version above v0.11.1\n";

  test.each([
    ["on its branch", "release/0.11.0", /must run from 'main'/],
    ["on main", "main", /release\/0\.11\.0 is not merged into main/],
  ])("%s", async (_, head, found) => {
    await using world = await realShapeWorld();
    await world.git("checkout", "--quiet", "-b", "release/0.11.0", "v0.11.0");
    await world.git("commit", "--quiet", "--allow-empty", "-m", "Hotfix");
    await world.git("checkout", "--quiet", head);
    const { code, stderr } = await run(world, script, "v0.11.0", "--dry-run");
    expect(code).toBe(1);
    expect(stderr).toMatch(found);
    expect(stderr).toContain(why);
    expect(stderr).not.toMatch(/git merge/);
  });
});

test("a chart that lists the changes of its last release is a warning", async () => {
  const path = `${layout.chart}/Chart.yaml`;
  const [was = "", now = ""] = ["0.11.1", "0.12.0"].map((each) => `"appVersion ${each}:`);
  await using world = await readyWorld({
    [path]: (realShape("0.12.0")[path] ?? "").replace(now, was),
  });
  await world.git("push", "--quiet", "origin", "main");
  const args = ["chart-v0.12.0", "--dry-run", "--skip-image-check"];
  const { code, stderr } = await run(world, "scripts/release-chart.ts", ...args);
  expect(code).toBe(0);
  expect(stderr).toContain(
    `warning: ${layout.changesAnnotation} in ${path} says what it said in chart-v0.11.1\n`,
  );
});

test("a stale vintage that nothing defers is a warning", async () => {
  const path = `${defaults.vintages.folder}/carbon.rs`;
  const stale = (realShape("0.12.0")[path] ?? "").replaceAll(today(), "2019-01-01");
  await using world = await readyWorld({ [path]: stale });
  const { code, stderr } = await run(world, script, "v0.12.0", "--dry-run");
  expect(code).toBe(0);
  expect(stderr).toMatch(/^warning: PUE_VINTAGE is stale: found /m);
});

describe("a tag that was made by hand", () => {
  const tag = "v0.12.0";
  const over = `git tag -d ${tag} && bun ${script} ${tag}`;
  const sign = ["tag", "--sign", "--message", tag, tag];

  test("is resumed as it is, and said to carry no evidence", async () => {
    await using world = await readyWorld();
    await world.git(...sign);
    const id = await world.git("rev-parse", `refs/tags/${tag}`);
    const first = await run(world, script, tag, "--yes");
    expect(first.stderr).toContain("; it was made by hand\n");
    expect(first.stderr).toContain(`fix: Finish it: bun ${script} ${tag} --resume. `);
    const { code, stderr } = await run(world, script, tag, "--yes", "--resume");
    expect(code).toBe(0);
    expect(stderr).toContain(
      `warning: ${tag} was made by hand: the tag itself carries no evidence of the gates\n`,
    );
    expect((await world.remoteRefs())[`refs/tags/${tag}`]).toBe(id);
  });

  test.each<[string, readonly string[], readonly string[], string]>([
    ["with a bypass", sign, ["--skip-lab"], "was made by hand"],
    ["of another commit than HEAD", [...sign, "HEAD^2"], [], "expected HEAD"],
    [
      "with other words",
      ["tag", "--sign", "--message", "Release 0.12.0", tag],
      [],
      "is not what this run would make",
    ],
    [
      "with words of one's own beside a release's",
      ["tag", "--sign", "--message", `${tag}\n\nNotes.\n\nCandidate: for lab validation`, tag],
      [],
      "is not what this run would make",
    ],
    ["without a signature", ["tag", "--annotate", "--message", tag, tag], [], "holds no signature"],
    ["without a message", ["tag", tag], [], "a lightweight tag"],
  ])("is refused %s, and the way out deletes and releases it", async (_, make, options, fault) => {
    await using world = await readyWorld();
    const before = await world.remoteRefs();
    await world.git(...make);
    if (options.length === 0) {
      const status = await run(world, "scripts/status.ts", tag);
      expect(status.stderr).toEndWith(`  fix: git tag -d ${tag}\n`);
      const first = await run(world, script, tag, "--yes");
      expect(first.stderr).toContain(`fix: Delete it and release: ${over}\n`);
      expect(first.stderr).not.toContain("--resume");
    }
    const { code, stderr } = await run(world, script, tag, "--yes", "--resume", ...options);
    expect({ code, refs: await world.remoteRefs() }).toEqual({ code: 1, refs: before });
    expect(stderr).toContain(fault);
    expect(stderr).toMatch(
      new RegExp(`elete it and release: ${[over, ...options].join(" ")}$`, "m"),
    );
    expect(await follow(world, over)).toMatchObject({ code: 0 });
  });

  test("is refused where a gate refuses", async () => {
    await using world = await readyWorld({ [layout.ledger]: "# ledger\n" });
    await world.git(...sign);
    const { code, stderr } = await run(world, script, tag, "--yes", "--resume");
    expect(code).toBe(1);
    expect(stderr).toContain(`no PASS entry for ${tag}`);
    expect(stderr).toContain(`fix: Delete it and release: ${over}\n`);
  });
});

describe("a candidate", () => {
  const tag = "v0.12.0-rc.1";
  const ref = `refs/tags/${tag}`;

  /** A world whose release branch has the candidate; the branch is pushed. */
  async function candidateWorld(changes: Record<string, string> = {}): Promise<ReleaseWorld> {
    const world = await realShapeWorld();
    await world.git("checkout", "--quiet", "-b", branch);
    await world.commit({ ...realShape("0.12.0-rc.1"), ...changes }, "Bump to 0.12.0-rc.1");
    await world.git("push", "--quiet", "-u", "origin", branch);
    return world;
  }

  test("is its tag alone, from the pushed release branch, without the lab gate", async () => {
    await using world = await candidateWorld();
    const before = await world.remoteRefs();
    const { code, stdout } = await run(world, script, tag, "--yes");
    expect(code).toBe(0);
    const refs = await world.remoteRefs();
    expect(refs).toEqual({ ...before, [ref]: refs[ref] ?? "" });
    const made = await world.git("cat-file", "tag", tag);
    expect(made).toContain(`object ${before[`refs/heads/${branch}`]}\n`);
    expect(made).toContain(`\n\n${tag}\n\nCandidate: for lab validation\n-----BEGIN`);
    expect(stdout).toContain("  message   Candidate: for lab validation\n");
    expect(stdout).toContain("bun scripts/validate-lab.ts v0.12.0 --lab");
    expect(await run(world, script, tag, "--yes", "--resume")).toMatchObject({ code: 0 });
  });

  test.each([
    [
      "crates.io first",
      "cargo publish",
      "on crates.io: perf-sentinel-core 0.12.0-rc.1, perf-sentinel 0.12.0-rc.1, which nothing takes back",
    ],
    [
      "without crates.io if a condition keeps it from there",
      `cargo publish\n    if: \${{ !contains(github.ref_name, '-') }}`,
      "nothing on crates.io: the condition of publish-crate keeps a candidate from it",
    ],
  ])("is shown with what its tag publishes, %s", async (_, job, row) => {
    const text = realShape("0.12.0")[layout.releaseWorkflow] ?? "";
    const publish = `  publish-crate:\n    needs: check\n    runs-on: ubuntu-latest\n    steps:\n      - run: ${job}\n`;
    await using world = await candidateWorld({ [layout.releaseWorkflow]: text + publish });
    const { code, stdout } = await run(world, script, tag, "--dry-run");
    expect(code).toBe(0);
    expect(stdout).toContain(`  triggers  ${row}\n            on GitHub: the release ${tag} with`);
    expect(stdout).toContain("  the image ghcr.io/robintra/perf-sentinel:0.12.0-rc.1\n");
  });

  test.each<[string, (world: ReleaseWorld) => Promise<unknown>, string, string]>([
    [
      "on main",
      ({ git }) => git("checkout", "--quiet", "main"),
      `A release must run from '${branch}': HEAD is on main`,
      `git checkout ${branch}, then: bun ${script} ${tag}`,
    ],
    [
      "whose branch is not pushed",
      ({ git }) => git("push", "--quiet", "origin", `:${branch}`),
      `there is no branch origin/${branch}`,
      `git push -u origin ${branch}`,
    ],
    [
      "whose branch is ahead of origin's",
      ({ git }) => git("commit", "--quiet", "--allow-empty", "-m", "More"),
      `it is 1 commit ahead of origin/${branch}, expected no difference`,
      `git push origin ${branch}`,
    ],
    [
      "whose branch is behind origin's",
      ({ git }) => git("reset", "--quiet", "--hard", "HEAD~1"),
      `it is behind origin/${branch}`,
      `git pull --ff-only origin ${branch}`,
    ],
  ])("is refused %s", async (_, prepare, fault, way) => {
    await using world = await candidateWorld();
    await prepare(world);
    const { code, stderr } = await run(world, script, tag, "--yes");
    expect(code).toBe(1);
    expect(stderr).toContain(fault);
    expect(stderr).toContain(`fix: ${way}\n`);
    expect((await world.remoteRefs())[ref]).toBeUndefined();
  });

  test.each(["--skip-lab", "--atomic"])("takes no %s", async (option) => {
    await using world = await candidateWorld();
    expect(await run(world, script, tag, "--yes", option)).toMatchObject({ code: 2 });
  });

  test("is not the newest release, and a prerelease of another name is an ordinary one", async () => {
    await using world = await candidateWorld();
    expect(await run(world, script, tag, "--yes")).toMatchObject({ code: 0 });
    await world.commit(realShape("0.12.0-beta.1"), "Bump to 0.12.0-beta.1");
    const { stderr } = await run(world, script, "v0.12.0-beta.1", "--dry-run");
    expect(stderr).toContain("A release must run from 'main'");
    expect(stderr).not.toContain("lower than the newest");
  });
});
