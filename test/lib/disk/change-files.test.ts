import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import {
  changeFiles,
  type FileChange,
  lockFile,
  type Replacement,
  replaceFiles,
} from "../../../scripts/lib/disk/change-files.ts";
import { attempt } from "../../../scripts/lib/finding.ts";
import { isolatedEnvironment, start, temporaryFolder, writeFiles } from "../../helpers/world.ts";

const state = (text: string, mode = 0o644) => ({ bytes: new TextEncoder().encode(text), mode });
const files = {
  "a.txt": "a1",
  "kept/here.ts": "here",
  "old/only.ts": "old",
  "sub/b.txt": "b1\r\n",
  "sub/c.txt": "\ufeffc1é",
};
const changes: FileChange[] = [
  { path: "new/deep/a.ts", before: undefined, after: state("a", 0o755) },
  { path: "a.txt", before: state("a1"), after: state("a2", 0o755) },
  { path: "old/only.ts", before: state("old"), after: undefined },
  { path: "last.ts", before: undefined, after: state("last") },
];
const edits: Replacement[] = [
  { path: "a.txt", before: "a1", after: "a2" },
  { path: "sub/b.txt", before: "b1\r\n", after: "b2\r\n" },
  { path: "sub/c.txt", before: "c1é", after: "c2é" },
];
const edited = { ...files, "a.txt": "a2", "sub/b.txt": "b2\r\n", "sub/c.txt": "\ufeffc2é" };
const never = () => false;

function checkout() {
  const folder = temporaryFolder();
  writeFiles(folder.path, files);
  return { root: folder.path, [Symbol.dispose]: folder[Symbol.dispose] };
}

/** The contents of all files; a folder that holds none is there as well. */
function contents(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).map((each) => {
    const path = join(each.parentPath, each.name);
    const isEmpty = each.isDirectory() && readdirSync(path).length === 0;
    const text = each.isFile() ? readFileSync(path, "utf8") : isEmpty ? "empty" : undefined;
    return [path.slice(folder.length + 1), text] as const;
  });
  return Object.fromEntries(
    entries.flatMap(([path, text]) => (text === undefined ? [] : [[path, text]])),
  );
}

/** The messages of the refusal that a change ends with. */
async function refusalOf(work: Promise<unknown>): Promise<string[]> {
  const { findings } = await attempt(() => work);
  return findings?.map(({ message }) => message) ?? ["no refusal"];
}

/** Interrupts nothing; acts as another program before the change of an index. */
function before(index: number, act: () => void): () => boolean {
  let asked = 0;
  return () => {
    if (asked++ === index) {
      act();
    }
    return false;
  };
}

test("files appear, change and go with their modes, and no empty folder stays", async () => {
  using it = checkout();
  expect(await changeFiles(it.root, () => changes, never)).toBe("changed");
  const { "old/only.ts": _, ...kept } = files;
  expect(contents(it.root)).toEqual({
    ...kept,
    "a.txt": "a2",
    "last.ts": "last",
    "new/deep/a.ts": "a",
  });
  for (const path of ["new/deep/a.ts", "a.txt"]) {
    expect(statSync(join(it.root, path)).mode & 0o777).toBe(0o755);
  }
});

test("texts are replaced with the modes and byte order marks of their files", async () => {
  using it = checkout();
  chmodSync(join(it.root, "sub/b.txt"), 0o666);
  expect(await replaceFiles(it.root, edits, never)).toBe("changed");
  expect(contents(it.root)).toEqual(edited);
  expect(statSync(join(it.root, "sub/b.txt")).mode & 0o7777).toBe(0o666);
});

test("an interrupt before any file leaves everything as it was, folders included", async () => {
  for (const index of changes.keys()) {
    using it = checkout();
    let asked = 0;
    const outcome = await changeFiles(
      it.root,
      () => changes,
      () => asked++ === index,
    );
    expect(outcome).toBe("interrupted");
    expect(contents(it.root)).toEqual(files);
  }
});

describe("a failure leaves everything as it was, and says why:", () => {
  // No folder can be made below a file.
  const impossible = { path: "kept/here.ts/x.ts", before: undefined, after: state("x") };
  test.each<[string, (root: string) => void, FileChange[], RegExp]>([
    [
      "of a file",
      () => {},
      [...changes, impossible],
      /^Cannot write kept\/here\.ts\/x\.ts: found /,
    ],
    [
      "of a renaming",
      (root) => rmSync(join(root, ".release-replacements/3")),
      changes,
      /^Cannot write: ENOENT.*; every file is as it was before$/,
    ],
  ])("%s", async (_, sabotage, wanted, words) => {
    using it = checkout();
    const work = changeFiles(
      it.root,
      () => wanted,
      before(3, () => sabotage(it.root)),
    );
    expect(await refusalOf(work)).toEqual([expect.stringMatching(words)]);
    expect(contents(it.root)).toEqual(files);
  });
});

test.each<[string, (root: string) => void, Record<string, string>]>([
  ["text", (root) => writeFiles(root, { "sub/c.txt": "mine" }), { "sub/c.txt": "mine" }],
  ["mode", (root) => chmodSync(join(root, "sub/c.txt"), 0o700), {}],
])("the %s of a file, edited right before it is replaced, stays", async (_, edit, kept) => {
  using it = checkout();
  const work = replaceFiles(
    it.root,
    edits,
    before(2, () => edit(it.root)),
  );
  expect(await refusalOf(work)).toEqual([
    "Cannot write sub/c.txt: it has changed since it was read",
  ]);
  expect(contents(it.root)).toEqual({ ...files, ...kept });
});

test("a file that cannot be restored, or was edited since, is named with the way out", async () => {
  using it = checkout();
  const racing = () => {
    writeFiles(it.root, { "a.txt": "mine", "last.ts": "mine" });
    rmSync(join(it.root, "sub"), { recursive: true });
  };
  const added = { path: "last.ts", before: undefined, after: state("last") };
  const replaced = { path: "a.txt", before: state("a1"), after: state("a2") };
  const late = { path: "sub/b.txt", before: state("b1\r\n"), after: undefined };
  const { findings } = await attempt(() =>
    changeFiles(it.root, () => [added, replaced, late], before(2, racing)),
  );
  expect(findings?.map(({ message, remedy }) => [message, remedy])).toEqual([
    ["Cannot write sub/b.txt: it has changed since it was read", expect.anything()],
    [
      "Cannot restore a.txt: it has changed since it was written",
      "Save what you need of it elsewhere, then restore it: mv a.txt.before a.txt",
    ],
    [
      "Cannot restore last.ts: it has changed since it was written",
      "Save what you need of it elsewhere, then remove it: rm last.ts",
    ],
  ]);
  const kept = { "a.txt": "mine", "a.txt.before": "a1", "last.ts": "mine" };
  expect(contents(it.root)).toMatchObject(kept);
});

describe("nothing is written if a file is", () => {
  test.each<[string, string, (root: string) => void]>([
    [
      "changed since it was read",
      "it has changed since it was read",
      (root) => writeFiles(root, { "sub/c.txt": "c1" }),
    ],
    [
      "a symbolic link",
      "Cannot write sub/c.txt: found the symbolic link sub/c.txt to ../elsewhere",
      (root) => {
        rmSync(join(root, "sub/c.txt"));
        writeFiles(root, { elsewhere: "c1é" });
        symlinkSync("../elsewhere", join(root, "sub/c.txt"));
      },
    ],
    [
      "not UTF-8",
      "it is not UTF-8 text",
      (root) => writeFiles(root, { "sub/c.txt": new Uint8Array([0xff]) }),
    ],
  ])("%s", async (_, words, prepare) => {
    using it = checkout();
    prepare(it.root);
    const was = contents(it.root);
    const messages = await refusalOf(replaceFiles(it.root, edits, never));
    expect(messages.at(-1)).toContain(words);
    expect(contents(it.root)).toEqual(was);
  });
});

/** Replaces texts in a process of its own, with a callback that is given as source. */
function replaceElsewhere(root: string, isInterrupted: string) {
  const module = join(import.meta.dir, "../../../scripts/lib/disk/change-files.ts");
  const script = `const { replaceFiles } = await import(${JSON.stringify(module)});
let asked = 0;
const edits = ${JSON.stringify(edits)};
process.stdout.write(await replaceFiles(process.cwd(), edits, () => { ${isInterrupted} }));`;
  return start([process.execPath, "-e", script], { cwd: root });
}

test("what a killed run left is unseen by git, and cleared by the next, which finishes it", async () => {
  using it = checkout();
  const env = isolatedEnvironment(join(it.root, "kept"));
  const git = async (...args: string[]) =>
    (
      await start(["git", "-c", "user.name=T", "-c", "user.email=t@x", ...args], {
        cwd: it.root,
        env,
      })
    ).stdout;
  await git("init", "--quiet");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "Files");
  const kill = 'if (++asked === 2) process.kill(process.pid, "SIGKILL"); return false;';
  expect((await replaceElsewhere(it.root, kill)).code).toBe(137);
  expect(readdirSync(it.root)).toContain(".release-replacements");
  expect(await git("status", "--porcelain", "--untracked-files=all")).toBe(" M a.txt\n");
  rmSync(join(it.root, ".git"), { recursive: true });
  expect(await replaceFiles(it.root, edits.slice(1), never)).toBe("changed");
  expect(contents(it.root)).toEqual(edited);
});

test("two runs never write at once", async () => {
  using it = checkout();
  const others: Promise<string[]>[] = [];
  await replaceFiles(it.root, edits, () => {
    others.push(refusalOf(replaceFiles(it.root, edits, never)));
    return false;
  });
  const busy = "Cannot write: another run is replacing files of this checkout";
  expect(await Promise.all(others)).toEqual([[busy], [busy], [busy]]);
  expect(contents(it.root)).toEqual(edited);
});

test("a lock has one holder; another one waits for it, up to a limit", async () => {
  using it = checkout();
  const [one, other] = [0, 1].map(() => openSync(join(it.root, "a.txt"), "r+")) as [number, number];
  expect(await lockFile(one, 0)).toBe(true);
  const begin = performance.now();
  expect(await lockFile(other, 100)).toBe(false);
  expect(performance.now() - begin).toBeGreaterThan(80);
  const waiting = lockFile(other, 30_000);
  closeSync(one);
  expect(await waiting).toBe(true);
  closeSync(other);
}, 10_000);
