/** Finds version references in files: what each one states, and how a bump changes it. */

import { isDay } from "../calendar.ts";
import { LocatedSyntaxError, type Place, quote } from "../finding.ts";
import { layout } from "../layout.ts";
import type { Source } from "../tree.ts";
import { isVersion, type Version } from "../version.ts";
import { type Pin, pinnedVersion, suits } from "./cargo.ts";
import type { Statement } from "./cargo-manifest.ts";
import { awaitsDate, dateByHand, isYanked, readChangelog, type Section } from "./changelog.ts";
import type { ProductImages, PromisedImage } from "./chart-images.ts";
import { asTable, type Document, type Path, parseJson, parseToml } from "./document.ts";
import type { Change, Span } from "./edit.ts";
import { readLines } from "./markdown.ts";
import { placeInside } from "./places.ts";
import {
  findConstants,
  findInCode,
  findMentions,
  findUnclearConstants,
  findUnclearMentions,
} from "./snippets.ts";

const { references: paths, product, tagPrefix } = layout;

/** A reference without its row of the table. */
export interface Found {
  readonly file: string;
  /** A short label of the reference. */
  readonly what: string;
  /** The text that states the version. */
  readonly written: string;
  /** The stated version; undefined if there is none, or it is in the wrong form. */
  readonly version: string | undefined;
  place(): Place;
  /** Returns the text to write for a version. */
  becomes(version: Version): string;
  /** Reports whether it is right for a version that it does not state, such as `>=1` for 1.2.3. */
  suits?(version: Version): boolean;
  readonly site: Site;
  /** The heading of a section without content. */
  readonly hollow?: string | undefined;
  /** Whether it is a section, and no heading of the file names the version. */
  readonly absent?: boolean;
  /** Whether it is a section of a withdrawn release. */
  readonly yanked?: boolean | undefined;
  /** Further sections of the version. */
  readonly again?: readonly { readonly at: Place }[];
  /** The remedy if a bump refuses to change it. */
  readonly byHand?: string | undefined;
  /** A warning about what remains to be done after a bump. */
  readonly caveat?: { readonly message: string; readonly remedy: string };
}

/** A place that seems to hold a reference, but in a form that cannot be read. */
export interface Unclear {
  readonly at: Place;
  /** It ends in the version. */
  readonly text: string;
  /** The readable form, as the object of "write". */
  readonly clear: string;
}

/** The references in a text, and what seems to be one. */
export interface FoundInText {
  readonly found: readonly Found[];
  readonly unclear: readonly Unclear[];
}

/** How a bump changes a reference: by its value or span, or by creating the section of its row. */
export type Site = ValueSite | TextSite | { readonly kind: "section" };

/** A part of a value in a document. */
export interface ValueSite {
  readonly kind: "value";
  readonly document: Document;
  /** @throws {LocatedSyntaxError} If the value cannot be changed without changing others. */
  change(version: Version): Change;
}

/** A span of a text without a grammar. */
export interface TextSite {
  readonly kind: "text";
  readonly source: Source;
  readonly span: Span;
  /** Returns all spans of this kind. */
  readonly find: Finder;
}

type Finder = (source: Source) => readonly Span[];

/** A part of a string value that is a version, with an optional prefix. */
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

/** Returns the reference in a version or requirement. A bump keeps `=` and `^`. */
export function statedIn(
  { document, path, value, place }: Statement,
  what = "version",
): readonly Found[] {
  if (value === undefined) {
    return [];
  }
  const text = typeof value === "string" ? value : "";
  const pinned = pinnedVersion(text);
  const part = pinned !== undefined && isVersion(pinned) ? pinned : text;
  const found = inDocument(what, { document, path, at: text.indexOf(part), text: part });
  const late = () => require("./unreadable.ts") as typeof import("./unreadable.ts");
  return typeof value === "string"
    ? [{ ...found, place }]
    : [{ ...found, place, written: late().describeValue(value, "TOML"), version: undefined }];
}

/** Returns the reference in a requirement of a crate on another. */
export function pinIn(pin: Pin): readonly Found[] {
  return statedIn(pin.requirement, pin.sibling).map((found) => ({
    ...found,
    suits: (version) => suits(pin, version),
  }));
}

/**
 * Returns the versions in a lock file of the named packages without a `source`, which are those of
 * the workspace, and then those in dependencies on them. Cargo writes a version in a dependency if
 * two packages have the same name.
 */
export function lockedIn(file: Source, names: ReadonlySet<string>): readonly Found[] {
  const document = parseToml(file);
  const packages = listAt(document, ["package"]).map((each) => asTable(each) ?? {});
  const versions = new Map<string, string>();
  const own = packages.flatMap(({ name, version, source }, index) => {
    if (typeof name !== "string" || typeof version !== "string" || !names.has(name) || source) {
      return [];
    }
    versions.set(name, version);
    const path = ["package", index, "version"];
    return [inDocument(name, { document, path, at: 0, text: version })];
  });
  const dependencies = packages.flatMap((_, index) => {
    const list = ["package", index, "dependencies"];
    return listAt(document, list).flatMap((text, nth) => {
      const [name = "", version, ...more] = typeof text === "string" ? text.split(" ") : [];
      const part = { document, path: [...list, nth], at: name.length + 1, text: version ?? "" };
      const isOwn = version !== undefined && more.length === 0 && versions.get(name) === version;
      return isOwn ? [inDocument(name, part)] : [];
    });
  });
  return [...own, ...dependencies];
}

function listAt(document: Document, path: Path): readonly unknown[] {
  const value = document.at(path);
  return Array.isArray(value) ? value : [];
}

/** Returns the release URLs in the field `releaseUrlField`, at any depth. */
export function releaseUrls(file: Source): readonly Found[] {
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

/** Returns every path that ends in a key, in the order of the data. */
function pathsOf(value: unknown, key: string, path: Path = []): readonly Path[] {
  if (Array.isArray(value)) {
    return value.flatMap((each, index) => pathsOf(each, key, [...path, index]));
  }
  return Object.entries(asTable(value) ?? {}).flatMap(([name, each]) => [
    ...(name === key ? [[...path, name]] : []),
    ...pathsOf(each, key, [...path, name]),
  ]);
}

const constants: Finder = (file) => findConstants(file, paths.versionConstant);
const codeConstants: Finder = (file) => findInCode(file, constants);
const mentions: Finder = (file) => findMentions(file, product, tagPrefix);

/** Returns the assignments of the version constant: everywhere, or only in the code of Markdown. */
export function constantsIn(file: Source, where: "everywhere" | "code" = "everywhere") {
  const unclear: Finder = (each) => findUnclearConstants(each, paths.versionConstant);
  return where === "code"
    ? inText(file, paths.versionConstant, codeConstants, findInCode(file, unclear), wholeValue)
    : inText(file, paths.versionConstant, constants, unclear(file), wholeValue);
}

const wholeValue = "the version out as the whole value";

/** Returns the mentions of the product with a version. */
export function mentionsIn(file: Source) {
  const unclear = findUnclearMentions(file, product, tagPrefix);
  return inText(file, product, mentions, unclear, `it as ${product}@${tagPrefix}X.Y.Z`);
}

/** Returns the versions that a finder finds. A bump keeps whether one has the tag's prefix. */
function inText(
  source: Source,
  what: string,
  find: Finder,
  unclear: readonly Span[],
  clear: string,
): FoundInText {
  const found = find(source).map((span): Found => {
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
  return {
    found,
    unclear: unclear.map(({ offset, text }) => ({ at: source.place(offset), text, clear })),
  };
}

/** Returns a function that finds a pattern of `layout.references.own`, as whole words. */
export function patternFinder(pattern: string) {
  const [before = "", hole = "", after = ""] = pattern.split(/(\{version\}|\{major\}\.\{minor\})/);
  const isWhole = hole === "{version}";
  const suffix = "(?:-[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?";
  const number = isWhole ? `[0-9]+\\.[0-9]+\\.[0-9]+${suffix}` : "[0-9]+\\.[0-9]+";
  const start = before === "" ? "(?<![0-9]|[0-9]\\.)" : /^\w/.test(before) ? "(?<![\\w-])" : "";
  const end = after === "" ? "(?![0-9A-Za-z]|\\.[0-9])" : /\w$/.test(after) ? "(?!\\w)" : "";
  const [opening, closing] = [start + RegExp.escape(before), RegExp.escape(after) + end];
  const whole = new RegExp(`(?<=${opening})${number}(?=${closing})`, "g");
  const find: Finder = ({ text }) =>
    Array.from(text.matchAll(whole), ({ index, 0: found }) => ({ offset: index, text: found }));
  const becomes = (version: Version) => (isWhole ? version : version.split(".", 2).join("."));
  return (source: Source, expected: Version | undefined): readonly Found[] =>
    find(source).map((span) => ({
      file: source.path,
      what: pattern,
      written: span.text,
      version: expected && span.text === becomes(expected) ? expected : span.text,
      place: () => source.place(span.offset),
      becomes,
      site: { kind: "text", source, span, find },
    }));
}

/**
 * Returns the complete section of a version, else an incomplete one, else the newest section. Returns
 * no section only if there is none, and a heading in another form names the version.
 *
 * @param mustHaveDate Whether a complete section has a date; otherwise it has content.
 */
export function sectionIn(
  source: Source,
  version: Version,
  mustHaveDate: boolean,
): readonly Found[] {
  const changelog = readChangelog(source);
  const { sections, misspelled } = changelog;
  const isSame = (each: { version: Version | undefined }) => each.version === version;
  const isWhole = (each: Section) =>
    mustHaveDate ? isDay(each.date ?? "") || isYanked(each) : each.hasContent;
  const wanted = sections.filter(isSame);
  const newest = sections.find((each) => each.version) ?? sections.find((each) => each.name);
  const best = wanted.find(isWhole) ?? wanted[0] ?? newest;
  const absent = mustHaveDate && wanted.length === 0 && !hasHeadingNaming(source.text, version);
  if (best === undefined && !absent) {
    return [];
  }
  const isByHand = mustHaveDate && best && wanted.includes(best) && !isWhole(best);
  return [
    {
      file: source.path,
      what: "section",
      written: best?.title ?? "none",
      version: best && isWhole(best) ? best.version : undefined,
      yanked: best && isYanked(best),
      // A reader of changelogs takes the first, in whatever spelling.
      again: [...wanted.slice(1), ...(wanted.length > 0 ? misspelled.filter(isSame) : [])],
      byHand:
        (isByHand && !awaitsDate(best)) || (best && isYanked(best))
          ? dateByHand(changelog, version)
          : undefined,
      hollow: wanted.some(({ hasContent }) => hasContent) ? undefined : best?.heading,
      absent,
      place: () => best?.at ?? source.place(),
      becomes: (expected) =>
        `${changelog.heading(expected)[0].replace(/^#+ /, "")} with ${mustHaveDate ? "the date of the release" : "what has changed"}`,
      site: { kind: "section" },
    },
  ];
}

function hasHeadingNaming(text: string, version: Version): boolean {
  const name = new RegExp(`(?<![\\w.])v?${RegExp.escape(version)}(?![\\w-]|\\.\\w)`);
  return readLines(text).some(({ title = "" }) => name.test(title));
}

export function chartValue(document: Document, key: "version" | "appVersion"): Found {
  return inDocument(key, { document, path: [key], at: 0, text: String(document.at([key])) });
}

export function promisedTags({ chart, promised }: ProductImages): readonly Found[] {
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
 * Refuses a tag such as `1.2.3-alpine`, because the plain version would name another image.
 *
 * @throws {LocatedSyntaxError} If the tag has more than a version. A tag that equals `appVersion`
 *   is allowed, because it is a pre-release and not a variant.
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
