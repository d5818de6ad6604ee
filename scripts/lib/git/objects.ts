/** Reads git objects through one `git cat-file --batch`, and presents a commit as a tree. */

import { posix } from "node:path";
import { converse } from "../conversation.ts";
import { decodeSource } from "../files/decode.ts";
import { attempt, quote, refusal } from "../finding.ts";
import type { FolderEntry } from "../glob.ts";
import { layout } from "../layout.ts";
import { decode, lastWords, needProgram } from "../process.ts";
import {
  type Decoding,
  isTreePath,
  type Kind,
  type Source,
  type Tree,
  unexpectedKind,
} from "../tree.ts";
import { isObjectId, type ObjectId } from "./git.ts";
import { installGit, type Repository } from "./repository.ts";

export interface GitObject {
  readonly id: ObjectId;
  readonly type: "commit" | "tree" | "blob" | "tag";
  readonly bytes: Uint8Array;
}

/** Reads objects by name. Use `await using` to close it. */
export interface Objects extends AsyncDisposable {
  /**
   * Returns an object, or undefined if there is none.
   *
   * @param name An object name or any revision without a line break.
   * @throws {Refusal} If git fails.
   */
  find(name: string): Promise<GitObject | undefined>;
}

/** The most bytes of cached objects. A cache pays because commits share most of their files. */
const mostKept = 32 * 2 ** 20;

/**
 * Opens the objects of a repository. git starts with the first question, and objects asked for by
 * full name are cached. A corrupt object ends git; the questions after it are asked again.
 *
 * @param limit Milliseconds after which a missing answer is a refusal.
 */
export function openObjects(repository: Repository, limit: number = layout.limits.local): Objects {
  const kept = new Map<ObjectId, Promise<GitObject | undefined>>();
  let size = 0;
  let batch: Batch | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  async function read(name: string): Promise<GitObject | undefined> {
    batch ??= startBatch(repository, limit);
    const asked = batch;
    // git works on this question while earlier answers are read.
    asked.ask(name);
    const turn = queue.then(async () => (asked === batch ? await asked.answer(name) : "ended"));
    queue = turn.catch(() => {
      batch = undefined;
    });
    const found = await turn;
    return found === "ended" ? await read(name) : found;
  }

  return {
    async find(name) {
      if (/[\n\0]/.test(name)) {
        return undefined;
      }
      if (!isObjectId(name)) {
        return await read(name);
      }
      const known = kept.get(name);
      const asked = known ?? read(name);
      kept.set(name, asked);
      const object = await asked;
      size += known === undefined ? (object?.bytes.length ?? 0) : 0;
      if (object === undefined) {
        // It may be fetched later.
        kept.delete(name);
      } else if (size > mostKept) {
        kept.clear();
        size = 0;
      }
      return object;
    },
    async [Symbol.asyncDispose]() {
      await queue;
      await batch?.close();
    },
  };
}

/** Reads one object with a git process of its own, as `Objects.find` does. */
export async function readObject(
  repository: Repository,
  name: string,
): Promise<GitObject | undefined> {
  await using objects = openObjects(repository);
  return await objects.find(name);
}

/** One git process that answers questions in their order. */
interface Batch {
  ask(name: string): void;
  /** Returns the answer to the first open question. After a refusal the process has ended. */
  answer(name: string): Promise<GitObject | undefined>;
  close(): Promise<void>;
}

/** Starts `git cat-file --batch`. It answers with a header line, the object and a line feed. */
function startBatch({ root, env, signal }: Repository, limit: number): Batch {
  const git = startGit();
  const chunks = git.output.getReader();
  let buffer: Uint8Array = new Uint8Array();
  // A process that git leaves behind may keep its output open; what git wrote is read by then.
  const ended = git.exited.then(
    () => new Promise<"ended">((resolve) => setTimeout(resolve, 1000, "ended").unref()),
  );

  function startGit() {
    try {
      return converse(["git", "cat-file", "--batch"], { cwd: root, env, signal });
    } catch (thrown) {
      return needProgram(thrown, installGit);
    }
  }

  async function more(name: string): Promise<Uint8Array> {
    const late = Promise.withResolvers<"late">();
    const timer = setTimeout(() => late.resolve("late"), limit);
    const next = await Promise.race([chunks.read(), late.promise, ended]);
    clearTimeout(timer);
    if (typeof next === "object" && !next.done) {
      return next.value;
    }
    const why =
      next === "late"
        ? "no answer within the time limit"
        : lastWords({ code: await git.exited, stderr: await git.stderr, timedOut: false });
    throw unreadable(JSON.stringify(name), `git cat-file: ${why}`);
  }

  async function take(count: number, name: string): Promise<Uint8Array> {
    const parts = [buffer];
    for (let length = buffer.length; length < count; length += parts.at(-1)?.length ?? 0) {
      parts.push(await more(name));
    }
    const all = parts.length === 1 ? buffer : Buffer.concat(parts);
    buffer = all.subarray(count);
    return all.slice(0, count);
  }

  async function takeLine(name: string): Promise<string> {
    while (!buffer.includes(10)) {
      buffer = Buffer.concat([buffer, await more(name)]);
    }
    return decode(await take(buffer.indexOf(10) + 1, name)).slice(0, -1);
  }

  return {
    ask: (name) => git.write(`${name}\n`),
    async answer(name) {
      try {
        const line = await takeLine(name);
        if (line === `${name} missing`) {
          return undefined;
        }
        const [, id, type, size] = header.exec(line) ?? [];
        if (id === undefined || size === undefined) {
          throw unreadable(JSON.stringify(name), `git cat-file answered ${quote(line)}`);
        }
        const bytes = await take(Number(size), name);
        await take(1, name);
        return { id, type: type as GitObject["type"], bytes };
      } catch (thrown) {
        git.kill();
        throw thrown;
      }
    },
    async close() {
      git.end();
      const timer = setTimeout(() => git.kill(), 1000);
      await git.exited;
      clearTimeout(timer);
    },
  };
}

function unreadable(what: string, why: string) {
  return refusal(`Cannot read ${what} from git: ${why}`, {
    remedy: "Check the repository: git fsck",
  });
}

/** Matches the header line of an object. */
const header = /^([0-9a-f]{40,64}) (commit|tree|blob|tag) ([0-9]+)$/;

interface Entry {
  readonly kind: Kind;
  readonly id: ObjectId;
}

type Folder = ReadonlyMap<string, Entry>;

/**
 * Returns a commit as a tree. The work tree and the index have no effect on it.
 *
 * @param commit The full name of a commit.
 */
export function commitTree(objects: Objects, commit: ObjectId): Tree {
  let top: Promise<Folder> | undefined;

  async function readFolder(name: string, path: string): Promise<Folder> {
    return folderOf(await need(objects, name, "tree", path), commit.length / 2);
  }

  /** Returns the entries of a folder; undefined if there is no such folder. */
  async function folder(path: string): Promise<Folder | undefined> {
    if (path === "") {
      top ??= readFolder(`${commit}^{tree}`, "");
      return await top;
    }
    const entry = await find(path);
    if (entry === undefined || entry.kind === "file") {
      return undefined;
    }
    if (entry.kind !== "folder") {
      throw unexpectedKind(path, entry.kind, "folder", commit);
    }
    return await readFolder(entry.id, path);
  }

  async function find(path: string): Promise<Entry | undefined> {
    const cut = path.lastIndexOf("/");
    const parent = await folder(cut < 0 ? "" : path.slice(0, cut));
    return parent?.get(path.slice(cut + 1));
  }

  /** Reports whether a link certainly leads to a file of this commit, through no other link. */
  async function leadsToFile(within: string, path: string, { id }: Entry): Promise<boolean> {
    const target = decode(await need(objects, id, "blob", path));
    const isPlain = isTreePath(target.replace(/^(?:\.\.?\/)+/, ""));
    const { value } = await attempt(() => find(posix.join(within, target)));
    return isPlain && value?.kind === "file";
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
      return sourceOf(path, await need(objects, entry.id, "blob", path), decoding);
    },
    async list(glob) {
      const { listMatches } = await import("../glob.ts");
      return await listMatches(glob, async (path) => {
        const entries = [...((await folder(path)) ?? [])];
        return await Promise.all(
          entries.map(async ([name, entry]): Promise<FolderEntry> => {
            const isLink = entry.kind === "symbolic link";
            const isFile = isLink && (await leadsToFile(path, posix.join(path, name), entry));
            return { name, kind: isFile ? "file" : entry.kind };
          }),
        );
      });
    },
  };
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
    throw unreadable(`${path === "" ? "" : `${path}: `}${type} ${name}`, `found ${found}`);
  }
  return object.bytes;
}

/** Parsed tree objects, so that a cached object is parsed only once. */
const parsedFolders = new WeakMap<Uint8Array, Folder>();

/** Parses a tree object: repeated `<mode> SP <name> NUL <id>`. */
function folderOf(bytes: Uint8Array, idLength: number): Folder {
  const known = parsedFolders.get(bytes);
  if (known !== undefined) {
    return known;
  }
  const entries = new Map<string, Entry>();
  const latin1 = Buffer.from(bytes).toString("latin1");
  const records = latin1.matchAll(new RegExp(`([0-7]+) ([^\\0]+)\\0([^]{${idLength}})`, "gy"));
  let end = 0;
  for (const [record, mode = "", rawName = "", id = ""] of records) {
    const name = decode(Buffer.from(rawName, "latin1"));
    if (entries.has(name)) {
      throw unreadable("a tree", `it holds ${quote(name)} twice`);
    }
    const kind = kinds[Number.parseInt(mode, 8) >> 12] ?? "file";
    entries.set(name, { kind, id: Buffer.from(id, "latin1").toString("hex") });
    end += record.length;
  }
  if (end < bytes.length) {
    throw unreadable("a tree", "it is cut short");
  }
  parsedFolders.set(bytes, entries);
  return entries;
}

/** The kind of an entry of a tree object, by the type bits of its mode. */
const kinds: Readonly<Record<number, Kind>> = {
  4: "folder",
  10: "symbolic link",
  14: "submodule",
};

/** Decoded sources, so that a cached object is decoded and parsed only once. */
const decoded = new WeakMap<Uint8Array, Map<string, Source>>();

/** Returns the source of a file. The same bytes at the same path give the same source object. */
function sourceOf(path: string, bytes: Uint8Array, decoding: Decoding = {}): Source {
  const known = decoded.get(bytes) ?? new Map<string, Source>();
  const key = `${decoding.lenient === true} ${path}`;
  const found = known.get(key) ?? decodeSource(path, bytes, decoding);
  decoded.set(bytes, known.set(key, found));
  return found;
}
