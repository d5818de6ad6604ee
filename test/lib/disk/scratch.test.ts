import { expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeScratchFolder } from "../../../scripts/lib/disk/scratch.ts";
import { temporaryFolder } from "../../helpers/world.ts";

test("a scratch folder is made where TMPDIR says, and refused where it cannot be", () => {
  using folder = temporaryFolder();
  const made = makeScratchFolder("x-", { env: { TMPDIR: folder.path } });
  expect([made.startsWith(join(folder.path, "x-")), existsSync(made)]).toEqual([true, true]);
  rmSync(made, { recursive: true });
  expect(() => makeScratchFolder("x-", { env: { TMPDIR: join(folder.path, "gone") } })).toThrow(
    "Cannot make a temporary folder in",
  );
});
