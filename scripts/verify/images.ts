/** Whether a release's image is in every registry that it is pushed to, and is the same one there. */

import type { Answer } from "../lib/answer.ts";
import type { ImageReference } from "../lib/files/image-reference.ts";
import { askImage, type ImageAnswer } from "../lib/net/image.ts";
import type { RegistryWorld } from "../lib/net/registry.ts";

/** The image of one version, where it is pushed to. */
export interface PublishedImage {
  /** One a registry, each with the version as its tag. */
  readonly references: readonly ImageReference[];
  /** The platforms that must be there, as `parsePlatform` writes them. */
  readonly platforms: readonly string[];
}

/** Asks each registry for the image, all at once; one answer a registry, in their order. */
export async function askImages(
  { references, platforms }: PublishedImage,
  world: RegistryWorld,
): Promise<Answer[]> {
  const asked = await Promise.all(
    references.map(async (reference) => ({
      reference,
      found: await askImage(reference, platforms, world),
    })),
  );
  const first = asked.find(({ found }) => found.digest !== undefined);
  return asked.map(({ reference, found }) => {
    const answer = judgeImage(reference, found);
    return answer.state === "verified" && found.digest !== first?.found.digest
      ? {
          // One build pushes one index to all registries: another digest is another image.
          question: answer.question,
          state: "failed",
          evidence: `it is ${found.digest}, but ${first?.reference.registry} holds ${first?.found.digest} under the same tag`,
          remedy:
            "Find out which of both release.yml pushed, and who pushed the other; then release the next version",
        }
      : answer;
  });
}

/** The label of the question about an image in one registry. */
export function imageQuestion({ registry }: ImageReference): string {
  return `image on ${registry}`;
}

function judgeImage(reference: ImageReference, found: ImageAnswer): Answer {
  const { state, digest, lacks, evidence, remedy } = found;
  const name = `${reference.repository}:${reference.tag}`;
  return {
    question: imageQuestion(reference),
    state,
    evidence: {
      verified: `${name} is ${digest} (${evidence})`,
      pending: `${name} is not there: ${evidence}`,
      failed: `${name} (${digest}) lacks ${lacks}, ${evidence}`,
      unknown: `${name}: ${evidence}`,
    }[state],
    ...(remedy === undefined ? {} : { remedy }),
  };
}
