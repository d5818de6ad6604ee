/**
 * The sweep of one release: each call of git that it makes goes wrong in each way there is, and both
 * repositories are read afterwards. No way is left out, and no call but those that another release,
 * which has a sweep of its own, makes as well before it parts from this one.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startRegistry } from "../../scripts/demo/registry.ts";
import { type CommandLine, callsOf, type FaultyRun, runFaulty } from "./fault-runs.ts";
import { type Copy, copyOf, fingerprintOf, pack, stateOf } from "./fault-worlds.ts";
import {
  asksRemote,
  type Call,
  type Fault,
  faults,
  fits,
  isMereFailure,
  isTwin,
  makeFaultyGit,
  nameOf,
  type SeenCall,
} from "./faults.ts";
import { type Orders, openDoor } from "./git-door.ts";
import type { Memory } from "./git-memory.ts";
import { shortenLimits, shortenPauses } from "./hurry.ts";
import { type ReleaseWorld, releaseWorld } from "./release.ts";
import { type Aim, brokenPromises, isComplete, observer, type Seen } from "./release-promises.ts";
import { workshop } from "./world.ts";

/** A release that is to be broken. */
export interface Scenario {
  readonly name: string;
  readonly command: readonly [script: string, tag: string, ...options: string[]];
  /** Brings the world to where the release starts. */
  prepare?(world: ReleaseWorld): Promise<unknown>;
  /** The options of a release whose calls are the same up to some call: its own sweep breaks those. */
  readonly sameAs?: readonly string[];
  /** The call of git at which an earlier run was killed that this one resumes. */
  readonly killedAt?: RegExp;
}

/** Everything that the cases of a scenario share. */
interface Sweep extends AsyncDisposable {
  readonly command: CommandLine;
  readonly again: readonly CommandLine[];
  readonly calls: readonly SeenCall[];
  /** The calls that came after one had failed, by its case. */
  readonly failures: Map<string, readonly Call[]>;
  readonly aim: Aim;
  readonly origin: World;
  /** A copy to do as one likes with. */
  copy(of?: Copy): World;
  /** Takes a copy back of which no file was written. */
  giveBack(world: World): void;
  run(world: World, command: CommandLine, call?: SeenCall, fault?: Fault): Promise<FaultyRun>;
  look(copy: Copy, state: string): Promise<Seen>;
}

/** A copy whose state is known. */
interface World extends Copy {
  readonly state: string;
  readonly fingerprint: string;
}

/** What became of a case. */
interface Outcome {
  readonly state: string;
  /** The world in that state, if no case before has led to it. */
  readonly left?: { readonly world: Copy; readonly seen: Seen };
  readonly broken: readonly string[];
  readonly what: string;
}

/** Milliseconds that the cases of one way may take on a machine that has more to do. */
const patience = 180_000;

/** Defines the tests of a scenario. */
export function sweep(scenario: Scenario): void {
  describe(`${scenario.name} keeps its promises, and can be finished`, () => {
    let closeDoor: () => void;
    const recovered = new Map<string, readonly string[]>();
    let sweep: Sweep;

    beforeAll(async () => {
      closeDoor = openDoor();
      sweep = await setUp(scenario);
    }, patience);

    afterAll(async () => {
      await sweep?.[Symbol.asyncDispose]();
      closeDoor();
    }, patience);

    test.each(faults.map((fault) => [nameOf(fault), fault] as const))(
      "%s",
      async (_, fault) => {
        const outcomes = await breakEach(sweep, fault, recovered);
        const putBack = shortenPauses();
        for (const { state, left } of outcomes) {
          if (left !== undefined) {
            recovered.set(state, await recover(sweep, left.world, left.seen));
            await rm(left.world.home, { recursive: true, force: true });
          }
        }
        putBack();
        const broken = outcomes.flatMap(({ what, broken, state }) =>
          [...broken, ...(recovered.get(state) ?? [])].map((each) => `${what}: ${each}`),
        );
        expect(broken).toEqual([]);
      },
      patience,
    );
  });
}

/** Breaks each call in one way. */
async function breakEach(
  sweep: Sweep,
  fault: Fault,
  recovered: ReadonlyMap<string, unknown>,
): Promise<Outcome[]> {
  const cases = sweep.calls.filter((call) => {
    const later = sweep.failures.get(caseOf(fault, call));
    return !isTwin(fault, call) && (later === undefined || !isMereFailure(fault, later));
  });
  const found = new Set(recovered.keys());
  const putBack = [shortenPauses(), isWait(fault.end) ? shortenLimits() : () => {}];
  try {
    return await inParallel(paceOf(fault), cases, (call) => judge(sweep, call, fault, found));
  } finally {
    for (const put of putBack) {
      put();
    }
  }
}

/** What the cases of a call have in common whose work is done, or not. */
const caseOf = ({ work }: Fault, { words, nth }: Call) => `${work} ${nth} ${words}`;

/** How many cases of a way are made at once: those that wait cost nothing meanwhile. */
const paceOf = ({ end }: Fault) => (isWait(end) ? 32 : 3);

/** Whether a time limit may pass: where a release holds Ctrl-C off, a hanging git comes to its own first. */
const isWait = (end: Fault["end"]) => end === "hang" || end === "interrupt";

/**
 * Runs a release in which a call goes wrong. Where limits are short, a machine that has much else to
 * do may let another call come to its limit before: that is no case yet, and it is made anew.
 */
async function runOnce(sweep: Sweep, call: SeenCall, fault: Fault, tries = 4) {
  const world = sweep.copy();
  const ended = await sweep.run(world, sweep.command, call, fault);
  if (ended.reached || tries === 1 || !isWait(fault.end)) {
    return { world, ended };
  }
  await ended.settle();
  return await runOnce(sweep, call, fault, tries - 1);
}

/** Breaks one call, and says which promises broke with it. */
async function judge(
  sweep: Sweep,
  call: SeenCall,
  fault: Fault,
  found: Set<string>,
): Promise<Outcome> {
  const { origin, aim } = sweep;
  const { world, ended } = await runOnce(sweep, call, fault);
  if (fault.end === "fail" && ended.later !== undefined) {
    sweep.failures.set(caseOf(fault, call), ended.later);
  }
  const untouched = isUntouched(world);
  const state = untouched ? world.state : stateOf(world);
  const before = await sweep.look(origin, origin.state);
  const seen = await sweep.look(world, state);
  await ended.settle();
  const isNew = !found.has(state);
  found.add(state);
  if (untouched && !isNew) {
    sweep.giveBack(world);
  } else if (!isNew) {
    await rm(world.home, { recursive: true, force: true });
  }
  const broken = [
    ...(ended.reached ? [] : ["the call was not made"]),
    ...(fits(fault, ended.code) ? [] : [`exit code ${ended.code}`]),
    ...brokenPromises(before, seen, aim, ended),
  ];
  return {
    state,
    ...(isNew ? { left: { world, seen } } : {}),
    broken: broken.map((each) => `${each}\n${ended.stderr}`),
    what: `git ${call.words} (${call.nth})`,
  };
}

/** Goes on from a state: with --resume, and by running the same again. */
async function recover(sweep: Sweep, from: Copy, found: Seen): Promise<readonly string[]> {
  const { aim } = sweep;
  const all = await Promise.all(
    sweep.again.map(async (command) => {
      const world = sweep.copy(from);
      const ended = await sweep.run(world, command);
      const seen = await sweep.look(world, stateOf(world));
      await ended.settle();
      await rm(world.home, { recursive: true, force: true });
      return {
        complete: ended.code === 0 && isComplete(seen, aim),
        broken: brokenPromises(found, seen, aim, ended).map(
          (each) => `then ${command.slice(2).join(" ")}: ${each}\n${ended.stderr}`,
        ),
      };
    }),
  );
  const finished = all.some(({ complete }) => complete);
  return [
    ...all.flatMap(({ broken }) => broken),
    ...(finished ? [] : ["neither the same again nor --resume completes the release"]),
  ];
}

async function setUp(scenario: Scenario): Promise<Sweep> {
  const [script, tag, ...options] = scenario.command;
  const first = [script, tag, "--yes", ...options] as const;
  const resume = [...first, "--resume"] as const;
  const registry = startRegistry();
  registry.pushIndex("robintra/perf-sentinel", "1.3.0", ["linux/amd64", "linux/arm64"]);
  const world = await releaseWorld(registry.host);
  await scenario.prepare?.(world);
  const key = readFileSync(join(world.home, "signing-key.pub"), "utf8");
  writeFileSync(join(world.home, "signers"), `* ${key}`);
  const packed = await pack(world);
  const folder = mkdtempSync(join(workshop, "release-faults-"));
  const git = makeFaultyGit(join(folder, "faulty"));
  mkdirSync(join(folder, "marks"));
  const memory: Memory = new Map();
  const free: World[] = [];
  let copies = 0;
  let runs = 0;

  function newCopy(of: Copy): World {
    copies += 1;
    return known(copyOf(of, join(folder, `world-${copies}`)));
  }

  function ordersFor({ home, state }: World, call?: SeenCall, fault?: Fault): Orders {
    runs += 1;
    const mark = join(folder, "marks", String(runs));
    const wrong = call && fault && { call, fault, git, mark };
    return { home, state, memory, ...(wrong && { wrong }) };
  }

  const run: Sweep["run"] = (at, command, call, fault) =>
    runFaulty(at, command, ordersFor(at, call, fault));

  /** The calls of a release from a world, which is complete after it. */
  async function learn(from: Copy, command: CommandLine, aim: Aim): Promise<readonly SeenCall[]> {
    const clean = newCopy(from);
    const { calls, ended } = await callsOf(clean, command, ordersFor(clean));
    await ended.settle();
    const state = stateOf(clean);
    expect([ended.code, isComplete(await look(clean, state), aim)]).toEqual([0, true]);
    // Every push is confirmed by a question to the remote, which the sweep breaks like any other.
    const asked = calls.filter(asksRemote).map(({ words }) => / push /.test(words));
    expect(asked.some((isPush, at) => isPush && asked[at + 1] !== false)).toBe(false);
    // What a memory answers makes no other release.
    const replay = newCopy(from);
    const replayed = await run(replay, command);
    await replayed.settle();
    expect([replayed.stdout, stateOf(replay)]).toEqual([
      ended.stdout.replaceAll(clean.home, replay.home),
      state,
    ]);
    return calls;
  }

  const look = observer();
  const aim = { tag, commit: await world.git("rev-parse", "HEAD") };
  let origin = known(packed);
  let command: CommandLine = first;
  let calls = await learn(origin, command, aim);
  if (scenario.killedAt !== undefined) {
    const at = calls.find(({ words }) => scenario.killedAt?.test(words));
    const killed = newCopy(origin);
    const { reached } = await run(killed, command, at, { work: "undone", end: "kill" });
    expect(reached).toBe(true);
    origin = known(killed);
    command = resume;
    calls = await learn(origin, command, aim);
  }
  expect(calls.length).toBeGreaterThan(10);
  if (scenario.sameAs !== undefined) {
    const others = await learn(origin, [script, tag, "--yes", ...scenario.sameAs], aim);
    const shared = new Set(others.map(({ words, nth }) => `${nth} ${words}`));
    const parting = calls.findIndex(({ words, nth }) => !shared.has(`${nth} ${words}`));
    expect(parting).toBeGreaterThan(0);
    // The change before it is broken as well: what that leaves is for this release to finish.
    calls = calls.slice(calls.findLastIndex(({ harmless }, at) => at < parting && !harmless));
  }

  return {
    command,
    again: [first, resume],
    calls,
    failures: new Map(),
    aim,
    origin,
    copy(of) {
      const used = of === undefined ? free.pop() : undefined;
      return used !== undefined && isUntouched(used) ? used : newCopy(of ?? origin);
    },
    giveBack: (given) => void free.push(given),
    run,
    look,
    async [Symbol.asyncDispose]() {
      registry[Symbol.dispose]();
      await world[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function isUntouched(world: World): boolean {
  return fingerprintOf(world) === world.fingerprint;
}

function known(copy: Copy): World {
  return { ...copy, state: stateOf(copy), fingerprint: fingerprintOf(copy) };
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
