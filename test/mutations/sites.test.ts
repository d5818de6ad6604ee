import { expect, test } from "bun:test";
import { sitesIn } from "./sites.ts";

const vocabulary = "export function error(message: string): Finding { return make(message); }\n";

/** The sites of one source beside the vocabulary, as `within: finding`. */
function sites(text: string, others: Record<string, string> = {}): string[] {
  const sources = new Map(
    Object.entries({
      "scripts/lib/finding.ts": vocabulary,
      "scripts/check.ts": `import { error, type Finding, warning } from "./lib/finding.ts";\n${text}`,
      ...others,
    }),
  );
  return sitesIn(sources).map(({ within, finding }) => `${within}: ${finding}`);
}

test("a call is a site, by its function and the beginning of its message", () => {
  expect(sites('function check() { return [error("Cannot go", { at })]; }')).toEqual([
    "check: Cannot go",
  ]);
  expect(sites(`const check = async (tree) => [error(\`Cannot \${go}\`)];`)).toEqual([
    `check: Cannot \${go}`,
  ]);
});

test("a message that has a name of its own is told by its words", () => {
  expect(sites('function check() { const words = "Cannot go"; return error(words); }')).toEqual([
    "check: Cannot go",
  ]);
});

test("sites that begin alike are numbered", () => {
  expect(sites("function check() { return [error(`a`), error(`a`)]; }")).toEqual([
    "check: a",
    "check: a (2)",
  ]);
});

test.each([
  ["a comment", '// error("no")\n/* error("no") */'],
  ["a text", 'const a = \'error("no")\', b = `error("no")`;'],
  ["a regular expression", "const a = /error(x)/;"],
  ["a method", 'console.error("no"); it?.error("no");'],
  ["a type", "const make: typeof error = warning;"],
  ["a name of a property", "const a = { error: 1 };"],
  ["the mere import", ""],
])("%s is none", (_, text) => {
  expect(sites(text)).toEqual([]);
});

test("a call inside of a template is a site", () => {
  expect(sites(`function check() { return \`\${error("a").message} \${{ b: 1 }.b}\`; }`)).toEqual([
    "check: a",
  ]);
});

test("each call of a function that words one error counts, beside the error itself", () => {
  const refuse = `function refuse(why: string): Finding { return error(\`Cannot: \${why}\`); }\n`;
  expect(sites(`${refuse}function check() { return [refuse("a"), refuse("b")]; }`)).toEqual([
    `refuse: Cannot: \${why}`,
    'check: refuse("a")',
    'check: refuse("b")',
  ]);
  expect(sites(`${refuse}function check() { return [refuse("a")]; }`)).toEqual([
    `refuse: Cannot: \${why}`,
  ]);
});

test("a function that words an error for another file counts there", () => {
  const breach =
    'import { error } from "./finding.ts";\nexport function breach(a: string): Finding { return error(a); }';
  expect(
    sites(
      'import { breach as told } from "./lib/breach.ts";\nfunction check() { return [told("a"), told("b")]; }',
      { "scripts/lib/breach.ts": breach },
    ),
  ).toEqual(['check: told("a")', 'check: told("b")', "breach: a"]);
});

test("what stands for an error in a choice counts where it is called", () => {
  expect(
    sites(
      'function check() { const tell = strict ? error : warning; return [tell("a"), tell("b")]; }',
    ),
  ).toEqual(['check: tell("a")', 'check: tell("b")']);
});

test("an error that is handed on counts where it is", () => {
  expect(sites("function check() { return judge(tree, error); }")).toEqual([
    "check: judge(tree, error)",
  ]);
});

test("brackets that do not match are an error, not an end", () => {
  expect(() => sites("function check() { return [error(`a`)];")).toThrow(SyntaxError);
});
