/** Verifies what a release publishes: image, chart and crates. */

import { type Answer, answered, Unverified } from "../lib/answer.ts";
import { asTable } from "../lib/files/document.ts";
import { parseJsonTable } from "../lib/files/image-manifest.ts";
import { type ImageReference, isDigest } from "../lib/files/image-reference.ts";
import { quote } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
import {
  describe,
  type HttpOptions,
  isTroubled,
  member,
  noAnswer,
  noAnswerIn,
  openHttp,
  textOf,
} from "../lib/net/http.ts";
import { askImage } from "../lib/net/image.ts";
import { openRegistry, type RegistryWorld } from "../lib/net/registry.ts";
import type { Version } from "../lib/version.ts";

/** Returns the label of the question about an image in one registry. */
export function imageQuestion({ registry }: ImageReference): string {
  return `image on ${registry}`;
}

/**
 * Asks all registries for the image of a version, and returns one answer for each, in their order. All
 * must hold the same image.
 *
 * @param platforms The platforms that the image must have, as `parsePlatform` returns them.
 */
export async function askImages(
  references: readonly ImageReference[],
  platforms: readonly string[],
  world: RegistryWorld,
): Promise<Answer[]> {
  const ask = async (reference: ImageReference) => ({
    ...(await askImage(reference, platforms, world)),
    reference,
  });
  const asked = await Promise.all(references.map(ask));
  const first = asked.find(({ digest }) => digest !== undefined);
  return asked.map(({ reference, state, digest, lacks, evidence, remedy, temporary }) => {
    const question = imageQuestion(reference);
    if (state === "verified" && digest !== first?.digest) {
      // One build pushes the same index to all registries, so a different digest is a different image.
      return {
        question,
        state: "failed",
        evidence: `it is ${digest}, but ${first?.reference.registry} holds ${first?.digest} under the same tag`,
        remedy:
          "Find out which of the two release.yml pushed, and who pushed the other; then release the next version",
      };
    }
    const name = `${reference.repository}:${reference.tag}`;
    const words = {
      verified: `${name} is ${digest} (${evidence})`,
      pending: `${name} does not exist: ${evidence}`,
      failed: `${name} (${digest}) lacks ${lacks}, ${evidence}`,
      unknown: `${name}: ${evidence}`,
    };
    return { question, state, evidence: words[state], remedy, temporary };
  });
}

/** Media types of a chart's artifact, as helm pushes it, and of its configuration and content. */
const artifactType = "application/vnd.oci.image.manifest.v1+json";
const configType = "application/vnd.cncf.helm.config.v1+json";
const contentType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/**
 * Asks the registry for a chart's artifact, its configuration and its content.
 *
 * @param reference Its reference, with the version as the tag.
 * @param appVersion The version of the product that it installs; undefined if unknown.
 * @returns The answer, and the digest of the artifact if it is verified.
 */
export async function askChartArtifact(
  reference: ImageReference & { readonly tag: string },
  appVersion: string | undefined,
  world: RegistryWorld,
): Promise<{ readonly answer: Answer; readonly digest: string | undefined }> {
  const { registry, repository, tag } = reference;
  const name = `${repository}:${tag}`;
  let digest: string | undefined;
  const answer = await answered(`chart on ${registry}`, async () => {
    const opened = openRegistry(reference, world);
    const found = await opened.manifest(tag).catch((thrown) => {
      const isAbsent = thrown instanceof Unverified && thrown.state === "pending";
      const remedy = "Wait for helm-release.yml to push it";
      throw isAbsent
        ? new Unverified("pending", `${name} does not exist: ${thrown.message}`, remedy)
        : thrown;
    });
    const evidence = `${name} is ${found.digest}`;
    const fail = (fault: string) => {
      const remedy =
        "Find out who pushed it: a published version is never replaced. Release the next chart version";
      return new Unverified("failed", `${evidence}, and ${fault}`, remedy);
    };
    const manifest = parseJsonTable(found.text, "manifest");
    const config = asTable(manifest.config);
    if (found.mediaType !== artifactType || config?.mediaType !== configType) {
      const type = String(config?.mediaType ?? found.mediaType);
      throw fail(`it is not a Helm chart but ${quote(type)}`);
    }
    const layers = Array.isArray(manifest.layers) ? manifest.layers.map(asTable) : [];
    const contents = layers.filter((layer) => layer?.mediaType === contentType);
    const [content] = contents;
    if (content === undefined || contents.length > 1) {
      throw fail(`it holds ${contents.length} chart archives, expected 1`);
    }
    // Both are fetched: helm cannot install a chart if the registry lacks one of them.
    const parts = [config, content].map((part) => opened.blob(digestOf(part)));
    const [text = ""] = await Promise.all(parts);
    const said = parseJsonTable(text, "chart configuration");
    const expected = { name: layout.product, version: tag, appVersion };
    const faults = Object.entries(expected).flatMap(([key, value]) =>
      value === undefined || said[key] === value
        ? []
        : [`its ${key} is ${shown(said[key])}, expected ${value}`],
    );
    if (faults.length > 0) {
      throw fail(faults.join("; "));
    }
    digest = found.digest;
    return evidence;
  });
  return { answer, digest };
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

/**
 * Asks a sparse index for one version of a crate.
 *
 * @param index The base URL of the index, which ends with a slash.
 */
export async function askCrate(
  name: string,
  version: Version,
  index: URL,
  http?: HttpOptions,
): Promise<Answer> {
  const answer = await answered(`crate ${name}`, async () => {
    const text = await readIndex(name, index, http);
    // Each line is the JSON object of one version. An unreadable line may be the one that is asked for.
    const lines = (text ?? "").split("\n").filter((line) => line.trim() !== "");
    const entries = lines.map((line) => parseJsonTable(line, "line of the index file"));
    if (entries.some(({ vers }) => typeof vers !== "string")) {
      throw new SyntaxError("expected a version in each line of the index file");
    }
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
      const remedy = `If that was a mistake: cargo yank --undo --version ${version} ${name}. If not, release the next version`;
      throw new Unverified("failed", `${evidence} is yanked`, remedy);
    }
    return evidence;
  });
  const isUsual = index.href === layout.published.crateIndex;
  return { ...answer, link: isUsual ? `https://crates.io/crates/${name}/versions` : undefined };
}

/** Returns the path of the index file of a crate, from the base URL (The Cargo Book, Index files). */
export function crateIndexPath(name: string): string {
  const key = name.toLowerCase();
  const folders = { 1: ["1"], 2: ["2"], 3: ["3", key.slice(0, 1)] }[key.length];
  return [...(folders ?? [key.slice(0, 2), key.slice(2, 4)]), key].join("/");
}

/**
 * Returns the index file of a crate, or undefined if the index has none.
 *
 * @throws {Unverified} If the server did not answer as a crate index does.
 */
async function readIndex(
  name: string,
  index: URL,
  options: HttpOptions | undefined,
): Promise<string | undefined> {
  const get = openHttp(options);
  const reply = await get(new URL(crateIndexPath(name), index));
  if (reply.status === 200) {
    return textOf(reply);
  }
  // The statuses for a missing crate (The Cargo Book, Registry index).
  if (![404, 410, 451].includes(reply.status)) {
    throw noAnswerIn(reply);
  }
  // Only the 404 of a crate index means that the crate is missing.
  const config = await get(new URL("config.json", index));
  if (config.status !== 200 || typeof member(config, "dl") !== "string") {
    throw isTroubled(config)
      ? noAnswerIn(config)
      : noAnswer(`${describe(reply)}, and has no config.json of a crate index`);
  }
  return undefined;
}
