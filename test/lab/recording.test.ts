import { afterAll, beforeAll, expect, test } from "bun:test";
import { findLabCommit } from "../../scripts/lab/recording.ts";
import { findRepository, type Repository } from "../../scripts/lib/git/repository.ts";
import { type TestRepository, testRepository } from "../helpers/world.ts";

let lab: TestRepository;
beforeAll(async () => {
  lab = await testRepository();
});
afterAll(() => lab[Symbol.asyncDispose]());

async function opened(): Promise<Repository> {
  const found = await findRepository(lab.root, lab.env);
  if ("root" in found) {
    return found;
  }
  throw new Error(found.why);
}

test("the lab's commit is the start of the one that was read before", async () => {
  const head = await lab.commit({ Makefile: "" });
  expect(await findLabCommit(await opened(), head)).toBe(head.slice(0, 7));
});

test("a HEAD that moved since it was read is refused, for what ran is not known", async () => {
  const head = await lab.commit({ Makefile: "a:\n" });
  const moved = await lab.commit({ Makefile: "b:\n" });
  await expect(findLabCommit(await opened(), head)).rejects.toThrow(
    `Cannot read the lab's commit: HEAD moved from ${head.slice(0, 7)} to ${moved.slice(0, 7)}`,
  );
});
