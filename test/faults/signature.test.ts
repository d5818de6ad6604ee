/** Ctrl-C in the one part of a release that is neither git nor the release itself. */

import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { releaseWorld, standIn } from "../helpers/release.ts";
import { projectRoot } from "../helpers/world.ts";

test("Ctrl-C while a signature is judged leaves nothing behind", async () => {
  await using world = await releaseWorld();
  const hang = 'case "$*" in *check-novalidate*) : >"$STATE/reached"; exec sleep 60 ;; esac';
  const env = standIn(world, "ssh-keygen", `${hang}\nexec "$REAL" "$@"`);
  const script = join(projectRoot, "scripts/release.ts");
  const child = Bun.spawn([process.execPath, script, "v1.3.0", "--yes"], {
    cwd: world.root,
    env,
    stdout: "ignore",
    stderr: "pipe",
  });
  while (child.exitCode === null && !existsSync(join(world.home, "stand-in-ssh-keygen/reached"))) {
    await Bun.sleep(5);
  }
  child.kill("SIGINT");
  const [code, stderr] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  expect([code, stderr]).toEqual([130, "error: Interrupted: nothing was changed\n"]);
  expect(readdirSync(world.scratch)).toEqual([]);
}, 60_000);
