#!/usr/bin/env bun
/**
 * Shows the whole procedure in a throwaway world: a small product, a bare remote, a throwaway SSH
 * key, a stand-in lab and an image registry on loopback. It runs the real scripts.
 *
 * Usage: bun scripts/demo.ts [--keep]
 *
 * Refuses when a script ends otherwise than the procedure says.
 *
 * Exit codes: 0 shown to the end, 1 a step went wrong, 2 wrong command line, 130 interrupted.
 */

import { resolve } from "node:path";
import { demonstrate } from "./demo/demonstration.ts";
import { startRegistry } from "./demo/registry.ts";
import { openDemoWorld } from "./demo/world.ts";
import { command, flag, main } from "./lib/cli.ts";
import { notice } from "./lib/finding.ts";

export const table = command({
  name: "scripts/demo.ts",
  summary: "Shows the whole release procedure in a throwaway world, with the real scripts.",
  operands: {},
  options: {
    keep: flag("keep the throwaway world and say where it is"),
  },
  refuses: ["a script ends otherwise than the procedure says"],
  example: "bun scripts/demo.ts --keep",
  withoutRepo: true,
  async run({ options, env, report, interrupt }) {
    using registry = startRegistry();
    const tools = resolve(import.meta.dir, "..");
    const world = await openDemoWorld({
      tools,
      registry: registry.host,
      env,
      signal: interrupt.signal,
    });
    try {
      await demonstrate(world, registry, report);
    } finally {
      if (options.keep) {
        report.add(notice(`the world is kept: ${world.folder}`));
      } else {
        await world.remove();
      }
    }
  },
});

if (import.meta.main) {
  await main(table);
}
