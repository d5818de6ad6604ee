/**
 * Text that somebody else wrote, in every place that a command reads, run through the real commands
 * in every face that they have: nothing of it is executed, nothing reaches a terminal or a workflow
 * command raw, and nothing crashes.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { smallProduct } from "../scripts/demo/product.ts";
import { defaults } from "../scripts/lib/layout.ts";
import { runInTerminal, standIn, today } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import {
  type Ended,
  start,
  type TestRepository,
  temporaryFolder,
  testRepository,
  writeFiles,
} from "./helpers/world.ts";

/** What would steer a terminal, forge a line or a workflow command, or make a file named `pwned`. */
const evil = [
  "\x1b]0;pwned\x07\x1b[2J\x9b31m\u202e\u2028\x00",
  "%0A::error::pwned##[error]pwned",
  "\r::set-output name=pwned::1\n::error::pwned\n",
  "$(touch pwned)`touch pwned`;touch pwned|touch pwned&'$(touch pwned)'\"$(touch pwned)\"",
].join("");
/** The same as a name of a file, which has no NUL. */
const evilName = evil.replaceAll("\0", "");
/** The same as a text in TOML, YAML and JSON, of which the first two take no raw controls. */
const quoted = JSON.stringify(evil).replace(
  /[\x7f-\x9f\u202e\u2028]/g,
  (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
);
const longLine = "x".repeat(10_000_000);
/** For the places beside such a line, and for what is looked for in a whole file, which takes a while. */
const longText = "x".repeat(1_000_000);

/** The files of a product in which every value that is not a version is hostile, by path. */
const values = {
  ...smallProduct("1.3.0"),
  "crates/sentinel-cli/Cargo.toml": `[package]\nname = ${quoted}\nversion = ${quoted}\n[dependencies]\n${quoted} = { version = ${quoted}, path = "../sentinel-core" }\n`,
  [`crates/${evilName}/Cargo.toml`]: `[package]\nname = ${quoted}\nversion = "1.2.9"\n`,
  "crates/--upload-pack=touch pwned/Cargo.toml": "[package\n",
  "crates/-rf/Cargo.toml": '[package]\nname = "-rf"\nversion = "--help"\n',
  "charts/perf-sentinel/Chart.yaml": `apiVersion: v2\nname: ${quoted}\nversion: ${quoted}\nappVersion: ${quoted}\n${quoted}: ${quoted}\nannotations:\n  artifacthub.io/images: ${quoted}\n`,
  "charts/perf-sentinel/values.yaml": `image:\n  repository: ${quoted}\n  tag: ${quoted}\n`,
  [`${defaults.vintages.folder}/data.rs`]: `const ${"A"}_VINTAGE: &str = ${quoted.replaceAll("\\u", "\\\\u")};\nconst B_VINTAGE: &str = "${evil.replaceAll('"', "")}";\n`,
  ".github/workflows/release.yml": `on: ${quoted}\n${quoted}: ${quoted}\njobs:\n  ${quoted}:\n    needs: ${quoted}\n    steps:\n      - run: ${quoted}\n`,
  "docs/ci-templates/github-actions.yml": `env:\n  PERF_SENTINEL_VERSION: "1.2.9"\n  ${quoted}: ${evil}\n`,
  "CHANGELOG.md": `# ${evil}\n\n## [1.3.0] - ${evil}\n\n## [${evil}]\n`,
  "release-gate/lab-validations.txt": [
    `v1.3.0\t${evil}\t${today()}\tPASS`,
    `${evil}\t214ea6f\t${today()}\tPASS`,
    `v1.3.0\t214ea6f\t${today()}\t${evil}`,
    `--help\t-rf\t--version\t-`,
    `\0\t\0\t\0\t\0\n`,
  ].join("\n"),
};

/** The same product in which files are one line of 10 MB, or no text. */
const sizes = {
  ...smallProduct("1.3.0"),
  "crates/sentinel-cli/Cargo.toml": `[package]\nname = "${longText}"\nversion = "${longLine}"\n`,
  "charts/perf-sentinel/Chart.yaml": `version: ${longText}\nappVersion: ${longText}\n`,
  "charts/perf-sentinel/values.yaml": `${"[".repeat(100_000)}\n`,
  ".github/workflows/release.yml": `jobs: ${"{a: ".repeat(50_000)}\n`,
  [`${defaults.vintages.folder}/data.rs`]: `const A_VINTAGE: &str = "${longText}";\n`,
  "CHANGELOG.md": `## [1.3.0] - ${longText}\n`,
  "release-gate/lab-validations.txt": `${longText}\nv1.3.0\t${longLine}\t\t\n${"\t".repeat(1_000_000)}\n`,
};

/** A registry that nobody runs. */
const nowhere = ["--registry", "127.0.0.1:1"];

const commands: readonly [script: string, ...args: string[]][] = [
  ["scripts/check-tag-version.ts", "v1.3.0"],
  ["scripts/check-tag-version.ts", "v1.3.0", "--ref", "HEAD"],
  ["scripts/check-helm-tag-version.ts", "chart-v1.0.0"],
  ["scripts/check-chart-appversion.ts"],
  ["scripts/check-chart-version-bumped.ts", "HEAD~1"],
  ["scripts/check-references.ts", "v1.3.0"],
  ["scripts/check-release-workflow.ts"],
  ["scripts/check-vintages.ts"],
  ["release-gate/check-lab-validation.ts", "--version", "v1.3.0"],
  ["release-gate/check-ledger.ts", "HEAD~1"],
  ["release-gate/check-ledger.ts", "--history"],
  ["scripts/record-validation.ts", "v1.3.0", "PASS", "--append", "--lab", "../lab"],
  ["scripts/audit-releases.ts"],
  ["scripts/status.ts", "v1.3.0"],
  ["scripts/bump-version.ts", "1.4.0", "--dry-run"],
  ["scripts/release.ts", "v1.3.0", "--dry-run"],
  ["scripts/release.ts", "v1.3.1", "--dry-run", "--skip-lab", "--strict"],
  ["scripts/release-chart.ts", "chart-v1.3.0", "--dry-run", "--skip-image-check"],
  ["scripts/verify-release.ts", "v1.3.0", ...nowhere, "--crate-index", "http://127.0.0.1:1"],
  ["scripts/verify-release.ts", "chart-v1.3.0", ...nowhere],
  ["scripts/validate-lab.ts", "v1.3.0", "--lab", "../lab", "--keep-going"],
  ["scripts/adopt.ts", ".", "--check"],
];

/** Command lines whose operands are hostile; a NUL cannot be in one. */
const operands: readonly [script: string, ...args: string[]][] = [
  ["scripts/check-tag-version.ts", evilName],
  ["scripts/check-tag-version.ts", "v1.3.0", "--ref", evilName],
  ["scripts/check-tag-version.ts", "v1.3.0", "--ref=--output=pwned"],
  ["scripts/check-tag-version.ts", "v1.3.0", "--repo", evilName],
  ["scripts/check-helm-tag-version.ts", "--", `-${evilName}`],
  ["scripts/check-chart-version-bumped.ts", "--", "--output=pwned"],
  ["release-gate/check-ledger.ts", evilName],
  ["release-gate/check-lab-validation.ts", "--version", "v1.3.0", "--ledger", evilName],
  ["scripts/record-validation.ts", "v1.3.0", evilName],
  ["scripts/record-validation.ts", "v1.3.0", "PASS", "--lab", evilName],
  ["scripts/record-validation.ts", "v1.3.0", "PASS", "--lab", "../lab", "--append", evilName],
  ["scripts/audit-releases.ts", "--since", evilName],
  ["scripts/status.ts", evilName],
  ["scripts/bump-version.ts", evilName],
  ["scripts/bump-version.ts", "1.4.0", "--date", evilName],
  ["scripts/release.ts", evilName],
  ["scripts/release.ts", "v1.4.0", `--${evilName}`],
  ["scripts/release-chart.ts", evilName],
  ["scripts/verify-release.ts", evilName],
  ["scripts/verify-release.ts", "v1.3.0", "--registry", evilName],
  ["scripts/verify-release.ts", "v1.3.0", "--crate-index", `http://${evilName}`],
  ["scripts/validate-lab.ts", "v1.3.0", "--lab", evilName],
  ["scripts/validate-lab.ts", "v1.3.0", "--lab", "../lab", "--from", evilName],
  ["scripts/adopt.ts", evilName],
  ["scripts/adopt.ts", "--check", "--", `-${evilName}`],
];

/** What no output holds: controls, and what turns or hides text. A line feed and a tab are none. */
const raw = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
/**
 * What the runner of GitHub Actions obeys, other than the findings of a command; in a line that is
 * such a finding it looks for no other.
 */
const obeyed =
  /^(?!::(?:error|warning|notice)[ :]).*##\[|^\s*::(?!(?:error|warning|notice)(?: file=[^\n]*?)?::(?!pwned))/m;
/** What a terminal is sent by the commands themselves: colours, and a line written over. */
const own = /\r?\x1b\[[0-9]{0,2}(?:;[0-9]{1,2})?[mK]/g;

function expectHarmless({ code, stdout, stderr }: Ended, line: string): void {
  const shown = stdout + stderr;
  expect([line, [0, 1, 2].includes(code)]).toEqual([line, true]);
  expect([line, raw.exec(shown)?.[0]]).toEqual([line, undefined]);
  expect([line, /defect of the script|Bun v/.test(shown)]).toEqual([line, false]);
}

/** What `gh` and `make` say, in both streams, and do not execute. */
const saysEvil = `cat <<'HERE'\n${evilName}\n10/10 scenarios pass\nHERE\ncat >&2 <<'HERE'\n${evilName}\nHERE\n`;

/** A checkout that holds files, and hostile messages and names of refs, beside a lab. */
async function hostileWorld(files: Readonly<Record<string, string>>): Promise<TestRepository> {
  const world = await testRepository();
  await world.commit(smallProduct("1.2.9"), evilName);
  await world.git("tag", "-a", "v1.2.9", "-m", evilName);
  await world.git("tag", `v1.2.8-$(touch$${"{IFS}"}pwned)\u202e`);
  await world.git("tag", "-a", "v1.2.7", "-m", `v1.2.7\n\nBypassed: ${evilName}`);
  await world.git("update-ref", "refs/tags/-v1.2.6", "HEAD");
  await world.git("update-ref", "refs/tags/--output=pwned", "HEAD");
  await world.addRemote();
  await world.git("clone", "--quiet", ".", join(world.home, "lab"));
  await world.commit(files, evilName);
  await world.git("tag", "-a", "v1.3.0", "-m", evilName);
  const lab = join(world.home, "lab");
  writeFiles(lab, { Makefile: "# the stand-in needs none\n" });
  rmSync(join(lab, "release-gate"), { recursive: true });
  await world.git("-C", lab, "add", "--all");
  await world.git("-C", lab, "commit", "--quiet", "-m", evilName);
  const { PATH: make = "" } = standIn(world, "make", saysEvil);
  const { PATH: gh = "" } = standIn(world, "gh", `${saysEvil}exit 1`);
  return { ...world, env: { ...world.env, PATH: `${gh.split(":", 1)[0]}:${make}` } };
}

function run(
  { root, env }: TestRepository,
  [script, ...args]: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return runScript(script ?? "", args, { cwd: root, env: { ...env, ...more } });
}

/** That no file was made by text that was executed, or taken for an option. */
function expectNothingRun({ home }: TestRepository): void {
  const found = readdirSync(home, { recursive: true, encoding: "utf8" });
  expect(found.filter((path) => /(?:^|\/)pwned[^/]*$/.test(path))).toEqual([]);
}

test("the text is executed where a shell reads it", async () => {
  using folder = temporaryFolder();
  await start(["sh", "-c", evilName], { cwd: folder.path });
  expect(readdirSync(folder.path)).toEqual(["pwned"]);
});

describe.each([
  ["values, names and messages", values, commands],
  ["operands", smallProduct("1.3.0"), operands],
] as const)("hostile text in %s", (_, files, lines) => {
  let world: TestRepository;

  beforeAll(async () => {
    world = await hostileWorld(files);
  });

  afterAll(() => world[Symbol.asyncDispose]());

  test("is escaped in plain text", async () => {
    for (const line of lines) {
      expectHarmless(await run(world, line), line.join(" "));
    }
    expectNothingRun(world);
  });

  test("is escaped in JSON", async () => {
    for (const line of lines) {
      const ended = await run(world, [...line.slice(0, 1), "--json", ...line.slice(1)]);
      expectHarmless(ended, line.join(" "));
      expect(ended.stderr).not.toMatch(/^(?:error|warning): /m);
      expect(JSON.parse(ended.stdout)).toMatchObject({ script: line[0], exitCode: ended.code });
    }
    expectNothingRun(world);
  });

  test("is no command of GitHub Actions, and no markup of its summary", async () => {
    const summary = join(world.home, "summary");
    for (const line of lines) {
      rmSync(summary, { force: true });
      const ended = await run(world, line, {
        GITHUB_ACTIONS: "true",
        GITHUB_STEP_SUMMARY: summary,
      });
      expectHarmless(ended, line.join(" "));
      expect([line, obeyed.exec(ended.stdout + ended.stderr)?.[0]]).toEqual([line, undefined]);
      const written = existsSync(summary) ? readFileSync(summary, "utf8") : "";
      expect([line, raw.test(written), written.length < 1_000_000]).toEqual([line, false, true]);
      expect(written).not.toMatch(/`touch|\$\(touch/);
    }
    expectNothingRun(world);
  });

  test("does not steer a terminal", async () => {
    for (const [script, ...args] of lines) {
      const options = { cwd: world.root, env: { ...world.env, TERM: "xterm-256color" } };
      const { code, stdout } = await runInTerminal(script, args, options, "\0", () => "");
      const shown = stdout.replace(own, "");
      expectHarmless({ code, stdout: shown, stderr: "" }, [script, ...args].join(" "));
    }
    expectNothingRun(world);
  });
});

describe("a line of 10 MB, a million columns or 100,000 brackets end no command, and flood no output:", () => {
  let world: TestRepository;

  beforeAll(async () => {
    world = await hostileWorld(sizes);
  });

  afterAll(() => world[Symbol.asyncDispose]());

  test.each(commands.map((line) => [line.join(" "), line] as const))("%s", async (name, line) => {
    const ended = await run(world, line);
    expectHarmless(ended, name);
    expect((ended.stdout + ended.stderr).length).toBeLessThan(20_000);
  });

  test.each([
    ["scripts/check-references.ts", ["v1.3.0"]],
    ["scripts/audit-releases.ts", []],
  ])("nor where the report is JSON, which has data of its own: %s", async (script, args) => {
    const ended = await run(world, [script, "--json", ...args]);
    expectHarmless(ended, script);
    expect(JSON.parse(ended.stdout)).toMatchObject({ script, exitCode: ended.code });
  });
});
