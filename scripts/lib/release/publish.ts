/**
 * The part of a release that mutates: the local tag, main, the tag on the remote, in that order.
 * After a push that was not confirmed the remote is asked what happened, and only its answer counts.
 */

import { attempt, error, notice, warning } from "../finding.ts";
import type { Interrupt } from "../interrupt.ts";
import { layout } from "../layout.ts";
import type { Report } from "../report.ts";
import { short } from "../world/git.ts";
import {
  askRemote,
  type PushAnswer,
  push,
  type RefUpdate,
  type RemoteRefs,
} from "../world/remote.ts";
import { installTag, removeTag } from "../world/tag.ts";
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
  const { tag, commit, repository } = candidate;
  if (!plan.installed && !interrupt.requested) {
    await installTag(repository, signed);
    report.add(notice(`${tag} signed and created here: tag object ${signed.id}`));
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

/** What is still missing on the remote. */
function updatesOf({ plan, procedure }: Publication): { main: RefUpdate[]; tags: RefUpdate[] } {
  const { candidate, signed, refs, relation } = plan;
  const pushesMain = procedure.pushesMain && relation.kind === "ahead";
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
  const what = updates.map(({ ref }) => ref).join(" and ");
  report.tell(`Pushing ${what} to ${plan.remote.name} ...`);
  const answer = await push(
    plan.candidate.repository,
    plan.remote,
    updates,
    { atomic: options.atomic && updates.length > 1, signal: interrupt.requestSignal },
    (words) => report.tell(words.trimEnd()),
  );
  if (answer.confirmed) {
    report.add(notice(`pushed ${what} to ${plan.remote.name}`));
    return "landed";
  }
  return await askWhatHappened(publication, updates, answer);
}

/** Asks the remote about a push that git did not confirm; the first reason comes first. */
async function askWhatHappened(
  { plan, procedure, report, interrupt }: Publication,
  updates: readonly RefUpdate[],
  answer: PushAnswer,
): Promise<Landing> {
  const { candidate, remote } = plan;
  const what = updates.map(({ ref }) => ref).join(" and ");
  const failed = `Cannot push ${what} to ${remote.name}: ${answer.words}`;
  const asking = askRemote(candidate.repository, remote);
  const { value: refs, findings } = await attempt(() =>
    report.during(`Asking ${remote.name} what happened`, asking),
  );
  if (findings !== undefined) {
    report.add([error(failed), ...findings]);
    return "unknown";
  }
  const missing = updates.filter(({ id, ref }) => heldBy(refs, ref) !== id);
  if (missing.length === 0) {
    report.add(
      warning(
        `The push of ${what} reported a failure, but ${remote.name} holds it: ${answer.words}`,
      ),
    );
    return "landed";
  }
  const again = `bun ${procedure.script} ${candidate.tag}`;
  report.add(
    error(failed, {
      remedy: interrupt.requested
        ? `${remote.name} may still be at work on it. Ask it again before you rerun: git ls-remote ${remote.name}`
        : `See what stands in the way (git ls-remote ${remote.name}), put it right, then: ${again}`,
    }),
  );
  for (const { id, ref } of missing) {
    const found = heldBy(refs, ref);
    const holds = found === undefined ? `has no ${ref}` : `has ${ref} at ${short(found)}`;
    report.tell(`${remote.name} ${holds}, expected ${short(id)}`);
  }
  return "absent";
}

function heldBy(refs: RemoteRefs, ref: string): string | undefined {
  return ref.startsWith("refs/tags/") ? refs.tags.get(ref) : refs.main;
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
