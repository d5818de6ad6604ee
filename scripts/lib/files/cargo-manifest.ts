/** Reads one Cargo.toml: its package, its dependencies, and the places of their values. */

import { isAbsolute, join } from "node:path/posix";
import { attempt, type Place } from "../finding.ts";
import type { Tree } from "../tree.ts";
import { asTable, type Document, type Path, parseToml } from "./document.ts";

/** A value in a manifest, which may be missing. */
export interface Statement {
  readonly document: Document;
  /** Keys to the value in the document's data. */
  readonly path: Path;
  /** The parsed value: a string in a valid manifest, undefined if it is missing. */
  readonly value: unknown;
  /** Returns the place of the value or its key, or of the table around it if it is missing. */
  place(): Place;
}

export interface Manifest {
  /** Path of the file. */
  readonly path: string;
  /** Path of its folder; empty for the top level. */
  readonly folder: string;
  readonly document: Document;
  readonly dependencies: readonly Dependency[];
}

/**
 * Returns a manifest, or the faults that prevent reading it; neither if there is no such file.
 *
 * @param isRoot Whether it is that of the workspace, whose shared dependencies and patches count.
 */
export async function readManifest(tree: Tree, path: string, isRoot = false) {
  const { value, findings: faults } = await attempt(async (): Promise<Manifest | undefined> => {
    const source = await tree.read(path);
    const document = source && parseToml(source);
    const folder = folderOf(path);
    if (document === undefined) {
      return undefined;
    }
    return { path, folder, document, dependencies: dependenciesIn(document, folder, isRoot) };
  });
  return { path, manifest: value, faults };
}

// Packages

/** Returns the value at a key of `[package]`; without a key, the table. */
export function packageAt(document: Document, ...key: readonly string[]): Statement {
  // As in Cargo, the old name counts where the new one is not there.
  const isOld = document.at(["package"]) === undefined && document.at(["project"]) !== undefined;
  return statement(document, [isOld ? "project" : "package", ...key]);
}

export function nameIn(document: Document): string | undefined {
  const { value } = packageAt(document, "name");
  return typeof value === "string" ? value : undefined;
}

/** Reports whether a value is a table with `workspace = true`. */
export function inherits(value: unknown): boolean {
  return asTable(value)?.workspace === true;
}

export function statement(document: Document, path: Path): Statement {
  const value = document.at(path);
  return { document, path, value, place: () => placeOf(document, path, value) };
}

/**
 * Returns the place of a value. It searches for the key `version`, and for its text only if the key
 * has escapes. It searches for any other value (such as a dependency `name = "1.2.3"`) by its text,
 * because one search then finds all of them.
 */
export function placeOf(document: Document, path: Path, value: unknown): Place {
  const isByKey = path.at(-1) === "version" && document.place(path).line !== undefined;
  const text = typeof value === "string" && !isByKey ? value : "";
  const [offset] = document.textOffsets(path, text);
  if (offset !== undefined) {
    return document.source.place(offset);
  }
  const places = path.map((_, index) => document.place(path.slice(0, path.length - index)));
  return places.find(({ line }) => line !== undefined) ?? document.source.place();
}

// Dependencies

export interface Dependency {
  /** Keys to the entry in the manifest's data. */
  readonly path: Path;
  readonly key: string;
  /** Name of the package. */
  readonly name: string;
  /** Whether it has a `path`, and the folder at that path if it is in the tree. */
  readonly local: boolean;
  readonly folder: string | undefined;
  /** Whether it inherits from `[workspace.dependencies]`. */
  readonly inherits: boolean;
  /** Its table: `cargo publish` drops a development dependency without a version. */
  readonly kind: "shared" | "patch" | "normal" | "development";
  readonly requirement: Statement;
}

const normalTables = ["dependencies", "build-dependencies", "build_dependencies"];
const developmentTables = ["dev-dependencies", "dev_dependencies"];

/** Returns the paths of a manifest's tables of dependencies. */
function dependencyTables(document: Document, isRoot: boolean): readonly Path[] {
  const pathsIn = (key: string): Path[] =>
    Object.keys(asTable(document.at([key])) ?? {}).map((each) => [key, each]);
  const tables = [[], ...pathsIn("target")].flatMap((scope) =>
    [...normalTables, ...developmentTables]
      // Cargo ignores an old spelling beside the new one.
      .filter((name) => {
        const current = name.replace("_", "-");
        return name === current || document.at([...scope, current]) === undefined;
      })
      .map((name) => [...scope, name]),
  );
  return isRoot ? [["workspace", "dependencies"], ...pathsIn("patch"), ...tables] : tables;
}

function dependenciesIn(document: Document, folder: string, isRoot: boolean): Dependency[] {
  return dependencyTables(document, isRoot).flatMap((path) =>
    Object.entries(asTable(document.at(path)) ?? {}).map(([key, entry]) => {
      const table = asTable(entry);
      const own = [...path, key];
      return {
        path: own,
        key,
        name: typeof table?.package === "string" ? table.package : key,
        local: table?.path !== undefined,
        folder: typeof table?.path === "string" ? inTree(folder, table.path) : undefined,
        inherits: inherits(table),
        kind: kindOf(path),
        requirement: statement(document, table === undefined ? own : [...own, "version"]),
      };
    }),
  );
}

function kindOf([first, ...rest]: Path): Dependency["kind"] {
  if (first === "workspace" || first === "patch") {
    return first === "workspace" ? "shared" : first;
  }
  return developmentTables.includes(String(rest.at(-1) ?? first)) ? "development" : "normal";
}

// Paths

/** Returns a path as Cargo compares it: without `.` and extra slashes, but with `..`. */
export function withoutDots(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

export function isBelow(path: string, folder: string): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}

/** Returns a path relative to a folder as a path from the top of the tree; undefined if outside. */
export function inTree(from: string, path: string): string | undefined {
  const resolved = withoutDots(join(from, path));
  return isAbsolute(path) || isBelow(resolved, "..") ? undefined : resolved;
}

function folderOf(manifest: string): string {
  return manifest.slice(0, Math.max(0, manifest.lastIndexOf("/")));
}

export function manifestIn(folder: string): string {
  return folder === "" ? "Cargo.toml" : `${folder}/Cargo.toml`;
}
