import { expect, test } from "bun:test";
import {
  isDigest,
  nameOf,
  parseImageReference,
} from "../../../scripts/lib/files/image-reference.ts";

const sha256 = `sha256:${"0123456789abcdef".repeat(4)}`;
const sha512 = `sha512:${"0123456789abcdef".repeat(8)}`;

test.each([
  ["ghcr.io/a/b:1.2.3", { registry: "ghcr.io", repository: "a/b", tag: "1.2.3" }],
  ["ghcr.io/a/b", { registry: "ghcr.io", repository: "a/b" }],
  ["localhost/a", { registry: "localhost", repository: "a" }],
  ["localhost:5000/a", { registry: "localhost:5000", repository: "a" }],
  ["127.0.0.1:5000/a/b:t", { registry: "127.0.0.1:5000", repository: "a/b", tag: "t" }],
  ["[::1]:5000/a:t", { registry: "[::1]:5000", repository: "a", tag: "t" }],
  ["ghcr.io/a__b/c-d.e---f", { registry: "ghcr.io", repository: "a__b/c-d.e---f" }],
  [`ghcr.io/a@${sha256}`, { registry: "ghcr.io", repository: "a", digest: sha256 }],
  [`a.b/c:1@${sha512}`, { registry: "a.b", repository: "c", tag: "1", digest: sha512 }],
])("%p names its registry, repository, tag and digest", (text, parts) => {
  expect(parseImageReference(text)).toEqual(parts);
});

test.each([
  ["alpine", { registry: "docker.io", repository: "library/alpine" }],
  ["alpine:3", { registry: "docker.io", repository: "library/alpine", tag: "3" }],
  ["localhost:5000", { registry: "docker.io", repository: "library/localhost", tag: "5000" }],
  ["robintra/perf-sentinel", { registry: "docker.io", repository: "robintra/perf-sentinel" }],
  ["index.docker.io/a/b", { registry: "docker.io", repository: "a/b" }],
])("%p is on Docker Hub, as runtimes read it", (text, parts) => {
  expect(parseImageReference(text)).toEqual(parts);
});

test.each([
  ["", "repository path"],
  ["ghcr.io/", "repository path"],
  ["ghcr.io/A/b", "repository path"],
  ["ghcr.io/a:1:2", "repository path"],
  [" ghcr.io/a", "registry host"],
  ["https://ghcr.io/a", "registry host"],
  ["host:65536/a", "registry host"],
  ["user@host.io/a", "digest"],
  ["ghcr.io/a:", "a tag"],
  ["ghcr.io/a:1.0+build", "a tag"],
  ["ghcr.io/a:1\n", "a tag"],
  [`ghcr.io/a:${"t".repeat(129)}`, "a tag"],
  [`ghcr.io/${"a".repeat(256)}`, "repository path"],
  ["ghcr.io/a@sha256:abc", "digest"],
  [`ghcr.io/a@${sha256.toUpperCase()}`, "digest"],
  [`ghcr.io/a@${sha256}@${sha256}`, "digest"],
])("%p is no image reference, and the message says which part is not", (text, part) => {
  expect(() => parseImageReference(text)).toThrow(SyntaxError);
  expect(() => parseImageReference(text)).toThrow(new RegExp(`expected .*${part}`));
});

test("a text of any length is refused at once", () => {
  for (const unit of ["a-", "a.", "a/", ":", "@"]) {
    const text = `h.io/${unit.repeat(500_000)}!`;
    expect(() => parseImageReference(text)).toThrow("expected at most 1024 characters");
  }
});

test.each([
  ["sha256 of 64 digits", sha256, true],
  ["sha512 of 128 digits", sha512, true],
  ["sha256 of 63 digits", sha256.slice(0, -1), false],
  ["sha512 of 64 digits", sha256.replace("256", "512"), false],
  ["capital letters", `sha256:${"A".repeat(64)}`, false],
  ["words before it", `x${sha256}`, false],
  ["a line feed behind it", `${sha256}\n`, false],
  ["another kind", `md5:${"0".repeat(32)}`, false],
])("whether a text is a digest: %s", (_, text, expected) => {
  expect(isDigest(text)).toBe(expected);
});

test.each([
  [{}, "ghcr.io/a/b:latest"],
  [{ tag: "1" }, "ghcr.io/a/b:1"],
  [{ digest: sha256 }, `ghcr.io/a/b@${sha256}`],
  [{ tag: "1", digest: sha256 }, `ghcr.io/a/b:1@${sha256}`],
])("the name with %p is %s", (ends, name) => {
  expect(nameOf({ registry: "ghcr.io", repository: "a/b", ...ends })).toBe(name);
});
