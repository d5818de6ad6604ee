/** `verify-release.ts` as a command: what it prints, as text, as JSON and as a summary. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { publishSoundly, runShape, type StandInGh, soundAssets } from "../scripts/demo/gh.ts";
import { startCrateIndex, startRegistry } from "../scripts/demo/registry.ts";
import { defaults, layout } from "../scripts/lib/layout.ts";
import { countAnswers } from "../scripts/verify-release.ts";
import { ghWorld } from "./helpers/gh.ts";
import { hurry } from "./helpers/hurry.ts";
import { type ReleaseWorld, releaseWorld } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { type JsonReport, projectRoot } from "./helpers/world.ts";

const script = "scripts/verify-release.ts";
const image = "robintra/perf-sentinel";
const platforms = ["linux/amd64", "linux/arm64"];
const { published } = defaults;
const assets = soundAssets([...published.binaries, published.sbom], published.checksums[0]);

let product: ReleaseWorld;
let registry: ReturnType<typeof startRegistry>;
let index: ReturnType<typeof startCrateIndex>;
let github: ReturnType<typeof ghWorld>;
let commit: string;
let digest: string;

beforeAll(async () => {
  registry = startRegistry();
  index = startCrateIndex();
  github = ghWorld();
  product = await releaseWorld(registry.host);
  for (const tag of ["v1.3.0", "chart-v1.3.0"]) {
    await product.git("tag", "--sign", "--message", tag, tag);
  }
  await product.git("push", "--quiet", "origin", "main", "v1.3.0", "chart-v1.3.0");
  commit = await product.git("rev-parse", "HEAD");
  digest = registry.pushIndex(image, "1.3.0", platforms);
  for (const name of published.crates) {
    index.publish(name, "1.3.0");
  }
  publish(github.gh);
});

/** A gh that tells of a sound release of the application. */
function publish(gh: StandInGh): void {
  const { repository } = published;
  const release = { repository, tag: "v1.3.0", commit, workflow: layout.releaseWorkflow };
  publishSoundly(gh, release, assets);
}

afterAll(async () => {
  registry[Symbol.dispose]();
  index[Symbol.dispose]();
  github[Symbol.dispose]();
  await product[Symbol.asyncDispose]();
});

/** Runs the command on the product, with the registry and the index on loopback. */
function verify(
  tag: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
  clock?: () => number,
) {
  const places = tag.startsWith("chart") ? [] : ["--crate-index", index.url];
  return runScript(script, [tag, "--registry", registry.host, ...places, ...args], {
    cwd: product.root,
    env: { ...product.env, PATH: `${github.gh.bin}:${product.env.PATH}`, ...env },
    ...(clock && { clock }),
  });
}

/** git and ssh-keygen, and nothing that is called gh. */
async function withoutGh(): Promise<Record<string, string>> {
  const bin = join(product.home, "only-git");
  await Bun.$`mkdir -p ${bin} && ln -sf ${Bun.which("git")} ${Bun.which("ssh-keygen")} ${bin}/`.quiet();
  return { PATH: bin };
}

test("a release that has arrived: each answer with its evidence, and exit code 0", async () => {
  const { code, stdout, stderr } = await verify("v1.3.0");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const id = await product.git("rev-parse", "v1.3.0");
  const lines = stdout.trimEnd().split("\n");
  expect(lines.slice(0, 4)).toEqual([
    `the promises of v1.3.0 are read from its commit ${commit.slice(0, 7)}`,
    `tag on origin: verified, object ${id.slice(0, 7)} of commit ${commit.slice(0, 7)}, the same as locally, with a good signature (ssh)`,
    expect.stringContaining("run of release.yml: verified, it ended in success"),
    expect.stringContaining("GitHub release v1.3.0: verified, published on 2026-08-07"),
  ]);
  expect(lines.slice(-4)).toEqual([
    `image on ${registry.host}: verified, ${image}:1.3.0 is ${digest} (linux/amd64, linux/arm64)`,
    expect.stringMatching(
      /^crate perf-sentinel-core: verified, 1\.3\.0 with checksum [0-9a-f]{64}$/,
    ),
    expect.stringMatching(/^crate perf-sentinel: verified, 1\.3\.0 with checksum [0-9a-f]{64}$/),
    "v1.3.0 is published: 20 of 20 verified",
  ]);
});

test("as JSON and as a summary, it is all answers", async () => {
  const summary = join(product.home, "summary.md");
  const { code, stdout } = await verify("1.3.0", ["--json"], {
    GITHUB_ACTIONS: "true",
    GITHUB_STEP_SUMMARY: summary,
  });
  expect(code).toBe(0);
  const { data } = JSON.parse(stdout) as JsonReport;
  expect(data).toMatchObject({ tag: "v1.3.0", kind: "application", commit });
  expect(data.waitedSeconds).toBeUndefined();
  expect(data.answers).toHaveLength(20);
  expect(data.answers[1]).toEqual({
    question: "run of release.yml",
    state: "verified",
    evidence: expect.stringContaining("it ended in success"),
    link: "https://github.com/robintra/perf-sentinel/actions/runs/21",
  });
  const table = readFileSync(summary, "utf8").trimEnd().split("\n");
  expect(table[2]).toBe("| question | state | evidence | fix |");
  expect(table).toHaveLength(4 + 20);
});

test("without gh: one line for all that only gh can tell, the other answers, and exit code 1", async () => {
  const { code, stdout, stderr } = await verify("v1.3.0", [], await withoutGh());
  expect(code).toBe(1);
  expect(stdout).toContain(`image on ${registry.host}: verified`);
  expect(stdout).toContain("crate perf-sentinel: verified");
  const lines = stderr.trimEnd().split("\n");
  expect(lines).toEqual([
    expect.stringMatching(
      /^error: Cannot verify run of release\.yml, GitHub release v1\.3\.0, .*: unknown, gh is not installed, or not on PATH$/,
    ),
    expect.stringContaining("fix: Install gh"),
    "v1.3.0: 4 of 20 verified, 16 unknown",
  ]);
});

test("a tag whose commit is not here: no image is held to what another commit promises", async () => {
  const clone = join(product.home, "without-tag");
  const base = await product.git("rev-parse", "HEAD~1");
  await product.git("init", "--quiet", clone);
  await product.git("-C", clone, "fetch", "--quiet", product.root, base);
  await product.git("-C", clone, "checkout", "--quiet", "FETCH_HEAD");
  await product.git("-C", clone, "remote", "add", "origin", product.bare);
  const { code, stderr } = await verify("v1.3.0", ["--repo", clone]);
  expect(code).toBe(1);
  expect(stderr).toContain(
    `Cannot verify image on ${registry.host}: unknown, the promises of v1.3.0 are unknown`,
  );
  expect(stderr).toContain("fix: Fetch the tag: git fetch origin tag v1.3.0");
  expect(stderr).toContain("Cannot verify tag on origin: unknown, ");
  expect(stderr).toContain("v1.3.0: 18 of 20 verified, 2 unknown\n");
});

test("files that a partial clone lacks are not fetched: what they promise is unknown", async () => {
  const clone = join(product.home, "partial");
  await product.git("--git-dir", product.bare, "config", "uploadpack.allowFilter", "true");
  const filter = ["--filter=blob:none", "--no-checkout"];
  await product.git("clone", "--quiet", ...filter, `file://${product.bare}`, clone);
  const objects = () => product.git("-C", clone, "count-objects", "-v");
  const before = await objects();
  const { code, stdout, stderr } = await verify("v1.3.0", ["--repo", clone]);
  expect(code).toBe(1);
  expect(stdout).toContain("crate perf-sentinel: verified");
  expect(stderr).toContain(`Cannot verify image on ${registry.host}: unknown`);
  expect(await objects()).toBe(before);
});

describe("with --wait", () => {
  hurry();

  test("what is pending is waited for, and the seconds are in the data", async () => {
    using other = ghWorld();
    publish(other.gh);
    const going = runShape(
      { repository: published.repository, tag: "v1.3.0", commit, workflow: layout.releaseWorkflow },
      { status: "in_progress", conclusion: "" },
    );
    other.gh.reply("run list", {
      // The first look finds it going, later ones at its end.
      shell: `if [ ! -f "$here/seen" ]; then : > "$here/seen"; echo '${JSON.stringify([going])}'; exit 0; fi`,
      stdout: [{ ...going, status: "completed", conclusion: "success" }],
    });
    const env = { PATH: `${other.gh.bin}:${product.env.PATH}` };
    const { code, stdout, stderr } = await verify("v1.3.0", ["--wait", "1", "--json"], env);
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^after \d+ s: run of release\.yml: pending, .*\nafter \d+ s: run of release\.yml: verified, it ended in success.*\n$/,
    );
    expect(JSON.parse(stdout).data.waitedSeconds).toBeGreaterThanOrEqual(
      layout.lookAgain.first / 1000,
    );
  });

  test("nobody waits for gh to be installed", async () => {
    // On a clock that stands still, a command that waits does so for ever.
    const { code, stderr } = await verify("v1.3.0", ["--wait"], await withoutGh(), () => 0);
    expect(code).toBe(1);
    expect(stderr).toStartWith("error: Cannot verify run of release.yml, ");
    expect(stderr).toEndWith("v1.3.0: 4 of 20 verified, 16 unknown after 0 s\n");
  });

  test("Ctrl-C ends it at once with 130, and says what is open", async () => {
    using other = ghWorld();
    publish(other.gh);
    other.gh.reply("run list", { stdout: [] });
    const child = Bun.spawn(
      [
        process.execPath,
        join(projectRoot, script),
        ...["v1.3.0", "--registry", registry.host, "--crate-index", index.url, "--wait"],
      ],
      {
        cwd: product.root,
        env: { ...product.env, PATH: `${other.gh.bin}:${product.env.PATH}` },
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
      },
    );
    let said = "";
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) {
      said += decoder.decode(bytes, { stream: true });
      if (said.includes("pending")) {
        child.kill("SIGINT");
      }
    }
    expect(await child.exited).toBe(130);
    expect(said).toEndWith("error: Interrupted: not verified yet: run of release.yml\n");
  });
});

describe("a wrong command line is exit code 2, before anything is asked:", () => {
  test.each([
    [["main"]],
    [["v1.3"]],
    [["v1.3.0", "--wait", "0"]],
    [["v1.3.0", "--wait", "soon"]],
    [["v1.3.0", "--registry", "https://ghcr.io"]],
    [["v1.3.0", "--registry", "owner/product"]],
    [["v1.3.0", "--crate-index", "index.crates.io"]],
    [["v1.3.0", "--crate-index", "file:///etc"]],
    [["chart-v1.3.0", "--crate-index", "https://index.crates.io/"]],
  ])("%j", async (args) => {
    const { code, stdout } = await runScript(script, args, { cwd: product.root, env: product.env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

test("answers are counted by state", () => {
  const states = ["verified", "failed", "verified", "unknown"] as const;
  const answers = states.map((state) => ({ question: "q", state, evidence: "e" }));
  expect(countAnswers(answers)).toBe("2 of 4 verified, 1 failed, 1 unknown");
  expect(countAnswers([])).toBe("0 of 0 verified");
});
