/** Runs git commands whose output is required: a missing answer is a refusal. */

import { refusal, shellWord } from "../finding.ts";
import { type Finished, lastWords } from "../process.ts";
import { type GitOptions, type Repository, runGit } from "./repository.ts";

/**
 * Returns the standard output of a git command that must succeed.
 *
 * @param purpose Completes "Cannot ..." in the message of a refusal.
 * @throws {Refusal} If git exits with another code than 0.
 */
export async function gitOutput(
  repository: Repository,
  purpose: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  const answer = await runGit(repository, args, options);
  if (answer.code !== 0 || answer.timedOut) {
    throw unanswered(purpose, answer);
  }
  return answer.stdout;
}

/**
 * Returns the absolute path of the git directory of a work tree. It may contain line feeds.
 *
 * @throws {Refusal} If git fails.
 */
export async function gitFolderOf(repository: Repository): Promise<string> {
  const answer = await runGit(repository, ["rev-parse", "--absolute-git-dir"]);
  const path = /^(.+)\n$/s.exec(answer.stdout)?.[1];
  if (answer.code !== 0 || answer.timedOut || path === undefined) {
    throw unanswered("find the git directory", answer);
  }
  return path;
}

/**
 * Returns the only line that a git command prints.
 *
 * @throws {Refusal} If git fails, or does not print exactly one line.
 */
export async function gitLine(
  repository: Repository,
  purpose: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  const output = await gitOutput(repository, purpose, args, options);
  const [only, ...more] = output.split("\n").filter((each) => each !== "");
  if (only === undefined || more.length > 0) {
    const count = only === undefined ? 0 : more.length + 1;
    throw refusal(`Cannot ${purpose}: git ${subcommand(args)} printed ${count} lines, expected 1`, {
      remedy: rerun(args),
    });
  }
  return only;
}

/** Returns the refusal for a git command that has failed. */
export function unanswered(purpose: string, answer: Finished) {
  const args = answer.command.slice(1);
  return refusal(`Cannot ${purpose}: git ${subcommand(args)}: ${lastWords(answer)}`, {
    remedy: rerun(args),
  });
}

/** Returns the git subcommand in arguments that may begin with `-c name=value`. */
function subcommand(args: readonly string[]): string {
  let index = 0;
  while (args[index] === "-c") {
    index += 2;
  }
  return args[index] ?? "";
}

/** Returns the remedy to run a git command by hand. */
export function rerun(args: readonly string[]): string {
  return `Run it by hand to see why: git ${args.map(shellWord).join(" ")}`;
}

/** A full object name: 40 (SHA-1) or 64 (SHA-256) hex digits. */
export type ObjectId = string;

/** Reports whether a text is a full object name. */
export function isObjectId(candidate: string): candidate is ObjectId {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(candidate);
}

/**
 * Returns the full name of a revision's commit.
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
          : "Name a branch, tag or commit that exists locally; git fetch gets one from the remote",
    });
  }
  return found;
}

/**
 * Returns the full name of a revision's commit, or undefined if there is none.
 *
 * @throws {Refusal} If git fails.
 */
export async function findCommit(
  repository: Repository,
  revision: string,
): Promise<ObjectId | undefined> {
  // After a colon git reads everything as a text or a path, so a suffix would become part of it.
  const find = (name: string) => findObject(repository, revision, name);
  const object = revision.includes(":") ? await find(revision) : revision;
  return object === undefined ? undefined : await find(`${object}^{commit}`);
}

/** Returns the full name of an object. `revision` is named in the message of a refusal. */
async function findObject(
  repository: Repository,
  revision: string,
  name: string,
): Promise<ObjectId | undefined> {
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", name];
  const answer = await runGit(repository, args);
  const found = answer.stdout.trim();
  if (answer.code === 0 && isObjectId(found)) {
    return found;
  }
  // With --quiet, exit code 1 without any output means that there is no such revision.
  if (answer.code === 1 && found === "" && !answer.timedOut) {
    return undefined;
  }
  throw unanswered(`resolve ${JSON.stringify(revision)}`, answer);
}

/** Reports whether a text is a legal branch name, by the rules of `git check-ref-format`. */
export function isBranchName(text: string): boolean {
  return (
    text !== "@" &&
    !/\p{Cc}|[ ~^:?*[\\]|\.\.|@\{|\.$/u.test(text) &&
    text.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.endsWith(".lock"))
  );
}

/** Returns an object name shortened to 7 digits. */
export function short(id: ObjectId): string {
  return id.slice(0, 7);
}
