/** Every value of a parsed document, for tests that ask about each of them. */

import { asTable, type Path } from "../../scripts/lib/files/document.ts";

/** Returns every value with its path, parents first; what has an anchor comes once. */
export function valuesOf(data: unknown): { readonly path: Path; readonly value: unknown }[] {
  const found: { path: Path; value: unknown }[] = [];
  const seen = new Set<unknown>();
  function visit(path: Path, value: unknown): void {
    if (typeof value === "object" && value !== null) {
      if (seen.has(value)) {
        return;
      }
      seen.add(value);
    }
    found.push({ path, value });
    const isList = Array.isArray(value);
    for (const [key, child] of Object.entries(isList ? value : (asTable(value) ?? {}))) {
      visit([...path, isList ? Number(key) : key], child);
    }
  }
  visit([], data);
  return found;
}
