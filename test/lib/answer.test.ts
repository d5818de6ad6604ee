import { expect, test } from "bun:test";
import { answered, findingOf, isTemporary, Unverified } from "../../scripts/lib/answer.ts";
import { error, notice, refusal } from "../../scripts/lib/finding.ts";

const image = { question: "image on ghcr.io", evidence: "sha256:1", link: "https://example.test" };

test("only a verified answer is evidence", () => {
  expect(findingOf({ ...image, state: "verified" })).toEqual(
    notice("image on ghcr.io: verified, sha256:1"),
  );
});

test.each(["failed", "pending", "unknown"] as const)(
  "an answer that is %s refuses, with where to look and the way out",
  (state) => {
    expect(findingOf({ ...image, state, remedy: "Wait" })).toEqual(
      error(`Cannot verify image on ghcr.io: ${state}, sha256:1 (https://example.test)`, {
        remedy: "Wait",
      }),
    );
  },
);

test("a question without an answer is unknown, with the reason and a way out; a defect stays one", async () => {
  const thrown = async (reason: Error) =>
    await answered("q", () => {
      throw reason;
    });
  expect(await answered("q", () => "there")).toEqual({
    question: "q",
    state: "verified",
    evidence: "there",
  });
  const remedy = "Check the network and the server, then run the command again";
  const unknown = { question: "q", state: "unknown" };
  expect(await thrown(new SyntaxError("torn"))).toMatchObject({
    ...unknown,
    evidence: "torn",
    remedy,
  });
  expect(await thrown(refusal("Cannot run git", { remedy: "Install git" }))).toMatchObject({
    ...unknown,
    evidence: "Cannot run git",
    remedy: "Install git",
  });
  expect(await thrown(new Unverified("failed", "it is yanked", "Undo", "https://x"))).toEqual({
    question: "q",
    state: "failed",
    evidence: "it is yanked",
    remedy: "Undo",
    link: "https://x",
  });
  expect(thrown(new TypeError("defect"))).rejects.toThrow(TypeError);
});

test.each([
  [true, "ssh: connect to host github.com port 22: Connection timed out"],
  [true, "Cannot ask origin (https://x) what it holds: no answer within 30 seconds"],
  [true, "fatal: unable to access 'https://x/': The requested URL returned error: 503"],
  [true, "Connection closed by 140.82.121.4 port 22"],
  [true, "gh run list failed: HTTP 502: Bad Gateway (https://api.github.com/x)"],
  [true, 'Get "https://api.github.com/x": net/http: TLS handshake timeout'],
  [true, "HTTP 403: API rate limit exceeded for user ID 1."],
  [false, "fatal: unable to access 'https://x/': Could not resolve host: github.com"],
  [false, "ssh: Could not resolve hostname x: Temporary failure in name resolution"],
  [false, "error connecting to api.github.com; check your internet connection"],
  [false, "dial tcp 140.82.121.6:443: connect: network is unreachable"],
  [false, "git@github.com: Permission denied (publickey)."],
  [false, "gh is not logged in to github.com"],
  [false, "Cannot run ssh-keygen: it is not installed, or not on PATH"],
])("waiting may bring an answer: %p, if a program says %s", async (expected, words) => {
  expect(isTemporary(words)).toBe(expected);
  const { temporary = false } = await answered("q", () => {
    throw refusal(words);
  });
  expect(temporary).toBe(expected);
});
