/** Versions: strict SemVer 2 without build metadata. */

declare const versionBrand: unique symbol;

/** A string that is a strict SemVer 2 version without build metadata, such as `1.2.3-rc.1`. */
export type Version = string & { readonly [versionBrand]: true };

const number = "(?:0|[1-9][0-9]*)";
const identifier = `(?:${number}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`;
/** The grammar of https://semver.org/spec/v2.0.0.html, items 2 and 9. */
const strict = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-${identifier}(?:\\.${identifier})*)?$`,
);

/** Reports whether a text is a strict SemVer version without build metadata. */
export function isVersion(text: string): text is Version {
  return text.length <= 256 && strict.test(text);
}

/**
 * Returns the version in a text such as `1.2.3`, `v1.2.3` or, with prefix `chart-v`,
 * `chart-v1.2.3`.
 *
 * @throws {SyntaxError} If the rest is not strict SemVer, or has build metadata.
 */
export function parseVersion(text: string, prefix = "v"): Version {
  const bare = text.startsWith(prefix) ? text.slice(prefix.length) : text;
  if (isVersion(bare)) {
    return bare;
  }
  const why = bare.includes("+") ? "a version without build metadata (+...)" : "strict SemVer";
  const meant = guess(bare, prefix);
  const example = meant === undefined ? `such as ${prefix}1.2.3 or 1.2.3-rc.1` : `perhaps ${meant}`;
  throw new SyntaxError(`found ${JSON.stringify(text)}, expected ${why}, ${example}`);
}

/** Returns the version that was probably meant, with its prefix and patch number corrected. */
function guess(text: string, prefix: string): string | undefined {
  const bare = text.replace(/^(?:chart-)?v/i, "").replace(/\+.*$/, "");
  const candidates = [bare, `${bare}.0`];
  const found = candidates.find(isVersion);
  return found && `${prefix}${found}`;
}

/**
 * Compares by SemVer precedence. Returns a negative number if `a` comes before `b`, 0 if they are
 * equal, else a positive number. `Bun.semver.order` fails on numbers beyond 64 bits.
 */
export function compareVersions(a: Version, b: Version): number {
  const [core, prerelease] = parts(a);
  const [otherCore, otherPrerelease] = parts(b);
  const byCore = compareIdentifiers(core, otherCore);
  if (byCore !== 0 || prerelease.length === 0 || otherPrerelease.length === 0) {
    // A prerelease comes before the release that it prepares.
    return byCore || Number(otherPrerelease.length > 0) - Number(prerelease.length > 0);
  }
  return compareIdentifiers(prerelease, otherPrerelease);
}

/** Returns the identifiers of the core and of the prerelease, which may be empty. */
function parts(version: Version): [core: readonly string[], prerelease: readonly string[]] {
  const [core = "", ...prerelease] = version.split("-");
  return [core.split("."), prerelease.length === 0 ? [] : prerelease.join("-").split(".")];
}

/** Compares lists of identifiers by https://semver.org/spec/v2.0.0.html item 11. */
function compareIdentifiers(some: readonly string[], others: readonly string[]): number {
  for (const [index, one] of some.entries()) {
    const other = others[index];
    if (other === undefined) {
      return 1;
    }
    if (one !== other) {
      const [isNumber, isOtherNumber] = [/^[0-9]+$/.test(one), /^[0-9]+$/.test(other)];
      if (isNumber !== isOtherNumber) {
        return isNumber ? -1 : 1;
      }
      // Numbers have no leading zeros, so the longer one is the greater.
      const byLength = isNumber ? one.length - other.length : 0;
      return byLength || (one < other ? -1 : 1);
    }
  }
  return some.length - others.length;
}

/** Reports whether a version has a prerelease part (`1.2.3-rc.1`). */
export function isPrerelease(version: Version): boolean {
  return version.includes("-");
}

/** Returns the version that a candidate is for, or else the version itself. */
export function finalOf(version: Version): Version {
  return isCandidate(version) ? (version.replace(/-.*/, "") as Version) : version;
}

/** Reports whether a version is a candidate for lab validation (`1.2.3-rc.1`). */
export function isCandidate(version: Version): boolean {
  return /^[0-9.]+-rc\.[0-9]+$/.test(version);
}
