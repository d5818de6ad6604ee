/** Explains why git finds no repository. */

import { shellWord } from "../finding.ts";
import { type Environment, type Finished, lastWords } from "../process.ts";

/** Why a folder is not in a usable work tree, as the end of a sentence, and the remedy. */
export interface NoRepository {
  readonly why: string;
  readonly remedy?: string;
}

/** Returns the explanation for git's answer. */
export function noRepository(answer: Finished, env: Environment): NoRepository {
  const why = lastWords(answer);
  const [first = "", ...more] = why.split("\n");
  if (/^fatal: (not a git repository|this operation must be run in a work tree)/.test(why)) {
    return { why };
  }
  if (first.includes("detected dubious ownership")) {
    const trust = more.map((each) => each.trim()).find((each) => each.startsWith("git config"));
    return {
      why: `${first}: it belongs to another user`,
      remedy: `If you trust that checkout: ${trust ?? "git config --global --add safe.directory DIR"}`,
    };
  }
  // git's configuration may be in the environment.
  const given = ["GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"].filter((name) => env[name]);
  const isGivenWrong = given.length > 0 && why.includes("unable to parse command-line config");
  const remedy = isGivenWrong ? causedBy(given) : "Correct what git reports, then run this again";
  return { why, remedy };
}

/** Returns the remedy if environment variables are the cause. */
export function causedBy(variables: readonly string[]): string {
  return `The cause is the environment variable ${variables.join(" or ")}: correct it, or unset it`;
}

/** Returns the explanation for variables whose bytes the runtime cannot pass to git. */
export function alteredEnvironment(names: readonly string[]): NoRepository {
  return {
    why: `git cannot get ${names.join(" or ")} as it is: found bytes that are not UTF-8`,
    remedy: causedBy(names),
  };
}

/** Returns the explanation for a work tree that belongs to another git directory. */
export function foreignWorkTree(root: string, gitFolder: string): NoRepository {
  return {
    why: `its git directory ${gitFolder} has the work tree ${root}, which does not belong to that git directory`,
    remedy: `Let core.worktree name no other folder: git --git-dir=${shellWord(gitFolder)} config --unset core.worktree. Or name the checkout that you mean with --repo DIR`,
  };
}
