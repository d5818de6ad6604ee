import { describe, expect, test } from "bun:test";
import { chmodSync, cpSync, lstatSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { smallProduct } from "../scripts/demo/product.ts";
import { productFolder } from "./helpers/product.ts";
import { runInTerminal, standIn } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import {
  type JsonReport,
  projectRoot,
  start,
  startScript,
  type TestRepository,
  testRepository,
  writeFiles,
} from "./helpers/world.ts";

const script = "scripts/bump-version.ts";
const chart = "charts/perf-sentinel/Chart.yaml";
const chartChangelog = "charts/perf-sentinel/CHANGELOG.md";
const values = "charts/perf-sentinel/values.yaml";
const product: Record<string, string> = {
  ...smallProduct("1.2.9"),
  "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [1.2.9] - 2026-08-07\n\n- old\n",
};

async function productWorld(files = product): Promise<TestRepository> {
  const world = await testRepository();
  await world.commit(files, "Release 1.2.9");
  return world;
}

const bump = (world: TestRepository, ...args: string[]) =>
  runScript(script, [...args, "--date", "2026-09-01"], { cwd: world.root, env: world.env });

/** What git says is changed, the staged and the untracked included. */
const status = (world: TestRepository) =>
  world.git("status", "--porcelain", "--untracked-files=all");

test("a bump writes every reference, shows them file by file, and ends with the verdict and the next commands", async () => {
  await using world = await productWorld();
  const { code, stdout, stderr } = await bump(world, "1.3.0");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(`v1.3.0 and chart-v1.3.0: no such local tag (origin is not asked)
CHANGELOG.md:5                          section                         [Unreleased] -> [1.3.0] - 2026-09-01
Cargo.lock:5                            perf-sentinel                   1.2.9 -> 1.3.0
Cargo.lock:13                           perf-sentinel-core              1.2.9 -> 1.3.0
Cargo.toml:6                            version                         1.2.9 -> 1.3.0
charts/perf-sentinel/CHANGELOG.md:3     section                         nothing -> [1.3.0]
charts/perf-sentinel/Chart.yaml:4       version                         1.2.9 -> 1.3.0
charts/perf-sentinel/Chart.yaml:5       appVersion                      1.2.9 -> 1.3.0
charts/perf-sentinel/Chart.yaml:9       ghcr.io/robintra/perf-sentinel  1.2.9 -> 1.3.0
crates/sentinel-cli/Cargo.toml:7        perf-sentinel-core              1.2.9 -> 1.3.0
docs/CI.md:5                            PERF_SENTINEL_VERSION           1.2.9 -> 1.3.0
docs/CI.md:7                            perf-sentinel                   v1.2.9 -> v1.3.0
docs/ci-templates/github-actions.yml:3  PERF_SENTINEL_VERSION           1.2.9 -> 1.3.0
docs/ci-templates/jenkinsfile.groovy:3  PERF_SENTINEL_VERSION           1.2.9 -> 1.3.0
docs/schemas/examples/example.json:5    binary_verification_url         v1.2.9 -> v1.3.0
10 files changed
12 references in 9 files state 1.3.0
Next:
  - git checkout -b release/1.3.0
  - cargo fmt --all
  - cargo clippy --workspace --all-targets --features daemon -- -D warnings
  - cargo clippy --workspace --no-default-features -- -D warnings
  - cargo test --workspace
  - bun scripts/check-vintages.ts
  - git commit --all --message "Bump to 1.3.0"
  - git push -u origin release/1.3.0
  - bun scripts/validate-lab.ts v1.3.0 --lab ../perf-sentinel-simulation-lab --record
  - git commit --message "Record the lab validation of v1.3.0" release-gate/lab-validations.txt
  - git checkout main && git pull --ff-only origin main && git merge release/1.3.0 --no-ff -m "Merge release/1.3.0"
  - bun scripts/release.ts v1.3.0 --dry-run
`);
  expect((await status(world)).split("\n").every((line) => line.startsWith(" M "))).toBe(true);
  expect(readFileSync(join(world.root, "CHANGELOG.md"), "utf8")).toBe(
    "# Changelog\n\n## [Unreleased]\n\n## [1.3.0] - 2026-09-01\n\n- new\n\n## [1.2.9] - 2026-08-07\n\n- old\n",
  );

  const changed = await world.git("diff");
  expect((await bump(world, "1.3.0")).stderr).toContain("--allow-same");
  const again = await bump(world, "1.3.0", "--allow-same");
  expect(again).toMatchObject({ code: 0, stderr: "" });
  expect(again.stdout).toContain("0 files changed");
  expect(await world.git("diff")).toBe(changed);
});

test("what is left to its author is told once, and comes first of what is next", async () => {
  await using world = await productWorld({
    ...product,
    "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n## [1.2.9] - 2026-08-07\n\n- old\n",
  });
  await world.git("checkout", "--quiet", "-b", "release/1.3.0");
  const { code, stdout, stderr } = await bump(world, "1.3.0");
  expect(code).toBe(0);
  expect(stderr).toBe(`warning: CHANGELOG.md says nothing below ## [1.3.0] - 2026-09-01
  at CHANGELOG.md:5:1
  fix: Write what is new below it, and commit that
`);
  expect(stdout).toContain(
    "\nNext:\n  - follow the warning: CHANGELOG.md says nothing below ## [1.3.0] - 2026-09-01\n  - cargo fmt",
  );
});

test("with --repo, it is said once where the commands that are named belong", async () => {
  await using world = await productWorld();
  const at = { cwd: world.home, env: world.env };
  const hint =
    "The commands above are meant for ./checkout: add --repo ./checkout to a script, -C ./checkout to git\n";
  const bumped = await runScript(script, ["1.3.0", "--repo", "./checkout"], at);
  expect({ code: bumped.code, stderr: bumped.stderr }).toEqual({ code: 0, stderr: hint });
  const refused = await runScript(script, ["1.4.0", "--repo", "./checkout"], at);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toEndWith(hint);
  const here = await runScript(script, ["1.4.0", "--repo", "."], { ...at, cwd: world.root });
  expect(here.stderr).toEndWith("Nothing was written.\n");
  const json = await runScript(script, ["1.4.0", "--json", "--repo", "./checkout"], at);
  expect(json).toMatchObject({ code: 1, stderr: "Nothing was written.\n" });
});

describe("a dry run", () => {
  const crlf = (text = "") => text.replaceAll("\n", "\r\n");
  const odd = {
    ...product,
    "docs/CI.md": crlf(`${product["docs/CI.md"]}\n`),
    "CHANGELOG.md": `\ufeff${product["CHANGELOG.md"]}`,
    "docs/ci-templates/github-actions.yml": `\ufeff# \x1b[1m \u202e\n${product["docs/ci-templates/github-actions.yml"]}`,
  };

  async function oddWorld(): Promise<TestRepository> {
    const world = await productWorld(odd);
    chmodSync(join(world.root, "docs/ci-templates/jenkinsfile.groovy"), 0o755);
    await world.commit({});
    return world;
  }

  test("prints the diff that a bump makes, whatever bytes a file has, judges the result, and writes nothing", async () => {
    await using world = await oddWorld();
    // Whatever the operator's git makes of a diff.
    await world.git("config", "--global", "diff.noprefix", "true");
    await world.git("config", "--global", "color.ui", "always");
    await world.git("config", "--global", "diff.external", "false");
    const dry = await bump(world, "1.3.0", "--dry-run");
    expect(dry).toMatchObject({ code: 0, stderr: "" });
    expect(dry.stdout).toContain("Dry run: 10 files would change; nothing was written\n");
    expect(dry.stdout).toContain("12 references in 9 files state 1.3.0\n");
    expect(await status(world)).toBe("");
    await bump(world, "1.3.0");
    const bumped = await world.git("diff", "--no-ext-diff");
    await world.git("checkout", "--quiet", ".");
    const json: JsonReport = JSON.parse((await bump(world, "1.3.0", "--dry-run", "--json")).stdout);
    for (const diff of [dry.stdout, json.data.diff]) {
      writeFiles(world.home, { "bump.diff": diff });
      await world.git("apply", "../bump.diff");
      expect(await world.git("diff", "--no-ext-diff")).toBe(bumped);
      await world.git("checkout", "--quiet", ".");
    }
  });

  test("shows a terminal no character that steers it", async () => {
    await using world = await oddWorld();
    const args = ["1.3.0", "--date", "2026-09-01", "--dry-run"];
    const options = { cwd: world.root, env: world.env };
    const { code, stdout } = await runInTerminal(script, args, options, "\0", () => "");
    expect(code).toBe(0);
    expect(stdout).toContain("\\ufeff# \\x1b[1m \\u202e");
    expect(stdout).not.toMatch(/[\x1b\u202e\ufeff]/);
  });

  test("holds no command for GitHub's runner", async () => {
    const commands = "  ::error::a ##[error]b\n#\r::error::c\n";
    await using world = await productWorld({
      ...product,
      "docs/CI.md": `${product["docs/CI.md"]}${commands}`,
    });
    const options = { cwd: world.root, env: { ...world.env, GITHUB_ACTIONS: "true" } };
    const { code, stdout } = await runScript(script, ["1.3.0", "--dry-run"], options);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/^\s*::error|##\[|\r/m);
    expect(stdout).toContain("| ::error::a ##\\x5berror]b\n #\\x0d::error::c\n");
  });
});

test("the chart alone: its version and its changelog, and the application stays", async () => {
  await using world = await productWorld({
    ...product,
    [chartChangelog]: "# Changelog\n\n## [Unreleased]\n\n- values\n\n## [1.2.9]\n\n- old\n",
    // The image is not judged, as it does not move.
    [values]: "image: a/b:1\n",
  });
  const { code, stdout, stderr } = await bump(world, "1.2.10", "--chart-only");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toStartWith(`chart-v1.2.10: no such local tag (origin is not asked)
charts/perf-sentinel/CHANGELOG.md:5  section  [Unreleased] -> [1.2.10]
charts/perf-sentinel/Chart.yaml:4    version  1.2.9 -> 1.2.10
2 files changed
10 references in 8 files state 1.2.9
`);
  expect(stdout).toEndWith(`Next:
  - git commit --all --message "Bump the chart to 1.2.10"
  - bun scripts/check-chart-version-bumped.ts main
  - once it is on main: bun scripts/release-chart.ts chart-v1.2.10 --dry-run
`);
  expect(readFileSync(join(world.root, chart), "utf8")).toContain(
    'version: 1.2.10\nappVersion: "1.2.9"',
  );
  await world.commit({ [values]: product[values] ?? "" }, "Bump the chart");

  expect((await bump(world, "1.3.0", "--chart", "1.2.11", "--chart-only")).code).toBe(2);
  await world.git("tag", "chart-v1.2.10");
  const refused = await bump(world, "1.2.10");
  expect([refused.code, refused.stderr]).toEqual([
    1,
    `error: Cannot bump: tag chart-v1.2.10 already exists locally
  fix: Never change what a tag has published: name the chart's next one with --chart A.B.C
Nothing was written.
`,
  ]);
  expect(await status(world)).toBe("");
  expect((await bump(world, "1.2.10", "--chart", "1.2.11", "--dry-run")).code).toBe(0);
  expect((await bump(world, "1.2.11")).code).toBe(0);
});

test("a chart that stands at the version and is not tagged keeps it, and says that appVersion moves", async () => {
  await using world = await productWorld({
    ...product,
    [chart]: (product[chart] ?? "").replace("\nversion: 1.2.9", "\nversion: 1.3.0"),
    [chartChangelog]:
      "# Changelog\n\n## [1.3.0]\n\n### Fixed\n\n- a probe\n\n## [1.2.9]\n\n- old\n",
  });
  await world.git("tag", "chart-v1.2.9");
  const { code } = await bump(world, "1.3.0");
  expect(code).toBe(0);
  const text = (path: string) => readFileSync(join(world.root, path), "utf8");
  expect(text(chart)).toContain('\nversion: 1.3.0\nappVersion: "1.3.0"\n');
  expect(text(chart)).toContain("sentinel:1.3.0\n");
  expect(text(chartChangelog)).toBe(
    "# Changelog\n\n## [1.3.0]\n\n### Changed\n\n- `appVersion` moves to `1.3.0`.\n\n### Fixed\n\n- a probe\n\n## [1.2.9]\n\n- old\n",
  );
});

describe("nothing is written if", () => {
  test.each<[string, string, (world: TestRepository) => Promise<unknown>]>([
    [
      "the chart's tag is here",
      "tag chart-v1.3.0 already exists locally",
      (world) => world.git("tag", "chart-v1.3.0"),
    ],
    [
      "a file that would change has uncommitted changes",
      "docs/CI.md has uncommitted changes",
      async (world) => writeFiles(world.root, { "docs/CI.md": `${product["docs/CI.md"]}\n` }),
    ],
    [
      "a file that would change is one that git ignores",
      "fuzz/Cargo.lock has uncommitted changes",
      async (world) => {
        await world.commit({ ".gitignore": "/fuzz/\n" });
        writeFiles(world.root, { "fuzz/Cargo.lock": product["Cargo.lock"] });
      },
    ],
    [
      "changes of a file are assumed away",
      "docs/CI.md has uncommitted changes",
      async (world) => {
        await world.git("update-index", "--assume-unchanged", "docs/CI.md");
        writeFiles(world.root, { "docs/CI.md": `${product["docs/CI.md"]}\n` });
      },
    ],
    [
      "a file that would change is a link",
      "Cannot write docs/CI.md: found the symbolic link docs/CI.md to real.md",
      async (world) => {
        await world.commit({ "docs/CI.md": undefined, "docs/real.md": product["docs/CI.md"] });
        symlinkSync("real.md", join(world.root, "docs/CI.md"));
        await world.commit({});
      },
    ],
    [
      "git cannot say what is changed",
      "Cannot read the state of the files",
      async (world) => writeFiles(world.root, { ".git/index": "x" }),
    ],
  ])("%s", async (_, words, prepare) => {
    await using world = await productWorld();
    await prepare(world);
    const before = await status(world).catch(() => "unknown");
    const { code, stderr } = await bump(world, "1.3.0");
    expect(stderr).toContain(words);
    expect(code).toBe(1);
    expect(await status(world).catch(() => "unknown")).toBe(before);
    expect(readFileSync(join(world.root, chart), "utf8")).toBe(product[chart] ?? "");
  });

  test("several things stand against it: all are told at once", async () => {
    await using world = await productWorld();
    await world.git("tag", "v1.2.8");
    writeFiles(world.root, { "docs/CI.md": `${product["docs/CI.md"]}\n` });
    const { code, stderr } = await bump(world, "1.2.8", "--chart", "1.2.8");
    expect(code).toBe(1);
    expect(stderr.match(/^error: .*$/gm)).toEqual([
      "error: Cannot bump to 1.2.8: found the workspace at 1.2.9, expected a lower version",
      "error: Cannot bump the chart to 1.2.8: found it at 1.2.9, expected a lower version",
      "error: Cannot bump: tag v1.2.8 already exists locally",
      "error: Cannot bump: docs/CI.md has uncommitted changes, and the bump would overwrite them",
    ]);
    expect(stderr).toEndWith("Nothing was written.\n");
  });
});

test("a stale reference that a bump cannot reach is the verdict, after the bump is written", async () => {
  await using world = await productWorld({
    ...product,
    "crates/sentinel-core/Cargo.toml": '[package]\nname = "perf-sentinel-core"\n',
  });
  const { code, stderr } = await bump(world, "1.3.0");
  expect(stderr).toContain(
    "crates/sentinel-core/Cargo.toml neither states a version nor inherits one",
  );
  expect(code).toBe(1);
  expect(await status(world)).toContain(" M Cargo.toml");
});

test("Ctrl-C before files are written leaves every file as it was, and says so", async () => {
  await using world = await productWorld();
  // The signal comes with the last question to git.
  const interrupt =
    'case "$*" in *" status "*) kill -INT $PPID; sleep 0.2;; esac; exec "$REAL" "$@"';
  const env = standIn(world, "git", interrupt);
  const { code, stderr } = await startScript(script, ["1.3.0"], { cwd: world.root, env });
  expect({ code, stderr }).toEqual({ code: 130, stderr: expect.stringContaining("Interrupted: ") });
  expect(await status(world)).toBe("");
});

test("a signal while files are written leaves every file as it was, uncommitted notes included, and says so", async () => {
  await using world = await productWorld();
  const notes = `${product["CHANGELOG.md"]}\n- not committed\n`;
  writeFiles(world.root, { "CHANGELOG.md": notes });
  const watch = `import { existsSync } from "node:fs";
    const watch = setInterval(() => {
      if (existsSync(".release-replacements")) {
        clearInterval(watch);
        process.kill(process.pid, "SIGTERM");
      }
    }, 0);
    watch.unref();`;
  writeFiles(world.home, { "preload.ts": watch });
  const preload = ["--preload", join(world.home, "preload.ts")];
  const command = [process.execPath, ...preload, join(projectRoot, script), "1.3.0"];
  const { code, stderr } = await start(command, { cwd: world.root, env: world.env });
  expect(stderr).toContain("Interrupted: every file is as it was before");
  expect(code).toBe(143);
  expect(await status(world)).toBe(" M CHANGELOG.md");
  expect(readFileSync(join(world.root, "CHANGELOG.md"), "utf8")).toBe(notes);
});

test.skipIf(productFolder === undefined)(
  "the product at 0.11.1 moves whole: no other byte changes, the gates pass, frozen fields stay, twice is once",
  async () => {
    await using world = await testRepository();
    cpSync(productFolder ?? "", world.root, { recursive: true });
    await Bun.$`chmod -R u+w ${world.root}`.quiet();
    await world.commit({}, "Release 0.11.1");
    chmodSync(join(world.root, "Cargo.toml"), 0o600);
    expect((await bump(world, "0.12.0")).code).toBe(0);
    expect(lstatSync(join(world.root, "Cargo.toml")).mode & 0o777).toBe(0o600);

    const changed = await world.git("diff", "--unified=0", "--no-prefix");
    const section = "## [0.12.0] - 2026-09-01";
    const added: string[] = [];
    const removed: string[] = [];
    let [file = "", number = 0]: [string?, number?] = [];
    for (const line of changed.split("\n")) {
      const [, path, at, sign, text = ""] =
        /^\+\+\+ (.*)|^@@ \S+ \+(\d+)|^([-+])(?!--)(.*)/.exec(line) ?? [];
      file = path ?? file;
      number = Number(at ?? number);
      if (sign === "-") {
        removed.push(text.replace("0.11.1", "0.12.0"));
      } else if (sign === "+") {
        added.push(`${file}:${number++} ${text}`);
      }
    }
    const insertions = ["CHANGELOG.md", "charts/perf-sentinel/CHANGELOG.md"];
    const isInserted = (line: string) => insertions.includes(line.split(":")[0] ?? "");
    const textOf = (line: string) => line.slice(line.indexOf(" ") + 1);
    expect(added.filter(isInserted).map(textOf).filter(Boolean)).toEqual([
      ...[section, "## [0.12.0]", "### Changed", "- `appVersion` moves to `0.12.0`."],
    ]);
    const replaced = added.filter((line) => !isInserted(line));
    expect(replaced.map(textOf)).toEqual(removed);
    expect(replaced.map((line) => line.split(" ")[0])).toEqual([
      ...["Cargo.lock:1893", "Cargo.lock:1920", "Cargo.toml:6"],
      ...[9, 10, 209].map((line) => `charts/perf-sentinel/Chart.yaml:${line}`),
      "crates/sentinel-cli/Cargo.toml:35",
      "docs/schemas/examples/example-internal-G1.json:206",
      "docs/schemas/examples/example-official-public-G2.json:169",
      "fuzz/Cargo.lock:764",
    ]);
    for (const [check, told] of [
      ["scripts/check-tag-version.ts", []],
      // The product has nothing unreleased, so there is nothing to say yet.
      ["scripts/check-references.ts", [`warning: CHANGELOG.md says nothing below ${section}`]],
    ] as const) {
      const options = { cwd: world.root, env: world.env };
      const { code, stderr } = await runScript(check, ["v0.12.0"], options);
      expect([code, stderr.match(/^(?:error|warning): .*$/gm) ?? []]).toEqual([0, [...told]]);
    }
    expect(await bump(world, "0.12.0", "--allow-same")).toMatchObject({ code: 0 });
    expect(await world.git("diff", "--unified=0", "--no-prefix")).toBe(changed);
  },
);
