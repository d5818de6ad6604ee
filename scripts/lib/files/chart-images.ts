/** Reads the images of a Helm chart: those that it promises, and the one that an install pulls. */

import {
  attempt,
  error,
  type Finding,
  LocatedSyntaxError,
  type Place,
  Refusal,
} from "../finding.ts";
import { layout } from "../layout.ts";
import { source, type Tree } from "../tree.ts";
import { type Chart, type Located, needFile, readChart } from "./chart.ts";
import { asTable, type Document, type Path, parseYaml } from "./document.ts";
import { type Change, editDocument, spliceOf } from "./edit.ts";
import { type ImageReference, parseImageReference } from "./image-reference.ts";
import { placeInside } from "./places.ts";
import { keysAt, stringAt } from "./yaml-keys.ts";

/** An image that the chart promises in its annotation. */
export interface PromisedImage {
  readonly name: string | undefined;
  /** The reference as written. */
  readonly text: string;
  readonly reference: ImageReference;
  /** Platforms as written, such as `linux/amd64`; empty if the entry lists none. */
  readonly platforms: readonly string[];
  /** Where Chart.yaml states the reference. */
  readonly at: Place;
  /**
   * Returns the change of Chart.yaml that replaces the tag of the image, but not its digest.
   *
   * @throws {LocatedSyntaxError} If the change would affect anything else.
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

/** The images of the product in a chart. */
export interface ProductImages {
  readonly chart: Chart;
  /**
   * The image that an install pulls; undefined if the chart has no values.yaml, or if it promises no
   * image and values.yaml names no `image.repository`.
   */
  readonly pulled: PulledImage | undefined;
  /**
   * The entries of the annotation for the product or for the image that an install pulls; undefined
   * if there is no annotation.
   */
  readonly promised: readonly PromisedImage[] | undefined;
}

/**
 * Reads the images of the product that a chart promises, and the one that an install pulls.
 *
 * @param folder The chart's folder, relative to the top of the tree.
 * @throws {Refusal | LocatedSyntaxError} If the chart or its values cannot be read.
 */
export async function readProductImages(tree: Tree, folder: string): Promise<ProductImages> {
  const chart = await readChart(tree, folder);
  const hasValues = (await tree.list(valuesOf(folder))).length > 0;
  const { value: images, findings: more = [] } = await attempt(async () => imagesOf(chart));
  // An annotation that cannot be read may promise an image.
  const isPromised = more.length > 0 || (images !== undefined && images.length > 0);
  const { value: pulled, findings: faults = [] } = await attempt(async () =>
    hasValues ? await pulledImage(tree, folder, chart, isPromised) : undefined,
  );
  refuseAny([...faults, ...more]);
  const promised = images?.filter(
    ({ reference }) =>
      reference.repository.split("/").at(-1) === layout.product ||
      (pulled !== undefined && isSameImage(reference, pulled.reference)),
  );
  return { chart, pulled, promised };
}

/** Returns the image that an install pulls. It matters only if there is one to compare it with. */
async function pulledImage(
  tree: Tree,
  folder: string,
  { appVersion }: Chart,
  isPromised: boolean,
): Promise<PulledImage | undefined> {
  const { value, findings } = await attempt(() => chartImage(tree, folder, appVersion));
  if (findings === undefined) {
    return value;
  }
  const values = await attempt(async () => parseYaml(await needFile(tree, valuesOf(folder))));
  if (isPromised || typeof values.value?.at(["image", "repository"]) === "string") {
    throw new Refusal(findings);
  }
  return undefined;
}

/** Reports whether two references name the same image, apart from tag and digest. */
export function isSameImage(one: ImageReference, other: ImageReference): boolean {
  return one.registry === other.registry && one.repository === other.repository;
}

const late = () => require("./chart-faults.ts") as typeof import("./chart-faults.ts");

const annotationPath: Path = ["annotations", layout.imagesAnnotation];

/**
 * Returns the images that a chart promises, or undefined if it has no annotation of images.
 *
 * @throws {Refusal | LocatedSyntaxError} If the annotation is not a list of images, with all
 *   faults.
 */
export function imagesOf({ document }: Chart): readonly PromisedImage[] | undefined {
  const name = layout.imagesAnnotation;
  const annotations = document.at(["annotations"]) ?? {};
  const isTable = asTable(annotations) !== undefined;
  const around = () => document.place(["annotations"]);
  need(isTable, annotations, "annotations", "a mapping", around);
  const text = document.at(annotationPath);
  if (text === undefined) {
    return undefined;
  }
  const at = () => document.place(annotationPath);
  need(typeof text === "string", text, name, "a text that holds a YAML list", at);
  const [first, again] = document.keyOffsets(annotationPath);
  if (again !== undefined) {
    const { place } = document.source;
    throw new Refusal([late().repeatedKey(name, place(first), place(again))]);
  }
  const inner = parseInside(document, annotationPath, String(text));
  const list: readonly unknown[] = Array.isArray(inner.data) ? inner.data : [];
  need(inner.data === list, inner.data, name, "a list of images", at);
  const place = (path: Path, nth = 0) => {
    const offset = inner.keyOffsets(path)[nth];
    return offset === undefined
      ? document.place(annotationPath)
      : placeInside(document, annotationPath, String(text), offset);
  };
  refuseAny(list.flatMap((entry, index) => entryFaults(entry, index, inner, place)));
  return (list as readonly ImageEntry[]).map(({ name, image, platforms }, index) => {
    const path = [index, "image"];
    return {
      name,
      text: image,
      reference: parseImageReference(image),
      platforms: platforms ?? [],
      // Computed late, because finding a place requires parsing the file again.
      get at() {
        return place(path);
      },
      retag: (tag) => outerChange(inner, tagChange(path, image, tag), () => place(path)),
    };
  });
}

/** Returns a fault unless `isFit`. */
function faultOf(
  isFit: boolean,
  value: unknown,
  what: string,
  expected: string,
  at: () => Place,
  remedy = `Write ${expected} there`,
): Finding[] {
  if (isFit) {
    return [];
  }
  const { describeValue } = require("./unreadable.ts") as typeof import("./unreadable.ts");
  const isList = Array.isArray(value);
  const found = isList ? JSON.stringify(value).slice(0, 100) : describeValue(value, "YAML");
  return [error(`Cannot read ${what}: found ${found}, expected ${expected}`, { at, remedy })];
}

/** @throws {Refusal} If there are any faults. */
function refuseAny(faults: readonly Finding[]): void {
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
}

/** @throws {Refusal} If a value is not as expected. */
function need(...value: Parameters<typeof faultOf>): void {
  refuseAny(faultOf(...value));
}

/** An entry of the annotation without faults. */
interface ImageEntry {
  readonly name?: string;
  readonly image: string;
  readonly platforms?: readonly string[];
}

const platform = /^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9.]+)?$/;

/** Returns the faults of an entry of the annotation. */
function entryFaults(
  entry: unknown,
  index: number,
  inner: Document,
  place: (path: Path, nth?: number) => Place,
): Finding[] {
  const which = `entry ${index + 1} of ${layout.imagesAnnotation}`;
  const table = asTable(entry);
  if (table === undefined) {
    return faultOf(false, entry, which, "a mapping with image", () => place([index]));
  }
  const { name = "", image, platforms = [] } = table;
  const need = (key: string, value: unknown, isFit: boolean, expected: string) => {
    // A missing key has no place, so the place of the first key shows the entry.
    const near = value === undefined ? (Object.keys(table)[0] ?? "") : key;
    const what = `${key} of ${which}`;
    const path = [index, key];
    const isOnce = inner.keyOffsets(path).length < 2;
    return [
      ...(isOnce ? [] : [late().repeatedKey(key, place(path), place(path, 1))]),
      ...faultOf(isFit, value, what, expected, () => place([index, near])),
    ];
  };
  const isReference = typeof image === "string" && isImageReference(image);
  const isPlatform = (each: unknown) => typeof each === "string" && platform.test(each);
  const arePlatforms = Array.isArray(platforms) && platforms.every(isPlatform);
  return [
    ...need("name", name, typeof name === "string", "a text"),
    ...need("image", image, isReference, "an image reference such as ghcr.io/owner/name:1.2.3"),
    ...need("platforms", platforms, arePlatforms, "a list such as [linux/amd64, linux/arm64]"),
  ];
}

/** Parses the text at a path as YAML. A syntax error has its place in the outer document. */
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

function isImageReference(text: string): boolean {
  try {
    return parseImageReference(text) !== undefined;
  } catch {
    return false;
  }
}

/** Returns the change of the manifest that has the same effect as a change of its annotation. */
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

/** Returns the change of a reference that adds or replaces its tag. */
function tagChange(path: Path, text: string, to: string): Change {
  const { tag } = parseImageReference(text);
  const [named = ""] = text.split("@", 1);
  return tag === undefined
    ? { path, at: 0, from: named, to: `${named}:${to}` }
    : { path, at: named.length - tag.length, from: tag, to };
}

/**
 * Returns the image that `helm install` pulls: `image.repository` with `image.tag` of values.yaml,
 * or with the chart's appVersion if that tag is empty.
 *
 * @param folder The chart's folder, relative to the top of the tree.
 * @throws {Refusal | LocatedSyntaxError} If values.yaml does not name the image, with all faults.
 */
export async function chartImage(
  tree: Tree,
  folder: string,
  appVersion: Located<string> | undefined,
): Promise<PulledImage> {
  const values = await needFile(tree, valuesOf(folder));
  const document = parseYaml(values);
  const refuseKeys = (path: readonly string[]) =>
    refuseAny(keysAt(document, path).keys === undefined ? late().keyFaults(document, path) : []);
  const file = values.path;
  const image = document.at(["image"]);
  const table = asTable(image) ?? {};
  const at = (key: string) => () =>
    document.place(table[key] === undefined ? ["image"] : ["image", key]);
  refuseKeys([]);
  const isTable = asTable(image) !== undefined;
  need(isTable, image, `image in ${file}`, "a mapping with repository and tag", at(""));
  refuseKeys(["image"]);
  const { repository, tag = null } = table;
  const faults = (key: string, isFit: boolean, expected: string, remedy?: string) =>
    faultOf(isFit, table[key], `image.${key} in ${file}`, expected, at(key), remedy);
  const isBare = typeof repository === "string" && isImageReference(`${repository}:tag`);
  const app = appVersion?.value;
  const hasTag = typeof tag === "string" && tag !== "";
  refuseAny([
    ...faults(
      "repository",
      isBare && !repository.includes("@"),
      "a repository without tag and digest, such as ghcr.io/owner/name",
    ),
    ...faults(
      "tag",
      hasTag || (app !== undefined && (tag ?? "") === ""),
      app === undefined ? "a tag, as Chart.yaml has no appVersion" : "a text in quotes",
      app === undefined ? "Set appVersion in Chart.yaml" : `Write it in quotes in ${file}`,
    ),
    // Both may change the image that is pulled.
    ...["registry", "digest"].flatMap((key) =>
      faults(
        key,
        !table[key],
        "none, as only the chart's templates know what it does",
        `Write registry and repository together, and leave image.${key} empty`,
      ),
    ),
    ...[
      ["image", "repository"],
      ["image", "tag"],
    ]
      .filter((path) => document.at(path) && stringAt(document, path) === undefined)
      .flatMap((path) => late().spellingFaults(document, path)),
  ]);
  const tagFrom = hasTag ? "image.tag" : "appVersion";
  const text = `${repository}:${hasTag ? tag : app}`;
  const place = hasTag ? at("tag")() : (appVersion?.at ?? values.place());
  const remedy = `Correct image.repository in ${file}, or ${tagFrom}`;
  const isLegal = isImageReference(text);
  need(isLegal, text, "the chart's image", "an image reference", () => place, remedy);
  return { text, reference: parseImageReference(text), tagFrom, at: place };
}

function valuesOf(folder: string): string {
  return `${folder}/values.yaml`;
}
