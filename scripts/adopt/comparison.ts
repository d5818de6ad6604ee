/** A copy compared with what there is to adopt. */

import type { FileState } from "../lib/disk/files.ts";
import { type Copy, findManifest, isCommand, readCopy } from "./copy.ts";
import { hashesOf, hashOf, type Manifest, manifestPath } from "./manifest.ts";
import { fateOf, type Step } from "./plan.ts";
import type { Upstream } from "./upstream.ts";

/** What an adoption starts from. */
export interface Adoption {
  readonly copy: Copy;
  /** The last adoption; undefined before the first. */
  readonly manifest: Manifest | undefined;
  /** What there is to adopt; undefined if a copy checks itself. */
  readonly upstream: Upstream | undefined;
  /** The files of the copy as they are, the manifest among them. */
  readonly here: ReadonlyMap<string, FileState>;
  readonly steps: readonly Step[];
}

/**
 * Compares a copy with what there is to adopt, and changes nothing.
 *
 * @param upstream What there is to adopt; undefined to compare the copy with its own manifest.
 * @throws {Refusal} If the copy or its manifest cannot be read.
 */
export async function compareCopy(copy: Copy, upstream: Upstream | undefined): Promise<Adoption> {
  const manifest = findManifest(copy);
  const adopted = manifest?.files ?? new Map<string, string>();
  const wanted = upstream === undefined ? adopted : hashesOf(upstream.files);
  const paths = [...new Set([...wanted.keys(), ...adopted.keys()])].sort();
  const here = await readCopy(copy, [...paths, manifestPath]);
  const steps = paths.map((path) => {
    const state = here.get(path);
    const fate = fateOf({
      upstream: wanted.get(path),
      adopted: adopted.get(path),
      here: state && hashOf(state.bytes),
      lacksRunBit: state !== undefined && isCommand(state.bytes) && (state.mode & 0o100) === 0,
    });
    return { path, fate };
  });
  return { copy, manifest, upstream, here, steps };
}
