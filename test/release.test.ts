import { describe, expect, test } from "bun:test";
import { chmodSync, closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { smallProduct } from "../scripts/demo/product.ts";
import { layout } from "../scripts/lib/layout.ts";
import { processTerminal } from "../scripts/lib/terminal.ts";
import { findComponent } from "./helpers/components.ts";
import { makeGpgKey } from "./helpers/gpg.ts";
import { hurry } from "./helpers/hurry.ts";
import {
  installHook,
  ledgerRow,
  type ReleaseWorld,
  releaseWorld,
  runInTerminal,
  standIn,
  today,
} from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import {
  type Ended,
  projectRoot,
  start,
  startScript,
  temporaryFolder,
  writeFiles,
} from "./helpers/world.ts";

const script = "scripts/release.ts";
const main = "refs/heads/main";
const tagRef = "refs/tags/v1.3.0";

function release(
  world: ReleaseWorld,
  args: readonly string[] = [],
  env: Record<string, string> = world.env,
): Promise<Ended> {
  return runScript(script, ["v1.3.0", ...args], { cwd: world.root, env });
}

/** Does what a refusal told. */
async function follow({ root: cwd, env }: ReleaseWorld, commands: string): Promise<void> {
  expect(await start(["sh", "-ec", commands], { cwd, env })).toMatchObject({ code: 0 });
}

/** That nothing happened: neither a ref here nor a ref there is new. */
async function expectUntouched(world: ReleaseWorld, before: Record<string, string>): Promise<void> {
  expect(await world.remoteRefs()).toEqual(before);
  expect(await world.localTags()).toEqual([]);
}

test("a release signs the tag, pushes main and the tag, and nothing else", async () => {
  await using world = await releaseWorld();
  await world.git("branch", "other");
  await world.git("tag", "-a", "unrelated", "-m", "x");
  await world.git("config", "push.followTags", "true");
  const head = await world.git("rev-parse", "HEAD");

  const { code, stdout, stderr } = await release(world, ["--yes"]);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringContaining("Pushing refs/heads/main to origin"),
  });
  expect(stdout).toContain("Plan for v1.3.0:");
  expect(stdout).toContain("push 1 commit to refs/heads/main");
  expect(stdout).toContain("Bump to 1.3.0");
  expect(stdout).toContain("v1.3.0 is released");

  const refs = await world.remoteRefs();
  expect(Object.keys(refs).sort()).toEqual([main, tagRef]);
  expect(refs[main]).toBe(head);
  const tag = await world.git("--git-dir", world.bare, "cat-file", "tag", "v1.3.0");
  expect(tag).toContain(`object ${head}\ntype commit\ntag v1.3.0\n`);
  expect(tag).toContain(`\n\nv1.3.0\n\nLab-validation: PASS ${today()} lab 214ea6f\n`);
  expect(tag).toContain("-----BEGIN SSH SIGNATURE-----");
  expect(await world.git("rev-parse", "v1.3.0^{tag}")).toBe(refs[tagRef] ?? "");
  expect(await world.git("status", "--porcelain")).toBe("");
});

describe("what --strict refuses is a warning without it, before anything is pushed:", () => {
  const guide = "docs/CI.md";
  const hollow = "# Changelog\n\n## [1.3.0] - 2026-08-07\n\n### Added\n";

  test.each([
    [
      "a stale reference that the operator moves",
      { [guide]: smallProduct("1.2.9")[guide] },
      `${guide} says PERF_SENTINEL_VERSION 1.2.9, expected 1.3.0`,
      `warning: Stale reference: ${guide} says PERF_SENTINEL_VERSION 1.2.9, expected 1.3.0\n  at ${guide}:5:27\n`,
    ],
    [
      "a changelog that says nothing of the release",
      { "CHANGELOG.md": hollow },
      "CHANGELOG.md says nothing below ## [1.3.0] - 2026-08-07",
      "warning: CHANGELOG.md says nothing below ## [1.3.0] - 2026-08-07\n  at CHANGELOG.md:3:1\n  fix: Write what is new",
    ],
  ])("%s", async (_, files, fault, advice) => {
    await using world = await releaseWorld();
    await world.commit(files);
    const before = await world.remoteRefs();
    const strict = await release(world, ["--yes", "--strict"]);
    expect(strict.code).toBe(1);
    expect(strict.stderr).toContain(`error: Cannot tag v1.3.0: ${fault}`);
    await expectUntouched(world, before);
    const { code, stderr } = await release(world, ["--yes"]);
    expect(code).toBe(0);
    expect(stderr).toContain(advice);
    expect(stderr.indexOf("warning: ")).toBeLessThan(stderr.indexOf("Pushing"));
  });

  test("where everything was bumped, --strict passes, with the count as evidence", async () => {
    await using world = await releaseWorld();
    const { code, stdout, stderr } = await release(world, ["--dry-run", "--strict"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("10 of 10 operator-driven references state 1.3.0");
  });
});

test("an operator whose name git does not know is told to say it", async () => {
  await using world = await releaseWorld();
  await world.git("config", "--global", "--unset", "user.name");
  await world.git("config", "--global", "--unset", "user.email");
  await world.git("config", "user.useConfigOnly", "true");
  const { code, stderr } = await release(world, ["--dry-run"]);
  expect(code).toBe(1);
  expect(stderr).toContain("fix: Say who tags: git config user.name NAME");
});

test("a published tag whose main has moved on is looked up by a fetch, without a merge", async () => {
  await using world = await releaseWorld();
  expect((await release(world, ["--yes"])).code).toBe(0);
  const other = join(world.home, "other");
  await world.git("clone", "--quiet", world.bare, other);
  await world.git("-C", other, "commit", "--quiet", "--allow-empty", "-m", "Other");
  await world.git("-C", other, "push", "--quiet", "origin", "HEAD:main");
  const early = await release(world, ["--yes", "--resume"]);
  expect(early.code).toBe(1);
  expect(early.stderr).toContain(
    "fix: git fetch origin && bun scripts/release.ts v1.3.0 --resume\n",
  );
  await world.git("fetch", "--quiet", "origin");
  const { code, stdout } = await release(world, ["--yes", "--resume"]);
  expect(code).toBe(0);
  expect(stdout).toContain("v1.3.0 is released already");
});

test("a dry run passes, proves that signing works, and leaves nothing behind", async () => {
  await using world = await releaseWorld();
  const before = await world.remoteRefs();
  const objects = await world.git("count-objects", "-v");
  const { code, stdout } = await release(world, ["--dry-run"]);
  expect(code).toBe(0);
  expect(stdout).toContain("signing works\n");
  expect(stdout).toContain(
    "Dry run: v1.3.0 may be released, every check and gate passed; nothing was changed",
  );
  await expectUntouched(world, before);
  expect(await world.git("count-objects", "-v")).toBe(objects);
});

test("--json prints one object, with the plan as data", async () => {
  await using world = await releaseWorld();
  const { code, stdout } = await release(world, ["--yes", "--json"]);
  expect(code).toBe(0);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ script, ok: true, exitCode: 0 });
  expect(report.data).toMatchObject({
    tag: "v1.3.0",
    commit: await world.git("rev-parse", "HEAD"),
    tagObject: (await world.remoteRefs())[tagRef] as string,
    outcome: "published",
    bypasses: [],
  });
});

describe("nothing is mutated when", () => {
  const rows: [string, string, (world: ReleaseWorld) => Promise<unknown>][] = [
    [
      "HEAD is on another branch",
      "must run from 'main'",
      ({ git }) => git("checkout", "--quiet", "-b", "feature"),
    ],
    [
      "a file is untracked, whatever status.showUntrackedFiles says",
      "working tree is dirty: new file.txt",
      ({ git, root }) => {
        writeFiles(root, { "new file.txt": "x" });
        return git("config", "status.showUntrackedFiles", "no");
      },
    ],
    [
      "a merge is under way",
      "while a merge is under way",
      ({ git }) => git("update-ref", "MERGE_HEAD", "HEAD"),
    ],
    [
      "the key file does not exist",
      "requires a signing identity",
      ({ git }) => git("config", "user.signingkey", "/nowhere"),
    ],
    ["the remote is ahead", "which is not here yet", advanceRemote],
    [
      "the tag is on the remote",
      "already exists on origin",
      ({ git }) => git("push", "--quiet", "origin", "HEAD~1:refs/tags/v1.3.0"),
    ],
    [
      "the manifests state another version",
      "Cargo.toml",
      ({ commit }) => commit({ "Cargo.toml": smallProduct("1.2.9")["Cargo.toml"] }),
    ],
    [
      "the ledger holds no PASS",
      "no PASS entry for v1.3.0",
      ({ commit }) => commit({ [layout.ledger]: ledgerRow("1.3.0", "FAIL") }),
    ],
    [
      "the only PASS is in the work tree, hidden from git status",
      "no PASS entry for",
      async ({ commit, git, root }) => {
        await commit({ [layout.ledger]: "# ledger\n" });
        await git("update-index", "--assume-unchanged", layout.ledger);
        writeFiles(root, { [layout.ledger]: ledgerRow("1.3.0") });
      },
    ],
    [
      "the remote cannot be reached",
      "Cannot ask origin",
      ({ git }) => git("remote", "set-url", "origin", "/nowhere.git"),
    ],
    [
      "there is no remote",
      "Cannot find remote origin",
      ({ git }) => git("remote", "remove", "origin"),
    ],
  ];

  async function expectRefused(world: ReleaseWorld, words: string, env = world.env) {
    const before = await world.remoteRefs();
    const { code, stderr } = await release(world, ["--yes"], env);
    expect(stderr).toContain(words);
    expect(stderr).toContain("fix: ");
    expect(code).toBe(1);
    await expectUntouched(world, before);
  }

  test.each(rows)("%s", async (_, words, prepare) => {
    await using world = await releaseWorld();
    await prepare(world);
    await expectRefused(world, words);
  });

  test("git status prints nothing and exits 0", async () => {
    await using world = await releaseWorld();
    const silent = 'case " $* " in *" status "*) exit 0;; esac; exec "$REAL" "$@"';
    const env = standIn(world, "git", silent);
    await expectRefused(world, "Cannot read the state of the work tree", env);
  });
});

/** Somebody else pushes a commit to the remote's main. */
async function advanceRemote(world: ReleaseWorld): Promise<void> {
  const other = join(world.home, "other");
  await world.git("clone", "--quiet", world.bare, other);
  await world.git("-C", other, "commit", "--quiet", "--allow-empty", "-m", "Other work");
  await world.git("-C", other, "push", "--quiet", "origin", "HEAD:main");
}

test("a refusal waits for the signature that is being judged beside it", async () => {
  await using world = await releaseWorld();
  expect((await release(world, ["--yes"])).code).toBe(0);
  const slow = ': >"$STATE/../judging"; sleep 1; exec "$REAL" "$@"';
  const whileJudging = 'until [ -e "$STATE/../judging" ]; do sleep 0.02; done; exit 128';
  const failing = `case " $* " in *" status "*) ${whileJudging};; esac; exec "$REAL" "$@"`;
  const judged = { ...world, env: standIn(world, "ssh-keygen", slow) };
  const env = standIn(judged, "git", failing);
  expect((await release(world, ["--yes", "--resume"], env)).code).toBe(1);
  expect(readdirSync(world.scratch)).toEqual([]);
});

test("all faults are reported at once", async () => {
  await using world = await releaseWorld();
  const manifest = "crates/sentinel-cli/Cargo.toml";
  const stale = { [manifest]: smallProduct("1.2.9")[manifest] };
  await world.commit({ "release-gate/lab-validations.txt": "# ledger\n", ...stale });
  await world.git("checkout", "--quiet", "-b", "feature");
  await world.git("config", "user.signingkey", join(world.home, "nowhere"));
  writeFiles(world.root, { "new.txt": "x" });
  const { code, stderr } = await release(world);
  expect(code).toBe(1);
  for (const words of [
    "must run from 'main'",
    "working tree is dirty",
    "stdin is not a TTY",
    manifest,
    "release-gate/lab-validations.txt",
    "requires a signing identity",
  ]) {
    expect(stderr).toContain(words);
  }
});

test("a wrong command line is refused before anything is read", async () => {
  using home = temporaryFolder();
  const options = { cwd: home.path, env: { PATH: home.path, HOME: home.path } };
  for (const args of [[], ["v1.3"], ["v1.3.0", "--force"], ["v1.3.0", "v1.4.0"]]) {
    const { code, stdout } = await runScript(script, args, options);
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
  }
});

test("--skip-lab skips only the lab gate, loudly, and the signed tag says so", async () => {
  await using world = await releaseWorld();
  await world.commit({ "release-gate/lab-validations.txt": "# ledger\n" });
  const ledger = join(world.root, "release-gate/lab-validations.txt");
  const { code, stdout, stderr } = await release(world, ["--yes", "--skip-lab"]);
  expect(code).toBe(0);
  expect(stderr).toContain("warning: BYPASSED: lab validation gate (--skip-lab)");
  expect(stdout).toMatch(/v1\.3\.0 is released: .*; BYPASSED: lab validation gate/);
  expect(stdout).toContain("BYPASSED");
  const tag = await world.git("--git-dir", world.bare, "cat-file", "tag", "v1.3.0");
  expect(tag).toContain("\nBypassed: ");
  expect(tag).not.toContain("Lab-validation");
  expect(await Bun.file(ledger).text()).toBe("# ledger\n");
});

test("an interrupted release that a colleague overtook is started over, as it is told", async () => {
  await using world = await releaseWorld();
  await world.git("tag", "--sign", "--message", "v1.3.0", "v1.3.0");
  await advanceRemote(world);

  const unfetched = await release(world, ["--yes", "--resume"]);
  expect(unfetched.stderr).toContain("which is not here yet\n");
  expect(unfetched.stderr).toContain(`fix: git fetch origin && bun ${script} v1.3.0 --resume\n`);
  await follow(world, "git fetch --quiet origin");

  const { stderr } = await release(world, ["--yes", "--resume"]);
  const [, way = ""] =
    /it has diverged from origin\/main\n {2}fix: .*: (git tag .*), then see/.exec(stderr) ?? [];
  expect(way).toBe("git tag -d v1.3.0 && git fetch origin && git merge --no-edit origin/main");
  await follow(world, way);
  expect(await release(world, ["--yes"])).toMatchObject({ code: 0 });
});

test("an interrupted release that the gate refuses is repeated or started over, not validated anew", async () => {
  await using world = await releaseWorld();
  await world.commit({ [layout.ledger]: "# ledger\n" });
  const message = "v1.3.0\n\nBypassed: lab validation gate (--skip-lab)";
  await world.git("tag", "--sign", "--message", message, "v1.3.0");
  await world.commit({ [layout.ledger]: ledgerRow("1.3.0") });
  const { code, stderr } = await release(world, ["--yes", "--resume"]);
  expect(code).toBe(1);
  const again = `bun ${script} v1.3.0 --resume --skip-lab`;
  expect(stderr).toContain(
    `  fix: Repeat the options of the interrupted run: ${again}. Or delete it and release: git tag -d v1.3.0 && bun ${script} v1.3.0\n`,
  );
  expect(stderr).not.toMatch(/Rerun the lab|not committed/);
});

test.each([
  ["in a ledger that is committed", { [layout.ledger]: "# ledger\n" }],
  ["in a ledger that is not committed either", { [layout.ledger]: undefined }],
])(
  "a PASS that is not committed yet is found %s, and the way out is to commit it",
  async (_, files) => {
    await using world = await releaseWorld();
    await world.commit(files);
    writeFiles(world.root, { [layout.ledger]: ledgerRow("1.3.0") });
    const { code, stderr } = await release(world, ["--dry-run"]);
    expect(code).toBe(1);
    expect(stderr).not.toContain("Rerun the lab");
    // git names the folder of a file that it does not track: then the gate says which one counts.
    const isTracked = files[layout.ledger] !== undefined;
    expect(stderr.match(/^(?:error|warning): /gm)).toHaveLength(isTracked ? 1 : 2);
    const [, way = ""] =
      /fix: (?:Commit the PASS at line 2, .*: )?(git add .*)\n/.exec(stderr) ?? [];
    await follow(world, way);
    expect(await release(world, ["--dry-run"])).toMatchObject({ code: 0 });
  },
);

test("LEDGER is ignored, and the output says so", async () => {
  await using world = await releaseWorld();
  await world.commit({ "release-gate/lab-validations.txt": "# ledger\n" });
  writeFiles(world.home, { "my-ledger": ledgerRow("1.3.0") });
  const env = { ...world.env, LEDGER: join(world.home, "my-ledger") };
  const { code, stderr } = await release(world, ["--yes"], env);
  expect(code).toBe(1);
  expect(stderr).toContain("LEDGER");
  expect(stderr).toContain("no PASS entry for");
});

test("the remote asked is the one pushed to", async () => {
  await using world = await releaseWorld();
  const pushed = join(world.home, "pushed.git");
  await world.git("clone", "--quiet", "--bare", world.bare, pushed);
  await world.git("remote", "set-url", "--push", "origin", pushed);
  await world.git("--git-dir", pushed, "tag", "v1.3.0", "main");
  const refused = await release(world, ["--yes"]);
  expect(refused.stderr).toContain("already exists on origin");
  await world.git("--git-dir", pushed, "tag", "-d", "v1.3.0");
  expect((await release(world, ["--yes"])).code).toBe(0);
  expect(await world.git("--git-dir", pushed, "tag")).toBe("v1.3.0");
  expect(Object.keys(await world.remoteRefs())).toEqual([main]);
});

test("a mirror that fetches are rewritten to is not asked in place of the remote", async () => {
  await using world = await releaseWorld();
  const mirror = join(world.home, "mirror.git");
  await world.git("clone", "--quiet", "--bare", world.bare, mirror);
  await world.git("config", `url.${mirror}.insteadOf`, world.bare);
  await world.git("config", `url.${world.bare}.pushInsteadOf`, world.bare);
  await world.git("push", "--quiet", "origin", "HEAD~1:refs/tags/v1.3.0");
  const { code, stderr } = await release(world, ["--yes"]);
  expect(stderr).toContain("already exists on origin");
  expect(code).toBe(1);
});

test("a graft cannot make a diverged main look ahead", async () => {
  await using world = await releaseWorld();
  await advanceRemote(world);
  await world.git("fetch", "--quiet", "origin");
  const [head, theirs] = [
    await world.git("rev-parse", "HEAD"),
    await world.git("rev-parse", "origin/main"),
  ];
  writeFiles(world.root, { ".git/info/grafts": `${head} ${theirs}\n` });
  const { code, stderr } = await release(world, ["--yes"]);
  expect(stderr).toContain("has diverged from origin/main");
  expect(code).toBe(1);
  expect((await world.remoteRefs())[main]).toBe(theirs);
});

test("a tag whose ref is broken is not free", async () => {
  await using world = await releaseWorld();
  writeFiles(world.root, { ".git/refs/tags/v1.3.0": `${"1".repeat(40)}\n` });
  const { code, stderr } = await release(world, ["--dry-run"]);
  expect(stderr).toContain("Cannot read refs/tags/v1.3.0");
  expect(code).toBe(1);
});

test("a good signature that cannot be judged is not called bad, and nobody is told to delete it", async () => {
  await using world = await releaseWorld();
  await world.git("tag", "-s", "v1.3.0", "-m", "v1.3.0");
  const env = standIn(
    world,
    "ssh-keygen",
    'case " $* " in *" check-novalidate "*) echo broken >&2; exit 1;; esac; exec "$REAL" "$@"',
  );
  const { code, stderr } = await release(world, ["--yes", "--resume"], env);
  expect(code).toBe(1);
  expect(stderr).toContain("Cannot judge the tag's signature");
  expect(stderr).not.toContain("git tag -d");
});

test("credentials in the remote's address reach no output", async () => {
  await using world = await releaseWorld();
  await world.git("remote", "set-url", "origin", "https://user:p@ss/TOKEN@127.0.0.1:1/x.git");
  const { code, stdout, stderr } = await release(world, ["--yes"]);
  expect(code).toBe(1);
  expect(`${stdout}${stderr}`).not.toMatch(/TOKEN|p@ss/);
});

const pushOf = (ref: string) => `*" push "*":${ref}"*`;

describe("a push that fails", () => {
  hurry();

  test("on main leaves no tag, here or there, and shows git's own words", async () => {
    await using world = await releaseWorld();
    installHook(
      world.bare,
      "update",
      '[ "$1" != refs/heads/main ] || { echo no-main >&2; exit 1; }',
    );
    const before = await world.remoteRefs();
    const { code, stderr } = await release(world, ["--yes"]);
    expect(code).toBe(1);
    expect(stderr).toContain("no-main");
    expect(stderr).toContain("Rolling back the local tag v1.3.0");
    await expectUntouched(world, before);
  });

  test("on the tag, after main has landed, rolls the local tag back; the printed command releases", async () => {
    await using world = await releaseWorld();
    await world.commit({ [layout.ledger]: "# ledger\n" });
    installHook(
      world.bare,
      "update",
      '[ "$1" != refs/tags/v1.3.0 ] || { echo no-tag >&2; exit 1; }',
    );
    const { code, stderr } = await release(world, ["--yes", "--skip-lab"]);
    expect(code).toBe(1);
    expect(stderr).toContain("no-tag");
    expect(stderr).toContain("Rolling back the local tag v1.3.0");
    expect(await world.localTags()).toEqual([]);
    const refs = await world.remoteRefs();
    expect(refs).toEqual({ [main]: await world.git("rev-parse", "HEAD") });

    installHook(world.bare, "update", "exit 0");
    const [, options = ""] = /then: bun scripts\/release\.ts v1\.3\.0 (.*)/.exec(stderr) ?? [];
    expect((await release(world, ["--yes", ...options.split(" ")])).code).toBe(0);
    expect(Object.keys(await world.remoteRefs()).sort()).toEqual([main, tagRef]);
  });

  test("with --atomic lands neither main nor the tag", async () => {
    await using world = await releaseWorld();
    installHook(world.bare, "update", '[ "$1" != refs/tags/v1.3.0 ] || exit 1');
    const before = await world.remoteRefs();
    const { code, stderr } = await release(world, ["--yes", "--atomic"]);
    expect(code).toBe(1);
    expect(stderr).toContain("Rolling back the local tag");
    await expectUntouched(world, before);
    installHook(world.bare, "update", "exit 0");
    expect((await release(world, ["--yes", "--atomic"])).code).toBe(0);
    expect(Object.keys(await world.remoteRefs()).sort()).toEqual([main, tagRef]);
  });

  test("on main, while somebody else pushes on top of it, keeps the tag: only a fetch can tell", async () => {
    await using world = await releaseWorld();
    const other = join(world.home, "other");
    const lost = `case "$*" in ${pushOf(main)})
  "$REAL" "$@" >/dev/null
  "$REAL" clone --quiet '${world.bare}' '${other}'
  "$REAL" -C '${other}' commit --quiet --allow-empty -m Other
  "$REAL" -C '${other}' push --quiet origin HEAD:main
  exit 1;;
esac`;
    const env = standIn(world, "git", `${lost}; exec "$REAL" "$@"`);
    const { code, stderr } = await release(world, ["--yes"], env);
    expect(code).toBe(1);
    expect(stderr).toContain("it may hold");
    expect(await world.localTags()).toEqual(["v1.3.0"]);
    await world.git("fetch", "--quiet", "origin");
    expect((await release(world, ["--yes", "--resume"])).code).toBe(0);
    expect(tagRef in (await world.remoteRefs())).toBe(true);
  });

  test.each([
    ["two pushes", []],
    ["one transaction", ["--atomic"]],
  ])(
    "since somebody pushed to main before it, in %s, leaves no tag; a merge leads on",
    async (_, options) => {
      await using world = await releaseWorld();
      const other = join(world.home, "other");
      const first = `case "$*" in ${pushOf(main)})
  "$REAL" clone --quiet '${world.bare}' '${other}'
  "$REAL" -C '${other}' commit --quiet --allow-empty -m Other
  "$REAL" -C '${other}' push --quiet origin HEAD:main;;
esac`;
      const env = standIn(world, "git", `${first}; exec "$REAL" "$@"`);
      const { code, stderr } = await release(world, ["--yes", ...options], env);
      expect(code).toBe(1);
      expect(stderr).toContain("[rejected] (fetch first)");
      expect(await world.localTags()).toEqual([]);
      const [, way = "", next] = /fix: (git fetch .*), then see .*, then: (.*)/.exec(stderr) ?? [];
      expect(way).toBe("git fetch origin && git merge --no-edit origin/main");
      expect(next).toBe(["bun scripts/release.ts v1.3.0", ...options].join(" "));
      expect(stderr).not.toContain("--resume");
      await follow(world, way);
      expect((await release(world, ["--yes"])).code).toBe(0);
    },
  );
});

describe("a remote that says ok and stores nothing", () => {
  hurry();

  /** A `proc-receive` hook says ok to one ref in place of git, which stores nothing then. */
  async function lyingAbout(ref: string): Promise<ReleaseWorld> {
    const world = await releaseWorld();
    await world.git("--git-dir", world.bare, "config", "receive.procReceiveRefs", ref);
    const ok = `ok ${ref}\n`;
    const length = (ok.length + 4).toString(16).padStart(4, "0");
    const says = `000eversion=1\\n0000${length}ok ${ref}\\n0000`;
    installHook(world.bare, "proc-receive", `printf '${says}'; cat >/dev/null`);
    return world;
  }

  test("to the tag is not believed: the local tag is rolled back", async () => {
    await using world = await lyingAbout(tagRef);
    const { code, stderr } = await release(world, ["--yes"]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      `error: Cannot push ${tagRef} to origin: git reports success, but origin does not hold it`,
    );
    expect(stderr).toContain("v1.3.0 exists neither locally nor on origin; main there is at");
    expect(await world.localTags()).toEqual([]);
  });

  test("to main is not believed: the tag is not pushed", async () => {
    await using world = await lyingAbout(main);
    const before = await world.remoteRefs();
    const { code, stderr } = await release(world, ["--yes"]);
    expect(code).toBe(1);
    expect(stderr).toContain(`error: Cannot push ${main} to origin: git reports success, but`);
    await expectUntouched(world, before);
  });

  test("to main, in one transaction with the tag, keeps the tag that landed; --resume finishes", async () => {
    await using world = await lyingAbout(main);
    const { code, stderr } = await release(world, ["--yes", "--atomic"]);
    expect(code).toBe(1);
    expect(stderr).toContain("origin holds v1.3.0, but main there is at");
    expect(await world.localTags()).toEqual(["v1.3.0"]);
    await world.git("--git-dir", world.bare, "config", "--unset", "receive.procReceiveRefs");
    expect((await release(world, ["--yes", "--resume"])).code).toBe(0);
    expect(Object.keys(await world.remoteRefs()).sort()).toEqual([main, tagRef]);
  });
});

describe("what changes while a release pushes", () => {
  hurry();

  /** Releases, with a shell script in place of git where main is pushed. */
  function releaseRaced(world: ReleaseWorld, raced: string): Promise<Ended> {
    const git = `case "$*" in ${pushOf(main)}) ${raced};; esac; exec "$REAL" "$@"`;
    return release(world, ["--yes"], standIn(world, "git", git));
  }

  test("a local tag that was replaced is named, and not said to be absent", async () => {
    await using world = await releaseWorld();
    const other = await world.git("rev-parse", "HEAD~1");
    const { code, stderr } = await releaseRaced(
      world,
      `"$REAL" update-ref ${tagRef} ${other}; exit 1`,
    );
    expect(code).toBe(1);
    expect(await world.git("rev-parse", "v1.3.0")).toBe(other);
    expect(stderr).not.toContain("exists neither locally nor on origin");
    expect(stderr).toContain(
      `error: Cannot roll back the local tag v1.3.0: found ${other.slice(0, 7)}, which is not this run's tag object`,
    );
    expect(stderr).toContain("git show v1.3.0");
    expect(stderr).toContain("git tag -d v1.3.0");
  });

  test("a main that no longer holds the commit when the tag has landed is no release", async () => {
    await using world = await releaseWorld();
    const reset =
      "while read o n r; do case $r in refs/tags/*) git update-ref refs/heads/main refs/heads/main~1;; esac; done";
    installHook(world.bare, "post-receive", reset);
    const { code, stdout, stderr } = await release(world, ["--yes"]);
    expect(stdout).not.toContain("v1.3.0 is released");
    expect(stderr).toContain("origin holds v1.3.0, but main there is at");
    expect(code).toBe(1);
    expect(await world.localTags()).toEqual(["v1.3.0"]);
    installHook(world.bare, "post-receive", "");
    expect((await release(world, ["--yes", "--resume"])).code).toBe(0);
  });

  test("a colleague's commit on top of main when the tag lands is no warning", async () => {
    await using world = await releaseWorld();
    const on =
      'while read o n r; do case $r in refs/tags/*) git -c user.name=C -c user.email=c@example.invalid commit-tree -p main -m Next "main^{tree}" | xargs git update-ref refs/heads/main;; esac; done';
    installHook(world.bare, "post-receive", on);
    const { code, stdout, stderr } = await release(world, ["--yes"]);
    expect((await world.remoteRefs())[main]).not.toBe(await world.git("rev-parse", "HEAD"));
    expect(stderr).not.toContain("warning");
    expect(stdout).toContain("v1.3.0 is released");
    expect(code).toBe(0);
  });

  test("a remote that leads elsewhere is not said to hold what another one holds", async () => {
    await using world = await releaseWorld();
    const other = join(world.home, "other.git");
    await world.git("clone", "--quiet", "--mirror", world.bare, other);
    const { code, stderr } = await releaseRaced(
      world,
      `"$REAL" "$@"; "$REAL" config remote.origin.url '${other}'; exit 0`,
    );
    expect(code).toBe(1);
    expect((await world.remoteRefs())[main]).toBe(await world.git("rev-parse", "HEAD"));
    expect(stderr).not.toMatch(/does not hold it|as it was/);
    expect(stderr).toContain("origin leads elsewhere now");
    expect(await world.localTags()).toEqual(["v1.3.0"]);
  });
});

describe("another object of the tag's name that reaches the remote during the run", () => {
  hurry();

  test.each([
    ["the push of main", main],
    ["the push of the tag", tagRef],
  ])("before %s is named, and not said to be absent", async (_, ref) => {
    await using world = await releaseWorld();
    const other = await world.git("rev-parse", "HEAD~1");
    const raced = `case "$*" in ${pushOf(ref)}) "$REAL" --git-dir '${world.bare}' update-ref ${tagRef} ${other};; esac`;
    const env = standIn(world, "git", `${raced}; exec "$REAL" "$@"`);
    const { code, stderr } = await release(world, ["--yes"], env);
    expect(code).toBe(1);
    expect(stderr).toContain(
      `error: Cannot release v1.3.0: origin holds ${other.slice(0, 7)} under refs/tags/v1.3.0, which is not this run's tag object`,
    );
    expect(stderr).not.toMatch(/neither|not on origin/);
    expect(await world.localTags()).toEqual([]);
    expect((await world.remoteRefs())[tagRef]).toBe(other);
  });

  test.each<[string, (other: string) => string, (other: string) => string]>([
    [
      "replaced",
      (other) => `${tagRef} ${other}`,
      (other) => `origin holds ${other.slice(0, 7)} under`,
    ],
    ["deleted", () => `-d ${tagRef}`, () => "v1.3.0 does not exist on origin"],
  ])(
    "a published tag that is %s while --resume pushes main is no release",
    async (_, update, said) => {
      await using world = await releaseWorld();
      await world.git(
        "tag",
        "-s",
        "v1.3.0",
        "-m",
        `v1.3.0\n\nLab-validation: PASS ${today()} lab 214ea6f\n`,
      );
      await world.git("push", "--quiet", "origin", tagRef);
      const other = await world.git("rev-parse", "HEAD~1");
      const raced = `case "$*" in ${pushOf(main)}) "$REAL" --git-dir '${world.bare}' update-ref ${update(other)};; esac`;
      const env = standIn(world, "git", `${raced}; exec "$REAL" "$@"`);
      const { code, stdout, stderr } = await release(world, ["--yes", "--resume"], env);
      expect(stderr).toContain(`error: Cannot release v1.3.0: ${said(other)}`);
      expect(stdout).not.toContain("is released");
      expect(code).toBe(1);
    },
  );
});

test.each(["", `!\\tabc:${tagRef}\\t[remote failure] (remote failed to report status)\\n`])(
  "a push that fails and lands a moment later, after the client is gone, is a success: %p",
  async (line) => {
    await using world = await releaseWorld();
    const late = `case "$*" in ${pushOf(tagRef)}) (sleep 0.5; "$REAL" "$@") >/dev/null 2>&1 & printf '${line}'; exit 1;; esac`;
    const env = standIn(world, "git", `${late}; exec "$REAL" "$@"`);
    const { code, stderr } = await release(world, ["--yes"], env);
    expect(stderr).toContain("but origin holds it");
    expect(code).toBe(0);
    expect(await world.localTags()).toEqual(["v1.3.0"]);
  },
);

describe("a run that is killed", () => {
  test("between its pushes is explained by the next run, and --resume finishes it", async () => {
    await using world = await releaseWorld();
    const killing = '*" push "*refs/tags/*) kill -9 $PPID; exit 1;;';
    const env = standIn(world, "git", `case "$*" in ${killing} esac; exec "$REAL" "$@"`);
    const killed = await startScript(script, ["v1.3.0", "--yes"], { cwd: world.root, env });
    expect(killed.code).toBe(137);
    const id = await world.git("rev-parse", "v1.3.0^{tag}");
    const head = await world.git("rev-parse", "HEAD");
    expect(await world.remoteRefs()).toEqual({ [main]: head });

    const again = await release(world, ["--yes"]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("already exists locally");
    expect(again.stderr).toContain("--resume");

    const resumed = await release(world, ["--yes", "--resume"]);
    expect({ code: resumed.code, stderr: resumed.stderr }).toMatchObject({ code: 0 });
    expect(resumed.stdout).toContain(`${main} is already on origin`);
    expect(await world.remoteRefs()).toEqual({ [main]: head, [tagRef]: id });
    const finished = await release(world, ["--yes", "--resume"]);
    expect(finished.code).toBe(0);
    expect(finished.stdout).toContain("is released already");
  });

  test("with a bypass is finished by the command that the next run prints", async () => {
    await using world = await releaseWorld();
    await world.commit({ "release-gate/lab-validations.txt": "# ledger\n" });
    const fault =
      'case "$*" in *" push "*refs/tags/*) kill -9 $PPID; exit 1;; esac; exec "$REAL" "$@"';
    const env = standIn(world, "git", fault);
    await startScript(script, ["v1.3.0", "--yes", "--skip-lab"], { cwd: world.root, env });
    const { stderr } = await release(world, ["--yes"]);
    const printed =
      /bun scripts\/release\.ts v1\.3\.0 (--resume[a-z -]*)\./.exec(stderr)?.[1] ?? "";
    expect(printed).toBe("--resume --skip-lab");
    expect((await release(world, ["--yes", ...printed.split(" ")])).code).toBe(0);
  });

  test("and whose local tag is lost is finished after fetching the tag, as printed", async () => {
    await using world = await releaseWorld();
    const fault =
      'case "$*" in *" push "*refs/tags/*) "$REAL" "$@"; kill -9 $PPID; exit 1;; esac; exec "$REAL" "$@"';
    const env = standIn(world, "git", fault);
    await startScript(script, ["v1.3.0", "--yes"], { cwd: world.root, env });
    await world.git("tag", "-d", "v1.3.0");
    const { stderr } = await release(world, ["--yes"]);
    const fetch = /pushed it: (git fetch [^&]+) && bun scripts\/release\.ts v1\.3\.0 --resume/.exec(
      stderr,
    );
    await world.git(...(fetch?.[1] ?? "").split(" ").slice(1));
    const { code, stdout } = await release(world, ["--yes", "--resume"]);
    expect(stdout).toContain("v1.3.0 is released already");
    expect(code).toBe(0);
  });

  describe("is not finished from a tag that somebody else signed", () => {
    const message = `v1.3.0\n\nLab-validation: PASS ${today()} lab 214ea6f\n`;

    /** A tag that this run would make, but for its key. */
    async function withStrangersTag(): Promise<ReleaseWorld> {
      const world = await releaseWorld();
      const key = join(world.home, "strangers-key");
      const made = await start(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], {
        cwd: world.home,
        env: world.env,
      });
      expect(made.code).toBe(0);
      const stranger = ["-c", "user.name=Stranger", "-c", `user.signingkey=${key}.pub`];
      await world.git(...stranger, "tag", "-s", "v1.3.0", "-m", message);
      return world;
    }

    test("but says whose it is, and how to start over", async () => {
      await using world = await withStrangersTag();
      const before = await world.remoteRefs();
      const { code, stdout, stderr } = await release(world, ["--yes", "--resume"]);
      expect({ code, refs: await world.remoteRefs() }).toEqual({ code: 1, refs: before });
      expect(stdout).toContain("signing works\n");
      const refused =
        /^error: Cannot resume v1\.3\.0: the tag here is signed by (.+), tagged by Stranger <[^ ]+>, expected (.+)\n {2}fix: .*release: (git tag .+) && bun .+$/m.exec(
          stderr,
        );
      expect(refused?.[1]).toStartWith("ED25519 key SHA256:");
      expect(refused?.[2]).toStartWith("ED25519 key SHA256:");
      expect(refused?.[1]).not.toBe(refused?.[2]);
      await follow(world, refused?.[3] ?? "");
      expect((await release(world, ["--yes"])).code).toBe(0);
    });

    test("nor without a proof that signing works now", async () => {
      await using world = await withStrangersTag();
      await world.git("config", "user.signingkey", join(world.home, "nowhere"));
      const { code, stderr } = await release(world, ["--yes", "--resume"]);
      expect(code).toBe(1);
      expect(stderr).toContain("requires a signing identity");
    });

    const needsGpg = test.skipIf(findComponent("gpg") === undefined);
    needsGpg("nor by a run that signs in another format", async () => {
      await using world = await releaseWorld();
      await using env = await makeGpgKey(world);
      await world.git("tag", "-s", "v1.3.0", "-m", message);
      await world.git("config", "gpg.format", "openpgp");
      await world.git("config", "user.signingkey", "tester@example.invalid");
      const before = await world.remoteRefs();
      const { code, stderr } = await release(world, ["--yes", "--resume"], env);
      expect(code).toBe(1);
      expect(stderr).toMatch(/is signed by ED25519 key SHA256:.*, expected key [0-9A-F]{40}$/m);
      expect(await world.remoteRefs()).toEqual(before);
    });

    test("unless origin holds it already: then only main is left to push", async () => {
      await using world = await withStrangersTag();
      await world.git("push", "--quiet", "origin", tagRef);
      await world.git("config", "user.signingkey", join(world.home, "nowhere"));
      expect((await release(world, ["--yes", "--resume"])).code).toBe(0);
      expect((await world.remoteRefs())[main]).toBe(await world.git("rev-parse", "HEAD"));
    });
  });
});

describe("the operator", () => {
  const prompt = "Push main (1 commit) and the tag v1.3.0 to origin? [y/N]";

  test.each([
    ["says no", "n\r", 1, "Cancelled by the operator"],
    ["presses Ctrl-C", "\u0003", 130, "Interrupted: nothing was changed"],
  ])("who %s at the prompt changes nothing", async (_, typed, expected, words) => {
    await using world = await releaseWorld();
    const before = await world.remoteRefs();
    const { code, stdout } = await runInTerminal(
      script,
      ["v1.3.0"],
      { cwd: world.root, env: world.env },
      prompt,
      () => typed,
    );
    expect(stdout).toContain(words);
    expect(code).toBe(expected);
    await expectUntouched(world, before);
  });

  test("who answers after the branch moved releases the commit that was examined", async () => {
    await using world = await releaseWorld();
    const examined = await world.git("rev-parse", "HEAD");
    const { code } = await runInTerminal(
      script,
      ["v1.3.0"],
      { cwd: world.root, env: world.env },
      prompt,
      async () => {
        await world.commit({ "Cargo.toml": "slipped in" });
        await world.git("checkout", "--quiet", "-b", "elsewhere");
        return "y\r";
      },
    );
    expect(code).toBe(0);
    expect((await world.remoteRefs())[main]).toBe(examined);
    expect(await world.git("--git-dir", world.bare, "rev-parse", "v1.3.0^{commit}")).toBe(examined);
  });

  test("whose remote leads elsewhere after the question pushes nothing", async () => {
    await using world = await releaseWorld();
    const elsewhere = join(world.home, "elsewhere.git");
    await world.git("clone", "--quiet", "--bare", world.bare, elsewhere);
    const before = await world.remoteRefs();
    const { code, stdout } = await runInTerminal(
      script,
      ["v1.3.0"],
      { cwd: world.root, env: world.env },
      prompt,
      async () => {
        await world.git("remote", "set-url", "origin", elsewhere);
        return "y\r";
      },
    );
    expect(stdout).toContain("origin leads elsewhere now");
    expect(code).toBe(1);
    await expectUntouched(world, before);
    expect(await world.git("--git-dir", elsewhere, "tag")).toBe("");
  });

  test("who presses Ctrl-C during the push of the tag gets the remote's answer", async () => {
    await using world = await releaseWorld();
    const slow = '*" push "*refs/tags/*) touch "$STATE/pushing"; exec sleep 30;;';
    const env = standIn(world, "git", `case "$*" in ${slow} esac; exec "$REAL" "$@"`);
    const { code, stdout } = await runInTerminal(
      script,
      ["v1.3.0", "--yes"],
      { cwd: world.root, env },
      "Pushing refs/tags/v1.3.0",
      async () => {
        while (!existsSync(join(world.home, "stand-in-git", "pushing"))) {
          await Bun.sleep(10);
        }
        return "\u0003";
      },
    );
    expect(stdout).toContain("Rolling back the local tag");
    expect(stdout).toContain("interrupted; origin may still be at work on it");
    expect(stdout).toContain("then: bun scripts/release.ts v1.3.0");
    expect(code).toBe(130);
    expect(await world.localTags()).toEqual([]);
    expect(Object.keys(await world.remoteRefs())).toEqual([main]);
  });
});

describe.skipIf(!existsSync("/dev/full"))(
  "from the confirmation on, a release ends as the remote says",
  () => {
    test.each(["out", "out and err"])("though %s can no longer be written", async (which) => {
      await using world = await releaseWorld();
      const full = openSync("/dev/full", "w");
      const paths = ["out", "err"].map((name) => join(world.home, name));
      const [out = 0, err = 0] = paths.map((path) => openSync(path, "w"));
      const streams = { in: -1, out, err, input: () => new PassThrough() };
      const usual = processTerminal({}, streams);
      const terminal = {
        ...usual,
        interactive: true,
        question: async () => {
          streams.out = full;
          streams.err = which === "out" ? err : full;
          return "y";
        },
      };
      const { code } = await runScript(script, ["v1.3.0"], {
        cwd: world.root,
        env: world.env,
        terminal,
      });
      for (const descriptor of [full, out, err]) {
        closeSync(descriptor);
      }
      expect(code).toBe(0);
      expect(Object.keys(await world.remoteRefs()).sort()).toEqual([main, tagRef]);
      expect(await world.localTags()).toEqual(["v1.3.0"]);
      const said = readFileSync(paths[1] ?? "", "utf8");
      expect(said.includes("v1.3.0 is released: commit")).toBe(which === "out");
    });
  },
);

test("a hook that leaves a child with its output open does not keep a release from its end", async () => {
  await using world = await releaseWorld();
  const hook = "(for i in $(seq 100); do echo x >&2 || exit; sleep 0.1; done) &";
  installHook(join(world.root, ".git"), "pre-push", hook);
  const begin = performance.now();
  expect((await release(world, ["--yes"])).code).toBe(0);
  expect(performance.now() - begin).toBeLessThan(8000);
  expect(Object.keys(await world.remoteRefs()).sort()).toEqual([main, tagRef]);
});

test("a signing program that leaves a child with its output open has signed", async () => {
  await using world = await releaseWorld();
  const signer = join(world.home, "signer");
  const child = "(for i in $(seq 200); do echo x >&2 || exit; sleep 0.1; done) &";
  writeFiles(world.home, { signer: `#!/bin/sh\nssh-keygen "$@"\ncode=$?\n${child}\nexit $code\n` });
  chmodSync(signer, 0o755);
  await world.git("config", "gpg.ssh.program", signer);
  const begin = performance.now();
  expect((await release(world, ["--yes"])).code).toBe(0);
  expect(performance.now() - begin).toBeLessThan(8000);
}, 40_000);

test("of two runs at once, exactly one releases and the other leaves nothing behind", async () => {
  await using world = await releaseWorld();
  const second = join(world.home, "second");
  await world.git("clone", "--quiet", world.root, second);
  await world.git("-C", second, "remote", "set-url", "origin", world.bare);
  await world.git("-C", second, "config", "gpg.format", "ssh");
  const key = await world.git("config", "user.signingkey");
  await world.git("-C", second, "config", "user.signingkey", key);
  // Another second on the clock makes another tag object, whatever the speed of this machine.
  const later = { ...world.env, GIT_COMMITTER_DATE: `${today()}T13:00:00Z` };
  const runs = await Promise.all([
    release(world, ["--yes"]),
    runScript(script, ["v1.3.0", "--yes"], { cwd: second, env: later }),
  ]);
  expect(runs.map(({ code }) => code).sort()).toEqual([0, 1]);
  const remote = (await world.remoteRefs())[tagRef] ?? "";
  const tags = await Promise.all(
    [world.root, second].map((root) =>
      start(["git", "rev-parse", "--verify", "--quiet", "refs/tags/v1.3.0"], {
        cwd: root,
        env: world.env,
      }),
    ),
  );
  expect(tags.map(({ stdout }) => stdout.trim()).sort()).toEqual(["", remote]);
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)(
  "%s while the signing program hangs leaves nothing behind, nor the program itself",
  async (signal, expected) => {
    await using world = await releaseWorld();
    const started = join(world.home, "signing");
    const program = join(world.home, "hang");
    writeFiles(world.home, { hang: `#!/bin/sh\necho $$ > ${started}\nsleep 30\n` });
    writeFiles(world.scratch, { keep: "" });
    chmodSync(program, 0o755);
    await world.git("config", "gpg.ssh.program", program);
    const before = await world.remoteRefs();
    const child = Bun.spawn([process.execPath, join(projectRoot, script), "v1.3.0", "--yes"], {
      cwd: world.root,
      env: world.env,
      stdout: "ignore",
      stderr: "pipe",
    });
    while (!existsSync(started) || readFileSync(started, "utf8") === "") {
      await Bun.sleep(10);
    }
    const pid = readFileSync(started, "utf8").trim();
    child.kill(signal);
    expect(await child.exited).toBe(expected);
    const left = await start(["ps", "-o", "stat=", "-p", pid], { cwd: "/" });
    expect(left.stdout).toMatch(/^\s*(?:Z|$)/);
    expect(await new Response(child.stderr).text()).toContain("Interrupted: nothing was changed");
    expect(readdirSync(world.scratch)).toEqual(["keep"]);
    await expectUntouched(world, before);
  },
);
