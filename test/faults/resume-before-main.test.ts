/** The promises of a resumed release, killed before main was pushed, under every fault of git. */

import { sweep } from "../helpers/fault-sweep.ts";

sweep({
  name: "resuming a release that was killed before main was pushed",
  command: ["scripts/release.ts", "v1.3.0"],
  killedAt: / push .*:refs\/heads\/main$/,
});
