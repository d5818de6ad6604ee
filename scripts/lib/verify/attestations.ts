/** Attestations of what a tag's workflow built: provenance and SBOM, bound to that tag. */

import type { GhWorld } from "../world/gh.ts";
import type { Answer, State } from "./answer.ts";
import type { RunQuestion } from "./workflow-run.ts";

/** Something that must be attested. */
export interface Subject {
  readonly name: string;
  /** The path of the file, or `oci://` and an image reference; none if there is nothing to verify. */
  readonly target?: string | undefined;
  /** The sha256 that the attestation must name, in hexadecimal. */
  readonly sha256?: string | undefined;
  /** Why there is no target; its state is then the answer. */
  readonly absent?: Pick<Answer, "state" | "evidence" | "remedy"> | undefined;
}

/**
 * Asks for the provenance and the SPDX attestation of each subject, in this order.
 *
 * @param origin The tag, the workflow and, where known, the commit that they must come from.
 * @param run What became of the tag's workflow run: once it has ended, nothing more will come.
 */
export async function askAttestations(
  subjects: readonly Subject[],
  _origin: RunQuestion,
  _gh: GhWorld,
  _run?: State,
): Promise<Answer[]> {
  return subjects.flatMap(({ name }) =>
    ["provenance", "SPDX attestation"].map(
      (what): Answer => ({
        question: `${what} of ${name}`,
        state: "unknown",
        evidence: "not asked",
      }),
    ),
  );
}
