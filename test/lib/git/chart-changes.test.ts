import { expect, test } from "bun:test";
import { workTree } from "../../../scripts/lib/disk/work-tree.ts";
import { checkChartChanges } from "../../../scripts/lib/git/chart-changes.ts";
import { releasesBefore } from "../../../scripts/lib/git/last-release.ts";
import { openObjects } from "../../../scripts/lib/git/objects.ts";
import { gitEnvironment } from "../../../scripts/lib/git/repository.ts";
import { memoryTree } from "../../helpers/memory-tree.ts";
import { testRepository, writeFiles } from "../../helpers/world.ts";

const manifest = "charts/perf-sentinel/Chart.yaml";
const chart = (version: string, changes: string) =>
  `version: ${version}\nannotations:\n  artifacthub.io/changes: |\n    - kind: changed\n      description: "${changes}"\n`;

test("a list of changes that is the one of the last chart tag of another version is a warning", async () => {
  await using world = await testRepository();
  const repository = { root: world.root, env: gitEnvironment(world.env) };
  await using objects = openObjects(repository);
  const findLast = releasesBefore(repository, objects);
  const check = async (text: string) => {
    writeFiles(world.root, { [manifest]: text });
    return await checkChartChanges(workTree(world.root), findLast);
  };
  await world.commit({ [manifest]: chart("0.11.0", "older") });
  expect(await check(chart("0.11.0", "older"))).toMatchObject([
    {
      level: "notice",
      message:
        "Not compared with the last release: there is no tag chart-vX.Y.Z of another final version",
    },
  ]);
  await world.git("tag", "chart-v0.11.0");
  await world.commit({ [manifest]: chart("0.11.1", "newer") });
  await world.git("tag", "chart-v0.11.1");

  expect(await check(chart("0.11.1", "newer"))).toEqual([]);
  expect(await check(chart("0.12.0", "newer"))).toMatchObject([
    {
      level: "warning",
      message: `artifacthub.io/changes in ${manifest} says what it said in chart-v0.11.1`,
      remedy: "Write there what is new in the chart 0.12.0, newest first",
      at: { file: manifest, line: 3 },
    },
  ]);
  expect(await check(chart("0.12.0", "newest"))).toEqual([]);
});

test("a chart without the list, and no chart, ask no older tree", async () => {
  const asked = () => Promise.reject(new Error("asked"));
  for (const files of [{}, { [manifest]: "version: 1.0.0\n" }, { [manifest]: "[" }]) {
    expect(await checkChartChanges(memoryTree(files), asked)).toEqual([]);
  }
});
