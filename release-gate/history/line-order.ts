/** Compares two lists of lines, of which the later one should only have grown at its end. */

/** A line of a file, and its number from 1. */
export interface TextLine {
  readonly line: number;
  readonly text: string;
}

/** One difference between two lists of lines. */
export type LineChange<T> =
  | { readonly kind: "appended"; readonly after: T }
  /** `next` is the earlier line that it stands before. */
  | { readonly kind: "inserted"; readonly after: T; readonly next: T }
  /** `isLast`: no earlier line that is kept comes after it. */
  | { readonly kind: "edited"; readonly before: T; readonly after: T; readonly isLast: boolean }
  | { readonly kind: "moved"; readonly before: T; readonly after: T }
  /** `now` is the number of the later line that stands in its place, or of the last one. */
  | { readonly kind: "removed"; readonly before: T; readonly now: number };

/**
 * The differences between two lists, in the order of the earlier one. Lines are the same if their
 * texts are; the first occurrence of a text stands for the first, the second for the second.
 *
 * @param foreign Texts that may stand anywhere in the later list.
 */
export function compareLines<T extends TextLine>(
  before: readonly T[],
  after: readonly T[],
  foreign: ReadonlySet<string> = new Set(),
): LineChange<T>[] {
  // A history is many long lists, each of which differs from the next at its end alone.
  const differs = before.findIndex(({ text }, index) => text !== after[index]?.text);
  const same = differs < 0 ? before.length : differs;
  const end = after.at(-1)?.line ?? 1;
  return changesOf(before.slice(same), after.slice(same), foreign, end);
}

/** `end` is the number of the last line of the whole later list. */
function changesOf<T extends TextLine>(
  before: readonly T[],
  after: readonly T[],
  foreign: ReadonlySet<string>,
  end: number,
): LineChange<T>[] {
  const partners = partnersOf(before, after);
  const taken = new Set(partners);
  const changes: LineChange<T>[] = [];
  let fromBefore = 0;
  let fromAfter = 0;
  for (const kept of [...longestRise(partners), before.length]) {
    const next = before[kept];
    const toAfter = next === undefined ? after.length : (partners[kept] ?? after.length);
    const fresh = after
      .slice(fromAfter, toAfter)
      .filter((line, index) => !taken.has(fromAfter + index) && !foreign.has(line.text));
    let used = 0;
    for (let index = fromBefore; index < kept; index += 1) {
      const gone = before[index] as T;
      const moved = after[partners[index] ?? -1];
      const edited = fresh[used];
      if (moved !== undefined) {
        changes.push({ kind: "moved", before: gone, after: moved });
      } else if (edited !== undefined) {
        changes.push({ kind: "edited", before: gone, after: edited, isLast: next === undefined });
        used += 1;
      } else {
        const now = after[toAfter]?.line ?? end;
        changes.push({ kind: "removed", before: gone, now });
      }
    }
    for (const line of fresh.slice(used)) {
      changes.push(
        next === undefined
          ? { kind: "appended", after: line }
          : { kind: "inserted", after: line, next },
      );
    }
    fromBefore = kept + 1;
    fromAfter = toAfter + 1;
  }
  return changes;
}

/** For each earlier line the index of the same later one, or -1. */
function partnersOf(before: readonly TextLine[], after: readonly TextLine[]): number[] {
  const places = new Map<string, number[]>();
  for (let index = after.length - 1; index >= 0; index -= 1) {
    const { text } = after[index] as TextLine;
    const known = places.get(text);
    if (known === undefined) {
      places.set(text, [index]);
    } else {
      known.push(index);
    }
  }
  return before.map(({ text }) => places.get(text)?.pop() ?? -1);
}

/** The indices of a longest rising selection of numbers, those below 0 left out. */
function longestRise(numbers: readonly number[]): number[] {
  /** For each length, the index of the least number that ends a rise of that length. */
  const ends: number[] = [];
  const previous: number[] = [];
  for (const [index, value] of numbers.entries()) {
    if (value < 0) {
      continue;
    }
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((numbers[ends[middle] as number] as number) < value) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    previous[index] = ends[low - 1] ?? -1;
    ends[low] = index;
  }
  const rise: number[] = [];
  for (let index = ends.at(-1) ?? -1; index >= 0; index = previous[index] ?? -1) {
    rise.push(index);
  }
  return rise.reverse();
}
