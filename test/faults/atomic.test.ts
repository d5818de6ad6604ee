/** The promises of an atomic release under every fault of git. */

import { sweep } from "../helpers/fault-sweep.ts";

sweep({
  name: "an atomic release",
  command: ["scripts/release.ts", "v1.3.0", "--atomic"],
});
