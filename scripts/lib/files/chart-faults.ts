/** Reads the versions of a chart in any spelling of YAML, and explains their faults. */

import { error, type Finding, quote, Refusal } from "../finding.ts";
import type { Source } from "../tree.ts";
import { isVersion, type Version } from "../version.ts";
import { type Document, describeValue, type Path } from "./document.ts";
import { type Key, keysOf, rareSpelling, refuseOtherThanMapping } from "./yaml-mapping.ts";

/**
 * Returns the version of a manifest.
 *
 * @throws {Refusal | LocatedSyntaxError} If the document is not a mapping with a legal version.
 */
export function versionOf(document: Document) {
  return readVersion(document, () => []);
}

/**
 * Returns the version and the appVersion of a manifest. An empty appVersion is undefined, as in
 * Helm.
 *
 * @throws {Refusal | LocatedSyntaxError} If `versionOf` refuses the document, or the appVersion is
 *   not a string.
 */
export function versionsOf(document: Document) {
  const value = document.at(["appVersion"]);
  const isEmpty = value === undefined || value === null || value === "";
  let at = document.source.place();
  const version = readVersion(document, (keys) => {
    at = placeOf(document.source, keys, "appVersion");
    return isEmpty || typeof value === "string"
      ? []
      : [
          error(
            `Cannot read the chart's appVersion: found ${describeValue(value, "YAML")}, expected a string such as "1.2.3"`,
            { at, remedy: 'Write it in quotes: appVersion: "X.Y.Z"' },
          ),
        ];
  });
  refuseAny(isEmpty ? [] : spellingFaults(document, keysOf(document), ["appVersion"]));
  return { version, appVersion: isEmpty ? undefined : { value: value as string, at } };
}

function readVersion(document: Document, others: (keys: readonly Key[]) => readonly Finding[]) {
  const { source } = document;
  refuseOtherThanMapping(document);
  const keys = keysOf(document);
  const value = document.at(["version"]);
  const at = placeOf(source, keys, "version");
  const faults = [...keyFaults(source, keys), ...lookalikeFaults(source, keys)];
  if (typeof value !== "string" || !isVersion(value)) {
    const found =
      value === undefined ? `no key "version" in ${source.path}` : describeValue(value, "YAML");
    faults.push(
      error(
        `Cannot read the chart version: found ${found}, expected a string of strict SemVer without build metadata`,
        { at, remedy: `Write it in ${source.path} as version: A.B.C` },
      ),
    );
  } else if (faults.length === 0) {
    faults.push(...spellingFaults(document, keys, ["version"]));
  }
  refuseAny([...faults, ...others(keys)]);
  return { value: value as Version, at };
}

function placeOf(source: Source, keys: readonly Key[], name: string) {
  return source.place(keys.find((key) => key.name === name)?.offset);
}

/** @throws {Refusal} If there are any faults. */
export function refuseAny(faults: readonly Finding[]): void {
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
}

/** Returns a fault for each merge key or duplicate key: YAML readers disagree about them. */
export function keyFaults({ path, place }: Source, keys: readonly Key[]): Finding[] {
  const lines = new Map<string, number | undefined>();
  return keys.flatMap(({ name, offset }) => {
    const at = place(offset);
    if (name === "<<") {
      return error(`Cannot read ${path}: found a merge key, expected every key itself`, {
        at,
        remedy: "Write the merged keys out; tools disagree about what a merge key means",
      });
    }
    if (!lines.has(name)) {
      lines.set(name, at.line);
      return [];
    }
    return error(
      `Cannot read ${path}: found key ${quote(name)} in line ${at.line} again after line ${lines.get(name)}, expected it once`,
      { at, remedy: "Remove one of the two lines; tools disagree about which one counts" },
    );
  });
}

/** Returns a fault for each key that Helm reads as another one: it ignores the case of keys. */
function lookalikeFaults({ path, place }: Source, keys: readonly Key[]): Finding[] {
  const judged = ["version", "appVersion"];
  return keys.flatMap(({ name, offset }) => {
    // U+017F folds to s, as in Go.
    const meant = judged.find((each) => each.toUpperCase() === name.toUpperCase());
    return meant === undefined || meant === name
      ? []
      : error(`Cannot read ${path}: found key ${quote(name)}, which Helm reads as ${meant}`, {
          at: place(offset),
          remedy: `Remove it, or write it as ${meant}`,
        });
  });
}

/** Returns a fault if YAML 1.1 may read the string at a path as another value. */
export function spellingFaults(document: Document, keys: readonly Key[], path: Path): Finding[] {
  const { source } = document;
  const value = document.at(path);
  const key = keys.findLast(({ name }) => name === path.at(-1));
  const found =
    typeof value !== "string"
      ? undefined
      : key === undefined
        ? `${quote(value)} at no key of its own`
        : rareSpelling(source, key, value);
  if (found === undefined) {
    return [];
  }
  return [
    error(
      `Cannot read ${path.join(".")} in ${source.path}: found ${found}, expected a plain or quoted string`,
      {
        at: source.place(key?.offset),
        remedy: `Write it in quotes at its key, without tag, alias and merge: ${path.at(-1)}: "..."`,
      },
    ),
  ];
}
