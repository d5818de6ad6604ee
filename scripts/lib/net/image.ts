/** Whether the image that an installation would pull is published, for every platform promised. */

import type { State } from "../answer.ts";
import {
  type IndexEntry,
  parseConfigPlatform,
  parseImageManifest,
  parsePlatform,
} from "../files/image-manifest.ts";
import { type ImageReference, nameOf } from "../files/image-reference.ts";
import { error, type Finding, notice, type Place } from "../finding.ts";
import { layout } from "../layout.ts";
import { NoAnswer } from "./http.ts";
import { openRegistry, type Registry, type RegistryWorld } from "./registry.ts";

/** The answer of a registry about an image. */
export interface ImageAnswer {
  readonly state: State;
  /** The digest of an image that is there, verified or failed. */
  readonly digest?: string;
  /** The promised platforms that a failed image lacks. */
  readonly lacks?: string;
  /** Of a verified image the platforms that were checked, else the reason, on one line. */
  readonly evidence: string;
  /** The way out, of all states but `verified`. */
  readonly remedy?: string;
}

/**
 * Asks a registry for an image.
 *
 * @param promised The platforms that must be there, as `parsePlatform` returns them.
 */
export async function askImage(
  reference: ImageReference,
  promised: readonly string[],
  world: RegistryWorld,
): Promise<ImageAnswer> {
  try {
    const registry = openRegistry(reference, world);
    // A runtime that is given both pulls the digest, whatever the tag says.
    const found = await registry.manifest(reference.digest ?? reference.tag ?? "latest");
    if ("absent" in found) {
      const remedy =
        "Wait for release.yml to publish it (typically 5-10 minutes after its tag), then run the command again";
      return { state: "pending", evidence: found.absent, remedy };
    }
    const { digest } = found;
    const manifest = parseImageManifest(found.text, found.mediaType);
    const { offered, missing, reasons } =
      manifest.kind === "index"
        ? await checkEntries(manifest.entries, promised, registry)
        : await checkConfiguration(manifest.config, promised, registry);
    if (missing.length === 0) {
      const evidence = promised.join(", ") || "no platform checked";
      return { state: "verified", digest, evidence };
    }
    const lacks = missing.join(", ");
    return {
      state: "failed",
      digest,
      lacks,
      evidence: [`found ${offered.join(", ") || "no platform"}`, ...reasons].join("; "),
      remedy: `Release the next version with an image for ${lacks}, or correct ${layout.imagesAnnotation}`,
    };
  } catch (thrown) {
    if (thrown instanceof NoAnswer || thrown instanceof SyntaxError) {
      const usual = "Check the network and the registry, then run the command again";
      const remedy = (thrown instanceof NoAnswer && thrown.remedy) || usual;
      return { state: "unknown", evidence: thrown.message, remedy };
    }
    throw thrown;
  }
}

interface Platforms {
  readonly offered: readonly string[];
  /** The promised platforms that cannot be pulled. */
  readonly missing: readonly string[];
  /** Why those are missing that an index lists. */
  readonly reasons: readonly string[];
}

/** Compares the promised platforms with an image's configuration, which only a promise needs. */
async function checkConfiguration(
  config: string,
  promised: readonly string[],
  registry: Registry,
): Promise<Platforms> {
  const offered = promised.length === 0 ? [] : [parseConfigPlatform(await registry.blob(config))];
  const missing = promised.filter((platform) => !offered.includes(platform));
  return { offered, missing, reasons: [] };
}

/**
 * Compares the promised platforms with the images of an index. What an index says about an image is
 * a claim: the image's own configuration counts.
 */
async function checkEntries(
  entries: readonly IndexEntry[],
  promised: readonly string[],
  registry: Registry,
): Promise<Platforms> {
  const listed = [...new Set(entries.map(({ platform }) => platform))];
  const needed = promised.filter((platform) => listed.includes(platform));
  const faults = await Promise.all(
    needed.map((platform) => {
      const images = entries.filter((entry) => entry.platform === platform);
      return findFault(platform, new Set(images.map(({ digest }) => digest)), registry);
    }),
  );
  const wrong = needed.filter((_, index) => faults[index] !== undefined);
  const offered = listed.filter((platform) => !wrong.includes(platform));
  const missing = promised.filter((platform) => !offered.includes(platform));
  return { offered, missing, reasons: faults.filter((fault) => fault !== undefined) };
}

/** Why the images that an index lists for a platform are not the one image for it. */
async function findFault(
  platform: string,
  digests: ReadonlySet<string>,
  registry: Registry,
): Promise<string | undefined> {
  const [digest = ""] = digests;
  if (digests.size > 1) {
    return `its index lists ${digests.size} images for ${platform}, expected 1`;
  }
  const built = await readPlatform(digest, registry);
  if (built === platform) {
    return undefined;
  }
  const what =
    built === undefined
      ? "the registry does not hold that manifest"
      : `the configuration of that image says ${built}`;
  return `its index lists ${platform}, but ${what}`;
}

/** The platform in the configuration of an image, or undefined if the image is absent. */
async function readPlatform(digest: string, registry: Registry): Promise<string | undefined> {
  const found = await registry.manifest(digest);
  if ("absent" in found) {
    return undefined;
  }
  const manifest = parseImageManifest(found.text, found.mediaType);
  if (manifest.kind === "index") {
    throw new SyntaxError(`expected ${digest} to be the image of one platform, found an index`);
  }
  return parseConfigPlatform(await registry.blob(manifest.config));
}

/** What is promised about an image. */
export interface ImagePromise {
  readonly reference: ImageReference;
  /** Such as `linux/amd64`; none promises the image alone. */
  readonly platforms: readonly string[];
  /** Where the promise is written. */
  readonly at?: Place | undefined;
}

/** Checks that an image is published, with every platform promised. */
export async function checkImage(promise: ImagePromise, world: RegistryWorld): Promise<Finding[]> {
  return (await examineImage(promise, world)).findings;
}

/** The findings about an image, and what the registry answered. */
export interface Examination {
  /** Undefined if the promise cannot be read, so that no registry was asked. */
  readonly state: State | undefined;
  readonly findings: Finding[];
}

/** Checks an image like `checkImage`, and returns the state of the answer as well. */
export async function examineImage(
  { reference, platforms, at }: ImagePromise,
  world: RegistryWorld,
): Promise<Examination> {
  const name = nameOf(reference);
  const unreadable = platforms.flatMap((text) => {
    const why = faultOf(text);
    const message = `Cannot read a platform promised for image ${name}: ${why}`;
    const remedy = `Correct ${layout.imagesAnnotation}`;
    return why === undefined ? [] : [error(message, { at, remedy })];
  });
  if (unreadable.length > 0) {
    return { state: undefined, findings: unreadable };
  }
  const promised = [...new Set(platforms.map(parsePlatform))];
  const { state, digest, lacks, evidence, remedy } = await askImage(reference, promised, world);
  const message = {
    verified: `image ${name} -> ${digest} (${evidence})`,
    pending: `Cannot find image ${name}: ${evidence}, expected it to be published`,
    failed: `Cannot find ${lacks} in image ${name} (${digest}): ${evidence}`,
    unknown: `Cannot find out whether image ${name} exists: ${evidence}`,
  }[state];
  const finding = state === "verified" ? notice(message, { at }) : error(message, { at, remedy });
  return { state, findings: [finding] };
}

/** Why a text is not a platform, or undefined if it is one. */
function faultOf(text: string): string | undefined {
  try {
    parsePlatform(text);
    return undefined;
  } catch (thrown) {
    return (thrown as SyntaxError).message;
  }
}
