import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Finding } from "../../../scripts/lib/finding.ts";
import { Refusal } from "../../../scripts/lib/finding.ts";
import {
  findCommit,
  gitLine,
  gitOutput,
  isBranchName,
  isObjectId,
  resolveCommit,
} from "../../../scripts/lib/git/git.ts";
import {
  findRepository,
  gitEnvironment,
  openRepository,
  type Repository,
  runGit,
} from "../../../scripts/lib/git/repository.ts";
import { standIn } from "../../helpers/release.ts";
import {
  start,
  type TestRepository,
  temporaryFolder,
  testRepository,
} from "../../helpers/world.ts";

let world: TestRepository;
let repository: Repository;
let first: string;
let second: string;

beforeAll(async () => {
  world = await testRepository();
  first = await world.commit({ "deep/er/file.txt": "hello\n" }, "First");
  second = await world.commit({ "other.txt": "x\n" }, "Second");
  repository = await openRepository(world.root, world.env);
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

async function refused(question: Promise<unknown>): Promise<Finding> {
  try {
    await question;
  } catch (thrown) {
    if (thrown instanceof Refusal && thrown.findings[0] !== undefined) {
      return thrown.findings[0];
    }
    throw thrown;
  }
  throw new Error("expected a refusal");
}

test("the top level is found from any subfolder, and through a symbolic link", async () => {
  symlinkSync(join(world.root, "deep"), join(world.home, "link"));
  for (const folder of ["", "deep", "deep/er", "../link/er"]) {
    expect((await openRepository(join(world.root, folder), world.env)).root).toBe(world.root);
  }
});

test("a work tree that has another git directory, or none, is refused", async () => {
  await using other = await testRepository();
  using folder = temporaryFolder();
  await other.git("config", "core.worktree", world.root);
  const finding = await refused(openRepository(other.root, other.env));
  expect(finding.message).toContain(`has the work tree ${world.root}, which does not belong to`);
  await other.git("config", "core.worktree", folder.path);
  expect(await findRepository(other.root, other.env)).toHaveProperty("why");
});

test("a top level is found whatever its name holds", async () => {
  using folder = temporaryFolder();
  const root = join(folder.path, '\u{1f600}line\nbreak "ünïcödé"  ');
  mkdirSync(root);
  await start(["git", "init", "--quiet"], { cwd: root, env: world.env });
  expect((await openRepository(root, world.env)).root).toBe(root);
});

test("what leaks of another repository changes no answer", async () => {
  await using other = await testRepository();
  await other.commit({ "elsewhere.txt": "y" });
  const names = ["DIR", "WORK_TREE", "INDEX_FILE", "OBJECT_DIRECTORY", "COMMON_DIR", "NAMESPACE"];
  const leaked = names.map((name) => [`GIT_${name}`, join(other.root, ".git")]);
  const misled = await openRepository(world.root, { ...world.env, ...Object.fromEntries(leaked) });
  expect(misled.root).toBe(world.root);
  expect(await resolveCommit(misled, "HEAD")).toBe(second);
  expect(await gitOutput(misled, "list", ["ls-files"])).toBe("deep/er/file.txt\nother.txt\n");
  expect(await gitOutput(misled, "ask", ["status", "--porcelain"])).toBe("");
});

test("every variable that is local to a repository is taken away, configuration apart", async () => {
  const local = (await world.git("rev-parse", "--local-env-vars")).split("\n");
  const leaked = Object.fromEntries(local.map((name) => [name, "leaked"]));
  const kept = Object.entries(gitEnvironment(leaked)).filter(([, value]) => value === "leaked");
  expect(kept.map(([name]) => name).sort()).toEqual(["GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"]);
});

test("configuration in the environment counts, as it does for git", async () => {
  const env = {
    ...world.env,
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "test.key",
    GIT_CONFIG_VALUE_0: "given",
  };
  const configured = await openRepository(world.root, env);
  expect(await gitLine(configured, "ask", ["config", "test.key"])).toBe("given");
});

test.each([
  ["GIT_CONFIG_GLOBAL", "/home/j\\374rgen/.gitconfig"],
  ["GIT_COMMITTER_EMAIL", "j\\374@example.invalid"],
  ["HOME", "/home/j\\374rgen"],
  ["GNUPGHOME", "/home/j\\374rgen/.gnupg"],
])(
  "%s in other bytes than UTF-8, which git would get as others, is refused",
  async (name, value) => {
    // The runtime decodes the environment of its own process, so that only another one can have bytes.
    const script = `import { openRepository } from "${import.meta.dir}/../../../scripts/lib/git/repository.ts";
    await openRepository(".", process.env).then(() => console.log("found"), (refused) => console.log(refused.findings[0].remedy));`;
    const program = `${name}="$(printf '${value}')" exec "$0" -e "$1"`;
    const command = ["sh", "-c", program, process.execPath, script];
    const { stdout } = await start(command, { cwd: world.root, env: world.env });
    expect(stdout).toStartWith(`The cause is the environment variable ${name}: `);
  },
);

test("a variable that git does not read may have any bytes", async () => {
  const env = { ...world.env, GREETING: "Gr\ufffd\ufffde", GIT_PREFIX: "\ufffd" };
  expect(await findRepository(world.root, env)).toHaveProperty("root", world.root);
});

test("replaced objects do not count", async () => {
  await using other = await testRepository();
  const real = await other.commit({ a: "real" }, "Real");
  const fake = await other.commit({ a: "fake" }, "Fake");
  await other.git("replace", real, fake);
  const opened = await openRepository(other.root, other.env);
  expect(await gitLine(opened, "ask", ["log", "-1", "--format=%s", real])).toBe("Real");
});

test("a folder in no repository, a bare one, and a .git folder are refused, each with its words", async () => {
  using folder = temporaryFolder();
  const remedy = "Run it inside the checkout, or name the checkout with --repo DIR";
  const bare = join(folder.path, "bare.git");
  await start(["git", "init", "--quiet", "--bare", bare], { cwd: folder.path, env: world.env });
  const cases: [string, string][] = [
    [folder.path, "not a git repository"],
    [bare, "this operation must be run in a work tree"],
    [join(world.root, ".git"), "this operation must be run in a work tree"],
    [join(folder.path, "gone"), "there is no such directory"],
    [join(world.root, "other.txt"), "there is no such directory"],
  ];
  for (const [where, why] of cases) {
    const finding = await refused(openRepository(where, world.env));
    expect(finding.message).toStartWith(`Cannot find a git work tree at ${where}: `);
    expect(finding.message).toContain(why);
    expect(finding.remedy).toBe(remedy);
    expect(await findRepository(where, world.env)).toHaveProperty("why");
  }
});

test("a missing git is refused with the version to install", async () => {
  using folder = temporaryFolder();
  const finding = await refused(openRepository(world.root, { ...world.env, PATH: folder.path }));
  expect(finding.message).toBe("Cannot run git: it is not installed, or not on PATH");
  expect(finding.remedy).toBe("Install git 2.34 or newer");
});

test("a git that says nothing and exits 0 has not answered", async () => {
  const env = standIn(world, "git", "exit 0");
  expect((await refused(openRepository(world.root, env))).message).toEndWith(
    "exit code 0 without a message",
  );
  const silent: Repository = { ...repository, env };
  expect((await refused(findCommit(silent, "HEAD"))).message).toBe(
    'Cannot resolve "HEAD": git rev-parse: exit code 0 without a message',
  );
  expect(
    (await refused(gitLine(silent, "find the branch", ["symbolic-ref", "HEAD"]))).message,
  ).toBe("Cannot find the branch: git symbolic-ref printed 0 lines, expected 1");
});

test("a top level that is cut short is not taken for another checkout", async () => {
  const env = standIn(world, "git", `printf %s '${dirname(world.root)}'`);
  expect((await refused(openRepository(world.root, env))).message).toStartWith(
    `Cannot find a git work tree at ${world.root}`,
  );
});

test("a git that hangs ends in a refusal at the time limit", async () => {
  const env = standIn(world, "git", "exec sleep 60");
  const finding = await refused(
    gitOutput({ ...repository, env }, "ask the remote", ["ls-remote"], { timeout: 100 }),
  );
  expect(finding.message).toBe(
    "Cannot ask the remote: git ls-remote: no answer within the time limit",
  );
});

test("a git that fails is quoted, with the command to run by hand", async () => {
  const finding = await refused(
    gitOutput(repository, "read the note", ["-c", "a.b=c", "show", "zzz"]),
  );
  expect(finding.message).toStartWith(
    "Cannot read the note: git show: fatal: ambiguous argument 'zzz'",
  );
  expect(finding.remedy).toBe("Run it by hand to see why: git -c a.b=c show zzz");
});

test("more than one line is not the one line that was asked for", async () => {
  const finding = await refused(gitLine(repository, "find it", ["-c", "a.b=c", "ls-files"]));
  expect(finding.message).toBe("Cannot find it: git ls-files printed 2 lines, expected 1");
});

test("a repository without a commit is told what it lacks", async () => {
  await using empty = await testRepository();
  const { remedy } = await refused(resolveCommit(empty, "HEAD"));
  expect(remedy).toBe("Make the first commit, or check out a branch that has one");
});

test("a revision is a commit's full name, found or not, whatever it is called", async () => {
  await world.git("branch", "both", first);
  await world.git("tag", "-a", "both", "-m", "an annotated tag", second);
  await world.git("update-ref", "refs/heads/-x", first);
  const table: [string, string | undefined][] = [
    ["HEAD", second],
    ["HEAD~1", first],
    [first.slice(0, 8), first],
    // Of a tag and a branch with one name git takes the tag; full names tell them apart.
    ["both", second],
    ["refs/heads/both", first],
    ["-x", first],
    ["--all", undefined],
    ["--", undefined],
    ["", undefined],
    ["no such name", undefined],
    ["line\nbreak", undefined],
    ["HEAD~9", undefined],
    ["HEAD:other.txt", undefined],
    [":/^First", first],
    [":/no such words", undefined],
    ["HEAD^{tree}", undefined],
    ["0".repeat(40), undefined],
  ];
  for (const [revision, expected] of table) {
    expect([revision, await findCommit(repository, revision)]).toEqual([revision, expected]);
  }
  const finding = await refused(resolveCommit(repository, "no such name"));
  expect(finding.message).toBe('Cannot find commit "no such name" in this repository');
});

test("a revision that git cannot decide on is a refusal, not an absence", async () => {
  const finding = await refused(findCommit(repository, "HEAD@{upstream}"));
  expect(finding.message).toBe(
    "Cannot resolve \"HEAD@{upstream}\": git rev-parse: fatal: no upstream configured for branch 'main'",
  );
});

test("only 40 or 64 lower case hex digits are an object name", () => {
  expect(isObjectId(first)).toBe(true);
  expect(isObjectId("a".repeat(64))).toBe(true);
  for (const no of ["", "a".repeat(39), "A".repeat(40), "a".repeat(50), `${"a".repeat(40)}\n`]) {
    expect(isObjectId(no)).toBe(false);
  }
});

test("an interrupt ends a question", async () => {
  const controller = new AbortController();
  const env = standIn(world, "git", "exec sleep 60");
  const question = runGit({ ...repository, env, signal: controller.signal }, ["fetch"]);
  controller.abort();
  expect((await question).code).toBe(143);
});

test("a name is that of a branch where git takes it as one, and no revision besides", () => {
  const names = ["main", "release/1.2", "a.b", "@a", "ü", "a@b", "-x", "a{b"];
  const none = [
    ...["", "@", "@{u}", "main@{upstream}", ":/x", "a:b", "a b", "a~1", "a^", "a?", "a*", "a["],
    ...[
      "a\\b",
      "a..b",
      "a.",
      ".a",
      "a/.b",
      "/a",
      "a/",
      "a//b",
      "a.lock",
      "a.lock/b",
      "a\nb",
      "\x7f",
    ],
  ];
  expect([...names, ...none].filter(isBranchName)).toEqual(names);
});

test("git's traces are off, which would be read as its words", async () => {
  await using other = await testRepository();
  await other.commit({ a: "1" });
  for (const target of ["normal", "event", "perf"]) {
    await other.git("config", "--global", `trace2.${target}Target`, "2");
  }
  const env = { ...other.env, GIT_TRACE: "1", GIT_TRACE2_EVENT: "2" };
  const opened = await openRepository(other.root, env);
  expect((await runGit(opened, ["rev-parse", "HEAD"])).stderr).toBe("");
});
