/** Reads git objects through one `git cat-file --batch`, and shows a commit as a tree. */

import { posix } from "node:path";
import type { ReadableStreamDefaultReader } from "node:stream/web";
import { type Conversation, converse } from "../conversation.ts";
import { decodeSource } from "../files/decode.ts";
import { attempt, quote, refusal } from "../finding.ts";
import type { FolderEntry } from "../glob.ts";
import { layout } from "../layout.ts";
import { lastWords, needProgram, runBytes } from "../process.ts";
import {
  type Decoding,
  isTreePath,
  type Kind,
  type Source,
  type Tree,
  unexpectedKind,
} from "../tree.ts";
import { installGit, type ObjectId, type Repository } from "./git.ts";

export interface GitObject {
  readonly id: ObjectId;
  readonly type: "commit" | "tree" | "blob" | "tag";
  readonly bytes: Uint8Array;
}

/** Objects by name, answered in the order in which they are asked for. Close it, or use `await using`. */
export interface Objects extends AsyncDisposable {
  /**
   * The object of that name, or undefined if there is none.
   *
   * @param name An object name or any revision without a line break.
   * @throws {Refusal} If git could not answer.
   */
  find(name: string): Promise<GitObject | undefined>;
}

/**
 * Starts reading objects of a repository; git is started with the first question.
 *
 * @param limit Milliseconds that git may be silent for while a question is open.
 */
export function openObjects(repository: Repository, limit: number = layout.limits.local): Objects {
  let reader: BatchReader | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  return {
    async find(name) {
      if (/[\n\0]/.test(name)) {
        return undefined;
      }
      reader ??= new BatchReader(start(repository), limit);
      const open = reader;
      // Git works on a question while the answers before it are read.
      open.ask(name);
      const answer = queue.then(() => open.answer(name));
      queue = answer.catch(() => {});
      return await answer;
    },
    async [Symbol.asyncDispose]() {
      await queue;
      await reader?.close();
    },
  };
}

function start(repository: Repository): Conversation {
  try {
    const { root: cwd, env, signal } = repository;
    return converse(["git", "cat-file", "--batch"], { cwd, env, signal });
  } catch (thrown) {
    return needProgram(thrown, installGit);
  }
}

/** The protocol of `git cat-file --batch`: a header line, then the object, then a line feed. */
class BatchReader {
  readonly #git: Conversation;
  readonly #chunks: ReadableStreamDefaultReader<Uint8Array>;
  readonly #limit: number;
  #buffer: Uint8Array = new Uint8Array();
  #failure: unknown;

  constructor(git: Conversation, limit: number) {
    this.#git = git;
    this.#chunks = git.output.getReader();
    this.#limit = limit;
  }

  ask(name: string): void {
    if (this.#failure === undefined) {
      this.#git.write(`${name}\n`);
    }
  }

  /**
   * The answer to the first question that has none yet, which must be of that name. After a failure
   * nothing in the stream can be told apart, so nothing is read.
   */
  async answer(name: string): Promise<GitObject | undefined> {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    try {
      return await this.#read(name);
    } catch (thrown) {
      this.#failure = thrown;
      this.#git.kill();
      throw thrown;
    }
  }

  async #read(name: string): Promise<GitObject | undefined> {
    const header = parseHeader(await this.#line(name), name);
    if (header === undefined) {
      return undefined;
    }
    const { size, ...found } = header;
    const bytes = await this.#take(size, name);
    await this.#take(1, name);
    return { ...found, bytes };
  }

  async close(): Promise<void> {
    this.#git.end();
    const timer = setTimeout(() => this.#git.kill(), 1000);
    await this.#git.exited;
    clearTimeout(timer);
  }

  async #line(name: string): Promise<string> {
    let seen = 0;
    for (;;) {
      const end = this.#buffer.indexOf(10, seen);
      if (end >= 0) {
        return utf8(await this.#take(end + 1, name)).slice(0, -1);
      }
      seen = this.#buffer.length;
      this.#buffer = Buffer.concat([this.#buffer, await this.#more(name)]);
    }
  }

  async #take(count: number, name: string): Promise<Uint8Array> {
    const parts = [this.#buffer];
    let length = this.#buffer.length;
    while (length < count) {
      const more = await this.#more(name);
      parts.push(more);
      length += more.length;
    }
    const all = parts.length === 1 ? this.#buffer : Buffer.concat(parts);
    this.#buffer = all.subarray(count);
    return all.slice(0, count);
  }

  async #more(name: string): Promise<Uint8Array> {
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), this.#limit);
    const next = await Promise.race([this.#chunks.read(), late.promise]);
    clearTimeout(timer);
    if (next !== "late" && !next.done) {
      return next.value;
    }
    const why = next === "late" ? "no answer within the time limit" : await this.#ending();
    throw unreadable(name, why);
  }

  async #ending(): Promise<string> {
    const stderr = await this.#git.stderr;
    return lastWords({ code: await this.#git.exited, stderr, timedOut: false });
  }
}

/** The line before an object; undefined if there is none of that name. */
function parseHeader(line: string, name: string) {
  if (line === `${name} missing`) {
    return undefined;
  }
  const [, id, type, size] = /^([0-9a-f]{40,64}) (commit|tree|blob|tag) ([0-9]+)$/.exec(line) ?? [];
  if (id === undefined || size === undefined) {
    throw refusal(
      `Cannot read ${JSON.stringify(name)} from git: git cat-file answered ${quote(line)}`,
      { remedy: "Check the repository: git fsck" },
    );
  }
  return { id, type: type as GitObject["type"], size: Number(size) };
}

/**
 * Reads one object where no more will be asked for.
 *
 * @param name An object name or any revision without a line break.
 * @returns Undefined if there is none of that name.
 * @throws {Refusal} If git could not answer.
 */
export async function readObject(
  repository: Repository,
  name: string,
): Promise<GitObject | undefined> {
  const command = ["git", "cat-file", "--batch=%(objectname) %(objecttype) %(objectsize)"];
  const answer = await runBytes(command, {
    cwd: repository.root,
    env: repository.env,
    stdin: `${name}\n`,
    timeout: layout.limits.local,
    signal: repository.signal,
  }).catch((thrown) => needProgram(thrown, installGit));
  const end = answer.stdout.indexOf(10);
  if (answer.code !== 0 || answer.timedOut || end < 0) {
    throw unreadable(name, lastWords(answer));
  }
  const header = parseHeader(utf8(answer.stdout.subarray(0, end)), name);
  if (header === undefined) {
    return undefined;
  }
  const { size, ...found } = header;
  const bytes = answer.stdout.subarray(end + 1, -1);
  if (bytes.length !== size) {
    throw unreadable(name, `it printed ${bytes.length} of ${size} bytes`);
  }
  return { ...found, bytes };
}

function unreadable(name: string, why: string) {
  return refusal(`Cannot read ${JSON.stringify(name)} from git: git cat-file: ${why}`, {
    remedy: "Check the repository: git fsck",
  });
}

interface Entry {
  readonly kind: Kind;
  readonly id: ObjectId;
}

type Folder = ReadonlyMap<string, Entry>;

/**
 * A commit as a tree, read from git's objects only: nothing in the work tree or the index counts.
 *
 * @param commit The full name of a commit.
 */
export function commitTree(objects: Objects, commit: ObjectId): Tree {
  const folders = new Map<string, Promise<Folder | undefined>>();
  const blobs = new Map<ObjectId, Promise<Uint8Array>>();

  function blob(id: ObjectId, path: string): Promise<Uint8Array> {
    const known = blobs.get(id) ?? need(objects, id, "blob", path);
    blobs.set(id, known);
    return known;
  }

  function folder(path: string): Promise<Folder | undefined> {
    let found = folders.get(path);
    if (found === undefined) {
      found = path === "" ? parsed(`${commit}^{tree}`, path) : below(path);
      folders.set(path, found);
    }
    return found;
  }

  async function parsed(name: string, path: string): Promise<Folder> {
    return parseTree(await need(objects, name, "tree", path), commit.length / 2);
  }

  async function below(path: string): Promise<Folder | undefined> {
    const entry = await find(path);
    if (entry?.kind === "folder") {
      return await parsed(entry.id, path);
    }
    if (entry === undefined || entry.kind === "file") {
      return undefined;
    }
    throw unexpectedKind(path, entry.kind, "folder", commit);
  }

  async function find(path: string): Promise<Entry | undefined> {
    const cut = path.lastIndexOf("/");
    const parent = await folder(cut < 0 ? "" : path.slice(0, cut));
    return parent?.get(path.slice(cut + 1));
  }

  /** Whether a link surely leads to a file of this commit. */
  async function leadsToFile(within: string, name: string, { id }: Entry): Promise<boolean> {
    const path = within === "" ? name : `${within}/${name}`;
    const target = targetPath(within, utf8(await need(objects, id, "blob", path)));
    if (target === undefined) {
      return false;
    }
    const { value } = await attempt(() => find(target));
    return value?.kind === "file";
  }

  return {
    async read(path, decoding): Promise<Source | undefined> {
      const entry = await find(path);
      if (entry === undefined) {
        return undefined;
      }
      if (entry.kind !== "file") {
        throw unexpectedKind(path, entry.kind, "file", commit);
      }
      return sourceOf(path, await blob(entry.id, path), decoding);
    },
    async list(glob) {
      const { listMatches } = await import("../glob.ts");
      return await listMatches(glob, async (path) => {
        const entries = [...((await folder(path)) ?? [])];
        return await Promise.all(
          entries.map(async ([name, entry]): Promise<FolderEntry> => {
            const isFile = entry.kind === "symbolic link" && (await leadsToFile(path, name, entry));
            return { name, kind: isFile ? "file" : entry.kind };
          }),
        );
      });
    },
  };
}

/** The path that a link means if it can be told without following other links. */
function targetPath(folder: string, target: string): string | undefined {
  const path = posix.join(folder, target);
  return isTreePath(target.replace(/^(?:\.\.?\/)+/, "")) && isTreePath(path) ? path : undefined;
}

async function need(
  objects: Objects,
  name: string,
  type: GitObject["type"],
  path: string,
): Promise<Uint8Array> {
  const object = await objects.find(name);
  if (object?.type !== type) {
    const found = object === undefined ? "nothing" : `a ${object.type}`;
    const holder = path === "" ? "" : `${path}: `;
    throw refusal(`Cannot read ${holder}${type} ${name} from git: found ${found}`, {
      remedy: "Check the repository: git fsck",
    });
  }
  return object.bytes;
}

/** Reads a raw tree object: `<mode> SP <name> NUL <id>` again and again. */
function parseTree(bytes: Uint8Array, idLength: number): Folder {
  const entries = new Map<string, Entry>();
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(32, at);
    const nul = bytes.indexOf(0, space);
    const next = nul + 1 + idLength;
    if (space < 0 || nul < 0 || next > bytes.length) {
      throw malformedTree("it is cut short");
    }
    const name = utf8(bytes.subarray(space + 1, nul));
    if (entries.has(name)) {
      throw malformedTree(`it holds ${quote(name)} twice`);
    }
    entries.set(name, {
      kind: kindOf(utf8(bytes.subarray(at, space))),
      id: Buffer.from(bytes.subarray(nul + 1, next)).toString("hex"),
    });
    at = next;
  }
  return entries;
}

function malformedTree(why: string) {
  return refusal(`Cannot read a tree from git: ${why}`, {
    remedy: "Check the repository: git fsck",
  });
}

/** What the octal mode of a tree's entry stands for; some writers pad it with zeros. */
function kindOf(mode: string): Kind {
  switch (Number.parseInt(mode, 8) & 0o170000) {
    case 0o040000:
      return "folder";
    case 0o120000:
      return "symbolic link";
    case 0o160000:
      return "submodule";
    default:
      return "file";
  }
}

/** Text of git's own; a byte order mark is a part of it. */
function utf8(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** Sources by the bytes they were made of: whoever keeps an object keeps what was made of it. */
const decoded = new WeakMap<Uint8Array, Map<string, Source>>();

/** A file's source: of the same bytes, at the same path, the same one. */
function sourceOf(path: string, bytes: Uint8Array, decoding: Decoding = {}): Source {
  const known = decoded.get(bytes) ?? new Map<string, Source>();
  const key = `${decoding.lenient === true} ${path}`;
  const found = known.get(key) ?? decodeSource(path, bytes, decoding);
  decoded.set(bytes, known.set(key, found));
  return found;
}
