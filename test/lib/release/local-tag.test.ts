/** What a tag of the checkout is to a release that finds it there. */

import { expect, test } from "bun:test";
import { findLocalTag } from "../../../scripts/lib/release/local-tag.ts";
import { testRepository } from "../../helpers/world.ts";

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
