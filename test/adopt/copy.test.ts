import { expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Copy,
  changesOf,
  compareCopy,
  type Fate,
  fateOf,
  hashOf,
  isAdoptable,
  manifestPath,
  manifestText,
  openCopy,
  parseManifest,
  readUpstream,
  type Upstream,
} from "../../scripts/adopt/copy.ts";
import { changeFiles } from "../../scripts/lib/disk/change-files.ts";
import { source } from "../../scripts/lib/tree.ts";
import {
  isolatedEnvironment,
  temporaryFolder,
  testRepository,
  writeFiles,
} from "../helpers/world.ts";

const { signal } = new AbortController();
const hash = "a".repeat(64);

function upstreamWith(files: Readonly<Record<string, string>>): Upstream {
  const states = Object.entries(files).map(
    ([path, text]) => [path, { bytes: new TextEncoder().encode(text), mode: 0o644 }] as const,
  );
  return {
    version: "0.1.0",
    commit: undefined,
    changed: [],
    files: new Map(states.map(([path, { bytes }]) => [path, hashOf(bytes)])),
    states: new Map(states),
  };
}

/** A checkout with a copy in a folder of it. */
async function checkout() {
  const folder = temporaryFolder();
  const env = isolatedEnvironment(folder.path);
  await Bun.$`git init --quiet`.cwd(folder.path).env(env);
  const root = join(folder.path, "tools");
  mkdirSync(root);
  const copy: Copy = await openCopy("tools", folder.path, env, signal);
  /** The fates of the files, and the paths that the adoption changes. */
  const compare = async (files: Readonly<Record<string, string>>, commit?: string) => {
    const adoption = await compareCopy(copy, { ...upstreamWith(files), commit });
    const changes = changesOf(adoption);
    return {
      fates: adoption.steps.map(({ fate }) => fate),
      paths: changes.map(({ path }) => path.replace(/^tools\//, "")),
      write: () =>
        changeFiles(
          folder.path,
          () => changes,
          () => false,
        ),
    };
  };
  return { root, compare, [Symbol.dispose]: folder[Symbol.dispose] };
}

const files = { "release-gate/b.ts": "b", "scripts/a.ts": "a", "scripts/z.ts": "z" };

test("the manifest is written last: a run that is killed before it can be run again", async () => {
  using it = await checkout();
  const first = await it.compare(files);
  expect(first.paths).toEqual([...Object.keys(files), manifestPath]);
  await first.write();

  // The next version, cut off after its first file.
  const next = { ...files, "scripts/a.ts": "a2", "release-gate/b.ts": "b2" };
  expect((await it.compare(next)).paths).toEqual([
    "release-gate/b.ts",
    "scripts/a.ts",
    manifestPath,
  ]);
  writeFiles(it.root, { "release-gate/b.ts": "b2" });
  expect((await it.compare(next)).fates).toEqual(["current", "stale", "current"]);
});

test("nothing is written where nothing changed, not even the manifest", async () => {
  using it = await checkout();
  await (await it.compare(files)).write();
  expect((await it.compare(files, "a".repeat(40))).paths).toEqual([]);
});

test("a file that changes after it was decided on is not written over, nor is any other", async () => {
  using it = await checkout();
  const { write } = await it.compare(files);
  writeFiles(it.root, { "scripts/z.ts": "somebody's own" });
  await expect(write()).rejects.toThrow(
    "Cannot write tools/scripts/z.ts: it has changed since it was read",
  );
  expect(readFileSync(join(it.root, "scripts/z.ts"), "utf8")).toBe("somebody's own");
  expect((await it.compare(files)).fates).toEqual(["stale", "stale", "conflict"]);
});

test("permissions stay as they are, but for the run bit of a command", async () => {
  using it = await checkout();
  const [library, command] = ["library", "#!/usr/bin/env bun"];
  const names = ["a", "b", "c", "d"].map((name) => `scripts/${name}.ts`);
  const texts = names.map((name, index) => [name, index % 2 === 0 ? library : command] as const);
  const adopt = async (version: string) =>
    (
      await it.compare(Object.fromEntries(texts.map(([name, text]) => [name, text + version])))
    ).write();
  await adopt("1");
  await Bun.$`chmod 600 scripts/a.ts scripts/b.ts`.cwd(it.root);
  await adopt("2");
  const modes = await Bun.$`stat -c %a ${names}`.cwd(it.root).text();
  expect(modes.trim().split("\n")).toEqual(["600", "700", "644", "755"]);
});

test("a file whose lines git ends with CRLF is current, and one of an old version is updated", async () => {
  using it = await checkout();
  await (await it.compare({ "scripts/a.ts": "1\n2\n" })).write();
  writeFiles(it.root, { "scripts/a.ts": "1\r\n2\r\n" });
  expect((await it.compare({ "scripts/a.ts": "1\n2\n" })).paths).toEqual([]);
  expect((await it.compare({ "scripts/a.ts": "1\n2\n3\n" })).fates).toEqual(["stale"]);
});

test("the manifest follows where hands have done the rest", async () => {
  using it = await checkout();
  await (await it.compare(files)).write();
  const { "scripts/z.ts": _, ...fewer } = files;
  writeFiles(it.root, { "scripts/z.ts": undefined, "scripts/a.ts": "a2" });
  expect(await it.compare({ ...fewer, "scripts/a.ts": "a2" })).toMatchObject({
    fates: ["current", "current"],
    paths: [manifestPath],
  });
});

// Every way in which three states can be equal, different or absent: 1, 2, 3 are contents.
test.each<[string | undefined, string | undefined, string | undefined, Fate]>([
  // upstream, adopted, here
  ["1", "1", "1", "current"],
  ["1", "2", "1", "current"],
  ["1", undefined, "1", "current"],
  ["1", undefined, undefined, "stale"],
  ["1", "1", undefined, "stale"],
  ["1", "2", undefined, "stale"],
  ["1", "2", "2", "stale"],
  ["1", "1", "2", "edited"],
  ["1", "2", "3", "conflict"],
  ["1", undefined, "2", "conflict"],
  [undefined, "1", "1", "removed"],
  [undefined, "1", "2", "conflict"],
])("upstream %p, adopted %p, here %p: %s", (upstream, adopted, here, fate) => {
  expect(fateOf(upstream, adopted, here)).toBe(fate);
});

test("a manifest reads back as it was written", () => {
  const commit = "b".repeat(40);
  const files = new Map([
    ["release-gate/a.ts", hash],
    ["scripts/b.ts", hash],
  ]);
  const text = manifestText({ version: "0.1.0", commit, files });
  expect(parseManifest(source(manifestPath, text), "AGAIN")).toEqual({
    version: "0.1.0",
    commit,
    files,
  });
});

test.each([
  ["no JSON", "{"],
  ["a list", "[]"],
  ["without a version", `{"files":{}}`],
  ["without files", `{"version":"0.1.0"}`],
  ["with a commit that is none", `{"version":"0.1.0","commit":"main","files":{}}`],
  ["with the ledger", `{"version":"0.1.0","files":{"release-gate/lab-validations.txt":"${hash}"}}`],
  ["with a way out", `{"version":"0.1.0","files":{"scripts/../../a.ts":"${hash}"}}`],
])("a manifest that is damaged is refused: %s", (_, text) => {
  expect(() => parseManifest(source(manifestPath, text), "AGAIN")).toThrow(manifestPath);
});

test.each([
  ["scripts/release.ts", true],
  ["scripts/lib/files/cargo.ts", true],
  ["release-gate/check-ledger.ts", true],
  ["release-gate/lab-validations.txt", false],
  ["release-gate/history/drift.ts", true],
  ["scripts/release.sh", false],
  ["scripts/adopted.json", false],
  ["scripts//a.ts", false],
  ["scripts/./a.ts", false],
  ["/scripts/a.ts", false],
  ["src/a.ts", false],
  ["scripts/tsconfig.json", true],
  ["release-gate/tsconfig.json", true],
  ["tsconfig.json", false],
  ["scripts/lib/tsconfig.json", false],
  ["scripts/package.json", false],
  ["scripts/a\u0000.ts", false],
])("only source text of the tools may be written: %p %p", (candidate, expected) => {
  expect(isAdoptable(candidate)).toBe(expected);
});

test("hashes are sha256, in hex", () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  expect(hashOf(new Uint8Array())).toBe(empty);
});

const tools = {
  "package.json": `{"version":"0.2.0"}`,
  "scripts/a.ts": "a",
  "scripts/a.txt": "no source text",
  "scripts/demo.ts": "demo",
  "scripts/lib/b.ts": "b",
  "scripts/demo/world.ts": "demo",
  "release-gate/c.ts": "c",
  "release-gate/ledger.txt": "",
};
const adopted = ["release-gate/c.ts", "scripts/a.ts", "scripts/lib/b.ts"];

test("release tools as committed have a commit, and others have none and are named", async () => {
  await using world = await testRepository();
  const commit = await world.commit(tools);
  const clean = await readUpstream(world.root, world.env, signal);
  expect([...clean.files.keys()]).toEqual(adopted);
  expect(clean).toMatchObject({ version: "0.2.0", commit, changed: [] });

  writeFiles(world.root, { "scripts/a.ts": "edited", "scripts/a.txt": "edited" });
  const edited = await readUpstream(world.root, world.env, signal);
  expect(edited.commit).toBeUndefined();
  expect(edited.changed).toEqual(["scripts/a.ts"]);
});

test("release tools in a folder of another repository, or in none, have no commit", async () => {
  await using world = await testRepository();
  await world.commit(
    Object.fromEntries(Object.entries(tools).map(([path, text]) => [`tools/${path}`, text])),
  );
  using folder = temporaryFolder();
  writeFiles(folder.path, { ...tools, "package.json": undefined });
  mkdirSync(join(folder.path, "home"));
  for (const [root, env, version] of [
    [join(world.root, "tools"), world.env, "0.2.0"],
    [folder.path, isolatedEnvironment(join(folder.path, "home")), "unknown"],
  ] as const) {
    const upstream = await readUpstream(root, env, signal);
    expect([...upstream.files.keys()]).toEqual(adopted);
    expect(upstream).toMatchObject({ version, commit: undefined, changed: undefined });
  }
});
