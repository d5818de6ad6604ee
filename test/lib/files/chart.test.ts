import { expect, test } from "bun:test";
import { readChart } from "../../../scripts/lib/files/chart.ts";
import {
  chartImage,
  imagesOf,
  readProductImages,
} from "../../../scripts/lib/files/chart-images.ts";
import { editDocument } from "../../../scripts/lib/files/edit.ts";
import { attempt } from "../../../scripts/lib/finding.ts";
import { expectLinear } from "../../helpers/growth.ts";
import { memoryTree } from "../../helpers/memory-tree.ts";

const chartOf = (text: string) => readChart(memoryTree({ "c/Chart.yaml": text }), "c");

/** The refusal's findings as `line: message`. */
async function faultsOf(answer: () => Promise<unknown>): Promise<string[]> {
  const { findings = [] } = await attempt(answer);
  const errors = findings.filter(({ level }) => level === "error");
  return errors.map(({ at, message }) => `${at?.line ?? "-"}: ${message}`);
}

test.each([
  ["plain", "version: 1.2.3\n"],
  ["quoted", "version: '1.2.3'\n"],
  ["with a quoted key", '"version": "1.2.3" # comment\n'],
  [
    "with an anchor, among comments and lists",
    "---\n# x\na:\n- b: 1\n  c: 2\nd: [\n  e\n]\nversion: &v 1.2.3 # x\n",
  ],
  ["with CRLF and a byte order mark", "\ufeffname: x\r\nversion: 1.2.3\r\n"],
  [
    "among keys of any form",
    "my key: 1\n\"@x\": 1\n'it''s: {}': 1\n-x: 1\n1.0: 1\n~: 1\na#b, c: 1\nversion: 1.2.3\n",
  ],
])("the version is read in any ordinary spelling: %s", async (_, text) => {
  expect<string>((await chartOf(text)).version.value).toBe("1.2.3");
});

test.each([
  ["a tag", "1: ", "version: !!str 1.2.3\n"],
  ["a block scalar", "1: ", "version: >-\n  1.2.3\n"],
  ["an alias", "2: ", "name: &v 1.2.3\nversion: *v\n"],
  ["a merge", "2: ", "x: &x {version: 1.2.3}\n<<: *x\n"],
  ["a key that is base64", "2: ", "version: 1.2.3\n!!binary dmVyc2lvbg==: 9.9.9\n"],
  ["the next line", "1: ", "version:\n  1.2.3\n"],
  ["a flow mapping", "1: ", "{name: x, version: 1.2.3}\n"],
  ["a key with an escape", "2: ", 'version: 1.2.3\n"v\\x65rsion": 1.2.4\n'],
  ["an explicit key", "2: ", "version: 1.2.3\n? version\n: 9.9.9\n"],
  ["a key with an anchor", "2: ", "version: 1.2.3\n&x version: 9.9.9\n"],
  ["a key that Helm reads as another", "2: ", "version: 1.2.3\nVer\u017fion: 9.9.9\n"],
  ["a day", "2: ", "version: 1.2.3\nappVersion: 2026-08-07\n"],
])("a version that YAML 1.1 may read otherwise is refused: %s", async (_, line, text) => {
  expect(await faultsOf(() => chartOf(text))).toEqual([expect.stringContaining(line)]);
});

test.each([
  ["a boolean", "  repository: a/b\n  tag: on\n"],
  ["a number", "  repository: a/b\n  tag: 0b11\n"],
  ["a tag", "  repository: a/b\n  tag: !!str 1.2.3\n"],
  ["a merge", "  repository: a/b\n  tag: 1.2.3\n  <<: {tag: 1.2.4}\n"],
  ["a key that is base64", "  repository: a/b\n  tag: 1.2.3\n  !!binary dGFn: 9.9.9\n"],
  ["a key twice in braces", " {repository: a/b, tag: x, tag: y}\n"],
  ["a boolean in braces", " {repository: a/b, tag: on}\n"],
  ["a merge in braces", " {repository: a/b, tag: x, <<: {tag: y}}\n"],
  ["a comma in quotes in braces", ' {repository: "a,b", tag: x}\n'],
  ["braces over lines", " {repository: a/b,\n  tag: x}\n"],
])("an image that YAML 1.1 may read otherwise is refused: %s", async (_, image) => {
  const tree = memoryTree({
    "c/values.yaml": `image:${image.startsWith(" {") ? "" : "\n"}${image}`,
  });
  expect(await faultsOf(() => chartImage(tree, "c", undefined))).toHaveLength(1);
});

test.each([
  ["{name: x, version: 1.2.3}\n", 1, "{name: x, version: 1.2.3}"],
  ['{\n  "version": "1.2.3"\n}\n', 1, "{"],
  ["# x\n  name: x\n  version: 1.2.3\n", 2, "  name: x"],
  ['name: x\n"v\\x65rsion": 1.2.3\n', 2, '"v\\x65rsion": 1.2.3'],
  ["name: x\n? version\n: 1.2.3\n", 2, "? version"],
])("keys in another form are one fault, which shows it: %p", async (text, line, found) => {
  expect(await faultsOf(() => chartOf(text))).toEqual([
    `${line}: Cannot read the top-level keys of c/Chart.yaml: found ${JSON.stringify(found)}, expected one plain key a line`,
  ]);
});

test("version and appVersion know their places", async () => {
  const chart = await chartOf('name: x\nversion: 1.2.3-rc.1\nappVersion: "0.9"\n');
  expect(chart.version).toEqual({
    value: "1.2.3-rc.1" as typeof chart.version.value,
    at: { file: "c/Chart.yaml", line: 2, column: 1 },
  });
  expect(chart.appVersion).toEqual({
    value: "0.9",
    at: { file: "c/Chart.yaml", line: 3, column: 1 },
  });
  expect((await chartOf("version: 1.2.3\n")).appVersion).toBeUndefined();
});

test.each(["appVersion: null\n", 'appVersion: ""\n', "appVersion:\n", "appVersion: ~\n", ""])(
  "an appVersion without a value is none, as for Helm: %p",
  async (line) => {
    expect((await chartOf(`version: 1.2.3\n${line}`)).appVersion).toBeUndefined();
  },
);

test("a chart without Chart.yaml is refused by its path", async () => {
  expect(await faultsOf(() => readChart(memoryTree({}), "c"))).toEqual([
    "-: Cannot read c/Chart.yaml: there is no such file",
  ]);
});

test.each([
  [
    "a number",
    "version: 1.10\n",
    "1: Cannot read the chart version: found a number, which YAML reads as 1.1, expected",
  ],
  ["nothing", "version:\n", "1: Cannot read the chart version: found nothing"],
  [
    "no key",
    "name: x\n",
    '-: Cannot read the chart version: found no key "version" in c/Chart.yaml',
  ],
  ["a prefix", "version: v1.2.3\n", '1: Cannot read the chart version: found "v1.2.3"'],
  ["build metadata", "version: 1.2.3+b\n", '1: Cannot read the chart version: found "1.2.3+b"'],
  ["a line break", "version: |\n  1.2.3\n", '1: Cannot read the chart version: found "1.2.3\\n"'],
  ["a boolean", "version: true\n", "1: Cannot read the chart version: found the boolean true"],
  [
    "an appVersion that is a number",
    "version: 1.2.3\nappVersion: 0.10\n",
    "2: Cannot read the chart's appVersion: found a number, which YAML reads as 0.1",
  ],
  ["illegal YAML", "version: 1.2.3\nx: [\n", "2: Cannot read c/Chart.yaml: not valid YAML"],
  [
    "two documents",
    "version: 1.2.3\n---\nversion: 1.2.4\n",
    "-: Cannot read c/Chart.yaml: found a list or several documents",
  ],
])(
  "a version is never converted or guessed: %s is refused with its line",
  async (_, text, fault) => {
    const faults = await faultsOf(() => chartOf(text));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toStartWith(fault);
  },
);

test.each([
  ["version: 1.2.3\nname: x\nversion: 1.2.4\n", "version", 3, 1],
  ["version: 1.2.3\n'version': 1.2.3\n", "version", 2, 1],
  ["version: 1.2.3\nname: x\nname: y\n", "name", 3, 2],
])("any duplicate top-level key is refused with its line: %p", async (text, key, line, first) => {
  expect(await faultsOf(() => chartOf(text))).toEqual([
    `${line}: Cannot read c/Chart.yaml: found key "${key}" in line ${line} again after line ${first}, expected it once`,
  ]);
});

test("a key that is there twice below the top, or in a text, is no duplicate", async () => {
  const text = "version: 1.2.3\ndescription: |\n  version: 1\nx:\n  version: 1\n";
  expect<string>((await chartOf(text)).version.value).toBe("1.2.3");
});

const withImages = (list: string) =>
  `version: 1.2.3\nannotations:\n  artifacthub.io/images: |\n${list.replaceAll(/^(?=.)/gm, "    ")}`;

test("the images annotation tells name, reference, platforms and place", async () => {
  const list = [
    "- name: one",
    "  image: ghcr.io/a/one:1.2.3",
    "  platforms:",
    "    - linux/amd64",
    "    - linux/arm/v7",
    "- image: ghcr.io/a/two:1.2.3",
    "- image: ghcr.io/a/two:1.2.3",
    "",
  ].join("\n");
  const images = imagesOf(await chartOf(withImages(list)));
  expect(images?.map(({ name, text, platforms, at }) => ({ name, text, platforms, at }))).toEqual([
    {
      name: "one",
      text: "ghcr.io/a/one:1.2.3",
      platforms: ["linux/amd64", "linux/arm/v7"],
      at: { file: "c/Chart.yaml", line: 5, column: 7 },
    },
    {
      name: undefined,
      text: "ghcr.io/a/two:1.2.3",
      platforms: [],
      at: { file: "c/Chart.yaml", line: 9, column: 7 },
    },
    {
      name: undefined,
      text: "ghcr.io/a/two:1.2.3",
      platforms: [],
      at: { file: "c/Chart.yaml", line: 10, column: 7 },
    },
  ]);
  expect(images?.[0]?.reference).toEqual({
    registry: "ghcr.io",
    repository: "a/one",
    tag: "1.2.3",
  });
});

test.each([
  ["no annotations", "version: 1.2.3\n"],
  ["annotations without it", "version: 1.2.3\nannotations:\n  a: b\n"],
])("a chart without the images annotation says so: %s", async (_, text) => {
  expect(imagesOf(await chartOf(text))).toBeUndefined();
});

const images = "Cannot read artifacthub.io/images: found";
const image1 = "of entry 1 of artifacthub.io/images: found";
const reference = "expected an image reference such as ghcr.io/owner/name:1.2.3";

test.each([
  ["a mapping", withImages("a: b\n"), [`3: ${images} a mapping, expected a list of images`]],
  ["nothing", withImages("# none\n"), [`3: ${images} nothing, expected a list of images`]],
  [
    "the annotation twice",
    `${withImages("[]\n")}  artifacthub.io/images: "[]"\n`,
    [
      '5: Cannot read c/Chart.yaml: found key "artifacthub.io/images" in line 5 again after line 3, expected it once',
    ],
  ],
  [
    "an entry that is a text",
    withImages("- ghcr.io/a/b\n"),
    [
      `3: Cannot read entry 1 of artifacthub.io/images: found "ghcr.io/a/b", expected a mapping with image`,
    ],
  ],
  ["no image", withImages("- name: x\n"), [`4: Cannot read image ${image1} nothing, ${reference}`]],
  [
    "an image that is no reference",
    withImages("- image: Ghcr.io/A/b:1\n"),
    [`4: Cannot read image ${image1} "Ghcr.io/A/b:1", ${reference}`],
  ],
  [
    "a platform without architecture",
    withImages("- image: a\n  platforms: [linux]\n"),
    [
      `5: Cannot read platforms ${image1} ["linux"], expected a list such as [linux/amd64, linux/arm64]`,
    ],
  ],
  [
    "an image twice in one entry",
    withImages("- image: a\n  image: b\n"),
    [
      '5: Cannot read c/Chart.yaml: found key "image" in line 5 again after line 4, expected it once',
    ],
  ],
  [
    "several faults",
    withImages("- name: 1\n  platforms: 1\n- image: b\n- 1\n"),
    [
      `4: Cannot read name ${image1} a number, which YAML reads as 1, expected a text`,
      `4: Cannot read image ${image1} nothing, ${reference}`,
      `5: Cannot read platforms ${image1} a number, which YAML reads as 1, expected a list such as [linux/amd64, linux/arm64]`,
      "3: Cannot read entry 3 of artifacthub.io/images: found a number, which YAML reads as 1, expected a mapping with image",
    ],
  ],
])("a malformed images annotation is refused with its line: %s", async (_, text, expected) => {
  expect(await faultsOf(async () => imagesOf(await chartOf(text)))).toEqual(expected);
});

test("illegal YAML inside the annotation is placed in Chart.yaml", async () => {
  const text = withImages("- image: a\n- image: [\n");
  const [fault] = await faultsOf(async () => imagesOf(await chartOf(text)));
  expect(fault).toStartWith("5: Cannot read artifacthub.io/images in c/Chart.yaml: not valid YAML");
});

const appVersion = { value: "0.9.1", at: { file: "c/Chart.yaml", line: 7 } };
const imageOf = (values: string, app: typeof appVersion | undefined = appVersion) =>
  chartImage(memoryTree({ "c/values.yaml": values }), "c", app);

test.each([
  [
    "an empty tag",
    'image:\n  repository: ghcr.io/a/b\n  tag: ""\n',
    "ghcr.io/a/b:0.9.1",
    "appVersion",
    7,
  ],
  [
    "a tag of its own",
    'image:\n  repository: ghcr.io/a/b\n  tag: "1.10"\n',
    "ghcr.io/a/b:1.10",
    "image.tag",
    3,
  ],
  ["braces", 'image: {repository: ghcr.io/a/b, tag: ""}\n', "ghcr.io/a/b:0.9.1", "appVersion", 7],
  [
    "keys of any form beside it",
    "my key: 1\n'*': 1\nimage:\n  \"repository\": ghcr.io/a/b\n  tag: '1.10'\n",
    "ghcr.io/a/b:1.10",
    "image.tag",
    5,
  ],
])(
  "helm install pulls image.repository with image.tag or else appVersion: %s",
  async (_, values, text, tagFrom, line) => {
    const image = await imageOf(values);
    expect({ text: image.text, tagFrom: image.tagFrom, line: image.at.line }).toEqual({
      text,
      tagFrom: tagFrom as typeof image.tagFrom,
      line,
    });
    expect(image.reference.tag).toBe(text.slice(text.lastIndexOf(":") + 1));
  },
);

test("a chart without appVersion and with a tag of its own tells its image", async () => {
  const tree = memoryTree({ "c/values.yaml": "image:\n  repository: a\n  tag: x\n" });
  expect((await chartImage(tree, "c", undefined)).text).toBe("a:x");
});

const cannotRead = (what: string) => `Cannot read ${what}: found`;

test.each([
  [
    "a tag that is a number",
    "image:\n  repository: a\n  tag: 1.10\n",
    [
      `3: ${cannotRead("image.tag in c/values.yaml")} a number, which YAML reads as 1.1, expected a text in quotes`,
    ],
  ],
  [
    "no image",
    "x: 1\n",
    [
      `-: ${cannotRead("image in c/values.yaml")} nothing, expected a mapping with repository and tag`,
    ],
  ],
  [
    "nothing at all",
    "{}\n",
    [
      `-: ${cannotRead("image in c/values.yaml")} nothing, expected a mapping with repository and tag`,
    ],
  ],
  [
    "no repository",
    "x: 1\nimage:\n  tag: x\n",
    [
      `2: ${cannotRead("image.repository in c/values.yaml")} nothing, expected a repository without tag and digest, such as ghcr.io/owner/name`,
    ],
  ],
  [
    "a repository with a tag",
    "image:\n  repository: ghcr.io/a:1\n",
    [
      `2: ${cannotRead("image.repository in c/values.yaml")} "ghcr.io/a:1", expected a repository without tag and digest, such as ghcr.io/owner/name`,
    ],
  ],
  [
    "a tag that no runtime reads",
    "image:\n  repository: a\n  tag: a b\n",
    [`3: ${cannotRead("the chart's image")} "a:a b", expected an image reference`],
  ],
  [
    "registry and digest, which only the templates understand",
    "image:\n  repository: a\n  registry: ghcr.io\n  digest: sha256:00\n",
    [
      `3: ${cannotRead("image.registry in c/values.yaml")} "ghcr.io", expected none, as only the chart's templates know what it does`,
      `4: ${cannotRead("image.digest in c/values.yaml")} "sha256:00", expected none, as only the chart's templates know what it does`,
    ],
  ],
  [
    "a tag twice",
    "image:\n  repository: a\n  tag: x\n  tag: y\n",
    [
      '4: Cannot read c/values.yaml: found key "tag" in line 4 again after line 3, expected it once',
    ],
  ],
  [
    "illegal YAML",
    "image: [\n",
    ["1: Cannot read c/values.yaml: not valid YAML: Unexpected token"],
  ],
])(
  "an image that values.yaml does not tell is refused with its line: %s",
  async (_, values, faults) => {
    expect(await faultsOf(() => imageOf(values))).toEqual(faults);
  },
);

test("without appVersion and image.tag there is no image", async () => {
  const tree = memoryTree({ "c/values.yaml": "image:\n  repository: a\n" });
  expect(await faultsOf(() => chartImage(tree, "c", undefined))).toEqual([
    `1: ${cannotRead("image.tag in c/values.yaml")} nothing, expected a tag, as Chart.yaml has no appVersion`,
  ]);
});

test("an appVersion that is no tag is refused where it is written", async () => {
  const build = { value: "1.0.0+b", at: { file: "c/Chart.yaml", line: 7 } };
  expect(await faultsOf(() => imageOf("image:\n  repository: a\n", build))).toEqual([
    `7: ${cannotRead("the chart's image")} "a:1.0.0+b", expected an image reference`,
  ]);
});

test("a chart without values.yaml has no image", async () => {
  expect(await faultsOf(() => chartImage(memoryTree({}), "c", appVersion))).toEqual([
    "-: Cannot read c/values.yaml: there is no such file",
  ]);
});

test.each([
  ["a block", withImages("- image: ghcr.io/a/tool:‹1.2.3›\n  name: 1.2.3 # 1.2.3\n")],
  ["a quoted reference", withImages("- image: 'ghcr.io/a/tool:‹1.2.3›'\n- image: a/b:1.2.3\n")],
  ["a digest", withImages(`- image: ghcr.io/a/tool:‹1.2.3›@sha256:${"0".repeat(64)}\n`)],
  ["a port", withImages('- {image: "localhost:5000/tool:‹1.2.3›"}\n')],
  ["no tag", withImages("- image: ghcr.io/a/‹tool›\n")],
])("an image gets another tag, and nothing else changes: %s", async (_, text) => {
  const chart = await chartOf(text.replaceAll(/[‹›]/g, ""));
  const change = imagesOf(chart)?.[0]?.retag("2.0.0-rc.1");
  expect(editDocument(chart.document, change ? [change] : [])).toBe(
    text.replace("‹1.2.3›", "2.0.0-rc.1").replace("‹tool›", "tool:2.0.0-rc.1"),
  );
});

test("an image whose tag cannot be changed alone is refused with its place in Chart.yaml", async () => {
  const anchored = "- image: &x a/tool:1.2.3\n- image: *x\n";
  const [image] = imagesOf(await chartOf(withImages(anchored))) ?? [];
  const { findings } = await attempt(async () => image?.retag("2.0.0"));
  expect(findings).toEqual([
    expect.objectContaining({ at: { file: "c/Chart.yaml", line: 4, column: 7 } }),
  ]);
  expect(findings?.[0]?.message).toStartWith('Cannot edit "1.2.3" in artifacthub.io/images');
});

test("faults of values.yaml and of the annotation are reported at once", async () => {
  const files = { "c/Chart.yaml": withImages("- image: 1\n"), "c/values.yaml": "x: 1\n" };
  const faults = await faultsOf(() => readProductImages(memoryTree(files), "c"));
  expect(faults).toEqual([
    expect.stringContaining("Cannot read image in c/values.yaml"),
    expect.stringContaining("Cannot read image of entry 1"),
  ]);
});

test("images of the product are those with its name, and the one that an install pulls", async () => {
  const list =
    "- image: ghcr.io/a/perf-sentinel:1\n- image: ghcr.io/a/own:1\n- image: perf-sentinel:2\n- image: ghcr.io/perf-sentinel/x:1\n";
  const files = { "c/Chart.yaml": `${withImages(list)}appVersion: "1"\n` };
  const namesIn = async (more: Record<string, string>) => {
    const { promised, pulled } = await readProductImages(memoryTree({ ...files, ...more }), "c");
    return { promised: promised?.map(({ text }) => text), pulled: pulled?.text };
  };
  const named = ["ghcr.io/a/perf-sentinel:1", "perf-sentinel:2"];
  expect(await namesIn({})).toEqual({ promised: named, pulled: undefined });
  expect(await namesIn({ "c/values.yaml": "image:\n  repository: ghcr.io/a/own\n" })).toEqual({
    promised: ["ghcr.io/a/perf-sentinel:1", "ghcr.io/a/own:1", "perf-sentinel:2"],
    pulled: "ghcr.io/a/own:1",
  });
  const bare = memoryTree({ "c/Chart.yaml": "version: 1.2.3\n" });
  expect((await readProductImages(bare, "c")).promised).toBeUndefined();
});

test.each(["appversion", "aPpVersion", "Version", "ver\u017fion"])(
  "a key that Helm's JSON takes for a judged one is refused: %s",
  async (key) => {
    const text = `version: 1.2.3\nappVersion: "0.9"\n${key}: 9.9.9\n`;
    expect(await faultsOf(() => chartOf(text))).toEqual([
      expect.stringContaining(`found key "${key}"`),
    ]);
  },
);

test.each(["a ", " ", "a: &x ", "\"a' ", "- "])(
  "the keys of a manifest are found in linear time: %p",
  async (unit) => {
    const text = (size: number) => `name: x\nb${unit.repeat(size / unit.length)}x\n`;
    await expectLinear(1_000_000, text, (each) => faultsOf(() => chartOf(each)));
  },
);
