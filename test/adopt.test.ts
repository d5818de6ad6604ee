import { describe, expect, test } from "bun:test";
import { EventEmitter } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { smallProduct } from "../scripts/demo/product.ts";
import { layout } from "../scripts/lib/layout.ts";
import { standIn } from "./helpers/release.ts";
import { runScript } from "./helpers/run-script.ts";
import {
  type FileChanges,
  isolatedEnvironment,
  projectRoot,
  start,
  temporaryFolder,
  writeFiles,
} from "./helpers/world.ts";

const script = "scripts/adopt.ts";
const ownLayout = "scripts/layout.ts";
const manifest = "scripts/adopted.json";
const ledger = "release-gate/lab-validations.txt";

/** The files on record of a copy, as far as they are there. */
function filesIn(product: string): string[] {
  const { files } = JSON.parse(readFileSync(join(product, manifest), "utf8"));
  return Object.keys(files).filter((path) => existsSync(join(product, path)));
}

/** Release tools that can be changed, and a product that adopts from them. */
async function world({ committed = false, named = "product" } = {}) {
  const folder = temporaryFolder();
  const tools = join(folder.path, "tools");
  const product = join(folder.path, named);
  const env = isolatedEnvironment(folder.path);
  const git = (cwd: string, ...args: string[]) =>
    start(["git", "-c", "user.name=T", "-c", "user.email=t@example.invalid", ...args], {
      cwd,
      env,
    });
  mkdirSync(product);
  for (const each of ["scripts", "release-gate", "package.json"]) {
    cpSync(join(projectRoot, each), join(tools, each), { recursive: true });
  }
  writeFiles(product, smallProduct("1.3.0"));
  await git(product, "init", "--quiet", "--initial-branch", "main");
  if (committed) {
    await git(tools, "init", "--quiet", "--initial-branch", "main");
    await git(tools, "add", "--all");
    await git(tools, "commit", "--quiet", "--message", "Tools");
  }
  async function run(script: string, cwd: string, ...args: string[]) {
    const { code, stdout, stderr } = await start([process.execPath, script, ...args], { cwd, env });
    return { code, stdout, stderr };
  }
  return {
    tools,
    product,
    env,
    git,
    run,
    adopt: (...args: string[]) =>
      run("../tools/scripts/adopt.ts", product, ...(args.length === 0 ? ["."] : args)),
    check: () => run("../tools/scripts/adopt.ts", product, ".", "--check"),
    /** Adopts from this project, within the process of the test. */
    adoptThis: (...args: string[]) => runScript(script, [".", ...args], { cwd: product, env }),
    /** Appends a comment to files. */
    edit(where: string, ...paths: string[]) {
      for (const path of paths) {
        const text = readFileSync(join(where, path), "utf8");
        writeFiles(where, { [path]: `${text}// edited\n` });
      }
    },
    [Symbol.dispose]: folder[Symbol.dispose],
  };
}

/** All files below a folder but git's own, with their contents. */
function contents(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(folder.length + 1))
    .filter((path) => !path.startsWith(".git/"));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}

const errorsOf = (stderr: string) =>
  stderr
    .split("\n")
    .filter((line) => line.startsWith("error: "))
    .map((line) => line.slice("error: ".length));

test("a first adoption brings the commands, their library and nothing else", async () => {
  using it = await world({ committed: true });
  writeFiles(it.product, { "scripts/release.sh": "#!/bin/sh\n", "scripts/own.sh": "#!/bin/sh\n" });
  const before = contents(it.product);
  const { code, stdout, stderr } = await it.adopt();
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const after = contents(it.product);
  const added = Object.keys(after).filter((path) => before[path] === undefined);
  const expected = Object.keys(contents(it.tools))
    .filter((path) => /^(?:scripts|release-gate)\/(?:.*\.ts|tsconfig\.json)$/.test(path))
    .filter((path) => path !== "scripts/demo.ts" && !path.startsWith("scripts/demo/"));
  expect(added.sort()).toEqual([...expected, manifest].sort());
  for (const path of expected) {
    expect([path, after[path]]).toEqual([path, readFileSync(join(it.tools, path), "utf8")]);
    const isCommand = statSync(join(it.tools, path)).mode & 0o111;
    expect([path, statSync(join(it.product, path)).mode & 0o111]).toEqual([path, isCommand]);
  }
  for (const [path, text] of Object.entries(before)) {
    expect([path, after[path]]).toEqual([path, text]);
  }
  const head = (await it.git(it.tools, "rev-parse", "HEAD")).stdout.trim();
  const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8"));
  expect(JSON.parse(after[manifest] ?? "")).toMatchObject({ version, commit: head });
  expect(stdout).toBe(
    [
      `Files: ${expected.length} written`,
      "Left as they are, and replaced by these: scripts/release.sh",
      `The copy is current: ${expected.length} files of version ${version} (commit ${head.slice(0, 7)})`,
      "Next: git -C . add scripts release-gate, and commit that",
      "A fork first sets its own values in scripts/layout.ts",
      "",
    ].join("\n"),
  );

  const again = await it.adopt();
  expect(again.stdout).toStartWith(`Files: ${expected.length} unchanged\n`);
  expect(again.stdout).toContain(`\n${stdout.split("\n")[2]}\n`);
  expect(contents(it.product)).toEqual(after);
  expect((await it.check()).code).toBe(0);
});

test("an adoption prints counts, and names what needs a decision; --verbose and --json name all", async () => {
  using it = await world({ committed: true });
  writeFiles(it.tools, { "scripts/gone.ts": "export {};\n" });
  writeFiles(it.product, { ".gitignore": "lib/\n", "scripts/release.sh": "#!/bin/sh\n" });
  const linesOf = (text: string) => text.trimEnd().split("\n");
  const first = await it.adopt();
  const paths = filesIn(it.product);
  expect(first.stdout).toStartWith(`Files: ${paths.length} written\n`);
  expect(linesOf(first.stdout + first.stderr).length).toBeLessThanOrEqual(12);

  const kept = ["scripts/audit/page.ts", "scripts/release.ts"];
  it.edit(it.product, ...kept, "scripts/gone.ts");
  writeFiles(it.product, { "scripts/own.ts": "// own\n", "scripts/status.ts": "// own\n" });
  const library = paths.filter((path) => path.startsWith("scripts/lib/"));
  it.edit(it.tools, ...library, "scripts/status.ts");
  writeFiles(it.tools, { "scripts/own.ts": "//\n", "scripts/gone.ts": undefined });
  expect(library.length).toBeGreaterThan(40);
  const counts = `Files: ${library.length} to write, ${paths.length - library.length - 4} unchanged, 2 edited here, 3 in conflict`;
  const aside =
    'Set yours aside: for file in scripts/own.ts scripts/status.ts scripts/gone.ts; do mv "$file" "$file.mine"; done; adopt again: bun ../tools/scripts/adopt.ts .; ';
  const conflicts = (action: string) => [
    `error: Cannot ${action}: found 1 file that adopt.ts did not write`,
    "  at scripts/own.ts",
    `error: Cannot ${action}: found 1 file edited here, and changed upstream since`,
    "  at scripts/status.ts",
    `error: Cannot ${action}: found 1 file edited here, and removed upstream since`,
    "  at scripts/gone.ts",
    expect.stringContaining(`  fix: ${aside}`),
  ];
  const refused = await it.adopt();
  expect(refused).toMatchObject({ code: 1, stdout: `${counts}\n` });
  expect(linesOf(refused.stderr)).toEqual([
    "warning: Kept as they are: 2 files edited here, and unchanged upstream",
    ...kept.map((path) => `  at ${path}`),
    "  fix: Bring the edits upstream, or undo them",
    ...conflicts("adopt"),
    "Nothing was written.",
  ]);
  const checked = await it.check();
  expect(checked).toMatchObject({ code: 1, stdout: `${counts}\n` });
  expect(linesOf(checked.stderr)).toEqual([
    "error: Cannot call the copy current: found 2 files edited here",
    ...kept.map((path) => `  at ${path}`),
    ...conflicts("call the copy current").with(
      -1,
      expect.stringContaining("  fix: Set yours aside: "),
    ),
    expect.stringContaining(`: found ${library.length} files stale, missing or not executable: `),
    "  at scripts/lib/answer.ts",
    "  fix: Adopt again: bun ../tools/scripts/adopt.ts .",
  ]);

  const { stdout } = await it.adopt(".", "--check", "--verbose");
  const { data, findings } = JSON.parse((await it.adopt(".", "--json")).stdout);
  expect(data.files).toHaveLength(paths.length + 1);
  for (const row of ["scripts/lib/answer.ts: to write", "scripts/own.ts: in conflict"]) {
    expect(linesOf(stdout)).toContain(row);
    expect(findings).toContainEqual({ level: "notice", message: row });
  }
  writeFiles(it.product, { "scripts/own.ts": undefined, "scripts/gone.ts": undefined });
  await it.git(it.tools, "checkout", "--", "scripts/status.ts");
  const updated = await it.adopt(".", "--verbose");
  expect(updated.stdout).toStartWith(`Files: ${library.length + 1} written, `);
  expect(linesOf(updated.stdout)).toContain("scripts/lib/version.ts: git ignores it");
});

test("a tsconfig.json of the product redirects no import of a copy, nor a command in its folder", async () => {
  using it = await world();
  await it.adopt();
  const configure = (paths: Record<string, string[]>) =>
    writeFiles(it.product, {
      "stub.ts": "export {};",
      "tsconfig.json": JSON.stringify({
        compilerOptions: { baseUrl: ".", paths, jsx: "preserve", experimentalDecorators: true },
      }),
    });
  const passes = { code: 0, stdout: expect.stringContaining("1.3.0"), stderr: "" };
  const [script, ...args] = ["check-tag-version.ts", "v1.3.0"] as const;
  configure({
    "./*": ["./stub.ts"],
    "*.ts": ["./x/*"],
    "*cli.ts": ["./stub.ts"],
    "node:*": ["./stub.ts"],
  });
  expect(await it.run(`scripts/${script}`, it.product, ...args)).toEqual(passes);
  configure({ "*": ["./stub.ts"] });
  expect(await it.run(script, join(it.product, "scripts"), ...args)).toEqual(passes);
  const gate = await it.run("check-lab-validation.ts", join(it.product, "release-gate"), "--help");
  expect(gate.stdout).toContain("Usage: bun release-gate/check-lab-validation.ts");
  // Bun takes the file that it is told to run through the tsconfig.json of the current folder: no
  // line of a copy runs, so that only a switch helps.
  const silence = { code: 0, stdout: "", stderr: "" };
  expect(await it.run(`scripts/${script}`, it.product, ...args)).toEqual(silence);
  const override = ["--tsconfig-override=/dev/null", `scripts/${script}`] as const;
  expect(await it.run(override[0], it.product, override[1], ...args)).toEqual(passes);
});

test("a copy works on its own: no packages, no configuration of the tools", async () => {
  using it = await world();
  await it.adopt();
  rmSync(it.tools, { recursive: true });
  const run = (script: string, ...args: string[]) => it.run(script, it.product, ...args);
  expect(await run("scripts/check-tag-version.ts", "v1.3.0")).toMatchObject({
    code: 0,
    stderr: "",
  });
  expect((await run("scripts/check-tag-version.ts", "v1.3.1")).code).toBe(1);
  const commands = Object.entries(contents(it.product)).filter(([, text]) => text.startsWith("#!"));
  await Promise.all(
    commands.map(async ([path]) => {
      const { code, stdout, stderr } = await run(path, "--help");
      const usage = path === ownLayout || stdout.includes(`Usage: bun ${path}`);
      expect({ path, code, stderr, usage }).toEqual({ path, code: 0, stderr: "", usage: true });
    }),
  );
  const itself = await run("scripts/adopt.ts", ".", "--check");
  expect(itself.stdout).toContain("\nThe copy is as it was adopted: ");
  it.edit(it.product, "scripts/release.ts", ownLayout);
  rmSync(join(it.product, "scripts/audit-releases.ts"));
  const edited = await run("scripts/adopt.ts", ".", "--check");
  expect(edited.code).toBe(1);
  expect(edited.stdout).toEndWith(", 1 edited here\n");
  expect(errorsOf(edited.stderr)).toEqual([
    "Cannot call the copy current: found 1 file edited here",
    "Cannot call the copy current: found 1 file stale, missing or not executable: scripts/audit-releases.ts",
  ]);
  expect(edited.stderr).toContain("fix: Adopt again: bun TOOLS/scripts/adopt.ts .");
  const refused = await run("scripts/adopt.ts", ".");
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(errorsOf(refused.stderr)[0]).toContain("Cannot adopt from ");
  await it.git(it.product, "init", "--quiet", "../other");
  const from = await run("scripts/adopt.ts", "../other");
  expect(errorsOf(from.stderr)[0]).toContain("Cannot adopt from ");
  expect(readdirSync(join(it.product, "../other"))).toEqual([".git"]);
});

test("what changed upstream comes, what went goes, what was edited or lost is told", async () => {
  using it = await world();
  writeFiles(it.tools, { "scripts/gone.ts": "export {};\n", "scripts/lib/old/a.ts": "//\n" });
  await it.adopt();
  writeFiles(it.tools, {
    "scripts/gone.ts": undefined,
    "scripts/lib/old/a.ts": undefined,
    "scripts/lib/fresh.ts": "//\n",
  });
  it.edit(it.tools, "scripts/release.ts");
  rmSync(join(it.product, "scripts/audit-releases.ts"));
  chmodSync(join(it.product, "scripts/bump-version.ts"), 0o644);
  it.edit(it.product, ownLayout, "scripts/release-chart.ts");
  it.edit(it.tools, ownLayout);
  const said = contents(it.product);

  const stale = await it.check();
  expect(stale.code).toBe(1);
  expect(errorsOf(stale.stderr)).toEqual(
    [
      "found 1 file edited here",
      "found 6 files stale, missing or not executable: scripts/audit-releases.ts, scripts/bump-version.ts, scripts/gone.ts and 3 files more",
    ].map((words) => `Cannot call the copy current: ${words}`),
  );
  expect(contents(it.product)).toEqual(said);

  const { code, stdout, stderr } = await it.adopt();
  expect({ code, errors: errorsOf(stderr) }).toEqual({ code: 0, errors: [] });
  const count = filesIn(it.product).length;
  // The fork's own layout is neither written nor judged, on whichever side it was edited.
  expect(stdout).toStartWith(
    `Files: 4 written, 2 removed, ${count - 5} unchanged, 1 edited here; it was version `,
  );
  expect(stdout).toContain(`The copy is current: ${count} files of version `);
  expect(stderr).toStartWith(
    "warning: Kept as they are: 1 file edited here, and unchanged upstream\n  at scripts/release-chart.ts\n",
  );
  expect(existsSync(join(it.product, "scripts/lib/old"))).toBe(false);
  expect(statSync(join(it.product, "scripts/bump-version.ts")).mode & 0o111).toBe(0o111);
  expect(readFileSync(join(it.product, ownLayout), "utf8")).toBe(said[ownLayout] ?? "");
  expect((await it.check()).code).toBe(1);
  renameSync(join(it.product, "scripts/release-chart.ts"), join(it.product, "gate.ts.mine"));
  await it.adopt();
  expect((await it.check()).code).toBe(0);
});

test("nothing is written if a file was edited on both sides, or was never adopted; the way out works", async () => {
  using it = await world({ committed: true });
  writeFiles(it.tools, { "scripts/gone.ts": "export {};\n" });
  await it.git(it.tools, "add", "--all");
  await it.git(it.tools, "commit", "--quiet", "--message", "More");
  await it.adopt();
  const old = (await it.git(it.tools, "rev-parse", "--short=7", "HEAD")).stdout.trim();
  const edited = "scripts/lib/version.ts";
  it.edit(it.product, edited, "scripts/gone.ts");
  writeFiles(it.product, { "scripts/lib/fresh.ts": "// the product's own\n" });
  writeFiles(it.tools, { "scripts/lib/fresh.ts": "//\n", "scripts/gone.ts": undefined });
  writeFiles(it.tools, { [edited]: `${readFileSync(join(it.tools, edited), "utf8")}// more\n` });
  it.edit(it.tools, "scripts/release.ts");
  await it.git(it.tools, "add", "--all");
  await it.git(it.tools, "commit", "--quiet", "--message", "Change");
  const head = (await it.git(it.tools, "rev-parse", "--short=7", "HEAD")).stdout.trim();
  const before = contents(it.product);
  const { code, stdout, stderr } = await it.adopt();
  expect({ code, stdout }).toMatchObject({
    code: 1,
    stdout: expect.stringContaining(" to write, "),
  });
  expect(errorsOf(stderr)).toEqual([
    "Cannot adopt: found 1 file that adopt.ts did not write",
    "Cannot adopt: found 1 file edited here, and changed upstream since",
    "Cannot adopt: found 1 file edited here, and removed upstream since",
  ]);
  expect(stderr).toContain(
    `; what changed upstream: git -C ../tools diff ${old} ${head} -- scripts/gone.ts ${edited}\n`,
  );
  expect(stderr).toEndWith("Nothing was written.\n");
  expect(contents(it.product)).toEqual(before);

  const [, move = ""] = /Set yours aside: (.+); adopt again: /.exec(stderr) ?? [];
  expect((await start(["sh", "-c", move], { cwd: it.product })).code).toBe(0);
  expect((await it.adopt()).code).toBe(0);
  expect((await it.check()).code).toBe(0);
  expect(readFileSync(join(it.product, `${edited}.mine`), "utf8")).toEndWith("// edited\n");
  expect(readFileSync(join(it.product, edited), "utf8")).toEndWith("// more\n");
});

test("a layout that an older adoption let a fork edit is refused with the way to move its values", async () => {
  using it = await world();
  const old = "scripts/lib/layout.ts";
  const now = readFileSync(join(it.tools, old), "utf8");
  const asEdited = (product: string) =>
    `export const layout = ${JSON.stringify({ ...layout, product })} as const;\n`;
  // An older version of these tools.
  const older = `${asEdited("perf-sentinel")}export const layoutFaults = [];\nexport const has = {};\n`;
  writeFiles(it.tools, { [ownLayout]: undefined, [old]: older });
  expect((await it.adopt()).code).toBe(0);
  writeFiles(it.product, { [old]: asEdited("mine") });
  writeFiles(it.tools, { [ownLayout]: "export const layout = {};\n", [old]: now });
  const before = contents(it.product);
  const found = `found ${old} edited here, expected a fork's values in ${ownLayout}`;
  expect(errorsOf((await it.check()).stderr)[0]).toBe(`Cannot call the copy current: ${found}`);
  const { code, stderr } = await it.adopt();
  expect({ code, errors: errorsOf(stderr) }).toEqual({
    code: 1,
    errors: [`Cannot adopt: ${found}`],
  });
  expect(contents(it.product)).toEqual(before);

  const [, move = ""] = /Move them: (.+); adopt again: /.exec(stderr) ?? [];
  expect((await start(["sh", "-c", move], { cwd: it.product })).code).toBe(0);
  expect(await it.adopt()).toMatchObject({ code: 0, stderr: "" });
  expect((await it.check()).code).toBe(0);
  expect(contents(it.product)).toMatchObject({ [ownLayout]: asEdited("mine"), [old]: now });
  const { stdout } = await it.run("scripts/check-tag-version.ts", it.product, "v1.3.0");
  expect(stdout).toContain("1.3.0");
});

describe("the commands that a way out names work where it was printed:", () => {
  /** Runs a command line as it was printed, with this very runtime as `bun`. */
  function shell(it: Awaited<ReturnType<typeof world>>, cwd: string, command: string) {
    const bin = join(it.tools, "../bin");
    if (!existsSync(bin)) {
      mkdirSync(bin);
      symlinkSync(process.execPath, join(bin, "bun"));
    }
    const env = { ...it.env, PATH: `${bin}:${it.env.PATH}` };
    return start(["sh", "-c", command], { cwd, env });
  }

  test.each([
    ["the release tools", "tools", "product", "../product"],
    ["the release tools, of a product whose name needs quotes", "tools", "our $x", "../our $x"],
    ["a folder of the product", "product/docs", "product", ".."],
    ["the folder above, of a name like an option", ".", "-product", "./-product"],
    ["the copy itself", "product", "product", "."],
  ])("in %s", async (_, place, named, dir) => {
    using it = await world({ committed: true, named });
    const own = { "scripts/status.ts": "// own\n", "scripts/release.ts": "// own\n" };
    writeFiles(it.product, { "docs/a.md": "", ...own });
    const cwd = join(it.tools, "..", place);
    const adopt = (...args: string[]) =>
      it.run(join(it.tools, "scripts/adopt.ts"), cwd, dir, ...args);
    const tools = contents(it.tools);

    const refused = (await adopt()).stderr;
    const [, move = "", again = ""] =
      /fix: Set yours aside: (.+); adopt again: (bun [^;]+);/.exec(refused) ?? [];
    for (const line of [move, again]) {
      expect({ line, ...(await shell(it, cwd, line)) }).toMatchObject({ line, code: 0 });
    }
    expect(readFileSync(join(it.product, "scripts/status.ts.mine"), "utf8")).toContain("own");
    expect((await adopt("--check")).code).toBe(0);

    await it.git(it.product, "add", "--all");
    await it.git(it.product, "commit", "--quiet", "--message", "Adopt");
    for (const text of [undefined, "{"]) {
      writeFiles(it.product, { [manifest]: text });
      const { stderr } = await adopt("--check");
      const [, line = ""] = /estore it from git: (git [^;\n]+)/.exec(stderr) ?? [];
      expect({ line, ...(await shell(it, cwd, line)) }).toMatchObject({ line, code: 0 });
      expect((await adopt("--check")).code).toBe(0);
    }

    writeFiles(it.product, { ".gitignore": "fresh.ts\n" });
    writeFiles(it.tools, { "scripts/fresh.ts": "//\n" });
    const [, line = ""] = /fix: .*(git .*check-ignore .+)\n/.exec((await adopt()).stderr) ?? [];
    const { stdout } = await shell(it, cwd, line);
    expect({ line, stdout }).toEqual({ line, stdout: expect.stringContaining(".gitignore:1:") });
    expect(contents(it.tools)).toEqual({ ...tools, "scripts/fresh.ts": "//\n" });
  });
});

test("the copy may be in a folder of the checkout, and its paths say so", async () => {
  using it = await world();
  mkdirSync(join(it.product, "tools/release"), { recursive: true });
  const { code, stdout } = await it.adopt("tools/release");
  expect(code).toBe(0);
  expect(stdout).toContain("\nNext: git -C tools/release add scripts release-gate,");
  const copied = "tools/release/scripts/check-tag-version.ts";
  expect((await it.run(copied, it.product, "v1.3.0")).code).toBe(0);
  expect((await it.adopt("tools/release", "--check")).code).toBe(0);
});

describe("refused, with nothing written:", () => {
  type Prepare = (it: Awaited<ReturnType<typeof world>>) => FileChanges | undefined;
  test.each<[string, string[], string, Prepare]>([
    [
      "no folder",
      ["../none"],
      "there is no such directory\n  fix: Name a folder in the product's checkout as DIR\n",
      () => undefined,
    ],
    ["no work tree", [".."], "Cannot find a git work tree", () => undefined],
    ["the tools", ["../tools"], "Cannot find a git work tree", () => undefined],
    ["a damaged manifest", ["."], "it is not what adopt.ts wrote", () => ({ [manifest]: "{" })],
    [
      "a manifest that would remove the ledger",
      ["."],
      'it names "release-gate/lab-validations.txt", which no adoption writes',
      () => ({ [manifest]: `{"version":"1","files":{"${ledger}":"${"0".repeat(64)}"}}` }),
    ],
    [
      "a link in the place of a folder",
      ["."],
      "found the symbolic link scripts to elsewhere, expected a plain folder",
      ({ product }) => {
        mkdirSync(join(product, "elsewhere"));
        symlinkSync("elsewhere", join(product, "scripts"));
        return undefined;
      },
    ],
    [
      "a link in the place of a file",
      ["."],
      "Cannot read scripts/release.ts: found the symbolic link scripts/release.ts",
      ({ product }) => {
        mkdirSync(join(product, "scripts"));
        symlinkSync("../Cargo.toml", join(product, "scripts/release.ts"));
        return undefined;
      },
    ],
    [
      "a folder in the place of a file",
      ["."],
      "Cannot read scripts/status.ts: found a folder, expected a file\n  at scripts/status.ts\n  fix: Put a file in place of the folder scripts/status.ts, or move it away\n",
      ({ product }) => {
        mkdirSync(join(product, "scripts/status.ts"), { recursive: true });
        return undefined;
      },
    ],
  ])("%s", async (_, args, words, prepare) => {
    using it = await world();
    writeFiles(it.product, prepare(it) ?? {});
    const before = contents(it.product);
    for (const more of [[], ["--check"]]) {
      const { code, stdout, stderr } = await it.adopt(...args, ...more);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain(words);
      expect(contents(it.product)).toEqual(before);
    }
  });

  test("this very checkout, from within or by name", async () => {
    using it = await world({ committed: true });
    for (const [cwd, dir] of [
      [it.tools, "."],
      [it.tools, "scripts"],
      [it.product, "../tools"],
    ] as const) {
      for (const more of [[], ["--check"]]) {
        const ended = await it.run(join(it.tools, "scripts/adopt.ts"), cwd, dir, ...more);
        expect(ended.code).toBe(1);
        expect(ended.stderr).toContain("these scripts are in the same checkout");
      }
    }
    expect(existsSync(join(it.tools, manifest))).toBe(false);
  });
});

test("the command line is judged before anything is read", async () => {
  using it = await world();
  expect((await it.adopt(".", "--repo", ".")).code).toBe(2);
  expect((await it.adopt("--help")).stdout).not.toContain("--repo");
  expect((await it.adopt("")).code).toBe(2);
});

describe("this project itself", () => {
  test("is adopted; --check refuses a copy that is missing or edited, but for the fork's layout", async () => {
    using it = await world();
    writeFiles(it.product, { "scripts/release.sh": "#!/bin/sh\n" });
    expect(errorsOf((await it.adoptThis("--check")).stderr)).toEqual([
      `Cannot call the copy current: ${manifest} is missing, so nothing was adopted here`,
    ]);
    expect((await it.adoptThis()).code).toBe(0);
    it.edit(it.product, ownLayout);
    expect((await it.adoptThis("--check")).code).toBe(0);
    it.edit(it.product, "scripts/release-chart.ts");
    rmSync(join(it.product, "scripts/audit-releases.ts"));
    const check = await it.adoptThis("--check");
    expect(check.code).toBe(1);
    expect(errorsOf(check.stderr)).toEqual([
      "Cannot call the copy current: found 1 file edited here",
      "Cannot call the copy current: found 1 file stale, missing or not executable: scripts/audit-releases.ts",
    ]);
    const again = await it.adoptThis();
    expect(again.code).toBe(0);
    expect(again.stdout).toStartWith("Files: 1 written, ");
    expect(again.stderr).toContain("warning: Kept as they are: 1 file edited here, ");
  });

  test("is not written over what no adoption wrote", async () => {
    using it = await world();
    writeFiles(it.product, { "scripts/release.ts": "// the product's own\n" });
    const before = contents(it.product);
    const { code, stdout, stderr } = await it.adoptThis();
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining(" to write, ") });
    expect(errorsOf(stderr)).toEqual(["Cannot adopt: found 1 file that adopt.ts did not write"]);
    expect(stderr).toEndWith("Nothing was written.\n");
    const itself = await runScript(script, [projectRoot], { cwd: it.product, env: it.env });
    expect(itself.stderr).toContain("these scripts are in the same checkout");
    expect(contents(it.product)).toEqual(before);
  });

  test("is told to be ignored by git where a rule of the product does so", async () => {
    using it = await world();
    writeFiles(it.product, { ".gitignore": "lib/\n" });
    const { code, stderr } = await it.adoptThis();
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: git ignores (scripts\/lib\/[^ ,]+), .* and \d+ files more: [\s\S]*\n {2}fix: .*check-ignore -v \1\n/m,
    );
  });

  test("has no commit on record where git does not watch its files", async () => {
    using it = await world();
    const silent = 'case "$*" in *"ls-files -v"*) exit 0;; esac; exec "$REAL" "$@"';
    const env = standIn({ home: join(it.product, ".."), env: it.env }, "git", silent);
    const { code, stderr } = await runScript(script, ["."], { cwd: it.product, env });
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /^warning: The release tools have uncommitted changes: .+ and \d+ files more; no commit is recorded\n/m,
    );
    expect(JSON.parse(readFileSync(join(it.product, manifest), "utf8")).commit).toBeUndefined();
  });

  test("is not adopted by halves: an interrupt while it is written leaves every file as it was", async () => {
    using it = await world();
    const before = contents(it.product);
    const signals = new EventEmitter();
    const watch = setInterval(() => {
      if (existsSync(join(it.product, ".release-replacements"))) {
        clearInterval(watch);
        signals.emit("SIGTERM");
      }
    }, 0);
    const running = runScript(script, ["."], { cwd: it.product, env: it.env, signals });
    const { code, stderr } = await running;
    expect(code).toBe(143);
    expect(stderr).toContain("Interrupted: every file is as it was before");
    expect(contents(it.product)).toEqual(before);
  });
});
