// biome-ignore-all lint/suspicious/noTemplateCurlyInString: shell and workflows are full of them
import { expect, test } from "bun:test";
import { join } from "node:path";
import { checkReleaseWorkflow } from "../scripts/check-release-workflow.ts";
import { workTree } from "../scripts/lib/disk/files.ts";
import type { Finding } from "../scripts/lib/finding.ts";
import { layout } from "../scripts/lib/layout.ts";
import { memoryTree } from "../scripts/lib/tree.ts";
import { runScript } from "./helpers/run-script.ts";
import {
  type JsonReport,
  projectRoot,
  temporaryFolder,
  testRepository,
  writeFiles,
} from "./helpers/world.ts";

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
      - name: Build, without release-gate/
        run: |
          # release-gate/check-lab-validation.sh is not for CI
          cargo auditable build --release # nor is check-lab-validation
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

/** What a breach found, without the words that all of them share. */
const short = ({ message, at }: Finding) =>
  `${at?.line}: ${message.replace(`Cannot accept ${releaseFile}: found `, "").replace(/, expected [\s\S]*/, "")}`;

async function breaches(text: string, files: Files = {}): Promise<string[]> {
  return (await faultsOf(text, files)).map(short);
}

test("good workflows pass, each rule with its evidence", async () => {
  expect(await check()).toEqual([
    {
      level: "notice",
      message: `${releaseFile}: starts only on tags "v*"`,
      at: { file: releaseFile, line: 4, column: 5 },
    },
    {
      level: "notice",
      message: `${releaseFile}: check-versions runs ${call}`,
      at: { file: releaseFile, line: 16, column: 14 },
    },
    {
      level: "notice",
      message: `${releaseFile}: build, sbom, release, publish-crate, docker wait for check-versions`,
      at: { file: releaseFile, line: 10, column: 3 },
    },
    {
      level: "notice",
      message: `${releaseFile}: never invokes the lab gate (1 file that it calls was read)`,
      at: { file: releaseFile },
    },
    {
      level: "notice",
      message: `${chartFile}: starts only on tags "chart-v*"`,
      at: { file: chartFile, line: 4, column: 5 },
    },
    {
      level: "notice",
      message: `${chartFile}: check-version runs bun scripts/check-helm-tag-version.ts "$GITHUB_REF_NAME"`,
      at: { file: chartFile, line: 12, column: 14 },
    },
    {
      level: "notice",
      message: `${chartFile}: package waits for check-version`,
      at: { file: chartFile, line: 7, column: 3 },
    },
    {
      level: "notice",
      message: `${chartFile}: never invokes the lab gate (1 file that it calls was read)`,
      at: { file: chartFile },
    },
  ]);
});

test("a breach names file, line, what was found and expected, and the way out", async () => {
  const text = changed("needs: [build]", "if: always()\n    needs: [build]");
  expect(await faultsOf(text)).toEqual([
    {
      level: "error",
      message: `Cannot accept ${releaseFile}: found job "sbom" that may run after a failure, if: "always()", expected the success of "check-versions"`,
      remedy: "Remove the status function, or add && needs.build.result == 'success'",
      at: { file: releaseFile, line: 39, column: 5 },
    },
  ]);
});

test.each([
  ["a list over lines", 'on:\n  push:\n    tags:\n      - "v*"\n'],
  ["a flow mapping", "on: {push: {tags: ['v*']}}\n"],
  ["a quoted key", "'on':\n  \"push\":\n    tags: [v*]\n"],
  ["a single pattern", "on:\n  push:\n    tags: v*\n"],
  ["narrower patterns", "on:\n  push:\n    tags: ['v[0-9]+.[0-9]+.[0-9]+', 'v*.*.*', v1.2.3]\n"],
  ["a pattern behind its exclusion", 'on:\n  push:\n    tags: ["v*", "!v*", "v*"]\n'],
  ["what an exclusion leaves", 'on:\n  push:\n    tags: ["v**", "v1.*", "!v1.*", "!v*"]\n'],
  ["an excluded pattern", 'on:\n  push:\n    tags: ["v*", "!v*-rc*"]\n'],
  ["paths, which do not count for tags", "on:\n  push:\n    tags: [v*]\n    paths: [x]\n"],
])("v* tags in any spelling are the only trigger: %s", async (_, on) => {
  expect(await breaches(changed(triggers, on))).toEqual([]);
});

test.each<[string, string, ...string[]]>([
  ["every push", "on: push\n", "2: push without tags"],
  ["every push, in a list", "on: [push]\n", "2: push without tags"],
  ["every push, in a mapping", "on:\n  push:\n", "3: push without tags"],
  [
    "branches alone",
    "on:\n  push:\n    branches: [main]\n",
    "3: push without tags",
    "4: branches on push",
  ],
  [
    "branches beside tags",
    "on:\n  push:\n    tags: [v*]\n    branches: [main]\n",
    "5: branches on push",
  ],
  [
    "branches but some",
    "on:\n  push:\n    branches-ignore: [main]\n    tags: [v*]\n",
    "4: branches-ignore on push",
  ],
  [
    "tags but some",
    "on:\n  push:\n    tags-ignore: [x]\n",
    "3: push without tags",
    "4: tags-ignore on push",
  ],
  ["paths alone", "on:\n  push:\n    paths: [x]\n", "3: push without tags"],
  [
    "other events beside it",
    "on:\n  push:\n    tags: [v*]\n  workflow_dispatch:\n  schedule:\n    - cron: '0 0 * * *'\n  pull_request:\n  workflow_call:\n",
    '5: the trigger "workflow_dispatch"',
    '6: the trigger "schedule"',
    '8: the trigger "pull_request"',
    '9: the trigger "workflow_call"',
  ],
  ["another event", "on: workflow_dispatch\n", '2: the trigger "workflow_dispatch"'],
  [
    "other events in a list",
    "on:\n  - push\n  - release\n",
    "3: push without tags",
    '4: the trigger "release"',
  ],
  ["every tag", "on:\n  push:\n    tags:\n      - '*'\n", '5: tags "*" on push'],
  ["every tag with a slash", "on:\n  push:\n    tags: ['**']\n", '4: tags "**" on push'],
  ["chart tags", "on:\n  push:\n    tags: ['v*', 'chart-v*']\n", '4: tags "chart-v*" on push'],
  ["an optional v", "on:\n  push:\n    tags: ['v?*']\n", '4: tags "v?*" on push'],
  ["a set with v in it", "on:\n  push:\n    tags: ['[vw]*']\n", '4: tags "[vw]*" on push'],
  ["numbers", "on:\n  push:\n    tags: [1.0]\n", "4: tags a number, which YAML reads as 1 on push"],
  ["nothing but exclusions", "on:\n  push:\n    tags: ['!x']\n", "4: no tags on push"],
  ["what is excluded again", "on:\n  push:\n    tags: [v*, '!v*']\n", "4: no tags on push"],
  [
    "what is excluded again, each",
    "on:\n  push:\n    tags: [v1.*, v2, '!v1.*', '!v2']\n",
    "4: no tags on push",
  ],
  [
    "what a wider pattern excludes",
    "on:\n  push:\n    tags: [v1.*, '!v*']\n",
    "4: no tags on push",
  ],
  ["what all excludes", "on:\n  push:\n    tags: ['v**', '!**']\n", "4: no tags on push"],
  ["an empty pattern", 'on:\n  push:\n    tags: [""]\n', '4: tags "" on push'],
  ["a blank one", 'on:\n  push:\n    tags: ["v*", " "]\n', '4: tags " " on push'],
  ["an empty list", "on:\n  push:\n    tags: []\n", "4: no tags on push"],
  ["tags without a value", "on:\n  push:\n    tags:\n", "4: tags nothing on push"],
  ["no event", "on:\n", "2: no trigger"],
  ["no trigger at all", "", "undefined: no trigger"],
])("any other trigger is a breach: %s", async (_, on, ...expected) => {
  expect(await breaches(changed(triggers, on))).toEqual(expected);
});

test("the chart's workflow starts on chart-v* tags only", async () => {
  for (const pattern of ["v*", "chart-*", "chart-v?*"]) {
    const text = changed("chart-v*", `"${pattern}"`, chart);
    const errors = (await check({ [chartFile]: text })).filter(({ level }) => level === "error");
    expect(errors).toMatchObject([
      { message: expect.stringContaining(`tags "${pattern}" on push`), at: { line: 5 } },
    ]);
  }
});

const step = `        run: ${call}\n`;
const block = (...lines: string[]) =>
  changed(step, `        run: |\n${lines.map((line) => `          ${line}\n`).join("")}`);

test.each([
  "scripts/check-tag-version.sh $GITHUB_REF_NAME",
  'scripts/check-tag-version.sh "$GITHUB_REF_NAME"',
  './scripts/check-tag-version.sh "${GITHUB_REF_NAME#v}"',
  'bash scripts/check-tag-version.sh "${GITHUB_REF_NAME##v}"',
  'sh -eu scripts/check-tag-version.sh "${GITHUB_REF#refs/tags/}"',
  'bash -euo pipefail scripts/check-tag-version.sh "${GITHUB_REF##*/}"',
  'bun scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  'bun run ./scripts/check-tag-version.ts -- "$GITHUB_REF_NAME" --json',
  'npx --yes bun@1.4.5 scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  'bun --no-env-file --config=/dev/null scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  'npx bun@1.4.5 run --tsconfig-override=/dev/null scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  'scripts/check-tag-version.ts "${{ github.ref_name }}"',
  "scripts/check-tag-version.ts '${{github.ref_name}}'",
  'NO_COLOR=1 scripts/check-tag-version.sh "$GITHUB_REF_NAME"',
  '"$GITHUB_WORKSPACE/scripts/check-tag-version.sh" "$GITHUB_REF_NAME"',
  '${{ github.workspace }}/scripts/check-tag-version.sh "$GITHUB_REF_NAME"',
  'scripts/check-tag-version.sh "$GITHUB_REF_NAME" > log 2>&1',
  'scripts/check-tag-version.sh "$GITHUB_REF_NAME" # || true',
  'scripts/check-tag-version.sh "$GITHUB_REF_NAME" || exit 1',
  'scripts/check-tag-version.sh "$GITHUB_REF_NAME" || exit',
  'scripts/check-tag-version.sh \\\n  "$GITHUB_REF_NAME"',
  'echo start; scripts/check-tag-version.sh "$GITHUB_REF_NAME"; echo end',
  'set -euo pipefail\nscripts/check-tag-version.sh "$GITHUB_REF_NAME"',
  'set +e\nset -e\nscripts/check-tag-version.sh "$GITHUB_REF_NAME"\nset +e',
  'if [ -z "$GITHUB_REF_NAME" ]; then exit 1; fi\nscripts/check-tag-version.sh "$GITHUB_REF_NAME"',
  'trap \'rm -f "$file"\' EXIT\nscripts/check-tag-version.sh "$GITHUB_REF_NAME"',
  'tag="${GITHUB_REF#refs/tags/}"\nscripts/check-tag-version.sh "$tag"',
  "export TAG=${{ github.ref_name }}\nscripts/check-tag-version.sh ${TAG#v}",
  'read -r version < VERSION\nscripts/check-tag-version.sh "$GITHUB_REF_NAME"',
  'git fetch --tags\nscripts/check-tag-version.sh "$GITHUB_REF_NAME"',
  'exec 2> log\nscripts/check-tag-version.sh "$GITHUB_REF_NAME"',
])("the tag check on the pushed tag counts in its spellings: %s", async (run) => {
  expect(await breaches(block(...run.split("\n")))).toEqual([]);
});

test.each([
  "--config=other.toml",
  "--config=/dev/nullx",
  "--env-file=.env",
  "--preload=./p.ts",
  "--tsconfig-override=tsconfig.json",
  "-r ./p.ts",
  "scripts/other.ts --no-env-file",
])(
  "a switch of Bun that may change what runs is no call of the tag check: %s",
  async (switches) => {
    const run = `bun ${switches} scripts/check-tag-version.ts "$GITHUB_REF_NAME"`;
    expect(await breaches(block(run))).toEqual([`17: ${JSON.stringify(run)}`]);
  },
);

const check1 = 'scripts/check-tag-version.sh "$GITHUB_REF_NAME"';
const part = (command: string) => `${JSON.stringify(command)} as a part of something else`;

test.each<[string, string, ...string[]]>([
  ["in a comment", `# ${check1}`, "9: no job that runs scripts/check-tag-version"],
  ["with || true", `${check1} || true`, `17: ${part(check1)}`],
  ["with || exit 0", `${check1} || exit 0`, `17: ${part(check1)}`],
  ["with an exit in a pipe", `${check1} || exit 1 | cat`, `17: ${part(check1)}`],
  ["in a pipe", `${check1} | tee log`, `17: ${part(check1)}`],
  ["before &&", `${check1} && echo good`, `17: ${part(check1)}`],
  ["after &&", `test -x bun && ${check1}`, `17: ${part(check1)}`],
  ["after && on the line before", `test -x bun &&\n\n${check1}`, `19: ${part(check1)}`],
  ["in the background", `${check1} &`, `17: ${part(check1)}`],
  ["negated", `! ${check1}`, `17: ${part(check1)}`],
  ["as a condition", `if ${check1}; then echo; fi`, `17: ${part(check1)}`],
  ["under a condition", `if test -x x; then\n  ${check1}\nfi`, `18: ${part(check1)}`],
  ["in a loop", `for x in $list; do ${check1}; done`, `17: ${part(check1)}`],
  ["in a case", `case $X in\n  v*) ${check1} ;;\nesac`, `18: ${part(check1)}`],
  ["in a function", `f() {\n  ${check1}\n}`, `18: ${part(check1)}`],
  ["in a function, in the other spelling", `function f {\n${check1}\n}`, `18: ${part(check1)}`],
  ["in a subshell", `(${check1})`, `17: ${part(check1)}`],
  ["in a substitution", `echo "$(${check1})"`, `17: ${JSON.stringify(`echo "$(${check1})"`)}`],
  [
    "in a here-document",
    `cat <<EOF\n${check1}\nEOF`,
    "18: scripts/check-tag-version named in a text",
  ],
  ["in a text", `echo '${check1}'`, `17: ${JSON.stringify(`echo '${check1}'`)}`],
  [
    "in a script that does not end",
    `${check1}\necho "`,
    "17: scripts/check-tag-version named in a text",
  ],
  ["as an operand", `echo ${check1}`, `17: ${JSON.stringify(`echo ${check1}`)}`],
  ["read by bash and not run", `bash -n ${check1}`, `17: ${JSON.stringify(`bash -n ${check1}`)}`],
  [
    "a shell script, given to Bun",
    'bun scripts/check-tag-version.sh "$GITHUB_REF_NAME"',
    '17: "bun scripts/check-tag-version.sh \\"$GITHUB_REF_NAME\\""',
  ],
  [
    "another script",
    'tools/check-tag-version.sh "$GITHUB_REF_NAME"',
    '17: "tools/check-tag-version.sh \\"$GITHUB_REF_NAME\\""',
  ],
  [
    "the chart's check",
    'scripts/check-helm-tag-version.ts "$GITHUB_REF_NAME"',
    "9: no job that runs scripts/check-tag-version",
  ],
  ["on nothing", "scripts/check-tag-version.sh", "17: the tag check on nothing"],
  ["for its help", "scripts/check-tag-version.sh --help", '17: the tag check on "--help"'],
  [
    "for its help, with the tag",
    `${check1} --help`,
    '17: the tag check on "\\"$GITHUB_REF_NAME\\" --help"',
  ],
  ["on a version", "scripts/check-tag-version.sh v1.2.3", '17: the tag check on "v1.2.3"'],
  [
    "on another ref",
    `${check1} --ref main`,
    '17: the tag check on "\\"$GITHUB_REF_NAME\\" --ref main"',
  ],
  [
    "on a whole ref",
    'scripts/check-tag-version.sh "$GITHUB_REF"',
    '17: the tag check on "\\"$GITHUB_REF\\""',
  ],
  [
    "on a whole ref, as an expression",
    "scripts/check-tag-version.sh ${{ github.ref }}",
    '17: the tag check on "${{ github.ref }}"',
  ],
  [
    "on what is not expanded",
    "scripts/check-tag-version.sh '$GITHUB_REF_NAME'",
    "17: the tag check on \"'$GITHUB_REF_NAME'\"",
  ],
  [
    "on the tag, cut elsewhere",
    'scripts/check-tag-version.sh "${GITHUB_REF_NAME%-rc*}"',
    '17: the tag check on "\\"${GITHUB_REF_NAME%-rc*}\\""',
  ],
  [
    "on a default",
    'scripts/check-tag-version.sh "${GITHUB_REF_NAME:-v1.0.0}"',
    '17: the tag check on "\\"${GITHUB_REF_NAME:-v1.0.0}\\""',
  ],
  [
    "on an unknown variable",
    'scripts/check-tag-version.sh "$TAG"',
    '17: the tag check on "\\"$TAG\\""',
  ],
  [
    "on a variable of the script",
    'TAG=v1.0.0\nscripts/check-tag-version.sh "$TAG"',
    '18: the tag check on "\\"$TAG\\""',
  ],
  [
    "on a variable that is set twice",
    `TAG=$GITHUB_REF_NAME\nTAG=v1\nscripts/check-tag-version.sh "$TAG"`,
    '19: the tag check on "\\"$TAG\\""',
  ],
  [
    "on a variable that is set under a condition",
    `if true; then TAG=$GITHUB_REF_NAME; fi\nscripts/check-tag-version.sh "$TAG"`,
    '18: the tag check on "\\"$TAG\\""',
  ],
  [
    "on a variable that is set for another command",
    `TAG=$GITHUB_REF_NAME make\nscripts/check-tag-version.sh "$TAG"`,
    '18: the tag check on "\\"$TAG\\""',
  ],
  [
    "on a variable that is set behind it",
    `scripts/check-tag-version.sh "$TAG"\nTAG=$GITHUB_REF_NAME`,
    '17: the tag check on "\\"$TAG\\""',
  ],
  [
    "on a changed variable",
    `GITHUB_REF_NAME=v1.0.0\n${check1}`,
    '18: the tag check on "\\"$GITHUB_REF_NAME\\""',
  ],
  ["after set +e", `set +e\n${check1}`, '17: "set +e" before the tag check'],
  [
    "after set +o errexit",
    `set +o errexit\n${check1}`,
    '17: "set +o errexit" before the tag check',
  ],
  ["after an exit", `exit 0\n${check1}`, '17: "exit 0" before the tag check'],
  [
    "after an exit under a condition",
    `if test -n "$SKIP"; then\n  exit\nfi\n${check1}`,
    '18: "exit" before the tag check',
  ],
  ["after another program", `exec true\n${check1}`, '17: "exec true" before the tag check'],
  [
    "under a trap that exits",
    `trap 'exit 0' ERR\n${check1}`,
    `17: "trap 'exit 0' ERR" before the tag check`,
  ],
  ["in another folder", `cd /tmp\n${check1}`, '17: "cd /tmp" before the tag check'],
  [
    "after git checkout",
    `git checkout main\n${check1}`,
    '17: "git checkout main" before the tag check',
  ],
  [
    "after git switch",
    `git switch --detach origin/main\n${check1}`,
    '17: "git switch --detach origin/main" before the tag check',
  ],
  [
    "after git reset",
    `git -c x=y reset --hard HEAD~1\n${check1}`,
    '17: "git -c x=y reset --hard HEAD~1" before the tag check',
  ],
  [
    "after git restore",
    `sudo /usr/bin/git restore --source main .\n${check1}`,
    '17: "sudo /usr/bin/git restore --source main ." before the tag check',
  ],
  [
    "after a read of the variable that another one is set from",
    'read GITHUB_REF_NAME\ntag=$GITHUB_REF_NAME\nscripts/check-tag-version.sh "$tag"',
    '17: "read GITHUB_REF_NAME" before the tag check',
  ],
  [
    "after git checkout in a substitution",
    `x=$('git' checkout main)\n${check1}`,
    "17: \"'git' checkout main\" before the tag check",
  ],
  [
    "after git pull",
    `if git fetch; then git pull origin main; fi\n${check1}`,
    '17: "git pull origin main" before the tag check',
  ],
  [
    "after a read of the variable",
    `read -r GITHUB_REF_NAME <<< v0.1.0\n${check1}`,
    '17: "read -r GITHUB_REF_NAME" before the tag check',
  ],
  [
    "after unset of the variable",
    `unset 'GITHUB_REF_NAME'\n${check1}`,
    "17: \"unset 'GITHUB_REF_NAME'\" before the tag check",
  ],
  [
    "after printf into the variable",
    `printf -vGITHUB_REF_NAME v1\n${check1}`,
    '17: "printf -vGITHUB_REF_NAME v1" before the tag check',
  ],
  ["in a shell that runs nothing", `set -en\n${check1}`, '17: "set -en" before the tag check'],
  [
    "in a shell that runs nothing, by its option",
    `set -euo noexec\n${check1}`,
    '17: "set -euo noexec" before the tag check',
  ],
  [
    "under a trap with another program",
    `trap 'exec true' EXIT\n${check1}`,
    "17: \"trap 'exec true' EXIT\" before the tag check",
  ],
  [
    "with a function of the program's name, in the other spelling",
    'function bun { true; }\nbun scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
    '17: "function bun { true" before the tag check',
  ],
  [
    "with a function of the program's name",
    'bun() { true; }\nbun scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
    '17: "bun" before the tag check',
  ],
])("what may not run the check on the pushed tag is a breach: %s", async (_, run, ...expected) => {
  expect(await breaches(block(...run.split("\n")))).toEqual(expected);
});

test.each([
  ["of the step", `${step}        env:\n          TAG: \${{ github.ref_name }}\n`, release],
  [
    "of the job",
    step,
    changed("    steps:", "    env:\n      TAG: ${{ github.ref_name }}\n    steps:"),
  ],
  [
    "of the workflow",
    step,
    changed("permissions:", "env: {TAG: '${{ github.ref_name }}'}\npermissions:"),
  ],
])("the tag may come from the environment %s", async (_, to, text) => {
  for (const operand of ['"$TAG"', "${TAG#v}", "'${{ env.TAG }}'"]) {
    const run = changed(step, to, text).replace(
      call,
      () => `scripts/check-tag-version.sh ${operand}`,
    );
    expect(await breaches(run)).toEqual([]);
  }
});

test("the environment of a step hides that of its job", async () => {
  const text = changed("    steps:", "    env:\n      TAG: ${{ github.ref_name }}\n    steps:");
  const own = `        run: scripts/check-tag-version.sh "$TAG"\n        env: {TAG: v1.0.0}\n`;
  expect(await breaches(changed(step, own, text))).toEqual(['18: the tag check on "\\"$TAG\\""']);
});

const job = "  check-versions:\n";
test.each<[string, string, string, ...string[]]>([
  [
    "a job that needs another",
    job,
    `${job}    needs: sbom\n`,
    '11: job "check-versions", which checks the tag, in need of "sbom"',
    '20: job "build" in need of itself',
    '40: job "sbom" in need of itself',
  ],
  [
    "a condition of the job",
    job,
    `${job}    if: github.actor != 'x'\n`,
    `11: job "check-versions", which checks the tag, under if: "github.actor != 'x'"`,
  ],
  [
    "a condition of the step",
    step,
    `${step}        if: \${{ !contains(github.ref, 'rc') }}\n`,
    `17: the step that checks the tag, under if: "\${{ !contains(github.ref, 'rc') }}"`,
  ],
  [
    "a failure of the job that does not count",
    job,
    `${job}    continue-on-error: true\n`,
    '11: job "check-versions", which checks the tag, with continue-on-error: true',
  ],
  [
    "a failure of the step that does not count",
    step,
    `${step}        continue-on-error: \${{ true }}\n`,
    "17: the step that checks the tag, with continue-on-error: ${{ true }}",
  ],
  [
    "a shell that goes on",
    step,
    `${step}        shell: bash {0}\n`,
    '17: the tag check in the shell "bash {0}"',
  ],
  [
    "another shell by default",
    job,
    `${job}    defaults: {run: {shell: pwsh}}\n`,
    '17: the tag check in the shell "pwsh"',
  ],
  [
    "Windows without a shell",
    "    runs-on: ubuntu-latest",
    "    runs-on: windows-latest",
    '16: the tag check in the shell "pwsh"',
  ],
  [
    "another folder",
    step,
    `${step}        working-directory: tools\n`,
    `16: ${JSON.stringify(call)}`,
  ],
  [
    "a checkout of another ref",
    "checkout@v4\n",
    "checkout@v4\n        with:\n          ref: main\n",
    '16: ref "main" checked out before the tag check',
  ],
  [
    "a checkout of another repository",
    "checkout@v4\n",
    "checkout@v4\n        with: {repository: me/fork, ref: '${{ github.ref }}'}\n",
    '15: repository "me/fork" checked out before the tag check',
  ],
  [
    "a job that is another workflow",
    `${job}    name: Check versions\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - name: Compare the tag\n${step}`,
    `${job}    uses: me/x/.github/workflows/check-tag-version.yml@v1\n`,
    "9: no job that runs scripts/check-tag-version",
  ],
])("what may skip the check, or let it fail, is a breach: %s", async (_, from, to, ...expected) => {
  expect(await breaches(changed(from, to))).toEqual(expected);
});

test.each([
  ["true", step, `${step}        if: true\n`],
  ["always()", step, `${step}        if: \${{ always() }}\n`],
  ["success()", job, `${job}    if: success()\n`],
  ["continue-on-error: false", step, `${step}        continue-on-error: false\n`],
  ["shell: bash", step, `${step}        shell: bash\n`],
  ["a shell with -e", step, `${step}        shell: bash --noprofile -euo pipefail {0}\n`],
  ["a shell on Windows", "    steps:", "    defaults: {run: {shell: bash}}\n    steps:"],
  ["the top folder", step, `${step}        working-directory: .\n`],
  [
    "a checkout of the tag",
    "checkout@v4\n",
    "checkout@v4\n        with: {ref: '${{ github.ref_name }}', fetch-depth: 0}\n",
  ],
  [
    "a checkout beside",
    "checkout@v4\n",
    "checkout@v4\n      - uses: actions/checkout@v4\n        with: {repository: me/lab, path: lab}\n",
  ],
  ["an empty list of needs", job, `${job}    needs: []\n`],
])("what cannot skip the check is no breach: %s", async (_, from, to) => {
  expect(await breaches(changed(from, to))).toEqual([]);
});

/** The release workflow with another checkout before the tag check. */
const withCheckout = (inputs: string, action = "actions/checkout@v4") =>
  changed("checkout@v4\n", `checkout@v4\n      - uses: ${action}\n        with: {${inputs}}\n`);

test.each([
  ["as a dot", "ref: main, path: .", "ref"],
  ["as a dot and a slash", "ref: main, path: ./", "ref"],
  ["with a blank", "ref: main, path: ' ./ '", "ref"],
  ["as an empty text", "ref: main, path: ''", "ref"],
  ["as nothing", "ref: main, path: null", "ref"],
  ["out of a folder and back", "ref: main, path: lab/..", "ref"],
  ["as an expression", "ref: main, path: '${{ github.workspace }}'", "ref"],
  ["behind an expression", "ref: main, path: 'lab${{ env.UP }}'", "ref"],
  ["as a whole path", "ref: main, path: /home/runner/work/x/x", "ref"],
  ["from the folder above", "ref: main, path: ../x", "ref"],
  ["with backslashes", "ref: main, path: '.\\'", "ref"],
  ["given twice", "ref: main, path: lab, PATH: .", "ref"],
  ["with names in capitals", "REF: main, PATH: .", "REF"],
  ["without one, with a name in capitals", "Ref: main", "Ref"],
  ["with another name beside it", "ref: '', REF: main", "REF"],
])("a checkout of another ref into the root is a breach, the path %s", async (_, inputs, key) => {
  expect(await breaches(withCheckout(inputs))).toEqual([
    `16: ${key} "main" checked out before the tag check`,
  ]);
});

test("the name of the action of a checkout counts in any case", async () => {
  for (const action of ["Actions/Checkout@v4", "ACTIONS/checkout@v4", "actions/checkout/@v4"]) {
    expect(await breaches(withCheckout("ref: main", action))).toEqual([
      '16: ref "main" checked out before the tag check',
    ]);
  }
});

test.each([
  ["in another folder", "ref: main, path: lab"],
  ["in a folder of another", "ref: main, PATH: ./work/lab/"],
  ["with other inputs", "constructor: x, fetch-depth: 0"],
  ["of the tag, in the root", "ref: '${{ github.ref_name }}', path: ."],
])("a checkout that leaves the tag's tree alone is no breach: %s", async (_, inputs) => {
  expect(await breaches(withCheckout(inputs))).toEqual([]);
});

test("of two attempts the one that certainly checks the tag counts", async () => {
  const text = block(`${check1} --help`, `if true; then ${check1}; fi`, check1);
  expect(await breaches(text)).toEqual([]);
});

test("all faults of the first job are told at once, and what waits for it is judged", async () => {
  const text = changed(job, `${job}    if: false\n    continue-on-error: true\n`)
    .replace(call, () => "scripts/check-tag-version.sh v1 || true")
    .replace("needs: release", "needs: [release, nobody]");
  expect(await breaches(text)).toEqual([
    '11: job "check-versions", which checks the tag, under if: "false"',
    '12: job "check-versions", which checks the tag, with continue-on-error: true',
    '18: the tag check on "v1"',
    '18: "scripts/check-tag-version.sh v1" as a part of something else',
    '54: job "publish-crate" in need of "nobody"',
  ]);
});

test("what runs before the check, and a check that is not there, are warnings", async () => {
  const text = changed(
    "      - name: Compare",
    "      - uses: step-security/harden-runner@v2\n      - run: cargo publish\n      - uses: me/release@v1\n      - name: Compare",
  );
  const tree = memoryTree({ [releaseFile]: text, [chartFile]: chart });
  const warnings = (await checkReleaseWorkflow(tree)).filter(({ level }) => level !== "notice");
  expect(warnings.map(({ level, message, at }) => `${level} ${at?.line} ${message}`)).toEqual([
    `warning 19 Every run of ${releaseFile} will fail: there is no scripts/check-tag-version.sh`,
    `warning 16 A step of check-versions in ${releaseFile} runs before the tag is checked`,
    `warning 17 A step of check-versions in ${releaseFile} runs before the tag is checked`,
    `warning 12 Every run of ${chartFile} will fail: there is no scripts/check-helm-tag-version.ts`,
  ]);
});

test.each([
  'sh scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
  'bash -e scripts/check-tag-version.ts "$GITHUB_REF_NAME"',
])("a shell that is given TypeScript will fail, which is a warning: %s", async (run) => {
  expect(await warningsOf(run)).toEqual([
    `17 Every run of ${releaseFile} will fail: no shell runs scripts/check-tag-version.ts`,
  ]);
});

const warningsOf = async (...lines: string[]) =>
  (await check({ [releaseFile]: block(...lines) }))
    .filter(({ level }) => level === "warning")
    .map(({ message, at }) => `${at?.line} ${message}`);

test.each([
  "cargo publish",
  "eval $X",
  ". ./env.sh",
  "PATH=/x:$PATH",
  "export BASH_ENV=x",
  "git fetch --tags",
  "x=$(make)",
  "trap 'rm x' EXIT",
  "bun install; make",
])("what runs before the check in the same step is a warning, once: %s", async (command) => {
  expect(await warningsOf("set -e", command, check1, "make")).toEqual([
    `18 A command of check-versions in ${releaseFile} runs before the tag is checked`,
  ]);
});

test("what only tells, asks or names the tag before the check is no warning", async () => {
  expect(
    await warningsOf(
      "set -euo pipefail",
      'echo "GITHUB_REF_NAME is $GITHUB_REF_NAME"',
      'if [ -z "$GITHUB_REF_NAME" ]; then exit 1; fi',
      'export TAG="$GITHUB_REF_NAME"',
      'scripts/check-tag-version.sh "$TAG"',
    ),
  ).toEqual([]);
});

/** A release workflow with these jobs, from line 10 on, behind the one that checks the tag. */
const withJobs = (jobs: string) =>
  `${triggers}jobs:\n  first:\n    runs-on: x\n    steps:\n      - run: ${check1}\n\n${jobs}`;
/** A job; needs and condition are the rest of its line. */
const jobOf = (id: string, rest: string) => `  ${id}: {runs-on: x, steps: [run: make], ${rest}}\n`;

test("even the very first step is a warning, if it only may come before the check", async () => {
  const text = withJobs("").replace("steps:", "steps:\n      - run: make");
  const warnings = (await check({ [releaseFile]: text })).filter(
    ({ level }) => level === "warning",
  );
  expect(warnings).toMatchObject([{ at: { file: releaseFile, line: 8, column: 9 } }]);
});

test.each<[string, string, ...string[]]>([
  ["directly", jobOf("a", "needs: first") + jobOf("b", "needs: [first]")],
  [
    "through others",
    jobOf("c", "needs: [b]") + jobOf("b", "needs: a") + jobOf("a", "needs: first"),
  ],
  ["among others", jobOf("a", "needs: first") + jobOf("b", "needs: [a, first]")],
  ["as another workflow", "  a: {uses: me/x/.github/workflows/y.yml@v1, needs: first}\n"],
  ["not at all", jobOf("a", "env: {}"), '10: job "a" that starts without "first"'],
  ["not in an empty list", jobOf("a", "needs: []"), '10: job "a" that starts without "first"'],
  [
    "not as another workflow",
    "  a:\n    uses: me/x/.github/workflows/y.yml@v1\n",
    '10: job "a" that starts without "first"',
  ],
  [
    "not through others that do not",
    jobOf("a", "env: {}") + jobOf("b", "needs: a") + jobOf("c", "needs: [b]"),
    '10: job "a" that starts without "first"',
    '11: job "b" that starts without "first"',
    '12: job "c" that starts without "first"',
  ],
  [
    "not through a job that is not there",
    jobOf("a", "needs: [first, lint]") + jobOf("b", "needs: First"),
    '10: job "a" in need of "lint"',
    '11: job "b" in need of "First"',
    '11: job "b" that starts without "first"',
  ],
  ["not around itself", jobOf("a", "needs: [first, a]"), '10: job "a" in need of itself'],
  [
    "not in a circle",
    jobOf("a", "needs: [first, c]") + jobOf("b", "needs: a") + jobOf("c", "needs: b"),
    '10: job "a" in need of itself',
    '11: job "b" in need of itself',
    '12: job "c" in need of itself',
  ],
])("every other job needs the first one: %s", async (_, jobs, ...expected) => {
  expect(await breaches(withJobs(jobs))).toEqual(expected);
});

test.each([
  "always()",
  "${{ always() }}",
  "ALWAYS ( )",
  "!cancelled()",
  "failure()",
  "!failure() && !cancelled()",
  "success() || failure()",
  "always() || github.actor == 'x' && success()",
  "always() && needs.other.result == 'success'",
  "always() && needs.first.result != 'failure'",
  "always() && needs.first.result == 'success' || true",
  "always() && (needs.first.result == 'success' || true)",
  "always() && !(needs.first.result == 'success')",
  "always() && 'x && needs.first.result == ''success'' && y'",
  "${{ always() }} && needs.first.result == 'success'",
  "${{ always() && github.actor == 'x' }} && ${{ needs.first.result == 'success' }}",
])("a job that may run although the first one failed is a breach: %s", async (condition) => {
  const jobs =
    jobOf("other", "needs: first") + jobOf("a", `needs: first, if: ${JSON.stringify(condition)}`);
  expect(await breaches(withJobs(jobs))).toEqual([
    `11: job "a" that may run after a failure, if: ${JSON.stringify(condition)}`,
  ]);
});

test.each([
  "github.actor != 'x'",
  "contains(github.ref, 'always()')",
  "vars.always == '1'",
  "success()",
  "github.actor != 'x' && success()",
  "always() && needs.first.result == 'success'",
  "${{ !cancelled() && needs['first'].result == 'success' }}",
  "!failure() && needs.b.result == 'success'",
  "(always() || false) && needs.first.result == 'success' && !contains(github.ref, '-rc')",
])("a condition that keeps the first job's success is none: %s", async (condition) => {
  const jobs =
    jobOf("b", "needs: first") + jobOf("a", `needs: [b, first], if: ${JSON.stringify(condition)}`);
  expect(await breaches(withJobs(jobs))).toEqual([]);
});

const line = "sha256sum dist/* > dist/SHA256SUMS";
const gate = "release-gate/check-lab-validation.sh";
const found = (text: string, route = "") => `the lab gate in ${JSON.stringify(text)}${route}`;

test.each<[string, string, string[]]>([
  ["by the shell script", `- run: ${gate} --version v1`, [`48: ${found(`${gate} --version v1`)}`]],
  [
    "by the Bun script",
    "- run: bun release-gate/check-lab-validation.ts --version v1",
    [`48: ${found("bun release-gate/check-lab-validation.ts --version v1")}`],
  ],
  [
    "in a block, each line",
    `- run: |\n          make\n          # ${gate}\n          bash ./${gate} # x\n          grep PASS "release-gate/lab-validations.txt"`,
    [
      `51: ${found(`bash ./${gate}`)}`,
      `52: ${found('grep PASS "release-gate/lab-validations.txt"')}`,
    ],
  ],
  [
    "from its folder",
    "- run: cd release-gate && ./check*",
    [`48: ${found("cd release-gate && ./check*")}`],
  ],
  [
    "as its working folder",
    "- run: ./check*\n        working-directory: release-gate",
    [`49: ${found("release-gate")}`],
  ],
  ["behind a #", `- run: 'echo "#" x#; ${gate}'`, [`48: ${found(`echo "#" x#; ${gate}`)}`]],
  [
    "in a substitution with a #",
    `- run: 'echo "$(echo " # $(${gate})")"'`,
    [`48: ${found(`echo "$(echo " # $(${gate})")"`)}`],
  ],
  [
    "in a here-document",
    `- run: |\n          bash <<EOF\n          # ${gate}\n          EOF`,
    [`50: ${found(`# ${gate}`)}`],
  ],
  ["by a variable", `- run: $GATE\n        env: {GATE: ${gate}}`, [`49: ${found(gate)}`]],
  [
    "by an input, whatever its name",
    `- uses: me/run@v1\n        with:\n          name: ${gate}`,
    [`50: ${found(gate)}`],
  ],
  ["as an action", "- uses: ./release-gate/action", [`48: ${found("./release-gate/action")}`]],
  ["by an own shell", `- run: make\n        shell: ${gate} {0}`, [`49: ${found(`${gate} {0}`)}`]],
])("no step invokes the lab gate: %s", async (_, to, expected) => {
  expect(await breaches(changed(`- run: ${line}`, to))).toEqual(expected);
});

test.each([
  ["cmd", "shell: cmd", ""],
  ["PowerShell", "shell: pwsh", ""],
  ["Python", "shell: python", ""],
  ["another one", "shell: ${{ matrix.shell }}", ""],
  ["a filter before bash", `shell: bash -c "tr -d '#' < {0} | bash"`, ""],
  ["that of the job", "env: {}", "    defaults: {run: {shell: cmd}}\n"],
  ["that of Windows", "env: {}", "    strategy: {matrix: {os: [windows-latest]}}\n"],
])("behind a # the lab gate counts unless a POSIX shell reads it: %s", async (_, step, job) => {
  const run = `echo hi # && bash ${gate}`;
  const text = withJobs(
    `  a:\n    needs: first\n${job}    steps:\n      - run: '${run}'\n        ${step}\n`,
  );
  expect(await breaches(text)).toEqual([`${job === "" ? 13 : 14}: ${found(run)}`]);
});

test("behind a # the lab gate counts where the shell of a workflow, or of an alias's job, is none", async () => {
  const aliased = `  a: {needs: first, steps: &x [run: "make # ${gate}"]}\n`;
  const withShell = `  b: {needs: first, steps: *x, defaults: {run: {shell: cmd}}}\n`;
  const all = found(`make # ${gate}`);
  const [fault, ...more] = await breaches(withJobs(aliased + withShell));
  expect(fault).toEndWith(all);
  expect(more).toEqual([]);
  const ofWorkflow = withJobs(aliased).replace("jobs:", "defaults: {run: {shell: cmd}}\njobs:");
  const faults = await breaches(ofWorkflow);
  expect(faults.filter((each) => each.endsWith(all))).toHaveLength(1);
});

test.each(["shell: bash", "shell: sh", "shell: bash --noprofile -euo pipefail {0}", "env: {}"])(
  "behind a # a POSIX shell reads no call of the lab gate: %s",
  async (step) => {
    const run = `- run: 'make # ${gate}'\n        ${step}`;
    expect(await breaches(changed(`- run: ${line}`, run))).toEqual([]);
  },
);

test.each([
  "bash release-gate*/check-lab-*",
  "bash release-gate?/x",
  "bash release-gate[/]x",
  "bash ./release-gat?/check-lab-validation.sh",
  'bash "$GITHUB_WORKSPACE"/rel*/check-l?b-valid*.sh',
  "for x in r*/check-*.ts; do bun $x; done",
  "bash r*e-[fg]ate/c*.sh",
  "bash release-{gate,x}/check-{lab,x}-validation.sh",
  "cd scripts && bash ../*/check-lab*.sh",
  "cd rel*; ./check*",
])("a pattern that leads to the lab gate is a call of it: %s", async (run) => {
  expect(await breaches(block(call, run))).toEqual([`18: ${found(run)}`]);
});

test.each([
  "sha256sum dist/*.tar.gz release-*.txt release-gates*",
  "shellcheck **/*.sh */*.ts",
  "for x in scripts/check-*.ts; do bun build $x; done",
  "cd target/release*; if [ -f x ]; then ls [a-z]*; fi",
  "echo ${x[@]} ${x%%/*}",
])("a pattern that names no part of the lab gate is no call of it: %s", async (run) => {
  expect(await breaches(block(call, run))).toEqual([]);
});

test("words about the gate are no call of it", async () => {
  const text = changed(
    `- run: ${line}`,
    `- name: ${gate} is never run\n        run: my-release-gate/x; echo release-gate-x # ${gate}\n        # ${gate}`,
  ).replace("name: Release v*", `name: ${gate}\nrun-name: ${gate}`);
  expect(await breaches(text)).toEqual([]);
});

/** The breaches of a workflow with a step that runs this, in a tree with these files. */
const callBreaches = async (run: string, files: Files, text = release) =>
  (await faultsOf(changed(line, run, text), files)).map(
    (each) => `${each.at?.file}:${short(each)}`,
  );

test.each<[string, string]>([
  ["by its path", "scripts/a.sh"],
  ["by a shell", "sudo -E bash ./scripts/a.sh x"],
  ["from its folder", "cd scripts; ./a.sh"],
  ["from the workspace", 'bash "$GITHUB_WORKSPACE"/scripts/a.sh'],
  ["from the workspace, as an expression", "${{ github.workspace }}/scripts/a.sh"],
  ["in a substitution", 'echo "$(scripts/a.sh)"'],
  ["in a text for a shell", "bash -c 'scripts/a.sh'"],
  ["as a source", ". scripts/a.sh"],
  ["from a working folder", "./a.sh\n        working-directory: scripts"],
  ["by a variable", "$A\n        env: {A: scripts/a.sh}"],
])("a script is followed when it is called: %s", async (_, run) => {
  const files = {
    "scripts/a.sh": `#!/bin/sh\n# ${gate}\nmake\n${gate} --version v1\n`,
    [gate]: `#!/bin/sh\necho "Usage: ${gate} --version vX.Y.Z"\n`,
  };
  const [fault, ...more] = await callBreaches(run, files);
  expect(fault).toMatch(
    /^scripts\/a\.sh:4: the lab gate in "release-gate\/check-lab-validation\.sh --version v1", called from \.github\/workflows\/release\.yml:4[89]$/,
  );
  expect(more).toEqual([]);
});

const atStep = `${releaseFile}:48`;

test.each<[string, string, Files, string[]]>([
  [
    "scripts of scripts, round and round",
    "scripts/a.sh",
    {
      "scripts/a.sh": 'here=$(dirname "$0")\n"$here/b.sh"\n',
      "scripts/b.sh": `scripts/a.sh\n. "\${BASH_SOURCE%/*}/lib/c"\n`,
      "scripts/lib/c": `#!/bin/sh\n${gate}\n`,
    },
    [`scripts/lib/c:2: ${found(gate, `, called from ${atStep}, scripts/a.sh:2, scripts/b.sh:2`)}`],
  ],
  [
    "a script in a language that is no shell",
    "python3 tools/x.py",
    { "tools/x.py": `s = """it's"""\nos.system("${gate}")\n` },
    [`tools/x.py:2: ${found(`os.system("${gate}")`, `, called from ${atStep}`)}`],
  ],
  [
    "modules and what they import",
    "bun scripts/a.ts",
    {
      "scripts/a.ts": "#!/usr/bin/env bun\n\nimport { b } from './lib/b.ts';\nb();\n",
      "scripts/lib/b.ts": 'export { b } from "../../release-gate/check-lab-validation.ts";\n',
    },
    [
      `scripts/lib/b.ts:1: the lab gate in an import of release-gate/check-lab-validation.ts, called from ${atStep}, scripts/a.ts:3`,
    ],
  ],
  [
    "modules without their ending, or with the compiled one",
    "node scripts/a.mjs",
    {
      "scripts/a.mjs": "import './b';\n",
      "scripts/b/index.ts": "export * from '../c.js';\n",
      "scripts/c.ts": "await import('../release-gate/check-lab-validation.ts');\n",
    },
    [
      `scripts/c.ts:1: the lab gate in an import of release-gate/check-lab-validation.ts, called from ${atStep}, scripts/a.mjs:1, scripts/b/index.ts:1`,
    ],
  ],
  [
    "a module that only its first line tells",
    "scripts/a",
    {
      "scripts/a":
        "#!/usr/bin/env bun\nimport { a } from '../release-gate/x.ts';\nconst b: number = a;\n",
    },
    [`scripts/a:2: the lab gate in an import of release-gate/x.ts, called from ${atStep}`],
  ],
  [
    "programs that a module starts",
    "bun scripts/a.ts",
    {
      "scripts/a.ts": `Bun.spawn(["bun", "${gate}"]);\nawait $\`sh ./scripts/b.sh\`;\nexecSync("cd release-gate; ./check*");\n`,
      "scripts/b.sh": `${gate}\n`,
    },
    [
      `scripts/a.ts:1: ${found(gate, `, called from ${atStep}`)}`,
      `scripts/b.sh:1: ${found(gate, `, called from ${atStep}, scripts/a.ts:2`)}`,
      `scripts/a.ts:3: ${found("cd release-gate; ./check*", `, called from ${atStep}`)}`,
    ],
  ],
  [
    "scripts of package.json",
    "npx --yes bun@1.4.5 run lab",
    {
      "package.json": `{\n  "scripts": {\n    "prelab": "scripts/a.sh",\n    "lab": "cd release-gate"\n  }\n}\n`,
      "scripts/a.sh": `${gate}\n`,
    },
    [
      `scripts/a.sh:1: ${found(gate, `, called from ${atStep}, package.json:3`)}`,
      `package.json:4: ${found("cd release-gate", `, called from ${atStep}`)}`,
    ],
  ],
])("what is called is followed: %s", async (_, run, files, expected) => {
  expect(await callBreaches(run, files)).toEqual(expected);
});

test.each<[string, string, Files, string[]]>([
  [
    "an action, and its scripts",
    "./.github/actions/a",
    {
      ".github/actions/a/action.yml": `name: ${gate}\ndescription: ${gate}\nruns:\n  using: composite\n  steps:\n    - run: \${{ github.action_path }}/x.sh\n      shell: bash\n    - uses: ./.github/actions/b/\n`,
      ".github/actions/a/x.sh": `${gate}\n`,
      ".github/actions/b/action.yaml": "runs:\n  using: node20\n  main: dist/index.js\n",
      ".github/actions/b/dist/index.js": `require("child_process").execSync("${gate} x");\n`,
    },
    [
      `.github/actions/a/x.sh:1: ${found(gate, `, called from ${atStep}, .github/actions/a/action.yml:6`)}`,
      `.github/actions/b/dist/index.js:1: ${found(`${gate} x`, `, called from ${atStep}, .github/actions/a/action.yml:8, .github/actions/b/action.yaml:3`)}`,
    ],
  ],
  [
    "a workflow",
    "./.github/workflows/x.yml",
    {
      ".github/workflows/x.yml": `on: {workflow_call: {inputs: {x: {default: ${gate}}}}}\njobs:\n  x:\n    steps:\n      - run: ${gate}\n`,
    },
    [
      `.github/workflows/x.yml:1: ${found(gate, `, called from ${atStep}`)}`,
      `.github/workflows/x.yml:5: ${found(gate, `, called from ${atStep}`)}`,
    ],
  ],
  [
    "an action that is not there",
    "./.github/actions/a",
    {},
    [
      `${releaseFile}:48: Cannot tell what ${atStep} calls: found no .github/actions/a/action.yml or .github/actions/a/action.yaml`,
    ],
  ],
  [
    "an action that cannot be read",
    "./a",
    { "a/action.yml": "runs:\n  - [\n" },
    [expect.stringMatching(/^a\/action\.yml:\d+: Cannot read a\/action\.yml: not valid YAML/)],
  ],
])("what a step uses is followed: %s", async (_, uses, files, expected) => {
  const faults = await faultsOf(changed(`- run: ${line}`, `- uses: ${uses}`), files);
  expect(faults.map((each) => `${each.at?.file}:${short(each)}`)).toEqual(expected);
});

test("a workflow that a job calls is followed", async () => {
  const text = withJobs("  a:\n    needs: first\n    uses: ./.github/workflows/x.yml\n");
  const files = { ".github/workflows/x.yml": `jobs:\n  x:\n    steps: [{run: ${gate}}]\n` };
  expect(await breaches(text, files)).toEqual([
    `3: ${found(gate, `, called from ${releaseFile}:12`)}`,
  ]);
});

const reusable = (on: string, more = "") =>
  `on:\n  workflow_call: ${on}\njobs:\n  x:\n    steps:\n      - run: bun "\${{ inputs.x }}"\n${more}`;

test.each<[string, string, ...string[]]>([
  [
    "by the default of an input",
    reusable(`{inputs: {x: {default: ${gate}}}}`),
    `2: ${found(gate)}`,
  ],
  [
    "by one of the options of an input",
    reusable(`{inputs: {x: {options: [make, ${gate}]}}}`),
    `2: ${found(gate)}`,
  ],
  ["by an output", reusable(`{outputs: {x: {value: ${gate}}}}`), `2: ${found(gate)}`],
  [
    "by a filter that is an environment, too",
    reusable(`\n  push: {paths: &x [${gate}]}`, "    strategy: {matrix: {x: *x}}\n"),
    `3: ${found(gate)}`,
  ],
  [
    "by a description that is an environment, too",
    reusable(`{inputs: {x: &x {description: ${gate}}}}`, "    env: *x\n"),
    `2: ${found(gate)}`,
  ],
  [
    "by a step's name that is an environment, too",
    reusable("", `      - &x {name: ${gate}, run: make}\n    env: *x\n`),
    `7: ${found(gate)}`,
  ],
  [
    "by steps of several jobs, once",
    reusable("", `      - &x {run: ${gate}}\n      - *x\n  y: {steps: [*x]}\n`),
    `7: ${found(gate)}`,
  ],
])("a called workflow does not invoke the lab gate: %s", async (_, text, ...expected) => {
  const to = "- uses: ./.github/workflows/x.yml";
  const faults = await faultsOf(changed(`- run: ${line}`, to), {
    ".github/workflows/x.yml": text,
  });
  const route = `, called from ${atStep}`;
  expect(faults.map(short)).toEqual(expected.map((each) => `${each}${route}`));
});

test("filters of triggers and descriptions are no call of the lab gate", async () => {
  const filters = `push: {tags: [v*], paths: ["release-gate/**", ${gate}], paths-ignore: ${gate}}`;
  const call = `workflow_call: {inputs: {x: {description: ${gate}}}, secrets: {y: {description: ${gate}}}, outputs: {z: {description: ${gate}, value: x}}}`;
  const files = { ".github/workflows/x.yml": `on: {${filters}, ${call}}\njobs: {}\n` };
  expect(
    await breaches(changed(`- run: ${line}`, "- uses: ./.github/workflows/x.yml"), files),
  ).toEqual([]);
});

test.each<[string, string, Files]>([
  [
    "what only names it",
    "bun scripts/a.ts",
    {
      "scripts/a.ts": `// ${gate}\n/* "${gate}" */\nconst a = "Run ${gate} first"; const b = "release-gate/lab-validations.txt";\n`,
    },
  ],
  [
    "an import of types",
    "bun scripts/a.ts",
    { "scripts/a.ts": "import type { A } from '../release-gate/check-lab-validation.ts';\n" },
  ],
  [
    "a file that is no script",
    "cat docs/x.md scripts",
    { "docs/x.md": `${gate}\n`, "scripts/y.sh": `${gate}\n` },
  ],
  ["a script of another folder", "/usr/bin/a.sh ../scripts/a.sh", { "scripts/a.sh": `${gate}\n` }],
  [
    "another script of package.json",
    "npm run build",
    { "package.json": `{"scripts": {"lab": "${gate}"}}` },
  ],
])("what does not lead to the gate is no call: %s", async (_, run, files) => {
  expect(await callBreaches(run, files)).toEqual([]);
});

test("a called script is read whatever its bytes are", async () => {
  using folder = temporaryFolder();
  const script = Buffer.from(`# \xe9\n${gate}\n`, "latin1");
  writeFiles(folder.path, {
    ...scripts,
    [releaseFile]: changed(line, "scripts/a.sh"),
    [chartFile]: chart,
    "scripts/a.sh": script,
  });
  const findings = await checkReleaseWorkflow(workTree(folder.path));
  expect(findings.filter(({ level }) => level === "error")).toMatchObject([
    { at: { file: "scripts/a.sh", line: 2 } },
  ]);
});

test("a called module that cannot be parsed is refused, and hides nothing else", async () => {
  const files = { "scripts/a.ts": "let x: = 1;\n", "scripts/b.sh": `${gate}\n` };
  expect(await callBreaches("bun scripts/a.ts; scripts/b.sh", files)).toEqual([
    "scripts/a.ts:undefined: Cannot read scripts/a.ts: not valid TypeScript",
    `scripts/b.sh:1: ${found(gate, `, called from ${atStep}`)}`,
  ]);
});

test("the release commands and the demo lead to the gate, the checks do not", async () => {
  const own = workTree(projectRoot);
  const reached = async (run: string) => {
    const text = changed(line, run);
    const workflows: Files = { [releaseFile]: text, [chartFile]: chart };
    const findings = await checkReleaseWorkflow({
      list: (glob) => own.list(glob),
      read: async (path, decoding) =>
        (await memoryTree(workflows).read(path)) ?? (await own.read(path, decoding)),
    });
    return findings.some(({ level, message }) => level === "error" && message.includes(gateModule));
  };
  const gateModule = "release-gate/check-lab-validation.ts";
  expect(await reached("bun scripts/release.ts v1.2.3 --yes")).toBe(true);
  expect(await reached("bun run demo")).toBe(true);
  expect(await reached("bun scripts/check-chart-version-bumped.ts main")).toBe(false);
  expect(await reached("bun scripts/check-release-workflow.ts")).toBe(false);
});

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
  ["two documents", `${release}---\n${release}`, undefined, "found several documents"],
  ["a key twice", `${release}on: push\n`, 64, 'found key "on" in line 64 again after line 2'],
  [
    "a job twice",
    `${release}  build: {}\n`,
    64,
    'found key "build" in line 64 again after line 18',
  ],
  [
    "jobs twice",
    `${release}"jobs":\n  x: {}\n`,
    64,
    'found key "jobs" in line 64 again after line 9',
  ],
  [
    "a command twice in a step",
    changed(step, `${step}        run: true\n`),
    17,
    'found key "run" in line 17 again after line 16',
  ],
  ["no jobs", triggers, undefined, "Cannot read the jobs"],
  ["a list of jobs", `${triggers}jobs: []\n`, 4, "Cannot read the jobs"],
  ["a job that is none", `${triggers}jobs:\n  a: 1\n`, 5, 'Cannot read job "a"'],
  ["a job without steps", `${triggers}jobs:\n  a: {}\n`, 5, 'Cannot read the steps of job "a"'],
  ["steps that are none", `${triggers}jobs:\n  a:\n    steps: x\n`, 6, "Cannot read the steps"],
  [
    "a step that is none",
    `${triggers}jobs:\n  a:\n    steps:\n      - x\n`,
    7,
    "Cannot read step 1",
  ],
  [
    "a step with nothing to do",
    `${triggers}jobs:\n  a:\n    steps:\n      - run: x\n      - name: y\n`,
    8,
    'Cannot read step 2 of job "a"',
  ],
  [
    "a number as a command",
    `${triggers}jobs:\n  a:\n    steps:\n      - run: 1\n`,
    7,
    "Cannot read run",
  ],
  [
    "needs that are none",
    changed("needs: [build]", "needs: [1]"),
    39,
    'Cannot read needs of job "sbom"',
  ],
])("a workflow that cannot be read is refused with its line: %s", async (_, text, at, message) => {
  const findings = await check({ [releaseFile]: text });
  expect(findings[0]).toMatchObject({ level: "error", message: expect.stringContaining(message) });
  expect(findings[0]?.at).toMatchObject({ file: releaseFile });
  expect(findings[0]?.at?.line).toBe(at);
  expect(findings.filter(({ level }) => level === "notice")).toHaveLength(4);
});

test("all faults of a workflow's form are told at once", async () => {
  const text = `${triggers}jobs:\n  a: 1\n  b: {steps: [x, {run: 1}], needs: {}}\n`;
  expect((await faultsOf(text)).map(short)).toHaveLength(4);
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
      `${releaseFile}: never invokes the lab gate (1 file that it calls was read)`,
      `${chartFile}: starts only on tags "chart-v*"`,
      `${chartFile}: check-version runs bun scripts/check-helm-tag-version.ts "$GITHUB_REF_NAME"`,
      `${chartFile}: package waits for check-version`,
      `${chartFile}: never invokes the lab gate (1 file that it calls was read)`,
      "",
    ].join("\n"),
    stderr: "",
  });

  const judged = await runScript(script, ["--ref", "HEAD"], { cwd: root, env });
  expect(judged.code).toBe(1);
  expect(judged.stderr).toBe(
    [
      `error: Cannot accept ${releaseFile}: found push without tags, expected only pushes of v* tags`,
      `  at ${releaseFile}:2:6 in commit ${commit.slice(0, 12)}`,
      '  fix: Write on: push: tags: ["v*"] and no other trigger',
      "",
    ].join("\n"),
  );

  const json = await runScript(script, ["--ref", "HEAD", "--json"], { cwd: root, env });
  const report = JSON.parse(json.stdout) as JsonReport;
  expect(report).toMatchObject({ script, ok: false, exitCode: 1 });
  expect(report.findings.map(({ level }) => level)).toEqual(["error", ...Array(7).fill("notice")]);
  expect(report.findings[0]).toMatchObject({ file: releaseFile, line: 2, column: 6, commit });
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
