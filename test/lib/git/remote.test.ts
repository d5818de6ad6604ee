/** Words of a remote: no credentials in them, no end to them, and nothing believed that is cut short. */

import { expect, test } from "bun:test";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { attempt } from "../../../scripts/lib/finding.ts";
import {
  askRemote,
  findRemote,
  push,
  relationTo,
  withoutCredentials,
} from "../../../scripts/lib/git/remote.ts";
import { expectLinear } from "../../helpers/growth.ts";
import { installHook, releaseWorld, standIn } from "../../helpers/release.ts";

test.each([
  ["https://user:pass@host/x.git", "https://host/x.git"],
  [
    "cannot reach 'https://user:p@ss/TOKEN@host/x.git': no",
    "cannot reach 'https://host/x.git': no",
  ],
  ["git+SSH://me@host and ftp://a:b@c", "git+SSH://host and ftp://c"],
  ["https://host/x.git says a@b", "https://host/x.git says a@b"],
  ["me@host:x.git", "me@host:x.git"],
  ["a@b://c", "a@b://c"],
  ["://x@y", "://x@y"],
  ["get 'https://host/x?key=TOKEN': no", "get 'https://host/x?***': no"],
  ["at https://host/x?", "at https://host/x?"],
  ["one\n two\thttps://a@b\n", "one\n two\thttps://b\n"],
])("of %p no credentials are shown: %p", (words, shown) => {
  expect(withoutCredentials(words)).toBe(shown);
});

test.each([
  ["https://host/x.git?key=TOKEN", "https://host/x.git?***"],
  ["https://user:two words TOKEN@host/x.git", "https://host/x.git"],
  ["TOKEN@host:x.git", "host:x.git"],
  ["/srv/a@b:c/x.git", "/srv/a@b:c/x.git"],
  ["../a@b/x.git", "../a@b/x.git"],
])("of the address %p a person sees %p, in words about it as well", async (url, shown) => {
  await using world = await releaseWorld();
  await world.git("remote", "set-url", "origin", url);
  const script = `case "$*" in *ls-remote*) echo "TOKEN@host, '${url}': denied" >&2; exit 1; esac`;
  const repository = {
    root: world.root,
    env: standIn(world, "git", `${script}; exec "$REAL" "$@"`),
  };
  const remote = await findRemote(repository, "origin");
  expect(remote.shown).toBe(shown);
  const { findings } = await attempt(() => askRemote(repository, remote));
  expect(findings?.[0]?.message).toContain(`'${shown}': denied`);
  if (url.includes("TOKEN@host:")) {
    expect(findings?.[0]?.message).not.toContain("TOKEN");
  }
});

test("an address that is not UTF-8 is refused, as git would get another one back", async () => {
  await using world = await releaseWorld();
  const configuration = '[remote "origin"]\n\tpushurl = /srv/\xfc.git\n';
  appendFileSync(join(world.root, ".git/config"), configuration, "latin1");
  const { findings } = await attempt(() => findRemote(world, "origin"));
  expect(findings?.[0]?.message).toEndWith("is not UTF-8");
});

test.each(["a", "a://", "a@", ":", "a ", "https://a@"])(
  "words of any length are read in time that grows with them: %p again and again",
  async (word) => {
    await expectLinear(200_000, (size) => word.repeat(size / word.length), withoutCredentials);
  },
);

test("a line without an end is shown by its first words, and holds up no push", async () => {
  await using world = await releaseWorld();
  const long = "head -c 300000 /dev/zero | tr '\\0' a >&2; echo >&2";
  const secret = "printf 'look at https://user:TOKEN' >&2; head -c 9000 /dev/zero | tr '\\0' x >&2";
  installHook(world.bare, "pre-receive", `echo first >&2; ${long}; ${secret}; echo '@host' >&2`);
  const repository = { root: world.root, env: world.env };
  const remote = await findRemote(repository, "origin");
  const id = await world.git("rev-parse", "HEAD");
  const lines: string[] = [];
  const answer = await push(
    repository,
    remote,
    [{ id, ref: "refs/heads/main" }],
    { atomic: false, signal: new AbortController().signal },
    (line) => lines.push(line),
  );
  expect(answer.confirmed).toBe(true);
  expect(lines.some((line) => line.includes("first"))).toBe(true);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(4100);
  expect(lines.join("\n")).not.toContain("TOKEN");
  expect(lines.some((line) => line.includes("look at"))).toBe(true);
});

test.each<[boolean, string]>([
  [true, "[rejected] (fetch first)"],
  [true, "[remote rejected] (no)"],
  [false, "[remote failure] (remote failed to report status)"],
])("whether nothing of a push can land later: %p after %s", async (rejected, words) => {
  await using world = await releaseWorld();
  const line = `!\\tabc:refs/heads/main\\t${words}\\n`;
  const git = `case "$*" in *" push "*) printf '${line}'; exit 1;; esac; exec "$REAL" "$@"`;
  const repository = { root: world.root, env: standIn(world, "git", git) };
  const remote = await findRemote(repository, "origin");
  const options = { atomic: false, signal: new AbortController().signal };
  const updates = [{ id: "abc", ref: "refs/heads/main" }];
  const answer = await push(repository, remote, updates, options, () => {});
  expect(answer).toMatchObject({ confirmed: false, rejected, words });
});

test.each([
  ["within a line", "head -c 100"],
  ["before the end of its last line", "head -c -1"],
  ["by a line that is none", "cat; echo x"],
  ["by a name without an object", "cat; printf '\\trefs/tags/v9\\n'"],
])("an answer of the remote that is cut short or odd is no answer: %s", async (_, filter) => {
  await using world = await releaseWorld();
  await world.git("push", "--quiet", "origin", "HEAD:refs/tags/v1.3.0");
  const remote = await findRemote({ root: world.root, env: world.env }, "origin");
  const cut = `case "$*" in *ls-remote*) "$REAL" "$@" | { ${filter}; }; exit 0;; esac`;
  const env = standIn(world, "git", `${cut}; exec "$REAL" "$@"`);
  const { findings } = await attempt(() => askRemote({ root: world.root, env }, remote));
  expect(findings?.[0]?.message).toMatch(/^Cannot read what origin .* its answer is cut short$/);
});

test("a remote that pushes to several places is refused", async () => {
  await using world = await releaseWorld();
  await world.git("remote", "set-url", "--add", "--push", "origin", "/one.git");
  await world.git("remote", "set-url", "--add", "--push", "origin", "/two.git");
  const { findings } = await attempt(() => findRemote(world, "origin"));
  expect(findings?.[0]?.message).toBe("Cannot release to origin: it pushes to 2 URLs, expected 1");
});

test("a commit is related to the remote's main by what git holds of both, merges included", async () => {
  await using world = await releaseWorld();
  const [old, ours] = [
    await world.git("rev-parse", "HEAD~1"),
    await world.git("rev-parse", "HEAD"),
  ];
  const tree = await world.git("rev-parse", "HEAD^{tree}");
  const side = await world.git("commit-tree", tree, "-p", old, "-m", "Side");
  const merge = await world.git("commit-tree", tree, "-p", ours, "-p", side, "-m", "Merge");
  const alone = await world.git("commit-tree", tree, "-m", "Unrelated");
  const kindOf = async (commit: string, main: string) =>
    (await relationTo(world, commit, main)).kind;
  expect(await kindOf(ours, ours)).toBe("equal");
  expect(await relationTo(world, ours, old)).toEqual({
    kind: "ahead",
    commits: [`${ours.slice(0, 7)} Bump to 1.3.0`],
  });
  expect(await kindOf(merge, side)).toBe("ahead");
  expect(await kindOf(old, merge)).toBe("behind");
  expect(await kindOf(ours, side)).toBe("diverged");
  expect(await kindOf(ours, alone)).toBe("diverged");
  expect(await kindOf(ours, "b".repeat(40))).toBe("unfetched");
});

test.each([
  ["fails", "exit 128", "Cannot compare"],
  ["says nothing", "exit 0", "git log gave no answer"],
])("a git log that %s does not say how two commits are related", async (_, answer, words) => {
  await using world = await releaseWorld();
  const [main, ours] = [
    await world.git("rev-parse", "HEAD~1"),
    await world.git("rev-parse", "HEAD"),
  ];
  const env = standIn(world, "git", `case "$*" in *" log "*) ${answer};; esac; exec "$REAL" "$@"`);
  const { findings } = await attempt(() => relationTo({ root: world.root, env }, ours, main));
  expect(findings?.[0]?.message).toContain(words);
});

test("an answer about two commits that is cut short names no commit as ahead", async () => {
  await using world = await releaseWorld();
  const [main, ours] = [
    await world.git("rev-parse", "HEAD~1"),
    await world.git("rev-parse", "HEAD"),
  ];
  const cut = 'case "$*" in *" log "*) "$REAL" "$@" | head -c 60; exit 0;; esac; exec "$REAL" "$@"';
  const repository = { root: world.root, env: standIn(world, "git", cut) };
  const { value } = await attempt(() => relationTo(repository, ours, main));
  expect(value?.kind).not.toBe("ahead");
});

test("a git that does not list the remotes is run again, and no remote is added", async () => {
  await using world = await releaseWorld();
  const env = standIn(world, "git", "head -c 70000000 /dev/zero");
  const { findings } = await attempt(() => findRemote({ ...world, env }, "origin"));
  expect(findings).toMatchObject([
    {
      message: "Cannot find remote origin: git remote: it printed more than 64 MB",
      remedy: "Run it by hand to see why: git remote --verbose",
    },
  ]);
});
