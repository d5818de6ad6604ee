/** The reader of tags: all refs in one question, and what each of them means. */

import {
  bypassesIn,
  isWhole,
  parseTagObject,
  secondsOf,
  type TagObject,
} from "../files/tag-object.ts";
import { quote, refusal, shellWord } from "../finding.ts";
import { type ObjectId, rerun, unanswered } from "./git.ts";
import type { GitObject, Objects } from "./objects.ts";
import { type Repository, runGit } from "./repository.ts";

/** A tag as its ref states it. */
export interface TagRef {
  /** Short name, such as `v1.2.3`. */
  readonly name: string;
  /** The tag object, or the object that a lightweight tag names; undefined if the ref is broken. */
  readonly id: ObjectId | undefined;
}

/**
 * Lists tags in the order of their names.
 *
 * @param patterns Of short names: `v*` for all names that begin so, without those below a folder
 * (`v1/2`); `v1.2.3` for that name and those below it.
 * @throws {Refusal} If git cannot list them.
 */
export async function listTags(
  repository: Repository,
  patterns: readonly string[],
): Promise<TagRef[]> {
  const purpose = "list the tags";
  const refs = patterns.map((pattern) => `refs/tags/${pattern}`);
  const format = "--format=%(objectname) %(refname:strip=2)";
  const answer = await runGit(repository, ["for-each-ref", format, ...refs]);
  if (answer.code !== 0 || answer.timedOut) {
    throw unanswered(purpose, answer);
  }
  const lines = answer.stdout.split("\n");
  // A last line without its end may be cut short.
  const wrong = lines.pop() || lines.find((line) => !/^[0-9a-f]{40,64} ./.test(line));
  if (wrong) {
    throw refusal(`Cannot ${purpose}: git for-each-ref printed ${quote(wrong)}`, {
      remedy: rerun(answer.command.slice(1)),
    });
  }
  const listed = lines.map((line): TagRef => {
    const cut = line.indexOf(" ");
    return { name: line.slice(cut + 1), id: line.slice(0, cut) };
  });
  // Git leaves a ref out whose content is no object name, and warns.
  const warnings = answer.stderr.matchAll(/^warning: ignoring broken ref refs\/tags\/(.+)$/gm);
  const broken = [...warnings].map(([, name = ""]): TagRef => ({ name, id: undefined }));
  return [...listed, ...broken].sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** What a tag means. */
export interface Tag {
  readonly name: string;
  readonly id: ObjectId;
  /** The commit that it leads to, through other tags if need be. */
  readonly commit: ObjectId;
  /** The tag object with its bytes, as a judge of its signature needs it; undefined if lightweight. */
  readonly object: (TagObject & Pick<GitObject, "id" | "bytes">) | undefined;
  /** `signed` if the tag object ends in a whole signature; whether that is good is not asked. */
  readonly signature: "signed" | "unsigned" | "lightweight";
  /** Unix seconds: the tagger's, or the commit's where no tagger states any. */
  readonly seconds: number;
  readonly dateOf: "tagger" | "commit";
  /** What its message says was bypassed. */
  readonly bypasses: readonly string[];
}

/**
 * Reads what a tag means.
 *
 * @throws {Refusal} If the tag leads to no commit, or an object on the way cannot be read.
 */
export async function resolveTag(objects: Objects, { name, id }: TagRef): Promise<Tag> {
  if (id === undefined) {
    throw unreadable(name, "its ref is broken");
  }
  const first = await objects.find(id);
  if (first === undefined) {
    throw unreadable(name, `object ${id} is missing`);
  }
  const object = first.type === "tag" ? parsed(name, first) : undefined;
  const isCommit = first.type === "commit";
  const commit = isCommit ? first : object && (await objects.find(`${id}^{commit}`));
  if (commit === undefined) {
    const named = object === undefined ? `${first.type} ${id}` : `${object.type} ${object.object}`;
    throw unreadable(name, `it names ${named}, expected a commit that is here`);
  }
  const tagged = secondsOf(object?.tagger);
  const seconds = tagged ?? secondsOf(committerOf(commit));
  if (seconds === undefined) {
    throw unreadable(name, `neither it nor commit ${commit.id} has a date`);
  }
  return {
    name,
    id,
    commit: commit.id,
    object,
    signature: !object ? "lightweight" : isWhole(object.signature) ? "signed" : "unsigned",
    seconds,
    dateOf: tagged === undefined ? "commit" : "tagger",
    bypasses: bypassesIn(object?.message ?? ""),
  };
}

function parsed(name: string, { id, bytes }: GitObject): NonNullable<Tag["object"]> {
  try {
    return { ...parseTagObject(bytes), id, bytes };
  } catch (thrown) {
    throw thrown instanceof SyntaxError
      ? unreadable(name, `tag object ${id}: ${thrown.message}`)
      : thrown;
  }
}

function committerOf({ bytes }: GitObject): string | undefined {
  const [head = ""] = new TextDecoder().decode(bytes).split("\n\n", 1);
  return head.split("\n").find((line) => line.startsWith("committer "));
}

function unreadable(name: string, why: string) {
  return refusal(`Cannot read tag ${name}: ${why}`, {
    remedy: `Look at it: git cat-file -p ${shellWord(`refs/tags/${name}`)}, git fsck`,
  });
}
