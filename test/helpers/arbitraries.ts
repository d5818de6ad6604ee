/** Texts and bytes that readers do not expect, and values of every kind that they read. */

import fc from "fast-check";
import { smallProduct } from "../../scripts/demo/product.ts";
import type { Day } from "../../scripts/lib/calendar.ts";
import { dayOf } from "../../scripts/lib/calendar.ts";
import type { Version } from "../../scripts/lib/version.ts";

/** What the grammars of all files are made of, and what their readers must not stumble over. */
const pieces = [
  ..."[]{}()<>:;,.=#'\"`\\|&!%@*?-+_~/$ \t\n\r",
  ...["\r\n", "\0", "\x1b[2J", "\x7f", "\u0085", "\u2028", "\ufeff", "\ud800", "\u202e", "é", "🦀"],
  ...["\n  ", "\n- ", ": ", "---\n", "...\n", "&a ", "*a", "<<: ", "? ", "!!str ", "|-\n ", ">\n "],
  ...[
    '"""',
    "'''",
    "```\n",
    "~~~\n",
    "<!--",
    "-->",
    "/*",
    "*/",
    "//",
    'r#"',
    '"#',
    "<<EOF\n",
    "$((",
  ],
  ...["__proto__", "constructor", "hasOwnProperty", "toString", "version", "name", "package"],
  ...["dependencies", "workspace", "members", "annotations", "appVersion", "jobs", "steps", "run"],
  ...[
    "## [Unreleased]\n",
    "## [1.2.3] - 2026-08-07\n",
    "=\n",
    "const A_VINTAGE: &str = ",
    "import ",
  ],
  ...["1.2.3", "v1.2.3-rc.1", "01", "1e999", "9".repeat(40), "2026-02-30", "PASS", "a".repeat(64)],
  ...["ghcr.io/a/b:1", "sha256:", "linux/arm64", "if ", "then ", "fi\n", "do ", "done\n", "case "],
  ...["\u2028", "\u0085", "\ufeff", " # \u2029version: 9.9.9\n", "x: &c [*c]\n", "*c", "<<: *c\n"],
  ...["!!binary ", "!!str ", "1:20", "yes", "0b11"],
  ...["::error::", "%0A", "object ", "tagger ", "-----BEGIN PGP SIGNATURE-----\n"],
] as const;

const samples = [
  ...Object.values(smallProduct("1.2.9")),
  "v1.2.9\t214ea6f\t2026-08-07\tPASS\n# comment\nv1.2.8\t214ea6f\t2026-08-06\tFAIL\n",
  `${"0123456789abcdef".repeat(4)}  perf-sentinel\n`,
];

const fragments = fc
  .array(fc.constantFrom(...pieces), { maxLength: 40, size: "max" })
  .map((parts) => parts.join(""));

/** An offset of a file, each as likely as another. */
const anyOffset = fc.noBias(fc.nat({ max: 4000 }));

/** A sound file in which a few parts are replaced by something else, or a file is cut short. */
const damaged = fc
  .tuple(
    fc.constantFrom(...samples),
    fc.array(
      fc.tuple(anyOffset, fc.nat({ max: 12 }), fc.oneof(fc.constantFrom("", ...pieces), fragments)),
      { maxLength: 3 },
    ),
    fc.option(anyOffset, { freq: 9, nil: undefined }),
  )
  .map(([sound, faults, cut]) => {
    let text: string = sound;
    for (const [at, length, instead] of faults) {
      const start = at % (text.length + 1);
      text = text.slice(0, start) + instead + text.slice(start + length);
    }
    return cut === undefined ? text : text.slice(0, cut % (text.length + 1));
  });

/** A short text many times over: what takes a careless pattern quadratic time, or worse. */
export const repeated = fc
  .tuple(fragments, fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 3 }), fragments)
  .map(([before, unit, after]) => before + unit.join("").repeat(4000) + after);

/** Any text, most of them close to something that a reader knows. */
export const anyText = fc.oneof(
  { weight: 3, arbitrary: fragments },
  { weight: 3, arbitrary: damaged },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 80 }) },
);

/** Any bytes, most of them text. */
export const anyBytes = fc.oneof(
  { weight: 4, arbitrary: anyText.map((text) => new TextEncoder().encode(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
);

const number = fc.oneof(fc.nat().map(String), fc.bigInt({ min: 0n, max: 10n ** 30n }).map(String));
const label = fc.stringMatching(/^[0-9]{0,3}[A-Za-z-][0-9A-Za-z-]{0,6}$/);
const identifier = fc.oneof(number, label);

export const anyVersion = fc
  .tuple(number, number, number, fc.array(identifier, { maxLength: 4 }))
  .map(([major, minor, patch, prerelease]) => {
    const suffix = prerelease.length === 0 ? "" : `-${prerelease.join(".")}`;
    return `${major}.${minor}.${patch}${suffix}` as Version;
  });

export const anyDay: fc.Arbitrary<Day> = fc
  .date({
    min: new Date("0000-01-01T00:00:00Z"),
    max: new Date("9999-12-31T23:59:59Z"),
    noInvalidDate: true,
  })
  .map(dayOf);

export const anySha = fc.stringMatching(/^[0-9A-Fa-f]{7,64}$/);
export const anyDigest = fc.stringMatching(/^sha256:[0-9a-f]{64}$/);

/** Data that every format of documents can hold: texts in tables and lists. */
export const { data: anyData } = fc.letrec<{ data: unknown }>((tie) => ({
  data: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.string({ unit: "binary", maxLength: 12 }).filter((text) => text.isWellFormed()),
    fc.boolean(),
    fc.integer({ min: -(2 ** 53) + 1, max: 2 ** 53 - 1 }),
    fc.array(tie("data"), { maxLength: 4 }),
    fc.dictionary(fc.stringMatching(/^[A-Za-z_ .:#-]{1,6}$/), tie("data"), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
  ),
}));
