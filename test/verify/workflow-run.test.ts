import { describe, expect, test } from "bun:test";
import { jobShape, runShape } from "../../scripts/demo/gh.ts";
import { askWorkflowRun } from "../../scripts/verify/workflow-run.ts";
import { faults, ghWorld } from "../helpers/gh.ts";

const release = {
  repository: "robintra/perf-sentinel",
  tag: "v1.3.0",
  commit: "1".repeat(40),
  workflow: ".github/workflows/release.yml",
};
const { tag, workflow, commit } = release;
const link = "https://github.com/robintra/perf-sentinel/actions/runs/21";
const jobLink = `${link}/job/31`;

/** The answer where gh lists these runs, and the first of them has these jobs. */
async function ask(runs: readonly unknown[], jobs: readonly unknown[] = [], options = {}) {
  using made = ghWorld();
  made.gh.reply("run list", { stdout: runs });
  made.gh.reply("run view", { stdout: { jobs } });
  const answer = await askWorkflowRun({ tag, workflow, commit, ...options }, made.world);
  return { ...answer, asked: made.gh.asked() };
}

test("gh is asked with options that old versions know, for the repository on github.com", async () => {
  const { asked } = await ask([runShape(release)]);
  expect(asked).toEqual([
    "run list --workflow release.yml --branch v1.3.0 --limit 20 --json databaseId,headSha,headBranch,event,status,conclusion,url --repo github.com/robintra/perf-sentinel",
    "run view 21 --json jobs --repo github.com/robintra/perf-sentinel",
  ]);
});

test.each([
  ["", []],
  [", without docker", [jobShape("docker", "skipped"), jobShape("release", "success")]],
])("a run that ended in success%s is verified", async (without, jobs) => {
  expect(await ask([runShape(release)], jobs)).toMatchObject({
    question: "run of release.yml",
    state: "verified",
    evidence: `it ended in success${without}`,
    link,
  });
});

describe("a run is pending", () => {
  test("while there is none", async () => {
    expect(await ask([])).toMatchObject({
      state: "pending",
      evidence: "release.yml has no run for v1.3.0 yet",
    });
  });

  test.each([{ event: "workflow_dispatch" }, { headBranch: "main" }])(
    "while there is only one of %p",
    async (details) => {
      expect(await ask([runShape(release, details)])).toMatchObject({ state: "pending" });
    },
  );

  test.each([
    ["waits in a queue", "queued", "Wait until it ends"],
    ["waits for an approval", "waiting", "Approve the deployment that it waits for"],
  ])("while it %s", async (_, status, remedy) => {
    const run = runShape(release, { status, conclusion: "" });
    expect(await ask([run])).toMatchObject({
      state: "pending",
      evidence: `it is ${status}`,
      remedy,
      link,
    });
  });

  test("while jobs run, which are named, and the one that has failed already", async () => {
    const run = runShape(release, { status: "in_progress", conclusion: "" });
    const jobs = [
      jobShape("check-versions", "success"),
      jobShape("build (linux-amd64-musl)", ""),
      jobShape("build (macos-arm64)", ""),
      jobShape("sbom", "failure"),
    ];
    expect(await ask([run], jobs)).toMatchObject({
      state: "pending",
      evidence: "running: build (linux-amd64-musl), build (macos-arm64); failed already: sbom",
    });
  });
});

describe("a run has failed", () => {
  const failed = runShape(release, { conclusion: "failure" });

  test.each(["failure", "cancelled", "timed_out", "action_required", "skipped", "of another kind"])(
    "if it ended as %s",
    async (conclusion) => {
      expect(await ask([runShape(release, { conclusion })])).toMatchObject({
        state: "failed",
        evidence: `it ended as ${conclusion}`,
        remedy: `Read the log at ${link}, correct the cause, and re-run it`,
        link,
      });
    },
  );

  test("if it was for another commit than the tag names", async () => {
    const other = runShape(release, { headSha: "2".repeat(40) });
    expect(await ask([other])).toMatchObject({
      state: "failed",
      evidence: `the run was for commit ${"2".repeat(40)}, but v1.3.0 names ${commit}`,
    });
  });

  test("with the job that failed first, however they are listed, and not one that was cancelled for it", async () => {
    const jobs = [
      jobShape("release", "cancelled", { completedAt: "2026-08-07T12:02:00Z" }),
      jobShape("build (b)", "failure", { completedAt: "2026-08-07T12:08:00Z" }),
      jobShape("build (a)", "failure", {
        completedAt: "2026-08-07T12:03:00Z",
        steps: [
          { name: "Set up", conclusion: "success" },
          { name: "cargo auditable build", conclusion: "failure" },
        ],
      }),
    ];
    expect(await ask([failed], jobs)).toMatchObject({
      evidence: "job build (a) ended as failure, in step cargo auditable build",
      remedy: `Read the job's log at ${jobLink}, correct the cause, and re-run the failed jobs`,
      link: jobLink,
    });
  });

  test.each([
    ["check-versions", [], /^Bump the workspace version and the pin on perf-sentinel-core/],
    ["publish-crate", [], /^Wait 5 minutes, then re-run the failed job/],
    ["docker", ["Scan with Trivy"], /base-image rebuild.*do not bypass the scan$/],
    ["Docker", [], /do not bypass the scan$/],
    ["docker", ["Log in to GHCR"], /^Read the job's log at https/],
    ["sbom", [], /^Read the job's log at https/],
  ])("with the remedy that Troubleshooting gives for %s, %p", async (name, steps, remedy) => {
    const failedSteps = steps.map((step) => ({ name: step, conclusion: "failure" }));
    const answer = await ask([failed], [jobShape(name, "failure", { steps: failedSteps })]);
    expect(answer.remedy).toMatch(remedy);
  });
});

test("the newest run for the tag's commit counts, beside runs of a tag that was moved", async () => {
  const runs = [
    runShape(release, { headSha: "2".repeat(40) }),
    runShape(release),
    runShape(release, { conclusion: "failure" }),
  ];
  expect(await ask(runs)).toMatchObject({ state: "verified" });
});

describe("what became of a run is unknown if gh", () => {
  test.each(faults.slice(0, 2))("%s", async (_, reply, evidence) => {
    using made = ghWorld();
    made.gh.reply("run list", reply);
    expect(await askWorkflowRun({ tag, workflow, commit }, made.world)).toMatchObject({
      state: "unknown",
      evidence: expect.stringMatching(evidence),
    });
  });

  test.each([
    ["a run without a commit", { headSha: "" }],
    ["an end without a conclusion", { conclusion: "" }],
  ])("tells of %s", async (_, details) => {
    expect(await ask([runShape(release, details)])).toMatchObject({ state: "unknown" });
  });
});

test.each([
  ["success", "verified", "it ended in success"],
  ["failure", "failed", "it ended as failure"],
])("a %s stands if its jobs cannot be listed", async (conclusion, state, evidence) => {
  using made = ghWorld();
  made.gh.reply("run list", { stdout: [runShape(release, { conclusion })] });
  made.gh.reply("run view", { code: 1, stderr: "HTTP 502\n" });
  const answer = await askWorkflowRun({ tag, workflow, commit }, made.world);
  expect(answer).toMatchObject({ state, evidence });
});
