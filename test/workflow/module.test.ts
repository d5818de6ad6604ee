// biome-ignore-all lint/suspicious/noTemplateCurlyInString: shell scripts are full of them
import { expect, test } from "bun:test";
import { LocatedSyntaxError } from "../../scripts/lib/finding.ts";
import { source } from "../../scripts/lib/tree.ts";
import { isModulePath, readModule } from "../../scripts/workflow/module.ts";

const read = (text: string, path = "a.ts") => {
  const { imports, paths, commands } = readModule(source(path, text));
  const texts = (mentions: readonly { text: string }[]) => mentions.map((each) => each.text);
  return { imports: texts(imports), paths: texts(paths), commands: texts(commands) };
};

test("imports of every kind count, those of types do not", () => {
  const text = `#!/usr/bin/env bun
import type { A } from "./type.ts";
import { type B, c } from './c.ts';
import "./side.ts";
export * from "./star.ts";
export { d } from "./d.ts";
const e = await import("./e.ts");
const f = require("./f.ts");
// import "./comment.ts";
const text = 'import "./text.ts"';
c(e, f, text);
`;
  expect(read(text).imports).toEqual(
    ["c", "side", "star", "d", "e", "f"].map((name) => `./${name}.ts`),
  );
});

test("a mention knows where it stands", () => {
  const text = "#!/usr/bin/env bun\n\nexport * from './b.ts';\n";
  expect(readModule(source("a.ts", text)).imports).toEqual([
    { text: "./b.ts", offset: text.indexOf("./b.ts") },
  ]);
});

test("a literal that is a path counts, a sentence and a comment do not", () => {
  const text =
    "f(\"scripts/a.sh\", './b.ts', `c.py`, 'run d.sh', 'e.md'); // 'f.sh'\n/* 'g.sh' */\nimport './h.ts';";
  expect(read(text).paths).toEqual(["scripts/a.sh", "./b.ts", "c.py"]);
});

test("command lines for a shell or a program count", () => {
  const text =
    "await $`sh ${x} a`; execSync('b c'); spawn('d', []); Bun.spawn(['e', 'f']); g('h i');";
  expect(read(text).commands).toEqual(["sh ${x} a", "b c", "d", "e"]);
});

test.each(["a.ts", "a.mts", "a.cts", "a.tsx", "a.js", "a.mjs", "a.cjs", "a.jsx"])(
  "%s is a module",
  (path) => {
    expect(isModulePath(path)).toBe(true);
    expect(read('require("./x")', path).imports).toEqual(["./x"]);
  },
);

test.each(["a.sh", "a", "ts", "a.json"])("%s is no module", (path) => {
  expect(isModulePath(path)).toBe(false);
});

test("what cannot be parsed is refused", () => {
  const parse = () => readModule(source("a.ts", "let x: = 1;"));
  expect(parse).toThrow(LocatedSyntaxError);
  expect(parse).toThrow("Cannot read a.ts: not valid TypeScript");
});
