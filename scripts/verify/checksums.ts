/** Checksum files, as sha256sum writes and reads them. */

import { LocatedSyntaxError, quote } from "../lib/finding.ts";
import type { Source } from "../lib/tree.ts";

/** The sha256 of each file that is named, in hexadecimal and lower case. */
export type Checksums = ReadonlyMap<string, string>;

/** A sum, a space, a space or the asterisk of binary mode, and a name. */
const form = /^([0-9A-Fa-f]{64}) [ *](?:\.\/)?(\S(?:.*\S)?)$/;

/**
 * Reads a file of sha256 checksums. A name may be there twice only with the same sum.
 *
 * @throws {LocatedSyntaxError} If a line is no checksum, a name has two sums, or there is none at all.
 */
export function parseChecksums({ path, text }: Source): Checksums {
  const sums = new Map<string, string>();
  const lines = text.split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line === "" && index === lines.length - 1) {
      continue;
    }
    const at = { file: path, line: index + 1 };
    const [, written = "", name = ""] = form.exec(line) ?? [];
    if (name === "") {
      throw new LocatedSyntaxError(
        `line ${index + 1} is no sha256 checksum: found ${quote(line)}`,
        at,
      );
    }
    const sum = written.toLowerCase();
    if ((sums.get(name) ?? sum) !== sum) {
      throw new LocatedSyntaxError(`it names ${quote(name)} twice, with different sums`, at);
    }
    sums.set(name, sum);
  }
  if (sums.size === 0) {
    throw new LocatedSyntaxError("it is empty", { file: path });
  }
  return sums;
}
