import { expect, test } from "bun:test";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { lockFile } from "../../../scripts/lib/disk/lock.ts";
import { temporaryFolder } from "../../helpers/world.ts";

/** Two descriptors of one file, as two processes would have them. */
function twoDescriptors() {
  const folder = temporaryFolder();
  const path = join(folder.path, "file");
  writeFileSync(path, "");
  const [one, other] = [openSync(path, "r+"), openSync(path, "r+")];
  return {
    one,
    other,
    [Symbol.dispose]() {
      closeSync(other);
      folder[Symbol.dispose]();
    },
  };
}

test("a lock is one holder's, and who waits for too long is refused it", async () => {
  using file = twoDescriptors();
  expect(await lockFile(file.one, 0)).toBe(true);
  expect(await lockFile(file.other, 0)).toBe(false);
  const begin = performance.now();
  expect(await lockFile(file.other, 100)).toBe(false);
  expect(performance.now() - begin).toBeGreaterThan(80);
  closeSync(file.one);
});

test("who waits gets the lock when its holder closes the file", async () => {
  using file = twoDescriptors();
  expect(await lockFile(file.one, 0)).toBe(true);
  const waiting = lockFile(file.other, 30_000);
  closeSync(file.one);
  expect(await waiting).toBe(true);
}, 10_000);

test("a platform without flock takes no lock, and is refused", async () => {
  using file = twoDescriptors();
  await expect(lockFile(file.one, 0, ["nowhere.so"])).rejects.toThrow("found no flock on ");
  expect(await lockFile(file.other, 0)).toBe(true);
  closeSync(file.one);
});
