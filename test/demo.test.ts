import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { runScript } from "./helpers/run-script.ts";
import { isolatedEnvironment, temporaryFolder, writeFiles } from "./helpers/world.ts";

/** Runs the demo where git fails at a commit of this message, and names the folders that it leaves. */
async function runWithFault(message: string, ...args: string[]) {
  using folder = temporaryFolder();
  const [bin, worlds] = [join(folder.path, "bin"), join(folder.path, "worlds")];
  mkdirSync(worlds);
  const fault = `case "$*" in *"commit"*"${message}"*) echo no >&2; exit 3;; esac`;
  writeFiles(bin, { git: `#!/bin/sh\n${fault}\nexec ${Bun.which("git")} "$@"\n` });
  chmodSync(join(bin, "git"), 0o755);
  const env = isolatedEnvironment(folder.path);
  const options = { cwd: folder.path, env: { ...env, PATH: `${bin}:${env.PATH}`, TMPDIR: worlds } };
  const ended = await runScript("scripts/demo.ts", args, options);
  return { ...ended, left: readdirSync(worlds).map((name) => join(worlds, name)) };
}

test("a world that cannot be made ends the demo with a refusal, and is removed", async () => {
  const { code, stderr, left } = await runWithFault("Release");
  expect({ code, left }).toEqual({ code: 1, left: [] });
  expect(stderr).toStartWith("error: Cannot prepare the demo: no\n");
});

test("a step that ends otherwise is refused, and the world is kept if that was asked", async () => {
  const { code, stdout, stderr, left } = await runWithFault("Bump", "--keep");
  expect(code).toBe(1);
  expect(left).toHaveLength(1);
  expect(stdout).toContain(`the folders are kept: ${left[0]}\n`);
  expect(stderr).toContain("error: Cannot continue the demo: git commit --quiet --all --message ");
});
