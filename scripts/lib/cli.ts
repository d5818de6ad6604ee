/** The command line of every script: one table parses it, explains it, and holds its exit codes. */

import { appendFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { findMeant, type GivenOption, tokensOf } from "./arguments.ts";
import { checkRuntimeFiles } from "./disk/runtime-files.ts";
import {
  error,
  type Finding,
  findingsOf,
  LocatedSyntaxError,
  Refusal,
  refusal,
  shellWord,
} from "./finding.ts";
import { openRepository, type Repository } from "./git/git.ts";
import {
  type EventSource,
  type Interrupt,
  Interrupted,
  type Watch,
  watchProcess,
} from "./interrupt.ts";
import { type Environment, MissingProgram } from "./process.ts";
import { type OpenReport, openReport, type Report, textOf, visible } from "./report.ts";
import { processTerminal, type Streams, type Terminal } from "./terminal.ts";
import { parseVersion, type Version } from "./version.ts";

/** Exit codes, the same for every script. */
export const exitCodes = {
  passed: 0,
  refused: 1,
  usage: 2,
  interrupted: 130,
} as const;

/** The command line is wrong: exit code 2, before anything is read. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** An operand, by position. */
export interface Operand<T> {
  readonly help: string;
  readonly optional: boolean;
  /** How the operand is shown in the usage line, if not by its name. */
  readonly shown?: string;
  readonly parse: (text: string | undefined) => T;
}

/** An option, by name. */
export interface Option<T> {
  readonly help: string;
  /** The placeholder of its value; none for a flag. */
  readonly value?: string;
  /** Whether the value may be left out. */
  readonly valueOptional?: boolean;
  /** Whether it must be given. */
  readonly required?: true;
  /** `given` is true for an option without a value, and undefined for an absent option. */
  readonly parse: (given: string | true | undefined) => T;
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds operands and options of any type
type Operands = Readonly<Record<string, Operand<any>>>;
// biome-ignore lint/suspicious/noExplicitAny: as above
type Options = Readonly<Record<string, Option<any>>>;
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
function optionsOf<P extends Operands, O extends Options>(table: Command<P, O>): Options {
  const { repo, ...others } = common;
  return { ...table.options, ...(table.withoutRepo ? {} : { repo }), ...others };
}

/** The help text of a command, from the table that parses its command line. */
export function helpOf<P extends Operands, O extends Options>(table: Command<P, O>): string {
  const operands = Object.entries(table.operands).map(([name, each]) => {
    const shown = each.shown ?? name;
    return { usage: each.optional ? `[${shown}]` : `<${shown}>`, name: shown, help: each.help };
  });
  const options = Object.entries(optionsOf(table)).map(([name, each]) => ({
    name: `${name === "help" ? "-h, " : ""}--${kebab(name)}${placeholder(each)}`,
    help: each.help,
  }));
  const width = Math.max(...[...operands, ...options].map(({ name }) => name.length));
  const rows = (entries: readonly { name: string; help: string }[]) =>
    entries.map(({ name, help }) => `  ${name.padEnd(width)}  ${help}`);
  const usage = ["bun", table.name, ...operands.map((each) => each.usage), "[options]"].join(" ");
  return [
    table.summary,
    "",
    `Usage: ${usage}`,
    "",
    ...(operands.length === 0 ? [] : ["Operands:", ...rows(operands), ""]),
    "Options:",
    ...rows(options),
    "",
    "It refuses when:",
    ...table.refuses.map((reason) => `  - ${reason}`),
    "",
    "Exit codes:",
    "  0    passed",
    "  1    refused, or could not find out",
    "  2    the command line is wrong",
    "  130  interrupted with Ctrl-C",
    "",
    "Example:",
    `  ${table.example}`,
    "",
  ].join("\n");
}

function placeholder(each: Option<unknown>): string {
  return each.value === undefined ? "" : each.valueOptional ? ` [${each.value}]` : ` ${each.value}`;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

interface Parsed {
  readonly operands: Record<string, unknown>;
  readonly options: Record<string, unknown>;
}

/**
 * Reads a command line by its table.
 *
 * @throws {UsageError} If the command line does not fit the table.
 */
export function parseCommandLine<P extends Operands, O extends Options>(
  table: Command<P, O>,
  args: readonly string[],
): Parsed {
  const byFlag = new Map(
    Object.entries(optionsOf(table)).map(([name, each]) => [kebab(name), { name, each }]),
  );
  const needsValue = [...byFlag].filter(([, { each }]) => each.value && !each.valueOptional);
  const given = new Map<string, string | true>();
  const positionals: { text: string; after: string | undefined }[] = [];
  let previous: string | undefined;
  for (const token of tokensOf(args, new Set(needsValue.map(([name]) => name)))) {
    let hungry: string | undefined;
    if (token.kind === "positional") {
      positionals.push({ text: token.value, after: previous });
    } else if (token.kind === "option") {
      hungry = takeOption(token, byFlag, given);
    }
    previous = hungry;
  }
  feedOptionalValues(positionals, Object.keys(table.operands).length, given);
  const missing = [...byFlag].find(([name, { each }]) => each.required && !given.has(name));
  const operands = takeOperands(
    table.operands,
    positionals.map(({ text }) => text),
    missing && `--${missing[0]} ${missing[1].each.value}`,
  );
  const options: Record<string, unknown> = {};
  for (const { name, each } of byFlag.values()) {
    options[name] = parseValue(`option --${kebab(name)}`, () => each.parse(given.get(name)));
  }
  return { operands, options };
}

/** Notes an option; answers its name if a following argument may be its optional value. */
function takeOption(
  token: GivenOption,
  byFlag: ReadonlyMap<string, { name: string; each: Option<unknown> }>,
  given: Map<string, string | true>,
): string | undefined {
  const found = byFlag.get(token.name);
  if (found === undefined || (token.rawName.length === 2 && token.rawName !== "-h")) {
    const isLong = token.rawName.startsWith("--");
    const meant = isLong ? findMeant(token.name, [...byFlag.keys()]) : undefined;
    const perhaps = meant === undefined ? "" : `, perhaps --${meant}`;
    throw new UsageError(`unknown option ${JSON.stringify(token.rawName)}${perhaps}`);
  }
  const { name, each } = found;
  if (given.has(name)) {
    throw new UsageError(`option ${token.rawName} is given twice`);
  }
  const value = token.inlineValue ? token.value : undefined;
  if (each.value === undefined && value !== undefined) {
    throw new UsageError(`option ${token.rawName} takes no value, found ${JSON.stringify(value)}`);
  }
  if (each.value === undefined || each.valueOptional) {
    given.set(name, value ?? true);
    return each.valueOptional && value === undefined ? name : undefined;
  }
  if (token.value === undefined || (!token.inlineValue && /^-./.test(token.value))) {
    throw new UsageError(`option ${token.rawName} needs a value: ${token.rawName} ${each.value}`);
  }
  given.set(name, token.value);
  return undefined;
}

/** Gives an argument that is one too many to the option right before it that may take it. */
function feedOptionalValues(
  positionals: { text: string; after: string | undefined }[],
  expected: number,
  given: Map<string, string | true>,
): void {
  while (positionals.length > expected) {
    const index = positionals.findLastIndex(({ after }) => after !== undefined);
    const [taken] = index < 0 ? [] : positionals.splice(index, 1);
    if (taken?.after === undefined) {
      return;
    }
    given.set(taken.after, taken.text);
  }
}

/** @param absent An option that must be given and is not, with its placeholder. */
function takeOperands(
  table: Operands,
  texts: readonly string[],
  absent: string | undefined,
): Record<string, unknown> {
  const names = Object.entries(table);
  const extra = texts[names.length];
  if (extra !== undefined) {
    const instead = absent === undefined ? "" : `, and ${absent} is missing`;
    throw new UsageError(`unexpected operand ${JSON.stringify(extra)}${instead}`);
  }
  const missing = names.find(([, each], index) => !each.optional && texts[index] === undefined);
  if (missing !== undefined) {
    throw new UsageError(`missing operand <${missing[1].shown ?? missing[0]}>`);
  }
  return Object.fromEntries(
    names.map(([name, each], index) => [
      name,
      parseValue(`operand <${each.shown ?? name}>`, () => each.parse(texts[index])),
    ]),
  );
}

function parseValue(what: string, parse: () => unknown): unknown {
  try {
    return parse();
  } catch (thrown) {
    if (thrown instanceof SyntaxError) {
      throw new UsageError(`${what}: ${thrown.message}`);
    }
    throw thrown;
  }
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
    const findings = thrown instanceof Refusal ? thrown.findings : [error(wordsOf(thrown))];
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
  const report = openReport(terminal, form);
  if (beforeOptionsEnd.some((each) => each === "--help" || each === "-h")) {
    const help = helpOf(table);
    if (form.json) {
      report.attach({ help });
      report.finish(exitCodes.passed);
    } else {
      terminal.out(help);
    }
    return exitCodes.passed;
  }
  const watch = world.watch(() => terminal.outlive(form.json));
  let exitCode: number;
  let running: Promise<void> | undefined;
  let repo: unknown;
  let distrust: readonly Finding[] = [];
  try {
    const parsed = parseCommandLine(table, args);
    repo = parsed.options.repo;
    if (world.cwd !== undefined) {
      distrust = await checkRuntimeFiles(table.name, world.cwd, env, switches);
    }
    if (distrust.length > 0) {
      throw new Refusal(distrust);
    }
    running = invoke(table, parsed, world, report, watch.interrupt);
    await Promise.race([running, watch.ended]);
    exitCode = verdictOf(table.name, report);
  } catch (thrown) {
    if (thrown instanceof Interrupted && running !== undefined) {
      await cleanUp(running, report);
    }
    exitCode = explain(thrown, table.name, report);
  } finally {
    watch.stop();
  }
  if (isElsewhere(repo, world.cwd) && report.namedCommand()) {
    const folder = shellWord(repo);
    report.tell(
      `The commands above are meant for ${folder}: add --repo ${folder} to a script, -C ${folder} to git`,
    );
  }
  const finished = report.finish(exitCode);
  // The name of the summary may be one of what is not to be trusted.
  if (form.actions && env.GITHUB_STEP_SUMMARY && distrust.length === 0) {
    appendSummary(env.GITHUB_STEP_SUMMARY, finished.summary, terminal);
  }
  return exitCode;
}

/** Whether `--repo` names another folder than the current one. */
function isElsewhere(repo: unknown, cwd: string | undefined): repo is string {
  return typeof repo === "string" && cwd !== undefined && resolve(cwd, repo) !== cwd;
}

/** Milliseconds that an interrupted command has to put away what it made for itself. */
const cleanUpTime = 2000;

/** Lets an interrupted command run its `finally` blocks; what it still says is of no interest. */
async function cleanUp(running: Promise<void>, report: OpenReport): Promise<void> {
  const sound = report.mute();
  await Promise.race([running.catch(() => {}), Bun.sleep(cleanUpTime)]);
  sound();
}

async function invoke<P extends Operands, O extends Options>(
  table: Command<P, O>,
  parsed: Parsed,
  world: World,
  report: Report,
  interrupt: Interrupt,
): Promise<void> {
  const { env, cwd, now, moment, clock, terminal } = world;
  if (cwd === undefined) {
    throw refusal("Cannot find the current folder: it has been removed", {
      remedy: "Change to a folder that exists: cd",
    });
  }
  const { repo } = parsed.options;
  const folder = typeof repo === "string" ? resolve(cwd, repo) : cwd;
  await table.run({
    ...parsed,
    env,
    cwd,
    now,
    moment,
    clock,
    terminal,
    report,
    interrupt,
    repository: () => openRepository(folder, env, interrupt.signal),
  } as unknown as Invocation<P, O>);
}

/** The exit code of a command that came to its end: silence is not a pass. */
function verdictOf(name: string, report: OpenReport): number {
  if (report.findings.some(({ level }) => level === "error")) {
    return exitCodes.refused;
  }
  if (!report.gaveEvidence()) {
    report.add(error(`Cannot pass ${name}: it ended without evidence`, { remedy: defect }));
    return exitCodes.refused;
  }
  return exitCodes.passed;
}

/** The verdict does not depend on the summary: it is a copy of what the log says. */
function appendSummary(file: string, summary: string, terminal: Terminal): void {
  try {
    // Anything else could block for ever: a pipe without a reader, say.
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) {
      throw new Error("it is not a regular file");
    }
    appendFileSync(file, summary);
  } catch (thrown) {
    const words = thrown instanceof Error ? thrown.message : String(thrown);
    terminal.err(`${visible(`warning: Cannot write the step summary: ${words}`, true)}\n`);
  }
}

const defect = "This is a defect of the script; report it with the command line that led here";

/** Reports what ended a command early, and answers its exit code. */
function explain(thrown: unknown, name: string, report: Report): number {
  if (thrown instanceof UsageError) {
    report.add(
      error(`Cannot read the command line: ${thrown.message}`, {
        remedy: `See bun ${name} --help`,
      }),
    );
    return exitCodes.usage;
  }
  if (thrown instanceof Interrupted) {
    report.add(error(thrown.message));
    return thrown.exitCode;
  }
  report.add(refusedBy(thrown, name));
  return exitCodes.refused;
}

function refusedBy(thrown: unknown, name: string): readonly Finding[] {
  if (thrown instanceof MissingProgram) {
    return [error(thrown.message, { remedy: `Install ${thrown.program}, or add it to PATH` })];
  }
  if (!(thrown instanceof Refusal || thrown instanceof LocatedSyntaxError)) {
    return [error(`Cannot finish ${name}: unexpected ${wordsOf(thrown)}`, { remedy: defect })];
  }
  const findings = findingsOf(thrown);
  return findings.length > 0
    ? findings
    : [error(`Cannot finish ${name}: refused without a reason`, { remedy: defect })];
}

function wordsOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
}
