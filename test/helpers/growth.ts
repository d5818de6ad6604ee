/** How the processor's time of work grows with its size: a ratio, which every machine shares. */

/** Tenfold work may take this many times as long: linear work takes 10 times, quadratic 100. */
const tolerated = 40;

/** Milliseconds that say nothing of growth, as what memory costs may be all of them. */
const negligible = 10;

/** How often small work is repeated, and how often all is tried again. */
const [turns, attempts] = [3, 20];

/** Milliseconds in whose steps the system counts the time of a thread. */
const tick = 10;

/**
 * Returns the milliseconds that some work of this thread takes: by the clock where it is short, and
 * by the time of the processor where it is so long that other programs come in between.
 */
export async function costOf(work: () => unknown): Promise<number> {
  const [cpu, clock] = [process.threadCpuUsage(), performance.now()];
  await work();
  const elapsed = performance.now() - clock;
  const { user, system } = process.threadCpuUsage(cpu);
  return Math.min(elapsed, (user + system) / 1000 + tick);
}

/**
 * Checks that work is linear in the size of its input, by the least that is measured: whatever
 * disturbs work makes it longer, and never shorter.
 *
 * @param size Of the larger input, so large that a tenth of it is work to measure.
 * @throws {Error} If tenfold work takes far more than ten times as long.
 */
export async function expectLinear<Input>(
  size: number,
  input: (size: number) => Input,
  work: (input: Input) => unknown,
): Promise<void> {
  const inputs = { small: input(size / 10), large: input(size) };
  const least = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY };
  const measure = async (each: "small" | "large") => {
    least[each] = Math.min(least[each], await costOf(() => work(inputs[each])));
  };
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    // The compiler warms up on small work, which would look long otherwise, and hide its growth.
    for (let turn = 0; turn < turns; turn += 1) {
      await measure("small");
    }
    await measure("large");
    if (least.large < negligible || (attempt > 0 && least.large < tolerated * least.small)) {
      return;
    }
  }
  const growth = (least.large / least.small).toFixed(1);
  throw new Error(`Tenfold work took ${growth} times as long, expected about 10`);
}
