/** What is asked of a workflow that releases, and how a breach of it is told. */

import { error, type Finding, type Place } from "../lib/finding.ts";

/** A workflow that releases what a tag names. */
export interface Guarded {
  readonly file: string;
  /** What every tag that starts it begins with. */
  readonly tagPrefix: string;
  /** The check of that tag, as a path without `.sh` or `.ts`. */
  readonly check: string;
}

/** A breach of the invariant. */
export function breach(
  file: string,
  found: string,
  expected: string,
  details: { readonly at: Place; readonly remedy: string },
): Finding {
  return error(`Cannot accept ${file}: found ${found}, expected ${expected}`, details);
}
