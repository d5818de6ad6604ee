/** Finds words in texts in time that grows with the length of the two, whatever they say. */

/** How long a word may be for the runtime's own search, which may compare all of it at every offset. */
const longestSimple = 100;

/** Answers the first offset of a word at or after `from`, or -1 if there is none. */
export type Find = (word: string, from?: number) => number;

/** A search in a text. */
export function finderIn(text: string): Find {
  let bytes: Buffer | undefined;

  /** The search in bytes is linear; the runtime finds no letter that seems to start within another. */
  function findLong(word: string, from: number): number {
    bytes ??= Buffer.from(text, "utf16le");
    const at = bytes.indexOf(word, 2 * from, "utf16le");
    return at < 0 ? at : at / 2;
  }

  return (word, from = 0) =>
    word.length <= longestSimple ? text.indexOf(word, from) : findLong(word, from);
}
