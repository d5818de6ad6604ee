/**
 * Reads the Cargo workspace of a tree: its version, its crates, and their requirements on each
 * other.
 *
 * Crates are those of `[workspace].members` without `exclude`, as Cargo reads them, those that
 * `layout.crateManifests` finds, and the root package. For Cargo every path dependency inside the
 * workspace is a member, too. This module includes it only if it inherits the workspace version or
 * the layout names it, because it may have a different one. A crate that is a separate workspace
 * (such as a fuzz crate) and that `members` does not list is not released. Nor is a member with
 * `publish = false` in another place (such as an xtask) that the layout does not name.
 *
 * A dependency is on a sibling if its `path` leads to one or its package has the name of one, even
 * with `git` or `registry` keys: `cargo publish` keeps the name and the version, which select the
 * sibling when the crate is installed. Under another name and without `path` (`old = { package = "sample",
 * version = "=1.1.0" }`) it is on another release, such as the one to compare with. `[patch]` is included, because Cargo refuses a patch with an
 * unsuitable version. `[replace]` is not, because it cannot state a version.
 */

import { error, type Finding, type Place, quote } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Tree } from "../tree.ts";
import { compareVersions, isVersion, type Version } from "../version.ts";
import {
  type Dependency,
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
import { admits } from "./cargo-requirement.ts";
import type { Document, Path } from "./document.ts";

/** What the layout says about the workspace. */
type WorkspaceLayout = Pick<
  typeof layout,
  "workspaceManifest" | "crateManifests" | "rangesBetweenCrates" | "product" | "published"
>;

/** A package of the workspace. */
export interface Crate {
  /** Path of its manifest. */
  readonly manifest: string;
  readonly name: string;
  /** Whether it inherits the workspace version. */
  readonly inherits: boolean;
  /** Its own version, or `version.workspace`. */
  readonly version: Statement;
  /** Whether `cargo publish` can publish it. */
  readonly published: boolean;
}

/** A version requirement on a sibling crate. */
export interface Pin {
  /** Path of the manifest that states it. */
  readonly manifest: string;
  /** Name of the required crate. */
  readonly sibling: string;
  readonly requirement: Statement;
  /** Whether it may be a range that admits the version, instead of stating it. */
  readonly mayBeRange: boolean;
}

/** A dependency without a version, which prevents publishing a crate. */
export interface Unversioned {
  /** The manifest of the published crate that depends on it. */
  readonly manifest: string;
  /** Name of the package. */
  readonly name: string;
  /** Returns the place of its declaration, which may be in `[workspace.dependencies]`. */
  place(): Place;
}

/** A crate that `layout.crateManifests` finds but that is not released. */
export interface LeftOut {
  readonly manifest: string;
  /** Name of its package; undefined if it cannot be read. */
  readonly name: string | undefined;
  /** The matching entry of `exclude`; undefined if the crate is a separate workspace. */
  readonly excludedBy: string | undefined;
  /** Returns the place of that entry, or of the crate's `[workspace]`. */
  place(): Place;
}

/** The workspace of a tree. */
export interface Workspace {
  /** Path of the root manifest. */
  readonly manifest: string;
  /** `[workspace.package].version`; undefined if there is none to inherit. */
  readonly shared: Statement | undefined;
  /**
   * The shared version, else the root package's, else the greatest of the crates; undefined if
   * there is none.
   */
  readonly version: Statement | undefined;
  /** Those that are released: the root package first, the others sorted by path. */
  readonly crates: readonly Crate[];
  /** The other members: those that the layout does not name, and that cannot be published. */
  readonly unreleased: readonly Crate[];
  /** Those of the root manifest first, the others sorted by path. */
  readonly pins: readonly Pin[];
  readonly unversioned: readonly Unversioned[];
  /** Sorted by path. */
  readonly leftOut: readonly LeftOut[];
  /** What could not be read. Without faults, the other members are complete. */
  readonly faults: readonly Finding[];
}

/**
 * Returns the version in a requirement of the form `1.2.3`, `=1.2.3` or `^1.2.3`, with any spaces
 * that Cargo allows; otherwise undefined. The version may be illegal.
 */
export function pinnedVersion(requirement: string): string | undefined {
  // Runs of spaces are shortened first, because adjacent patterns for them take cubic time.
  const words = requirement.split(" ").filter((word) => word !== "");
  return /^[=^]? ?([^ ]*)$/.exec(words.join(" "))?.[1];
}

/** Reports whether a requirement states a version, or may be a range and admits it. */
export function suits({ requirement: { value }, mayBeRange }: Pin, version: Version): boolean {
  return (
    typeof value === "string" &&
    (pinnedVersion(value) === version || (mayBeRange && admits(value, version)))
  );
}

/** Returns the version of a workspace; undefined if it has none that is strict SemVer. */
export function versionIn({ version }: Workspace): Version | undefined {
  const value = version?.value;
  return typeof value === "string" && isVersion(value) ? value : undefined;
}

/** Reads the workspace of a tree. An unreadable file is a fault; the others are still read. */
export async function readWorkspace(tree: Tree, of: WorkspaceLayout = layout): Promise<Workspace> {
  const file = of.workspaceManifest;
  const { manifest: root, faults } = await readManifest(tree, file, true);
  if (root === undefined) {
    const absent = error(`Cannot read the workspace: there is no ${file} at the top level`, {
      at: { file },
      remedy: `Name a checkout that has a ${file} with --repo DIR`,
    });
    const versions = { shared: undefined, version: undefined };
    const none = { crates: [], unreleased: [], pins: [], unversioned: [], leftOut: [] };
    return { manifest: file, ...versions, ...none, faults: faults ?? [absent] };
  }
  const { manifests, isUsual, unread, leftOut, faults: found } = await readCrates(tree, root, of);
  const stated = statement(root.document, ["workspace", "package", "version"]);
  const shared = stated.value === undefined ? undefined : stated;
  const crates = new Map(manifests.map((each) => [each, crateOf(each, root.document)]));
  function isReleased(each: Manifest): boolean {
    const crate = crates.get(each);
    return (
      crate !== undefined &&
      (crate.published ||
        isUsual(crate.manifest) ||
        isNamed(crate.name, of) ||
        // Without a shared version, that of the root package is the workspace's.
        (each === root && shared === undefined))
    );
  }
  const orphans = [...crates.values()].filter((each) => each.inherits && shared === undefined);
  const released = manifests.filter(isReleased);
  const others = new Set(manifests).difference(new Set(released));
  const cratesOf = (list: readonly Manifest[]) => list.flatMap((each) => crates.get(each) ?? []);
  // The version of a member that inherits it moves, released or not.
  const moving = manifests.filter((each) => !others.has(each) || crates.get(each)?.inherits);
  const siblingOf = siblingFinder(moving, unread);
  const unreleased = cratesOf([...others]);
  const isFree = (name: string) => unreleased.some((each) => each.name === name);
  const mayBeRange = rangeRule(manifests, others, of);
  const stating = [root, ...manifests.filter((each) => each !== root)];
  const published = manifests.filter((each) => crates.get(each)?.published);
  return {
    manifest: file,
    shared,
    version: shared ?? versionOf(cratesOf(released), root),
    crates: cratesOf(released),
    unreleased,
    pins: stating.flatMap((each) => pinsIn(each, siblingOf, mayBeRange, isFree)),
    unversioned: unversionedIn(published, root, siblingOf),
    leftOut,
    faults: [...found, ...orphans.map((each) => inheritsNothing(each, file))],
  };
}

function inheritsNothing({ manifest, version }: Crate, root: string): Finding {
  return error(
    `Cannot read the workspace: ${manifest} inherits a workspace version, and there is none`,
    { at: version.place, remedy: `Set version = "X.Y.Z" in [workspace.package] of ${root}` },
  );
}

/** Reports whether the layout names a package: as the product, or among the published crates. */
function isNamed(name: string | undefined, { product, published }: WorkspaceLayout): boolean {
  return name !== undefined && (name === product || published.crates?.includes(name) === true);
}

/** Returns the version that the root package states, else the greatest that a crate states. */
function versionOf(crates: readonly Crate[], { path }: Manifest): Statement | undefined {
  const own = crates.filter((each) => !each.inherits && each.version.value !== undefined);
  const ofRoot = own.find(({ manifest }) => manifest === path);
  const valid = own.flatMap(({ version }) => {
    const { value } = version;
    return typeof value === "string" && isVersion(value) ? [{ version, value }] : [];
  });
  valid.sort((one, other) => compareVersions(other.value, one.value));
  return ofRoot?.version ?? valid[0]?.version;
}

/**
 * Reads the members and the crates of `layout.crateManifests`, then their path dependencies, and so
 * on. Returns the manifests of the crates (the root package first, the others sorted by path), the
 * paths of those that cannot be read, and the crates that are left out.
 */
async function readCrates(tree: Tree, root: Manifest, of: WorkspaceLayout) {
  const { listed, usual, exclusionOf, faults } = await findMembers(tree, root, of);
  const manifests: Manifest[] = [];
  const leftOut: LeftOut[] = [];
  const illegal: Finding[] = [];
  const unread = new Set<string>();
  const seen = new Set([root.path]);

  function judge({ path, manifest, faults: found }: Awaited<ReturnType<typeof readManifest>>) {
    const name = manifest && nameIn(manifest.document);
    const exclusion = exclusionOf(path);
    const isMember = listed.has(path) || usual.has(path);
    if (exclusion !== undefined) {
      // An excluded manifest may be invalid: its faults are ignored.
      const { value: excludedBy, place } = exclusion;
      leftOut.push({ manifest: path, name, excludedBy, place });
    } else if (manifest === undefined) {
      illegal.push(...(found ?? []));
      if (isMember) {
        unread.add(path);
      }
      if (isMember && found === undefined) {
        faults.push(
          error(`Cannot read the workspace: there is no ${path}`, {
            at: listed.get(path)?.place ?? { file: path },
            remedy: `Add ${path}, or remove it from members in ${root.path}`,
          }),
        );
      }
    } else if (!listed.has(path) && isMember && manifest.document.at(["workspace"])) {
      const { place } = statement(manifest.document, ["workspace"]);
      leftOut.push({ manifest: path, name, excludedBy: undefined, place });
    } else if (
      isMember ||
      isNamed(name, of) ||
      inherits(packageAt(manifest.document, "version").value)
    ) {
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
    isUsual: (path: string) => usual.has(path),
    leftOut: leftOut.sort((a, b) => (a.manifest < b.manifest ? -1 : 1)),
    faults: [...faults, ...illegal, ...nameless.map((each) => noName(each, root))],
  };
}

/** Returns the paths of the manifests in the folders that dependencies name. */
function manifestsOf(dependencies: readonly Dependency[]): string[] {
  return dependencies.flatMap(({ folder }) => (folder === undefined ? [] : [manifestIn(folder)]));
}

function noName({ path, document }: Manifest, root: Manifest): Finding {
  return error(`Cannot read the workspace: ${path} does not name its package`, {
    at: packageAt(document, "name").place,
    remedy: `Give [package] in ${path} a name, or exclude it in ${root.path}`,
  });
}

/**
 * Returns the manifests that `members` lists, each with its entry; those of
 * `layout.crateManifests`; and a function that returns the entry of `exclude` that excludes a
 * manifest, if there is one.
 */
async function findMembers(tree: Tree, root: Manifest, { crateManifests }: WorkspaceLayout) {
  const faults: Finding[] = [];
  const members = textsAt(root.document, ["workspace", "members"], faults);
  const excluded = textsAt(root.document, ["workspace", "exclude"], faults);
  const [usual, ...expanded] = await Promise.all([
    tree.list(crateManifests),
    ...members.map((entry) => expand(tree, root.folder, entry)),
  ]);
  const listed = new Map<string, Text>();
  for (const [index, entry] of members.entries()) {
    const meant = expanded[index] ?? [];
    if (typeof meant === "string") {
      faults.push(
        error(`Cannot read the workspace: member ${quote(entry.value)} ${meant}`, {
          at: entry.place,
          remedy: `Remove ${quote(entry.value)} from members in ${root.path}`,
        }),
      );
    } else {
      for (const path of meant) {
        listed.set(path, entry);
      }
    }
  }
  // As in Cargo, `exclude` never excludes an entry of `members` or a path below one, and paths are
  // compared without `./` and extra slashes, but are not resolved further.
  const folderAt = ({ value }: Text) => withoutDots(`${root.folder}/${value}`);
  const folders = members.map(folderAt);
  const exclusionOf = (manifest: string) => {
    const entry = excluded.find((each) => isBelow(manifest, folderAt(each)));
    return entry && folders.some((each) => isBelow(manifest, each)) ? undefined : entry;
  };
  return { listed, usual: new Set(usual), exclusionOf, faults };
}

/** Returns the manifests that one entry of `members` lists, or the reason why there is none. */
async function expand(tree: Tree, from: string, entry: Text): Promise<readonly string[] | string> {
  const path = inTree(from, entry.value);
  if (path === undefined) {
    return "lies outside the workspace folder";
  }
  if (!/[*?[]/.test(path)) {
    return [manifestIn(path)];
  }
  // Braces, backslashes, a leading `!` and `^` in a class are special in the runtime's globs, but
  // not in Cargo's.
  const paths = await tree.list(manifestIn(path).replace(/[{}\\]|^!|(?<=\[)\^/g, "\\$&"));
  return paths.length === 0 ? "matches no crate" : paths;
}

interface Text extends Statement {
  readonly value: string;
}

/** Returns the texts of an optional array. Adds a fault for the first element of another type. */
function textsAt(document: Document, path: Path, faults: Finding[]): readonly Text[] {
  const value = document.at(path) ?? [];
  const entries = Array.isArray(value)
    ? value.map((_, index) => statement(document, [...path, index]))
    : [statement(document, path)];
  const isText = (entry: Statement): entry is Text =>
    typeof entry.value === "string" && Array.isArray(value);
  const other = entries.find((entry) => !isText(entry));
  if (other !== undefined) {
    const what = `${path.join(".")} in ${document.source.path}`;
    const { describeValue } = require("./unreadable.ts") as typeof import("./unreadable.ts");
    faults.push(
      error(`Cannot read the workspace: ${what} holds ${describeValue(other.value, "TOML")}`, {
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
  // As in Cargo, a package without a version is 0.0.0, and cannot be published.
  const isVersioned = version.value !== undefined;
  const publish = inherits(own) ? root.at(["workspace", "package", "publish"]) : own;
  return {
    manifest: path,
    name: nameIn(document) ?? path,
    inherits: inherits(version.value),
    version,
    published:
      isVersioned && publish !== false && !(Array.isArray(publish) && publish.length === 0),
  };
}

/** Returns the name of the sibling that a dependency is on, or undefined. */
type SiblingFinder = (dependency: Dependency) => string | undefined;

/** @param unread Paths of the manifests that cannot be read: their crates have unknown names. */
function siblingFinder(manifests: readonly Manifest[], unread: ReadonlySet<string>): SiblingFinder {
  const byFolder = new Map(
    manifests.map(({ folder, document, path }) => [folder, nameIn(document) ?? path]),
  );
  const names = new Set(byFolder.values());
  const named = (name: string, folder: string) =>
    names.has(name) || unread.has(manifestIn(folder)) ? name : undefined;
  return ({ key, local, folder = "..", name }) =>
    byFolder.get(folder) ?? (local || key === name ? named(name, folder) : undefined);
}

/** Reports whether a requirement in a manifest may be a range. */
type RangeRule = (dependency: Dependency, manifest: Manifest) => boolean;

/**
 * Returns the rule for ranges. An exact requirement of a development dependency prevents publishing
 * crates that need each other, because it names a version that is not published yet. A shared
 * requirement is one of those only if no released crate inherits it as a normal dependency.
 */
function rangeRule(
  manifests: readonly Manifest[],
  others: ReadonlySet<Manifest>,
  { rangesBetweenCrates }: WorkspaceLayout,
): RangeRule {
  const mayBe: RangeRule = ({ kind }, manifest) =>
    rangesBetweenCrates || kind === "development" || (kind === "normal" && others.has(manifest));
  const inheriting = manifests.flatMap((manifest) =>
    manifest.dependencies
      .filter((each) => each.inherits)
      .map((each) => ({ key: each.key, mayBe: mayBe(each, manifest) })),
  );
  const users = Map.groupBy(inheriting, ({ key }) => key);
  return (dependency, manifest) =>
    dependency.kind === "shared"
      ? rangesBetweenCrates || users.get(dependency.key)?.every((each) => each.mayBe) === true
      : mayBe(dependency, manifest);
}

/** @param isFree Whether any requirement on a crate may be a range, because it is not published. */
function pinsIn(
  stating: Manifest,
  siblingOf: SiblingFinder,
  mayBeRange: RangeRule,
  isFree: (sibling: string) => boolean,
): Pin[] {
  const { path: manifest, dependencies } = stating;
  return dependencies.flatMap((each) => {
    const { requirement } = each;
    const sibling = siblingOf(each);
    return sibling === undefined || each.inherits || requirement.value === undefined
      ? []
      : [
          {
            manifest,
            sibling,
            requirement,
            mayBeRange: isFree(sibling) || mayBeRange(each, stating),
          },
        ];
  });
}

/** Returns the dependencies of published crates on a sibling or a folder that have no version. */
function unversionedIn(
  published: readonly Manifest[],
  root: Manifest,
  siblingOf: SiblingFinder,
): readonly Unversioned[] {
  const shared = root.dependencies.filter(({ kind }) => kind === "shared");
  const sharedByKey = new Map(shared.map((each) => [each.key, each]));
  const found = new Map<Dependency, Unversioned>();
  for (const { path: manifest, dependencies } of published) {
    for (const dependency of dependencies.filter(({ kind }) => kind === "normal")) {
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
