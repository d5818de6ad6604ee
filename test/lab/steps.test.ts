import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { labSteps, runSteps } from "../../scripts/lab/steps.ts";
import { Interrupted } from "../../scripts/lib/interrupt.ts";
import { quietWorld } from "../helpers/quiet.ts";
import { isolatedEnvironment, temporaryFolder, writeFiles } from "../helpers/world.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

const down = labSteps.slice(0, 1);

/** Runs the first step of a lab whose recipe that is. */
function runDown(recipe: string, { world }: ReturnType<typeof quietWorld>, logs = folder.path) {
  writeFiles(folder.path, { Makefile: `.PHONY: down\ndown:\n\t${recipe}\n` });
  const env = { ...isolatedEnvironment(folder.path), TERM: "xterm" };
  const lab = { root: folder.path, env };
  return runSteps({ ...world, env }, lab, down, { folder: logs, keepGoing: false });
}

test("a step that is interrupted is ended, and has no result", async () => {
  const quiet = quietWorld();
  const running = runDown("echo begun; exec sleep 300", quiet);
  const log = join(folder.path, "1-down.log");
  for (let round = 0; round < 1000 && readFileSync(log, "utf8") === ""; round++) {
    await Bun.sleep(10);
  }
  quiet.controller.abort();
  const thrown: unknown = await running.catch((each: unknown) => each);
  expect(thrown).toBeInstanceOf(Interrupted);
  expect(String(thrown)).toContain("make down was ended, and nothing is recorded");
  expect(quiet.written.err).not.toContain("passed");
  expect(quiet.written.err).not.toContain("FAILED");
});

test("a log that cannot be written is refused before the step runs", async () => {
  const quiet = quietWorld();
  const logs = join(folder.path, "none");
  await expect(runDown("touch ran", quiet, logs)).rejects.toThrow(
    `Cannot write log ${join(logs, "1-down.log")}: `,
  );
  expect(await Bun.file(join(folder.path, "ran")).exists()).toBe(false);
});

test("a log of an earlier run is never written over", async () => {
  writeFiles(folder.path, { "1-down.log": "earlier" });
  await expect(runDown("echo now", quietWorld())).rejects.toThrow("Cannot write log ");
  expect(readFileSync(join(folder.path, "1-down.log"), "utf8")).toBe("earlier");
});

test("who watches a step sees what it said last, blank lines aside", async () => {
  const quiet = quietWorld(true);
  const [result] = await runDown("printf 'first\\nlast words\\n\\n'; sleep 1", quiet);
  expect(result?.fault).toBeUndefined();
  expect(quiet.written.err).toContain("step 1 of 1: make down, 0 s: last words");
});
