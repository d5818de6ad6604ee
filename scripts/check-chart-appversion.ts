#!/usr/bin/env bun
/**
 * Checks that the chart's `appVersion` is the tag of the image that an install pulls, and of every
 * image of the product that its `artifacthub.io/images` annotation promises.
 *
 * Usage: bun scripts/check-chart-appversion.ts [--ref COMMIT] [--repo DIR] [--json]
 *
 * Images of the product are those with its name, and the one that an install pulls. Refuses if one
 * of them has another tag than `appVersion` or none, in the annotation or in values.yaml, if the
 * annotation lacks the image that an install pulls, and if the chart cannot be read. A digest after
 * the tag is allowed. An empty `image.tag` means `appVersion`.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { command, main, refOption } from "./lib/cli.ts";
import {
  isSameImage,
  type ProductImages,
  type PromisedImage,
  type PulledImage,
  readProductImages,
} from "./lib/files/chart-images.ts";
import { error, type Finding, notice } from "./lib/finding.ts";
import { judge } from "./lib/git/judged-tree.ts";
import { layout } from "./lib/layout.ts";
import type { Check } from "./lib/tree.ts";

/**
 * Checks the images that the chart in a folder promises, and the one that it installs, against its
 * `appVersion`.
 *
 * @throws {Refusal} If the chart or its values cannot be read.
 */
export const checkChartAppVersion: Check<string> = async (tree, folder) => {
  const images = await readProductImages(tree, folder);
  const { chart, pulled, promised } = images;
  const { path } = chart.document.source;
  const appVersion = chart.appVersion?.value;
  // With an empty image.tag the image has appVersion as its tag, so there is nothing to check.
  const pinned =
    pulled?.tagFrom === "image.tag"
      ? [
          judgeTag(
            pulled,
            pulled.at.file,
            appVersion,
            "an install pulls",
            `Leave image.tag empty in ${pulled.at.file}, so that it follows appVersion, or set both to the same version`,
          ),
        ]
      : [];
  const remedy = "Set the tag of the image and appVersion to the same version";
  const findings = [
    ...(promised === undefined ? [] : missingImage(images)),
    ...pinned,
    ...(promised ?? []).map((image) => judgeTag(image, path, appVersion, "it promises", remedy)),
  ];
  return findings.length > 0
    ? findings
    : [notice(`${path} promises no images: there is nothing to check`)];
};

/**
 * Checks the tag of an image.
 *
 * @param file The file that states it.
 * @param what What that file does with the image, in words.
 */
function judgeTag(
  image: PromisedImage | PulledImage,
  file: string,
  appVersion: string | undefined,
  what: string,
  remedy: string,
): Finding {
  const { reference, text } = image;
  // Computed late, because finding a place requires parsing the file again.
  const at = () => image.at;
  if (appVersion !== undefined && reference.tag === appVersion) {
    return notice(`${file}: ${text} -> ${appVersion} (matches appVersion)`, { at });
  }
  const stated =
    appVersion === undefined ? "there is no appVersion" : `appVersion is ${appVersion}`;
  return error(`Cannot release the chart: ${what} ${text}, and ${stated}`, { at, remedy });
}

/** Returns an error if the annotation lacks the pulled image, or any image of the product. */
function missingImage({ chart, pulled, promised = [] }: ProductImages): Finding[] {
  const { imagesAnnotation, product } = layout;
  const at = () => chart.document.place(["annotations", imagesAnnotation]);
  if (pulled === undefined) {
    const remedy = `List the image of ${product} in ${imagesAnnotation}`;
    const message = `Cannot find an image named ${product} in ${imagesAnnotation}`;
    return promised.length > 0 ? [] : [error(message, { at, remedy })];
  }
  const { registry, repository } = pulled.reference;
  const name = `${registry}/${repository}`;
  return promised.some(({ reference }) => isSameImage(reference, pulled.reference))
    ? []
    : [
        error(`Cannot find ${name} in ${imagesAnnotation}, and an install pulls it`, {
          at,
          remedy: `List ${name} in ${imagesAnnotation}, or correct image.repository in values.yaml`,
        }),
      ];
}

export const table = command({
  name: "scripts/check-chart-appversion.ts",
  needs: "chart",
  summary:
    "Checks that the product's images that the chart installs and promises have its appVersion as tag.",
  operands: {},
  options: { ref: refOption },
  refuses: [
    `an image of ${layout.product} in ${layout.imagesAnnotation} has another tag than appVersion, or none`,
    "image.tag in values.yaml is neither empty nor appVersion",
    "the annotation lacks the image that an install pulls (values.yaml)",
    "Chart.yaml is missing or cannot be read",
  ],
  example: "bun scripts/check-chart-appversion.ts",
  async run({ options, repository, report }) {
    report.add(
      await judge(await repository(), options.ref, (tree) =>
        checkChartAppVersion(tree, layout.chart),
      ),
    );
  },
});

if (import.meta.main) {
  await main(table);
}
