/** Matches versions with Cargo's version requirements, by the rules of the crate `semver`. */

import type { Version } from "../version.ts";

const number = "(?:0|[1-9][0-9]*)";
const whole = `${number}\\.${number}\\.${number}(?:-[0-9A-Za-z.-]+)?(?:\\+[0-9A-Za-z.-]+)?`;
const partial = `${number}(?:\\.(?:${number}|[*xX]))?(?:\\.[*xX])?`;
const comparator = new RegExp(`^([<>]=?|[=~^]?) *(${whole}|${partial})$`);

/**
 * Reports whether a requirement admits a version. A requirement that Cargo cannot read admits none.
 *
 * It differs from a range of the runtime in lists, in what a bare version means, and in what is legal.
 */
export function admits(requirement: string, version: Version): boolean {
  if (/^[*xX]$/.test(requirement.trim())) {
    return !version.includes("-");
  }
  const ranges = requirement.split(",").map((each) => {
    const [, sign = "", stated] = comparator.exec(each.trim()) ?? [];
    const isBare = sign === "" && stated !== undefined && !/^[0-9.]+[*xX]/.test(stated);
    return stated && (isBare ? `^${stated}` : sign + stated);
  });
  return ranges.every(Boolean) && Bun.semver.satisfies(version, ranges.join(" "));
}
