/** Reads git tag objects: what they name, and the signature that ends them. */

/** An annotated tag, as the object says it. */
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

/** The lines that begin a signature; the list is git's own (gpg-interface.c). */
const beginnings: readonly [string, TagSignature["format"]][] = [
  ["-----BEGIN PGP SIGNATURE-----", "openpgp"],
  ["-----BEGIN PGP MESSAGE-----", "openpgp"],
  ["-----BEGIN SIGNED MESSAGE-----", "x509"],
  ["-----BEGIN SSH SIGNATURE-----", "ssh"],
];

/**
 * Reads the content of a tag object.
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

/** The name with the address, and the date, of a tagger; undefined if there is no date. */
export function parseTagger(
  tagger: string | undefined,
): { readonly who: string; readonly date: Date } | undefined {
  const [, who, seconds] = /^(.*) (\d{1,12}) [+-]\d{4}$/s.exec(tagger ?? "") ?? [];
  return who === undefined ? undefined : { who, date: new Date(Number(seconds) * 1000) };
}

/** The signature begins at the last line that can begin one, as git sees it. */
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

/** Whether armour ends as it begins: the beginning alone may be a line of the message. */
export function isWhole(signature: TagSignature | undefined): signature is TagSignature {
  return /^-----BEGIN ([A-Z ]+)-----\r?\n[\s\S]+\n-----END \1-----\s*$/.test(
    signature?.armour ?? "",
  );
}

/** Returns the Unix seconds of `Name <address> SECONDS ZONE`, or undefined if it states none. */
export function secondsOf(identity: string | undefined): number | undefined {
  const seconds = / ([0-9]{1,11}) [+-][0-9]{4,6}$/.exec(identity ?? "")?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

/** Returns what a tag's message says was bypassed: the text behind each `Bypassed:`. */
export function bypassesIn(message: string): string[] {
  return [...message.matchAll(/^Bypassed: (.*\S)[^\S\n]*$/gm)].map(([, what = ""]) => what);
}
