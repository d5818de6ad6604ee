#!/usr/bin/env bun
/**
 * Runs the real scripts through the whole procedure in temporary folders, with a small product, a bare
 * remote, an SSH key, a stand-in lab and an image registry on loopback.
 *
 * Usage: bun scripts/demo.ts [--keep]
 *
 * Refuses if a script ends with another exit code than the procedure states.
 *
 * Exit codes: 0 completed, 1 a step failed, 2 wrong command line, 130 interrupted.
 */

import { resolve } from "node:path";
import { publishSoundly, soundAssets, standInGh } from "./demo/gh.ts";
import { smallProduct } from "./demo/product.ts";
import { type StandInRegistry, startCrateIndex, startRegistry } from "./demo/registry.ts";
import { type DemoWorld, oldVersion, openDemoWorld } from "./demo/world.ts";
import { command, flag, main } from "./lib/cli.ts";
import { notice, refusal } from "./lib/finding.ts";
import { defaults } from "./lib/layout.ts";
import type { Finished } from "./lib/process.ts";
import type { Report } from "./lib/report.ts";

const version = "1.3.0";

export const table = command({
  name: "scripts/demo.ts",
  summary: "Runs the real scripts through the whole release procedure, in temporary folders.",
  operands: {},
  options: {
    keep: flag("keep the temporary folders, and print their path"),
  },
  refuses: ["a script ends with another exit code than the procedure states"],
  example: "bun scripts/demo.ts --keep",
  withoutRepo: true,
  async run({ options, env, report, interrupt }) {
    using registry = startRegistry();
    const tools = resolve(import.meta.dir, "..");
    const { host } = registry;
    const world = await openDemoWorld({ tools, registry: host, env, signal: interrupt.signal });
    try {
      await demonstrate(world, registry, report);
    } finally {
      if (options.keep) {
        report.add(notice(`the folders are kept: ${world.folder}`));
      } else {
        await world.remove();
      }
    }
  },
});

/**
 * Releases a version and its chart; shows the refusals first.
 *
 * @throws {Refusal} If a script ends with another exit code than expected.
 */
async function demonstrate(
  world: DemoWorld,
  registry: StandInRegistry,
  report: Report,
): Promise<void> {
  function say(...lines: string[]): void {
    for (const line of lines) {
      report.print(line);
    }
  }

  const tell = (text: string) => say("", `# ${text}`);

  /** Shows a command, its output and its exit code, which must be the expected one. */
  async function show(words: readonly string[], ended: Promise<Finished>, expected: number) {
    const command = words.map((word) => (word.includes(" ") ? `"${word}"` : word)).join(" ");
    say("", `$ ${command}`);
    const { code, stdout } = await ended;
    const output = stdout === "" ? [] : stdout.replace(/\n$/, "").split("\n");
    say(...output.map((line) => `  ${line}`), `  [exit ${code}]`);
    if (code !== expected) {
      throw refusal(
        `Cannot continue the demo: ${command} ended with ${code}, expected ${expected}`,
      );
    }
  }

  const run = (expected: number, script: string, ...args: string[]) =>
    show(["bun", script, ...args], world.script(script, args), expected);
  const git = (...args: string[]) => show(["git", ...args], world.git(...args), 0);

  /** Prints the tag object of the remote, and the verdict of git on its signature. */
  async function showTag(tag: string): Promise<void> {
    await git("--git-dir", "../origin.git", "cat-file", "tag", tag);
    await git("verify-tag", tag);
  }

  tell("Step 2: a change is ready. The audit names every place that states the old version.");
  const changelog = smallProduct(oldVersion)[defaults.changelog] ?? "";
  const unreleased = "## [Unreleased]\n\n### Added\n\n- Something new.\n\n";
  await world.write({ [defaults.changelog]: changelog.replace(/^(?=## )/m, unreleased) });
  await world.commit("Describe what is new");
  await run(1, "scripts/check-references.ts", `v${version}`);

  tell("Steps 2 and 3: one command updates them all, including changelogs and chart.");
  await run(0, "scripts/bump-version.ts", version);
  await git("commit", "--quiet", "--all", "--message", `Bump to ${version}`);
  await run(0, "scripts/check-tag-version.ts", `v${version}`);

  tell("Step 5: the lab has not validated it yet, so it is not released.");
  await run(1, "release-gate/check-lab-validation.ts", "--version", `v${version}`);
  await run(1, "scripts/release.ts", `v${version}`, "--yes");

  tell("Step 4: the lab was run by hand, and passed. The row is recorded and committed.");
  const where = ["--lab", defaults.lab, "--append", defaults.ledger];
  await run(0, "scripts/record-validation.ts", `v${version}`, "PASS", ...where);
  await git("commit", "--quiet", "--all", "--message", `Record the lab validation of ${version}`);

  tell("Step 6: a dry run checks everything, including signing. Then the release.");
  await run(0, "scripts/release.ts", `v${version}`, "--dry-run");
  await run(0, "scripts/release.ts", `v${version}`, "--yes");

  tell("The tag on the remote, and its signature.");
  await showTag(`v${version}`);

  tell("Step 7: the chart waits until the image that it installs is published.");
  await run(1, "scripts/release-chart.ts", `chart-v${version}`, "--yes");
  registry.pushIndex("robintra/perf-sentinel", version, ["linux/amd64", "linux/arm64"]);
  tell("The image is published now.");
  await run(0, "scripts/release-chart.ts", `chart-v${version}`, "--yes");
  await showTag(`chart-v${version}`);

  tell("The state of the release: each step with its evidence.");
  await run(0, "scripts/status.ts", `v${version}`);

  tell("The audit of all releases so far.");
  await run(0, "scripts/audit-releases.ts");

  tell("Is everything published that the tag triggers? Stand-ins answer for GitHub and crates.io.");
  using index = await publishAll(world);
  const places = ["--registry", registry.host, "--crate-index", index.url];
  await run(0, "scripts/verify-release.ts", `v${version}`, ...places);
  report.print("");
  report.add(notice("Every step ended as the procedure states"));
}

/** Publishes what release.yml does except the image, and returns the crate index. */
async function publishAll(world: DemoWorld) {
  const { published, releaseWorkflow: workflow } = defaults;
  const { repository, binaries, sbom, checksums, crates } = published;
  const tag = `v${version}`;
  const commit = (await world.git("rev-parse", `${tag}^{commit}`)).stdout.trim();
  const assets = soundAssets([...binaries, sbom], checksums[0]);
  publishSoundly(standInGh(world.folder), { repository, tag, commit, workflow }, assets);
  const index = startCrateIndex();
  for (const name of crates) {
    index.publish(name, version);
  }
  return index;
}

if (import.meta.main) {
  await main(table);
}
