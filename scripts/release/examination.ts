/**
 * The examination of a release: the facts, the pre-checks and the gates, asked at once, and after a
 * wait anew. It changes nothing.
 */

import { attempt, error, type Finding, notice, Refusal } from "../lib/finding.ts";
import { readCheckout } from "../lib/git/checkout.ts";
import { type Repository, short } from "../lib/git/git.ts";
import { commitTree, type Objects } from "../lib/git/objects.ts";
import { askRemote, findRemote, relationTo } from "../lib/git/remote.ts";
import { differenceFrom, isSameKey, type SignedTag, signTag } from "../lib/git/tag.ts";
import type { Interrupt } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import type { Report } from "../lib/report.ts";
import type { Terminal } from "../lib/terminal.ts";
import type { Version } from "../lib/version.ts";
import { askGates, type GateResult } from "./gate.ts";
import { findLocalTag } from "./local-tag.ts";
import type { Candidate, Facts, Procedure, ReleaseOptions } from "./plan.ts";
import { isPublished, precheck, waysOn } from "./prechecks.ts";

/** The parts of an invocation that a release uses. */
export interface ReleaseWorld {
  readonly report: Report;
  readonly terminal: Terminal;
  readonly interrupt: Interrupt;
  moment(): Date;
  repository(): Promise<Repository>;
}

/** What an examination needs. */
export interface Examination {
  readonly world: ReleaseWorld;
  readonly repository: Repository;
  readonly objects: Objects;
  readonly procedure: Procedure;
  readonly version: Version;
  readonly options: ReleaseOptions;
}

/** What an examination found; its findings are in the report. */
export interface Examined {
  readonly facts: Facts;
  readonly candidate: Candidate;
  readonly results: readonly GateResult[];
  /** Whether the release had been finished before. */
  readonly complete: boolean;
}

/**
 * Asks everything that must hold before a release is signed, and reports it. Where a gate may be
 * waited for, and nothing else stands against the release, it is waited for.
 */
export async function examineInTime(examination: Examination): Promise<Examined> {
  return await outwait(examination, await examine(examination));
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
  const candidate: Candidate = {
    ...{ repository, objects, version, tag, commit, tree, refs },
    waysOn: facts.resuming ? waysOn(facts, procedure) : undefined,
  };
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
  if (refused || (await obtainTag(first.facts, first.candidate, undefined, world)) === undefined) {
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
  // A question that is still open when the release ends would leave its temporary files behind.
  const [{ value: checkout, findings: unread }, localTag, asked] = await Promise.all([
    attempt(() => readCheckout(repository)),
    findLocalTag(repository, tag),
    attempt(async () => {
      const remote = await findRemote(repository, layout.remote);
      const asking = askRemote(repository, remote);
      return { remote, refs: await world.report.during(`Asking ${remote.name}`, asking) };
    }),
  ]);
  if (unread !== undefined) {
    throw new Refusal(unread);
  }
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
 * Returns the tag of the release: the one that an interrupted run left, or a new one, signed now. A
 * refused release has no message; it still proves that signing works, so that all faults show at
 * once. So does one that goes on from a tag, unless that is published: the key that signs now must
 * have signed that tag, or this run would push what somebody else signed.
 */
export async function obtainTag(
  facts: Facts,
  candidate: Candidate,
  message: string | undefined,
  { report, moment }: Pick<ReleaseWorld, "report" | "moment">,
): Promise<SignedTag | undefined> {
  const { tag, commit, repository } = candidate;
  const request = { tag, commit, message: message ?? tag };
  const { resuming, localTag } = facts;
  const left = resuming && localTag.kind === "signed" ? localTag.tag : undefined;
  if (left === undefined || !isPublished(facts)) {
    const signing = "Signing (a hardware key may want a touch)";
    const { value: signed, findings } = await attempt(() =>
      report.during(signing, signTag(repository, request, moment())),
    );
    addNew(report, findings ?? [notice(`signing works: ${signed.signer}`)]);
    if (left === undefined || signed === undefined) {
      return signed;
    }
    if (!isSameKey(left, signed)) {
      addNew(report, [signedByAnother(left, signed)]);
      return undefined;
    }
  }
  const difference = message === undefined ? undefined : differenceFrom(request, left);
  if (difference === undefined) {
    return left;
  }
  report.add(
    error(`Cannot resume ${tag}: the tag here is not what this run would make: ${difference}`, {
      remedy: candidate.waysOn,
    }),
  );
  return undefined;
}

function signedByAnother({ tag, signer, tagger = "nobody" }: SignedTag, now: SignedTag): Finding {
  const who = tagger.replace(/ \d+ [+-]\d+$/, "");
  return error(
    `Cannot resume ${tag}: the tag here is signed by ${signer}, tagged by ${who}, expected ${now.signer}`,
    {
      remedy: `If that key is yours too, sign with it (gpg.format and user.signingkey of git config) and repeat this command. If not, start over: git tag -d ${tag}`,
    },
  );
}
