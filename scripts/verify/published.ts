/** Whether what a release publishes is where it belongs: image, chart and crates. */

import { type Answer, answered, type Evidence, Unverified } from "../lib/answer.ts";
import { asTable } from "../lib/files/document.ts";
import { parseJsonTable } from "../lib/files/image-manifest.ts";
import { type ImageReference, isDigest } from "../lib/files/image-reference.ts";
import { quote } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import {
  describe,
  type HttpOptions,
  member,
  NoAnswer,
  openHttp,
  request,
  textOf,
} from "../lib/net/http.ts";
import { askImage } from "../lib/net/image.ts";
import {
  openRegistry,
  type Registry,
  type RegistryWorld,
  type StoredManifest,
} from "../lib/net/registry.ts";
import type { Version } from "../lib/version.ts";

/** The image of one version, where it is pushed to. */
export interface PublishedImage {
  /** One a registry, each with the version as its tag. */
  readonly references: readonly ImageReference[];
  /** The platforms that must be there, as `parsePlatform` returns them. */
  readonly platforms: readonly string[];
}

/** Returns the label of the question about an image in one registry. */
export function imageQuestion({ registry }: ImageReference): string {
  return `image on ${registry}`;
}

/** Asks each registry for the image, all at once; one answer a registry, in their order. */
export async function askImages(
  { references, platforms }: PublishedImage,
  world: RegistryWorld,
): Promise<Answer[]> {
  const asked = await Promise.all(
    references.map(async (reference) => ({
      reference,
      found: await askImage(reference, platforms, world),
    })),
  );
  const first = asked.find(({ found }) => found.digest !== undefined);
  return await Promise.all(
    asked.map(({ reference, found }) =>
      answered(imageQuestion(reference), () => {
        const { state, digest, lacks, evidence, remedy } = found;
        const name = `${reference.repository}:${reference.tag}`;
        if (state !== "verified") {
          const what = {
            pending: `${name} is not there: ${evidence}`,
            failed: `${name} (${digest}) lacks ${lacks}, ${evidence}`,
            unknown: `${name}: ${evidence}`,
          }[state];
          throw new Unverified(state, what, remedy);
        }
        if (digest !== first?.found.digest) {
          // One build pushes one index to all registries: another digest is another image.
          throw new Unverified(
            "failed",
            `it is ${digest}, but ${first?.reference.registry} holds ${first?.found.digest} under the same tag`,
            "Find out which of both release.yml pushed, and who pushed the other; then release the next version",
          );
        }
        return `${name} is ${digest} (${evidence})`;
      }),
    ),
  );
}

/** Media types of a chart's artifact, as helm pushes it, and of its parts. */
const artifactType = "application/vnd.oci.image.manifest.v1+json";
const configType = "application/vnd.cncf.helm.config.v1+json";
const contentType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/** A chart as it must be published. */
export interface PublishedChart {
  /** Its place in the registry, with the version as its tag. */
  readonly reference: ImageReference & { readonly tag: string };
  readonly name: string;
  /** The version of the product that it installs; undefined if that is not known. */
  readonly appVersion: string | undefined;
}

/** Returns the label of the question about a chart's artifact. */
export function chartQuestion({ registry }: ImageReference): string {
  return `chart on ${registry}`;
}

/** What became of a chart's artifact, and the digest that it goes by in its registry. */
export interface ChartAnswer {
  readonly answer: Answer;
  /** Of an artifact that is verified. */
  readonly digest: string | undefined;
}

/** Asks the registry for a chart's artifact, its configuration and its content. */
export async function askChartArtifact(
  chart: PublishedChart,
  world: RegistryWorld,
): Promise<ChartAnswer> {
  const { repository, tag } = chart.reference;
  const name = `${repository}:${tag}`;
  let digest: string | undefined;
  const answer = await answered(chartQuestion(chart.reference), async () => {
    const registry = openRegistry(chart.reference, world);
    const found = await registry.manifest(tag);
    if ("absent" in found) {
      const evidence = `${name} is not there: ${found.absent}`;
      throw new Unverified("pending", evidence, "Wait for helm-release.yml to push it");
    }
    const evidence = `${name} is ${found.digest}`;
    const faults = await findFaults(chart, found, registry);
    if (faults.length > 0) {
      throw new Unverified(
        "failed",
        `${evidence}, and ${faults.join("; ")}`,
        "Find out who pushed it: a published version is never replaced. Release the next chart version",
      );
    }
    digest = found.digest;
    return evidence;
  });
  return { answer, digest };
}

/**
 * Returns in what an artifact differs from the chart that it has to be.
 *
 * @throws {NoAnswer} If the registry does not deliver a part of it.
 * @throws {SyntaxError} If its configuration cannot be read.
 */
async function findFaults(
  { reference, name, appVersion }: PublishedChart,
  found: StoredManifest,
  registry: Registry,
): Promise<string[]> {
  const manifest = parseJsonTable(found.text, "manifest");
  const config = asTable(manifest.config);
  if (found.mediaType !== artifactType || config?.mediaType !== configType) {
    return [`it is not a Helm chart but ${quote(String(config?.mediaType ?? found.mediaType))}`];
  }
  const layers = Array.isArray(manifest.layers) ? manifest.layers.map(asTable) : [];
  const contents = layers.filter((layer) => layer?.mediaType === contentType);
  const [content] = contents;
  if (content === undefined || contents.length > 1) {
    return [`it holds ${contents.length} chart archives, expected 1`];
  }
  // Both are fetched: what the registry does not hold, nobody can install.
  const [text] = await Promise.all([config, content].map((part) => registry.blob(digestOf(part))));
  const said = parseJsonTable(text ?? "", "chart configuration");
  const expected = {
    name,
    version: reference.tag,
    ...(appVersion === undefined ? {} : { appVersion }),
  };
  return Object.entries(expected).flatMap(([key, value]) =>
    said[key] === value ? [] : [`its ${key} is ${shown(said[key])}, expected ${value}`],
  );
}

function digestOf({ digest }: Readonly<Record<string, unknown>>): string {
  if (typeof digest !== "string" || !isDigest(digest)) {
    throw new SyntaxError(`expected a digest in the manifest, found ${shown(digest)}`);
  }
  return digest;
}

function shown(value: unknown): string {
  return value === undefined ? "missing" : quote(String(value));
}

/** Returns the label of the question about a crate. */
export function crateQuestion(name: string): string {
  return `crate ${name}`;
}

/**
 * Asks a sparse index for one version of a crate.
 *
 * @param index The base URL of the index, with a slash at its end.
 */
export async function askCrate(
  name: string,
  version: Version,
  index: URL,
  http?: HttpOptions,
): Promise<Answer> {
  const link =
    index.href === layout.published.crateIndex
      ? { link: `https://crates.io/crates/${name}/versions` }
      : {};
  const answer = await answered(crateQuestion(name), () => findCrate(name, version, index, http));
  return { ...answer, ...link };
}

/** @returns The evidence, if the index lists the version, and not as yanked. */
async function findCrate(
  name: string,
  version: Version,
  index: URL,
  http: HttpOptions | undefined,
): Promise<Evidence> {
  const text = await readIndex(name, index, http);
  // One JSON object a line, one line a version. A line that cannot be read may be the one in question.
  const entries = (text ?? "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const entry = parseJsonTable(line, "line of the index file");
      if (typeof entry.vers !== "string") {
        throw new SyntaxError(`expected a version in the index file, found ${quote(line)}`);
      }
      return entry;
    });
  const [listed, another] = entries.filter(({ vers }) => vers === version);
  if (listed === undefined) {
    throw new Unverified(
      "pending",
      `the index lists ${text === undefined ? "no such crate" : `no version ${version}`}`,
      "Wait for publish-crate of release.yml. If it timed out waiting for the index: wait 5 minutes, then re-run the failed job",
    );
  }
  const { name: named, cksum, yanked = false } = listed;
  const isWhole = named === name && typeof yanked === "boolean";
  if (another !== undefined || !isWhole || !/^[0-9a-f]{64}$/.test(String(cksum))) {
    const found = quote(JSON.stringify(another === undefined ? listed : [listed, another]));
    throw new SyntaxError(
      `expected one line for ${name} ${version} with cksum and yanked in the index file, found ${found}`,
    );
  }
  const evidence = `${version} with checksum ${cksum}`;
  if (yanked) {
    throw new Unverified(
      "failed",
      `${evidence} is yanked`,
      `If that was a mistake: cargo yank --undo --version ${version} ${name}. If not, release the next version`,
    );
  }
  return evidence;
}

/** Returns where an index keeps a crate, relative to its base (The Cargo Book, Index files). */
export function crateIndexPath(name: string): string {
  const key = name.toLowerCase();
  const folders = { 1: ["1"], 2: ["2"], 3: ["3", key.slice(0, 1)] }[key.length];
  return [...(folders ?? [key.slice(0, 2), key.slice(2, 4)]), key].join("/");
}

/** Statuses with which an index says that there is no such crate (The Cargo Book, Registry index). */
const absentStatuses: ReadonlySet<number> = new Set([404, 410, 451]);

/**
 * Returns the index file of a crate, or undefined if the index has none.
 *
 * @throws {NoAnswer} If the index cannot be relied on.
 */
async function readIndex(
  name: string,
  index: URL,
  options: HttpOptions | undefined,
): Promise<string | undefined> {
  const http = openHttp(options);
  const reply = await request(http, new URL(crateIndexPath(name), index));
  if (reply.status === 200) {
    return textOf(reply);
  }
  if (!absentStatuses.has(reply.status)) {
    throw new NoAnswer(describe(reply));
  }
  // The 404 of another kind of server says nothing about a crate.
  const config = await request(http, new URL("config.json", index));
  if (config.status !== 200 || typeof member(config, "dl") !== "string") {
    throw new NoAnswer(`${describe(reply)}, and has no config.json of a crate index`);
  }
  return undefined;
}
