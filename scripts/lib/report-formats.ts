/**
 * The forms of a report that a program reads: the JSON object, GitHub's workflow commands, and the step
 * summary. A run on a terminal loads none of this.
 */

import { appendFileSync, statSync } from "node:fs";
import { type Finding, type Level, notice } from "./finding.ts";
import { type Json, type ReportForm, type SummaryTable, whereOf } from "./report.ts";
import { jsonEscapeOf, steering, visible, visibleLines } from "./visible.ts";

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
export function jsonOf(
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
export function summaryOf(
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

/** Returns findings as a table, errors first; where there is none, the lines that were printed. */
export function tableOf(findings: readonly Finding[], lines: readonly string[]): SummaryTable {
  const levels: readonly Level[] = ["error", "warning", "notice"];
  const shown = findings.length > 0 ? findings : lines.map((line) => notice(line));
  const ordered = levels.flatMap((level) => shown.filter((each) => each.level === level));
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

/**
 * Appends to the step summary. The verdict does not depend on it: it is a copy of what the log says.
 *
 * @returns Why it could not be written; undefined if it was.
 */
export function appendSummary(file: string, summary: string): string | undefined {
  try {
    // Anything but a regular file could block for ever: a pipe without a reader, say.
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) {
      return "it is not a regular file";
    }
    appendFileSync(file, summary);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
