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
} from "../lib/git/remote.ts";
import type { Repository } from "../lib/git/repository.ts";
import { installTag, refValue, removeTag } from "../lib/git/tag.ts";
import { type Interrupt, Interrupted } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import type { Report } from "../lib/report.ts";
import type { Flow } from "./flow.ts";
import { dataOf, finishCommand, type Plan, type ReleaseData } from "./plan.ts";
import { integrate, waysFromOther } from "./prechecks.ts";

/** Whether the remote holds what was pushed to it; `unknown` where it may. */
type Landing = "landed" | "absent" | "unknown";

/** What is known after a push, or in place of one. */
interface Settled {
  readonly landing: Landing;
  /** What the remote holds; undefined if it was not asked, or did not answer. */
  readonly held?: RemoteRefs | undefined;
  readonly findings: readonly Finding[];
}

/** What is published, and where. */
interface Publication {
  readonly repository: Repository;
  readonly report: Report;
  readonly interrupt: Interrupt;
  readonly plan: Plan;
}

/**
 * Makes the local tag, pushes main and then the tag, and asks the remote after each push.
 *
 * @returns The data of the release if it is on the remote; else undefined, and the findings say why.
 * @throws {Interrupted} If the operator ended it; the findings say what is left where.
 */
export async function publish(
  { repository, world }: Pick<Flow, "repository" | "world">,
  plan: Plan,
): Promise<ReleaseData | undefined> {
  const { report, interrupt } = world;
  // An interrupt ends the push that is under way and starts no other; the remote is asked anyway.
  const landing = await interrupt.hold(() => publishAll({ repository, report, interrupt, plan }));
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

const notPushed: Settled = { landing: "absent", findings: [] };

async function publishAll(publication: Publication): Promise<Landing> {
  const { plan, report, interrupt } = publication;
  const { tag, commit, signed, bypasses } = plan;
  if (interrupt.requested || (!plan.resumed && !(await install(publication)))) {
    return "absent";
  }
  let held: RemoteRefs | undefined;
  for (const updates of plan.pushes) {
    const settled = interrupt.requested ? notPushed : await pushAndAsk(publication, updates);
    held = settled.held ?? held;
    if (settled.landing !== "landed") {
      await (settled.landing === "unknown" ? keep : rollBack)(publication, held);
      return settled.landing;
    }
  }
  // A resumed run does not push a tag that the remote held already, and it may be gone since.
  if (held !== undefined && held.tags.get(`refs/tags/${tag}`) !== signed.id) {
    await rollBack(publication, held);
    return "absent";
  }
  const bypassed = bypasses.length === 0 ? "" : `; BYPASSED: ${bypasses.join(", ")}`;
  const what = `commit ${short(commit)}, tag object ${signed.id}${bypassed}`;
  report.add(notice(`${tag} is released: ${what}`));
  return "landed";
}

/** Makes the local tag. Where that fails, says whether a tag is left. */
async function install({ plan, repository, report }: Publication): Promise<boolean> {
  const { tag, signed } = plan;
  const { findings } = await attempt(() => installTag(repository, signed));
  if (findings === undefined) {
    report.add(notice(`${tag} signed and created here: tag object ${signed.id}`));
    return true;
  }
  report.add(findings);
  const left = await attempt(() => refValue(repository, `refs/tags/${tag}`));
  if (left.findings !== undefined || left.value === signed.id) {
    const maybe = left.findings === undefined ? "is here" : "may be here";
    report.add(
      error(`Cannot go on: the tag ${tag} ${maybe}, and nothing was pushed`, {
        remedy: `Unless another run is at work on it, finish it: ${finishCommand(plan)}`,
      }),
    );
  }
  return false;
}

/** Returns errors unless the address of the remote is still the one that was examined. */
async function checkAddress(
  { plan: { remote }, repository }: Publication,
  action: string,
): Promise<readonly Finding[]> {
  const { value: now, findings = [] } = await attempt(() => findRemote(repository, remote.name));
  const found = now ? "leads elsewhere now" : "names no address now";
  return now?.url === remote.url
    ? []
    : [error(`${action}: ${remote.name} ${found}, expected ${remote.shown}`), ...findings];
}

async function pushAndAsk(
  publication: Publication,
  updates: readonly RefUpdate[],
): Promise<Settled> {
  const { plan, repository, report, interrupt } = publication;
  const what = updates.map(({ ref }) => ref).join(" and ");
  const elsewhere = await checkAddress(publication, `Cannot push ${what}`);
  if (elsewhere.length > 0) {
    report.add(elsewhere);
    return notPushed;
  }
  report.printAside(`Pushing ${what} to ${plan.remote.name} ...`);
  const answer = await push(
    repository,
    plan.remote,
    updates,
    { atomic: updates.length > 1, signal: interrupt.requestSignal },
    (words) => report.printAside(words.trimEnd()),
  );
  let settled = await report.waitFor(
    `Asking ${plan.remote.name} what it holds`,
    askUntilSettled(publication, updates, answer.refused),
  );
  if (settled.landing !== "landed") {
    // If the address changed during the push, another repository may have given the answer.
    const findings = await checkAddress(publication, `Cannot confirm the push of ${what}`);
    settled = findings.length === 0 ? settled : { landing: "unknown", findings };
  }
  report.add(wordsOn(publication, what, answer, settled));
  return settled;
}

/** Returns what there is to say about a push; git's own words come first. */
function wordsOn(
  { plan: { remote }, interrupt }: Publication,
  what: string,
  answer: PushAnswer,
  { landing, findings }: Settled,
): readonly Finding[] {
  const { name } = remote;
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
  const pending =
    interrupt.requested && !answer.refused ? `; ${name} may still be at work on it` : "";
  return [error(`Cannot push ${what} to ${name}: ${words}${pending}`), ...findings];
}

/**
 * Asks the remote what it holds; the last answer counts. Unless it refused the push, its hooks may
 * still be running: then it is asked again before "absent" counts.
 */
async function askUntilSettled(
  publication: Publication,
  updates: readonly RefUpdate[],
  refused: boolean,
): Promise<Settled> {
  let settled = await askOnce(publication, updates, refused);
  for (const pause of refused ? [] : layout.askAgainAfter) {
    if (settled.landing === "landed") {
      break;
    }
    await Bun.sleep(pause);
    settled = await askOnce(publication, updates, refused);
  }
  return settled;
}

/** Returns whether the remote holds the updates, and after a push of the tag alone main as well. */
async function askOnce(
  { plan, repository }: Publication,
  updates: readonly RefUpdate[],
  refused: boolean,
): Promise<Settled> {
  const { tag, commit, remote, signed } = plan;
  const { value: held, findings } = await attempt(() => askRemote(repository, remote));
  if (findings !== undefined) {
    return { landing: "unknown", findings };
  }
  const pushes = (folder: string) => updates.some(({ ref }) => ref.startsWith(folder));
  const tagHeld = held.tags.get(`refs/tags/${tag}`) === signed.id;
  if (pushes("refs/tags/") && !tagHeld) {
    return { landing: "absent", held, findings: [] };
  }
  const { value: relation, findings: unrelated } = await attempt(() =>
    relationTo(repository, commit, held.main),
  );
  if (unrelated !== undefined) {
    return { landing: "unknown", held, findings: unrelated };
  }
  // A tag is pushed alone once main holds the commit: an unknown tip is taken to follow it then.
  const isUnfetched = relation.kind === "unfetched" && pushes("refs/heads/");
  const isMissing = relation.kind === "ahead" || relation.kind === "diverged";
  if (!isUnfetched && !isMissing) {
    return { landing: "landed", held, findings: [] };
  }
  if (!tagHeld && (isMissing || refused)) {
    return { landing: "absent", held, findings: [] };
  }
  const { mainBranch: main } = layout;
  const half = isMissing
    ? `${remote.name} holds ${tag}, but ${main} there is at ${short(held.main)}, without ${short(commit)}`
    : `${main} on ${remote.name} is at ${short(held.main)}, which is not here: it may hold ${short(commit)} or not`;
  return { landing: "unknown", held, findings: [warning(half)] };
}

/**
 * Ends a release that is not on the remote: deletes the local tag if this run made it, and says what
 * is left where, with the one command that leads on.
 *
 * @param held What the remote holds; undefined if nothing was pushed.
 */
async function rollBack(publication: Publication, held?: RemoteRefs): Promise<void> {
  const { plan, report } = publication;
  const left = plan.resumed ? plan.signed.id : await deleteTag(publication);
  const kept = left === undefined ? "" : "; the local tag is kept";
  const state = held === undefined ? "nothing was pushed" : stateOf(plan, held, left);
  report.add(
    error(`Cannot release ${plan.tag}: ${state}${kept}`, { remedy: wayOn(plan, held, left) }),
  );
}

/** Returns what the remote holds under the tag's name, and where its main branch is. */
function stateOf(plan: Plan, held: RemoteRefs, left: ObjectId | undefined): string {
  const { tag, remote, refs } = plan;
  const ref = `refs/tags/${tag}`;
  const theirs = held.tags.get(ref);
  const absent = left === undefined ? "exists neither locally nor" : "does not exist";
  const there =
    theirs === undefined
      ? `${tag} ${absent} on ${remote.name}`
      : `${remote.name} holds ${short(theirs)} under ${ref}`;
  const other = holdsOther(plan, held) ? ", which is not this run's tag object" : "";
  const moved = held.main === refs.main ? "is as it was, at" : "is at";
  return `${there}${other}; ${layout.mainBranch} there ${moved} ${short(held.main)}`;
}

/** Deletes the local tag, only if it is this run's own object. Returns the object that is left. */
async function deleteTag({
  plan: { tag, signed },
  repository,
  report,
}: Publication): Promise<ObjectId | undefined> {
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

/** Returns how to go on from a release that is not on the remote, or may not be. */
function wayOn(plan: Plan, held: RemoteRefs | undefined, left: ObjectId | undefined): string {
  const { script, tag, commit, signed, remote, refs } = plan;
  if (holdsOther(plan, held)) {
    return waysFromOther(tag, script, left !== undefined);
  }
  const look = `See what stands in the way (git ls-remote ${remote.name}), put it right`;
  const moved = held?.main !== refs.main && held?.main !== commit;
  if (left === signed.id) {
    const fetch = moved ? `git fetch ${remote.name} && ` : "";
    return `${look}, then finish it: ${fetch}${finishCommand(plan)}`;
  }
  const clear = left === undefined ? "" : `git tag -d ${tag} && `;
  return `${held && moved ? integrate : look}, then: ${clear}bun ${script} ${tag}`;
}

/** Reports whether the remote holds another object under the tag's name. */
function holdsOther({ tag, signed }: Plan, held?: RemoteRefs): boolean {
  const theirs = held?.tags.get(`refs/tags/${tag}`);
  return theirs !== undefined && theirs !== signed.id;
}

/** Keeps the local tag, because the remote may hold it, or the commit on its main branch. */
function keep({ plan, report }: Publication, held?: RemoteRefs): void {
  const { tag, remote, signed } = plan;
  const what = `${tag} and its commit on ${layout.mainBranch}`;
  report.add(
    error(`Cannot confirm that ${remote.name} holds ${what}: the local tag is kept`, {
      remedy: wayOn(plan, held, signed.id),
    }),
  );
}
