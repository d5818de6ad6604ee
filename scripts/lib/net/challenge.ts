/** The WWW-Authenticate header: what a server asks for before it answers (RFC 9110, section 11). */

/** One way to authenticate that a server offers. */
export interface Challenge {
  /** In lower case, such as `bearer` or `basic`. */
  readonly scheme: string;
  /** Parameters by their name in lower case, with quotes and escapes resolved. */
  readonly parameters: ReadonlyMap<string, string>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const separators = /[ \t,]*/y;
const scheme = new RegExp(`(${token})(?:[ \\t]+|(?=,)|$)`, "y");
/** The one opaque value that some schemes carry in place of parameters. */
const opaque = /[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/y;
const parameter = new RegExp(
  `(${token})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))[ \\t]*(?=,|$)`,
  "y",
);

/**
 * Reads the challenges of a WWW-Authenticate header, or of several joined with commas.
 *
 * @throws {SyntaxError} If the header does not follow the grammar.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let at = 0;

  function take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    at = match === null ? at : pattern.lastIndex;
    return match;
  }

  for (take(separators); at < header.length; take(separators)) {
    const name = take(scheme)?.[1];
    if (name === undefined) {
      throw new SyntaxError(`Cannot read WWW-Authenticate at character ${at + 1}`);
    }
    const parameters = new Map<string, string>();
    // A comma ends a parameter and a challenge alike: what follows it tells which one it was.
    for (let found = take(parameter); found !== null; found = take(parameter)) {
      const key = (found[1] ?? "").toLowerCase();
      if (parameters.has(key)) {
        throw new SyntaxError(`Cannot read WWW-Authenticate: parameter ${key} is given twice`);
      }
      parameters.set(key, found[3] ?? (found[2] ?? "").replace(/\\(.)/g, "$1"));
      take(separators);
    }
    if (parameters.size === 0) {
      take(opaque);
    }
    challenges.push({ scheme: name.toLowerCase(), parameters });
  }
  return challenges;
}
