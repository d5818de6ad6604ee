import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { changeFiles, type FileChange } from "../../../scripts/lib/disk/change-files.ts";
import { attempt, Refusal } from "../../../scripts/lib/finding.ts";
import { gitEnvironment, type Repository } from "../../../scripts/lib/git/git.ts";
import { isolatedEnvironment, temporaryFolder, writeFiles } from "../../helpers/world.ts";

const state = (text: string, mode = 0o644) => ({ bytes: new TextEncoder().encode(text), mode });
const changes: FileChange[] = [
  { path: "new/deep/a.ts", before: undefined, after: state("a", 0o755) },
  { path: "b.ts", before: state("b1"), after: state("b2", 0o755) },
  { path: "old/only.ts", before: state("old"), after: undefined },
  { path: "kept/gone.ts", before: state("gone"), after: undefined },
  { path: "last.ts", before: undefined, after: state("last") },
];
const before = {
  "b.ts": "b1",
  "old/only.ts": "old",
  "kept/gone.ts": "gone",
  "kept/here.ts": "here",
};

async function checkout() {
  const folder = temporaryFolder();
  const { path } = folder;
  const env = gitEnvironment(isolatedEnvironment(path));
  await Bun.$`git init --quiet`.cwd(path).env(env);
  writeFiles(path, before);
  const repository: Repository = { root: path, env };
  return { path, repository, [Symbol.dispose]: folder[Symbol.dispose] };
}

/** All files and folders but git's own. */
function contents(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((each) => ({ each, path: join(each.parentPath, each.name).slice(folder.length + 1) }))
    .filter(({ path }) => !/^\.git(?:\/|$)/.test(path));
  return Object.fromEntries(
    paths.map(({ each, path }) => [
      each.isDirectory() ? `${path}/` : path,
      each.isDirectory() ? "" : readFileSync(join(folder, path), "utf8"),
    ]),
  );
}

test("files appear, change and go with their modes, and no empty folder stays", async () => {
  using folder = await checkout();
  expect(
    await changeFiles(
      folder.repository,
      async () => changes,
      () => false,
    ),
  ).toBe("changed");
  expect(contents(folder.path)).toEqual({
    "b.ts": "b2",
    "kept/": "",
    "kept/here.ts": "here",
    "last.ts": "last",
    "new/": "",
    "new/deep/": "",
    "new/deep/a.ts": "a",
  });
  expect(statSync(join(folder.path, "new/deep/a.ts")).mode & 0o777).toBe(0o755);
  expect(statSync(join(folder.path, "b.ts")).mode & 0o777).toBe(0o755);
  expect(existsSync(join(folder.path, ".git/release-replacements"))).toBe(false);
});

test("an interrupt after any file leaves everything as it was, folders included", async () => {
  for (let after = 0; after < changes.length; after += 1) {
    using folder = await checkout();
    const was = contents(folder.path);
    let asked = 0;
    const outcome = await changeFiles(
      folder.repository,
      async () => changes,
      () => asked++ === after,
    );
    expect(outcome).toBe("interrupted");
    expect(contents(folder.path)).toEqual(was);
  }
});

test("a failure after any file leaves everything as it was, and says why", async () => {
  using folder = await checkout();
  const was = contents(folder.path);
  // No folder can be made below a file.
  const impossible = { path: "kept/here.ts/x.ts", before: undefined, after: state("x") };
  const work = changeFiles(
    folder.repository,
    async () => [...changes, impossible],
    () => false,
  );
  const thrown = await work.catch((reason: unknown) => reason);
  expect(thrown).toBeInstanceOf(Refusal);
  expect((thrown as Refusal).message).toStartWith(
    "Cannot write kept/here.ts/x.ts: found the file kept/here.ts",
  );
  expect(contents(folder.path)).toEqual(was);
});

test("a file that appears right before it would be written stays", async () => {
  using folder = await checkout();
  const racing = () => {
    writeFiles(folder.path, { "last.ts": "mine" });
    return false;
  };
  const { findings } = await attempt(() =>
    changeFiles(folder.repository, async () => changes, racing),
  );
  expect(findings).toMatchObject([
    { message: "Cannot write last.ts: it has changed since it was read" },
  ]);
  expect(contents(folder.path)).toMatchObject({ "last.ts": "mine", "b.ts": "b1" });
});

test("a file that cannot be brought back is named, after the failure that asked for it", async () => {
  using folder = await checkout();
  const impossible = { path: "kept/here.ts/x.ts", before: undefined, after: state("x") };
  const gone = { path: "last.ts", before: undefined, after: state("last") };
  const { findings } = await attempt(() =>
    changeFiles(
      folder.repository,
      async () => [gone, impossible],
      () => {
        // As another program may at any time: what was written just now is no longer there.
        rmSync(join(folder.path, "last.ts"), { force: true });
        return false;
      },
    ),
  );
  expect(findings?.map(({ level, message }) => [level, message])).toEqual([
    ["error", expect.stringMatching(/^Cannot write kept/)],
    ["error", expect.stringMatching(/^Cannot restore last\.ts: /)],
  ]);
  expect(findings?.[1]?.remedy).toBe("Remove it: rm last.ts");
});
