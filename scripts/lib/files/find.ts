/** Finds words in texts in time that grows with the length of the two, whatever they say. */

/** How long a word may be for the runtime's own search, which may compare all of it at every offset. */
const longestSimple = 100;

/** Answers the first offset of a word at or after `from`, or -1 if there is none. */
export type Find = (word: string, from?: number) => number;

/** A search in a text. */
export function finderIn(text: string): Find {
  let bytes: Buffer | undefined;

  /** The search in bytes is linear; there a letter takes two, and may seem to start between them. */
  function findLong(word: string, from: number): number {
    bytes ??= Buffer.from(text, "utf16le");
    let at = bytes.indexOf(word, 2 * from, "utf16le");
    while (at % 2 === 1) {
      at = bytes.indexOf(word, at + 1, "utf16le");
    }
    return at < 0 ? at : at / 2;
  }

  return (word, from = 0) =>
    word.length <= longestSimple ? text.indexOf(word, from) : findLong(word, from);
}
