/** Runs every command: one table defines its command line, its help and its work. */

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
import { has, layoutFaults } from "./layout.ts";
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

/** Returns a required operand. */
export function operand<T>(help: string, parse: (text: string) => T, shown?: string): Operand<T> {
  return {
    help,
    optional: false,
    ...(shown === undefined ? {} : { shown }),
    parse: (text) => parse(text ?? ""),
  };
}

/** Returns an optional operand. */
export function optionalOperand<T>(
  help: string,
  parse: (text: string) => T,
): Operand<T | undefined> {
  return { help, optional: true, parse: (text) => (text === undefined ? undefined : parse(text)) };
}

/** Returns an option without a value. */
export function flag(help: string): Option<boolean> {
  return { help, parse: (given) => given !== undefined };
}

/** Returns an option that needs a value. */
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

/** Returns a mandatory option. */
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

/** Returns an option with an optional value. Without its value, the option means `implied`. */
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

/**
 * Returns a text that must not be empty.
 *
 * @throws {SyntaxError} If it is empty.
 */
export function nonEmpty(text: string): string {
  if (text === "") {
    throw new SyntaxError("expected a value, found an empty text");
  }
  return text;
}

/** Returns a parser for a version with or without a tag prefix. */
export function versionOf(prefix: string): (text: string) => Version {
  return (text) => parseVersion(text, prefix);
}

/** Returns a parser for a whole number between two bounds, both included. */
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

/** The option of every command that can check a commit instead of the work tree. */
export const refOption = option("COMMIT", "check that commit instead of the work tree", nonEmpty);

/** The option of every command that has rows of evidence which a passing run does not print. */
export const verboseOption = flag("also print every row of the evidence");

const common = {
  repo: option("DIR", "the checkout to work on (default: the one around this folder)", nonEmpty),
  json: flag("print one JSON object on standard output and nothing else"),
  help: flag("show this help"),
};

/** The input of a command's `run`. */
export interface Invocation<P extends Operands = Operands, O extends Options = Options> {
  readonly operands: OperandValues<P>;
  readonly options: OptionValues<O> & OptionValues<typeof common>;
  readonly env: Environment;
  readonly cwd: string;
  /** The moment at which the command started. */
  readonly now: Date;
  /** Returns the wall-clock time. Unlike `clock`, it also advances while the machine sleeps. */
  moment(): Date;
  /** Returns the milliseconds of a monotonic clock, which no change of the system time affects. */
  clock(): number;
  readonly terminal: Terminal;
  readonly report: Report;
  readonly interrupt: Interrupt;
  /** Opens the repository of `--repo`, or by default the one that holds the current folder. */
  repository(): Promise<Repository>;
}

/** A command: the table of its command line and its help, and what it does. */
export interface Command<P extends Operands, O extends Options> {
  /** Path from the top level, such as `scripts/check-tag-version.ts`. */
  readonly name: string;
  /** One sentence for the help. */
  readonly summary: string;
  readonly operands: P;
  readonly options: O;
  /** The reasons for which it refuses, for the help. */
  readonly refuses: readonly string[];
  /** One command line that works. */
  readonly example: string;
  /** Set if the command needs no checkout and therefore has no `--repo`. */
  readonly withoutRepo?: true;
  /** What the layout must have. */
  readonly needs?: keyof typeof has;
  run(invocation: Invocation<P, O>): Promise<void>;
}

/** Returns the table unchanged. The call lets TypeScript infer its types. */
export function command<P extends Operands, O extends Options>(
  table: Command<P, O>,
): Command<P, O> {
  return table;
}

/**
 * Refuses if the layout has none of what an action needs.
 *
 * @throws {Refusal} If so.
 */
export function need(what: keyof typeof has, action: string): void {
  if (!has[what]) {
    throw refusal(`Cannot ${action}: the layout has no ${what}`, {
      remedy: `If there is one, name it in scripts/layout.ts: ${what}`,
    });
  }
}

/** Returns the options of a command: its own, then the common ones. */
export function optionsOf<P extends Operands, O extends Options>(table: Command<P, O>): Options {
  const { repo, ...others } = common;
  return { ...table.options, ...(table.withoutRepo ? {} : { repo }), ...others };
}

/** The parts of `process` that the entry point uses. */
export interface EntryProcess extends EventSource {
  readonly env: Environment;
  readonly argv: readonly string[];
  readonly execArgv: readonly string[];
  cwd(): string;
  exit(code: number): never;
}

/**
 * Runs a command as the entry point of this process, then exits with its exit code.
 *
 * @param self Tests pass another process.
 * @param streams Tests pass other standard streams.
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

/** Returns the current folder, or undefined if it has been removed. */
function currentFolder(self: EntryProcess): string | undefined {
  try {
    return self.cwd();
  } catch {
    return undefined;
  }
}

/** Everything that a command takes from its process. */
export interface World {
  readonly args: readonly string[];
  /** The options that were passed to Bun itself. */
  readonly switches: readonly string[];
  readonly env: Environment;
  readonly cwd: string | undefined;
  readonly now: Date;
  readonly moment: () => Date;
  readonly clock: () => number;
  readonly terminal: Terminal;
  /** Starts to listen for signals. `onChange` is called before the command changes anything. */
  readonly watch: (onChange: () => void) => Watch;
}

/** Runs a command and returns its exit code. */
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
  const watch = world.watch(() => terminal.keepWriting(form.json));
  let exitCode: number;
  let isTrusted = true;
  let running: Promise<void> | undefined;
  let repo: unknown;
  try {
    const parsed = parseCommandLine(table.operands, optionsOf(table), args);
    repo = parsed.options.repo;
    if (parsed.options.verbose === true) {
      report.showDetails();
    }
    const distrust = await checkRuntime(table.name, world);
    isTrusted = distrust === undefined;
    if (distrust !== undefined) {
      throw distrust;
    }
    if (layoutFaults.length > 0) {
      const { refusalOfLayout } = await import("./help.ts");
      throw refusalOfLayout(layoutFaults);
    }
    if (table.needs !== undefined) {
      need(table.needs, `run ${table.name}`);
    }
    running = invoke(table, parsed, world, report, watch.interrupt);
    await Promise.race([running, watch.ended]);
    exitCode = await verdictOf(table.name, report);
  } catch (thrown) {
    if (thrown instanceof Interrupted && running !== undefined) {
      await cleanUp(running, report);
    }
    const { explain } = await import("./help.ts");
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
  // An untrusted .env file may have set the path of the summary.
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

/** Returns a refusal if one of these files may have changed the behaviour of this run. */
async function checkRuntime(
  script: string,
  { args, cwd, env, switches }: World,
): Promise<Refusal | undefined> {
  if (cwd === undefined || !runtimeFiles.some((name) => existsSync(`${cwd}/${name}`))) {
    return undefined;
  }
  const { checkRuntimeFiles } = await import("./disk/runtime-files.ts");
  const findings = await checkRuntimeFiles([script, ...args], cwd, env, switches);
  return findings.length > 0 ? new Refusal(findings) : undefined;
}

/** Reports whether `--repo` names another folder than the current one. */
function isElsewhere(repo: unknown, cwd: string | undefined): repo is string {
  return typeof repo === "string" && cwd !== undefined && resolve(cwd, repo) !== cwd;
}

/** Milliseconds that an interrupted command has to remove its temporary files. */
const cleanUpTime = 2000;

/** Waits for an interrupted command to run its `finally` blocks. Discards what it reports. */
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

/** Returns the exit code of a command that has ended. A command without any evidence has failed. */
async function verdictOf(name: string, report: OpenReport): Promise<number> {
  if (report.findings.some(({ level }) => level === "error")) {
    return exitCodes.refused;
  }
  if (report.gaveEvidence()) {
    return exitCodes.passed;
  }
  const { defect } = await import("./help.ts");
  report.add(error(`Cannot pass ${name}: it ended without evidence`, { remedy: defect }));
  return exitCodes.refused;
}
