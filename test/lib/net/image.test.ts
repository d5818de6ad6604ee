import { expect, test } from "bun:test";
import { standInGh } from "../../../scripts/demo/gh.ts";
import {
  digestOf,
  failure,
  mediaTypes,
  type RegistryOptions,
  startRegistry,
} from "../../../scripts/demo/registry.ts";
import { parseImageReference } from "../../../scripts/lib/files/image-reference.ts";
import type { Finding } from "../../../scripts/lib/finding.ts";
import { askImage, checkImage } from "../../../scripts/lib/net/image.ts";
import { githubRegistry } from "../../../scripts/lib/net/registry.ts";
import { quickWorld } from "../../helpers/quick.ts";
import { temporaryFolder } from "../../helpers/world.ts";

const repository = "owner/product";
const both = ["linux/amd64", "linux/arm64"];
const token = "gho_operatorTokenOfTheTest0123456789";

const referenceTo = (host: string, image = "1.2.3") =>
  parseImageReference(`${host}/${repository}:${image}`);

/** Checks an image in a registry where gh is missing, with a promise of both platforms. */
const check = async (host: string, image?: string, platforms: readonly string[] = both) =>
  (await checkImage({ reference: referenceTo(host, image), platforms }, quickWorld)).findings;

/** Checks `1.2.3` where gh prints the token, or fails; returns also how often gh was asked. */
async function checkAsOperator(
  host: string,
  { isLoggedIn = true, tokenOrigin = `http://${host}`, platforms = both } = {},
) {
  using folder = temporaryFolder();
  const gh = standInGh(folder.path);
  gh.reply("auth token", isLoggedIn ? { stdout: `${token}\n` } : { code: 1 });
  const env = { PATH: `${gh.bin}:${process.env.PATH}` };
  const world = { ...quickWorld, env, cwd: folder.path, tokenOrigin };
  const reference = referenceTo(host);
  const { findings, temporary } = await checkImage({ reference, platforms }, world);
  return { findings, asked: gh.asked().length, ...(temporary && { temporary }) };
}

/** A registry that holds 1.2.3 for both platforms. */
function publishedRegistry(options: RegistryOptions = {}) {
  const registry = startRegistry(options);
  const digest = registry.pushIndex(repository, "1.2.3", both);
  return Object.assign(registry, { digest });
}

const pass = (host: string, digest: string): Finding[] => [
  {
    level: "notice",
    message: `image ${host}/${repository}:1.2.3 -> ${digest} (linux/amd64, linux/arm64)`,
  },
];

test("an image with every platform promised passes and names its digest", async () => {
  using registry = publishedRegistry();
  expect(await check(registry.host)).toEqual(pass(registry.host, registry.digest));
  expect(registry.requests.map(({ path }) => path).slice(0, 1)).toEqual([
    `/v2/${repository}/manifests/1.2.3`,
  ]);
  expect(registry.requests).toHaveLength(5);
  expect(registry.requests[0]?.headers.get("accept")?.split(", ").sort()).toEqual([
    mediaTypes.dockerList,
    mediaTypes.dockerManifest,
    mediaTypes.index,
    mediaTypes.manifest,
  ]);
});

test("an image for one platform is told by its configuration", async () => {
  using registry = startRegistry();
  const digest = registry.pushImage(repository, "1.2.3", "linux/arm64/v8");
  expect(await check(registry.host, "1.2.3", ["linux/arm64"])).toEqual([
    {
      level: "notice",
      message: `image ${registry.host}/${repository}:1.2.3 -> ${digest} (linux/arm64)`,
    },
  ]);
  expect(await check(registry.host)).toEqual([
    {
      level: "error",
      message: `Cannot find linux/amd64 in image ${registry.host}/${repository}:1.2.3 (${digest}): found linux/arm64`,
      remedy:
        "Release the next version with an image for linux/amd64, or correct artifacthub.io/images",
    },
  ]);
});

test("a platform that the index lists and the registry does not hold is missing", async () => {
  using registry = publishedRegistry();
  const arm = registry.pushImage(repository, "arm", "linux/arm64");
  registry.remove(repository, arm);
  expect((await check(registry.host)).map(({ message }) => message)).toEqual([
    `Cannot find linux/arm64 in image ${registry.host}/${repository}:1.2.3 (${registry.digest}): found linux/amd64; its index lists linux/arm64, but the registry does not hold that manifest`,
  ]);
});

/** An index that promises each platform by the image that was built for another one. */
function pushClaims(
  registry: ReturnType<typeof startRegistry>,
  ...claims: (readonly [claimed: string, built: string])[]
) {
  const manifests = claims.map(([claimed, built]) => {
    const [os, architecture, variant] = claimed.split("/");
    const digest = registry.pushImage(repository, undefined, built);
    return { mediaType: mediaTypes.manifest, digest, platform: { os, architecture, variant } };
  });
  return registry.pushManifest(repository, "1.2.3", { manifests }, mediaTypes.index);
}

const amd = ["linux/amd64", "linux/amd64"] as const;

test.each([
  ["one image for two platforms", [amd, ["linux/arm64", "linux/amd64"]], "linux/amd64"],
  ["an image of another variant", [amd, ["linux/arm64", "linux/arm64/v9"]], "linux/arm64/v9"],
] as const)("%s fails: the image's own configuration counts", async (_, claims, built) => {
  using registry = startRegistry();
  const digest = pushClaims(registry, ...claims);
  expect((await check(registry.host)).map(({ level, message }) => [level, message])).toEqual([
    [
      "error",
      `Cannot find linux/arm64 in image ${registry.host}/${repository}:1.2.3 (${digest}): found linux/amd64; its index lists linux/arm64, but the configuration of that image says ${built}`,
    ],
  ]);
});

test("a platform with several images fails, and none of them is asked for", async () => {
  using registry = startRegistry();
  pushClaims(registry, amd, ["linux/arm64", "linux/arm64"], ["linux/arm64", "linux/amd64"]);
  expect((await check(registry.host))[0]?.message).toEndWith(
    "found linux/amd64; its index lists 2 images for linux/arm64, expected 1",
  );
  expect(registry.requests).toHaveLength(3);
});

test("the evidence names no platform that only the index claims", async () => {
  using registry = startRegistry();
  const digest = pushClaims(
    registry,
    amd,
    ["linux/arm64", "linux/arm64"],
    ["linux/riscv64", "linux/amd64"],
  );
  expect(await check(registry.host)).toEqual(pass(registry.host, digest));
});

test("an image that nobody published is absent, and the remedy is to wait", async () => {
  using registry = startRegistry();
  expect(await check(registry.host)).toEqual([
    {
      level: "error",
      message: `Cannot find image ${registry.host}/${repository}:1.2.3: http://${registry.host} answered 404 (MANIFEST_UNKNOWN), expected it to be published`,
      remedy:
        "Wait for release.yml to publish it (typically 5-10 minutes after its tag), then run the command again",
    },
  ]);
});

test("a digest is asked for as such, whatever the tag beside it", async () => {
  using registry = publishedRegistry();
  const [finding] = await check(registry.host, `0.0.1@${registry.digest}`);
  expect(finding?.message).toBe(
    `image ${registry.host}/${repository}:0.0.1@${registry.digest} -> ${registry.digest} (linux/amd64, linux/arm64)`,
  );
});

test("a promise without platforms asks for the image alone, and without a tag for latest", async () => {
  using registry = startRegistry();
  registry.pushIndex(repository, "latest", both);
  const reference = { registry: registry.host, repository };
  const { findings } = await checkImage({ reference, platforms: [] }, quickWorld);
  expect(findings.map(({ level }) => level)).toEqual(["notice"]);
  expect(findings[0]?.message).toEndWith(" (no platform checked)");
  expect(registry.requests).toHaveLength(1);
});

test("a promise of something that is no platform is refused, with its place", async () => {
  const reference = referenceTo("ghcr.io");
  const at = { file: "Chart.yaml", line: 7 };
  const { findings } = await checkImage({ reference, platforms: ["amd64", "any"], at }, quickWorld);
  expect(findings.map(({ level }) => level)).toEqual(["error", "error"]);
  expect(findings.map(({ message }) => message)).toEqual([
    'Cannot read a platform that the chart promises: expected a platform such as linux/amd64, found "amd64"',
    'Cannot read a platform that the chart promises: expected a platform such as linux/amd64, found "any"',
  ]);
  expect(findings[0]?.at).toEqual(at);
});

// --- What is no answer is neither present nor absent.

/** The one error that says why it could not be found out. */
async function unknown(host: string, findings?: readonly Finding[]) {
  findings ??= await check(host);
  expect(findings).toHaveLength(1);
  const [finding] = findings;
  expect(finding?.level).toBe("error");
  expect(finding?.message).toStartWith(
    `Cannot find out whether image ${host}/${repository}:1.2.3 exists: `,
  );
  return { message: finding?.message ?? "", remedy: finding?.remedy ?? "" };
}

const ociHeader = { "Docker-Distribution-API-Version": "registry/2.0" };

test.each([
  ["names the error", () => failure(404, "NAME_UNKNOWN"), true],
  ["names the error as Harbor does", () => failure(404, "NOT_FOUND"), true],
  ["names itself", () => new Response("", { status: 404, headers: ociHeader }), true],
  ["is a page of some proxy", () => new Response("<h1>Not found</h1>", { status: 404 }), false],
  ["names another error", () => failure(404, "DENIED", ociHeader), false],
])("a 404 that %s tells that the image is absent: %p", async (_, intercept, absent) => {
  using registry = startRegistry({ intercept });
  const [finding] = await check(registry.host);
  expect(finding?.message.startsWith("Cannot find image ")).toBe(absent);
  expect(finding?.level).toBe("error");
});

test.each<[string, RegistryOptions["intercept"] & {}, string, boolean?]>([
  ["an error of the server", () => failure(503, "UNAVAILABLE"), "answered 503 (UNAVAILABLE)", true],
  // Some registries deny what they do not hold yet.
  ["a refusal without a challenge", () => failure(403, "DENIED"), "offers no Bearer token", true],
  ["a page", () => new Response("<html>"), "expected an image manifest"],
  [
    "a body that is no manifest",
    () => new Response("<html>", { headers: { "Content-Type": mediaTypes.index } }),
    "found text that is not JSON",
  ],
  [
    "a body that is not what the digest says",
    () =>
      Response.json(
        { manifests: [] },
        {
          headers: {
            "Content-Type": mediaTypes.index,
            "Docker-Content-Digest": digestOf("something else"),
          },
        },
      ),
    `expected ${digestOf("something else")}`,
  ],
  [
    "a digest that cannot be checked",
    () =>
      Response.json(
        { manifests: [] },
        { headers: { "Content-Type": mediaTypes.index, "Docker-Content-Digest": "md5:abc" } },
      ),
    "expected md5:abc",
  ],
  [
    "a manifest that is not the one its index names",
    (_: Request, path: string) =>
      path.includes("sha256:")
        ? new Response("{}", { headers: { "Content-Type": mediaTypes.manifest } })
        : undefined,
    `sends a body with digest ${digestOf("{}")}, expected sha256:`,
  ],
])("%s leaves the image unknown", async (_, intercept, why, temporary = false) => {
  using registry = publishedRegistry({ intercept });
  expect((await unknown(registry.host)).message).toContain(why);
  const answer = await askImage(referenceTo(registry.host), both, quickWorld);
  expect(answer.temporary ?? false).toBe(temporary);
});

test("a configuration that cannot be read leaves the image unknown", async () => {
  using registry = startRegistry({
    intercept: (_, path) => (path.includes("/blobs/") ? failure(404, "BLOB_UNKNOWN") : undefined),
  });
  registry.pushImage(repository, "1.2.3", "linux/amd64");
  expect((await unknown(registry.host)).message).toEndWith("answered 404 (BLOB_UNKNOWN)");
});

test.each([
  ["127.0.0.1:5000", "a/../../../../etc", "1"],
  ["127.0.0.1:5000", "owner/product", "1/../../x"],
  ["127.0.0.1:5000", "owner/product", "1\r\nX-Evil: 1"],
  ["127.0.0.1:5000", "owner/product:2", "1"],
  ["user:word@ghcr.io", "owner/product", "1"],
])("a reference in the parts %p, %p, %p is asked of nobody", async (registry, path, tag) => {
  const answer = await askImage({ registry, repository: path, tag }, [], quickWorld);
  expect(answer.state).toBe("unknown");
  expect(answer.evidence).toMatch(/Cannot read image reference|parts of/);
});

// --- Authentication as the registry's challenge asks for.

const password = token;

test("a token for everyone is fetched as the challenge says, and gh is not asked", async () => {
  using registry = publishedRegistry({ access: { kind: "bearer" } });
  const { findings, asked: calls } = await checkAsOperator(registry.host);
  expect(findings).toEqual(pass(registry.host, registry.digest));
  expect(calls).toBe(0);
  const asked = registry.requests.filter(({ path }) => path.startsWith("/token"));
  expect(asked.map(({ path }) => [...new URL(path, "http://x").searchParams])).toEqual([
    [
      ["service", registry.host],
      ["scope", `repository:${repository}:pull`],
    ],
  ]);
  expect(asked[0]?.headers.has("authorization")).toBe(false);
  expect(registry.requests[0]?.headers.has("authorization")).toBe(false);
});

test("gh's token opens a private registry after anonymous access is denied", async () => {
  using registry = publishedRegistry({ access: { kind: "private", password } });
  expect(await checkAsOperator(registry.host)).toEqual({
    findings: pass(registry.host, registry.digest),
    asked: 1,
  });
  expect(registry.requests[0]?.headers.has("authorization")).toBe(false);
});

test("denied, with gh logged out, is neither private nor absent", async () => {
  using registry = publishedRegistry({ access: { kind: "private", password } });
  const { findings, temporary } = await checkAsOperator(registry.host, { isLoggedIn: false });
  expect(temporary).toBeUndefined();
  const failed = await unknown(registry.host, findings);
  expect(failed.message).toContain(
    `http://${registry.host} answered 401 (UNAUTHORIZED) to anonymous access, and gh is not logged in to github.com`,
  );
  expect(failed.message).toEndWith("the image may be private or absent");
  expect(failed.remedy).toContain("gh auth login --scopes read:packages");
});

test("gh's token goes to no registry but ghcr.io, on loopback neither", async () => {
  using registry = publishedRegistry({ access: { kind: "private", password } });
  const { findings, asked } = await checkAsOperator(registry.host, { tokenOrigin: githubRegistry });
  expect(findings[0]?.message).toContain(
    `to anonymous access, and gh's token is not for http://${registry.host};`,
  );
  expect(findings[0]?.remedy).toBe("Let the image be read without a login, or look it up by hand");
  expect(asked).toBe(0);
  const sent = registry.requests.map(({ headers }) => headers.get("authorization"));
  expect(new Set(sent)).toEqual(new Set([null]));
});

test("denied to gh's token as well asks for the scope that is missing", async () => {
  using registry = publishedRegistry({ access: { kind: "private", password: "another" } });
  const { findings } = await checkAsOperator(registry.host);
  const failed = await unknown(registry.host, findings);
  expect(failed.message).toContain("to gh's token");
  expect(failed.remedy).toContain("gh auth refresh --scopes read:packages");
});

test("a token may be called access_token", async () => {
  using registry = publishedRegistry({
    access: { kind: "bearer" },
    intercept: (_, path) =>
      path.startsWith("/token")
        ? Response.json({ access_token: "stand-in-registry-bearer-token" })
        : undefined,
  });
  expect((await check(registry.host))[0]?.level).toBe("notice");
});

const withoutToken = "answered without a token";
test.each([
  ["no token", () => Response.json({}), withoutToken],
  [
    "a token with a header of its own",
    () => Response.json({ token: "a\r\nX-Evil: 1" }),
    withoutToken,
  ],
  ["a fault", () => failure(500, "UNKNOWN"), "answered 500 (UNKNOWN)"],
])("a token server that answers with %s leaves the image unknown", async (_, answer, why) => {
  using registry = publishedRegistry({
    access: { kind: "bearer" },
    intercept: (_request, path) => (path.startsWith("/token") ? answer() : undefined),
  });
  expect((await unknown(registry.host)).message).toEndWith(why);
});

test("gh's token goes to no token server but the registry's own", async () => {
  using elsewhere = startRegistry({ access: { kind: "private", password } });
  using registry = publishedRegistry({
    intercept: () =>
      failure(401, "UNAUTHORIZED", {
        "WWW-Authenticate": `Bearer realm="http://${elsewhere.host}/token"`,
      }),
  });
  const { findings, asked } = await checkAsOperator(registry.host);
  expect(findings[0]?.message).toContain(`gh's token is not for http://${elsewhere.host}`);
  expect(asked).toBe(0);
  expect(elsewhere.requests.map(({ headers }) => headers.get("authorization"))).toEqual([null]);
});

test("a storage server that denies gets no credentials, whatever it asks for", async () => {
  using storage = startRegistry({ access: { kind: "private", password } });
  using registry = startRegistry({
    intercept: (_, path) =>
      path.includes("/blobs/")
        ? Response.redirect(`http://${storage.host}${path}`, 307)
        : undefined,
  });
  registry.pushImage(repository, "1.2.3", "linux/amd64");
  const { findings } = await checkAsOperator(registry.host);
  const failed = await unknown(registry.host, findings);
  expect(failed.message).toEndWith(`http://${storage.host} answered 401 (UNAUTHORIZED)`);
  expect(storage.requests.map(({ headers }) => headers.get("authorization"))).toEqual([null]);
});
