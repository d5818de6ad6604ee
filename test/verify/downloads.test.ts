import { expect, test } from "bun:test";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "../../scripts/lib/finding.ts";
import { newFolder, openDownloads, sha256Of } from "../../scripts/verify/downloads.ts";
import { temporaryFolder } from "../helpers/world.ts";

test("downloads lie in a folder that only the operator reads, and that is gone in the end", () => {
  using around = temporaryFolder();
  let path = "";
  {
    using downloads = openDownloads({ TMPDIR: around.path });
    path = downloads.path;
    expect(path).toStartWith(`${around.path}/`);
    expect(statSync(path).mode & 0o077).toBe(0);
    writeFileSync(join(newFolder(downloads), "a"), "a");
  }
  expect(existsSync(path)).toBe(false);
});

test("a folder that cannot be made is refused, with the way out", () => {
  expect(() => openDownloads({ TMPDIR: "/nowhere/at/all" })).toThrow(Refusal);
});

test("a file's sha256 is that of its bytes, however many pieces they are read in", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "large");
  writeFileSync(path, "x".repeat(300_000));
  const whole = new Bun.CryptoHasher("sha256").update("x".repeat(300_000)).digest("hex");
  expect(await sha256Of(path)).toBe(whole);
});

test("an interrupt ends the reading", async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, "large");
  writeFileSync(path, "x".repeat(300_000));
  expect(sha256Of(path, AbortSignal.abort())).rejects.toThrow();
});
