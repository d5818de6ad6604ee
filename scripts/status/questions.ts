/** Runs the checks of the other commands on the commit of a release, each with one outcome. */

import {
  checkDrift,
  checkLabValidation,
  defaultQuestion,
  findLabValidation,
} from "../../release-gate/check-lab-validation.ts";
import { findUnclean, prepareBump } from "../bump-version.ts";
import { checkChartAppVersion } from "../check-chart-appversion.ts";
import { checkChartSince } from "../check-chart-version-bumped.ts";
import { checkHelmTagVersion } from "../check-helm-tag-version.ts";
import { checkOperatorReferences, checkReferences } from "../check-references.ts";
import { checkTagVersion } from "../check-tag-version.ts";
import { checkVintages, findStaleVintages } from "../check-vintages.ts";
import type { Answer } from "../lib/answer.ts";
import type { Day } from "../lib/calendar.ts";
import { workTree } from "../lib/disk/work-tree.ts";
import { readWorkspace, versionIn } from "../lib/files/cargo.ts";
import { isUnreleased, readChangelog, sectionsOf } from "../lib/files/changelog.ts";
import { chartManifest, readChart } from "../lib/files/chart.ts";
import { isSameImage, readProductImages } from "../lib/files/chart-images.ts";
import {
  type Entry,
  entriesOf,
  isRepairable,
  type Ledger,
  type MalformedRow,
  malformedEnd,
  malformedOf,
  parseLedger,
  repairOf,
  type Verdict,
} from "../lib/files/ledger.ts";
import { refuseOtherChart } from "../lib/files/references.ts";
import { attempt, type Finding, isPass, shellWord, together } from "../lib/finding.ts";
import type { Objects } from "../lib/git/objects.ts";
import type { Repository } from "../lib/git/repository.ts";
import { has, layout } from "../lib/layout.ts";
import { checkImage } from "../lib/net/image.ts";
import type { Tree } from "../lib/tree.ts";
import { finalOf, isCandidate, type Version } from "../lib/version.ts";
import type { Target } from "../release/flow.ts";

/** The outcome of a check or of several, on one line. */
export type Outcome = Pick<Answer, "state" | "evidence" | "remedy">;

/** What to do: a command to run at the top level, or an instruction for a person. */
export interface Next {
  readonly isCommand: boolean;
  readonly text: string;
  /** The reason for it; undefined if the evidence of the step states it. */
  readonly why?: string | undefined;
}

export const command = (text: string, why?: string): Next => ({ isCommand: true, text, why });
export const byHand = (text: string, why?: string): Next => ({ isCommand: false, text, why });

const { remote } = layout;

export const askRemote = command(`git ls-remote --heads ${remote}`);
export const fetchBranch = (name: string) =>
  command(`git fetch ${remote} +refs/heads/${name}:refs/remotes/${remote}/${name}`);

/** The commit of a release that the checks judge. */
export interface Judged extends Target {
  readonly objects: Objects;
  /** The branch that it is released from. */
  readonly base: string;
  /** The day as of which it is judged. */
  readonly day: Day;
  /** Whether the commit is tagged: then it can no longer change. */
  readonly tagged: boolean;
}

/** The outcomes of the checks. */
export interface Checks {
  /** Pending until the bump. */
  readonly references: Outcome;
  /** Whether the changelog describes the changes. */
  readonly described: boolean;
  /** Whether the workspace states the version already. */
  readonly begun: boolean;
  /** The next step of the bump; undefined if it would change nothing. */
  readonly bump: Next | undefined;
  /** The candidate of the version that the workspace states. */
  readonly candidate: { readonly version: Version; readonly isCommitted: boolean } | undefined;
  /** Pending if data are stale and not deferred. Undefined if the product has no reference data. */
  readonly vintages: Outcome | undefined;
  /** Whether the chart's own version is right; undefined if there is no chart. */
  readonly chart: Outcome | undefined;
  /** Whether the lab has validated the version at any time; pending if it has not run. */
  readonly lab: Outcome;
  /** Whether the gate accepts that validation; undefined if there is none. */
  readonly gate: Outcome | undefined;
  /** The repair of a ledger without which the lab run cannot be recorded; undefined if it needs none. */
  readonly repair?: Next | undefined;
  /** What a work tree adds; undefined if it has no changes, or another commit is checked out. */
  readonly uncommitted:
    | {
        /** Whether every reference states the version. */
        readonly bumped: boolean;
        /** Whether the changelog describes the changes. */
        readonly described: boolean;
        /** Whether the reference data are fresh or deferred. */
        readonly fresh: boolean;
        /** The verdict of the version's last row; undefined if no row is uncommitted. */
        readonly row: Verdict | undefined;
      }
    | undefined;
}

/**
 * Runs the checks on the commit of a release.
 *
 * @param changes Paths that differ from the commit, if it is checked out.
 */
export async function askChecks(judged: Judged, changes: readonly string[]): Promise<Checks> {
  const { repository, tree, version, tagged } = judged;
  const work = changes.length > 0 ? workTree(repository.root) : undefined;
  const [stated, committed] = await Promise.all([work ?? tree, tree].map(statedVersion));
  const begun = tagged || stated === version;
  const isOurs = stated && isCandidate(stated) && finalOf(stated) === version;
  const candidate = isOurs ? { version: stated, isCommitted: stated === committed } : undefined;
  const [references, described, bump, vintages, chart, lab, uncommitted] = await Promise.all([
    askReferences(judged),
    isDescribed(tree, version),
    tagged ? undefined : askBump(judged, work, begun),
    askVintages(judged, tree),
    askChart(judged),
    has.labGate ? askLab(judged, work) : noLab,
    work && readChanges(judged, work, changes),
  ]);
  const isPending = references.state === "failed" && !begun;
  const evidence = stated === undefined ? references.evidence : `the workspace is at ${stated}`;
  return {
    ...{ described, begun, candidate, bump, vintages, chart, ...lab, uncommitted },
    references: isPending ? { ...references, state: "pending", evidence } : references,
  };
}

async function askReferences(judged: Judged): Promise<Outcome> {
  const { tree, version, findLast, tagged } = judged;
  if (!tagged) {
    return await answer([checkReferences(tree, version, findLast)]);
  }
  // In a tagged commit, a stale reference that no gate refuses is only a warning.
  const operatorDriven = checkOperatorReferences("history")(tree, version, findLast);
  return await answer(
    [checkTagVersion(tree, version), operatorDriven],
    (notices) => `all enforced references, and ${notices.at(-1)}`,
  );
}

async function readChanges(
  judged: Judged,
  work: Tree,
  changes: readonly string[],
): Promise<Checks["uncommitted"]> {
  const { version, tree } = judged;
  const [references, described, vintages, rows, committed] = await Promise.all([
    answer([checkReferences(work, version)]),
    isDescribed(work, version),
    askVintages(judged, work),
    changes.includes(layout.ledger) ? readRows(judged, work) : [],
    readRows(judged, tree),
  ]);
  const row = rows.length > committed.length ? rows.at(-1)?.verdict : undefined;
  const fresh = vintages?.state === "verified";
  return { bumped: references.state === "verified", described, fresh, row };
}

/** Reports whether the version's section of the changelog, or else [Unreleased], has content. */
async function isDescribed(tree: Tree, version: Version): Promise<boolean> {
  const { value } = await attempt(() => tree.read(layout.changelog));
  if (value === undefined) {
    // A missing changelog needs no content, and the bump refuses one that cannot be read.
    return true;
  }
  const changelog = readChangelog(value);
  const ours = sectionsOf(changelog, version);
  const sections = ours.length > 0 ? ours : changelog.sections.filter(isUnreleased);
  return sections.some(({ hasContent }) => hasContent);
}

/**
 * Returns the next step of the bump; undefined if it would change nothing.
 *
 * @param work The work tree, if it has uncommitted changes.
 * @param begun Whether the workspace states the version already.
 */
async function askBump(
  { repository, tree, version, day }: Judged,
  work: Tree | undefined,
  begun: boolean,
): Promise<Next | undefined> {
  const request = { version, chart: undefined, chartOnly: false, allowSame: begun, date: day };
  const { plan, faults } = await prepareBump(work ?? tree, request);
  const unclean = work && plan ? await findUnclean(repository, plan) : [];
  const [first] = unclean;
  if (first !== undefined) {
    const more = unclean.length > 1 ? ` (and ${unclean.length - 1} more)` : "";
    const add = `git add -- ${unclean.map(shellWord).join(" ")}`;
    const commit = `${add} && git commit --message "Prepare ${version}"`;
    return command(commit, `${first}${more} is not committed`);
  }
  if (faults.length > 0) {
    const { evidence, remedy = evidence } = sumUp(faults);
    return byHand(remedy, evidence);
  }
  const run = `bun scripts/bump-version.ts ${version}${begun ? " --allow-same" : ""}`;
  return plan && plan.files.length > 0 ? command(run) : undefined;
}

async function askVintages(judged: Judged, tree: Tree): Promise<Outcome | undefined> {
  const { findLast, day, tagged } = judged;
  const { vintages } = layout;
  const files = vintages && (await tree.list(`${vintages.folder}/**/*.rs`));
  if (files === undefined || files.length === 0) {
    return undefined;
  }
  const outcome = await answer([checkVintages(tree, { releaseDay: day, strict: false, findLast })]);
  // In a tagged commit nobody can refresh them any more.
  const stale = outcome.state === "verified" && !tagged ? await findStaleVintages(tree, day) : [];
  return stale.length > 0
    ? { state: "pending", evidence: firstOf(stale), remedy: stale[0]?.remedy }
    : outcome;
}

async function askChart(judged: Judged): Promise<Outcome | undefined> {
  const { repository, tree, commit, version, base, tagged } = judged;
  if (!(await hasChart(tree))) {
    const { findings } = await attempt(() => refuseOtherChart(tree));
    return findings && { ...sumUp(findings), state: "unknown" };
  }
  const { value } = await attempt(() => readChart(tree, layout.chart));
  const installs = value?.appVersion?.value;
  if (!tagged && value !== undefined && installs !== version) {
    return { state: "failed", evidence: `appVersion is ${installs}, expected ${version}` };
  }
  const checks = [
    checkChartAppVersion(tree, layout.chart),
    checkChartSince(repository, base, commit),
  ];
  return await answer(checks, () => `version ${value?.version.value}, appVersion ${installs}`);
}

/** Without a lab gate, no step is about the lab. */
const noLab = { lab: { state: "verified", evidence: "" }, gate: undefined } as const;

/**
 * Finds out whether the lab has ever validated the version, and whether the gate accepts that.
 *
 * @param work The work tree, if it has uncommitted changes.
 */
async function askLab(
  judged: Judged,
  work: Tree | undefined,
): Promise<Pick<Checks, "lab" | "gate" | "repair">> {
  const { repository, tree, version, commit, day } = judged;
  const question = { ...defaultQuestion, version, today: day };
  const validation = checkLabValidation(tree, question);
  const ever = { ...question, maxAgeDays: Number.MAX_SAFE_INTEGER };
  const { value } = await attempt(() => findLabValidation(tree, ever));
  const repair = await askRepair(judged, work ?? tree);
  if (value === undefined) {
    const lab = await answer([validation]);
    const hasFailed = (await readRows(judged, tree)).some(({ verdict }) => verdict === "FAIL");
    const isPending = lab.state === "failed" && !hasFailed;
    return { lab: isPending ? { ...lab, state: "pending" } : lab, gate: undefined, repair };
  }
  const { tag, date, sha, line } = value.entry;
  const { ledger } = layout;
  const evidence = `PASS of ${date}, lab commit ${sha}, line ${line} of ${ledger}`;
  const gate = await answer(
    [validation, checkDrift(repository, { tag, ledger, line, commit })],
    (notices) => notices.find((each) => each.startsWith("release-gate:")) ?? "",
  );
  return { lab: { state: "verified", evidence }, gate, repair };
}

/** Returns the repair of the malformed row that ends the ledger, or that hides a row of the version. */
async function askRepair(judged: Judged, tree: Tree): Promise<Next | undefined> {
  const ledger = await readLedger(judged, tree);
  const isHidden = (row: MalformedRow) => row.repaired?.startsWith(`${judged.tag}\t`);
  const row = ledger && (malformedOf(ledger).find(isHidden) ?? malformedEnd(ledger)[0]);
  const why = `line ${row?.line} of ${layout.ledger} is malformed`;
  return row && (isRepairable(row) ? command : byHand)(repairOf(row), why);
}

/** Reads the valid rows of the version, in the order of the ledger. */
async function readRows(judged: Judged, tree: Tree): Promise<readonly Entry[]> {
  const ledger = await readLedger(judged, tree);
  return ledger === undefined ? [] : entriesOf(ledger).filter(({ tag }) => tag === judged.tag);
}

/** Returns the ledger of a tree; undefined if it cannot be read. */
async function readLedger({ day }: Judged, tree: Tree): Promise<Ledger | undefined> {
  const { value } = await attempt(async () => {
    const source = await tree.read(layout.ledger, { lenient: true });
    return source && parseLedger(source, day);
  });
  return value;
}

/** Checks whether the files of a chart state its version. */
export function askChartFiles(tree: Tree, chart: Version): Promise<Outcome> {
  return answer([checkHelmTagVersion(tree, chart), checkChartAppVersion(tree, layout.chart)]);
}

/** Asks the registry for the image that a tree's chart pulls. */
export async function askImage(
  { root, env }: Repository,
  tree: Tree,
  signal: AbortSignal,
): Promise<Outcome> {
  const { value, findings: unread } = await attempt(() => readProductImages(tree, layout.chart));
  if (value === undefined) {
    return sumUpRefusal(unread);
  }
  const { pulled, promised = [] } = value;
  if (pulled === undefined) {
    return value.promised === undefined
      ? { state: "verified", evidence: "the chart promises no image" }
      : { state: "failed", evidence: `there is no values.yaml in ${layout.chart}` };
  }
  const { reference, at } = pulled;
  const platforms = promised
    .filter((each) => isSameImage(each.reference, reference))
    .flatMap((each) => each.platforms);
  const world = { env, cwd: root, http: { signal } };
  const { state, findings } = await checkImage({ reference, platforms, at }, world);
  const outcome = sumUp(findings);
  return state === "unknown" ? { ...outcome, state } : outcome;
}

/** Reports whether a tree has the chart. */
export async function hasChart(tree: Tree): Promise<boolean> {
  return (await tree.list(chartManifest(layout.chart))).length > 0;
}

/** Returns the version that a tree's workspace states; undefined if it states no valid version. */
export async function statedVersion(tree: Tree): Promise<Version | undefined> {
  const { value } = await attempt(() => readWorkspace(tree));
  return value && versionIn(value);
}

// Findings as one outcome

/** Runs checks, and returns their common outcome. */
export async function answer(
  checks: readonly Promise<readonly Finding[]>[],
  evidence?: (notices: readonly string[]) => string,
): Promise<Outcome> {
  const { value, findings } = await attempt(() => together(...checks));
  return value === undefined ? sumUpRefusal(findings) : sumUp(value.flat(), evidence);
}

/** Returns the outcome of a refusal: `unknown` unless a finding names a place in a file. */
export function sumUpRefusal(findings: readonly Finding[]): Outcome {
  const outcome = sumUp(findings);
  return findings.every(({ at }) => at === undefined) ? { ...outcome, state: "unknown" } : outcome;
}

/**
 * Returns findings as one outcome. Its evidence is the first error and the number of others, or else
 * the evidence of the pass and the first warning.
 *
 * @param evidence Returns the evidence of a pass from its notices. The default is the last notice,
 *   which is the total in every check that counts.
 */
export function sumUp(
  findings: readonly Finding[],
  evidence: (notices: readonly string[]) => string = (notices) => notices.at(-1) ?? "",
): Outcome {
  const of = (level: Finding["level"]) => findings.filter((each) => each.level === level);
  const [errors, warnings] = [of("error"), of("warning")];
  if (errors.length > 0) {
    return { state: "failed", evidence: firstOf(errors), remedy: errors[0]?.remedy };
  }
  if (!isPass(findings)) {
    return { state: "unknown", evidence: "the check gave no evidence" };
  }
  const caution = warnings.length > 0 ? `; caution: ${firstOf(warnings)}` : "";
  const passed = oneLine(evidence(of("notice").map(({ message }) => message)));
  return { state: "verified", evidence: `${passed}${caution}` };
}

function firstOf(findings: readonly Finding[]): string {
  const more = findings.length - 1;
  return `${oneLine(findings[0]?.message ?? "")}${more > 0 ? ` (and ${more} more)` : ""}`;
}

/** The most characters that a line of evidence has. */
const lineLimit = 240;

function oneLine(text: string): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length > lineLimit ? `${flat.slice(0, lineLimit - 3)}...` : flat;
}
