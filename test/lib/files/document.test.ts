import { expect, test } from "bun:test";
import {
  asTable,
  type Document,
  type Path,
  parseJson,
  parseToml,
  parseYaml,
} from "../../../scripts/lib/files/document.ts";
import { LocatedSyntaxError } from "../../../scripts/lib/finding.ts";
import { source } from "../../../scripts/lib/tree.ts";
import { costOf } from "../../helpers/growth.ts";

type Parse = (text: string) => Document;
const toml: Parse = (text) => parseToml(source("f.toml", text));
const yaml: Parse = (text) => parseYaml(source("f.yaml", text));

/** Takes the `‹` marks out of a text, and tells where they stood. */
function marked(withMarks: string): { text: string; offsets: number[] } {
  const parts = withMarks.split("‹");
  const offsets = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("").length);
  return { text: parts.join(""), offsets };
}

function thrownBy(act: () => unknown): LocatedSyntaxError {
  try {
    act();
  } catch (thrown) {
    if (thrown instanceof LocatedSyntaxError) {
      return thrown;
    }
    throw thrown;
  }
  throw new Error("expected a syntax error");
}

const version: Path = ["package", "version"];

test.each<[string, Path, string]>([
  ["a bare key", version, '[package]\nname = "version"\n‹version = "1"\n'],
  ["a quoted key", version, '[package]\n"‹version" = "1"\n'],
  ["a dotted key", version, 'package.‹version = "1"\nversion = "2"\n'],
  ["an inline table", version, 'package = { name = "x", ‹version = "1" }\n'],
  ["a table with spaces", version, '[ package ]\n  ‹version = "1"\n'],
  ["CRLF", version, '[package]\r\nname = "a"\r\n‹version = "1"\r\n'],
  [
    "decoys in comments and multi-line strings",
    version,
    `# version = "0"\n[package] # version\ndescription = """\nversion = "0"\n[package]\n"""\nlicense = '''\nversion = '0'\n'''\n‹version = "1" # version = "2"\n`,
  ],
  [
    "decoys in other tables",
    version,
    '[a]\nversion = "0"\n[package]\n‹version = "1"\n[b.package]\nversion = "2"\n',
  ],
  [
    "a longer word",
    version,
    '[package]\nversion-x = 1\nrust-version = "2"\n_version = 3\n‹version = "1"\n',
  ],
  ["an array of tables", ["bin", 1, "name"], '[[bin]]\nname = "a"\n[[bin]]\n‹name = "b"\n'],
  [
    "every header of a table",
    ["workspace"],
    '[‹workspace]\nmembers = []\n[‹workspace.package]\nversion = "1"\n',
  ],
  ["an absent key", ["package", "edition"], '[package]\nversion = "1"\n[x]\nedition = 1\n'],
  ["a key that is a value elsewhere", ["package", "edition"], '[package]\nversion = "edition"\n'],
])("TOML: the place of %s", (_, path, withMarks) => {
  const { text, offsets } = marked(withMarks);
  const document = toml(text);
  expect(document.keyOffsets(path)).toEqual(offsets);
  expect(document.place(path)).toEqual(source("f.toml", text).place(offsets[0]));
});

test.each<[string, Path, string]>([
  ["a plain key", version, "name: version\npackage:\n  ‹version: 1.0.0\n"],
  ["quoted keys", version, "\"package\":\n  '‹version': '1'\n"],
  ["a flow mapping", version, 'package: {name: version, ‹version: 1, "x": {version: 2}}\n'],
  ["JSON", version, '{"version": 0, "package": {"name": "version", "‹version": "1"}}'],
  ["a document marker", ["version"], "--- # version\n‹version: 1\n...\n"],
  ["CRLF", version, "package:\r\n  name: a\r\n  ‹version: 1\r\n"],
  [
    "decoys in block scalars and comments",
    ["version"],
    "# version: 0\na: |\n  version: 0\nb: >-\n  version: 0\n\n  version\nc: 'x\n  version: 0'\n‹version: 1 # version: 2\n",
  ],
  [
    "a key whose value has an anchor of its name",
    ["version"],
    "‹version: &version 1\nb: *version\nc: [*version, *version]\n",
  ],
  ["a value behind an alias", ["b", "version"], "a: &x\n  ‹version: 1\nb: *x\n"],
  ["duplicates", ["version"], "‹version: 1\nname: x\n\"‹version\": 2\n'‹version': 3\n"],
  [
    "a sequence of mappings",
    ["images", 1, "image"],
    "images:\n  - image: a\n  - name: image\n    ‹image: b\n",
  ],
  ["an absent key", ["edition"], "version: edition\n# edition: 1\n"],
])("YAML: the place of %s", (_, path, withMarks) => {
  const { text, offsets } = marked(withMarks);
  const document = yaml(text);
  expect(document.keyOffsets(path)).toEqual(offsets);
  expect(document.place(path)).toEqual(source("f.yaml", text).place(offsets[0]));
});

test.each<[string, Parse, Path, string, string]>([
  [
    "TOML: a value",
    toml,
    version,
    "1.2.3",
    '[package]\nversion = "‹1.2.3" # 1.2.3\nname = "1.2.3"\n',
  ],
  ["TOML: a requirement", toml, ["d", "v"], "1.2.3", 'd = { v = "=‹1.2.3" }\n'],
  ["TOML: twice in one value", toml, ["a"], "b", 'a = "‹b c ‹b bb"\nb = "b"\n'],
  ["TOML: a multi-line value", toml, ["a"], "two", 'a = """\none\n‹two\n"""\n'],
  ["TOML: an element", toml, ["a", 1], "x", 'a = ["x", "‹x"]\n'],
  ["TOML: no string", toml, ["a"], "1", "a = 1\n"],
  ["TOML: an escaped spelling", toml, ["a"], "b", 'a = "\\u0062"\nb = 1\n'],
  ["YAML: a plain value", yaml, ["a"], "b", "a: ‹b # b\nc: b\n"],
  ["YAML: a quoted value", yaml, ["a"], "b", "a: '‹b'\nc: \"b\"\n"],
  ["YAML: a block scalar", yaml, ["a"], "image:", "a: |\n  - ‹image: x\n  - ‹image: y\nimage: z\n"],
])("%s has the places of its text", (_, parse, path, text, withMarks) => {
  const expected = marked(withMarks);
  expect(parse(expected.text).textOffsets(path, text)).toEqual(expected.offsets);
});

test.each<[string, Parse, Path, string]>([
  ["TOML", toml, version, '[package]\n"vers\\u0069on" = "1"\n'],
  ["TOML, a word elsewhere", toml, ["true"], "a = true\ntrue = 1\n"],
  ["YAML", yaml, ["version"], 'version: 1\n"vers\\x69on": 2\n'],
  ["YAML, nested", yaml, ["a", "version"], 'a: {version: 1, "vers\\x69on": 2}\n'],
])(
  "%s: a key that is spelled with escapes, or as another value, has no place, and cannot be counted",
  (_, parse, path, text) => {
    const document = parse(text);
    expect(document.at(path)).toBeDefined();
    expect(document.place(path)).toEqual({ file: document.source.path });
    expect(thrownBy(() => document.keyOffsets(path)).message).toBe(
      `Cannot find where key "${path.join(".")}" is written in ${document.source.path}: found it in a rare spelling`,
    );
  },
);

test("values are found by path, and only own keys count", () => {
  const document = toml('[a]\nb = [{ c = "d" }]\n[__proto__]\ne = 1\n');
  expect(document.at(["a", "b", 0, "c"])).toBe("d");
  expect(document.at(["a", "b", 1, "c"])).toBeUndefined();
  expect(document.at(["a", "b", "length"])).toBeUndefined();
  expect(document.at(["a", 0])).toBeUndefined();
  expect(document.at(["toString"])).toBeUndefined();
  expect(document.at(["__proto__", "e"])).toBe(1);
  expect(document.at(["e"])).toBeUndefined();
  expect(document.at([])).toBe(document.data);
});

test("a table is an object, not an array, a date or nothing", () => {
  expect(asTable(toml("a = 1").data)).toEqual({ a: 1 });
  expect(asTable(yaml("").data)).toBeUndefined();
  for (const path of [["date"], ["time"], ["array"], ["text"]]) {
    const document = toml(
      "date = 2026-08-07\ntime = 2026-08-07T00:00:00Z\narray = []\ntext = ''\n",
    );
    expect(asTable(document.at(path))).toBeUndefined();
  }
});

test("a byte order mark is no part of a document", () => {
  expect(toml("\ufeffa = 1").at(["a"])).toBe(1);
  expect(yaml("\ufeffa: 1").keyOffsets(["a"])).toEqual([0]);
});

test.each<[string, Parse, number, string]>([
  ["TOML: the first line", toml, 1, "a = \nb = 1\nc = 2\n"],
  ["TOML: a line in the middle", toml, 3, "a = 1\nb = 2\nc == 3\nd = 4\n"],
  ["TOML: the last line, without a line feed", toml, 2, "a = 1\nb"],
  ["TOML: a duplicate key", toml, 3, "[a]\nb = 1\nb = 2\nc = 3\n"],
  ["TOML: after a long array", toml, 303, `a = [\n${"  1,\n".repeat(300)}]\nb =\nc = 1\n`],
  [
    "TOML: the statement that an unclosed array begins",
    toml,
    2,
    "a = 1\nb = [\n  1,\n  2\nc = 3\nd = 4\n",
  ],
  ["TOML: the statement that an unclosed string begins", toml, 2, 'a = 1\nb = """\nc = 3\nd = 4\n'],
  ["TOML: among many statements over many lines", toml, 401, `${arrays(100)}x y\nz = 1\n`],
  ["YAML: a bad indentation", yaml, 3, "a:\n  b: 1\n c: 2\nd: 3\n"],
  ["YAML: in a long block", yaml, 202, `a:\n${"  - x\n".repeat(200)}  b: 1\nc: 2\n`],
  ["YAML: an unclosed quote", yaml, 2, 'a: 1\nb: "x\nc: 3\n'],
])("%s has the place of its syntax error", (_, parse, line, text) => {
  const thrown = thrownBy(() => parse(text));
  expect(thrown.message).toMatch(/^Cannot read f\.(toml|yaml): not valid (TOML|YAML): /);
  expect(thrown.message).not.toContain("Parse error");
  expect(thrown.remedy).toMatch(/^(Correct the syntax|Nest the values) of f\.(toml|yaml)/);
  expect(thrown.at.line).toBe(line);
});

/** Arrays of four lines each. */
function arrays(count: number): string {
  return Array.from({ length: count }, (_, index) => `a${index} = [\n1,\n2\n]\n`).join("");
}

test.each<[string, Parse, string]>([
  ["TOML arrays", toml, `a = ${"[".repeat(200_000)}${"]".repeat(200_000)}`],
  ["TOML inline tables", toml, `a = ${"{a=".repeat(100_000)}1${"}".repeat(100_000)}`],
  ["YAML lists", yaml, `a: ${"[".repeat(200_000)}`],
  ["YAML mappings", yaml, "{a: ".repeat(100_000)],
])("%s that are nested too deeply are a syntax error, not a crash", (_, parse, text) => {
  expect(thrownBy(() => parse(text)).message).toMatch(/: nested too deeply$/);
});

test.each([
  ["a comment", "a: 1 # ‹\u2028version: 2\n"],
  ["a plain scalar", "a: 1\nb: x‹\u0085version: 2\n"],
  ["a block scalar", "a: |\n  x\n  y‹\u2029version: 2\n"],
  ["the start of a line", "a: 1\n‹\ufeffversion: 2\n"],
  ["a comment, as the only one", "# ‹\u0085a: 1"],
])("YAML: a character that other parsers read as a line break is refused in %s", (_, withMark) => {
  const { text, offsets } = marked(withMark);
  const thrown = thrownBy(() => yaml(text));
  expect(thrown.message).toMatch(/found the character U\+(?:0085|2028|2029|FEFF), which/);
  expect(thrown.at).toEqual(source("f.yaml", text).place(offsets[0]));
});

test("YAML: as an escape, such a character is text", () => {
  expect(yaml('a: "x\\u2028y"\n').data).toEqual({ a: "x\u2028y" });
});

const bomb = `a: &a "${"x".repeat(5000)}"\nb: [${"*a, ".repeat(300)}]\n`;

test.each([
  ["an alias inside of its value", "a: 1\nx: &c [{y: *c}, *c]\n"],
  ["many aliases of a long text", bomb],
])("YAML whose aliases make it infinite or huge is refused: %s", (_, text) => {
  const thrown = thrownBy(() => yaml(text));
  expect(thrown.message).toContain(
    "aliases that make it infinite, or add more than 1000000 characters",
  );
  expect(thrown.at).toEqual({ file: "f.yaml" });
});

test("YAML: aliases that add less are read", () => {
  expect(yaml(bomb.replace("x".repeat(4900), "")).at(["b", 299])).toHaveLength(100);
});

test.each<[string, (index: number) => string]>([
  ["dotted keys", (index) => `a${index}.b = 1\n`],
  ["quoted keys", (index) => `"a ${index} b" = 1\n`],
])("TOML: 200,000 %s are refused at once, and 2,000 are read", (_, line) => {
  const lines = (length: number) => Array.from({ length }, (_, index) => line(index)).join("");
  expect(thrownBy(() => toml(lines(200_000))).message).toContain("expected at most 31622");
  expect(toml(lines(2000)).data).toBeDefined();
});

test("a lock file of 20,000 packages is read, since its keys are few", () => {
  const one = (index: number) => `[[package]]\nname = "a${index}"\nversion = "1.2.${index}"\n`;
  const packages = toml(Array.from({ length: 20_000 }, (_, index) => one(index)).join("")).data;
  expect((packages as { package: unknown[] }).package).toHaveLength(20_000);
});

test("a long file has its syntax error found, or no place, for a bounded number of parses", async () => {
  const lines = Array.from({ length: 10_000 }, (_, index) => `[t${index}]\nk = "value"`);
  const text = `a = 1\nb ==\n${lines.join("\n")}\n`;
  let thrown: LocatedSyntaxError | undefined;
  const parsing = await costOf(() => toml(text.replace("==", "= 2")));
  const finding = await costOf(() => {
    thrown = thrownBy(() => toml(text));
  });
  expect(thrown?.at.file).toBe("f.toml");
  expect(finding).toBeLessThan(100 * parsing);
});

test("a thousand pins are found in about the time of one", () => {
  const pins = Array.from({ length: 1000 }, (_, index) => `crate-${index} = { version = "1.2.3" }`);
  const document = toml(`[dependencies]\n${pins.join("\n")}\n`);
  const lines = pins.map(
    (_, index) => document.place(["dependencies", `crate-${index}`, "version"]).line,
  );
  expect(lines).toEqual(pins.map((_, index) => index + 2));
});

test("JSON has places, and its syntax errors have the file's", () => {
  const text = '{"version": "1.2.9", "list": [{"version": "1.2.9"}]}';
  const document = parseJson(source("f.json", text));
  expect(document.place(["list", 0, "version"])).toEqual({ file: "f.json", line: 1, column: 33 });
  expect(document.textOffsets(["list", 0, "version"], "1.2.9")).toEqual([
    text.lastIndexOf("1.2.9"),
  ]);
  const thrown = thrownBy(() => parseJson(source("f.json", '{"a": 1,\n "b": }')));
  expect(thrown.message).toStartWith("Cannot read f.json: not valid JSON: ");
  expect(thrown.message).not.toContain("JSON Parse error");
  expect(thrown.at).toEqual({ file: "f.json" });
});

test("a document with another text is of the same file and language", () => {
  const document = yaml("a: 1.2.9").withText("a: 1.3.0");
  expect([document.source.path, document.data]).toEqual(["f.yaml", { a: "1.3.0" }]);
  expect(toml("a = 1").withText("a = 2").data).toEqual({ a: 2 });
  expect(() => toml("a = 1").withText("a: 2")).toThrow("not valid TOML");
});

test.each([
  ["a long string", `s: &s ${"x".repeat(100_000)}\nl: [${"*s,".repeat(30_000)}]\n`],
  [
    "a large mapping",
    `m: &m {${Array.from({ length: 2_000 }, (_, index) => `k${index}: 1`)}}\n${Array.from({ length: 2_000 }, (_, index) => `n${index}: {<<: *m}\n`).join("")}`,
  ],
])("YAML: %s that aliases repeat is refused before it is parsed", (_, text) => {
  expect(() => parseYaml(source("f.yaml", text))).toThrow("found aliases that make it infinite");
});
