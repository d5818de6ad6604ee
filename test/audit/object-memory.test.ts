import { describe, expect, test } from "bun:test";
import { type ObjectMemory, openObjectMemory } from "../../scripts/audit/object-memory.ts";
import { refusal } from "../../scripts/lib/finding.ts";
import type { GitObject, Objects } from "../../scripts/lib/git/objects.ts";

const id = (digit: string) => digit.repeat(40);
const repository = { root: "/nonexistent", env: {} };

/** Objects of ten bytes; one of them ends whoever reads it, and all that is asked after it. */
function standIn(deadly?: string) {
  const asked: string[] = [];
  let opened = 0;
  let closed = 0;
  const open = (): Objects => {
    opened += 1;
    let isDead = false;
    return {
      async find(name): Promise<GitObject | undefined> {
        asked.push(name);
        isDead ||= name === deadly;
        await Bun.sleep(0);
        if (isDead) {
          throw refusal("git died");
        }
        return name === id("0") ? undefined : { id: name, type: "blob", bytes: new Uint8Array(10) };
      },
      async [Symbol.asyncDispose]() {
        closed += 1;
      },
    };
  };
  return { open, asked, left: () => opened - closed };
}

describe("an object that is named in full", () => {
  test("is asked for once while it is remembered, and is the same object", async () => {
    const { open, asked } = standIn();
    await using memory = openObjectMemory(repository, 100, open);
    const [one, other] = await Promise.all([memory.find(id("a")), memory.find(id("a"))]);
    expect(await memory.find(id("a"))).toBe(one);
    expect(other).toBe(one);
    expect(await memory.find(id("0"))).toBeUndefined();
    expect(await memory.find(id("0"))).toBeUndefined();
    expect(asked).toEqual([id("a"), id("0")]);
    expect(memory.recall()).toEqual({ asked: 5, remembered: 3 });
  });

  test("is forgotten when newer ones need the room", async () => {
    const { open, asked } = standIn();
    await using memory = openObjectMemory(repository, 20, open);
    for (const digit of ["a", "b", "c", "c", "b", "a"]) {
      await memory.find(id(digit));
    }
    expect(asked).toEqual(["a", "b", "c", "a"].map(id));
  });
});

test("a name that may mean another object later is asked for each time", async () => {
  const { open, asked } = standIn();
  await using memory = openObjectMemory(repository, 100, open);
  await memory.find("HEAD^{tree}");
  await memory.find("HEAD^{tree}");
  expect(asked).toHaveLength(2);
});

test("an object that ends git is refused alone; what was asked with it, or after it, is answered", async () => {
  const { open, left } = standIn(id("d"));
  const ask = (memory: ObjectMemory, digits: readonly string[]) =>
    Promise.allSettled(digits.map((digit) => memory.find(id(digit))));
  {
    await using memory = openObjectMemory(repository, 100, open);
    const first = await ask(memory, ["a", "d", "b"]);
    const second = await ask(memory, ["d", "c"]);
    expect([...first, ...second].map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "fulfilled",
      "rejected",
      "fulfilled",
    ]);
  }
  expect(left()).toBe(0);
});
