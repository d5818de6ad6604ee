/** A release procedure that asks nothing of its own. */

import type { Procedure } from "../../scripts/release/flow.ts";

export const withoutGates: Procedure = {
  script: "scripts/release.ts",
  tagPrefix: "v",
  branch: "main",
  pushesMain: true,
  gates: [],
  cautions: async () => [],
  nextSteps: async () => [],
};
