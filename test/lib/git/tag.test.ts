import { describe, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { bypassesIn } from "../../../scripts/lib/files/tag-object.ts";
import { type Objects, openObjects } from "../../../scripts/lib/git/objects.ts";
import { gitEnvironment } from "../../../scripts/lib/git/repository.ts";
import {
  findLocalTag,
  judgeTag,
  listTags,
  refValue,
  resolveTag,
} from "../../../scripts/lib/git/tag.ts";
import { standIn } from "../../helpers/release.ts";
import { start, testRepository, writeFiles } from "../../helpers/world.ts";

const id = "a".repeat(40);
const header = `object ${id}\ntype commit\ntag v1.0.0\ntagger T <t@e> 1754568000 +0000`;

describe("what a program for OpenPGP says of a signature decides:", () => {
  const good =
    "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 0123456789ABCDEF T\n[GNUPG:] VALIDSIG 0123456789ABCDEF0123";

  async function judged(status: string) {
    await using world = await testRepository();
    const signature = "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n";
    writeFiles(world.home, { program: `#!/bin/sh\ncat >/dev/null\nprintf '${status}\\n'\n` });
    chmodSync(join(world.home, "program"), 0o755);
    await world.git("config", "gpg.program", join(world.home, "program"));
    return await judgeTag(world, { id, bytes: Buffer.from(`${header}\n\nv1.0.0\n${signature}`) });
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
  ["without a signature", `${header}\n\nv1.0.0\n`, "it holds no signature"],
  ["without its headers", "no tag", 'header "object" is missing'],
])("a tag object %s is a fault", async (_, text, fault) => {
  const judged = await judgeTag({ root: "/", env: {} }, { id, bytes: Buffer.from(text) });
  expect(judged).toEqual({ fault: expect.stringContaining(fault) });
});

test("an answer that is cut short before the tag is no word of its absence", async () => {
  await using world = await testRepository();
  const env = standIn(world, "git", `printf '%s' '${id} HEAD\n${id.slice(0, 9)}'`);
  await expect(refValue({ ...world, env }, "refs/tags/v1.0.0")).rejects.toThrow(
    "Cannot read refs/tags/v1.0.0",
  );
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

test("a tag is here only under its whole name", async () => {
  await using world = await testRepository();
  await world.commit({ "a.txt": "a\n" });
  for (const name of ["v1.3.0-rc.1", "x/v1.3.0"]) {
    await world.git("tag", name);
  }
  expect(await findLocalTag(world, "v1.3.0")).toEqual({ kind: "absent" });
});

test("a tag has its tagger's date, else its commit's, and its commit behind other tags", async () => {
  await using world = await testRepository();
  const git = async (date: string, args: string[], stdin = "") => {
    const env = { ...world.env, GIT_COMMITTER_DATE: `${date}T23:30:00-05:00` };
    const { stdout } = await start(["git", ...args], { cwd: world.root, env, stdin });
    return stdout.trim();
  };
  const commit = await world.commit({ a: "a" }, "One", {
    GIT_COMMITTER_DATE: "2025-03-01T23:30:00-05:00",
  });
  const armour = "-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----";
  const annotated = ["tag", "--annotate", "--cleanup=verbatim", "--message"];
  await git("2025-04-01", [...annotated, `x\n\nBypassed: lab gate\n${armour}\n`, "v1.0.0"]);
  await git("2025-04-01", ["tag", "v1.1.0"]);
  await git("2025-05-01", [...annotated, "x\n-----BEGIN SSH SIGNATURE-----\n", "v1.2.0", "v1.0.0"]);
  const bare = `object ${commit}\ntype commit\ntag v1.3.0\n\nx\n`;
  const hash = ["hash-object", "-w", "-t", "tag", "--literally", "--stdin"];
  const id = await git("2025-04-01", hash, bare);
  await git("2025-04-01", ["update-ref", "refs/tags/v1.3.0", id]);

  const repository = { root: world.root, env: gitEnvironment(world.env) };
  await using objects = openObjects(repository);
  const refs = await listTags(repository, ["v*"]);
  const tags = await Promise.all(refs.map((ref) => resolveTag(objects, ref)));
  const moment = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 10);
  expect(
    tags.map((tag) => [moment(tag.seconds), tag.dateOf, tag.signature, tag.bypasses, tag.commit]),
  ).toEqual([
    ["2025-04-02", "tagger", "signed", ["lab gate"], commit],
    ["2025-03-02", "commit", "lightweight", [], commit],
    ["2025-05-02", "tagger", "unsigned", [], commit],
    ["2025-03-02", "commit", "unsigned", [], commit],
  ]);
  expect(tags[3]).toMatchObject({ name: "v1.3.0", id, object: { id, tag: "v1.3.0" } });
  expect(tags[3]?.object?.bytes).toEqual(new TextEncoder().encode(bare));
});

test.each<[string, string | undefined, "tag" | "blob" | "commit", string | undefined, string]>([
  ["a broken ref", undefined, "tag", undefined, "its ref is broken"],
  ["a ref to nothing", id, "tag", undefined, `object ${id} is missing`],
  ["a file", id, "blob", "", "it tags a blob, expected a commit"],
  ["a tag of a file", id, "tag", `object ${id}\ntype blob\ntag v1\n`, "it tags a blob,"],
  ["a tag object without a name", id, "tag", `object ${id}\ntype commit\n`, "header"],
  ["a commit without a date", id, "commit", "tree 1\n\ncommitter A <a> 1 +0000", "has a date"],
])("%s has no meaning as a tag, and the refusal says why", async (_, name, type, text, why) => {
  const bytes = new TextEncoder().encode(text);
  const objects: Objects = {
    find: async (asked) => (asked === id && text !== undefined ? { id, type, bytes } : undefined),
    [Symbol.asyncDispose]: async () => {},
  };
  const meaning = resolveTag(objects, { name: "v1", id: name });
  await expect(meaning).rejects.toThrow(/^Cannot read tag v1: /);
  await expect(meaning).rejects.toThrow(why);
});

test("tags are listed by patterns of their names, in order", async () => {
  await using world = await testRepository();
  await world.commit({ a: "a" });
  for (const tag of ["v2.0.0", "v10.0.0", "v3/x", "chart-v1.0.0", "w1", "x/v1.0.0"]) {
    await world.git("tag", tag);
  }
  const listed = async (...patterns: string[]) =>
    (await listTags({ root: world.root, env: world.env }, patterns)).map(({ name }) => name);
  expect(await listed("v*", "chart-v*")).toEqual(["chart-v1.0.0", "v10.0.0", "v2.0.0"]);
  expect(await listed("v3")).toEqual(["v3/x"]);
  expect(await listed("v2.0.0")).toEqual(["v2.0.0"]);
  expect(await listed("none")).toEqual([]);
});

test.each([
  ["fails", "exit 3"],
  ["prints something else", "echo nonsense; exit 0"],
  ["is cut short", `printf ${"0".repeat(40)}" v1"; exit 0`],
])("a git that %s has listed no tags", async (_, fault) => {
  await using world = await testRepository();
  const env = standIn(world, "git", `${fault}\nexec "$REAL" "$@"`);
  await expect(listTags({ root: world.root, env }, ["v*"])).rejects.toThrow("Cannot list the tags");
});

test.each([
  ["none", "v1.0.0\n\nLab-validation: PASS\n", []],
  ["two, with line ends of Windows", "v1\n\nBypassed: a b\r\nBypassed: c\r\n", ["a b", "c"]],
  [
    "what holds U+2028, which ends no line",
    "v1\n\nBypassed: a\u2028Bypassed: b\n",
    ["a\u2028Bypassed: b"],
  ],
  ["none within a line, and none that is empty", "v1\n\nwas Bypassed: x\nBypassed: \n", []],
])("a tag's message states its bypasses: %s", (_, message, expected) => {
  expect(bypassesIn(message)).toEqual(expected);
});
