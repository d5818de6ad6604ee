import { expect, test } from "bun:test";
import { checkChartAppVersion } from "../scripts/check-chart-appversion.ts";
import { smallProduct } from "../scripts/demo/product.ts";
import { workTree } from "../scripts/lib/disk/work-tree.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { productFolder } from "./helpers/product.ts";
import { runScript } from "./helpers/run-script.ts";
import { type JsonReport, testRepository } from "./helpers/world.ts";

const script = "scripts/check-chart-appversion.ts";
const image = "ghcr.io/robintra/perf-sentinel";
const values = `image:\n  repository: ${image}\n`;
const entry = (text: string) => `- name: x\n  image: ${text}`;

interface ChartParts {
  readonly images?: string | undefined;
  readonly appVersion?: string;
  readonly values?: string;
}

function check({ images, appVersion = 'appVersion: "1.3.0"', ...parts }: ChartParts) {
  const list = images?.split("\n").map((line) => `    ${line}\n`) ?? [];
  const annotation = `annotations:\n  artifacthub.io/images: |\n${list.join("")}`;
  const manifest = `name: x\nversion: 0.1.0\n${appVersion}\n${images === undefined ? "" : annotation}`;
  const files = parts.values === undefined ? {} : { "chart/values.yaml": parts.values };
  return checkChartAppVersion(memoryTree({ "chart/Chart.yaml": manifest, ...files }), "chart");
}

test.each([
  ["plain", entry(`${image}:1.3.0`)],
  ["in double quotes", entry(`"${image}:1.3.0"`)],
  ["in single quotes", entry(`'${image}:1.3.0' # 1.2.9`)],
  ["in a flow mapping", `[{name: x, image: "${image}:1.3.0"}]`],
  ["with a digest", entry(`${image}:1.3.0@sha256:${"a".repeat(64)}`)],
])("a tag that is appVersion is a notice with the line: %s", async (_, images) => {
  for (const parts of [{ images }, { images, values }]) {
    const [finding, ...more] = await check(parts);
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ level: "notice", at: { file: "chart/Chart.yaml" } });
    expect(finding?.message).toMatch(
      /^chart\/Chart\.yaml: ghcr\.io\/robintra\/perf-sentinel:1\.3\.0(@\S+)? -> 1\.3\.0 \(matches appVersion\)$/,
    );
    expect([6, 7]).toContain(finding?.at?.line ?? 0);
  }
});

test.each([
  ["another tag", `${image}:1.2.9`, "1.3.0"],
  ["a tag with a prefix", `${image}:v1.3.0`, "1.3.0"],
  ["no tag", image, "1.3.0"],
  ["a digest alone", `${image}@sha256:${"a".repeat(64)}`, "1.3.0"],
])("%s is an error with its place and the way out", async (_, text, appVersion) => {
  expect(await check({ images: entry(text), values })).toEqual([
    {
      level: "error",
      message: `Cannot release the chart: it promises ${text}, and appVersion is ${appVersion}`,
      remedy: "Set the tag of the image and appVersion to the same version",
      at: { file: "chart/Chart.yaml", line: 7, column: 7 },
    },
  ]);
});

test("every image of the product counts, wherever it is published, and no other", async () => {
  const images = [
    `${image}:1.3.0`,
    "docker.io/robintra/perf-sentinel:1.2.9",
    "ghcr.io/robintra/perf-sentinel-lab:1.0.0",
    "alpine:3",
  ];
  const findings = await check({ images: images.map(entry).join("\n"), values });
  expect(findings.map(({ level, at }) => [level, at?.line])).toEqual([
    ["notice", 7],
    ["error", 9],
  ]);
});

test("the image that an install pulls counts by any name, and must be promised", async () => {
  const own = "image:\n  repository: ghcr.io/fork/sentinel\n";
  const images = [entry("ghcr.io/fork/sentinel:1.2.9"), entry(`${image}:1.3.0`)].join("\n");
  expect((await check({ images, values: own })).map(({ level }) => level)).toEqual([
    "error",
    "notice",
  ]);
  expect(await check({ images: entry(`${image}:1.3.0`), values: own })).toEqual([
    {
      level: "error",
      message:
        "Cannot find ghcr.io/fork/sentinel in artifacthub.io/images, and an install pulls it",
      remedy:
        "List ghcr.io/fork/sentinel in artifacthub.io/images, or correct image.repository in values.yaml",
      at: { file: "chart/Chart.yaml", line: 5, column: 3 },
    },
    expect.objectContaining({ level: "notice" }),
  ]);
});

const pinned = (tag: string) => `${values}  tag: ${tag}\n`;
const digest = `sha256:${"a".repeat(64)}`;
const promising = { images: entry(`${image}:1.3.0`) };

test.each([
  ["promised at appVersion", promising],
  ["promised as it is installed", { images: entry(`${image}:1.2.9`) }],
  ["in a chart that promises nothing", {}],
])(
  "an image that an install pulls at another tag than appVersion is refused: %s",
  async (_, parts) => {
    const findings = await check({ ...parts, values: pinned('"1.2.9"') });
    expect(findings.filter(({ at }) => at?.file !== "chart/Chart.yaml")).toEqual([
      {
        level: "error",
        message: `Cannot release the chart: an install pulls ${image}:1.2.9, and appVersion is 1.3.0`,
        remedy:
          "Leave image.tag empty in chart/values.yaml, so that it follows appVersion, or set both to the same version",
        at: { file: "chart/values.yaml", line: 3, column: 3 },
      },
    ]);
  },
);

test("what is promised is judged beside what an install pulls, whatever that is called", async () => {
  const own = "image:\n  repository: ghcr.io/fork/sentinel\n  tag: 1.2.9\n";
  const images = entry("ghcr.io/fork/sentinel:1.2.9");
  expect(
    (await check({ images, values: own })).map(({ level, message }) => [level, message]),
  ).toEqual([
    ["error", expect.stringContaining("an install pulls ghcr.io/fork/sentinel:1.2.9, and")],
    ["error", expect.stringContaining("it promises ghcr.io/fork/sentinel:1.2.9, and")],
  ]);
  const right = own.replace("1.2.9", "1.3.0");
  expect((await check({ images, values: right })).map(({ level }) => level)).toEqual([
    "notice",
    "error",
  ]);
});

test.each([
  ["a variant of appVersion", '"1.3.0-alpine"', `${image}:1.3.0-alpine`],
  ["a tag with a prefix", "v1.3.0", `${image}:v1.3.0`],
  ["a digest behind another tag", `"1.2.9@${digest}"`, `${image}:1.2.9@${digest}`],
])("a tag of its own that only resembles appVersion is refused: %s", async (_, tag, text) => {
  const message = `Cannot release the chart: an install pulls ${text}, and appVersion is 1.3.0`;
  expect(await check({ values: pinned(tag) })).toMatchObject([{ level: "error", message }]);
});

test("a tag of its own needs an appVersion to agree with", async () => {
  expect(await check({ values: pinned("1.2.9"), appVersion: "" })).toMatchObject([
    {
      level: "error",
      message: `Cannot release the chart: an install pulls ${image}:1.2.9, and there is no appVersion`,
    },
  ]);
});

test.each([
  ["as it is", '"1.3.0"', `${image}:1.3.0`],
  ["before a digest", `"1.3.0@${digest}"`, `${image}:1.3.0@${digest}`],
])("a tag of its own that is appVersion is a notice with its line: %s", async (_, tag, text) => {
  const pulls = {
    level: "notice",
    message: `chart/values.yaml: ${text} -> 1.3.0 (matches appVersion)`,
    at: { file: "chart/values.yaml", line: 3, column: 3 },
  };
  const own = pinned(tag);
  expect(await check({ values: own })).toMatchObject([pulls]);
  expect(await check({ ...promising, values: own })).toMatchObject([pulls, { level: "notice" }]);
});

test("an annotation without the product is an error, no annotation is a notice that says so", async () => {
  const [error, ...more] = await check({ images: entry("alpine:1.3.0") });
  expect(more).toEqual([]);
  expect(error).toMatchObject({
    level: "error",
    message: "Cannot find an image named perf-sentinel in artifacthub.io/images",
  });
  expect(await check({})).toEqual([
    {
      level: "notice",
      message: "chart/Chart.yaml promises no images: there is nothing to check",
    },
  ]);
});

test("promised images without appVersion are an error", async () => {
  const [error] = await check({ images: entry(`${image}:1.3.0`), appVersion: "" });
  expect(error).toMatchObject({
    level: "error",
    message: `Cannot release the chart: it promises ${image}:1.3.0, and there is no appVersion`,
  });
});

test.each([
  ["appVersion is a number", { appVersion: "appVersion: 1.3" }],
  ["the annotation is no list", { images: "none" }],
  ["values.yaml does not tell the image", { images: entry(`${image}:1.3.0`), values: "{}" }],
  ["values.yaml names a digest of its own", { values: `${values}  digest: ${digest}\n` }],
  ["image.tag is a digest alone", { values: pinned(`"@${digest}"`) }],
  ["image.tag is a digest without its sign", { values: pinned(digest) }],
])("what cannot be read is refused: %s", async (_, parts) => {
  await expect(check(parts)).rejects.toThrow(/^Cannot /);
});

test.each(["{}", "image: a/b:1", "operator:\n  image: a/b\n"])(
  "without a promise there is nothing to check in values.yaml without image.repository: %j",
  async (values) => {
    const [found, ...more] = await check({ values });
    expect(more).toEqual([]);
    expect(found?.message).toContain("promises no images: there is nothing to check");
  },
);

test.skipIf(productFolder === undefined)("the product's own chart agrees with itself", async () => {
  const findings = await checkChartAppVersion(
    workTree(productFolder ?? ""),
    "charts/perf-sentinel",
  );
  expect(findings.map(({ level, message }) => [level, message])).toEqual([
    [
      "notice",
      "charts/perf-sentinel/Chart.yaml: ghcr.io/robintra/perf-sentinel:0.11.1 -> 0.11.1 (matches appVersion)",
    ],
  ]);
});

test("the command judges the work tree, or the commit of --ref", async () => {
  await using world = await testRepository();
  const path = "charts/perf-sentinel/Chart.yaml";
  const chart = smallProduct("1.3.0")[path] ?? "";
  await world.commit(smallProduct("1.3.0"));
  await Bun.write(
    `${world.root}/${path}`,
    chart.replace('appVersion: "1.3.0"', "appVersion: 1.2.9"),
  );
  const options = { cwd: world.root, env: world.env };
  expect(await runScript(script, [], options)).toEqual({
    code: 1,
    stdout: "",
    stderr: `error: Cannot release the chart: it promises ${image}:1.3.0, and appVersion is 1.2.9
  at ${path}:9:7
  fix: Set the tag of the image and appVersion to the same version
`,
  });
  const committed = await runScript(script, ["--ref", "HEAD", "--json"], options);
  expect(committed).toMatchObject({ code: 0, stderr: "" });
  const report: JsonReport = JSON.parse(committed.stdout);
  expect(report).toMatchObject({ script, ok: true, exitCode: 0 });
  expect(report.findings).toEqual([
    {
      level: "notice",
      message: `${path}: ${image}:1.3.0 -> 1.3.0 (matches appVersion)`,
      file: path,
      line: 9,
      column: 7,
      commit: await world.git("rev-parse", "HEAD"),
    },
  ]);
});
