/** The temporary environment of the demo: its folders, repositories and signing key. */

import { rm } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { makeScratchFolder } from "../lib/disk/scratch.ts";
import { refusal } from "../lib/finding.ts";
import { defaults } from "../lib/layout.ts";
import { type Environment, type Finished, lastWords, needProgram, run } from "../lib/process.ts";
import { standInFolder } from "./gh.ts";
import { smallLab, smallProduct } from "./product.ts";

export interface DemoOptions {
  /** The folder that holds `scripts/` and `release-gate/`. */
  readonly tools: string;
  /** The registry in the product's chart; by default the real one. */
  readonly registry?: string;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** The released version at the beginning of the demo. */
export const oldVersion = "1.2.9";

export type DemoWorld = Awaited<ReturnType<typeof openDemoWorld>>;

/** Creates the signing key and the repositories of a product ($1), its remote and a lab ($2). */
const preparation = `
ssh-keygen -q -t ed25519 -N "" -C throwaway -f signing-key
echo "* $(cat signing-key.pub)" > signers
git init --quiet --bare origin.git
for folder in "$1" "$2"; do
  git init --quiet "$folder"
  git -C "$folder" add --all
  git -C "$folder" commit --quiet --message "Release ${oldVersion}"
done
git -C "$1" remote add origin "$PWD/origin.git"
git -C "$1" push --quiet origin main
`;

/**
 * Creates a product at `oldVersion` with its remote, a lab, and a signing key.
 *
 * @throws {Refusal} If git or ssh-keygen is missing or fails.
 */
export async function openDemoWorld({ tools, registry, env, signal }: DemoOptions) {
  const folder = makeScratchFolder("release-demo-", { env });
  const product = join(folder, "perf-sentinel");
  const lab = resolve(product, defaults.lab);
  const isolated = isolate(env, folder);

  /** Runs a program with standard error redirected to standard output. */
  function together(command: readonly string[]): Promise<Finished> {
    const merged = ["sh", "-c", 'exec "$0" "$@" 2>&1', ...command];
    return run(merged, { cwd: product, env: isolated, signal });
  }

  /** Runs a shell script, which must succeed. */
  async function prepare(cwd: string, script: string, ...args: string[]): Promise<void> {
    const remedy = "Install git, ssh-keygen and sh, which the demo uses";
    const command = ["sh", "-euc", script, "sh", ...args];
    const ended = await run(command, { cwd, env: isolated, signal }).catch((thrown) =>
      needProgram(thrown, remedy),
    );
    if (ended.code !== 0) {
      throw refusal(`Cannot prepare the demo: ${lastWords(ended)}`, { remedy });
    }
  }

  async function write(files: Readonly<Record<string, string>>, into = product): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await Bun.write(join(into, path), content);
    }
  }

  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await write({ ".gitconfig": configuration(folder) }, folder);
    await write(smallLab, lab);
    await write(smallProduct(oldVersion, registry));
    await prepare(folder, preparation, product, lab);
  } catch (thrown) {
    await remove();
    throw thrown;
  }
  return {
    /** The folder that holds everything. */
    folder,
    /** The product's checkout. */
    product,
    /** Writes files into the product's checkout. */
    write: (files: Readonly<Record<string, string>>) => write(files),
    /** Commits everything in the product's checkout. */
    commit: (message: string) =>
      prepare(product, 'git add --all; git commit --quiet --message "$1"', message),
    /** Runs one of the real scripts in the product's checkout; its whole output is in `stdout`. */
    script: (path: string, args: readonly string[]) =>
      together([process.execPath, join(tools, path), ...args]),
    /** Runs git in the product's checkout; its whole output is in `stdout`. */
    git: (...args: string[]) => together(["git", ...args]),
    remove,
    [Symbol.asyncDispose]: remove,
  };
}

/** Returns the environment without variables that would use the operator's configuration. */
function isolate(env: Environment, home: string): Environment {
  const foreign = /^(GIT_|GITHUB_|GH_|SSH_|GPG_|GNUPGHOME$|XDG_|LEDGER$|http_proxy$|HTTP_PROXY$)/;
  const kept = Object.entries(env).filter(([name]) => !foreign.test(name));
  return {
    ...Object.fromEntries(kept),
    HOME: home,
    // The stand-in gh comes first: the demo uses no login of the operator.
    PATH: [standInFolder(home), env.PATH].join(delimiter),
    GIT_CONFIG_GLOBAL: join(home, ".gitconfig"),
    GIT_CONFIG_NOSYSTEM: "1",
  };
}

function configuration(folder: string): string {
  return `[user]
	name = Demo Maintainer
	email = demo@example.invalid
	signingkey = ${join(folder, "signing-key")}
[gpg]
	format = ssh
[gpg "ssh"]
	allowedSignersFile = ${join(folder, "signers")}
[init]
	defaultBranch = main
`;
}
