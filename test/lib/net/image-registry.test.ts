import { expect, test } from "bun:test";
import { githubRegistry, registryUrl } from "../../../scripts/lib/net/image-registry.ts";

test.each([
  ["ghcr.io", "https://ghcr.io"],
  ["docker.io", "https://registry-1.docker.io"],
  ["index.docker.io", "https://registry-1.docker.io"],
  ["registry.example:5000", "https://registry.example:5000"],
  ["localhost", "http://localhost"],
  ["localhost:443", "http://localhost:443"],
  ["127.0.0.1:5000", "http://127.0.0.1:5000"],
  ["[::1]:5000", "http://[::1]:5000"],
  ["127.0.0.1.evil.example", "https://127.0.0.1.evil.example"],
  ["localhost.evil.example:5000", "https://localhost.evil.example:5000"],
  ["10.0.0.1:5000", "https://10.0.0.1:5000"],
])("registry %s is served at %s", (host, origin) => {
  expect(registryUrl(host).origin).toBe(origin);
});

test.each([
  ["ghcr.io", true],
  ["GHCR.IO:443", true],
  ["localhost:5000", false],
  ["127.0.0.1:5000", false],
  ["ghcr.io:8443", false],
  ["ghcr.io.evil.example", false],
  ["evil-ghcr.io", false],
  ["www.ghcr.io", false],
  ["docker.io", false],
  ["quay.io", false],
  ["127.0.0.1.evil.example", false],
])("registry %s is the one that gh's token is for: %p", (host, expected) => {
  expect(registryUrl(host).origin === githubRegistry).toBe(expected);
});
