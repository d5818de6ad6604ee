/**
 * The part of a release that mutates: the local tag, main, the tag on the remote, in that order.
 * After each push the remote is asked what it holds, whatever git said: only that answer counts.
 */

import { attempt, error, type Finding, notice, warning } from "../lib/finding.ts";
import { short } from "../lib/git/git.ts";
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

/**
 * How publishing ended. `failed` and `interrupted`: the findings say why, and what is left where.
 */
type Outcome = "published" | "failed" | "interrupted";

/** What the remote says about a push: whether it holds what was pushed. */
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
  // Interrupts are held off, and obeyed where nothing is half-way.
  const outcome = await interrupt.hold(() => publishAll({ repository, report, interrupt, plan }));
  const data = { ...dataOf(plan), outcome };
  report.attach(data);
  if (outcome === "interrupted") {
    throw new Interrupted(
      `the release of ${plan.tag} is not confirmed; what is left is said above`,
      interrupt.exitCode,
    );
  }
  return outcome === "published" ? data : undefined;
}

async function publishAll(publication: Publication): Promise<Outcome> {
  const { plan, report, interrupt } = publication;
  const { tag, commit, remote, signed, bypasses } = plan;
  const ended = () => (interrupt.requested ? "interrupted" : "failed");
  if (interrupt.requested || (!plan.installed && !(await install(publication)))) {
    return ended();
  }
  let held: RemoteRefs | undefined;
  for (const updates of plan.pushes) {
    const settled = interrupt.requested ? notPushed : await pushAndAsk(publication, updates);
    held = settled.held ?? held;
    if (settled.landing === "unknown") {
      keep(publication);
      return ended();
    }
    if (settled.landing === "absent") {
      await rollBack(publication, held);
      return ended();
    }
  }
  // The push of main may have been the only one, and the tag may have been moved or deleted since.
  if (held !== undefined && held.tags.get(`refs/tags/${tag}`) !== signed.id) {
    const gone = `Cannot release ${tag}: ${remote.name} no longer holds the tag`;
    const remedy = `Push it again: ${finishCommand(plan)}`;
    report.add(anotherTag(plan, held) ?? error(gone, { remedy }));
    return "failed";
  }
  const bypassed = bypasses.length === 0 ? "" : `; BYPASSED: ${bypasses.join(", ")}`;
  const what = `commit ${short(commit)}, tag object ${signed.id}${bypassed}`;
  report.add(notice(`${tag} is released: ${what}`));
  return "published";
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
        remedy: `Unless another run is at work on it, finish it: ${finishCommand(plan)}. Or start over: git tag -d ${tag}`,
      }),
    );
  }
  return false;
}

const notPushed: Settled = { landing: "absent", findings: [] };

function namesOf(updates: readonly RefUpdate[]): string {
  return updates.map(({ ref }) => ref).join(" and ");
}

/** Returns why the remote's address is not the one that was examined. */
async function checkAddress(
  { plan: { remote }, repository }: Publication,
  action: string,
): Promise<readonly Finding[]> {
  const { value: now, findings } = await attempt(() => findRemote(repository, remote.name));
  const elsewhere = `${action}: ${remote.name} leads elsewhere now, expected ${remote.shown}`;
  return now?.url === remote.url
    ? []
    : (findings ?? [error(elsewhere, { remedy: "Look at it: git remote -v" })]);
}

async function pushAndAsk(
  publication: Publication,
  updates: readonly RefUpdate[],
): Promise<Settled> {
  const { plan, repository, report, interrupt } = publication;
  const what = namesOf(updates);
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
    // What another remote lacks, the one that was pushed to may hold.
    const findings = await checkAddress(publication, `Cannot confirm the push of ${what}`);
    settled = findings.length === 0 ? settled : { landing: "unknown", findings };
  }
  report.add(wordsOn(publication, what, answer, settled));
  return settled;
}

/** What there is to say about a push; git's own reason comes first. */
function wordsOn(
  { plan, interrupt }: Publication,
  what: string,
  answer: PushAnswer,
  { landing, findings, held }: Settled,
): readonly Finding[] {
  const { script, tag, installed } = plan;
  const { name } = plan.remote;
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
  const again = installed ? finishCommand(plan) : `bun ${script} ${tag}`;
  const remedy = interrupt.requested
    ? `${name} may still be at work on it. Ask it again before you rerun: git ls-remote ${name}`
    : `See what stands in the way (git ls-remote ${name}), put it right, then: ${again}`;
  const another = anotherTag(plan, held);
  return [
    error(`Cannot push ${what} to ${name}: ${words}`, { remedy: another?.remedy ?? remedy }),
    ...(another === undefined ? [] : [another]),
    ...findings,
  ];
}

/** Names the object that the remote holds under the tag's name, if it is not this run's. */
function anotherTag({ tag, remote, signed }: Plan, held?: RemoteRefs): Finding | undefined {
  const ref = `refs/tags/${tag}`;
  const theirs = held?.tags.get(ref);
  if (theirs === undefined || theirs === signed.id) {
    return undefined;
  }
  const found = `${remote.name} holds ${short(theirs)} under ${ref}`;
  return error(`Cannot release ${tag}: ${found}, which is not this run's tag object`, {
    remedy: `Look at it: git fetch ${remote.name} ${ref} && git show FETCH_HEAD. Never move a published tag: if it is not the release, release the next version`,
  });
}

/**
 * Asks the remote what it holds. Unless it refused the push, its hooks may still be running: then it
 * is asked again before "absent" counts.
 */
async function askUntilSettled(
  publication: Publication,
  updates: readonly RefUpdate[],
  refused: boolean,
): Promise<Settled> {
  let settled = await askOnce(publication, updates);
  for (const pause of refused ? [] : layout.askAgainAfter) {
    if (settled.landing === "landed") {
      break;
    }
    await Bun.sleep(pause);
    settled = await askOnce(publication, updates);
  }
  return settled;
}

/**
 * Returns what the remote holds of the updates. The commit has to be on its main branch at each look,
 * also at those after the push that brought it there.
 */
async function askOnce(
  { plan, repository }: Publication,
  updates: readonly RefUpdate[],
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
  const { mainBranch: main } = layout;
  // Main held the commit before a push of the tag alone: a commit that is not here is on top of it.
  if (relation.kind === "unfetched" && pushes("refs/heads/")) {
    const moved = `${main} on ${remote.name} is at ${short(held.main)}, which is not here: it may hold ${short(commit)} or not`;
    const remedy = `git fetch ${remote.name}`;
    return { landing: "unknown", held, findings: [warning(moved, { remedy })] };
  }
  if (relation.kind !== "ahead" && relation.kind !== "diverged") {
    return { landing: "landed", held, findings: [] };
  }
  if (!tagHeld) {
    return { landing: "absent", held, findings: [] };
  }
  // Whatever became of main, a tag that is published is kept here.
  const half = `${remote.name} holds ${tag}, but ${main} there is at ${short(held.main)}, without ${short(commit)}`;
  return { landing: "unknown", held, findings: [warning(half)] };
}

/**
 * Deletes the local tag of a release that did not happen, only if it is this run's own object.
 *
 * @param held What the remote holds; undefined if it was not asked since it was examined.
 */
async function rollBack(
  { plan, repository, report }: Publication,
  held?: RemoteRefs,
): Promise<void> {
  const { tag, signed, remote, refs } = plan;
  const { mainBranch: main } = layout;
  const there = (held ?? refs).tags.get(`refs/tags/${tag}`);
  if (plan.installed) {
    const startOver = there === undefined ? `. To start over: git tag -d ${tag}` : "";
    report.printAside(`Tag ${tag} is kept: an earlier run made it${startOver}`);
    return;
  }
  report.printAside(`Rolling back the local tag ${tag}.`);
  const { value, findings } = await attempt(() => removeTag(repository, signed));
  if (value === undefined || value.left !== undefined) {
    const isOther = value?.left !== undefined && value.left !== signed.id;
    const words = isOther
      ? `found ${short(value.left)}, which is not this run's tag object`
      : (value?.words ?? findings?.map(({ message }) => message).join("; "));
    const look = isOther ? `Look at it: git show ${tag}. To delete it: ` : "";
    const remedy = `${look}git tag -d ${tag}`;
    report.add(error(`Cannot roll back the local tag ${tag}: ${words}`, { remedy }));
    return;
  }
  if (held === undefined) {
    report.printAside(
      `${tag} does not exist locally any more; nothing was pushed to ${remote.name}.`,
    );
    return;
  }
  const moved = held.main === refs.main ? "is as it was, at" : "is at";
  const where =
    there === undefined
      ? `${tag} exists neither locally nor on ${remote.name}`
      : `${tag} exists on ${remote.name} alone, as ${short(there)}`;
  report.printAside(`${main} on ${remote.name} ${moved} ${short(held.main)}; ${where}.`);
}

/** Keeps the local tag, because the remote may hold it, or the commit on its main branch. */
function keep({ plan, report }: Publication): void {
  const { tag, remote } = plan;
  const what = `${tag} and its commit on ${layout.mainBranch}`;
  report.add(
    error(`Cannot confirm that ${remote.name} holds ${what}: the local tag is kept`, {
      remedy: `See what it holds (git ls-remote ${remote.name}), then finish it: ${finishCommand(plan)}`,
    }),
  );
}
