/** What a release waits for, shortened, so that a test can see it pass. */

import { afterAll, beforeAll } from "bun:test";
import { layout } from "../../scripts/lib/layout.ts";

/** Shortens the pauses before something is asked again. @returns What puts them back. */
export function shortenPauses(): () => void {
  return shorten(layout, { askAgainAfter: [50, 150], lookAgain: { first: 500, longest: 60_000 } });
}

/** Shortens the time limits, to milliseconds. @returns What puts them back. */
export function shortenLimits(limit = 2000): () => void {
  return shorten(layout.limits, { network: limit, local: limit, signing: limit });
}

function shorten<Table extends object>(table: Table, shorter: object): () => void {
  const usual = { ...table };
  Object.assign(table, shorter);
  return () => void Object.assign(table, usual);
}

/** Shortens the pauses for the tests of a file, or of a group. */
export function hurry(): void {
  let putBack = () => {};
  beforeAll(() => {
    putBack = shortenPauses();
  });
  afterAll(() => putBack());
}
