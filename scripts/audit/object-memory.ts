/** Objects of many commits: what commits share is read once, and one bad object stops no other. */

import { isObjectId, type Repository } from "../lib/git/git.ts";
import { type GitObject, type Objects, openObjects } from "../lib/git/objects.ts";

/** How much was asked, and how much of that git was not asked for. */
export interface Recall {
  readonly asked: number;
  readonly remembered: number;
}

export interface ObjectMemory extends Objects {
  recall(): Recall;
}

/**
 * Reads objects of a repository, and keeps those that were named in full until newer ones need the
 * room. An object that git dies of (a corrupt one) is refused alone: the others are asked for
 * again.
 *
 * @param limit How many bytes of objects are kept.
 */
export function openObjectMemory(
  repository: Repository,
  limit: number = 16 * 1024 * 1024,
  open: () => Objects = () => openObjects(repository),
): ObjectMemory {
  const steady = openSteadily(open);
  const kept = new Map<string, Promise<GitObject | undefined>>();
  const sizes = new Map<string, number>();
  let size = 0;
  let asked = 0;
  let remembered = 0;

  /** The oldest go first; a map is in the order in which its keys were set. */
  function keep(id: string, bytes: number): void {
    sizes.set(id, bytes);
    size += bytes;
    for (const [oldest, length] of sizes) {
      if (size <= limit) {
        return;
      }
      sizes.delete(oldest);
      kept.delete(oldest);
      size -= length;
    }
  }

  async function read(id: string): Promise<GitObject | undefined> {
    try {
      const object = await steady.find(id);
      keep(id, object?.bytes.length ?? 0);
      return object;
    } catch (thrown) {
      kept.delete(id);
      throw thrown;
    }
  }

  return {
    async find(name) {
      asked += 1;
      if (!isObjectId(name)) {
        return await steady.find(name);
      }
      const known = kept.get(name);
      if (known !== undefined) {
        remembered += 1;
        return await known;
      }
      const answer = read(name);
      kept.set(name, answer);
      return await answer;
    },
    recall: () => ({ asked, remembered }),
    [Symbol.asyncDispose]: () => steady[Symbol.asyncDispose](),
  };
}

/** Objects that go on after a failure: what was asked together with the bad one is asked again. */
function openSteadily(open: () => Objects): Objects {
  let current = open();
  return {
    async find(name) {
      const asked = current;
      try {
        return await asked.find(name);
      } catch {
        if (asked === current) {
          current = open();
          await asked[Symbol.asyncDispose]();
        }
        // Alone, so that a refusal is this object's own.
        await using alone = open();
        return await alone.find(name);
      }
    },
    [Symbol.asyncDispose]: () => current[Symbol.asyncDispose](),
  };
}
