/** Worlds that are ready to be released from: the small product, its remote and a signing key. */

import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { smallProduct } from "../../scripts/demo/product.ts";
import { layout } from "../../scripts/lib/layout.ts";
import { runOnTerminal } from "./terminal.ts";
import {
  type Ended,
  openTestRepository,
  projectRoot,
  type TestRepository,
  temporaryFolder,
  testRepository,
  writeFiles,
} from "./world.ts";

/** One day for the whole file, though midnight may pass while it runs. */
const started = new Date().toISOString().slice(0, 10);

/** Today as the ledger writes it. */
export function today(): string {
  return started;
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

/** The small product at 1.3.0 with a lab PASS. */
function validatedProduct(registry?: string): Record<string, string> {
  return { ...smallProduct("1.3.0", registry), [layout.ledger]: ledgerRow("1.3.0") };
}

interface Entry {
  readonly path: string;
  readonly mode: number;
  /** Undefined for a folder. */
  readonly content: Buffer | undefined;
}

export interface Template {
  /** The folder that the entries were read from, which is gone. */
  readonly home: string;
  readonly entries: readonly Entry[];
}

/** The world that tests get copies of, since making one takes thirty processes. */
let template: Promise<Template> | undefined;

async function makeTemplate(): Promise<Template> {
  await using world = await testRepository();
  await world.commit(smallProduct("1.2.9"), "Release 1.2.9");
  await world.addRemote();
  await world.useSshKey();
  await world.commit(validatedProduct(), "Bump to 1.3.0");
  return templateOf(world.home);
}

/** Reads everything below the folder of a world, to make copies of it. */
export function templateOf(home: string): Template {
  const paths = readdirSync(home, { recursive: true, encoding: "utf8" }).sort();
  return { home, entries: paths.map((path) => readEntry(home, path)) };
}

function readEntry(home: string, path: string): Entry {
  const file = join(home, path);
  const stat = statSync(file);
  const content = stat.isDirectory() ? undefined : readFileSync(file);
  return { path, mode: stat.mode, content };
}

/** A copy of a template, whose git configuration names its own folder. */
function copyOf({ home, entries }: Template): TestRepository {
  const folder = temporaryFolder();
  for (const { path, mode, content } of entries) {
    const target = join(folder.path, path);
    if (content === undefined) {
      mkdirSync(target, { mode });
    } else {
      writeFileSync(target, content, { mode });
    }
  }
  const copy = openTestRepository(folder);
  const configuration = join(copy.root, ".git/config");
  const text = readFileSync(configuration, "utf8");
  writeFileSync(configuration, text.replaceAll(home, copy.home));
  return copy;
}

/**
 * The small product at 1.2.9 on origin, and at 1.3.0 with a lab PASS in one commit ahead of it.
 *
 * @param registry The one that the chart names at 1.3.0; default: the real one.
 */
export async function releaseWorld(registry?: string): Promise<ReleaseWorld> {
  template ??= makeTemplate();
  const world = worldFrom(await template);
  if (registry !== undefined) {
    writeFiles(world.root, validatedProduct(registry));
    await world.git("commit", "--quiet", "--amend", "--no-edit", "--all");
  }
  return world;
}

/** Makes a copy of a world to release from. */
export function worldFrom(template: Template): ReleaseWorld {
  const world = copyOf(template);
  const bare = join(world.home, "origin.git");
  return {
    ...world,
    bare,
    // A release dates its tag by the clock of this machine.
    env: { ...world.env, GIT_COMMITTER_DATE: `${today()}T12:00:00Z` },
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
  const command = [process.execPath, join(projectRoot, script), ...args];
  const { code, shown } = await runOnTerminal(command, options, { [prompt]: answer });
  return { code, stdout: shown };
}
