/** Turns the bytes of a file into text. */

import { isUtf8 } from "node:buffer";
import { refusal } from "../finding.ts";
import { type Decoding, type Source, source } from "../tree.ts";

/**
 * Returns the source of a file's bytes.
 *
 * @throws {Refusal} If the bytes are not UTF-8, and the decoding is not lenient.
 */
export function decodeSource(path: string, bytes: Uint8Array, decoding: Decoding = {}): Source {
  // A decoder that is told to be fatal takes far longer than to look first.
  if (decoding.lenient !== true && !isUtf8(bytes)) {
    throw refusal(`Cannot read ${path}: it is not UTF-8 text`, {
      at: { file: path },
      remedy: "Save the file as UTF-8",
    });
  }
  return source(path, new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
}
