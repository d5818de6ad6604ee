/** The tag of a release: whether it is on the remote and well signed, and what its commit promises. */

import { type Answer, answered, Unverified } from "../lib/answer.ts";
import { readProductImages } from "../lib/files/chart-images.ts";
import { parsePlatform } from "../lib/files/image-manifest.ts";
import type { ImageReference } from "../lib/files/image-reference.ts";
import { attempt, type Finding, notice, Refusal, refusal, warning } from "../lib/finding.ts";
import { findCommit, type ObjectId, type Repository, short } from "../lib/git/git.ts";
import { inCommit } from "../lib/git/judged-tree.ts";
import { commitTree, openObjects } from "../lib/git/objects.ts";
import { askRemote, findRemote } from "../lib/git/remote.ts";
import { judgeTag, readTag, refValue } from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";

const { remote } = layout;

/** The label of the question about the tag. */
export const tagQuestion = `tag on ${remote}`;

/** A tag on one side: its object, and the commit that it means. */
interface TagPlace {
  readonly id: ObjectId;
  /** Undefined if that is not known in this repository. */
  readonly commit: ObjectId | undefined;
}

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
    attempt(async () =>
      placeOf(await refValue(repository, ref), await findCommit(repository, ref)),
    ),
    attempt(async () => {
      const refs = await askRemote(repository, await findRemote(repository, remote));
      const id = refs.tags.get(ref);
      // A lightweight tag is the commit itself.
      return placeOf(id, refs.tagged.get(ref) ?? id);
    }),
  ]);
  const answer = await answered(tagQuestion, async () => {
    const unanswered = [there, here].find(({ findings }) => findings !== undefined);
    if (unanswered?.findings !== undefined) {
      throw new Refusal(unanswered.findings);
    }
    return there.value === undefined
      ? releaseIt(tag, here.value, releaseScript)
      : await judge(repository, tag, here.value, there.value, releaseScript);
  });
  return { answer, commit: (there.value ?? here.value)?.commit };
}

function placeOf(id: ObjectId | undefined, commit: ObjectId | undefined): TagPlace | undefined {
  return id === undefined ? undefined : { id, commit };
}

function releaseIt(tag: string, here: TagPlace | undefined, releaseScript: string): never {
  const evidence =
    here === undefined
      ? `${tag} exists neither locally nor on ${remote}`
      : `${tag} exists locally (object ${short(here.id)}), but not on ${remote}`;
  const resume = here === undefined ? "" : " --resume";
  throw new Unverified("failed", evidence, `Release it: bun ${releaseScript} ${tag}${resume}`);
}

/** @returns The evidence, if the remote's tag is the local one and carries a good signature. */
async function judge(
  repository: Repository,
  tag: string,
  here: TagPlace | undefined,
  there: TagPlace,
  releaseScript: string,
): Promise<string> {
  const commit = there.commit === undefined ? "unknown" : short(there.commit);
  const what = `object ${short(there.id)} of commit ${commit}`;
  if (here !== undefined && here.id !== there.id) {
    throw new Unverified(
      "failed",
      `${remote} holds ${what}, and the local ${tag} is object ${short(here.id)}`,
      `Find out which was released, and never move a published tag. If the local one is the mistake: git tag -d ${tag}`,
    );
  }
  const evidence =
    here === undefined ? `${what}; ${tag} does not exist locally` : `${what}, the same as locally`;
  const unsigned = (why: string) =>
    new Unverified(
      "failed",
      `${evidence}; it is not signed: ${why}`,
      `Find out who pushed it, and never move a published tag: release the next version with bun ${releaseScript}`,
    );
  if (there.id === there.commit) {
    throw unsigned("it is a lightweight tag, without an object to sign");
  }
  const { value: signed, findings } = await attempt(async () => {
    const found = await readTag(repository, there.id);
    if (found === undefined) {
      const remedy = `Fetch the tag: git fetch ${remote} tag ${tag}`;
      throw refusal("this repository does not hold its object", { remedy });
    }
    return await judgeTag(repository, found);
  });
  if (findings !== undefined) {
    const [first] = findings;
    const why = `${evidence}; whether it is signed is not known: ${first?.message}`;
    throw new Unverified("unknown", why, first?.remedy);
  }
  if ("fault" in signed) {
    throw unsigned(signed.fault);
  }
  return `${evidence}, with a good signature (${signed.signature?.format})`;
}

/** What the chart of a commit says about the product's images. */
export interface Promises {
  /** The platforms that the image must have, as `parsePlatform` returns them. */
  readonly platforms: readonly string[];
  /** The image that an install of the chart pulls; undefined if the chart has no values.yaml. */
  readonly pulled: ImageReference | undefined;
  readonly appVersion: string | undefined;
}

/** What the tag's commit promises, and what stands in its files. */
export interface Expectation {
  /** Undefined if they cannot be read; the findings say why. */
  readonly promises: Promises | undefined;
  /** Where they were read, and what is missing in them. */
  readonly findings: readonly Finding[];
}

/** Reads what a commit promises; undefined if this repository does not hold the commit. */
export async function readExpectation(
  repository: Repository,
  tag: string,
  commit: ObjectId,
): Promise<Expectation | undefined> {
  const { value: found, findings: lost } = await attempt(() => findCommit(repository, commit));
  if (lost !== undefined || found === undefined) {
    return lost && { promises: undefined, findings: lost };
  }
  await using objects = openObjects(repository);
  const { value: promises, findings = [] } = await attempt(async () => {
    const images = await readProductImages(commitTree(objects, commit), layout.chart);
    const promised = images.promised?.flatMap((entry) => entry.platforms.map(platformOf)) ?? [];
    return {
      platforms: [...new Set(promised)],
      pulled: images.pulled?.reference,
      appVersion: images.chart.appVersion?.value,
    };
  });
  const where = notice(`what ${tag} promises is read from its commit ${short(commit)}`);
  const missing = promises?.platforms.length === 0 ? [noPlatforms] : [];
  return { promises, findings: [where, ...inCommit(commit, [...findings, ...missing])] };
}

const noPlatforms = warning(
  `No platform of the image is looked for: ${layout.imagesAnnotation} promises none`,
  { remedy: `List the image's platforms in ${layout.imagesAnnotation} of Chart.yaml` },
);

function platformOf(text: string): string {
  try {
    return parsePlatform(text);
  } catch (thrown) {
    throw refusal(
      `Cannot read a platform that the chart promises: ${(thrown as SyntaxError).message}`,
      { remedy: `Correct ${layout.imagesAnnotation}` },
    );
  }
}
