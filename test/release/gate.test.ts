import { expect, test } from "bun:test";
import {
  error,
  type Finding,
  isPass,
  LocatedSyntaxError,
  notice,
  refusal,
  warning,
} from "../../scripts/lib/finding.ts";
import { askGates, type Gate } from "../../scripts/release/gate.ts";

const gate = (title: string, check: () => Promise<readonly Finding[]>): Gate<unknown> => ({
  title,
  check,
});
const answering = (...findings: Finding[]) => gate("asked", async () => findings);

async function ask(one: Gate<unknown>) {
  const [result] = await askGates([one], {});
  return { outcome: result?.outcome, messages: result?.findings.map(({ message }) => message) };
}

const noEvidence = 'Cannot pass gate "asked": it gave no evidence';

test.each<[string, Finding[], "passed" | "refused", string[]]>([
  ["a notice passes", [notice("seen")], "passed", ["seen"]],
  [
    "a warning beside a notice passes",
    [warning("look"), notice("seen")],
    "passed",
    ["look", "seen"],
  ],
  ["an error refuses", [error("bad")], "refused", ["bad"]],
  ["an error beside a notice refuses", [notice("seen"), error("bad")], "refused", ["seen", "bad"]],
  ["no findings refuse", [], "refused", [noEvidence]],
  ["warnings alone refuse", [warning("look")], "refused", ["look", noEvidence]],
])("%s", async (_, findings, outcome, messages) => {
  expect(await ask(answering(...findings))).toEqual({ outcome, messages });
  expect(isPass(findings)).toBe(outcome === "passed");
});

test("a gate without evidence refuses by an error, so that whoever reads the findings is refused", async () => {
  const [result] = await askGates([answering(warning("look"))], {});
  expect(result?.findings).toEqual([warning("look"), error(noEvidence)]);
});

test("a gate that throws a refusal, or stumbles on a file, refuses", async () => {
  const refused = gate("asked", () => Promise.reject(refusal("Cannot know")));
  expect(await ask(refused)).toEqual({ outcome: "refused", messages: ["Cannot know"] });
  const [result] = await askGates(
    [
      gate("asked", () =>
        Promise.reject(new LocatedSyntaxError("not TOML", { file: "a", line: 2 }, "repair it")),
      ),
    ],
    {},
  );
  expect(result).toEqual({
    title: "asked",
    outcome: "refused",
    findings: [error("not TOML", { at: { file: "a", line: 2 }, remedy: "repair it" })],
  });
});

test("a defect in a gate is no refusal that could be argued with: it ends everything", async () => {
  const broken = gate("asked", () => Promise.reject(new TypeError("undefined is not a function")));
  await expect(askGates([broken], {})).rejects.toThrow("undefined is not a function");
});

test("a bypass is recorded as a warning, and the question is not asked", async () => {
  let asked = false;
  const bypassed: Gate<{ skip: boolean }> = {
    title: "lab",
    bypass: ({ skip }) => (skip ? "the lab was skipped" : undefined),
    check: async () => {
      asked = true;
      return [notice("seen")];
    },
  };
  expect(await askGates([bypassed], { skip: true })).toEqual([
    {
      title: "lab",
      outcome: "bypassed",
      bypass: "the lab was skipped",
      findings: [
        warning("BYPASSED: the lab was skipped", {
          remedy:
            "The signed tag will say so: go on only if you know by other means what it would have told",
        }),
      ],
    },
  ]);
  expect(asked).toBe(false);
  const [result] = await askGates([bypassed], { skip: false });
  expect(result?.outcome).toBe("passed");
});

test("gates are asked at once, and answer in their own order", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const results = await askGates(
    [
      gate("first", async () => {
        await promise;
        return [notice("1")];
      }),
      gate("second", async () => {
        resolve();
        return [notice("2")];
      }),
    ],
    {},
  );
  expect(results.map(({ title }) => title)).toEqual(["first", "second"]);
});
