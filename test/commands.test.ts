/** Every source and every command in the open: loaded by themselves, and run as processes. */

import { expect, test } from "bun:test";
import { join } from "node:path";
import { runScript, tableOf } from "./helpers/run-script.ts";
import { isolatedEnvironment, projectRoot, startScript, temporaryFolder } from "./helpers/world.ts";

const sources = ["scripts/**/*.ts", "release-gate/**/*.ts"]
  .flatMap((glob) => [...new Bun.Glob(glob).scanSync(projectRoot)])
  .sort();
const commands = sources.filter(
  (path) => /^(?:scripts|release-gate)\/[^/]+$/.test(path) && path !== "scripts/layout.ts",
);

// What no test loads is in no report of coverage, and would count as if it were covered.
test.each(sources)("%s can be imported, which runs nothing", async (path) => {
  expect(await import(join(projectRoot, path))).toBeObject();
});

test.each(commands)("%s does the same as a process and inside a test", async (script) => {
  using folder = temporaryFolder();
  // Without git every command refuses soon; its example gives it all that it needs until then.
  const env = { ...isolatedEnvironment(folder.path), PATH: folder.path };
  const place = { cwd: folder.path, env };
  const example = (await tableOf(script)).example.split(" ").slice(2);
  for (const [args, code] of [
    [["--help"], 0],
    [["--no-such-option"], 2],
    [[...example, "--json"], 1],
  ] as const) {
    const inside = await runScript(script, args, place);
    expect({ args, ...(await startScript(script, args, place)) }).toEqual({ args, ...inside });
    expect({ args, code: inside.code }).toEqual({ args, code });
    if (args[0] === "--help") {
      const headings = ["Options:", "It refuses when:", "Exit codes:", "Example:"];
      expect(inside.stdout).toContain(`\nUsage: bun ${script} `);
      expect(headings.filter((each) => !inside.stdout.includes(`\n${each}\n  `))).toEqual([]);
    }
  }
});
