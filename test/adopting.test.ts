// biome-ignore-all lint/suspicious/noTemplateCurlyInString: messages are looked for as they are written
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, symlinkSync } from "node:fs";
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
const workflows = Object.fromEntries(
  blocks("yaml").map((text) => [/^# (\S+)\n/.exec(text)?.[1] ?? "", text]),
);

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
  for (const line of first.trimEnd().split("\n")) {
    expect({ line, ...(await sh(line)) }).toMatchObject({ line, code: 0 });
  }
  expect((await sh("git status --porcelain")).stdout).toBe("");
  expect(readFileSync(join(world.product, ledger), "utf8")).toBe(before);
  expect((await sh("bun scripts/check-tag-version.ts v1.3.0")).code).toBe(0);
});

test("the workflows keep to the procedure, and the lab gate in one of them is refused", async () => {
  await world.write(workflows);
  const check = "bun scripts/check-release-workflow.ts";
  expect(await sh(check)).toMatchObject({ code: 0, stderr: "" });
  const release = workflows[".github/workflows/release.yml"] ?? "";
  const gate = "      - run: bun release-gate/check-lab-validation.ts --version v1.3.0\n";
  await world.write({ ".github/workflows/release.yml": release + gate });
  expect((await sh(check)).code).toBe(1);
  await world.write(workflows);
  await world.commit("Check in CI");
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
      .filter((name) => name.endsWith(".ts") && name !== "demo.ts")
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
    .replaceAll("${layout.remote}", remote)
    .replaceAll("${main}", mainBranch);
  for (const phrase of phrases) {
    expect([phrase, sources.includes(phrase)]).toEqual([phrase, true]);
  }
});
