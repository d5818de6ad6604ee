import { expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { openRepository, type Repository } from "../../scripts/lib/git/repository.ts";
import { judgeTag, refValue } from "../../scripts/lib/git/tag.ts";
import { installTag, removeTag, signTag } from "../../scripts/release/sign.ts";
import { findComponent } from "../helpers/components.ts";
import { makeGpgKey } from "../helpers/gpg.ts";
import { standIn } from "../helpers/release.ts";
import {
  start,
  type TestRepository,
  testDay,
  testRepository,
  writeFiles,
} from "../helpers/world.ts";

const now = new Date(`${testDay}T12:00:00Z`);

async function signing(world: TestRepository): Promise<{ repository: Repository; commit: string }> {
  const commit = await world.commit({ "a.txt": "a\n" });
  return { repository: await openRepository(world.root, world.env), commit };
}

const request = (commit: string) => ({
  tag: "v1.0.0",
  commit,
  message: "v1.0.0\n\nLab-validation: PASS 2026-08-07 lab 214ea6f\n# kept as it is\n",
});

/** Everything that a repository holds: refs and objects. */
async function everything(world: TestRepository): Promise<string> {
  const refs = await world.git("for-each-ref");
  return `${refs}\n${await world.git("count-objects", "-v")}`;
}

test("a tag is signed with the operator's SSH key, and the repository does not change", async () => {
  await using world = await testRepository();
  const key = await world.useSshKey();
  const { repository, commit } = await signing(world);
  const before = await everything(world);
  const tag = await signTag(repository, request(commit), now);
  expect(tag).toMatchObject({ tag: "v1.0.0", object: commit, type: "commit" });
  expect(tag.message).toBe(request(commit).message);
  expect(tag.signer).toMatch(/^ED25519 key SHA256:/);
  expect(await everything(world)).toBe(before);

  await installTag(repository, tag);
  expect(await refValue(repository, "refs/tags/v1.0.0")).toBe(tag.id);
  const signers = join(world.home, "signers");
  writeFiles(world.home, { signers: `* ${await Bun.file(`${key}.pub`).text()}` });
  await world.git("config", "gpg.ssh.allowedSignersFile", signers);
  await world.git("verify-tag", "v1.0.0");
});

test("an answer of git that is none is a refusal, and makes no tag", async () => {
  await using world = await testRepository();
  await world.useSshKey();
  const { repository, commit } = await signing(world);
  const tag = await signTag(repository, request(commit), now);
  const git = (subcommand: string) => {
    const odd = `case "$*" in *${subcommand}*) echo odd;; *) exec "$REAL" "$@";; esac`;
    return { ...repository, env: { ...repository.env, PATH: standIn(world, "git", odd).PATH } };
  };
  await expect(installTag(git("hash-object"), tag)).rejects.toThrow(
    `Cannot store tag v1.0.0: git stored it as odd, expected ${tag.id}`,
  );
  expect(await refValue(repository, "refs/tags/v1.0.0")).toBeUndefined();
  await expect(signTag(git("--show-object-format"), request(commit), now)).rejects.toThrow(
    'Cannot find the object folder: git rev-parse printed "odd',
  );
});

/** Makes a program of a test's own; returns its path. */
function programOf(world: TestRepository, name: string, work: string): string {
  writeFiles(world.home, { [name]: `#!/bin/sh\n${work}\n` });
  chmodSync(join(world.home, name), 0o755);
  return join(world.home, name);
}

test.each<[string, string, (world: TestRepository) => Promise<unknown>]>([
  [
    "an SSH key file that does not exist",
    "nowhere",
    async ({ git, home }) => {
      await git("config", "gpg.format", "ssh");
      await git("config", "user.signingkey", join(home, "nowhere"));
    },
  ],
  [
    "an SSH key with a passphrase and no agent",
    "",
    async (world) => {
      const key = await world.useSshKey();
      await Bun.$`ssh-keygen -q -p -P "" -N secret -f ${key}`.quiet();
    },
  ],
  ["no key at all", "", ({ git }) => git("config", "gpg.program", "gpg-that-does-not-exist")],
  [
    "a signing program that exits 0 and writes junk",
    "",
    (world) => {
      const work = 'cat >/dev/null\necho "[GNUPG:] SIG_CREATED " >&2\necho junk';
      return world.git("config", "gpg.program", programOf(world, "junk", work));
    },
  ],
  [
    "a signature of something else",
    "not good",
    async (world) => {
      const key = await world.useSshKey();
      const work = `for last; do :; done\necho other > "$last"\nexec ssh-keygen -Y sign -n git -f ${key} "$last"`;
      await world.git("config", "gpg.ssh.program", programOf(world, "wrong", work));
    },
  ],
])("no signature, no tag: %s", async (_, words, prepare) => {
  await using world = await testRepository();
  const { repository, commit } = await signing(world);
  await prepare(world);
  const before = await everything(world);
  const signed = signTag(repository, request(commit), now);
  await expect(signed).rejects.toThrow("requires a signing identity");
  await expect(signed).rejects.toThrow(words);
  expect(await everything(world)).toBe(before);
});

test.skipIf(findComponent("gpg") === undefined)(
  "a tag is signed with the operator's GPG key, and one that was changed since is not good",
  async () => {
    await using world = await testRepository();
    await using env = await makeGpgKey(world);
    const { commit } = await signing(world);
    const repository = await openRepository(world.root, env);
    const tag = await signTag(repository, request(commit), now);
    expect(tag.signer).toMatch(/^key [0-9A-F]{40}$/);
    await installTag(repository, tag);
    const verify = ["git", "verify-tag", "v1.0.0"];
    expect(await start(verify, { cwd: world.root, env })).toMatchObject({ code: 0 });

    const bytes = Buffer.from(Buffer.from(tag.bytes).toString().replace("214ea6f", "214ea60"));
    expect(await judgeTag(repository, { id: tag.id, bytes })).toMatchObject({
      fault: expect.stringMatching(/^its signature is not good: [\s\S]*BAD signature/),
    });
  },
);

test("the key of gpg.ssh.defaultKeyCommand signs where user.signingkey is not set", async () => {
  await using world = await testRepository();
  const key = await world.useSshKey();
  await world.git("config", "--unset", "user.signingkey");
  await world.git("config", "gpg.ssh.defaultKeyCommand", `echo "key::$(cat ${key}.pub)"`);
  const agent = await Bun.$`ssh-agent -s`.env(world.env).text();
  const socket = /SSH_AUTH_SOCK=([^;]+)/.exec(agent)?.[1] ?? "";
  const pid = /SSH_AGENT_PID=([0-9]+)/.exec(agent)?.[1] ?? "";
  try {
    const env = { ...world.env, SSH_AUTH_SOCK: socket };
    await Bun.$`ssh-add -q ${key}`.env(env).quiet();
    await world.git("config", "gpg.ssh.defaultKeyCommand", `${join(world.home, "key")}`);
    writeFiles(world.home, { key: `#!/bin/sh\necho "key::$(cat ${key}.pub)"\n` });
    chmodSync(join(world.home, "key"), 0o755);
    const commit = await world.commit({ "a.txt": "a\n" });
    const repository = await openRepository(world.root, env);
    const tag = await signTag(repository, request(commit), now);
    expect(tag.signer).toMatch(/^ED25519 key SHA256:/);
  } finally {
    process.kill(Number(pid));
  }
});

test("of two tags of one name only the first becomes a ref, and only its own object is removed", async () => {
  await using world = await testRepository();
  await world.useSshKey();
  const { repository, commit } = await signing(world);
  const first = await signTag(repository, request(commit), now);
  const second = await signTag(
    repository,
    { ...request(commit), message: "v1.0.0\n\nother\n" },
    now,
  );
  expect(await installTag(repository, first)).toBe(true);
  expect(await installTag(repository, second)).toBe(false);
  expect(await installTag(repository, first)).toBe(false);
  expect(await removeTag(repository, second)).toMatchObject({ left: first.id });
  expect(await refValue(repository, "refs/tags/v1.0.0")).toBe(first.id);
  expect(await removeTag(repository, first)).toMatchObject({ left: undefined });
  expect(await refValue(repository, "refs/tags/v1.0.0")).toBeUndefined();
});

test("a SHA-256 repository is tagged like any other", async () => {
  await using world = await testRepository();
  await Bun.$`rm -rf ${world.root}/.git`.quiet();
  await world.git("init", "--quiet", "--object-format=sha256");
  await world.useSshKey();
  const { repository, commit } = await signing(world);
  const tag = await signTag(repository, request(commit), now);
  await installTag(repository, tag);
  expect(await refValue(repository, "refs/tags/v1.0.0")).toBe(tag.id);
  expect(tag.id).toHaveLength(64);
});

/** A program of a test's own that leaves a process behind, which keeps its output open. */
const leavesChild = (world: TestRepository, name: string, work: string) =>
  programOf(world, name, `(exec sleep 8) &\n${work}`);

test("a key command that leaves a child behind does not delay a signature", async () => {
  await using world = await testRepository();
  const key = await world.useSshKey();
  const { repository, commit } = await signing(world);
  // Only a key that is given by its text is asked of an agent: the private one lies beside it here.
  const program = leavesChild(world, "key-command", `echo "key::$(cat '${key}.pub')"`);
  await world.git("config", "--unset", "user.signingkey");
  await world.git("config", "gpg.ssh.defaultKeyCommand", program);
  const began = performance.now();
  await signTag(repository, request(commit), now).catch(() => {});
  expect(performance.now() - began).toBeLessThan(4000);
}, 20_000);

test("a verifying program that leaves a child behind does not delay a judgement", async () => {
  await using world = await testRepository();
  await using env = await makeGpgKey(world);
  const commit = await world.commit({ "a.txt": "a\n" });
  const repository = await openRepository(world.root, env);
  const tag = await signTag(repository, request(commit), now);
  await installTag(repository, tag);
  await world.git("config", "gpg.program", leavesChild(world, "judge", 'exec gpg "$@"'));
  const began = performance.now();
  expect(await judgeTag(repository, tag)).toMatchObject({ signer: tag.signer });
  expect(performance.now() - began).toBeLessThan(4000);
}, 20_000);
