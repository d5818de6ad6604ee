/** The promises of a release under every fault of git. */

import { sweep } from "../helpers/fault-sweep.ts";

sweep({ name: "a release", command: ["scripts/release.ts", "v1.3.0"] });
