/** A Helm chart: its versions, the images it promises, and the image that an install pulls. */

import {
  error,
  type Finding,
  findingsOf,
  LocatedSyntaxError,
  type Place,
  quote,
  Refusal,
  refusal,
} from "../finding.ts";
import { layout } from "../layout.ts";
import { type Source, source, type Tree } from "../tree.ts";
import { isVersion, type Version } from "../version.ts";
import {
  asTable,
  type Document,
  described,
  type Path,
  parseYaml,
  placeInside,
} from "./document.ts";
import { type Change, editDocument, spliceOf } from "./edit.ts";
import { type ImageReference, parseImageReference } from "./image-reference.ts";
import { isPlainString, type Key, keysOf, parseYamlMapping } from "./yaml-mapping.ts";

/** A value, and where its key is written. */
export interface Located<T> {
  readonly value: T;
  readonly at: Place;
}

/** What Chart.yaml says. */
export interface Chart {
  readonly document: Document;
  readonly version: Located<Version>;
  /** The version of the product that the chart installs; a chart may have none. */
  readonly appVersion: Located<string> | undefined;
}

/** An image that the chart promises in its annotation. */
export interface PromisedImage {
  readonly name: string | undefined;
  /** The reference as it is written. */
  readonly text: string;
  readonly reference: ImageReference;
  /** Such as `linux/amd64`, as they are written; none if the entry lists none. */
  readonly platforms: readonly string[];
  /** Where the entry says so in Chart.yaml. */
  readonly at: Place;
  /**
   * The change of Chart.yaml that gives the image another tag; a digest behind it stays.
   *
   * @throws {LocatedSyntaxError} If it cannot be made without touching anything else.
   */
  retag(tag: string): Change;
}

/** The image that `helm install` pulls with the chart's own values. */
export interface PulledImage {
  /** The reference as a template writes it: repository, colon, tag. */
  readonly text: string;
  readonly reference: ImageReference;
  readonly tagFrom: "image.tag" | "appVersion";
  /** Where its tag is written. */
  readonly at: Place;
}

/** The path of a chart's manifest. */
export function chartManifest(folder: string): string {
  return `${folder}/Chart.yaml`;
}

/** The path of a chart's default values. */
function valuesOf(folder: string): string {
  return `${folder}/values.yaml`;
}

/**
 * Reads a chart's manifest.
 *
 * @param folder The chart's folder, relative to the top of the tree.
 * @throws {Refusal} If there is no manifest, or for every fault that `chartFrom` finds.
 */
export async function readChart(tree: Tree, folder: string): Promise<Chart> {
  return chartFrom(await needFile(tree, chartManifest(folder)));
}

/**
 * Reads the text of a chart's manifest.
 *
 * @throws {Refusal} If `chartVersionFrom` refuses it, or `appVersion` is neither a string nor, as
 * Helm has it, without a value.
 */
export function chartFrom(manifest: Source): Chart {
  const { document, keys, version, faults } = readManifest(manifest);
  const appVersion = locate(document, keys, "appVersion");
  refuseAny([...faults, ...appVersionFaults(appVersion)]);
  refuseAny(isWithoutValue(appVersion) ? [] : spellingFaults(document, keys, ["appVersion"]));
  return {
    document,
    version: version as Located<Version>,
    appVersion: isWithoutValue(appVersion) ? undefined : (appVersion as Located<string>),
  };
}

/**
 * Reads a chart's version; whatever its `appVersion` is makes no difference.
 *
 * @param folder The chart's folder, relative to the top of the tree.
 * @throws {Refusal} If there is no manifest, or for every fault that `chartVersionFrom` finds.
 */
export async function readChartVersion(tree: Tree, folder: string): Promise<Located<Version>> {
  return chartVersionFrom(await needFile(tree, chartManifest(folder)));
}

/**
 * Reads the version in the text of a chart's manifest.
 *
 * @throws {Refusal} If it is not one YAML mapping, has a top-level key twice, or does not hold
 * `version` as a string of strict SemVer.
 */
export function chartVersionFrom(manifest: Source): Located<Version> {
  const { version, faults } = readManifest(manifest);
  refuseAny(faults);
  return version as Located<Version>;
}

/** Reads a manifest, and what is wrong with its keys and its version. */
function readManifest(manifest: Source) {
  const { document, keys } = asRefusal(() => {
    const parsed = parseYamlMapping(manifest);
    return { document: parsed, keys: keysOf(parsed) };
  });
  const version = locate(document, keys, "version");
  const faults = [...keyFaults(manifest, keys), ...versionFaults(version, document)];
  if (faults.length === 0) {
    faults.push(...spellingFaults(document, keys, ["version"]));
  }
  return { document, keys, version, faults };
}

function refuseAny(faults: readonly Finding[]): void {
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
}

async function needFile(tree: Tree, path: string): Promise<Source> {
  const found = await tree.read(path);
  if (found === undefined) {
    throw refusal(`Cannot read ${path}: there is no such file`, {
      at: { file: path },
      remedy: "Add the file, or name the chart's folder in scripts/lib/layout.ts",
    });
  }
  return found;
}

/** Runs a reader, and throws its syntax error as a refusal, which gates and checks report. */
function asRefusal<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw new Refusal(findingsOf(thrown));
  }
}

function locate(document: Document, keys: readonly Key[], name: string): Located<unknown> {
  const { offset } = keys.find((key) => key.name === name) ?? {};
  return { value: document.at([name]), at: document.source.place(offset) };
}

/** What keeps the keys of a mapping from meaning the same to every reader: a repetition, a merge. */
function keyFaults(manifest: Source, keys: readonly Key[]): Finding[] {
  const firsts = new Map<string, number>();
  return keys.flatMap(({ name, offset }) => {
    if (name === "<<") {
      return error(`Cannot read ${manifest.path}: found a merge key, expected every key itself`, {
        at: manifest.place(offset),
        remedy: "Write the merged keys out; tools disagree about what a merge key means",
      });
    }
    const first = firsts.get(name);
    if (first === undefined) {
      firsts.set(name, offset);
      return [];
    }
    const at = manifest.place(offset);
    const earlier = manifest.place(first).line;
    return error(
      `Cannot read ${manifest.path}: found key ${quote(name)} in line ${at.line} again after line ${earlier}, expected it once`,
      { at, remedy: "Remove one of the two lines; tools disagree about which one counts" },
    );
  });
}

function versionFaults({ value, at }: Located<unknown>, document: Document): Finding[] {
  if (typeof value === "string" && isVersion(value)) {
    return [];
  }
  const path = document.source.path;
  const found = value === undefined ? `no key "version" in ${path}` : described(value);
  return [
    error(
      `Cannot read the chart version: found ${found}, expected a string of strict SemVer without build metadata`,
      { at, remedy: `Write it in ${path} as version: A.B.C` },
    ),
  ];
}

/** A string at a path that is spelled so that YAML 1.1 may read it otherwise. */
function spellingFaults(document: Document, keys: readonly Key[], path: Path): Finding[] {
  const { source } = document;
  const value = document.at(path);
  const key = keys.findLast(({ name }) => name === path.at(-1));
  if (typeof value !== "string" || (key !== undefined && isPlainString(source, key, value))) {
    return [];
  }
  const what = path.join(".");
  return [
    error(
      `Cannot read ${what} in ${source.path}: found ${quote(value)} in a spelling that YAML 1.1 may read otherwise, expected a plain or quoted string`,
      {
        at: source.place(key?.offset),
        remedy: `Write it in quotes at its key, without tag, alias and merge: ${path.at(-1)}: "..."`,
      },
    ),
  ];
}

/** Whether Helm reads a value as none. */
function isWithoutValue({ value }: Located<unknown>): boolean {
  return value === undefined || value === null || value === "";
}

function appVersionFaults(appVersion: Located<unknown>): Finding[] {
  const { value, at } = appVersion;
  if (isWithoutValue(appVersion) || typeof value === "string") {
    return [];
  }
  return [
    error(
      `Cannot read the chart's appVersion: found ${described(value)}, expected a string such as "1.2.3"`,
      { at, remedy: 'Write it in quotes: appVersion: "X.Y.Z"' },
    ),
  ];
}

const annotationPath: Path = ["annotations", layout.imagesAnnotation];

/**
 * The images that a chart promises in its annotation, or undefined if it has no such annotation.
 *
 * @throws {Refusal} If the annotation is not a list of images, with every fault and its line.
 */
export function imagesOf({ document }: Chart): readonly PromisedImage[] | undefined {
  const text = annotation(document);
  if (text === undefined) {
    return undefined;
  }
  const inner = asRefusal(() => parseInside(document, annotationPath, text));
  if (!Array.isArray(inner.data)) {
    const found = described(inner.data);
    throw refusal(`Cannot read ${layout.imagesAnnotation}: found ${found}, expected a list`, {
      at: document.place(annotationPath),
      remedy: "Write one entry for each image, with image and platforms",
    });
  }
  const place = (offset: number | undefined) =>
    offset === undefined
      ? document.place(annotationPath)
      : placeInside(document, annotationPath, text, offset);
  const faults = inner.data.flatMap((entry, index) =>
    imageFaults(`image ${index + 1}`, entry, (key) => inner.keyOffsets([index, key])),
  );
  if (faults.length > 0) {
    throw new Refusal(
      faults.map(({ message, remedy, offset }) => error(message, { remedy, at: place(offset) })),
    );
  }
  return (inner.data as ImageEntry[]).map(({ name, image, platforms }, index) => {
    const path = [index, "image"];
    // Finding a place parses the file again: only when somebody asks.
    const at = () => place(inner.keyOffsets(path)[0]);
    return {
      name,
      text: image,
      reference: parseImageReference(image),
      platforms: platforms ?? [],
      get at() {
        return at();
      },
      retag: (tag) => outerChange(inner, tagChange(path, image, tag), at),
    };
  });
}

/** The change of the manifest that makes a change of the YAML inside its annotation. */
function outerChange(inner: Document, change: Change, at: () => Place): Change {
  try {
    editDocument(inner, [change]);
    return { ...change, path: annotationPath, at: spliceOf(inner, change).offset };
  } catch (thrown) {
    throw thrown instanceof LocatedSyntaxError
      ? new LocatedSyntaxError(thrown.message, at(), thrown.remedy)
      : thrown;
  }
}

/** The change of a reference that gives it a tag, or another one. */
function tagChange(path: Path, text: string, to: string): Change {
  const { tag } = parseImageReference(text);
  const [named = ""] = text.split("@", 1);
  return tag === undefined
    ? { path, at: 0, from: named, to: `${named}:${to}` }
    : { path, at: named.length - tag.length, from: tag, to };
}

/** What a chart says about the images of the product. */
export interface ProductImages {
  readonly chart: Chart;
  /** What an install pulls; undefined if the chart has no values.yaml. */
  readonly pulled: PulledImage | undefined;
  /**
   * The entries of the annotation that are named like the product, or that an install pulls;
   * undefined if there is no annotation.
   */
  readonly promised: readonly PromisedImage[] | undefined;
}

/**
 * Reads which images of the product a chart promises, and which one an install pulls.
 *
 * @param folder The chart's folder, relative to the top of the tree.
 * @throws {Refusal} If the chart or its values cannot be read.
 */
export async function readProductImages(tree: Tree, folder: string): Promise<ProductImages> {
  const chart = await readChart(tree, folder);
  const hasValues = (await tree.list(valuesOf(folder))).length > 0;
  const pulled = hasValues ? await chartImage(tree, folder, chart.appVersion) : undefined;
  const promised = imagesOf(chart)?.filter(
    ({ reference }) =>
      reference.repository.split("/").at(-1) === layout.product ||
      (pulled !== undefined && isSameImage(reference, pulled.reference)),
  );
  return { chart, pulled, promised };
}

/** Whether two references name one image, at any tag and digest. */
export function isSameImage(one: ImageReference, other: ImageReference): boolean {
  return one.registry === other.registry && one.repository === other.repository;
}

/** An entry of the annotation without faults. */
interface ImageEntry {
  readonly name?: string;
  readonly image: string;
  readonly platforms?: readonly string[];
}

/** The annotation's text, or undefined if there is none. */
function annotation(document: Document): string | undefined {
  const all = document.at(["annotations"]) ?? {};
  if (asTable(all) === undefined) {
    throw refusal(`Cannot read annotations: found ${described(all)}, expected a mapping`, {
      at: document.place(["annotations"]),
      remedy: `Write ${layout.imagesAnnotation} and its neighbours as keys below annotations`,
    });
  }
  const value = document.at(annotationPath);
  if (value === undefined) {
    return undefined;
  }
  if (typeof value !== "string") {
    const found = described(value);
    throw refusal(
      `Cannot read ${layout.imagesAnnotation}: found ${found}, expected a text that holds a YAML list`,
      {
        at: document.place(annotationPath),
        remedy: `Write ${layout.imagesAnnotation}: | and the list below it, indented`,
      },
    );
  }
  refuseTwice(document, annotationPath);
  return value;
}

/** Refuses a key that is there twice. */
function refuseTwice(document: Document, path: Path): void {
  const [, second] = document.keyOffsets(path);
  if (second !== undefined) {
    throw refusal(
      `Cannot read ${document.source.path}: found key ${quote(path.join("."))} again, expected it once`,
      { at: document.source.place(second), remedy: "Remove one of the two" },
    );
  }
}

/** Parses YAML that a key of a document holds; a syntax error has its place in that document. */
function parseInside(document: Document, path: Path, text: string): Document {
  try {
    return parseYaml(source(`${path.at(-1)} in ${document.source.path}`, text));
  } catch (thrown) {
    if (!(thrown instanceof LocatedSyntaxError)) {
      throw thrown;
    }
    const before = text.split("\n", (thrown.at.line ?? 1) - 1);
    const offset = before.reduce((sum, line) => sum + line.length + 1, 0);
    throw new LocatedSyntaxError(thrown.message, placeInside(document, path, text, offset));
  }
}

const platform = /^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9.]+)?$/;

/** A fault of an entry, at an offset into the annotation's text. */
interface ImageFault {
  readonly message: string;
  readonly remedy: string;
  readonly offset: number | undefined;
}

/**
 * What makes an entry of the annotation no promise of an image.
 *
 * @param offsetsOf Where the entry says a key; more than one offset means duplicates.
 */
function imageFaults(
  which: string,
  entry: unknown,
  offsetsOf: (key: string) => readonly number[],
): ImageFault[] {
  const faults: ImageFault[] = [];
  const what = `${which} of ${layout.imagesAnnotation}`;
  function fault(found: string, expected: string, offset: number | undefined): void {
    const message = `Cannot read ${what}: found ${found}, expected ${expected}`;
    faults.push({ message, remedy: "Correct the entry in Chart.yaml", offset });
  }
  const table = asTable(entry);
  if (table === undefined) {
    fault(shown(entry), "a mapping with image and platforms", undefined);
    return faults;
  }
  const { name, image, platforms } = table;
  // A key that is absent has no place; its neighbours show the entry.
  const near = (key: string) => offsetsOf(key)[0] ?? offsetsOf(Object.keys(table)[0] ?? "")[0];
  for (const key of ["name", "image", "platforms"]) {
    const [, second] = offsetsOf(key);
    if (second !== undefined) {
      fault(`${key} again`, "it once", second);
    }
  }
  if (name !== undefined && typeof name !== "string") {
    fault(`name ${shown(name)}`, "a text", near("name"));
  }
  if (typeof image !== "string" || !isImageReference(image)) {
    const expected = "an image reference such as ghcr.io/owner/name:1.2.3";
    fault(`image ${shown(image)}`, expected, near("image"));
  }
  if (platforms !== undefined && !isPlatforms(platforms)) {
    const expected = "a list such as [linux/amd64, linux/arm64]";
    fault(`platforms ${shown(platforms)}`, expected, near("platforms"));
  }
  return faults;
}

function shown(value: unknown): string {
  return Array.isArray(value) ? quote(JSON.stringify(value)) : described(value);
}

function isPlatforms(value: unknown): value is string[] {
  return (
    Array.isArray(value) && value.every((each) => typeof each === "string" && platform.test(each))
  );
}

function isImageReference(text: string): boolean {
  try {
    parseImageReference(text);
    return true;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) {
      return false;
    }
    throw thrown;
  }
}

/** Values that would change what is pulled in a way that only the chart's templates know. */
const unknownParts = ["registry", "digest"];

/**
 * The image that `helm install` pulls: `image.repository` and `image.tag` of values.yaml, or else
 * the chart's appVersion as the tag.
 *
 * @param folder The chart's folder, relative to the top of the tree.
 * @param appVersion Of the same chart.
 * @throws {Refusal} If values.yaml does not tell the image, with every fault and its line.
 */
export async function chartImage(
  tree: Tree,
  folder: string,
  appVersion: Located<string> | undefined,
): Promise<PulledImage> {
  const values = await needFile(tree, valuesOf(folder));
  const { document, keys, inner } = asRefusal(() => {
    const parsed = parseYamlMapping(values);
    return { document: parsed, keys: keysOf(parsed), inner: keysOf(parsed, "image") };
  });
  refuseAny([...keyFaults(values, keys), ...keyFaults(values, inner)]);
  const image = document.at(["image"]);
  const table = asTable(image);
  if (table === undefined) {
    throw refusal(
      `Cannot tell the chart's image: found ${described(image)} as image in ${values.path}, expected a mapping`,
      {
        at: document.place(["image"]),
        remedy: "Set image.repository, and image.tag if it is not appVersion",
      },
    );
  }
  refuseAny(valueFaults(document, table, appVersion));
  const judged = ["repository", "tag"].filter((key) => table[key]);
  refuseAny(judged.flatMap((key) => spellingFaults(document, inner, ["image", key])));
  const tagFrom = table.tag ? "image.tag" : "appVersion";
  const at = table.tag ? document.place(["image", "tag"]) : (appVersion?.at ?? values.place());
  const text = `${table.repository}:${table.tag || appVersion?.value}`;
  if (!isImageReference(text)) {
    throw refusal(
      `Cannot tell the chart's image: found ${quote(text)}, expected an image reference`,
      {
        at,
        remedy: `Correct image.repository in ${values.path}, or ${tagFrom}`,
      },
    );
  }
  return { text, reference: parseImageReference(text), tagFrom, at };
}

function valueFaults(
  document: Document,
  image: Readonly<Record<string, unknown>>,
  appVersion: Located<string> | undefined,
): Finding[] {
  const faults: Finding[] = [];
  function fault(key: string, expected: string, remedy: string): void {
    const value = image[key];
    const path = value === undefined ? ["image"] : ["image", key];
    faults.push(
      error(
        `Cannot tell the chart's image: found image.${key} ${described(value)}, expected ${expected}`,
        {
          at: document.place(path),
          remedy,
        },
      ),
    );
  }
  const { repository, tag = null } = image;
  if (typeof repository !== "string" || !isBareRepository(repository)) {
    const expected = "a repository without tag and digest, such as ghcr.io/owner/name";
    fault("repository", expected, `Correct it in ${document.source.path}`);
  }
  if (tag !== null && typeof tag !== "string") {
    fault("tag", "a text", `Write it in quotes in ${document.source.path}`);
  } else if (!tag && appVersion === undefined) {
    fault("tag", "a tag, as Chart.yaml has no appVersion", "Set appVersion in Chart.yaml");
  }
  for (const key of unknownParts.filter((each) => image[each])) {
    const remedy = `Write registry and repository together, and leave image.${key} empty`;
    fault(key, "none, as only the chart's templates know what it does", remedy);
  }
  return faults;
}

function isBareRepository(text: string): boolean {
  if (!isImageReference(text)) {
    return false;
  }
  const { tag, digest } = parseImageReference(text);
  return tag === undefined && digest === undefined;
}
