/** Explains why git finds no repository, with the way out. */

import { shellWord } from "../finding.ts";
import { type Environment, type Finished, lastWords } from "../process.ts";

/** Why a folder is in no work tree that git would work on. */
export interface NoRepository {
  readonly why: string;
  readonly remedy?: string;
}

/** Whether git says that there is no work tree, rather than that it cannot tell. */
export function isOutside(why: string): boolean {
  return /^fatal: (not a git repository|this operation must be run in a work tree)/.test(why);
}

export function noRepository(answer: Finished, env: Environment): NoRepository {
  const why = lastWords(answer);
  if (isOutside(why)) {
    return { why };
  }
  const [first = "", ...more] = why.split("\n");
  if (!first.includes("detected dubious ownership")) {
    return { why, remedy: remedyOf(why, env) };
  }
  const trust = more.map((each) => each.trim()).find((each) => each.startsWith("git config"));
  return {
    why: `${first}: it belongs to another user`,
    remedy: `If you trust that checkout: ${trust ?? "git config --global --add safe.directory DIR"}`,
  };
}

/** The way out where variables of the environment are the cause. */
export function causedBy(variables: readonly string[]): string {
  return `The cause is the environment variable ${variables.join(" or ")}: correct it, or unset it`;
}

/** The way out where git did not start: the environment's configuration is read before any other. */
function remedyOf(why: string, env: Environment): string {
  const given = ["GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"].filter((name) => env[name]);
  return given.length > 0 && why.includes("unable to parse command-line config")
    ? causedBy(given)
    : "Put right what git says, then run this again";
}

/** Returns the refusal of variables whose bytes the runtime cannot pass on to git. */
export function alteredEnvironment(names: readonly string[]): NoRepository {
  return {
    why: `git cannot get ${names.join(" or ")} as it is: found bytes that are not UTF-8`,
    remedy: causedBy(names),
  };
}

/** Returns the refusal of a work tree that belongs to another git directory. */
export function foreignWorkTree(root: string, gitFolder: string): NoRepository {
  return {
    why: `its git directory ${gitFolder} has the work tree ${root}, which does not belong to that git directory`,
    remedy: `Let core.worktree name no other folder: git --git-dir=${shellWord(gitFolder)} config --unset core.worktree. Or name the checkout that you mean with --repo DIR`,
  };
}
