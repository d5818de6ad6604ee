// biome-ignore-all lint/suspicious/noTemplateCurlyInString: messages are looked for as they are written
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { smallProduct } from "../scripts/demo/product.ts";
import { type DemoWorld, openDemoWorld } from "../scripts/demo/world.ts";
import { layout } from "../scripts/lib/layout.ts";
import { isolatedEnvironment, projectRoot, start, startScript } from "./helpers/world.ts";

const guide = readFileSync(join(projectRoot, "docs/adopting.md"), "utf8");

/** The fenced blocks of one language, in order. */
function blocks(language: string): string[] {
  return [...guide.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] ?? "");
}

/** The workflows by the path in their first line. */
const workflows: Record<string, string> = Object.fromEntries(
  blocks("yaml").flatMap((text) => {
    const [, path] = /^# (\S+)\n/.exec(text) ?? [];
    return path === undefined ? [] : [[path, text]];
  }),
);
const [releaseFile, chartFile] = [layout.releaseWorkflow, layout.chartReleaseWorkflow];
/** The jobs of the release workflow that a candidate concerns. */
const candidateJobs = blocks("yaml").find((text) => text.startsWith("# The end of ")) ?? "";

let world: DemoWorld;
let env: Record<string, string>;
const sh = (line: string, more: Record<string, string> = {}) =>
  start(["sh", "-c", line], { cwd: world.product, env: { ...env, ...more } });

/** The product, which adopts as the guide's first block says. */
beforeAll(async () => {
  const { signal } = new AbortController();
  world = await openDemoWorld({ tools: projectRoot, env: { ...process.env }, signal });
  await world.write(smallProduct("1.3.0"));
  await world.write({ "scripts/release.sh": "#!/bin/sh\n" });
  await world.commit("Bump to 1.3.0");
  symlinkSync(projectRoot, join(world.folder, "release-tools"));
  const bin = join(world.folder, "bin");
  await world.git("init", "--quiet", bin);
  symlinkSync(process.execPath, join(bin, "bun"));
  env = { ...isolatedEnvironment(world.folder), PATH: `${bin}:${process.env.PATH}` };
}, 120_000);

afterAll(() => world.remove());

test("the first block, line by line, ends in a copy that is current and committed", async () => {
  const ledger = "release-gate/lab-validations.txt";
  const before = readFileSync(join(world.product, ledger), "utf8");
  const [first = ""] = blocks("sh");
  let printed = "";
  for (const line of first.trimEnd().split("\n")) {
    const ended = await sh(line);
    expect({ line, ...ended }).toMatchObject({ line, code: 0 });
    printed += ended.stdout + ended.stderr;
  }
  // Hundreds of files are counted, not listed.
  expect(printed.trimEnd().split("\n").length).toBeLessThanOrEqual(12);
  expect((await sh("git status --porcelain")).stdout).toBe("");
  expect(readFileSync(join(world.product, ledger), "utf8")).toBe(before);
  expect((await sh("bun scripts/check-tag-version.ts v1.3.0")).code).toBe(0);
});

const check = "bun scripts/check-release-workflow.ts";

test("the workflows keep to the procedure, and the lab gate in one of them is refused", async () => {
  await world.write(workflows);
  expect(await sh(check)).toMatchObject({ code: 0, stderr: "" });
  const release = workflows[releaseFile] ?? "";
  const gate = "      - run: bun release-gate/check-lab-validation.ts --version v1.3.0\n";
  await world.write({ [releaseFile]: release + gate });
  expect((await sh(check)).code).toBe(1);
  await world.write(workflows);
  await world.commit("Check in CI");
});

test("the jobs for candidates are accepted as written, and with no status function in their conditions", async () => {
  const text = (workflows[releaseFile] ?? "") + candidateJobs;
  const judge = async (changed: string) => {
    await world.write({ [releaseFile]: changed });
    return await sh(check);
  };
  const waiting = "publish-crate, docker, docker-latest wait for check-versions";
  expect(await judge(text)).toMatchObject({ stdout: expect.stringContaining(waiting), stderr: "" });
  const [condition = ""] = /if: .+\n/.exec(candidateJobs) ?? [];
  for (const each of ["always() && ", "failure() || ", "!failure() && ", "!cancelled() && "]) {
    const changed = text.replaceAll("${{ !contains", `\${{ ${each}!contains`);
    const { code, stderr } = await judge(changed);
    expect([each, code, stderr.match(/may run after a failure/g)?.length]).toEqual([each, 1, 2]);
  }
  const first = text.replace("check-versions:\n", (job) => `${job}    ${condition}`);
  expect((await judge(first)).stderr).toContain('found if in job "check-versions"');
  await world.write(workflows);
});

test("the jobs for candidates keep one from crates.io and from latest, but push its image", async () => {
  const log = join(world.folder, "published");
  for (const program of ["cargo", "docker"]) {
    const path = join(world.folder, "bin", program);
    await Bun.write(path, `#!/bin/sh\necho "${program} $*" >> "${log}"\n`);
    chmodSync(path, 0o755);
  }
  const jobs: Record<string, { needs: string; if?: string; steps: { run?: string }[] }> =
    Object.values(Bun.YAML.parse(`jobs:\n${candidateJobs}`) as object)[0];
  async function publishedFor(tag: string) {
    await Bun.write(log, "");
    const skipped = new Set<string>();
    for (const [id, job] of Object.entries(jobs)) {
      const [, part] =
        /^\$\{\{ !contains\(github\.ref_name, '(.+)'\) \}\}$/.exec(job.if ?? "") ?? [];
      expect([id, part === undefined]).toEqual([id, job.if === undefined]);
      if (skipped.has(job.needs) || (part !== undefined && tag.includes(part))) {
        skipped.add(id);
        continue;
      }
      for (const { run = "true" } of job.steps) {
        expect({ run, ...(await sh(run, { GITHUB_REF_NAME: tag })) }).toMatchObject({
          run,
          code: 0,
        });
      }
    }
    return (await Bun.file(log).text()).trimEnd().split("\n");
  }
  const image = "ghcr.io/robintra/perf-sentinel";
  const push = (version: string) => `docker buildx build --push --tag ${image}:${version} .`;
  expect(await publishedFor("v1.3.0-rc.1")).toEqual([push("1.3.0-rc.1")]);
  expect(await publishedFor("v1.3.0")).toEqual([
    "cargo publish --locked --package perf-sentinel-core",
    "cargo publish --locked --package perf-sentinel",
    push("1.3.0"),
    `docker buildx imagetools create --tag ${image}:latest ${image}:1.3.0`,
  ]);
});

/** The chart workflow of a product before, with all that the guide says to change in it. */
const chartBefore = `name: Release the chart
on:
  push:
    tags: ["chart-v*"]
  workflow_dispatch:
permissions:
  contents: read
jobs:
  release:
    runs-on: ubuntu-latest
    permissions: {contents: write, packages: write, id-token: write, attestations: write}
    env: {CHART: charts/perf-sentinel}
    steps:
      - uses: azure/setup-helm@v4
      - uses: actions/checkout@v4
      - name: Check the tag
        run: scripts/check-helm-tag-version.sh "\${GITHUB_REF_NAME}"
      - name: Package
        run: helm package "$CHART" && helm push perf-sentinel-*.tgz oci://ghcr.io/robintra/charts
      - run: cosign sign --yes "$DIGEST"
  notes:
    needs: release
    if: always()
    runs-on: ubuntu-latest
    steps:
      - run: gh release create --draft "$GITHUB_REF_NAME"
`;

test("a chart workflow that the product has is accepted after the changes that the guide names", async () => {
  const findings = async (text: string) => {
    await world.write({ [chartFile]: text, "scripts/check-helm-tag-version.sh": "#!/bin/sh\n" });
    return (await sh(check)).stderr.match(/^error: .+$/gm) ?? [];
  };
  const move = "      - uses: azure/setup-helm@v4\n";
  const variable = "    env: {CHART: charts/perf-sentinel}\n";
  const call = /^ {6}- name: Check the tag\n.+\n/m;
  const documented = workflows[chartFile] ?? "";
  const twoSteps = documented.slice(documented.indexOf("      - uses: oven-sh/setup-bun@"));
  expect(
    (await findings(chartBefore)).map((each) => /found (\S+ \S+ \S+)/.exec(each)?.[1]),
  ).toEqual([
    "workflow_dispatch, expected only",
    "env in job",
    "another step before",
    "another step before",
    'job "notes" that',
  ]);
  const after = chartBefore
    .replace("  workflow_dispatch:\n", "")
    .replace(variable, "")
    .replace(move, "")
    .replace(call, () => twoSteps + move)
    .replace("    if: always()\n", "")
    .replace("      - name: Package\n", (step) => `${step}    ${variable}`);
  expect(await findings(after)).toEqual([]);
  await world.write(workflows);
});

test("the steps of the workflows pass for a good tag and a good pull request", async () => {
  expect(Object.keys(workflows)).toHaveLength(5);
  const refs: Record<string, string> = { release: "v1.3.0", "helm-release": "chart-v1.3.0" };
  for (const [path, text] of Object.entries(workflows)) {
    const { on, jobs } = Bun.YAML.parse(text) as {
      on: object;
      jobs: Record<string, { steps: { run?: string; uses?: string; with?: object }[] }>;
    };
    expect(Object.keys(on)).toHaveLength(1);
    const steps = Object.values(jobs).flatMap((job) => job.steps);
    expect(steps.some(({ uses }) => uses?.startsWith("oven-sh/setup-bun@"))).toBe(true);
    // A tag of an action can be moved; a commit cannot.
    expect(steps.every(({ uses = `@${"0".repeat(40)}` }) => /@[0-9a-f]{40}$/.test(uses))).toBe(
      true,
    );
    const runs = steps.flatMap(({ run }) => (run === undefined ? [] : [run]));
    expect(runs.length).toBeGreaterThan(0);
    for (const run of runs) {
      const { code } = await sh(run, {
        GITHUB_ACTIONS: "true",
        GITHUB_REF_NAME: refs[/(\w[\w-]*)\.yml$/.exec(path)?.[1] ?? ""] ?? "",
        GITHUB_BASE_REF: "main",
      });
      expect({ path, run, code }).toEqual({ path, run, code: 0 });
      const needsHistory = /check-chart-version-bumped|check-ledger/.test(run);
      const depth = steps.some((step) => Bun.deepEquals(step.with, { "fetch-depth": 0 }));
      expect([path, depth || !needsHistory]).toEqual([path, true]);
    }
  }
});

test("every command line that the guide names is one that the script takes", async () => {
  const lines = [
    ...guide.matchAll(
      /\bbun (?:-\S+ )*(?:\S*\/)?((?:scripts|release-gate)\/[\w-]+\.ts)([^`\n|]*)/g,
    ),
  ].map(([, script = "", rest = ""]) => ({ script, rest }));
  const helps = new Map(
    await Promise.all(
      [...new Set(lines.map(({ script }) => script))].map(async (script) => {
        const { stdout } = await startScript(script, ["--help"], { cwd: projectRoot });
        return [script, stdout] as const;
      }),
    ),
  );
  for (const { script, rest } of lines) {
    const help = helps.get(script) ?? "";
    expect([script, help.includes(`Usage: bun ${script} `)]).toEqual([script, true]);
    for (const [option] of rest.matchAll(/--[a-z-]+/g)) {
      expect([script, option, new RegExp(`^  ${option}\\b`, "m").test(help)]).toEqual([
        script,
        option,
        true,
      ]);
    }
  }
});

test("the table has every command but the demo, which is not adopted", () => {
  const rows = guide.slice(guide.indexOf("## Old and new"));
  const commands = ["scripts", "release-gate"].flatMap((folder) =>
    readdirSync(join(projectRoot, folder))
      .filter((name) => name.endsWith(".ts") && !["demo.ts", "layout.ts"].includes(name))
      .map((name) => `${folder}/${name}`),
  );
  for (const command of commands) {
    expect([command, rows.includes(`\`bun ${command}`)]).toEqual([command, true]);
  }
});

test("the words that stay are in the sources", () => {
  const [, list = ""] = guide.split("search their logs for: ");
  const phrases = [...list.matchAll(/`([^`]+)`/g)].map(([, phrase = ""]) => phrase);
  expect(phrases.length).toBeGreaterThan(5);
  const files = ["scripts", "release-gate"].flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, withFileTypes: true })
      .filter((each) => each.name.endsWith(".ts"))
      .map((each) => readFileSync(join(each.parentPath, each.name), "utf8")),
  );
  const { mainBranch, remote } = layout;
  const sources = files
    .join("\n")
    .replaceAll("${layout.mainBranch}", mainBranch)
    .replaceAll("${rules.branch}", mainBranch)
    .replaceAll("${layout.remote}", remote)
    .replaceAll("${main}", mainBranch);
  for (const phrase of phrases) {
    expect([phrase, sources.includes(phrase)]).toEqual([phrase, true]);
  }
});
