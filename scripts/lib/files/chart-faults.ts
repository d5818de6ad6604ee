/** Explains why the keys and versions of a chart's files cannot be read. It is loaded only for faults. */

import { error, type Finding, type Place, quote, Refusal } from "../finding.ts";
import { isVersion } from "../version.ts";
import { asTable, type Document } from "./document.ts";
import { describeValue, refuseOtherThanMapping } from "./unreadable.ts";
import { isLookalike, keysAt, stringAt } from "./yaml-keys.ts";

/**
 * Returns the refusal of a manifest, with all faults.
 *
 * @param judged The keys whose values must be versions or, for `appVersion`, empty.
 * @throws {LocatedSyntaxError} If the document is not one mapping.
 */
export function unreadableChart(document: Document, judged: readonly string[]): Refusal {
  const { path, place } = document.source;
  const faults = [...keyFaults(document)];
  const { lines } = keysAt(document);
  for (const { name, offset } of lines.filter(isLookalike)) {
    const meant = /^app/i.test(name) ? "appVersion" : "version";
    faults.push(
      error(`Cannot read ${path}: found key ${quote(name)}, which Helm reads as ${meant}`, {
        at: place(offset),
        remedy: `Remove it, or write it as ${meant}`,
      }),
    );
  }
  for (const key of judged) {
    const value = document.at([key]);
    if (value === undefined && faults.length > 0) {
      // It may be there in a form that cannot be read.
      continue;
    }
    const at = place(lines.find(({ name }) => name === key)?.offset);
    const found = value === undefined ? `no key "${key}" in ${path}` : describeValue(value, "YAML");
    if (key === "version" && !(typeof value === "string" && isVersion(value))) {
      faults.push(
        error(
          `Cannot read the chart version: found ${found}, expected a string of strict SemVer without build metadata`,
          { at, remedy: `Write it in ${path} as version: A.B.C` },
        ),
      );
    } else if (typeof value !== "string" && (value ?? "") !== "") {
      faults.push(
        error(
          `Cannot read the chart's appVersion: found ${found}, expected a string such as "1.2.3"`,
          { at, remedy: 'Write it in quotes: appVersion: "X.Y.Z"' },
        ),
      );
    } else if (faults.length === 0 && value) {
      faults.push(...spellingFaults(document, [key]));
    }
  }
  return new Refusal(faults);
}

/**
 * Returns the faults of the keys of a mapping: duplicates, merge keys, and keys in a rare form.
 *
 * @param within The path of the mapping: empty, or one top-level key.
 * @throws {LocatedSyntaxError} If the document is not one mapping.
 */
export function keyFaults(document: Document, within: readonly string[] = []): readonly Finding[] {
  refuseOtherThanMapping(document.source, document.data);
  const { source } = document;
  const { lines, keys, data, parent } = keysAt(document, within);
  const first = new Map(lines.toReversed().map((line) => [line.name, line]));
  const faults = lines.flatMap((line) => {
    const { name, offset } = line;
    const before = first.get(name);
    const at = source.place(offset);
    return name === "<<"
      ? error(`Cannot read ${at.file}: found a merge key, expected every key itself`, {
          at,
          remedy: "Write the merged keys out; tools disagree about what a merge key means",
        })
      : name === "" || before === line
        ? []
        : repeatedKey(name, source.place(before?.offset), at);
  });
  if (keys !== undefined || faults.length > 0) {
    return faults;
  }
  const rare = lines.find(({ name }) => asTable(data)?.[name] === undefined) ?? parent;
  const offset = rare?.offset ?? source.text.search(/^[ \t]*[^\s#]/m);
  const [found = ""] = source.text.slice(offset).split(/[\r\n]/, 1);
  const which = ["top-level keys", ...within.map((key) => `keys of ${quote(key)}`)].at(-1);
  return [
    error(
      `Cannot read the ${which} of ${source.path}: found ${quote(found)}, expected one plain key a line`,
      {
        at: source.place(offset),
        remedy: "Write each key at the start of its own line, without tag, anchor and escapes",
      },
    ),
  ];
}

/** Returns the fault of a key that its mapping has already. */
export function repeatedKey(name: string, before: Place, at: Place): Finding {
  const lines = `in line ${at.line} again after line ${before.line}`;
  return error(`Cannot read ${at.file}: found key ${quote(name)} ${lines}, expected it once`, {
    at,
    remedy: "Remove one of the two; tools disagree about which one counts",
  });
}

/** Returns the fault of a string at a path, if YAML 1.1 may read another value there. */
export function spellingFaults(document: Document, path: readonly string[]): readonly Finding[] {
  const { source } = document;
  if (typeof document.at(path) !== "string" || stringAt(document, path) !== undefined) {
    return [];
  }
  const line = keysAt(document, path.slice(0, -1)).keys?.get(path.at(-1) ?? "");
  const found = line?.written ? quote(line.written) : "no text on the line of the key";
  return [
    error(
      `Cannot read ${path.join(".")} in ${source.path}: found ${found}, expected a plain or quoted string that every YAML parser reads the same`,
      {
        at: source.place(line?.offset),
        remedy: `Write it in quotes on the line of its key: ${path.at(-1)}: "..."`,
      },
    ),
  ];
}
