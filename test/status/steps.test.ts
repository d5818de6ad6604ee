import { describe, expect, test } from "bun:test";
import { parseVersion, type Version } from "../../scripts/lib/version.ts";
import type { Outcome, StatusFacts } from "../../scripts/status/facts.ts";
import { judgeSteps } from "../../scripts/status/steps.ts";

const passed: Outcome = { verdict: "passed", evidence: "as it should be" };
const refused: Outcome = { verdict: "refused", evidence: "stale", remedy: "Mend it" };
const silent: Outcome = { verdict: "unanswered", evidence: "git hangs", remedy: "See git" };
const noPass = { ...refused, evidence: "no PASS", failed: false };
const resume = "bun scripts/release.ts v1.3.0 --resume";
const version = parseVersion("1.3.0");

/** Everything is merged, and nothing is tagged. */
const merged: StatusFacts = {
  version,
  where: "main",
  head: "main",
  elsewhere: new Map(),
  changes: [],
  underway: [],
  branchHere: true,
  remote: { main: "ahead", branch: "ahead" },
  lower: undefined,
  references: passed,
  words: true,
  workTree: undefined,
  bump: { begun: true, edits: 0, refused: undefined, unclean: [], untracked: [] },
  vintages: passed,
  chart: passed,
  lab: { ...passed, failed: false },
  gate: passed,
  bypass: undefined,
  tag: { kind: "free" },
  precheck: passed,
  chartRelease: {
    tag: "chart-v1.3.0",
    version,
    installs: "1.3.0",
    passedBy: undefined,
    state: { kind: "free" },
    gates: undefined,
    image: undefined,
  },
  ledgerVariable: false,
};

const chart = merged.chartRelease as NonNullable<StatusFacts["chartRelease"]>;

/** Nothing has begun. */
const nothing: StatusFacts = {
  ...merged,
  where: "nowhere",
  branchHere: false,
  remote: { main: "equal", branch: "absent" },
  chartRelease: undefined,
};

/** The branch is open, and states the old version. */
const opened: StatusFacts = {
  ...merged,
  where: "branch",
  head: "release/1.3.0",
  remote: { main: "equal", branch: "absent" },
  references: refused,
  words: false,
  bump: { begun: false, edits: 9, refused: undefined, unclean: [], untracked: [] },
  chart: refused,
  lab: noPass,
  gate: noPass,
};

/** The branch is bumped and committed. */
const bumped: StatusFacts = {
  ...opened,
  references: passed,
  words: true,
  bump: merged.bump,
  chart: passed,
};

/** The branch has its PASS. */
const validated: StatusFacts = {
  ...bumped,
  remote: { main: "equal", branch: "ahead" },
  lab: merged.lab,
  gate: passed,
};

/** The application is out, the image too. */
const tagged: StatusFacts = {
  ...merged,
  where: "tag",
  remote: { main: "equal", branch: "ahead" },
  tag: { kind: "complete", evidence: "signed" },
  chartRelease: { ...chart, gates: passed, image: passed },
};

/** Everything is out. */
const released: StatusFacts = {
  ...tagged,
  chartRelease: { ...chart, state: { kind: "complete", evidence: "signed" } },
};

const dirty = { references: refused, words: false, recorded: undefined };

type Row = readonly [name: string, StatusFacts, first: string, next: string];

/** What a checklist comes to: its first step that is not done, and what comes next. */
function judge(facts: StatusFacts) {
  const { steps, next } = judgeSteps(facts);
  const first = steps.find(({ state }) => state === "open" || state === "refused");
  const shown = next && ("command" in next ? next.command : `(a person) ${next.byHand}`);
  return { first: first && `${first.step} ${first.state}`, next: shown };
}

function holds(rows: readonly Row[]) {
  test.each(rows.map((row) => [...row] as const))("%s", (_, facts, first, next) => {
    expect(judge(facts)).toEqual({ first, next });
  });
}

describe("step 1 opens the branch", () => {
  holds([
    ["from main", nothing, "1 open", "git checkout -b release/1.3.0"],
    ["from main, wherever HEAD is", { ...nothing, head: "feature" }, "1 open", "git checkout main"],
    [
      "from main, if HEAD is detached",
      { ...nothing, head: undefined },
      "1 open",
      "git checkout main",
    ],
    [
      "from main, where another work tree has it",
      { ...nothing, head: undefined, elsewhere: new Map([["refs/heads/main", "/a tree"]]) },
      "1 open",
      "(a person) Go on where main is checked out: cd '/a tree'",
    ],
    [
      "from main, past changes that git may not take along",
      { ...nothing, head: "feature", changes: ["Cargo.toml"] },
      "1 open",
      "(a person) git checkout main (if git refuses: commit what is to stay first, and set the rest aside (git stash --include-untracked): Cargo.toml)",
    ],
    [
      "from the remote's, past changes and what is under way",
      {
        ...nothing,
        changes: ["Cargo.toml"],
        underway: ["merge"],
        remote: { main: "equal", branch: "unfetched" },
      },
      "1 open",
      "(a person) Finish or end the merge that is under way; git status tells how",
    ],
    [
      "from the remote's, past changes",
      { ...nothing, changes: ["Cargo.toml"], remote: { main: "equal", branch: "unfetched" } },
      "1 open",
      "(a person) git fetch origin refs/heads/release/1.3.0:refs/heads/release/1.3.0 && git checkout release/1.3.0 (if git refuses: commit what is to stay first, and set the rest aside (git stash --include-untracked): Cargo.toml)",
    ],
    [
      "after main is up to date",
      { ...nothing, remote: { main: "behind", branch: "absent" } },
      "1 open",
      "git pull --ff-only origin main",
    ],
    [
      "after the remote's main is here",
      { ...nothing, remote: { main: "unfetched", branch: "absent" } },
      "1 open",
      "git fetch origin +refs/heads/main:refs/remotes/origin/main",
    ],
    [
      "after main is one with the remote's",
      { ...nothing, remote: { main: "diverged", branch: "absent" } },
      "1 open",
      "git pull --no-rebase --no-edit origin main",
    ],
    [
      "from the remote, if it is there",
      { ...nothing, remote: { main: "equal", branch: "unfetched" } },
      "1 open",
      "git fetch origin refs/heads/release/1.3.0:refs/heads/release/1.3.0 && git checkout release/1.3.0",
    ],
    [
      "only once the remote has said whether it is there",
      { ...nothing, remote: undefined },
      "1 open",
      "git ls-remote --heads origin",
    ],
    [
      "not while a merge is under way",
      { ...nothing, underway: ["merge"] },
      "1 open",
      "(a person) Finish or end the merge that is under way; git status tells how",
    ],
    [
      "not for a version below the workspace's",
      { ...nothing, lower: refused },
      "1 refused",
      "(a person) Mend it",
    ],
  ]);
});

describe("steps 2, 2.5 and 3 prepare the branch", () => {
  holds([
    [
      "first somebody says what is new",
      opened,
      "2 open",
      "(a person) Write what is new below ## [Unreleased] in CHANGELOG.md",
    ],
    [
      "what a bump would write over is committed",
      {
        ...opened,
        changes: ["CHANGELOG.md"],
        workTree: { ...dirty, words: true },
        bump: { ...opened.bump, unclean: ["CHANGELOG.md"] },
      },
      "2 open",
      'git commit --all --message "Prepare 1.3.0"',
    ],
    [
      "new files among them, too",
      {
        ...opened,
        words: true,
        bump: {
          ...opened.bump,
          unclean: ["a.yml", "it's b.yml"],
          untracked: ["a.yml", "it's b.yml"],
        },
      },
      "2 open",
      `git add -- a.yml 'it'\\''s b.yml' && git commit --all --message "Prepare 1.3.0"`,
    ],
    [
      "then the version moves",
      { ...opened, words: true },
      "2 open",
      "bun scripts/bump-version.ts 1.3.0",
    ],
    [
      "even beside changes that are none of the bump's",
      { ...opened, words: true, changes: ["a.rs"], workTree: { ...dirty, words: true } },
      "2 open",
      "bun scripts/bump-version.ts 1.3.0",
    ],
    [
      "and is committed",
      {
        ...opened,
        words: true,
        changes: ["Cargo.toml"],
        workTree: { ...dirty, references: passed, words: true },
        bump: { ...merged.bump, edits: 0 },
      },
      "2 open",
      'git commit --all --message "Bump to 1.3.0"',
    ],
    [
      "a reference that was forgotten is brought along",
      { ...bumped, references: refused, bump: { ...merged.bump, edits: 1 } },
      "2 refused",
      "bun scripts/bump-version.ts 1.3.0 --allow-same",
    ],
    [
      "one that no bump reaches is a person's",
      { ...bumped, references: refused },
      "2 refused",
      "(a person) Mend it",
    ],
    [
      "what stands against a bump is a person's, too",
      {
        ...opened,
        words: true,
        bump: { ...opened.bump, edits: 0, refused: { ...refused, remedy: "Name the chart's own" } },
      },
      "2 refused",
      "(a person) Name the chart's own",
    ],
    [
      "a tag that no release made would stop the bump",
      { ...opened, tag: { kind: "unfit", why: "a lightweight tag" } },
      "2 open",
      "git tag -d v1.3.0",
    ],
    [
      "HEAD has to be on the branch",
      { ...opened, head: "main" },
      "2 open",
      "git checkout release/1.3.0",
    ],
    [
      "a bump without words needs them",
      { ...bumped, words: false },
      "2 open",
      "(a person) Write what is new below ## [1.3.0] in CHANGELOG.md",
    ],
    [
      "and they are committed",
      {
        ...bumped,
        words: false,
        changes: ["CHANGELOG.md"],
        workTree: { ...dirty, references: passed, words: true },
      },
      "2 open",
      'git commit --all --message "Describe 1.3.0"',
    ],
    [
      "a question that git leaves open is not done, and its own way out comes first",
      { ...bumped, references: silent },
      "2 open",
      "(a person) See git",
    ],
    [
      "vintages that cannot be judged are a person's",
      { ...bumped, vintages: refused },
      "2.5 refused",
      "(a person) Mend it",
    ],
    [
      "a chart that stayed behind is brought along",
      { ...bumped, chart: refused, bump: { ...merged.bump, edits: 1 } },
      "3 refused",
      "bun scripts/bump-version.ts 1.3.0 --allow-same",
    ],
    [
      "a chart that changed without a version is a person's",
      { ...bumped, chart: refused },
      "3 refused",
      "(a person) Mend it",
    ],
  ]);
});

const run = "bun scripts/validate-lab.ts v1.3.0 --lab ../perf-sentinel-simulation-lab --record";
const record =
  'git commit --message "Record the lab validation of v1.3.0" release-gate/lab-validations.txt';

describe("steps 4 and 5 validate the branch", () => {
  const pushed: StatusFacts = { ...bumped, remote: { main: "equal", branch: "equal" } };
  const row = (recorded: "PASS" | "FAIL") => ({
    changes: ["release-gate/lab-validations.txt"],
    workTree: { references: passed, words: true, recorded },
  });
  holds([
    ["the branch is preserved first", bumped, "4 open", "git push -u origin release/1.3.0"],
    [
      "with what is new on it",
      { ...bumped, remote: { main: "equal", branch: "ahead" } },
      "4 open",
      "git push -u origin release/1.3.0",
    ],
    [
      "and with what others have pushed",
      { ...bumped, remote: { main: "equal", branch: "unfetched" } },
      "4 open",
      "git pull --no-rebase --no-edit origin release/1.3.0",
    ],
    ["then the lab runs", pushed, "4 open", run],
    ["offline, too", { ...bumped, remote: undefined }, "4 open", run],
    [
      "for the checkout's own ledger",
      { ...pushed, ledgerVariable: true },
      "4 open",
      `env -u LEDGER ${run}`,
    ],
    ["its PASS is committed", { ...pushed, ...row("PASS") }, "4 open", record],
    ["its FAIL, too", { ...pushed, ...row("FAIL") }, "4 refused", record],
    [
      "after a FAIL it runs again",
      { ...pushed, lab: { ...noPass, failed: true } },
      "4 refused",
      run,
    ],
    [
      "a PASS that is too old is refused by the gate, and the lab runs again",
      { ...pushed, lab: merged.lab },
      "5 refused",
      run,
    ],
    [
      "on main, if that is where the release is",
      { ...merged, lab: noPass, gate: noPass },
      "4 open",
      run,
    ],
    [
      "with HEAD there",
      { ...merged, head: "release/1.3.0", lab: noPass, gate: noPass },
      "4 open",
      "git checkout main",
    ],
  ]);
});

describe("step 6 merges and tags", () => {
  const done =
    "(a person) Commit what is to stay, and set the rest aside (git stash --include-untracked): x";
  holds([
    ["on main", validated, "6 open", "git checkout main"],
    ["with a clean work tree", { ...validated, changes: ["x"] }, "6 open", done],
    [
      "by a merge that keeps the branch",
      { ...validated, head: "main" },
      "6 open",
      'git merge release/1.3.0 --no-ff -m "Merge release/1.3.0"',
    ],
    [
      "once main is up to date",
      { ...validated, head: "main", remote: { main: "behind", branch: "ahead" } },
      "6 open",
      "git pull --ff-only origin main",
    ],
    [
      "not before the remote has answered",
      { ...validated, remote: undefined },
      "6 open",
      "git ls-remote --heads origin",
    ],
    ["then with the release command", merged, "6 open", "bun scripts/release.ts v1.3.0"],
    ["from main", { ...merged, head: "release/1.3.0" }, "6 open", "git checkout main"],
    ["with nothing left to commit", { ...merged, changes: ["x"] }, "6 open", done],
    [
      "not while a merge is under way",
      { ...merged, underway: ["merge"] },
      "6 open",
      "(a person) Finish or end the merge that is under way; git status tells how",
    ],
    [
      "not while a merge waits for its commit",
      { ...validated, head: "main", changes: ["x"], underway: ["merge"] },
      "6 open",
      "(a person) Finish or end the merge that is under way; git status tells how",
    ],
    [
      "not before main is one with the remote's",
      { ...merged, precheck: refused, remote: { main: "diverged", branch: "ahead" } },
      "6 refused",
      "git pull --no-rebase --no-edit origin main",
    ],
    [
      "not against what the pre-checks say",
      { ...merged, precheck: refused },
      "6 refused",
      "(a person) Mend it",
    ],
    [
      "an interrupted run is finished",
      { ...merged, where: "tag", tag: { kind: "interrupted", command: resume, published: false } },
      "6 open",
      resume,
    ],
    [
      "also where the tag is on the remote and main is not",
      { ...merged, where: "tag", tag: { kind: "interrupted", command: resume, published: true } },
      "6 open",
      resume,
    ],
    [
      "or starts over, if its gate refuses by now",
      {
        ...merged,
        where: "tag",
        gate: refused,
        tag: { kind: "interrupted", command: resume, published: false },
      },
      "5 refused",
      "git tag -d v1.3.0",
    ],
    [
      "offline an interrupted run stays interrupted",
      {
        ...merged,
        where: "tag",
        remote: undefined,
        tag: { kind: "interrupted", command: resume, published: false },
      },
      "6 open",
      "git ls-remote --heads origin",
    ],
    [
      "no tag is deleted that may be on the remote",
      {
        ...merged,
        where: "tag",
        remote: undefined,
        gate: refused,
        tag: { kind: "interrupted", command: resume, published: false },
      },
      "5 refused",
      "git ls-remote --heads origin",
    ],
    [
      "a tag that no release made goes",
      { ...merged, tag: { kind: "unfit", why: "a lightweight tag" } },
      "6 refused",
      "git tag -d v1.3.0",
    ],
    [
      "a published tag never does",
      { ...tagged, tag: { kind: "taken", why: "a lightweight tag" } },
      "6 refused",
      "(a person) Never move a published tag: release the next version",
    ],
    [
      "a tag that cannot be judged is a person's",
      { ...merged, tag: { kind: "unknown", why: "no ssh-keygen", remedy: "Install ssh-keygen" } },
      "6 open",
      "(a person) Install ssh-keygen",
    ],
    [
      "a remote whose main is not here is fetched",
      { ...tagged, tag: { kind: "unfetched" } },
      "6 open",
      "git fetch origin +refs/heads/main:refs/remotes/origin/main",
    ],
    [
      "a tag that is not here is fetched before anything is said of it",
      {
        ...merged,
        where: "tag",
        tag: { kind: "elsewhere" },
        references: { verdict: "unanswered", evidence: "not here" },
      },
      "2 open",
      "git fetch origin refs/tags/v1.3.0:refs/tags/v1.3.0",
    ],
  ]);
});

describe("step 7 releases the chart", () => {
  const waiting: StatusFacts = {
    ...tagged,
    chartRelease: { ...chart, gates: passed, image: refused },
  };
  const step = "bun scripts/release-chart.ts chart-v1.3.0";
  const ofChart = (state: Partial<typeof chart>): StatusFacts => ({
    ...tagged,
    chartRelease: { ...chart, gates: passed, image: passed, ...state },
  });
  holds([
    ["once the image is there", tagged, "7 open", step],
    ["waiting for it", waiting, "7 open", `${step} --wait`],
    ["also where the registry is silent", ofChart({ image: silent }), "7 open", `${step} --wait`],
    ["from main", { ...tagged, head: "release/1.3.0" }, "7 open", "git checkout main"],
    [
      "with nothing left to commit",
      { ...tagged, changes: ["a", "b", "c", "d", "e", "f"] },
      "7 open",
      "(a person) Commit what is to stay, and set the rest aside (git stash --include-untracked): a, b, c, d, e and 1 more",
    ],
    [
      "with no row of the ledger left to commit",
      { ...tagged, changes: ["release-gate/lab-validations.txt"] },
      "7 open",
      'git commit --message "Record a lab validation" release-gate/lab-validations.txt',
    ],
    [
      "from the very main of the remote",
      { ...tagged, remote: { main: "ahead", branch: "ahead" } },
      "7 open",
      "git push origin main",
    ],
    [
      "which may have moved on",
      { ...tagged, remote: { main: "behind", branch: "ahead" } },
      "7 open",
      "git pull --ff-only origin main",
    ],
    ["if its files agree", ofChart({ gates: refused }), "7 refused", "(a person) Mend it"],
    [
      "and never one that main has left behind",
      ofChart({ passedBy: "1.4.0" as Version }),
      "7 refused",
      "(a person) Release the chart that main has, 1.4.0, in its place",
    ],
    [
      "unless its release was begun",
      ofChart({
        passedBy: "1.4.0" as Version,
        state: { kind: "interrupted", command: "go on", published: false },
      }),
      "7 open",
      "go on",
    ],
    [
      "and never one that installs another version",
      ofChart({ installs: "1.2.9" }),
      "7 refused",
      "(a person) Release a chart that installs 1.3.0, with its next version: bun scripts/bump-version.ts 1.3.0 --chart A.B.C --allow-same",
    ],
    [
      "even if that one is published",
      ofChart({ installs: undefined, state: { kind: "complete", evidence: "signed" } }),
      "7 refused",
      "(a person) Release a chart that installs 1.3.0, with its next version: bun scripts/bump-version.ts 1.3.0 --chart A.B.C --allow-same",
    ],
    [
      "an interrupted run is finished",
      ofChart({ state: { kind: "interrupted", command: `${step} --resume`, published: false } }),
      "7 open",
      `${step} --resume`,
    ],
    [
      "a tag that is not here is fetched",
      ofChart({ state: { kind: "elsewhere" } }),
      "7 open",
      "git fetch origin refs/tags/chart-v1.3.0:refs/tags/chart-v1.3.0",
    ],
    [
      "a published tag never moves",
      ofChart({ state: { kind: "taken", why: "a lightweight tag" } }),
      "7 refused",
      "(a person) Never move a published tag: release the chart's next version (bun scripts/bump-version.ts A.B.C --chart-only)",
    ],
  ]);
});

describe("a version is released", () => {
  const states = (facts: StatusFacts): Record<string, string> =>
    Object.fromEntries(judgeSteps(facts).steps.map(({ step, state }) => [step, state]));
  const everywhere = Object.fromEntries(
    ["1", "2", "2.5", "3", "4", "5", "6", "7"].map((step) => [step, "done"]),
  );

  test("when every step is done", () => {
    expect(judge(released)).toEqual({ first: undefined, next: undefined });
    expect(states(released)).toEqual(everywhere);
  });

  test("wherever HEAD is, and whatever is not committed", () => {
    const busy = { ...released, head: "feature", changes: ["x"], underway: ["rebase"] };
    expect(judge(busy).next).toBeUndefined();
  });

  test.each<[string, Partial<StatusFacts>, Record<string, string>]>([
    [
      "the branch is deleted",
      { branchHere: false, remote: { main: "equal", branch: "absent" } },
      { "1": "not applicable" },
    ],
    ["the branch is on the remote alone", { branchHere: false }, { "1": "done" }],
    ["there are no reference data", { vintages: undefined }, { "2.5": "not applicable" }],
    [
      "there is no chart",
      { chart: undefined, chartRelease: undefined },
      { "3": "not applicable", "7": "not applicable" },
    ],
    [
      "the signed tag says that the lab was bypassed",
      { lab: noPass, gate: noPass, bypass: "Bypassed: lab validation gate (--skip-lab)" },
      { "4": "not applicable", "5": "not applicable" },
    ],
  ])("also where %s", (_, change, expected) => {
    const facts = { ...released, ...change };
    expect(judge(facts).next).toBeUndefined();
    expect(states(facts)).toEqual({ ...everywhere, ...expected });
  });

  test("but not by its tag alone: each step counts by its own evidence", () => {
    expect(judge({ ...released, lab: noPass, gate: noPass })).toEqual({
      first: "4 refused",
      next: "(a person) Never move a published tag: release the next version",
    });
    expect(judge({ ...released, references: silent }).first).toBe("2 open");
  });
});

test("without a remote's answer no step is done that depends on it", () => {
  for (const facts of [nothing, opened, bumped, validated, merged]) {
    const { steps, next } = judgeSteps({ ...facts, remote: undefined });
    expect(steps.filter(({ state }) => state === "done").map(({ step }) => step)).not.toContain(
      "6",
    );
    expect(next).toBeDefined();
  }
});

test.each<[StatusFacts["remote"], string]>([
  [undefined, "whether release/1.3.0 is pushed: no answer from origin; no PASS"],
  [{ main: "equal", branch: "absent" }, "release/1.3.0 is not pushed; no PASS"],
  [{ main: "equal", branch: "ahead" }, "release/1.3.0 is not pushed; no PASS"],
  [{ main: "equal", branch: "unfetched" }, "origin has more of release/1.3.0; no PASS"],
  [{ main: "equal", branch: "equal" }, "no PASS"],
])("before the lab runs it says how the branch stands on the remote: %j", (remote, expected) => {
  expect(judgeSteps({ ...bumped, remote }).steps[4]?.evidence).toBe(expected);
});

test.each<[Partial<StatusFacts>, string]>([
  [{}, "CHANGELOG.md does not say what is new; stale"],
  [
    { words: true, bump: { ...opened.bump, unclean: ["CHANGELOG.md", "Cargo.toml"] } },
    "CHANGELOG.md (and 1 more) is not committed; stale",
  ],
  [{ words: true }, "stale"],
])("before the bump it says what that waits for: %j", (change, expected) => {
  expect(judgeSteps({ ...opened, ...change }).steps[1]?.evidence).toBe(expected);
});

test("a chart that only waits for the bump to be committed is not refused yet", () => {
  const waiting = { ...opened, bump: merged.bump };
  expect(judgeSteps(waiting).steps[3]?.state).toBe("open");
  expect(judgeSteps({ ...bumped, chart: refused }).steps[3]?.state).toBe("refused");
});

test.each<[string, StatusFacts, string, string]>([
  [
    "a branch that is gone after the tag",
    { ...released, branchHere: false, remote: { main: "equal", branch: "absent" } },
    "1",
    "v1.3.0 is tagged, and there is no release/1.3.0",
  ],
  [
    "a branch that is gone after the merge",
    { ...merged, branchHere: false, remote: { main: "ahead", branch: "absent" } },
    "1",
    "main has 1.3.0, and there is no release/1.3.0",
  ],
  ["a branch to come", nothing, "1", "there is no release/1.3.0 yet"],
  [
    "a branch that may be elsewhere",
    { ...nothing, remote: undefined },
    "1",
    "there is no release/1.3.0 here, and no answer from origin",
  ],
  [
    "an image that is missing",
    { ...tagged, chartRelease: { ...chart, gates: passed, image: refused } },
    "7",
    "stale",
  ],
  [
    "an image that nobody could ask about",
    { ...tagged, chartRelease: { ...chart, gates: passed, image: silent } },
    "7",
    "no answer: git hangs",
  ],
  ["an image that is there", tagged, "7", "chart-v1.3.0 is not tagged; as it should be"],
])("the evidence tells of %s", (_, facts, step, expected) => {
  expect(judgeSteps(facts).steps.find((each) => each.step === step)?.evidence).toBe(expected);
});
