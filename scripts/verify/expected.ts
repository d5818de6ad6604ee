/** What a tag promises to publish, read from the files of its commit. */

import { readProductImages } from "../lib/files/chart-images.ts";
import { parsePlatform } from "../lib/files/image-manifest.ts";
import type { ImageReference } from "../lib/files/image-reference.ts";
import { attempt, type Finding, notice, refusal, warning } from "../lib/finding.ts";
import {
  findCommit,
  type ObjectId,
  type Repository,
  resolveCommit,
  short,
} from "../lib/git/git.ts";
import { inCommit } from "../lib/git/judged-tree.ts";
import { commitTree, openObjects } from "../lib/git/objects.ts";
import { layout } from "../lib/layout.ts";

/** What the chart of a commit says about the product's images. */
export interface Promises {
  /** The platforms that the image must have, as `parsePlatform` writes them. */
  readonly platforms: readonly string[];
  /** The image that an install of the chart pulls; undefined if the chart has no values.yaml. */
  readonly pulled: ImageReference | undefined;
  readonly chartVersion: string;
  readonly appVersion: string | undefined;
}

/** Where promises were read, and what they are. */
export interface Expectation {
  /** Undefined if they cannot be read; the findings say why. */
  readonly promises: Promises | undefined;
  /** Whether they are of the tag's own commit. */
  readonly ofTag: boolean;
  /** Where they were read, and what is missing in them. */
  readonly findings: readonly Finding[];
}

/**
 * Reads what the tag's commit promises, or where that commit is not here, what HEAD does.
 *
 * @param commit Of the tag, if it is known.
 */
export async function readExpectation(
  repository: Repository,
  tag: string,
  commit: ObjectId | undefined,
): Promise<Expectation> {
  const { value: source, findings: lost } = await attempt(async () => {
    const own = commit && (await findCommit(repository, commit));
    return { ofTag: own !== undefined, commit: own ?? (await resolveCommit(repository, "HEAD")) };
  });
  if (source === undefined) {
    return { promises: undefined, ofTag: false, findings: lost };
  }
  const where = source.ofTag
    ? notice(`what ${tag} promises is read from its commit ${short(source.commit)}`)
    : warning(
        `The commit of ${tag} is ${commit ? "not here" : "not known"}: what it promises is read from HEAD`,
        {
          commit: source.commit,
          // Of a tag that nobody has, or nobody could be asked about, its own answer tells the way out.
          remedy: commit && `To judge it by its own files: git fetch ${layout.remote} tag ${tag}`,
        },
      );
  await using objects = openObjects(repository);
  const read = await attempt(async () => {
    const images = await readProductImages(commitTree(objects, source.commit), layout.chart);
    const promised = images.promised?.flatMap((entry) => entry.platforms.map(platformOf)) ?? [];
    return {
      platforms: [...new Set(promised)],
      pulled: images.pulled?.reference,
      chartVersion: images.chart.version.value,
      appVersion: images.chart.appVersion?.value,
    };
  });
  const missing = read.value?.platforms.length === 0 ? [noPlatforms] : [];
  return {
    promises: read.value,
    ofTag: source.ofTag,
    findings: [where, ...inCommit(source.commit, [...(read.findings ?? []), ...missing])],
  };
}

const noPlatforms = warning(
  `No platform of the image is looked for: ${layout.imagesAnnotation} promises none`,
  { remedy: `List the image's platforms in ${layout.imagesAnnotation} of Chart.yaml` },
);

function platformOf(text: string): string {
  try {
    return parsePlatform(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) {
      throw refusal(`Cannot read a platform that the chart promises: ${thrown.message}`, {
        remedy: `Correct ${layout.imagesAnnotation}`,
      });
    }
    throw thrown;
  }
}
