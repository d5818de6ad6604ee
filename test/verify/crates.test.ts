import { describe, expect, test } from "bun:test";
import { type StandInCrateIndex, startCrateIndex } from "../../scripts/demo/crate-index.ts";
import { startRawServer, startRegistry } from "../../scripts/demo/registry.ts";
import { parseVersion } from "../../scripts/lib/version.ts";
import { askCrate, crateIndexPath } from "../../scripts/verify/crates.ts";
import { quickHttp } from "../helpers/quick.ts";

const name = "perf-sentinel";
const version = parseVersion("1.3.0");

function ask(index: Pick<StandInCrateIndex, "url">) {
  return askCrate(name, version, new URL(index.url), quickHttp);
}

test("a version of the index is verified by its checksum", async () => {
  using index = startCrateIndex();
  index.publish(name, "1.2.9");
  const cksum = index.publish(name, "1.3.0");
  expect(await ask(index)).toEqual({
    question: "crate perf-sentinel",
    state: "verified",
    evidence: `1.3.0 with checksum ${cksum}`,
  });
  expect(index.requests).toEqual(["/pe/rf/perf-sentinel"]);
});

test.each([
  ["a", "1/a"],
  ["ab", "2/ab"],
  ["abc", "3/a/abc"],
  ["Abcd", "ab/cd/abcd"],
  ["perf-sentinel-core", "pe/rf/perf-sentinel-core"],
])("the index keeps %s at %s", (crate, path) => {
  expect(crateIndexPath(crate)).toBe(path);
});

test("an index below a folder is asked there", async () => {
  using index = startCrateIndex((path) =>
    path === "/mirror/pe/rf/perf-sentinel" ? new Response("") : undefined,
  );
  expect(await ask({ url: `${index.url}mirror/` })).toMatchObject({ state: "pending" });
});

describe("what is not there yet is pending:", () => {
  test("no such crate", async () => {
    using index = startCrateIndex();
    expect(await ask(index)).toMatchObject({
      state: "pending",
      evidence: "the index lists no such crate",
      remedy: expect.stringContaining("re-run the failed job"),
    });
  });

  test.each(["1.3.0-rc.1", "11.3.0", "1.3.00", "1.3.0+build"])("only %s", async (other) => {
    using index = startCrateIndex();
    index.publish(name, other);
    expect(await ask(index)).toMatchObject({
      state: "pending",
      evidence: "the index lists no version 1.3.0",
    });
  });
});

test("a yanked version has failed", async () => {
  using index = startCrateIndex();
  const cksum = index.publish(name, "1.3.0", { yanked: true });
  expect(await ask(index)).toMatchObject({
    state: "failed",
    evidence: `1.3.0 with checksum ${cksum} is yanked`,
    remedy: expect.stringContaining("cargo yank --undo --version 1.3.0 perf-sentinel"),
  });
});

describe("lines that nobody can read", () => {
  const torn = ["{", "[]", '"1.3.0"', '{"name":"perf-sentinel"}', '{"vers":130}', "\u001b[2J"];
  test.each(torn)("hide no version beside them: %j", async (line) => {
    using index = startCrateIndex();
    index.addLine(name, line);
    index.publish(name, "1.3.0");
    index.addLine(name, line);
    expect(await ask(index)).toMatchObject({ state: "verified" });
  });

  test.each(torn)("may be the version that is missing: %j", async (line) => {
    using index = startCrateIndex();
    index.publish(name, "1.2.9");
    index.addLine(name, line);
    expect(await ask(index)).toMatchObject({
      state: "unknown",
      evidence: `line 2 of the index file cannot be read: ${JSON.stringify(line)}`,
    });
  });

  const checksum = "0".repeat(64);
  test.each([
    { name, vers: "1.3.0", yanked: false },
    { name, vers: "1.3.0", cksum: "abc", yanked: false },
    { name, vers: "1.3.0", cksum: checksum.toUpperCase().replaceAll("0", "A"), yanked: false },
    { name, vers: "1.3.0", cksum: checksum, yanked: "no" },
    { name, vers: "1.3.0", cksum: checksum, yanked: null },
    { name: "perf-sentine1", vers: "1.3.0", cksum: checksum, yanked: false },
    { vers: "1.3.0", cksum: checksum, yanked: false },
  ])("are no answer about their own version: %j", async (entry) => {
    using index = startCrateIndex();
    index.publish(name, "1.2.9");
    index.addLine(name, JSON.stringify(entry));
    expect(await ask(index)).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining("line 2 of the index file is not as expected"),
    });
  });
});

test("two lines for one version are no answer", async () => {
  using index = startCrateIndex();
  index.publish(name, "1.3.0", { yanked: true });
  index.publish(name, "1.3.0");
  expect(await ask(index)).toMatchObject({
    state: "unknown",
    evidence: "lines 1 and 2 of the index file are both 1.3.0",
  });
});

describe("nobody could be asked:", () => {
  test("a server that fails", async () => {
    using index = startCrateIndex(() => new Response("", { status: 503 }));
    expect(await ask(index)).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining("answered 503"),
    });
  });

  test("a server that is no crate index", async () => {
    using registry = startRegistry();
    expect(await ask({ url: `http://${registry.host}/` })).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining("has no config.json of a crate index"),
    });
  });

  test("a server that hangs up", async () => {
    using server = startRawServer("HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{", "close");
    expect(await ask({ url: `http://${server.host}/` })).toMatchObject({ state: "unknown" });
  });

  test("plain HTTP beyond this machine", async () => {
    expect(await ask({ url: "http://index.example.invalid/" })).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining("is not HTTPS"),
    });
  });

  test("an index file without an end", async () => {
    using index = startCrateIndex(() => new Response("x".repeat(5 * 1024 * 1024)));
    expect(await ask(index)).toMatchObject({
      state: "unknown",
      evidence: expect.stringContaining("sends more than"),
    });
  });
});
