/** Opens a git repository, and runs git in it. */

import { readFileSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { refusal } from "../finding.ts";
import { layout } from "../layout.ts";
import { type Environment, type Finished, isDirectory, needProgram, run } from "../process.ts";
import type { NoRepository } from "./no-repository.ts";

/** A git repository and the environment to run git in. */
export interface Repository {
  /** Absolute path of the top level of the work tree. */
  readonly root: string;
  /** Absolute path of its git directory; set by `openRepository`. */
  readonly gitFolder?: string;
  /** Whether its history is cut off; set by `openRepository`. */
  readonly isShallow?: boolean;
  /** The environment that git runs in. */
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
}

export interface GitOptions {
  readonly stdin?: string | Uint8Array;
  /** Milliseconds; default `layout.limits.local`. `null` for no limit. */
  readonly timeout?: number | null;
  readonly env?: Environment;
  readonly onStderr?: (text: string) => void;
}

/**
 * Variables that make git use another repository than the one in `cwd`, or read other files: those
 * of `git rev-parse --local-env-vars`, and those that change lookups or output. Traces are removed
 * too, because some answers depend on an empty standard error. `GIT_CONFIG_PARAMETERS` and
 * `GIT_CONFIG_COUNT` stay, because build servers use them to grant access to a checkout.
 */
const removedVariables = new Set(
  (
    "ALTERNATE_OBJECT_DIRECTORIES COMMON_DIR CONFIG DIFF_OPTS DIR EXTERNAL_DIFF GLOB_PATHSPECS " +
    "GRAFT_FILE ICASE_PATHSPECS IMPLICIT_WORK_TREE INDEX_FILE INTERNAL_SUPER_PREFIX " +
    "LITERAL_PATHSPECS NAMESPACE NOGLOB_PATHSPECS OBJECT_DIRECTORY PREFIX QUARANTINE_PATH " +
    "REPLACE_REF_BASE SHALLOW_FILE WORK_TREE"
  )
    .split(" ")
    .map((name) => `GIT_${name}`),
);

/** Returns the environment for git: no other repository, no translation, no replaced objects. */
export function gitEnvironment(env: Environment): Environment {
  const kept = Object.entries(env).filter(
    ([name]) => !removedVariables.has(name) && !name.startsWith("GIT_TRACE"),
  );
  return {
    ...Object.fromEntries(kept),
    // With grafts and replaced objects git would show another history than the pushed one.
    GIT_GRAFT_FILE: "/dev/null/no-grafts",
    LC_ALL: "C",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_PAGER: "cat",
    // The configuration can also enable traces (`trace2.normalTarget`).
    GIT_TRACE2: "0",
    GIT_TRACE2_EVENT: "0",
    GIT_TRACE2_PERF: "0",
  };
}

/** The remedy if git is missing. */
export const installGit = "Install git 2.34 or newer";

/** Variables that git and its child processes read. */
const readByGit = /^(?:GIT_.*|SSH_.*|GNUPGHOME|HOME|XDG_CONFIG_HOME|EMAIL)$/;

/**
 * Runs git to its end. A non-zero exit code is not an error.
 *
 * @throws {Refusal} If git is missing.
 */
export async function runGit(
  repository: Repository,
  args: readonly string[],
  options: GitOptions = {},
): Promise<Finished> {
  const timeout = options.timeout === undefined ? layout.limits.local : options.timeout;
  return await run(["git", ...args], {
    cwd: repository.root,
    env: { ...repository.env, ...options.env },
    signal: repository.signal,
    ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
    ...(timeout === null ? {} : { timeout }),
    ...(options.onStderr === undefined ? {} : { onStderr: options.onStderr }),
  }).catch((thrown) => needProgram(thrown, installGit));
}

/**
 * Opens the repository that holds a folder.
 *
 * @throws {Refusal} If the folder is not in a usable work tree, or git is missing.
 */
export async function openRepository(
  folder: string,
  env: Environment,
  signal?: AbortSignal,
): Promise<Repository> {
  const found = await findRepository(folder, env, signal);
  if ("root" in found) {
    return found;
  }
  throw refusal(`Cannot find a git work tree at ${folder}: ${found.why}`, {
    remedy: found.remedy ?? "Run it inside the checkout, or name the checkout with --repo DIR",
  });
}

/**
 * Returns the repository that holds a folder, or the reason why there is none.
 *
 * @throws {Refusal} If git is missing.
 */
export async function findRepository(
  folder: string,
  env: Environment,
  signal?: AbortSignal,
): Promise<Repository | NoRepository> {
  const place = { root: resolve(folder), env: gitEnvironment(env), signal };
  // The runtime decodes invalid UTF-8 as U+FFFD, so git would look for a file of another name.
  const altered = Object.keys(place.env).filter(
    (name) => readByGit.test(name) && place.env[name]?.includes("\ufffd"),
  );
  if (!isDirectory(place.root)) {
    return { why: "there is no such directory" };
  }
  if (altered.length > 0) {
    return (await import("./no-repository.ts")).alteredEnvironment(altered);
  }
  // git prints an unknown option as it is. A path may contain line feeds, but hardly this line.
  const border = "--git-directory-follows";
  const paths = ["--show-toplevel", border, "--absolute-git-dir"];
  const question = ["rev-parse", "--is-shallow-repository", ...paths];
  const answer = await runGit(place, question);
  // A path without a line end may be truncated, and the shorter path may be another checkout.
  const [, shallow, printed = ""] = /^(true|false)\n(.*)\n$/s.exec(answer.stdout) ?? [];
  const [root, gitFolder, ...more] = printed.split(`\n${border}\n`);
  const isWhole = answer.code === 0 && shallow !== undefined && more.length === 0;
  if (!isWhole || !root || !gitFolder) {
    return (await import("./no-repository.ts")).noRepository(answer, place.env);
  }
  if (gitFolder !== join(root, ".git") && realPath(gitFolder) !== ownGitFolder(root)) {
    return (await import("./no-repository.ts")).foreignWorkTree(root, gitFolder);
  }
  // git would report temporary files in the work tree as changes, but not those in its directory.
  const temporary = realPath(env.TMPDIR || "/tmp");
  const isInside = temporary === root || temporary?.startsWith(join(root, "/"));
  return {
    ...place,
    root,
    gitFolder,
    isShallow: shallow === "true",
    ...(isInside && { env: { ...place.env, TMPDIR: gitFolder } }),
  };
}

/** Returns the git directory that a folder's `.git` is or names; undefined without `.git`. */
function ownGitFolder(root: string): string | undefined {
  const path = join(root, ".git");
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile();
  const named = isFile ? /^gitdir: (.+?)[\r\n]*$/s.exec(readFileSync(path, "utf8"))?.[1] : path;
  return named === undefined ? undefined : realPath(resolve(root, named));
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
