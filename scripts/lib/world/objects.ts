/** Reads git objects through one `git cat-file --batch`, and shows a commit as a tree. */

import type { ReadableStreamDefaultReader } from "node:stream/web";
import { refusal } from "../finding.ts";
import { type Decoding, type Source, source, type Tree } from "../tree.ts";
import type { ObjectId, Repository } from "./git.ts";
import { type Conversation, converse, needProgram } from "./process.ts";

export interface GitObject {
  readonly id: ObjectId;
  readonly type: "commit" | "tree" | "blob" | "tag";
  readonly bytes: Uint8Array;
}

/** Objects by name, each read once. Close it, or use `await using`. */
export interface Objects extends AsyncDisposable {
  /**
   * The object of that name, or undefined if there is none.
   *
   * @param name An object name or any revision without a line break.
   * @throws {Refusal} If git could not answer.
   */
  find(name: string): Promise<GitObject | undefined>;
}

/** Starts reading objects of a repository; git is started with the first question. */
export function openObjects(repository: Repository): Objects {
  let reader: BatchReader | undefined;
  let queue: Promise<unknown> = Promise.resolve();
  return {
    find(name) {
      if (/[\n\0]/.test(name)) {
        return Promise.resolve(undefined);
      }
      reader ??= new BatchReader(start(repository));
      const { question } = reader;
      const answer = queue.then(() => question(name));
      queue = answer.catch(() => {});
      return answer;
    },
    async [Symbol.asyncDispose]() {
      await reader?.close();
    },
  };
}

function start(repository: Repository): Conversation {
  try {
    return converse(["git", "cat-file", "--batch"], { cwd: repository.root, env: repository.env });
  } catch (thrown) {
    return needProgram(thrown, "Install git 2.34 or newer");
  }
}

/** The protocol of `git cat-file --batch`: a header line, then the object, then a line feed. */
class BatchReader {
  readonly #git: Conversation;
  readonly #chunks: ReadableStreamDefaultReader<Uint8Array>;
  #buffer: Uint8Array = new Uint8Array();

  constructor(git: Conversation) {
    this.#git = git;
    this.#chunks = git.output.getReader();
  }

  readonly question = async (name: string): Promise<GitObject | undefined> => {
    this.#git.write(`${name}\n`);
    const header = await this.#line(name);
    if (header === `${name} missing`) {
      return undefined;
    }
    const match = /^([0-9a-f]{40,64}) (commit|tree|blob|tag) ([0-9]+)$/.exec(header);
    if (match?.[1] === undefined || match[3] === undefined) {
      throw refusal(`Cannot read ${JSON.stringify(name)}: git cat-file answered "${header}"`);
    }
    const bytes = await this.#take(Number(match[3]), name);
    await this.#take(1, name);
    return { id: match[1], type: match[2] as GitObject["type"], bytes };
  };

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
        return new TextDecoder().decode(await this.#take(end + 1, name)).slice(0, -1);
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
    const { done, value } = await this.#chunks.read();
    if (!done) {
      return value;
    }
    const words = (await this.#git.stderr).trim();
    const why = words || `it ended with exit code ${await this.#git.exited}, without an answer`;
    throw refusal(`Cannot read ${JSON.stringify(name)} from git: git cat-file: ${why}`, {
      remedy: "Check the repository: git fsck",
    });
  }
}

interface Entry {
  readonly mode: string;
  readonly id: ObjectId;
}

/**
 * A commit as a tree, read from git's objects only: nothing in the work tree or the index counts.
 *
 * @param commit The full name of a commit.
 */
export function commitTree(objects: Objects, commit: ObjectId): Tree {
  const folders = new Map<string, Promise<ReadonlyMap<string, Entry> | undefined>>();

  function folder(path: string): Promise<ReadonlyMap<string, Entry> | undefined> {
    let found = folders.get(path);
    if (found === undefined) {
      found = path === "" ? top() : below(path);
      folders.set(path, found);
    }
    return found;
  }

  async function top(): Promise<ReadonlyMap<string, Entry>> {
    return parseTree(await need(objects, `${commit}^{tree}`, "tree"), commit.length / 2);
  }

  async function below(path: string): Promise<ReadonlyMap<string, Entry> | undefined> {
    const entry = await find(path);
    return entry?.mode === "40000"
      ? parseTree(await need(objects, entry.id, "tree"), commit.length / 2)
      : undefined;
  }

  async function find(path: string): Promise<Entry | undefined> {
    const cut = path.lastIndexOf("/");
    const parent = await folder(cut < 0 ? "" : path.slice(0, cut));
    return parent?.get(path.slice(cut + 1));
  }

  async function walk(path: string, collect: (file: string) => void): Promise<void> {
    for (const [name, entry] of (await folder(path)) ?? []) {
      const child = path === "" ? name : `${path}/${name}`;
      if (entry.mode === "40000") {
        await walk(child, collect);
      } else {
        collect(child);
      }
    }
  }

  return {
    async read(path, decoding): Promise<Source | undefined> {
      const entry = await find(path);
      if (entry === undefined || entry.mode === "40000") {
        return undefined;
      }
      if (!entry.mode.startsWith("100")) {
        throw notAFile(path, commit);
      }
      return decodeSource(path, await need(objects, entry.id, "blob"), decoding);
    },
    async list(glob) {
      const matcher = new Bun.Glob(glob);
      const files: string[] = [];
      await walk(fixedFolder(glob), (file) => {
        if (matcher.match(file)) {
          files.push(file);
        }
      });
      return files.sort();
    },
  };
}

function notAFile(path: string, commit?: ObjectId) {
  return refusal(`Cannot read ${path}: it is a symbolic link or a submodule, expected a file`, {
    at: { file: path },
    commit,
  });
}

/** The deepest folder that holds every match of a glob. */
export function fixedFolder(glob: string): string {
  const parts = glob.split("/").slice(0, -1);
  const wild = parts.findIndex((part) => /[*?[\]{}!\\]/.test(part));
  return (wild < 0 ? parts : parts.slice(0, wild)).join("/");
}

async function need(objects: Objects, name: string, type: GitObject["type"]): Promise<Uint8Array> {
  const object = await objects.find(name);
  if (object?.type !== type) {
    const found = object === undefined ? "nothing" : `a ${object.type}`;
    throw refusal(`Cannot read ${type} ${name} from git: found ${found}`, {
      remedy: "Check the repository: git fsck",
    });
  }
  return object.bytes;
}

/** Reads a raw tree object: `<mode> SP <name> NUL <id>` again and again. */
function parseTree(bytes: Uint8Array, idLength: number): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(32, at);
    const nul = bytes.indexOf(0, space);
    const next = nul + 1 + idLength;
    if (space < 0 || nul < 0 || next > bytes.length) {
      throw refusal("Cannot read a tree from git: it is cut short", {
        remedy: "Check the repository: git fsck",
      });
    }
    const name = new TextDecoder().decode(bytes.subarray(space + 1, nul));
    entries.set(name, {
      mode: new TextDecoder().decode(bytes.subarray(at, space)),
      id: Buffer.from(bytes.subarray(nul + 1, next)).toString("hex"),
    });
    at = next;
  }
  return entries;
}

/**
 * Makes a source of a file's bytes.
 *
 * @throws {Refusal} If the bytes are not UTF-8, and the decoding is not lenient.
 */
export function decodeSource(path: string, bytes: Uint8Array, decoding: Decoding = {}): Source {
  const fatal = decoding.lenient !== true;
  try {
    return source(path, new TextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(bytes));
  } catch {
    throw refusal(`Cannot read ${path}: it is not UTF-8 text`, {
      at: { file: path },
      remedy: "Save the file as UTF-8",
    });
  }
}
