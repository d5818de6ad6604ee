/** What an operator does in a world: run what is printed, in a shell, and agree to what is asked. */

import type { ReleaseWorld } from "./release.ts";
import { runOnTerminal, type Session } from "./terminal.ts";
import { projectRoot } from "./world.ts";

export interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A command line with this project's scripts in place of adopted ones. */
export const asHere = (line: string) =>
  line.replaceAll("bun scripts/", `"${process.execPath}" ${projectRoot}/scripts/`);

/** Notes for a changelog, as an operator writes them. */
export const notes = "## [Unreleased]\n\n### Added\n\n- Something new.\n\n";

/** A world with what its operator runs, without the fixed dates of the tests. */
export function operatorOf<World extends ReleaseWorld>(world: World, translate = asHere) {
  const { GIT_AUTHOR_DATE: _, GIT_COMMITTER_DATE: __, ...env } = world.env;
  const place: Place = { cwd: world.root, env: { ...env, NO_COLOR: "1", TERM: "xterm" } };
  /** Runs a line of shell, and agrees to what is asked. */
  const runLine = (line: string, more: Place["env"] = {}): Promise<Session> =>
    runOnTerminal(
      ["sh", "-c", translate(line)],
      { ...place, env: { ...place.env, ...more } },
      { "[y/N]": "y\r" },
    );
  return {
    ...world,
    place,
    runLine,
    /** Runs a command line as printed, which must succeed. */
    async run(line: string): Promise<Session> {
      const ended = await runLine(line);
      if (ended.code !== 0) {
        throw new Error(`${line}: exit ${ended.code}: ${ended.shown}`);
      }
      return ended;
    },
  };
}
