/** The promises of a resumed release, killed between its pushes, under every fault of git. */

import { sweep } from "../helpers/fault-sweep.ts";

sweep({
  name: "resuming a release that was killed between its pushes",
  command: ["scripts/release.ts", "v1.3.0"],
  killedAt: / push .*:refs\/tags\/v1\.3\.0$/,
});
