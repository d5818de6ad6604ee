import { describe, expect, test } from "bun:test";
import {
  type Document,
  type Path,
  parseJson,
  parseToml,
  parseYaml,
} from "../../../scripts/lib/files/document.ts";
import { type Change, editDocument, editText, spliced } from "../../../scripts/lib/files/edit.ts";
import { LocatedSyntaxError } from "../../../scripts/lib/finding.ts";
import { type Source, source } from "../../../scripts/lib/tree.ts";

type Parse = (text: string) => Document;
const toml: Parse = (text) => parseToml(source("f.toml", text));
const yaml: Parse = (text) => parseYaml(source("f.yaml", text));
const json: Parse = (text) => parseJson(source("f.json", text));

const change = (path: Path, from = "1.2.9", to = "1.3.0", at = 0): Change => ({
  path,
  at,
  from,
  to,
});

/** A text whose `‹1.2.9›` are to become `1.3.0`: before and after. */
function wanted(text: string): { before: string; after: string } {
  return {
    before: text.replaceAll(/[‹›]/g, ""),
    after: text.replaceAll("‹1.2.9›", "1.3.0"),
  };
}

test.each<[string, Parse, Path, string]>([
  ["a basic string", toml, ["version"], 'version = "‹1.2.9›"\n'],
  ["a literal string without spaces", toml, ["version"], "version='‹1.2.9›'"],
  ["a multi-line string", toml, ["version"], 'version = """\n‹1.2.9›"""\n'],
  ["CRLF", toml, ["version"], 'a = 1\r\nversion = "‹1.2.9›" # 1.2.9\r\n# 1.2.9'],
  [
    "an inline table among decoys",
    toml,
    ["a", "b", "version"],
    'b = "1.2.9"\na.b = { x = "1.2.9", version = "‹1.2.9›" } # 1.2.9\n[c.b]\nversion = "1.2.9"\n',
  ],
  [
    "an entry of an array of tables",
    toml,
    ["package", 1, "version"],
    '[[package]]\nversion = "1.2.9"\n[[package]]\nversion = "‹1.2.9›"\n',
  ],
  ["a plain scalar", yaml, ["version"], "# 1.2.9\nversion: ‹1.2.9› # 1.2.9\nother: 1.2.9\n"],
  ["a quoted scalar", yaml, ["version"], "{'version': \"‹1.2.9›\", other: '1.2.9'}"],
  ["a tagged scalar", yaml, ["version"], "version: !!str ‹1.2.9›\n"],
  ["a JSON string", json, ["a", 0, "b"], '{"a":[{"b":"‹1.2.9›","c":"1.2.9"}],"1.2.9":"1.2.9"}'],
])("an edit of %s changes that value, and no other byte", (_, parse, path, text) => {
  const { before, after } = wanted(text);
  expect(editDocument(parse(before), [change(path)])).toBe(after);
});

test("many edits are one text: in order, several in a value, none in between", () => {
  const document = yaml('a: "1.2.9 and 1.2.9, not 1.2.9"\nb: 1.2.9\nc: 1.2.9\n');
  const changes = [
    change(["c"], "1.2.9", "2.0.0-rc.1"),
    change(["a"], "1.2.9", "1.10.0", 10),
    change(["a"]),
  ];
  expect(editDocument(document, changes)).toBe(
    'a: "1.3.0 and 1.10.0, not 1.2.9"\nb: 1.2.9\nc: 2.0.0-rc.1\n',
  );
  expect(editDocument(document, [])).toBe(document.source.text);
  expect(editDocument(document, [change(["b"], "1.2.9", "1.2.9")])).toBe(document.source.text);
});

test("edits that touch are two, and none is lost", () => {
  const document = yaml("v: 1.2.9, x\n");
  const changes = [change(["v"], "1.2.9", "1.3.0"), change(["v"], ",", ";", 5)];
  expect(editDocument(document, changes)).toBe("v: 1.3.0; x\n");
});

test("an anchor and its alias are one text: changed together, never one of them", () => {
  const document = yaml("a: &v 1.2.9\nb: *v\nc: 1.2.9\n");
  expect(editDocument(document, [change(["a"]), change(["b"])])).toBe(
    "a: &v 1.3.0\nb: *v\nc: 1.2.9\n",
  );
  const refused = /^Cannot edit "1\.2\.9" in f\.yaml: found a spelling that other values share/;
  expect(() => editDocument(document, [change(["a"])])).toThrow(refused);
  expect(() => editDocument(document, [change(["b"])])).toThrow(refused);
  expect(() => editDocument(document, [change(["a"]), change(["b"], "1.2.9", "1.4.0")])).toThrow(
    refused,
  );
});

test("of values of one name, the one that counts is edited", () => {
  const document = yaml("v: 1.2.9\nw: x\nv: 1.2.9\n");
  expect(editDocument(document, [change(["v"])])).toBe("v: 1.2.9\nw: x\nv: 1.3.0\n");
});

describe("a text that means more than the value is not edited:", () => {
  test.each([
    ["a key, of which the value is an alias", "w:\n  &a 1.2.9 : x\nv: *a\n"],
    ["a table that others repeat", "w: &w { v: 1.2.9 }\nx: *w\nv: 1.2.8\n"],
  ])("%s", (_, text) => {
    const document = yaml(text);
    for (const path of [["v"], ["w", "v"]]) {
      if (document.at(path) === "1.2.9") {
        const edit = () => editDocument(document, [change(path)]);
        expect(edit).toThrow(LocatedSyntaxError);
      }
    }
  });
});

describe("an edit is refused, with its place, of", () => {
  test.each<[string, Document, Path, string, string]>([
    ["an escape", toml('v = "1.2\\u002e9"'), ["v"], "1.2.9", "it in a rare spelling"],
    ["another text", toml('v = "1.2.8"'), ["v"], "1.2.9", "another text"],
    ["a number", toml("v = 12"), ["v"], "12", "no text"],
    ["nothing", toml('w = "1"'), ["v"], "1", "no text"],
    ["an empty text", toml('v = ""'), ["v"], "", "an empty text"],
    ["a part of a word", toml('v = "v1.2.9"'), ["v"], "1.2.9", "it in a rare spelling"],
    ["a folded text", yaml('v: "1.2\n  .9"'), ["v"], "1.2 .9", "it in a rare spelling"],
  ])("%s", (_, document, path, from, found) => {
    const at = String(document.at(path)).indexOf(from);
    const act = () => editDocument(document, [change(path, from, "1.3.0", Math.max(at, 0))]);
    expect(act).toThrow(LocatedSyntaxError);
    expect(act).toThrow(
      `Cannot edit ${JSON.stringify(from)} of "v" in ${document.source.path}: found ${found}, expected it written plainly`,
    );
  });

  test("a value that would end the string around it", () => {
    expect(() => editDocument(toml('v = "1.2.9"'), [change(["v"], "1.2.9", '1" #')])).toThrow(
      LocatedSyntaxError,
    );
    expect(() => editDocument(toml('v = "1.2.9"'), [change(["v"], "1.2.9", '1"\nw = "')])).toThrow(
      "found a spelling that other values share",
    );
  });

  test("a value that would become another type", () => {
    expect(() => editDocument(yaml("v: 1.2.9"), [change(["v"], "1.2.9", "1.2")])).toThrow(
      LocatedSyntaxError,
    );
  });
});

test("dates, special numbers and odd keys survive the comparison", () => {
  const text =
    'd = 1979-05-27T07:32:00Z\nt = 07:32:00\nn = nan\ni = -inf\n"__proto__" = "1.2.9"\nv = "1.2.9"\n';
  expect(editDocument(toml(text), [change(["v"])])).toBe(
    text.replace('v = "1.2.9"', 'v = "1.3.0"'),
  );
  expect(editDocument(toml(text), [change(["__proto__"])])).toBe(
    text.replace('"1.2.9"', '"1.3.0"'),
  );
});

test("splices are carried out in any order, the same one once, and never overlap", () => {
  const splices = [
    { offset: 4, from: "e", to: "" },
    { offset: 0, from: "ab", to: "x" },
    { offset: 2, from: "", to: "-" },
    { offset: 0, from: "ab", to: "x" },
  ];
  expect(spliced("abcde", splices)).toBe("x-cd");
  expect(() => spliced("abcde", [...splices, { offset: 1, from: "bc", to: "" }])).toThrow(
    RangeError,
  );
  expect(() => spliced("abcde", [{ offset: 0, from: "x", to: "" }])).toThrow(RangeError);
});

describe("an edit of a text without a grammar", () => {
  const find = ({ text }: Source) =>
    [...text.matchAll(/v[0-9.]+/g)].map((match) => ({ offset: match.index, text: match[0] }));
  const file = source("f.md", "see v1 and v2, v1\n");

  test("changes the spans that it names", () => {
    const splices = [
      { offset: 4, from: "v1", to: "v3" },
      { offset: 15, from: "v1", to: "v3" },
    ];
    expect(editText(file, splices, find)).toBe("see v3 and v2, v3\n");
    expect(editText(file, [], find)).toBe(file.text);
  });

  test.each([
    ["does not read back as intended", { offset: 4, from: "v1", to: "w3" }],
    ["joins what stands behind it", { offset: 4, from: "v1 and ", to: "v3" }],
    ["makes another span", { offset: 4, from: "v1", to: "v3 v4" }],
    ["is at no span", { offset: 0, from: "see", to: "saw" }],
    ["is at no span, and changes nothing", { offset: 7, from: "and", to: "and" }],
  ])("is refused if it %s", (_, splice) => {
    expect(() => editText(file, [splice], find)).toThrow(
      /^Cannot edit ".*" in f\.md: it does not read back as intended$/,
    );
  });

  test("is refused at the place of its first splice", () => {
    const lines = source("f.md", "x\nsee v1\n");
    const edit = () => editText(lines, [{ offset: 6, from: "v1", to: "w" }], find);
    expect(edit).toThrow(expect.objectContaining({ at: { file: "f.md", line: 2, column: 5 } }));
  });
});
