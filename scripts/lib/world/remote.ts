/** The remote that a release is pushed to: one question answers all, and a push is read back. */

import { refusal } from "../finding.ts";
import { layout } from "../layout.ts";
import { ask, isObjectId, type ObjectId, type Repository, text } from "./git.ts";
import { type Answer, lastWords } from "./process.ts";

export interface Remote {
  readonly name: string;
  /** Where pushes go, after all of git's rewriting. May hold credentials: print `shown`. */
  readonly url: string;
  /** The address without credentials. */
  readonly shown: string;
}

/**
 * The remote as a push would reach it.
 *
 * @throws {Refusal} If there is no such remote, or it pushes to several places.
 */
export async function findRemote(repository: Repository, name: string): Promise<Remote> {
  const answer = await ask(repository, ["remote", "get-url", "--push", "--all", name]);
  const urls = answer.stdout.split("\n").filter((url) => url !== "");
  const url = urls[0];
  if (answer.code !== 0 || url === undefined) {
    throw refusal(`Cannot find remote ${name}: ${lastWords(answer)}`, {
      remedy: `Add it: git remote add ${name} URL`,
    });
  }
  if (urls.length > 1) {
    throw refusal(`Cannot release to ${name}: it pushes to ${urls.length} URLs, expected 1`, {
      remedy: `Leave one: git config --unset-all remote.${name}.pushurl, then set the one that counts`,
    });
  }
  return { name, url, shown: withoutCredentials(url) };
}

/** A URL, or a message that holds one, without the user information part. */
export function withoutCredentials(words: string): string {
  return words.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, "$1");
}

/** What the remote holds: object names by full ref name. */
export interface RemoteRefs {
  /** The remote's main branch. */
  readonly main: ObjectId;
  /** All tags by full name, with the name of the tag object, or of the commit if lightweight. */
  readonly tags: ReadonlyMap<string, ObjectId>;
}

/**
 * Asks the remote for its main branch and its tags, in one question.
 *
 * @throws {Refusal} If the remote gives no answer in time, or an answer without its main branch.
 */
export async function askRemote(repository: Repository, remote: Remote): Promise<RemoteRefs> {
  const main = `refs/heads/${layout.mainBranch}`;
  const answer = await ask(
    repository,
    ["ls-remote", "--quiet", "--", remote.url, main, "refs/tags/*"],
    { timeout: layout.limits.network },
  );
  if (answer.code !== 0 || answer.timedOut) {
    throw unreachable(remote, answer);
  }
  const refs = new Map<string, ObjectId>();
  for (const line of answer.stdout.split("\n")) {
    const [id, name] = line.split("\t");
    if (id !== undefined && name !== undefined && isObjectId(id)) {
      refs.set(name, id);
    }
  }
  const tip = refs.get(main);
  if (tip === undefined) {
    throw refusal(`Cannot find ${main} on ${remote.name} (${remote.shown})`, {
      remedy: `Push the branch once: git push ${remote.name} ${layout.mainBranch}`,
    });
  }
  const wanted = [...refs].filter(
    ([name]) => name.startsWith("refs/tags/") && !name.endsWith("^{}"),
  );
  return { main: tip, tags: new Map(wanted) };
}

function unreachable(remote: Remote, answer: Answer) {
  const words = withoutCredentials(lastWords(answer));
  const seconds = layout.limits.network / 1000;
  const why = answer.timedOut ? `no answer within ${seconds} seconds` : words;
  return refusal(`Cannot ask ${remote.name} (${remote.shown}) what it holds: ${why}`, {
    remedy: `Check the network and the credentials: git ls-remote --heads ${remote.name}`,
  });
}

/** How one commit stands to the remote's main branch. */
export type Relation =
  | { readonly kind: "equal" }
  | { readonly kind: "ahead"; readonly commits: readonly string[] }
  | { readonly kind: "behind" }
  | { readonly kind: "diverged" }
  /** The remote's commit is not in this repository. */
  | { readonly kind: "unfetched" };

/**
 * How a commit stands to the remote's main branch, from local objects alone.
 *
 * @throws {Refusal} If git cannot say.
 */
export async function relationTo(
  repository: Repository,
  commit: ObjectId,
  remoteMain: ObjectId,
): Promise<Relation> {
  if (commit === remoteMain) {
    return { kind: "equal" };
  }
  const known = await ask(repository, ["cat-file", "-t", remoteMain]);
  if (known.code !== 0 || known.stdout !== "commit\n") {
    return { kind: "unfetched" };
  }
  const base = await ask(repository, ["merge-base", commit, remoteMain]);
  const common = base.stdout.trim();
  if (base.code === 1 && common === "") {
    return { kind: "diverged" };
  }
  if (base.code !== 0 || !isObjectId(common)) {
    throw refusal(`Cannot compare ${commit} with ${remoteMain}: ${lastWords(base)}`);
  }
  if (common === remoteMain) {
    return { kind: "ahead", commits: await commitsBetween(repository, remoteMain, commit) };
  }
  return { kind: common === commit ? "behind" : "diverged" };
}

/** Commits from one to another, newest first, as `<short id> <subject>`. */
async function commitsBetween(
  repository: Repository,
  from: ObjectId,
  to: ObjectId,
): Promise<string[]> {
  const output = await text(repository, "list the commits to be pushed", [
    "-c",
    "log.showSignature=false",
    "log",
    "--no-decorate",
    "--no-color",
    "-z",
    "--format=%h %s",
    `${from}..${to}`,
    "--",
  ]);
  const commits = output.split("\0").filter((line) => line !== "");
  if (commits.length === 0) {
    throw refusal("Cannot list the commits to be pushed: git log gave no answer");
  }
  return commits;
}

/** What a push asks of the remote: one object name for one full ref name. */
export interface RefUpdate {
  readonly id: ObjectId;
  readonly ref: string;
}

/** How a push ended, as far as git told. */
export interface PushAnswer {
  /** Whether git confirmed every ref; otherwise only the remote knows. */
  readonly confirmed: boolean;
  /** Why not: the remote's reasons, else git's last words; without credentials. */
  readonly words: string;
}

/**
 * Pushes exactly these refs, never forced, whatever the operator's push configuration adds. It has
 * no time limit: cutting a push short leaves a question that only the remote can answer.
 *
 * @param onWords Receives git's progress and the words of hooks.
 */
export async function push(
  repository: Repository,
  remote: Remote,
  updates: readonly RefUpdate[],
  options: { readonly atomic: boolean; readonly signal: AbortSignal },
  onWords: (words: string) => void,
): Promise<PushAnswer> {
  const answer = await ask(
    { ...repository, signal: options.signal },
    [
      "-c",
      `remote.${remote.name}.mirror=false`,
      "push",
      "--porcelain",
      "--no-follow-tags",
      "--no-force",
      "--recurse-submodules=no",
      ...(options.atomic ? ["--atomic"] : []),
      "--",
      remote.name,
      ...updates.map(({ id, ref }) => `${id}:${ref}`),
    ],
    { timeout: null, onStderr: (words) => onWords(withoutCredentials(words)) },
  );
  const lines = answer.stdout.split("\n");
  const confirmed =
    answer.code === 0 &&
    updates.every(({ id, ref }) =>
      lines.some((line) => /^[ *=]\t/.test(line) && line.split("\t")[1] === `${id}:${ref}`),
    );
  // A line of a refused ref: `!`, tab, from and to, tab, the reason (git-push, "Output").
  const rejections = lines
    .filter((line) => line.startsWith("!\t"))
    .map((line) => line.split("\t").slice(2).join(" "));
  const words = rejections.length > 0 ? rejections.join("; ") : lastWords(answer);
  return { confirmed, words: options.signal.aborted ? "interrupted" : withoutCredentials(words) };
}
