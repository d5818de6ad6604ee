/**
 * What a fork sets: names, paths, thresholds and time limits. Adoption writes this file once, and never
 * touches it again; a fork edits no other file.
 *
 * Set only what differs. All the keys, with what each is for, and the values of those that are not set here,
 * are in `scripts/lib/layout.ts`. Groups merge by key; a list and `vintages.rules` are replaced whole.
 * Example:
 *
 *     export const layout = {
 *       product: "my-product",
 *       chart: "charts/my-product",
 *       published: { crates: ["my-product-core", "my-product"] },
 *     };
 */
export const layout = {};
