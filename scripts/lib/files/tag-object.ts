/** Parses git tag objects and their signatures. */

/** The content of an annotated tag. */
export interface TagObject {
  /** Full name of the tagged object. */
  readonly object: string;
  readonly type: string;
  readonly tag: string;
  /** Name, address, Unix seconds and time zone of the tagger. */
  readonly tagger: string | undefined;
  /** The message without the signature. */
  readonly message: string;
  readonly signature: TagSignature | undefined;
}

export interface TagSignature {
  readonly format: "openpgp" | "x509" | "ssh";
  /** The armoured signature. */
  readonly armour: string;
  /** The bytes that were signed. */
  readonly payload: Uint8Array;
}

/** The lines that begin a signature, as in git's gpg-interface.c. */
const beginnings: readonly [string, TagSignature["format"]][] = [
  ["-----BEGIN PGP SIGNATURE-----", "openpgp"],
  ["-----BEGIN PGP MESSAGE-----", "openpgp"],
  ["-----BEGIN SIGNED MESSAGE-----", "x509"],
  ["-----BEGIN SSH SIGNATURE-----", "ssh"],
];

/**
 * Parses a tag object.
 *
 * @throws {SyntaxError} If a header that git always writes is missing.
 */
export function parseTagObject(bytes: Uint8Array): TagObject {
  const content = Buffer.from(bytes);
  const signature = findSignature(content);
  const text = (signature?.payload ?? content).toString();
  const cut = text.indexOf("\n\n");
  const head = cut < 0 ? text : text.slice(0, cut);
  const header = (name: string) => {
    const line = head.split("\n").find((each) => each.startsWith(`${name} `));
    return line?.slice(name.length + 1);
  };
  const need = (name: string) => {
    const value = header(name);
    if (value === undefined) {
      throw new SyntaxError(`Cannot read tag object: header ${JSON.stringify(name)} is missing`);
    }
    return value;
  };
  return {
    object: need("object"),
    type: need("type"),
    tag: need("tag"),
    tagger: header("tagger"),
    message: cut < 0 ? "" : text.slice(cut + 2),
    signature,
  };
}

/** Returns the name with the address, and the date, of a tagger; undefined if there is no date. */
export function parseTagger(
  tagger: string | undefined,
): { readonly who: string; readonly date: Date } | undefined {
  const [, who, seconds] = /^(.*) (\d{1,12}) [+-]\d{4}$/s.exec(tagger ?? "") ?? [];
  return who === undefined ? undefined : { who, date: new Date(Number(seconds) * 1000) };
}

/** Returns the signature of a tag object. As in git, it starts at the last possible line. */
function findSignature(content: Buffer): (TagSignature & { payload: Buffer }) | undefined {
  let best: { at: number; format: TagSignature["format"] } | undefined;
  for (const [line, format] of beginnings) {
    for (let at = content.indexOf(line); at >= 0; at = content.indexOf(line, at + 1)) {
      const startsLine = at === 0 || content[at - 1] === 10;
      if (startsLine && (best === undefined || at > best.at)) {
        best = { at, format };
      }
    }
  }
  return (
    best && {
      format: best.format,
      armour: content.subarray(best.at).toString(),
      payload: content.subarray(0, best.at),
    }
  );
}

/** Reports whether a signature has both armour lines. The first alone may be in the message. */
export function isWhole(signature: TagSignature | undefined): signature is TagSignature {
  return /^-----BEGIN ([A-Z ]+)-----\r?\n[\s\S]+\n-----END \1-----\s*$/.test(
    signature?.armour ?? "",
  );
}

/** Returns the Unix seconds in `Name <address> SECONDS ZONE`, or undefined. */
export function secondsOf(identity: string | undefined): number | undefined {
  const seconds = / ([0-9]{1,11}) [+-][0-9]{4,6}$/.exec(identity ?? "")?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

/** Returns the bypassed checks in a tag's message: the text after each `Bypassed:`. */
export function bypassesIn(message: string): string[] {
  return [...message.matchAll(/(?<=^|[\n\r])Bypassed: ([^\n\r]*\S)/g)].map(([, what = ""]) => what);
}
