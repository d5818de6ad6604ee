/** Asking again, with growing pauses, until there is nothing left to wait for. */

import { layout } from "../lib/layout.ts";

/** How long to wait, and the world's means to do so. */
export interface Waiting {
  /** Milliseconds from the first question on; 0 asks once. */
  readonly limit: number;
  /** Milliseconds since some moment. */
  clock(): number;
  /** Waits some milliseconds; rejects as soon as the signal fires. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<unknown>;
  readonly signal: AbortSignal;
}

/**
 * Asks until the answer is settled or the time is over. The last answer counts either way: whoever
 * asked sees from it what is still open.
 *
 * @throws {unknown} Whatever `sleep` rejects with once the signal fires, and whatever `ask` throws.
 */
export async function poll<T>(
  ask: () => Promise<T>,
  isSettled: (answer: T) => boolean,
  waiting: Waiting,
): Promise<T> {
  const { clock, limit, signal } = waiting;
  const begin = clock();
  const { first, longest } = layout.lookAgain;
  for (let pause: number = first; ; pause = Math.min(longest, pause * 1.5)) {
    const answer = await ask();
    const left = limit - (clock() - begin);
    if (isSettled(answer) || left <= 0) {
      return answer;
    }
    await waiting.sleep(Math.min(pause, left), signal);
  }
}
