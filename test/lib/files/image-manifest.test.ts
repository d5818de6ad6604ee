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
  ["linux/arm64/v9", "linux/arm64/v9"],
  ["linux/arm", "linux/arm/v7"],
  ["linux/arm/v7", "linux/arm/v7"],
  ["linux/arm/v8", "linux/arm/v8"],
  ["linux/riscv64", "linux/riscv64"],
  ["windows/amd64", "windows/amd64"],
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
  [
    "of an odd system",
    entry({ platform: { os: "unknownos", architecture: "amd64" } }),
    "unknownos/amd64",
  ],
])("an index offers an entry %s", (_, each, platform) => {
  expect(read(index(each), mediaTypes.index)).toEqual({
    kind: "index",
    entries: [{ digest: digest("a"), platform }],
  });
});

test.each([
  ["an index with a configuration", { ...index(entry()), config: {} }, mediaTypes.index],
  ["an index with layers", { ...index(entry()), layers: [] }, mediaTypes.index],
  ["an index whose list is none", { manifests: {} }, mediaTypes.index],
  ["an index without a list", {}, mediaTypes.index],
  ["an entry without a digest", index(entry({ digest: undefined })), mediaTypes.index],
  ["an entry with half a digest", index(entry({ digest: "sha256:abc" })), mediaTypes.index],
  [
    "a configuration with half a digest",
    image({ config: { mediaType: mediaTypes.config, digest: "sha256:abc" } }),
    mediaTypes.manifest,
  ],
  ["an entry with a list for a digest", index(entry({ digest: [digest("a")] })), mediaTypes.index],
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
  ["a list", [], mediaTypes.manifest],
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
