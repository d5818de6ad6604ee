/** What programs said and did, in worlds that differ in their folder alone, to be said and done again. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { entriesBelow } from "./fault-worlds.ts";

export interface SpawnOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: "pipe" | "ignore" | Uint8Array;
}

/** The parts of a child that the door of the scripts uses. */
export interface Child {
  readonly exited: Promise<number>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly stdin: { write(): void; flush(): void; end(): void };
  kill(signal?: NodeJS.Signals): void;
}

/** What a program said. A letter stands for each byte, and `~home~` for the world's folder. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The files of the scratch folder when it had ended, if it was asked about one. */
  readonly files?: Files;
}

/** Files by their path below a folder, in order; null for a folder. */
type Files = readonly (readonly [path: string, content: string | null])[];

/** What was said to the questions of a scenario, by the world's state and the question. */
export type Memory = Map<string, Said>;

/** Whether an answer depends on nothing but the world: a scratch folder is no part of it. */
export function isMemorable({ env, stdin }: SpawnOptions): boolean {
  return stdin === "ignore" && env.GIT_DIR === undefined;
}

/** A question to a world in a state: git's own variables are a part of it. */
export function keyOf(
  state: string,
  command: readonly string[],
  { env }: SpawnOptions,
  home: string,
): string {
  const variables = Object.entries(env).filter(([name]) => name.startsWith("GIT_"));
  return JSON.stringify([state, command, variables.sort()]).replaceAll(home, "~");
}

/** Asks a program, and waits for it. */
export function ask(
  command: readonly string[],
  { cwd, env, stdin }: SpawnOptions,
  home: string,
): Said {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], {
    cwd,
    env: { ...env },
    stdin: stdin === "pipe" ? "ignore" : stdin,
    stdout: "pipe",
    stderr: "pipe",
  });
  const text = (bytes: Buffer) => bytes.toString("latin1").replaceAll(home, "~home~");
  return { code: exitCode, stdout: text(stdout), stderr: text(stderr) };
}

/** A program that says what is known already, unless it is killed as soon as it is started. */
export function saying({ code, stdout, stderr }: Said, home: string): Child {
  let signal: number | undefined;
  const end = new Promise<void>((resolve) => setImmediate(resolve));
  const say = (text: string) =>
    streamOf(end.then(() => (signal ? "" : text.replaceAll("~home~", home))));
  const nothing = () => {};
  return {
    exited: end.then(() => (signal === undefined ? code : 128 + signal)),
    stdout: say(stdout),
    stderr: say(stderr),
    stdin: { write: nothing, flush: nothing, end: nothing },
    kill(name = "SIGTERM") {
      signal ??= constants.signals[name];
    },
  };
}

/** A program that says nothing and does not end before it is killed. */
export function hanging(): Child {
  const { promise: end, resolve } = Promise.withResolvers<number>();
  const silence = () => streamOf(end.then(() => ""));
  const nothing = () => {};
  return {
    exited: end,
    stdout: silence(),
    stderr: silence(),
    stdin: { write: nothing, flush: nothing, end: nothing },
    kill: (name = "SIGTERM") => resolve(128 + constants.signals[name]),
  };
}

function streamOf(text: Promise<string>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async start(controller) {
      const letters = await text;
      if (letters !== "") {
        controller.enqueue(Buffer.from(letters, "latin1"));
      }
      controller.close();
    },
  });
}

/** The folder that a release has made to sign or to judge in, if a program is asked about one. */
export function scratchFolderOf(
  command: readonly string[],
  { env }: SpawnOptions,
): string | undefined {
  const named = [env.GIT_DIR ?? "", ...command].join("\0");
  return /\/[^\0]*\/release-(?:sign|verify)-\w+/.exec(named)?.[0];
}

/**
 * What a program says and does in a scratch folder: done if it was never asked so before, else said
 * and done again. A signature is the same each time: its key, its text and its date are.
 */
export function doneAgain(
  folder: string,
  question: string,
  command: readonly string[],
  options: SpawnOptions,
  home: string,
  memory: Memory,
): Said {
  const before = filesOf(folder, home);
  const stdin = typeof options.stdin === "string" ? "" : Bun.hash(options.stdin).toString(36);
  const key = JSON.stringify([question, stdin, before]).replaceAll(basenameOf(folder), "~scratch~");
  const known = memory.get(key);
  if (known?.files !== undefined) {
    write(folder, before, known.files, home);
    return known;
  }
  const said = { ...ask(command, options, home), files: filesOf(folder, home) };
  memory.set(key, said);
  return said;
}

const basenameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1);

function filesOf(folder: string, home: string): Files {
  return entriesBelow(folder).map(({ path, isFolder }) => [
    path.slice(folder.length + 1),
    isFolder ? null : readFileSync(path, "latin1").replaceAll(home, "~home~"),
  ]);
}

/** Makes the files of a folder others. */
function write(folder: string, before: Files, after: Files, home: string): void {
  const known = new Map(before);
  const wanted = new Set(after.map(([path]) => path));
  for (const [path] of before.filter(([path]) => !wanted.has(path))) {
    rmSync(join(folder, path), { recursive: true, force: true });
  }
  for (const [path, content] of after) {
    const target = join(folder, path);
    if (content === null && !existsSync(target)) {
      mkdirSync(target);
    } else if (content !== null && known.get(path) !== content) {
      writeFileSync(target, Buffer.from(content.replaceAll("~home~", home), "latin1"));
    }
  }
}
