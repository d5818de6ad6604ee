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
 * `git` or `registry` keys: what `cargo publish` keeps of it is the name and the version, so for
 * whoever installs the crate it means the sibling. `[patch]` counts too, as Cargo refuses a patch
 * whose version does not fit; `[replace]` does not, as it cannot state a version.
 */

import { isAbsolute, join } from "node:path/posix";
import { attempt, error, type Finding, type Place, quote } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Tree } from "../tree.ts";
import { asTable, type Document, type Path, parseToml } from "./document.ts";

/** Where a manifest states a version, or would. */
export interface Statement {
  readonly document: Document;
  /** Keys to the value in the document's data. */
  readonly path: Path;
  /** The value as it is: a string if all is well, undefined if nothing is stated. */
  readonly value: unknown;
  /** The place of the value or of its key; of the table around it if nothing is stated. */
  place(): Place;
}

/** A package that is released with the workspace. */
export interface Crate {
  /** Path of its manifest. */
  readonly manifest: string;
  readonly name: string;
  /** Whether its version is the workspace's. */
  readonly inherits: boolean;
  /** Its own version; if it inherits, where it says so. */
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

/**
 * The version that a requirement states if it means no other: of `1.2.3`, `=1.2.3` and `^1.2.3`.
 * Cargo allows spaces around it, and no other blanks. It may be no legal version.
 */
export function pinnedVersion(requirement: string): string | undefined {
  // Runs of spaces are shortened first: side by side, patterns for them take cubic time.
  const words = requirement.split(" ").filter((word) => word !== "");
  return /^[=^]? ?([^ ]*)$/.exec(words.join(" "))?.[1];
}

/** A dependency that keeps a crate from being published, because it has no version. */
export interface Unversioned {
  /** The manifest of the published crate that depends on it. */
  readonly manifest: string;
  /** Name of the package depended on. */
  readonly name: string;
  /** Where it is declared; an inherited dependency is declared in `[workspace.dependencies]`. */
  place(): Place;
}

/** A crate in the usual place that belongs to no release. */
export interface LeftOut {
  readonly manifest: string;
  /** Path of the folder around it. */
  readonly folder: string;
  /** Name of its package; undefined if that cannot be read. */
  readonly name: string | undefined;
  /** The entry of `exclude` that means it; undefined if it is a workspace of its own instead. */
  readonly excludedBy: string | undefined;
  /** The place of that entry, or where it says that it is a workspace. */
  place(): Place;
}

/** What a tree says about its workspace. */
export interface Workspace {
  /** `[workspace.package].version`; undefined if there is no readable root manifest. */
  readonly version: Statement | undefined;
  /** The root package first, then by path. */
  readonly crates: readonly Crate[];
  /** Every requirement on a sibling: those of the root manifest first, then by path. */
  readonly pins: readonly Pin[];
  readonly unversioned: readonly Unversioned[];
  /** By path. */
  readonly leftOut: readonly LeftOut[];
  /** Why something above may be missing: all of it is there if this is empty. */
  readonly faults: readonly Finding[];
}

/** Reads the workspace of a tree. What cannot be read is a fault, and hides nothing else. */
export async function readWorkspace(tree: Tree): Promise<Workspace> {
  const { manifests, absent, faults } = await readManifests(tree, [layout.workspaceManifest]);
  const [root] = manifests;
  if (root === undefined) {
    const why = absent.length > 0 ? [noRoot()] : faults;
    return { version: undefined, crates: [], pins: [], unversioned: [], leftOut: [], faults: why };
  }
  const found = await readCrates(tree, root);
  const members = found.manifests.map((manifest) => ({
    manifest,
    crate: crateOf(manifest, root.document),
  }));
  const siblingOf = siblingFinder(members, found.unread);
  const stating = [root, ...found.manifests.filter((each) => each !== root)];
  return {
    version: statement(root.document, ["workspace", "package", "version"]),
    crates: members.map(({ crate }) => crate),
    pins: stating.flatMap((manifest) => pinsIn(manifest, siblingOf)),
    unversioned: unversionedIn(members, root, siblingOf),
    leftOut: found.leftOut,
    faults: found.faults,
  };
}

function noRoot(): Finding {
  const file = layout.workspaceManifest;
  return error(`Cannot read the workspace: there is no ${file} at the top level`, {
    at: { file },
    remedy: `Name a checkout that has a ${file} with --repo DIR`,
  });
}

// Manifests

interface Manifest {
  /** Path of the file. */
  readonly path: string;
  /** Path of the folder around it; empty for the top. */
  readonly folder: string;
  readonly document: Document;
  readonly dependencies: readonly Dependency[];
}

/** What came of reading manifests, each in the order in which they were named. */
interface Manifests {
  readonly manifests: readonly Manifest[];
  readonly absent: readonly string[];
  readonly illegal: readonly string[];
  /** What is wrong with the illegal ones. */
  readonly faults: readonly Finding[];
}

async function readManifests(tree: Tree, paths: readonly string[]): Promise<Manifests> {
  const answers = await Promise.all(
    paths.map(async (path) => ({ path, ...(await attempt(() => readManifest(tree, path))) })),
  );
  const unread = answers.filter(({ value }) => value === undefined);
  return {
    manifests: answers.flatMap(({ value }) => (value === undefined ? [] : [value])),
    absent: unread.filter(({ findings }) => findings === undefined).map(({ path }) => path),
    illegal: unread.filter(({ findings }) => findings !== undefined).map(({ path }) => path),
    faults: answers.flatMap(({ findings }) => findings ?? []),
  };
}

async function readManifest(tree: Tree, path: string): Promise<Manifest | undefined> {
  const source = await tree.read(path);
  if (source === undefined) {
    return undefined;
  }
  const folder = folderOf(path);
  const document = parseToml(source);
  return { path, folder, document, dependencies: dependenciesIn(document, path, folder) };
}

// Members

interface Crates {
  /** The root package first, then by path. */
  readonly manifests: readonly Manifest[];
  /** Folders of crates whose manifest is illegal or absent: siblings all the same. */
  readonly unread: readonly string[];
  readonly leftOut: readonly LeftOut[];
  readonly faults: readonly Finding[];
}

async function readCrates(tree: Tree, root: Manifest): Promise<Crates> {
  const { listed, found, findExclusion, faults } = await findMembers(tree, root.document);
  const known = new Set([root.path]);
  const unknown = (paths: readonly string[]) => {
    const fresh = [...new Set(paths)].filter((path) => !known.has(path) && !findExclusion(path));
    for (const path of fresh) {
      known.add(path);
    }
    return fresh.sort();
  };
  const [read, excluded] = await Promise.all([
    readManifests(tree, unknown([...listed.keys(), ...found])),
    readExcluded(tree, found, findExclusion),
  ]);
  const isApart = ({ path, document }: Manifest) =>
    !listed.has(path) && document.at(["workspace"]) !== undefined;
  const crates = read.manifests.filter((manifest) => !isApart(manifest));
  const allFaults = [
    ...faults,
    ...read.absent.map((path) => noManifest(path, listed.get(path))),
    ...read.faults,
  ];
  let latest: readonly Manifest[] = [root, ...crates];
  while (latest.length > 0) {
    const folders = latest.flatMap(({ dependencies }) => dependencies.map(({ folder }) => folder));
    const paths = folders.filter((folder) => folder !== undefined).map(manifestIn);
    const followed = await readManifests(tree, unknown(paths));
    latest = followed.manifests.filter(({ document }) => inherits(packageAt(document, "version")));
    crates.push(...latest);
    allFaults.push(...followed.faults);
  }
  crates.sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifests = packageAt(root.document) === undefined ? crates : [root, ...crates];
  const nameless = manifests.filter(({ document }) => nameIn(document) === undefined);
  return {
    manifests,
    unread: [...read.absent, ...read.illegal].map(folderOf),
    leftOut: [...excluded, ...read.manifests.filter(isApart).map(apart)].sort((a, b) =>
      a.manifest < b.manifest ? -1 : 1,
    ),
    faults: [...allFaults, ...nameless.map(noName)],
  };
}

function apart({ path, folder, document }: Manifest): LeftOut {
  const { place } = statement(document, ["workspace"]);
  return { manifest: path, folder, name: nameIn(document), excludedBy: undefined, place };
}

/** Those of some manifests that are excluded. One that cannot be read is no fault: it is not judged. */
async function readExcluded(
  tree: Tree,
  paths: readonly string[],
  findExclusion: Members["findExclusion"],
): Promise<LeftOut[]> {
  const answers = paths.map(async (path) => {
    const entry = findExclusion(path);
    if (entry === undefined) {
      return [];
    }
    const { value } = await attempt(() => readManifest(tree, path));
    const name = value && nameIn(value.document);
    const { value: excludedBy, place } = entry;
    return [{ manifest: path, folder: folderOf(path), name, excludedBy, place }];
  });
  return (await Promise.all(answers)).flat();
}

interface Members {
  /** The manifests that `members` means, each with the entry that says so. */
  readonly listed: ReadonlyMap<string, Statement>;
  /** The manifests in the usual place. */
  readonly found: readonly string[];
  /** The entry of `exclude` that keeps a manifest out, or undefined if none does. */
  readonly findExclusion: (manifest: string) => Text | undefined;
  readonly faults: readonly Finding[];
}

async function findMembers(tree: Tree, root: Document): Promise<Members> {
  const members = textsAt(root, ["workspace", "members"]);
  const excluded = textsAt(root, ["workspace", "exclude"]);
  const [found, ...expanded] = await Promise.all([
    tree.list(layout.crateManifests),
    ...members.texts.map((entry) => expand(tree, entry)),
  ]);
  const faults = [...members.faults, ...excluded.faults];
  const listed = new Map<string, Statement>();
  for (const [index, entry] of members.texts.entries()) {
    const meant = expanded[index];
    if (typeof meant === "string") {
      faults.push(badMember(entry, meant));
    }
    for (const path of Array.isArray(meant) ? meant : []) {
      listed.set(path, entry);
    }
  }
  // As Cargo has it: a member that is spelled out, or lies below one that is, is never excluded,
  // and neither list is resolved any further than `./` and needless slashes.
  const spelled = members.texts.map(({ value }) => withoutDots(value));
  const barred = excluded.texts.map((entry) => ({ entry, folder: withoutDots(entry.value) }));
  const findExclusion = (manifest: string) => {
    const entry = barred.find(({ folder }) => isBelow(manifest, folder))?.entry;
    return entry && spelled.some((each) => isBelow(manifest, each)) ? undefined : entry;
  };
  return { listed, found, findExclusion, faults };
}

/** The manifests that one entry of `members` means, or why it means none. */
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

function badMember(entry: Text, why: string): Finding {
  return error(`Cannot read the workspace: member ${quote(entry.value)} ${why}`, {
    at: entry.place(),
    remedy: `Remove ${quote(entry.value)} from members in ${layout.workspaceManifest}`,
  });
}

function noManifest(path: string, entry: Statement | undefined): Finding {
  return error(`Cannot read the workspace: there is no ${path}`, {
    at: entry?.place() ?? { file: path },
    remedy: `Add ${path}, or remove it from members in ${layout.workspaceManifest}`,
  });
}

function noName({ path, document }: Manifest): Finding {
  const { place } = statement(document, [...packagePath(document), "name"]);
  return error(`Cannot read the workspace: ${path} does not name its package`, {
    at: place(),
    remedy: `Give [package] in ${path} a name, or exclude it in ${layout.workspaceManifest}`,
  });
}

interface Text extends Statement {
  readonly value: string;
}

/** The texts of an array that may be absent, and what is wrong with it. */
function textsAt(document: Document, path: Path): { texts: Text[]; faults: Finding[] } {
  const value = document.at(path) ?? [];
  const entries = Array.isArray(value)
    ? value.map((_, index) => statement(document, [...path, index]))
    : [statement(document, path)];
  const isText = (entry: Statement): entry is Text =>
    typeof entry.value === "string" && entry.path !== path;
  return {
    texts: entries.filter(isText),
    faults: entries.filter((entry) => !isText(entry)).map((entry) => notTexts(entry, path)),
  };
}

function notTexts(entry: Statement, path: Path): Finding {
  const { file } = entry.place();
  const shown = `${path.join(".")} in ${file}`;
  return error(`Cannot read the workspace: ${shown} holds ${kindOf(entry.value)}`, {
    at: entry.place(),
    remedy: `Make ${shown} an array of strings`,
  });
}

/** What a TOML value that ought to be a text is instead, for a message. */
export function kindOf(value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
    return `the ${typeof value === "boolean" ? "boolean" : "number"} ${value}`;
  }
  if (typeof value === "string") {
    return `the string ${quote(value)}`;
  }
  return Array.isArray(value) ? "an array" : value instanceof Date ? "a date" : "a table";
}

// Paths

/** A path as Cargo compares it: without `.` and needless slashes, `..` kept. */
function withoutDots(path: string): string {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

function isBelow(path: string, folder: string): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}

/** A folder named from another one, from the top of the tree; undefined if it is not in there. */
function inTree(from: string, path: string): string | undefined {
  const resolved = withoutDots(join(from, path));
  return isAbsolute(path) || /^\.\.(\/|$)/.test(resolved) ? undefined : resolved;
}

function folderOf(manifest: string): string {
  return manifest.slice(0, Math.max(0, manifest.lastIndexOf("/")));
}

function manifestIn(folder: string): string {
  return folder === "" ? "Cargo.toml" : `${folder}/Cargo.toml`;
}

// Packages

/** A key of `[package]`, or of `[project]` as it was once called; without one, the table. */
function packageAt(document: Document, key?: string): unknown {
  const path = packagePath(document);
  return document.at(key === undefined ? path : [...path, key]);
}

function nameIn(document: Document): string | undefined {
  const name = packageAt(document, "name");
  return typeof name === "string" ? name : undefined;
}

function packagePath(document: Document): Path {
  return document.at(["package"]) === undefined && document.at(["project"]) !== undefined
    ? ["project"]
    : ["package"];
}

/** Whether a value says `workspace = true`. */
function inherits(value: unknown): boolean {
  return asTable(value)?.workspace === true;
}

function crateOf({ path, document }: Manifest, root: Document): Crate {
  const version = statement(document, [...packagePath(document), "version"]);
  const own = packageAt(document, "publish");
  const publish = inherits(own) ? root.at(["workspace", "package", "publish"]) : own;
  return {
    manifest: path,
    name: nameIn(document) ?? path,
    inherits: inherits(version.value),
    version,
    published: publish !== false && !(Array.isArray(publish) && publish.length === 0),
  };
}

function statement(document: Document, path: Path): Statement {
  const value = document.at(path);
  return { document, path, value, place: () => placeOf(document, path, value) };
}

/**
 * The place of a value. A key `version` or an entry of an array is looked up as what it is; any
 * other key (a dependency `name = "1.2.3"`) by its value, since one look-up then serves all alike.
 */
function placeOf(document: Document, path: Path, value: unknown): Place {
  const isText = typeof value === "string";
  // A key that is spelled with escapes has no place of its own.
  const byValue = isText && (path.at(-1) !== "version" || document.place(path).line === undefined);
  const offset = byValue ? document.textOffsets(path, value)[0] : undefined;
  if (offset !== undefined) {
    return document.source.place(offset);
  }
  for (let length = path.length; length > 0; length -= 1) {
    const place = document.place(path.slice(0, length));
    if (place.line !== undefined) {
      return place;
    }
  }
  return document.source.place();
}

// Dependencies

interface Dependency {
  readonly manifest: string;
  /** Keys to the entry in its manifest. */
  readonly path: Path;
  readonly key: string;
  /** Name of the package depended on. */
  readonly name: string;
  /** Whether it says `path`, and the folder that means if it is in the tree. */
  readonly local: boolean;
  readonly folder: string | undefined;
  /** Whether `[workspace.dependencies]` says the rest. */
  readonly inherits: boolean;
  /** Whether it goes to the registry with its crate. */
  readonly shipped: boolean;
  readonly requirement: Statement;
}

interface DependencyTable {
  readonly path: Path;
  readonly shipped: boolean;
}

/** The names of dependency tables, each with its old spelling, which counts if it is alone. */
const tableNames = [
  { names: ["dependencies"], shipped: true },
  { names: ["build-dependencies", "build_dependencies"], shipped: true },
  // `cargo publish` drops a development dependency that has no version.
  { names: ["dev-dependencies", "dev_dependencies"], shipped: false },
];

function dependencyTables(document: Document, manifest: string): DependencyTable[] {
  const keysAt = (key: string) => Object.keys(asTable(document.at([key])) ?? {});
  const scopes: Path[] = [[], ...keysAt("target").map((target) => ["target", target])];
  const tables = scopes.flatMap((scope) =>
    tableNames.flatMap(({ names, shipped }) => {
      const paths = names.map((name) => [...scope, name]);
      const path = paths.find((each) => document.at(each) !== undefined);
      return path === undefined ? [] : [{ path, shipped }];
    }),
  );
  if (manifest !== layout.workspaceManifest) {
    return tables;
  }
  const ofWorkspace = [
    workspaceDependencies,
    ...keysAt("patch").map((source) => ["patch", source]),
  ];
  return [...ofWorkspace.map((path) => ({ path, shipped: false })), ...tables];
}

const workspaceDependencies: Path = ["workspace", "dependencies"];

function dependenciesIn(document: Document, manifest: string, folder: string): Dependency[] {
  return dependencyTables(document, manifest).flatMap(({ path, shipped }) =>
    Object.entries(asTable(document.at(path)) ?? {}).map(([key, entry]) => {
      const table = asTable(entry) ?? {};
      return {
        manifest,
        path: [...path, key],
        key,
        name: typeof table.package === "string" ? table.package : key,
        local: table.path !== undefined,
        folder: typeof table.path === "string" ? inTree(folder, table.path) : undefined,
        inherits: inherits(table),
        shipped,
        requirement: statement(
          document,
          table === entry ? [...path, key, "version"] : [...path, key],
        ),
      };
    }),
  );
}

interface Member {
  readonly manifest: Manifest;
  readonly crate: Crate;
}

/** Names the sibling that a dependency is on, if it is on one. */
type SiblingFinder = (dependency: Dependency) => string | undefined;

function siblingFinder(members: readonly Member[], unread: readonly string[]): SiblingFinder {
  const names = new Set(members.map(({ crate }) => crate.name));
  const byFolder = new Map(members.map(({ manifest, crate }) => [manifest.folder, crate.name]));
  const nameless = new Set(unread);
  return ({ folder, name }) => {
    const there = folder === undefined ? undefined : byFolder.get(folder);
    const unknown = folder !== undefined && nameless.has(folder);
    return there ?? (unknown || names.has(name) ? name : undefined);
  };
}

function pinsIn({ dependencies }: Manifest, siblingOf: SiblingFinder): Pin[] {
  return dependencies.flatMap((dependency) => {
    const { manifest, requirement } = dependency;
    const sibling = siblingOf(dependency);
    return sibling === undefined || dependency.inherits || requirement.value === undefined
      ? []
      : [{ manifest, sibling, requirement }];
  });
}

function unversionedIn(
  members: readonly Member[],
  root: Manifest,
  siblingOf: SiblingFinder,
): Unversioned[] {
  const shared = new Map(
    root.dependencies
      .filter(({ path }) => path[0] === "workspace")
      .map((dependency) => [dependency.key, dependency]),
  );
  const told = new Set<Dependency>();
  return members
    .filter(({ crate }) => crate.published)
    .flatMap(({ manifest }) => manifest.dependencies.filter(({ shipped }) => shipped))
    .flatMap((dependency) => {
      const declared = dependency.inherits ? shared.get(dependency.key) : dependency;
      if (declared === undefined || told.has(declared) || !lacksVersion(declared, siblingOf)) {
        return [];
      }
      told.add(declared);
      const { requirement, path, name } = declared;
      const place = () => placeOf(requirement.document, [...path, "path"], undefined);
      return [{ manifest: dependency.manifest, name, place }];
    });
}

function lacksVersion(dependency: Dependency, siblingOf: SiblingFinder): boolean {
  return (
    dependency.requirement.value === undefined &&
    (dependency.local || siblingOf(dependency) !== undefined)
  );
}
