/** The story that the demo tells: each command of the procedure, and how it ends. */

import { notice, refusal } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import type { Finished } from "../lib/process.ts";
import type { Report } from "../lib/report.ts";
import { type StandInCrateIndex, startCrateIndex } from "./crate-index.ts";
import { publishSoundly, soundAssets, standInGh } from "./gh.ts";
import { smallProduct } from "./product.ts";
import type { StandInRegistry } from "./registry.ts";
import { type DemoWorld, oldVersion } from "./world.ts";

const version = "1.3.0";
const platforms = ["linux/amd64", "linux/arm64"];

/**
 * Releases a version and its chart, refusals first.
 *
 * @throws {Refusal} If a step ends otherwise than the procedure says.
 */
export async function demonstrate(
  world: DemoWorld,
  registry: StandInRegistry,
  report: Report,
): Promise<void> {
  const tell = (text: string) => sayAll(report, "", `# ${text}`);
  const show = async (expected: number, script: string, ...args: string[]) => {
    sayAll(report, "", `$ bun ${[script, ...args].join(" ")}`);
    const answer = await world.script(script, args);
    showAnswer(report, answer, expected);
  };

  tell("Step 2: something new is ready. The audit names every place that states the old version.");
  await world.write({
    [layout.changelog]: withUnreleased(smallProduct(oldVersion)[layout.changelog]),
  });
  await world.commit("Describe what is new");
  await show(1, "scripts/check-references.ts", `v${version}`);

  tell("Steps 2 and 3: one command brings them all along, changelogs and chart included.");
  await show(0, "scripts/bump-version.ts", version);
  await showGit(world, report, "commit", "--quiet", "--all", "--message", `Bump to ${version}`);
  await show(0, "scripts/check-tag-version.ts", `v${version}`);

  tell("Step 5: nobody has run the lab on it yet, so it is not released.");
  await show(1, "release-gate/check-lab-validation.ts", "--version", `v${version}`);
  await show(1, "scripts/release.ts", `v${version}`, "--yes");

  tell("Step 4: the lab passes. The row is recorded, and committed.");
  await show(
    0,
    "scripts/record-validation.ts",
    ...[`v${version}`, "PASS", "--lab", layout.lab, "--append", layout.ledger],
  );
  const record = `Record the lab validation of ${version}`;
  await showGit(world, report, "commit", "--quiet", "--all", "--message", record);

  tell("Step 6: a dry run proves everything, signing included. Then the release.");
  await show(0, "scripts/release.ts", `v${version}`, "--dry-run");
  await show(0, "scripts/release.ts", `v${version}`, "--yes");

  tell("The tag as the remote holds it, and its signature.");
  await showTag(world, report, `v${version}`);

  tell("Step 7: the chart waits until the image that it installs is published.");
  await show(1, "scripts/release-chart.ts", `chart-v${version}`, "--yes");
  registry.pushIndex("robintra/perf-sentinel", version, platforms);
  tell("The image is published now.");
  await show(0, "scripts/release-chart.ts", `chart-v${version}`, "--yes");
  await showTag(world, report, `chart-v${version}`);

  tell("Where does the release stand? Each step with its evidence.");
  await show(0, "scripts/status.ts", `v${version}`);

  tell("How sound were the releases so far?");
  await show(0, "scripts/audit-releases.ts");

  tell(
    "Did everything arrive that the tag triggers? Here stand-ins answer for GitHub and crates.io.",
  );
  using index = await publishAll(world);
  const places = ["--registry", registry.host, "--crate-index", index.url];
  await show(0, "scripts/verify-release.ts", `v${version}`, ...places);
  report.say("");
  report.add(notice("Every step ended as the procedure says"));
}

/** Plays what release.yml publishes, the image apart. */
async function publishAll(world: DemoWorld): Promise<StandInCrateIndex> {
  const { published, releaseWorkflow: workflow } = layout;
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

/** A changelog that says something above its newest version. */
function withUnreleased(changelog = ""): string {
  return changelog.replace(/^(?=## )/m, "## [Unreleased]\n\n### Added\n\n- Something new.\n\n");
}

/** Shows the tag object that the remote holds, and lets git judge its signature. */
async function showTag(world: DemoWorld, report: Report, tag: string): Promise<void> {
  await showGit(world, report, "--git-dir", "../origin.git", "cat-file", "tag", tag);
  await showGit(world, report, "verify-tag", tag);
}

async function showGit(world: DemoWorld, report: Report, ...args: string[]): Promise<void> {
  const words = args.map((word) => (word.includes(" ") ? `"${word}"` : word));
  sayAll(report, "", `$ git ${words.join(" ")}`);
  showAnswer(report, await world.git(...args), 0);
}

function showAnswer(report: Report, { code, stdout, command }: Finished, expected: number): void {
  const output = stdout === "" ? [] : stdout.replace(/\n$/, "").split("\n");
  sayAll(report, ...output.map((line) => `  ${line}`), `  [exit ${code}]`);
  if (code !== expected) {
    const what = command.slice(3).join(" ");
    throw refusal(`Cannot go on with the demo: ${what} ended with ${code}, expected ${expected}`);
  }
}

function sayAll(report: Report, ...lines: string[]): void {
  for (const line of lines) {
    report.say(line);
  }
}
