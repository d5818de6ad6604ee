/** What programs said and did, in worlds that differ in their folder alone, to be said and done again. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { dirname } from "node:path";
import { entriesBelow, folderMark, type Marks, marksBelow } from "./fault-worlds.ts";

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
}

/** What a program said and did. */
export interface Deed extends Said {
  readonly changes: readonly Change[];
}

/** What became of a path below the folder in which a program was at work. */
interface Change {
  readonly path: string;
  readonly now: "folder" | "gone" | { readonly content: string };
}

/** What programs said and did in a scenario, by the state that they found and what they were told. */
export type Memory = Map<string, Deed>;

/** Asks a program, and waits for it. */
function ask(command: readonly string[], { cwd, env, stdin }: SpawnOptions, home: string): Said {
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
function scratchFolderOf(command: readonly string[], { env }: SpawnOptions): string | undefined {
  const named = [env.GIT_DIR ?? "", ...command].join("\0");
  return /\/[^\0]*\/release-(?:sign|verify)-\w+/.exec(named)?.[0];
}

/** Where a program is at work, and what it finds. */
export interface Workplace {
  readonly home: string;
  /** What it may read, in one word. */
  readonly state: string;
}

/**
 * What a program says and does: done if it was never told so before, else said and done again. A
 * signature is the same each time: its key, its text and its date are.
 */
export function doneAgain(
  { home, state }: Workplace,
  command: readonly string[],
  options: SpawnOptions,
  memory: Memory,
): Deed {
  const scratch = scratchFolderOf(command, options);
  const folder = scratch ?? home;
  const variables = Object.entries(options.env).filter(([name]) => name.startsWith("GIT_"));
  const stdin = typeof options.stdin === "string" ? "" : Bun.hash(options.stdin).toString(36);
  const files = scratch === undefined ? [] : contentsBelow(scratch, home);
  const told = JSON.stringify([state, command, variables.sort(), stdin, files])
    .replaceAll(/(release-(?:sign|verify))-\w+/g, "$1")
    .replaceAll(home, "~home~");
  const known = memory.get(told);
  if (known !== undefined) {
    redo(folder, known.changes, home);
    return known;
  }
  const before = marksBelow(folder);
  const said = ask(command, options, home);
  const deed = { ...said, changes: changesSince(before, folder, home) };
  memory.set(told, deed);
  return deed;
}

function contentsBelow(folder: string, home: string): readonly (readonly [string, string])[] {
  return entriesBelow(folder).map(({ path, isDirectory }) => [
    path.slice(folder.length),
    isDirectory ? "" : contentOf(path, home),
  ]);
}

function contentOf(file: string, home: string): string {
  return readFileSync(file, "latin1").replaceAll(home, "~home~");
}

function changesSince(before: Marks, folder: string, home: string): readonly Change[] {
  const after = marksBelow(folder);
  const gone = [...before.keys()].filter((path) => !after.has(path));
  const written = [...after].filter(([path, mark]) => before.get(path) !== mark);
  return [
    ...gone.map((path): Change => ({ path: path.slice(folder.length), now: "gone" })),
    ...written.map(
      ([path, mark]): Change => ({
        path: path.slice(folder.length),
        now: mark === folderMark ? "folder" : { content: contentOf(path, home) },
      }),
    ),
  ];
}

function redo(folder: string, changes: readonly Change[], home: string): void {
  for (const { path, now } of changes) {
    const target = `${folder}${path}`;
    if (now === "gone") {
      rmSync(target, { recursive: true, force: true });
    } else if (now === "folder") {
      mkdirSync(target, { recursive: true });
    } else {
      // The state tells of files alone: a folder may be missing that was empty.
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, Buffer.from(now.content.replaceAll("~home~", home), "latin1"));
    }
  }
}
