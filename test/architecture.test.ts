/** Holds the arrows and the doors of the design by reading the sources. */

import { describe, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { workTree } from "../scripts/lib/disk/work-tree.ts";
import type { Tree } from "../scripts/lib/tree.ts";
import { memoryTree } from "./helpers/memory-tree.ts";
import { projectRoot } from "./helpers/world.ts";

/** The parts of the tree, as patterns of paths; a file belongs to the first that fits. */
const parts = {
  vocabulary:
    /^scripts\/(?:layout|lib\/(?:answer|calendar|finding|glob|layout|layout-merge|release-branch|tree|version|visible))\.ts$/,
  files: /^scripts\/lib\/files\/[^/]+\.ts$/,
  doors:
    /^scripts\/lib\/(?:(?:conversation|process|process-group|process-tree|question|sleep|terminal)|(?:disk|git|net)\/[^/]+)\.ts$/,
  face: /^scripts\/lib\/(?:cli|command-line|failure|help|interrupt|progress|report|report-formats)\.ts$/,
  room: /^(?:scripts\/(?!lib\/)|release-gate\/)[^/]+\/[^/]+\.ts$/,
  command: /^(?:scripts|release-gate)\/[^/]+\.ts$/,
} as const;
type Part = keyof typeof parts;

/** Which parts a part may import from: arrows point one way. */
const arrows: Record<Part, readonly Part[]> = {
  vocabulary: ["vocabulary"],
  files: ["vocabulary", "files"],
  doors: ["vocabulary", "files", "doors"],
  face: ["vocabulary", "doors", "face"],
  room: ["vocabulary", "files", "doors", "face", "room", "command"],
  command: ["vocabulary", "files", "doors", "face", "room", "command"],
};

/** The runtime's modules that a part may import: the others are doors outside. */
const pureModules = /^node:(?:buffer|path(?:\/posix)?|util)$/;
const allowedModules: Record<Part, RegExp> = {
  vocabulary: pureModules,
  files: pureModules,
  doors:
    /^(?:node:(?:buffer|fs(?:\/promises)?|os|path|readline|stream\/web|timers\/promises|tty|util)|bun:ffi)$/,
  face: /^node:(?:fs|path|util)$/,
  room: /^node:(?:fs(?:\/promises)?|os|path|timers\/promises|util)$/,
  command: /^node:(?:fs|path|util)$/,
};

interface Door {
  readonly what: string;
  readonly pattern: RegExp;
  /** The files behind the door; each of them uses it. */
  readonly owners: readonly string[];
}

const doors: readonly Door[] = [
  {
    what: "other programs",
    pattern: /\bBun\.spawn(?:Sync)?\b|\bBun\.\$|\bnew Worker\b/,
    owners: ["scripts/lib/process.ts", "scripts/lib/process-tree.ts"],
  },
  {
    what: "the network",
    pattern:
      /(?<![.\w]|async )fetch\(|\bXMLHttpRequest\b|\bnew WebSocket\b|\bBun\.(?:connect|udpSocket)\b/,
    owners: ["scripts/lib/net/http.ts"],
  },
  {
    what: "servers",
    pattern: /\bBun\.(?:serve|listen)\b/,
    owners: ["scripts/demo/registry.ts"],
  },
  {
    what: "the process: its end, environment, arguments, folder and signals",
    pattern:
      /(?<![/.])\bprocess\s*(?:\?\.|\.)\s*(?!(?:stdin|platform|arch|execPath|getBuiltinModule|kill)\b)\w+|\bprocess\[|= process\b(?!\.)|\bBun\.(?:env|argv|main)\b|\bimport\.meta\.env\b/,
    owners: ["scripts/lib/cli.ts", "scripts/lib/interrupt.ts"],
  },
  {
    what: "signals to other programs",
    pattern: /\bprocess\s*(?:\?\.|\.)\s*kill\b/,
    owners: ["scripts/lib/process-tree.ts"],
  },
  {
    what: "standard input",
    pattern: /\bprocess\.stdin\b|\bBun\.stdin\b/,
    owners: ["scripts/lib/terminal.ts"],
  },
  {
    what: "the clock",
    pattern:
      /\bnew Date\(\s*\)|(?<!new )\bDate\(|\bDate\.now\b|\bperformance\b|\bTemporal\b|\bBun\.nanoseconds\b/,
    owners: ["scripts/lib/cli.ts"],
  },
  {
    what: "chance",
    pattern: /\bMath\.random\b|\brandomUUID|\brandomBytes\b|\bgetRandomValues\b|\brandomInt\b/,
    owners: [],
  },
  { what: "the console", pattern: /\bconsole\b\s*[.[]|\balert\(|\bprompt\(/, owners: [] },
  {
    what: "files on disk through the runtime",
    pattern: /\bBun\.(?:file|write)\b/,
    owners: ["scripts/demo/world.ts"],
  },
  {
    what: "the parsers of TOML and YAML",
    pattern: /\bBun\.(?:TOML|YAML)\b|\bimport\([^)]*\.(?:toml|ya?ml)/,
    owners: ["scripts/lib/files/document.ts"],
  },
  {
    what: "code that is not in the sources",
    pattern:
      /\beval\(|\bnew Function\b|\brequire\((?!"\.\.?\/[^"]+"\) as typeof import\()|\bimport\((?!"(?:node:|\.\.?\/))|\bglobalThis\b/,
    owners: [],
  },
];

const allNames = /^(?:utils?|types?|helpers?|common|misc|shared|index|mod|constants)\.ts$/;

const transpiler = new Bun.Transpiler({
  loader: "ts",
  tsconfig: JSON.stringify({ compilerOptions: { verbatimModuleSyntax: true } }),
});

/** What a source imports; types count like values. */
function importsOf(code: string): string[] {
  const asValues = code
    .replace(/^#!.*/, "")
    .replace(/^(import|export) type\b(?=\s*[{*]|\s+\w+\s+from\b)/gm, "$1")
    .replace(/^import \{[^}]*\}/gm, (names) => names.replace(/\btype /g, ""));
  const lazy = code.matchAll(/\bgetBuiltinModule\(\s*["'`]([^"'`]*)/g);
  return [
    ...transpiler.scanImports(asValues).map(({ path }) => path),
    ...Array.from(lazy, ([, path = ""]) => path),
  ];
}

/** A source without its comments. */
function codeOf(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

function partOf(path: string): Part | undefined {
  return (Object.keys(parts) as Part[]).find((part) => parts[part].test(path));
}

/** Every breach of the rules, as `path: what`. */
async function breaches(tree: Tree): Promise<string[]> {
  const found: string[] = [];
  const graph = new Map<string, string[]>();
  const paths = await sourcesOf(tree);
  for (const path of paths) {
    const text = (await tree.read(path))?.text ?? "";
    const complain = (what: string) => found.push(`${path}: ${what}`);
    const part = partOf(path);
    if (part === undefined) {
      complain("belongs to no part of the tree");
      continue;
    }
    if (allNames.test(basename(path))) {
      complain("has a name that says nothing");
    }
    if (/^export (?:type )?(?:\*|\{[^}]*\} from)/m.test(codeOf(text))) {
      complain("is a barrel");
    }
    graph.set(path, []);
    for (const imported of importsOf(text)) {
      if (/^(?:node|bun):/.test(imported)) {
        if (!allowedModules[part].test(imported)) {
          complain(`must not import ${imported}`);
        }
        continue;
      }
      if (!/^\.\.?\//.test(imported)) {
        complain(`depends on ${imported}`);
        continue;
      }
      const target = normalize(join(dirname(path), imported));
      const there = partOf(target);
      if (!paths.includes(target)) {
        complain(`imports ${imported}, which is not there`);
      } else if (there !== undefined && !arrows[part].includes(there)) {
        complain(`${part} must not import ${there}: ${target}`);
      } else {
        graph.get(path)?.push(target);
      }
    }
    for (const { what, pattern, owners } of doors) {
      if (pattern.test(codeOf(text)) && !owners.includes(path)) {
        complain(`opens a door of its own to ${what}`);
      }
    }
    // The fork's layout lies among the commands: run by mistake, it ends well and does nothing.
    const mayRun = part === "command" || path === "scripts/layout.ts";
    if (!mayRun && /^#!|\bimport\.meta\.main\b/m.test(codeOf(text))) {
      complain("is a command outside the folders of commands");
    }
  }
  return [...found, ...cyclesOf(graph)];
}

async function sourcesOf(tree: Tree): Promise<string[]> {
  return (await Promise.all(["scripts/**/*.ts", "release-gate/**/*.ts"].map(tree.list))).flat();
}

/** The import cycles of a graph, each once. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  function visit(path: string, trail: readonly string[]): void {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    } else if (!done.has(path)) {
      for (const next of graph.get(path) ?? []) {
        visit(next, [...trail, path]);
      }
      done.add(path);
    }
  }
  for (const path of graph.keys()) {
    visit(path, []);
  }
  return cycles;
}

const tree = workTree(projectRoot);
const sources = await sourcesOf(tree);
const commands = sources.filter((path) => partOf(path) === "command");

describe("the sources", () => {
  test("keep to the arrows and the doors of the design", async () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(await breaches(tree)).toEqual([]);
  });

  test("have nothing behind a door that is not used", async () => {
    for (const { pattern, owners } of doors) {
      for (const owner of owners) {
        expect([owner, pattern.test(codeOf((await tree.read(owner))?.text ?? ""))]).toEqual([
          owner,
          true,
        ]);
      }
    }
  });

  test("begin with what they are for", async () => {
    for (const path of sources) {
      const text = (await tree.read(path))?.text ?? "";
      expect([path, /^(?:#!.*\n)?\/\*\*/.test(text)]).toEqual([path, true]);
    }
  });
});

describe("the rules catch", () => {
  const sound = {
    "scripts/lib/finding.ts": "export const a = 1;",
    "scripts/lib/process.ts": "export const b = 1;",
    "scripts/lib/files/x.ts": "export const c = 1;",
    "scripts/lib/cli.ts": "export const d = 1;",
    "scripts/check.ts":
      'import { a } from "./lib/finding.ts"; // fetch( console.log\nif (import.meta.main) a;',
  };

  test("nothing in a sound tree", async () => {
    expect(await breaches(memoryTree(sound))).toEqual([]);
  });

  const [check, reader, door] = [
    "scripts/check.ts",
    "scripts/lib/files/x.ts",
    "scripts/lib/process.ts",
  ] as const;
  const toProcess = "files must not import doors: scripts/lib/process.ts";
  const theProcess = "the process: its end, environment, arguments, folder and signals";

  test.each<[path: string, text: string, complaint: string]>([
    [reader, 'import { b } from "../process.ts";', toProcess],
    [reader, 'import type { B } from "../process.ts";', toProcess],
    [reader, 'import { type B } from "../process.ts";', toProcess],
    [
      "scripts/lib/version.ts",
      'import { x } from "../check.ts";',
      "vocabulary must not import command: scripts/check.ts",
    ],
    [door, 'import { d } from "./cli.ts";', "doors must not import face: scripts/lib/cli.ts"],
    [
      "scripts/lib/finding.ts",
      'import { c } from "./files/x.ts";',
      "vocabulary must not import files: scripts/lib/files/x.ts",
    ],
    [check, 'import yaml from "yaml";', "depends on yaml"],
    [check, 'import type { X } from "bun";', "depends on bun"],
    [door, 'import { a } from "node:child_process";', "must not import node:child_process"],
    [
      check,
      'process.getBuiltinModule("node:child_process");',
      "must not import node:child_process",
    ],
    [reader, 'await import("node:fs");', "must not import node:fs"],
    [reader, 'import { readFileSync } from "node:fs";', "must not import node:fs"],
    [reader, 'require("../process.ts") as typeof import("../process.ts");', toProcess],
    [check, 'import { a } from "./lib/gone.ts";', "imports ./lib/gone.ts, which is not there"],
    ["scripts/lib/tree.ts", 'export { a } from "./finding.ts";', "is a barrel"],
    ["scripts/lib/files/utils.ts", "", "has a name that says nothing"],
    ["scripts/lib/a/b/c.ts", "", "belongs to no part of the tree"],
    [
      "scripts/lib/tree.ts",
      "if (import.meta.main) run();",
      "is a command outside the folders of commands",
    ],
    ...[
      ['Bun.spawn(["git"]);', "other programs"],
      ["await Bun.$`git`;", "other programs"],
      ["process.kill(1);", "signals to other programs"],
      ["await fetch(url);", "the network"],
      ["process.exit(1);", theProcess],
      ["const a = process.env.LEDGER;", theProcess],
      ["process.stdout.write('');", theProcess],
      ["const now = new Date();", "the clock"],
      ["const now = Date.now();", "the clock"],
      ["const a = Math.random();", "chance"],
      ['console.log("x");', "the console"],
      ["Bun.YAML.parse(text);", "the parsers of TOML and YAML"],
      ["await import(path);", "code that is not in the sources"],
      ['require("./lib/finding.ts");', "code that is not in the sources"],
    ].map(([text = "", what]): [string, string, string] => [
      check,
      text,
      `opens a door of its own to ${what}`,
    ]),
  ])("%s: %s", async (path, text, complaint) => {
    expect(await breaches(memoryTree({ ...sound, [path]: text }))).toContain(
      `${path}: ${complaint}`,
    );
  });

  test("a cycle, of types as well", async () => {
    const cyclic = {
      "scripts/a/a.ts": 'import { b } from "./b.ts";',
      "scripts/a/b.ts": 'import type { C } from "./c.ts";',
      "scripts/a/c.ts": 'import { a } from "./a.ts";',
    };
    expect(await breaches(memoryTree(cyclic))).toEqual([
      "scripts/a/a.ts -> scripts/a/b.ts -> scripts/a/c.ts -> scripts/a/a.ts",
    ]);
  });
});

describe("the package", () => {
  const manifest = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));

  test("has no runtime dependency of any kind", () => {
    const kinds = Object.keys(manifest).filter((key) => /dependencies/i.test(key));
    expect(kinds).toEqual(["devDependencies"]);
  });

  test("pins its few tools exactly, as the lock file does", () => {
    const lock = readFileSync(join(projectRoot, "bun.lock"), "utf8");
    const allowed = ["@biomejs/biome", "ajv", "bun", "bun-types", "fast-check", "typescript"];
    for (const [name, version] of Object.entries(manifest.devDependencies)) {
      expect(allowed).toContain(name);
      expect(version).toMatch(/^[0-9]+\.[0-9]+\.[0-9]+$/);
      expect(lock).toContain(`"${name}": ["${name}@${version}"`);
    }
  });

  test("names the runtime that it was tested with", () => {
    expect(manifest.packageManager).toMatch(/^bun@[0-9]+\.[0-9]+\.[0-9]+$/);
    expect(manifest.engines.bun).toBe(`>=${manifest.packageManager.slice("bun@".length)}`);
    expect(manifest.devDependencies["bun-types"]).toBe(
      manifest.packageManager.slice("bun@".length),
    );
  });
});

test("the fork's layout has the run bit of its neighbours, and runs nothing", () => {
  const path = join(projectRoot, "scripts/layout.ts");
  expect(statSync(path).mode & 0o111).toBe(0o111);
  const run = Bun.spawnSync([process.execPath, path, "--help"]);
  expect([run.exitCode, `${run.stdout}${run.stderr}`]).toEqual([0, ""]);
});

test.each(commands)("%s can be run as a file, and only then runs itself", async (path) => {
  const text = readFileSync(join(projectRoot, path), "utf8");
  expect(text).toStartWith("#!/usr/bin/env bun\n/**");
  expect(statSync(join(projectRoot, path)).mode & 0o111).toBe(0o111);
  expect(text).toMatch(/\nif \(import\.meta\.main\) \{\n {2}await main\(\w+\);\n\}\n$/);
});
