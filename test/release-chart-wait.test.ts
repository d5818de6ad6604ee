/** What `release-chart.ts --wait` does while it waits, and what it makes of the world after it. */

import { describe, expect, test } from "bun:test";
import { jobShape, runShape, type StandInGh, standInGh } from "../scripts/demo/gh.ts";
import { startRegistry } from "../scripts/demo/registry.ts";
import type { Finding } from "../scripts/lib/finding.ts";
import { openRepository } from "../scripts/lib/git/repository.ts";
import { layout } from "../scripts/lib/layout.ts";
import { parseVersion } from "../scripts/lib/version.ts";
import { release } from "../scripts/release/flow.ts";
import { chartProcedure } from "../scripts/release-chart.ts";
import { notLoggedIn } from "./helpers/gh.ts";
import { hurry } from "./helpers/hurry.ts";
import { quietWorld } from "./helpers/quiet.ts";
import { releaseWorld } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { projectRoot } from "./helpers/world.ts";

const script = "scripts/release-chart.ts";
const tagRef = "refs/tags/chart-v1.3.0";
const image = "robintra/perf-sentinel";
const platforms = ["linux/amd64", "linux/arm64"];

/** The small product at 1.3.0 on origin, main and v1.3.0; its image is not published. */
async function unpublishedWorld() {
  const registry = startRegistry();
  const world = await releaseWorld(registry.host);
  await world.git("push", "--quiet", "origin", "main", "main:refs/tags/v1.3.0");
  return {
    world,
    registry,
    publish: () => registry.pushIndex(image, "1.3.0", platforms),
    async [Symbol.asyncDispose]() {
      registry[Symbol.dispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}
type World = Awaited<ReturnType<typeof unpublishedWorld>>;

interface Waited {
  readonly findings: readonly Finding[];
  readonly outcome: string;
  readonly pauses: number;
  readonly seconds: number;
  readonly err: string;
}

/**
 * Releases with `--wait --yes` in this process.
 *
 * @param meanwhile What happens in the world during each pause, the first one being 1.
 */
async function waitAndRelease(
  each: World,
  meanwhile: (pause: number, controller: AbortController) => unknown,
  env = each.world.env,
): Promise<Waited> {
  const { world, written, controller, sleep, elapsed } = quietWorld();
  const { report, interrupt } = world;
  let pauses = 0;
  const wait = {
    limit: 2 * 60_000,
    async sleep(milliseconds: number, signal: AbortSignal) {
      pauses += 1;
      await meanwhile(pauses, controller);
      await sleep(milliseconds, signal);
    },
  };
  const procedure = chartProcedure(false, interrupt.requestSignal, wait);
  const releaseIn = {
    ...world,
    moment: () => new Date(),
    repository: () => openRepository(each.world.root, env),
  };
  const options = { dryRun: false, yes: true, resume: false, atomic: false };
  const version = parseVersion("1.3.0");
  const released = await release(releaseIn, procedure, version, options);
  return {
    findings: report.findings,
    outcome: released?.outcome ?? "refused",
    pauses,
    seconds: elapsed() / 1000,
    err: written.err,
  };
}

const errorsOf = ({ findings }: Waited) =>
  findings.filter(({ level }) => level === "error").map(({ message }) => message);

test("an image that appears during the wait is released, after everything was asked anew", async () => {
  await using each = await unpublishedWorld();
  const before = await each.world.remoteRefs();
  let digest = "";
  const waited = await waitAndRelease(each, (pause) => {
    digest = pause === 3 ? each.publish() : digest;
  });
  expect(errorsOf(waited)).toEqual([]);
  expect(waited).toMatchObject({ outcome: "published", pauses: 3 });
  const { world } = each;
  expect(await world.remoteRefs()).toEqual({
    ...before,
    [tagRef]: await world.git("rev-parse", "chart-v1.3.0^{tag}"),
  });
  const tag = await world.git("cat-file", "tag", "chart-v1.3.0");
  expect(tag).toContain(`\nImage-check: image ${each.registry.host}/${image}:1.3.0 -> ${digest}`);
  const messages = waited.findings.map(({ message }) => message);
  expect(new Set(messages).size).toBe(messages.length);
});

test("an image that is there is not waited for", async () => {
  await using each = await unpublishedWorld();
  each.publish();
  expect(await waitAndRelease(each, () => {})).toMatchObject({ outcome: "published", pauses: 0 });
});

/** Makes the chart on main and on origin name another registry. */
async function moveTo({ world, registry }: World, host: string): Promise<void> {
  const moved = async (name: string) => {
    const path = `charts/perf-sentinel/${name}.yaml`;
    const text = await Bun.file(`${world.root}/${path}`).text();
    return [path, text.replaceAll(registry.host, host)];
  };
  const files = Object.fromEntries(await Promise.all(["values", "Chart"].map(moved)));
  await world.commit(files);
  await world.git("push", "--quiet", "origin", "main");
}

test("a registry that gives no answer for a while is asked again", async () => {
  let denies = true;
  await using each = await unpublishedWorld();
  using registry = startRegistry({
    intercept: () => (denies ? new Response("", { status: 403 }) : undefined),
  });
  registry.pushIndex(image, "1.3.0", platforms);
  await moveTo(each, registry.host);
  const waited = await waitAndRelease(each, (pause) => {
    denies = pause < 2;
  });
  expect(waited).toMatchObject({ outcome: "published", pauses: 2 });
});

test("a registry that has said that there is no image is waited for, whatever one look finds", async () => {
  let denies = false;
  await using each = await unpublishedWorld();
  const garbled = () => (denies ? new Response("<html>", { status: 404 }) : undefined);
  using registry = startRegistry({ intercept: garbled });
  await moveTo(each, registry.host);
  const waited = await waitAndRelease(each, (pause) => {
    denies = pause === 1;
    if (pause === 2) {
      registry.pushIndex(image, "1.3.0", platforms);
    }
  });
  expect(waited).toMatchObject({ outcome: "published", pauses: 2 });
});

describe("nothing is mutated when", () => {
  test("the time is over: the usual refusal, and how long it was", async () => {
    await using each = await unpublishedWorld();
    const before = await each.world.remoteRefs();
    const waited = await waitAndRelease(each, () => {});
    expect(waited).toMatchObject({ outcome: "refused", seconds: 2 * 60 });
    expect(errorsOf(waited)).toEqual([
      expect.stringContaining("Cannot find image"),
      expect.stringMatching(
        /^Cannot release chart-v1\.3\.0: its image did not appear within 2 min 0 s$/,
      ),
    ]);
    expect(waited.err).toEndWith("Nothing was changed: chart-v1.3.0 is refused.\n");
    expect(await each.world.remoteRefs()).toEqual(before);
    expect(await each.world.localTags()).toEqual([]);
  });

  type Meanwhile = (each: World) => Promise<unknown>;
  const rows: [string, string, Meanwhile][] = [
    [
      "HEAD moves on, here and on the remote",
      "HEAD moved from",
      async ({ world }) => {
        await world.commit({ "README.md": "later work" });
        await world.git("push", "--quiet", "origin", "main");
      },
    ],
    [
      "the tag appears on the remote",
      "already exists on origin",
      ({ world }) => world.git("push", "--quiet", "origin", `main:${tagRef}`),
    ],
  ];

  test.each(rows)("%s during the wait", async (_, words, meanwhile) => {
    await using each = await unpublishedWorld();
    let after: Record<string, string> = {};
    const waited = await waitAndRelease(each, async () => {
      await meanwhile(each);
      after = await each.world.remoteRefs();
      each.publish();
    });
    expect(waited).toMatchObject({ outcome: "refused", pauses: 1 });
    expect(errorsOf(waited).join("\n")).toContain(words);
    expect(await each.world.remoteRefs()).toEqual(after);
    expect(await each.world.localTags()).toEqual([]);
  });

  test("the image comes without a promised platform", async () => {
    await using each = await unpublishedWorld();
    const waited = await waitAndRelease(each, () =>
      each.registry.pushIndex(image, "1.3.0", ["linux/amd64"]),
    );
    expect(waited).toMatchObject({ outcome: "refused", pauses: 1 });
    expect(errorsOf(waited)).toEqual([expect.stringContaining("Cannot find linux/arm64 in image")]);
  });
});

describe("the run that publishes the image", () => {
  const run = (details: object) => ({
    stdout: [
      runShape(
        {
          repository: layout.published.repository,
          tag: "v1.3.0",
          commit: "c".repeat(40),
          workflow: layout.releaseWorkflow,
        },
        details,
      ),
    ],
  });
  const going = { status: "in_progress", conclusion: "" };
  const lost = { status: "completed", conclusion: "failure" };
  const withGh = (world: World["world"], gh: StandInGh) => ({
    ...world.env,
    PATH: `${gh.bin}:${world.env.PATH}`,
  });

  test("ends the wait at once if it has failed, and nothing is mutated", async () => {
    await using each = await unpublishedWorld();
    const gh = standInGh(each.world.home);
    gh.reply("run list", run(going));
    gh.reply("run view", { stdout: { jobs: [jobShape("docker", "failure")] } });
    const before = await each.world.remoteRefs();
    const waited = await waitAndRelease(
      each,
      (pause) => pause === 2 && gh.reply("run list", run(lost)),
      withGh(each.world, gh),
    );
    expect(waited).toMatchObject({ outcome: "refused", pauses: 2 });
    expect(errorsOf(waited)).toEqual([
      expect.stringMatching(
        /^Cannot release chart-v1\.3\.0: the run of release\.yml for v1\.3\.0 that publishes its image has failed, job docker ended as failure \(https:/,
      ),
    ]);
    expect(waited.err).toContain("run of release.yml for v1.3.0: pending, ");
    expect(gh.asked()[0]).toContain("--branch v1.3.0 ");
    expect(await each.world.remoteRefs()).toEqual(before);
    expect(await each.world.localTags()).toEqual([]);
  });

  test("may go on, or have failed elsewhere, once the image is there", async () => {
    await using each = await unpublishedWorld();
    const gh = standInGh(each.world.home);
    gh.reply("run list", run(going));
    const waited = await waitAndRelease(
      each,
      () => {
        each.publish();
        gh.reply("run list", run(lost));
      },
      withGh(each.world, gh),
    );
    expect(waited).toMatchObject({ outcome: "published", pauses: 1 });
  });
});

describe("nobody waits for a release that is refused anyway:", () => {
  const rows: [string, string, (each: World) => Promise<unknown>][] = [
    [
      "HEAD is ahead of the remote's main",
      "1 commit ahead of origin/main",
      ({ world }) => world.commit({ "README.md": "x" }),
    ],
    [
      "no key can sign",
      "requires a signing identity",
      ({ world }) => world.git("config", "user.signingkey", "/nowhere"),
    ],
    [
      "another gate refuses",
      "appVersion is 1.3.0",
      async ({ world }) => {
        const path = "charts/perf-sentinel/Chart.yaml";
        const chart = await Bun.file(`${world.root}/${path}`).text();
        await world.commit({ [path]: chart.replace("sentinel:1.3.0", "sentinel:1.2.9") });
        await world.git("push", "--quiet", "origin", "main");
      },
    ],
  ];
  test.each(rows)("%s", async (_, words, prepare) => {
    await using each = await unpublishedWorld();
    await prepare(each);
    const waited = await waitAndRelease(each, () => {});
    expect(waited).toMatchObject({ outcome: "refused", pauses: 0 });
    const errors = errorsOf(waited);
    expect(errors.join("\n")).toContain(words);
    expect(errors.join("\n")).toContain("Cannot find image");
    expect(new Set(errors).size).toBe(errors.length);
  });
});

test("nobody waits for a network: no waiting brings its answer, and it is the way out", async () => {
  await using each = await unpublishedWorld();
  // No label of a name has more than 63 characters, so no resolver is asked.
  await moveTo(each, `${"a".repeat(64)}.invalid`);
  const gh = standInGh(each.world.home);
  gh.reply("run list", notLoggedIn);
  const env = { ...each.world.env, PATH: `${gh.bin}:${each.world.env.PATH}` };
  const waited = await waitAndRelease(each, () => {}, env);
  expect(waited).toMatchObject({ outcome: "refused", pauses: 0 });
  expect(waited.findings.filter(({ level }) => level === "error")).toEqual([
    expect.objectContaining({
      message: expect.stringContaining("its name cannot be resolved"),
      remedy: "Check the network and the server, then run the command again",
    }),
  ]);
});

test("a login that is missing is no way out of a registry's trouble", async () => {
  await using each = await unpublishedWorld();
  using registry = startRegistry({ intercept: () => new Response("", { status: 403 }) });
  await moveTo(each, registry.host);
  const gh = standInGh(each.world.home);
  gh.reply("run list", notLoggedIn);
  const env = { ...each.world.env, PATH: `${gh.bin}:${each.world.env.PATH}` };
  const { findings } = await waitAndRelease(each, () => {}, env);
  expect(findings.flatMap(({ remedy = "" }) => remedy).join("\n")).not.toContain("gh auth login");
});

describe("as a command", () => {
  hurry();

  test("it waits, tells each change, and releases", async () => {
    await using each = await unpublishedWorld();
    const { world } = each;
    const looking = setInterval(() => {
      // The gate asks first, and then the wait: what that is to tell must have been pending.
      if (each.registry.requests.length > 1) {
        clearInterval(looking);
        setTimeout(each.publish, 200);
      }
    }, 10);
    const { code, stdout, stderr } = await runScript(
      script,
      ["chart-v1.3.0", "--yes", "--wait", "2"],
      { cwd: world.root, env: world.env },
    );
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const told = stderr.split("\n").filter((line) => line.startsWith("after "));
    expect(told).toEqual([
      expect.stringMatching(/^after \d+ s: image: pending, Cannot find image .*MANIFEST_UNKNOWN/),
      expect.stringMatching(/^after \d+ s: run of release.yml for v1.3.0: unknown, /),
    ]);
    expect(stdout).toContain("chart-v1.3.0 is released");
    expect(Object.keys(await world.remoteRefs())).toContain(tagRef);
  });

  test("Ctrl-C, even twice, ends it at once with 130 and says what is left", async () => {
    await using each = await unpublishedWorld();
    const { world } = each;
    const child = Bun.spawn(
      [process.execPath, `${projectRoot}/${script}`, "chart-v1.3.0", "--yes", "--wait"],
      { cwd: world.root, env: world.env, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
    );
    let said = "";
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) {
      said += decoder.decode(bytes, { stream: true });
      if (said.includes("after ")) {
        child.kill("SIGINT");
        setTimeout(() => child.kill("SIGINT"), 1);
      }
    }
    expect(await child.exited).toBe(130);
    expect(said).toContain(
      "Interrupted: chart-v1.3.0 is not released: its image is not published yet",
    );
    expect(await world.localTags()).toEqual([]);
  });

  test("it does not wait for what it is told to do without", async () => {
    await using each = await unpublishedWorld();
    const { world } = each;
    const { code, stderr } = await runScript(
      script,
      ["chart-v1.3.0", "--wait", "--skip-image-check"],
      { cwd: world.root, env: world.env },
    );
    expect(code).toBe(2);
    expect(stderr).toContain("--wait waits for the image that --skip-image-check does without");
  });
});
