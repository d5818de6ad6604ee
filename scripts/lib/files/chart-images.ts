/** The images of a Helm chart: those that it promises, and the one that an install pulls. */

import { error, type Finding, LocatedSyntaxError, type Place, quote, refusal } from "../finding.ts";
import { layout } from "../layout.ts";
import { source, type Tree } from "../tree.ts";
import { type Chart, type Located, needFile, readChart } from "./chart.ts";
import { keyFaults, refuseAny, spellingFaults } from "./chart-faults.ts";
import { asTable, type Document, type Path, parseYaml } from "./document.ts";
import { type Change, editDocument, spliceOf } from "./edit.ts";
import { type ImageReference, parseImageReference } from "./image-reference.ts";
import { placeInside } from "./places.ts";
import { describeValue } from "./unreadable.ts";
import { keysOf, parseYamlMapping } from "./yaml-mapping.ts";

/** An image that the chart promises in its annotation. */
export interface PromisedImage {
  readonly name: string | undefined;
  /** The reference as it is written. */
  readonly text: string;
  readonly reference: ImageReference;
  /** Such as `linux/amd64`, as they are written; none if the entry lists none. */
  readonly platforms: readonly string[];
  /** Where Chart.yaml states the reference. */
  readonly at: Place;
  /**
   * Returns the change of Chart.yaml that gives the image another tag; a digest behind it stays.
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
 * @throws {Refusal | LocatedSyntaxError} If the chart or its values cannot be read.
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

/** Reports whether two references name one image, at any tag and digest. */
export function isSameImage(one: ImageReference, other: ImageReference): boolean {
  return one.registry === other.registry && one.repository === other.repository;
}

const annotationPath: Path = ["annotations", layout.imagesAnnotation];

/**
 * Returns the images that a chart promises, or undefined if it has no annotation of images.
 *
 * @throws {Refusal | LocatedSyntaxError} If the annotation is not a list of images, with every fault
 * and its line.
 */
export function imagesOf({ document }: Chart): readonly PromisedImage[] | undefined {
  const text = annotation(document);
  if (text === undefined) {
    return undefined;
  }
  const inner = parseInside(document, annotationPath, text);
  if (!Array.isArray(inner.data)) {
    throw cannotRead(
      layout.imagesAnnotation,
      inner.data,
      "a list",
      document.place(annotationPath),
      "Write one entry for each image, with image and platforms",
    );
  }
  const place = (path: Path, nth = 0) => {
    const offset = inner.keyOffsets(path)[nth];
    return offset === undefined
      ? document.place(annotationPath)
      : placeInside(document, annotationPath, text, offset);
  };
  refuseAny(
    inner.data.flatMap((entry, index) =>
      imageFaults(index, entry, place, (key) => inner.keyOffsets([index, key]).length),
    ),
  );
  return (inner.data as ImageEntry[]).map(({ name, image, platforms }, index) => {
    const path = [index, "image"];
    return {
      name,
      text: image,
      reference: parseImageReference(image),
      platforms: platforms ?? [],
      // Finding a place parses the file again: only if it is asked for.
      get at() {
        return place(path);
      },
      retag: (tag) => outerChange(inner, tagChange(path, image, tag), () => place(path)),
    };
  });
}

/** An entry of the annotation without faults. */
interface ImageEntry {
  readonly name?: string;
  readonly image: string;
  readonly platforms?: readonly string[];
}

/** Returns the annotation's text, or undefined if there is none. */
function annotation(document: Document): string | undefined {
  const [parent = ""] = annotationPath;
  const all = document.at([parent]) ?? {};
  if (asTable(all) === undefined) {
    const remedy = `Write ${layout.imagesAnnotation} and its neighbours as keys below annotations`;
    throw cannotRead("annotations", all, "a mapping", document.place([parent]), remedy);
  }
  const value = document.at(annotationPath);
  if (value === undefined) {
    return undefined;
  }
  if (typeof value !== "string") {
    throw cannotRead(
      layout.imagesAnnotation,
      value,
      "a text that holds a YAML list",
      document.place(annotationPath),
      `Write ${layout.imagesAnnotation}: | and the list below it, indented`,
    );
  }
  const { source } = document;
  const name = layout.imagesAnnotation;
  refuseAny(
    keyFaults(
      source,
      document.keyOffsets(annotationPath).map((offset) => ({ name, offset })),
    ),
  );
  return value;
}

function cannotRead(what: string, found: unknown, expected: string, at: Place, remedy: string) {
  const message = `Cannot read ${what}: found ${describeValue(found)}, expected ${expected}`;
  return refusal(message, { at, remedy });
}

/** Parses YAML in the text at a path; a syntax error has its place in the document around it. */
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

/** What each key of an entry must hold. */
const imageKeys: Readonly<
  Record<string, { readonly expected: string; fits(value: unknown): boolean }>
> = {
  name: {
    expected: "a text",
    fits: (value) => value === undefined || typeof value === "string",
  },
  image: {
    expected: "an image reference such as ghcr.io/owner/name:1.2.3",
    fits: (value) => typeof value === "string" && isImageReference(value),
  },
  platforms: {
    expected: "a list such as [linux/amd64, linux/arm64]",
    fits: (value) =>
      value === undefined ||
      (Array.isArray(value) &&
        value.every((each) => typeof each === "string" && platform.test(each))),
  },
};

/** Returns what keeps an entry of the annotation from being a promise of an image. */
function imageFaults(
  index: number,
  entry: unknown,
  place: (path: Path, nth?: number) => Place,
  countOf: (key: string) => number,
): Finding[] {
  function fault(found: string, expected: string, at: Place): Finding {
    const what = `image ${index + 1} of ${layout.imagesAnnotation}`;
    const message = `Cannot read ${what}: found ${found}, expected ${expected}`;
    return error(message, { at, remedy: "Correct the entry in Chart.yaml" });
  }
  const table = asTable(entry);
  if (table === undefined) {
    return [fault(describeValue(entry), "a mapping with image and platforms", place([index]))];
  }
  return Object.entries(imageKeys).flatMap(([key, { expected, fits }]) => {
    const value = table[key];
    const found = Array.isArray(value) ? quote(JSON.stringify(value)) : describeValue(value);
    // A key that is absent has no place; its neighbours show the entry.
    const near = value === undefined ? (Object.keys(table)[0] ?? "") : key;
    return [
      ...(countOf(key) > 1 ? [fault(`${key} again`, "it once", place([index, key], 1))] : []),
      ...(fits(value) ? [] : [fault(`${key} ${found}`, expected, place([index, near]))]),
    ];
  });
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

/** Returns the change of the manifest that makes a change of the YAML in its annotation. */
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

/** Returns the change of a reference that gives it a tag, or another one. */
function tagChange(path: Path, text: string, to: string): Change {
  const { tag } = parseImageReference(text);
  const [named = ""] = text.split("@", 1);
  return tag === undefined
    ? { path, at: 0, from: named, to: `${named}:${to}` }
    : { path, at: named.length - tag.length, from: tag, to };
}

function valuesOf(folder: string): string {
  return `${folder}/values.yaml`;
}

/**
 * Returns the image that `helm install` pulls: `image.repository` and `image.tag` of values.yaml, or
 * else the chart's appVersion as the tag.
 *
 * @param folder The chart's folder, relative to the top of the tree.
 * @param appVersion Of the same chart.
 * @throws {Refusal | LocatedSyntaxError} If values.yaml does not tell the image, with every fault and
 * its line.
 */
export async function chartImage(
  tree: Tree,
  folder: string,
  appVersion: Located<string> | undefined,
): Promise<PulledImage> {
  const values = await needFile(tree, valuesOf(folder));
  const document = parseYamlMapping(values);
  const inner = keysOf(document, "image");
  refuseAny([...keyFaults(values, keysOf(document)), ...keyFaults(values, inner)]);
  const image = document.at(["image"]);
  const table = asTable(image);
  if (table === undefined) {
    throw refusal(
      `Cannot tell the chart's image: found ${describeValue(image)} as image in ${values.path}, expected a mapping`,
      {
        at: document.place(["image"]),
        remedy: "Set image.repository, and image.tag if it is not appVersion",
      },
    );
  }
  refuseAny(valueFaults(document, table, appVersion));
  refuseAny(
    ["repository", "tag"]
      .filter((key) => table[key])
      .flatMap((key) => spellingFaults(document, inner, ["image", key])),
  );
  const tagFrom = table.tag ? "image.tag" : "appVersion";
  const at = table.tag ? document.place(["image", "tag"]) : (appVersion?.at ?? values.place());
  const text = `${table.repository}:${table.tag || appVersion?.value}`;
  if (!isImageReference(text)) {
    throw refusal(
      `Cannot tell the chart's image: found ${quote(text)}, expected an image reference`,
      { at, remedy: `Correct image.repository in ${values.path}, or ${tagFrom}` },
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
    const message = `Cannot tell the chart's image: found image.${key} ${describeValue(value)}, expected ${expected}`;
    const at = document.place(value === undefined ? ["image"] : ["image", key]);
    faults.push(error(message, { at, remedy }));
  }
  const { repository, tag = null } = image;
  const isBare = typeof repository === "string" && isImageReference(`${repository}:tag`);
  if (!isBare || repository.includes("@")) {
    const expected = "a repository without tag and digest, such as ghcr.io/owner/name";
    fault("repository", expected, `Correct it in ${document.source.path}`);
  }
  if (tag !== null && typeof tag !== "string") {
    fault("tag", "a text", `Write it in quotes in ${document.source.path}`);
  } else if (!tag && appVersion === undefined) {
    fault("tag", "a tag, as Chart.yaml has no appVersion", "Set appVersion in Chart.yaml");
  }
  // Both change what is pulled.
  for (const key of ["registry", "digest"].filter((each) => image[each])) {
    const remedy = `Write registry and repository together, and leave image.${key} empty`;
    fault(key, "none, as only the chart's templates know what it does", remedy);
  }
  return faults;
}
