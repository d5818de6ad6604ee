/** Cargo.lock: the versions at which it locks the packages of the workspace itself. */

import type { Source } from "../tree.ts";
import { asTable, type Document, type Path, parseToml } from "./document.ts";

/** A version of a workspace package in a lock file. */
export interface Locked {
  readonly document: Document;
  /** Keys to the text that holds the version. */
  readonly path: Path;
  readonly name: string;
  /** The version as it is written, and its offset in that text. */
  readonly version: string;
  readonly at: number;
}

/**
 * The versions of local packages (those without a `source`) of some names, then where dependencies
 * on them state the version, too, as Cargo writes it to tell two packages of a name apart.
 *
 * @throws {LocatedSyntaxError} If the file is not TOML.
 */
export function lockedVersions(source: Source, names: ReadonlySet<string>): readonly Locked[] {
  const document = parseToml(source);
  const listed = document.at(["package"]);
  const packages = Array.isArray(listed) ? listed.map((each) => asTable(each) ?? {}) : [];
  const own = packages.flatMap(({ name, version, source: origin }, index): readonly Locked[] =>
    typeof name === "string" && typeof version === "string" && names.has(name) && !origin
      ? [{ document, path: ["package", index, "version"], name, version, at: 0 }]
      : [],
  );
  const local = new Map(own.map(({ name, version }) => [name, version]));
  const mentioned = packages.flatMap(({ dependencies }, index) =>
    mentions(document, ["package", index, "dependencies"], dependencies, local),
  );
  return [...own, ...mentioned];
}

/** Dependencies that are written as a name and a version, such as `perf-sentinel-core 1.2.3`. */
function mentions(
  document: Document,
  path: Path,
  dependencies: unknown,
  local: ReadonlyMap<string, string>,
): readonly Locked[] {
  const texts: readonly unknown[] = Array.isArray(dependencies) ? dependencies : [];
  return texts.flatMap((text, index) => {
    const [name = "", version, ...more] = typeof text === "string" ? text.split(" ") : [];
    return version !== undefined && more.length === 0 && local.get(name) === version
      ? [{ document, path: [...path, index], name, version, at: name.length + 1 }]
      : [];
  });
}
