/**
 * Reads the versions in the manifest of a Helm chart. `chart-images.ts` reads its images, and
 * `chart-faults.ts`, which is loaded late, explains what is wrong.
 */

import { type Place, refusal } from "../finding.ts";
import type { Source, Tree } from "../tree.ts";
import { isVersion, type Version } from "../version.ts";
import { type Document, parseYaml } from "./document.ts";
import { isLookalike, keysAt, stringAt } from "./yaml-keys.ts";

/** A value, and the place of its key. */
export interface Located<T> {
  readonly value: T;
  readonly at: Place;
}

/** The content of Chart.yaml. */
export interface Chart {
  readonly document: Document;
  readonly version: Located<Version>;
  /** The version of the product that the chart installs; optional. */
  readonly appVersion: Located<string> | undefined;
}

/** Returns the path of a chart's manifest. */
export function chartManifest(folder: string): string {
  return `${folder}/Chart.yaml`;
}

/**
 * Reads a chart's manifest.
 *
 * @param folder The chart's folder, relative to the top of the tree.
 * @throws {Refusal | LocatedSyntaxError} If there is no manifest, or `chartFrom` refuses it.
 */
export async function readChart(tree: Tree, folder: string): Promise<Chart> {
  return chartFrom(await needFile(tree, chartManifest(folder)));
}

/**
 * Parses a chart's manifest.
 *
 * @throws {Refusal | LocatedSyntaxError} If `chartVersionFrom` refuses it, or `appVersion` is
 *   neither a string nor empty.
 */
export function chartFrom(manifest: Source): Chart {
  const document = parseYaml(manifest);
  const { version, appVersion } = versionsIn(document);
  const isEmpty = (document.at(["appVersion"]) ?? "") === "";
  if (version === undefined || (appVersion === undefined && !isEmpty)) {
    throw late().unreadableChart(document, ["version", "appVersion"]);
  }
  return { document, version, appVersion: isEmpty ? undefined : appVersion };
}

/**
 * Returns the version in a chart's manifest. Its `appVersion` may be invalid.
 *
 * @throws {Refusal | LocatedSyntaxError} If the text is not one YAML mapping, has a top-level key
 *   twice or in a rare form, or has no `version` that is a string of strict SemVer.
 */
export function chartVersionFrom(manifest: Source): Located<Version> {
  const document = parseYaml(manifest);
  const { version } = versionsIn(document);
  if (version === undefined) {
    throw late().unreadableChart(document, ["version"]);
  }
  return version;
}

const late = () => require("./chart-faults.ts") as typeof import("./chart-faults.ts");

/**
 * Reads a file that must exist.
 *
 * @throws {Refusal} If it does not exist.
 */
export async function needFile(tree: Tree, path: string): Promise<Source> {
  const found = await tree.read(path);
  if (found === undefined) {
    throw refusal(`Cannot read ${path}: there is no such file`, {
      at: { file: path },
      remedy: "Add the file, or name the chart's folder in scripts/layout.ts",
    });
  }
  return found;
}

/** Returns the versions that every YAML parser reads in the same way. */
function versionsIn(document: Document) {
  const mapping = keysAt(document);
  const [version, appVersion] = ["version", "appVersion"].map((key) => {
    const value = stringAt(document, [key], mapping);
    const at = document.source.place(mapping.keys?.get(key)?.offset);
    return value === undefined || mapping.lines.some(isLookalike) ? undefined : { value, at };
  });
  const isLegal = (each?: Located<string>): each is Located<Version> =>
    isVersion(each?.value ?? "");
  return { version: isLegal(version) ? version : undefined, appVersion };
}
