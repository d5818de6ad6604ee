/**
 * Reads the versions in the manifest of a Helm chart.
 *
 * This module reads a manifest of plain `key: value` lines. It loads `chart-faults.ts` late for any
 * other one. `chart-images.ts` reads the images.
 */

import { type Place, refusal } from "../finding.ts";
import type { Source, Tree } from "../tree.ts";
import { isVersion, type Version } from "../version.ts";
import { asTable, type Document, parseYaml } from "./document.ts";

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
 * Reads a chart's version. Its `appVersion` may be invalid.
 *
 * @param folder The chart's folder, relative to the top of the tree.
 * @throws {Refusal | LocatedSyntaxError} If there is no manifest, or `chartVersionFrom` refuses it.
 */
export async function readChartVersion(tree: Tree, folder: string): Promise<Located<Version>> {
  return chartVersionFrom(await needFile(tree, chartManifest(folder)));
}

/**
 * Parses a chart's manifest.
 *
 * @throws {Refusal | LocatedSyntaxError} If `chartVersionFrom` refuses it, or `appVersion` is
 *   neither a string nor empty.
 */
export function chartFrom(manifest: Source): Chart {
  const document = parseYaml(manifest);
  const keys = plainKeys(document);
  const version = plainVersion(document, keys, "version");
  const appVersion = plainVersion(document, keys, "appVersion");
  const isPlain = version !== undefined && (appVersion !== undefined) === keys?.has("appVersion");
  return { document, ...(isPlain ? { version, appVersion } : late().versionsOf(document)) };
}

/**
 * Returns the version in a chart's manifest.
 *
 * @throws {Refusal | LocatedSyntaxError} If the text is not one YAML mapping, has a top-level key
 *   twice, or has no `version` that is a string of strict SemVer.
 */
export function chartVersionFrom(manifest: Source): Located<Version> {
  const document = parseYaml(manifest);
  return plainVersion(document, plainKeys(document), "version") ?? late().versionOf(document);
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
      remedy: "Add the file, or name the chart's folder in scripts/lib/layout.ts",
    });
  }
  return found;
}

const judgedKeys: ReadonlySet<string> = new Set(["version", "appVersion"]);

/**
 * Returns the top-level keys with their offsets if each key starts a line `key: ...` and none
 * occurs twice, which the parsed data cannot show. Returns undefined if that is not certain.
 */
function plainKeys({ source, data }: Document): ReadonlyMap<string, number> | undefined {
  const table = asTable(data) ?? {};
  const keys = new Map<string, number>();
  for (const { 0: line, index } of source.text.matchAll(/^(?![ \t]*(?:#|$)).+/gm)) {
    // If the first key is not indented, no other top-level key is indented or behind a dash.
    if (keys.size === 0 || !/^(?:[ \t]|- )/.test(line)) {
      const [, name] = /^([A-Za-z][\w-]*):(?:[ \t]|$)/.exec(line) ?? [];
      const isLookalike =
        /^(?:version|appVersion)$/i.test(name ?? "") && !judgedKeys.has(name ?? "");
      if (name === undefined || keys.has(name) || isLookalike || !Object.hasOwn(table, name)) {
        return undefined;
      }
      keys.set(name, index);
    }
  }
  return keys.size === Object.keys(table).length ? keys : undefined;
}

/** Returns the version at a key if it is on the key's line, plain or in quotes; else undefined. */
function plainVersion(
  { source, data }: Document,
  keys: ReadonlyMap<string, number> | undefined,
  key: string,
): Located<Version> | undefined {
  const value = asTable(data)?.[key];
  const offset = keys?.get(key);
  if (offset === undefined || typeof value !== "string" || !isVersion(value)) {
    return undefined;
  }
  const [line = ""] = source.text.slice(offset).split(/[\r\n]/, 1);
  const written = line
    .slice(key.length + 1)
    .replace(/[ \t]#.*/, "")
    .trim();
  return [value, `"${value}"`, `'${value}'`].includes(written)
    ? { value, at: source.place(offset) }
    : undefined;
}
