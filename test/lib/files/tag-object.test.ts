import { describe, expect, test } from "bun:test";
import { isWhole, parseTagObject } from "../../../scripts/lib/files/tag-object.ts";

const object = `${"0123456789abcdef".repeat(2)}01234567`;
const head = `object ${object}\ntype commit\ntag v1.0.0\ntagger T <t@example.invalid> 1786017600 +0200\n`;
const read = (text: string | Uint8Array) =>
  parseTagObject(typeof text === "string" ? new TextEncoder().encode(text) : text);
const armour = (kind: string) => `-----BEGIN ${kind}-----\nAA\n-----END ${kind}-----\n`;

test("a tag object is its headers and its message, each as it is written", () => {
  expect(read(`${head}\nv1.0.0\n\nobject other\n`)).toEqual({
    object,
    type: "commit",
    tag: "v1.0.0",
    tagger: "T <t@example.invalid> 1786017600 +0200",
    message: "v1.0.0\n\nobject other\n",
    signature: undefined,
  });
});

test.each([
  ["no message", head, ""],
  ["an empty message", `${head}\n`, ""],
  ["a message of one line feed", `${head}\n\n`, "\n"],
])("a tag object may have %s", (_, text, message) => {
  expect(read(text)).toMatchObject({ tag: "v1.0.0", message, signature: undefined });
});

test("a tag object may be without a tagger, as those of the oldest gits are", () => {
  const text = head.replace(/tagger .*\n/, "");
  expect(read(`${text}\ntagger of the message\n`)).toMatchObject({ tag: "v1.0.0" });
  expect(read(`${text}\ntagger of the message\n`).tagger).toBeUndefined();
});

describe("a header", () => {
  test.each(["object", "type", "tag"])("%s that is missing is told by its name", (name) => {
    const text = head.replace(new RegExp(`^${name} .*\n`, "m"), "");
    const refused = `Cannot read tag object: header ${JSON.stringify(name)} is missing`;
    expect(() => read(`${text}\nmessage\n`)).toThrow(new SyntaxError(refused));
    expect(() => read(`${text}\n${name} of the message\n`)).toThrow(refused);
  });

  test("counts the first time, ends at its line, and is a whole word before a space", () => {
    const text = `tagged x\ntag\n${head}tag v2.0.0\n\nmessage\n`;
    expect(read(text)).toMatchObject({ tag: "v1.0.0", object });
  });

  test("stands above the first empty line, even where that is the first line", () => {
    expect(() => read(`\n\n${head}\nv1.0.0\n`)).toThrow('header "object" is missing');
  });

  test("may be empty", () => {
    expect(read(head.replace("tag v1.0.0", "tag ")).tag).toBe("");
  });
});

describe("a signature", () => {
  test.each([
    ["PGP SIGNATURE", "openpgp"],
    ["PGP MESSAGE", "openpgp"],
    ["SIGNED MESSAGE", "x509"],
    ["SSH SIGNATURE", "ssh"],
  ])("that begins as %s is of %s, and signs all before it", (kind, format) => {
    const { message, signature } = read(`${head}\nv1.0.0\n${armour(kind)}`);
    expect(message).toBe("v1.0.0\n");
    expect(signature).toMatchObject({ format, armour: armour(kind) });
    expect(new TextDecoder().decode(signature?.payload)).toBe(`${head}\nv1.0.0\n`);
  });

  test.each([
    ["no line of its own", `-----BEGIN SSH SIGNATURE-----`],
    ["another case", "\n-----begin ssh signature-----\n"],
    ["another kind", "\n-----BEGIN OPENSSH PRIVATE KEY-----\n"],
    ["four dashes", "\n----BEGIN SSH SIGNATURE-----\n"],
  ])("does not begin with %s", (_, text) => {
    const { message, signature } = read(`${head}\nv1.0.0 ${text}`);
    expect({ message, signature }).toEqual({ message: `v1.0.0 ${text}`, signature: undefined });
  });

  test.each([
    ["SSH SIGNATURE", "PGP SIGNATURE", "openpgp"],
    ["PGP SIGNATURE", "SSH SIGNATURE", "ssh"],
    ["SSH SIGNATURE", "SSH SIGNATURE", "ssh"],
  ])("is the last one where there are several: %s, then %s", (first, last, format) => {
    const { message, signature } = read(`${head}\n${armour(first)}${armour(last)}`);
    expect(message).toBe(armour(first));
    expect(signature).toMatchObject({ format, armour: armour(last) });
  });

  test("is not moved by a beginning within a later line", () => {
    const text = `${armour("SSH SIGNATURE")}x -----BEGIN SSH SIGNATURE-----\n`;
    expect(read(`${head}\nv1.0.0\n${text}`).signature?.armour).toBe(text);
  });

  test("may stand in the headers, as git sees it, and at the very first byte", () => {
    const text = armour("PGP MESSAGE");
    expect(read(`${head}${text}`)).toMatchObject({ message: "", signature: { armour: text } });
    expect(() => read(`${text}${head}\nv1.0.0\n`)).toThrow('header "object" is missing');
  });

  test("signs bytes, not characters", () => {
    const latin = Buffer.from(`${head}\n\xe9\n`, "latin1");
    const signed = Buffer.concat([latin, Buffer.from(armour("SSH SIGNATURE"))]);
    expect(read(signed).signature?.payload).toEqual(latin);
  });
});

describe("a signature is whole", () => {
  const whole = (text: string) => isWhole(read(`${head}\nv1.0.0\n${text}`).signature);

  test.each([
    ["with its end", armour("SSH SIGNATURE")],
    ["in CRLF", armour("PGP SIGNATURE").replaceAll("\n", "\r\n")],
    ["without a last line feed", armour("PGP MESSAGE").trimEnd()],
    ["with blank lines behind it", `${armour("SIGNED MESSAGE")}\n \n`],
  ])("%s", (_, text) => {
    expect(whole(text)).toBe(true);
  });

  test.each([
    ["without its beginning", "AA\n-----END SSH SIGNATURE-----\n"],
    ["without its end", "-----BEGIN SSH SIGNATURE-----\nAA\n"],
    [
      "with the end of another kind",
      "-----BEGIN SSH SIGNATURE-----\nAA\n-----END PGP SIGNATURE-----\n",
    ],
    [
      "with its end within a line",
      "-----BEGIN SSH SIGNATURE-----\nAA-----END SSH SIGNATURE-----\n",
    ],
    ["with nothing in it", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n"],
    [
      "with an empty line alone in it",
      "-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----\n",
    ],
    [
      "with something else that is whole in it",
      "-----BEGIN SSH SIGNATURE----- x\n-----BEGIN X-----\nAA\n-----END X-----\n",
    ],
    ["with more behind its end", `${armour("SSH SIGNATURE")}more\n`],
    [
      "with more behind its beginning",
      "-----BEGIN SSH SIGNATURE----- x\nAA\n-----END SSH SIGNATURE-----\n",
    ],
  ])("not %s", (_, text) => {
    expect(whole(text)).toBe(false);
  });
});
