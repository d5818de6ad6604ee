/**
 * Preloaded into a measured process: at its end, writes the peak of its resident memory, in bytes,
 * to the file that BENCH_PEAK names.
 *
 * What the kernel tells a parent will not do: it counts the parent's own memory at the time of the
 * fork, so that no child looks smaller than the bench itself.
 */

import { readFileSync, writeFileSync } from "node:fs";

process.on("exit", () => {
  const status = process.platform === "linux" ? readFileSync("/proc/self/status", "utf8") : "";
  const kilobytes = /^VmHWM:\s+([0-9]+) kB$/m.exec(status)?.[1];
  const bytes =
    kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes) * 1_024;
  writeFileSync(process.env.BENCH_PEAK ?? "/dev/null", String(bytes));
});
