import { expect, test } from "bun:test";
import { parseDay } from "../../scripts/lib/calendar.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import { nextAfterBump } from "../../scripts/status/after.ts";
import { realShape, realShapeWorld } from "../helpers/real-shape.ts";
import { ledgerRow, type ReleaseWorld, today } from "../helpers/release.ts";
import { writeFiles } from "../helpers/world.ts";

const version = parseVersion("0.12.0");
const versions = { application: version, chart: version };

const after = (world: ReleaseWorld) => nextAfterBump(world, versions, parseDay(today()));

const push = "git push -u origin release/0.12.0";
const lab = [
  "bun scripts/validate-lab.ts v0.12.0 --lab ../perf-sentinel-simulation-lab --record",
  'git commit --message "Record the lab validation of v0.12.0" release-gate/lab-validations.txt',
];
const merge = [
  'git checkout main && git pull --ff-only origin main && git merge release/0.12.0 --no-ff -m "Merge release/0.12.0"',
  "bun scripts/release.ts v0.12.0 --dry-run",
];

test("after a bump come only the steps that are not done yet", async () => {
  await using world = await realShapeWorld();
  writeFiles(world.root, realShape("0.12.0"));
  const first = await after(world);
  const gates = first.slice(1, 6);
  const commit = 'git commit --all --message "Bump to 0.12.0"';
  expect(gates.map((each) => each.split(" ")[0])).toEqual([
    ...["cargo", "cargo", "cargo", "cargo", "bun"],
  ]);
  expect(first).toEqual([
    ...["git checkout -b release/0.12.0", ...gates, commit],
    ...[push, ...lab, ...merge],
  ]);

  await world.git("push", "--quiet", "origin", "main:release/0.12.0");
  expect((await after(world))[0]).toBe("git checkout release/0.12.0");
  await world.git("branch", "release/0.12.0");
  expect((await after(world))[0]).toBe("git checkout release/0.12.0");
  await world.git("checkout", "--quiet", "release/0.12.0");
  expect(await after(world)).toEqual([...gates, commit, push, ...lab, ...merge]);
  await world.git("commit", "--quiet", "--all", "--message", "Bump to 0.12.0");
  expect(await after(world)).toEqual([push, ...lab, ...merge]);
  await world.git("push", "--quiet", "-u", "origin", "release/0.12.0");
  expect(await after(world)).toEqual([...lab, ...merge]);
  await world.commit({ [layout.ledger]: ledgerRow("0.12.0") }, "Record");
  expect(await after(world)).toEqual([push, ...merge]);
});

test("after a bump to a candidate comes its tag, from the release branch", async () => {
  await using world = await realShapeWorld();
  await world.git("checkout", "--quiet", "-b", "release/0.12.0");
  const application = parseVersion("0.12.0-rc.1");
  const steps = await nextAfterBump(world, { application, chart: undefined }, parseDay(today()));
  expect(steps).toEqual([push, "bun scripts/release.ts v0.12.0-rc.1 --dry-run"]);
});

test("after a bump of the chart alone come the chart's steps", async () => {
  await using world = await realShapeWorld();
  const chart = { application: undefined, chart: parseVersion("0.11.2") };
  const steps = () => nextAfterBump(world, chart, parseDay(today()));
  const checks = [
    "bun scripts/check-chart-version-bumped.ts main",
    "once it is on main: bun scripts/release-chart.ts chart-v0.11.2 --dry-run",
  ];
  expect(await steps()).toEqual(checks);
  writeFiles(world.root, { "charts/perf-sentinel/Chart.yaml": "x\n" });
  expect(await steps()).toEqual([
    'git commit --all --message "Bump the chart to 0.11.2"',
    ...checks,
  ]);
});
