/** Waiting for time to pass. */

import { setTimeout as wait } from "node:timers/promises";

/** Waits some milliseconds; rejects as soon as the signal fires. */
export async function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  await wait(milliseconds, undefined, { signal });
}
