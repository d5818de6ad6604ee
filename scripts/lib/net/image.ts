/** Whether the image that an installation would pull is there, for every platform promised. */

import {
  type ImageManifest,
  parseConfigPlatform,
  parseImageManifest,
  parsePlatform,
} from "../files/image-manifest.ts";
import { type ImageReference, parseImageReference } from "../files/image-reference.ts";
import { error, type Finding, notice, type Place, quote } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Environment } from "../process.ts";
import { ghToken } from "./gh.ts";
import { openRegistry, type Registry } from "./image-registry.ts";
import { type HttpOptions, NoAnswer, openHttp } from "./registry.ts";

/** What a registry says about an image. Only `present` is a pass, and only for its platforms. */
export type ImageAnswer =
  | {
      readonly state: "present";
      readonly digest: string;
      readonly mediaType: string;
      /** The platforms offered, as `parsePlatform` writes them. */
      readonly platforms: readonly string[];
      /** Promised platforms that the index lists and the registry does not hold. */
      readonly hollow: readonly string[];
    }
  | { readonly state: "absent"; readonly why: string }
  | { readonly state: "unknown"; readonly why: string; readonly remedy?: string };

/** The world that the question is asked in. */
export interface ImageWorld {
  /** Where gh runs, which is asked for a token if anonymous access is denied. */
  readonly env: Environment;
  readonly cwd: string;
  /** Ctrl-C, and limits other than the usual ones. */
  readonly http?: HttpOptions;
}

/**
 * Asks the registry for an image.
 *
 * @param promised Platforms whose manifests must be there too, as `parsePlatform` writes them.
 */
export async function askImage(
  reference: ImageReference,
  promised: readonly string[],
  { env, cwd, http }: ImageWorld,
): Promise<ImageAnswer> {
  try {
    const { registry: host, repository, tag = "latest", digest } = checkedReference(reference);
    const registry = openRegistry(host, repository, {
      http: openHttp(http),
      token: () => ghToken(env, cwd, { signal: http?.signal }),
    });
    // A runtime that is given both pulls the digest, whatever the tag says.
    const found = await registry.manifest(digest ?? tag);
    if ("absent" in found) {
      return { state: "absent", why: found.absent };
    }
    const manifest = parseImageManifest(found.text, found.mediaType);
    const platforms = await platformsOf(manifest, registry);
    const hollow = await findHollow(manifest, promised, registry);
    return {
      state: "present",
      digest: found.digest,
      mediaType: found.mediaType,
      platforms: platforms.filter((platform) => !hollow.includes(platform)),
      hollow,
    };
  } catch (thrown) {
    if (thrown instanceof NoAnswer || thrown instanceof SyntaxError) {
      const remedy = thrown instanceof NoAnswer ? thrown.remedy : undefined;
      const why = thrown.message;
      return { state: "unknown", why, ...(remedy === undefined ? {} : { remedy }) };
    }
    throw thrown;
  }
}

/**
 * The reference itself: its parts become parts of a URL.
 *
 * @throws {SyntaxError} If they are not what a reference may have there.
 */
function checkedReference(reference: ImageReference): ImageReference {
  const name = nameOf(reference);
  const read = parseImageReference(name);
  const same = nameOf(read) === name && read.repository === reference.repository;
  if (!same) {
    throw new SyntaxError(`the parts of ${quote(name)} are those of another reference`);
  }
  return reference;
}

async function platformsOf(manifest: ImageManifest, registry: Registry): Promise<string[]> {
  if (manifest.kind === "index") {
    return [...new Set(manifest.entries.map(({ platform }) => platform))];
  }
  return [parseConfigPlatform(await registry.blob(manifest.config))];
}

/** The promised platforms of an index whose own manifests are absent: nobody can pull those. */
async function findHollow(
  manifest: ImageManifest,
  promised: readonly string[],
  registry: Registry,
): Promise<string[]> {
  const entries = manifest.kind === "index" ? manifest.entries : [];
  const needed = entries.filter(({ platform }) => promised.includes(platform));
  const absent = await Promise.all(
    needed.map(async ({ digest, platform }) => {
      const found = await registry.manifest(digest);
      if ("absent" in found) {
        return true;
      }
      if (parseImageManifest(found.text, found.mediaType).kind !== "image") {
        throw new SyntaxError(`expected ${digest} to be the image for ${platform}, found an index`);
      }
      return false;
    }),
  );
  return [...new Set(needed.filter((_, index) => absent[index]).map(({ platform }) => platform))];
}

/** What is promised about an image. */
export interface ImagePromise {
  readonly reference: ImageReference;
  /** Such as `linux/amd64`; none promises the image alone. */
  readonly platforms: readonly string[];
  /** Where the promise is written. */
  readonly at?: Place | undefined;
}

/** Checks that an image is there, with every platform promised. */
export async function checkImage(promise: ImagePromise, world: ImageWorld): Promise<Finding[]> {
  return (await examineImage(promise, world)).findings;
}

/** What was found about an image, and whether anybody could say. */
export interface Examination {
  /** Undefined if what is promised cannot be read, so that nobody was asked. */
  readonly state: ImageAnswer["state"] | undefined;
  readonly findings: Finding[];
}

/** The same check, which also tells an absent image from one that nobody could ask about. */
export async function examineImage(promise: ImagePromise, world: ImageWorld): Promise<Examination> {
  const { reference, at } = promise;
  const name = nameOf(reference);
  const unreadable = promise.platforms.flatMap((text) => explainPlatform(text, name, at));
  if (unreadable.length > 0) {
    return { state: undefined, findings: unreadable };
  }
  const promised = [...new Set(promise.platforms.map(parsePlatform))];
  const answer = await askImage(reference, promised, world);
  return { state: answer.state, findings: judgeAnswer(promise, promised, answer) };
}

function judgeAnswer(
  { reference, at }: ImagePromise,
  promised: readonly string[],
  answer: ImageAnswer,
): Finding[] {
  const name = nameOf(reference);
  if (answer.state === "absent") {
    return [
      error(`Cannot find image ${name}: ${answer.why}, expected it to be published`, {
        at,
        remedy:
          "Wait for release.yml to publish it (typically 5-10 minutes after its tag), then run the command again",
      }),
    ];
  }
  if (answer.state === "unknown") {
    return [
      error(`Cannot find out whether image ${name} exists: ${answer.why}`, {
        at,
        remedy: answer.remedy ?? "Check the network and the registry, then run the command again",
      }),
    ];
  }
  const { digest, platforms, hollow } = answer;
  const missing = promised.filter((platform) => !platforms.includes(platform));
  const offered = platforms.length === 0 ? "no platform" : platforms.join(", ");
  if (missing.length === 0) {
    return [notice(`image ${name} -> ${digest} (${offered})`, { at })];
  }
  return missing.map((platform) => {
    const found = hollow.includes(platform)
      ? `its index lists ${platform}, but the registry does not hold that manifest`
      : `found ${offered}`;
    return error(`Cannot find ${platform} in image ${name} (${digest}): ${found}`, {
      at,
      remedy: `Publish the image for ${platform}, or correct ${layout.imagesAnnotation}`,
    });
  });
}

function explainPlatform(text: string, name: string, at: Place | undefined): Finding[] {
  try {
    parsePlatform(text);
    return [];
  } catch (thrown) {
    if (thrown instanceof SyntaxError) {
      const message = `Cannot read a platform promised for image ${name}: ${thrown.message}`;
      return [error(message, { at, remedy: `Correct ${layout.imagesAnnotation}` })];
    }
    throw thrown;
  }
}

/** An image's name as people write it. */
function nameOf({ registry, repository, tag, digest }: ImageReference): string {
  const tagged = tag === undefined && digest === undefined ? "latest" : tag;
  return [
    `${registry}/${repository}`,
    ...(tagged === undefined ? [] : [`:${tagged}`]),
    ...(digest === undefined ? [] : [`@${digest}`]),
  ].join("");
}
