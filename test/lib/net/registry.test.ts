import { expect, test } from "bun:test";
import { failure, startRegistry } from "../../../scripts/demo/registry.ts";
import { openRegistry, registryUrl } from "../../../scripts/lib/net/registry.ts";
import { quickWorld } from "../../helpers/quick.ts";

test.each([
  ["ghcr.io", "https://ghcr.io"],
  ["GHCR.IO:443", "https://ghcr.io"],
  ["docker.io", "https://registry-1.docker.io"],
  ["registry.example:5000", "https://registry.example:5000"],
  ["localhost", "http://localhost"],
  ["127.0.0.1:5000", "http://127.0.0.1:5000"],
  ["[::1]:5000", "http://[::1]:5000"],
  ["127.0.0.1.evil.example", "https://127.0.0.1.evil.example"],
  ["10.0.0.1:5000", "https://10.0.0.1:5000"],
])("registry %s is served at %s", (host, origin) => {
  expect(registryUrl(host).origin).toBe(origin);
});

/** The query that a token server gets when a registry denies with this header, or the reason for none. */
async function meet(header: string): Promise<string> {
  using registry = startRegistry({
    intercept: (_, path) =>
      path.startsWith("/token")
        ? undefined
        : failure(401, "UNAUTHORIZED", { "WWW-Authenticate": header.replace("REALM", realm()) }),
  });
  const realm = () => `http://${registry.host}/token`;
  const question = openRegistry({ registry: registry.host, repository: "a/b" }, quickWorld);
  const why = await question.manifest("1").then(String, (thrown: Error) => thrown.message);
  const asked = registry.requests.find(({ path }) => path.startsWith("/token"))?.path;
  return asked === undefined ? why : decodeURIComponent(asked);
}

const usual = "/token?scope=repository:a/b:pull";

test.each([
  [
    'Bearer realm="REALM",service="registry.docker.io",scope="repository:a/b:pull,push"',
    "/token?service=registry.docker.io&scope=repository:a/b:pull",
  ],
  ['Bearer realm="REALM",scope="repository:other:*"', usual],
  ['BEARER Realm="REALM" , error="invalid_token"', usual],
  ['Bearer service="",realm="REALM"', "/token?service=&scope=repository:a/b:pull"],
])("the challenge %p is met", async (header, query) => {
  expect(await meet(header)).toBe(query);
});

test.each([
  ["", "offers no Bearer token"],
  ['Basic realm="registry"', "offers no Bearer token"],
  ["Bearer realm=REALM", "offers no Bearer token"],
  [`Bearer realm=${"a=".repeat(6000)}`, "offers no Bearer token"],
  ['Bearer realm="/token"', "names a token server that is not a URL"],
  ['Bearer realm="http://auth.example/token"', "http://auth.example is not HTTPS"],
  ['Bearer realm="file:///etc/passwd"', "file: is not HTTPS"],
  ['Bearer realm="http://user@127.0.0.1:1/token"', "carries a user name"],
  ['Basic realm="a, Bearer realm=REALM"', "offers no Bearer token"],
])("the challenge %p is not met: %s", async (header, why) => {
  expect(await meet(header)).toContain(why);
});
