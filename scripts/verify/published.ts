/** Where a release publishes what: by the layout, or in a registry and an index of one's own. */

import { type ImageReference, parseImageReference } from "../lib/files/image-reference.ts";
import { layout } from "../lib/layout.ts";
import type { Version } from "../lib/version.ts";

/** The two kinds of release tag. */
export type TagKind = "application" | "chart";

/** What a release publishes, and where. */
export interface Release {
  readonly kind: TagKind;
  /** Short name of the tag. */
  readonly tag: string;
  readonly version: Version;
  /** Where the image is pushed, without a tag. */
  readonly images: readonly ImageReference[];
  /** Where the chart is pushed, without a tag. */
  readonly chart: ImageReference;
  readonly crates: readonly string[];
  /** The base URL of the crate index. */
  readonly crateIndex: URL;
  /** The registry that is asked in the place of the one that the chart names. */
  readonly registry: string | undefined;
}

/** Where a release is published by the layout, or in a registry and an index of one's own. */
export function releaseOf(
  kind: TagKind,
  version: Version,
  places: { readonly registry?: string | undefined; readonly crateIndex?: URL | undefined } = {},
): Release {
  const { registry } = places;
  const at = (name: string) => inRegistry(parseImageReference(name), registry);
  const images = layout.published.images.map(at);
  return {
    kind,
    tag: `${kind === "chart" ? layout.chartTagPrefix : layout.tagPrefix}${version}`,
    version,
    images: images.filter(
      (image, index) => images.findIndex((each) => Bun.deepEquals(each, image)) === index,
    ),
    chart: at(layout.published.chart),
    crates: layout.published.crates,
    crateIndex: places.crateIndex ?? new URL(layout.published.crateIndex),
    registry,
  };
}

/** A reference in a registry of one's own, where there is one. */
export function inRegistry(
  reference: ImageReference,
  registry: string | undefined,
): ImageReference {
  return registry === undefined ? reference : { ...reference, registry };
}
