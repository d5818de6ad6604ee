// biome-ignore-all lint/suspicious/noTemplateCurlyInString: shell and workflows are full of them
import { expect, test } from "bun:test";
import { join } from "node:path";
import { checkReleaseWorkflow } from "../scripts/check-release-workflow.ts";
import { workTree } from "../scripts/lib/disk/work-tree.ts";
import type { Finding } from "../scripts/lib/finding.ts";
import { layout } from "../scripts/lib/layout.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { runScript } from "./helpers/run-script.ts";
import { type JsonReport, temporaryFolder, testRepository, writeFiles } from "./helpers/world.ts";

const script = "scripts/check-release-workflow.ts";
const { releaseWorkflow: releaseFile, chartReleaseWorkflow: chartFile } = layout;

const triggers = `on:
  push:
    tags: ["v*"]
`;
const call = 'scripts/check-tag-version.sh "${GITHUB_REF_NAME}"';
/** The release workflow as PROCEDURE describes it. */
const release = `name: Release v* # release-gate/check-lab-validation.sh never goes in here
${triggers}
permissions:
  contents: read

jobs:
  check-versions:
    name: Check versions
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Compare the tag
        run: ${call}

  build:
    needs: check-versions
    strategy:
      matrix:
        include:
          - target: x86_64-unknown-linux-musl
            os: ubuntu-latest
          - target: aarch64-unknown-linux-musl
            os: ubuntu-24.04-arm
    runs-on: \${{ matrix.os }}
    steps:
      - uses: actions/checkout@v4
      - name: Build # release-gate/check-lab-validation.sh is not for CI
        run: cargo auditable build --release
      - uses: actions/upload-artifact@v4
        with:
          path: target/release/perf-sentinel

  sbom:
    needs: [build]
    runs-on: ubuntu-latest
    steps:
      - uses: anchore/sbom-action@v0

  release:
    needs: [build, sbom]
    runs-on: ubuntu-latest
    steps:
      - run: sha256sum dist/* > dist/SHA256SUMS
      - uses: actions/attest-build-provenance@v2

  publish-crate:
    needs: release
    runs-on: ubuntu-latest
    steps:
      - run: cargo publish -p perf-sentinel

  docker:
    needs:
      - check-versions
    runs-on: ubuntu-latest
    steps:
      - uses: aquasecurity/trivy-action@0.28.0
        if: always()
`;
const chart = `name: Release the chart
on:
  push:
    tags:
      - chart-v*
jobs:
  check-version:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: oven-sh/setup-bun@v2
      - run: bun scripts/check-helm-tag-version.ts "$GITHUB_REF_NAME"
  package:
    needs: check-version
    runs-on: ubuntu-latest
    steps:
      - run: helm package charts/perf-sentinel
`;

type Files = Readonly<Record<string, string>>;
const scripts = {
  "scripts/check-tag-version.sh": "#!/usr/bin/env bash\n",
  "scripts/check-tag-version.ts": "#!/usr/bin/env bun\n",
  "scripts/check-helm-tag-version.ts": "#!/usr/bin/env bun\n",
};
const check = (files: Files = {}) =>
  checkReleaseWorkflow(
    memoryTree({ ...scripts, [releaseFile]: release, [chartFile]: chart, ...files }),
  );

/** The release workflow with one part replaced, which must be there. */
function changed(from: string, to: string, text = release): string {
  expect(text).toContain(from);
  return text.replace(from, () => to);
}

async function faultsOf(text: string, files: Files = {}): Promise<Finding[]> {
  const findings = await check({ ...files, [releaseFile]: text });
  return findings.filter(({ level }) => level === "error");
}

/** What was found in each breach, with its line. */
const short = ({ message, at }: Finding) =>
  `${at?.line}: ${message.replace(`Cannot accept ${releaseFile}: found `, "").replace(/, expected [\s\S]*/, "")}`;

async function breaches(text: string, files: Files = {}): Promise<string[]> {
  return (await faultsOf(text, files)).map(short);
}

/** A refusal of the release workflow: at least one error, each with its file and a way out. */
async function expectRefused(text: string, files: Files = {}): Promise<void> {
  const faults = await faultsOf(text, files);
  expect(faults).not.toEqual([]);
  for (const { at, remedy } of faults) {
    expect({ file: at?.file, remedy }).toEqual({
      file: expect.any(String),
      remedy: expect.any(String),
    });
  }
}

test("good workflows pass, each rule with its evidence and its place", async () => {
  const findings = await check();
  expect(findings.map(({ level, message, at }) => [level, message, at?.line])).toEqual([
    ["notice", `${releaseFile}: starts only on tags "v*"`, 4],
    ["notice", `${releaseFile}: check-versions runs ${call}`, 16],
    [
      "notice",
      `${releaseFile}: build, sbom, release, publish-crate, docker wait for check-versions`,
      10,
    ],
    [
      "notice",
      `${releaseFile}: never names the lab gate (0 files that it names were read)`,
      undefined,
    ],
    ["notice", `${chartFile}: starts only on tags "chart-v*"`, 4],
    [
      "notice",
      `${chartFile}: check-version runs bun scripts/check-helm-tag-version.ts "$GITHUB_REF_NAME"`,
      12,
    ],
    ["notice", `${chartFile}: package waits for check-version`, 7],
    [
      "notice",
      `${chartFile}: never names the lab gate (0 files that it names were read)`,
      undefined,
    ],
  ]);
});

test("a breach names file, line, what was found and expected, and the way out", async () => {
  const text = changed("needs: [build]", "if: always()\n    needs: [build]");
  expect(await faultsOf(text)).toEqual([
    {
      level: "error",
      message: `Cannot accept ${releaseFile}: found job "sbom" that may run after a failure, if: "always()", expected the success of "check-versions"`,
      remedy: "Remove the status function from the condition",
      at: { file: releaseFile, line: 37, column: 5 },
    },
  ]);
});

// The trigger

test.each([
  ["a list over lines", 'on:\n  push:\n    tags:\n      - "v*"\n'],
  ["a flow mapping", "on: {push: {tags: ['v*']}}\n"],
  ["quoted keys", "'on':\n  \"push\":\n    tags: [v*]\n"],
  ["a single pattern", "on:\n  push:\n    tags: v*\n"],
])("v* tags are the only trigger, in any spelling of YAML: %s", async (_, on) => {
  expect(await breaches(changed(triggers, on))).toEqual([]);
});

const push = (rest: string) => `on:\n  push:\n${rest}`;
test.each([
  ["every push", "on: push\n"],
  ["every push, in a list", "on: [push]\n"],
  ["branches beside tags", push("    tags: [v*]\n    branches: [main]\n")],
  ["tags but some", push("    tags-ignore: [x]\n")],
  ["paths beside tags", push("    tags: [v*]\n    paths: [x]\n")],
  ["other events beside it", push("    tags: [v*]\n  workflow_dispatch:\n  schedule:\n")],
  ["another event", "on: workflow_dispatch\n"],
  ["every tag", push("    tags: ['*']\n")],
  ["chart tags as well", push("    tags: ['v*', 'chart-v*']\n")],
  ["an optional v", push("    tags: ['v?*']\n")],
  ["a narrower pattern", push("    tags: ['v1.*']\n")],
  ["an exclusion", push("    tags: ['v*', '!v*-rc*']\n")],
  ["an empty list", push("    tags: []\n")],
  ["no event", "on:\n"],
  ["no trigger at all", ""],
])("any other trigger is refused: %s", async (_, on) => {
  await expectRefused(changed(triggers, on));
});

test("a wrong trigger is one finding with all its places", async () => {
  const on = push("    tags: [v*]\n    paths: [x]\n  schedule:\n");
  expect(await faultsOf(changed(triggers, on))).toMatchObject([
    {
      message: `Cannot accept ${releaseFile}: found schedule, expected only pushes of v* tags`,
      at: { line: 6 },
      also: [{ line: 5 }],
    },
  ]);
});

test.each([
  ["push.paths", "    tags: [v*]\n    paths: [x]\n", 5],
  ['push.tags ["v1.*"]', "    tags: ['v1.*']\n", 4],
  ['the trigger {"push":{}}', "    {}\n", 2],
])("a wrong trigger is named: %s", async (found, under, line) => {
  expect(await faultsOf(changed(triggers, push(under)))).toMatchObject([
    { message: expect.stringContaining(`found ${found}, expected only`), at: { line } },
  ]);
});

test("the chart's workflow starts on chart-v* tags only", async () => {
  for (const pattern of ["v*", "chart-*", "chart-v?*"]) {
    const text = changed("chart-v*", `"${pattern}"`, chart);
    const errors = (await check({ [chartFile]: text })).filter(({ level }) => level === "error");
    expect(errors).toMatchObject([{ message: expect.stringContaining(pattern), at: { line: 4 } }]);
  }
});

// The first job

const step = `        run: ${call}\n`;
/** The release workflow with these lines in the step that checks the tag. */
const block = (...lines: string[]) =>
  changed(step, `        run: |\n${lines.map((line) => `          ${line}\n`).join("")}`);
const check1 = 'scripts/check-tag-version.sh "$GITHUB_REF_NAME"';

test.each([
  "scripts/check-tag-version.sh $GITHUB_REF_NAME",
  check1,
  "scripts/check-tag-version.sh ${GITHUB_REF_NAME}",
  'bun scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  'bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null scripts/check-tag-version.ts "${GITHUB_REF_NAME}"',
])("the tag check on the pushed tag counts in its documented spellings: %s", async (run) => {
  expect(await breaches(block(run))).toEqual([]);
});

test.each([
  `# ${check1}`,
  `${check1} || true`,
  `${check1} | tee log`,
  `${check1} && echo good`,
  `${check1} &`,
  `! ${check1}`,
  `if ${check1}; then echo; fi`,
  `(${check1})`,
  `cat <<EOF\n${check1}\nEOF`,
  `echo '${check1}'`,
  'bun scripts/check-tag-version.sh "$GITHUB_REF_NAME"',
  'sh scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  'tools/check-tag-version.sh "$GITHUB_REF_NAME"',
  'bun --config=other.toml scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  'bun --preload=./p.ts scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  'bun scripts/other.ts --no-env-file scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  'scripts/check-helm-tag-version.ts "$GITHUB_REF_NAME"',
  "scripts/check-tag-version.sh",
  `${check1} --help`,
  "scripts/check-tag-version.sh v1.2.3",
  `${check1} --ref main`,
  'scripts/check-tag-version.sh "$GITHUB_REF"',
  "scripts/check-tag-version.sh ${{ github.ref }}",
  "scripts/check-tag-version.sh '$GITHUB_REF_NAME'",
  'scripts/check-tag-version.sh "${GITHUB_REF_NAME%-rc*}"',
  'scripts/check-tag-version.sh "${GITHUB_REF_NAME:-v1.0.0}"',
  'scripts/check-tag-version.sh "$TAG"',
  `set +e\n${check1}`,
  `exit 0\n${check1}`,
  `git checkout main\n${check1}`,
  'bun() { true; }\nbun scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  `PATH=/x:$PATH\n${check1}`,
  `${check1}\nmake`,
])("anything else in place of the check is refused: %p", async (run) => {
  await expectRefused(block(...run.split("\n")));
});

const job = "  check-versions:\n";
const checkout = "checkout@v4\n";
test.each([
  ["a job that needs another", job, `${job}    needs: sbom\n`],
  ["a condition of the job", job, `${job}    if: github.actor != 'x'\n`],
  ["a condition of the step", step, `${step}        if: \${{ !contains(github.ref, 'rc') }}\n`],
  ["a failure of the job that does not count", job, `${job}    continue-on-error: true\n`],
  ["a failure of the step that does not count", step, `${step}        continue-on-error: true\n`],
  ["a shell that goes on", step, `${step}        shell: bash {0}\n`],
  ["another shell for every job", "permissions:", "defaults: {run: {shell: pwsh}}\npermissions:"],
  ["a start-up file for every shell", "permissions:", "env: {BASH_ENV: x}\npermissions:"],
  ["another PATH for every job", "permissions:", "env: {PATH: x}\npermissions:"],
  ["an environment of the job", job, `${job}    env: {TAG: v1}\n`],
  ["an environment of the step", step, `${step}        env: {TAG: v1}\n`],
  ["Windows", "    runs-on: ubuntu-latest", "    runs-on: windows-latest"],
  ["Windows of one's own", "    runs-on: ubuntu-latest", "    runs-on: [self-hosted, Windows]"],
  ["a runner by expression", "    runs-on: ubuntu-latest", "    runs-on: ${{ vars.RUNNER }}"],
  ["a container", job, `${job}    container: alpine\n`],
  ["another folder", step, `${step}        working-directory: tools\n`],
  ["a checkout of another ref", checkout, `${checkout}        with:\n          ref: main\n`],
  ["another path", checkout, `${checkout}        with: {path: x}\n`],
  ["another repository", checkout, `${checkout}        with: {repository: me/fork}\n`],
  ["a second checkout", checkout, `${checkout}      - uses: actions/checkout@v4\n`],
  ["a checkout under a condition", checkout, `${checkout}        if: false\n`],
  ["a command before it", checkout, `${checkout}      - run: cargo publish\n`],
  ["another action before it", checkout, `${checkout}      - uses: me/release@v1\n`],
  [
    "no checkout",
    "      - uses: actions/checkout@v4\n      - name: Compare",
    "      - name: Compare",
  ],
  [
    "a later step that outlives its failure",
    step,
    `${step}      - run: cargo publish\n        if: always()\n`,
  ],
  [
    "a job that is another workflow",
    release.slice(release.indexOf(job), release.indexOf("\n  build:")),
    `${job}    uses: me/x/.github/workflows/check-tag-version.yml@v1\n`,
  ],
])("what may skip the check, or change it, is refused: %s", async (_, from, to) => {
  await expectRefused(changed(from, to));
});

test.each([
  ["a set-up of Bun", checkout, `${checkout}      - uses: oven-sh/setup-bun@0c5077e # v2.2.0\n`],
  ["a pinned commit", checkout, "checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1\n"],
  ["the whole history", checkout, `${checkout}        with: {fetch-depth: 0}\n`],
  ["a job's permissions", job, `${job}    permissions: {contents: read}\n`],
  ["outputs", job, `${job}    outputs: {version: x}\n`],
  [
    "other variables for every job",
    "permissions:",
    "env: {CARGO_TERM_COLOR: always}\npermissions:",
  ],
  [
    "later steps, under conditions too",
    step,
    `${step}      - run: echo "version=1" >> "$GITHUB_OUTPUT"\n        if: github.actor != 'x'\n        shell: bash\n`,
  ],
])("the documented form leaves free: %s", async (_, from, to) => {
  expect(await breaches(changed(from, to))).toEqual([]);
});

test("all faults of the first job are reported at once, and what waits for it is judged", async () => {
  const text = changed(job, `${job}    if: false\n    continue-on-error: true\n`)
    .replace(call, () => "scripts/check-tag-version.sh v1 || true")
    .replace("needs: release", "needs: [release, nobody]");
  expect(await breaches(text)).toEqual([
    '11: if in job "check-versions", which checks the tag',
    '12: continue-on-error in job "check-versions", which checks the tag',
    '18: "scripts/check-tag-version.sh v1 || true"',
    '52: job "publish-crate" that does not wait for "check-versions"',
  ]);
});

test("a check that the tree does not have is a warning: every run would fail", async () => {
  const findings = await checkReleaseWorkflow(
    memoryTree({ [releaseFile]: release, [chartFile]: chart }),
  );
  expect(findings.filter(({ level }) => level !== "notice").map(({ message }) => message)).toEqual([
    `Every run of ${releaseFile} will fail: there is no scripts/check-tag-version.sh`,
    `Every run of ${chartFile} will fail: there is no scripts/check-helm-tag-version.ts`,
  ]);
});

test("of two jobs that name the check, the one in the documented form counts", async () => {
  const again = `  again:\n    needs: build\n    steps:\n      - run: ${check1} || true\n`;
  expect(await breaches(release + again)).toEqual([]);
});

// The other jobs

/** A release workflow with these jobs, from line 11 on, behind the one that checks the tag. */
const withJobs = (jobs: string) =>
  `${triggers}jobs:\n  first:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n      - run: ${check1}\n\n${jobs}`;
/** A job; needs and condition are the rest of its line. */
const jobOf = (id: string, rest: string) => `  ${id}: {runs-on: x, steps: [run: make], ${rest}}\n`;

test.each<[string, string, ...string[]]>([
  ["directly", jobOf("a", "needs: first") + jobOf("b", "needs: [first]")],
  [
    "through others",
    jobOf("c", "needs: [b]") + jobOf("b", "needs: a") + jobOf("a", "needs: first"),
  ],
  ["among others", jobOf("a", "needs: first") + jobOf("b", "needs: [a, first]")],
  ["as another workflow", "  a: {uses: me/x/.github/workflows/y.yml@v1, needs: first}\n"],
  ["not at all", jobOf("a", "env: {}"), "a"],
  ["not in an empty list", jobOf("a", "needs: []"), "a"],
  ["not as another workflow", "  a:\n    uses: me/x/.github/workflows/y.yml@v1\n", "a"],
  [
    "not through others that do not",
    jobOf("a", "env: {}") + jobOf("b", "needs: a") + jobOf("c", "needs: [b]"),
    "a",
    "b",
    "c",
  ],
  ["not by a job that is not there", jobOf("a", "needs: [first, lint]"), "a"],
  ["not by another case", jobOf("a", "needs: First"), "a"],
  ["not around itself", jobOf("a", "needs: [first, a]"), "a"],
  [
    "not in a circle",
    jobOf("a", "needs: [first, c]") + jobOf("b", "needs: a") + jobOf("c", "needs: b"),
    "a",
    "b",
    "c",
  ],
])("every other job needs the first one: %s", async (_, jobs, ...expected) => {
  const found = await breaches(withJobs(jobs));
  expect(found.map((each) => each.replace(/^\d+: /, ""))).toEqual(
    expected.map((id) => `job "${id}" that does not wait for "first"`),
  );
});

test.each([
  "always()",
  "${{ always() }}",
  "ALWAYS ( )",
  "!cancelled()",
  "failure()",
  "!failure() && !cancelled()",
  "success() || failure()",
  "always() && needs.first.result == 'success'",
  "always() && 'x && needs.first.result == ''success'' && y'",
])("a condition that may outlive a failure is refused: %s", async (condition) => {
  const jobs = jobOf("a", `needs: first, if: ${JSON.stringify(condition)}`);
  expect(await breaches(withJobs(jobs))).toEqual([
    `11: job "a" that may run after a failure, if: ${JSON.stringify(condition)}`,
  ]);
});

test.each([
  "github.actor != 'x'",
  "contains(github.ref, 'always()')",
  "vars.always == '1'",
  "success()",
  "!contains(github.ref_name, '-rc')",
  "${{ !contains(github.ref_name, '-') }}",
])("a condition without a status function keeps GitHub's own: %s", async (condition) => {
  const jobs = jobOf("a", `needs: first, if: ${JSON.stringify(condition)}`);
  expect(await breaches(withJobs(jobs))).toEqual([]);
});

// The lab gate

const line = "sha256sum dist/* > dist/SHA256SUMS";
const gate = "release-gate/check-lab-validation.sh";

test.each([
  ["by the shell script", `- run: ${gate} --version v1`],
  ["by the Bun script", "- run: bun release-gate/check-lab-validation.ts --version v1"],
  ["in a comment of the shell", `- run: "make # ${gate}"`],
  ["from its folder", "- run: cd release-gate && ./check*"],
  ["as its working folder", "- run: ./check*\n        working-directory: release-gate"],
  ["the ledger", '- run: grep PASS "release-gate/lab-validations.txt"'],
  ["in a substitution with a #", `- run: 'echo "$(echo " # $(${gate})")"'`],
  ["in a here-document", `- run: |\n          bash <<EOF\n          # ${gate}\n          EOF`],
  ["by a variable", `- run: $GATE\n        env: {GATE: ${gate}}`],
  ["by an input", `- uses: me/run@v1\n        with:\n          name: ${gate}`],
  ["as an action", "- uses: ./release-gate/action"],
  ["by an own shell", `- run: make\n        shell: ${gate} {0}`],
  ["in a name", `- run: make\n        name: ${gate} is never run`],
  ["by a key", `- run: make\n        env: {${JSON.stringify(gate)}: x}`],
  ["a command that asks it", "- run: bun scripts/release.ts v1.2.3 --yes"],
  ["such a command, from its folder", "- run: cd scripts && ./release.sh v1.2.3"],
  ["a command that writes its ledger", "- run: bun scripts/record-validation.ts v1 PASS --append"],
  ["an adoption", "- run: bun scripts/adopt.ts ."],
  ["by a pattern", "- run: bash release-gate*/check-lab-*"],
  ["by another pattern", '- run: bash "$GITHUB_WORKSPACE"/rel*/check-l?b-valid*.sh'],
  ["by a pattern of braces", "- run: bash release-{gate,x}/check-{lab,x}-validation.sh"],
  ["from a folder of a pattern", "- run: cd scripts && bash ../*/check-lab*.sh"],
])("a release workflow does not name the lab gate: %s", async (_, to) => {
  await expectRefused(changed(`- run: ${line}`, to));
});

test.each([
  ["a comment of YAML", `- run: make # ${gate}`],
  ["other names", "- run: my-release-gate/x; echo release-gates; ./my-release.sh; ci/release.sh"],
  ["the checks of files and versions", "- run: bun scripts/check-references.ts v1.2.3"],
  ["the check of the ledger", "- run: bun release-gate/check-ledger.ts --against main"],
  ["the check of the copy", "- run: bun scripts/adopt.ts --check ."],
  [
    "patterns that name no part of it",
    "- run: shellcheck **/*.sh */*.ts release-*.txt; rm -rf r* [a-z]*",
  ],
  ["exclusions", `- uses: actions/upload-artifact@v4\n        with: {path: "!dist/*.tmp"}`],
])("a release workflow may name %s", async (_, to) => {
  expect(await breaches(changed(`- run: ${line}`, to))).toEqual([]);
});

/** The refusals of a workflow with a step that runs this, in a tree with these files. */
const callBreaches = async (run: string, files: Files) =>
  (await faultsOf(changed(line, run), files)).map(({ at, message }) => {
    expect(message).toMatch(
      /: found .*the lab gate,? in .*, named in .*, expected no mention of it$/,
    );
    return `${at?.file}:${at?.line}`;
  });

test.each<[string, string]>([
  ["by its path", "scripts/a.sh"],
  ["by a shell", "sudo -E bash ./scripts/a.sh x"],
  ["from its folder", "cd scripts; ./a.sh"],
  ["from the workspace", 'bash "$GITHUB_WORKSPACE"/scripts/a.sh'],
  ["from the workspace, as an expression", "${{ github.workspace }}/scripts/a.sh"],
  ["in a text for a shell", "bash -c 'scripts/a.sh'"],
  ["as a source", ". scripts/a.sh"],
  ["from a working folder", "./a.sh\n        working-directory: scripts"],
  ["by a variable", "$A\n        env: {A: scripts/a.sh}"],
])("a script that the workflow names is read: %s", async (_, run) => {
  const files = { "scripts/a.sh": `#!/bin/sh\nmake\n${gate} --version v1\n` };
  expect(await callBreaches(run, files)).toEqual(["scripts/a.sh:3"]);
});

test.each<[string, string, Files, string[]]>([
  [
    "scripts of scripts, round and round",
    "scripts/a.sh",
    {
      "scripts/a.sh": 'here=$(dirname "$0")\n"$here/b.sh"\n',
      "scripts/b.sh": `scripts/a.sh\n. "\${BASH_SOURCE%/*}/lib/c"\n`,
      "scripts/lib/c": `#!/bin/sh\n${gate}\n`,
    },
    ["scripts/lib/c:2"],
  ],
  [
    "a script in another language",
    "python3 tools/x.py",
    { "tools/x.py": `os.system("${gate}")\n` },
    ["tools/x.py:1"],
  ],
  [
    "modules and what they import",
    "bun scripts/a.ts",
    {
      "scripts/a.ts": "import { b } from './lib/b.ts';\n",
      "scripts/lib/b.ts": "import '../c';\n",
      "scripts/c/index.ts": "export * from '../d.js';\n",
      "scripts/d.ts": 'await import("../release-gate/check-lab-validation.ts");\n',
    },
    ["scripts/d.ts:1"],
  ],
  [
    "a comment in a script",
    "bun scripts/a.ts",
    { "scripts/a.ts": `// ${gate}\n` },
    ["scripts/a.ts:1"],
  ],
  [
    "scripts of package.json",
    "npx --yes bun@1.4.5 run lab",
    {
      "package.json": `{\n  "scripts": {\n    "prelab": "scripts/a.sh",\n    "lab": "cd release-gate"\n  }\n}\n`,
      "scripts/a.sh": `${gate}\n`,
    },
    ["package.json:4", "scripts/a.sh:1"],
  ],
])("what it names is followed: %s", async (_, run, files, expected) => {
  expect((await callBreaches(run, files)).sort()).toEqual(expected);
});

test("actions and workflows of the repository are followed, with what they name", async () => {
  const files = {
    ".github/actions/a/action.yml": `runs:\n  steps:\n    - run: \${{ github.action_path }}/x.sh\n    - uses: ./.github/actions/b/\n`,
    ".github/actions/a/x.sh": `${gate}\n`,
    ".github/actions/b/action.yaml": "runs:\n  main: dist/index.js\n",
    ".github/actions/b/dist/index.js": `execSync("${gate} x");\n`,
    ".github/workflows/x.yml": `on: {workflow_call: {inputs: {x: {default: ${gate}}}}}\n`,
  };
  const text = changed(`- run: ${line}`, "- uses: ./.github/actions/a");
  const called = "  x:\n    needs: release\n    uses: ./.github/workflows/x.yml\n";
  expect((await faultsOf(text + called, files)).map(({ at }) => at?.file)).toEqual([
    ".github/actions/a/x.sh",
    ".github/actions/b/dist/index.js",
    ".github/workflows/x.yml",
  ]);
});

test("documents, and files of other folders, are not scripts that a workflow runs", async () => {
  const files = { "docs/x.md": `${gate}\n`, "scripts/a.sh": `${gate}\n` };
  expect(await callBreaches("cat docs/x.md scripts /usr/bin/a.sh ../scripts/a.sh", files)).toEqual(
    [],
  );
});

test("a script is read whatever its bytes are", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, {
    ...scripts,
    [releaseFile]: changed(line, "scripts/a.sh"),
    [chartFile]: chart,
    "scripts/a.sh": Buffer.from(`# \xe9\n${gate}\n`, "latin1"),
  });
  const findings = await checkReleaseWorkflow(workTree(folder.path));
  expect(findings.filter(({ level }) => level === "error")).toMatchObject([
    { at: { file: "scripts/a.sh", line: 2 } },
  ]);
});

// Files that cannot be read

test("a missing workflow is refused, and the other one is judged", async () => {
  const both = await checkReleaseWorkflow(memoryTree({}));
  expect(both.map(({ level, message, at }) => [level, message, at])).toEqual([
    ["error", `Cannot read ${releaseFile}: there is no such file`, { file: releaseFile }],
    ["error", `Cannot read ${chartFile}: there is no such file`, { file: chartFile }],
  ]);
  const one = await checkReleaseWorkflow(memoryTree({ ...scripts, [chartFile]: chart }));
  expect(one.map(({ level }) => level)).toEqual(["error", "notice", "notice", "notice", "notice"]);
});

test.each<[string, string, number | undefined, string]>([
  ["no YAML", changed("    tags:", "    tags: ["), 4, "not valid YAML"],
  ["nothing", "", undefined, "found nothing, expected one YAML mapping"],
  ["two documents", `${release}---\n${release}`, undefined, "found a list or several documents"],
  ["a key twice", `${release}on: push\n`, 62, 'found key "on" in line 62 again after line 2'],
  ["a job twice", `${release}  build: {}\n`, 62, 'found key "build" in line 62 again'],
  ["jobs twice", `${release}"jobs":\n  x: {}\n`, 62, 'found key "jobs" in line 62 again'],
  [
    "a command twice in a step",
    changed(step, `${step}        run: true\n`),
    17,
    'found key "run" in line 17 again after line 16',
  ],
])("a workflow that cannot be read is refused with its line: %s", async (_, text, at, message) => {
  const findings = await check({ [releaseFile]: text });
  expect(findings[0]).toMatchObject({ level: "error", message: expect.stringContaining(message) });
  expect(findings[0]?.at).toMatchObject({ file: releaseFile });
  expect(findings[0]?.at?.line).toBe(at);
  expect(findings.filter(({ level }) => level === "notice")).toHaveLength(4);
});

test.each([
  ["no jobs", triggers],
  ["a list of jobs", `${triggers}jobs: []\n`],
  ["a job that is none", `${triggers}jobs:\n  a: 1\n`],
  ["steps that are none", `${triggers}jobs:\n  a:\n    steps: x\n`],
  ["a step that is none", `${triggers}jobs:\n  a:\n    steps:\n      - x\n`],
  ["a number as a command", `${triggers}jobs:\n  a:\n    steps:\n      - run: 1\n`],
  ["needs that are none", changed("needs: [build]", "needs: [1]")],
  ["needs that are a mapping", changed("needs: [build]", "needs: {build: 1}")],
])("a workflow of another shape is refused: %s", async (_, text) => {
  await expectRefused(text);
});

test("aliases are read as what they stand for", async () => {
  const text = withJobs(
    `  a: &a\n    needs: first\n    steps: &steps\n      - run: make\n  b: *a\n  c:\n    needs: [a]\n    steps: *steps\n`,
  );
  expect(await breaches(text)).toEqual([]);
});

test("the command judges the work tree, or the commit of --ref", async () => {
  await using repository = await testRepository();
  const { root, env } = repository;
  const commit = await repository.commit({
    ...scripts,
    [releaseFile]: changed(triggers, "on: [push]\n"),
    [chartFile]: chart,
  });
  await Bun.write(join(root, releaseFile), withJobs(""));

  expect(await runScript(script, [], { cwd: join(root, ".github"), env })).toEqual({
    code: 0,
    stdout: [
      `${releaseFile}: starts only on tags "v*"`,
      `${releaseFile}: first runs ${check1}`,
      `${releaseFile}: first is the only job`,
      `${releaseFile}: never names the lab gate (0 files that it names were read)`,
      `${chartFile}: starts only on tags "chart-v*"`,
      `${chartFile}: check-version runs bun scripts/check-helm-tag-version.ts "$GITHUB_REF_NAME"`,
      `${chartFile}: package waits for check-version`,
      `${chartFile}: never names the lab gate (0 files that it names were read)`,
      "",
    ].join("\n"),
    stderr: "",
  });

  const judged = await runScript(script, ["--ref", "HEAD"], { cwd: root, env });
  expect(judged.code).toBe(1);
  expect(judged.stderr).toBe(
    [
      `error: Cannot accept ${releaseFile}: found the trigger ["push"], expected only pushes of v* tags`,
      `  at ${releaseFile}:2:1 in commit ${commit.slice(0, 12)}`,
      '  fix: Write on: push: tags: ["v*"] and no other trigger',
      "",
    ].join("\n"),
  );

  const json = await runScript(script, ["--ref", "HEAD", "--json"], { cwd: root, env });
  const report = JSON.parse(json.stdout) as JsonReport;
  expect(report).toMatchObject({ script, ok: false, exitCode: 1 });
  expect(report.findings.map(({ level }) => level)).toEqual(["error", ...Array(7).fill("notice")]);
  expect(report.findings[0]).toMatchObject({ file: releaseFile, line: 2, column: 1, commit });
});

test.each([[["v1.2.3"]], [["--ref"]], [["--strict"]]])(
  "a wrong command line is told before anything is read: %p",
  async (args) => {
    using folder = temporaryFolder();
    const { code, stderr } = await runScript(script, args, { cwd: folder.path });
    expect(stderr).toStartWith("error: Cannot read the command line: ");
    expect(code).toBe(2);
  },
);
