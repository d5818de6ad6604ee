/** The mutant that is active in this process, if any, and the sites that were met. */

import type { Finding } from "../../scripts/lib/finding.ts";

/**
 * What becomes of an error: `admitted` says the same and refuses nothing, `mute` refuses without
 * saying why. A test that sees both holds that there is a refusal, and this one.
 */
export const operators = ["admitted", "mute"] as const;
export type Operator = (typeof operators)[number];

let active: { readonly key: string; readonly operator: Operator } | undefined;
const met = new Set<string>();

/** Runs something under a mutant, or under none, and tells which sites it met. */
export async function underMutant<T>(
  mutant: typeof active,
  run: () => T | Promise<T>,
): Promise<{ readonly sites: readonly string[]; readonly thrown?: unknown }> {
  active = mutant;
  met.clear();
  try {
    await run();
    return { sites: [...met] };
  } catch (thrown) {
    return { sites: [...met], thrown };
  } finally {
    active = undefined;
  }
}

/** Stands in for a function that makes findings, at one site. */
export function standIn<F>(key: string, make: F): F {
  if (typeof make !== "function") {
    return make;
  }
  return ((...args: unknown[]) => mutated(key, make(...args))) as F;
}

function mutated(key: string, finding: Finding): Finding {
  if (finding?.level !== "error") {
    return finding;
  }
  met.add(key);
  if (active?.key !== key) {
    return finding;
  }
  return active.operator === "admitted"
    ? { ...finding, level: "notice" }
    : { ...finding, message: "" };
}
