/** Decodes the bytes of a file. */

import { isUtf8 } from "node:buffer";
import { refusal } from "../finding.ts";
import { type Decoding, type Source, source } from "../tree.ts";

/**
 * Decodes the bytes of a file as UTF-8.
 *
 * @throws {Refusal} If the bytes are not UTF-8 and the decoding is not lenient.
 */
export function decodeSource(path: string, bytes: Uint8Array, decoding: Decoding = {}): Source {
  // A decoder with `fatal` is far slower than a check before decoding.
  if (decoding.lenient !== true && !isUtf8(bytes)) {
    throw refusal(`Cannot read ${path}: it is not UTF-8 text`, {
      at: { file: path },
      remedy: "Save the file as UTF-8",
    });
  }
  return source(path, new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
}
