#!/usr/bin/env bun
/**
 * A fork's own names, paths, thresholds and time limits: the one file that a fork edits. Adoption writes it
 * once, and never touches it again.
 *
 * Set only what differs. `scripts/lib/layout.ts` has every key with its default and what it is for. Groups
 * merge by key, and a list is replaced whole. `undefined` says that there is none, of what may be absent: the
 * chart, its changelog, the ledger, the lab, the vintages, the published crates, each reference. An unknown key
 * is refused.
 * Example:
 *
 *     export const layout = {
 *       product: "my-product",
 *       chart: "charts/my-product",
 *       published: { crates: ["my-product-core", "my-product"] },
 *       vintages: undefined,
 *     };
 */
export const layout = {};
