/** Loaded into a process before its release: one of its calls of git goes wrong. */

import { readFileSync } from "node:fs";
import type { ProcessOrders } from "./fault-runs.ts";
import { admit, openDoor } from "./git-door.ts";
import { shortenLimits, shortenPauses } from "./hurry.ts";

const file = process.env.RELEASE_RUN ?? "";
const told: ProcessOrders = JSON.parse(readFileSync(file, "utf8"));
const { orders, memory, interrupted } = told;

shortenPauses();
if (interrupted) {
  // Where a release holds Ctrl-C off, a hanging git comes to its time limit first.
  shortenLimits();
}
openDoor();
admit({ ...orders, memory: new Map(memory) }, file);
