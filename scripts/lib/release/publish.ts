/**
 * The part of a release that mutates: the local tag, main, the tag on the remote, in that order.
 * After a push that was not confirmed the remote is asked what happened, and only its answer counts.
 */

import type { Interrupt } from "../cli.ts";
import { attempt, error, notice, warning } from "../finding.ts";
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
import type { Plan, Procedure, ReleaseOptions } from "./plan.ts";

/**
 * How publishing ended. `failed`: the findings say why and what is left. `interrupted`: the
 * operator ended it, and the findings say what is left.
 */
export type Outcome = "published" | "failed" | "interrupted";

/** What the remote says about a push: whether it holds what was pushed. */
type Landing = "landed" | "absent" | "unknown";

/**
 * Publishes a plan. The caller holds off interrupts; this obeys them where nothing is half-way.
 *
 * @throws {Refusal} If the local tag could not be made; nothing has been mutated then.
 */
export async function publish(
  plan: Plan,
  procedure: Procedure,
  options: ReleaseOptions,
  report: Report,
  interrupt: Interrupt,
): Promise<Outcome> {
  const { candidate, signed, refs, relation } = plan;
  const { tag, commit, repository } = candidate;
  if (interrupt.requested) {
    return "interrupted";
  }
  if (!plan.installed) {
    await installTag(repository, signed);
    report.add(notice(`${tag} signed and created here: tag object ${signed.id}`));
  }
  const mainRef = `refs/heads/${layout.mainBranch}`;
  const tagRef = `refs/tags/${tag}`;
  const main: RefUpdate[] =
    procedure.pushesMain && relation.kind === "ahead" ? [{ id: commit, ref: mainRef }] : [];
  const tags: RefUpdate[] =
    refs.tags.get(tagRef) === signed.id ? [] : [{ id: signed.id, ref: tagRef }];
  const steps = options.atomic ? [[...main, ...tags]] : [main, tags];
  for (const updates of steps.filter(({ length }) => length > 0)) {
    if (interrupt.requested) {
      await rollBack(plan, report);
      return "interrupted";
    }
    const landing = await pushAndAsk(plan, updates, options, report, interrupt);
    if (landing !== "landed") {
      await (landing === "absent" ? rollBack(plan, report) : keep(plan, procedure, report));
      return interrupt.requested ? "interrupted" : "failed";
    }
  }
  report.add(notice(`${tag} is released: commit ${short(commit)}, tag object ${signed.id}`));
  return "published";
}

async function pushAndAsk(
  plan: Plan,
  updates: readonly RefUpdate[],
  options: ReleaseOptions,
  report: Report,
  interrupt: Interrupt,
): Promise<Landing> {
  const { repository } = plan.candidate;
  const what = updates.map(({ ref }) => ref).join(" and ");
  report.tell(`Pushing ${what} to ${plan.remote.name} ...`);
  const answer = await push(
    repository,
    plan.remote,
    updates,
    { atomic: options.atomic && updates.length > 1, signal: interrupt.requestSignal },
    (words) => report.tell(words.trimEnd()),
  );
  if (answer.confirmed) {
    report.add(notice(`pushed ${what} to ${plan.remote.name}`));
    return "landed";
  }
  return await askWhatHappened(plan, updates, answer, report);
}

/** Asks the remote about a push that git did not confirm; git's own words come first. */
async function askWhatHappened(
  plan: Plan,
  updates: readonly RefUpdate[],
  answer: PushAnswer,
  report: Report,
): Promise<Landing> {
  const { candidate, remote } = plan;
  const what = updates.map(({ ref }) => ref).join(" and ");
  const failed = `Cannot push ${what} to ${remote.name}: ${answer.words}`;
  const { value: refs, findings } = await attempt(() => askRemote(candidate.repository, remote));
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
  report.add(
    error(failed, {
      remedy: `See what stands in the way, put it right, and run the release again: git ls-remote ${remote.name}`,
    }),
  );
  for (const { id, ref } of missing) {
    const found = heldBy(refs, ref);
    const holds = found === undefined ? "holds no such ref" : `holds ${short(found)}`;
    report.tell(`  ${remote.name} ${holds}: ${ref}, expected ${short(id)}`);
  }
  return "absent";
}

function heldBy(refs: RemoteRefs, ref: string): string | undefined {
  return ref.startsWith("refs/tags/") ? refs.tags.get(ref) : refs.main;
}

/** Deletes the local tag of a release that did not happen, only if it is this run's own object. */
async function rollBack(plan: Plan, report: Report): Promise<void> {
  const { candidate, signed } = plan;
  const { tag, repository } = candidate;
  if (plan.installed) {
    report.tell(`Tag ${tag} is kept: an earlier run made it. To start over: git tag -d ${tag}`);
    return;
  }
  report.tell(`Rolling back the local tag ${tag}: it is not on ${plan.remote.name}.`);
  const { value, findings } = await attempt(() => removeTag(repository, signed));
  if (!value?.gone) {
    const words = value?.words ?? findings?.map(({ message }) => message).join("; ");
    report.add(
      error(`Cannot roll back the local tag ${tag}: ${words}`, { remedy: `git tag -d ${tag}` }),
    );
  }
}

/** Keeps the local tag, because nobody knows whether the remote has it. */
function keep(plan: Plan, procedure: Procedure, report: Report): void {
  const { candidate, remote } = plan;
  const { tag } = candidate;
  report.add(
    error(`Cannot tell whether ${remote.name} has taken ${tag}: the local tag is kept`, {
      remedy: `When ${remote.name} answers again, finish it: bun ${procedure.script} ${tag} --resume`,
    }),
  );
}
