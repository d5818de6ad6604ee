/** The command line of every script: one table parses it, explains it, and holds its exit codes. */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  exitCodes,
  type Operand,
  type Operands,
  type Option,
  type Options,
  type Parsed,
  parseCommandLine,
} from "./command-line.ts";
import { error, Refusal, refusal, shellWord } from "./finding.ts";
import { openRepository, type Repository } from "./git/repository.ts";
import {
  type EventSource,
  type Interrupt,
  Interrupted,
  type Watch,
  watchProcess,
} from "./interrupt.ts";
import type { Environment } from "./process.ts";
import { type OpenReport, openReport, type Report, textOf } from "./report.ts";
import { processTerminal, type Streams, type Terminal } from "./terminal.ts";
import { parseVersion, type Version } from "./version.ts";

type OperandValues<T extends Operands> = {
  readonly [K in keyof T]: T[K] extends Operand<infer V> ? V : never;
};
type OptionValues<T extends Options> = {
  readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never;
};

/** A required operand. */
export function operand<T>(help: string, parse: (text: string) => T, shown?: string): Operand<T> {
  return {
    help,
    optional: false,
    ...(shown === undefined ? {} : { shown }),
    parse: (text) => parse(text ?? ""),
  };
}

/** An operand that may be left out. */
export function optionalOperand<T>(
  help: string,
  parse: (text: string) => T,
): Operand<T | undefined> {
  return { help, optional: true, parse: (text) => (text === undefined ? undefined : parse(text)) };
}

/** An option without a value. */
export function flag(help: string): Option<boolean> {
  return { help, parse: (given) => given !== undefined };
}

/** An option that needs a value. */
export function option<T>(
  value: string,
  help: string,
  parse: (text: string) => T,
): Option<T | undefined> {
  return {
    help,
    value,
    parse: (given) => (typeof given === "string" ? parse(given) : undefined),
  };
}

/** An option that must be given. */
export function requiredOption<T>(
  value: string,
  help: string,
  parse: (text: string) => T,
): Option<T> {
  return {
    help,
    value,
    required: true,
    parse: (given) => {
      if (typeof given !== "string") {
        throw new SyntaxError(`it must be given, with ${value}`);
      }
      return parse(given);
    },
  };
}

/** An option whose value may be left out; it is then `implied`. */
export function optionWithDefault<T>(
  value: string,
  help: string,
  parse: (text: string) => T,
  implied: T,
): Option<T | undefined> {
  return {
    help,
    value,
    valueOptional: true,
    parse: (given) => (given === undefined ? undefined : given === true ? implied : parse(given)),
  };
}

/** Any text but an empty one. */
export function nonEmpty(text: string): string {
  if (text === "") {
    throw new SyntaxError("expected a value, found an empty text");
  }
  return text;
}

/** A parser for a version with or without a tag prefix. */
export function versionOf(prefix: string): (text: string) => Version {
  return (text) => parseVersion(text, prefix);
}

/** A parser for a whole number between two bounds, both included. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new SyntaxError(
        `expected a whole number from ${least} to ${most}, found ${JSON.stringify(text)}`,
      );
    }
    return value;
  };
}

/** The option of every script that can judge a commit instead of the work tree. */
export const refOption = option("COMMIT", "judge that commit instead of the work tree", nonEmpty);

const common = {
  repo: option("DIR", "the checkout to work on (default: the one around this folder)", nonEmpty),
  json: flag("print one JSON object on standard output and nothing else"),
  help: flag("show this help"),
};

/** What a script is told when it runs. */
export interface Invocation<P extends Operands = Operands, O extends Options = Options> {
  readonly operands: OperandValues<P>;
  readonly options: OptionValues<O> & OptionValues<typeof common>;
  readonly env: Environment;
  readonly cwd: string;
  /** The moment the script was started. */
  readonly now: Date;
  /** The moment at which it is asked, by the machine's time: the clock may stand still in its sleep. */
  moment(): Date;
  /** Milliseconds since some moment; no change of the machine's time disturbs them. */
  clock(): number;
  readonly terminal: Terminal;
  readonly report: Report;
  readonly interrupt: Interrupt;
  /** The repository of `--repo`, or else the one around the current folder. */
  repository(): Promise<Repository>;
}

/** A script: everything its command line and its help need to know, and what it does. */
export interface Command<P extends Operands, O extends Options> {
  /** Path from the top level, such as `scripts/check-tag-version.ts`. */
  readonly name: string;
  /** What it does, in one sentence. */
  readonly summary: string;
  readonly operands: P;
  readonly options: O;
  /** What makes it refuse, for the help. */
  readonly refuses: readonly string[];
  /** One command line that works. */
  readonly example: string;
  /** Whether it works on no checkout that `--repo` could name. */
  readonly withoutRepo?: true;
  run(invocation: Invocation<P, O>): Promise<void>;
}

/** Checks the table's types; the table itself is the command. */
export function command<P extends Operands, O extends Options>(
  table: Command<P, O>,
): Command<P, O> {
  return table;
}

/** The options of a command: its own, and those that every command has. */
export function optionsOf<P extends Operands, O extends Options>(table: Command<P, O>): Options {
  const { repo, ...others } = common;
  return { ...table.options, ...(table.withoutRepo ? {} : { repo }), ...others };
}

/** What the entry point asks of a process. */
export interface EntryProcess extends EventSource {
  readonly env: Environment;
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  cwd(): string;
  exit(code: number): never;
}

/**
 * Runs a script as the entry point of this process: reads the world, and ends it.
 *
 * @param self This process, if it is not a test's.
 * @param streams Its standard streams, if they are not a test's.
 */
export async function main<P extends Operands, O extends Options>(
  table: Command<P, O>,
  self: EntryProcess = process,
  streams?: Streams,
): Promise<never> {
  const env: Environment = { ...self.env };
  const moment = () => new Date();
  const terminal = processTerminal(env, streams);
  const code = await execute(table, {
    args: self.argv.slice(2),
    switches: self.execArgv,
    env,
    cwd: currentFolder(self),
    now: moment(),
    moment,
    clock: () => performance.now(),
    terminal,
    watch: (onChange) => watchProcess(self, onChange),
  }).catch((thrown) => {
    const findings = thrown instanceof Refusal ? thrown.findings : [error(String(thrown))];
    for (const each of findings) {
      terminal.err(`${textOf(each, false)}\n`);
    }
    return exitCodes.refused;
  });
  return self.exit(code);
}

/** The current folder, or undefined if it has been removed. */
function currentFolder(self: EntryProcess): string | undefined {
  try {
    return self.cwd();
  } catch {
    return undefined;
  }
}

/** The world that a command runs in, as values. */
export interface World {
  readonly args: readonly string[];
  /** The options of Bun itself that this run was started with. */
  readonly switches: readonly string[];
  readonly env: Environment;
  readonly cwd: string | undefined;
  readonly now: Date;
  readonly moment: () => Date;
  readonly clock: () => number;
  readonly terminal: Terminal;
  /** Begins to hear of what ends the command early; calls back before the command changes anything. */
  readonly watch: (onChange: () => void) => Watch;
}

/** Runs a command to its exit code. */
export async function execute<P extends Operands, O extends Options>(
  table: Command<P, O>,
  world: World,
): Promise<number> {
  const { args, switches, env, terminal } = world;
  const beforeOptionsEnd = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  const form = {
    script: table.name,
    subject: beforeOptionsEnd.filter((each) => !each.startsWith("-")).join(" "),
    json: beforeOptionsEnd.includes("--json"),
    actions: env.GITHUB_ACTIONS === "true",
    switches: switches.map(shellWord).join(" "),
  };
  const formats = form.json || form.actions ? await import("./report-formats.ts") : undefined;
  const report = openReport(terminal, form, formats);
  if (beforeOptionsEnd.some((each) => each === "--help" || each === "-h")) {
    const { helpOf } = await import("./help.ts");
    const help = helpOf(table, optionsOf(table));
    report.attach({ help });
    report.finish(exitCodes.passed);
    terminal.out(form.json ? "" : help);
    return exitCodes.passed;
  }
  const watch = world.watch(() => terminal.outlive(form.json));
  let exitCode: number;
  let isTrusted = true;
  let running: Promise<void> | undefined;
  let repo: unknown;
  try {
    const parsed = parseCommandLine(table.operands, optionsOf(table), args);
    repo = parsed.options.repo;
    const distrust = await checkRuntime(table.name, world);
    isTrusted = distrust === undefined;
    if (distrust !== undefined) {
      throw distrust;
    }
    running = invoke(table, parsed, world, report, watch.interrupt);
    await Promise.race([running, watch.ended]);
    exitCode = await verdictOf(table.name, report);
  } catch (thrown) {
    if (thrown instanceof Interrupted && running !== undefined) {
      await cleanUp(running, report);
    }
    const { explain } = await import("./failure.ts");
    exitCode = explain(thrown, table.name, report);
  } finally {
    watch.stop();
  }
  if (isElsewhere(repo, world.cwd) && report.namedCommand()) {
    const folder = shellWord(repo);
    report.printAside(
      `The commands above are meant for ${folder}: add --repo ${folder} to a script, -C ${folder} to git`,
    );
  }
  report.finish(exitCode);
  // A file that is not trusted may have set the name of the summary.
  if (formats && form.actions && env.GITHUB_STEP_SUMMARY && isTrusted) {
    const why = formats.appendSummary(env.GITHUB_STEP_SUMMARY, report.summary(exitCode));
    if (why !== undefined) {
      report.printAside(`warning: Cannot write the step summary: ${why}`);
    }
  }
  return exitCode;
}

/** Files of the current folder that Bun may read before the first line of a script. */
const runtimeFiles = [
  "bunfig.toml",
  ".env",
  ...["local", "development", "production", "test"].flatMap((mode) => [
    `.env.${mode}`,
    `.env.${mode}.local`,
  ]),
];

/** Returns a refusal if such a file may have changed what this run does. */
async function checkRuntime(
  script: string,
  { cwd, env, switches }: World,
): Promise<Refusal | undefined> {
  if (cwd === undefined || !runtimeFiles.some((name) => existsSync(`${cwd}/${name}`))) {
    return undefined;
  }
  const { checkRuntimeFiles } = await import("./disk/runtime-files.ts");
  const findings = await checkRuntimeFiles(script, cwd, env, switches);
  return findings.length > 0 ? new Refusal(findings) : undefined;
}

/** Whether `--repo` names another folder than the current one. */
function isElsewhere(repo: unknown, cwd: string | undefined): repo is string {
  return typeof repo === "string" && cwd !== undefined && resolve(cwd, repo) !== cwd;
}

/** Milliseconds that an interrupted command has to remove what it made for itself. */
const cleanUpTime = 2000;

/** Lets an interrupted command run its `finally` blocks, without a word. */
async function cleanUp(running: Promise<void>, report: OpenReport): Promise<void> {
  const unmute = report.mute();
  await Promise.race([running.catch(() => {}), Bun.sleep(cleanUpTime)]);
  unmute();
}

async function invoke<P extends Operands, O extends Options>(
  table: Command<P, O>,
  parsed: Parsed,
  { env, cwd, now, moment, clock, terminal }: World,
  report: Report,
  interrupt: Interrupt,
): Promise<void> {
  if (cwd === undefined) {
    throw refusal("Cannot find the current folder: it has been removed", {
      remedy: "Change to a folder that exists: cd",
    });
  }
  const { repo } = parsed.options;
  const folder = typeof repo === "string" ? resolve(cwd, repo) : cwd;
  await table.run({
    ...parsed,
    ...{ env, cwd, now, moment, clock, terminal, report, interrupt },
    repository: () => openRepository(folder, env, interrupt.signal),
  } as unknown as Invocation<P, O>);
}

/** Returns the exit code of a command that came to its end: silence is not a pass. */
async function verdictOf(name: string, report: OpenReport): Promise<number> {
  if (report.findings.some(({ level }) => level === "error")) {
    return exitCodes.refused;
  }
  if (report.gaveEvidence()) {
    return exitCodes.passed;
  }
  const { defect } = await import("./failure.ts");
  report.add(error(`Cannot pass ${name}: it ended without evidence`, { remedy: defect }));
  return exitCodes.refused;
}
