/** Whether a chart's artifact is in its registry, whole, and says what its tag says. */

import type { Answer } from "../lib/answer.ts";
import { asTable } from "../lib/files/document.ts";
import { parseJsonTable } from "../lib/files/image-manifest.ts";
import { type ImageReference, isDigest } from "../lib/files/image-reference.ts";
import { quote } from "../lib/finding.ts";
import { NoAnswer } from "../lib/net/http.ts";
import {
  openRegistry,
  type Registry,
  type RegistryWorld,
  type StoredManifest,
} from "../lib/net/registry.ts";

/** Media types of a chart's artifact, as helm pushes it, and of its parts. */
const artifactType = "application/vnd.oci.image.manifest.v1+json";
const configType = "application/vnd.cncf.helm.config.v1+json";
const contentType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/** A chart as it must be published. */
export interface PublishedChart {
  /** Its place in the registry, with the version as its tag. */
  readonly reference: ImageReference & { readonly tag: string };
  readonly name: string;
  /** The version of the product that it installs; undefined if nobody can tell. */
  readonly appVersion: string | undefined;
}

/** The label of the question about a chart's artifact. */
export function chartQuestion({ registry }: ImageReference): string {
  return `chart on ${registry}`;
}

/** What became of a chart's artifact, and the digest that it goes by in its registry. */
export interface ChartAnswer {
  readonly answer: Answer;
  /** Of an artifact that is verified. */
  readonly digest?: string;
}

/** Asks the registry for a chart's artifact, its configuration and its content. */
export async function askChartArtifact(
  chart: PublishedChart,
  world: RegistryWorld,
): Promise<ChartAnswer> {
  const { repository, tag } = chart.reference;
  const question = chartQuestion(chart.reference);
  const name = `${repository}:${tag}`;
  try {
    const registry = openRegistry(chart.reference, world);
    const found = await registry.manifest(tag);
    if ("absent" in found) {
      return {
        answer: {
          question,
          state: "pending",
          evidence: `${name} is not there: ${found.absent}`,
          remedy: "Wait for helm-release.yml to push it",
        },
      };
    }
    const faults = await findFaults(chart, found, registry);
    const evidence = `${name} is ${found.digest}`;
    if (faults.length === 0) {
      return { answer: { question, state: "verified", evidence }, digest: found.digest };
    }
    return {
      answer: {
        question,
        state: "failed",
        evidence: `${evidence}, and ${faults.join("; ")}`,
        remedy:
          "See who pushed it: a published version is never replaced. Release the next chart version",
      },
    };
  } catch (thrown) {
    if (thrown instanceof NoAnswer || thrown instanceof SyntaxError) {
      const remedy = thrown instanceof NoAnswer ? thrown.remedy : undefined;
      return {
        answer: {
          question,
          state: "unknown",
          evidence: `${name}: ${thrown.message}`,
          remedy: remedy ?? "Check the network and the registry, then run the command again",
        },
      };
    }
    throw thrown;
  }
}

/**
 * In what an artifact differs from the chart that it has to be.
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
    return [`it is no Helm chart but ${quote(String(config?.mediaType ?? found.mediaType))}`];
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
