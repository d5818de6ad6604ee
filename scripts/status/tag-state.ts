/** How the tag of a release stands: told from what is here and what the remote holds. */

import { short } from "../lib/git/git.ts";
import { layout } from "../lib/layout.ts";
import type { LocalTag } from "../release/local-tag.ts";
import { type Facts, type Procedure, resumeCommand } from "../release/plan.ts";
import { precheck } from "../release/prechecks.ts";
import type { Outcome, TagState } from "./facts.ts";
import { outcomeOf } from "./outcome.ts";

type Rules = Pick<Procedure, "script" | "tagPrefix" | "pushesMain">;

/** Judges a tag by the pre-checks' own rules. */
export function tagStateOf(facts: Facts, rules: Rules): TagState {
  const { tag, localTag, refs } = facts;
  const theirs = refs?.tags.get(`refs/tags/${tag}`);
  switch (localTag.kind) {
    case "absent":
      return theirs === undefined ? { kind: "free" } : { kind: "elsewhere" };
    case "unknown":
    case "blocked": {
      const { evidence: why, remedy = why } = outcomeOf(localTag.findings);
      return { kind: "unknown", why, remedy };
    }
    case "unfit":
      return theirs === undefined
        ? { kind: "unfit", why: localTag.why }
        : { kind: "taken", why: otherThan(localTag, theirs) ?? `${localTag.why}, and published` };
    case "signed": {
      const why = theirs && otherThan(localTag, theirs);
      return why === undefined
        ? signedState(facts, rules, localTag, theirs !== undefined)
        : { kind: "taken", why };
    }
  }
}

function otherThan({ id }: { id: string }, theirs: string): string | undefined {
  return id === theirs
    ? undefined
    : `${layout.remote} holds another tag (${short(theirs)}) than is here (${short(id)})`;
}

function signedState(
  facts: Facts,
  rules: Rules,
  { tag }: Extract<LocalTag, { kind: "signed" }>,
  published: boolean,
): TagState {
  if (precheck(facts, rules, plain).complete) {
    const on = rules.pushesMain ? ` on ${layout.remote}/${layout.mainBranch}` : "";
    const bypasses = tag.message.split("\n").filter((line) => line.startsWith("Bypassed: "));
    const signed = `signed by ${tag.signer}, of ${short(tag.object)}${on}`;
    const evidence = [`${layout.remote} holds ${facts.tag}, ${signed}`, ...bypasses].join("; ");
    return { kind: "complete", evidence };
  }
  if (published && facts.relation?.kind === "unfetched") {
    return { kind: "unfetched" };
  }
  return {
    kind: "interrupted",
    command: resumeCommand(rules.script, facts.tag, tag.message),
    published,
  };
}

const plain = { dryRun: false, yes: false, resume: true } as const;

/**
 * What would stand against tagging main, were HEAD on it and nothing else: where HEAD is, and what
 * is not committed, is another question.
 */
export function precheckOutcome(facts: Facts, rules: Rules): Outcome {
  const checkout = {
    ...facts.checkout,
    branch: `refs/heads/${layout.mainBranch}`,
    changes: [],
    underway: [],
  };
  return outcomeOf(precheck({ ...facts, checkout }, rules, plain).findings);
}
