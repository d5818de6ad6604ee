/**
 * The table of version references: every place where the version of a release is written. The audit
 * reads it and the bump writes by it, so that they cannot disagree.
 */

import { isDay } from "../calendar.ts";
import { attempt, type Finding, LocatedSyntaxError, type Place, quote } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Source, Tree } from "../tree.ts";
import { isVersion, type Version } from "../version.ts";
import { pinnedVersion, readWorkspace, type Workspace } from "./cargo.ts";
import type { Statement } from "./cargo-manifest.ts";
import { awaitsDate, dateByHand, readChangelog, type Section, sectionsOf } from "./changelog.ts";
import { chartManifest } from "./chart.ts";
import { type ProductImages, type PromisedImage, readProductImages } from "./chart-images.ts";
import { asTable, type Document, describeValue, type Path, parseJson } from "./document.ts";
import type { Change, Span } from "./edit.ts";
import { lockedVersions } from "./lockfile.ts";
import { placeInside } from "./places.ts";
import {
  findCodeConstants,
  findConstants,
  findInCode,
  findMentions,
  findUnclearConstants,
  findUnclearMentions,
} from "./snippets.ts";
import { refuseLineBreaks } from "./unreadable.ts";

/** The version that a reference goes with: a chart's own may run ahead of the application's. */
export type Followed = "application" | "appVersion" | "chart";

/** The versions that references are judged by or brought to; what follows none is not read. */
export type Versions = { readonly [kind in Followed]?: Version };

/** The versions of an application release; the chart's own is not its matter. */
export function applicationVersions(version: Version): Versions {
  return { application: version, appVersion: version };
}

/** One kind of reference. */
export interface Row {
  readonly name: string;
  /** The files that hold it, as globs where they are many. */
  readonly where: readonly string[];
  readonly follows: Followed;
  /** Whether a gate refuses a stale one; the others are the operator's to keep. */
  readonly enforced: boolean;
  /** How often a file must hold it at least: with fewer the row has gone blind. */
  readonly least: number;
  /** What the section must have, for a row that looks for one: a bump makes it as a whole. */
  readonly section?: { readonly date: boolean };
  /** The files that are there, each with its references. */
  find(reading: Reading): Promise<readonly InFile[]>;
}

interface InFile {
  readonly file: string;
  readonly found: readonly Found[];
  /** Where it seems to hold one that can be neither judged nor edited. */
  readonly unclear?: readonly Unclear[];
}

/** A place that seems to hold a reference. */
interface Unclear {
  readonly at: Place;
  /** What is to be written there so that it is read, in words. */
  readonly clear: string;
}

/** A reference, before it belongs to a row. */
interface Found {
  readonly file: string;
  /** What states the version, as a short label. */
  readonly what: string;
  /** What is written there, as far as it is about the version. */
  readonly written: string;
  /** The version that it states; undefined if it states none, or not as it should. */
  readonly version: string | undefined;
  place(): Place;
  /** What must be written for a version. */
  becomes(version: Version): string;
  readonly site: Site;
  /** Whether it is a heading with nothing below it. */
  readonly hollow?: boolean;
  /** What mends it if a bump refuses to. */
  readonly byHand?: string | undefined;
  /** What a bump leaves to be done about it. */
  readonly caveat?: { readonly message: string; readonly remedy: string };
}

/** A place where a version is written. */
export interface Reference extends Found {
  readonly row: Row;
}

/** How a reference is brought to a version. */
export type Site = ValueSite | TextSite | SectionSite;

/** A part of a value in a document. */
export interface ValueSite {
  readonly kind: "value";
  readonly document: Document;
  /** @throws {LocatedSyntaxError} If the value is spelled so that it cannot be changed alone. */
  change(version: Version): Change;
}

/** A span of a text without a grammar. */
export interface TextSite {
  readonly kind: "text";
  readonly source: Source;
  readonly span: Span;
  /** Finds this kind of span again. */
  readonly find: Finder;
}

/** A section of a changelog: its row says how it is made. */
export interface SectionSite {
  readonly kind: "section";
}

type Finder = (source: Source) => readonly Span[];

/** What the rows read, each file once. */
interface Reading {
  readonly tree: Tree;
  readonly workspace: Workspace;
  readonly versions: Versions;
  source(path: string): Promise<Source | undefined>;
  /** Undefined if there is no chart. */
  images(): Promise<ProductImages | undefined>;
}

/** References of a tree, and what kept others from being found. */
export interface References {
  /** In the order of the table, then by file, then as written. */
  readonly references: readonly Reference[];
  /** Files that are there and no longer hold what a row looks for. */
  readonly blind: readonly { readonly row: Row; readonly file: string }[];
  /** Places that seem to hold a reference, in a spelling that can be neither judged nor edited. */
  readonly unclear: readonly (Unclear & { readonly row: Row })[];
  readonly workspace: Workspace;
  /** Why references may be missing, beside the faults of the workspace. */
  readonly faults: readonly Finding[];
}

/**
 * Reads the references of a tree that follow one of some versions.
 *
 * @param versions Of a changelog's sections, that of its version is the one that counts.
 */
export async function readReferences(tree: Tree, versions: Versions): Promise<References> {
  const reading = await startReading(tree, versions);
  const rows = table.filter(({ follows }) => versions[follows] !== undefined);
  const answers = await Promise.all(
    rows.map(async (row) => ({ row, ...(await attempt(() => row.find(reading))) })),
  );
  const faults = answers.flatMap(({ findings }) => findings ?? []);
  return {
    references: answers.flatMap(({ row, value }) =>
      (value ?? []).flatMap(({ found }) => found.map((each) => ({ ...each, row }))),
    ),
    blind: answers.flatMap(({ row, value }) =>
      (value ?? [])
        .filter(({ found }) => found.length < row.least)
        .map(({ file }) => ({ row, file })),
    ),
    unclear: answers.flatMap(({ row, value }) =>
      (value ?? []).flatMap(({ unclear = [] }) => unclear.map((each) => ({ ...each, row }))),
    ),
    workspace: reading.workspace,
    // Rows that read the same file meet the same faults.
    faults: [...new Map(faults.map((each) => [JSON.stringify(each), each])).values()],
  };
}

/** Whether a reference states another version than the one that it follows. */
export function isStale({ row, version }: Reference, versions: Versions): boolean {
  return version !== versions[row.follows];
}

/**
 * The references of a tree that do not state the version of an application release, enforced ones
 * included. What could not be read is in `faults`.
 */
export async function staleReferences(
  tree: Tree,
  version: Version,
): Promise<{ readonly stale: readonly Reference[]; readonly faults: readonly Finding[] }> {
  const versions = applicationVersions(version);
  const { references, workspace, faults } = await readReferences(tree, versions);
  return {
    stale: references.filter((each) => isStale(each, versions)),
    faults: [...workspace.faults, ...faults],
  };
}

async function startReading(tree: Tree, versions: Versions): Promise<Reading> {
  const sources = new Map<string, Promise<Source | undefined>>();
  let images: Promise<ProductImages | undefined> | undefined;
  function source(path: string): Promise<Source | undefined> {
    const known = sources.get(path) ?? tree.read(path);
    sources.set(path, known);
    return known;
  }
  return {
    tree,
    workspace: await readWorkspace(tree),
    versions,
    source,
    images() {
      images ??= source(chartManifest(layout.chart)).then((manifest) =>
        manifest === undefined ? undefined : readProductImages(tree, layout.chart),
      );
      return images;
    },
  };
}

// The table

const { references: paths } = layout;
const manifest = chartManifest(layout.chart);

/** Every kind of reference, in the order of PROCEDURE steps 2 and 3. */
export const table: readonly Row[] = [
  {
    name: "workspace version",
    where: [layout.workspaceManifest],
    follows: "application",
    enforced: true,
    least: 1,
    find: async ({ workspace: { version } }) => byFile(version ? stated(version) : []),
  },
  {
    name: "version of a crate",
    where: [layout.crateManifests],
    follows: "application",
    enforced: true,
    least: 0,
    find: async ({ workspace: { crates } }) =>
      byFile(crates.filter(({ inherits }) => !inherits).flatMap((crate) => stated(crate.version))),
  },
  {
    name: "pin on a sibling crate",
    where: [layout.workspaceManifest, layout.crateManifests],
    follows: "application",
    enforced: true,
    least: 0,
    find: async ({ workspace: { pins } }) =>
      byFile(pins.flatMap((pin) => stated(pin.requirement, pin.sibling))),
  },
  {
    name: "locked workspace package",
    where: paths.lockFiles,
    follows: "application",
    enforced: false,
    least: 1,
    find: inFiles(paths.lockFiles, (file, { workspace }) => locked(file, workspace)),
  },
  {
    name: `${paths.versionConstant} of a CI template`,
    where: [paths.ciTemplates],
    follows: "application",
    enforced: false,
    least: 1,
    find: inTemplates,
  },
  {
    name: `${paths.versionConstant} in a snippet`,
    where: paths.ciGuides,
    follows: "application",
    enforced: false,
    least: 1,
    find: inGuides((file) => inConstants(file, codeConstants, unclearInCode)),
  },
  {
    name: `${layout.product}@${layout.tagPrefix}X.Y.Z`,
    where: paths.ciGuides,
    follows: "application",
    enforced: false,
    least: 1,
    find: inGuides((file) => ({
      file: file.path,
      found: inText(file, layout.product, mentions),
      unclear: unclearMentions(file).map(({ offset }) => ({
        at: file.place(offset),
        clear: `it as ${layout.product}@${layout.tagPrefix}X.Y.Z`,
      })),
    })),
  },
  {
    name: `${paths.releaseUrlField} of a schema example`,
    where: [paths.schemaExamples],
    follows: "application",
    enforced: false,
    least: 1,
    find: inFiles([paths.schemaExamples], releaseUrls),
  },
  {
    name: "changelog section with a date",
    where: [layout.changelog],
    follows: "application",
    enforced: false,
    least: 1,
    section: { date: true },
    find: inFiles([layout.changelog], (file, { versions }) =>
      section(file, versions.application, {
        needs: "the date of the release",
        isWhole: ({ date = "" }) => isDay(date),
        byHand: (each, version) => (awaitsDate(each) ? undefined : dateByHand(version)),
      }),
    ),
  },
  {
    name: "chart version",
    where: [manifest],
    follows: "chart",
    enforced: true,
    least: 1,
    find: inChart(({ chart }) => [chartValue(chart.document, "version")]),
  },
  {
    name: "appVersion",
    where: [manifest],
    follows: "appVersion",
    enforced: false,
    least: 1,
    find: inChart(({ chart }) =>
      chart.appVersion === undefined ? [] : [chartValue(chart.document, "appVersion")],
    ),
  },
  {
    name: `image in ${layout.imagesAnnotation}`,
    where: [manifest],
    follows: "appVersion",
    enforced: false,
    least: 1,
    find: inChart(promisedTags),
  },
  {
    name: "chart changelog section with content",
    where: [`${layout.chart}/CHANGELOG.md`],
    follows: "chart",
    enforced: true,
    least: 1,
    section: { date: false },
    find: inFiles([`${layout.chart}/CHANGELOG.md`], (file, { versions }) =>
      section(file, versions.chart, {
        needs: "what has changed",
        isWhole: ({ hasContent }) => hasContent,
      }),
    ),
  },
];

// How rows find

function byFile(found: readonly Found[]): readonly InFile[] {
  const groups = Map.groupBy(found, ({ file }) => file);
  return [...groups].map(([file, inside]) => ({ file, found: inside }));
}

/** Reads each file that a row names and that is there; `undefined` means that it is none of it. */
function inFiles(
  where: readonly string[],
  find: (file: Source, reading: Reading) => readonly Found[] | undefined,
): Row["find"] {
  return async (reading) => {
    const listed = await Promise.all(where.map((glob) => reading.tree.list(glob)));
    const read = await Promise.all(listed.flat().map((path) => reading.source(path)));
    return read.flatMap((file) => {
      const found = file && find(file, reading);
      return found === undefined ? [] : [{ file: file?.path ?? "", found }];
    });
  };
}

/** Reads the templates, which are not all that may lie in their folder: prose and pictures do. */
async function inTemplates({ tree, source }: Reading): Promise<readonly InFile[]> {
  const listed = await tree.list(paths.ciTemplates);
  const templates = listed.filter((path) => !/\.(?:md|markdown)$/i.test(path));
  const answers = await Promise.all(
    templates.map(async (path) => {
      const readable = await tree.read(path, { lenient: true });
      if (readable === undefined) {
        return [];
      }
      const isText = !readable.text.includes("\ufffd");
      if (!isText && constants(readable).length === 0) {
        return [];
      }
      // What sets the constant must be UTF-8: reading it strictly refuses it otherwise.
      const file = isText ? readable : await source(path);
      if (file !== undefined && /\.ya?ml$/i.test(path)) {
        refuseLineBreaks(file);
      }
      return file === undefined ? [] : [inConstants(file, constants, unclearConstants)];
    }),
  );
  return answers.flat();
}

function inGuides(find: (file: Source) => InFile): Row["find"] {
  return async ({ source }) => {
    const read = await Promise.all(paths.ciGuides.map(source));
    return read.flatMap((file) => (file === undefined ? [] : [find(file)]));
  };
}

function inConstants(source: Source, find: Finder, findUnclear: Finder): InFile {
  return {
    file: source.path,
    found: inText(source, versionConstant, find),
    unclear: findUnclear(source).map(({ offset }) => ({
      at: source.place(offset),
      clear: "the version out as the whole value",
    })),
  };
}

function inChart(find: (images: ProductImages) => readonly Found[]): Row["find"] {
  return async (reading) => {
    const images = await reading.images();
    return images === undefined ? [] : [{ file: manifest, found: find(images) }];
  };
}

// What they find

/** A part of a string value that is a version, perhaps behind a prefix. */
interface Part {
  readonly document: Document;
  readonly path: Path;
  readonly at: number;
  readonly text: string;
  readonly prefix?: string;
}

function inDocument(what: string, { document, path, at, text, prefix = "" }: Part): Found {
  const becomes = (version: Version) => prefix + version;
  return {
    file: document.source.path,
    what,
    written: text,
    version: text.startsWith(prefix) ? text.slice(prefix.length) : undefined,
    place: () => placeInside(document, path, String(document.at(path)), at),
    becomes,
    site: {
      kind: "value",
      document,
      change: (version) => ({ path, at, from: text, to: becomes(version) }),
    },
  };
}

/** A version, or a requirement of which `=` and `^` stay; anything else is replaced whole. */
function stated({ document, path, value, place }: Statement, what = "version"): readonly Found[] {
  if (value === undefined) {
    return [];
  }
  const text = typeof value === "string" ? value : "";
  const pinned = pinnedVersion(text);
  const part = pinned !== undefined && isVersion(pinned) ? pinned : text;
  return [
    {
      ...inDocument(what, { document, path, at: text.indexOf(part), text: part }),
      ...(typeof value === "string" ? {} : { written: describeValue(value), version: undefined }),
      place,
    },
  ];
}

function locked(file: Source, { crates }: Workspace): readonly Found[] {
  const names = new Set(crates.map(({ name }) => name));
  return lockedVersions(file, names).map(({ name, version, ...where }) =>
    inDocument(name, { ...where, text: version }),
  );
}

/** The URLs of releases in the one field that follows them, wherever it is. */
function releaseUrls(file: Source): readonly Found[] {
  const document = parseJson(file);
  return pathsOf(document.data, paths.releaseUrlField).flatMap((path) => {
    const url = document.at(path);
    const match = typeof url === "string" ? /\/releases\/tag\/([^/?#]+)$/.exec(url) : null;
    const [whole = "", text = ""] = match ?? [];
    return match === null
      ? []
      : [
          inDocument(paths.releaseUrlField, {
            document,
            path,
            at: match.index + whole.length - text.length,
            text,
            prefix: layout.tagPrefix,
          }),
        ];
  });
}

/** Every path that ends in a key, in the order of the data. */
function pathsOf(value: unknown, key: string, path: Path = []): readonly Path[] {
  if (Array.isArray(value)) {
    return value.flatMap((each, index) => pathsOf(each, key, [...path, index]));
  }
  return Object.entries(asTable(value) ?? {}).flatMap(([name, each]) => [
    ...(name === key ? [[...path, name]] : []),
    ...pathsOf(each, key, [...path, name]),
  ]);
}

const { versionConstant } = paths;
const constants: Finder = (file) => findConstants(file, versionConstant);
const codeConstants: Finder = (file) => findCodeConstants(file, versionConstant);
const unclearConstants: Finder = (file) => findUnclearConstants(file, versionConstant);
const unclearInCode: Finder = (file) => findInCode(findUnclearConstants)(file, versionConstant);
const mentions: Finder = (file) => findMentions(file, layout.product, layout.tagPrefix);
const unclearMentions: Finder = (file) =>
  findUnclearMentions(file, layout.product, layout.tagPrefix);

/** The versions that a finder finds, each with the tag's prefix or without, as it is written. */
function inText(source: Source, what: string, find: Finder): readonly Found[] {
  const { tagPrefix } = layout;
  return find(source).map((span) => {
    const prefix = span.text.startsWith(tagPrefix) ? tagPrefix : "";
    return {
      file: source.path,
      what,
      written: span.text,
      version: span.text.slice(prefix.length),
      place: () => source.place(span.offset),
      becomes: (version) => prefix + version,
      site: { kind: "text", source, span, find },
    };
  });
}

/** What a row asks of a section. */
interface SectionRule {
  /** What makes it whole, in words. */
  readonly needs: string;
  isWhole(section: Section): boolean;
  /** What makes one whole that is not, if a bump refuses to. */
  byHand?(section: Section, version: Version): string | undefined;
}

/** The section of a version if it is whole, else the best that the changelog has in its place. */
function section(
  source: Source,
  version: Version | undefined,
  { needs, isWhole, byHand }: SectionRule,
): readonly Found[] {
  const changelog = readChangelog(source);
  const wanted = version === undefined ? [] : sectionsOf(changelog, version);
  const { sections } = changelog;
  const newest = sections.find((each) => each.version) ?? sections.find((each) => each.name);
  const whole = wanted.find(isWhole);
  const partial = whole === undefined ? wanted[0] : undefined;
  const best = whole ?? partial ?? newest;
  return best === undefined
    ? []
    : [
        {
          file: source.path,
          what: "section",
          written: best.title,
          version: isWhole(best) ? best.version : undefined,
          byHand: version !== undefined && best === partial ? byHand?.(best, version) : undefined,
          hollow: !wanted.some(({ hasContent }) => hasContent),
          place: () => best.at,
          becomes: (expected) => `[${expected}] with ${needs}`,
          site: { kind: "section" },
        },
      ];
}

function chartValue(document: Document, key: "version" | "appVersion"): Found {
  return inDocument(key, { document, path: [key], at: 0, text: String(document.at([key])) });
}

function promisedTags({ chart, promised }: ProductImages): readonly Found[] {
  return (promised ?? []).map((image) => ({
    ...(image.reference.digest === undefined ? {} : { caveat: staleDigest(image) }),
    file: chart.document.source.path,
    what: `${image.reference.registry}/${image.reference.repository}`,
    written: image.reference.tag ?? "no tag",
    version: image.reference.tag,
    place: () => image.at,
    becomes: (version) => version,
    site: {
      kind: "value",
      document: chart.document,
      change(version) {
        refuseVariant(image, chart.appVersion?.value, version);
        return image.retag(version);
      },
    },
  }));
}

/**
 * Refuses a tag such as `1.2.3-alpine`: the plain version in its place would name another image.
 *
 * @throws {LocatedSyntaxError} If the tag says more than a version and is not `appVersion`, which
 * tells a pre-release from a variant.
 */
function refuseVariant(
  { reference: { tag = "" }, at }: PromisedImage,
  appVersion: string | undefined,
  version: Version,
): void {
  const isPlain = !/[0-9]+\.[0-9]+\.[0-9]+/.test(tag) || /^v?[0-9]+\.[0-9]+\.[0-9]+$/.test(tag);
  if (!isPlain && tag !== appVersion) {
    throw new LocatedSyntaxError(
      `Cannot edit the tag of a promised image: found ${quote(tag)}, a variant, expected a version alone, such as ${version}`,
      at,
      `Write the tag by hand as ${version}, or remove the entry: every promised image goes with appVersion`,
    );
  }
}

function staleDigest({ text }: PromisedImage) {
  return {
    message: `The digest behind the new tag is still that of the old image: ${text}`,
    remedy: "Remove the digest, or write the new one once the image is published",
  };
}
