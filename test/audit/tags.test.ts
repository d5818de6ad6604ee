import { describe, expect, test } from "bun:test";
import { listTags, readMainline, readTagHead } from "../../scripts/audit/tags.ts";
import { gitEnvironment } from "../../scripts/lib/git/git.ts";
import { openObjects } from "../../scripts/lib/git/objects.ts";
import { standIn } from "../helpers/release.ts";
import { start, testRepository } from "../helpers/world.ts";

describe("a tag", () => {
  test("has its tagger's date, its commit's if it is lightweight or has no tagger, and its commit behind other tags", async () => {
    await using world = await testRepository();
    const at = (date: string) => ({ GIT_COMMITTER_DATE: `${date}T23:30:00-05:00` });
    const commit = await world.commit({ a: "a" }, "One", at("2025-03-01"));
    const git = async (env: Record<string, string>, ...args: string[]) => {
      const { stdout } = await start(["git", ...args], {
        cwd: world.root,
        env: { ...world.env, ...env },
      });
      return stdout.trim();
    };
    await git(at("2025-04-01"), "tag", "-a", "-m", "x", "v1.0.0");
    await git({}, "tag", "v1.1.0");
    await git(at("2025-05-01"), "tag", "-a", "-m", "x", "v1.2.0", "v1.0.0");
    const bare = `object ${commit}\ntype commit\ntag v1.3.0\n\nx\n`;
    const made = await start(["git", "hash-object", "-w", "-t", "tag", "--literally", "--stdin"], {
      cwd: world.root,
      env: world.env,
      stdin: bare,
    });
    await git({}, "update-ref", "refs/tags/v1.3.0", made.stdout.trim());

    const repository = { root: world.root, env: gitEnvironment(world.env) };
    await using objects = openObjects(repository);
    const tags = await listTags(repository, ["v"]);
    const heads = await Promise.all(tags.map((tag) => readTagHead(objects, tag)));
    const moment = (seconds: number) => new Date(seconds * 1000).toISOString();
    expect(
      heads.map(({ seconds, dateOf, object, commit: found }) => ({
        at: moment(seconds),
        dateOf,
        isAnnotated: object !== undefined,
        found,
      })),
    ).toEqual([
      { at: "2025-04-02T04:30:00.000Z", dateOf: "tagger", isAnnotated: true, found: commit },
      { at: "2025-03-02T04:30:00.000Z", dateOf: "commit", isAnnotated: false, found: commit },
      { at: "2025-05-02T04:30:00.000Z", dateOf: "tagger", isAnnotated: true, found: commit },
      { at: "2025-03-02T04:30:00.000Z", dateOf: "commit", isAnnotated: true, found: commit },
    ]);
  });

  test("is listed by the prefix of its name, in order", async () => {
    await using world = await testRepository();
    await world.commit({ a: "a" });
    for (const tag of ["v2.0.0", "v10.0.0", "chart-v1.0.0", "w1", "x/v1.0.0"]) {
      await world.git("tag", tag);
    }
    const tags = await listTags({ root: world.root, env: world.env }, ["v", "chart-v"]);
    expect(tags.map(({ tag }) => tag)).toEqual(["chart-v1.0.0", "v10.0.0", "v2.0.0"]);
  });
});

test.each([
  ["fails", 'case "$1" in for-each-ref|rev-list) exit 3;; esac'],
  ["says what is no answer", 'case "$1" in for-each-ref|rev-list) echo nonsense; exit 0;; esac'],
])("a git that %s has not answered", async (_, fault) => {
  await using world = await testRepository();
  await world.commit({ a: "a" });
  const env = standIn(world, "git", `${fault}\nexec "$REAL" "$@"`);
  const repository = { root: world.root, env };
  await expect(listTags(repository, ["v"])).rejects.toThrow("Cannot list the tags");
  await expect(readMainline(repository)).rejects.toThrow("Cannot list the commits on main");
});

test("the main branch is the remote's where the checkout's is behind, and else the checkout's", async () => {
  await using world = await testRepository();
  const first = await world.commit({ a: "1" });
  await world.addRemote();
  const theirs = await world.commit({ a: "2" });
  await world.git("push", "--quiet", "origin", "main");
  const repository = { root: world.root, env: world.env };
  expect(await readMainline(repository)).toMatchObject({ shown: "main", commit: theirs });
  await world.git("reset", "--quiet", "--hard", first);
  const behind = await readMainline(repository);
  expect(behind).toMatchObject({ shown: "origin/main", commit: theirs });
  expect(behind.commits).toEqual(new Set([first, theirs]));
  expect(await readMainline(repository, "main")).toMatchObject({ shown: "main", commit: first });
  const ours = await world.commit({ a: "3" });
  expect(await readMainline(repository)).toMatchObject({ shown: "main", commit: ours });
});
