/** The tag of that name that the repository holds already, if any, and what it is. */

import { Refusal } from "../finding.ts";
import type { ObjectId, Repository } from "../world/git.ts";
import { readTag, refValue, type SignedTag, verifyTag } from "../world/tag.ts";

export type LocalTag =
  | { readonly kind: "absent" }
  /** A signed annotated tag of a commit: what an interrupted release leaves. */
  | { readonly kind: "signed"; readonly id: ObjectId; readonly tag: SignedTag }
  /** Any other tag, and why no release can go on from it. */
  | { readonly kind: "unfit"; readonly id: ObjectId; readonly why: string };

/**
 * Finds a tag by its short name.
 *
 * @throws {Refusal} If git cannot say.
 */
export async function findLocalTag(repository: Repository, tag: string): Promise<LocalTag> {
  const ref = `refs/tags/${tag}`;
  const id = await refValue(repository, ref);
  if (id === undefined) {
    return { kind: "absent" };
  }
  const found = await readTag(repository, ref);
  if (found?.id !== id) {
    return { kind: "unfit", id, why: "a lightweight tag, without a signature" };
  }
  try {
    const signed = await verifyTag(repository, found);
    return signed.type === "commit" && signed.tag === tag
      ? { kind: "signed", id, tag: signed }
      : { kind: "unfit", id, why: `a tag of ${signed.type} ${signed.object} named ${signed.tag}` };
  } catch (thrown) {
    if (thrown instanceof Refusal || thrown instanceof SyntaxError) {
      return { kind: "unfit", id, why: `annotated, and ${thrown.message}` };
    }
    throw thrown;
  }
}
