/** Whether a release's image is in every registry that it is pushed to, and is the same one there. */

import type { Answer } from "../lib/answer.ts";
import type { ImageReference } from "../lib/files/image-reference.ts";
import { layout } from "../lib/layout.ts";
import { askImage, type ImageAnswer, type ImageWorld, namePlatforms } from "../lib/net/image.ts";

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
  world: ImageWorld,
): Promise<Answer[]> {
  const asked = await Promise.all(
    references.map(async (reference) => ({
      reference,
      found: await askImage(reference, platforms, world),
    })),
  );
  const first = asked.find(({ found }) => found.state === "present");
  return asked.map(({ reference, found }) => {
    const answer = judgeImage(reference, found, platforms);
    return answer.state === "verified" && first !== undefined
      ? comparedWith(first, found, answer)
      : answer;
  });
}

interface Asked {
  readonly reference: ImageReference;
  readonly found: ImageAnswer;
}

/** One build pushes one index to all registries: another digest is another image. */
function comparedWith(first: Asked, found: ImageAnswer, answer: Answer): Answer {
  const one = digestOf(first.found);
  const other = digestOf(found);
  return one === other
    ? answer
    : {
        question: answer.question,
        state: "failed",
        evidence: `it is ${other}, but ${first.reference.registry} holds ${one} under the same tag`,
        remedy:
          "Find out which of both release.yml pushed, and who pushed the other; then release the next version",
      };
}

function digestOf(found: ImageAnswer): string | undefined {
  return found.state === "present" ? found.digest : undefined;
}

/** The label of the question about an image in one registry. */
export function imageQuestion({ registry }: ImageReference): string {
  return `image on ${registry}`;
}

function judgeImage(
  reference: ImageReference,
  found: ImageAnswer,
  promised: readonly string[],
): Answer {
  const question = imageQuestion(reference);
  const name = `${reference.repository}:${reference.tag}`;
  if (found.state === "absent") {
    return {
      question,
      state: "pending",
      evidence: `${name} is not there: ${found.why}`,
      remedy: "Wait for release.yml to publish it (typically 5-10 minutes after its tag)",
    };
  }
  if (found.state === "unknown") {
    return {
      question,
      state: "unknown",
      evidence: `${name}: ${found.why}`,
      remedy: found.remedy ?? "Check the network and the registry, then run the command again",
    };
  }
  const { digest, offered, missing } = found;
  if (missing.size === 0) {
    const platforms = namePlatforms(promised, "no platform checked");
    return { question, state: "verified", evidence: `${name} is ${digest} (${platforms})` };
  }
  const lacking = [...missing.keys()].join(", ");
  const reasons = [`found ${namePlatforms(offered)}`, ...missing.values()];
  const why = reasons.filter((reason) => reason !== undefined).join("; ");
  return {
    question,
    state: "failed",
    evidence: `${name} (${digest}) lacks ${lacking}, ${why}`,
    remedy: `Release the next version with an image for ${lacking}, or correct ${layout.imagesAnnotation}`,
  };
}
