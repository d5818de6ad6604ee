/**
 * The sweep of one release: each call of git that changes something or asks a remote goes wrong in
 * five ways, and both repositories are read afterwards.
 */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { EventEmitter } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRegistry } from "../../scripts/demo/registry.ts";
import { shortenLimits, shortenPauses } from "./hurry.ts";
import { type ReleaseWorld, releaseWorld, standIn, templateOf, worldFrom } from "./release.ts";
import { type Aim, brokenPromises, isComplete, look, type Seen } from "./release-promises.ts";
import { runScript } from "./run-script.ts";
import { type Ended, startScript } from "./world.ts";

/** A release that is to be broken. */
export interface Scenario {
  readonly name: string;
  readonly command: readonly [script: string, tag: string, ...options: string[]];
  /** The branch that the release runs from; default: main. */
  readonly branch?: string;
  /** Brings the world to where the release starts. */
  prepare?(world: ReleaseWorld): Promise<unknown>;
  /** The call of git at which an earlier run was killed that this one resumes. */
  readonly killedAt?: RegExp;
}

/** What the git that a call meets does, as shell text. */
const faults = {
  "fails before its work": "echo 'fatal: the stand-in fails' >&2; exit 128",
  "does its work, and the answer is lost":
    '"$REAL" "$@" >/dev/null 2>&1; echo "fatal: the stand-in fails" >&2; exit 128',
  "does nothing and reports success": "exit 0",
  "is the last one: the release is killed after it":
    '"$REAL" "$@" >/dev/null 2>&1; kill -9 $PPID; exit 137',
  "hangs until Ctrl-C": ': >"$STATE/reached"; exec sleep 60',
} as const;
type Way = keyof typeof faults;

const isKill = (way: Way) => way.includes("killed");
const isInterrupt = (way: Way) => way.includes("Ctrl-C");

/** Returns an environment whose git writes down the calls that count, and breaks one of them. */
function breakCall(world: ReleaseWorld, at = 0, way?: Way): Record<string, string> {
  const counts = ["ls-remote", "tag -s", "hash-object", "update-ref", "push"];
  return standIn(
    world,
    "git",
    `case " $* " in ${counts.map((words) => `*" ${words} "*`).join("|")})
  echo "$*" >>"$STATE/calls"
  if [ "$(wc -l <"$STATE/calls")" -eq ${at} ]; then ${way ? faults[way] : ":"}; fi ;;
esac
exec "$REAL" "$@"`,
  );
}

function callsIn(world: ReleaseWorld): string[] {
  const file = join(world.home, "stand-in-git/calls");
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}

/** Milliseconds that the cases of one way may take on a machine that has more to do. */
const patience = 180_000;

/** Defines the tests of a scenario. */
export function sweep({ name, command, branch, prepare, killedAt }: Scenario): void {
  const [script, tag, ...options] = command;
  const first = [tag, "--yes", ...options];
  const resume = [...first, "--resume"];

  async function run(world: ReleaseWorld, args: readonly string[], env = world.env, way?: Way) {
    const at = { cwd: world.root, env };
    if (way && isKill(way)) {
      return await startScript(script, args, at);
    }
    const signals = new EventEmitter();
    const running = runScript(script, args, { ...at, signals });
    if (way && isInterrupt(way)) {
      let isOver = false;
      void running.finally(() => {
        isOver = true;
      });
      while (!isOver && !existsSync(join(world.home, "stand-in-git/reached"))) {
        await Bun.sleep(5);
      }
      signals.emit("SIGINT");
    }
    return await running;
  }

  describe(`${name} keeps its promises, and can be finished, where a call of git`, () => {
    const registry = startRegistry();
    const recovered = new Map<string, Promise<string[]>>();
    let putBack: () => void;
    let template: ReturnType<typeof templateOf>;
    let args: readonly string[] = first;
    let calls: string[];
    let aim: Aim;
    let before: Seen;

    beforeAll(async () => {
      putBack = shortenPauses();
      registry.pushIndex("robintra/perf-sentinel", "1.3.0", ["linux/amd64", "linux/arm64"]);
      await using origin = await releaseWorld(registry.host);
      await prepare?.(origin);
      const key = readFileSync(join(origin.home, "signing-key.pub"), "utf8");
      writeFileSync(join(origin.home, "signers"), `* ${key}`);
      aim = { tag, commit: await origin.git("rev-parse", "HEAD"), branch };
      template = templateOf(origin.home);
      calls = await learn();
      if (killedAt !== undefined) {
        await using killed = worldFrom(template);
        const at = calls.findIndex((words) => killedAt.test(words));
        const kill = breakCall(killed, at, "is the last one: the release is killed after it");
        expect((await startScript(script, first, { cwd: killed.root, env: kill })).code).toBe(137);
        rmSync(join(killed.home, "stand-in-git"), { recursive: true });
        template = templateOf(killed.home);
        args = resume;
        calls = await learn();
      }
      await using clean = worldFrom(template);
      before = await look(clean);
    }, patience);

    afterAll(() => {
      putBack();
      registry[Symbol.dispose]();
    });

    /** Returns the calls of a release in which nothing goes wrong. */
    async function learn(): Promise<string[]> {
      await using world = worldFrom(template);
      const { code } = await run(world, args, breakCall(world));
      expect([code, isComplete(await look(world), aim)]).toEqual([0, true]);
      const made = callsIn(world);
      // Every push is confirmed by a question to the remote, which the sweep breaks like any other.
      const asked = made.map((words) => /^(?:.* )?(ls-remote|push) /.exec(words)?.[1]);
      expect(asked.some((word, at) => word === "push" && asked[at + 1] !== "ls-remote")).toBe(
        false,
      );
      return made;
    }

    /** Breaks one call, and returns which promises broke with it. */
    async function judge(call: string, at: number, way: Way): Promise<string[]> {
      await using world = worldFrom(template);
      const ended = await run(world, args, breakCall(world, at + 1, way), way);
      const seen = await look(world);
      const state = JSON.stringify([seen.here, seen.there]);
      const known = recovered.get(state) ?? recover(templateOf(world.home), seen);
      recovered.set(state, known);
      const broken = [
        ...(callsIn(world).length > at ? [] : ["the call was not made"]),
        ...(fits(way, ended) ? [] : [`exit code ${ended.code}`]),
        ...brokenPromises(before, seen, aim, ended).map((each) => `${each}\n${ended.stderr}`),
        ...(await known),
      ];
      return broken.map((each) => `git ${call}: ${each}`);
    }

    /** Goes on from a state: with --resume, and by running the same again. */
    async function recover(from: typeof template, found: Seen): Promise<string[]> {
      const all = await Promise.all(
        [first, resume].map(async (again) => {
          await using world = worldFrom(from);
          const ended = await run(world, again);
          const seen = await look(world);
          return {
            complete: ended.code === 0 && isComplete(seen, aim),
            broken: brokenPromises({ ...found, leftovers: [] }, seen, aim, ended).map(
              (each) => `then ${again.join(" ")}: ${each}\n${ended.stderr}`,
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

    test.each(Object.keys(faults) as Way[])(
      "%s",
      async (way) => {
        const endLimits = isInterrupt(way) ? shortenLimits(4000) : () => {};
        // A question leaves nothing behind, so that its work done is its work undone.
        const mute = way.includes("answer is lost") || isKill(way);
        const broken = await Promise.all(
          calls.map((call, at) => (mute && call.includes("ls-remote") ? [] : judge(call, at, way))),
        );
        endLimits();
        expect(broken.flat()).toEqual([]);
      },
      patience,
    );
  });
}

/** Reports whether a release may end so: what was killed has not succeeded by chance. */
function fits(way: Way, { code }: Ended): boolean {
  if (isKill(way)) {
    return code === 137;
  }
  return code === 0 || code === (isInterrupt(way) ? 130 : 1);
}
