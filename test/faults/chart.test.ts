/** The promises of a chart release under every fault of git. */

import { sweep } from "../helpers/fault-sweep.ts";

sweep({
  name: "a chart release",
  command: ["scripts/release-chart.ts", "chart-v1.3.0"],
  prepare: (world) => world.git("push", "--quiet", "origin", "main"),
});
