/** What becomes of each file of a copy: decided from what is upstream, on record, and here. */

/** Three states of one file, as hashes; undefined where there is none. */
export interface FileStates {
  /** As the release tools have it now. */
  readonly upstream: string | undefined;
  /** As the last adoption wrote it. */
  readonly adopted: string | undefined;
  /** As it is in the checkout. */
  readonly here: string | undefined;
  /** Whether it is to be a command, and lacks the run bit. */
  readonly lacksRunBit?: boolean;
}

/**
 * - `new`, `updated`, `restored`: becomes what it is upstream; it was not here before, was as
 *   adopted, or was adopted and is gone.
 * - `current`: is what it is upstream; `run bit`: but for that, which a command needs.
 * - `removed`: goes, as it did upstream; it was as adopted.
 * - `forgotten`: is gone, upstream and here.
 * - `edited`: was edited here, and not upstream since; it stays.
 * - `conflict`: was edited here, and changed or removed upstream.
 * - `foreign`: stands where a file of the release tools belongs, and no adoption wrote it.
 */
export type Fate =
  | "new"
  | "updated"
  | "restored"
  | "current"
  | "run bit"
  | "removed"
  | "forgotten"
  | "edited"
  | "conflict"
  | "foreign";

/** The fate of one file. */
export function fateOf({ upstream, adopted, here, lacksRunBit }: FileStates): Fate {
  if (upstream === undefined) {
    return here === undefined ? "forgotten" : here === adopted ? "removed" : "conflict";
  }
  if (here === upstream) {
    return lacksRunBit ? "run bit" : "current";
  }
  if (here === undefined) {
    return adopted === undefined ? "new" : "restored";
  }
  if (adopted === undefined) {
    return "foreign";
  }
  if (here === adopted) {
    return "updated";
  }
  return adopted === upstream ? "edited" : "conflict";
}

/** Where the names and paths of the product are: the one file that is made to be edited. */
export const layoutPath = "scripts/lib/layout.ts";

/** One file of the copy, and its fate. */
export interface Step {
  /** From the folder that holds the copy. */
  readonly path: string;
  readonly fate: Fate;
}

/** The fates that keep an adoption from being made. */
export function isInTheWay({ fate }: Step): boolean {
  return fate === "conflict" || fate === "foreign";
}

/** The fates by which a file is written or removed. */
export function isChange({ fate }: Step): boolean {
  return !["current", "edited", "forgotten", "conflict", "foreign"].includes(fate);
}
