import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { workTree } from "../../../scripts/lib/disk/work-tree.ts";
import { attempt } from "../../../scripts/lib/finding.ts";
import { commitTree, openObjects } from "../../../scripts/lib/git/objects.ts";
import { openRepository, type Repository } from "../../../scripts/lib/git/repository.ts";
import type { Tree } from "../../../scripts/lib/tree.ts";
import { memoryTree } from "../../helpers/memory-tree.ts";
import {
  start,
  type TestRepository,
  temporaryFolder,
  testRepository,
} from "../../helpers/world.ts";

const ordinary: Record<string, string> = {
  "Cargo.toml": "[workspace]\r\n",
  "bom.toml": "\ufeffa = 1\n",
  "crates/a/Cargo.toml": "a\n",
  "crates/b/Cargo.toml": "b",
  "crates/b/src/deep/Cargo.toml": "not a crate\n",
  "crates/.hidden/Cargo.toml": "h\n",
  "crates-not/c/Cargo.toml": "c\n",
  "empty.txt": "",
  "with space/ünïcödé \u{1f600}.txt": "u\n",
  'quo"te\\back.txt': "q\n",
  "line\nbreak.txt": "n\n",
  " lead and trail ": "s\n",
  "\ufeffbom-name.txt": "not the other\n",
  "bom-name.txt": "the other\n",
  "[brackets]/{x}.txt": "glob\n",
};
const globs = [
  "*",
  "**",
  "*/Cargo.toml",
  "crates/*/Cargo.toml",
  "crates/**/Cargo.toml",
  "**/Cargo.toml",
  "crates/{a,b}/Cargo.toml",
  "crates/{a,b/src/deep}/Cargo.toml",
  "crates/[ab]/*",
  "crates/a/Cargo.toml",
  "crates/a",
  "./crates/*/Cargo.toml",
  "crates/../crates/*/Cargo.toml",
  "crates/?/*.toml",
  "nowhere/*",
  "Cargo.toml/*",
  "*.txt",
];

let world: TestRepository;
let repository: Repository;
let commit: string;
let modules: string;

beforeAll(async () => {
  world = await testRepository();
  commit = await world.commit(ordinary, "Ordinary files");
  symlinkSync("Cargo.toml", join(world.root, "link.toml"));
  symlinkSync("a", join(world.root, "crates/linked"));
  symlinkSync("../Cargo.toml", join(world.root, "crates/file-link"));
  symlinkSync("link.toml", join(world.root, "crates/a/far-link"));
  symlinkSync("../../nowhere", join(world.root, "crates/b/src/dangling"));
  const module = `160000,${commit}`;
  await world.git("update-index", "--add", "--cacheinfo", `${module},module`);
  await world.git("update-index", "--add", "--cacheinfo", `${module},crates/module`);
  await world.git("add", "link.toml", "crates/linked", "crates/file-link");
  await world.git("add", "crates/a/far-link", "crates/b/src/dangling");
  await world.git("commit", "--quiet", "-m", "Links and a submodule");
  modules = await world.git("rev-parse", "HEAD");
  repository = await openRepository(world.root, world.env);
});

afterAll(async () => {
  await world[Symbol.asyncDispose]();
});

/** The message of the refusal that a question ends with. */
async function message(question: Promise<unknown>): Promise<string> {
  const { findings } = await attempt(() => question);
  expect(findings).toHaveLength(1);
  return findings?.[0]?.message ?? "";
}

/** Opens the objects of a world. */
const objectsOf = async ({ root, env }: Pick<TestRepository, "root" | "env">) =>
  openObjects(await openRepository(root, env));

/** The environment of a world in which `git` is a shell script. */
function standIn(folder: string, script: string): Repository {
  const path = join(folder, "git");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return { ...repository, env: { ...world.env, PATH: `${folder}:${process.env.PATH}` } };
}

async function eachText(tree: Tree, paths: readonly string[]): Promise<(string | undefined)[]> {
  return await Promise.all(paths.map(async (path) => (await tree.read(path))?.text));
}

test("a commit, the work tree it came from, and a map of its files are one and the same tree", async () => {
  await using clean = await testRepository();
  const same = await clean.commit(ordinary);
  const { root } = clean;
  await using objects = await objectsOf(clean);
  const none = ["absent", "Cargo.toml/x", "", "/", "./Cargo.toml", "crates/../Cargo.toml"];
  none.push(
    "crates//a/Cargo.toml",
    join(root, "Cargo.toml"),
    "Cargo.toml/",
    "../checkout/Cargo.toml",
  );
  for (const tree of [commitTree(objects, same), workTree(root), memoryTree(ordinary)]) {
    const texts = Object.values(ordinary).map((text) => text.replace(/^\ufeff/, ""));
    expect(await eachText(tree, Object.keys(ordinary))).toEqual(texts);
    expect(await eachText(tree, none)).toEqual(none.map(() => undefined));
    expect(await message(tree.read("crates/a"))).toBe(
      "Cannot read crates/a: found a folder, expected a file",
    );
    for (const glob of globs) {
      const matcher = new Bun.Glob(glob);
      const matches = Object.keys(ordinary).filter((path) => matcher.match(path));
      expect([glob, await tree.list(glob)]).toEqual([glob, matches.sort()]);
    }
  }
});

test("a file of a commit reads as git shows it, whatever is in the work tree or the index", async () => {
  await using other = await testRepository();
  const before = await other.commit({ a: "committed\n" });
  writeFileSync(join(other.root, "a"), "staged\n");
  writeFileSync(join(other.root, "new"), "staged\n");
  await other.git("add", "--all");
  writeFileSync(join(other.root, "a"), "edited\n");
  await using objects = await objectsOf(other);
  const tree = commitTree(objects, before);
  expect((await tree.read("a"))?.text).toBe(`${await other.git("show", `${before}:a`)}\n`);
  expect(await tree.read("new")).toBeUndefined();
  expect(await tree.list("*")).toEqual(["a"]);
});

test("a symbolic link or a submodule is refused where a file or a folder is expected", async () => {
  await using objects = openObjects(repository);
  const tree = commitTree(objects, modules);
  expect(await message(tree.read("link.toml"))).toBe(
    "Cannot read link.toml: found a symbolic link, expected a file",
  );
  expect(await message(tree.read("module"))).toBe(
    "Cannot read module: found a submodule, expected a file",
  );
  expect(await message(tree.read("crates/linked/Cargo.toml"))).toBe(
    "Cannot read crates/linked: found a symbolic link, expected a folder",
  );
  expect(await message(tree.list("module/*"))).toBe(
    "Cannot read module: found a submodule, expected a folder",
  );
  expect(await tree.list("*.toml")).toEqual(["Cargo.toml", "bom.toml", "link.toml"]);
});

test.each([
  ["a link and a submodule where a match may be", "crates/*/Cargo.toml", ["linked", "module"]],
  ["a link that the pattern matches", "crates/li*/Cargo.toml", ["linked"]],
  ["no link elsewhere", "crates/b/src/*/Cargo.toml", ["b/src/dangling", "b/src/deep"]],
  ["a link that the pattern leads further through", "crates/l*/x/*.toml", ["linked:*.toml"]],
  [
    "a link at any depth",
    "crates/**/Cargo.toml",
    ["a/far-link", "b/src/dangling", "b/src/deep", "linked", "module"],
  ],
])(
  "a commit lists what it cannot look behind, and reading that refuses: %s",
  async (_, glob, expected) => {
    await using objects = openObjects(repository);
    const tree = commitTree(objects, modules);
    const paths = expected.map((each) => {
      const [folder, name = "Cargo.toml"] = each.split(":");
      return `crates/${folder}/${name}`;
    });
    const listed = await tree.list(glob);
    expect(listed.filter((path) => paths.includes(path))).toEqual(paths);
    const barriers = /linked|module|far-link|dangling/;
    expect(listed.filter((path) => barriers.test(path))).toEqual(
      paths.filter((path) => barriers.test(path)),
    );
    for (const path of listed.filter((each) => barriers.test(each))) {
      expect(await message(tree.read(path))).toMatch(
        /^Cannot read crates\/.*: found a (symbolic link|submodule), expected a folder$/,
      );
    }
  },
);

test("an object is found by name or revision, and undefined if there is none", async () => {
  await using objects = openObjects(repository);
  const names = [
    commit,
    "HEAD~1",
    "HEAD:Cargo.toml",
    "HEAD:crates",
    "nope",
    "",
    "a b ",
    "x\ny",
    "é",
  ];
  const found = await Promise.all(names.map((name) => objects.find(name)));
  expect(found.map((each) => String(each?.type)).join(" ")).toBe(
    `commit commit blob tree${" undefined".repeat(5)}`,
  );
  expect(found[0]?.id).toBe(commit);
  expect(found[1]?.bytes).toEqual(found[0]?.bytes as Uint8Array);
});

test("many questions at once are each answered with their own object", async () => {
  await using objects = openObjects(repository);
  const paths = Object.keys(ordinary).filter((path) => !path.includes("\n"));
  const rounds = Array.from({ length: 100 }, () => paths).flat();
  const found = await Promise.all(rounds.map((path) => objects.find(`${commit}:${path}`)));
  expect(found.map((each) => Buffer.from(each?.bytes ?? []).toString())).toEqual(
    rounds.map((path) => ordinary[path] ?? ""),
  );
});

test("a commit of a SHA-256 repository reads the same", async () => {
  using folder = temporaryFolder();
  const { env } = world;
  const git = (...args: string[]) => start(["git", ...args], { cwd: folder.path, env });
  expect((await git("init", "--quiet", "--object-format=sha256")).code).toBe(0);
  writeFileSync(join(folder.path, "a.txt"), "long names\n");
  await git("add", "a.txt");
  await git("commit", "--quiet", "-m", "Long names");
  const head = (await git("rev-parse", "HEAD")).stdout.trim();
  expect(head.length).toBe(64);
  await using objects = await objectsOf({ root: folder.path, env });
  expect((await commitTree(objects, head).read("a.txt"))?.text).toBe("long names\n");
});

test("an object that is missing, or not of its kind, is a refusal and never an absent file", async () => {
  await using broken = await testRepository();
  const head = await broken.commit({ "folder/file": "here\n", other: "x\n" });
  const remove = async (name: string) => {
    const id = await broken.git("rev-parse", name);
    rmSync(join(broken.root, ".git/objects", id.slice(0, 2), id.slice(2)));
    return id;
  };
  const blob = await remove("HEAD:folder/file");
  {
    await using objects = await objectsOf(broken);
    const tree = commitTree(objects, head);
    expect(await message(tree.read("folder/file"))).toBe(
      `Cannot read folder/file: blob ${blob} from git: found nothing`,
    );
    expect((await tree.read("other"))?.text).toBe("x\n");
  }
  const folder = await remove("HEAD:folder");
  {
    await using objects = await objectsOf(broken);
    const tree = commitTree(objects, head);
    const why = `Cannot read folder: tree ${folder} from git: found nothing`;
    expect(await message(tree.read("folder/file"))).toBe(why);
    expect(await message(tree.list("folder/*"))).toBe(why);
  }
  await using objects = await objectsOf(broken);
  const noCommit = commitTree(objects, "0".repeat(40));
  expect(await message(noCommit.read("a"))).toBe(
    `Cannot read tree ${"0".repeat(40)}^{tree} from git: found nothing`,
  );
});

test("a corrupt object is a refusal with git's words", async () => {
  await using broken = await testRepository();
  const head = await broken.commit({ a: "here\n", b: "x\n" });
  const id = await broken.git("rev-parse", "HEAD:a");
  const path = join(broken.root, ".git/objects", id.slice(0, 2), id.slice(2));
  rmSync(path);
  writeFileSync(path, "junk");
  await using objects = await objectsOf(broken);
  const tree = commitTree(objects, head);
  expect(await message(tree.read("a"))).toContain(id);
});

test("bytes that are not UTF-8 are refused, unless the reader asks to be lenient", async () => {
  await using other = await testRepository();
  const head = await other.commit({ "latin.txt": new Uint8Array([0x61, 0xe9, 0x0a]) });
  await using objects = await objectsOf(other);
  for (const tree of [commitTree(objects, head), workTree(other.root)]) {
    expect(await message(tree.read("latin.txt"))).toBe(
      "Cannot read latin.txt: it is not UTF-8 text",
    );
    expect((await tree.read("latin.txt", { lenient: true }))?.text).toBe("a\ufffd\n");
  }
});

test("a git that dies within an answer is a refusal, also for the questions that wait", async () => {
  using folder = temporaryFolder();
  const id = "a".repeat(40);
  const dies = standIn(
    folder.path,
    `read -r name; printf '${id} blob 100\\nonly this'; echo 'fatal: out of luck' >&2; exit 128`,
  );
  await using objects = openObjects(dies);
  const refused = (name: string) =>
    `Cannot read "${name}" from git: git cat-file: fatal: out of luck`;
  const names = ["one", "two", "three"];
  const answers = await Promise.all(names.map((each) => message(objects.find(each))));
  expect(answers).toEqual(names.map(refused));
  expect(await message(objects.find("four"))).toBe(refused("four"));
});

test("a git that ends without a word, and one that talks nonsense, are refusals", async () => {
  using folder = temporaryFolder();
  await using silent = openObjects(standIn(folder.path, "exit 0"));
  expect(await message(silent.find("x"))).toBe(
    'Cannot read "x" from git: git cat-file: exit code 0 without a message',
  );
  await using odd = openObjects(standIn(folder.path, "read -r name; echo hello there; cat"));
  expect(await message(odd.find("x"))).toBe(
    'Cannot read "x" from git: git cat-file answered "hello there"',
  );
});

test("a git that hangs ends in a refusal at the time limit, even with a child of its own", async () => {
  using folder = temporaryFolder();
  await using objects = openObjects(standIn(folder.path, "sleep 150 & wait"), 100);
  expect(await message(objects.find("x"))).toBe(
    'Cannot read "x" from git: git cat-file: no answer within the time limit',
  );
});

test("a git that hangs is ended by Ctrl-C, before the question and during it", async () => {
  using folder = temporaryFolder();
  const git = standIn(folder.path, "exec sleep 150");
  await using late = openObjects({ ...git, signal: AbortSignal.abort() });
  const stop = new AbortController();
  await using open = openObjects({ ...git, signal: stop.signal });
  const words = Promise.all([late, open].map((each) => message(each.find("x"))));
  stop.abort();
  const ended = 'Cannot read "x" from git: git cat-file: exit code 143 without a message';
  expect(await words).toEqual([ended, ended]);
});

test("a missing git is a refusal with its remedy", async () => {
  using folder = temporaryFolder();
  await using objects = openObjects({ ...repository, env: { PATH: folder.path } });
  expect(await message(objects.find("x"))).toBe(
    "Cannot run git: it is not installed, or not on PATH",
  );
});

test("a file of 10 MB reads whole", async () => {
  await using other = await testRepository();
  const long = "0123456789abcdef".repeat(650_000);
  const head = await other.commit({ long, short: "s" });
  await using objects = await objectsOf(other);
  const tree = commitTree(objects, head);
  expect((await tree.read("long"))?.text === long).toBe(true);
  expect((await tree.read("short"))?.text).toBe("s");
});

test("git is asked for each object once, for as many files and commits as hold it", async () => {
  using folder = temporaryFolder();
  const log = join(folder.path, "asked");
  const git = standIn(folder.path, `tee -a '${log}' | ${Bun.which("git")} "$@"`);
  await using objects = openObjects(git);
  const [one, other] = [commitTree(objects, commit), commitTree(objects, modules)];
  const paths = ["Cargo.toml", "crates/b/Cargo.toml", "crates/b/src/deep/Cargo.toml"];
  expect(await eachText(one, paths)).toEqual(await eachText(other, paths));
  expect(await one.read("Cargo.toml")).toBe(await other.read("Cargo.toml"));
  await one.list("crates/**");
  const asked = readFileSync(log, "utf8").split("\n").slice(0, -1);
  expect(asked.length).toBeGreaterThan(5);
  expect(new Set(asked).size).toBe(asked.length);
});

test("a git that ends is noticed to end, though a child of it keeps its output open", async () => {
  using folder = temporaryFolder();
  const began = performance.now();
  await using objects = openObjects(standIn(folder.path, "(exec sleep 8) & exit 3"));
  expect(await message(objects.find("x"))).toContain("exit code 3");
  expect(performance.now() - began).toBeLessThan(4000);
}, 20_000);
