/** Prints findings and lines as text, as JSON or for GitHub Actions. */

import type { Finding, Level } from "./finding.ts";
import type { Terminal } from "./terminal.ts";
import { holdsCommand, visible } from "./visible.ts";

/** Any value that JSON can hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** The output of a command. It prints at once. */
export interface Report {
  /**
   * Prints findings. A remedy that consecutive findings share is printed once, after the last.
   * Details are printed with `--verbose`, or if one of the findings is an error.
   */
  add(findings: Finding | readonly Finding[]): void;
  /** Prints a line of the command's output on standard output; nothing with `--json`. */
  print(line: string): void;
  /** Prints a line like `print`; a terminal shows the first such word in the colour of a level. */
  printColoured(line: string, word: string, level: Level): void;
  /**
   * Prints a line that a program may read, such as one of a diff, unchanged. On a terminal, or if
   * GitHub Actions would obey the line, escapes it as `print` does.
   */
  printVerbatim(line: string): void;
  /** Prints a line on standard error, such as a plan or the next step. */
  printAside(line: string): void;
  /** Prints a line that the operator needs for a question; with `--json` on standard error. */
  printForQuestion(line: string): void;
  /** Waits for work. If it takes long, prints `what` on the terminal. */
  waitFor<T>(what: string, work: Promise<T>): Promise<T>;
  /** Sets the table of the step summary; default: the findings. */
  tabulate(table: SummaryTable): void;
  /** Sets `data` of the JSON object, or a function that returns it. */
  attach(data: Json | (() => Json)): void;
  readonly findings: readonly Finding[];
}

/** A table of plain texts. Every row has one cell per column. */
export interface SummaryTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The form of a report. */
export interface ReportForm {
  /** The script's path from the top level. */
  readonly script: string;
  /** The operands of the command, for the heading of the summary. */
  readonly subject?: string;
  readonly json: boolean;
  /** Whether GitHub Actions reads the output. */
  readonly actions: boolean;
  /** The options of Bun in this run, quoted for a shell. Printed commands repeat them. */
  readonly switches?: string;
}

/** A report and what only `execute` does with it. */
export interface OpenReport extends Report {
  /** Reports whether there was any evidence: a notice, a line of output, or data. */
  gaveEvidence(): boolean;
  /** Reports whether a remedy or a line named a command for the operator to run. */
  namedCommand(): boolean;
  /** Prints details from now on. */
  showDetails(): void;
  /** Discards all output until the returned function is called. */
  mute(): () => void;
  /** Prints the JSON object, if the form is JSON. */
  finish(exitCode: number): void;
  /** Returns Markdown for `$GITHUB_STEP_SUMMARY`. */
  summary(exitCode: number): string;
}

type Formats = typeof import("./report-formats.ts");

/**
 * Returns a new report.
 *
 * @param formats The machine-readable forms; required with `json` or `actions`.
 */
export function openReport(terminal: Terminal, form: ReportForm, formats?: Formats): OpenReport {
  const { script, json, actions, switches = "" } = form;
  const findings: Finding[] = [];
  const lines: string[] = [];
  let data: Json | (() => Json) | undefined;
  let table: SummaryTable | undefined;
  let muted = false;
  let verbose = false;

  /** Returns a text in which commands that start the scripts have the Bun options of this run. */
  function asRun(text: string): string {
    return switches === "" ? text : text.replace(scriptCall, () => `bun ${switches} `);
  }

  function printFinding(finding: Finding, withRemedy: boolean): void {
    const toOut = finding.level === "notice" && !json;
    if (actions && formats) {
      (toOut ? terminal.out : terminal.err)(`${formats.workflowCommand(finding)}\n`);
    } else if (!json) {
      // Notices have no colours: detecting a terminal costs more time than most checks.
      const colours = !toOut && terminal.colours.err;
      (toOut ? terminal.out : terminal.err)(`${textOf(finding, colours, withRemedy)}\n`);
    }
  }

  function printLine(text: string): void {
    lines.push(text);
    if (!json && !muted) {
      terminal.out(`${text}\n`);
    }
  }

  return {
    findings,
    add(added) {
      const all = muted
        ? []
        : [added]
            .flat()
            .map((each) =>
              each.remedy && switches ? { ...each, remedy: asRun(each.remedy) } : each,
            );
      findings.push(...all);
      const whole = verbose || all.some(({ level }) => level === "error");
      const shown = all.filter((each) => whole || !each.detail);
      for (const [index, finding] of shown.entries()) {
        const next = shown[index + 1]?.remedy;
        printFinding(finding, finding.remedy === undefined || finding.remedy !== next);
      }
    },
    print(line) {
      printLine(visible(asRun(line), actions));
    },
    printColoured(line, word, level) {
      const shown = visible(asRun(line), actions);
      const isPainted = !json && terminal.colours.out;
      printLine(isPainted ? shown.replace(word, painted(level, word)) : shown);
    },
    printVerbatim(line) {
      const isObeyed = actions && holdsCommand(line);
      printLine(isObeyed || terminal.outIsTerminal() ? visible(line, actions) : line);
    },
    printAside(line) {
      if (!muted) {
        terminal.err(`${visible(asRun(line), actions)}\n`);
      }
    },
    printForQuestion(line) {
      (json ? terminal.err : terminal.out)(`${visible(asRun(line), actions)}\n`);
    },
    async waitFor(what, work) {
      const announce = () => terminal.err(`${visible(what)} ...\n`);
      const timer = terminal.errIsTerminal() ? setTimeout(announce, longWork) : undefined;
      try {
        return await work;
      } finally {
        clearTimeout(timer);
      }
    },
    tabulate(value) {
      table = value;
    },
    attach(value) {
      data = value;
    },
    gaveEvidence() {
      return (
        lines.length > 0 || data !== undefined || findings.some(({ level }) => level === "notice")
      );
    },
    namedCommand() {
      const remedies = findings.flatMap(({ level, remedy = "" }) =>
        level === "notice" ? [] : [remedy],
      );
      return !json && [...remedies, ...lines].some((each) => namedCommand.test(each));
    },
    showDetails() {
      verbose = true;
    },
    mute() {
      muted = true;
      return () => {
        muted = false;
      };
    },
    finish(exitCode) {
      if (json && formats) {
        const value = typeof data === "function" ? data() : data;
        const shown = switches && value ? replaceTexts(value, asRun) : value;
        terminal.out(`${formats.jsonOf(script, exitCode, findings, shown)}\n`);
      }
    },
    summary(exitCode) {
      return formats?.summaryOf(form, exitCode, table ?? formats.tableOf(findings, lines)) ?? "";
    },
  };
}

/** A command that starts one of these scripts or git. */
const namedCommand = /(?:^|[ (])(?:bun (?:.* )?(?:scripts|release-gate)\/|git [a-z])/;

/** The start of a command that runs one of these scripts, without options of Bun. */
const scriptCall = /\bbun (?=(?:\S*|'[^']*)(?:scripts|release-gate)\/)/g;

/** Returns a copy of a value with every string replaced. */
function replaceTexts(value: Json, replace: (text: string) => string): Json {
  return JSON.parse(JSON.stringify(value), (_, each) =>
    typeof each === "string" ? replace(each) : each,
  );
}

/** Milliseconds after which `waitFor` prints a line. */
const longWork = 700;

const colour: Record<Level, "red" | "yellow" | "green"> = {
  error: "red",
  warning: "yellow",
  notice: "green",
};

/** Returns a finding as text: its message, then its place and its remedy on indented lines. */
export function textOf(finding: Finding, colours: boolean, withRemedy = true): string {
  const { level, message, remedy } = finding;
  if (level === "notice") {
    return visible(message);
  }
  return [
    `${colours ? painted(level, `${level}:`) : `${level}:`} ${visible(message)}`,
    ...placesOf(finding).map((where) => `  at ${visible(where)}`),
    ...(remedy === undefined || !withRemedy ? [] : [`  fix: ${visible(remedy)}`]),
  ].join("\n");
}

/** Returns a text in its level's colour. Loads `node:util` late: it takes a sixth of a check. */
function painted(level: Level, text: string): string {
  const { styleText } = process.getBuiltinModule("node:util");
  return styleText(colour[level], text, { validateStream: false });
}

/** Returns a finding's places, each with its commit: `Cargo.toml:3:1 in commit 0123456789ab`. */
export function placesOf({ at, also = [], commit }: Finding): string[] {
  const judged = commit && `commit ${commit.slice(0, 12)}`;
  const places = [at, ...also].filter((each) => each !== undefined);
  const texts = places.map(({ file, line, column }) =>
    [file, line, column].filter((part) => part !== undefined).join(":"),
  );
  return judged === undefined
    ? texts
    : texts.length === 0
      ? [judged]
      : texts.map((text) => `${text} in ${judged}`);
}
