/** What a release waits for, shortened, so that a test can see it pass. */

import { layout } from "../../scripts/lib/layout.ts";

/** Shortens the pauses between questions. @returns What puts them back. */
export function shortenPauses(): () => void {
  const { sleep } = Bun;
  Bun.sleep = (time) => sleep(typeof time === "number" ? time / 20 : time);
  return () => {
    Bun.sleep = sleep;
  };
}

/** Shortens the time limits. @returns What puts them back. */
export function shortenLimits(): () => void {
  const usual = { ...layout.limits };
  Object.assign(layout.limits, { network: 3000, local: 3000, signing: 3000 });
  return () => void Object.assign(layout.limits, usual);
}
