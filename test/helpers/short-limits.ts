/** Preloaded into a script: its time limits, shortened, so that a test can see them pass. */

import { layout } from "../../scripts/lib/layout.ts";

Object.assign(layout.limits, { network: 3000, local: 1500, signing: 1500 });
