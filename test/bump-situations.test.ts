/** A bump of a product of the real shape, in the situations that maintainers get into. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { layout } from "../scripts/lib/layout.ts";
import { realShape, realShapeWorld, released } from "./helpers/real-shape.ts";
import { ledgerRow, type ReleaseWorld, today } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { writeFiles } from "./helpers/world.ts";

const changelogs = [layout.changelog, `${layout.chart}/CHANGELOG.md`];

async function bump(world: ReleaseWorld, ...args: string[]) {
  const options = { cwd: world.root, env: world.env };
  const { code, stdout, stderr } = await runScript("scripts/bump-version.ts", args, options);
  return { code, stderr, stdout, next: stdout.split("\nNext:\n")[1]?.split("\n") ?? [] };
}

/** The warning about the list of changes, which is written by hand. */
const sameChanges = `${layout.changesAnnotation} in ${layout.chart}/Chart.yaml says what it said in chart-v0.11.1`;

/** The paths that differ from the last commit, and git has them all. */
const changed = (world: ReleaseWorld) => world.git("diff", "--name-only", "HEAD");

const read = (world: ReleaseWorld, path: string) => readFileSync(join(world.root, path), "utf8");

/** A changelog with notes that are not committed, in the shape of the committed one. */
function withNotes(world: ReleaseWorld, path: string): string {
  return read(world, path).replace("# Changelog\n", "# Changelog\n\n## [Unreleased]\n\n- a note\n");
}

/** Runs the commands of a remedy; what a person does by hand is replaced. */
async function follow(world: ReleaseWorld, remedy: string) {
  for (const step of remedy.split(", then ")) {
    const [, meant = "", version = "", files = ""] =
      /^write (\S+) for (\S+) in (.*)/.exec(step) ?? [];
    for (const path of files.split(" and ").filter(Boolean)) {
      writeFiles(world.root, { [path]: read(world, path).replaceAll(version, meant) });
    }
    const [, part = "", heading = "", path = ""] =
      /^remove the (heading|section) (\S+) from (\S+)/.exec(step) ?? [];
    if (path) {
      const end = part === "section" ? "[^]*?(?=^## )" : "\n+";
      const gone = new RegExp(`^## \\[${RegExp.escape(heading)}\\].*${end}`, "m");
      writeFiles(world.root, { [path]: read(world, path).replace(gone, "") });
    }
    if (step.startsWith("git ")) {
      await world.git(...step.split(" ").slice(1));
    }
  }
  const [, last = ""] = remedy.split("bump-version.ts ");
  return await bump(world, ...last.split(" "));
}

test("another version than that of the release branch is a warning, whose way out leads to that", async () => {
  await using world = await realShapeWorld();
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  const notes = { [layout.changelog]: withNotes(world, layout.changelog) };
  writeFiles(world.root, notes);
  const warning = "warning: The bump is to 0.21.0, on the branch release/0.12.0\n";
  const dry = await bump(world, "0.21.0", "--dry-run");
  expect(dry.stderr).toContain(
    `${warning}  fix: If 0.12.0 is meant: bun scripts/bump-version.ts 0.12.0\n`,
  );
  const wrong = await bump(world, "0.21.0");
  expect(wrong.code).toBe(0);
  expect(wrong.stderr).toContain(warning);
  expect(wrong.next).toContain("  - git checkout -b release/0.21.0");
  const remedy = /fix: If 0\.12\.0 is meant: (.*)/.exec(wrong.stderr)?.[1] ?? "";
  expect(remedy).not.toMatch(/git checkout -- [^,]*CHANGELOG/);
  const right = await follow(world, remedy);
  expect(right.code).toBe(0);
  expect(right.stderr).not.toContain("0.21.0");
  expect(await world.git("diff", "HEAD")).not.toContain("0.21.0");
  expect(read(world, layout.changelog)).toContain("## [0.12.0]");

  await world.git("checkout", "--quiet", "--force", "main");
  expect((await bump(world, "0.21.0", "--dry-run")).stderr).not.toContain(warning);
});

test("a second version on a bumped branch: the way out makes no section twice, and says no more than was written", async () => {
  await using world = await realShapeWorld();
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  writeFiles(world.root, { [layout.changelog]: withNotes(world, layout.changelog) });
  await bump(world, "0.12.0");
  await world.commit({}, "Bump to 0.12.0");
  const more = read(world, layout.changelog).replace("[Unreleased]\n", "[Unreleased]\n\n- more\n");
  writeFiles(world.root, { [layout.changelog]: more });
  const { stderr } = await bump(world, "0.12.1", "--chart", "0.12.1");
  const remedy = /fix: If 0\.12\.0 is meant: (.*)/.exec(stderr)?.[1] ?? "";
  const again = await bump(world, "0.12.1", "--allow-same");
  expect(again.stderr).toContain("fix: If 0.12.0 is meant: bun scripts/bump-version.ts 0.12.0\n");
  const right = await follow(world, remedy);
  expect([right.code, right.stderr]).toEqual([0, expect.not.stringContaining("0.12.1")]);
  expect(read(world, layout.changelog).match(/^## \[0\.12\..*/gm)).toHaveLength(1);
  expect(await world.git("diff", "HEAD")).not.toContain("0.12.1");
});

test("a version below the newest release is refused, as releases come from main only", async () => {
  await using world = await realShapeWorld();
  await world.git("tag", "v0.13.0");
  await world.git("tag", "chart-v0.13.0");
  await world.git("tag", "v0.14.0-rc.1");
  await world.git("checkout", "--quiet", "-b", "release/0.11.2");
  for (const args of [["0.11.2"], ["0.11.2", "--chart", "0.13.1", "--dry-run"], ["0.13.0-rc.2"]]) {
    const refused = await bump(world, ...args);
    expect([args, refused.code, refused.stderr.match(/^error: .*$/gm)]).toEqual([
      args,
      1,
      [
        `error: Cannot release v${args[0]}: v0.13.0 is released already, and releases come from main only, so an older line cannot be released`,
      ],
    ]);
  }
  const chart = await bump(world, "0.11.2", "--chart-only");
  expect(chart.stderr).toContain("Cannot release chart-v0.11.2: chart-v0.13.0 is released already");
  expect(await changed(world)).toBe("");
  // One cause is one finding, and a candidate is no release.
  const older = await bump(world, "0.11.0");
  expect(older.stderr).not.toContain("older line");
  await world.git("checkout", "--quiet", "main");
  expect((await bump(world, "0.13.1")).code).toBe(0);
});

test("changelogs keep notes that are not committed", async () => {
  await using world = await realShapeWorld();
  const notes = Object.fromEntries(changelogs.map((path) => [path, withNotes(world, path)]));
  writeFiles(world.root, notes);
  expect((await bump(world, "0.12.0")).code).toBe(0);
  for (const path of changelogs) {
    const heading = path === layout.changelog ? `## [0.12.0] - ${today()}` : "## [0.12.0]";
    expect(read(world, path)).toBe(
      notes[path]?.replace("- a note", `${heading}\n\n- a note`) ?? "",
    );
  }
});

test("a dry run needs no clean file", async () => {
  await using world = await realShapeWorld();
  const path = "docs/schemas/examples/example.json";
  for (const each of [path, "Cargo.toml"]) {
    writeFiles(world.root, { [each]: `${read(world, each)}\n` });
  }
  expect(
    (await bump(world, "0.12.0")).stderr,
  ).toStartWith(`error: Cannot bump: 2 files have uncommitted changes, and the bump would overwrite them
  at Cargo.toml
  at ${path}
  fix: Commit that, or set it aside: git stash push --include-untracked -- Cargo.toml ${path} (`);
  const dry = await bump(world, "0.12.0", "--dry-run");
  expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining(`+++ b/${path}\n`) });
});

test("what comes next is what is not done yet, also if no file changes", async () => {
  await using world = await realShapeWorld();
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  writeFiles(world.root, { [layout.changelog]: withNotes(world, layout.changelog) });
  expect((await bump(world, "0.12.0")).next.join("\n")).not.toContain("git checkout -b");
  await world.commit({ [layout.ledger]: ledgerRow("0.12.0") }, "Bump and record");
  await world.git("push", "--quiet", "-u", "origin", "release/0.12.0");
  const again = await bump(world, "0.12.0", "--allow-same");
  expect(again.stdout).toContain("0 files changed");
  expect(again.next).toEqual([
    `  - follow the warning: ${sameChanges}`,
    '  - git checkout main && git pull --ff-only origin main && git merge release/0.12.0 --no-ff -m "Merge release/0.12.0"',
    "  - bun scripts/release.ts v0.12.0 --dry-run",
    "",
  ]);
});

test("a candidate moves the manifests and the lock files alone, and its final version everything", async () => {
  await using world = await realShapeWorld();
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  await world.commit({ [layout.changelog]: withNotes(world, layout.changelog) }, "Notes");
  const candidate = await bump(world, "0.12.0-rc.1");
  expect(candidate).toMatchObject({ code: 0, stderr: "" });
  expect((await changed(world)).split("\n")).toEqual([
    "Cargo.lock",
    "Cargo.toml",
    "crates/sentinel-cli/Cargo.toml",
  ]);
  expect(read(world, layout.changelog)).toContain("## [Unreleased]\n\n- a note\n");
  expect(candidate.next.at(-2)).toBe("  - bun scripts/release.ts v0.12.0-rc.1 --dry-run");
  await world.commit({}, "Bump to 0.12.0-rc.1");
  expect((await bump(world, "0.12.0-rc.2", "--dry-run")).code).toBe(0);
  const final = await bump(world, "0.12.0");
  expect(final.code).toBe(0);
  expect(final.stderr.match(/^(?:warning|error): .*$/gm)).toEqual([`warning: ${sameChanges}`]);
  const after = realShape("0.12.0");
  // The chart's list of changes is written by hand.
  const byHand = [layout.ledger, ...changelogs];
  for (const path of Object.keys(after).filter((each) => !byHand.includes(each))) {
    const text = after[path]?.replace("appVersion 0.12.0:", `appVersion ${released}:`);
    expect([path, read(world, path)]).toEqual([path, text ?? ""]);
  }
  expect(read(world, layout.changelog)).toContain(`## [0.12.0] - ${today()}\n\n- a note\n`);
  expect((await bump(world, "0.13.0-rc.1", "--chart", "0.13.0")).code).toBe(2);
});

test("a prerelease that sorts as text is a warning, whose way out leads to the other spelling", async () => {
  await using world = await realShapeWorld();
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  const { code, stderr, next } = await bump(world, "0.12.0-rc1");
  expect(code).toBe(0);
  expect(next.join("\n")).not.toContain("git checkout -b");
  expect(stderr.match(/^warning: .*$/gm)).toEqual([
    "warning: 0.12.0-rc1 sorts as text: rc10 comes before rc2",
  ]);
  const remedy = /fix: Write 0\.12\.0-rc\.1: (.*)/.exec(stderr)?.[1] ?? "";
  expect(await follow(world, remedy)).toMatchObject({ code: 0, stderr: "" });
  expect(read(world, "Cargo.toml")).toContain('version = "0.12.0-rc.1"');
});

test("what does not match after a bump is told without the rows that do", async () => {
  await using world = await realShapeWorld();
  await world.commit({
    "crates/sentinel-core/Cargo.toml": '[package]\nname = "perf-sentinel-core"\n',
  });
  const { code, stdout, stderr } = await bump(world, "0.12.0");
  expect(code).toBe(1);
  expect(stderr).toContain("crates/sentinel-core/Cargo.toml neither states a version nor inherits");
  expect(stdout).not.toContain("(matches tag)");
});
