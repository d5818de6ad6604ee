/** The name of one test of a table of tests. */

import { format, inspect } from "node:util";

/**
 * Fills a row into a name: `$key` by a field of the row; `%s`, `%d`, `%i`, `%j` and `%p` by its
 * values in turn, and `%#` by its number from 0.
 *
 * @throws {SyntaxError} If the name asks for anything else.
 */
export function titleOf(template: string, row: unknown, index: number): string {
  const values = Array.isArray(row) ? [...row] : [row];
  const filled = template.replace(/%(.)/g, (all, kind: string) => {
    switch (kind) {
      case "%":
        return "%";
      case "#":
        return String(index);
      case "p":
        return pretty(values.shift());
      case "s":
      case "d":
      case "i":
      case "j":
        return values.length === 0 ? all : format(all, values.shift());
      default:
        throw new SyntaxError(`Cannot name a test: found ${all} in ${JSON.stringify(template)}`);
    }
  });
  return Array.isArray(row) || typeof row !== "object" || row === null
    ? filled
    : filled.replace(/\$(\w+)/g, (all, key: string) =>
        key in row ? pretty(row[key as keyof typeof row]) : all,
      );
}

function pretty(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(value)
    : inspect(value, { breakLength: Infinity });
}
