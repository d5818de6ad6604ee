#!/usr/bin/env bun
/**
 * Tells how far a release has come: each step of the procedure with its state and its evidence, and
 * the one command that comes next.
 *
 * Usage: bun scripts/status.ts [vX.Y.Z] [--repo DIR] [--json]
 *
 * Without a version it is that of the release branch that HEAD is on, or else the workspace's. It
 * asks what the other commands ask, of the commit that stands for the release (its tag, main, or its
 * branch), changes nothing and fetches nothing. Refuses as long as a step is open or refused; a
 * question without an answer, as offline, leaves its step open. Steps that leave no trace, such as
 * `cargo test`, are not told.
 *
 * Exit codes: 0 released, 1 something is open or could not be found out, 2 wrong command line,
 * 130 interrupted.
 */

import {
  checkLabValidation,
  defaultQuestion,
  findLabValidation,
  type LabQuestion,
} from "../release-gate/check-lab-validation.ts";
import { prepareBump } from "./bump-version.ts";
import { checkChartAppVersion } from "./check-chart-appversion.ts";
import { checkChartSince } from "./check-chart-version-bumped.ts";
import { checkHelmTagVersion } from "./check-helm-tag-version.ts";
import { checkOperatorReferences, checkReferences } from "./check-references.ts";
import { checkTagVersion } from "./check-tag-version.ts";
import { checkVintages } from "./check-vintages.ts";
import { dayOf } from "./lib/calendar.ts";
import { command, main, optionalOperand, versionOf } from "./lib/cli.ts";
import { workTree } from "./lib/disk/work-tree.ts";
import { isSameImage, readChart, readProductImages } from "./lib/files/chart.ts";
import { type Entry, entriesOf, parseLedger } from "./lib/files/ledger.ts";
import { error, type Finding, notice, refusal, warning } from "./lib/finding.ts";
import { changesAmong, readCheckout } from "./lib/git/checkout.ts";
import { type Repository, short, text } from "./lib/git/git.ts";
import { type Objects, openObjects } from "./lib/git/objects.ts";
import { layout } from "./lib/layout.ts";
import { examineImage } from "./lib/net/image.ts";
import type { Json, Report } from "./lib/report.ts";
import type { Tree } from "./lib/tree.ts";
import { isVersion, type Version } from "./lib/version.ts";
import { askGates } from "./release/gate.ts";
import { releaseProcedure } from "./release.ts";
import type { Checks } from "./status/checks.ts";
import type { Outcome, StatusFacts } from "./status/facts.ts";
import { type Gathered, gather } from "./status/gather.ts";
import { branchOf, tagOf } from "./status/next.ts";
import { outcomeOf } from "./status/outcome.ts";
import { statedVersion } from "./status/standing.ts";
import { type Checklist, judgeSteps } from "./status/steps.ts";

/** The questions of the other commands, read-only. */
export function openChecks(signal: AbortSignal): Checks {
  return {
    async references(tree, version, tagged) {
      const findings = tagged
        ? await Promise.all([
            checkTagVersion(tree, version),
            checkOperatorReferences("advised")(tree, version),
          ])
        : [await checkReferences(tree, version)];
      return outcomeOf(findings.flat(), (notices) =>
        tagged
          ? `all ${notices.length - 1} enforced references, and ${notices.at(-1)}`
          : `all ${notices.length} references state ${version}`,
      );
    },
    async vintages({ tree, day }) {
      const { folder } = layout.vintages;
      return (await tree.list(`${folder}/**/*.rs`)).length === 0
        ? undefined
        : outcomeOf(await checkVintages(tree, { releaseDay: day, strict: false }));
    },
    async chart(repository, { tree, commit, version, tagged }) {
      const [references, ...findings] = await Promise.all([
        checkOperatorReferences(tagged ? "advised" : "required")(tree, version),
        checkChartAppVersion(tree, layout.chart),
        checkChartSince(repository, layout.mainBranch, commit),
      ]);
      const ours = references.filter(({ at }) => at?.file.startsWith(`${layout.chart}/`));
      const chart = await readChart(tree, layout.chart);
      const stated = `version ${chart.version.value}, appVersion ${chart.appVersion?.value}`;
      return outcomeOf([ours, ...findings].flat(), () => stated);
    },
    async bump(repository, { tree, version, day }, isHere) {
      const begun = (await statedVersion(tree)) === version;
      const request = { version, chart: undefined, chartOnly: false, allowSame: begun, date: day };
      const { plan, faults } = await prepareBump(tree, request);
      const paths = plan?.files.map(({ path }) => path) ?? [];
      return {
        begun,
        edits: paths.length,
        refused: faults.length > 0 ? outcomeOf(faults) : undefined,
        ...(isHere ? await readUnclean(repository, paths) : { unclean: [], untracked: [] }),
      };
    },
    lab: askLab,
    async gate(candidate, day) {
      const request = { today: day, skipLab: false, strict: false, ledgerVariable: undefined };
      const results = await askGates(releaseProcedure(request).gates, candidate);
      return outcomeOf(
        results.flatMap(({ findings }) => [...findings]),
        (notices) => notices.find((each) => each.startsWith("release-gate:")) ?? "",
      );
    },
    async recorded(tree, committed, version, today) {
      const question = { ...defaultQuestion, version, today };
      const [here, before] = await Promise.all(
        [tree, committed].map((each) => entriesFor(each, question)),
      );
      if ((here?.length ?? 0) <= (before?.length ?? 0)) {
        return undefined;
      }
      if ((await findLabValidation(tree, question)) !== undefined) {
        return "PASS";
      }
      return here?.at(-1)?.verdict === "FAIL" ? "FAIL" : undefined;
    },
    async chartGates(tree, chart) {
      const findings = await Promise.all([
        checkHelmTagVersion(tree, chart),
        checkChartAppVersion(tree, layout.chart),
      ]);
      return outcomeOf(findings.flat());
    },
    image: (repository, tree) => askForImage(repository, tree, signal),
  };
}

/** The files among some that are not as committed, and those of them that git does not track. */
async function readUnclean(repository: Repository, paths: readonly string[]) {
  const unclean = await changesAmong(repository, paths);
  const list = ["--literal-pathspecs", "ls-files", "-z", "--", ...unclean];
  const tracked = unclean.length === 0 ? "" : await text(repository, "list tracked files", list);
  const known = new Set(tracked.split("\0"));
  return { unclean, untracked: unclean.filter((path) => !known.has(path)) };
}

type Judge<Name extends keyof Checks> = Checks[Name];

/** Whether the lab has ever validated the version: how old that may be is the gate's question. */
const askLab: Judge<"lab"> = async ({ tree, version, day }) => {
  const question = { ...defaultQuestion, version, today: day };
  const ever = { ...question, maxAgeDays: Number.MAX_SAFE_INTEGER };
  const found = await findLabValidation(tree, ever);
  if (found !== undefined) {
    const { date, sha, line } = found.entry;
    const evidence = `PASS of ${date}, lab commit ${sha}, line ${line} of ${layout.ledger}`;
    return { verdict: "passed", evidence, failed: false };
  }
  const [findings, entries] = await Promise.all([
    checkLabValidation(tree, question),
    entriesFor(tree, question),
  ]);
  return { ...outcomeOf(findings), failed: entries.some(({ verdict }) => verdict === "FAIL") };
};

/** The valid rows of a version, in the order of the ledger. */
async function entriesFor(tree: Tree, { version, today, ledger }: LabQuestion): Promise<Entry[]> {
  const source = await tree.read(ledger, { lenient: true });
  const entries = source === undefined ? [] : entriesOf(parseLedger(source, today));
  return entries.filter(({ tag }) => tag === tagOf({ version }));
}

const askForImage = async (
  repository: Repository,
  tree: Tree,
  signal: AbortSignal,
): Promise<Outcome> => {
  const { pulled, promised = [] } = await readProductImages(tree, layout.chart);
  if (pulled === undefined) {
    return { verdict: "refused", evidence: `there is no values.yaml in ${layout.chart}` };
  }
  const { reference, at } = pulled;
  const platforms = promised
    .filter((each) => isSameImage(each.reference, reference))
    .flatMap((each) => each.platforms);
  const world = { env: repository.env, cwd: repository.root, http: { signal } };
  const { state, findings } = await examineImage({ reference, platforms, at }, world);
  const outcome = outcomeOf(findings);
  return state === "unknown" ? { ...outcome, verdict: "unanswered" } : outcome;
};

export const table = command({
  name: "scripts/status.ts",
  summary: "Tells how far a release has come, step by step, and the one command that comes next.",
  operands: {
    version: optionalOperand(
      "the version, as vX.Y.Z or X.Y.Z (default: of the release branch, else the workspace's)",
      versionOf(layout.tagPrefix),
    ),
  },
  options: {},
  refuses: [
    "a step of the release is open or refused: the last line says what comes next",
    "a question stays without an answer: its step is open then",
    "no version is named, and neither HEAD's branch nor the workspace tells one",
  ],
  example: "bun scripts/status.ts v1.2.3",
  async run({ operands, env, now, repository, report, interrupt }) {
    const found = await repository();
    // In a partial clone git would fetch what it lacks by itself.
    const opened = { ...found, env: { ...found.env, GIT_NO_LAZY_FETCH: "1" } };
    await using objects = openObjects(opened);
    await needProduct(opened, objects);
    const version = operands.version ?? (await defaultVersion(opened));
    const checks = openChecks(interrupt.requestSignal);
    const world = { repository: opened, objects, checks, today: dayOf(now) };
    const gathered = await report.during("Asking the checks", gather(world, version, env));
    show(gathered, judgeSteps(gathered.facts), operands.version === undefined, report);
  },
});

/** @throws {Refusal} If the checkout is not of the product: its steps would all be told as open. */
async function needProduct(repository: Repository, objects: Objects): Promise<void> {
  const manifest = layout.workspaceManifest;
  const isHere = (await workTree(repository.root).list(manifest)).length > 0;
  if (!isHere && (await objects.find(`HEAD:${manifest}`)) === undefined) {
    throw refusal(`Cannot tell where a release stands: ${repository.root} has no ${manifest}`, {
      remedy: "Name the product's checkout with --repo DIR",
    });
  }
}

/**
 * The version that this checkout is about.
 *
 * @throws {Refusal} If nothing tells.
 */
async function defaultVersion(repository: Repository): Promise<Version> {
  const { branch = "" } = await readCheckout(repository);
  const named = /^refs\/heads\/release\/(.+)$/.exec(branch)?.[1] ?? "";
  const version = isVersion(named) ? named : await statedVersion(workTree(repository.root));
  if (version === undefined) {
    throw refusal(`Cannot tell which version is meant: ${layout.workspaceManifest} states none`, {
      remedy: "Name it: bun scripts/status.ts vX.Y.Z",
    });
  }
  return version;
}

function show(gathered: Gathered, checklist: Checklist, isGuessed: boolean, report: Report): void {
  const { facts, unanswered, commit } = gathered;
  const { steps, next } = checklist;
  const tag = tagOf(facts);
  const stands = {
    nowhere: "not begun",
    branch: `on ${branchOf(facts)}`,
    main: `on ${layout.mainBranch}`,
    tag: "tagged",
  };
  const at = commit === undefined || facts.where === "nowhere" ? "" : ` at ${short(commit)}`;
  report.say(`${tag}: ${stands[facts.where]}${at}`);
  const widths = [4, 14, Math.max(...steps.map(({ title }) => title.length))];
  for (const { step, state, title, evidence } of steps) {
    const cells = [step, state, title].map((cell, index) => cell.padEnd(widths[index] ?? 0));
    report.say(`  ${cells.join("  ")}  ${evidence}`);
  }
  report.tabulate({
    columns: ["step", "state", "title", "evidence"],
    rows: steps.map(({ step, state, title, evidence }) => [step, state, title, evidence]),
  });
  report.attach(dataOf(gathered, checklist));
  report.add(unanswered.map(({ message, remedy }) => warning(`No answer: ${message}`, { remedy })));
  report.add(verdictOf(facts, checklist));
  if (isGuessed && next === undefined) {
    report.say("The next release is told by its version: bun scripts/status.ts vX.Y.Z");
  }
}

/** The steps as one finding: a release passes only when all of them are done. */
export function verdictOf(
  facts: Pick<StatusFacts, "version" | "tag">,
  { steps, next }: Checklist,
): Finding {
  const tag = tagOf(facts);
  const first = steps.find(({ state }) => state === "open" || state === "refused");
  if (first === undefined || next === undefined) {
    return notice(`${tag} is released: every step is done, or not applicable`);
  }
  const isOut = facts.tag.kind === "complete";
  const stands = isOut ? "is on the remote, but not released whole" : "is not released";
  return error(`${tag} ${stands}: step ${first.step} is ${first.state}`, {
    remedy: "command" in next ? next.command : next.byHand,
  });
}

function dataOf({ facts, unanswered, commit }: Gathered, { steps, next }: Checklist): Json {
  return {
    version: facts.version,
    tag: tagOf(facts),
    branch: branchOf(facts),
    commit,
    steps: steps.map((step) => ({ ...step })),
    unanswered: unanswered.map(({ message }) => message),
    next: next && "command" in next ? next.command : undefined,
    byHand: next && "byHand" in next ? next.byHand : undefined,
  };
}

if (import.meta.main) {
  await main(table);
}
