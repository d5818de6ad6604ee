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

/** The formats by the line that begins a signature, as in git's gpg-interface.c. */
const formats: Readonly<Record<string, TagSignature["format"]>> = {
  "PGP SIGNATURE": "openpgp",
  "PGP MESSAGE": "openpgp",
  "SIGNED MESSAGE": "x509",
  "SSH SIGNATURE": "ssh",
};

/**
 * Parses a tag object.
 *
 * @throws {SyntaxError} If a header that git always writes is missing.
 */
export function parseTagObject(bytes: Uint8Array): TagObject {
  const signature = findSignature(bytes);
  const text = Buffer.from(signature?.payload ?? bytes).toString();
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

/** Returns the signature of a tag object. As in git, it starts at the last possible line. */
function findSignature(bytes: Uint8Array): TagSignature | undefined {
  // In Latin-1 every byte is one character.
  const latin1 = Buffer.from(bytes).toString("latin1");
  const beginnings =
    /(?<![^\n])-----BEGIN (PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE|SSH SIGNATURE)-----/g;
  const last = [...latin1.matchAll(beginnings)].at(-1);
  const format = formats[last?.[1] ?? ""];
  return (
    last &&
    format && {
      format,
      armour: Buffer.from(bytes.subarray(last.index)).toString(),
      payload: bytes.subarray(0, last.index),
    }
  );
}

/** Returns the parts of `Name <address> SECONDS ZONE`; undefined if there is no date. */
export function parseTagger(
  identity: string | undefined,
): { readonly who: string; readonly date: Date } | undefined {
  const [, who, seconds] = /^(.*) ([0-9]{1,11}) [+-][0-9]{4,6}$/s.exec(identity ?? "") ?? [];
  return who === undefined ? undefined : { who, date: new Date(Number(seconds) * 1000) };
}

/** Returns the Unix seconds in `Name <address> SECONDS ZONE`, or undefined. */
export function secondsOf(identity: string | undefined): number | undefined {
  const date = parseTagger(identity)?.date;
  return date && date.getTime() / 1000;
}

/** Reports whether a signature has both armour lines. The first alone may be in the message. */
export function isWhole(signature: TagSignature | undefined): signature is TagSignature {
  return /^-----BEGIN ([A-Z ]+)-----\r?\n[\s\S]+\n-----END \1-----\s*$/.test(
    signature?.armour ?? "",
  );
}

/** Returns the bypassed checks in a tag's message: the text after each `Bypassed:`. */
export function bypassesIn(message: string): string[] {
  return [...message.matchAll(/(?<=^|[\n\r])Bypassed: ([^\n\r]*\S)/g)].map(([, what = ""]) => what);
}
