/**
 * The part of a release that mutates: the local tag, main, the tag on the remote, in that order.
 * After a push that was not confirmed the remote is asked what happened, and only its answer counts.
 */

import { attempt, error, type Finding, notice, warning } from "../lib/finding.ts";
import { short } from "../lib/git/git.ts";
import {
  askRemote,
  type PushAnswer,
  push,
  pushAddress,
  type RefUpdate,
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
  const { plan, options, report, interrupt } = publication;
  const { candidate, signed, bypasses } = plan;
  const { tag, commit } = candidate;
  if (interrupt.requested) {
    return "interrupted";
  }
  if (!plan.installed && !(await install(publication))) {
    return interrupt.requested ? "interrupted" : "failed";
  }
  const { main, tags } = updatesOf(publication);
  const steps = options.atomic ? [[...main, ...tags]] : [main, tags];
  let mainLanded = false;
  for (const updates of steps.filter(({ length }) => length > 0)) {
    const landing = interrupt.requested ? "absent" : await pushAndAsk(publication, updates);
    if (landing === "unknown") {
      keep(publication);
      return interrupt.requested ? "interrupted" : "failed";
    }
    if (landing === "absent") {
      await rollBack(publication, mainLanded);
      return interrupt.requested ? "interrupted" : "failed";
    }
    mainLanded = main.length > 0;
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

async function pushAndAsk(
  publication: Publication,
  updates: readonly RefUpdate[],
): Promise<Landing> {
  const { plan, options, report, interrupt } = publication;
  const { repository } = plan.candidate;
  const what = updates.map(({ ref }) => ref).join(" and ");
  const { value: now, findings } = await attempt(() => pushAddress(repository, plan.remote.name));
  if (now !== plan.remote.url) {
    const elsewhere = `Cannot push ${what}: ${plan.remote.name} leads elsewhere now, expected ${plan.remote.shown}`;
    report.add(findings ?? error(elsewhere, { remedy: `Look at it: git remote -v` }));
    return "absent";
  }
  report.tell(`Pushing ${what} to ${plan.remote.name} ...`);
  const answer = await push(
    repository,
    plan.remote,
    updates,
    { atomic: options.atomic && updates.length > 1, signal: interrupt.requestSignal },
    (words) => report.tell(words.trimEnd()),
  );
  if (answer.confirmed) {
    const done = answer.wasThere ? `${what} is already on` : `pushed ${what} to`;
    report.add(notice(`${done} ${plan.remote.name}`));
    return "landed";
  }
  return await askWhatHappened(publication, updates, answer);
}

/**
 * Asks the remote about a push that git did not confirm; the first reason comes first. Unless the
 * remote refused it, its hooks may still be running: then the remote is asked again before
 * "absent" counts.
 */
async function askWhatHappened(
  publication: Publication,
  updates: readonly RefUpdate[],
  answer: PushAnswer,
): Promise<Landing> {
  const { plan, procedure, report, interrupt } = publication;
  const { candidate, remote } = plan;
  const what = updates.map(({ ref }) => ref).join(" and ");
  const failed = `Cannot push ${what} to ${remote.name}: ${answer.words}`;
  const { landing, findings } = await report.during(
    `Asking ${remote.name} what happened`,
    askUntilSettled(publication, updates, answer.refused),
  );
  if (landing === "landed") {
    report.add(
      warning(
        `The push of ${what} reported a failure, but ${remote.name} holds it: ${answer.words}`,
      ),
    );
    return landing;
  }
  const again = `bun ${procedure.script} ${candidate.tag}`;
  const wait = `${remote.name} may still be at work on it. Ask it again before you rerun: git ls-remote ${remote.name}`;
  report.add([
    error(failed, {
      remedy: interrupt.requested
        ? wait
        : `See what stands in the way (git ls-remote ${remote.name}), put it right, then: ${again}`,
    }),
    ...findings,
  ]);
  return landing;
}

interface Settled {
  readonly landing: Landing;
  readonly findings: readonly Finding[];
}

async function askUntilSettled(
  { plan }: Publication,
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

/** What the remote holds of the updates, each judged alone. */
async function askOnce(plan: Plan, updates: readonly RefUpdate[]): Promise<Settled> {
  const { candidate, remote, signed } = plan;
  const { repository, commit } = candidate;
  const { value: refs, findings } = await attempt(() => askRemote(repository, remote));
  if (findings !== undefined) {
    return { landing: "unknown", findings };
  }
  const tagHeld = refs.tags.get(`refs/tags/${candidate.tag}`) === signed.id;
  const pushesTag = updates.some(({ ref }) => ref.startsWith("refs/tags/"));
  if (pushesTag) {
    // With main in the same transaction, the tag cannot have landed without it.
    return { landing: tagHeld ? "landed" : "absent", findings: [] };
  }
  const { value: relation, findings: unrelated } = await attempt(() =>
    relationTo(repository, commit, refs.main),
  );
  if (unrelated !== undefined) {
    return { landing: "unknown", findings: unrelated };
  }
  if (relation.kind === "unfetched") {
    const moved = `${layout.mainBranch} on ${remote.name} is at ${short(refs.main)}, which is not here: it may hold ${short(commit)} or not`;
    return {
      landing: "unknown",
      findings: [warning(moved, { remedy: `git fetch ${remote.name}` })],
    };
  }
  const landed = relation.kind === "equal" || relation.kind === "behind";
  return { landing: landed ? "landed" : "absent", findings: [] };
}

/** Deletes the local tag of a release that did not happen, only if it is this run's own object. */
async function rollBack({ plan, report }: Publication, mainLanded: boolean): Promise<void> {
  const { candidate, signed, remote } = plan;
  const { tag, repository, commit } = candidate;
  if (plan.installed) {
    report.tell(`Tag ${tag} is kept: an earlier run made it. To start over: git tag -d ${tag}`);
    return;
  }
  report.tell(`Rolling back the local tag ${tag}: it is not on ${remote.name}.`);
  const { value, findings } = await attempt(() => removeTag(repository, signed));
  if (value?.gone) {
    const main = mainLanded
      ? `${layout.mainBranch} is on ${remote.name} at ${short(commit)}`
      : `${layout.mainBranch} on ${remote.name} is as it was`;
    report.tell(`${main}; ${tag} is neither here nor there.`);
    return;
  }
  const words = value?.words ?? findings?.map(({ message }) => message).join("; ");
  report.add(
    error(`Cannot roll back the local tag ${tag}: ${words}`, { remedy: `git tag -d ${tag}` }),
  );
}

/** Keeps the local tag, because nobody knows whether the remote has it. */
function keep({ plan, procedure, report }: Publication): void {
  const { candidate, remote, signed } = plan;
  const { tag } = candidate;
  const finish = resumeCommand(procedure.script, tag, signed.message);
  report.add(
    error(`Cannot tell whether ${remote.name} has taken ${tag}: the local tag is kept`, {
      remedy: `When ${remote.name} answers again, finish it: ${finish}`,
    }),
  );
}
