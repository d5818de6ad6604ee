/** How the processor's time of work grows with its size: a ratio, which every machine shares. */

/** Tenfold work may take this many times as long: linear work takes 10 times, quadratic 100. */
const tolerated = 40;

/**
 * Milliseconds that say nothing of growth: what memory costs may be all of them. Quadratic work takes
 * far longer at the sizes of the tests, of 50,000 letters and more.
 */
const negligible = 10;

/** How often small work is repeated, and how often all is tried again. */
const [turns, fewest, attempts] = [3, 2, 20];

/** Milliseconds in whose steps the system counts the time of a thread. */
const tick = 10;

/**
 * Milliseconds that some work of this thread takes: by the clock where it is short, and by the time
 * of the processor where it is so long that other programs come in between.
 */
export async function costOf(work: () => unknown): Promise<number> {
  const [cpu, clock] = [process.threadCpuUsage(), performance.now()];
  await work();
  const elapsed = performance.now() - clock;
  const { user, system } = process.threadCpuUsage(cpu);
  return Math.min(elapsed, (user + system) / 1000 + tick);
}

/** Milliseconds that some work takes, and tenfold work. */
interface Costs {
  readonly small: number;
  readonly large: number;
}

/**
 * What work and tenfold work take: the least that is found, for whatever disturbs work makes it
 * longer, and never shorter.
 */
async function costsOf<Input>(
  size: number,
  input: (size: number) => Input,
  work: (input: Input) => unknown,
): Promise<Costs> {
  const inputs = { small: input(size / 10), large: input(size) };
  const least = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY };
  const measure = async (each: "small" | "large") => {
    least[each] = Math.min(least[each], await costOf(() => work(inputs[each])));
  };
  for (
    let attempt = 0;
    attempt < fewest || (attempt < attempts && !isLinear(least));
    attempt += 1
  ) {
    // The compiler warms up on small work, which would look long otherwise, and hide its growth.
    for (let turn = 0; turn < turns; turn += 1) {
      await measure("small");
    }
    await measure("large");
  }
  return least;
}

function isLinear({ small, large }: Costs): boolean {
  return large < negligible || large < tolerated * small;
}

/**
 * Complains unless work is linear in the size of its input.
 *
 * @param size Of the larger input, so large that a tenth of it is work to measure.
 */
export async function expectLinear<Input>(
  size: number,
  input: (size: number) => Input,
  work: (input: Input) => unknown,
): Promise<void> {
  const costs = await costsOf(size, input, work);
  if (!isLinear(costs)) {
    const growth = (costs.large / costs.small).toFixed(1);
    throw new Error(`Tenfold work took ${growth} times as long, expected about 10`);
  }
}
