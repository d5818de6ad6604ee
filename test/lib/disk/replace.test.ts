import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Replacement, replaceFiles } from "../../../scripts/lib/disk/replace.ts";
import { Refusal } from "../../../scripts/lib/finding.ts";
import { gitEnvironment, type Repository } from "../../../scripts/lib/git/git.ts";
import {
  isolatedEnvironment,
  start,
  temporaryFolder,
  workshop,
  writeFiles,
} from "../../helpers/world.ts";

const files = { "a.txt": "a1", "sub/b.txt": "b1\r\n", "sub/c.txt": "\ufeffc1é" };
const edits: Replacement[] = [
  { path: "a.txt", before: "a1", after: "a2" },
  { path: "sub/b.txt", before: "b1\r\n", after: "b2\r\n" },
  { path: "sub/c.txt", before: "c1é", after: "c2é" },
];
const never = () => false;

/** @param init Further arguments of `git init`. */
async function checkout(
  ...init: string[]
): Promise<Disposable & { readonly path: string; readonly repository: Repository }> {
  const folder = temporaryFolder();
  const { path } = folder;
  const env = gitEnvironment(isolatedEnvironment(path));
  await Bun.$`git init --quiet ${init}`.cwd(path).env(env);
  writeFiles(path, files);
  return { path, repository: { root: path, env }, [Symbol.dispose]: folder[Symbol.dispose] };
}

/** Where files wait to be renamed, from the top level. */
const waiting = ".git/release-replacements";

/** Everything below a folder but git's own files; those that wait in its directory included. */
function contents(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(folder.length + 1))
    .filter((path) => !/^\.git(?:\/|$)/.test(path) || path.startsWith(waiting));
  return Object.fromEntries(
    paths.sort().map((path) => [path, readFileSync(join(folder, path), "utf8")]),
  );
}

/** Messages of the refusal that a replacement ends with. */
async function refusalOf(work: Promise<unknown>): Promise<string[]> {
  const thrown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(Refusal);
  return (thrown as Refusal).findings.map(({ message }) => message);
}

test("files are replaced whole, with their modes and byte order marks, and nothing is left", async () => {
  using folder = await checkout();
  chmodSync(join(folder.path, "sub/b.txt"), 0o666);
  expect(await replaceFiles(folder.repository, edits, never)).toBe("changed");
  expect(contents(folder.path)).toEqual({
    "a.txt": "a2",
    "sub/b.txt": "b2\r\n",
    "sub/c.txt": "\ufeffc2é",
  });
  expect(statSync(join(folder.path, "sub/b.txt")).mode & 0o7777).toBe(0o666);
});

test("an interrupt between two files gives those before it their old bytes back", async () => {
  for (const after of [0, 1, 2]) {
    using folder = await checkout();
    let asked = 0;
    const outcome = await replaceFiles(folder.repository, edits, () => asked++ === after);
    expect(outcome).toBe("interrupted");
    expect(contents(folder.path)).toEqual(files);
  }
});

test("a failure half-way restores what was written, and says why", async () => {
  using folder = await checkout();
  let asked = 0;
  const sabotage = () => {
    if (++asked === 3) {
      rmSync(join(folder.path, waiting, "2"));
    }
    return false;
  };
  const [message, ...more] = await refusalOf(replaceFiles(folder.repository, edits, sabotage));
  expect(more).toEqual([]);
  expect(message).toMatch(/^Cannot write: ENOENT.*; every file is as it was before$/);
  expect(contents(folder.path)).toEqual(files);
});

test("a file that cannot be restored is named with the way to get it back", async () => {
  using folder = await checkout();
  let asked = 0;
  const sabotage = () => {
    if (++asked === 3) {
      rmSync(join(folder.path, "sub"), { recursive: true });
    }
    return false;
  };
  const messages = await refusalOf(replaceFiles(folder.repository, edits, sabotage));
  expect(messages).toEqual([
    "Cannot write sub/c.txt: it has changed since it was read",
    expect.stringMatching(/^Cannot restore sub\/b\.txt: ENOENT/),
  ]);
  expect(contents(folder.path)).toEqual({ "a.txt": "a1" });
});

test.each<[string, (path: string) => void, Record<string, string>]>([
  ["text", (path) => writeFiles(path, { "sub/c.txt": "mine" }), { "sub/c.txt": "mine" }],
  ["mode", (path) => chmodSync(join(path, "sub/c.txt"), 0o700), {}],
])("the %s of a file, edited right before it is replaced, stays", async (_, edit, kept) => {
  using folder = await checkout();
  let asked = 0;
  const racing = () => {
    if (++asked === 3) {
      edit(folder.path);
    }
    return false;
  };
  expect(await refusalOf(replaceFiles(folder.repository, edits, racing))).toEqual([
    "Cannot write sub/c.txt: it has changed since it was read",
  ]);
  expect(contents(folder.path)).toEqual({ ...files, ...kept });
});

test("an edit of a file that is to be restored stays, and is named", async () => {
  using folder = await checkout();
  let asked = 0;
  const racing = () => {
    if (++asked === 2) {
      writeFiles(folder.path, { "a.txt": "mine" });
    }
    return asked === 3;
  };
  expect(await refusalOf(replaceFiles(folder.repository, edits, racing))).toEqual([
    "Cannot restore a.txt: it has changed since it was written",
  ]);
  expect(contents(folder.path)).toEqual({ ...files, "a.txt": "mine" });
});

/** A folder on another file system than those of tests, on machines that have one. */
const otherDevice = ["/dev/shm", tmpdir()].find(
  (path) => existsSync(path) && statSync(path).dev !== statSync(workshop).dev,
);

describe.skipIf(otherDevice === undefined)("a git directory on another file system", () => {
  async function apart(use: (folder: Awaited<ReturnType<typeof checkout>>) => Promise<void>) {
    const elsewhere = mkdtempSync(join(otherDevice ?? "", "release-test-"));
    try {
      using folder = await checkout("--separate-git-dir", join(elsewhere, "git"));
      await use(folder);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  }

  test("does not keep files from being replaced", () =>
    apart(async ({ path, repository }) => {
      expect(await replaceFiles(repository, edits, never)).toBe("changed");
      expect(contents(path)).toMatchObject({ "a.txt": "a2", "sub/b.txt": "b2\r\n" });
      expect(Object.keys(contents(path))).toEqual(Object.keys(files));
    }));

  test("and what a killed run left there is cleared", () =>
    apart(async ({ path, repository }) => {
      const kill = 'if (++asked === 2) process.kill(process.pid, "SIGKILL"); return false;';
      expect((await replaceElsewhere(path, kill)).code).toBe(137);
      expect(contents(path)).toMatchObject({ ".release-replacements/2": "\ufeffc2é" });
      expect(await replaceFiles(repository, edits.slice(1), never)).toBe("changed");
      expect(Object.keys(contents(path))).toEqual(Object.keys(files));
    }));
});

test("a failure before the first file is in its place changes nothing", async () => {
  using folder = await checkout();
  const git = join(folder.path, ".git");
  // No folder can be made below a file.
  const elsewhere = { ...folder.repository, env: { ...folder.repository.env, PATH: folder.path } };
  writeFiles(folder.path, { git: `#!/bin/sh\necho '${git}/HEAD'\n` });
  chmodSync(join(folder.path, "git"), 0o755);
  const before = contents(folder.path);
  const [message] = await refusalOf(replaceFiles(elsewhere, edits, never));
  expect(message).toMatch(/^Cannot write: .*; every file is as it was before$/);
  expect(contents(folder.path)).toEqual(before);
});

describe("nothing is written if a file is", () => {
  test.each<[string, string, (folder: string) => void]>([
    [
      "changed since it was read",
      "it has changed since it was read",
      (folder) => writeFiles(folder, { "sub/c.txt": "c1" }),
    ],
    ["gone", "found no plain file", (folder) => rmSync(join(folder, "sub/c.txt"))],
    [
      "a symbolic link",
      "Cannot write sub/c.txt: found the symbolic link sub/c.txt to ../elsewhere",
      (folder) => {
        rmSync(join(folder, "sub/c.txt"));
        writeFiles(folder, { elsewhere: "c1é" });
        symlinkSync("../elsewhere", join(folder, "sub/c.txt"));
      },
    ],
    [
      "behind a linked folder",
      "found the symbolic link sub to real",
      (folder) => {
        writeFiles(folder, { "real/b.txt": "b1\r\n", "real/c.txt": "c1é" });
        rmSync(join(folder, "sub"), { recursive: true });
        symlinkSync("real", join(folder, "sub"));
      },
    ],
    [
      "not UTF-8",
      "it is not UTF-8 text",
      (folder) => writeFiles(folder, { "sub/c.txt": new Uint8Array([0xff]) }),
    ],
  ])("%s", async (_, words, prepare) => {
    using folder = await checkout();
    prepare(folder.path);
    const before = contents(folder.path);
    const messages = await refusalOf(replaceFiles(folder.repository, edits, never));
    expect(messages.at(-1)).toContain(words);
    expect(contents(folder.path)).toEqual(before);
  });
});

/** Runs a replacement in a process of its own, with a callback that is given as source. */
function replaceElsewhere(folder: string, isInterrupted: string) {
  const module = join(import.meta.dir, "../../../scripts/lib/disk/replace.ts");
  const script = `const { replaceFiles } = await import(${JSON.stringify(module)});
let asked = 0;
let signalled = false;
process.on("SIGINT", () => { signalled = true; });
const edits = ${JSON.stringify(edits)};
process.stdout.write(await replaceFiles({ root: process.cwd(), env: process.env }, edits, () => { ${isInterrupted} }));`;
  return start([process.execPath, "-e", script], { cwd: folder });
}

test("a signal is noticed between two files", async () => {
  using folder = await checkout();
  const signal = 'if (++asked === 2) process.kill(process.pid, "SIGINT"); return signalled;';
  expect(await replaceElsewhere(folder.path, signal)).toMatchObject({ stdout: "interrupted" });
  expect(contents(folder.path)).toEqual(files);
});

test("what a killed run left does not stop the next, which finishes it", async () => {
  using folder = await checkout();
  const kill = 'if (++asked === 2) process.kill(process.pid, "SIGKILL"); return false;';
  expect((await replaceElsewhere(folder.path, kill)).code).toBe(137);
  // Nothing that a glob over the files of the checkout could match is left.
  expect(contents(folder.path)).toEqual({
    ...files,
    "a.txt": "a2",
    [`${waiting}/1`]: "b2\r\n",
    [`${waiting}/2`]: "\ufeffc2é",
  });
  expect(await replaceFiles(folder.repository, edits.slice(1), never)).toBe("changed");
  expect(contents(folder.path)).toEqual({
    "a.txt": "a2",
    "sub/b.txt": "b2\r\n",
    "sub/c.txt": "\ufeffc2é",
  });
});

test("two runs never write at once", async () => {
  using folder = await checkout();
  const others: Promise<string[]>[] = [];
  await replaceFiles(folder.repository, edits, () => {
    others.push(refusalOf(replaceFiles(folder.repository, edits, never)));
    return false;
  });
  const busy = "Cannot write: another run is replacing files of this checkout";
  expect(await Promise.all(others)).toEqual([[busy], [busy], [busy]]);
  expect(contents(folder.path)["a.txt"]).toBe("a2");
});
