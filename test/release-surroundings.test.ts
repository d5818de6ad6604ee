/** What the operator's git configuration, environment and folders do to a release, and must not do. */

import { expect, test } from "bun:test";
import { appendFileSync, cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ReleaseWorld, releaseWorld, standIn, today } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { start } from "./helpers/world.ts";

const script = "scripts/release.ts";

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

const release = (world: ReleaseWorld, args: readonly string[], surroundings: Surroundings = {}) =>
  runScript(script, ["v1.3.0", ...args], {
    cwd: surroundings.cwd ?? world.root,
    env: { ...world.env, ...surroundings.env },
  });

const configurationOf = (world: ReleaseWorld) => join(world.root, ".git/config");

test("a checkout whose git directory has another repository's work tree publishes neither", async () => {
  await using world = await releaseWorld();
  await using other = await releaseWorld();
  await world.git("config", "core.worktree", other.root);
  const before = [await world.remoteRefs(), await other.remoteRefs()];
  const { code, stderr } = await release(world, ["--yes"]);
  expect([await world.remoteRefs(), await other.remoteRefs()]).toEqual(before);
  expect(code).toBe(1);
  expect(stderr).toContain(
    `its git directory ${join(world.root, ".git")} has the work tree ${other.root}`,
  );
  const [, wayOut = ""] =
    /fix: .*: (git --git-dir=.*) config --unset core\.worktree/.exec(stderr) ?? [];
  expect(wayOut).toBe(`git --git-dir=${join(world.root, ".git")}`);
  await world.git("config", "--unset", "core.worktree");
  expect((await release(world, ["--dry-run"])).code).toBe(0);
});

test("a linked work tree whose paths hold line feeds is released from", async () => {
  await using world = await releaseWorld();
  const moved = join(world.home, "main\nfolder");
  cpSync(world.root, moved, { recursive: true });
  const linked = join(world.home, "linked\n\nwork tree");
  const env = world.env;
  for (const args of [
    ["checkout", "--quiet", "-b", "other"],
    ["worktree", "add", "--quiet", linked, "main"],
  ]) {
    expect((await start(["git", ...args], { cwd: moved, env })).stderr).toBe("");
  }
  const { code, stderr } = await release(world, ["--yes"], { cwd: linked });
  expect(stderr).not.toContain("error");
  expect(code).toBe(0);
  expect(await world.remoteRefs()).toHaveProperty(["refs/tags/v1.3.0"]);
});

test("the plan names the tagger and the date", async () => {
  await using world = await releaseWorld();
  const { stdout } = await release(world, ["--dry-run"]);
  expect(stdout).toContain(
    `  tagger    Release Tester <tester@example.invalid>, ${today()} 12:00 UTC\n`,
  );
});

test.each([
  ["2020-01-01T00:00:00Z", "2020-01-01 00:00 UTC"],
  ["2099-01-01T00:00:00Z", "2099-01-01 00:00 UTC"],
])("a tag that is made now is not dated %s", async (date, shown) => {
  await using world = await releaseWorld();
  const { code, stderr } = await release(world, ["--yes"], { env: { GIT_COMMITTER_DATE: date } });
  expect(code).toBe(1);
  expect(stderr).toContain(`Cannot tag v1.3.0: git gave the new tag the date ${shown}`);
  expect(stderr).toContain("environment variable GIT_COMMITTER_DATE");
  expect(await world.localTags()).toEqual([]);
});

test("a tag that is resumed keeps its date", async () => {
  await using world = await releaseWorld();
  const message = `v1.3.0\n\nLab-validation: PASS ${today()} lab 214ea6f`;
  // The helper's own commands are dated 2026-08-07.
  await world.git("tag", "-s", "-m", message, "v1.3.0");
  const { code, stdout } = await release(world, ["--dry-run", "--resume"]);
  expect(stdout).toContain(", 2026-08-07 12:00 UTC\n");
  expect(code).toBe(0);
});

test("a name and a key path that are not UTF-8 are used byte by byte", async () => {
  await using world = await releaseWorld();
  const key = await world.git("config", "user.signingkey");
  const copy = `${world.home}/schl$'\\374'ssel`;
  const made = await start(["bash", "-c", `cp ${key} ${copy}; cp ${key}.pub ${copy}.pub`], {
    cwd: world.home,
    env: world.env,
  });
  expect(made.stderr).toBe("");
  const settings = `[user]\n\tname = "J\xfcrgen \\"J\\" \\\\ E"\n\tsigningkey = ${world.home}/schl\xfcssel\n`;
  appendFileSync(configurationOf(world), settings, "latin1");
  const { code, stderr } = await release(world, ["--yes"]);
  expect({ code, stderr: stderr.match(/^error.*/m) }).toEqual({ code: 0, stderr: null });
  const tag = Bun.spawnSync(["git", "cat-file", "tag", "v1.3.0"], { cwd: world.root });
  expect(tag.stdout.toString("latin1")).toContain('\ntagger J\xfcrgen "J" \\ E <');
});

test("a name that the runtime cannot pass on is refused, not published with other letters", async () => {
  await using world = await releaseWorld();
  const { code, stderr } = await release(world, ["--yes"], {
    env: { GIT_COMMITTER_NAME: "J\ufffdrgen" },
  });
  expect(code).toBe(1);
  expect(stderr).toContain("environment variable GIT_COMMITTER_NAME");
});

test.each(["i18n.logOutputEncoding", "i18n.commitEncoding"])(
  "the commits are counted whatever %s says",
  async (name) => {
    await using world = await releaseWorld();
    await world.git("config", name, "UTF-16");
    const { stdout } = await release(world, ["--dry-run"]);
    expect(stdout).toContain("main      push 1 commit to refs/heads/main");
  },
);

test("a temporary folder inside the checkout does not make the work tree dirty", async () => {
  await using world = await releaseWorld();
  await world.git("tag", "-s", "-m", "v1.3.0", "v1.3.0");
  const inside = join(world.root, "tmp");
  mkdirSync(inside);
  const { stdout, stderr } = await release(world, ["--dry-run", "--resume"], {
    env: { TMPDIR: inside, PATH: slowPath(world) },
  });
  expect(stdout).toContain("the working tree is clean");
  expect(stderr).not.toContain("dirty");
});

/** A PATH with which the state of the work tree is read while a signature is judged. */
function slowPath(world: ReleaseWorld): string {
  const env = standIn(world, "ssh-keygen", 'sleep 0.8; exec "$REAL" "$@"');
  const late = 'case "$*" in *" status "*) sleep 0.4 ;; esac';
  return standIn({ ...world, env }, "git", `${late}; exec "$REAL" "$@"`).PATH ?? "";
}

test.each([
  ["GIT_CONFIG_COUNT", { GIT_CONFIG_COUNT: "many" }],
  ["GIT_CONFIG_COUNT", { GIT_CONFIG_COUNT: "1" }],
  ["GIT_CONFIG_PARAMETERS", { GIT_CONFIG_PARAMETERS: "x" }],
  ["GIT_COMMITTER_DATE", { GIT_COMMITTER_DATE: "yesterday, perhaps!" }],
  ["GIT_COMMITTER_NAME", { GIT_COMMITTER_NAME: "" }],
])("a broken %s is named as the cause: %p", async (name, env) => {
  await using world = await releaseWorld();
  const { code, stderr } = await release(world, ["--dry-run"], { env });
  expect(code).toBe(1);
  expect(stderr).toContain(`fix: The cause is the environment variable ${name}: correct it`);
});

test("a configuration that git cannot read is not taken for another folder", async () => {
  await using world = await releaseWorld();
  appendFileSync(configurationOf(world), "[broken\n");
  const { stderr } = await release(world, ["--dry-run"]);
  expect(stderr).toContain("bad config line");
  expect(stderr).toContain("fix: Correct what git reports");
  expect(readFileSync(configurationOf(world), "utf8")).toEndWith("[broken\n");
});
