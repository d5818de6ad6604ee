/** A fork's own places: what `layout.references.own` adds to the table of references. */

import { expect, test } from "bun:test";
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { judgeReferences } from "../scripts/check-references.ts";
import { smallProduct } from "../scripts/demo/product.ts";
import {
  applicationVersions,
  ownRow,
  readReferences,
  table,
  type Versions,
} from "../scripts/lib/files/references.ts";
import type { OwnPlace } from "../scripts/lib/layout-merge.ts";
import { parseVersion } from "../scripts/lib/version.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { projectRoot, start, testRepository, writeFiles } from "./helpers/world.ts";

const version = parseVersion("1.3.0");
const place = (pattern: string, more: Partial<OwnPlace> = {}): OwnPlace => ({
  ...{ files: "*.md", pattern, atLeast: 1, follows: "final" },
  ...more,
});

const read = (text: string, own: OwnPlace, versions: Versions = applicationVersions(version)) =>
  readReferences(memoryTree({ "A.md": text }), versions, [ownRow(own)]);

test.each([
  ['kube = "{version}"', 'kube = "1.2.9" my-kube = "1.2.8" kube = "1.2"', ["1.2.9 -> 1.3.0"]],
  ["v{major}.{minor}", "v1.2, v1.2.9, v1.3. and v0.1.2", ["1.2 -> 1.3", "1.3 -> 1.3"]],
  ["FileVersion={version}", "FileVersion=1.2.9.0\nFileVersion=1.2.9-rc.1", ["1.2.9-rc.1 -> 1.3.0"]],
  ["FileVersion={version}.0", "FileVersion=1.2.9.0", ["1.2.9 -> 1.3.0"]],
  ["{version}", "v1.2.9 10.1.2.9 1.2.9.1.", ["1.2.9 -> 1.3.0"]],
  ["x-{version}-linux", "x-1.2.9-rc.1-linux x-1.2.9-linuxes", ["1.2.9-rc.1 -> 1.3.0"]],
  ["a (.*) {version}\r\n", "a (.*) 1.2.9\r\n", ["1.2.9 -> 1.3.0"]],
])("the pattern %j finds whole words alone in %j", async (pattern, text, found) => {
  const { references } = await read(text, place(pattern));
  expect(references.map(({ written, becomes }) => `${written} -> ${becomes(version)}`)).toEqual(
    found,
  );
});

test("a place follows the version that it names: a prerelease leaves a final one, and the chart's is its own", async () => {
  const text = "v1.2.9";
  const versions = {
    ...applicationVersions(parseVersion("1.3.0-rc.1")),
    chart: parseVersion("4.5.6"),
  };
  const becomes = async (follows: OwnPlace["follows"]) => {
    const { references } = await read(text, place("v{version}", { follows }), versions);
    return references.map((each) => each.becomes(versions[each.row.follows] ?? version) as string);
  };
  expect(await becomes("application")).toEqual(["1.3.0-rc.1"]);
  expect(await becomes("final")).toEqual([]);
  expect(await becomes("chart")).toEqual(["4.5.6"]);
});

test("a changelog is no place of a fork: its sections of other releases stay", async () => {
  const text = "# v1.2.8\n";
  const files = { "CHANGELOG.md": text, "charts/perf-sentinel/CHANGELOG.md": text, "a/A.md": text };
  const row = ownRow(place("v{version}", { files: "**/*.md" }));
  const { references } = await readReferences(memoryTree(files), applicationVersions(version), [
    row,
  ]);
  expect(references.map(({ file }) => file)).toEqual(["a/A.md"]);
});

test("fewer matches than the minimum are an error; none where the last release had one is a warning", async () => {
  const judge = async (text: string | undefined, atLeast: number) => {
    const row = ownRow(place("v{version}", { atLeast }));
    const files = smallProduct("1.3.0");
    const now = await readReferences(
      memoryTree(text === undefined ? { ...files, "B.md": "" } : { ...files, "A.md": text }),
      applicationVersions(version),
      [...table, row],
    );
    const last = {
      tag: "v1.2.9",
      version: parseVersion("1.2.9"),
      tree: memoryTree({ ...smallProduct("1.2.9"), "A.md": "v1.2.9" }),
    };
    const findings = await judgeReferences(now, version, async () => last);
    return findings.filter(({ level }) => level !== "notice").map(({ message }) => message);
  };
  expect(await judge("v1.3.0", 1)).toEqual([]);
  expect(await judge("v1.3.0", 2)).toEqual([
    "Cannot find v{version} in *.md: found 1, expected at least 2",
  ]);
  expect(await judge("", 1)).toEqual([
    "Cannot find v{version} in *.md: found 0, expected at least 1",
  ]);
  for (const text of ["", undefined]) {
    expect(await judge(text, 0)).toEqual([
      "*.md no longer holds the reference that it held in v1.2.9: v{version}",
    ]);
  }
  expect(await judge("v1.2.9", 1)).toEqual([
    "Cannot tag v1.3.0: A.md says v{version} 1.2.9, expected 1.3.0",
  ]);
});

test("bump, check and audit read a fork's own places, also where the table has one", async () => {
  await using world = await testRepository();
  for (const folder of ["scripts", "release-gate"]) {
    cpSync(join(projectRoot, folder), join(world.home, folder), { recursive: true });
  }
  const own = [
    place('kube = "{version}"', { files: "README.md" }),
    place("since {major}.{minor}", { files: "README.md" }),
    place("perf-sentinel@v{version}", { files: "docs/*.md", follows: "application" }),
    place("version: {version}", { files: "charts/*/Chart.yaml", follows: "chart" }),
    place("# chart {version}", { files: "charts/*/Chart.yaml", follows: "chart" }),
  ];
  writeFiles(world.home, {
    "scripts/layout.ts": `export const layout = ${JSON.stringify({ references: { own } })};\n`,
  });
  const run = (script: string, ...args: string[]) =>
    start([process.execPath, join(world.home, `scripts/${script}.ts`), ...args], {
      cwd: world.root,
      env: world.env,
    });
  const chart = "charts/perf-sentinel/Chart.yaml";
  const files = smallProduct("1.2.9");
  const readme = 'kube = "1.2.9" # since 1.2\nserde = "1.2.9"\n';
  await world.commit(
    { ...files, "README.md": readme, [chart]: `${files[chart]}# chart 1.2.9\n` },
    "Release 1.2.9",
  );
  await world.git("tag", "v1.2.9");
  await world.git("tag", "chart-v1.2.9");
  expect((await run("bump-version", "1.3.0")).code).toBe(0);
  const text = (path: string) => readFileSync(join(world.root, path), "utf8");
  expect(text("README.md")).toBe('kube = "1.3.0" # since 1.3\nserde = "1.2.9"\n');
  expect(text(chart)).toContain("version: 1.3.0");
  expect(text(chart)).toContain("# chart 1.3.0");
  expect(text("docs/CI.md")).toContain("perf-sentinel@v1.3.0");
  expect((await run("check-references", "1.3.0")).code).toBe(0);

  await world.commit({ "README.md": readme }, "Restore the readme");
  expect((await run("check-references", "1.3.0")).stderr).toContain(
    'README.md says kube = "{version}" 1.2.9, expected 1.3.0',
  );
  await world.git("tag", "v1.3.0");
  const audit = await run("audit-releases", "--json");
  expect(audit.stdout).toContain('"row":"kube = \\"{version}\\""');
  await world.commit({ "README.md": "" }, "Empty the readme");
  const refused = await run("bump-version", "1.4.0");
  expect([refused.code, await world.git("status", "--porcelain")]).toEqual([1, ""]);
  expect(refused.stderr).toContain(
    'error: Cannot find kube = "{version}" in README.md: found 0, expected at least 1\n',
  );
});
