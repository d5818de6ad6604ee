/** What a registry holds of an image: indexes, manifests and configurations, and their platforms. */

import { quote } from "../finding.ts";
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
  const table = plain(parseJsonTable(text, "manifest"));
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
  return { kind: "image", config: parseDigest(plain(config ?? {}).digest) };
}

function parseEntry(entry: unknown): IndexEntry[] {
  const table = asTable(entry);
  const platform = asTable(table?.platform);
  const annotations = asTable(table?.annotations) ?? {};
  if (
    !imageTypes.includes(table?.mediaType) ||
    platform === undefined ||
    "vnd.docker.reference.type" in annotations
  ) {
    return [];
  }
  const name = platformOf(platform);
  return name.startsWith("unknown/")
    ? []
    : [{ digest: parseDigest(table?.digest), platform: name }];
}

/**
 * Returns the platform that an image's configuration states.
 *
 * @throws {SyntaxError} If the text is not an image configuration.
 */
export function parseConfigPlatform(text: string): string {
  return platformOf(plain(parseJsonTable(text, "image configuration")));
}

/** Returns the table itself. Container runtimes ignore the case of keys, and the last key counts. */
function plain(table: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const keys = Object.keys(table);
  const isPlain = new Set(keys.map((key) => key.toUpperCase())).size === keys.length;
  expectForm("table of different keys", "keys that differ in their case only", isPlain);
  return table;
}

function platformOf(table: Readonly<Record<string, unknown>>): string {
  const { os, architecture, variant = "" } = table;
  const parts = [os, architecture, ...(variant === "" ? [] : [variant])];
  const isText = parts.every((part) => typeof part === "string");
  expectForm("platform", parts, isText);
  return parsePlatform(parts.join("/"));
}

/** Other names of processors that container runtimes accept. */
const spellings: ReadonlyMap<string, string> = new Map([
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
  ["i386", "386"],
  ["aarch64", "arm64"],
  ["armhf", "arm/v7"],
  ["armel", "arm/v6"],
]);

/** Processors with a variant that is the default, or without a variant that runtimes assume. */
const defaults: ReadonlyMap<string, string> = new Map([
  ["amd64/v1", "amd64"],
  ["arm64/v8", "arm64"],
  ["arm64/8", "arm64"],
  ["arm", "arm/v7"],
  ["arm/5", "arm/v5"],
  ["arm/6", "arm/v6"],
  ["arm/7", "arm/v7"],
  ["arm/8", "arm/v8"],
]);

/**
 * Returns a platform in the form that container runtimes compare: `linux/arm64/v8`
 * is `linux/arm64`, `linux/arm` is `linux/arm/v7`, `linux/x86_64` is `linux/amd64`.
 *
 * @param text `os/architecture` or `os/architecture/variant`.
 * @throws {SyntaxError} If the text is not a platform.
 */
export function parsePlatform(text: string): string {
  const fits = /^[A-Za-z0-9_.-]{1,40}(?:\/[A-Za-z0-9_.-]{1,40}){1,2}$/.test(text);
  expectForm("platform such as linux/amd64", text, fits);
  const [os = "", architecture = "", variant] = text.toLowerCase().split("/");
  const named = spellings.get(architecture) ?? architecture;
  const processor = variant === undefined || named.includes("/") ? named : `${named}/${variant}`;
  return `${os === "macos" ? "darwin" : os}/${defaults.get(processor) ?? processor}`;
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
