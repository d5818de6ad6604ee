/**
 * The part of a release that mutates: the local tag, main, the tag on the remote, in that order.
 * After each push the remote is asked what it holds, whatever git said: only that answer counts.
 */

import { attempt, error, type Finding, notice, warning } from "../lib/finding.ts";
import { short } from "../lib/git/git.ts";
import {
  askRemote,
  type PushAnswer,
  push,
  pushAddress,
  type RefUpdate,
  type RemoteRefs,
  relationTo,
} from "../lib/git/remote.ts";
import { installTag, refValue, removeTag } from "../lib/git/tag.ts";
import type { Interrupt } from "../lib/interrupt.ts";
import { layout } from "../lib/layout.ts";
import type { Report } from "../lib/report.ts";
import { type Plan, type Procedure, type ReleaseOptions, resumeCommand } from "./plan.ts";

/**
 * How publishing ended. `failed` and `interrupted`: the findings say why, and what is left where.
 */
export type Outcome = "published" | "failed" | "interrupted";

/** What the remote says about a push: whether it holds what was pushed. */
type Landing = "landed" | "absent" | "unknown";

/** What is known after a push, or in place of one. */
interface Settled {
  readonly landing: Landing;
  /** What the remote holds; undefined if it was not asked, or did not answer. */
  readonly held?: RemoteRefs | undefined;
  readonly findings: readonly Finding[];
}

interface Publication {
  readonly plan: Plan;
  readonly procedure: Procedure;
  readonly options: ReleaseOptions;
  readonly report: Report;
  readonly interrupt: Interrupt;
}

/**
 * Publishes a plan. The caller holds off interrupts; this obeys them where nothing is half-way.
 *
 * @throws {Refusal} If the local tag could not be made; nothing has been mutated then.
 */
export async function publish(publication: Publication): Promise<Outcome> {
  const { plan, procedure, options, report, interrupt } = publication;
  const { candidate, remote, signed, bypasses } = plan;
  const { tag, commit } = candidate;
  if (interrupt.requested) {
    return "interrupted";
  }
  if (!plan.installed && !(await install(publication))) {
    return interrupt.requested ? "interrupted" : "failed";
  }
  const { main, tags } = updatesOf(publication);
  const steps = options.atomic ? [[...main, ...tags]] : [main, tags];
  let held: RemoteRefs | undefined;
  for (const updates of steps.filter(({ length }) => length > 0)) {
    const settled = interrupt.requested ? notPushed : await pushAndAsk(publication, updates);
    held = settled.held ?? held;
    if (settled.landing === "landed") {
      continue;
    }
    if (settled.landing === "unknown") {
      keep(publication, updates);
    } else {
      await rollBack(publication, held);
    }
    return interrupt.requested ? "interrupted" : "failed";
  }
  // The push of main may have been the only one, and the tag may have been moved or deleted since.
  if (held !== undefined && held.tags.get(`refs/tags/${tag}`) !== signed.id) {
    const finish = resumeCommand(procedure.script, tag, signed.message);
    const gone = `Cannot release ${tag}: ${remote.name} no longer holds the tag`;
    report.add(anotherTag(plan, held) ?? error(gone, { remedy: `Push it again: ${finish}` }));
    return "failed";
  }
  const bypassed = bypasses.length === 0 ? "" : `; BYPASSED: ${bypasses.join(", ")}`;
  const what = `commit ${short(commit)}, tag object ${signed.id}${bypassed}`;
  report.add(notice(`${tag} is released: ${what}`));
  return "published";
}

/** Makes the local tag. Where that fails, says whether a tag is left. */
async function install({ plan, procedure, report }: Publication): Promise<boolean> {
  const { candidate, signed } = plan;
  const { tag, repository } = candidate;
  const { findings } = await attempt(() => installTag(repository, signed));
  if (findings === undefined) {
    report.add(notice(`${tag} signed and created here: tag object ${signed.id}`));
    return true;
  }
  report.add(findings);
  const left = await attempt(() => refValue(repository, `refs/tags/${tag}`));
  if (left.findings !== undefined || left.value === signed.id) {
    const finish = resumeCommand(procedure.script, tag, signed.message);
    const maybe = left.findings === undefined ? "is here" : "may be here";
    report.add(
      error(`Cannot go on: the tag ${tag} ${maybe}, and nothing was pushed`, {
        remedy: `Unless another run is at work on it, finish it: ${finish}. Or start over: git tag -d ${tag}`,
      }),
    );
  }
  return false;
}

/** What is to be on the remote in the end: what is there already is pushed to no effect. */
function updatesOf({ plan, procedure }: Publication): { main: RefUpdate[]; tags: RefUpdate[] } {
  const { candidate, signed, refs, relation } = plan;
  // Where main has moved on since an interrupted run, the commit is on it already.
  const pushesMain = procedure.pushesMain && relation.kind !== "behind";
  const tagRef = `refs/tags/${candidate.tag}`;
  return {
    main: pushesMain ? [{ id: candidate.commit, ref: `refs/heads/${layout.mainBranch}` }] : [],
    tags: refs.tags.get(tagRef) === signed.id ? [] : [{ id: signed.id, ref: tagRef }],
  };
}

const notPushed: Settled = { landing: "absent", findings: [] };

function namesOf(updates: readonly RefUpdate[]): string {
  return updates.map(({ ref }) => ref).join(" and ");
}

async function pushAndAsk(
  publication: Publication,
  updates: readonly RefUpdate[],
): Promise<Settled> {
  const { plan, options, report, interrupt } = publication;
  const { repository } = plan.candidate;
  const what = namesOf(updates);
  const { value: now, findings } = await attempt(() => pushAddress(repository, plan.remote.name));
  if (now !== plan.remote.url) {
    const elsewhere = `Cannot push ${what}: ${plan.remote.name} leads elsewhere now, expected ${plan.remote.shown}`;
    report.add(findings ?? error(elsewhere, { remedy: `Look at it: git remote -v` }));
    return notPushed;
  }
  report.tell(`Pushing ${what} to ${plan.remote.name} ...`);
  const answer = await push(
    repository,
    plan.remote,
    updates,
    { atomic: options.atomic && updates.length > 1, signal: interrupt.requestSignal },
    (words) => report.tell(words.trimEnd()),
  );
  const settled = await report.during(
    `Asking ${plan.remote.name} what it holds`,
    askUntilSettled(plan, updates, answer.refused),
  );
  report.add(wordsOn(publication, what, answer, settled));
  return settled;
}

/** What there is to say about a push; git's own reason comes first. */
function wordsOn(
  { plan, procedure, interrupt }: Publication,
  what: string,
  answer: PushAnswer,
  { landing, findings, held }: Settled,
): readonly Finding[] {
  const { candidate, remote, signed, installed } = plan;
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
  const again = installed
    ? resumeCommand(procedure.script, candidate.tag, signed.message)
    : `bun ${procedure.script} ${candidate.tag}`;
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
function anotherTag({ candidate, remote, signed }: Plan, held?: RemoteRefs): Finding | undefined {
  const { tag } = candidate;
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
  plan: Plan,
  updates: readonly RefUpdate[],
  refused: boolean,
): Promise<Settled> {
  let settled = await askOnce(plan, updates);
  for (const pause of refused ? [] : layout.askAgainAfter) {
    if (settled.landing === "landed") {
      break;
    }
    await Bun.sleep(pause);
    settled = await askOnce(plan, updates);
  }
  return settled;
}

/** Returns what the remote holds of the updates, each judged alone. */
async function askOnce(plan: Plan, updates: readonly RefUpdate[]): Promise<Settled> {
  const { candidate, remote, signed } = plan;
  const { repository, commit, tag } = candidate;
  const { value: held, findings } = await attempt(() => askRemote(repository, remote));
  if (findings !== undefined) {
    return { landing: "unknown", findings };
  }
  const pushes = (folder: string) => updates.some(({ ref }) => ref.startsWith(folder));
  const tagHeld = held.tags.get(`refs/tags/${tag}`) === signed.id;
  if (pushes("refs/tags/") && !tagHeld) {
    return { landing: "absent", held, findings: [] };
  }
  if (!pushes("refs/heads/")) {
    return { landing: "landed", held, findings: [] };
  }
  const { value: relation, findings: unrelated } = await attempt(() =>
    relationTo(repository, commit, held.main),
  );
  if (unrelated !== undefined) {
    return { landing: "unknown", held, findings: unrelated };
  }
  const { mainBranch: main } = layout;
  if (relation.kind === "unfetched") {
    const moved = `${main} on ${remote.name} is at ${short(held.main)}, which is not here: it may hold ${short(commit)} or not`;
    const remedy = `git fetch ${remote.name}`;
    return { landing: "unknown", held, findings: [warning(moved, { remedy })] };
  }
  if (relation.kind === "equal" || relation.kind === "behind") {
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
async function rollBack({ plan, report }: Publication, held?: RemoteRefs): Promise<void> {
  const { candidate, signed, remote, refs } = plan;
  const { tag, repository } = candidate;
  const { mainBranch: main } = layout;
  const there = (held ?? refs).tags.get(`refs/tags/${tag}`);
  if (plan.installed) {
    const startOver = there === undefined ? `. To start over: git tag -d ${tag}` : "";
    report.tell(`Tag ${tag} is kept: an earlier run made it${startOver}`);
    return;
  }
  report.tell(`Rolling back the local tag ${tag}.`);
  const { value, findings } = await attempt(() => removeTag(repository, signed));
  if (!value?.gone) {
    const words = value?.words ?? findings?.map(({ message }) => message).join("; ");
    report.add(
      error(`Cannot roll back the local tag ${tag}: ${words}`, { remedy: `git tag -d ${tag}` }),
    );
    return;
  }
  if (held === undefined) {
    report.tell(`${tag} does not exist locally any more; nothing was pushed to ${remote.name}.`);
    return;
  }
  const moved = held.main === refs.main ? "is as it was, at" : "is at";
  const where =
    there === undefined
      ? `${tag} exists neither locally nor on ${remote.name}`
      : `${tag} exists on ${remote.name} alone, as ${short(there)}`;
  report.tell(`${main} on ${remote.name} ${moved} ${short(held.main)}; ${where}.`);
}

/** Keeps the local tag, because the remote may hold it, or the commit on its main branch. */
function keep({ plan, procedure, report }: Publication, updates: readonly RefUpdate[]): void {
  const { candidate, remote, signed } = plan;
  const { tag } = candidate;
  const finish = resumeCommand(procedure.script, tag, signed.message);
  const what = namesOf(updates);
  report.add(
    error(`Cannot confirm that ${remote.name} holds ${what}: the local tag ${tag} is kept`, {
      remedy: `See what it holds (git ls-remote ${remote.name}), then finish it: ${finish}`,
    }),
  );
}
