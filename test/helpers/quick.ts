/** The world of questions to registries: no gh, no patience, no pauses. */

import type { HttpOptions } from "../../scripts/lib/net/http.ts";
import type { RegistryWorld } from "../../scripts/lib/net/registry.ts";

/** Requests that give up at once. */
export const quickHttp: HttpOptions = {
  sleep: () => Promise.resolve(),
  limits: { attempt: 1000, total: 5000 },
};

/** A world without gh and without a patient network. */
export const quickWorld: RegistryWorld = {
  env: { PATH: "/nonexistent" },
  cwd: "/",
  http: quickHttp,
};
