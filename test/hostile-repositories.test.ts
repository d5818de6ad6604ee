/**
 * Checkouts, remotes and configurations that a release is not used to: it releases exactly main and
 * its tag, or refuses with a way out and changes nothing.
 */

import { describe, expect, test } from "bun:test";
import { chownSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { checkHelmTagVersion } from "../scripts/check-helm-tag-version.ts";
import { attempt } from "../scripts/lib/finding.ts";
import { layout } from "../scripts/lib/layout.ts";
import type { Version } from "../scripts/lib/version.ts";
import { hurry } from "./helpers/hurry.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { installHook, type ReleaseWorld, releaseWorld, standIn } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import { projectRoot, start } from "./helpers/world.ts";

hurry();

interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** A command line that the release is run by. */
  readonly by: readonly string[];
}
type Preparation = (world: ReleaseWorld) => Promise<Partial<Place> | undefined>;

const main = "refs/heads/main";
const tag = "refs/tags/v1.3.0";
/** What steers a terminal, and a name that holds all that a path can be misread by. */
const junk = "\x1b]0;pwned\x07\r::error::pwned ##[error]pwned $(touch pwned)";
const oddName = "-a b'c\"d\n$(touch pwned)\\é日\u{1f600}\x1b[2J%0A";

/** Configures git, one `name=value` after another. */
async function configure({ git }: ReleaseWorld, ...settings: string[]): Promise<undefined> {
  for (const [name = "", value = ""] of settings.map((each) => each.split(/=(.*)/s))) {
    await git("config", "--add", name, value);
  }
  return undefined;
}

/** Adds the remote as a submodule. */
const addSubmodule = ({ git, bare }: ReleaseWorld) =>
  git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", bare, "inner");

async function release(world: ReleaseWorld, place: Partial<Place> = {}) {
  const { cwd = world.root, env = world.env, by = [] } = place;
  const [script, ...args] = ["scripts/release.ts", "v1.3.0", "--yes"] as const;
  const line = [...by, process.execPath, join(projectRoot, script), ...args];
  const ended = await (by.length === 0
    ? runScript(script, args, { cwd, env })
    : start(line, { cwd, env }));
  expect(ended.stdout + ended.stderr).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}]|defect of/u);
  const files = readdirSync(world.home, { recursive: true, encoding: "utf8" });
  expect(files.filter((path) => /(?:^|\/)pwned$/.test(path))).toEqual([]);
  return ended;
}

/** A hook, or a program, that says junk in both streams and ends with an exit code. */
const saysJunk = (code: number) =>
  `printf '%b' '${junk.replaceAll("\x1b", "\\033")}\\n' >&2; echo junk; exit ${code}`;

function localHook(world: ReleaseWorld, name: string, script: string): undefined {
  installHook(join(world.root, ".git"), name, script);
}

const released: Readonly<Record<string, Preparation>> = {
  "a branch is named like the tag, here and there": async ({ git }) => {
    await git("branch", "v1.3.0", "HEAD~1");
    await git("push", "--quiet", "origin", "HEAD~1:refs/heads/v1.3.0");
    return undefined;
  },
  "tags and branches are named like main, its remote and their full names": async ({ git }) => {
    for (const name of ["main", "origin/main", "heads/main", "refs/heads/main", "HEAD"]) {
      await git("update-ref", `refs/tags/${name}`, "HEAD~1");
    }
    for (const name of [
      "origin/main",
      "refs/heads/main",
      "refs/tags/v1.3.0",
      "tags/v1.3.0",
      "HEAD",
    ]) {
      await git("update-ref", `refs/heads/${name}`, "HEAD~1");
    }
    await git("push", "--quiet", "origin", "HEAD~1:refs/tags/main", "HEAD~1:refs/heads/v1.3.0");
    await git("push", "--quiet", "origin", "HEAD~1:refs/heads/a/refs/tags/v1.2.9");
    return undefined;
  },
  "git is configured to push more, elsewhere, or otherwise": async (world) => {
    await world.git("branch", "other");
    await world.git("tag", "-a", "unrelated", "-m", "x");
    await world.git("init", "--quiet", "--bare", join(world.home, "elsewhere.git"));
    await world.git("remote", "add", "elsewhere", join(world.home, "elsewhere.git"));
    return await configure(
      world,
      "push.followTags=true",
      "push.default=matching",
      "push.autoSetupRemote=true",
      "push.pushOption=ci.skip",
      "remote.pushDefault=elsewhere",
      "branch.main.pushRemote=elsewhere",
      "branch.main.remote=elsewhere",
      "remote.origin.push=+refs/*:refs/*",
      "remote.origin.tagOpt=--tags",
      "remote.origin.prune=true",
      "remote.origin.pruneTags=true",
      "remote.origin.mirror=true",
      "tag.gpgSign=false",
      "tag.sort=-version:refname",
      "color.ui=always",
      "core.pager=touch pwned",
      "alias.push=!touch pwned",
      "log.showSignature=true",
      "core.quotePath=false",
      "core.editor=touch pwned",
      "core.fsmonitor=touch pwned",
    );
  },
  "addresses are rewritten, and those that come of it would be again": async (world) => {
    const { home, bare, git } = world;
    await git("clone", "--quiet", "--bare", bare, join(home, "fetched/origin.git"));
    await git("init", "--quiet", "--bare", join(home, "elsewhere.git"));
    await git("remote", "set-url", "origin", "hub:origin.git");
    return await configure(
      world,
      `url.${home}/fetched/.insteadOf=hub:`,
      `url.${home}/.pushInsteadOf=hub:`,
      `url.${home}/elsewhere.git.insteadOf=${bare}`,
      `url.${home}/elsewhere.git.pushInsteadOf=${bare}`,
    );
  },
  "git is configured to fetch more, and to prune what it does not fetch": async (world) => {
    await world.git("update-ref", "refs/remotes/origin/gone", "HEAD~1");
    await world.git("tag", "-a", "unrelated", "-m", "x");
    return await configure(
      world,
      "fetch.prune=true",
      "fetch.pruneTags=true",
      "remote.origin.fetch=+refs/*:refs/*",
      "remote.origin.tagOpt=--no-tags",
      "remote.origin.followRemoteHEAD=always",
    );
  },
  "nothing of main is fetched": async (world) => {
    await world.git("update-ref", "-d", "refs/remotes/origin/main");
    await world.git("config", "remote.origin.fetch", "+refs/heads/x:refs/remotes/origin/x");
    return undefined;
  },
  "hooks print junk": async (world) => {
    localHook(world, "pre-push", saysJunk(0));
    localHook(world, "reference-transaction", saysJunk(0));
    for (const name of ["pre-receive", "update", "reference-transaction"]) {
      installHook(world.bare, name, saysJunk(0));
    }
    for (const name of ["post-receive", "post-update"]) {
      installHook(world.bare, name, saysJunk(1));
    }
    return undefined;
  },
  "the checkout's path holds all that a path can be misread by": async (world) => {
    const cwd = join(world.home, oddName);
    renameSync(world.root, cwd);
    const bare = join(world.home, `bare${oddName.replace("\n", "")}`);
    renameSync(world.bare, bare);
    await start(["git", "remote", "set-url", "origin", bare], { cwd, env: world.env });
    const moved = { ...world, root: cwd, bare };
    Object.assign(world, moved);
    return { cwd };
  },
  "the checkout is a linked work tree": async ({ git, home }) => {
    await git("checkout", "--quiet", "--detach");
    await git("worktree", "add", "--quiet", join(home, "linked"), "main");
    return { cwd: join(home, "linked") };
  },
  "the checkout is a partial clone": async ({ git, home, bare, env }) => {
    await git("--git-dir", bare, "config", "uploadpack.allowFilter", "true");
    const partial = join(home, "partial");
    await git("push", "--quiet", "origin", "main:next");
    await git("clone", "--quiet", "--filter=blob:none", "--no-checkout", `file://${bare}`, partial);
    const key = await git("config", "user.signingkey");
    const at = (...args: string[]) => start(["git", ...args], { cwd: partial, env });
    await at("config", "gpg.format", "ssh");
    await at("config", "user.signingkey", key);
    await at("reset", "--quiet", "--hard", "origin/next");
    return { cwd: partial };
  },
  "a submodule has what nobody pushed, and is to be pushed too": async (world) => {
    const { root, env } = world;
    await addSubmodule(world);
    const inner = { cwd: join(root, "inner"), env };
    for (const args of [
      ["checkout", "--quiet", "-b", "unpushed"],
      ["commit", "--quiet", "--allow-empty", "-m", "x"],
      ["config", "push.default", "current"],
    ]) {
      await start(["git", ...args], inner);
    }
    await world.commit({}, "Record what the submodule has");
    return await configure(
      world,
      "submodule.recurse=true",
      "push.recurseSubmodules=on-demand",
      "fetch.recurseSubmodules=true",
    );
  },
};

const refused: [string, string, Preparation][] = [
  [
    "branches of the remote end like the full names that are pushed",
    "Cannot push to refs/tags/v1.3.0: origin holds refs/heads/refs/tags/v1.3.0",
    async ({ git }) => {
      const names = ["refs/heads/refs/tags/v1.3.0", "refs/tags/refs/heads/main"];
      await git("push", "--quiet", "origin", ...names.map((name) => `HEAD~1:${name}`));
      return undefined;
    },
  ],
  ...["pre-push", "reference-transaction"].map((hook): [string, string, Preparation] => [
    `hook ${hook} of the checkout refuses`,
    "pwned",
    async (world) => localHook(world, hook, saysJunk(1)),
  ]),
  ...["pre-receive", "update", "reference-transaction"].map(
    (hook): [string, string, Preparation] => [
      `hook ${hook} of the remote refuses`,
      "pwned",
      async (world) => installHook(world.bare, hook, saysJunk(1)) as undefined,
    ],
  ),
  ...[
    ["fails", "pwned", saysJunk(1)],
    [
      "writes junk and calls it a success",
      "sign",
      `for last; do :; done; echo junk > "$last.sig"; ${saysJunk(0)}`,
    ],
  ].map(([what, words = "", program = ""]): [string, string, Preparation] => [
    `the signing program ${what}`,
    words,
    async (world) => {
      standIn(world, "signer", program);
      const path = join(world.home, "stand-in-signer/signer");
      return await configure(world, `gpg.ssh.program=${path}`);
    },
  ]),
  [
    "the clone is shallow, and cannot tell what main holds",
    "shallow",
    async ({ git, home, bare, env }) => {
      const shallow = join(home, "shallow");
      await git("push", "--quiet", "origin", "main:next");
      await git("clone", "--quiet", "--depth=1", "--branch=next", `file://${bare}`, shallow);
      const at = (...args: string[]) => start(["git", ...args], { cwd: shallow, env });
      await at("checkout", "--quiet", "-b", "main");
      await at("fetch", "--quiet", "--depth=1", "origin", "main:refs/remotes/origin/main");
      await at("config", "gpg.format", "ssh");
      await at("config", "user.signingkey", await git("config", "user.signingkey"));
      return { cwd: shallow };
    },
  ],
  [
    "no file may be written",
    "Cannot prepare a signature",
    async () => ({ by: ["sh", "-c", 'trap "" XFSZ; ulimit -f 0; exec "$@"', "sh"] }),
  ],
  [
    "a submodule has another commit than is recorded",
    "working tree is dirty",
    async (world) => {
      const { git, commit, root, env } = world;
      await addSubmodule(world);
      await commit({}, "Add a submodule");
      await git("config", "submodule.inner.ignore", "all");
      await git("config", "diff.ignoreSubmodules", "all");
      const inner = { cwd: join(root, "inner"), env };
      await start(["git", "commit", "--quiet", "--allow-empty", "-m", "x"], inner);
      return undefined;
    },
  ],
];

describe("a release that pushes main and its tag alone, though", () => {
  test.each(Object.entries(released))("%s", async (_, prepare) => {
    await using world = await releaseWorld();
    const place = await prepare(world);
    const cwd = place?.cwd ?? world.root;
    const git = async (...args: string[]) =>
      (await start(["git", ...args], { cwd, env: world.env })).stdout.trim();
    const refs = async () =>
      await git("--git-dir", world.bare, "for-each-ref", "--format=%(refname) %(objectname)");
    const before = await refs();
    const head = await git("rev-parse", "HEAD");
    const { code, stdout, stderr } = await release(world, place);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
    expect(stdout).toContain("v1.3.0 is released");
    const object = await git("rev-parse", tag);
    const others = before.split("\n").filter((line) => !line.startsWith(`${main} `));
    expect((await refs()).split("\n").sort()).toEqual(
      [...others, `${main} ${head}`, `${tag} ${object}`].sort(),
    );
    expect(await git("cat-file", "tag", object)).toContain(`object ${head}\n`);
  });
});

describe("a release that changes nothing, and names the way out:", () => {
  test.each(refused)("%s", async (_, words, prepare) => {
    await using world = await releaseWorld();
    const place = await prepare(world);
    const before = await world.remoteRefs();
    const { code, stdout, stderr } = await release(world, place);
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: expect.any(String),
      stderr: expect.stringContaining(words),
    });
    expect(stderr).toContain("fix: ");
    expect(await world.remoteRefs()).toEqual(before);
    expect(await world.localTags()).toEqual([]);
  });

  test.skipIf(process.getuid?.() !== 0)("the checkout belongs to somebody else", async () => {
    await using world = await releaseWorld();
    for (const path of [world.root, join(world.root, ".git")]) {
      chownSync(path, 12_345, 12_345);
    }
    const { code, stderr } = await release(world);
    expect(code).toBe(1);
    expect(stderr).toContain(`git config --global --add safe.directory ${world.root}`);
  });
});

const rare = "expected one plain key a line";
const otherwise = "expected a plain or quoted string that every YAML parser reads the same";

describe("Chart.yaml in every legal spelling is read as its version, or refused by its name:", () => {
  test.each<[name: string, spelled: string, refusal?: string]>([
    ["plain, among decoys", "# version: 9.9.9\nx: { version: 9.9.9 }\nversion: 1.3.0 # 9.9.9\n"],
    ["in single quotes", "version: '1.3.0'\n"],
    ["in double quotes", 'version: "1.3.0"\n'],
    ["with escapes", 'version: "1\\x2e3\\x2e0"\n', otherwise],
    ["over two lines of quotes", 'version: "\\\n  1.3.0"\n', otherwise],
    ["with a tag", "version: !!str 1.3.0\n", `found "!!str 1.3.0", ${otherwise}`],
    ["with the long form of a tag", "version: !<tag:yaml.org,2002:str> 1.3.0\n", otherwise],
    ["as an anchor", "version: &v 1.3.0\n"],
    ["as an alias", "x: &v 1.3.0\nversion: *v\n", `found "*v", ${otherwise}`],
    ["merged from another table", "x: &x\n  version: 1.3.0\n<<: *x\n", "found a merge key"],
    ["as a literal block", "version: |-\n  1.3.0\n", otherwise],
    ["as a folded block", "version: >-\n  1.3.0\n", otherwise],
    ["as a block that keeps its line feed", "version: |\n  1.3.0\n", 'found "1.3.0\\n"'],
    ["on the next line", "version:\n  1.3.0\n", otherwise],
    ["with an explicit key", "? version\n: 1.3.0\n", rare],
    ["with a key in quotes", '"version": 1.3.0\n'],
    ["with a key in escapes", '"ver\\x73ion": 1.3.0\n', rare],
    ["with blanks before the colon", "version   :   1.3.0\n"],
    ["in CRLF", "x: 1\r\nversion: 1.3.0\r\n"],
    ["in lone carriage returns", "x: 1\rversion: 1.3.0\r"],
    ["behind a byte order mark", "\ufeffversion: 1.3.0\n"],
    ["between document marks", "%YAML 1.2\n---\nversion: 1.3.0\n...\n"],
    [
      "in two documents",
      "version: 1.3.0\n---\nversion: 1.3.0\n",
      "found a list or several documents",
    ],
    ["twice", "version: 9.9.9\nversion: 1.3.0\n", 'found key "version" in line 2 again'],
    ["without a last line feed", "version: 1.3.0"],
  ])("%s", async (_, spelled, ...[refusal]) => {
    const file = `${layout.chart}/Chart.yaml`;
    const judge = async (version: string) => {
      const check = checkHelmTagVersion(memoryTree({ [file]: spelled }), version as Version);
      const { findings, value = findings ?? [] } = await attempt(() => check);
      return value.map(({ level, message }) => `${level} ${message}`).join();
    };
    expect(await judge("1.2.9")).toStartWith("error ");
    expect(await judge("1.3.0")).toInclude(refusal ?? `notice ${file} -> 1.3.0 (matches tag)`);
  });
});
