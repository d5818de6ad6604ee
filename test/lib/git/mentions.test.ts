import { expect, test } from "bun:test";
import { smallProduct } from "../../../scripts/demo/product.ts";
import { layout } from "../../../scripts/lib/layout.ts";
import { runScript } from "../../helpers/run-script.ts";
import { type TestRepository, testRepository, writeFiles } from "../../helpers/world.ts";

const run = (world: TestRepository, script: string, ...args: string[]) =>
  runScript(`scripts/${script}.ts`, args, { cwd: world.root, env: world.env });

/** Files that mention 1.2.9: four places that count, and many that do not. */
const mentions = {
  "docs/install.md":
    "Get v1.2.9.\nIt was 11.2.9, 1.2.90, 1.2.9.1, 1.2.9-rc.1 and 1.2.8.\n1.2.9-alpine",
  "src/a:b.rs": 'const SINCE: &str = "1.2.9";\n',
  "x/Dockerfile": "ARG V=perf-sentinel-1.2.9-linux.tar.gz # 1.2.9\n",
  "old/CHANGELOG-1.md": "## [1.2.9]\n",
  "x/Cargo.lock": 'version = "1.2.9"\n',
  "docs/schemas/examples/example-old.json": '{ "binary_version": "1.2.9" }\n',
  [layout.ledger]: "v1.2.9\t214ea6f\t2026-08-07\tPASS\n",
  "scripts/adopted.json": '{ "version": "1.2.9" }\n',
  "tools/scripts/lib/cli.ts": 'const example = "1.2.9";\n',
  "release-gate/check-ledger.ts": 'const example = "1.2.9";\n',
  "image.bin": "\0 1.2.9\n",
};
const places = ["docs/install.md:1", "docs/install.md:3", "src/a:b.rs:1", "x/Dockerfile:1"];
const sum = "4 other places mention 1.2.9: --verbose lists them\n";

async function releasedWorld() {
  const world = await testRepository();
  await world.commit({ ...smallProduct("1.2.9"), ...mentions }, "Release 1.2.9");
  await world.git("tag", "v1.2.9");
  return world;
}

test("check-references counts the places of the last release's version that no row knows", async () => {
  await using world = await releasedWorld();
  await world.commit(smallProduct("1.3.0"), "Release 1.3.0");
  writeFiles(world.root, { "untracked.md": "1.2.9\n" });
  for (const ref of [[], ["--ref", "HEAD"]]) {
    const passed = await run(world, "check-references", "1.3.0", ...ref);
    expect([passed.code, passed.stderr]).toEqual([0, ""]);
    expect(passed.stdout).toEndWith(`references in 9 files state 1.3.0\n${sum}`);
    const { stdout } = await run(world, "check-references", "1.3.0", "--verbose", ...ref);
    expect(stdout).toEndWith(sum + places.map((each) => `${each} mentions 1.2.9\n`).join(""));
  }

  // The last release itself, one without an earlier release, and a refusal have nothing to count.
  for (const version of ["1.2.9", "1.4.0"]) {
    expect((await run(world, "check-references", version)).stdout).not.toContain("other place");
  }
  await world.git("tag", "--delete", "v1.2.9");
  expect((await run(world, "check-references", "1.3.0")).stdout).not.toContain("other place");
});

test("a bump counts the places of the version that it came from, a dry run without what it would change", async () => {
  await using world = await releasedWorld();
  await world.git("tag", "--delete", "v1.2.9");
  expect((await run(world, "bump-version", "1.3.0", "--dry-run")).stdout).toContain(sum);
  expect((await run(world, "bump-version", "1.3.0-rc.1", "--dry-run")).stdout).not.toContain(
    "mention",
  );
  expect((await run(world, "bump-version", "1.3.0")).stdout).toContain(sum);
});

test("a bump from a candidate counts the places of the last release's version", async () => {
  await using world = await releasedWorld();
  await run(world, "bump-version", "1.3.0-rc.1");
  await world.commit({}, "Candidate");
  expect((await run(world, "bump-version", "1.3.0")).stdout).toContain(sum);
  // To finish an interrupted bump is no other bump.
  expect((await run(world, "bump-version", "1.3.0", "--allow-same")).stdout).toContain(sum);
});
