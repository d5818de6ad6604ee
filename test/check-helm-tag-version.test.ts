import { expect, test } from "bun:test";
import { checkHelmTagVersion } from "../scripts/check-helm-tag-version.ts";
import { workTree } from "../scripts/lib/disk/work-tree.ts";
import { layout } from "../scripts/lib/layout.ts";
import { parseVersion } from "../scripts/lib/version.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { productFolder } from "./helpers/product.ts";
import { runScript } from "./helpers/run-script.ts";
import { type JsonReport, testRepository } from "./helpers/world.ts";

const script = "scripts/check-helm-tag-version.ts";
const manifest = `${layout.chart}/Chart.yaml`;
const check = (text: string, version: string) =>
  checkHelmTagVersion(memoryTree({ [manifest]: text }), parseVersion(version, "chart-v"));

test("a match is a notice that names the file and the line", async () => {
  expect(await check("name: x\nversion: 1.2.3\n", "chart-v1.2.3")).toEqual([
    {
      level: "notice",
      message: `${manifest} -> 1.2.3 (matches tag)`,
      at: { file: manifest, line: 2, column: 1 },
    },
  ]);
});

test("a mismatch is an error with line, found, expected and the way out", async () => {
  expect(await check("name: x\nversion: 1.2.4\n", "1.2.3")).toEqual([
    {
      level: "error",
      message: `Cannot tag chart-v1.2.3: ${manifest} says 1.2.4, expected 1.2.3: did you mean chart-v1.2.4?`,
      remedy: `Set version: 1.2.3 in ${manifest}, or tag chart-v1.2.4`,
      at: { file: manifest, line: 2, column: 1 },
    },
  ]);
});

test.each([
  ["1.2.3", "1.2.3", true],
  ["1.2.3-rc.1", "chart-v1.2.3-rc.1", true],
  ["1.2.3-rc.1", "1.2.3", false],
  ["1.2.3", "1.2.3-rc.1", false],
  ["1.2.3-rc.1", "1.2.3-rc.2", false],
  ["1.2.3-RC.1", "1.2.3-rc.1", false],
])("equality is strict, prerelease included: %p against %p", async (stated, version, passes) => {
  const levels = (await check(`version: "${stated}"\n`, version)).map(({ level }) => level);
  expect(levels).toEqual([passes ? "notice" : "error"]);
});

test("the command judges the work tree from any subfolder, or the commit of --ref", async () => {
  await using repository = await testRepository();
  const { root, env } = repository;
  const commit = await repository.commit({ [manifest]: "version: 1.2.3\n" });
  await Bun.write(`${root}/${manifest}`, "name: x\nversion: 2.0.0\n");
  const cwd = `${root}/${layout.chart}`;

  expect(await runScript(script, ["chart-v2.0.0"], { cwd, env })).toEqual({
    code: 0,
    stdout: `${manifest} -> 2.0.0 (matches tag)\n`,
    stderr: "",
  });
  expect(await runScript(script, ["chart-v1.2.3"], { cwd, env })).toEqual({
    code: 1,
    stdout: "",
    stderr: [
      `error: Cannot tag chart-v1.2.3: ${manifest} says 2.0.0, expected 1.2.3: did you mean chart-v2.0.0?`,
      `  at ${manifest}:2:1`,
      `  fix: Set version: 1.2.3 in ${manifest}, or tag chart-v2.0.0`,
      "",
    ].join("\n"),
  });
  const judged = await runScript(script, ["1.2.3", "--ref", "HEAD", "--json"], { cwd, env });
  expect(judged.code).toBe(0);
  expect(JSON.parse(judged.stdout) as JsonReport).toEqual({
    script,
    ok: true,
    exitCode: 0,
    findings: [
      {
        level: "notice",
        message: `${manifest} -> 1.2.3 (matches tag)`,
        file: manifest,
        line: 1,
        column: 1,
        commit,
      },
    ],
  });
});

test.skipIf(productFolder === undefined)(
  "the product's chart matches its own version",
  async () => {
    const tree = workTree(productFolder ?? "");
    expect(await checkHelmTagVersion(tree, parseVersion("0.11.1"))).toMatchObject([
      { level: "notice" },
    ]);
    expect(await checkHelmTagVersion(tree, parseVersion("0.11.2"))).toMatchObject([
      { level: "error", at: { file: manifest, line: 9 } },
    ]);
  },
);
