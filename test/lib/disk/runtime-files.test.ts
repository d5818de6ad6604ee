/** Files of the current folder that Bun reads before any script, against Bun itself. */

import { expect, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { smallProduct } from "../../../scripts/demo/product.ts";
import { checkRuntimeFiles } from "../../../scripts/lib/disk/runtime-files.ts";
import { runScript } from "../../helpers/run-script.ts";
import {
  type FileChanges,
  isolatedEnvironment,
  projectRoot,
  start,
  temporaryFolder,
  testRepository,
  writeFiles,
} from "../../helpers/world.ts";

const script = "scripts/check-helm-tag-version.ts";

/** A product with some files more, and a check that passes in it but for these. */
async function product(files: FileChanges) {
  const repository = await testRepository();
  const { root } = repository;
  writeFiles(root, { ...smallProduct("1.3.0"), ...files });
  const env = { ...repository.env, NODE_ENV: "" };
  return {
    root,
    /** Runs the check as an operator does. */
    run: (switches: readonly string[], args = ["chart-v1.3.0"], more = {}) =>
      start([process.execPath, ...switches, join(projectRoot, script), ...args], {
        cwd: root,
        env: { ...env, ...more },
      }),
    /** Runs the check in this process, which has read none of the files. */
    judge: (more = {}) =>
      runScript(script, ["chart-v1.3.0"], { cwd: root, env: { ...env, ...more } }),
    [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
  };
}

const onlyThose = "only install, test and telemetry";
const onlyOwn = "no variable that changes git, Bun or these scripts";

function refusal(found: string, expected: string, at: string, switches: string): string {
  return [
    `error: Cannot trust this run: found ${found}, expected ${expected}`,
    `  at ${at}`,
    `  fix: Start the script with these switches of Bun: bun ${switches} ${script} chart-v1.3.0`,
    "",
  ].join("\n");
}

test.each<[string, FileChanges, string, [found: string, expected: string, at: string][]]>([
  [
    "a definition in bunfig.toml",
    { "bunfig.toml": '[install]\nexact = true\n[define]\nX = "1"\n' },
    "--config=/dev/null",
    [['"define", which Bun has read', onlyThose, "bunfig.toml:3:2"]],
  ],
  [
    "a ledger in .env",
    { ".env": "# HOME=no\nTOKEN=t\nexport LEDGER = x\n" },
    "--no-env-file",
    [['"LEDGER", which Bun has loaded', onlyOwn, ".env"]],
  ],
  [
    "both files, with every cause and one way out",
    { "bunfig.toml": "smol = true\n", ".env.local": "GIT_CONFIG_COUNT=0\nPATH=/x\n" },
    "--config=/dev/null --no-env-file",
    [
      ['"smol", which Bun has read', onlyThose, "bunfig.toml:1:1"],
      ['"GIT_CONFIG_COUNT", which Bun has loaded', onlyOwn, ".env.local"],
      ['"PATH", which Bun has loaded', onlyOwn, ".env.local"],
    ],
  ],
])("%s refuses a run, and the way out leads out", async (_, files, switches, causes) => {
  await using it = await product(files);
  // The way out that all causes share is printed once, after the last.
  const all = causes.map((cause) => refusal(...cause, switches));
  const stderr = all
    .map((each, index) => (index < all.length - 1 ? each.replace(/ {2}fix: .*\n/, "") : each))
    .join("");
  expect(await it.run([])).toEqual({ code: 1, stdout: "", stderr });
  expect(await it.run(switches.split(" "))).toMatchObject({ code: 0, stderr: "" });
  expect(await it.run([], ["--help"])).toMatchObject({ code: 0, stderr: "" });
  expect(await it.run([], ["--no-such-option"])).toMatchObject({ code: 2 });
});

test("every variable that changes git, Bun or these scripts refuses a run", async () => {
  using folder = temporaryFolder();
  const names = [
    ...["GIT_DIR", "SSH_ASKPASS", "GNUPGHOME", "LEDGER", "PATH", "HOME", "TMPDIR", "BUN_OPTIONS"],
    ...["NODE_OPTIONS", "GITHUB_ACTIONS", "GITHUB_BASE_REF", "GITHUB_STEP_SUMMARY"],
  ];
  writeFiles(folder.path, { ".env.development": names.map((name) => `${name}=x\n`).join("") });
  const findings = await checkRuntimeFiles(["x.ts"], folder.path, {}, []);
  expect(findings.map(({ message }) => /found "(\w+)", which/.exec(message)?.[1])).toEqual(names);
});

test.each<[string, FileChanges]>([
  ["an application's own", { ".env": "GITHUB_TOKEN=t\nMY_PATH=/x\nNODE_ENV=production\n" }],
  ["what Bun does not load", { ".env.production": "LEDGER=x\n", ".env.example": "LEDGER=x\n" }],
  ["a text in a value", { ".env": 'A="\nLEDGER=x\n"\n' }],
  ["harmless tables", { "bunfig.toml": "telemetry = false\n[install]\nexact = true\n[test]\n" }],
])("%s is no matter", async (_, files) => {
  await using it = await product(files);
  expect(await it.judge()).toMatchObject({ code: 0, stderr: "" });
});

test("folders of these names are no matter", async () => {
  await using it = await product({});
  mkdirSync(join(it.root, ".env"));
  mkdirSync(join(it.root, "bunfig.toml"));
  expect(await it.run([])).toMatchObject({ code: 0, stderr: "" });
});

test.each(["NODE_ENV", "BUN_ENV"])("%s chooses further files", async (name) => {
  await using it = await product({ ".env.production.local": "LEDGER=x\n" });
  expect(await it.judge({ [name]: "production" })).toMatchObject({ code: 1 });
  expect(await it.run([], undefined, { [name]: "production" })).toMatchObject({ code: 1 });
});

test("a file that cannot be read as Bun reads it refuses a run", async () => {
  // Bun obeys UTF-16.
  const preload = Buffer.from('\ufeffpreload = ["./p.js"]\n', "utf16le");
  await using it = await product({ "bunfig.toml": preload, "p.js": "" });
  const { code, stderr } = await it.run([]);
  expect(code).toBe(1);
  expect(stderr).toContain("found bunfig.toml, which Bun has read, unreadable here: ");
  await start(["mkfifo", ".env"], { cwd: it.root });
  expect((await it.judge()).stderr).toContain("found no regular file in .env, expected one");
});

test.each<[string[], number]>([
  [["--config=/dev/null", "--config="], 1],
  [["--config=", "--config=/dev/null"], 0],
  [["--config=/dev/null", "--config=./bunfig.toml"], 1],
])("Bun and this check agree on %p", async (switches, code) => {
  await using it = await product({ "bunfig.toml": '[define]\nX = "1"\n' });
  expect((await it.run(switches)).code).toBe(code);
});

test.each<[string[], number]>([
  [["--env-file", "other"], 0],
  [["--env-file=other"], 0],
  [["--config=/dev/null"], 1],
  [["--env-file=.env"], 1],
  [["--env-file", "./.env"], 1],
  [["--env-file=other,.env", "--no-env-file"], 1],
  [["--no-env-file", "--env-file=other", "--env-file=.env.test"], 1],
])("with %p, a ledger in .env ends in %d", async (switches, code) => {
  await using it = await product({
    ".env": "LEDGER=x\n",
    ".env.test": "LEDGER=x\n",
    other: "A=1\n",
  });
  expect((await it.run(switches)).code).toBe(code);
});

test("a step summary that a file names is not written", async () => {
  await using it = await product({ ".env": "GITHUB_ACTIONS=true\nGITHUB_STEP_SUMMARY=summary\n" });
  expect((await it.run([])).code).toBe(1);
  expect(existsSync(join(it.root, "summary"))).toBe(false);
});

test("the way out keeps the switches of the run, but the one that names the file", async () => {
  await using it = await product({ ".env": "LEDGER=x\n", other: "A=1\n" });
  const { stderr } = await it.run(["--env-file", ".env", "--env-file=other"]);
  expect(stderr).toContain(`bun --env-file=other --no-env-file ${script} chart-v1.3.0\n`);
  expect(await it.run(["--env-file=other", "--no-env-file"])).toMatchObject({ code: 0 });
});

test("commands that are printed have the switches of the run", async () => {
  await using it = await product({ ".env": "LEDGER=x\n" });
  const { stderr } = await it.run(["--no-env-file"], ["--no-such-option"]);
  expect(stderr).toContain(`See bun --no-env-file ${script} --help`);
});

test("of these files Bun reads what is looked for: none of the home, none of a folder above", async () => {
  using folder = temporaryFolder();
  const preload = `preload = ["${folder.path}/p.js"]\n`;
  writeFiles(folder.path, {
    "p.js": "console.log('preloaded')",
    "x.ts": "console.log(process.env.A)",
    "home/.bunfig.toml": preload,
    "config/.bunfig.toml": preload,
    ".env": "A=1\n",
    "bunfig.toml": preload,
    "sub/package.json": "{}",
  });
  const env = {
    ...isolatedEnvironment(join(folder.path, "home")),
    XDG_CONFIG_HOME: join(folder.path, "config"),
    NODE_ENV: "",
  };
  const run = (cwd: string) => start([process.execPath, join(folder.path, "x.ts")], { cwd, env });
  expect((await run(join(folder.path, "sub"))).stdout).toBe("undefined\n");
  expect((await run(folder.path)).stdout).toBe("preloaded\n1\n");
});

test("Bun reads a file of the environment as its parser does that is asked here", async () => {
  using folder = temporaryFolder();
  const text =
    "\ufeffA=1\rB: 2\nexport\tC = 3\nexportD=4\n\vE\n=5\n'F'=6\nG=\"\nH=7\n\"\nx I=8\nJ=1;K=2\nL=1 M=2 # N=3\n#O=4\n";
  writeFiles(folder.path, { ".env": text, "x.ts": "console.log(Object.keys(process.env).join())" });
  const { stdout } = await start([process.execPath, "x.ts"], { cwd: folder.path, env: {} });
  expect(stdout.trim()).toBe(Object.keys(parseEnv(text.slice(1))).join());
});

test("the switches of a run decide which files are judged, and a file that is no TOML refuses", async () => {
  using folder = temporaryFolder();
  writeFiles(folder.path, { "bunfig.toml": "a = [", ".env": "GIT_DIR=x\n" });
  const judge = async (...switches: string[]) =>
    (await checkRuntimeFiles(["x.ts"], folder.path, {}, switches)).map(({ at }) => at?.file);
  expect(await judge("--no-env-file")).toEqual(["bunfig.toml"]);
  expect(await judge("--config=/dev/null", "--env-file", ".env")).toEqual([".env"]);
  expect(await judge("--config=/dev/null", "--env-file=other")).toEqual([]);
});
