/** What a registry holds of an image: indexes, manifests and configurations, and their platforms. */

import { error, type Finding, type Place, quote, Refusal } from "../finding.ts";
import { layout } from "../layout.ts";
import { asTable } from "./document.ts";
import { isDigest } from "./image-reference.ts";

/** One platform's image in an index. */
export interface IndexEntry {
  readonly digest: string;
  /** As `parsePlatform` writes it. */
  readonly platform: string;
}

/** An index lists one image a platform; a manifest is one image and names its configuration. */
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
/** Media types that a registry may answer with when asked for an image. */
export const manifestTypes = [...indexTypes, ...imageTypes] as readonly string[];
/** Distinguish an image from a chart, a signature or another artifact in the same registry. */
const configTypes: readonly unknown[] = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];

/**
 * Returns what a manifest or an index says. Entries of an index that are not an image for a platform,
 * such as attestations, are left out.
 *
 * @param mediaType The type that the registry named; the text must not contradict it.
 * @throws {SyntaxError} If the text is neither, or both at once.
 */
export function parseImageManifest(text: string, mediaType: string): ImageManifest {
  const table = parseJsonTable(text, "manifest");
  const said = table.mediaType ?? mediaType;
  expectForm(`manifest of type ${quote(mediaType)}`, said, said === mediaType);
  // Two readers must not see two different images in the same bytes.
  const both = "manifests" in table && ("config" in table || "layers" in table);
  expectForm("manifest or index", "both at once", !both);
  if (indexTypes.includes(mediaType)) {
    const entries = table.manifests;
    expectForm("list of manifests", entries, Array.isArray(entries));
    return { kind: "index", entries: (entries as unknown[]).flatMap(parseEntry) };
  }
  const config = asTable(table.config);
  expectForm("container image", config?.mediaType, configTypes.includes(config?.mediaType));
  return { kind: "image", config: parseDigest(config?.digest) };
}

function parseEntry(entry: unknown): IndexEntry[] {
  const table = asTable(entry);
  const stated = asTable(table?.platform);
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
  return platformOf(parseJsonTable(text, "image configuration"));
}

function platformOf({ os, architecture, variant = "" }: Readonly<Record<string, unknown>>): string {
  const parts = [os, architecture, ...(variant === "" ? [] : [variant])];
  const isText = parts.every((part) => typeof part === "string");
  expectForm("platform", parts, isText);
  return parsePlatform(parts.join("/"));
}

/** Processors with the variant that runtimes assume where there is none, or without it. */
const defaults: ReadonlyMap<string, string> = new Map([
  ["amd64/v1", "amd64"],
  ["arm64/v8", "arm64"],
  ["arm", "arm/v7"],
]);

/**
 * Returns a platform in the form that container runtimes compare: `linux/arm64/v8`
 * is `linux/arm64`, `linux/arm` is `linux/arm/v7`.
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
 * Returns the platforms that a chart promises for an image, each once, as `parsePlatform` does.
 *
 * @throws {Refusal} If some of them are not platforms.
 */
export function parsePromisedPlatforms(texts: readonly string[], at?: Place): string[] {
  const platforms = new Set<string>();
  const faults: Finding[] = [];
  for (const text of texts) {
    try {
      platforms.add(parsePlatform(text));
    } catch (thrown) {
      const why = (thrown as SyntaxError).message;
      const remedy = `Correct ${layout.imagesAnnotation}`;
      faults.push(error(`Cannot read a platform that the chart promises: ${why}`, { at, remedy }));
    }
  }
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
  return [...platforms];
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
 * Returns the object that a JSON text from a server is; it has no place in a file.
 *
 * @param what The object in words, for the message.
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
