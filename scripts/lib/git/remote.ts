/** The remote that a release is pushed to: one question answers all, and a push is read back. */

import { refusal } from "../finding.ts";
import { layout } from "../layout.ts";
import { type Environment, type Finished, lastWords } from "../process.ts";
import { isObjectId, type ObjectId, rerun, unanswered } from "./git.ts";
import { type Repository, runGit } from "./repository.ts";

export interface Remote {
  readonly name: string;
  /** Where pushes go, after all of git's rewriting. May hold credentials: print `shown`. */
  readonly url: string;
  /** The address without credentials. */
  readonly shown: string;
  /** Whether fetches go to the same address, so that git can ask it by the name of the remote. */
  readonly answersByName: boolean;
}

/**
 * Returns a remote with the address that pushes to it go to.
 *
 * @throws {Refusal} If there is no such remote, or it pushes to several places.
 */
export async function findRemote(repository: Repository, name: string): Promise<Remote> {
  const answer = await runGit(repository, ["remote", "--verbose"]);
  if (answer.code !== 0 || answer.timedOut) {
    const stderr = withoutCredentials(answer.stderr);
    throw unanswered(`find remote ${name}`, { ...answer, stderr });
  }
  const lines = answer.stdout.endsWith("\n") ? answer.stdout.split("\n") : [];
  const addresses = (use: string) =>
    lines.flatMap((line) =>
      line.startsWith(`${name}\t`) && line.endsWith(` (${use})`)
        ? [line.slice(name.length + 1, -use.length - 3)]
        : [],
    );
  const [url, ...others] = addresses("push");
  if (!url) {
    throw refusal(`Cannot find remote ${name}: git remote does not name it`, {
      remedy: `Add it: git remote add ${name} URL`,
    });
  }
  if (others.length > 0) {
    const count = others.length + 1;
    throw refusal(`Cannot release to ${name}: it pushes to ${count} URLs, expected 1`, {
      remedy: `Leave one: git config --unset-all remote.${name}.pushurl, then set the one that counts`,
    });
  }
  if (url.includes("\ufffd")) {
    // Read as text, it is not the address that git has, and it is given back to git.
    throw refusal(`Cannot release to ${name}: its URL ${shownAddress(url)} is not UTF-8`, {
      remedy: `Give the remote another path or URL: git remote set-url ${name} URL`,
    });
  }
  // In a partial clone that line ends with its filter: `answersByName` is false then, which is safe.
  return { name, url, shown: shownAddress(url), answersByName: addresses("fetch")[0] === url };
}

/** Returns a message without the user information and the queries of its URLs. */
export function withoutCredentials(words: string): string {
  // Word by word, as each is read once then: the words of a remote may be long.
  return words.replace(/\S+/g, withoutUserAndQuery);
}

/** Returns a remote's address without its secrets; an address for ssh may be `user@host:path`. */
function shownAddress(address: string): string {
  return withoutUserAndQuery(address).replace(/^[^/]*@(?=[^/]*:)/, "");
}

function withoutUserAndQuery(url: string): string {
  const start = url.search(/(?<=[a-z0-9+.-]):\/\//i);
  if (start < 0) {
    return url;
  }
  // Up to the last `@`: a password may hold one, and more is hidden rather than less.
  const place = url.slice(Math.max(start + 3, url.lastIndexOf("@") + 1));
  return `${url.slice(0, start)}://${place.replace(/[?#][^'"]+/, "?***")}`;
}

/** Returns words about a remote without any credentials of its address. */
function redact(words: string, { url, shown }: Remote): string {
  // ssh names the user with the host alone.
  const user = /^(?:[^/]*:\/\/)?([^/@:]+)[^/]*@/.exec(url)?.[1];
  const known = words.replaceAll(url, shown);
  return withoutCredentials(user === undefined ? known : known.replaceAll(`${user}@`, ""));
}

/** What the remote holds. */
export interface RemoteRefs {
  /** The commit of its main branch. */
  readonly main: ObjectId;
  /**
   * Object names by full ref name: of main, of all tags, of the branches that were asked for, and of
   * refs whose name ends like these. `refs/tags/NAME^{}` is what the annotated tag NAME is a tag of.
   */
  readonly all: ReadonlyMap<string, ObjectId>;
}

/** Returns the commit of a branch of the remote; undefined if it has none, or was not asked for it. */
export function tipOf({ main, all }: RemoteRefs, branch: string): ObjectId | undefined {
  return branch === layout.mainBranch ? main : all.get(`refs/heads/${branch}`);
}

/**
 * Asks the remote for its main branch and its tags, in one question.
 *
 * @param branches Short names of other branches to ask for as well; `release/*` asks for all of them.
 * @throws {Refusal} If the remote gives no answer in time, or an answer without its main branch.
 */
export async function askRemote(
  repository: Repository,
  remote: Remote,
  branches: readonly string[] = [],
): Promise<RemoteRefs> {
  const { name, shown } = remote;
  const { target, env } = addressOf(repository, remote);
  const heads = [...new Set([layout.mainBranch, ...branches])].map((each) => `refs/heads/${each}`);
  const question = ["ls-remote", "--quiet", "--", target, ...heads, "refs/tags/*"];
  const answer = await runGit(repository, question, { timeout: layout.limits.network, env });
  if (answer.code !== 0 || answer.timedOut) {
    throw unreachable(remote, answer);
  }
  const lines = answer.stdout.split("\n").map((line) => line.split("\t"));
  // After the last line feed begins a line whose end is missing.
  const isWhole = lines.pop()?.[0] === "";
  if (!isWhole || !lines.every(([id = "", ref]) => isObjectId(id) && ref)) {
    throw refusal(`Cannot read what ${name} (${shown}) holds: its answer is cut short`, {
      remedy: `Ask it by hand to see why: git ls-remote ${name}`,
    });
  }
  const all = new Map(lines.map(([id = "", ref = ""]) => [ref, id]));
  const [mainRef = ""] = heads;
  const main = all.get(mainRef);
  if (main === undefined) {
    throw refusal(`Cannot find ${mainRef} on ${name} (${shown})`, {
      remedy: `Push the branch once: git push ${name} ${layout.mainBranch}`,
    });
  }
  return { main, all };
}

/** The remote that releases are pushed to, and what it holds. */
export interface Origin {
  readonly remote: Remote;
  readonly refs: RemoteRefs;
}

/** Finds the remote of the layout and asks it, as `findRemote` and `askRemote` do. */
export async function askOrigin(
  repository: Repository,
  branches?: readonly string[],
): Promise<Origin> {
  const remote = await findRemote(repository, layout.remote);
  return { remote, refs: await askRemote(repository, remote, branches) };
}

/** Returns the refusal for a remote that gave no answer. */
export function unreachable(remote: Remote, answer: Finished) {
  const { name, shown } = remote;
  const seconds = layout.limits.network / 1000;
  const words = redact(lastWords(answer), remote);
  const why = answer.timedOut ? `no answer within ${seconds} seconds` : words;
  return refusal(`Cannot ask ${name} (${shown}) what it holds: ${why}`, {
    remedy: `Check the network and the credentials: git ls-remote --heads ${name}`,
  });
}

/**
 * Returns how to ask the address that pushes go to. git would rewrite the address by `insteadOf` once
 * more, so it gets a made-up one, and a rule that rewrites that to the address.
 */
export function addressOf(
  { env }: Repository,
  { name, url, answersByName }: Remote,
): { readonly target: string; readonly env: Environment } {
  if (answersByName) {
    return { target: name, env: {} };
  }
  const target = "the-address-of-pushes:";
  const count = Number(env.GIT_CONFIG_COUNT ?? 0) || 0;
  return {
    target,
    env: {
      GIT_CONFIG_COUNT: String(count + 1),
      [`GIT_CONFIG_KEY_${count}`]: `url.${url}.insteadOf`,
      [`GIT_CONFIG_VALUE_${count}`]: target,
    },
  };
}

/** How a commit is related to a branch of the remote. */
export type Relation =
  | { readonly kind: "equal" }
  /** `<short id> <subject>` of the commits that the remote does not hold, newest first. */
  | { readonly kind: "ahead"; readonly commits: readonly string[] }
  | { readonly kind: "behind" }
  | { readonly kind: "diverged" }
  /** The remote's commit is not in this repository. */
  | { readonly kind: "unfetched" };

/**
 * Returns how a commit is related to the tip of a branch of the remote, from local objects alone.
 *
 * @throws {Refusal} If git cannot say.
 */
export async function relationTo(
  repository: Repository,
  commit: ObjectId,
  tip: ObjectId,
): Promise<Relation> {
  if (commit === tip) {
    return { kind: "equal" };
  }
  const answer = await runGit(repository, [
    ...["-c", "log.showSignature=false", "log", "--no-decorate", "--no-color", "-z"],
    // In UTF-16 (`i18n.logOutputEncoding`), letters contain NUL, which separates the records.
    "--encoding=UTF-8",
    ...["--left-right", "--boundary", "--format=%m %H %h %s"],
    ...[`${commit}...${tip}`, "--"],
  ]);
  if (answer.code !== 0 || answer.timedOut) {
    const known = await runGit(repository, ["cat-file", "-t", tip]);
    if (known.code !== 0 || known.stdout !== "commit\n") {
      return { kind: "unfetched" };
    }
    throw unanswered(`compare ${commit} with ${tip}`, answer);
  }
  const records = answer.stdout.split("\0");
  // git lists the boundary last, so that an answer which is cut short names none.
  const isBoundary = (id: ObjectId) => records.some((record) => record.startsWith(`- ${id} `));
  if (isBoundary(tip)) {
    const own = records.filter((record) => record.startsWith("< "));
    return { kind: "ahead", commits: own.map((record) => record.slice(`< ${commit} `.length)) };
  }
  if (records.length < 2) {
    throw refusal(`Cannot compare ${commit} with ${tip}: git log gave no answer`, {
      remedy: rerun(["log", `${commit}...${tip}`]),
    });
  }
  return { kind: isBoundary(commit) ? "behind" : "diverged" };
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
  /** Whether git says of every ref that it was there before. */
  readonly wasThere: boolean;
  /** Whether all that failed was rejected; after "[remote failure]" a ref may still land. */
  readonly rejected: boolean;
  /** Why not: the remote's reasons, else git's last words; without credentials. */
  readonly words: string;
}

/** The length of the longest line of the remote's words that is shown. */
const longestLine = 4000;

/**
 * Pushes exactly these refs, never forced, whatever the operator's push configuration adds. A push has
 * no time limit, as only the remote knows how far it got. Ctrl-C ends it: then ask the remote.
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
  let rest = "";
  // Line by line: half a line may be half of an address whose credentials it holds.
  function pass(text: string, isEnd = false): void {
    const lines = (rest + text).split(/\r?\n|\r/);
    rest = isEnd ? "" : (lines.pop() ?? "");
    for (const line of lines.filter((each) => each.trim() !== "")) {
      const shown = redact(line, remote);
      onWords(shown.length > longestLine ? `${shown.slice(0, longestLine)}...` : shown);
    }
  }
  const answer = await runGit(
    { ...repository, signal: options.signal },
    [
      // The empty option discards the configured ones: `ci.skip` would keep a workflow from starting.
      ...["-c", `remote.${remote.name}.mirror=false`, "-c", "push.pushOption="],
      ...["push", "--porcelain", "--no-follow-tags", "--no-force", "--recurse-submodules=no"],
      ...(options.atomic ? ["--atomic"] : []),
      "--",
      remote.name,
      ...updates.map(({ id, ref }) => `${id}:${ref}`),
    ],
    { timeout: null, onStderr: pass },
  );
  pass("", true);
  return judgePush(answer, remote, updates, options.signal.aborted);
}

/** Reads `git push --porcelain` (git-push, "Output"): a flag, a tab, from and to, a tab, a reason. */
function judgePush(
  answer: Finished,
  remote: Remote,
  updates: readonly RefUpdate[],
  interrupted: boolean,
): PushAnswer {
  const refs = answer.stdout
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(([flag, pair]) => flag?.length === 1 && pair !== undefined);
  const isTold = (flags: string) =>
    answer.code === 0 &&
    updates.every(({ id, ref }) =>
      refs.some(([flag = "", pair]) => flags.includes(flag) && pair === `${id}:${ref}`),
    );
  const refusals = refs.filter(([flag]) => flag === "!").map(([, , ...reason]) => reason.join(" "));
  const words = refusals.length > 0 ? refusals.join("; ") : lastWords(answer);
  return {
    confirmed: isTold(" *="),
    wasThere: isTold("="),
    rejected: refusals.length > 0 && refusals.every((why) => /^\[(?:remote )?rejected\]/.test(why)),
    words: interrupted ? "interrupted" : redact(words, remote),
  };
}
