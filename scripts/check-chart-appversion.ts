#!/usr/bin/env bun
/**
 * Checks that the chart's `appVersion` is the tag of every image of the product that its
 * `artifacthub.io/images` annotation promises.
 *
 * Usage: bun scripts/check-chart-appversion.ts [--ref COMMIT] [--repo DIR] [--json]
 *
 * Images of the product are those that are named like it, and the one that an install pulls. Refuses
 * if one of them has another tag than `appVersion` or none, if the annotation lacks the image that
 * an install pulls, and if the chart cannot be read. A digest behind the tag is fine.
 *
 * Exit codes: 0 passed, 1 refused or could not find out, 2 wrong command line, 130 interrupted.
 */

import { command, main, refOption } from "./lib/cli.ts";
import {
  isSameImage,
  type ProductImages,
  type PromisedImage,
  readProductImages,
} from "./lib/files/chart.ts";
import { error, type Finding, notice } from "./lib/finding.ts";
import { layout } from "./lib/layout.ts";
import type { Check } from "./lib/tree.ts";
import { judge } from "./lib/world/judged-tree.ts";

/**
 * Judges the images that the chart in a folder promises against its `appVersion`.
 *
 * @throws {Refusal} If the chart or its values cannot be read.
 */
export const checkChartAppVersion: Check<string> = async (tree, folder) => {
  const images = await readProductImages(tree, folder);
  const { chart, promised } = images;
  const { path } = chart.document.source;
  if (promised === undefined) {
    return [notice(`${path} promises no images: there is nothing to agree with`)];
  }
  const missing = missingImage(images);
  return [
    ...(missing === undefined ? [] : [missing]),
    ...promised.map((image) => judgeImage(image, path, chart.appVersion?.value)),
  ];
};

function judgeImage({ reference, text, at }: PromisedImage, path: string, appVersion?: string) {
  if (appVersion !== undefined && reference.tag === appVersion) {
    return notice(`${path}: ${text} -> ${appVersion} (matches appVersion)`, { at });
  }
  const stated =
    appVersion === undefined ? "there is no appVersion" : `appVersion is ${appVersion}`;
  return error(`Cannot release the chart: it promises ${text}, and ${stated}`, {
    at,
    remedy: "Set the tag of the image and appVersion to the same version",
  });
}

/** What says that the annotation lacks the image that an install pulls, or any of the product. */
function missingImage({ chart, pulled, promised = [] }: ProductImages): Finding | undefined {
  const { imagesAnnotation, product } = layout;
  const at = chart.document.place(["annotations", imagesAnnotation]);
  if (pulled === undefined) {
    return promised.length > 0
      ? undefined
      : error(`Cannot find an image named ${product} in ${imagesAnnotation}`, {
          at,
          remedy: `List the image of ${product} in ${imagesAnnotation}`,
        });
  }
  const { registry, repository } = pulled.reference;
  const name = `${registry}/${repository}`;
  return promised.some(({ reference }) => isSameImage(reference, pulled.reference))
    ? undefined
    : error(`Cannot find ${name} in ${imagesAnnotation}, and an install pulls it`, {
        at,
        remedy: `List ${name} in ${imagesAnnotation}, or correct image.repository in values.yaml`,
      });
}

export const table = command({
  name: "scripts/check-chart-appversion.ts",
  summary:
    "Checks that the chart's appVersion is the tag of every image of the product it promises.",
  operands: {},
  options: { ref: refOption },
  refuses: [
    `an image of ${layout.product} in ${layout.imagesAnnotation} has another tag than appVersion, or none`,
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
