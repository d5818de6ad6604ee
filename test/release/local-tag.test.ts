/** What a tag of the checkout is to a release that finds it there. */

import { expect, test } from "bun:test";
import { error } from "../../scripts/lib/finding.ts";
import { findLocalTag } from "../../scripts/release/local-tag.ts";
import { testRepository } from "../helpers/world.ts";

test("a good signature makes no release of a tag of something else, or of another name", async () => {
  await using world = await testRepository();
  await world.commit({ "a.txt": "a\n" });
  await world.useSshKey();
  await world.git("tag", "-s", "-m", "file", "v1.0.0", "HEAD:a.txt");
  await world.git("tag", "-s", "-m", "other", "v0.9.0", "HEAD");
  await world.git("update-ref", "refs/tags/v1.1.0", "refs/tags/v0.9.0");
  const [file, other] = await Promise.all(
    ["v1.0.0", "v1.1.0"].map((name) => findLocalTag(world, name)),
  );
  expect(file).toMatchObject({ kind: "unfit", why: expect.stringContaining("a tag of blob") });
  expect(other).toMatchObject({ kind: "unfit", why: expect.stringContaining("named v0.9.0") });
});

test("a tag below the name stands in its way, whatever stands beside", async () => {
  await using world = await testRepository();
  await world.commit({ "a.txt": "a\n" });
  expect(await findLocalTag(world, "v1.3.0")).toEqual({ kind: "absent" });
  for (const name of ["v1.3.0/$(id)", "v1.3.0-rc.1", "x/v1.3.0"]) {
    await world.git("tag", name);
  }
  expect(await findLocalTag(world, "v1.3.0")).toEqual({
    kind: "blocked",
    findings: [
      error("Cannot make tag v1.3.0: tag v1.3.0/$(id) is here, and git cannot hold both", {
        remedy: "Delete that tag if it is a slip: git tag -d 'v1.3.0/$(id)'",
      }),
    ],
  });
});
