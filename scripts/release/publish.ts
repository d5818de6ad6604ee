/**
 * The part of a release that mutates: the local tag, main, the tag on the remote, in that order.
 * After each push the remote is asked what it holds, whatever git said: only that answer counts.
 */

import { attempt, error, type Finding, notice, warning } from "../lib/finding.ts";
import { type ObjectId, short } from "../lib/git/git.ts";
import {
  askRemote,
  findRemote,
  type PushAnswer,
  push,
  type RefUpdate,
  type RemoteRefs,
  relationTo,
  tipOf,
} from "../lib/git/remote.ts";
import type { Repository } from "../lib/git/repository.ts";
import { remedyForReplaced } from "../lib/git/tag.ts";
import { type Interrupt, Interrupted } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import type { Report } from "../lib/report.ts";
import { dataOf, type Plan, type ReleaseData, releaseCommand, resumeCommand } from "./plan.ts";
import { integrate, remedyForOtherTag } from "./prechecks.ts";
import { installTag, removeTag } from "./sign.ts";

/** Whether the remote held what was pushed to it when it was last asked; `unknown` where it may. */
type Landing = "landed" | "absent" | "unknown";

/** What is known after a push, or in place of one. */
interface Settled {
  readonly landing: Landing;
  /** What the remote holds; undefined if it was not asked, or did not answer. */
  readonly held?: RemoteRefs | undefined;
  readonly findings: readonly Finding[];
}

/** Where a plan is carried out. */
interface Place {
  readonly repository: Repository;
  readonly world: { readonly report: Report; readonly interrupt: Interrupt };
}

/**
 * Makes the local tag, pushes main and then the tag, and asks the remote after each push.
 *
 * @returns The data of the release if it is on the remote; else undefined, and the findings say why.
 * @throws {Interrupted} If the operator ended it; the findings say what is left where.
 */
export async function publish(place: Place, plan: Plan): Promise<ReleaseData | undefined> {
  const { report, interrupt } = place.world;
  // An interrupt ends the push that is under way and starts no other; the remote is asked anyway.
  const landing = await interrupt.hold(() => publishAll(place, plan));
  const ended = interrupt.requested ? "interrupted" : "failed";
  const data = { ...dataOf(plan), outcome: landing === "landed" ? "published" : ended };
  report.attach(data);
  if (data.outcome === "interrupted") {
    throw new Interrupted(
      `the release of ${plan.tag} is not confirmed; what is left is said above`,
      interrupt.exitCode,
    );
  }
  return landing === "landed" ? data : undefined;
}

async function publishAll(place: Place, plan: Plan): Promise<Landing> {
  const { report, interrupt } = place.world;
  const { tag, commit, signed, bypasses } = plan;
  if (interrupt.requested || (!plan.resuming && !(await install(place, plan)))) {
    return "absent";
  }
  let held: RemoteRefs | undefined;
  for (const updates of plan.pushes) {
    const settled = interrupt.requested ? notPushed : await pushAndAsk(place, plan, updates);
    held = settled.held ?? held;
    if (settled.landing !== "landed") {
      return await giveUp(place, plan, settled.landing, held);
    }
  }
  // A tag that the remote held before is not pushed again, and the remote may have lost it since.
  if (held !== undefined && held.all.get(`refs/tags/${tag}`) !== signed.id) {
    return await giveUp(place, plan, "absent", held);
  }
  const bypassed = bypasses.length === 0 ? "" : `; BYPASSED: ${bypasses.join(", ")}`;
  const what = `commit ${short(commit)}, tag object ${signed.id}${bypassed}`;
  report.add(notice(`${tag} is released: ${what}`));
  return "landed";
}

const notPushed: Settled = { landing: "absent", findings: [] };

/** Makes the local tag. Reports whether that succeeded. */
async function install({ repository, world }: Place, plan: Plan): Promise<boolean> {
  const { rules, tag, signed } = plan;
  const { value: isMade, findings } = await attempt(() => installTag(repository, signed));
  const finish = resumeCommand(rules.script, tag, signed.message);
  const made = notice(`${tag} signed and created here: tag object ${signed.id}`);
  // Even the same object may be another run's: two runs in one second can sign the same bytes.
  const taken = error(
    `Tag ${tag} already exists locally: it was made just now; nothing was pushed`,
    { remedy: `Unless another run is at work on it, finish it: ${finish}` },
  );
  world.report.add(findings ?? (isMade ? made : taken));
  return isMade === true;
}

/** Returns errors unless the address of the remote is still the one that was examined. */
async function checkAddress(
  { repository }: Place,
  { remote }: Plan,
  action: string,
): Promise<readonly Finding[]> {
  const { value: now, findings = [] } = await attempt(() => findRemote(repository, remote.name));
  const found = now ? "leads elsewhere now" : "names no address now";
  return now?.url === remote.url
    ? []
    : [error(`${action}: ${remote.name} ${found}, expected ${remote.shown}`), ...findings];
}

async function pushAndAsk(
  place: Place,
  plan: Plan,
  updates: readonly RefUpdate[],
): Promise<Settled> {
  const { report, interrupt } = place.world;
  const { remote } = plan;
  const what = updates.map(({ ref }) => ref).join(" and ");
  const elsewhere = await checkAddress(place, plan, `Cannot push ${what}`);
  if (elsewhere.length > 0) {
    report.add(elsewhere);
    return notPushed;
  }
  report.printAside(`Pushing ${what} to ${remote.name} ...`);
  const answer = await push(
    place.repository,
    remote,
    updates,
    { atomic: updates.length > 1, signal: interrupt.requestSignal },
    (words) => report.printAside(words.trimEnd()),
  );
  let settled = await report.waitFor(
    `Asking ${remote.name} what it holds`,
    askUntilSettled(place, plan, updates, answer.rejected),
  );
  if (settled.landing !== "landed") {
    // If the address changed during the push, another repository may have given the answer.
    const findings = await checkAddress(place, plan, `Cannot confirm the push of ${what}`);
    settled = findings.length === 0 ? settled : { landing: "unknown", findings };
  }
  const mayLandLater = interrupt.requested && !answer.rejected;
  report.add(wordsOn(remote.name, what, answer, settled, mayLandLater));
  return settled;
}

/** Returns what there is to say about a push; git's own words come first. */
function wordsOn(
  name: string,
  what: string,
  answer: PushAnswer,
  { landing, findings }: Settled,
  mayLandLater: boolean,
): readonly Finding[] {
  if (landing === "landed") {
    const done = answer.wasThere ? `${what} is already on` : `pushed ${what} to`;
    return answer.confirmed
      ? [notice(`${done} ${name}`)]
      : [warning(`The push of ${what} reported a failure, but ${name} holds it: ${answer.words}`)];
  }
  if (answer.confirmed && landing === "unknown") {
    return findings;
  }
  const words = answer.confirmed
    ? `git reports success, but ${name} does not hold it`
    : answer.words;
  const pending = mayLandLater ? `; ${name} may still be at work on it` : "";
  return [error(`Cannot push ${what} to ${name}: ${words}${pending}`), ...findings];
}

/**
 * Asks the remote what it holds; the last answer counts. Unless it rejected the push, its hooks may
 * still be running: then it is asked again before "absent" counts.
 */
async function askUntilSettled(
  { repository }: Place,
  plan: Plan,
  updates: readonly RefUpdate[],
  rejected: boolean,
): Promise<Settled> {
  let settled = await askOnce(repository, plan, updates, rejected);
  for (const pause of rejected ? [] : layout.askAgainAfter) {
    if (settled.landing === "landed") {
      break;
    }
    await Bun.sleep(pause);
    settled = await askOnce(repository, plan, updates, rejected);
  }
  return settled;
}

/** Returns whether the remote holds the updates, and after a push of the tag alone the commit as well. */
async function askOnce(
  repository: Repository,
  { rules, tag, commit, remote, signed }: Plan,
  updates: readonly RefUpdate[],
  rejected: boolean,
): Promise<Settled> {
  const { value: held, findings } = await attempt(() =>
    askRemote(repository, remote, [rules.branch]),
  );
  if (findings !== undefined) {
    return { landing: "unknown", findings };
  }
  const pushes = (folder: string) => updates.some(({ ref }) => ref.startsWith(folder));
  const tagHeld = held.all.get(`refs/tags/${tag}`) === signed.id;
  if (pushes("refs/tags/") && !tagHeld) {
    return { landing: "absent", held, findings: [] };
  }
  const tip = tipOf(held, rules.branch);
  const { value: relation, findings: unrelated } = await attempt(async () =>
    tip ? await relationTo(repository, commit, tip) : undefined,
  );
  if (unrelated !== undefined) {
    return { landing: "unknown", held, findings: unrelated };
  }
  const kind = relation?.kind;
  // Before a push of the tag alone the branch held the commit, so its unfetched tip is a later one.
  const mayBeMissing = kind === "unfetched" && pushes("refs/heads/");
  const isMissing = kind === undefined || kind === "ahead" || kind === "diverged";
  if (!mayBeMissing && !isMissing) {
    return { landing: "landed", held, findings: [] };
  }
  if (!tagHeld && (isMissing || rejected)) {
    return { landing: "absent", held, findings: [] };
  }
  const at = tip ? `at ${short(tip)}` : "gone";
  const doubt = isMissing
    ? `${remote.name} holds ${tag}, but ${rules.branch} there is ${at}, without ${short(commit)}`
    : `${rules.branch} on ${remote.name} is ${at}, which is not here: it may hold ${short(commit)} or not`;
  return { landing: "unknown", held, findings: [warning(doubt)] };
}

/**
 * Ends a release that is not confirmed: deletes the local tag if this run made it and the remote does
 * not hold it, and says what is left where, with the command that leads on.
 *
 * @param held What the remote holds; undefined if it was not asked, or did not answer.
 */
async function giveUp(
  place: Place,
  plan: Plan,
  landing: Landing,
  held: RemoteRefs | undefined,
): Promise<Landing> {
  const { rules, tag, remote, signed } = plan;
  const isUnknown = landing === "unknown";
  const left = isUnknown || plan.resuming ? signed.id : await deleteTag(place, plan);
  const state = held === undefined ? "nothing was pushed" : stateOf(plan, held, left);
  const failure = isUnknown
    ? `Cannot confirm that ${remote.name} holds ${tag} and its commit on ${rules.branch}`
    : `Cannot release ${tag}: ${state}`;
  const kept = left === undefined ? "" : "; the local tag is kept";
  place.world.report.add(error(`${failure}${kept}`, { remedy: remedyAfter(plan, held, left) }));
  return landing;
}

/** Reports whether the remote holds another object under the tag's name. */
function holdsOther({ tag, signed }: Plan, held?: RemoteRefs): boolean {
  const theirs = held?.all.get(`refs/tags/${tag}`);
  return theirs !== undefined && theirs !== signed.id;
}

/** Returns what the remote holds under the tag's name, and where its branch is. */
function stateOf(plan: Plan, held: RemoteRefs, left: ObjectId | undefined): string {
  const { rules, tag, remote, refs } = plan;
  const ref = `refs/tags/${tag}`;
  const theirs = held.all.get(ref);
  const tip = tipOf(held, rules.branch);
  const absent = left === undefined ? "exists neither locally nor" : "does not exist";
  const there =
    theirs === undefined
      ? `${tag} ${absent} on ${remote.name}`
      : `${remote.name} holds ${short(theirs)} under ${ref}`;
  const other = holdsOther(plan, held) ? ", which is not this run's tag object" : "";
  const moved = tip === tipOf(refs, rules.branch) ? "is as it was, at" : "is at";
  return `${there}${other}; ${rules.branch} there ${tip ? `${moved} ${short(tip)}` : "is gone"}`;
}

/** Deletes the local tag, only if it is this run's own object. Returns the object that is left. */
async function deleteTag(
  { repository, world: { report } }: Place,
  { tag, signed }: Plan,
): Promise<ObjectId | undefined> {
  report.printAside(`Rolling back the local tag ${tag}.`);
  const { value, findings = [] } = await attempt(() => removeTag(repository, signed));
  const { left, words } = value ?? { left: signed.id, words: "git does not say what is left" };
  const action = `Cannot roll back the local tag ${tag}`;
  if (left === signed.id) {
    report.add([error(`${action}: ${words}`), ...findings]);
  } else if (left !== undefined) {
    const found = `found ${short(left)}, which is not this run's tag object`;
    report.add(error(`${action}: ${found}`, { remedy: `Look at it: git show ${tag}` }));
  }
  return left;
}

/** Returns the remedy for a release that is not on the remote, or may not be. */
function remedyAfter(plan: Plan, held: RemoteRefs | undefined, left: ObjectId | undefined): string {
  const { rules, tag, commit, signed, remote, refs } = plan;
  const { script, branch } = rules;
  if (holdsOther(plan, held)) {
    return left === undefined ? remedyForOtherTag(tag, script, false) : remedyForReplaced(tag);
  }
  const look = `Put right what is reported above (git ls-remote ${remote.name} shows what it holds)`;
  const tip = held && tipOf(held, branch);
  const moved = tip !== tipOf(refs, branch) && tip !== commit;
  if (left === signed.id) {
    const fetch = moved ? `git fetch ${remote.name} && ` : "";
    return `${look}, then finish it: ${fetch}${resumeCommand(script, tag, signed.message)}`;
  }
  const clear = left === undefined ? "" : `git tag -d ${tag} && `;
  return `${tip && moved ? integrate(branch) : look}, then: ${clear}${releaseCommand(rules, tag)}`;
}
