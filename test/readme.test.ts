import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { smallProduct } from "../scripts/demo/product.ts";
import { startRegistry } from "../scripts/demo/registry.ts";
import { openDemoWorld } from "../scripts/demo/world.ts";
import { findComponent } from "./helpers/components.ts";
import { runInTerminal } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { isolatedEnvironment, projectRoot, start, temporaryFolder } from "./helpers/world.ts";

const readme = readFileSync(join(projectRoot, "README.md"), "utf8");

/** The fenced blocks of one language, in order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter((match) => match[1] === language)
    .map((match) => match[2] ?? "");
}

const commands = blocks("sh").flatMap((block) => block.trimEnd().split("\n"));

/** Every script that a user runs. */
const scripts = ["scripts", "release-gate"].flatMap((folder) =>
  readdirSync(join(projectRoot, folder))
    .filter((name) => name.endsWith(".ts") && name !== "layout.ts")
    .map((name) => `${folder}/${name}`),
);

function demoWorld(registry = "ghcr.io") {
  const { signal } = new AbortController();
  return openDemoWorld({ tools: projectRoot, registry, env: { ...process.env }, signal });
}

async function bumpedWorld() {
  const world = await demoWorld();
  await world.write(smallProduct("1.3.0"));
  await world.commit("Bump to 1.3.0");
  return world;
}

test("the first transcript is what the command prints", async () => {
  await using world = await bumpedWorld();
  const pins = "crates/sentinel-cli/Cargo.toml";
  await world.write({ [pins]: smallProduct("1.2.9")[pins] ?? "" });
  const [transcript = ""] = blocks("console");
  const { stdout } = await world.script("scripts/check-tag-version.ts", ["v1.3.0"]);
  expect(`$ bun scripts/check-tag-version.ts v1.3.0\n${stdout}`).toBe(transcript);
});

test("the commands of a release lead, as written, from the old version to both tags of the new one", async () => {
  using registry = startRegistry();
  registry.pushIndex("robintra/perf-sentinel", "1.3.0", ["linux/amd64", "linux/arm64"]);
  await using world = await demoWorld(registry.host);
  const release = commands.filter((line) => !line.startsWith("npx "));
  expect(release.length).toBeGreaterThan(5);
  for (const line of release) {
    const words = (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ""));
    const [program, script = "", ...args] = words;
    if (program === "git") {
      expect({ line, ...(await world.git(script, ...args)) }).toMatchObject({ line, code: 0 });
      continue;
    }
    expect(program).toBe("bun");
    const { GIT_COMMITTER_DATE: _, ...isolated } = isolatedEnvironment(world.folder);
    const env = { ...isolated, TERM: "xterm" };
    const { code, stdout } = await runInTerminal(
      script,
      args,
      { cwd: world.product, env },
      "[y/N]",
      () => "y\r",
    );
    expect({ line, code, stdout }).toMatchObject({ line, code: 0 });
  }
  const tags = await world.git("ls-remote", "--tags", "origin", "*v1.3.0");
  expect(tags.stdout.match(/refs\/tags\/(chart-)?v1\.3\.0$/gm)).toHaveLength(2);
});

test("the two commands of a fresh machine are the demo, and what CI runs", async () => {
  const fresh = commands.filter((line) => line.startsWith("npx "));
  expect(fresh).toEqual(["npx --yes bun@1.4.5 run demo", "npx --yes bun@1.4.5 run check"]);
  const manifest = await Bun.file(join(projectRoot, "package.json")).json();
  expect(manifest.scripts.demo).toBe("bun scripts/demo.ts");
  expect(manifest.scripts.check.split(" && ")).toEqual([
    "bun install --frozen-lockfile",
    "bun run lint",
    "bun run types",
    "bun run test",
  ]);
  expect(await Bun.file(join(projectRoot, ".ci/run")).text()).toContain(`\n${fresh[1]} `);
});

test.skipIf(findComponent("npx") === undefined)(
  "the first command of a fresh machine runs",
  async () => {
    using folder = temporaryFolder();
    const env = isolatedEnvironment(folder.path);
    const { code, stdout } = await start(["npx", "--yes", "bun@1.4.5", "run", "demo"], {
      cwd: projectRoot,
      env: { ...env, npm_config_update_notifier: "false" },
    });
    expect(stdout).toContain("Every step ended as the procedure states");
    expect(code).toBe(0);
  },
);

test("the table names every script, with all the options that its help has", async () => {
  const rows = readme.split("\n").filter((line) => /^\| `(scripts|release-gate)\//.test(line));
  const named = rows.map((row) => /`([^` ]+)/.exec(row)?.[1] ?? "");
  expect(named.toSorted()).toEqual(scripts.toSorted());
  for (const [index, script] of named.entries()) {
    const { stdout } = await runScript(script, ["--help"], { cwd: projectRoot });
    const options = [...stdout.matchAll(/^ {2}(?:-h, )?(--[a-z-]+)/gm)].map((match) => match[1]);
    const own = options.filter((name) => !["--repo", "--json", "--help"].includes(name ?? ""));
    const listed = [...(rows[index] ?? "").matchAll(/`(--[a-z-]+)`/g)].map((match) => match[1]);
    expect({ script, options: listed.toSorted() }).toEqual({ script, options: own.toSorted() });
  }
});

test("the workflow snippets are YAML, and their commands pass for a good tag", async () => {
  await using world = await bumpedWorld();
  const workflows = blocks("yaml");
  expect(workflows).toHaveLength(3);
  const refs = ["v1.3.0", "chart-v1.3.0", ""];
  for (const [index, text] of workflows.entries()) {
    const { jobs } = Bun.YAML.parse(text) as {
      jobs: Record<string, { steps: { run?: string; uses?: string }[] }>;
    };
    const steps = Object.values(jobs).flatMap((job) => job.steps);
    expect(steps.some(({ uses }) => uses?.startsWith("oven-sh/setup-bun@"))).toBe(true);
    const run = steps.find((step) => step.run !== undefined)?.run ?? "";
    const script = /^bun (?:-\S+ )+(\S+\.ts)/.exec(run)?.[1] ?? "";
    const { code } = await start(
      ["sh", "-c", run.replace(/^bun/, '"$BUN"').replace(script, `"${join(projectRoot, script)}"`)],
      {
        cwd: world.product,
        env: {
          ...isolatedEnvironment(world.folder),
          BUN: process.execPath,
          GITHUB_ACTIONS: "true",
          GITHUB_REF_NAME: refs[index] ?? "",
          GITHUB_BASE_REF: "main",
        },
      },
    );
    expect({ run, code }).toEqual({ run, code: 0 });
  }
});
