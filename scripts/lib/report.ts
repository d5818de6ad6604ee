/** The face of every command: prints findings and lines, as text, as JSON or for GitHub Actions. */

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

/** Where a command prints what it finds, as it finds it. */
export interface Report {
  /** Findings of one question: a remedy that neighbours share is printed once, after the last. */
  add(findings: Finding | readonly Finding[]): void;
  /** A line of the command's own output, on standard output; left out of JSON. */
  print(line: string): void;
  /**
   * A line of output that a program may read on, such as one of a diff: every character as it is,
   * but like `print` where a terminal shows it, or GitHub Actions would obey it.
   */
  printVerbatim(line: string): void;
  /** A line beside the output, on standard error: a plan, a question, what happens next. */
  printAside(line: string): void;
  /** A line that a question to the operator needs: like `print`, but on standard error beside JSON. */
  printForQuestion(line: string): void;
  /** Waits for work; on a terminal, work that takes longer than a moment is announced. */
  waitFor<T>(what: string, work: Promise<T>): Promise<T>;
  /** The table of the step summary, for a command whose answer is one; else it is the findings. */
  tabulate(table: SummaryTable): void;
  /** The machine-readable result, `data` in JSON, or what makes it: most runs print none. */
  attach(data: Json | (() => Json)): void;
  readonly findings: readonly Finding[];
}

/** A table as plain texts; every row has a cell for each column. */
export interface SummaryTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** How findings leave the process. */
export interface ReportForm {
  /** The script's path from the top level. */
  readonly script: string;
  /** What the script was run on, for the heading of the summary. */
  readonly subject?: string;
  readonly json: boolean;
  /** Whether GitHub Actions reads the output. */
  readonly actions: boolean;
  /** The options of Bun that this run has, as a shell takes them: printed commands have them, too. */
  readonly switches?: string;
}

/** A report that can be ended. */
export interface OpenReport extends Report {
  /** Whether anything was said that could be evidence: a notice, a line of output, or data. */
  gaveEvidence(): boolean;
  /** Whether a command was named for the operator to run, in a way out or as what comes next. */
  namedCommand(): boolean;
  /** Ignores all that is printed until the function that it returns is called. */
  mute(): () => void;
  /** Prints what only the end can print: the JSON object. */
  finish(exitCode: number): void;
  /** Returns Markdown for `$GITHUB_STEP_SUMMARY`. */
  summary(exitCode: number): string;
}

type Formats = typeof import("./report-formats.ts");

/**
 * Starts a report.
 *
 * @param formats The forms for programs, loaded if `json` or `actions` asks for one.
 */
export function openReport(terminal: Terminal, form: ReportForm, formats?: Formats): OpenReport {
  const { script, json, actions, switches = "" } = form;
  const findings: Finding[] = [];
  const lines: string[] = [];
  let data: Json | (() => Json) | undefined;
  let table: SummaryTable | undefined;
  let muted = false;

  /** Returns a text whose commands start the scripts with the switches of this run. */
  function asRun(text: string): string {
    return switches === "" ? text : text.replace(scriptCall, () => `bun ${switches} `);
  }

  function printFinding(finding: Finding, withRemedy: boolean): void {
    const toOut = finding.level === "notice" && !json;
    if (actions && formats) {
      (toOut ? terminal.out : terminal.err)(`${formats.workflowCommand(finding)}\n`);
    } else if (!json) {
      // Evidence has no colours: to ask whether a terminal is there costs more than most checks.
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
      for (const [index, finding] of all.entries()) {
        const isShared = finding.remedy !== undefined && all[index + 1]?.remedy === finding.remedy;
        findings.push(finding);
        printFinding(finding, !isShared);
      }
    },
    print(line) {
      printLine(visible(asRun(line), actions));
    },
    printVerbatim(line) {
      const isObeyed = actions && holdsCommand(line);
      printLine(isObeyed || terminal.shown() ? visible(line, actions) : line);
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
      const timer = terminal.live() ? setTimeout(announce, longWork) : undefined;
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

/** One of these scripts, or git, in a sentence or as a step of a list. */
const namedCommand = /(?:^|[ (])(?:bun (?:.* )?(?:scripts|release-gate)\/|git [a-z])/;

/** The start of a command that runs one of these scripts, without switches. */
const scriptCall = /\bbun (?=(?:\S*|'[^']*)(?:scripts|release-gate)\/)/g;

/** Returns a value in which every text is replaced. */
function replaceTexts(value: Json, replace: (text: string) => string): Json {
  return JSON.parse(JSON.stringify(value), (_, each) =>
    typeof each === "string" ? replace(each) : each,
  );
}

/** Milliseconds after which work is worth a line on a terminal. */
const longWork = 700;

const colour: Record<Level, "red" | "yellow" | "green"> = {
  error: "red",
  warning: "yellow",
  notice: "green",
};

/** Returns a finding as one line, with its place and its remedy indented below. */
export function textOf(finding: Finding, colours: boolean, withRemedy = true): string {
  const { level, message, remedy } = finding;
  if (level === "notice") {
    return visible(message);
  }
  const where = whereOf(finding);
  return [
    `${colours ? painted(level, `${level}:`) : `${level}:`} ${visible(message)}`,
    ...(where === "" ? [] : [`  at ${visible(where)}`]),
    ...(remedy === undefined || !withRemedy ? [] : [`  fix: ${visible(remedy)}`]),
  ].join("\n");
}

/** Returns a text in its level's colour. `node:util` is loaded here: it costs a sixth of a check. */
function painted(level: Level, text: string): string {
  const { styleText } = process.getBuiltinModule("node:util");
  return styleText(colour[level], text, { validateStream: false });
}

/** Returns a finding's place and commit, such as `Cargo.toml:3:1 in commit 0123456789ab`. */
export function whereOf({ at, commit }: Finding): string {
  const place = at && [at.file, at.line, at.column].filter((part) => part !== undefined).join(":");
  const judged = commit && `commit ${commit.slice(0, 12)}`;
  return [place, judged].filter((part) => part !== undefined).join(" in ");
}
