/** Reads tags: lists their refs, and resolves each one to its commit, date and signature. */

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

/** The ref of a tag. */
export interface TagRef {
  /** Short name, such as `v1.2.3`. */
  readonly name: string;
  /** The tag object, or for a lightweight tag its target; undefined if the ref is broken. */
  readonly id: ObjectId | undefined;
}

/**
 * Lists tags, sorted by name.
 *
 * @param patterns Patterns of short names. `v*` matches names with that prefix and without a slash;
 *   `v1.2.3` matches that name and names below it, such as `v1.2.3/a`.
 * @param inCommit Lists only the tags of this commit and of its ancestors.
 * @throws {Refusal} If git cannot list them.
 */
export async function listTags(
  repository: Repository,
  patterns: readonly string[],
  inCommit?: ObjectId,
): Promise<TagRef[]> {
  const purpose = "list the tags";
  const refs = patterns.map((pattern) => `refs/tags/${pattern}`);
  const format = "--format=%(objectname) %(refname:strip=2)";
  const merged = inCommit === undefined ? [] : [`--merged=${inCommit}`];
  const answer = await runGit(repository, ["for-each-ref", format, ...merged, ...refs]);
  if (answer.code !== 0 || answer.timedOut) {
    throw unanswered(purpose, answer);
  }
  const lines = answer.stdout.split("\n");
  // A last line without a line end may be truncated.
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
  // git omits a ref whose content is not an object name, and prints a warning.
  const warnings = answer.stderr.matchAll(/^warning: ignoring broken ref refs\/tags\/(.+)$/gm);
  const broken = [...warnings].map(([, name = ""]): TagRef => ({ name, id: undefined }));
  return [...listed, ...broken].sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** A resolved tag. */
export interface Tag {
  readonly name: string;
  readonly id: ObjectId;
  /** The tagged commit, directly or through other tags. */
  readonly commit: ObjectId;
  /** The tag object with its bytes, for verifying the signature; undefined if lightweight. */
  readonly object: (TagObject & Pick<GitObject, "id" | "bytes">) | undefined;
  /** `signed` if the tag object ends in a complete signature, which is not verified. */
  readonly signature: "signed" | "unsigned" | "lightweight";
  /** Unix seconds: the tagger's, or the commit's if the tagger has none. */
  readonly seconds: number;
  readonly dateOf: "tagger" | "commit";
  /** The bypassed checks that its message names. */
  readonly bypasses: readonly string[];
}

/**
 * Resolves a tag.
 *
 * @throws {Refusal} If the tag does not lead to a commit, or an object on the way cannot be read.
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
