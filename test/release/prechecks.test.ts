import { describe, expect, test } from "bun:test";
import { error } from "../../scripts/lib/finding.ts";
import type { SignedTag } from "../../scripts/lib/git/tag.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import type { ReleaseOptions } from "../../scripts/release/plan.ts";
import { type Facts, precheck, remedyForOwnTag } from "../../scripts/release/prechecks.ts";

const head = "a".repeat(40);
const theirs = "b".repeat(40);
const tagId = "c".repeat(40);

const signed: SignedTag = {
  id: tagId,
  bytes: new Uint8Array(),
  object: head,
  type: "commit",
  tag: "v1.3.0",
  tagger: "T <t@example.invalid> 0 +0000",
  message: "v1.3.0\n",
  signature: undefined,
  signer: "ED25519 key SHA256:x",
};

const ready: Facts = {
  tag: "v1.3.0",
  version: parseVersion("1.3.0"),
  commit: head,
  checkout: { head, branch: "refs/heads/main", changes: [], underway: [] },
  localTag: { kind: "absent" },
  remote: { name: "origin", url: "/remote.git", shown: "/remote.git", answersByName: true },
  refs: { main: head, all: new Map() },
  relation: { kind: "equal" },
  resuming: false,
  interactive: true,
};

const rules = { script: "scripts/release.ts", tagPrefix: "v", branch: "main", pushesMain: true };
const chartRules = { ...rules, script: "scripts/release-chart.ts", pushesMain: false };
type Options = Pick<ReleaseOptions, "dryRun" | "yes" | "resume">;
const plain: Options = { dryRun: false, yes: false, resume: false };
const resume: Options = { ...plain, resume: true };

function judge(change: Partial<Facts>, options = plain, kind = rules) {
  const { findings, complete } = precheck({ ...ready, ...change }, kind, options);
  return {
    complete,
    errors: findings.filter(({ level }) => level === "error").map(({ message }) => message),
    warnings: findings.filter(({ level }) => level === "warning").map(({ message }) => message),
    notices: findings.filter(({ level }) => level === "notice").map(({ message }) => message),
    remedies: findings.map(({ remedy }) => remedy ?? "").join("\n"),
  };
}

const onBranch = (branch: string | undefined) => ({ checkout: { ...ready.checkout, branch } });
const tagged = (id: string, ref = "refs/tags/v1.3.0") => ({
  main: head,
  all: new Map([[ref, id]]),
});
const leftover: Facts["localTag"] = { kind: "signed", id: tagId, tag: signed };

test("a clean checkout of main in sync, with the tag free everywhere, passes with evidence", () => {
  const { errors, notices } = judge({});
  expect(errors).toEqual([]);
  expect(notices).toEqual([
    "on branch main at aaaaaaa",
    "the working tree is clean",
    "in sync with origin/main at aaaaaaa",
    "tag v1.3.0 is free here",
    "tag v1.3.0 is free on origin",
  ]);
});

const refusals: [string, Partial<Facts>, string][] = [
  ["another branch", onBranch("refs/heads/feature"), "must run from 'main': HEAD is on feature"],
  ["a branch that only ends in main", onBranch("refs/heads/x/main"), "must run from 'main'"],
  ["a detached HEAD", onBranch(undefined), "HEAD is on no branch (detached)"],
  [
    "a change in the work tree",
    { checkout: { ...ready.checkout, changes: ["a.txt"] } },
    "working tree is dirty: a.txt",
  ],
  [
    "a merge under way",
    { checkout: { ...ready.checkout, underway: ["merge"] } },
    "while a merge is under way",
  ],
  [
    "a tag here that git cannot read",
    { localTag: { kind: "unknown", findings: [error("cannot read", { remedy: "git fsck" })] } },
    "cannot read",
  ],
  ["a checkout behind the remote", { relation: { kind: "behind" } }, "is behind origin/main"],
  ["a checkout that diverged", { relation: { kind: "diverged" } }, "has diverged from origin/main"],
  ["a remote commit that is not here", { relation: { kind: "unfetched" } }, "is not here yet"],
  [
    "a lightweight tag here",
    { localTag: { kind: "unfit", id: head, why: "a lightweight tag" } },
    "v1.3.0 already exists locally: it is a lightweight tag",
  ],
  ["a signed tag here", { localTag: leftover }, "v1.3.0 already exists locally"],
  [
    "the same signed tag here and on the remote",
    { localTag: leftover, refs: tagged(tagId) },
    "v1.3.0 already exists locally: signed by ED25519 key SHA256:x, of commit aaaaaaa; origin holds it, too",
  ],
  [
    "a tag on the remote below whose name git would need a folder",
    { refs: tagged(theirs, "refs/tags/v1.3.0/x") },
    "Cannot push to refs/tags/v1.3.0: origin holds refs/tags/v1.3.0/x",
  ],
  ["a tag on the remote", { refs: tagged(theirs) }, "v1.3.0 already exists on origin"],
  [
    "a branch of the remote that git may take for the tag",
    { refs: tagged(theirs, "refs/heads/refs/tags/v1.3.0") },
    "Cannot push to refs/tags/v1.3.0: origin holds refs/heads/refs/tags/v1.3.0",
  ],
  ["no terminal and no --yes", { interactive: false }, "stdin is not a TTY"],
];

test.each(refusals)("%s refuses", (_, facts, message) => {
  const { errors, remedies } = judge(facts);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain(message);
  expect(remedies).not.toBe("");
});

test.each([
  ["release/1.3.0", "git checkout main && git merge release/1.3.0 --no-ff"],
  ["feature", "git checkout main, then"],
  ["release/$(id)", "git checkout main, then"],
])("from branch %s the way is to main, past a merge that may be copied", (branch, way) => {
  expect(judge(onBranch(`refs/heads/${branch}`)).remedies).toStartWith(way);
});

test("a ref of the remote that is in the way is deleted only if nobody needs it", () => {
  const refs = tagged(theirs, "refs/tags/v1.3.0/x");
  expect(judge({ refs }).remedies.trim()).toBe(
    "Delete it there if nobody needs it: git push origin :refs/tags/v1.3.0/x",
  );
});

test("all faults are reported at once", () => {
  const { errors } = judge({
    checkout: { head, branch: "refs/heads/feature", changes: ["a", "b"], underway: ["rebase"] },
    localTag: leftover,
    refs: tagged(theirs),
    relation: { kind: "diverged" },
    interactive: false,
  });
  // On another branch, HEAD is not the commit to compare with the remote's main.
  expect(errors).toHaveLength(5);
});

test("a question without an answer leaves no pass of its own", () => {
  const { notices } = judge({ refs: undefined, relation: undefined });
  expect(notices.join()).not.toContain("origin");
});

test.each<[string, Facts["localTag"], string, string[]]>([
  ["an interrupted release made", leftover, "whether origin holds it is unknown", []],
  ["no release made", { kind: "unfit", id: head, why: "a lightweight tag" }, "lightweight", []],
  ["a gate refuses on --resume", leftover, "", ["x"]],
])(
  "no way out deletes a tag that %s while origin gives no answer",
  (_, localTag, why, bypasses) => {
    const facts = { ...ready, localTag, refs: undefined, relation: undefined };
    const { errors, remedies } = judge(facts);
    expect(errors[0]).toContain(why);
    const ways = [remedies, remedyForOwnTag(facts, rules, bypasses)].map((way) => way.trim());
    const ask = "Ask origin first, which may hold v1.3.0: git ls-remote origin";
    expect(ways).toEqual([ask, ask]);
  },
);

describe("ahead of the remote's main", () => {
  const ahead: Partial<Facts> = { relation: { kind: "ahead", commits: ["aaaaaaa Merge"] } };

  test("is fine for a release, which pushes main", () => {
    expect(judge(ahead).errors).toEqual([]);
  });

  test("refuses a chart release, which pushes only the tag", () => {
    expect(judge(ahead, plain, chartRules).errors[0]).toContain("1 commit ahead of origin/main");
  });
});

describe("with --resume", () => {
  test("a signed tag here that is nowhere else is gone on from", () => {
    const { errors, complete, notices } = judge({ localTag: leftover, resuming: true }, resume);
    expect(errors).toEqual([]);
    expect(complete).toBe(false);
    expect(notices.join("\n")).toContain("resuming v1.3.0");
  });

  test("a tag that the remote holds on its main is complete", () => {
    const facts = { localTag: leftover, resuming: true, refs: tagged(tagId) };
    expect(judge(facts, resume).complete).toBe(true);
    expect(judge({ ...facts, relation: { kind: "behind" } }, resume).complete).toBe(true);
  });

  test("a tag that the remote holds while its main lacks the commit is not complete", () => {
    const facts: Partial<Facts> = {
      localTag: leftover,
      resuming: true,
      refs: tagged(tagId),
      relation: { kind: "ahead", commits: ["aaaaaaa Merge"] },
    };
    expect(judge(facts, resume)).toMatchObject({ complete: false, errors: [] });
  });

  test.each([
    ["alone", { kind: "equal" }, resume],
    ["whose commit was overtaken", { kind: "diverged" }, resume],
    ["without the option", { kind: "equal" }, plain],
  ] as const)(
    "another tag on the remote refuses, and neither is changed: %s",
    (_, relation, options) => {
      const facts = {
        localTag: leftover,
        resuming: options.resume,
        refs: tagged(theirs),
        relation,
      };
      const { errors, remedies } = judge(facts, options);
      const own = remedyForOwnTag({ ...ready, ...facts }, rules, ["x"]);
      expect(errors.join("\n")).toMatch(
        /^Tag v1.3.0 already exists on origin: .* is object ccccccc: one of the two was replaced$/m,
      );
      const ways = [...remedies.trim().split("\n"), own];
      const way =
        "Find out from the signers, or from another clone, which of the two was released; change neither before. The local one: git cat-file -p refs/tags/v1.3.0";
      expect([...new Set(ways.filter((each) => each !== ""))]).toEqual([way]);
    },
  );

  test.each<[string, Facts["relation"], boolean, string]>([
    [
      "was overtaken, as far as is known, may be on main already",
      { kind: "unfetched" },
      false,
      "git fetch origin && bun scripts/release.ts v1.3.0 --resume --skip-lab",
    ],
    [
      "was overtaken, published, may be on main already",
      { kind: "unfetched" },
      true,
      "git fetch origin && bun scripts/release.ts v1.3.0 --resume --skip-lab",
    ],
    [
      "was overtaken can only be made anew",
      { kind: "diverged" },
      false,
      "Start over from what main has: git tag -d v1.3.0 && git fetch origin && git merge --no-edit origin/main, then see whether the lab has validated what came in, then: bun scripts/release.ts v1.3.0",
    ],
    [
      "was overtaken, published, is brought to main",
      { kind: "diverged" },
      true,
      "Bring the commit of the tag to main: git pull --no-rebase origin main && git merge v1.3.0 && git push origin main, then: bun scripts/release.ts v1.3.0 --resume --skip-lab",
    ],
  ])("a tag whose commit %s", (_, relation, published, way) => {
    const message = "v1.3.0\n\nBypassed: lab validation gate (--skip-lab)\n";
    const facts: Partial<Facts> = {
      localTag: { kind: "signed", id: tagId, tag: { ...signed, message } },
      resuming: true,
      ...(published ? { refs: tagged(tagId) } : {}),
      relation,
    };
    const { errors, remedies } = judge(facts, resume);
    expect(errors).toHaveLength(1);
    expect(remedies.trim()).toBe(way);
  });

  test("a tag without a signature refuses", () => {
    const unfit: Facts["localTag"] = { kind: "unfit", id: head, why: "a lightweight tag" };
    expect(judge({ localTag: unfit }, resume).errors).toHaveLength(1);
  });

  test("without any tag the run starts afresh and says so", () => {
    const { errors, notices } = judge({}, resume);
    expect(errors).toEqual([]);
    expect(notices.join("\n")).toContain("nothing to resume");
  });
});

describe("the newest release tag", () => {
  const existing = (...names: string[]) => ({
    refs: { main: head, all: new Map(names.map((name) => [`refs/tags/${name}`, theirs])) },
  });

  test.each([
    [["v1.4.0"], "v1.3.0 is lower than the newest release tag v1.4.0"],
    [["v1.2.9", "v1.10.0", "v1.9.0"], "v1.3.0 is lower than the newest release tag v1.10.0"],
  ])("%p above the version is a warning", (names, message) => {
    expect(judge(existing(...names)).warnings).toEqual([message]);
  });

  test.each([[["v1.2.9", "v1.3.0-rc.1"]], [["chart-v9.9.9", "vnext", "v9.9", "version9.9.9"]]])(
    "%p is none",
    (names) => {
      expect(judge(existing(...names)).warnings).toEqual([]);
    },
  );
});

test("a dry run and --yes need no terminal", () => {
  expect(judge({ interactive: false }, { ...plain, dryRun: true }).errors).toEqual([]);
  expect(judge({ interactive: false }, { ...plain, yes: true }).errors).toEqual([]);
});
