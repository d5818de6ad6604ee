import { expect, test } from "bun:test";
import { smallProduct } from "../../scripts/demo/product.ts";
import { readExpectation } from "../../scripts/verify/expected.ts";
import { testRepository } from "../helpers/world.ts";

test.each([undefined, "a".repeat(40)])(
  "a repository without a commit promises nothing, and the reason is told: %p",
  async (commit) => {
    await using world = await testRepository();
    const expectation = await readExpectation(
      { root: world.root, env: world.env },
      "v1.3.0",
      commit,
    );
    expect(expectation).toMatchObject({
      promises: undefined,
      ofTag: false,
      findings: [{ level: "error" }],
    });
  },
);

test("a platform that no image can have is refused, and not left out of what is looked for", async () => {
  await using world = await testRepository();
  const chart = "charts/perf-sentinel/Chart.yaml";
  const text = smallProduct("1.3.0")[chart] ?? "";
  const endless = `linux/${"x".repeat(41)}`;
  const commit = await world.commit({
    ...smallProduct("1.3.0"),
    [chart]: text.replace("linux/amd64", endless),
  });
  const repository = { root: world.root, env: world.env };
  const { promises, findings } = await readExpectation(repository, "v1.3.0", commit);
  expect(promises).toBeUndefined();
  expect(findings[1]).toEqual({
    level: "error",
    message: `Cannot read a platform that the chart promises: expected a platform such as linux/amd64, found "${endless}"`,
    remedy: "Correct artifacthub.io/images",
    commit,
  });
});
