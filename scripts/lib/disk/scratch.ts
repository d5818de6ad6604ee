/** Makes temporary folders. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { refusal } from "../finding.ts";
import type { Environment } from "../process.ts";
import { reason } from "./files.ts";

/**
 * Makes an empty folder in `TMPDIR` or the system's temporary folder, and returns its path. Only
 * the operator can read it.
 *
 * @param purpose Completes "Cannot make ...".
 * @throws {Refusal} If it cannot be made.
 */
export function makeScratchFolder(
  prefix: string,
  { env, cwd = "." }: { readonly env: Environment; readonly cwd?: string },
  purpose = "a temporary folder",
): string {
  const parent = resolve(cwd, env.TMPDIR || tmpdir());
  try {
    return mkdtempSync(join(parent, prefix));
  } catch (thrown) {
    throw refusal(`Cannot make ${purpose} in ${parent}: ${reason(thrown)}`, {
      remedy: "Free disk space or grant access there, or set TMPDIR to another folder",
    });
  }
}
