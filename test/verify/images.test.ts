import { expect, test } from "bun:test";
import { failure, type StandInRegistry, startRegistry } from "../../scripts/demo/registry.ts";
import { parseImageReference } from "../../scripts/lib/files/image-reference.ts";
import { askImages } from "../../scripts/verify/images.ts";
import { quickWorld } from "../helpers/quick.ts";

const repository = "owner/product";
const platforms = ["linux/amd64", "linux/arm64"];

function ask(...registries: Pick<StandInRegistry, "host">[]) {
  const references = registries.map(({ host }) =>
    parseImageReference(`${host}/${repository}:1.3.0`),
  );
  return askImages({ references, platforms }, quickWorld);
}

test("the same image in two registries is verified in both, by digest and platforms", async () => {
  using one = startRegistry();
  using other = startRegistry();
  const digest = one.pushIndex(repository, "1.3.0", platforms);
  other.pushIndex(repository, "1.3.0", platforms);
  const evidence = `owner/product:1.3.0 is ${digest} (linux/amd64, linux/arm64)`;
  expect(await ask(one, other)).toEqual([
    { question: `image on ${one.host}`, state: "verified", evidence },
    { question: `image on ${other.host}`, state: "verified", evidence },
  ]);
});

test("another image under the same tag has failed, even with every platform", async () => {
  using one = startRegistry();
  using other = startRegistry();
  const first = one.pushIndex(repository, "1.3.0", platforms);
  const second = other.pushIndex(repository, "1.3.0", [...platforms, "linux/riscv64"]);
  expect(await ask(one, other)).toMatchObject([
    { state: "verified" },
    {
      state: "failed",
      evidence: `it is ${second}, but ${one.host} holds ${first} under the same tag`,
      remedy: expect.stringContaining("release the next version"),
    },
  ]);
});

test("an image that is not there yet is pending, whatever other registries hold", async () => {
  using one = startRegistry();
  using other = startRegistry();
  other.pushIndex(repository, "1.3.0", platforms);
  expect(await ask(one, other)).toMatchObject([
    {
      state: "pending",
      evidence: `owner/product:1.3.0 is not there: http://${one.host} answered 404 (MANIFEST_UNKNOWN)`,
      remedy: expect.stringContaining("Wait for release.yml"),
    },
    { state: "verified" },
  ]);
});

test("an image without a promised platform has failed", async () => {
  using registry = startRegistry();
  const digest = registry.pushIndex(repository, "1.3.0", ["linux/amd64"]);
  expect(await ask(registry)).toMatchObject([
    {
      state: "failed",
      evidence: `owner/product:1.3.0 (${digest}) lacks linux/arm64, found linux/amd64`,
    },
  ]);
});

test("a registry that gives no answer leaves it unknown, with the registry's reason", async () => {
  using denying = startRegistry({ intercept: () => failure(403, "DENIED") });
  const gone = startRegistry();
  gone[Symbol.dispose]();
  expect(await ask(denying, gone)).toMatchObject([
    { state: "unknown", evidence: expect.stringContaining("answered 403 (DENIED)") },
    { state: "unknown", evidence: expect.stringContaining("the connection is refused") },
  ]);
});
