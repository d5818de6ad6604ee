import { describe, expect, test } from "bun:test";
import { detail, error, type Finding, notice, warning } from "../../scripts/lib/finding.ts";
import { openReport, type ReportForm, textOf } from "../../scripts/lib/report.ts";
import * as formats from "../../scripts/lib/report-formats.ts";
import { visible } from "../../scripts/lib/visible.ts";
import { expectLinear } from "../helpers/growth.ts";
import { silentTerminal } from "../helpers/quiet.ts";

function capture(form: Partial<ReportForm> = {}) {
  const { written, terminal } = silentTerminal();
  const report = openReport(
    terminal,
    { script: "s.ts", json: false, actions: false, ...form },
    formats,
  );
  return { written, report };
}

const placed = error("Cannot tag v1.3.0: Cargo.toml says 1.2.9", {
  remedy: "Bump it",
  at: { file: "Cargo.toml", line: 3, column: 11 },
  commit: "0123456789abcdef0123456789abcdef01234567",
});
const three = [notice("Cargo.toml -> 1.2.3"), warning("look here"), placed];

/** Everything that a hostile file may hold: controls, escapes, directions, invisible letters. */
const hostile = [
  "\u001b[2J\u001b]0;title\u0007",
  "\u009b31m",
  "\u0000\u0008\u007f\u0085",
  "tab\there",
  "lone\rreturn",
  "\u202eright-to-left\u202c\u2066\u2069\u200e\u061c",
  "zero\u200bwidth\u00ad\u2060\ufeff\u180e",
  "tag\u{e0041}\u{e007f}",
  "line\u2028paragraph\u2029",
  "half\ud800",
  "\udc00half",
].join("|");
const steering = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

test("a pass asks for no place: finding one may take a parse of the file", () => {
  const { report } = capture();
  const at = () => {
    throw new Error("asked for a place");
  };
  report.add([notice("Cargo.toml -> 1.2.3", { at }), notice("more", { at, remedy: "none" })]);
  expect(report.findings).toHaveLength(2);
});

test("as text, notices go to standard output, warnings and errors to standard error", () => {
  const { written, report } = capture();
  report.add(three);
  report.print("said");
  report.printAside("told");
  report.finish(1);
  expect(written.out).toBe("Cargo.toml -> 1.2.3\nsaid\n");
  expect(written.err).toBe(
    [
      "warning: look here",
      "error: Cannot tag v1.3.0: Cargo.toml says 1.2.9",
      "  at Cargo.toml:3:11 in commit 0123456789ab",
      "  fix: Bump it",
      "told",
      "",
    ].join("\n"),
  );
});

describe("rows of evidence", () => {
  const rows = [notice("2 crates state 1.2.3"), detail("a -> 1.2.3"), detail("b -> 1.2.3")];

  test("a report without faults prints their sum; --verbose and --json have them all", () => {
    const quiet = capture();
    quiet.report.add([...rows, warning("look here")]);
    expect(quiet.written.out).toBe("2 crates state 1.2.3\n");
    expect(quiet.report.findings).toHaveLength(4);

    const verbose = capture();
    verbose.report.showDetails();
    verbose.report.add(rows);
    expect(verbose.written.out).toBe("2 crates state 1.2.3\na -> 1.2.3\nb -> 1.2.3\n");

    const json = capture({ json: true });
    json.report.add(rows);
    json.report.finish(0);
    expect(JSON.parse(json.written.out).findings).toHaveLength(3);
  });

  test("are printed beside a fault, since they show what is right", () => {
    const { written, report } = capture();
    report.add([...rows, placed]);
    expect(written.out).toContain("a -> 1.2.3\nb -> 1.2.3\n");
  });
});

test("a fault in many places is one finding, with all its places below it", () => {
  const also = [{ file: "b.toml", line: 2, column: 1 }, { file: "c.toml" }];
  const many = error("Cannot tag v2.0.0: all say 1.0.0", { at: { file: "a.toml" }, also });
  const { written, report } = capture();
  report.add(many);
  expect(written.err).toBe(
    "error: Cannot tag v2.0.0: all say 1.0.0\n  at a.toml\n  at b.toml:2:1\n  at c.toml\n",
  );

  const json = capture({ json: true });
  json.report.add(many);
  json.report.finish(1);
  expect(JSON.parse(json.written.out).findings).toEqual([
    { level: "error", message: many.message, file: "a.toml", also },
  ]);

  const actions = capture({ actions: true });
  actions.report.add(many);
  expect(actions.written.err).toBe(
    "::error file=a.toml::Cannot tag v2.0.0: all say 1.0.0%0Aat b.toml:2:1%0Aat c.toml\n",
  );
});

test("commands to run have the switches of the run; what a file says stays as it is", () => {
  const switches = "--no-env-file '--config=a b'";
  const { written, report } = capture({ switches });
  const call = "bun scripts/a.ts, then: bun '../my tools/scripts/b.ts'";
  report.add(error(call, { remedy: call }));
  report.print(call);
  report.printAside("bun install; bun --smol scripts/a.ts");
  report.printVerbatim(call);
  const asRun = `bun ${switches} scripts/a.ts, then: bun ${switches} '../my tools/scripts/b.ts'`;
  expect(written.err).toBe(
    `error: ${call}\n  fix: ${asRun}\nbun install; bun --smol scripts/a.ts\n`,
  );
  expect(written.out).toBe(`${asRun}\n${call}\n`);
  expect(report.namedCommand()).toBe(true);

  const json = capture({ switches, json: true });
  json.report.attach({ next: [{ command: "bun release-gate/a.ts" }] });
  json.report.finish(0);
  expect(JSON.parse(json.written.out).data).toEqual({
    next: [{ command: `bun ${switches} release-gate/a.ts` }],
  });
});

test("as JSON, standard output is one object on one line and nothing else", () => {
  const { written, report } = capture({ json: true });
  report.add(three);
  report.print("said");
  report.printAside("told");
  report.attach({ version: "1.2.3" });
  report.finish(1);
  expect(written.out).toBe(`${written.out.trim()}\n`);
  expect(JSON.parse(written.out)).toEqual({
    script: "s.ts",
    ok: false,
    exitCode: 1,
    findings: [
      { level: "notice", message: "Cargo.toml -> 1.2.3" },
      { level: "warning", message: "look here" },
      {
        level: "error",
        message: placed.message,
        remedy: "Bump it",
        file: "Cargo.toml",
        line: 3,
        column: 11,
        commit: placed.commit,
      },
    ],
    data: { version: "1.2.3" },
  });
  expect(written.err).toBe("told\n");
});

test.each([true, false])("data that is costly to make is made for JSON alone (%p)", (json) => {
  const { written, report } = capture({ json });
  let made = 0;
  report.attach(() => ({ made: ++made }));
  expect([report.gaveEvidence(), made]).toEqual([true, 0]);
  report.finish(0);
  expect(made).toBe(json ? 1 : 0);
  expect(written.out.includes('"data":{"made":1}')).toBe(json);
});

test("JSON without data has no data, and is ok only with exit code 0", () => {
  for (const [exitCode, ok] of [
    [0, true],
    [1, false],
    [2, false],
    [130, false],
  ] as const) {
    const { written, report } = capture({ json: true });
    report.finish(exitCode);
    expect(JSON.parse(written.out)).toEqual({ script: "s.ts", ok, exitCode, findings: [] });
  }
});

test("in GitHub Actions, findings are workflow commands on the streams they belong to", () => {
  const { written, report } = capture({ actions: true });
  report.add(three);
  expect(written.out).toBe("::notice::Cargo.toml -> 1.2.3\n");
  expect(written.err).toBe(
    "::warning::look here\n::error file=Cargo.toml,line=3,col=11::Cannot tag v1.3.0: Cargo.toml says 1.2.9 (commit 0123456789ab)%0Afix: Bump it\n",
  );
});

test("in GitHub Actions with --json, annotations stay away from standard output", () => {
  const { written, report } = capture({ actions: true, json: true });
  report.add(three);
  report.finish(1);
  expect(JSON.parse(written.out).findings.length).toBe(3);
  expect(written.err.split("\n").filter((each) => each.startsWith("::")).length).toBe(3);
});

test.each<[string, Finding, string]>([
  ["percent, CR and LF in a message", error("100%\r\n50%0A"), "::error::100%25%0A50%250A"],
  ["a colon in a message stays", error("a: b, c"), "::error::a: b, c"],
  [
    "colon, comma and percent in a property",
    error("m", { at: { file: "a:b,c%.toml", line: 1 } }),
    "::error file=a%3Ab%2Cc%25.toml,line=1::m",
  ],
  [
    "a property cannot end the command, or begin another line",
    error("m", { at: { file: "x::y\n::error::z" } }),
    "::error file=x%3A%3Ay%0A  | %3A%3Aerror%3A%3Az::m",
  ],
  ["an escape sequence in a message", error("\u001b[31m"), "::error::\\x1b[31m"],
])("workflow commands escape %s", (_, finding, expected) => {
  expect(formats.workflowCommand(finding)).toBe(expected);
});

test.each([
  ["escape sequence", "a\u001b[31mb\u009bc", "a\\x1b[31mb\\x9bc"],
  ["lone carriage return", "a\rb", "a\\x0db"],
  ["direction and zero width", "a\u202eb\u200bc", "a\\u202eb\\u200bc"],
  ["invisible letters beyond the BMP", "a\u{e0041}b", "a\\udb40\\udc41b"],
  ["half a surrogate pair", "a\ud83db", "a\\ud83db"],
  [
    "only what steers",
    "a\té ü ß 日本語 \u{1f600} ‘q’ – … \\x1b",
    "a\té ü ß 日本語 \u{1f600} ‘q’ – … \\x1b",
  ],
])("%s becomes visible", (_, text, expected) => {
  expect(visible(text)).toBe(expected);
});

test("a message with line breaks cannot forge a line of output", () => {
  expect(visible("a\nerror: b\r\nwarning: c")).toBe("a\n  | error: b\n  | warning: c");
  expect(textOf(error("a\nerror: b", { remedy: "c\nd", at: { file: "e\nf" } }), false)).toBe(
    "error: a\n  | error: b\n  at e\n  | f\n  fix: c\n  | d",
  );
});

test.each([
  ["::error::forged", "| ::error::forged"],
  ["  \u0020::set-output name=a::b", "   | ::set-output name=a::b"],
  ["fine\n::error::forged", "fine\n  | ::error::forged"],
  ["##[error]forged", "##\\x5berror]forged"],
  ["in the middle ##[add-path]/tmp", "in the middle ##\\x5badd-path]/tmp"],
  ["a::b", "a::b"],
  ["## [x]", "## [x]"],
])("in GitHub Actions %p cannot act as a command", (text, expected) => {
  expect(visible(text, true)).toBe(expected);
});

test("hostile text never leaves raw, in any form", () => {
  const finding = warning(hostile, { remedy: hostile, at: { file: hostile }, commit: hostile });
  for (const form of [{}, { json: true }, { actions: true }, { actions: true, json: true }]) {
    const { written, report } = capture(form);
    report.add([finding, notice(hostile)]);
    report.print(hostile);
    report.printAside(hostile);
    report.attach({ [hostile]: hostile });
    report.finish(0);
    const summary = report.summary(0);
    for (const text of [written.out, written.err, summary]) {
      expect(text).not.toMatch(steering);
    }
    if (form.json) {
      const parsed = JSON.parse(written.out);
      expect(parsed.findings[0]).toEqual({
        level: "warning",
        message: hostile,
        remedy: hostile,
        file: hostile,
        commit: hostile,
      });
      expect(parsed.data).toEqual({ [hostile]: hostile });
    }
  }
});

test("no line of JSON holds what GitHub's runner would take for a command", () => {
  const { written, report } = capture({ json: true, actions: true });
  report.add(notice("##[error]forged\n::error::forged"));
  report.finish(0);
  expect(written.out).not.toContain("##[");
  expect(written.out).toStartWith("{");
  expect(JSON.parse(written.out).findings[0].message).toBe("##[error]forged\n::error::forged");
});

test("colours paint the label alone, by its level", () => {
  expect(textOf(error("m", { remedy: "r" }), true)).toBe("\u001b[31merror:\u001b[39m m\n  fix: r");
  expect(textOf(warning("m"), true)).toBe("\u001b[33mwarning:\u001b[39m m");
  expect(textOf(notice("m"), true)).toBe("m");
});

test("the summary is one table that names the script, its verdict and each finding", () => {
  const { report } = capture();
  report.add([warning("plain words", { at: { file: "f", line: 2 }, remedy: "act" })]);
  expect(report.summary(0)).toBe(
    "### `s.ts`: passed\n\n| level | finding | where | fix |\n| --- | --- | --- | --- |\n| warning | plain words | f&#58;2 | act |\n\n",
  );
  expect(report.summary(1)).toStartWith("### `s.ts`: refused (exit code 1)\n");
});

test("a command whose answer is a table has that table as its summary, and no other", () => {
  const { report } = capture();
  report.add(warning("one"));
  report.tabulate({ columns: ["tag", "date"], rows: [["v1.0.0|", "2026-08-07"]] });
  expect(report.summary(0)).toBe(
    "### `s.ts`: passed\n\n| tag | date |\n| --- | --- |\n| v1&#46;0&#46;0&#124; | 2026&#45;08&#45;07 |\n\n",
  );
});

test("no text in the summary is markup, or ends its cell", () => {
  const { report } = capture();
  const text =
    "a | b `c` *d* [e](f) <script>g</script> ![h](i) # j\n| k | @l https://m \\| &lt; ~~n~~";
  report.add(notice(text));
  const row = report.summary(0).split("\n")[4] as string;
  expect(row.split("|").length).toBe(6);
  const decoded = row
    .slice("| notice | ".length, -" |  |  |".length)
    .replaceAll("<br>", "\n")
    .replace(/&#([0-9]+);/g, (_, code) => String.fromCharCode(Number(code)));
  expect(decoded).toBe(text);
  expect(row.replaceAll("<br>", "").replace(/&#[0-9]+;/g, "")).not.toMatch(/[`*[\]<>#@~\\]/);
});

test("a summary stays far below the size that GitHub accepts, and says what it left out", () => {
  const { report } = capture();
  report.add(Array.from({ length: 5000 }, (_, index) => warning(`${index} ${"|".repeat(5000)}`)));
  report.finish(0);
  const summary = report.summary(0);
  expect(new TextEncoder().encode(summary).length).toBeLessThan(512 * 1024);
  expect(summary).toMatch(/\| {2}\| [0-9]+ more, see the log \| {2}\| {2}\|\n\n$/);
  const short = capture().report;
  short.add(notice("one"));
  expect(short.summary(0)).not.toContain("more");
});

test.each<[string, (report: ReturnType<typeof openReport>) => void, boolean]>([
  ["nothing", () => {}, false],
  ["a warning", (report) => report.add(warning("w")), false],
  ["a line beside the output", (report) => report.printAside("t"), false],
  ["a notice", (report) => report.add(notice("n")), true],
  ["a line of output", (report) => report.print("s"), true],
  ["data", (report) => report.attach(null), true],
])("whether it counts as evidence is decided for %s", (_, act, expected) => {
  const { report } = capture({ json: true });
  act(report);
  expect(report.gaveEvidence()).toBe(expected);
});

test.each(["\n", " ", ":", "::", "a:: ", "\r a"])(
  "what is said word for word is looked through in time that grows with it: %p again and again",
  async (part) => {
    const text = (size: number) => part.repeat(size / part.length);
    await expectLinear(200_000, text, (each) => {
      capture({ actions: true }).report.printVerbatim(each);
    });
  },
);

test.each([
  ["::error::x", true],
  [" \u0085\t::error::x", true],
  ["a\r ::error::x", true],
  ["a\n\n \n::error::x", true],
  ["a ##[error]x", true],
  ["a ::error::x", false],
  ["a: :error", false],
])("what the runner of GitHub Actions would obey is broken up: %p", (line, isObeyed) => {
  const { written, report } = capture({ actions: true });
  report.printVerbatim(line);
  expect(written.out !== `${line}\n`).toBe(isObeyed);
});
