/** Makes the text that `--help` prints. */

import { kebab, type Operands, type Option, type Options } from "./command-line.ts";

/** The parts of a command's table that its help shows. */
interface Explained {
  readonly name: string;
  readonly summary: string;
  readonly operands: Operands;
  readonly refuses: readonly string[];
  readonly example: string;
}

/** Returns the help text of a command. */
export function helpOf(table: Explained, options: Options): string {
  const operands = Object.entries(table.operands).map(([name, each]) => {
    const shown = each.shown ?? name;
    return { usage: each.optional ? `[${shown}]` : `<${shown}>`, name: shown, help: each.help };
  });
  const rowsOfOptions = Object.entries(options).map(([name, each]) => ({
    name: `${name === "help" ? "-h, " : ""}--${kebab(name)}${placeholder(each)}`,
    help: each.help,
  }));
  const width = Math.max(...[...operands, ...rowsOfOptions].map(({ name }) => name.length));
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
    ...rows(rowsOfOptions),
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
