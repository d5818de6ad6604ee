import { expect, test } from "bun:test";
import { parseArgs } from "node:util";
import { findMeant, tokensOf } from "../../scripts/lib/arguments.ts";

/** What the runtime's own parser tells, without the numbers of the arguments. */
function expected(args: readonly string[]) {
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: {
      ref: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  return tokens.map(({ index, ...token }) => token);
}

/** All sequences of up to three of some parts. */
function* sequences(parts: readonly string[]): Generator<string[]> {
  yield [];
  for (const a of parts) {
    yield [a];
    for (const b of parts) {
      yield [a, b];
      yield* parts.map((c) => [a, b, c]);
    }
  }
}

test("arguments are told apart as the runtime tells them apart", () => {
  const parts = [
    ...["", "-", "--", "---", "--=", "--=x", "v1.2.3", "a=b"],
    ...["-h", "-x", "-hx", "-h=1", "--help", "--h", "--json", "--json=", "--json=no"],
    ...["--ref", "--ref=", "--ref=a=b", "--refs", "--ref\n", "--constructor", "--no-json"],
  ];
  for (const args of sequences(parts)) {
    expect<unknown>([args, tokensOf(args, new Set(["ref"]))]).toEqual([args, expected(args)]);
  }
});

const names = ["dry-run", "yes", "skip-lab", "strict", "resume", "ref", "repo", "json", "help"];

test.each<[string, string | undefined]>([
  ["JSON", "json"],
  ["dryRun", "dry-run"],
  ["dry-rnu", "dry-run"],
  ["dr-run", "dry-run"],
  ["skip-labs", "skip-lab"],
  ["resmue", "resume"],
  ["dry", "dry-run"],
  ["yess", "yes"],
  ["repp", "repo"],
  ["re", undefined],
  ["", undefined],
  ["no", undefined],
  ["x", undefined],
  ["nope", undefined],
  ["skip", "skip-lab"],
  ["skip-gate", undefined],
  ["__proto__", undefined],
  ["a".repeat(1_000_000), undefined],
])("of what was given as --%s, this was probably meant: %s", (given, expected) => {
  expect(findMeant(given, names)).toBe(expected);
});
