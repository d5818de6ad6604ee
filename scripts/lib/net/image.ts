/** Whether the image that an installation would pull is published, for every platform promised. */

import { answerOf, type State, Unverified } from "../answer.ts";
import {
  type IndexEntry,
  parseConfigPlatform,
  parseImageManifest,
  parsePromisedPlatforms,
} from "../files/image-manifest.ts";
import { type ImageReference, nameOf } from "../files/image-reference.ts";
import { attempt, error, type Finding, notice, type Place } from "../finding.ts";
import { layout } from "../layout.ts";
import {
  openRegistry,
  type Registry,
  type RegistryWorld,
  type StoredManifest,
} from "./registry.ts";

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
  readonly remedy?: string | undefined;
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
    const { digest } = found;
    const offers = await readOffers(found, promised, registry);
    const offered = offers.flatMap(({ platform, fault }) => (fault === undefined ? platform : []));
    const lacks = promised.filter((platform) => !offered.includes(platform)).join(", ");
    if (lacks === "") {
      const evidence = promised.join(", ") || "no platform checked";
      return { state: "verified", digest, evidence };
    }
    const faults = offers.flatMap(({ fault }) => fault ?? []);
    const evidence = [`found ${offered.join(", ") || "no platform"}`, ...faults].join("; ");
    const remedy = `Release the next version with an image for ${lacks}, or correct ${layout.imagesAnnotation}`;
    return { state: "failed", digest, lacks, evidence, remedy };
  } catch (thrown) {
    const { state, evidence, remedy } = answerOf("image", thrown);
    const wait =
      "Wait for release.yml to publish it (typically 5-10 minutes after its tag), then run the command again";
    return { state, evidence, remedy: state === "pending" ? wait : remedy };
  }
}

/** A platform that an image is for, and what is wrong about that. */
interface Offer {
  readonly platform: string;
  readonly fault?: string | undefined;
}

/**
 * Returns the platforms of an image. What an index says about a promised platform is a claim: the
 * configuration of the image for it counts.
 */
async function readOffers(
  found: StoredManifest,
  promised: readonly string[],
  registry: Registry,
): Promise<Offer[]> {
  const manifest = parseImageManifest(found.text, found.mediaType);
  if (manifest.kind === "image") {
    return [{ platform: parseConfigPlatform(await registry.blob(manifest.config)) }];
  }
  const listed = Map.groupBy(manifest.entries, ({ platform }) => platform);
  return await Promise.all(
    [...listed].map(async ([platform, entries]) =>
      promised.includes(platform)
        ? { platform, fault: await findFault(platform, entries, registry) }
        : { platform },
    ),
  );
}

/** Returns why the images that an index lists for a platform are not the one image for it. */
async function findFault(
  platform: string,
  entries: readonly IndexEntry[],
  registry: Registry,
): Promise<string | undefined> {
  const [digest = "", ...others] = new Set(entries.map((entry) => entry.digest));
  if (others.length > 0) {
    return `its index lists ${others.length + 1} images for ${platform}, expected 1`;
  }
  const built = await readPlatform(digest, registry).catch((thrown) => {
    if (thrown instanceof Unverified && thrown.state === "pending") {
      return undefined;
    }
    throw thrown;
  });
  if (built === platform) {
    return undefined;
  }
  const what =
    built === undefined
      ? "the registry does not hold that manifest"
      : `the configuration of that image says ${built}`;
  return `its index lists ${platform}, but ${what}`;
}

/** Returns the platform in the configuration of an image. */
async function readPlatform(digest: string, registry: Registry): Promise<string> {
  const { text, mediaType } = await registry.manifest(digest);
  const manifest = parseImageManifest(text, mediaType);
  if (manifest.kind === "index") {
    throw new SyntaxError(`expected ${digest} to be the image of one platform, found an index`);
  }
  return parseConfigPlatform(await registry.blob(manifest.config));
}

/**
 * Checks that an image is published, with every platform promised, such as `linux/amd64`; none
 * promises the image alone.
 *
 * @param promise.at Where the image is named.
 * @returns The findings, and what the registry answered; failed, if the promise cannot be read.
 */
export async function checkImage(
  promise: {
    readonly reference: ImageReference;
    readonly platforms: readonly string[];
    readonly at?: Place | undefined;
  },
  world: RegistryWorld,
): Promise<{ readonly state: State; readonly findings: readonly Finding[] }> {
  const { reference, platforms, at } = promise;
  const { value: promised, findings } = await attempt(async () =>
    parsePromisedPlatforms(platforms, at),
  );
  if (findings !== undefined) {
    return { state: "failed", findings };
  }
  const name = nameOf(reference);
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
