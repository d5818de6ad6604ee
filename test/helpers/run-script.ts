/** Commands run inside the test's own process: the same table, in a world made of values. */

import { EventEmitter } from "node:events";
import { join } from "node:path";
import { type Command, execute } from "../../scripts/lib/cli.ts";
import { type EventSource, watchProcess } from "../../scripts/lib/interrupt.ts";
import type { Terminal } from "../../scripts/lib/terminal.ts";
import { silentTerminal } from "./quiet.ts";
import { type Ended, isolatedEnvironment, projectRoot, type StartOptions } from "./world.ts";

// biome-ignore lint/suspicious/noExplicitAny: commands of any operands and options
type AnyCommand = Command<any, any>;

/** The table of a script, named from the top level. */
export async function tableOf(script: string): Promise<AnyCommand> {
  const { table } = await import(join(projectRoot, script));
  return table;
}

interface RunOptions extends Omit<StartOptions, "stdin"> {
  /** Milliseconds, for a test that is about none or about many of them. */
  readonly clock?: () => number;
  /** The machine's time, for a test that is about none or about a run over midnight. */
  readonly moment?: () => Date;
  /** The options of Bun that the run was started with. */
  readonly switches?: readonly string[];
  /** Where the command hears of signals. */
  readonly signals?: EventSource;
  /** The terminal, for a test whose terminal is a special one; its own text is not returned. */
  readonly terminal?: Terminal;
}

/** Runs one of this project's scripts, named from the top level, without a process of its own. */
export async function runScript(
  script: string,
  args: readonly string[],
  {
    cwd,
    env = isolatedEnvironment(cwd),
    switches = [],
    clock = () => performance.now(),
    moment = () => new Date(),
    signals = new EventEmitter(),
    terminal,
  }: RunOptions,
): Promise<Ended> {
  const silent = silentTerminal();
  const code = await execute(await tableOf(script), {
    args,
    switches,
    env,
    cwd,
    now: moment(),
    moment,
    clock,
    terminal: terminal ?? silent.terminal,
    watch: (onChange) => watchProcess(signals, onChange),
  });
  return { code, stdout: silent.written.out, stderr: silent.written.err };
}
