/** The module of `least.ts`: a file at the top level of the repository around the current folder. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Reads a file, named from the top level. */
export async function readAtTop(file: string): Promise<string> {
  const git = Bun.spawn(["git", "rev-parse", "--show-toplevel"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [root] = await Promise.all([
    new Response(git.stdout).text(),
    new Response(git.stderr).text(),
    git.exited,
  ]);
  return readFileSync(join(root.trimEnd(), file), "utf8");
}
