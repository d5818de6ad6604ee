/** The steps of a release, which both release commands take: only their gates and rules differ. */

import { parseTagger } from "../lib/files/tag-object.ts";
import {
  attempt,
  error,
  type Finding,
  foldRows,
  notice,
  refusal,
  together,
  warning,
} from "../lib/finding.ts";
import { readCheckout } from "../lib/git/checkout.ts";
import { type ObjectId, short } from "../lib/git/git.ts";
import { type FindLastRelease, releasesBefore } from "../lib/git/last-release.ts";
import { commitTree, type Objects, openObjects } from "../lib/git/objects.ts";
import { askOrigin, type RemoteRefs, relationTo, tipOf } from "../lib/git/remote.ts";
import type { Repository } from "../lib/git/repository.ts";
import { containedTags, findLocalTag, refValue, type SignedTag } from "../lib/git/tag.ts";
import type { Interrupt } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import type { Watcher } from "../lib/progress.ts";
import type { Report } from "../lib/report.ts";
import type { Terminal } from "../lib/terminal.ts";
import type { Tree } from "../lib/tree.ts";
import type { Version } from "../lib/version.ts";
import {
  dataOf,
  isBare,
  messageOf,
  type Plan,
  pushesOf,
  questionOf,
  type ReleaseData,
  type ReleaseOptions,
  type Rules,
  showPlan,
  startOverCommand,
} from "./plan.ts";
import {
  type Facts,
  isOnOpenBranch,
  isTagPushed,
  notMerged,
  precheck,
  refuseOlderLine,
  remedyByDeletion,
  remedyForOwnTag,
  remoteTag,
} from "./prechecks.ts";
import { publish } from "./publish.ts";
import { differenceFrom, isSameKey, signTag } from "./sign.ts";

/** The parts of an invocation that a release uses. */
export interface ReleaseWorld extends Watcher {
  readonly report: Report;
  readonly terminal: Terminal;
  readonly interrupt: Interrupt;
  moment(): Date;
  repository(): Promise<Repository>;
}

/** What is about to be released: one commit, resolved once, and what the gates may ask about it. */
export interface Target {
  readonly repository: Repository;
  readonly version: Version;
  /** Short name of the tag. */
  readonly tag: string;
  /** The commit that is examined, tagged and pushed. */
  readonly commit: ObjectId;
  /** The commit's files, read from git's objects. */
  readonly tree: Tree;
  /** Finds the last release before the commit. */
  readonly findLast: FindLastRelease;
}

/** What the pre-checks, a gate or the cautions say. */
export interface Verdict {
  readonly findings: readonly Finding[];
  /** Lines of the tag's message: the evidence, or the bypass. */
  readonly trailers?: readonly string[];
  /** What the tag's workflow will publish, as rows of the plan. */
  readonly publishes?: readonly string[];
  /** Set if this refusal is the cause of all that the other gates and the cautions find. */
  readonly explainsGates?: boolean;
  /** Set if the ledger of the work tree, once committed, lifts the refusal. */
  readonly isUncommitted?: boolean;
  /** Set where waiting may lift the refusal, with the tag whose workflow run publishes the image. */
  readonly pending?: { readonly tag: string | undefined };
}

/** A check of the target. It passes only with a notice, which is its evidence. */
export interface Gate {
  /** What is asked, as a short label without a full stop. */
  readonly title: string;
  /** The record of the bypass that the operator asked for; undefined if there is none. */
  readonly bypass?: string | undefined;
  check(target: Target): Promise<Verdict>;
}

/** Returns a gate that asks nothing but the commit's files. */
export function fileGate(
  title: string,
  check: (tree: Tree, version: Version) => Promise<readonly Finding[]>,
): Gate {
  return {
    title,
    check: async ({ tree, version }) => ({ findings: sumUp(title, await check(tree, version)) }),
  };
}

/** Returns the findings of a check; of a pass with several rows of evidence, the rows are details. */
export function sumUp(title: string, findings: readonly Finding[]): readonly Finding[] {
  const count = findings.filter(({ level, detail }) => level === "notice" && !detail).length;
  if (count < 2 || refuses({ findings })) {
    return findings;
  }
  foldRows(findings, 1);
  return [notice(`${title}: all ${count} match`), ...findings];
}

/** The rules and the gates of one of the two release commands. */
export interface Procedure extends Rules {
  readonly gates: readonly Gate[];
  /** The release branch that must be merged into the commit, if it exists. */
  readonly mergedBranch?: string | undefined;
  /** Called in place of the function `examine`: `release-chart.ts --wait` repeats it. */
  readonly waitAndExamine?: (flow: Flow) => Promise<Examined>;
  /** Returns findings that warn and refuse nothing. */
  cautions(target: Target, refs: Promise<RemoteRefs | undefined>): Promise<readonly Finding[]>;
  /** Returns what the operator does after the push. */
  nextSteps(target: Target): Promise<readonly string[]>;
}

/** One run of a release command. */
export interface Flow {
  readonly world: ReleaseWorld;
  readonly repository: Repository;
  readonly objects: Objects;
  readonly procedure: Procedure;
  readonly options: ReleaseOptions;
  readonly version: Version;
  /** Short name of the tag. */
  readonly tag: string;
}

/**
 * Releases a version of the application or of the chart.
 *
 * @returns The data of the release if it is on the remote; else undefined, and the report says why.
 * @throws {Refusal} If the operator does not confirm, or git does not answer about the checkout.
 * @throws {Interrupted} If the operator ended it.
 */
export async function release(
  world: ReleaseWorld,
  procedure: Procedure,
  version: Version,
  options: ReleaseOptions,
): Promise<ReleaseData | undefined> {
  const { report } = world;
  const repository = await world.repository();
  await using objects = openObjects(repository);
  const tag = `${procedure.tagPrefix}${version}`;
  const flow: Flow = { world, repository, objects, procedure, options, version, tag };
  // 1. Ask the pre-checks and 2. the gates, all at once, and report all that they find.
  const examined = await (procedure.waitAndExamine ?? examine)(flow);
  // What refuses comes last, with every row of its evidence.
  for (const isRefusal of [false, true]) {
    const verdicts = examined.verdicts.filter((each) => refuses(each) === isRefusal);
    report.add(verdicts.flatMap(({ findings }) => findings));
  }
  if (examined.complete) {
    const data = { tag, commit: examined.facts.commit, outcome: "complete" };
    report.attach(data);
    return data;
  }
  // 3. Sign the tag in a scratch repository, and read it back.
  const { signed, findings } = examined.isExplained ? { findings: [] } : await sign(flow, examined);
  // The pre-check of the local tag may have reported the same fault, such as a missing gpg.
  report.add(findings.filter((each) => !report.findings.some((old) => Bun.deepEquals(old, each))));
  // 4. Show the plan: a refused release has none, and a dry run ends here.
  const plan = presentPlan(flow, examined, signed);
  if (plan === undefined) {
    return undefined;
  }
  // 5. Ask the operator to confirm it.
  await confirm(flow, plan);
  // 6. Make the local tag, push main (application only), push the tag; ask the remote after each push.
  const released = await publish(flow, plan);
  // 7. Say what the operator does next.
  if (released !== undefined) {
    const steps = await procedure.nextSteps(examined.target);
    ["Next:", ...steps.map((step) => `  - ${step}`)].forEach(report.print);
  }
  return released;
}

/** What an examination found; nothing of it has been reported yet. */
export interface Examined {
  readonly facts: Facts;
  readonly target: Target;
  /** Those of the pre-checks, of each gate and of the cautions, in this order. */
  readonly verdicts: readonly Verdict[];
  /** Whether every gate passed, so that the tag's message is known. */
  readonly passed: boolean;
  /** Whether an earlier run has finished the release. */
  readonly complete: boolean;
  /** Whether the verdicts name the cause of everything else that would be found. */
  readonly isExplained?: boolean;
}

/** Asks all pre-checks and all gates at once: the gates read the commit while the remote is asked. */
export async function examine(flow: Flow): Promise<Examined> {
  const { world, repository, objects, procedure, options, version, tag } = flow;
  const { report } = world;
  const local = together(readCheckout(repository), findLocalTag(repository, tag));
  const here = local.then(([checkout, localTag]) => {
    const resuming = options.resume && localTag.kind === "signed";
    const commit = resuming ? localTag.tag.object : checkout.head;
    const tree = commitTree(objects, commit);
    const findLast = releasesBefore(repository, objects, commit);
    const target: Target = { repository, version, tag, commit, tree, findLast };
    return { checkout, localTag, resuming, target };
  });
  const branches = [procedure.branch, procedure.mergedBranch ?? procedure.branch];
  const asked = attempt(() =>
    report.waitFor(`Asking ${layout.remote}`, askOrigin(repository, branches)),
  );
  const refs = asked.then(({ value }) => value?.refs);
  // A question that is still open when the release ends would leave its temporary files behind.
  const [{ checkout, localTag, resuming, target }, origin, compared, gates, cautions] =
    await together(
      here,
      asked,
      attempt(async () => {
        const [{ target, checkout, resuming }, held] = await Promise.all([here, refs]);
        const { branch, mergedBranch, tagPrefix } = procedure;
        const tip = held && tipOf(held, branch);
        const isAsked = !resuming && checkout.branch === `refs/heads/${branch}`;
        return await together(
          tip ? relationTo(repository, target.commit, tip) : undefined,
          containedTags(repository, tagPrefix, target.commit),
          isAsked && mergedBranch ? findUnmerged(target, mergedBranch, held) : undefined,
        );
      }),
      here.then(({ target }) =>
        report.waitFor("Asking the gates", askGates(procedure.gates, target)),
      ),
      attempt(async () => procedure.cautions((await here).target, refs)),
    );
  const [relation, contained, unmerged] = compared.value ?? [];
  const facts: Facts = {
    ...{ tag, version, commit: target.commit, checkout, localTag, resuming },
    remote: origin.value?.remote,
    refs: origin.value?.refs,
    ...{ relation, contained },
    interactive: world.terminal.interactive,
    isRefused: gates.some(refuses),
  };
  const line = unmerged ? notMerged(facts, procedure, unmerged) : refuseOlderLine(facts, procedure);
  if (line !== undefined) {
    // It is the cause of all that the pre-checks, the gates and the cautions would find.
    const verdicts = [{ findings: [line] }];
    return { facts, target, verdicts, passed: false, complete: false, isExplained: true };
  }
  const { complete, findings } = precheck(facts, procedure, options);
  const unanswered = [origin, compared].flatMap((each) => each.findings ?? []);
  const first: Verdict = { findings: [...unanswered, ...findings] };
  // The pre-check of the work tree says so, and how to commit the ledger.
  const isRepeated = (each: Verdict) =>
    !resuming && each.isUncommitted === true && checkout.changes.includes(layout.ledger);
  const others = resuming ? gates.map((each) => afterTagging(each, facts, procedure)) : gates;
  const last: Verdict = { findings: cautions.value ?? cautions.findings };
  const cause = others.filter((each) => each.explainsGates);
  const counting =
    cause.length === 0 ? [...others.filter((each) => !isRepeated(each)), last] : cause;
  // A pre-check that refuses may say why a gate refuses, such as a bump that is not committed. The
  // one of the branch does not, as nothing is merged from there before its version is right.
  const refusals = first.findings.filter(({ level }) => level === "error").length;
  const mayRefuse = isOnOpenBranch(facts, procedure) ? 1 : 0;
  const isExplained = cause.length > 0 && refusals <= mayRefuse;
  const verdicts = complete ? [first] : isExplained ? cause : [first, ...counting];
  return { facts, target, verdicts, passed: !gates.some(refuses), complete, isExplained };
}

/**
 * Returns the release branch as a merge names it, if it exists here or on the remote, and a commit
 * of it is not in the target's history.
 */
async function findUnmerged(
  { repository, commit }: Target,
  branch: string,
  held: RemoteRefs | undefined,
): Promise<string | undefined> {
  const here = await refValue(repository, `refs/heads/${branch}`);
  const there = held && tipOf(held, branch);
  for (const [name, tip] of [
    [branch, here],
    [`${layout.remote}/${branch}`, there === here ? undefined : there],
  ] as const) {
    const relation = tip && (await relationTo(repository, commit, tip));
    if (relation && relation.kind !== "equal" && relation.kind !== "ahead") {
      return name;
    }
  }
  return undefined;
}

/** A resumed tag cannot get another commit, so a gate's own remedy does not help, except waiting. */
function afterTagging(verdict: Verdict, facts: Facts, procedure: Procedure): Verdict {
  const remedy = remedyForOwnTag(facts, procedure, bypassesOf(procedure));
  const findings = verdict.findings.map((each) =>
    each.level === "error" ? { ...each, remedy } : each,
  );
  return verdict.pending ? verdict : { ...verdict, findings };
}

/** Asks every gate, all at once; the verdicts come back in the order of the gates. */
export function askGates(gates: readonly Gate[], target: Target): Promise<Verdict[]> {
  return Promise.all(gates.map((gate) => askGate(gate, target)));
}

async function askGate(gate: Gate, target: Target): Promise<Verdict> {
  const { title, bypass } = gate;
  if (bypass !== undefined) {
    const loud = warning(`BYPASSED: ${bypass}`, {
      remedy:
        "The signed tag will say so: go on only if you know by other means what it would have told",
    });
    return { findings: [loud], trailers: [`Bypassed: ${bypass}`] };
  }
  const { value, findings } = await attempt(() => gate.check(target));
  const verdict = value ?? { findings };
  if (verdict.findings.every(({ level }) => level === "warning")) {
    const silent = error(`Cannot pass gate ${JSON.stringify(title)}: it gave no evidence`);
    return { findings: [...verdict.findings, silent] };
  }
  return verdict;
}

/** Reports whether findings refuse. */
export function refuses({ findings }: Pick<Verdict, "findings">): boolean {
  return findings.some(({ level }) => level === "error");
}

/**
 * Signs the tag in a scratch repository and reads it back, or returns the tag that an interrupted
 * run left. A refused release proves that signing works, too, so that all faults show at once.
 *
 * @returns No tag if there is none to go on with; the findings say why.
 */
export async function sign(
  { world, repository, tag, procedure }: Flow,
  { facts, target, verdicts, passed }: Examined,
): Promise<{ readonly signed?: SignedTag | undefined; readonly findings: readonly Finding[] }> {
  const { resuming, localTag } = facts;
  const existing = resuming && localTag.kind === "signed" ? localTag.tag : undefined;
  // Only a gate that refuses leaves the message unknown: the pre-checks and the cautions add nothing.
  const trailers = passed ? verdicts.flatMap((verdict) => verdict.trailers ?? []) : [];
  const request = { tag, commit: target.commit, message: messageOf(tag, trailers) };
  const found: Finding[] = [];
  // A tag that somebody else's key signed is not pushed. One that the remote holds needs no push.
  if (existing === undefined || remoteTag(facts) === undefined) {
    const signing = "Signing (a hardware key may want a touch)";
    const { value: signed, findings } = await attempt(() =>
      world.report.waitFor(signing, signTag(repository, request, world.moment())),
    );
    if (signed === undefined) {
      return { findings };
    }
    found.push(notice("signing works"));
    if (existing === undefined) {
      return { signed, findings: found };
    }
    if (!isSameKey(existing, signed)) {
      return {
        findings: [
          ...found,
          signedByAnother(existing, signed, remedyByDeletion(facts, procedure, true)),
        ],
      };
    }
  }
  const difference = passed ? differenceFrom(request, existing) : undefined;
  if (difference === undefined) {
    return { signed: existing, findings: found };
  }
  const bypasses = bypassesOf(procedure);
  const isByHand = isBare(existing);
  const { head } = facts.checkout;
  if (isByHand && bypasses.length === 0 && (head === existing.object || isTagPushed(facts))) {
    const bare = `${tag} was made by hand: the tag itself carries no evidence of the gates`;
    const remedy = `To record it in the tag: ${startOverCommand(procedure, tag)}`;
    const isFree = facts.refs !== undefined && remoteTag(facts) === undefined;
    return {
      signed: existing,
      findings: [...found, isFree ? warning(bare, { remedy }) : notice(bare)],
    };
  }
  const other = isByHand
    ? `was made by hand, of ${short(existing.object)}; expected HEAD ${short(head)} and no bypass`
    : `is not what this run would make: ${difference}`;
  const remedy = remedyForOwnTag(facts, procedure, bypasses);
  return { findings: [...found, error(`Cannot resume ${tag}: the tag here ${other}`, { remedy })] };
}

/** Returns the records of the bypasses of this run. */
function bypassesOf({ gates }: Procedure): string[] {
  return gates.flatMap(({ bypass }) => bypass ?? []);
}

function signedByAnother(existing: SignedTag, now: SignedTag, otherwise: string): Finding {
  const { tag, signer, tagger } = existing;
  const { who = "nobody" } = parseTagger(tagger) ?? {};
  return error(
    `Cannot resume ${tag}: the tag here is signed by ${signer}, tagged by ${who}, expected ${now.signer}`,
    {
      remedy: `If that key is yours too, sign with it (gpg.format and user.signingkey of git config) and repeat this command. If not, ${otherwise}`,
    },
  );
}

/**
 * Makes and shows the plan.
 *
 * @returns Undefined if the release is refused, and after a dry run.
 */
function presentPlan(flow: Flow, examined: Examined, signed?: SignedTag): Plan | undefined {
  const { world, procedure, options, tag } = flow;
  const { report } = world;
  const { commit, remote, refs, relation, resuming } = examined.facts;
  const refused = report.findings.some(({ level }) => level === "error");
  if (refused || signed === undefined || !remote || !refs || !relation) {
    report.printAside(`Nothing was changed: ${tag} is refused.`);
    return undefined;
  }
  const bypasses = bypassesOf(procedure);
  const publishes = examined.verdicts.flatMap((each) => each.publishes ?? []);
  const commits = relation.kind === "ahead" ? relation.commits : [];
  const parts = { rules: procedure, tag, commit, remote, refs, commits, signed, resuming };
  const pushes = pushesOf(parts, relation, options);
  const plan: Plan = { ...parts, bypasses, publishes, pushes };
  showPlan(plan, options, report);
  if (!options.dryRun) {
    return plan;
  }
  const verdict =
    bypasses.length === 0
      ? "every check and gate passed"
      : `every check passed, BYPASSED: ${bypasses.join(", ")}`;
  report.add(notice(`Dry run: ${tag} may be released, ${verdict}; nothing was changed`));
  report.attach({ ...dataOf(plan), outcome: "dry run" });
  return undefined;
}

/**
 * Asks the operator to confirm a plan.
 *
 * @throws {Refusal} Unless the answer is yes.
 */
async function confirm({ world, options }: Flow, plan: Plan): Promise<void> {
  const { terminal, interrupt } = world;
  if (options.yes) {
    return;
  }
  const answer = await terminal.question(questionOf(plan), interrupt.signal);
  if (!/^\s*y(?:es)?\s*$/i.test(answer ?? "")) {
    throw refusal("Cancelled by the operator: nothing was changed", {
      remedy: "Run it again when you are ready",
    });
  }
}
