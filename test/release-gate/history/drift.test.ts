import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Drift, findDrift } from "../../../release-gate/history/drift.ts";
import type { Repository } from "../../../scripts/lib/git/repository.ts";
import { layout } from "../../../scripts/lib/layout.ts";
import { start, type TestRepository, testRepository, writeFiles } from "../../helpers/world.ts";

const row = "v1.2.3\tabcdef1\t2026-08-07\tPASS\n";
const ledger = layout.ledger;

const repositoryOf = ({ root, env }: TestRepository): Repository => ({ root, env });

function subjects(drift: Drift): string[] {
  return drift.kind === "known" ? drift.commits.map(({ subject }) => subject) : [drift.why];
}

describe("in a history with a merge, two identical rows and changes of every kind", () => {
  let world: TestRepository;
  let validated: string;
  let second: string;

  beforeAll(async () => {
    world = await testRepository();
    await world.commit({ "crates/a/lib.rs": "0", "Cargo.toml": "0", [ledger]: "# head\n" });
    validated = await world.commit({ [ledger]: `# head\n${row}`, "crates/a/lib.rs": "1" }, "Row");
    await world.commit({ "docs/a.md": "1" }, "Docs only");
    await world.commit({ "crates/a/ü.rs": "1" }, "Crate: ü");
    await world.git("checkout", "--quiet", "-b", "side");
    await world.commit({ "crates/a/lib.rs": "side" }, "Side");
    await world.git("checkout", "--quiet", "main");
    await world.git("merge", "--quiet", "--no-ff", "-m", "Clean merge", "side");
    await world.git("checkout", "--quiet", "side");
    await world.commit({ "crates/a/lib.rs": "ours" }, "Ours");
    await world.git("checkout", "--quiet", "main");
    await world.commit({ "crates/a/lib.rs": "theirs" }, "Theirs");
    await start(["git", "merge", "side"], { cwd: world.root, env: world.env });
    await world.commit({ "crates/a/lib.rs": "resolved" }, "Resolving merge");
    await world.commit({ "Cargo.toml": "1" }, "Manifest");
    second = await world.commit({ [ledger]: `# head\n${row}# again\n${row}` }, "Row again");
    await world.commit({ "Cargo.lock": "1", "crates.md": "1", "sub/Cargo.toml": "1" }, "Lock");
    await world.commit({ Dockerfile: "1" }, "Image");
    await world.commit({ "crates.md": "2", "sub/Dockerfile": "1", [ledger]: "" }, "Elsewhere");
    await world.git("revert", "--no-edit", "HEAD");
  });

  afterAll(() => world[Symbol.asyncDispose]());

  const all = [
    "Crate: ü",
    "Side",
    "Ours",
    "Theirs",
    "Resolving merge",
    "Manifest",
    "Lock",
    "Image",
  ];

  test("drift is what touched the product after the row's commit, oldest first; a merge counts if it made something new", async () => {
    const drift = await findDrift(repositoryOf(world), { ledger, line: 2, commit: second });
    expect(drift).toMatchObject({ kind: "known", since: validated });
    expect(subjects(drift).toSorted()).toEqual(all.slice(0, 6).toSorted());
    expect(subjects(drift)[0]).toBe("Crate: ü");
    expect(subjects(drift).slice(-2)).toEqual(["Resolving merge", "Manifest"]);
  });

  test("of two identical rows, each has the commit that brought it", async () => {
    const commit = await world.git("rev-parse", "HEAD~2");
    const [first, last] = await Promise.all(
      [2, 4].map((line) => findDrift(repositoryOf(world), { ledger, line, commit })),
    );
    expect(first && subjects(first).toSorted()).toEqual(all.toSorted());
    expect(last).toMatchObject({ kind: "known", since: second });
    expect(last && subjects(last)).toEqual(["Lock", "Image"]);
  });

  test("no commit since the row is known to be none", async () => {
    const drift = await findDrift(repositoryOf(world), { ledger, line: 4, commit: second });
    expect(drift).toEqual({ kind: "known", since: second, commits: [] });
  });

  test("the operator's git configuration changes nothing", async () => {
    const ignored = join(world.home, "ignored-revisions");
    writeFileSync(ignored, `${second}\n`);
    const settings: [string, string][] = [
      ["blame.ignoreRevsFile", ignored],
      ["blame.markIgnoredLines", "true"],
      ["color.ui", "always"],
      ["core.quotePath", "true"],
      ["diff.renames", "copies"],
      ["diff.noprefix", "true"],
      ["diff.external", "false"],
      ["log.showSignature", "true"],
      ["log.follow", "true"],
      ["log.diffMerges", "off"],
      ["i18n.logOutputEncoding", "ISO-8859-1"],
      ["format.pretty", "oneline"],
    ];
    const env = {
      ...world.env,
      GIT_CONFIG_COUNT: String(settings.length),
      ...Object.fromEntries(
        settings.flatMap(([name, value], index) => [
          [`GIT_CONFIG_KEY_${index}`, name],
          [`GIT_CONFIG_VALUE_${index}`, value],
        ]),
      ),
    };
    const commit = await world.git("rev-parse", "HEAD~2");
    const [plain, configured, last] = await Promise.all([
      findDrift(repositoryOf(world), { ledger, line: 2, commit }),
      findDrift({ root: world.root, env }, { ledger, line: 2, commit }),
      findDrift({ root: world.root, env }, { ledger, line: 4, commit }),
    ]);
    expect(configured).toEqual(plain);
    expect(last).toMatchObject({ since: second });
  });

  test("a configured list of ignored revisions need not exist", async () => {
    const env = {
      ...world.env,
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "blame.ignoreRevsFile",
      GIT_CONFIG_VALUE_0: ".git-blame-ignore-revs",
    };
    const drift = await findDrift({ root: world.root, env }, { ledger, line: 4, commit: second });
    expect(drift).toEqual({ kind: "known", since: second, commits: [] });
  });

  test("a git blame that fails for another reason than a missing file is named with that reason", async () => {
    const drift = await findDrift(repositoryOf(world), { ledger, line: 99, commit: second });
    expect(drift).toMatchObject({
      kind: "unknown",
      why: expect.stringMatching(/^git blame: fatal: file .* has only/),
      remedy: expect.stringMatching(/^Run it by hand to see why: git blame /),
    });
  });

  test.each(["log", "blame"])(
    "a git %s that succeeds without an answer is no answer",
    async (silent) => {
      const folder = join(world.home, `silent-${silent}`);
      mkdirSync(folder);
      const stub = join(folder, "git");
      writeFileSync(
        stub,
        `#!/bin/sh\nfor each; do [ "$each" = ${silent} ] && exit 0; done\nPATH="\${PATH#*${delimiter}}" exec git "$@"\n`,
      );
      chmodSync(stub, 0o755);
      const env = { ...world.env, PATH: `${folder}${delimiter}${world.env.PATH}` };
      const asked = findDrift({ root: world.root, env }, { ledger, line: 2, commit: second });
      await expect(asked).rejects.toThrow(/^Cannot (find|list|tell)/);
    },
  );

  test("a shallow clone cannot tell, and says how to deepen it", async () => {
    const clone = join(world.home, "shallow");
    await world.git("clone", "--quiet", "--depth=2", `file://${world.root}`, clone);
    const drift = await findDrift(
      { root: clone, env: world.env },
      { ledger, line: 2, commit: undefined },
    );
    expect(drift).toMatchObject({
      kind: "unknown",
      why: "the clone is shallow, so its history is incomplete",
      remedy: "Fetch the whole history: git fetch --unshallow, or fetch-depth: 0 in CI",
    });
  });
});

test("of the work tree, drift is counted to HEAD, past changed line endings; a row that is not committed has none to count", async () => {
  await using world = await testRepository();
  const first = await world.commit({ [ledger]: row });
  await world.commit({ Dockerfile: "1" }, "Image");
  await world.commit({ [ledger]: row.replace("\n", "\r\n") }, "Line endings");
  writeFiles(world.root, { [ledger]: `${row}${row}` });
  const [committed, uncommitted] = await Promise.all(
    [1, 2].map((line) => findDrift(repositoryOf(world), { ledger, line, commit: undefined })),
  );
  expect(committed).toMatchObject({ since: first, commits: [{ subject: "Image" }] });
  expect(uncommitted).toEqual({
    kind: "unknown",
    why: "line 2 is not committed yet",
    remedy: "Commit the ledger: a release reads it from the commit, not from the work tree",
  });
});

test.each(["with a commit", "without any commit"])(
  "in a repository %s, an untracked ledger cannot tell",
  async (state) => {
    await using world = await testRepository();
    if (state === "with a commit") {
      await world.commit({ Dockerfile: "1" });
    }
    writeFiles(world.root, { [ledger]: row });
    const drift = await findDrift(repositoryOf(world), { ledger, line: 1, commit: undefined });
    expect(drift).toMatchObject({
      kind: "unknown",
      why: expect.stringMatching(/^git blame: fatal/),
      remedy: expect.stringMatching(/^Commit the ledger: /),
    });
  },
);
