/**
 * The Cargo workspace of a tree: its version, its crates, and what they require of each other.
 *
 * Crates are those of `[workspace].members` less `exclude`, as Cargo reads them, those that
 * `layout.crateManifests` finds, and the root package. Cargo also counts every path dependency
 * inside the workspace; such a crate may well have a version of its own, so it counts here only if
 * it inherits the workspace version. A crate that is a workspace of its own (a fuzz crate, say) and
 * that `members` does not list belongs to no release.
 *
 * A dependency is on a sibling if its `path` leads to one or its package name is one's, even with
 * `git` or `registry` keys: `cargo publish` keeps the name and the version, which mean the sibling
 * to everybody who installs the crate. `[patch]` counts too, as Cargo refuses a patch whose version
 * does not fit; `[replace]` does not, as it cannot state a version.
 */

import { error, type Finding, type Place, quote } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Tree } from "../tree.ts";
import {
  type Dependency,
  folderOf,
  inherits,
  inTree,
  isBelow,
  type Manifest,
  manifestIn,
  nameIn,
  packageAt,
  placeOf,
  readManifest,
  type Statement,
  statement,
  withoutDots,
} from "./cargo-manifest.ts";
import type { Document, Path } from "./document.ts";

/** A package that is released with the workspace. */
export interface Crate {
  /** Path of its manifest. */
  readonly manifest: string;
  readonly name: string;
  /** Whether its version is the workspace's. */
  readonly inherits: boolean;
  /** Its own version, or where it inherits one. */
  readonly version: Statement;
  /** Whether `cargo publish` would take it to a registry. */
  readonly published: boolean;
}

/** A version requirement on a sibling crate. */
export interface Pin {
  /** Path of the manifest that states it. */
  readonly manifest: string;
  /** Name of the crate that it is on. */
  readonly sibling: string;
  readonly requirement: Statement;
}

/** A dependency without a version, which keeps a crate from being published. */
export interface Unversioned {
  /** The manifest of the published crate that depends on it. */
  readonly manifest: string;
  /** Name of the package depended on. */
  readonly name: string;
  /** Returns where it is declared: for an inherited one `[workspace.dependencies]`. */
  place(): Place;
}

/** A crate in the usual place that belongs to no release. */
export interface LeftOut {
  readonly manifest: string;
  /** Name of its package; undefined if it cannot be read. */
  readonly name: string | undefined;
  /** The entry of `exclude` that applies; undefined if the crate is a workspace of its own. */
  readonly excludedBy: string | undefined;
  /** Returns the place of that entry, or of the crate's `[workspace]`. */
  place(): Place;
}

/** What a tree says about its workspace. */
export interface Workspace {
  /** `[workspace.package].version`; undefined if there is no readable root manifest. */
  readonly version: Statement | undefined;
  /** The root package first, then by path. */
  readonly crates: readonly Crate[];
  /** Those of the root manifest first, then by path. */
  readonly pins: readonly Pin[];
  readonly unversioned: readonly Unversioned[];
  /** By path. */
  readonly leftOut: readonly LeftOut[];
  /** What could not be read; empty if all of the above is complete. */
  readonly faults: readonly Finding[];
}

/**
 * Returns the version that a requirement states if it allows no other: of `1.2.3`, `=1.2.3` and
 * `^1.2.3`, with spaces around as Cargo allows them. It may not be a legal version.
 */
export function pinnedVersion(requirement: string): string | undefined {
  // Runs of spaces are shortened first: side by side, patterns for them take cubic time.
  const words = requirement.split(" ").filter((word) => word !== "");
  return /^[=^]? ?([^ ]*)$/.exec(words.join(" "))?.[1];
}

/** Reads the workspace of a tree. A file that cannot be read is a fault, and hides no other one. */
export async function readWorkspace(tree: Tree): Promise<Workspace> {
  const { manifest: root, faults } = await readManifest(tree, layout.workspaceManifest);
  if (root === undefined) {
    const file = layout.workspaceManifest;
    const absent = error(`Cannot read the workspace: there is no ${file} at the top level`, {
      at: { file },
      remedy: `Name a checkout that has a ${file} with --repo DIR`,
    });
    const none = { version: undefined, crates: [], pins: [], unversioned: [], leftOut: [] };
    return { ...none, faults: faults ?? [absent] };
  }
  const found = await readCrates(tree, root);
  const { manifests } = found;
  const crates = manifests.map((each) => crateOf(each, root.document));
  const siblingOf = siblingFinder(manifests, found.unread);
  const stating = [root, ...manifests.filter((each) => each !== root)];
  const published = manifests.filter((_, index) => crates[index]?.published);
  return {
    version: statement(root.document, ["workspace", "package", "version"]),
    crates,
    pins: stating.flatMap((each) => pinsIn(each, siblingOf)),
    unversioned: unversionedIn(published, root, siblingOf),
    leftOut: found.leftOut,
    faults: found.faults,
  };
}

/**
 * Reads the members and what is in the usual place, then what they depend on, and so on: the crates,
 * the root package first, then by path; those left out; and the folders of crates whose manifest
 * cannot be read, which are siblings all the same.
 */
async function readCrates(tree: Tree, root: Manifest) {
  const { listed, usual, exclusionOf, faults } = await findMembers(tree, root.document);
  const manifests: Manifest[] = [];
  const unread = new Set<string>();
  const leftOut: LeftOut[] = [];
  const illegal: Finding[] = [];
  const seen = new Set([root.path]);

  function judge({ path, manifest, faults: found }: Awaited<ReturnType<typeof readManifest>>) {
    const name = manifest && nameIn(manifest.document);
    const exclusion = exclusionOf(path);
    const isMember = listed.has(path) || usual.has(path);
    if (exclusion !== undefined) {
      // What is not judged may be illegal.
      const { value: excludedBy, place } = exclusion;
      leftOut.push({ manifest: path, name, excludedBy, place });
    } else if (manifest === undefined) {
      illegal.push(...(found ?? []));
      if (isMember || found !== undefined) {
        unread.add(folderOf(path));
      }
      if (isMember && found === undefined) {
        faults.push(noManifest(path, listed.get(path)));
      }
    } else if (!listed.has(path) && isMember && manifest.document.at(["workspace"])) {
      const { place } = statement(manifest.document, ["workspace"]);
      leftOut.push({ manifest: path, name, excludedBy: undefined, place });
    } else if (isMember || inherits(packageAt(manifest.document, "version").value)) {
      manifests.push(manifest);
      return manifest.dependencies;
    }
    return [];
  }

  let paths = [...listed.keys(), ...usual, ...manifestsOf(root.dependencies)];
  while (paths.length > 0) {
    const wave = [...new Set(paths)].filter(
      (path) => !seen.has(path) && (usual.has(path) || exclusionOf(path) === undefined),
    );
    for (const path of wave) {
      seen.add(path);
    }
    const read = await Promise.all(wave.sort().map((path) => readManifest(tree, path)));
    paths = manifestsOf(read.flatMap(judge));
  }
  manifests.sort((a, b) => (a.path < b.path ? -1 : 1));
  if (packageAt(root.document).value !== undefined) {
    manifests.unshift(root);
  }
  const nameless = manifests.filter(({ document }) => nameIn(document) === undefined);
  return {
    manifests,
    unread,
    leftOut: leftOut.sort((a, b) => (a.manifest < b.manifest ? -1 : 1)),
    faults: [...faults, ...illegal, ...nameless.map(noName)],
  };
}

/** Returns the paths of the manifests in the folders that dependencies name. */
function manifestsOf(dependencies: readonly Dependency[]): string[] {
  return dependencies.flatMap(({ folder }) => (folder === undefined ? [] : [manifestIn(folder)]));
}

function noManifest(path: string, entry: Text | undefined): Finding {
  return error(`Cannot read the workspace: there is no ${path}`, {
    at: entry?.place ?? { file: path },
    remedy: `Add ${path}, or remove it from members in ${layout.workspaceManifest}`,
  });
}

function noName({ path, document }: Manifest): Finding {
  return error(`Cannot read the workspace: ${path} does not name its package`, {
    at: packageAt(document, "name").place,
    remedy: `Give [package] in ${path} a name, or exclude it in ${layout.workspaceManifest}`,
  });
}

/**
 * Returns the manifests that `members` stands for, each with its entry there; those in the usual
 * place; and what returns the entry of `exclude` that keeps a manifest out, if one does.
 */
async function findMembers(tree: Tree, root: Document) {
  const faults: Finding[] = [];
  const members = textsAt(root, ["workspace", "members"], faults);
  const excluded = textsAt(root, ["workspace", "exclude"], faults);
  const [usual, ...expanded] = await Promise.all([
    tree.list(layout.crateManifests),
    ...members.map((entry) => expand(tree, entry)),
  ]);
  const listed = new Map<string, Text>();
  for (const [index, entry] of members.entries()) {
    const meant = expanded[index] ?? [];
    if (typeof meant === "string") {
      faults.push(
        error(`Cannot read the workspace: member ${quote(entry.value)} ${meant}`, {
          at: entry.place,
          remedy: `Remove ${quote(entry.value)} from members in ${layout.workspaceManifest}`,
        }),
      );
    } else {
      for (const path of meant) {
        listed.set(path, entry);
      }
    }
  }
  // As in Cargo: a member that is spelled out, or lies below one that is, is never excluded, and
  // neither list is resolved any further than `./` and needless slashes.
  const folders = members.map(({ value }) => withoutDots(value));
  const exclusionOf = (manifest: string) => {
    const entry = excluded.find(({ value }) => isBelow(manifest, withoutDots(value)));
    return entry && folders.some((each) => isBelow(manifest, each)) ? undefined : entry;
  };
  return { listed, usual: new Set(usual), exclusionOf, faults };
}

/** Returns the manifests that one entry of `members` stands for, or why there is none. */
async function expand(tree: Tree, entry: Text): Promise<readonly string[] | string> {
  const path = inTree("", entry.value);
  if (path === undefined) {
    return "lies outside the workspace folder";
  }
  if (!/[*?[]/.test(path)) {
    return [manifestIn(path)];
  }
  // Braces, backslashes, a leading `!` and `^` in a class mean something to the runtime's globs, and
  // nothing to Cargo's.
  const paths = await tree.list(manifestIn(path).replace(/[{}\\]|^!|(?<=\[)\^/g, "\\$&"));
  return paths.length === 0 ? "matches no crate" : paths;
}

interface Text extends Statement {
  readonly value: string;
}

/** Returns the texts of an array that may be absent; the first thing that is not one is a fault. */
function textsAt(document: Document, path: Path, faults: Finding[]): readonly Text[] {
  const value = document.at(path) ?? [];
  const entries = Array.isArray(value)
    ? value.map((_, index) => statement(document, [...path, index]))
    : [statement(document, path)];
  const isText = (entry: Statement): entry is Text =>
    typeof entry.value === "string" && Array.isArray(value);
  const other = entries.find((entry) => !isText(entry));
  if (other !== undefined) {
    const { describeValue } = require("./unreadable.ts") as typeof import("./unreadable.ts");
    const what = `${path.join(".")} in ${document.source.path}`;
    faults.push(
      error(`Cannot read the workspace: ${what} holds ${describeValue(other.value)}`, {
        at: other.place,
        remedy: `Make ${what} an array of strings`,
      }),
    );
  }
  return entries.filter(isText);
}

function crateOf({ path, document }: Manifest, root: Document): Crate {
  const version = packageAt(document, "version");
  const own = packageAt(document, "publish").value;
  const publish = inherits(own) ? root.at(["workspace", "package", "publish"]) : own;
  return {
    manifest: path,
    name: nameIn(document) ?? path,
    inherits: inherits(version.value),
    version,
    published: publish !== false && !(Array.isArray(publish) && publish.length === 0),
  };
}

/** Returns the name of the sibling that a dependency is on, if it is on one. */
type SiblingFinder = (dependency: Dependency) => string | undefined;

function siblingFinder(manifests: readonly Manifest[], unread: ReadonlySet<string>): SiblingFinder {
  const byFolder = new Map(
    manifests.map(({ folder, document, path }) => [folder, nameIn(document) ?? path]),
  );
  const names = new Set(byFolder.values());
  return ({ folder = "..", name }) =>
    byFolder.get(folder) ?? (unread.has(folder) || names.has(name) ? name : undefined);
}

function pinsIn({ path: manifest, dependencies }: Manifest, siblingOf: SiblingFinder): Pin[] {
  return dependencies.flatMap((dependency) => {
    const { requirement } = dependency;
    const sibling = siblingOf(dependency);
    return sibling === undefined || dependency.inherits || requirement.value === undefined
      ? []
      : [{ manifest, sibling, requirement }];
  });
}

/** Returns each dependency on a sibling or a folder that has no version, where it is declared. */
function unversionedIn(
  published: readonly Manifest[],
  root: Manifest,
  siblingOf: SiblingFinder,
): readonly Unversioned[] {
  const shared = root.dependencies.filter(({ path }) => path[0] === "workspace");
  const sharedByKey = new Map(shared.map((each) => [each.key, each]));
  const found = new Map<Dependency, Unversioned>();
  for (const { path: manifest, dependencies } of published) {
    for (const dependency of dependencies.filter(({ shipped }) => shipped)) {
      const declared = dependency.inherits ? sharedByKey.get(dependency.key) : dependency;
      const isOurs = declared?.local === true || (declared && siblingOf(declared)) !== undefined;
      if (declared?.requirement.value === undefined && declared && isOurs && !found.has(declared)) {
        const { document } = declared.requirement;
        const place = () => placeOf(document, [...declared.path, "path"], undefined);
        found.set(declared, { manifest, name: declared.name, place });
      }
    }
  }
  return [...found.values()];
}
