/**
 * The fail-closed release that both release commands share: examine, ask the gates, sign, plan,
 * confirm, publish. Until the operator has confirmed, nothing is mutated, here or on the remote.
 */

import { attempt, error, type Finding, notice, Refusal } from "../finding.ts";
import { askGates, type GateResult } from "../gate.ts";
import { type Interrupt, Interrupted } from "../interrupt.ts";
import { layout } from "../layout.ts";
import type { Report } from "../report.ts";
import type { Version } from "../version.ts";
import { readCheckout } from "../world/checkout.ts";
import { type Repository, short } from "../world/git.ts";
import { commitTree, type Objects, openObjects } from "../world/objects.ts";
import { askRemote, findRemote, relationTo } from "../world/remote.ts";
import { differenceFrom, type SignedTag, signTag } from "../world/tag.ts";
import type { Terminal } from "../world/terminal.ts";
import { findLocalTag } from "./local-tag.ts";
import type { Candidate, Facts, Plan, Procedure, Released, ReleaseOptions } from "./plan.ts";
import { precheck } from "./prechecks.ts";
import { publish } from "./publish.ts";

/** The parts of an invocation that a release uses. */
export interface ReleaseWorld {
  readonly report: Report;
  readonly terminal: Terminal;
  readonly interrupt: Interrupt;
  repository(): Promise<Repository>;
}

/**
 * Releases a version.
 *
 * @returns The release, if it is on the remote; undefined after a dry run or a refusal.
 * @throws {Refusal} If anything stands against it, or could not be found out.
 * @throws {Interrupted} If the operator ended it.
 */
export async function release(
  world: ReleaseWorld,
  procedure: Procedure,
  version: Version,
  options: ReleaseOptions,
): Promise<Released | undefined> {
  const { report } = world;
  const repository = await world.repository();
  await using objects = openObjects(repository);
  const examination: Examination = { world, repository, objects, procedure, version, options };
  const first = await examine(examination);
  const { facts, candidate, results, complete } = await outwait(examination, first);
  const { tag, commit, refs } = facts;
  if (complete) {
    const released: Released = { tag, commit, outcome: "complete" };
    report.attach({ ...released });
    return released;
  }
  const passed = results.every(({ outcome }) => outcome !== "refused");
  const message = messageOf(
    candidate,
    results,
    passed ? await procedure.evidence(candidate, results) : [],
  );
  const signed = await obtainTag(facts, candidate, passed ? message : undefined, report);

  const { remote, relation } = facts;
  const refused = report.findings.some(({ level }) => level === "error");
  if (refused || signed === undefined || !remote || !refs || !relation) {
    report.tell(`Nothing was changed: ${tag} is refused.`);
    return undefined;
  }
  const installed = facts.localTag.kind === "signed";
  const bypasses = bypassesOf(results);
  const plan: Plan = { candidate, remote, refs, relation, signed, installed, bypasses };
  show(plan, procedure, options, report);
  if (options.dryRun) {
    report.add(notice(`Dry run: ${tag} may be released, ${verdictOf(plan)}; nothing was changed`));
    report.attach({ ...dataOf(plan), outcome: "dry run" });
    return undefined;
  }
  if (!options.yes) {
    await confirm(world, `Push ${pushesOf(plan, procedure)} to ${remote.name}? [y/N] `);
  }
  const outcome = await world.interrupt.hold(() =>
    publish({ plan, procedure, options, report, interrupt: world.interrupt }),
  );
  report.attach({ ...dataOf(plan), outcome });
  if (outcome === "interrupted") {
    throw new Interrupted(
      `${tag} is not released; what is left is said above`,
      world.interrupt.exitCode,
    );
  }
  if (outcome === "failed") {
    return undefined;
  }
  report.say("Next:");
  for (const step of await procedure.nextSteps(candidate)) {
    report.say(`  - ${step}`);
  }
  return { ...dataOf(plan), outcome };
}

/** What an examination needs. */
interface Examination {
  readonly world: ReleaseWorld;
  readonly repository: Repository;
  readonly objects: Objects;
  readonly procedure: Procedure;
  readonly version: Version;
  readonly options: ReleaseOptions;
}

/** What an examination found; its findings are in the report. */
interface Examined {
  readonly facts: Facts;
  readonly candidate: Candidate;
  readonly results: readonly GateResult[];
  /** Whether the release had been finished before. */
  readonly complete: boolean;
}

/**
 * Asks everything that must hold before a release is signed, and reports what is new. What the gate
 * says that may be waited for is left to whoever waits.
 */
async function examine(examination: Examination): Promise<Examined> {
  const { world, repository, objects, procedure, version, options } = examination;
  const { report } = world;
  const { facts, unanswered } = await gather(world, repository, procedure, version, options);
  const { tag, commit, refs } = facts;
  const tree = commitTree(objects, commit);
  const candidate: Candidate = { repository, objects, version, tag, commit, tree, refs };
  const pre = precheck(facts, procedure, options);
  addNew(report, [...unanswered, ...pre.findings]);
  if (pre.complete) {
    return { facts, candidate, results: [], complete: true };
  }
  const [results, cautions] = await Promise.all([
    report.during("Asking the gates", askGates(procedure.gates, candidate)),
    attempt(() => procedure.cautions(candidate)),
  ]);
  const told = results.filter((result) => !isPatient(procedure, result));
  addNew(report, [
    ...told.flatMap(({ findings }) => [...findings]),
    ...(cautions.value ?? cautions.findings),
  ]);
  return { facts, candidate, results, complete: false };
}

/** Whether a gate refuses that may be waited for. */
function isPatient({ patience }: Procedure, { title, outcome }: GateResult): boolean {
  return outcome === "refused" && title === patience?.gate.title;
}

/**
 * Waits for the one gate that time may open, if nothing else stands against the release, and then
 * examines everything anew: the remote, the checkout and this tag may be others by then.
 */
async function outwait(examination: Examination, first: Examined): Promise<Examined> {
  const { world, procedure } = examination;
  const { report } = world;
  const waiting = first.results.find((result) => isPatient(procedure, result));
  if (waiting === undefined || procedure.patience === undefined) {
    return first;
  }
  // What cannot sign now is said now, not after the wait.
  const refused = report.findings.some(({ level }) => level === "error");
  if (refused || (await obtainTag(first.facts, first.candidate, undefined, report)) === undefined) {
    report.add(waiting.findings);
    return first;
  }
  const why = await procedure.patience.wait(first.candidate, waiting.findings);
  if (why !== undefined) {
    report.add(why);
    return first;
  }
  const again = await examine(examination);
  addNew(
    report,
    again.results
      .filter((result) => isPatient(procedure, result))
      .flatMap(({ findings }) => findings),
  );
  const [before, now] = [first.facts.commit, again.facts.commit];
  if (before !== now) {
    const moved = `Cannot release ${again.facts.tag}: HEAD moved from ${short(before)} to ${short(now)} during the wait`;
    report.add(error(moved, { remedy: "See what came in, then run the release again" }));
  }
  return again;
}

/** Reports what has not been said before. */
function addNew(report: Report, findings: readonly Finding[]): void {
  const isNew = (finding: Finding) =>
    !report.findings.some((each) => Bun.deepEquals(each, finding));
  report.add(findings.filter(isNew));
}

/** Asks all that the pre-checks need; what has no answer comes back as findings. */
async function gather(
  world: ReleaseWorld,
  repository: Repository,
  procedure: Procedure,
  version: Version,
  options: ReleaseOptions,
): Promise<{ facts: Facts; unanswered: Finding[] }> {
  const tag = `${procedure.tagPrefix}${version}`;
  const [checkout, localTag, asked] = await Promise.all([
    readCheckout(repository),
    findLocalTag(repository, tag),
    attempt(async () => {
      const remote = await findRemote(repository, layout.remote);
      const asking = askRemote(repository, remote);
      return { remote, refs: await world.report.during(`Asking ${remote.name}`, asking) };
    }),
  ]);
  const resuming = options.resume && localTag.kind === "signed";
  const commit = resuming ? localTag.tag.object : checkout.head;
  const main = asked.value?.refs.main;
  const related = await attempt(async () => main && relationTo(repository, commit, main));
  const facts: Facts = {
    tag,
    version,
    commit,
    checkout,
    localTag,
    remote: asked.value?.remote,
    refs: asked.value?.refs,
    relation: related.value || undefined,
    resuming,
    interactive: world.terminal.interactive,
  };
  return { facts, unanswered: [...(asked.findings ?? []), ...(related.findings ?? [])] };
}

/**
 * The tag of the release: the one that an interrupted run left, or a new one, signed now. A refused
 * release has no message; it still proves that signing works, so that all faults show at once.
 */
async function obtainTag(
  facts: Facts,
  candidate: Candidate,
  message: string | undefined,
  report: Report,
): Promise<SignedTag | undefined> {
  const { tag, commit, repository } = candidate;
  const request = { tag, commit, message: message ?? tag };
  if (facts.resuming && facts.localTag.kind === "signed") {
    const difference =
      message === undefined ? undefined : differenceFrom(request, facts.localTag.tag);
    if (difference === undefined) {
      return facts.localTag.tag;
    }
    report.add(
      error(`Cannot resume ${tag}: the tag here is not what this run would make: ${difference}`, {
        remedy: `Repeat the options of the interrupted run, or start over: git tag -d ${tag}`,
      }),
    );
    return undefined;
  }
  const { value: signed, findings } = await attempt(() =>
    report.during("Signing (a hardware key may want a touch)", signTag(repository, request)),
  );
  addNew(report, findings ?? [notice(`signing works: ${signed.signer}`)]);
  return signed;
}

/** The tag's message: its name, the evidence of the gates, and every bypass. */
function messageOf(
  candidate: Candidate,
  results: readonly GateResult[],
  evidence: readonly string[],
): string {
  const trailers = [...evidence, ...bypassesOf(results).map((bypass) => `Bypassed: ${bypass}`)];
  return [candidate.tag, ...(trailers.length === 0 ? [] : ["", ...trailers]), ""].join("\n");
}

function bypassesOf(results: readonly GateResult[]): string[] {
  return results.flatMap(({ bypass }) => (bypass === undefined ? [] : [bypass]));
}

/** How the gates ended, for the last word. */
function verdictOf({ bypasses }: Plan): string {
  return bypasses.length === 0
    ? "every check and gate passed"
    : `every check passed, BYPASSED: ${bypasses.join(", ")}`;
}

/** What the operator is asked to let go. */
function pushesOf({ candidate, relation }: Plan, procedure: Procedure): string {
  const tag = `the tag ${candidate.tag}`;
  return procedure.pushesMain && relation.kind === "ahead"
    ? `${layout.mainBranch} (${countOf(relation.commits)}) and ${tag}`
    : tag;
}

function countOf(commits: readonly string[]): string {
  return `${commits.length} ${commits.length === 1 ? "commit" : "commits"}`;
}

/** Prints what is about to happen, in the order in which it will. */
function show(plan: Plan, procedure: Procedure, options: ReleaseOptions, report: Report): void {
  const { candidate, remote, relation, signed, bypasses } = plan;
  const commits = relation.kind === "ahead" ? relation.commits : [];
  const rows: (readonly [string, string])[] = [
    ["commit", candidate.commit],
    ["remote", `${remote.name} (${remote.shown})`],
    ...(procedure.pushesMain ? mainRows(commits) : []),
    ["tag", `push ${signed.id} to refs/tags/${candidate.tag}`],
    ["signed", signed.signer],
    ...trailersOf(signed.message).map((trailer) => ["message", trailer] as const),
    ...bypasses.map((bypass) => ["BYPASSED", bypass] as const),
    ...(options.atomic && procedure.pushesMain
      ? [["atomic", "main and tag land together or not at all"] as const]
      : []),
  ];
  const asks = !options.yes && !options.dryRun;
  const print = asks ? report.show : report.say;
  print(`Plan for ${candidate.tag}:`);
  for (const [name, value] of rows) {
    print(`  ${name.padEnd(8)}  ${value}`);
  }
}

/** More commits than this would push the rest of the plan off a screen; JSON has them all. */
const commitsShown = 20;

function mainRows(commits: readonly string[]): (readonly [string, string])[] {
  if (commits.length === 0) {
    return [["main", "is on the remote already"]];
  }
  const more = commits.length - commitsShown;
  return [
    ["main", `push ${countOf(commits)} to refs/heads/${layout.mainBranch}:`],
    ...commits.slice(0, commitsShown).map((commit) => ["", `  ${commit}`] as const),
    ...(more > 0 ? [["", `  and ${more} more`] as const] : []),
  ];
}

/** The lines of a tag's message below its subject. */
function trailersOf(message: string): string[] {
  return message.trimEnd().split("\n").slice(2);
}

function dataOf(plan: Plan) {
  const { candidate, remote, relation, signed, bypasses } = plan;
  return {
    tag: candidate.tag,
    commit: candidate.commit,
    tagObject: signed.id,
    signer: signed.signer,
    message: signed.message,
    remote: remote.shown,
    commits: relation.kind === "ahead" ? relation.commits : [],
    bypasses,
  };
}

async function confirm(world: ReleaseWorld, question: string): Promise<void> {
  const answer = (await world.terminal.question(question, world.interrupt.signal))
    ?.trim()
    .toLowerCase();
  if (answer !== "y" && answer !== "yes") {
    throw new Refusal(
      error("Cancelled by the operator: nothing was changed", {
        remedy: "Run it again when you are ready",
      }),
    );
  }
}
