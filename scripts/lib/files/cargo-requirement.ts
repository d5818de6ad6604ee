/** Matches versions with Cargo's version requirements, by the rules of the crate `semver`. */

import { compareVersions, isVersion, type Version } from "../version.ts";

const number = "(?:0|[1-9][0-9]*)";
const comparator = new RegExp(
  `^([<>]=?|[=~^]?) *(${number}(?:\\.${number}){0,2})((?:\\.[*xX]){0,2})(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?$`,
);

/**
 * Reports whether a requirement admits a version. A requirement that Cargo cannot read admits none.
 *
 * The runtime's semver differs from Cargo's: in lists, in what a bare version means, and in partial
 * versions beside prereleases.
 */
export function admits(requirement: string, version: Version): boolean {
  const isPrerelease = version.includes("-");
  if (/^[*xX]$/.test(requirement.trim())) {
    return !isPrerelease;
  }
  const answers = requirement.split(",").map((each) => compare(each.trim(), version));
  return (
    answers.every((each) => each?.matches) &&
    // A prerelease must be meant: one comparator names another one of the same version.
    (!isPrerelease || answers.some((each) => each?.meansPrerelease))
  );
}

/** Compares a version with one comparator; undefined if Cargo cannot read it. */
function compare(text: string, version: Version) {
  const [, sign = "", stated = "", wild = "", pre = "", build] = comparator.exec(text) ?? [];
  const given = stated.split(".");
  const isPartial = given.length < 3;
  const isLegal = isPartial
    ? given.length + wild.length / 2 <= 3 && !pre && !build
    : isVersion(stated + pre) && wild === "";
  if (stated === "" || !isLegal) {
    return undefined;
  }
  const [core = ""] = version.split("-", 1);
  const own = core.split(".");
  const filled = (parts: readonly string[]) =>
    [...parts, "0", "0"].slice(0, 3).join(".") as Version;
  const order = isPartial
    ? compareVersions(filled(own.slice(0, given.length)), filled(given))
    : compareVersions(version, (stated + pre) as Version);
  const isSame = (count: number) => given.slice(0, count).every((part, nth) => part === own[nth]);
  // A partial version equals no prerelease.
  const isEqual = order === 0 && !(isPartial && core !== version);
  const first = given.findIndex((part) => part !== "0");
  const matches = {
    "=": isEqual,
    ">": order > 0,
    ">=": order > 0 || isEqual,
    "<": order < 0,
    "<=": order < 0 || isEqual,
    "~": isPartial ? isEqual : order >= 0 && isSame(2),
    "^": order >= 0 && isSame(first < 0 ? given.length : first + 1),
  }[sign || (wild ? "=" : "^")];
  return { matches, meansPrerelease: pre !== "" && core === stated };
}
