/** A real OpenPGP key of a test's own. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { start, type TestRepository } from "./world.ts";

/**
 * Makes a throwaway OpenPGP key without a passphrase for the tester of a world.
 *
 * @returns The environment in which gpg finds it; the end of its scope ends gpg's agent.
 */
export async function makeGpgKey(
  world: TestRepository,
): Promise<Record<string, string> & AsyncDisposable> {
  const home = join(world.home, "g");
  mkdirSync(home, { mode: 0o700 });
  const env = { ...world.env, GNUPGHOME: home };
  const made = await start(
    [
      ...["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""],
      ...["--quick-generate-key", "Release Tester <tester@example.invalid>", "ed25519", "sign"],
    ],
    { cwd: world.home, env },
  );
  if (made.code !== 0) {
    throw new Error(`gpg: ${made.stderr}`);
  }
  return Object.assign(env, {
    [Symbol.asyncDispose]: async () =>
      void (await start(["gpgconf", "--kill", "all"], { cwd: world.home, env })),
  });
}
