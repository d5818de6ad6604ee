/** Waiting for the image of a chart, with an eye on the workflow run that publishes it. */

import type { Answer } from "../lib/answer.ts";
import type { ImageReference } from "../lib/files/image-reference.ts";
import { error, type Finding } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import type { GhWorld } from "../lib/net/gh.ts";
import type { RegistryWorld } from "../lib/net/registry.ts";
import { duration } from "../lib/progress.ts";
import { isVersion } from "../lib/version.ts";
import { askImages, imageQuestion } from "../verify/published.ts";
import { type Question, type SurveyOptions, type SurveyWorld, survey } from "../verify/survey.ts";
import { askWorkflowRun } from "../verify/workflow-run.ts";

/** An image that is waited for, and on whose behalf. */
export interface AwaitedImage {
  /** The tag that is to be released. */
  readonly tag: string;
  readonly reference: ImageReference;
  /** As `parsePlatform` writes them. */
  readonly platforms: readonly string[];
  /** Milliseconds to wait at most. */
  readonly limit: number;
}

/** The worlds of the two questions. */
export interface AwaitWorld extends SurveyWorld {
  readonly images: RegistryWorld;
  readonly gh: GhWorld;
}

/**
 * Waits until an image appears. A registry that gives no answer is asked again, for some deny what
 * they do not hold yet. The run of release.yml is told of where gh can tell it, and ends the waiting
 * if it has failed.
 *
 * @param refusal What stands against the release as long as there is no image.
 * @returns Undefined once the registry has answered, for better or worse; else what stands against
 *   the release.
 */
export async function awaitImage(
  { tag, reference, platforms, limit }: AwaitedImage,
  world: AwaitWorld,
  refusal: readonly Finding[],
  sleep?: SurveyOptions["sleep"],
): Promise<readonly Finding[] | undefined> {
  const [image, run] = await survey(world, questionsFor(reference, platforms, world), {
    limit,
    isOver: ([image, run]) => isThere(image) || run?.state === "failed",
    beside: ([, run]) => (run === undefined ? "" : `${run.question} ${run.state}, ${run.evidence}`),
    state: () => `${tag} is not released: its image is not published yet; nothing was changed`,
    ...(sleep === undefined ? {} : { sleep }),
  });
  if (isThere(image)) {
    return undefined;
  }
  if (run?.state === "failed") {
    const where = run.link === undefined ? "" : ` (${run.link})`;
    const why = `the ${run.question} that publishes its image has failed, ${run.evidence}${where}`;
    return [error(`Cannot release ${tag}: ${why}`, { remedy: run.remedy })];
  }
  const last = `the last answer was: ${image?.evidence}`;
  return [
    ...refusal,
    error(`Cannot release ${tag}: its image did not appear within ${duration(limit)}; ${last}`, {
      remedy: run?.remedy ?? image?.remedy,
    }),
  ];
}

/** Whether the registry holds the image, complete or not. */
function isThere(image: Answer | undefined): boolean {
  return image?.state === "verified" || image?.state === "failed";
}

function questionsFor(
  reference: ImageReference,
  platforms: readonly string[],
  { images, gh }: AwaitWorld,
): Question[] {
  const image: Question = {
    label: imageQuestion(reference),
    ask: () => askImages({ references: [reference], platforms }, images),
  };
  const { tag: version = "" } = reference;
  if (!isVersion(version)) {
    return [image];
  }
  const tag = `${layout.tagPrefix}${version}`;
  const ask = async () => {
    const run = await askWorkflowRun({ tag, workflow: layout.releaseWorkflow }, gh);
    return [{ ...run, question: `${run.question} for ${tag}` }];
  };
  return [image, { label: `workflow run for ${tag}`, ask }];
}
