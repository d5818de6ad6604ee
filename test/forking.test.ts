import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { projectRoot, start, type TestRepository, testRepository } from "./helpers/world.ts";

/** The fenced blocks of the page, in order. */
const blocks = [
  ...readFileSync(join(projectRoot, "docs/forking.md"), "utf8").matchAll(
    /^```(\w+)\n([\s\S]*?)^```$/gm,
  ),
].map(([, language = "", text = ""]) => ({ language, text }));

/** A workspace that is like the product in nothing but one version and a changelog. */
function tidepool(version: string): Record<string, string> {
  const crate = (name: string, dependencies: string) =>
    `[package]\nname = "${name}"\nversion.workspace = true\n\n[dependencies]\n${dependencies}`;
  const locked = (name: string) => `\n[[package]]\nname = "${name}"\nversion = "${version}"\n`;
  return {
    "Cargo.toml": `[workspace]\nmembers = ["libs/*"]\n\n[workspace.package]\nversion = "${version}"\n`,
    "libs/core/Cargo.toml": crate("tidepool-core", ""),
    "libs/cli/Cargo.toml": crate(
      "tidepool",
      `tidepool-core = { version = "=${version}", path = "../core" }\n`,
    ),
    "Cargo.lock": `version = 4\n${locked("tidepool")}${locked("tidepool-core")}`,
    "CHANGELOG.md": `# Changelog\n\n## [${version}] - 2026-08-07\n\n### Added\n\n- Tides.\n`,
  };
}

let world: TestRepository;
const sh = (line: string) => start(["sh", "-c", line], { cwd: world.root, env: world.env });

/** Writes notes below [Unreleased], if none are there. */
async function writeNotes(): Promise<void> {
  const path = join(world.root, "CHANGELOG.md");
  const notes = "## [Unreleased]\n\n### Fixed\n\n- A leak.\n\n";
  const text = readFileSync(path, "utf8");
  if (!text.includes(notes)) {
    await Bun.write(path, text.replace(/^(?:## \[Unreleased\]\n+)?(?=## \[\d)/m, notes));
  }
}

/** Runs a line, which must succeed, and returns what it prints. Before a bump, it writes the notes. */
async function follow(line: string): Promise<string> {
  if (line.includes("bump-version")) {
    await writeNotes();
  }
  const asks = line.includes("scripts/release.ts") && !line.includes("--dry-run");
  const ended = await sh(asks ? `${line} --yes` : line);
  expect({ line, ...ended }).toMatchObject({ line, code: 0 });
  return ended.stdout + ended.stderr;
}

beforeAll(async () => {
  world = await testRepository();
  await world.git("checkout", "--quiet", "-b", "trunk");
  await world.commit(tidepool("0.4.1"), "Release 0.4.1");
  await world.addRemote();
  await world.useSshKey();
  await world.git("tag", "--sign", "--message=tidepool-v0.4.1", "tidepool-v0.4.1");
  await world.git("push", "--quiet", "origin", "tidepool-v0.4.1");
  symlinkSync(projectRoot, join(world.home, "release-tools"));
  mkdirSync(join(world.home, "bin"));
  symlinkSync(process.execPath, join(world.home, "bin", "bun"));
  // No test asks GitHub.
  symlinkSync(Bun.which("false") ?? "", join(world.home, "bin", "gh"));
  // A release refuses a tag of another day.
  delete world.env.GIT_AUTHOR_DATE;
  delete world.env.GIT_COMMITTER_DATE;
  world.env.PATH = `${join(world.home, "bin")}:${process.env.PATH}`;
}, 60_000);

afterAll(() => world[Symbol.asyncDispose]());

/** What each command line of the page printed. */
const printed = new Map<string, string>();

/** Follows the page up to a heading's block, and no further. */
async function followUntil(last: RegExp): Promise<void> {
  for (let block = blocks.shift(); block !== undefined; block = blocks.shift()) {
    const [, path] = /^(?:\/\/|#) (\S+)\n/.exec(block.text) ?? [];
    if (path !== undefined) {
      await Bun.write(join(world.root, path), block.text);
    }
    for (const line of block.language === "sh" ? block.text.trimEnd().split("\n") : []) {
      printed.set(line, await follow(line));
    }
    if (last.test(block.text)) {
      return;
    }
  }
}

/** The words of what the layout has none of. */
const others = /chart|lab\b|ledger|vintage|perf-sentinel/i;

test("the page sets up another workspace by editing nothing but scripts/layout.ts", async () => {
  await followUntil(/adopt\.ts \. --check/);
  const audit = printed.get("bun scripts/audit-releases.ts") ?? "";
  expect(audit).toContain("tag            date        signed  main  files  stale\n");
  expect(audit).toContain("1 tag: 1 release\n");
  expect(audit).not.toMatch(/chart|lab/);
  const edited = await sh("bun scripts/adopt.ts . --check --verbose");
  expect(edited.stdout).not.toContain("edited");
});

test("commands about what the layout has none of refuse, and say so", async () => {
  for (const [line, what] of [
    ["scripts/check-chart-appversion.ts", "chart"],
    ["scripts/check-chart-version-bumped.ts trunk", "chart"],
    ["scripts/check-helm-tag-version.ts 1.0.0", "chart"],
    ["scripts/release-chart.ts 1.0.0 --dry-run", "chart"],
    ["scripts/bump-version.ts 1.0.0 --chart-only", "chart"],
    ["scripts/bump-version.ts 1.0.0 --chart 2.0.0", "chart"],
    ["scripts/verify-release.ts chart-v1.0.0", "chart"],
    ["scripts/validate-lab.ts 1.0.0 --lab .", "lab"],
    ["scripts/record-validation.ts 1.0.0 PASS --lab .", "ledger"],
    ["release-gate/check-ledger.ts", "ledger"],
    ["release-gate/check-lab-validation.ts --version 1.0.0", "ledger"],
  ] as const) {
    const { code, stdout, stderr } = await sh(`bun ${line}`);
    expect({ line, code, stdout }).toEqual({ line, code: 1, stdout: "" });
    expect(stderr).toMatch(
      new RegExp(
        `^error: Cannot .+: the layout has no ${what}\n  fix: If there is one, name it in scripts/layout.ts: ${what}\n`,
      ),
    );
    expect((await sh(`bun ${line} --help`)).code).toBe(0);
  }
  expect(await sh("bun scripts/release.ts 1.0.0 --dry-run --skip-lab")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--skip-lab has no meaning: the layout has no lab gate"),
  });
});

test("a release has no lab gate, says so, and names nothing that the layout has none of", async () => {
  await followUntil(/release\.ts tidepool-v0\.5\.0/);
  const plan = printed.get("bun scripts/release.ts tidepool-v0.5.0 --dry-run") ?? "";
  expect(plan).toContain("  message   Lab-validation: none is configured\n");
  const bumped = printed.get("bun scripts/bump-version.ts 0.5.0") ?? "";
  const next = bumped.slice(bumped.indexOf("Next:"));
  expect(next.split("\n").slice(1, 7)).toEqual([
    "  - cargo test --workspace",
    '  - git commit --all --message "Bump to 0.5.0"',
    "  - git push -u origin release/0.5.0",
    '  - git checkout trunk && git pull --ff-only origin trunk && git merge release/0.5.0 --no-ff -m "Merge release/0.5.0"',
    "  - bun scripts/release.ts tidepool-v0.5.0 --dry-run",
    "",
  ]);
  const released = printed.get("bun scripts/release.ts tidepool-v0.5.0") ?? "";
  expect(released.match(/^Next:\n(?: {2}- .*\n)+/m)?.[0]).toBe(
    "Next:\n  - see what the tag triggered: bun scripts/verify-release.ts tidepool-v0.5.0 --wait\n",
  );
  for (const text of [bumped, plan, released]) {
    expect(text.replaceAll("Lab-validation: none is configured", "")).not.toMatch(others);
    expect(text).not.toContain("warning");
  }
  expect(await world.git("cat-file", "tag", "tidepool-v0.5.0")).toContain(
    "\n\ntidepool-v0.5.0\n\nLab-validation: none is configured\n",
  );
  // Without gh and a network, the tag alone can be verified; nothing is asked about a chart or an image.
  const verified = await sh(
    "bun scripts/verify-release.ts tidepool-v0.5.0 --crate-index http://127.0.0.1:9/ --json",
  );
  const { answers } = JSON.parse(verified.stdout).data;
  expect(answers[0]).toMatchObject({ question: "tag on origin", state: "verified" });
  expect(verified.stdout.replaceAll(world.home, "")).not.toMatch(/chart|platform|image/i);
  const status = await sh("bun scripts/status.ts");
  expect(status).toMatchObject({ code: 0 });
  const steps = await sh("bun scripts/status.ts tidepool-v0.5.0");
  expect([...steps.stdout.matchAll(/^ {2}([\d.]+) +(\w+)/gm)].map(([, ...each]) => each)).toEqual([
    ["1", "done"],
    ["2", "done"],
    ["6", "done"],
  ]);
});

test("a listed branch takes the place of main: an older line is bumped, released, shown and audited on it", async () => {
  for (const line of [
    "bun scripts/bump-version.ts 0.6.0",
    'git commit --quiet --all --message "Bump to 0.6.0"',
    "bun scripts/release.ts tidepool-v0.6.0",
  ]) {
    await follow(line);
  }
  const trunk = await world.git("rev-parse", "trunk");
  await follow("git checkout --quiet -b hotfix tidepool-v0.5.0");
  const older = await sh("bun scripts/bump-version.ts 0.5.1");
  await follow("git checkout --quiet trunk");
  expect(older.stderr).toContain(
    "releases come from trunk or line/* only, so an older line cannot be released from here\n  fix: Check out the branch of its line (line/*). Or bring the change to trunk, and",
  );
  expect((await sh("bun scripts/status.ts 0.5.1")).stderr).toContain(
    "fix: Check out the branch of its line (line/*). Or release the change from trunk, with",
  );
  await followUntil(/release\.ts tidepool-v0\.5\.1/);
  const remote = await world.git("ls-remote", "origin");
  const tip = await world.git("rev-parse", "line/0.5");
  expect(remote).toContain(`${tip}\trefs/heads/line/0.5`);
  expect(remote).toContain(`${tip}\trefs/tags/tidepool-v0.5.1^{}`);
  expect(remote).toContain(`${trunk}\trefs/heads/trunk`);
  const bumped = printed.get("bun scripts/bump-version.ts 0.5.1") ?? "";
  expect(bumped.slice(bumped.indexOf("Next:"))).not.toMatch(/checkout|merge/);
  const plan = printed.get("bun scripts/release.ts tidepool-v0.5.1 --dry-run") ?? "";
  expect(plan).toContain("on branch line/0.5 at ");
  expect(plan).toContain("  branch    push 1 commit to refs/heads/line/0.5:\n");
  expect(plan).not.toContain("warning");
  expect(printed.get("bun scripts/status.ts tidepool-v0.5.1")).toContain("on origin/line/0.5");
  const audit = printed.get("bun scripts/audit-releases.ts --since tidepool-v0.5.0") ?? "";
  expect(audit).toContain("on main: 3 yes\n");
  // From main as well, the tag is in place; without the list it is not.
  expect((await sh("bun scripts/status.ts tidepool-v0.5.1")).code).toBe(0);
  const layoutFile = join(world.root, "scripts/layout.ts");
  const text = readFileSync(layoutFile, "utf8");
  await Bun.write(layoutFile, text.replace(/^ {2}releaseBranches.+\n/m, ""));
  expect((await sh("bun scripts/audit-releases.ts")).stdout).toContain("on main: 3 yes, 1 no\n");
  await Bun.write(layoutFile, text);
});

test("on a listed branch, a version that is lower than one that it contains is still told", async () => {
  await follow("git checkout --quiet line/0.5");
  for (const file of ["Cargo.toml", "libs/cli/Cargo.toml"]) {
    const path = join(world.root, file);
    await Bun.write(path, readFileSync(path, "utf8").replaceAll("0.5.1", "0.5.0-beta.1"));
  }
  await follow('git commit --quiet --all --message "Go back"');
  const { stderr } = await sh("bun scripts/release.ts tidepool-v0.5.0-beta.1 --dry-run");
  await follow("git reset --quiet --hard HEAD~1");
  expect(stderr).toContain(
    "warning: tidepool-v0.5.0-beta.1 is lower than the newest release tag tidepool-v0.5.1\n  fix: line/0.5 contains tidepool-v0.5.1: release a version above it\n",
  );
});

test("on a listed branch, status leads to a release of the older line", async () => {
  const steps: string[] = [];
  for (let count = 0; count < 8; count += 1) {
    const { code, stdout } = await sh("bun scripts/status.ts 0.5.2 --json");
    const { next, byHand } = JSON.parse(stdout).data;
    steps.push(next ?? byHand ?? `exit ${code}`);
    if (next === undefined && byHand === undefined) {
      break;
    }
    if (next !== undefined) {
      await follow(next);
    } else {
      await writeNotes();
    }
  }
  expect(steps).toEqual([
    "Describe the changes below ## [Unreleased] in CHANGELOG.md",
    "bun scripts/bump-version.ts 0.5.2",
    'git commit --all --message "Bump to 0.5.2"',
    "bun scripts/release.ts tidepool-v0.5.2",
    "exit 0",
  ]);
  // An interrupted release is finished on its own branch, whichever is checked out.
  await follow("git push --quiet origin :refs/tags/tidepool-v0.5.2 && git checkout --quiet trunk");
  for (const expected of [
    "git checkout line/0.5",
    "bun scripts/release.ts tidepool-v0.5.2 --resume",
    undefined,
  ]) {
    const { next } = JSON.parse((await sh("bun scripts/status.ts 0.5.2 --json")).stdout).data;
    expect(next).toBe(expected);
    await follow(next ?? "true");
  }
});
