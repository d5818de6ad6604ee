/** The table in test/README.md: which test fails when a finding does not come. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../helpers/world.ts";
import type { TestName } from "./plan.ts";
import type { Killed } from "./search.ts";
import type { Site } from "./sites.ts";

export const pagePath = "test/README.md";
const head =
  "| check | made in | finding | fails without it | test |\n| --- | --- | --- | --- | --- |\n";

/** A row as it is written, cell by cell. */
export type Row = readonly [
  check: string,
  within: string,
  finding: string,
  file: string,
  test: string,
];

export function rowOf({ site, test }: Killed): Row {
  return [...siteCells(site), ...testCells(test)];
}

export function siteCells({ file, within, finding }: Site): [string, string, string] {
  return [code(file), code(within), code(finding)];
}

function testCells({ file, name }: TestName): [string, string] {
  return [code(file), plain(name)];
}

function code(text: string): string {
  const fence = text.includes("`") ? "``" : "`";
  const space = /^`|`$/.test(text) ? " " : "";
  return `${fence}${space}${text.replaceAll("|", "\\|")}${space}${fence}`;
}

/** Text that Markdown shows as it is. */
function plain(text: string): string {
  return text.replace(/[\\`*_<>[\]|]/g, "\\$&");
}

/** The test that a row names. */
export function testOf([, , , file, test]: Row): TestName {
  return { file: file.replaceAll("`", ""), name: test.replace(/\\(.)/g, "$1") };
}

/** The page with a table in the place of the one that it has. */
export function withTable(page: string, rows: readonly Row[]): string {
  const start = page.indexOf(head);
  if (start < 0) {
    throw new Error(`Cannot find the table in ${pagePath}: expected its head\n${head}`);
  }
  const lines = rows.map((row) => `| ${row.join(" | ")} |\n`);
  return `${page.slice(0, start)}${head}${lines.join("")}`;
}

/** The rows of the page's table, which ends it. */
export function rowsIn(page: string): Row[] {
  const start = page.indexOf(head);
  const lines =
    start < 0
      ? []
      : page
          .slice(start + head.length)
          .split("\n")
          .filter(Boolean);
  return lines.map((line) => {
    const [check, within, finding, file, test, ...more] = line.slice(2, -2).split(" | ");
    if (!check || !within || !finding || !file || !test || more.length > 0) {
      throw new SyntaxError(`Cannot read a row of ${pagePath}: ${line}`);
    }
    return [check, within, finding, file, test];
  });
}

export function readPage(): string {
  return readFileSync(join(projectRoot, pagePath), "utf8");
}

export function writePage(page: string): void {
  writeFileSync(join(projectRoot, pagePath), page);
}
