/**
 * The fail-closed release that both release commands share: examine, ask the gates, sign, plan,
 * confirm, publish. Until the operator has confirmed, nothing is mutated, here or on the remote.
 */

import { minuteOf } from "../lib/calendar.ts";
import { parseTagger } from "../lib/files/tag-object.ts";
import { error, notice, Refusal } from "../lib/finding.ts";
import { openObjects } from "../lib/git/objects.ts";
import type { SignedTag } from "../lib/git/tag.ts";
import { Interrupted } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import type { Report } from "../lib/report.ts";
import type { Version } from "../lib/version.ts";
import { type Examination, examineInTime, obtainTag, type ReleaseWorld } from "./examination.ts";
import type { GateResult } from "./gate.ts";
import type { Candidate, Plan, Procedure, Released, ReleaseOptions } from "./plan.ts";
import { publish } from "./publish.ts";

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
  const { facts, candidate, results, complete } = await examineInTime(examination);
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
  const signed = await obtainTag(facts, candidate, passed ? message : undefined, world);

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
      `the release of ${tag} is not confirmed; what is left is said above`,
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
    ["tagger", taggerOf(signed)],
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

/** Who tags, and when. */
function taggerOf({ tagger }: SignedTag): string {
  const { who, date } = parseTagger(tagger) ?? {};
  return date === undefined ? (tagger ?? "nobody, at no time") : `${who}, ${minuteOf(date)}`;
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
    tagger: taggerOf(signed),
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
