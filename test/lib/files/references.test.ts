import { describe, expect, test } from "bun:test";
import { smallProduct } from "../../../scripts/demo/product.ts";
import { decodeSource } from "../../../scripts/lib/files/decode.ts";
import { editDocument } from "../../../scripts/lib/files/edit.ts";
import {
  applicationVersions,
  isStale,
  type Reference,
  readReferences,
  table,
  type Versions,
} from "../../../scripts/lib/files/references.ts";
import type { Tree } from "../../../scripts/lib/tree.ts";
import type { Version } from "../../../scripts/lib/version.ts";
import { memoryTree } from "../../helpers/memory-tree.ts";

const v = (text: string) => text as Version;
const [old, next] = [v("1.2.9"), v("1.3.0")];

/** Every file that the table knows, with one reference of each kind at least. */
const everything: Record<string, string> = {
  ...smallProduct(old),
  "fuzz/Cargo.lock": `[[package]]\nname = "perf-sentinel-core"\nversion = "${old}"\n\n[[package]]\nname = "perf-sentinel-fuzz"\nversion = "0.0.0"\n`,
  "docs/ci-templates/README.md": 'Set `PERF_SENTINEL_VERSION: "1.0.0"`.\n',
  "docs/FR/CI-FR.md": `\`\`\`\nPERF_SENTINEL_VERSION = '${old}'\n\`\`\`\nperf-sentinel@v${old}\n`,
};

function shown(references: readonly Reference[]): string[] {
  return references.map(({ row, file, what, written, place }) => {
    const { line } = place();
    return `${row.name}: ${file}:${line} ${what} ${written}`;
  });
}

const read = (files: Record<string, string>, version = old) =>
  readReferences(memoryTree(files), { ...applicationVersions(version), chart: version });

test("the table finds every kind of reference, each with its line", async () => {
  const { references, blind, faults, workspace } = await read(everything);
  expect({ blind, faults, more: workspace.faults }).toEqual({ blind: [], faults: [], more: [] });
  expect(shown(references)).toEqual([
    "workspace version: Cargo.toml:6 version 1.2.9",
    "pin on a sibling crate: crates/sentinel-cli/Cargo.toml:7 perf-sentinel-core 1.2.9",
    "locked workspace package: Cargo.lock:5 perf-sentinel 1.2.9",
    "locked workspace package: Cargo.lock:13 perf-sentinel-core 1.2.9",
    "locked workspace package: fuzz/Cargo.lock:3 perf-sentinel-core 1.2.9",
    "PERF_SENTINEL_VERSION of a CI template: docs/ci-templates/github-actions.yml:3 PERF_SENTINEL_VERSION 1.2.9",
    "PERF_SENTINEL_VERSION of a CI template: docs/ci-templates/jenkinsfile.groovy:3 PERF_SENTINEL_VERSION 1.2.9",
    "PERF_SENTINEL_VERSION in a snippet: docs/CI.md:5 PERF_SENTINEL_VERSION 1.2.9",
    "PERF_SENTINEL_VERSION in a snippet: docs/FR/CI-FR.md:2 PERF_SENTINEL_VERSION 1.2.9",
    "perf-sentinel@vX.Y.Z: docs/CI.md:7 perf-sentinel v1.2.9",
    "perf-sentinel@vX.Y.Z: docs/FR/CI-FR.md:4 perf-sentinel v1.2.9",
    "binary_verification_url of a schema example: docs/schemas/examples/example.json:5 binary_verification_url v1.2.9",
    "changelog section with a date: CHANGELOG.md:3 section [1.2.9] - 2026-08-07",
    "chart version: charts/perf-sentinel/Chart.yaml:4 version 1.2.9",
    "appVersion: charts/perf-sentinel/Chart.yaml:5 appVersion 1.2.9",
    "image in artifacthub.io/images: charts/perf-sentinel/Chart.yaml:9 ghcr.io/robintra/perf-sentinel 1.2.9",
    "chart changelog section with content: charts/perf-sentinel/CHANGELOG.md:3 section [1.2.9]",
  ]);
  expect(new Set(references.map(({ row }) => row.name)).size).toBe(table.length - 1);
  const all = { ...applicationVersions(old), chart: old };
  expect(references.filter((each) => isStale(each, all))).toEqual([]);
});

test("every reference is stale for another version; what follows no version is not read", async () => {
  const { references } = await read(everything);
  const all = { ...applicationVersions(next), chart: next };
  expect(references.every((each) => isStale(each, all))).toBe(true);
  const rowsOf = async (versions: Versions) => {
    const answer = await readReferences(memoryTree(everything), versions);
    return new Set(answer.references.map(({ row }) => row.follows));
  };
  expect(await rowsOf(applicationVersions(old))).toEqual(
    new Set(["application", "final", "appVersion"]),
  );
  expect(await rowsOf({ chart: old })).toEqual(new Set(["chart"]));
  expect(await rowsOf({})).toEqual(new Set());
});

test("what a reference becomes keeps its form", async () => {
  const files = {
    ...everything,
    "crates/sentinel-core/Cargo.toml":
      '[package]\nname = "perf-sentinel-core"\nversion = "1.2.8"\n[dev-dependencies]\nperf-sentinel = "^1.2"\n[build-dependencies]\nperf-sentinel = " =1.2.9"\n',
    "docs/ci-templates/github-actions.yml": 'PERF_SENTINEL_VERSION: "v1.2"\n',
  };
  const { references } = await read(files);
  const becomes = (file: string) =>
    references
      .filter((each) => each.file === file)
      .map((each) => `${each.written} -> ${each.becomes(next)}`);
  expect(becomes("crates/sentinel-core/Cargo.toml")).toEqual([
    "1.2.8 -> 1.3.0",
    "1.2.9 -> 1.3.0",
    "^1.2 -> 1.3.0",
  ]);
  expect(becomes("docs/ci-templates/github-actions.yml")).toEqual(["v1.2 -> v1.3.0"]);
  expect(becomes("docs/schemas/examples/example.json")).toEqual(["v1.2.9 -> v1.3.0"]);
  expect(becomes("CHANGELOG.md")).toEqual([
    "[1.2.9] - 2026-08-07 -> [1.3.0] with the date of the release",
  ]);
  const pins = references.filter(({ row }) => row.name === "pin on a sibling crate");
  const core = pins.filter(({ file }) => file.includes("core"));
  const [document] = core.map(({ site }) => (site.kind === "value" ? site.document : undefined));
  const changes = core.flatMap(({ site }) => (site.kind === "value" ? [site.change(next)] : []));
  expect(document && editDocument(document, changes)).toBe(
    files["crates/sentinel-core/Cargo.toml"].replace("^1.2", "1.3.0").replace("=1.2.9", "=1.3.0"),
  );
});

describe("the tag of a promised image", () => {
  const path = "charts/perf-sentinel/Chart.yaml";
  const changed = async (tag: string, appVersion: string) => {
    const chart = (everything[path] ?? "")
      .replace("sentinel:1.2.9", `sentinel:${tag}`)
      .replace('appVersion: "1.2.9"', `appVersion: "${appVersion}"`);
    const { references } = await read({ ...everything, [path]: chart });
    const image = references.find(({ row }) => row.name.startsWith("image in"));
    return { image, change: () => image?.site.kind === "value" && image.site.change(next) };
  };

  test.each(["1.2.9-alpine", "v1.2.9-alpine", "alpine-1.2.9", "1.3.0-alpine"])(
    "is stale and not edited if it is a variant: %s",
    async (tag) => {
      const { image, change } = await changed(tag, "1.2.9");
      expect(image && isStale(image, applicationVersions(next))).toBe(true);
      expect(change).toThrow(
        `Cannot edit the tag of a promised image: found "${tag}", a variant, expected a version alone, such as 1.3.0`,
      );
    },
  );

  test.each([
    ["1.3.0-rc.1", "1.3.0-rc.1"],
    ["1.2.8", "1.2.9"],
    ["v1.2.8", "1.2.9"],
    ["latest", "1.2.9"],
  ])("is edited if it says no more than a version: %s beside %s", async (tag, appVersion) => {
    const { change } = await changed(tag, appVersion);
    expect(change()).toMatchObject({ from: tag, to: "1.3.0" });
  });
});

describe("a row", () => {
  const rowsOf = async (files: Record<string, string>) => {
    const { references, blind, faults } = await read(files);
    return { references, blind: blind.map(({ row, file }) => `${file}: ${row.name}`), faults };
  };

  test("says nothing of a file that is not there", async () => {
    const { references, blind, faults } = await rowsOf({});
    expect({ references, blind, faults }).toEqual({ references: [], blind: [], faults: [] });
  });

  test.each([
    ["Cargo.lock", "[[package]]\nname = 'serde'\nversion = '1.2.9'\n"],
    ["docs/ci-templates/x.yml", "# PERF_SENTINEL_VERSION: 1.2.9\n"],
    ["docs/schemas/examples/example.json", '{"binary_version": "1.2.9"}'],
    ["docs/schemas/examples/example.json", '{"binary_verification_url": "https://x/v1.2.9"}'],
    ["docs/schemas/examples/example.json", '{"binary_verification_url": 1}'],
    ["CHANGELOG.md", "# Changelog\n\n## Perf 1.2.9\n\n- x\n"],
  ])("has gone blind if %s no longer holds it: %#", async (path, text) => {
    const { references, blind, faults } = await rowsOf({ ...smallProduct(old), [path]: text });
    expect(faults).toEqual([]);
    expect(references.filter(({ file }) => file === path)).toEqual([]);
    expect(blind.map((each) => each.split(": ")[0])).toEqual([path]);
  });

  test("goes blind in a chart without appVersion and without images", async () => {
    const files = {
      ...smallProduct(old),
      "charts/perf-sentinel/Chart.yaml": "name: perf-sentinel\nversion: 1.2.9\n",
      "charts/perf-sentinel/values.yaml": "image:\n  repository: a/b\n  tag: x\n",
    };
    expect((await rowsOf(files)).blind).toEqual([
      "charts/perf-sentinel/Chart.yaml: appVersion",
      "charts/perf-sentinel/Chart.yaml: image in artifacthub.io/images",
    ]);
  });

  test("that cannot be read is a fault with its place, told once, and hides no other", async () => {
    const { references, faults } = await rowsOf({
      ...everything,
      "Cargo.lock": "[[package]]\nname =\n",
      "docs/schemas/examples/example.json": "{",
      "charts/perf-sentinel/Chart.yaml": "version: 1.10\n",
    });
    expect(faults.map(({ level, at }) => [level, at?.file])).toEqual([
      ["error", "Cargo.lock"],
      ["error", "docs/schemas/examples/example.json"],
      ["error", "charts/perf-sentinel/Chart.yaml"],
    ]);
    expect(references.length).toBeGreaterThan(8);
  });
});

describe("an image in values.yaml that is not there or cannot be read", () => {
  const folder = "charts/perf-sentinel";
  const files = smallProduct(next);
  const manifest = files[`${folder}/Chart.yaml`] ?? "";
  const none = manifest.slice(0, manifest.indexOf("annotations:"));
  const all = { ...applicationVersions(next), chart: next };
  const faultsOf = async (versions: Versions, values: string, chart = manifest) => {
    const changed = { [`${folder}/values.yaml`]: values, [`${folder}/Chart.yaml`]: chart };
    const { faults } = await readReferences(memoryTree({ ...files, ...changed }), versions);
    return faults.map(({ at }) => at?.file);
  };

  test.each([
    "{}\n",
    "image: ghcr.io/a/b:1\n",
    "controller:\n  image: a/b\n",
    "image:\n  name: a/b\n",
    "[",
  ])("is a fault only if an image is promised, and could move: %j", async (values) => {
    expect(await faultsOf(all, values)).toEqual([`${folder}/values.yaml`]);
    expect(await faultsOf(all, values, none)).toEqual([]);
    expect(await faultsOf({ chart: next }, values)).toEqual([]);
  });
});

test("a file that cannot be read hides no other file of its row", async () => {
  const [template, guide, stale] = [
    "docs/ci-templates/a.yml",
    "docs/CI.md",
    "docs/ci-templates/z.yml",
  ];
  const tree = memoryTree({
    ...everything,
    [template]: "# x\u2028PERF_SENTINEL_VERSION: 1.2.9\n",
    [stale]: 'PERF_SENTINEL_VERSION: "1.2.9"\n',
    "docs/schemas/examples/a.json": "{",
  });
  const before = await readReferences(memoryTree(everything), applicationVersions(old));
  const { references, blind, faults } = await readReferences(tree, applicationVersions(old));
  expect(faults.map(({ at }) => at?.file)).toEqual([template, "docs/schemas/examples/a.json"]);
  expect(references.map(({ file }) => file)).toContain(stale);
  expect(references.map(({ file }) => file)).toContain(guide);
  expect(references).toHaveLength(before.references.length + 1);
  expect(blind).toEqual(before.blind);
});

describe("a file beside the CI templates", () => {
  /** A tree with a file that is not UTF-8. */
  const withBytes = (path: string, text: string): Tree => {
    const bytes = Buffer.from(text, "latin1");
    const tree = memoryTree({ ...everything, [path]: "" });
    return {
      list: tree.list,
      read: async (each, decoding) =>
        each === path ? decodeSource(path, bytes, decoding) : tree.read(each),
    };
  };
  const answerFor = async (path: string, text: string) => {
    const answer = await readReferences(withBytes(path, text), applicationVersions(old));
    const { references, blind, faults } = answer;
    return {
      count: references.length,
      blind: blind.map(({ file }) => file),
      faults: faults.map(({ message }) => message),
    };
  };

  test("is none of them if it is no text: a picture says nothing", async () => {
    const { references } = await readReferences(memoryTree(everything), applicationVersions(old));
    expect(await answerFor("docs/ci-templates/a.png", "\x89PNG\r\n\x1a\n\0\0")).toEqual({
      count: references.length,
      blind: [],
      faults: [],
    });
  });

  test("is refused if it sets the constant and is not UTF-8: it could not be edited", async () => {
    const text = "# caf\xe9\nPERF_SENTINEL_VERSION: 1.2.9\n";
    expect((await answerFor("docs/ci-templates/a.yml", text)).faults).toEqual([
      "Cannot read docs/ci-templates/a.yml: it is not UTF-8 text",
    ]);
  });
});

describe("the section of a changelog", () => {
  const sections = async (changelog: string, chart = changelog) => {
    const files = { "CHANGELOG.md": changelog, "charts/perf-sentinel/CHANGELOG.md": chart };
    const { references } = await read(files);
    return references.map(({ written, version }) => [written, version]);
  };

  test("is the version's, wherever it stands, if it has a real date or content", async () => {
    const text = "## [1.3.0] - 2026-09-01\n\n- y\n\n## [1.2.9] - 2026-08-07\n\n- x\n";
    expect(await sections(text)).toEqual([
      ["[1.2.9] - 2026-08-07", "1.2.9"],
      ["[1.2.9] - 2026-08-07", "1.2.9"],
    ]);
  });

  test("states no version without a real date, and none without content", async () => {
    for (const title of ["[1.2.9]", "[1.2.9] - soon", "[1.2.9] - 2026-02-30"]) {
      expect(await sections(`## ${title}\n\n- x\n`, "## [1.2.9]\n\n### Changed\n")).toEqual([
        [title, undefined],
        ["[1.2.9]", undefined],
      ]);
    }
  });

  test("is the newest one if the version has none", async () => {
    expect(await sections("## [Unreleased]\n\n## [1.2.8] - 2026-08-07\n\n- x\n")).toEqual([
      ["[1.2.8] - 2026-08-07", "1.2.8"],
      ["[1.2.8] - 2026-08-07", "1.2.8"],
    ]);
    expect(await sections("## Notes\n\n## [Unreleased]\n\n- x\n")).toEqual([
      ["[Unreleased]", undefined],
      ["[Unreleased]", undefined],
    ]);
  });
});

test("stale references are counted with the enforced ones, each file read once", async () => {
  const reads: string[] = [];
  const tree = memoryTree(everything);
  const counting: Tree = {
    list: tree.list,
    read: (path) => {
      reads.push(path);
      return tree.read(path);
    },
  };
  const versions = applicationVersions(next);
  const { references, faults } = await readReferences(counting, versions);
  const stale = references.filter((each) => isStale(each, versions));
  expect({ stale: stale.length, faults }).toEqual({ stale: 15, faults: [] });
  const others = reads.filter((path) => !/Chart\.yaml$/.test(path));
  expect(others.toSorted()).toEqual([...new Set(others)].sort());
});
