/** All tags of a repository: their names in one question, what they mean, and which are on a branch. */

import { parseTagObject, type TagObject } from "../lib/files/tag-object.ts";
import { quote, refusal } from "../lib/finding.ts";
import {
  ask,
  findCommit,
  isObjectId,
  type ObjectId,
  type Repository,
  rerun,
  text,
  unanswered,
} from "../lib/git/git.ts";
import type { GitObject, Objects } from "../lib/git/objects.ts";
import { layout } from "../lib/layout.ts";

/** A tag by its short name. */
export interface TagRef {
  readonly tag: string;
  /** What the ref names: a tag object, or a commit; undefined if git cannot read the ref. */
  readonly target: ObjectId | undefined;
}

/**
 * Lists tags, in the order of their names.
 *
 * @param prefixes Of the short names that are listed; a `/` ends the search.
 * @throws {Refusal} If git cannot tell.
 */
export async function listTags(
  repository: Repository,
  prefixes: readonly string[],
): Promise<TagRef[]> {
  const purpose = "list the tags";
  const patterns = prefixes.map((prefix) => `refs/tags/${prefix}*`);
  const answer = await ask(repository, [
    "for-each-ref",
    "--format=%(objectname) %(refname:strip=2)",
    ...patterns,
  ]);
  if (answer.code !== 0 || answer.timedOut) {
    throw unanswered(purpose, answer);
  }
  const listed = linesOf(answer.stdout).map((line): TagRef => {
    const cut = line.indexOf(" ");
    const target = line.slice(0, cut);
    if (!isObjectId(target)) {
      throw refusal(`Cannot ${purpose}: git for-each-ref said ${quote(line)}`, {
        remedy: rerun(answer.command.slice(1)),
      });
    }
    return { tag: line.slice(cut + 1), target };
  });
  // Git leaves out what it cannot read, and says so.
  const broken = linesOf(answer.stderr).flatMap((line): TagRef[] => {
    const tag = /^warning: ignoring broken ref refs\/tags\/(.+)$/.exec(line)?.[1];
    const isOurs = tag !== undefined && prefixes.some((prefix) => tag.startsWith(prefix));
    return isOurs ? [{ tag, target: undefined }] : [];
  });
  return [...listed, ...broken].sort((one, other) => (one.tag < other.tag ? -1 : 1));
}

function linesOf(output: string): string[] {
  return output.split("\n").filter((line) => line !== "");
}

/** What a tag means. */
export interface TagHead {
  /** The tag object; undefined if the tag is lightweight. */
  readonly object: TagObject | undefined;
  readonly commit: ObjectId;
  /** Unix seconds, and whose date that is: the commit's where no tagger has one. */
  readonly seconds: number;
  readonly dateOf: "tagger" | "commit";
}

/** How many tag objects may stand between a ref and its commit. */
const deepest = 8;

/**
 * Reads what a tag means.
 *
 * @throws {Refusal} If the tag leads to no commit, or an object on the way cannot be read.
 */
export async function readTagHead(objects: Objects, { tag, target }: TagRef): Promise<TagHead> {
  if (target === undefined) {
    throw unreadable(tag, "its ref is broken");
  }
  const first = await need(objects, tag, target);
  const outer = first.type === "tag" ? tagObject(tag, first) : undefined;
  let object = first;
  for (let depth = 0; object.type === "tag" && depth < deepest; depth++) {
    object = await need(objects, tag, tagObject(tag, object).object);
  }
  if (object.type !== "commit") {
    throw unreadable(tag, `it tags a ${object.type}, expected a commit`);
  }
  const tagged = secondsOf(outer?.tagger);
  const committed = secondsOf(committerOf(object));
  const seconds = tagged ?? committed;
  if (seconds === undefined) {
    throw unreadable(tag, `neither it nor commit ${object.id} has a date`);
  }
  return {
    object: outer,
    commit: object.id,
    seconds,
    dateOf: tagged === undefined ? "commit" : "tagger",
  };
}

async function need(objects: Objects, tag: string, id: ObjectId): Promise<GitObject> {
  const object = await objects.find(id);
  if (object === undefined) {
    throw unreadable(tag, `object ${id} is missing`);
  }
  return object;
}

function tagObject(tag: string, { id, bytes }: GitObject): TagObject {
  try {
    const parsed = parseTagObject(bytes);
    if (!isObjectId(parsed.object)) {
      throw new SyntaxError("it names no object");
    }
    return parsed;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) {
      throw unreadable(tag, `tag object ${id}: ${thrown.message}`);
    }
    throw thrown;
  }
}

function committerOf({ bytes }: GitObject): string | undefined {
  const [head = ""] = new TextDecoder().decode(bytes).split("\n\n", 1);
  return head.split("\n").find((line) => line.startsWith("committer "));
}

/** The moment in `Name <address> SECONDS ZONE`. */
function secondsOf(identity: string | undefined): number | undefined {
  const seconds = / ([0-9]{1,11}) [+-][0-9]{4,6}$/.exec(identity ?? "")?.[1];
  return seconds === undefined ? undefined : Number(seconds);
}

function unreadable(tag: string, why: string) {
  return refusal(`Cannot read tag ${tag}: ${why}`, {
    remedy: `Look at it: git cat-file -p refs/tags/${tag}, git fsck`,
  });
}

/** The commits that a branch leads to. */
export interface Mainline {
  /** The name that it was found under. */
  readonly shown: string;
  readonly commit: ObjectId;
  readonly commits: ReadonlySet<ObjectId>;
  /** Whether commits that are not among them may be so all the same: the clone is shallow. */
  readonly isShallow: boolean;
}

/**
 * Reads which commits are on the main branch: the checkout's, or the remote's as last fetched where
 * there is no other or the checkout's is behind it.
 *
 * @param name Another commit to stand for it.
 * @throws {Refusal} If there is neither, or git cannot tell.
 */
export async function readMainline(repository: Repository, name?: string): Promise<Mainline> {
  const [own, remote] = await findMain(repository, name);
  const [ours, theirs, shallow] = await Promise.all([
    listCommits(repository, own),
    remote && remote.commit !== own.commit ? listCommits(repository, remote) : undefined,
    text(repository, `list the commits on ${own.shown}`, ["rev-parse", "--is-shallow-repository"]),
  ]);
  const isShallow = shallow.trim() !== "false";
  return remote && theirs?.has(own.commit)
    ? { ...remote, commits: theirs, isShallow }
    : { ...own, commits: ours, isShallow };
}

interface Tip {
  readonly shown: string;
  readonly commit: ObjectId;
}

async function listCommits(repository: Repository, { shown, commit }: Tip): Promise<Set<ObjectId>> {
  const purpose = `list the commits on ${shown}`;
  const found = new Set(linesOf(await text(repository, purpose, ["rev-list", commit, "--"])));
  if (!found.has(commit)) {
    throw refusal(`Cannot ${purpose}: git rev-list leaves out ${commit} itself`, {
      remedy: "Check the repository: git fsck",
    });
  }
  return found;
}

/** What may stand for the main branch and is here; the first is the checkout's where it has one. */
async function findMain(
  repository: Repository,
  name: string | undefined,
): Promise<readonly [Tip, ...Tip[]]> {
  const { mainBranch, remote } = layout;
  const names =
    name === undefined
      ? [
          { shown: mainBranch, revision: `refs/heads/${mainBranch}` },
          { shown: `${remote}/${mainBranch}`, revision: `refs/remotes/${remote}/${mainBranch}` },
        ]
      : [{ shown: name, revision: name }];
  const found: Tip[] = [];
  for (const { shown, revision } of names) {
    const commit = await findCommit(repository, revision);
    if (commit !== undefined) {
      found.push({ shown, commit });
    }
  }
  const [first, ...others] = found;
  if (first !== undefined) {
    return [first, ...others];
  }
  const looked = names.map(({ shown }) => JSON.stringify(shown)).join(" nor ");
  throw refusal(`Cannot find the main branch: found no ${looked} in this repository`, {
    remedy: "Name a commit that stands for it with --ref COMMIT",
  });
}
