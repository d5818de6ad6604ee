/**
 * The door through which a release reaches git: it hears every call, lets one of them meet a git
 * that goes wrong, and remembers what git said to a question, for the same world asked again.
 */

import { fingerprintOf, stateOf } from "./fault-worlds.ts";
import { asksRemote, type Call, type Fault, type SeenCall } from "./faults.ts";
import {
  type Child,
  type Deed,
  doneAgain,
  hanging,
  type Memory,
  type Said,
  type SpawnOptions,
  saying,
} from "./git-memory.ts";

/** What is to happen at the door in one run. */
export interface Orders {
  /** The folder of the world. */
  readonly home: string;
  /** The state of the world before the run. */
  readonly state: string;
  readonly memory: Memory;
  readonly wrong?: {
    readonly call: SeenCall;
    readonly fault: Fault;
    /** The git that goes wrong. */
    readonly git: string;
    /** The file that tells that the call was made. */
    readonly mark: string;
  };
  /** Hears of each call; they are made one after the other then, so that each can be seen alone. */
  readonly onCall?: (call: SeenCall) => void;
}

/** A run at the door. */
export interface Passage {
  /** Variables by which the door knows the calls of this run. */
  readonly env: Readonly<Record<string, string>>;
  /** Whether the call that was to go wrong was made. */
  readonly reached: boolean;
  /** Whether that call hangs in this process, without a git of its own. */
  readonly hangs: boolean;
  /** The calls that were made after it. */
  readonly later: readonly Call[];
  /** Answers no more calls, as those of a process that has ended; waits for the git still at work. */
  close(): Promise<void>;
}

type Spawn = (command: string[], options: SpawnOptions) => Child;

/** Runs at the door, by the name that their calls carry. */
const passages = new Map<string, Spawn>();
const variable = "RELEASE_RUN";
const realSpawn = Bun.spawn as unknown as Spawn;

/** Puts the door before every program that this process starts. @returns What takes it away. */
export function openDoor(): () => void {
  const spawn: Spawn = (command, options) =>
    (passages.get(options?.env?.[variable] ?? "") ?? realSpawn)(command, options);
  Object.assign(Bun, { spawn });
  return () => {
    Object.assign(Bun, { spawn: realSpawn });
    passages.clear();
  };
}

/** Lets the calls of one run through the door, by orders. */
export function admit(orders: Orders, name: string = crypto.randomUUID()): Passage {
  const children = new Set<Child>();
  const turns = new Map<string, number>();
  const disks = new Set<string>();
  const later: Call[] = [];
  let state: string | undefined = orders.state;
  let writing = 0;
  let isOut: Outage = () => false;
  let reached = false;
  let hangs = false;

  function take(command: string[], options: SpawnOptions): Child {
    return command[0] === "git" ? git(command, options) : work(command, options);
  }

  function git(command: string[], options: SpawnOptions): Child {
    const words = wordsOf(command.slice(1), orders.home);
    const nth = (turns.get(words) ?? 0) + 1;
    turns.set(words, nth);
    const { wrong } = orders;
    if (reached) {
      later.push({ words, nth });
    }
    if (isOut({ words, nth })) {
      return past({ code: 128, stdout: "", stderr: "fatal: the stand-in is out of order\n" });
    }
    if (wrong?.call.words === words && wrong.call.nth === nth) {
      reached = true;
      isOut = outageAfter(wrong.fault);
      return goWrong(wrong, command, options);
    }
    return orders.onCall === undefined
      ? work(command, options)
      : overhear({ words, nth }, orders.onCall, command, options);
  }

  /** Lets a program do its work, at once unless it is one to talk with. */
  function work(command: string[], options: SpawnOptions): Child {
    return writing > 0 || options.stdin === "pipe"
      ? start(command, options)
      : past(carryOut(command, options));
  }

  function carryOut(command: string[], options: SpawnOptions): Deed {
    const { home, memory } = orders;
    state ??= stateOf(orders);
    const deed = doneAgain({ home, state }, command, options, memory);
    if (deed.changes.length > 0) {
      state = undefined;
    }
    return deed;
  }

  /** The call that goes wrong. Of one that changes nothing, the answer alone has to be spoilt. */
  function goWrong(
    { call, fault, git, mark }: NonNullable<Orders["wrong"]>,
    command: string[],
    options: SpawnOptions,
  ): Child {
    const { work, end } = fault;
    if (call.harmless && writing === 0) {
      if (isAnswer(end)) {
        return past(spoilt(work === "done" ? carryOut(command, options) : nothingSaid, end));
      }
      // A push has no time limit: its stand-in comes to an end by itself.
      if (end !== "kill" && !call.words.includes(" push ")) {
        hangs = true;
        return hanging();
      }
    }
    const env = { ...options.env, FAULT_WORK: work, FAULT_END: end, FAULT_MARK: mark };
    return start([git, ...command.slice(1)], { ...options, env });
  }

  /** Starts a program, after which the world may be another unless one talks with it. */
  function start(command: string[], options: SpawnOptions): Child {
    const child = realSpawn(command, options);
    const writes = options.stdin === "pipe" ? 0 : 1;
    children.add(child);
    writing += writes;
    void child.exited.then(() => {
      children.delete(child);
      writing -= writes;
      state = writes > 0 ? undefined : state;
    });
    return child;
  }

  function overhear(
    call: Call,
    tell: (call: SeenCall) => void,
    command: string[],
    options: SpawnOptions,
  ): Child {
    const before = fingerprintOf(orders);
    const still = disks.has(before);
    disks.add(before);
    if (options.stdin === "pipe") {
      // Nobody can tell what becomes of a conversation before it is over.
      tell({ ...call, harmless: false, mute: false, still });
      return start(command, options);
    }
    const deed = carryOut(command, options);
    disks.add(fingerprintOf(orders));
    tell({ ...call, harmless: deed.changes.length === 0, mute: deed.stdout === "", still });
    return past(deed);
  }

  function past(said: Said): Child {
    return saying(said, orders.home);
  }

  passages.set(name, take);
  return {
    env: { [variable]: name },
    later,
    get reached() {
      return reached;
    },
    get hangs() {
      return hangs;
    },
    async close() {
      isOut = () => true;
      await Promise.all([...children].map(({ exited }) => exited));
    },
  };
}

/** Tells which calls fail, whatever they are. */
type Outage = (call: Call) => boolean;

function outageAfter({ end }: Fault): Outage {
  switch (end) {
    case "outage":
      return () => true;
    case "remote outage":
      return asksRemote;
    default:
      return () => false;
  }
}

type Spoilt = Exclude<Fault["end"], "hang" | "interrupt" | "kill">;

/** Whether a call that ends so comes to its end by itself, with an answer. */
function isAnswer(end: Fault["end"]): end is Spoilt {
  return end !== "hang" && end !== "interrupt" && end !== "kill";
}

const nothingSaid: Said = { code: 0, stdout: "", stderr: "" };

/** What the git that goes wrong makes of an answer. */
function spoilt({ stdout }: Said, end: Spoilt): Said {
  const half = stdout.slice(0, stdout.length / 2).replace(/[\n\0]$/, "");
  const isCut = end === "cut" || end === "cut and fail";
  return {
    stdout: isCut ? half : "",
    ...(end === "silent" || end === "cut"
      ? { code: 0, stderr: "" }
      : { code: 128, stderr: "fatal: the stand-in fails\n" }),
  };
}

/** Arguments of git without what differs from world to world and from run to run. */
function wordsOf(args: readonly string[], home: string): string {
  // Scratch folders have names of their own in every run.
  return args
    .join(" ")
    .replaceAll(home, "~")
    .replaceAll(/release-sign-\w+/g, "*");
}
