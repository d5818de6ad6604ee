import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { readUpstream } from "../../scripts/adopt/upstream.ts";
import {
  isolatedEnvironment,
  temporaryFolder,
  testRepository,
  writeFiles,
} from "../helpers/world.ts";

const { signal } = new AbortController();
const files = {
  "package.json": `{"version":"0.2.0"}`,
  "scripts/a.ts": "a",
  "scripts/a.txt": "no source text",
  "scripts/demo.ts": "demo",
  "scripts/lib/b.ts": "b",
  "scripts/demo/world.ts": "demo",
  "release-gate/c.ts": "c",
  "release-gate/ledger.txt": "",
};
const adopted = ["scripts/a.ts", "scripts/lib/b.ts", "release-gate/c.ts"];

test("release tools as committed have a commit, and others have none and are named", async () => {
  await using world = await testRepository();
  const commit = await world.commit(files);
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
    Object.fromEntries(Object.entries(files).map(([path, text]) => [`tools/${path}`, text])),
  );
  using folder = temporaryFolder();
  writeFiles(folder.path, { ...files, "package.json": undefined });
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
