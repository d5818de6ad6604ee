/**
 * The machine-readable forms of a report: JSON, GitHub's workflow commands and the step summary. A
 * run on a terminal does not load this module.
 */

import { appendFileSync, statSync } from "node:fs";
import { type Finding, type Level, notice } from "./finding.ts";
import { type Json, placesOf, type ReportForm, type SummaryTable } from "./report.ts";
import { controlCharacters, jsonEscapeOf, visible, visibleLines } from "./visible.ts";

/**
 * Returns a finding as a GitHub Actions workflow command. The runner's toolkit defines the escapes:
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
  const also = finding.also === undefined ? [] : placesOf(finding).slice(1);
  const remedy = finding.remedy === undefined ? [] : [`fix: ${finding.remedy}`];
  const text = [`${finding.message}${commit}`, ...also.map((each) => `at ${each}`), ...remedy];
  const message = escapeData(visibleLines(text.join("\n")).join("\n"));
  return `::${finding.level}${properties === "" ? "" : ` ${properties}`}::${message}`;
}

function escapeData(text: string): string {
  return text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

/**
 * Returns the JSON object of a report, on one line. Control characters, and the `##[` that GitHub's
 * runner obeys, can occur only in its strings, where they are escaped.
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
    findings: findings.map(({ level, message, remedy, at, also, commit }) => ({
      level,
      message,
      remedy,
      file: at?.file,
      line: at?.line,
      column: at?.column,
      also,
      commit,
    })),
    data,
  });
  return text.replace(controlCharacters, jsonEscapeOf).replaceAll("##[", "##\\u005b");
}

/** The most characters of a summary and of one cell: GitHub drops a summary over 1 MiB. */
const summaryLimit = 256 * 1024;
const cellLimit = 1000;

/** Returns the Markdown table of the step summary. */
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

/** Returns the findings as a table, errors first; without findings, the printed lines. */
export function tableOf(findings: readonly Finding[], lines: readonly string[]): SummaryTable {
  const levels: readonly Level[] = ["error", "warning", "notice"];
  const shown = findings.length > 0 ? findings : lines.map((line) => notice(line));
  const ordered = levels.flatMap((level) => shown.filter((each) => each.level === level));
  return {
    columns: ["level", "finding", "where", "fix"],
    rows: ordered.map((each) => [
      each.level,
      each.message,
      placesOf(each).join(", "),
      each.remedy ?? "",
    ]),
  };
}

/** Returns a text escaped as the content of one table cell. */
function markdownCell(text: string): string {
  const shown = text.length > cellLimit ? `${text.slice(0, cellLimit)}...` : text;
  return visibleLines(shown)
    .join("\n")
    .replace(/[\\`*_{}[\]<>()#+\-.!|~&@:]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll("\n", "<br>");
}

/**
 * Appends to the step summary. Its failure does not change the exit code, because the log has the
 * same content.
 *
 * @returns The reason for a failure; undefined after success.
 */
export function appendSummary(file: string, summary: string): string | undefined {
  try {
    // Writing to anything else could block, for example to a pipe without a reader.
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) {
      return "it is not a regular file";
    }
    appendFileSync(file, summary);
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
