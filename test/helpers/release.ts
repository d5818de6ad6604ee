/** Worlds that are ready to be released from: the small product, its remote and a signing key. */

import { chmodSync } from "node:fs";
import { join } from "node:path";
import { smallProduct } from "../../scripts/lib/demo/product.ts";
import {
  type Ended,
  projectRoot,
  type TestRepository,
  testRepository,
  writeFiles,
} from "./world.ts";

/** Today as the ledger writes it. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** A ledger with one row. */
export function ledgerRow(version: string, verdict = "PASS", date = today()): string {
  return `# ledger\nv${version}\t214ea6f\t${date}\t${verdict}\n`;
}

export interface ReleaseWorld extends TestRepository {
  /** The bare repository behind origin. */
  readonly bare: string;
  /** What the remote holds: full ref names with object names. */
  remoteRefs(): Promise<Record<string, string>>;
  /** Tags of the checkout. */
  localTags(): Promise<string[]>;
}

/** The small product at 1.2.9 on origin, and at 1.3.0 with a lab PASS in one commit ahead of it. */
export async function releaseWorld(registry?: string): Promise<ReleaseWorld> {
  const world = await testRepository();
  await world.commit(smallProduct("1.2.9", registry), "Release 1.2.9");
  const bare = await world.addRemote();
  await world.useSshKey();
  await world.commit(
    {
      ...smallProduct("1.3.0", registry),
      "release-gate/lab-validations.txt": ledgerRow("1.3.0"),
    },
    "Bump to 1.3.0",
  );
  return {
    ...world,
    bare,
    async remoteRefs() {
      const refs = await world.git(
        "--git-dir",
        bare,
        "for-each-ref",
        "--format=%(refname) %(objectname)",
      );
      return Object.fromEntries(refs.split("\n").map((line) => line.split(" ")));
    },
    async localTags() {
      return (await world.git("tag", "--list")).split("\n").filter((tag) => tag !== "");
    },
  };
}

/**
 * An environment in which a program is replaced by a shell script, which finds the real one as
 * `$REAL`. Its folder is `$STATE`, to remember things between calls.
 */
export function standIn(
  world: Pick<TestRepository, "home" | "env">,
  program: string,
  script: string,
): Record<string, string> {
  const real = Bun.which(program) ?? `/nonexistent/${program}`;
  const folder = join(world.home, `stand-in-${program}`);
  const file = join(folder, program);
  writeFiles(folder, {
    [program]: `#!/bin/sh\nREAL='${real}'\nSTATE='${folder}'\n${script}\n`,
  });
  chmodSync(file, 0o755);
  return { ...world.env, PATH: `${folder}:${world.env.PATH}` };
}

/** A hook of a bare repository. */
export function installHook(bare: string, name: string, script: string): void {
  writeFiles(join(bare, "hooks"), { [name]: `#!/bin/sh\n${script}\n` });
  chmodSync(join(bare, "hooks", name), 0o755);
}

/**
 * Runs a script in a real terminal and answers its question.
 *
 * @param prompt Text after which `answer` is called; what it returns is typed.
 */
export async function runInTerminal(
  script: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: Record<string, string> },
  prompt: string,
  answer: () => Promise<string> | string,
): Promise<Omit<Ended, "stderr">> {
  let seen = "";
  let asked = false;
  const decoder = new TextDecoder();
  const child = Bun.spawn([process.execPath, join(projectRoot, script), ...args], {
    ...options,
    terminal: {
      cols: 200,
      rows: 50,
      data(terminal, bytes) {
        seen += decoder.decode(bytes, { stream: true });
        if (!asked && seen.includes(prompt)) {
          asked = true;
          void Promise.resolve(answer()).then((text) => terminal.write(text));
        }
      },
    },
  });
  const code = await child.exited;
  child.terminal?.close();
  return { code, stdout: seen.replaceAll("\r\n", "\n") };
}
