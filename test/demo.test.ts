import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { runScript } from "./helpers/run-script.ts";
import { isolatedEnvironment, temporaryFolder } from "./helpers/world.ts";

const script = "scripts/demo.ts";

/** Runs the demo on a machine that has what makes its world, but no shell for its first step. */
async function runWithoutShell(...args: string[]) {
  using folder = temporaryFolder();
  const [bin, worlds] = ["bin", "worlds"].map((name) => join(folder.path, name)) as [
    string,
    string,
  ];
  mkdirSync(bin);
  mkdirSync(worlds);
  for (const program of ["git", "ssh-keygen"]) {
    symlinkSync(Bun.which(program) ?? "", join(bin, program));
  }
  const env = { ...isolatedEnvironment(folder.path), PATH: bin, TMPDIR: worlds };
  const ended = await runScript(script, args, { cwd: folder.path, env });
  return { ...ended, left: readdirSync(worlds).map((name) => join(worlds, name)) };
}

test("a step that goes wrong ends the demo with a refusal, and its world is removed", async () => {
  const { code, stderr, left } = await runWithoutShell();
  expect(code).toBe(1);
  expect(stderr).toContain("error: Cannot run sh: it is not installed, or not on PATH");
  expect(left).toEqual([]);
});

test("a world that is to be kept is kept where it is said, whatever went wrong in it", async () => {
  const { code, stdout, left } = await runWithoutShell("--keep");
  expect(code).toBe(1);
  expect(left).toHaveLength(1);
  expect(stdout).toContain(`the folders are kept: ${left[0]}\n`);
});
