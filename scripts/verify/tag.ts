/** Verifies the tag of a release on the remote and its signature, and reads what its commit promises. */

import { type Answer, answered, Unverified } from "../lib/answer.ts";
import { readProductImages } from "../lib/files/chart-images.ts";
import { parsePromisedPlatforms } from "../lib/files/image-manifest.ts";
import type { ImageReference } from "../lib/files/image-reference.ts";
import { attempt, type Finding, notice, warning } from "../lib/finding.ts";
import { findCommit, type ObjectId, short } from "../lib/git/git.ts";
import { inCommit } from "../lib/git/judged-tree.ts";
import { commitTree, openObjects } from "../lib/git/objects.ts";
import { askOrigin } from "../lib/git/remote.ts";
import { judgeRemoteTag } from "../lib/git/remote-tag.ts";
import type { Repository } from "../lib/git/repository.ts";
import { refValue } from "../lib/git/tag.ts";
import { has, layout } from "../lib/layout.ts";

const { remote } = layout;

/** The label of the question about the tag. */
export const tagQuestion = `tag on ${remote}`;

/** What the chart in a tag's commit states about the images of the product. */
export interface Promises {
  /** The platforms that the image must have, as `parsePlatform` returns them. */
  readonly platforms: readonly string[];
  /** The image that an install of the chart pulls; undefined if the chart has no values.yaml. */
  readonly pulled: ImageReference | undefined;
  readonly appVersion: string | undefined;
}

export interface TagAnswer {
  readonly answer: Answer;
  /** The commit of the remote's tag, which the workflows build. */
  readonly commit: ObjectId | undefined;
  /** What its commit promises, or why that is unknown. */
  readonly promises: Promises | Unverified;
  /** Where the promises were read, the faults of its files, and a warning about a local copy of the tag. */
  readonly findings: readonly Finding[];
}

/** Asks the repository and the remote for a tag, and reads its commit. Changes nothing. */
export async function askTag(
  repository: Repository,
  tag: string,
  releaseScript: string,
): Promise<TagAnswer> {
  const ref = `refs/tags/${tag}`;
  let commit: ObjectId | undefined;
  let copyWarnings: readonly Finding[] = [];
  const answer = await answered(tagQuestion, async () => {
    commit = await findCommit(repository, ref);
    const origin = await askOrigin(repository);
    const { all } = origin.refs;
    commit = all.get(`${ref}^{}`) ?? all.get(ref) ?? commit;
    const found = await judgeRemoteTag(repository, tag, origin);
    if (found === undefined) {
      const here = await refValue(repository, ref);
      const [evidence, resume] =
        here === undefined
          ? [`${tag} exists neither locally nor on ${remote}`, ""]
          : [`${tag} exists locally (object ${short(here)}), but not on ${remote}`, " --resume"];
      const remedy = `Release it: bun ${releaseScript} ${tag}${resume}`;
      throw new Unverified("failed", evidence, remedy);
    }
    const { seen, judged } = found;
    if ("fault" in judged) {
      throw new Unverified(
        "failed",
        `${seen}; it is not a signed release tag: ${judged.fault}`,
        `Find out who pushed it, and never move a published tag: release the next version with bun ${releaseScript}`,
      );
    }
    copyWarnings = found.copyWarnings;
    return `${seen}, with a good signature (${judged.signature?.format})`;
  });
  if (commit === undefined) {
    const { evidence, remedy, temporary } = answer;
    const promises = new Unverified("unknown", evidence, remedy, undefined, temporary);
    return { answer, commit, promises, findings: [] };
  }
  const { promises, findings } = await readPromises(repository, tag, commit);
  return { answer, commit, promises, findings: [...findings, ...copyWarnings] };
}

/** Reads what the commit of a tag promises, if the local repository has the commit. */
async function readPromises(repository: Repository, tag: string, commit: ObjectId) {
  const fetch = `git fetch ${remote} tag ${tag}`;
  if ((await findCommit(repository, commit)) === undefined) {
    const why = `the promises of ${tag} are unknown: the local repository lacks its commit`;
    return { promises: new Unverified("unknown", why, `Fetch the tag: ${fetch}`), findings: [] };
  }
  await using objects = openObjects(repository);
  const { value, findings = [] } = await attempt(async () => {
    if (!has.chart) {
      return { platforms: [], pulled: undefined, appVersion: undefined };
    }
    const images = await readProductImages(commitTree(objects, commit), layout.chart);
    const promised = images.promised?.flatMap(({ platforms }) => platforms) ?? [];
    return {
      platforms: parsePromisedPlatforms(promised),
      pulled: images.pulled?.reference,
      appVersion: images.chart.appVersion?.value,
    };
  });
  const remedy = `Correct the faults of the tag's files, or fetch the tag: ${fetch}`;
  const promises =
    value ?? new Unverified("unknown", `the promises of ${tag} cannot be read`, remedy);
  const where = notice(`the promises of ${tag} are read from its commit ${short(commit)}`);
  const missing = has.chart && value?.platforms.length === 0 ? [noPlatforms] : [];
  return { promises, findings: [where, ...inCommit(commit, [...findings, ...missing])] };
}

const noPlatforms = warning(
  `The platforms of the image are not checked: ${layout.imagesAnnotation} lists none`,
  { remedy: `List the image's platforms in ${layout.imagesAnnotation} of Chart.yaml` },
);
