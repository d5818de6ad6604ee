/** Checks that an image is published for every promised platform. */

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
  /** The digest of an existing image, if the state is `verified` or `failed`. */
  readonly digest?: string;
  /** The missing platforms, if the state is `failed`. */
  readonly lacks?: string;
  /** The checked platforms of a verified image, otherwise the reason, on one line. */
  readonly evidence: string;
  /** What the operator can do, in every state but `verified`. */
  readonly remedy?: string | undefined;
  /** As in an answer. */
  readonly temporary?: true | undefined;
}

/**
 * Asks a registry whether it has an image for some platforms.
 *
 * @param promised The required platforms, as `parsePlatform` returns them.
 */
export async function askImage(
  reference: ImageReference,
  promised: readonly string[],
  world: RegistryWorld,
): Promise<ImageAnswer> {
  try {
    const registry = openRegistry(reference, world);
    // If a reference has both, a runtime pulls the digest and ignores the tag.
    const found = await registry.manifest(reference.digest ?? reference.tag ?? "latest");
    const { digest } = found;
    const { offered, faults } = await readPlatforms(found, promised, registry);
    const lacks = promised.filter((platform) => !offered.includes(platform)).join(", ");
    if (lacks === "") {
      const evidence = promised.join(", ") || "no platform checked";
      return { state: "verified", digest, evidence };
    }
    const evidence = [`found ${offered.join(", ") || "no platform"}`, ...faults].join("; ");
    const remedy = `Release the next version with an image for ${lacks}, or correct ${layout.imagesAnnotation}`;
    return { state: "failed", digest, lacks, evidence, remedy };
  } catch (thrown) {
    const { state, evidence, remedy, temporary } = answerOf("image", thrown);
    const wait =
      "Wait for release.yml to publish it (typically 5-10 minutes after its tag), then run the command again";
    return { state, evidence, remedy: state === "pending" ? wait : remedy, temporary };
  }
}

/**
 * Returns the platforms of an image, and the faults of its index. For each promised platform it reads the
 * configuration of the image, because the index alone may be wrong.
 */
async function readPlatforms(
  found: StoredManifest,
  promised: readonly string[],
  registry: Registry,
): Promise<{ readonly offered: readonly string[]; readonly faults: readonly string[] }> {
  const manifest = parseImageManifest(found.text, found.mediaType);
  if (manifest.kind === "image") {
    const platform = parseConfigPlatform(await registry.blob(manifest.config));
    return { offered: [platform], faults: [] };
  }
  const listed = Map.groupBy(manifest.entries, ({ platform }) => platform);
  const checked = await Promise.all(
    [...listed].map(async ([platform, entries]) => ({
      platform,
      fault: promised.includes(platform) && (await findFault(platform, entries, registry)),
    })),
  );
  return {
    offered: checked.flatMap(({ platform, fault }) => (fault ? [] : platform)),
    faults: checked.flatMap(({ fault }) => fault || []),
  };
}

/** Returns why an index does not list exactly one correct image for a platform; else undefined. */
async function findFault(
  platform: string,
  entries: readonly IndexEntry[],
  registry: Registry,
): Promise<string | undefined> {
  const [digest = "", ...others] = new Set(entries.map((entry) => entry.digest));
  if (others.length > 0) {
    return `its index lists ${others.length + 1} images for ${platform}, expected 1`;
  }
  const lists = `its index lists ${platform}, but`;
  try {
    const { text, mediaType } = await registry.manifest(digest);
    const manifest = parseImageManifest(text, mediaType);
    if (manifest.kind === "index") {
      throw new SyntaxError(`expected ${digest} to be the image of one platform, found an index`);
    }
    const built = parseConfigPlatform(await registry.blob(manifest.config));
    return built === platform
      ? undefined
      : `${lists} the configuration of that image says ${built}`;
  } catch (thrown) {
    if (thrown instanceof Unverified && thrown.state === "pending") {
      return `${lists} the registry does not hold that manifest`;
    }
    throw thrown;
  }
}

/**
 * Checks that an image is published for every promised platform, such as `linux/amd64`. Without
 * platforms it checks only that the image exists.
 *
 * @param promise.at Where the image is named.
 * @returns The findings, and the state as in an answer; `failed` if a platform cannot be parsed.
 */
export async function checkImage(
  promise: {
    readonly reference: ImageReference;
    readonly platforms: readonly string[];
    readonly at?: Place | undefined;
  },
  world: RegistryWorld,
): Promise<Pick<ImageAnswer, "state" | "temporary"> & { readonly findings: readonly Finding[] }> {
  const { reference, platforms, at } = promise;
  const { value: promised, findings } = await attempt(async () =>
    parsePromisedPlatforms(platforms, at),
  );
  if (findings !== undefined) {
    return { state: "failed", findings };
  }
  const name = nameOf(reference);
  const { state, digest, lacks, evidence, remedy, temporary } = await askImage(
    reference,
    promised,
    world,
  );
  const message = {
    verified: `image ${name} -> ${digest} (${evidence})`,
    pending: `Cannot find image ${name}: ${evidence}, expected it to be published`,
    failed: `Cannot find ${lacks} in image ${name} (${digest}): ${evidence}`,
    unknown: `Cannot find out whether image ${name} exists: ${evidence}`,
  }[state];
  const finding = state === "verified" ? notice(message, { at }) : error(message, { at, remedy });
  return { state, temporary, findings: [finding] };
}
