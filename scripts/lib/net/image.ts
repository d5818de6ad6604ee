/** Whether the image that an installation would pull is there, for every platform promised. */

import {
  type IndexEntry,
  parseConfigPlatform,
  parseImageManifest,
  parsePlatform,
} from "../files/image-manifest.ts";
import { type ImageReference, parseImageReference } from "../files/image-reference.ts";
import { error, type Finding, notice, type Place, quote } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Environment } from "../process.ts";
import { ghToken } from "./gh.ts";
import {
  githubRegistry,
  openRegistry,
  type Registry,
  type RegistryOptions,
} from "./image-registry.ts";
import { type HttpOptions, NoAnswer, openHttp } from "./registry.ts";

/** What a registry says about an image. Only `present` is a pass, and only if nothing is missing. */
export type ImageAnswer =
  | {
      readonly state: "present";
      readonly digest: string;
      /** The platforms that its index lists or its configuration says, but for the missing ones. */
      readonly offered: readonly string[];
      /** The promised platforms that nobody can pull, and for those that are listed the reason. */
      readonly missing: ReadonlyMap<string, string | undefined>;
    }
  | { readonly state: "absent"; readonly why: string }
  | { readonly state: "unknown"; readonly why: string; readonly remedy?: string };

/** The world that the question is asked in. */
export interface ImageWorld {
  /** Where gh runs, which is asked for a token if anonymous access is denied. */
  readonly env: Environment;
  readonly cwd: string;
  /** The origin of the registry that gh's token is for; default: `githubRegistry`. */
  readonly tokenOrigin?: string;
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
  world: ImageWorld,
): Promise<ImageAnswer> {
  try {
    const { registry: host, repository, tag = "latest", digest } = checkedReference(reference);
    const registry = openRegistry(host, repository, registryOptions(world));
    // A runtime that is given both pulls the digest, whatever the tag says.
    const found = await registry.manifest(digest ?? tag);
    if ("absent" in found) {
      return { state: "absent", why: found.absent };
    }
    const manifest = parseImageManifest(found.text, found.mediaType);
    const platforms =
      manifest.kind === "index"
        ? await checkEntries(manifest.entries, promised, registry)
        : await checkConfiguration(manifest.config, promised, registry);
    return { state: "present", digest: found.digest, ...platforms };
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

/** How a world's registries are asked. */
export function registryOptions({ env, cwd, tokenOrigin, http }: ImageWorld): RegistryOptions {
  return {
    http: openHttp(http),
    tokenOrigin: tokenOrigin ?? githubRegistry,
    token: () => ghToken(env, cwd, { signal: http?.signal }),
  };
}

type Platforms = Pick<Extract<ImageAnswer, { state: "present" }>, "offered" | "missing">;

/** Compares the promised platforms with an image's configuration, which only a promise needs. */
async function checkConfiguration(
  config: string,
  promised: readonly string[],
  registry: Registry,
): Promise<Platforms> {
  const offered = promised.length === 0 ? [] : [parseConfigPlatform(await registry.blob(config))];
  const missing = promised.filter((platform) => !offered.includes(platform));
  return { offered, missing: new Map(missing.map((platform) => [platform, undefined])) };
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
  const needed = entries.filter(({ platform }) => promised.includes(platform));
  const digests = [...new Set(needed.map(({ digest }) => digest))];
  const built = new Map(
    await Promise.all(
      digests.map(async (digest) => [digest, await readPlatform(digest, registry)] as const),
    ),
  );
  const missing = new Map<string, string | undefined>();
  for (const platform of promised.filter((each) => !listed.includes(each))) {
    missing.set(platform, undefined);
  }
  for (const { digest, platform } of needed) {
    const found = built.get(digest);
    if (found !== platform) {
      const what =
        found === undefined
          ? "the registry does not hold that manifest"
          : `the configuration of that image says ${found}`;
      missing.set(platform, `its index lists ${platform}, but ${what}`);
    }
  }
  return { offered: listed.filter((platform) => !missing.has(platform)), missing };
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
  const { digest, missing } = answer;
  if (missing.size === 0) {
    return [
      notice(`image ${name} -> ${digest} (${namePlatforms(promised, "no platform checked")})`, {
        at,
      }),
    ];
  }
  const offered = `found ${namePlatforms(answer.offered)}`;
  return Array.from(missing, ([platform, why = offered]) =>
    error(`Cannot find ${platform} in image ${name} (${digest}): ${why}`, {
      at,
      remedy: `Publish the image for ${platform}, or correct ${layout.imagesAnnotation}`,
    }),
  );
}

/** Platforms in words. */
export function namePlatforms(platforms: readonly string[], none = "no platform"): string {
  return platforms.length === 0 ? none : platforms.join(", ");
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
