/** Versions: strict SemVer 2 without build metadata, and the tags that carry them. */

declare const versionBrand: unique symbol;

/** A string that is a strict SemVer 2 version without build metadata, such as `1.2.3-rc.1`. */
export type Version = string & { readonly [versionBrand]: true };

const number = "(?:0|[1-9][0-9]*)";
const identifier = `(?:${number}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`;
/** The grammar of https://semver.org/spec/v2.0.0.html, items 2 and 9. */
const strict = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-${identifier}(?:\\.${identifier})*)?$`,
);

/** Whether a text is a strict SemVer version without build metadata. */
export function isVersion(text: string): text is Version {
  return text.length <= 256 && strict.test(text);
}

/**
 * Reads a version with or without its tag prefix.
 *
 * @param text Such as `1.2.3`, `v1.2.3` or, with prefix `chart-v`, `chart-v1.2.3`.
 * @param prefix The prefix that a tag of this kind carries.
 * @throws {SyntaxError} If the rest is not strict SemVer, or carries build metadata.
 */
export function parseVersion(text: string, prefix = "v"): Version {
  const bare = text.startsWith(prefix) ? text.slice(prefix.length) : text;
  if (isVersion(bare)) {
    return bare;
  }
  const why = bare.includes("+")
    ? "build metadata (+...) has no place in a release version"
    : "expected strict SemVer";
  throw new SyntaxError(
    `Cannot read version ${JSON.stringify(text)}: ${why}, such as ${prefix}1.2.3 or 1.2.3-rc.1`,
  );
}

/** SemVer precedence: negative if `a` comes before `b`, 0 if equal, positive if after. */
export function compareVersions(a: Version, b: Version): number {
  return Bun.semver.order(a, b);
}

/** Whether a version has a prerelease part (`1.2.3-rc.1`). */
export function isPrerelease(version: Version): boolean {
  return version.includes("-");
}
