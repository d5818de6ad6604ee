import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { checkDrift } from "../../../release-gate/history/drift.ts";
import { smallProduct } from "../../../scripts/demo/product.ts";
import { layout } from "../../../scripts/lib/layout.ts";
import { start, type TestRepository, testRepository, writeFiles } from "../../helpers/world.ts";

const row = "v1.2.3\tabcdef1\t2026-08-07\tPASS\n";
const ledger = layout.ledger;

/** The only finding about the drift since a row. */
async function driftOf(
  { root, env }: Pick<TestRepository, "root" | "env">,
  line: number,
  commit?: string,
) {
  const [finding, ...more] = await checkDrift(
    { root, env },
    { tag: "v1.2.3", ledger, line, commit },
  );
  expect(more).toEqual([]);
  expect(finding?.at).toEqual({ file: ledger, line });
  return finding;
}

/** Environment variables that configure git. */
const configured = (settings: readonly [string, string][]) => ({
  GIT_CONFIG_COUNT: String(settings.length),
  ...Object.fromEntries(
    settings.flatMap(([name, value], index) => [
      [`GIT_CONFIG_KEY_${index}`, name],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ]),
  ),
});

const since = (commit: string) => `since the PASS was committed in ${commit.slice(0, 7)} touched`;
const paths = "crates/, Cargo.toml, Cargo.lock or Dockerfile";

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

  /** The subjects in a list of commits. */
  const subjects = (message = "") =>
    message
      .split("\n")
      .slice(1)
      .map((each) => each.slice(8));

  test("drift is what touched the product after the row's commit, oldest first; a merge counts if it made something new", async () => {
    const early = await driftOf(world, 2, await world.git("rev-parse", `${second}~1^1`));
    expect(early?.message).toStartWith(`5 commits ${since(validated)} ${paths}:\n`);
    expect(early?.remedy).toBe(
      `Make sure the lab saw these changes; if not, rerun it: bun scripts/validate-lab.ts v1.2.3 --lab ${layout.lab} --record, then commit its row`,
    );
    expect(subjects(early?.message)[0]).toBe("Crate: ü");
    expect(subjects(early?.message).at(-1)).toBe("Resolving merge");
    expect(subjects(early?.message).slice(1, -1).toSorted()).toEqual(["Ours", "Side", "Theirs"]);
    const late = await driftOf(world, 2, await world.git("rev-parse", "HEAD~2"));
    expect(late?.message).toStartWith(
      `8 commits ${since(validated)} ${paths}, the first 5 of them:`,
    );
    expect(subjects(late?.message)).toEqual(subjects(early?.message));
  });

  test("of two identical rows, each has the commit that brought it; no drift is a notice", async () => {
    const drift = await driftOf(world, 4, await world.git("rev-parse", "HEAD~2"));
    expect(drift?.message).toStartWith(`2 commits ${since(second)} `);
    expect(subjects(drift?.message)).toEqual(["Lock", "Image"]);
    expect(await driftOf(world, 4, second)).toMatchObject({
      level: "notice",
      message: `no commit ${since(second)} ${paths}`,
    });
  });

  test("the operator's git configuration changes nothing, and names files that need not exist", async () => {
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
    const commit = await world.git("rev-parse", "HEAD~2");
    const missing: [string, string] = ["blame.ignoreRevsFile", ".git-blame-ignore-revs"];
    for (const each of [settings, [missing]]) {
      const other = { root: world.root, env: { ...world.env, ...configured(each) } };
      for (const line of [2, 4]) {
        expect(await driftOf(other, line, commit)).toEqual(await driftOf(world, line, commit));
      }
    }
  });

  test("a git blame that fails for another reason than a missing file is named with that reason", async () => {
    expect(await driftOf(world, 99, second)).toMatchObject({
      level: "warning",
      message: expect.stringMatching(/validation: git blame: fatal: file .* has only/),
      remedy: expect.stringMatching(/^Run it by hand to see why: git blame /),
    });
  });

  test.each(["log", "blame", "diff-tree"])(
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
      await expect(driftOf({ root: world.root, env }, 2, second)).rejects.toThrow(
        /^Cannot (find|list|tell)/,
      );
    },
  );

  test("a shallow clone cannot tell, and says how to deepen it", async () => {
    const clone = join(world.home, "shallow");
    await world.git("clone", "--quiet", "--depth=2", `file://${world.root}`, clone);
    expect(await driftOf({ root: clone, env: world.env }, 2)).toMatchObject({
      level: "warning",
      message: expect.stringContaining("the clone is shallow, so its history is incomplete"),
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
  expect((await driftOf(world, 1))?.message).toMatch(
    new RegExp(`^1 commit ${since(first)} .*\\n[0-9a-f]{7} Image$`),
  );
  expect(await driftOf(world, 2)).toMatchObject({
    level: "warning",
    message: "Cannot count the commits since the validation: line 2 is not committed yet",
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
    expect(await driftOf(world, 1)).toMatchObject({
      level: "warning",
      message: expect.stringMatching(/validation: git blame: fatal/),
      remedy: expect.stringMatching(/^Commit the ledger: /),
    });
  },
);

describe("from a candidate to its final version", () => {
  const candidate = "1.3.0-rc.1";
  /** The product at a version, as a bump writes it, and a ledger with a PASS. */
  const files = (version: string) => ({ ...smallProduct(version), [ledger]: row });

  test.each<[string, Record<string, string | undefined>, string[]]>([
    ["moved versions alone are no drift", {}, []],
    [
      "a changed source is",
      { "crates/sentinel-core/src/lib.rs": "fn main() {}" },
      ["Bump to 1.3.0"],
    ],
    [
      "another dependency is",
      { "Cargo.lock": smallProduct("1.3.0")["Cargo.lock"]?.replaceAll("1.0.229", "1.0.230") },
      ["Bump to 1.3.0"],
    ],
    [
      "a pin that moves elsewhere is",
      {
        "crates/sentinel-cli/Cargo.toml": smallProduct("1.2.9")["crates/sentinel-cli/Cargo.toml"],
      },
      ["Bump to 1.3.0"],
    ],
    ["a manifest that cannot be read is", { "Cargo.toml": "[" }, ["Bump to 1.3.0"]],
    ["a removed file is", { "crates/sentinel-core/Cargo.toml": undefined }, ["Bump to 1.3.0"]],
  ])("%s", async (_, changes, expected) => {
    await using world = await testRepository();
    const since = await world.commit(files(candidate), "Record the lab validation");
    await world.commit({ ...files("1.3.0"), ...changes }, "Bump to 1.3.0");
    const { level, message = "" } = (await driftOf(world, 1)) ?? {};
    expect(message.split("\n").slice(1)).toEqual(
      expected.map((each) => expect.stringMatching(each)),
    );
    expect(level).toBe(expected.length === 0 ? "notice" : "warning");
    if (expected.length === 0) {
      const only = `nothing but versions changed since the PASS was committed in ${since.slice(0, 7)} in`;
      expect(message).toBe(`${only} ${paths.replace(" or ", " and ")}`);
    }
  });

  test.each([
    ["that the bump leaves, because it admits the version", candidate, candidate],
    ["that the bump moves", `=${candidate}`, "=1.3.0"],
  ])("a range of a development dependency is no drift %s", async (_, before, after) => {
    await using world = await testRepository();
    const path = "crates/sentinel-core/Cargo.toml";
    const needing = (version: string, range: string) => ({
      ...files(version),
      [path]: `${files(version)[path]}\n[dev-dependencies]\nperf-sentinel = "${range}"\n`,
    });
    await world.commit(needing(candidate, before), "Record the lab validation");
    await world.commit(needing("1.3.0", after), "Bump to 1.3.0");
    expect((await driftOf(world, 1))?.level).toBe("notice");
  });

  test("a change that was reverted is no drift, and beside it only the commits of the others are listed", async () => {
    await using world = await testRepository();
    await world.commit({ ...files(candidate), Dockerfile: "FROM scratch\n" });
    await world.commit({ Dockerfile: "FROM debian\n", 'crates/a b/"x".rs': "0" }, "Change");
    await world.git("revert", "--no-edit", "HEAD");
    expect((await driftOf(world, 1))?.level).toBe("notice");
    await world.commit(files("1.3.0"), "Bump");
    await world.commit({ 'crates/a b/"x".rs': "1" }, "Quoted");
    const drift = await driftOf(world, 1);
    expect(
      drift?.message
        .split("\n")
        .map((each) => each.slice(8))
        .slice(1),
    ).toEqual(["Change", 'Revert "Change"', "Quoted"]);
  });

  test("a bump is not named beside a change to the same files", async () => {
    await using world = await testRepository();
    await world.commit(files(candidate));
    await world.commit(files("1.3.0"), "Bump");
    const lock = files("1.3.0")["Cargo.lock"]?.replaceAll("1.0.229", "1.0.230");
    const change = await world.commit({ "Cargo.lock": lock }, "Update serde");
    const message = (await driftOf(world, 1))?.message ?? "";
    expect(message).toMatch(/^1 commit since/);
    expect(message.split("\n").slice(1)).toEqual([`${change.slice(0, 7)} Update serde`]);
  });

  test("a file that only gets another mode has changed", async () => {
    await using world = await testRepository();
    await world.commit(files(candidate));
    await world.git("update-index", "--chmod=+x", "Cargo.toml");
    await world.git("commit", "--quiet", "--message", "Run bit");
    expect((await driftOf(world, 1))?.message).toMatch(/^1 commit since/);
  });
});
