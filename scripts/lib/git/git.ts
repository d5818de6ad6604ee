/** The door to git: one repository, questions whose silence is never an answer. */

import { readFileSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { refusal, shellWord } from "../finding.ts";
import { layout } from "../layout.ts";
import {
  type Environment,
  type Finished,
  isDirectory,
  lastWords,
  needProgram,
  run,
} from "../process.ts";
import type { NoRepository } from "./no-repository.ts";

/** A git repository, and how to ask it. */
export interface Repository {
  /** Absolute path of the top level of the work tree. */
  readonly root: string;
  /** Absolute path of its git directory, as `openRepository` found it. */
  readonly gitFolder?: string;
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
 * Variables that point git at a repository other than the one in `cwd`, or change what it reads:
 * those of `git rev-parse --local-env-vars`, and those that reroute lookups or output. The
 * operator's `GIT_CONFIG_PARAMETERS` and `GIT_CONFIG_COUNT` stay: they are configuration like any
 * other, and the way that build servers grant access to a checkout.
 */
const misleading = [
  "GIT_ALTERNATE_OBJECT_DIRECTORIES",
  "GIT_COMMON_DIR",
  "GIT_CONFIG",
  "GIT_DIFF_OPTS",
  "GIT_DIR",
  "GIT_EXTERNAL_DIFF",
  "GIT_GLOB_PATHSPECS",
  "GIT_GRAFT_FILE",
  "GIT_ICASE_PATHSPECS",
  "GIT_IMPLICIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_INTERNAL_SUPER_PREFIX",
  "GIT_LITERAL_PATHSPECS",
  "GIT_NAMESPACE",
  "GIT_NOGLOB_PATHSPECS",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
  "GIT_QUARANTINE_PATH",
  "GIT_REPLACE_REF_BASE",
  "GIT_SHALLOW_FILE",
  "GIT_WORK_TREE",
];

/** The environment for git: no leaked repository, no translation, no replaced objects. */
export function gitEnvironment(env: Environment): Environment {
  const clean: Record<string, string | undefined> = { ...env };
  for (const name of misleading) {
    delete clean[name];
  }
  for (const name of Object.keys(clean).filter((each) => each.startsWith("GIT_TRACE"))) {
    // Where git is silent, that is its answer; a trace on standard error would drown it.
    delete clean[name];
  }
  return {
    ...clean,
    // Grafts and replaced objects show another history than the one that is pushed.
    GIT_GRAFT_FILE: "/dev/null/no-grafts",
    LC_ALL: "C",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_PAGER: "cat",
    // The configuration may ask for traces too (`trace2.normalTarget`).
    GIT_TRACE2: "0",
    GIT_TRACE2_EVENT: "0",
    GIT_TRACE2_PERF: "0",
  };
}

/** The way out where git is missing. */
export const installGit = "Install git 2.34 or newer";

/**
 * The repository that holds a folder.
 *
 * @throws {Refusal} If the folder is in no work tree, or git is missing.
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
 * The repository that holds a folder, or why there is none.
 *
 * @throws {Refusal} If git is missing.
 */
export async function findRepository(
  folder: string,
  env: Environment,
  signal?: AbortSignal,
): Promise<Repository | NoRepository> {
  const place = { root: resolve(folder), env: gitEnvironment(env), signal };
  if (!isDirectory(place.root)) {
    return { why: "there is no such folder" };
  }
  // git repeats an option that it does not know. A path may hold line feeds, and hardly this line.
  const border = "--git-directory-follows";
  const question = ["rev-parse", "--show-toplevel", border, "--absolute-git-dir"];
  const answer = await ask(place, question);
  // A path that does not end its line may be cut short, and the rest of it may be another checkout.
  const [root, gitFolder, ...more] = answer.stdout.replace(/\n$/, "").split(`\n${border}\n`);
  const isWhole = answer.code === 0 && answer.stdout.endsWith("\n") && more.length === 0;
  if (!isWhole || !root || !gitFolder) {
    const { noRepository } = await import("./no-repository.ts");
    return noRepository(answer, place.env);
  }
  if (gitFolder !== join(root, ".git") && realPath(gitFolder) !== ownGitFolder(root)) {
    return {
      why: `its git directory ${gitFolder} has the work tree ${root}, which does not belong to that git directory`,
      remedy: `Let core.worktree name no other folder: git --git-dir=${shellWord(gitFolder)} config --unset core.worktree. Or name the checkout that you mean with --repo DIR`,
    };
  }
  return { ...place, root, gitFolder, env: withoutFilesIn(root, gitFolder, place.env) };
}

/** The git directory that a folder's own `.git` is or names; undefined if it has none. */
function ownGitFolder(root: string): string | undefined {
  const path = join(root, ".git");
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry?.isDirectory()) {
    return realPath(path);
  }
  const named = entry?.isFile() && /^gitdir: (.+?)[\r\n]*$/s.exec(readFileSync(path, "utf8"))?.[1];
  return named ? realPath(resolve(root, named)) : undefined;
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/**
 * An environment whose temporary files are outside the work tree: within it, git would report them
 * as changes. Its git directory is not looked at.
 */
function withoutFilesIn(root: string, gitFolder: string, env: Environment): Environment {
  const temporary = realPath(env.TMPDIR || "/tmp");
  return temporary === root || temporary?.startsWith(join(root, "/"))
    ? { ...env, TMPDIR: gitFolder }
    : env;
}

/**
 * Runs git; its exit code is data.
 *
 * @throws {Refusal} If git is missing.
 */
export async function ask(
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
 * Standard output of a git command that must succeed.
 *
 * @param purpose Completes "Cannot ...": what the answer was needed for.
 * @throws {Refusal} If git exits with another code than 0.
 */
export async function text(
  repository: Repository,
  purpose: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  const answer = await ask(repository, args, options);
  if (answer.code !== 0 || answer.timedOut) {
    throw unanswered(purpose, answer);
  }
  return answer.stdout;
}

/**
 * The absolute path of the git directory of a work tree, which may hold line feeds.
 *
 * @throws {Refusal} If git cannot say.
 */
export async function gitFolderOf(repository: Repository): Promise<string> {
  const answer = await ask(repository, ["rev-parse", "--absolute-git-dir"]);
  const path = /^(.+)\n$/s.exec(answer.stdout)?.[1];
  if (answer.code !== 0 || answer.timedOut || path === undefined) {
    throw unanswered("find the git directory", answer);
  }
  return path;
}

/**
 * The one line that a git command must print.
 *
 * @throws {Refusal} If git fails, or prints no line or more than one.
 */
export async function line(
  repository: Repository,
  purpose: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  const output = await text(repository, purpose, args, options);
  const [only, ...more] = output.split("\n").filter((each) => each !== "");
  if (only === undefined || more.length > 0) {
    const count = only === undefined ? 0 : more.length + 1;
    throw refusal(`Cannot ${purpose}: git ${subcommand(args)} printed ${count} lines, expected 1`, {
      remedy: rerun(args),
    });
  }
  return only;
}

/** A refusal for a git command whose answer is missing. */
export function unanswered(purpose: string, answer: Finished) {
  const args = answer.command.slice(1);
  return refusal(`Cannot ${purpose}: git ${subcommand(args)}: ${lastWords(answer)}`, {
    remedy: rerun(args),
  });
}

/** The git subcommand among arguments that may start with `-c name=value`. */
function subcommand(args: readonly string[]): string {
  let index = 0;
  while (args[index] === "-c") {
    index += 2;
  }
  return args[index] ?? "";
}

/** The way to see for oneself what git says. */
export function rerun(args: readonly string[]): string {
  return `Run it by hand to see why: git ${args.map(shellWord).join(" ")}`;
}

/** A full object name: 40 (SHA-1) or 64 (SHA-256) hex digits. */
export type ObjectId = string;

/** Whether a text is a full object name. */
export function isObjectId(candidate: string): candidate is ObjectId {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(candidate);
}

/**
 * The full name of the commit that a revision means.
 *
 * @throws {Refusal} If there is no such commit.
 */
export async function resolveCommit(repository: Repository, revision: string): Promise<ObjectId> {
  const found = await findCommit(repository, revision);
  if (found === undefined) {
    throw refusal(`Cannot find commit ${JSON.stringify(revision)} in this repository`, {
      remedy:
        revision === "HEAD"
          ? "Make the first commit, or check out a branch that has one"
          : "Name a branch, tag or commit that exists here, after git fetch if it is elsewhere",
    });
  }
  return found;
}

/**
 * The full name of the commit that a revision means, or undefined if there is none.
 *
 * @throws {Refusal} If git could not answer.
 */
export async function findCommit(
  repository: Repository,
  revision: string,
): Promise<ObjectId | undefined> {
  // What follows a colon is a text or a path to its very end, so that a suffix would belong to it.
  const find = (name: string) => findObject(repository, revision, name);
  const object = revision.includes(":") ? await find(revision) : revision;
  return object === undefined ? undefined : await find(`${object}^{commit}`);
}

/** The object of a name, which serves to resolve a revision. */
async function findObject(
  repository: Repository,
  revision: string,
  name: string,
): Promise<ObjectId | undefined> {
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", name];
  const answer = await ask(repository, args);
  const found = answer.stdout.trim();
  if (answer.code === 0 && isObjectId(found)) {
    return found;
  }
  // With --quiet, git says "no such revision" as exit 1 without any output.
  if (answer.code === 1 && found === "" && !answer.timedOut) {
    return undefined;
  }
  throw unanswered(`resolve ${JSON.stringify(revision)}`, answer);
}

/** Whether a text can be the name of a branch, by the rules of `git check-ref-format`. */
export function isBranchName(text: string): boolean {
  return (
    text !== "@" &&
    !/\p{Cc}|[ ~^:?*[\\]|\.\.|@\{|\.$/u.test(text) &&
    text.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock"))
  );
}

/** The first letters of an object name, for people. */
export function short(id: ObjectId): string {
  return id.slice(0, 7);
}
