/**
 * The least that a command does: asks git so many questions, one after the other, and reads and
 * parses files with the runtime's own parsers. A command that needs the answers and the files cannot
 * take less.
 *
 * Usage: bun test/bench/least.ts QUESTIONS FILE...
 */

import { readFileSync } from "node:fs";
import { extname, join } from "node:path";

const parsers: Readonly<Record<string, (text: string) => unknown>> = {
  ".toml": Bun.TOML.parse,
  ".lock": Bun.TOML.parse,
  ".yaml": Bun.YAML.parse,
  ".yml": Bun.YAML.parse,
  ".json": JSON.parse,
};

async function ask(question: string): Promise<string> {
  const git = Bun.spawn(["git", "rev-parse", question], { stdout: "pipe", stderr: "inherit" });
  const answer = await new Response(git.stdout).text();
  if ((await git.exited) !== 0) {
    throw new Error(`git rev-parse ${question}: exit code ${git.exitCode}`);
  }
  return answer.trimEnd();
}

const [questions, ...files] = process.argv.slice(2);
const root = await ask("--show-toplevel");
for (let asked = 1; asked < Number(questions); asked += 1) {
  await ask("HEAD");
}
for (const file of files) {
  parsers[extname(file)]?.(readFileSync(join(root, file), "utf8"));
}
