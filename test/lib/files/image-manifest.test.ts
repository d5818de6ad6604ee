import { expect, test } from "bun:test";
import { mediaTypes } from "../../../scripts/demo/registry.ts";
import {
  parseConfigPlatform,
  parseImageManifest,
  parsePlatform,
} from "../../../scripts/lib/files/image-manifest.ts";

const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
const amd64 = { os: "linux", architecture: "amd64" };

test.each([
  ["linux/amd64", "linux/amd64"],
  ["linux/amd64/v1", "linux/amd64"],
  ["linux/amd64/v3", "linux/amd64/v3"],
  ["Linux/AMD64", "linux/amd64"],
  ["linux/arm64", "linux/arm64"],
  ["linux/arm64/v8", "linux/arm64"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/arm/v7", "linux/arm/v7"],
])("platform %p is platform %p", (text, platform) => {
  expect(parsePlatform(text)).toBe(platform);
});

test("each part of a platform has 40 characters at most", () => {
  const [most, more] = ["x".repeat(40), "x".repeat(41)];
  expect(parsePlatform(`${most}/${most}/${most}`)).toBe(`${most}/${most}/${most}`);
  for (const text of [`${more}/a/b`, `a/${more}/b`, `a/b/${more}`]) {
    expect(() => parsePlatform(text)).toThrow(SyntaxError);
  }
});

test.each(["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "linux/amd 64", "linux/\u001b[31m"])(
  "%p is no platform",
  (text) => {
    expect(() => parsePlatform(text)).toThrow(SyntaxError);
  },
);

const image = (more: object = {}) => ({
  schemaVersion: 2,
  config: { mediaType: mediaTypes.config, digest: digest("c") },
  layers: [],
  ...more,
});
const entry = (more: object = {}) => ({
  mediaType: mediaTypes.manifest,
  digest: digest("a"),
  platform: amd64,
  ...more,
});
const index = (...manifests: unknown[]) => ({ schemaVersion: 2, manifests });
const read = (body: unknown, type: string) => parseImageManifest(JSON.stringify(body), type);

test.each([
  [mediaTypes.manifest, mediaTypes.config],
  [mediaTypes.dockerManifest, mediaTypes.dockerConfig],
])("a manifest of type %s names its configuration", (type, mediaType) => {
  const body = image({ mediaType: type, config: { mediaType, digest: digest("c") } });
  expect(read(body, type)).toEqual({ kind: "image", config: digest("c") });
});

test.each([
  [mediaTypes.index, mediaTypes.manifest],
  [mediaTypes.dockerList, mediaTypes.dockerManifest],
])("an index of type %s lists an image for each platform", (type, mediaType) => {
  const arm = {
    mediaType,
    digest: digest("b"),
    platform: { os: "linux", architecture: "arm64", variant: "v8" },
  };
  expect(read(index(entry({ mediaType }), arm), type)).toEqual({
    kind: "index",
    entries: [
      { digest: digest("a"), platform: "linux/amd64" },
      { digest: digest("b"), platform: "linux/arm64" },
    ],
  });
});

test.each([
  ["attestations", entry({ platform: { os: "unknown", architecture: "unknown" } })],
  ["entries for an unknown system", entry({ platform: { os: "unknown", architecture: "amd64" } })],
  ["entries without a platform", entry({ platform: undefined })],
  ["nested indexes", entry({ mediaType: mediaTypes.index })],
  ["other artifacts", entry({ mediaType: "application/vnd.example+json" })],
  ["entries that are no object", null],
])("an index offers nothing by %s", (_, each) => {
  expect(read(index(each), mediaTypes.index)).toEqual({ kind: "index", entries: [] });
});

test.each([
  ["an index with a configuration", { ...index(entry()), config: {} }, mediaTypes.index],
  ["an index whose list is none", { manifests: {} }, mediaTypes.index],
  ["an index without a list", {}, mediaTypes.index],
  ["an entry without a digest", index(entry({ digest: undefined })), mediaTypes.index],
  [
    "a configuration with half a digest",
    image({ config: { mediaType: mediaTypes.config, digest: "sha256:abc" } }),
    mediaTypes.manifest,
  ],
  ["an entry whose platform has no name", index(entry({ platform: { os: 1 } })), mediaTypes.index],
  ["an index and a manifest at once", { ...image(), ...index() }, mediaTypes.manifest],
  ["a body of another type", image({ mediaType: mediaTypes.index }), mediaTypes.manifest],
  [
    "a chart",
    image({
      config: { mediaType: "application/vnd.cncf.helm.config.v1+json", digest: digest("c") },
    }),
    mediaTypes.manifest,
  ],
  ["a manifest without a configuration", { layers: [] }, mediaTypes.manifest],
  ["null", null, mediaTypes.index],
])("%s is refused", (_, body, type) => {
  expect(() => read(body, type)).toThrow(SyntaxError);
});

test.each(["", "{", "<html></html>", '{"manifests":[}'])("%p is no manifest", (text) => {
  expect(() => parseImageManifest(text, mediaTypes.index)).toThrow(/not JSON/);
});

test("an image's configuration tells its platform", () => {
  const config = { os: "linux", architecture: "arm64", variant: "v8" };
  expect(parseConfigPlatform(JSON.stringify(config))).toBe("linux/arm64");
  expect(parseConfigPlatform(JSON.stringify({ ...amd64, variant: "" }))).toBe("linux/amd64");
});

test.each(["{}", "[]", "", '{"os":"linux"}', '{"os":"linux","architecture":["amd64"]}'])(
  "%p is no image configuration",
  (text) => {
    expect(() => parseConfigPlatform(text)).toThrow(SyntaxError);
  },
);

test.each<[string, object, object, object]>([
  ["an index", { Manifests: [] }, {}, {}],
  ["an entry, by its digest", {}, { Digest: digest("b") }, {}],
  ["an entry, by its platform", {}, { Platform: { os: "linux", architecture: "s390x" } }, {}],
  ["a platform", {}, {}, { Architecture: "s390x" }],
])("keys that differ in their case only are refused: %s", (_, top, entry, platform) => {
  const image = {
    ...{ mediaType: mediaTypes.manifest, digest: digest("a"), platform: { ...amd64, ...platform } },
    ...entry,
  };
  const text = JSON.stringify({ mediaType: mediaTypes.index, manifests: [image], ...top });
  expect(() => parseImageManifest(text, mediaTypes.index)).toThrow("differ in their case only");
});

test.each(["Architecture", "o\u017f"])("a configuration with %s twice is refused", (key) => {
  const text = JSON.stringify({ ...amd64, [key]: "s390x" });
  expect(() => parseConfigPlatform(text)).toThrow("differ in their case only");
});
