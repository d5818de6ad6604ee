import { expect, test } from "bun:test";
import { ledgerReader } from "../../../release-gate/history/ledger-blob.ts";
import type { Day } from "../../../scripts/lib/calendar.ts";
import type { GitObject, Objects } from "../../../scripts/lib/git/objects.ts";

const today = "2026-08-07" as Day;
const path = "ledger.txt";
const idOf = (index: number) => index.toString(16).padStart(40, "0");

/** Objects that are all of one type; it is told which were asked for. */
function standIn(type: GitObject["type"] | undefined) {
  const asked: string[] = [];
  const objects: Objects = {
    async find(id) {
      asked.push(id);
      return type && { id, type, bytes: Buffer.from("v1.2.2\tabcdef0\t2026-08-01\tPASS\n") };
    },
    async [Symbol.asyncDispose]() {},
  };
  return { asked, read: ledgerReader(objects, today) };
}

test("a ledger stays read as long as it is among the latest sixteen, and is read anew after that", async () => {
  const { asked, read } = standIn("blob");
  const first = { path, blob: idOf(0) };
  const ledger = await read(first);
  for (let index = 1; index <= 15; index += 1) {
    await read({ path, blob: idOf(index) });
  }
  expect(await read(first)).toBe(ledger);
  expect(asked).toHaveLength(16);

  // The first was asked for last, so that the second is the oldest now.
  await read({ path, blob: idOf(16) });
  expect(await read(first)).toBe(ledger);
  expect(asked).toHaveLength(17);
  await read({ path, blob: idOf(1) });
  expect(asked.slice(17)).toEqual([idOf(1)]);
});

test.each(["tree", undefined] as const)(
  "a ledger whose blob is %p is refused, and not taken for an empty one",
  async (type) => {
    const { read } = standIn(type);
    await expect(read({ path, blob: idOf(1) })).rejects.toMatchObject({
      message: `Cannot read ledger.txt from git: there is no blob ${idOf(1)}`,
      findings: [{ remedy: "Check the repository: git fsck" }],
    });
  },
);
