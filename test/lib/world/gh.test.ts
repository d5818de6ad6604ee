import { expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ghToken } from "../../../scripts/lib/world/gh.ts";
import { temporaryFolder } from "../../helpers/world.ts";

/** Asks a stand-in gh, a shell script; without one, a PATH where gh is missing. */
async function ask(script: string | undefined, options: Parameters<typeof ghToken>[2] = {}) {
  using folder = temporaryFolder();
  if (script !== undefined) {
    writeFileSync(join(folder.path, "gh"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder.path, "gh"), 0o755);
  }
  const env = { PATH: script === undefined ? folder.path : `${folder.path}:${process.env.PATH}` };
  return await ghToken({ ...env, GH_HOST: "ghe.example" }, folder.path, options);
}

test("the token is what gh auth token prints", async () => {
  expect(await ask("echo gho_0123456789abcdef")).toEqual({ token: "gho_0123456789abcdef" });
});

test("gh is asked for github.com, whatever GH_HOST says", async () => {
  expect(await ask('echo "$*" | tr " " "_"')).toEqual({
    token: "auth_token_--hostname_github.com",
  });
});

test("a missing gh gives no token", async () => {
  expect(await ask(undefined)).toEqual({ why: "gh is not installed, or not on PATH" });
});

test("a gh that is not logged in gives no token, and its words stay out of the reason", async () => {
  expect(await ask("echo gho_half; echo no oauth token gho_other >&2; exit 1")).toEqual({
    why: "gh is not logged in to github.com (exit code 1)",
  });
});

test("a gh that hangs gives no token once its time is over", async () => {
  expect(await ask("exec sleep 60", { timeout: 100 })).toEqual({
    why: "gh auth token gave no answer within 0.1 s",
  });
});

test("an interrupt ends gh", async () => {
  expect(await ask("exec sleep 60", { signal: AbortSignal.timeout(50) })).toEqual({
    why: "gh is not logged in to github.com (exit code 143)",
  });
});

test.each([
  ["nothing", ":"],
  ["an empty line", "echo"],
  ["two lines", "echo gho_a; echo gho_b"],
  ["a sentence", "echo you have mail"],
  ["control characters", "printf 'gho_\\033[31m\\n'"],
  ["a header of its own", "printf 'gho_a\\r\\nX-Evil: 1\\n'"],
  ["an endless line", "head -c 100000 /dev/zero | tr '\\0' a"],
])("a gh that prints %s gives no token", async (_, script) => {
  expect(await ask(script)).toEqual({ why: "gh auth token printed something that is no token" });
});
