import { expect, test } from "bun:test";
import { answered, findingOf, Unverified } from "../../scripts/lib/answer.ts";
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
