/** The face of every command: findings as text, as JSON, as workflow commands and as a summary. */

import { type Finding, type Level, notice } from "./finding.ts";
import type { Terminal } from "./terminal.ts";

/** Any value that JSON can hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json | undefined };

/** Where a command says what it finds, as it finds it. */
export interface Report {
  add(findings: Finding | readonly Finding[]): void;
  /** A line of the command's own output, on standard output; left out of JSON. */
  say(line: string): void;
  /**
   * A line of output that a program may read on, such as one of a diff: every character as it is,
   * but like `say` where a terminal shows it, or GitHub Actions would obey it.
   */
  sayVerbatim(line: string): void;
  /** A line beside the output, on standard error: a plan, a question, what happens next. */
  tell(line: string): void;
  /** A line that a question to the operator needs: like `say`, but on standard error beside JSON. */
  show(line: string): void;
  /** Waits for work; on a terminal, work that takes longer than a moment is announced. */
  during<T>(what: string, work: Promise<T>): Promise<T>;
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
  /** Ignores all that is said until the function that it returns is called. */
  mute(): () => void;
  finish(exitCode: number): FinishedReport;
}

export interface FinishedReport {
  readonly exitCode: number;
  /** Markdown for `$GITHUB_STEP_SUMMARY`, made when it is asked for. */
  readonly summary: string;
}

/** Starts a report; `finish` writes what only the end can write. */
export function openReport(terminal: Terminal, form: ReportForm): OpenReport {
  const findings: Finding[] = [];
  let data: Json | (() => Json) | undefined;
  let table: SummaryTable | undefined;
  const said: string[] = [];
  let muted = false;
  const { switches = "" } = form;

  /** A text whose commands start the scripts with the switches of this run. */
  function asRun(text: string): string {
    return switches === "" ? text : text.replace(scriptCall, () => `bun ${switches} `);
  }

  function print(finding: Finding): void {
    const toOut = finding.level === "notice" && !form.json;
    if (form.actions) {
      (toOut ? terminal.out : terminal.err)(`${workflowCommand(finding)}\n`);
    } else if (!form.json) {
      // Evidence has no colours; to ask whether a terminal is there costs more than most checks.
      const colours = !toOut && terminal.colours.err;
      (toOut ? terminal.out : terminal.err)(`${textOf(finding, colours)}\n`);
    }
  }

  function say(text: string): void {
    said.push(text);
    if (!form.json && !muted) {
      terminal.out(`${text}\n`);
    }
  }

  return {
    findings,
    add(added) {
      for (const each of muted ? [] : [added].flat()) {
        const finding = each.remedy && switches ? { ...each, remedy: asRun(each.remedy) } : each;
        findings.push(finding);
        print(finding);
      }
    },
    say(line) {
      say(visible(asRun(line), form.actions));
    },
    sayVerbatim(line) {
      const isObeyed = form.actions && holdsCommand(line);
      say(isObeyed || terminal.shown() ? visible(line, form.actions) : line);
    },
    tell(line) {
      if (!muted) {
        terminal.err(`${visible(asRun(line), form.actions)}\n`);
      }
    },
    show(line) {
      (form.json ? terminal.err : terminal.out)(`${visible(asRun(line), form.actions)}\n`);
    },
    async during(what, work) {
      const announce = () => terminal.err(`${visible(what)} ...\n`);
      const timer = terminal.live() ? setTimeout(announce, patience) : undefined;
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
        said.length > 0 || data !== undefined || findings.some(({ level }) => level === "notice")
      );
    },
    namedCommand() {
      const ways = findings.flatMap(({ level, remedy = "" }) =>
        level === "notice" ? [] : [remedy],
      );
      return !form.json && [...ways, ...said].some((each) => namedCommand.test(each));
    },
    mute() {
      muted = true;
      return () => {
        muted = false;
      };
    },
    finish(exitCode) {
      if (form.json) {
        const made = typeof data === "function" ? data() : data;
        const shown = switches && made ? withTexts(made, asRun) : made;
        terminal.out(`${jsonOf(form.script, exitCode, findings, shown)}\n`);
      }
      return {
        exitCode,
        get summary() {
          const shown = findings.length > 0 ? findings : said.map((line) => notice(line));
          return summaryOf(form, exitCode, table ?? tableOf(shown));
        },
      };
    },
  };
}

/** One of these scripts, or git, in a sentence or as a step of a list. */
const namedCommand = /(?:^|[ (])(?:bun (?:.* )?(?:scripts|release-gate)\/|git [a-z])/;

/** The start of a command that runs one of these scripts, without switches. */
const scriptCall = /\bbun (?=(?:\S*|'[^']*)(?:scripts|release-gate)\/)/g;

/** A value in which every text is replaced. */
function withTexts(value: Json, replace: (text: string) => string): Json {
  return JSON.parse(JSON.stringify(value), (_, each) =>
    typeof each === "string" ? replace(each) : each,
  );
}

/** Milliseconds after which work is worth a word on a terminal. */
const patience = 700;

const colour: Record<Level, "red" | "yellow" | "green"> = {
  error: "red",
  warning: "yellow",
  notice: "green",
};

/** A finding as one line, with its place and its remedy indented below. */
export function textOf(finding: Finding, colours: boolean): string {
  const paint = (text: string) => (colours ? painted(finding.level, text) : text);
  if (finding.level === "notice") {
    return visible(finding.message);
  }
  const lines = [`${paint(`${finding.level}:`)} ${visible(finding.message)}`];
  const where = whereOf(finding);
  if (where !== "") {
    lines.push(`  at ${visible(where)}`);
  }
  if (finding.remedy !== undefined) {
    lines.push(`  fix: ${visible(finding.remedy)}`);
  }
  return lines.join("\n");
}

/** A text in its level's colour. `node:util` is loaded only here: it costs a sixth of a check. */
function painted(level: Level, text: string): string {
  const { styleText } = process.getBuiltinModule("node:util");
  return styleText(colour[level], text, { validateStream: false });
}

function whereOf(finding: Finding): string {
  const { at, commit } = finding;
  const place = at && [at.file, at.line, at.column].filter((part) => part !== undefined).join(":");
  const judged = commit && `commit ${commit.slice(0, 12)}`;
  return [place, judged].filter((part) => part !== undefined).join(" in ");
}

/**
 * Characters that steer a terminal, hide text or turn its direction: controls, formats, line and
 * paragraph separators, and halves of surrogate pairs. A line feed and a tab are none of them.
 */
const steering = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

function escapeOf(character: string): string {
  const code = character.charCodeAt(0);
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : jsonEscapeOf(character);
}

function jsonEscapeOf(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}

/**
 * Whether GitHub's runner may take a part of a text for a command: `##[` anywhere, or `::` behind
 * nothing but blanks in its line. The runner ends lines at a lone carriage return, too.
 */
function holdsCommand(text: string): boolean {
  const blank = /[\s\x85]/;
  for (let at = text.indexOf("::"); at >= 0; at = text.indexOf("::", at + 1)) {
    let start = at;
    while (
      start > 0 &&
      blank.test(text[start - 1] ?? "") &&
      !/[\r\n]/.test(text[start - 1] ?? "")
    ) {
      start -= 1;
    }
    if (start === 0 || /[\r\n]/.test(text[start - 1] ?? "")) {
      return true;
    }
  }
  return text.includes("##[");
}

/**
 * Text from anywhere, made safe to print: steering characters become escapes, further lines are
 * indented so that no line can pretend to be output of the command itself.
 *
 * @param actions Whether GitHub Actions reads the text. Its runner takes `::` at the start of a
 *   line and `##[` anywhere in it for a command, so both are broken up.
 */
export function visible(text: string, actions = false): string {
  const escaped = visibleLines(text).join("\n  | ");
  return actions ? escaped.replace(/^(\s*)::/, "$1| ::").replaceAll("##[", "##\\x5b") : escaped;
}

/** The lines of a text, each with its steering characters escaped. */
function visibleLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.replace(steering, escapeOf));
}

/**
 * A finding as a GitHub Actions workflow command, escaped as the runner's toolkit documents:
 * `%`, CR and LF everywhere, and also `:` and `,` in properties.
 */
export function workflowCommand(finding: Finding): string {
  const properties = [
    ["file", finding.at?.file],
    ["line", finding.at?.line],
    ["col", finding.at?.column],
  ]
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${escapeProperty(visible(String(value)))}`)
    .join(",");
  const commit = finding.commit === undefined ? "" : ` (commit ${finding.commit.slice(0, 12)})`;
  const remedy = finding.remedy === undefined ? "" : `\nfix: ${finding.remedy}`;
  const message = escapeData(visibleLines(`${finding.message}${commit}${remedy}`).join("\n"));
  return `::${finding.level}${properties === "" ? "" : ` ${properties}`}::${message}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

/**
 * The JSON contract of every command, on one line. Steering characters can stand in its strings
 * only, where JSON has escapes for them, and so has `##[`, which GitHub's runner looks for.
 */
function jsonOf(
  script: string,
  exitCode: number,
  findings: readonly Finding[],
  data: Json | undefined,
): string {
  const text = JSON.stringify({
    script,
    ok: exitCode === 0,
    exitCode,
    findings: findings.map(({ level, message, remedy, at, commit }) => ({
      level,
      message,
      remedy,
      file: at?.file,
      line: at?.line,
      column: at?.column,
      commit,
    })),
    data,
  });
  return text.replace(steering, jsonEscapeOf).replaceAll("##[", "##\\u005b");
}

/** Characters of a summary, and of one of its cells: GitHub drops a step's summary over 1 MiB. */
const summaryLimit = 256 * 1024;
const cellLimit = 1000;

/** One Markdown table for the step summary. */
function summaryOf(
  { script, subject = "" }: ReportForm,
  exitCode: number,
  { columns, rows }: SummaryTable,
): string {
  const verdict = exitCode === 0 ? "passed" : `refused (exit code ${exitCode})`;
  const lines: string[] = [];
  let length = 0;
  for (const cells of rows) {
    const line = rowOf(cells.map(markdownCell));
    length += line.length;
    if (length > summaryLimit) {
      const rest = `${rows.length - lines.length} more, see the log`;
      lines.push(rowOf(columns.map((_, index) => (index === 1 ? rest : ""))));
      break;
    }
    lines.push(line);
  }
  return [
    `### \`${script}\`${subject === "" ? "" : ` ${markdownCell(subject)}`}: ${verdict}`,
    "",
    rowOf(columns.map(markdownCell)),
    rowOf(columns.map(() => "---")),
    ...lines,
    "",
    "",
  ].join("\n");
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** Findings as a table, errors first. */
function tableOf(findings: readonly Finding[]): SummaryTable {
  const levels: readonly Level[] = ["error", "warning", "notice"];
  const ordered = levels.flatMap((level) => findings.filter((each) => each.level === level));
  return {
    columns: ["level", "finding", "where", "fix"],
    rows: ordered.map((each) => [each.level, each.message, whereOf(each), each.remedy ?? ""]),
  };
}

/** A text as the content of one cell: shown as it is, no markup and no second line. */
function markdownCell(text: string): string {
  const shown = text.length > cellLimit ? `${text.slice(0, cellLimit)}...` : text;
  return visibleLines(shown)
    .join("\n")
    .replace(/[\\`*_{}[\]<>()#+\-.!|~&@:]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll("\n", "<br>");
}
