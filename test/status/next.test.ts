import { describe, expect, test } from "bun:test";
import { parseVersion } from "../../scripts/lib/version.ts";
import type { StatusFacts } from "../../scripts/status/facts.ts";
import { judgeSteps } from "../../scripts/status/next.ts";
import type { Checks } from "../../scripts/status/questions.ts";
import { byHand, command, type Outcome } from "../../scripts/status/questions.ts";
import type { ChartRelease, TagState } from "../../scripts/status/tags.ts";

const passed: Outcome = { state: "verified", evidence: "as it should be" };
const refused: Outcome = { state: "failed", evidence: "stale", remedy: "Correct it" };
const pending: Outcome = { ...refused, state: "pending" };
const silent: Outcome = { state: "unknown", evidence: "git hangs", remedy: "See git" };
const noPass: Outcome = { ...pending, evidence: "no PASS" };

const resume = command("bun scripts/release.ts v1.3.0 --resume");
const free: TagState = { kind: "free", ...pending, evidence: "v1.3.0 is not tagged" };
const complete: TagState = { kind: "complete", ...passed };
const interrupted: TagState = { kind: "interrupted", ...pending, next: resume };
const blocked: TagState = { kind: "blocked", ...refused, next: byHand("Settle it") };

const allPassed: Checks = {
  ...{ references: passed, described: true, vintages: passed, chart: passed, lab: passed },
  ...{ gate: passed, begun: true, bump: undefined, candidate: undefined, uncommitted: undefined },
};
const chart: ChartRelease = {
  ...{ tag: "chart-v1.3.0", installs: "1.3.0", newerOnMain: undefined },
  state: { ...free, evidence: "chart-v1.3.0 is not tagged" },
  ...{ files: undefined, image: undefined, copyWarnings: [] },
};

/** Everything is merged, and nothing is tagged. */
const merged: StatusFacts = {
  ...{ version: parseVersion("1.3.0"), tag: "v1.3.0", base: "main", branch: "release/1.3.0" },
  ...{ where: "main", head: "main", commit: "a".repeat(40), branchExists: true, stated: undefined },
  checkout: { head: "a".repeat(40), branch: "refs/heads/main", changes: [], underway: [] },
  remote: { main: "ahead", branch: "ahead" },
  ...{ checks: allPassed, tagState: free, precheck: passed, bypass: undefined, chart },
  ...{ newest: parseVersion("1.2.9"), candidate: undefined, copyWarnings: [] },
  ...{ isPublished: false, ledgerVariable: false, unanswered: [] },
};

const work = (facts: StatusFacts, change: Partial<Checks>): StatusFacts => ({
  ...facts,
  checks: { ...(facts.checks ?? allPassed), ...change },
});
const changed = (facts: StatusFacts, ...changes: string[]): StatusFacts => ({
  ...facts,
  checkout: { ...facts.checkout, changes },
});
const underway = (facts: StatusFacts): StatusFacts => ({
  ...facts,
  checkout: { ...facts.checkout, changes: ["x"], underway: ["merge"] },
});

type Kind = NonNullable<StatusFacts["remote"]>;
const remote = (facts: StatusFacts, main: Kind["main"], branch: Kind["branch"]): StatusFacts => ({
  ...facts,
  remote: { main, branch },
});
const offline = (facts: StatusFacts): StatusFacts => ({ ...facts, remote: undefined });

const nothing: StatusFacts = {
  ...remote(merged, "equal", "absent"),
  ...{ where: "none", branchExists: false, checks: undefined, chart: undefined },
};
const onBranch = { ...merged, where: "branch", head: "release/1.3.0" } as const;
const opened = work(remote(onBranch, "equal", "absent"), {
  ...{ references: pending, described: false, chart: refused, lab: noPass, gate: undefined },
  ...{ begun: false, bump: command("bun scripts/bump-version.ts 1.3.0") },
});
const described = work(opened, { described: true });
const bumped = work(opened, { ...allPassed, lab: noPass, gate: undefined });
const pushed = remote(bumped, "equal", "equal");
const validated = work(pushed, allPassed);

/** The application is released, and its image is there. */
const tagged: StatusFacts = {
  ...{ ...remote(merged, "equal", "ahead"), where: "tag", tagState: complete, isPublished: true },
  chart: { ...chart, files: passed, image: passed },
};
const released: StatusFacts = { ...tagged, chart: { ...chart, state: complete } };
const left: StatusFacts = { ...merged, where: "tag", tagState: interrupted };

/** Returns the first step that is not done, and what comes next: a command, or (a person) does it. */
function judge(facts: StatusFacts): string {
  const { first, next } = judgeSteps(facts);
  const who = next?.isCommand === false ? "(a person) " : "";
  return first === undefined ? "released" : `${first.step} ${first.state}: ${who}${next?.text}`;
}

type Row = readonly [name: string, facts: StatusFacts, expected: string];

function holds(rows: readonly Row[]) {
  test.each(rows.map((row) => [...row] as const))("%s", (_, facts, expected) => {
    expect(judge(facts)).toBe(expected);
  });
}

const aside =
  "(a person) Commit what belongs to the release, and set the rest aside (git stash --include-untracked): ";
const finish = "(a person) Finish or abort the merge in progress: git status names the commands";
const fetch =
  "git fetch origin refs/heads/release/1.3.0:refs/heads/release/1.3.0 && git checkout release/1.3.0";
const pullMain = "git pull --ff-only origin main";
const mergeMain = "git pull --no-rebase --no-edit origin main";
const askOrigin = "git ls-remote --heads origin";
const toMain = "git checkout main";
const [correct, settle, see] = ["Correct it", "Settle it", "See git"].map(
  (it) => `(a person) ${it}`,
);
const fetchMain = "git fetch origin +refs/heads/main:refs/remotes/origin/main";

describe("step 1 opens the branch", () => {
  holds([
    ["from main", nothing, "1 pending: git checkout -b release/1.3.0"],
    ["where HEAD is elsewhere", { ...nothing, head: undefined }, `1 pending: ${toMain}`],
    ["not during a merge", underway(nothing), `1 pending: ${finish}`],
    ["after main is pulled", remote(nothing, "behind", "absent"), `1 pending: ${pullMain}`],
    ["after main is fetched", remote(nothing, "unfetched", "absent"), `1 pending: ${fetchMain}`],
    ["after main is merged", remote(nothing, "diverged", "absent"), `1 pending: ${mergeMain}`],
    [
      "from the remote, if it is there",
      remote(nothing, "equal", "unfetched"),
      `1 pending: ${fetch}`,
    ],
    ["after the remote has answered", offline(nothing), `1 unknown: ${askOrigin}`],
    [
      "not below the newest release, as releases are made from main only",
      { ...nothing, newest: parseVersion("1.3.1") },
      "1 failed: (a person) Release the change from main, with a version greater than 1.3.1",
    ],
    [
      "not even if the branch is there",
      { ...validated, newest: parseVersion("1.3.1") },
      "1 failed: (a person) Release the change from main, with a version greater than 1.3.1",
    ],
    [
      "not for a version that is not greater",
      { ...nothing, stated: nothing.version },
      "1 failed: (a person) Name a version greater than 1.3.0",
    ],
  ]);
});

describe("steps 2, 2.5 and 3 prepare the branch", () => {
  const uncommitted = { bumped: false, described: true, fresh: false, row: undefined };
  const again = command("bump --allow-same");
  const bump = "failed: bump --allow-same";
  holds([
    [
      "a person says what is new",
      opened,
      "2 pending: (a person) Describe the changes below ## [Unreleased] in CHANGELOG.md",
    ],
    ["then the version moves", described, "2 pending: bun scripts/bump-version.ts 1.3.0"],
    ["words that are not committed count", work(opened, { uncommitted }), judge(described)],
    ["on the branch", { ...described, head: "main" }, "2 pending: git checkout release/1.3.0"],
    [
      "the bump is committed",
      work(described, { uncommitted: { ...uncommitted, bumped: true } }),
      '2 pending: git commit --all --message "Bump to 1.3.0"',
    ],
    [
      "a stale reference is bumped",
      work(bumped, { references: refused, bump: again }),
      `2 ${bump}`,
    ],
    ["or is a person's", work(bumped, { references: refused }), `2 failed: ${correct}`],
    ["a tag in the way comes first", { ...described, tagState: blocked }, `2 pending: ${settle}`],
    [
      "a bump without words needs them",
      work(bumped, { described: false }),
      "2 pending: (a person) Describe the changes below ## [1.3.0] in CHANGELOG.md",
    ],
    [
      "and they are committed",
      work(bumped, { described: false, uncommitted }),
      '2 pending: git commit --all --message "Describe 1.3.0"',
    ],
    ["without an answer it is open", work(bumped, { references: silent }), `2 unknown: ${see}`],
    [
      "unclear vintages are a person's",
      work(bumped, { vintages: refused }),
      `2.5 failed: ${correct}`,
    ],
    ["stale vintages are open", work(bumped, { vintages: pending }), `2.5 pending: ${correct}`],
    [
      "and what makes them fresh is committed",
      work(bumped, { vintages: pending, uncommitted: { ...uncommitted, fresh: true } }),
      '2.5 pending: git commit --all --message "Refresh or defer reference data"',
    ],
    ["a stale chart is bumped", work(bumped, { chart: refused, bump: again }), `3 ${bump}`],
    ["or is a person's", work(bumped, { chart: refused }), `3 failed: ${correct}`],
  ]);
});

describe("steps 4 and 5 validate the branch", () => {
  const run = "bun scripts/validate-lab.ts v1.3.0 --lab ../perf-sentinel-simulation-lab --record";
  const record =
    'git commit --message "Record the lab validation of v1.3.0" release-gate/lab-validations.txt';
  const row = (verdict: "PASS" | "FAIL") => ({
    uncommitted: { bumped: true, described: true, fresh: true, row: verdict },
  });
  holds([
    ["the branch is pushed first", bumped, "4 pending: git push -u origin release/1.3.0"],
    ["with what is new on it", remote(bumped, "equal", "ahead"), judge(bumped)],
    [
      "and with what others have pushed",
      remote(bumped, "equal", "unfetched"),
      "4 pending: git pull --no-rebase --no-edit origin release/1.3.0",
    ],
    ["then the lab runs", pushed, `4 pending: ${run}`],
    ["offline, too", offline(bumped), `4 pending: ${run}`],
    [
      "for the checkout's own ledger",
      { ...pushed, ledgerVariable: true },
      `4 pending: env -u LEDGER ${run}`,
    ],
    ["its PASS is committed", work(pushed, row("PASS")), `4 pending: ${record}`],
    ["its FAIL, too", work(pushed, row("FAIL")), `4 failed: ${record}`],
    ["after a FAIL it runs again", work(pushed, { lab: refused }), `4 failed: ${run}`],
    ["the gate refuses what is too old", work(validated, { gate: refused }), `5 failed: ${run}`],
    ["its PASS is new", work(validated, { gate: refused, ...row("PASS") }), `5 failed: ${record}`],
    ["on main, if the release is there", work(merged, { lab: noPass }), `4 pending: ${run}`],
    ["with HEAD there", work({ ...merged, head: "x" }, { lab: noPass }), `4 pending: ${toMain}`],
  ]);
});

describe("step 6 merges and tags", () => {
  const onMain: StatusFacts = { ...validated, head: "main" };
  const unfit: StatusFacts = { ...merged, precheck: refused };
  const ungated = work(left, { gate: refused });
  holds([
    ["on main", validated, `6 pending: ${toMain}`],
    ["with a clean work tree", changed(validated, "x"), `6 pending: ${aside}x`],
    [
      "by a merge commit",
      onMain,
      '6 pending: git merge release/1.3.0 --no-ff -m "Merge release/1.3.0"',
    ],
    ["once main is pulled", remote(onMain, "behind", "equal"), `6 pending: ${pullMain}`],
    ["after the remote has answered", offline(onMain), `6 unknown: ${askOrigin}`],
    ["then with the release command", merged, "6 pending: bun scripts/release.ts v1.3.0"],
    ["from main", { ...merged, head: "release/1.3.0" }, `6 pending: ${toMain}`],
    ["with nothing left to commit", changed(merged, "x"), `6 pending: ${aside}x`],
    ["not during a merge", underway(merged), `6 pending: ${finish}`],
    ["not before main is merged", remote(unfit, "diverged", "ahead"), `6 failed: ${mergeMain}`],
    ["not against the pre-checks", unfit, `6 failed: ${correct}`],
    ["an interrupted run is finished", left, `6 pending: bun scripts/release.ts v1.3.0 --resume`],
    ["unless the pre-checks refuse it", { ...left, precheck: refused }, `6 pending: ${correct}`],
    ["or starts over, if its gate refuses", ungated, "5 failed: git tag -d v1.3.0"],
    ["but not if it is published", { ...ungated, isPublished: true }, judge(left)],
    ["or may be", { ...ungated, isPublished: undefined }, `5 failed: ${askOrigin}`],
    ["offline it stays interrupted", offline(left), `6 unknown: ${askOrigin}`],
    ["a tag in the way is settled first", { ...merged, tagState: blocked }, `6 failed: ${settle}`],
    [
      "a tag on the remote alone is fetched first",
      {
        ...{ ...nothing, where: "remote tag", commit: undefined, branchExists: true },
        tagState: { ...blocked, state: "unknown", next: command("git fetch") },
      },
      "2 unknown: git fetch",
    ],
  ]);
});

describe("step 7 releases the chart", () => {
  const release = "bun scripts/release-chart.ts chart-v1.3.0";
  const newerOnMain = parseVersion("1.4.0");
  const ofChart = (change: Partial<ChartRelease>): StatusFacts => ({
    ...tagged,
    chart: { ...chart, files: passed, image: passed, ...change },
  });
  const bump =
    "(a person) Release a chart that installs 1.3.0, with its next version: bun scripts/bump-version.ts 1.3.0 --chart A.B.C --allow-same";
  holds([
    ["once the image is there", tagged, `7 pending: ${release}`],
    ["waiting for it", ofChart({ image: refused }), `7 pending: ${release} --wait`],
    ["even if the registry is silent", ofChart({ image: silent }), `7 unknown: ${release} --wait`],
    ["from main", { ...tagged, head: "release/1.3.0" }, `7 pending: ${toMain}`],
    [
      "with nothing left to commit",
      changed(tagged, "a", "b", "c", "d", "e", "f"),
      `7 pending: ${aside}a, b, c, d, e and 1 more`,
    ],
    [
      "with the ledger committed",
      changed(tagged, "release-gate/lab-validations.txt"),
      '7 pending: git commit --message "Record a lab validation" release-gate/lab-validations.txt',
    ],
    ["from the remote's main", remote(tagged, "ahead", "ahead"), "7 pending: git push origin main"],
    ["which may have moved on", remote(tagged, "behind", "ahead"), `7 pending: ${pullMain}`],
    ["after the remote has answered", offline(tagged), `7 unknown: ${askOrigin}`],
    ["if its files agree", ofChart({ files: refused }), `7 failed: ${correct}`],
    [
      "but not one behind main",
      ofChart({ newerOnMain }),
      "7 failed: (a person) Release the chart that main has, 1.4.0, in its place",
    ],
    [
      "unless it was begun",
      ofChart({ newerOnMain, state: interrupted }),
      `7 pending: ${resume.text}`,
    ],
    ["but not one that installs another", ofChart({ installs: "1.2.9" }), `7 failed: ${bump}`],
    ["released or not", ofChart({ installs: undefined, state: complete }), `7 failed: ${bump}`],
    ["a tag in the way is settled first", ofChart({ state: blocked }), `7 failed: ${settle}`],
  ]);
});

describe("a version is released", () => {
  const bypass = "Bypassed: lab validation gate (--skip-lab)";
  const noLab = work(released, { lab: noPass, gate: undefined });

  test.each<[string, StatusFacts, readonly string[]]>([
    ["every step is done", released, []],
    ["HEAD is elsewhere, and something is not committed", underway({ ...released, head: "x" }), []],
    [
      "the branch is deleted",
      remote({ ...released, branchExists: false }, "equal", "absent"),
      ["1"],
    ],
    ["the branch is on the remote alone", { ...released, branchExists: false }, []],
    ["there are no reference data", work(released, { vintages: undefined }), ["2.5"]],
    [
      "there is no chart",
      work({ ...released, chart: undefined }, { chart: undefined }),
      ["3", "7"],
    ],
    ["the signed tag admits that the lab was bypassed", { ...noLab, bypass }, ["4", "5"]],
  ])("when %s", (_, facts, expected) => {
    const { steps } = judgeSteps(facts);
    expect(judge(facts)).toBe("released");
    const skipped = steps.filter(({ state }) => state === "not applicable");
    expect(skipped.map(({ step }) => step)).toEqual([...expected]);
  });

  test("whatever the ledger says about it: one caution", () => {
    const { steps, first } = judgeSteps(noLab);
    const [lab, gate] = steps.filter(({ step }) => step === "4" || step === "5");
    expect(first).toBeUndefined();
    expect(lab).toMatchObject({
      ...{ state: "not applicable", evidence: "v1.3.0 is published; caution: no PASS" },
    });
    expect(gate).toMatchObject({
      ...{ state: "not applicable", evidence: "there is no PASS to judge" },
    });
  });

  holds([
    ["but not without an answer", work(released, { lab: silent }), `4 unknown: ${see}`],
    [
      "or unless its chart is",
      { ...released, chart: { ...chart, files: passed, image: passed } },
      judge(tagged),
    ],
  ]);

  test("its key is named once", () => {
    const by = (tag: string): TagState => ({
      ...{ kind: "complete", state: "verified", signer: "key 1F" },
      evidence: `origin holds ${tag}, signed by key 1F, of 4db4d3e`,
    });
    const signed = { ...released, tagState: by("v1.3.0"), chart: { ...chart, state: by("chart") } };
    expect(judgeSteps(signed).steps.slice(-2)).toMatchObject([
      { evidence: "origin holds v1.3.0, signed by key 1F, of 4db4d3e" },
      { evidence: "origin holds chart, signed by the same key, of 4db4d3e" },
    ]);
  });
});

test("without an answer of the remote step 6 is never done", () => {
  for (const facts of [nothing, opened, bumped, validated, merged]) {
    const { steps, next } = judgeSteps(offline(facts));
    expect(steps.find(({ step }) => step === "6")?.state).not.toBe("verified");
    expect(next).toBeDefined();
  }
});

test.each<[string, StatusFacts, string, string]>([
  ["what the bump waits for", opened, "2", "CHANGELOG.md does not describe the changes; stale"],
  ["that a chart waits for the bump", opened, "3", "comes after step 2"],
  ["that the branch is not pushed", bumped, "4", "release/1.3.0 is not pushed; no PASS"],
  [
    "that the remote has more of the branch",
    remote(bumped, "equal", "behind"),
    "4",
    "origin has more of release/1.3.0; no PASS",
  ],
  ["that the gate waits for the lab", bumped, "5", "comes after step 4"],
  [
    "which candidate the lab may use",
    { ...pushed, candidate: { tag: "v1.3.0-rc.2", isPublished: true, isStale: false } },
    "4",
    "no PASS; candidate v1.3.0-rc.2 is on origin",
  ],
  [
    "that the candidate is not pushed",
    { ...validated, candidate: { tag: "v1.3.0-rc.1", isPublished: false, isStale: false } },
    "4",
    "as it should be; candidate v1.3.0-rc.1 is tagged locally",
  ],
  ["that a branch is to come", nothing, "1", "there is no release/1.3.0 yet"],
  [
    "that a branch may be on the remote",
    offline(nothing),
    "1",
    "release/1.3.0 does not exist locally, and no answer from origin",
  ],
  [
    "that the branch is gone after the merge",
    remote({ ...merged, branchExists: false }, "ahead", "absent"),
    "1",
    "main has 1.3.0, and there is no release/1.3.0",
  ],
  ["that the image is there", tagged, "7", "chart-v1.3.0 is not tagged; as it should be"],
])("the evidence says %s", (_, facts, step, expected) => {
  expect(judgeSteps(facts).steps.find((each) => each.step === step)?.evidence).toBe(expected);
});
