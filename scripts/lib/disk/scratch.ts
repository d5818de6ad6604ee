/** Folders of our own among the system's temporary files. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { refusal } from "../finding.ts";
import type { Environment } from "../process.ts";
import { reason } from "./files.ts";

/**
 * Makes an empty folder that only the operator can read, below `TMPDIR` or where the system keeps
 * temporary files.
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
      remedy: "Make room or grant access there, or let TMPDIR name another folder",
    });
  }
}
