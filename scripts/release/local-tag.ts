/** The tag of that name that the repository holds already, if any, and what it is. */

import { attempt, error, type Finding, shellWord } from "../lib/finding.ts";
import { type ObjectId, type Repository, short } from "../lib/git/git.ts";
import { judgeTag, readTag, type SignedTag, tagValue } from "../lib/git/tag.ts";

export type LocalTag =
  /** Nobody could say, and why. */
  | { readonly kind: "unknown"; readonly findings: readonly Finding[] }
  /** No tag of that name can be made here, and why. */
  | { readonly kind: "blocked"; readonly findings: readonly Finding[] }
  | { readonly kind: "absent" }
  /** A signed annotated tag of a commit: what an interrupted release leaves. */
  | { readonly kind: "signed"; readonly id: ObjectId; readonly tag: SignedTag }
  /** Any other tag, and why no release can go on from it. */
  | { readonly kind: "unfit"; readonly id: ObjectId; readonly why: string };

/** Finds a tag by its short name. */
export async function findLocalTag(repository: Repository, name: string): Promise<LocalTag> {
  const { value, findings } = await attempt(() => readLocalTag(repository, name));
  return value ?? { kind: "unknown", findings };
}

async function readLocalTag(repository: Repository, name: string): Promise<LocalTag> {
  const ref = `refs/tags/${name}`;
  const { id, below } = await tagValue(repository, name);
  if (id === undefined) {
    return below.length > 0
      ? { kind: "blocked", findings: below.map((other) => inTheWay(name, other)) }
      : { kind: "absent" };
  }
  const found = await readTag(repository, ref);
  if (found?.id !== id) {
    return { kind: "unfit", id, why: "a lightweight tag, without a signature" };
  }
  const tag = await judgeTag(repository, found);
  if ("fault" in tag) {
    return { kind: "unfit", id, why: `an annotated tag, and ${tag.fault}` };
  }
  return tag.type === "commit" && tag.tag === name
    ? { kind: "signed", id, tag }
    : { kind: "unfit", id, why: `a tag of ${tag.type} ${short(tag.object)} named ${tag.tag}` };
}

function inTheWay(name: string, other: string): Finding {
  return error(`Cannot make tag ${name}: tag ${other} is here, and git cannot hold both`, {
    remedy: `Delete that tag if it is a slip: git tag -d ${shellWord(other)}`,
  });
}
