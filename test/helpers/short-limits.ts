/** Preloaded into a script: its time limits, shortened, so that a test can see them pass. */

import { layout } from "../../scripts/lib/layout.ts";

Object.assign(layout.limits, { network: 1500, local: 1500, signing: 1500 });
