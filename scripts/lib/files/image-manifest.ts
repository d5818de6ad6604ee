/** Parses the indexes, manifests and configurations of images in a registry. */

import { answerAll, type Place, quote, refusal } from "../finding.ts";
import { layout } from "../layout.ts";
import { asTable } from "./document.ts";
import { isDigest } from "./image-reference.ts";

/** The image for one platform in an index. */
export interface IndexEntry {
  readonly digest: string;
  /** In the form that `parsePlatform` returns. */
  readonly platform: string;
}

/** An index lists one image per platform. A manifest is one image and names its configuration. */
export type ImageManifest =
  | { readonly kind: "index"; readonly entries: readonly IndexEntry[] }
  | { readonly kind: "image"; readonly config: string };

const indexTypes: readonly unknown[] = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const imageTypes: readonly unknown[] = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
/** Media types that a registry may return for an image. */
export const manifestTypes = [...indexTypes, ...imageTypes] as readonly string[];
/** Media types that distinguish an image from a chart, a signature or another artifact. */
const configTypes: readonly unknown[] = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];

/**
 * Parses a manifest or an index. Omits entries of an index that are not images for a platform, such
 * as attestations.
 *
 * @param mediaType The type that the registry stated. The text must not contradict it.
 * @throws {SyntaxError} If the text is neither a manifest nor an index, or both.
 */
export function parseImageManifest(text: string, mediaType: string): ImageManifest {
  const table = plainTable(parseJsonTable(text, "manifest")) ?? {};
  const said = table.mediaType ?? mediaType;
  expectForm(`manifest of type ${quote(mediaType)}`, said, said === mediaType);
  // Otherwise two readers could see two different images in the same bytes.
  const both = "manifests" in table && ("config" in table || "layers" in table);
  expectForm("manifest or index", "both at once", !both);
  if (indexTypes.includes(mediaType)) {
    const entries = table.manifests;
    expectForm("list of manifests", entries, Array.isArray(entries));
    return { kind: "index", entries: (entries as unknown[]).flatMap(parseEntry) };
  }
  const config = plainTable(table.config);
  expectForm("container image", config?.mediaType, configTypes.includes(config?.mediaType));
  return { kind: "image", config: parseDigest(config?.digest) };
}

function parseEntry(entry: unknown): IndexEntry[] {
  const table = plainTable(entry);
  const stated = plainTable(table?.platform);
  if (!imageTypes.includes(table?.mediaType) || stated === undefined) {
    return [];
  }
  const platform = platformOf(stated);
  return platform.startsWith("unknown/") ? [] : [{ digest: parseDigest(table?.digest), platform }];
}

/**
 * Returns the platform that an image's configuration states.
 *
 * @throws {SyntaxError} If the text is not an image configuration.
 */
export function parseConfigPlatform(text: string): string {
  return platformOf(plainTable(parseJsonTable(text, "image configuration")) ?? {});
}

function platformOf({ os, architecture, variant = "" }: Readonly<Record<string, unknown>>): string {
  const parts = [os, architecture, ...(variant === "" ? [] : [variant])];
  const isText = parts.every((part) => typeof part === "string");
  expectForm("platform", parts, isText);
  return parsePlatform(parts.join("/"));
}

/** Normal forms of processors: runtimes assume these variants if none is stated. */
const defaults: ReadonlyMap<string, string> = new Map([
  ["amd64/v1", "amd64"],
  ["arm64/v8", "arm64"],
  ["arm", "arm/v7"],
]);

/**
 * Returns a platform in the form that container runtimes compare: `linux/arm64/v8` becomes
 * `linux/arm64`, and `linux/arm` becomes `linux/arm/v7`.
 *
 * @param text `os/architecture` or `os/architecture/variant`.
 * @throws {SyntaxError} If the text is not a platform.
 */
export function parsePlatform(text: string): string {
  const fits = /^[A-Za-z0-9_.-]{1,40}(?:\/[A-Za-z0-9_.-]{1,40}){1,2}$/.test(text);
  expectForm("platform such as linux/amd64", text, fits);
  const [os = "", ...processor] = text.toLowerCase().split("/");
  const name = processor.join("/");
  return `${os}/${defaults.get(name) ?? name}`;
}

/**
 * Parses the platforms that a chart promises for an image, and returns them without duplicates.
 *
 * @throws {Refusal} If some texts are not platforms.
 */
export function parsePromisedPlatforms(texts: readonly string[], at?: Place): string[] {
  const platforms = answerAll(texts, (text) => {
    try {
      return parsePlatform(text);
    } catch (thrown) {
      const why = (thrown as SyntaxError).message;
      const remedy = `Correct ${layout.imagesAnnotation}`;
      throw refusal(`Cannot read a platform that the chart promises: ${why}`, { at, remedy });
    }
  });
  return [...new Set(platforms)];
}

/**
 * Returns a value if it is a table, otherwise undefined. Container runtimes ignore the case of keys and use
 * the last one, so they could use another value than the checked one.
 *
 * @throws {SyntaxError} If two keys differ only in case.
 */
function plainTable(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const table = asTable(value);
  const names = Object.keys(table ?? {}).map((name) => name.toUpperCase().toLowerCase());
  const isPlain = new Set(names).size === names.length;
  expectForm("table", "keys that differ in their case only", isPlain);
  return table;
}

function parseDigest(value: unknown): string {
  const fits = typeof value === "string" && isDigest(value);
  expectForm("sha256 or sha512 digest", value, fits);
  return value as string;
}

function expectForm(expected: string, found: unknown, fits: boolean): void {
  if (!fits) {
    const shown = found === undefined ? "none" : quote(String(found));
    throw new SyntaxError(`expected a ${expected}, found ${shown}`);
  }
}

/**
 * Parses a JSON object from a server.
 *
 * @param what The name of the object in the message.
 * @throws {SyntaxError} If the text is not JSON, or not an object.
 */
export function parseJsonTable(text: string, what: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SyntaxError(`expected a JSON ${what}, found text that is not JSON`);
  }
  const table = asTable(value);
  if (table === undefined) {
    throw new SyntaxError(`expected a JSON ${what}, found no object`);
  }
  return table;
}
