import { describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { error } from "../../../scripts/lib/finding.ts";
import { openRepository, type Repository } from "../../../scripts/lib/git/repository.ts";
import {
  findLocalTag,
  installTag,
  judgeTag,
  readTag,
  refValue,
  removeTag,
  signTag,
} from "../../../scripts/lib/git/tag.ts";
import { findComponent } from "../../helpers/components.ts";
import { makeGpgKey } from "../../helpers/gpg.ts";
import { standIn } from "../../helpers/release.ts";
import {
  start,
  type TestRepository,
  testDay,
  testRepository,
  writeFiles,
} from "../../helpers/world.ts";

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

/** Writes a text into the world; answers its path. */
function writtenAs(world: TestRepository, text: string): string {
  writeFiles(world.home, { "tag-object": text });
  return join(world.home, "tag-object");
}

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

describe("no signature, no tag:", () => {
  async function refused(prepare: (world: TestRepository) => Promise<void>): Promise<string> {
    await using world = await testRepository();
    const { repository, commit } = await signing(world);
    await prepare(world);
    const before = await everything(world);
    const thrown = await signTag(repository, request(commit), now).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(await everything(world)).toBe(before);
    return thrown?.message ?? "signed";
  }

  test("an SSH key file that does not exist", async () => {
    const message = await refused(async (world) => {
      await world.git("config", "gpg.format", "ssh");
      await world.git("config", "user.signingkey", join(world.home, "nowhere"));
    });
    expect(message).toContain("requires a signing identity");
    expect(message).toContain("nowhere");
  });

  test("an SSH key with a passphrase and no agent", async () => {
    const message = await refused(async (world) => {
      const key = await world.useSshKey();
      await Bun.$`ssh-keygen -q -p -P "" -N secret -f ${key}`.quiet();
    });
    expect(message).toContain("requires a signing identity");
  });

  test("no key at all", async () => {
    const message = await refused(async (world) => {
      await world.git("config", "gpg.program", "gpg-that-does-not-exist");
    });
    expect(message).toContain("requires a signing identity");
  });

  test("a signing program that exits 0 and writes junk", async () => {
    const message = await refused(async (world) => {
      const program = join(world.home, "junk");
      writeFiles(world.home, {
        junk: '#!/bin/sh\ncat >/dev/null\necho "[GNUPG:] SIG_CREATED " >&2\necho junk\n',
      });
      chmodSync(program, 0o755);
      await world.git("config", "gpg.program", program);
    });
    expect(message).toContain("requires a signing identity");
  });

  test("a signature of something else", async () => {
    const message = await refused(async (world) => {
      const key = await world.useSshKey();
      const program = join(world.home, "wrong");
      writeFiles(world.home, {
        wrong: `#!/bin/sh\nfor last; do :; done\necho other > "$last"\nexec ssh-keygen -Y sign -n git -f ${key} "$last"\n`,
      });
      chmodSync(program, 0o755);
      await world.git("config", "gpg.ssh.program", program);
    });
    expect(message).toContain("requires a signing identity");
    expect(message).toContain("not good");
  });
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

    const changed = Buffer.from(tag.bytes).toString().replace("214ea6f", "214ea60");
    const id = await world.git("hash-object", "-t", "tag", "-w", writtenAs(world, changed));
    const found = await readTag(repository, id);
    expect(found && (await judgeTag(repository, found))).toMatchObject({
      fault: expect.stringMatching(/^its signature is not good: [\s\S]*BAD signature/),
    });
  },
);

describe("what a program for OpenPGP says of a signature decides:", () => {
  const good =
    "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 0123456789ABCDEF T\n[GNUPG:] VALIDSIG 0123456789ABCDEF0123";

  async function judged(status: string) {
    await using world = await testRepository();
    const { repository, commit } = await signing(world);
    const signature = "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n";
    const header = `object ${commit}\ntype commit\ntag v1.0.0\ntagger T <t@e> 1754568000 +0000`;
    const text = `${header}\n\nv1.0.0\n${signature}`;
    const id = await world.git("hash-object", "-t", "tag", "-w", writtenAs(world, text));
    writeFiles(world.home, { program: `#!/bin/sh\ncat >/dev/null\nprintf '${status}\\n'\n` });
    chmodSync(join(world.home, "program"), 0o755);
    await world.git("config", "gpg.program", join(world.home, "program"));
    const found = await readTag(repository, id);
    return found && (await judgeTag(repository, found));
  }

  test("a valid one is good, and names its key", async () => {
    expect(await judged(good)).toMatchObject({ signer: "key 0123456789ABCDEF0123" });
  });

  test("a subkey signs for its primary key", async () => {
    const fields = "2026-08-07 1754568000 0 4 0 22 8 00";
    const [subkey, primary] = ["0123456789ABCDEF0123", "3210FEDCBA9876543210"];
    const [ofSubkey, ofPrimary, ofCertificate] = await Promise.all(
      [` ${fields} ${primary}`, ` ${fields} ${subkey}`, ` ${fields}`].map((rest) =>
        judged(good.replace(/\w+$/, `${subkey}${rest}`)),
      ),
    );
    expect(ofSubkey).toMatchObject({ signer: `key ${primary}` });
    expect(ofPrimary).toMatchObject({ signer: `key ${subkey}` });
    expect(ofCertificate).toMatchObject({ signer: `key ${subkey}` });
  });

  test.each(["BADSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NODATA"])(
    "%s is not good",
    async (word) => {
      expect(await judged(`[GNUPG:] ${word} 0123456789ABCDEF T`)).toMatchObject({
        fault: expect.stringContaining("its signature is not good"),
      });
    },
  );

  test.each(["", "[GNUPG:] ERRSIG 0123456789ABCDEF", "[GNUPG:] GOODSIG 0123456789ABCDEF T"])(
    "%p is no answer",
    async (status) => {
      await expect(judged(status)).rejects.toThrow("Cannot judge the tag's signature: ");
    },
  );
});

test.each([
  ["without a signature", "\n\nv1.0.0\n", "it holds no signature"],
  ["that is none", "", ""],
])("a tag object %s is a fault", async (_, rest, fault) => {
  await using world = await testRepository();
  const { repository, commit } = await signing(world);
  const header = `object ${commit}\ntype commit\ntag v1.0.0\ntagger T <t@e> 1754568000 +0000`;
  const bytes = Buffer.from(rest === "" ? "no tag" : `${header}${rest}`);
  const judged = await judgeTag(repository, { id: commit, bytes });
  expect("fault" in judged && judged.fault).toContain(fault);
  expect("fault" in judged).toBe(true);
});

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
  await installTag(repository, first);
  await expect(installTag(repository, second)).rejects.toThrow("already exists locally");
  await expect(installTag(repository, first)).rejects.toThrow("already exists locally");
  expect(await removeTag(repository, second)).toMatchObject({ left: first.id });
  expect(await refValue(repository, "refs/tags/v1.0.0")).toBe(first.id);
  expect(await removeTag(repository, first)).toMatchObject({ left: undefined });
  expect(await refValue(repository, "refs/tags/v1.0.0")).toBeUndefined();
});

test("an answer that is cut short before the tag is no word of its absence", async () => {
  await using world = await testRepository();
  const { repository, commit } = await signing(world);
  const env = standIn(
    world,
    "git",
    `printf '%s' '${commit} HEAD
${commit.slice(0, 9)}'`,
  );
  await expect(refValue({ ...repository, env }, "refs/tags/v1.0.0")).rejects.toThrow(
    "Cannot read refs/tags/v1.0.0",
  );
});

test("a message without a final line feed is signed like any other", async () => {
  await using world = await testRepository();
  await world.useSshKey();
  const { repository, commit } = await signing(world);
  const tag = await signTag(repository, { ...request(commit), message: "v1.0.0" }, now);
  expect(tag.message).toBe("v1.0.0\n");
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

test("a good signature makes no release of a tag of something else, or of another name", async () => {
  await using world = await testRepository();
  await world.commit({ "a.txt": "a\n" });
  await world.useSshKey();
  await world.git("tag", "-s", "-m", "file", "v1.0.0", "HEAD:a.txt");
  await world.git("tag", "-s", "-m", "other", "v0.9.0", "HEAD");
  await world.git("update-ref", "refs/tags/v1.1.0", "refs/tags/v0.9.0");
  const [file, other] = await Promise.all(
    ["v1.0.0", "v1.1.0"].map((name) => findLocalTag(world, name)),
  );
  expect(file).toMatchObject({ kind: "unfit", why: expect.stringContaining("a tag of blob") });
  expect(other).toMatchObject({ kind: "unfit", why: expect.stringContaining("named v0.9.0") });
});

test("a tag below the name stands in its way, whatever stands beside", async () => {
  await using world = await testRepository();
  await world.commit({ "a.txt": "a\n" });
  expect(await findLocalTag(world, "v1.3.0")).toEqual({ kind: "absent" });
  for (const name of ["v1.3.0/$(id)", "v1.3.0-rc.1", "x/v1.3.0"]) {
    await world.git("tag", name);
  }
  expect(await findLocalTag(world, "v1.3.0")).toEqual({
    kind: "unknown",
    findings: [
      error("Cannot make tag v1.3.0: tag v1.3.0/$(id) is here, and git cannot hold both", {
        remedy: "Delete that tag if it is a slip: git tag -d 'v1.3.0/$(id)'",
      }),
    ],
  });
});

/** A program of a test's own that leaves a process behind, which keeps its output open. */
function leavesChild(world: TestRepository, name: string, work: string): string {
  writeFiles(world.home, { [name]: `#!/bin/sh\n(exec sleep 8) &\n${work}\n` });
  const program = join(world.home, name);
  chmodSync(program, 0o755);
  return program;
}

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
