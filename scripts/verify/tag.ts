/** Whether a release's tag is on the remote, carries a good signature, and is the one that is here. */

import type { Answer } from "../lib/answer.ts";
import { isWhole, parseTagObject } from "../lib/files/tag-object.ts";
import { attempt, type Finding } from "../lib/finding.ts";
import { findCommit, type ObjectId, type Repository, short } from "../lib/git/git.ts";
import { askRemote, findRemote } from "../lib/git/remote.ts";
import { type FoundTag, judgeTag, readTag, refValue } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";

/** The label of the question about the tag. */
export const tagQuestion = `tag on ${layout.remote}`;

/** A tag on one side: its object, and the commit that it means. */
export interface TagPlace {
  readonly id: ObjectId;
  /** Undefined if nobody can tell here. */
  readonly commit: ObjectId | undefined;
}

/** A side that holds the tag, or not; or why nobody could say. */
export type TagSide = TagPlace | "absent" | { readonly findings: readonly Finding[] };

export interface TagAnswer {
  readonly answer: Answer;
  /** The commit of the tag: the remote's, for that is what workflows build. */
  readonly commit: ObjectId | undefined;
}

/** Asks the repository and the remote for a tag; fetches nothing. */
export async function askTag(
  repository: Repository,
  tag: string,
  releaseScript: string,
): Promise<TagAnswer> {
  const ref = `refs/tags/${tag}`;
  const [here, there] = await Promise.all([
    side(async () => {
      const id = await refValue(repository, ref);
      return id === undefined ? "absent" : { id, commit: await findCommit(repository, ref) };
    }),
    side(async () => {
      const remote = await findRemote(repository, layout.remote);
      const refs = await askRemote(repository, remote);
      const id = refs.tags.get(ref);
      // A lightweight tag is the commit itself.
      return id === undefined ? "absent" : { id, commit: refs.tagged.get(ref) ?? id };
    }),
  ]);
  const known = [there, here].find(isPlace);
  const compared = judgeTagSides(tag, here, there, releaseScript);
  const answer =
    compared.state === "verified" && isPlace(there)
      ? judgeSignature(tag, compared, await findSignature(repository, there), releaseScript)
      : compared;
  return { answer, commit: known?.commit };
}

/** The signature that a tag carries, and what it lacks; or why nobody can tell here. */
export type SignatureState =
  | { readonly kind: "present"; readonly format: string }
  | { readonly kind: "absent"; readonly why: string }
  | { readonly kind: "unknown"; readonly why: string; readonly remedy?: string | undefined };

/** Looks for the signature in the tag object, and judges it; fetches nothing. */
async function findSignature(
  repository: Repository,
  { id, commit }: TagPlace,
): Promise<SignatureState> {
  if (id === commit) {
    return { kind: "absent", why: "it is a lightweight tag, without an object to sign" };
  }
  const { value, findings } = await attempt(() => readTag(repository, id));
  if (value === undefined) {
    const why = findings?.map(({ message }) => message).join("; ") ?? "its object is not here";
    return { kind: "unknown", why };
  }
  try {
    const { signature } = parseTagObject(value.bytes);
    return isWhole(signature)
      ? await judged(repository, value, signature.format)
      : { kind: "absent", why: "its object holds no whole signature" };
  } catch (thrown) {
    if (thrown instanceof SyntaxError) {
      return { kind: "unknown", why: thrown.message };
    }
    throw thrown;
  }
}

/** What looks like a signature may be none: the program that made it is asked. */
async function judged(
  repository: Repository,
  found: FoundTag,
  format: string,
): Promise<SignatureState> {
  const { value, findings } = await attempt(() => judgeTag(repository, found));
  if (findings !== undefined) {
    const [first] = findings;
    return { kind: "unknown", why: first?.message ?? "nobody judged it", remedy: first?.remedy };
  }
  return "fault" in value ? { kind: "absent", why: value.fault } : { kind: "present", format };
}

/** Judges a tag that is the same on both sides by the signature that it carries. */
export function judgeSignature(
  tag: string,
  compared: Answer,
  signature: SignatureState,
  releaseScript: string,
): Answer {
  const { question, evidence } = compared;
  switch (signature.kind) {
    case "present":
      return { ...compared, evidence: `${evidence}, with a good signature (${signature.format})` };
    case "absent":
      return {
        question,
        state: "failed",
        evidence: `${evidence}; it is not signed: ${signature.why}`,
        remedy: `Find out who pushed it, and never move a published tag: release the next version with bun ${releaseScript}`,
      };
    case "unknown":
      return {
        question,
        state: "unknown",
        evidence: `${evidence}; whether it is signed is not known here: ${signature.why}`,
        remedy: signature.remedy ?? `Fetch the tag: git fetch ${layout.remote} tag ${tag}`,
        lasting: true,
      };
  }
}

async function side(question: () => Promise<TagPlace | "absent">): Promise<TagSide> {
  const { value, findings } = await attempt(question);
  return value ?? { findings };
}

function isPlace(side: TagSide): side is TagPlace {
  return side !== "absent" && "id" in side;
}

/** Judges what both sides say of a tag. */
export function judgeTagSides(
  tag: string,
  here: TagSide,
  there: TagSide,
  releaseScript: string,
): Answer {
  const question = tagQuestion;
  const { remote } = layout;
  for (const side of [there, here]) {
    if (side !== "absent" && !isPlace(side)) {
      const remedy = side.findings.find((each) => each.remedy !== undefined)?.remedy;
      return {
        question,
        state: "unknown",
        evidence: side.findings.map(({ message }) => message).join("; "),
        remedy: remedy ?? `Look at it: git ls-remote ${remote} refs/tags/${tag}`,
      };
    }
  }
  if (!isPlace(there)) {
    return {
      question,
      state: "failed",
      evidence: isPlace(here)
        ? `${tag} is here (object ${short(here.id)}), and not on ${remote}`
        : `there is no ${tag}, here or on ${remote}`,
      remedy: `Release it: bun ${releaseScript} ${tag}${isPlace(here) ? " --resume" : ""}`,
    };
  }
  const what = `object ${short(there.id)} of commit ${there.commit === undefined ? "unknown" : short(there.commit)}`;
  if (!isPlace(here)) {
    return { question, state: "verified", evidence: `${what}; there is no ${tag} here` };
  }
  return here.id === there.id
    ? { question, state: "verified", evidence: `${what}, the same as here` }
    : {
        question,
        state: "failed",
        evidence: `${remote} holds ${what}, and ${tag} here is object ${short(here.id)}`,
        remedy: `Find out which was released, and never move a published tag. If the one here is the slip: git tag -d ${tag}`,
      };
}
