/** Two releases of one version at once: exactly one wins, and the other leaves nothing behind. */

import { describe, expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { installHook, type ReleaseWorld, releaseWorld, today } from "./helpers/release.ts";
import { type Ended, start, startScript } from "./helpers/world.ts";

const script = "scripts/release.ts";

/** Lets both runs come to their push before either lands: the first one waits for a second one. */
const meet = `
touch "$PWD/arrived-$$"
i=0
while [ "$(ls "$PWD" | grep -c '^arrived-')" -lt 2 ] && [ $i -lt 40 ]; do sleep 0.05; i=$((i + 1)); done
`;

/**
 * Runs a release. Each clone has a clock of its own: at the same second, with the same key, both
 * would make the very same tag object, and neither would have anything to refuse.
 */
function release(world: ReleaseWorld, root: string, args: readonly string[] = []): Promise<Ended> {
  const second = root === world.root ? "00" : "01";
  const env = { ...world.env, GIT_COMMITTER_DATE: `${today()}T12:00:${second}Z` };
  return startScript(script, ["v1.3.0", "--yes", ...args], { cwd: root, env });
}

/** Another clone of the same person, with the same commit to release. */
function secondClone(world: ReleaseWorld): string {
  const clone = join(world.home, "second");
  cpSync(world.root, clone, { recursive: true });
  return clone;
}

async function tagIn(world: ReleaseWorld, folder: string): Promise<string | undefined> {
  const args = ["git", "for-each-ref", "--format=%(objectname)", "refs/tags/v1.3.0"];
  const { stdout } = await start(args, { cwd: folder, env: world.env });
  return stdout.trim() || undefined;
}

/** What holds after two runs: one release, whole, signed, and said to be done by one run alone. */
async function expectOneRelease(world: ReleaseWorld, ended: readonly Ended[]): Promise<void> {
  expect(ended.map(({ code }) => code).toSorted()).toEqual([0, 1]);
  const refs = await world.remoteRefs();
  expect(Object.keys(refs).toSorted()).toEqual(["refs/heads/main", "refs/tags/v1.3.0"]);
  const head = await world.git("rev-parse", "HEAD");
  expect(refs["refs/heads/main"]).toBe(head);
  const tag = await world.git("--git-dir", world.bare, "cat-file", "tag", "v1.3.0");
  expect(tag).toStartWith(`object ${head}\n`);
  expect(tag).toContain("-----BEGIN SSH SIGNATURE-----");
  const loser = ended.find(({ code }) => code === 1);
  expect(loser?.stderr).toMatch(/^ {2}fix: /m);
}

/** The winner keeps the remote's tag; the loser has it too, or none. */
async function expectNoOtherTag(world: ReleaseWorld, roots: readonly string[]): Promise<void> {
  const released = (await world.remoteRefs())["refs/tags/v1.3.0"];
  const tags = await Promise.all(roots.map((root) => tagIn(world, root)));
  expect(tags).toContain(released);
  expect([released, undefined]).toEqual(expect.arrayContaining(tags));
}

describe.each([
  ["as they come", []],
  ["pushing main and the tag together", ["--atomic"]],
] as const)("two releases of one version, %s", (_, args) => {
  test("from one clone: the tag of the winner is the one that is here", async () => {
    await using world = await releaseWorld();
    const ended = await Promise.all([
      release(world, world.root, args),
      release(world, world.root, args),
    ]);
    await expectOneRelease(world, ended);
    expect(await tagIn(world, world.root)).toBe((await world.remoteRefs())["refs/tags/v1.3.0"]);
  });

  test("from two clones: the loser keeps no tag that is not the remote's", async () => {
    await using world = await releaseWorld();
    const clone = secondClone(world);
    const roots = [world.root, clone];
    const ended = await Promise.all(roots.map((root) => release(world, root, args)));
    await expectOneRelease(world, ended);
    await expectNoOtherTag(world, roots);
  });
});

test("two pushes that meet at the remote: one lands, and the other is told what happened", async () => {
  await using world = await releaseWorld();
  const clone = secondClone(world);
  await world.git("push", "--quiet", "origin", "main");
  installHook(world.bare, "pre-receive", meet);
  const ended = await Promise.all([release(world, world.root), release(world, clone)]);
  await expectOneRelease(world, ended);
  await expectNoOtherTag(world, [world.root, clone]);
});
