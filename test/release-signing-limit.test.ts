/**
 * A signing program that never ends: a release waits for it as long as it waits for a key to be
 * touched, and then refuses as if there were no key.
 */

import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type ReleaseWorld, releaseWorld } from "./helpers/release.ts";
import { projectRoot, start, writeFiles } from "./helpers/world.ts";

/** An executable that says who it is and then does nothing, in a folder of its own. */
function standsStill(world: ReleaseWorld, name: string, unless = "false"): string {
  const folder = join(world.home, "still");
  const real = Bun.which(name) ?? "/nonexistent";
  const script = `#!/bin/sh\nif ${unless}; then exec '${real}' "$@"; fi\necho $$ >> '${world.home}/pids'\nexec sleep 60\n`;
  writeFiles(folder, { [name]: script });
  chmodSync(join(folder, name), 0o755);
  return join(folder, name);
}

/** Runs a release under short limits; answers how long it took, too, and ends what stood still. */
async function releaseInTime(
  world: ReleaseWorld,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
) {
  const preload = join(import.meta.dir, "helpers/short-limits.ts");
  const line = [
    process.execPath,
    "--preload",
    preload,
    join(projectRoot, "scripts/release.ts"),
    ...args,
  ];
  const begin = performance.now();
  try {
    const ended = await start(line, { cwd: world.root, env });
    return { ...ended, milliseconds: performance.now() - begin };
  } finally {
    const pids = join(world.home, "pids");
    const still = existsSync(pids) ? readFileSync(pids, "utf8").trim().split("\n") : [];
    expect(still).toHaveLength(1);
    for (const pid of still.map(Number).filter(isAlive)) {
      process.kill(pid, "SIGKILL");
    }
    rmSync(pids, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

type Preparation = (world: ReleaseWorld) => Promise<Record<string, string> | undefined>;

const sshSigner: Preparation = async (world) => {
  await world.git("config", "gpg.ssh.program", standsStill(world, "signer"));
  return undefined;
};
const signers: [string, string, Preparation][] = [
  ["gpg.ssh.program", "ssh-keygen -Y sign -n git -f KEY", sshSigner],
  [
    "gpg.program",
    "gpg --clearsign",
    async (world) => {
      await world.git("config", "--unset", "gpg.format");
      await world.git("config", "user.signingkey", "0123456789ABCDEF");
      await world.git("config", "gpg.program", standsStill(world, "gpg"));
      return undefined;
    },
  ],
];

/** A release that is to end at its limit, and what there is before and after it. */
async function expectRefused(
  world: ReleaseWorld,
  args: readonly string[],
  more: Record<string, string> = {},
): Promise<string> {
  writeFiles(world.scratch, { keep: "" });
  const state = async () => [
    await world.remoteRefs(),
    await world.git("for-each-ref"),
    await world.git("count-objects", "-v"),
  ];
  const before = await state();
  const env = { ...world.env, ...more };
  const { code, stdout, stderr, milliseconds } = await releaseInTime(world, args, env);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("  fix: ") });
  expect(stdout).not.toContain("Plan for");
  expect(milliseconds).toBeLessThan(30_000);
  expect(readdirSync(world.scratch)).toEqual(["keep"]);
  expect(await state()).toEqual(before);
  return stderr;
}

describe("a signing program that hangs ends at the limit of a signature, with nothing changed or left behind:", () => {
  test.each(signers)("%s", async (_, trial, prepare) => {
    await Promise.all(
      ["--yes", "--dry-run"].map(async (option) => {
        await using world = await releaseWorld();
        const env = await prepare(world);
        const stderr = await expectRefused(world, ["v1.3.0", option], env);
        expect(stderr).toContain(
          "none could sign: the signing program gave no signature within 1.5 seconds",
        );
        expect(stderr).toContain("touch the key or enter its passphrase");
        expect(stderr).toContain(trial);
      }),
    );
  });

  test("and so does one that signs, and hangs when it is to judge", async () => {
    await using world = await releaseWorld();
    standsStill(world, "ssh-keygen", '[ "$2" = sign ]');
    const env = { PATH: `${join(world.home, "still")}:${world.env.PATH}` };
    const stderr = await expectRefused(world, ["v1.3.0", "--yes"], env);
    expect(stderr).toContain(
      "Cannot judge the tag's signature: ssh-keygen: no answer within the time limit",
    );
  });
});
