/** Reads the YAML of a workflow: one mapping without repeated keys, with the places of its parts. */

import { asTable, type Document, type Path } from "../lib/files/document.ts";
import { placeInside } from "../lib/files/places.ts";
import { parseYamlMapping, repeatedKeys } from "../lib/files/yaml-mapping.ts";
import { error, type Place, quote, Refusal } from "../lib/finding.ts";
import type { Source } from "../lib/tree.ts";

/**
 * Returns the document of a workflow.
 *
 * @throws {LocatedSyntaxError} If the file is not one YAML mapping.
 * @throws {Refusal} If a mapping has a key twice: YAML readers disagree about which one counts.
 */
export function parseWorkflow(source: Source): Document {
  const document = parseYamlMapping(source);
  const faults = repeatedKeys(document).flatMap(({ path, offsets }) => {
    const [first, ...again] = offsets.map((offset) => source.place(offset));
    return again.map((at) =>
      error(
        `Cannot read ${at.file}: found key ${quote(String(path.at(-1)))} in line ${at.line} again after line ${first?.line}, expected it once`,
        { at, remedy: "Remove one of the two: YAML readers disagree about which one counts" },
      ),
    );
  });
  if (faults.length > 0) {
    throw new Refusal(faults);
  }
  return document;
}

/**
 * Returns the place of the key, or of the list item, at the end of a path.
 *
 * @param offset UTF-16 offset inside the text at the path, for a place in that text.
 */
export function placeOf(document: Document, path: Path, offset?: number): Place {
  const value = document.at(path);
  const isItem = typeof path.at(-1) === "number";
  if (typeof value === "string" && (isItem || offset !== undefined)) {
    const place = placeInside(document, path, value, offset ?? 0);
    if (place.line !== undefined) {
      return place;
    }
  }
  if (!isItem) {
    return document.place(path);
  }
  // A list item that is a mapping begins with its first key.
  const [first] = Object.keys(asTable(value) ?? {});
  return first === undefined
    ? placeOf(document, path.slice(0, -1))
    : document.place([...path, first]);
}
