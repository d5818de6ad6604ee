/** Runs of a release in which a call of git goes wrong: within this process, or as one of its own. */

import { EventEmitter } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Copy } from "./fault-worlds.ts";
import type { Call, Fault, SeenCall } from "./faults.ts";
import { admit, type Orders } from "./git-door.ts";
import type { Deed } from "./git-memory.ts";
import { runScript } from "./run-script.ts";
import { type Ended, projectRoot } from "./world.ts";

export type CommandLine = readonly [script: string, ...args: string[]];

export interface FaultyRun extends Ended {
  /** Whether the call that was to go wrong was made. */
  readonly reached: boolean;
  /** The calls that were made after it, if the run was made within this process. */
  readonly later?: readonly Call[];
  /** Ends what the run has left hanging, and waits for what it has started. */
  settle(): Promise<void>;
}

/**
 * Runs a release in a copy, as the orders say. What SIGKILL leaves behind can be seen of a process
 * alone. So can the end of one that Ctrl-C reaches while a change is under way; where none is, what
 * hears the signal is the same, and the work that it ends is, whoever sends it.
 */
export async function runFaulty(
  copy: Copy,
  command: CommandLine,
  orders: Orders,
): Promise<FaultyRun> {
  const { call, fault } = orders.wrong ?? {};
  return fault?.end === "kill" || (fault?.end === "interrupt" && !call?.harmless)
    ? await runProcess(copy, command, orders, fault.end)
    : await runWithin(copy, command, orders);
}

async function runWithin(
  { root, env }: Copy,
  [script, ...args]: CommandLine,
  orders: Orders,
): Promise<FaultyRun> {
  const passage = admit(orders);
  const signals = new EventEmitter();
  const { mark = "", fault } = orders.wrong ?? {};
  let over = false;
  const run = runScript(script, args, {
    cwd: root,
    env: { ...env, ...passage.env },
    signals,
  }).finally(() => {
    over = true;
  });
  if (fault?.end === "interrupt") {
    await untilPid(mark, () => over || passage.hangs);
    signals.emit("SIGINT");
  }
  return {
    ...(await run),
    reached: passage.reached,
    later: passage.later,
    async settle() {
      endLeftover(mark);
      await passage.close();
    },
  };
}

const bundles = new Map<string, Promise<string>>();

/** A script in one file, with what makes it go wrong: loading a hundred takes longer than a run. */
function bundleOf(script: string, folder: string): Promise<string> {
  const entry = join(folder, `${basename(script, ".ts")}.entry.ts`);
  const made = bundles.get(entry) ?? bundle(script, entry);
  bundles.set(entry, made);
  return made;
}

async function bundle(script: string, entry: string): Promise<string> {
  const lines = [
    `import ${JSON.stringify(join(import.meta.dir, "faulty-process.ts"))};`,
    `import { main } from ${JSON.stringify(join(projectRoot, "scripts/lib/cli.ts"))};`,
    `import { table } from ${JSON.stringify(join(projectRoot, script))};`,
    "await main(table);",
  ];
  writeFileSync(entry, lines.join("\n"));
  const built = await Bun.build({ entrypoints: [entry], target: "bun", outdir: dirname(entry) });
  const [output] = built.outputs;
  if (output === undefined) {
    throw new Error(`cannot bundle ${script}: ${built.logs.join("\n")}`);
  }
  return output.path;
}

/** What a process of its own is told, beside its command line, as JSON in a file. */
export interface ProcessOrders {
  readonly orders: Omit<Orders, "memory" | "onCall">;
  readonly memory: readonly (readonly [string, Deed])[];
  /** Whether Ctrl-C is to come. */
  readonly interrupted: boolean;
}

async function runProcess(
  { root, env }: Copy,
  [script, ...args]: CommandLine,
  { memory, ...orders }: Orders,
  end: Fault["end"],
): Promise<FaultyRun> {
  const mark = orders.wrong?.mark ?? "";
  const told: ProcessOrders = {
    orders,
    memory: [...memory],
    interrupted: end === "interrupt",
  };
  writeFileSync(`${mark}.orders`, JSON.stringify(told));
  const child = Bun.spawn([process.execPath, await bundleOf(script, dirname(mark)), ...args], {
    cwd: root,
    env: { ...env, RELEASE_RUN: `${mark}.orders` },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  if (end === "interrupt") {
    await untilPid(mark, () => child.exitCode !== null || child.signalCode !== null);
    child.kill("SIGINT");
  }
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const settle = async () => endLeftover(mark);
  return { code, stdout, stderr, reached: existsSync(mark), settle };
}

async function untilPid(mark: string, isOver: () => boolean): Promise<void> {
  while (!isOver() && pidIn(mark) === undefined) {
    await pause(5);
  }
}

/** The process that a stand-in wrote down, once it has. */
function pidIn(file: string): number | undefined {
  return existsSync(file) ? Number(readFileSync(file, "utf8")) || undefined : undefined;
}

/** Ends a hanging stand-in whose release has not waited for it. */
function endLeftover(mark = ""): void {
  try {
    const pid = pidIn(mark);
    if (pid !== undefined && readFileSync(`/proc/${pid}/comm`, "utf8") === "sleep\n") {
      process.kill(pid, "SIGKILL");
    }
  } catch {
    // It has ended by itself.
  }
}

/** Every call that a release makes when nothing goes wrong. */
export async function callsOf(
  copy: Copy,
  command: CommandLine,
  orders: Orders,
): Promise<{ readonly calls: readonly SeenCall[]; readonly ended: FaultyRun }> {
  const calls: SeenCall[] = [];
  const ended = await runFaulty(copy, command, { ...orders, onCall: (call) => calls.push(call) });
  return { calls, ended };
}
