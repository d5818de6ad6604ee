/**
 * The promises of a release under every fault of git: each call that a release makes goes wrong in
 * each way there is, and both repositories are read afterwards. No call and no way is left out.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type StandInRegistry, startRegistry } from "../scripts/lib/demo/registry.ts";
import {
  type Call,
  type Copy,
  callsOf,
  copyOf,
  type Fault,
  faults,
  pack,
  runFaulty,
  template,
} from "./helpers/faults.ts";
import { type ReleaseWorld, releaseWorld, standIn } from "./helpers/release.ts";
import {
  type Aim,
  brokenPromises,
  isComplete,
  look,
  type Seen,
  stateOf,
} from "./helpers/release-promises.ts";
import { projectRoot } from "./helpers/world.ts";

type Command = readonly [script: string, tag: string, ...options: string[]];

/** A release that is to be broken. */
interface Scenario {
  readonly name: string;
  readonly command: Command;
  /** Brings the world to where the release starts. */
  prepare?(world: ReleaseWorld): Promise<unknown>;
}

const scenarios: readonly Scenario[] = [
  { name: "a release", command: ["scripts/release.ts", "v1.3.0"] },
  {
    name: "a chart release",
    command: ["scripts/release-chart.ts", "chart-v1.3.0"],
    prepare: (world) => world.git("push", "--quiet", "origin", "main"),
  },
];

/** Cases at once; those that wait for a time limit cost little meanwhile. */
const atOnce = { busy: 3, waiting: 8 };

let registry: StandInRegistry;
let folder: string;

beforeAll(() => {
  registry = startRegistry();
  registry.pushIndex("robintra/perf-sentinel", "1.3.0", ["linux/amd64", "linux/arm64"]);
  folder = mkdtempSync(join(tmpdir(), "release-faults-"));
});

afterAll(() => {
  registry[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(scenarios)("$name keeps its promises, and can be finished", (scenario) => {
  const [script, tag, ...options] = scenario.command;
  const command = [script, tag, "--yes", ...options] as const;
  const recovered = new Map<string, Promise<string[]>>();
  let world: ReleaseWorld;
  let origin: Copy;
  let before: Seen;
  let aim: Aim;
  let calls: readonly Call[];
  let copies = 0;

  function newCopy(of: Copy): Promise<Copy> {
    copies += 1;
    return copyOf(of, join(folder, `${tag}-${copies}`));
  }

  beforeAll(async () => {
    world = await releaseWorld(registry.host);
    await scenario.prepare?.(world);
    await pack(world);
    const key = readFileSync(join(world.home, "signing-key.pub"), "utf8");
    writeFileSync(join(world.home, "signers"), `* ${key}`);
    origin = { ...world, ...template(world) };
    before = await look(origin);
    aim = { tag, commit: await world.git("rev-parse", "HEAD") };
    const clean = await newCopy(origin);
    const { ended, ...found } = await callsOf(clean, command);
    calls = found.calls;
    expect([ended.code, isComplete(await look(clean), aim)]).toEqual([0, true]);
    expect(calls.length).toBeGreaterThan(15);
  });

  afterAll(() => world[Symbol.asyncDispose]());

  test.each(faults.map((fault) => [nameOf(fault), fault] as const))("%s", async (_, fault) => {
    const waits = fault.end === "hang";
    const broken = await inParallel(waits ? atOnce.waiting : atOnce.busy, calls, (call) =>
      judge(call, fault),
    );
    expect(broken.flat()).toEqual([]);
  });

  /** Breaks one call, and says which promises broke with it. */
  async function judge(call: Call, fault: Fault): Promise<string[]> {
    const copy = await newCopy(origin);
    const ended = await runFaulty(copy, command, call, fault);
    const after = await look(copy);
    const state = stateOf(copy);
    if (!recovered.has(state)) {
      recovered.set(state, recover(copy, after));
    }
    const broken = [
      ...(ended.reached ? [] : ["the call was not made"]),
      ...(fits(fault, ended.code) ? [] : [`exit code ${ended.code}`]),
      ...brokenPromises(before, after, aim, ended),
      ...((await recovered.get(state)) ?? []),
    ];
    await rm(copy.home, { recursive: true, force: true });
    return broken.map((each) => `git ${call.pattern} (${call.nth}): ${each}\n${ended.stderr}`);
  }

  /** Goes on from a state: with --resume, and by running the same again. */
  async function recover(from: Copy, found: Seen): Promise<string[]> {
    const runs = [command, [...command, "--resume"] as const].map(async (again) => {
      const copy = await newCopy(from);
      rmSync(join(copy.home, "tmp"), { recursive: true });
      rmSync(join(copy.home, "faults"), { recursive: true });
      const { env } = template({ ...world, ...copy });
      const ended = await runFaulty({ ...copy, env }, again);
      const after = await look(copy);
      await rm(copy.home, { recursive: true, force: true });
      return {
        complete: ended.code === 0 && isComplete(after, aim),
        broken: brokenPromises(found, after, aim, ended).map(
          (each) =>
            `then ${again.slice(3).join(" ") || "the same again"}: ${each}\n${ended.stderr}`,
        ),
      };
    });
    const all = await Promise.all(runs);
    const finished = all.some(({ complete }) => complete);
    return [
      ...all.flatMap(({ broken }) => broken),
      ...(finished ? [] : ["neither the same again nor --resume completes the release"]),
    ];
  }
});

test("Ctrl-C while a signature is judged leaves nothing behind", async () => {
  await using world = await releaseWorld();
  const hang = 'case "$*" in *check-novalidate*) : >"$STATE/reached"; exec sleep 60 ;; esac';
  const env = standIn(world, "ssh-keygen", `${hang}\nexec "$REAL" "$@"`);
  const scratch = join(world.home, "tmp");
  mkdirSync(scratch);
  const script = join(projectRoot, "scripts/release.ts");
  const child = Bun.spawn([process.execPath, script, "v1.3.0", "--yes"], {
    cwd: world.root,
    env: { ...env, TMPDIR: scratch },
    stdout: "ignore",
    stderr: "pipe",
  });
  while (child.exitCode === null && !existsSync(join(world.home, "stand-in-ssh-keygen/reached"))) {
    await Bun.sleep(5);
  }
  child.kill("SIGINT");
  const [code, stderr] = await Promise.all([child.exited, new Response(child.stderr).text()]);
  expect([code, stderr]).toEqual([130, "error: Interrupted: nothing was changed\n"]);
  expect(readdirSync(scratch)).toEqual([]);
});

function nameOf({ work, end }: Fault): string {
  const ways = {
    fail: "where a call fails",
    outage: "where git fails from a call on",
    silent: "where a call says nothing and reports success",
    hang: "where a call hangs until its time limit",
    interrupt: "where Ctrl-C comes while a call hangs",
    kill: "where the release is killed during a call",
  };
  return `${ways[end]}, its work ${work}`;
}

/** Whether a release may end so: what was killed or interrupted has not succeeded by chance. */
function fits({ end }: Fault, code: number): boolean {
  switch (end) {
    case "kill":
      return code === 137;
    case "interrupt":
      return code === 130 || code === 0;
    default:
      return code === 0 || code === 1;
  }
}

/** Does work for each item, a few at once, and answers in the order of the items. */
async function inParallel<Item, Result>(
  most: number,
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  async function worker() {
    for (const [index, item] of queue) {
      results[index] = await work(item);
    }
  }
  await Promise.all(Array.from({ length: most }, worker));
  return results;
}
