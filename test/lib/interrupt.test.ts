import { expect, test } from "bun:test";
import { EventEmitter } from "node:events";
import { Interrupted, watchProcess } from "../../scripts/lib/interrupt.ts";

/** How a script ends whose operator presses Ctrl-C after this work was held. */
async function endAfter(work: () => Promise<unknown>, changes?: boolean): Promise<unknown> {
  const watch = watchProcess();
  try {
    await watch.interrupt.hold(work, changes).catch(() => {});
    process.emit("SIGINT");
    return await watch.ended.catch((thrown: unknown) => thrown);
  } finally {
    watch.stop();
  }
}

test("after work that changed something, Ctrl-C does not say that nothing was changed", async () => {
  const thrown = await endAfter(() => Promise.resolve());
  expect(String(thrown)).toEndWith("Interrupted: what had been begun is done");
});

test("after work that only asked, it does", async () => {
  const thrown = await endAfter(() => Promise.resolve(), false);
  expect(String(thrown)).toEndWith("Interrupted: nothing was changed");
});

test("what interrupted work says is left stays said, however often Ctrl-C is pressed", async () => {
  const left = new Interrupted("v1.3.0 is released; its run goes on");
  expect(await endAfter(() => Promise.reject(left), false)).toBe(left);
});

test("work that fails by itself is no interrupt", async () => {
  const thrown = await endAfter(() => Promise.reject(new Error("defect")), false);
  expect(String(thrown)).toEndWith("Interrupted: nothing was changed");
});

test.each(["unhandledRejection", "uncaughtException"])(
  "an %s ends the script at once while nothing is held",
  async (name) => {
    const source = new EventEmitter();
    const watch = watchProcess(source);
    const defect = new Error("nobody waits for me");
    source.emit(name, defect);
    expect(await watch.ended.catch((thrown: unknown) => thrown)).toBe(defect);
    watch.stop();
    expect(source.eventNames()).toEqual([]);
  },
);

test("an error that nobody waited for lets held work end first, and is not lost to a later one", async () => {
  const source = new EventEmitter();
  const watch = watchProcess(source);
  const { promise, resolve } = Promise.withResolvers<string>();
  const ends: unknown[] = [];
  const ended = watch.ended.catch((thrown: unknown) => ends.push(thrown));
  const held = watch.interrupt.hold(() => promise);
  const first = new Error("first");
  source.emit("unhandledRejection", first);
  source.emit("uncaughtException", new Error("second"));
  await Bun.sleep(0);
  expect(ends).toEqual([]);
  resolve("done");
  expect(await held).toBe("done");
  await ended;
  expect(ends).toEqual([first]);
  watch.stop();
});
