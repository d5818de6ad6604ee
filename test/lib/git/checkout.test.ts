import { expect, test } from "bun:test";
import { Refusal } from "../../../scripts/lib/finding.ts";
import { readCheckout } from "../../../scripts/lib/git/checkout.ts";
import { standIn } from "../../helpers/release.ts";
import { testRepository } from "../../helpers/world.ts";

test.each([
  ["main", ["checkout", "-b", "main"], "refs/heads/main"],
  ["one named like a ref", ["checkout", "-b", "refs/heads/main"], "refs/heads/refs/heads/main"],
  ["none", ["checkout", "--detach"], undefined],
])("the branch of a checkout is told by its full name: %s", async (_, command, branch) => {
  await using world = await testRepository();
  const head = await world.commit({ a: "1" });
  await world.git("branch", "-m", "other");
  await world.git(...command, "--quiet");
  expect(await readCheckout(world)).toEqual({ head, branch, changes: [], underway: [] });
});

test.each([
  ["nothing", "true"],
  ["no branch", "printf '# branch.oid %040d\\0' 1"],
  ["an end that is missing", "printf '# branch.oid %040d\\0# branch.head ma' 1"],
])("an answer of git status is refused that holds %s", async (_, answer) => {
  await using world = await testRepository();
  await world.commit({ a: "1" });
  const script = `case "$*" in *" status "*) ${answer}; exit ;; esac; exec "$REAL" "$@"`;
  const reading = readCheckout({ root: world.root, env: standIn(world, "git", script) });
  await expect(reading).rejects.toThrow(Refusal);
  await expect(reading).rejects.toThrow("git status gave no answer");
});
