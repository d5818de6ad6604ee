import { afterAll, expect, test } from "bun:test";
import { attempt } from "../../../scripts/lib/finding.ts";
import type { ObjectId } from "../../../scripts/lib/git/git.ts";
import { changedPaths, findMergeBases } from "../../../scripts/lib/git/history.ts";
import { openObjects } from "../../../scripts/lib/git/objects.ts";
import { openRepository } from "../../../scripts/lib/git/repository.ts";
import { standIn } from "../../helpers/release.ts";
import { testRepository } from "../../helpers/world.ts";

const made = testRepository();
afterAll(async () => (await made)[Symbol.asyncDispose]());

/** One repository for all tests: two commits on main, the second of them in folder `c`. */
const prepared = made.then(async (repository) => {
  const first = await repository.commit({ "c/a": "1", "c/b/d": "1", e: "1" });
  const second = await repository.commit({ "c/a": "2", "c/b/d": undefined, "c/f\n": "", e: "2" });
  return { repository, first, second };
});

/** The repository, with a git that runs a line of shell instead of one subcommand. */
async function withGit(subcommand: string, shell: string) {
  const { repository } = await prepared;
  const script = `if [ "$1" = ${subcommand} ]; then ${shell}; fi\nexec "$REAL" "$@"`;
  const opened = await openRepository(repository.root, repository.env);
  const { PATH } = standIn(repository, "git", script);
  return { ...opened, env: { ...opened.env, PATH } };
}

async function changes(from: ObjectId, to: ObjectId, shell = ":") {
  const repository = await withGit("diff-tree", shell);
  await using objects = openObjects(repository);
  return await changedPaths(repository, objects, from, to, "c");
}

test("the paths below a folder that differ are told in order, whatever their names", async () => {
  const { first, second } = await prepared;
  expect(await changes(first, second)).toEqual(["c/a", "c/b/d", "c/f\n"]);
  expect(await changes(first, first)).toEqual([]);
});

test("a folder that comes or goes has changed", async () => {
  const { repository, first } = await prepared;
  const tree = await repository.git("mktree", "--missing");
  const empty = await repository.git("commit-tree", tree, "-m", "Nothing");
  expect(await changes(empty, first)).toEqual(["c/a", "c/b/d"]);
  expect(await changes(first, empty)).toEqual(["c/a", "c/b/d"]);
  expect(await changes(empty, empty)).toEqual([]);
});

test.each([
  ["is silent", "exit 0", "git diff-tree named nothing between"],
  ["is cut short", "printf 'c/a\\0c/CHANGE'; exit 0", 'git diff-tree named "c/a\\u0000c/CHANGE"'],
  ["talks of something else", "printf 'elsewhere\\0'; exit 0", "git diff-tree named"],
  ["fails", "echo broken >&2; exit 3", "git diff-tree: broken"],
  ["fails after an answer", "printf 'c/a\\0'; exit 3", "git diff-tree: exit code 3"],
])("a git that %s is never read as no change", async (_, shell, message) => {
  const { first, second } = await prepared;
  const answer = changes(first, second, shell);
  await expect(answer).rejects.toThrow("Cannot list what changed in c: ");
  await expect(answer).rejects.toThrow(message);
});

async function parting(name: string, subcommand = "none", shell = ":") {
  const { second } = await prepared;
  const repository = await withGit(subcommand, shell);
  return await findMergeBases(repository, name, { shown: "HEAD", commit: second });
}

test("a commit parted from its base at their merge base", async () => {
  const { first } = await prepared;
  expect(await parting("main~1")).toEqual({
    base: { shown: "main~1", commit: first },
    mergeBases: [first],
  });
});

test.each([
  ["nowhere", "nowhere"],
  ["release/1.2", "release/1.2"],
  ["refs/remotes/origin/nowhere", "nowhere"],
  ["HEAD~99", "main"],
  ["abcdef0123", "main"],
  ["x;rm", "main"],
  ["--all", "main"],
])(
  "the remedy for an unknown base is a command for a shell: %p fetches %p",
  async (name, branch) => {
    const { findings } = await attempt(() => parting(name));
    expect(findings?.map(({ remedy }) => remedy)).toEqual([
      `Name another, or fetch this one (in GitHub Actions, check out with fetch-depth: 0): git fetch origin +refs/heads/${branch}:refs/remotes/origin/${branch}`,
    ]);
  },
);

test("several merge bases come in a fixed order", async () => {
  const { first, second } = await prepared;
  for (const ids of [`${first} ${second}`, `${second} ${first}`]) {
    const { mergeBases } = await parting("main", "merge-base", `printf '%s\\n' ${ids}; exit 0`);
    expect(mergeBases).toEqual([first, second].sort());
  }
});

test("HEAD means the checkout's own; of another name, and steps back from it, the remote's counts", async () => {
  const { repository, first, second } = await prepared;
  await repository.git("update-ref", "refs/remotes/origin/HEAD", first);
  await repository.git("update-ref", "refs/remotes/origin/HEADLINE", first);
  expect((await parting("HEAD")).base).toEqual({ shown: "HEAD", commit: second });
  expect((await parting("HEAD~1")).base).toEqual({ shown: "HEAD~1", commit: first });
  expect((await parting("HEADLINE")).base).toEqual({ shown: "origin/HEADLINE", commit: first });
  await repository.git("update-ref", "refs/remotes/origin/main", second);
  await repository.git("commit", "--quiet", "--allow-empty", "-m", "Ahead");
  expect((await parting("main~1")).base).toEqual({ shown: "origin/main~1", commit: first });
  await repository.git("reset", "--quiet", second);
  await repository.git("update-ref", "-d", "refs/remotes/origin/main");
});

test("a full object name means that commit, whatever branch of the remote is called so", async () => {
  const { repository, first, second } = await prepared;
  await repository.git("update-ref", `refs/remotes/origin/${first}`, second);
  expect((await parting(first)).base).toEqual({ shown: first, commit: first });
});

test.each([
  ["merge-base is silent", "merge-base", "exit 0", "Cannot find the merge base: git merge-base"],
  ["merge-base fails", "merge-base", "echo broken >&2; exit 128", "git merge-base: broken"],
  ["merge-base complains", "merge-base", "echo broken >&2; exit 1", "git merge-base: broken"],
  ["merge-base talks nonsense", "merge-base", "echo main; exit 0", "git merge-base"],
  ["merge-base knows none", "merge-base", "exit 1", "the two have no commit in common"],
  ["rev-parse is silent", "rev-parse", "exit 0", "Cannot "],
])("git is taken at its word only: %s", async (_, subcommand, shell, message) => {
  await expect(parting("main~1", subcommand, shell)).rejects.toThrow(message);
});
