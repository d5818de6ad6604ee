/** Loads the sources with a switch at every site, and the test files with tests that can be tried. */

import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { plugin } from "bun";
import { projectRoot } from "../helpers/world.ts";
import { standIn } from "./mutant.ts";
import { readPlan } from "./plan.ts";

const plan = readPlan();
const name = "standInForMutant";
Object.assign(globalThis, { [name]: standIn });

function withSwitches(file: string, text: string): string {
  return (plan.sites[file] ?? []).toReversed().reduce((code, { offset, callee, key }) => {
    const end = offset + callee.length;
    if (code.slice(offset, end) !== callee) {
      throw new Error(`Cannot mutate ${file}: found no ${callee} at ${offset}`);
    }
    const call = `${name}(${JSON.stringify(key)}, ${callee})`;
    return `${code.slice(0, offset)}${call}${code.slice(end)}`;
  }, text);
}

function withTrials(text: string): string {
  return text.replace(
    ' from "bun:test"',
    ` from ${JSON.stringify(join(import.meta.dir, "trials.ts"))}`,
  );
}

plugin({
  name: "mutations",
  setup(build) {
    build.onLoad({ filter: /\/(?:scripts|release-gate)\/.*\.ts$|\.test\.ts$/ }, ({ path }) => {
      const file = relative(projectRoot, path);
      const text = readFileSync(path, "utf8");
      const contents = file.endsWith(".test.ts") ? withTrials(text) : withSwitches(file, text);
      return { contents, loader: "ts" };
    });
  },
});
