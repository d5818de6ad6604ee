import { expect, test } from "bun:test";
import { poll } from "../../scripts/verify/poll.ts";

/** A world whose clock moves only while somebody sleeps. */
function quietWorld(limit: number) {
  const controller = new AbortController();
  const pauses: number[] = [];
  let now = 1_000_000;
  return {
    controller,
    pauses,
    waiting: {
      limit,
      clock: () => now,
      sleep(milliseconds: number, signal: AbortSignal) {
        signal.throwIfAborted();
        pauses.push(milliseconds);
        now += milliseconds;
        return Promise.resolve();
      },
      signal: controller.signal,
    },
  };
}

test("an answer that is settled is not asked for again", async () => {
  const { waiting, pauses } = quietWorld(60_000);
  expect(
    await poll(
      () => Promise.resolve("there"),
      () => true,
      waiting,
    ),
  ).toBe("there");
  expect(pauses).toEqual([]);
});

test("pauses grow, end at a minute, and the last question falls on the limit", async () => {
  const { waiting, pauses } = quietWorld(5 * 60_000);
  let asked = 0;
  expect(
    await poll(
      () => {
        asked += 1;
        return Promise.resolve(asked);
      },
      () => false,
      waiting,
    ),
  ).toBe(pauses.length + 1);
  expect(pauses.slice(0, 7)).toEqual([5000, 7500, 11_250, 16_875, 25_312.5, 37_968.75, 56_953.125]);
  expect(Math.max(...pauses)).toBe(60_000);
  expect(pauses.reduce((sum, pause) => sum + pause, 0)).toBe(5 * 60_000);
});

test("a limit of nothing asks once", async () => {
  const { waiting, pauses } = quietWorld(0);
  expect(
    await poll(
      () => Promise.resolve(1),
      () => false,
      waiting,
    ),
  ).toBe(1);
  expect(pauses).toEqual([]);
});

test("Ctrl-C ends the waiting", () => {
  const { controller, waiting } = quietWorld(60_000);
  const asking = poll(
    () => {
      controller.abort();
      return Promise.resolve(1);
    },
    () => false,
    waiting,
  );
  expect(asking).rejects.toThrow("abort");
});
