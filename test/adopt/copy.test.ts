import { expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Copy,
  compareCopy,
  contentsOf,
  type Fate,
  fateOf,
  openCopy,
  readCopy,
  writeCopy,
} from "../../scripts/adopt/copy.ts";
import { manifestPath } from "../../scripts/adopt/manifest.ts";
import type { Upstream } from "../../scripts/adopt/upstream.ts";
import { isolatedEnvironment, temporaryFolder, writeFiles } from "../helpers/world.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const { signal } = new AbortController();

function upstreamWith(files: Readonly<Record<string, string>>): Upstream {
  return {
    version: "0.1.0",
    commit: undefined,
    changed: [],
    files: new Map(Object.entries(files).map(([path, text]) => [path, bytes(text)])),
  };
}

/** A checkout with a copy in a folder of it. */
async function checkout(): Promise<Disposable & { readonly root: string; readonly copy: Copy }> {
  const folder = temporaryFolder();
  const env = isolatedEnvironment(folder.path);
  await Bun.$`git init --quiet`.cwd(folder.path).env(env);
  const root = join(folder.path, "tools");
  mkdirSync(root);
  const copy = await openCopy("tools", folder.path, env, signal);
  return { root, copy, [Symbol.dispose]: folder[Symbol.dispose] };
}

const files = { "scripts/a.ts": "a", "scripts/z.ts": "z", "release-gate/b.ts": "b" };

test("the manifest is written last: a run that is killed before it can be run again", async () => {
  using it = await checkout();
  const { copy, root } = it;
  const first = await compareCopy(copy, upstreamWith(files));
  const contents = contentsOf(first);
  expect([...contents.keys()]).toEqual([...Object.keys(files).toSorted(), manifestPath]);
  await writeCopy(copy, contents, first.here, () => false);

  // The next version, cut off after its first file.
  const next = upstreamWith({ ...files, "scripts/a.ts": "a2", "release-gate/b.ts": "b2" });
  const update = await compareCopy(copy, next);
  expect([...contentsOf(update).keys()]).toEqual([
    "release-gate/b.ts",
    "scripts/a.ts",
    manifestPath,
  ]);
  writeFiles(root, { "release-gate/b.ts": "b2" });
  const again = await compareCopy(copy, next);
  expect(again.steps.map(({ fate }) => fate)).toEqual(["current", "stale", "current"]);
});

test("nothing is written where nothing changed, not even the manifest", async () => {
  using it = await checkout();
  const first = await compareCopy(it.copy, upstreamWith(files));
  await writeCopy(it.copy, contentsOf(first), first.here, () => false);
  const upstream = { ...upstreamWith(files), commit: "a".repeat(40) };
  expect(contentsOf(await compareCopy(it.copy, upstream)).size).toBe(0);
});

test("a file that changes after it was decided on is not written over, nor is any other", async () => {
  using it = await checkout();
  const seen = readCopy(it.copy, Object.keys(files));
  writeFiles(it.root, { "scripts/z.ts": "somebody's own" });
  const contents = new Map(Object.entries(files).map(([path, text]) => [path, bytes(text)]));
  await expect(writeCopy(it.copy, contents, seen, () => false)).rejects.toThrow(
    "Cannot write tools/scripts/z.ts: it has changed since it was read",
  );
  expect(readFileSync(join(it.root, "scripts/z.ts"), "utf8")).toBe("somebody's own");
  expect(readCopy(it.copy, Object.keys(files)).size).toBe(1);
});

test("permissions stay as they are, but for the run bit of a command", async () => {
  using it = await checkout();
  writeFiles(it.root, { "scripts/a.ts": "a", "scripts/b.ts": "b" });
  await Bun.$`chmod 600 scripts/a.ts scripts/b.ts`.cwd(it.root);
  const paths = ["scripts/a.ts", "scripts/b.ts", "scripts/c.ts", "scripts/d.ts"];
  const seen = readCopy(it.copy, paths);
  const contents = new Map(
    paths.map((path, index) => [path, bytes(index % 2 === 0 ? "library" : "#!/usr/bin/env bun")]),
  );
  await writeCopy(it.copy, contents, seen, () => false);
  const after = readCopy(it.copy, paths);
  const modes = paths.map((path) => after.get(path)?.mode.toString(8));
  expect(modes).toEqual(["600", "700", "644", "755"]);
});

test("the manifest follows where hands have done the rest", async () => {
  using it = await checkout();
  const first = await compareCopy(it.copy, upstreamWith(files));
  await writeCopy(it.copy, contentsOf(first), first.here, () => false);
  const { "scripts/z.ts": _, ...fewer } = files;
  writeFiles(it.root, { "scripts/z.ts": undefined, "scripts/a.ts": "a2" });
  const adoption = await compareCopy(it.copy, upstreamWith({ ...fewer, "scripts/a.ts": "a2" }));
  expect(adoption.steps.map(({ fate }) => fate)).toEqual(["current", "current"]);
  expect([...contentsOf(adoption).keys()]).toEqual([manifestPath]);
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
  expect(fateOf({ upstream, adopted, here })).toBe(fate);
});
