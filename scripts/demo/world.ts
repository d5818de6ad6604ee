/** The temporary environment of the demo: its folders, repositories and signing key. */

import { mkdir, rm } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import { makeScratchFolder } from "../lib/disk/scratch.ts";
import { refusal } from "../lib/finding.ts";
import { layout } from "../lib/layout.ts";
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

/**
 * Creates a product at `oldVersion` with its remote, a lab, and a signing key.
 *
 * @throws {Refusal} If git or ssh-keygen is missing or fails.
 */
export async function openDemoWorld({ tools, registry, env, signal }: DemoOptions) {
  const folder = makeScratchFolder("release-demo-", { env });
  const product = join(folder, "perf-sentinel");
  const remote = join(folder, "origin.git");
  const lab = resolve(product, layout.lab);
  const key = join(folder, "signing-key");
  const isolated = isolate(env, folder);

  async function must(command: readonly string[], cwd = product): Promise<string> {
    const answer = await run(command, { cwd, env: isolated, signal }).catch((thrown) =>
      needProgram(thrown, `Install ${command[0]}, which the demo uses`),
    );
    if (answer.code !== 0) {
      throw refusal(`Cannot prepare the demo: ${command.join(" ")}: ${lastWords(answer)}`);
    }
    return answer.stdout;
  }

  /** Runs a program with standard error redirected to standard output. */
  function together(command: readonly string[]): Promise<Finished> {
    const merged = ["sh", "-c", 'exec "$0" "$@" 2>&1', ...command];
    return run(merged, { cwd: product, env: isolated, signal });
  }

  async function write(files: Readonly<Record<string, string>>, into = product): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await Bun.write(join(into, path), content);
    }
  }

  async function commit(message: string, cwd = product): Promise<void> {
    await must(["git", "add", "--all"], cwd);
    await must(["git", "commit", "--quiet", "--message", message], cwd);
  }

  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await mkdir(product);
    await mkdir(lab);
    await write({ ".gitconfig": configuration(key, join(folder, "signers")) }, folder);
    await Promise.all([
      must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "throwaway", "-f", key], folder),
      must(["git", "init", "--quiet", "--bare", remote], folder),
      must(["git", "init", "--quiet"], lab),
      must(["git", "init", "--quiet"]),
    ]);
    await write({ signers: `* ${await Bun.file(`${key}.pub`).text()}` }, folder);
    await write(smallLab, lab);
    await commit("Lab", lab);
    await write(smallProduct(oldVersion, registry));
    await commit(`Release ${oldVersion}`);
    await must(["git", "remote", "add", "origin", remote]);
    await must(["git", "push", "--quiet", "origin", "main"]);
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
    commit: (message: string) => commit(message),
    /** Runs one of the real scripts in the product's checkout; its whole output is in `stdout`. */
    script: (path: string, args: readonly string[]) =>
      together([process.execPath, join(tools, path), ...args]),
    /** Runs git in the product's checkout; its whole output is in `stdout`. */
    git: (...args: string[]) => together(["git", ...args]),
    remove,
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

function configuration(key: string, signers: string): string {
  return `[user]
	name = Demo Maintainer
	email = demo@example.invalid
	signingkey = ${key}
[gpg]
	format = ssh
[gpg "ssh"]
	allowedSignersFile = ${signers}
[init]
	defaultBranch = main
`;
}
