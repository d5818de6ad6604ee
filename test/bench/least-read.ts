/** The module of `least.ts`: files at the top level of the repository around the current folder. */

import { readFileSync } from "node:fs";
import { extname, join } from "node:path";

const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  ".toml": Bun.TOML.parse,
  ".lock": Bun.TOML.parse,
  ".yaml": Bun.YAML.parse,
  ".yml": Bun.YAML.parse,
  ".json": JSON.parse,
};

/** Reads files, named from the top level, after so many questions to git. */
export async function readFilesAtTop(questions: number, files: readonly string[]): Promise<void> {
  const root = await ask("--show-toplevel");
  for (let asked = 1; asked < questions; asked += 1) {
    await ask("HEAD");
  }
  for (const file of files) {
    const text = readFileSync(join(root, file), "utf8");
    parsers[extname(file)]?.(text);
  }
}

async function ask(question: string): Promise<string> {
  const git = Bun.spawn(["git", "rev-parse", question], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [answer, , code] = await Promise.all([
    new Response(git.stdout).text(),
    new Response(git.stderr).text(),
    git.exited,
  ]);
  if (code !== 0) {
    throw new Error(`git rev-parse ${question}: exit code ${code}`);
  }
  return answer.trimEnd();
}
