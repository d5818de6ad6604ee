import { afterAll, describe, expect, test } from "bun:test";
import { EventEmitter } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { PassThrough } from "node:stream";
import {
  type Command,
  command,
  execute,
  flag,
  main,
  operand,
  optionsOf,
  wholeNumber,
} from "../../scripts/lib/cli.ts";
import {
  type Operands,
  type Options,
  parseCommandLine,
  UsageError,
} from "../../scripts/lib/command-line.ts";
import { helpOf } from "../../scripts/lib/help.ts";
import { watchProcess } from "../../scripts/lib/interrupt.ts";
import { silentTerminal } from "../helpers/quiet.ts";
import { runScript } from "../helpers/run-script.ts";
import { table } from "../helpers/sample-command.ts";
import { runOnTerminal } from "../helpers/terminal.ts";
import {
  type Ended,
  isolatedEnvironment,
  projectRoot,
  start,
  startScript,
  temporaryFolder,
} from "../helpers/world.ts";

function parse<P extends Operands, O extends Options>(
  table: Command<P, O>,
  args: readonly string[],
) {
  return parseCommandLine(table.operands, optionsOf(table), args);
}

const script = "test/helpers/sample-command.ts";
const home = temporaryFolder();
const env = isolatedEnvironment(home.path);

afterAll(() => home[Symbol.dispose]());

const inActions = { ...env, GITHUB_ACTIONS: "true" };

function sample(what: string, options: string[] = [], environment = env): Promise<Ended> {
  return startScript(script, ["v1.2.3", "PASS", "--do", what, ...options], {
    cwd: projectRoot,
    env: environment,
  });
}

const usage = (args: string) => {
  try {
    return parse(table, args === "" ? [] : args.split(" "));
  } catch (thrown) {
    if (thrown instanceof UsageError) {
      return thrown.message;
    }
    throw thrown;
  }
};

const ledger = "the default ledger";
const given = (operands: object, options: object = {}) => ({
  operands: { version: "1.2.3", verdict: "PASS", note: undefined, ...operands },
  options: {
    append: undefined,
    maxAgeDays: undefined,
    do: undefined,
    dryRun: false,
    repo: undefined,
    json: false,
    help: false,
    ...options,
  },
});

test.each<[string, ReturnType<typeof given>]>([
  ["v1.2.3 PASS", given({})],
  ["1.2.3 FAIL a-note", given({ verdict: "FAIL", note: "a-note" })],
  ["--json v1.2.3 --dry-run PASS", given({}, { json: true, dryRun: true })],
  ["v1.2.3 PASS --max-age-days 30", given({}, { maxAgeDays: 30 })],
  ["v1.2.3 PASS --max-age-days=30", given({}, { maxAgeDays: 30 })],
  ["v1.2.3 PASS --do=a=b", given({}, { do: "a=b" })],
  ["v1.2.3 PASS --do=--json", given({}, { do: "--json" })],
  ["v1.2.3 PASS --do -", given({}, { do: "-" })],
  ["v1.2.3 PASS -- --json", given({ note: "--json" })],
  ["-- v1.2.3 PASS", given({})],
  ["v1.2.3 PASS -- -- ", given({ note: "--" })],
  ["v1.2.3 PASS -- -h", given({ note: "-h" })],
  ["v1.2.3 PASS --do=--help", given({}, { do: "--help" })],
])("%p is understood", (args, expected) => {
  expect(usage(args.trimEnd())).toEqual(expected);
});

const { name, summary, refuses, example } = table;
const rest = { name, summary, refuses, example, run: () => Promise.resolve() };

const noNote = command({
  ...rest,
  options: table.options,
  operands: { version: table.operands.version, verdict: table.operands.verdict },
});

test.each<[string, string]>([
  ["v1.2.3 PASS --append", ledger],
  ["--append v1.2.3 PASS", ledger],
  ["v1.2.3 --append --json PASS", ledger],
  ["v1.2.3 PASS --append FILE", "FILE"],
  ["v1.2.3 --append FILE PASS", "FILE"],
  ["--append=PASS v1.2.3 PASS", "PASS"],
  ["v1.2.3 PASS --append -", "-"],
])("an option with an optional value leaves operands their places: %p", (args, expected) => {
  const { operands, options } = parse(noNote, args.split(" "));
  expect(operands).toEqual({ version: "1.2.3", verdict: "PASS" });
  expect(options.append).toBe(expected);
});

test.each<[string, string]>([
  ["v1.2.3 PASS EXTRA --append", 'unexpected operand "EXTRA"'],
  ["EXTRA v1.2.3 --append PASS", 'operand <vX.Y.Z>: found "EXTRA"'],
  ["v1.2.3 PASS --append -- FILE", 'unexpected operand "FILE"'],
  ["v1.2.3 PASS --append=", "option --append: expected a value, found an empty text"],
  ["v1.2.3 PASS --append --append", "option --append is given twice"],
])("an option with an optional value takes nothing that is not its own: %p", (args, expected) => {
  expect(() => parse(noNote, args.split(" "))).toThrow(expected);
});

test.each<[string, string]>([
  ["", "missing operand <vX.Y.Z>"],
  ["v1.2.3", "missing operand <verdict>"],
  ["v1.2.3 PASS a b", 'unexpected operand "b"'],
  ["v1.2.3 MAYBE", 'operand <verdict>: expected PASS or FAIL, found "MAYBE"'],
  ["v1.2 PASS", 'operand <vX.Y.Z>: found "v1.2", expected strict SemVer, perhaps v1.2.0'],
  ["v1.2.3 PASS --nope", 'unknown option "--nope"'],
  ["v1.2.3 PASS --no-json", 'unknown option "--no-json"'],
  ["v1.2.3 PASS --JSON", 'unknown option "--JSON"'],
  ["v1.2.3 PASS --__proto__", 'unknown option "--__proto__"'],
  ["v1.2.3 PASS -x", 'unknown option "-x"'],
  ["v1.2.3 PASS \u{1f600}\ud800 x", 'unexpected operand "x"'],
  ["v1.2.3 PASS --json=yes", 'option --json takes no value, found "yes"'],
  ["v1.2.3 PASS --json --json", "option --json is given twice"],
  ["v1.2.3 PASS --do x --do=y", "option --do is given twice"],
  ["v1.2.3 PASS --do", "option --do needs a value: --do WHAT"],
  ["v1.2.3 PASS --do --json", "option --do needs a value: --do WHAT"],
  ["v1.2.3 PASS --do=", "option --do: expected a value, found an empty text"],
  [
    "v1.2.3 PASS --max-age-days 0",
    'option --max-age-days: expected a whole number from 1 to 99999, found "0"',
  ],
  [
    "v1.2.3 PASS --max-age-days 1e3",
    'option --max-age-days: expected a whole number from 1 to 99999, found "1e3"',
  ],
])("%p is a usage error", (args, expected) => {
  expect(usage(args)).toBe(expected);
});

test.each(["", " 1", "1 ", "+1", "-1", "1.0", "0x1", "１", "100000", "9".repeat(400), "NaN"])(
  "%p is no whole number from 1 to 99999",
  (text) => {
    expect(() => wholeNumber(1, 99999)(text)).toThrow(SyntaxError);
  },
);

test("the help is made of the table that parses", async () => {
  const expected = `Behaves as it is told, for the tests of the command line.

Usage: bun test/helpers/sample-command.ts <vX.Y.Z> <verdict> [note] [options]

Operands:
  vX.Y.Z             the version to behave for
  verdict            PASS or FAIL
  note               anything

Options:
  --append [LEDGER]  append to a ledger
  --max-age-days N   an age in days
  --do WHAT          how to behave
  --dry-run          change nothing
  --repo DIR         the checkout to work on (default: the one around this folder)
  --json             print one JSON object on standard output and nothing else
  -h, --help         show this help

It refuses when:
  - it is told to

Exit codes:
  0    passed
  1    refused, or could not find out
  2    the command line is wrong
  130  interrupted with Ctrl-C

Example:
  bun test/helpers/sample-command.ts v1.2.3 PASS
`;
  expect(helpOf(table, optionsOf(table))).toBe(expected);
  const bare = command({ ...rest, operands: {}, options: { all: flag("all") } });
  expect(helpOf(bare, optionsOf(bare))).not.toContain("Operands:");
  expect(await startScript(script, ["-h"], { cwd: "/", env })).toEqual({
    code: 0,
    stdout: expected,
    stderr: "",
  });
});

test("a call for help anywhere before -- is answered, whatever else is wrong", async () => {
  const [asValue, amongFaults, afterEnd, asJson] = await Promise.all([
    startScript(script, ["--do", "--help"], { cwd: "/", env }),
    startScript(script, ["--nope", "v", "--help"], { cwd: "/", env }),
    startScript(script, ["v1.2.3", "PASS", "--", "--help"], { cwd: "/", env }),
    startScript(script, ["--json", "--help"], { cwd: "/", env: inActions }),
  ]);
  for (const { code, stdout } of [asValue, amongFaults]) {
    expect(code).toBe(0);
    expect(stdout).toBe(helpOf(table, optionsOf(table)));
  }
  expect(afterEnd.stdout).toBe("1.2.3 passes\n");
  expect(JSON.parse(asJson.stdout)).toEqual({
    script,
    ok: true,
    exitCode: 0,
    findings: [],
    data: { help: helpOf(table, optionsOf(table)) },
  });
});

test("a usage error is exit code 2, before the checkout is looked for", async () => {
  const args = ["v1.2.3", "PASS", "--repo", "/no/such/folder", "--do", "repository", "--nope"];
  const text = await startScript(script, args, { cwd: "/", env });
  expect(text).toEqual({
    code: 2,
    stdout: "",
    stderr: `error: Cannot read the command line: unknown option "--nope"\n  fix: See bun ${script} --help\n`,
  });
});

test("a command gets its operands, its options, and the world as values", async () => {
  const { code, stdout } = await sample("options", ["--max-age-days", "7", "--append", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).data).toEqual({
    operands: { version: "1.2.3", verdict: "PASS" },
    options: {
      append: ledger,
      maxAgeDays: 7,
      do: "options",
      dryRun: false,
      json: true,
      help: false,
    },
  });
});

test("--repo names the checkout, from any folder; without it, the one around the folder counts", async () => {
  const top = `${projectRoot}\n`;
  const from = (cwd: string, ...options: string[]) =>
    startScript(script, ["v1.2.3", "PASS", "--do", "repository", ...options], { cwd, env });
  expect((await from(join(projectRoot, "scripts/lib"))).stdout).toBe(top);
  expect((await from(join(projectRoot, "scripts"), "--repo", "..")).stdout).toBe(top);
  expect((await from("/", `--repo=${projectRoot}/test`)).stdout).toBe(top);
  expect(await from("/", "--repo", "/no/such/folder")).toEqual({
    code: 1,
    stdout: "",
    stderr:
      "error: Cannot find a git work tree at /no/such/folder: there is no such directory\n  fix: Run it inside the checkout, or name the checkout with --repo DIR\n",
  });
});

test.concurrent.each([
  ["leaves a rejection to nobody", "reject", "unexpected Error: nobody waits for me"],
  ["throws where nobody catches", "uncaught", "unexpected Error: nobody catches me"],
])("a script that %s ends with a message and no stack trace", async (_, what, words) => {
  const { code, stdout, stderr } = await sample(what);
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toBe(
    `error: Cannot finish ${script}: ${words}\n  fix: This is a defect of the script; report it with the command line that led here\n`,
  );
});

/** Starts the sample in a process group of its own, waits for its word, and then acts on it. */
async function interrupted(what: string, act: (pid: number) => void, options: string[] = []) {
  const child = Bun.spawn(
    [process.execPath, join(projectRoot, script), "v1.2.3", "PASS", "--do", what, ...options],
    { cwd: projectRoot, env, stdin: "ignore", stdout: "pipe", stderr: "pipe", detached: true },
  );
  let stderr = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stderr) {
    if (stderr === "") {
      act(child.pid);
    }
    stderr += decoder.decode(chunk, { stream: true });
  }
  const [code, stdout] = await Promise.all([child.exited, new Response(child.stdout).text()]);
  return { code, stdout, stderr };
}

test.concurrent.each<[NodeJS.Signals, number]>([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
])("%s ends a command with exit code %p and a message", async (signal, code) => {
  expect(await interrupted("wait", (pid) => process.kill(pid, signal))).toEqual({
    code,
    stdout: "",
    stderr: "started\nerror: Interrupted: nothing was changed\n",
  });
});

test.concurrent("a command that does not hear of Ctrl-C is ended all the same", async () => {
  const ended = await interrupted("wait-deaf", (pid) => process.kill(pid, "SIGINT"));
  expect(ended).toMatchObject({ code: 130, stderr: expect.stringContaining("Interrupted: ") });
});

test.concurrent("Ctrl-C reaches the children too, and is still told as an interrupt", async () => {
  for (const what of ["git", "busy-git"]) {
    const ended = await interrupted(what, (pid) => process.kill(-pid, "SIGINT"));
    expect(ended.code).toBe(130);
    expect(ended.stderr).toBe("started\nerror: Interrupted: nothing was changed\n");
  }
});

test.concurrent("an interrupt is one JSON object, with its exit code", async () => {
  const { code, stdout } = await interrupted("wait", (pid) => process.kill(pid, "SIGINT"), [
    "--json",
  ]);
  expect(code).toBe(130);
  expect(JSON.parse(stdout)).toEqual({
    script,
    ok: false,
    exitCode: 130,
    findings: [{ level: "error", message: "Interrupted: nothing was changed" }],
  });
});

test.concurrent("held work comes to its end, is told of the interrupt, and decides what follows", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "held");
  const ended = await interrupted(`hold=${file}`, (pid) => {
    process.kill(pid, "SIGINT");
    process.kill(pid, "SIGTERM");
  });
  expect(ended).toEqual({
    code: 0,
    stdout: "requested true signal false\n",
    stderr: "started\n",
  });
  expect(readFileSync(file, "utf8")).toBe("held to the end\n");
});

test.concurrent("held work comes to its end even when a defect shows meanwhile", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "held");
  const { code, stderr } = await sample(`hold-reject=${file}`);
  expect(existsSync(file)).toBe(true);
  expect(code).toBe(1);
  expect(stderr).toContain("unexpected Error: nobody waits for me");
});

async function piped(what: string, pipeline: string): Promise<Ended & { status: string }> {
  using folder = temporaryFolder();
  const status = join(folder.path, "status");
  const self = `"$BUN" ${join(projectRoot, script)} v1.2.3 PASS --do ${what}`;
  const ended = await start(["sh", "-c", `(${self}; echo $? > ${status}) ${pipeline}`], {
    cwd: "/",
    env: { ...env, BUN: process.execPath },
  });
  return { ...ended, status: readFileSync(status, "utf8").trim() };
}

test.concurrent("a reader that leaves early does not change the verdict", async () => {
  const ended = await piped("many-lines", "| head -n 1");
  expect(ended.stdout).toBe(`line 0 ${"x".repeat(40)}\n`);
  expect(ended.stderr).toBe("");
  expect(ended.status).toBe("0");
});

test.concurrent("1 MB of output reaches a slow reader whole", async () => {
  const { stdout, status } = await piped("many-lines", "| (sleep 0.5; cat)");
  expect(stdout.length).toBe(
    Array.from({ length: 20_000 }, (_, line) => `line ${line} ${"x".repeat(40)}\n`).join("").length,
  );
  expect(stdout).toEndWith(`line 19999 ${"x".repeat(40)}\n`);
  expect(status).toBe("0");
});

test.concurrent("in GitHub Actions the summary is appended, once a run", async () => {
  using folder = temporaryFolder();
  const GITHUB_STEP_SUMMARY = join(folder.path, "summary.md");
  await sample("pass", [], { ...inActions, GITHUB_STEP_SUMMARY });
  await startScript(script, [], { cwd: "/", env: { ...inActions, GITHUB_STEP_SUMMARY } });
  const summary = readFileSync(GITHUB_STEP_SUMMARY, "utf8");
  expect(summary.match(/^### .*$/gm)).toEqual([
    `### \`${script}\` v1&#46;2&#46;3 PASS pass: passed`,
    `### \`${script}\`: refused (exit code 2)`,
  ]);
  expect(summary).toContain("| notice | 1&#46;2&#46;3 passes |");
  await sample("pass", [], { ...env, GITHUB_STEP_SUMMARY });
  expect(readFileSync(GITHUB_STEP_SUMMARY, "utf8")).toBe(summary);
});

test.concurrent.skipIf(!existsSync("/dev/full"))(
  "once a command has changed something, what one stream refuses is said on the other",
  async () => {
    using folder = temporaryFolder();
    const held = `hold=${join(folder.path, "held")}`;
    const words = "requested false signal false\n";
    const full = await piped(held, "> /dev/full");
    expect(full).toMatchObject({ status: "0", stderr: `started\n${words}` });
    const gone = await piped(held, "| true");
    expect(gone).toMatchObject({ status: "0", stderr: `started\n${words}` });
    const json = await piped(`${held} --json`, "> /dev/full");
    expect(json.status).toBe("0");
    expect(JSON.parse(json.stderr.replace("started\n", "")).exitCode).toBe(0);
    const unheard = await piped("hold-tell", "2> /dev/full");
    expect(unheard).toMatchObject({
      status: "1",
      stdout: expect.stringContaining("error: refused"),
    });
    const unheardJson = await piped("hold-tell --json", "2> /dev/full");
    expect(JSON.parse(unheardJson.stdout).exitCode).toBe(1);
  },
);

/** Runs the sample on a terminal of its own, and types after texts that it shows. */
async function onTerminal(
  what: string,
  typed: Readonly<Record<string, string>> = {},
  environment = env,
): Promise<[number, string]> {
  const command = [process.execPath, join(projectRoot, script), "v1.2.3", "PASS", "--do", what];
  const { code, shown } = await runOnTerminal(
    command,
    { cwd: projectRoot, env: environment },
    typed,
  );
  return [code, shown];
}

test.concurrent("colours appear on a terminal, and NO_COLOR or a dumb terminal takes them away", async () => {
  const colourful = { ...env, TERM: "xterm-256color" };
  const [, screen] = await onTerminal("findings", {}, colourful);
  expect(screen).toContain("\u001b[33mwarning:\u001b[39m a warning\n");
  expect(screen).toContain("\u001b[31merror:\u001b[39m an error\n");
  for (const plain of [env, { ...colourful, NO_COLOR: "1" }]) {
    const [code, text] = await onTerminal("findings", {}, plain);
    expect(code).toBe(1);
    expect(text).not.toContain("\u001b");
  }
});

test.concurrent("only a terminal is interactive, and its answer is one line", async () => {
  expect(await onTerminal("interactive")).toEqual([0, "interactive true\n"]);
  expect((await sample("interactive")).stdout).toBe("interactive false\n");
  const [, screen] = await onTerminal("question", { "sure? ": "yes\n" });
  expect(screen).toEndWith('answer "yes"\n');
});

test.concurrent("what was typed before the question is no answer to it, whole line or not", async () => {
  const typed = { "typing\r\n": "y\nstale", "sure? ": "no\n" };
  expect((await onTerminal("late-question", typed))[1]).toEndWith('answer "no"\n');
});

test.concurrent("the end of input is no answer", async () => {
  const [, screen] = await onTerminal("question", { "sure? ": "\u0004" });
  expect(screen).toEndWith("answer undefined\n");
});

describe("in the process of the test", () => {
  const args = (what: string, ...options: string[]) => ["v1.2.3", "PASS", "--do", what, ...options];
  const world = {
    args: [],
    switches: [],
    env,
    cwd: projectRoot,
    now: new Date(),
    moment: () => new Date(),
    clock: () => 0,
  };
  const fix =
    "  fix: This is a defect of the script; report it with the command line that led here";

  test.each<[string, string, string]>([
    [
      "ends without evidence",
      "silence",
      `Cannot pass ${script}: it ended without evidence\n${fix}`,
    ],
    ["refuses", "refuse", "Cannot go on\n  fix: Turn back"],
    [
      "refuses without a reason",
      "refuse-silently",
      `Cannot finish ${script}: refused without a reason\n${fix}`,
    ],
    [
      "throws what is no refusal",
      "throw",
      `Cannot finish ${script}: unexpected TypeError: undefined is not a function\n  | second line\n${fix}`,
    ],
    ["throws what is no error", "throw-text", `Cannot finish ${script}: unexpected a text\n${fix}`],
    [
      "only tells beside the output",
      "tell",
      `Cannot pass ${script}: it ended without evidence\n${fix}`,
    ],
    [
      "misses a program",
      "missing-program",
      "Cannot run no-such-program: it is not installed, or not on PATH\n  fix: Install no-such-program, or add it to PATH",
    ],
  ])("a command that %s is refused with one error", async (_, what, words) => {
    const ended = await runScript(script, args(what), { cwd: projectRoot, env });
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(ended.stderr).toEndWith(`error: ${words}\n`);
  });

  test("a defect in what reads an operand is not the operator's fault", () => {
    const broken = command({
      ...rest,
      options: {},
      operands: {
        text: operand("t", () => {
          throw new TypeError("defect");
        }),
      },
    });
    expect(() => parse(broken, ["x"])).toThrow(TypeError);
  });

  test("a command that is interrupted puts away what it made, and says no more", async () => {
    const signals = new EventEmitter();
    const { written, terminal } = silentTerminal();
    let putAway = false;
    const slow = command({
      ...rest,
      operands: {},
      options: {},
      async run({ report, interrupt }) {
        try {
          signals.emit("SIGTERM");
          await Bun.sleep(1);
          expect(interrupt.signal.aborted).toBe(true);
        } finally {
          putAway = true;
          report.print("of no interest");
        }
      },
    });
    const code = await execute(slow, { ...world, terminal, watch: () => watchProcess(signals) });
    expect({ code, putAway, ...written }).toEqual({
      code: 143,
      putAway: true,
      out: "",
      err: "error: Interrupted: nothing was changed\n",
    });
    expect(signals.eventNames()).toEqual([]);
  });

  test("a summary that cannot be written changes no verdict, and nobody waits for a pipe's reader", async () => {
    using folder = temporaryFolder();
    const pipe = join(folder.path, "pipe");
    expect(await Bun.spawn(["mkfifo", pipe]).exited).toBe(0);
    const ended = await runScript(script, args("pass", "--json"), {
      cwd: projectRoot,
      env: { ...inActions, GITHUB_STEP_SUMMARY: pipe },
    });
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain(
      "\nwarning: Cannot write the step summary: it is not a regular file",
    );
  });
});

describe("the entry point", () => {
  const noOptions: readonly string[] = [];
  const goneFolder = (): string => {
    throw new Error("ENOENT: no such file or directory, getcwd");
  };

  /** Runs the sample as a process would whose end, signals, folder and streams are the test's. */
  async function enter(
    what: string,
    { cwd = () => projectRoot, out = "out", options = noOptions } = {},
  ) {
    using folder = temporaryFolder();
    const paths = [resolve(folder.path, out), join(folder.path, "err")];
    const [stdout = 0, stderr = 0] = paths.map((path) => openSync(path, "a"));
    const self = Object.assign(new EventEmitter(), {
      env,
      cwd,
      argv: ["bun", script, "v1.2.3", "PASS", "--do", what, ...options],
      execArgv: [],
      exit(code: number): never {
        throw new Error(`exit ${code}`);
      },
    });
    const input = () => new PassThrough();
    const ended = main(table, self, { in: stdout, out: stdout, err: stderr, input });
    const end: unknown = await ended.catch((thrown: unknown) => thrown);
    closeSync(stdout);
    closeSync(stderr);
    return {
      end: String(end),
      said: paths
        .filter((path) => statSync(path).isFile())
        .map((path) => readFileSync(path, "utf8")),
      listeners: self.eventNames(),
    };
  }

  test("ends the process with the verdict, and hears of nothing any more", async () => {
    expect(await enter("pass")).toEqual({
      end: "Error: exit 0",
      said: ["1.2.3 passes\n", ""],
      listeners: [],
    });
    expect((await enter("silence")).end).toBe("Error: exit 1");
  });

  test("refuses a current folder that has been removed", async () => {
    expect(await enter("pass", { cwd: goneFolder })).toMatchObject({
      end: "Error: exit 1",
      said: [
        "",
        "error: Cannot find the current folder: it has been removed\n  fix: Change to a folder that exists: cd\n",
      ],
    });
  });

  test.skipIf(!existsSync("/dev/full")).each([[[]], [["--json"]]])(
    "refuses when its answer cannot be written: %p",
    async (options) => {
      const { end, said } = await enter("pass", { options, out: "/dev/full" });
      expect(end).toBe("Error: exit 1");
      expect(said).toEqual([
        expect.stringMatching(/^error: Cannot write to standard output: ENOSPC/),
      ]);
    },
  );
});
