import { expect, test } from "bun:test";
import { parseChallenges } from "../../../scripts/lib/net/challenge.ts";
import { expectLinear } from "../../helpers/growth.ts";

const read = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

test.each([
  ["", []],
  ["Basic", [["basic", {}]]],
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    [
      [
        "bearer",
        {
          realm: "https://auth.docker.io/token",
          service: "registry.docker.io",
          scope: "repository:a/b:pull,push",
        },
      ],
    ],
  ],
  ['BEARER Realm="x"', [["bearer", { realm: "x" }]]],
  ["Basic realm=plain", [["basic", { realm: "plain" }]]],
  ['Basic realm = "spaced" , charset="UTF-8"', [["basic", { realm: "spaced", charset: "UTF-8" }]]],
  ['Basic realm="a \\"b\\" \\\\ c"', [["basic", { realm: 'a "b" \\ c' }]]],
  ["Basic cmVhbG0=", [["basic", {}]]],
  ['Basic realm=""', [["basic", { realm: "" }]]],
  [
    'Basic realm="a, Bearer realm=b", Bearer realm="c"',
    [
      ["basic", { realm: "a, Bearer realm=b" }],
      ["bearer", { realm: "c" }],
    ],
  ],
  [
    'Negotiate, Newauth opaque68==, ,Basic realm="z"',
    [
      ["negotiate", {}],
      ["newauth", {}],
      ["basic", { realm: "z" }],
    ],
  ],
])("the header %p reads as its challenges", (header, challenges) => {
  expect(read(header)).toEqual(challenges as never);
});

test.each([
  ['Bearer realm="open'],
  ['Bearer realm="a"b"'],
  ['Bearer realm="a",realm="b"'],
  ['Bearer realm="a",REALM="b"'],
  ["Bearer realm=https://example.com/token"],
  ["\u0000"],
  ['"Bearer"'],
])("the header %p is refused", (header) => {
  expect(() => parseChallenges(header)).toThrow(SyntaxError);
});

test("a long hostile header is read in linear time", async () => {
  // Beyond 100,000 the runtime changes to a slower way of matching, at once and for good.
  const header = (size: number) => `Bearer realm="${"\\".repeat(size + 1)}`;
  await expectLinear(50_000, header, (text) => {
    expect(() => parseChallenges(text)).toThrow(SyntaxError);
  });
});
