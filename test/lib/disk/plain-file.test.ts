import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { findPlainFile } from "../../../scripts/lib/disk/plain-file.ts";
import { error, Refusal } from "../../../scripts/lib/finding.ts";
import { temporaryFolder, writeFiles } from "../../helpers/world.ts";

function catchRefusal(act: () => unknown): Refusal | undefined {
  try {
    act();
    return undefined;
  } catch (thrown) {
    return thrown instanceof Refusal ? thrown : undefined;
  }
}

test("a plain file is found with its bytes and its mode, and where nothing is, nothing", () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, { "sub/a.txt": "a" });
  chmodSync(join(folder.path, "sub/a.txt"), 0o640);
  expect(findPlainFile(folder.path, "sub/a.txt")).toEqual({ bytes: Buffer.from("a"), mode: 0o640 });
  expect(findPlainFile(folder.path, "sub/b.txt")).toBeUndefined();
  expect(findPlainFile(folder.path, "none/a.txt")).toBeUndefined();
});

test.each([
  ["a folder", "folder", "a folder", "Move the folder folder away"],
  ["a pipe", "pipe", "no plain file", "Move pipe away"],
  ["a link", "link", "a symbolic link", "Replace the symbolic link link by what it leads to"],
  [
    "what is behind a link",
    "way/a.txt",
    "a file behind a link",
    "Replace the symbolic link way by what it leads to",
  ],
  [
    "what is below a file",
    "a.txt/b.txt",
    "a file in the place of the folder a.txt",
    "Move the file a.txt away",
  ],
])(
  "%s is refused as no file of the checkout, with a way out that fits it",
  (_, path, found, way) => {
    using folder = temporaryFolder();
    writeFiles(folder.path, { "a.txt": "a", "other/a.txt": "a" });
    mkdirSync(join(folder.path, "folder"));
    symlinkSync("a.txt", join(folder.path, "link"));
    symlinkSync("other", join(folder.path, "way"));
    Bun.spawnSync(["mkfifo", join(folder.path, "pipe")]);
    const isLink = way.includes("link");
    for (const [purpose, more] of [
      ["read", isLink ? ", or move it away; then run this again" : ", then run this again"],
      ["write", isLink ? ", or edit that by hand" : ", then run this again"],
    ] as const) {
      const refused = catchRefusal(() => findPlainFile(folder.path, path, purpose));
      expect(refused?.findings).toEqual([
        error(`Cannot ${purpose} ${path}: found ${found}, expected a file of this checkout`, {
          at: { file: path },
          remedy: `${way}${more}`,
        }),
      ]);
    }
  },
);

test("a file that the system will not tell of is refused, and not taken for one that is not there", () => {
  using folder = temporaryFolder();
  // No file system has names of this length.
  const path = `${"x".repeat(1000)}.txt`;
  expect(() => findPlainFile(folder.path, path)).toThrow(`Cannot read ${path}: `);
});
