/** Reads tags: lists their refs, resolves them, and judges their signatures. */

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeScratchFolder } from "../disk/scratch.ts";
import {
  bypassesIn,
  isWhole,
  parseTagObject,
  secondsOf,
  type TagObject,
  type TagSignature,
} from "../files/tag-object.ts";
import { attempt, type Finding, quote, refusal, shellWord } from "../finding.ts";
import { layout } from "../layout.ts";
import { lastWords, needProgram, run, runBytes } from "../process.ts";
import { type ObjectId, rerun, short, unanswered } from "./git.ts";
import { type GitObject, type Objects, readObject } from "./objects.ts";
import { installGit, type Repository, runGit } from "./repository.ts";

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

/**
 * Returns the names of the tags that a commit contains. Undefined if the layout lists no release
 * branches: then all tags count.
 */
export async function containedTags(
  repository: Repository,
  prefix: string,
  commit: ObjectId,
): Promise<ReadonlySet<string> | undefined> {
  if (layout.releaseBranches.length === 0) {
    return undefined;
  }
  const tags = await listTags(repository, [`${prefix}*`], commit);
  return new Set(tags.map(({ name }) => name));
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
  const parsed = first.type === "tag" ? parseOrFault(first.bytes) : undefined;
  if (parsed && "fault" in parsed) {
    throw unreadable(name, `tag object ${id}: ${parsed.fault}`);
  }
  const object = parsed && { ...parsed, id, bytes: first.bytes };
  const isCommit = first.type === "commit";
  const commit = isCommit ? first : object && (await objects.find(`${id}^{commit}`));
  if (commit === undefined) {
    const type = object?.type ?? first.type;
    const isHere = type === "blob" || type === "tree";
    const named = isHere
      ? `a ${type}, expected a commit`
      : `${type} ${object?.object}, expected one that is here`;
    throw unreadable(name, `it tags ${named}`);
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

function committerOf({ bytes }: GitObject): string | undefined {
  const [head = ""] = new TextDecoder().decode(bytes).split("\n\n", 1);
  return head.split("\n").find((line) => line.startsWith("committer "));
}

function unreadable(name: string, why: string) {
  return refusal(`Cannot read tag ${name}: ${why}`, {
    remedy: `Look at it: git cat-file -p ${shellWord(`refs/tags/${name}`)}, git fsck`,
  });
}

/**
 * Returns the object name that a ref holds, or undefined if there is no such ref.
 *
 * @param ref Its full name.
 * @throws {Refusal} If git cannot say.
 */
export async function refValue(repository: Repository, ref: string): Promise<ObjectId | undefined> {
  // git lists HEAD as well: an answer without it is no answer.
  const answer = await runGit(repository, ["show-ref", "--head", ref]);
  const entries = answer.stdout.split("\n").map((entry) => entry.split(" "));
  const refs = new Map(entries.map(([id = "", name = ""]) => [name, id]));
  // A last line without its end is half an answer: the ref may have been the other half.
  const isWhole = answer.stdout.endsWith("\n") && refs.has("HEAD");
  if (answer.code !== 0 || answer.timedOut || !isWhole) {
    throw unanswered(`read ${ref}`, answer);
  }
  return refs.get(ref);
}

/** The tag of a release's name that the repository holds already, if any. */
export type LocalTag =
  /** There is no answer. */
  | { readonly kind: "unknown"; readonly findings: readonly Finding[] }
  | { readonly kind: "absent" }
  /** A signed annotated tag of a commit: what an interrupted release leaves. */
  | { readonly kind: "signed"; readonly id: ObjectId; readonly tag: SignedTag }
  /** Any other tag, and why no release can go on from it. */
  | { readonly kind: "unfit"; readonly id: ObjectId; readonly why: string };

/** Finds a tag by its short name. */
export async function findLocalTag(repository: Repository, name: string): Promise<LocalTag> {
  const { value, findings } = await attempt(() => readLocalTag(repository, name));
  return value ?? { kind: "unknown", findings };
}

async function readLocalTag(repository: Repository, name: string): Promise<LocalTag> {
  const id = await refValue(repository, `refs/tags/${name}`);
  if (id === undefined) {
    return { kind: "absent" };
  }
  const found = await readObject(repository, id);
  if (found?.type !== "tag") {
    return { kind: "unfit", id, why: "a lightweight tag, without a signature" };
  }
  const tag = await judgeReleaseTag(repository, found, name);
  return "fault" in tag
    ? { kind: "unfit", id, why: `an annotated tag, and ${tag.fault}` }
    : { kind: "signed", id, tag };
}

/** Returns the remedy where a signed tag here is another object than the remote's. */
export function remedyForReplaced(name: string): string {
  return `Find out from the signers, or from another clone, which of the two was released; change neither before. The local one: git cat-file -p refs/tags/${name}`;
}

/** A tag object whose signature is good. */
export interface SignedTag extends TagObject {
  readonly id: ObjectId;
  /** The whole object, as git stores it. */
  readonly bytes: Uint8Array;
  /** Who signed, as the verifying program names the key: its fingerprint is the last word. */
  readonly signer: string;
}

/** Why a tag object is not a signed tag, as the end of a sentence about it. */
export interface TagFault {
  readonly fault: string;
}

/**
 * Judges a tag object's signature.
 *
 * @throws {Refusal} If the program that judges it is missing.
 */
export async function judgeTag(
  repository: Repository,
  found: Pick<GitObject, "id" | "bytes">,
): Promise<SignedTag | TagFault> {
  const tag = parseOrFault(found.bytes);
  if ("fault" in tag) {
    return tag;
  }
  if (tag.signature === undefined) {
    return { fault: "it holds no signature" };
  }
  const judged = await judgeSignature(repository, tag.signature);
  const { id, bytes } = found;
  return "fault" in judged ? judged : { ...tag, id, bytes, ...judged };
}

/** Judges a tag object's signature, and whether the object is a tag of a commit by that name. */
export async function judgeReleaseTag(
  repository: Repository,
  found: Pick<GitObject, "id" | "bytes">,
  name: string,
): Promise<SignedTag | TagFault> {
  const tag = await judgeTag(repository, found);
  return "fault" in tag || (tag.type === "commit" && tag.tag === name)
    ? tag
    : { fault: `it is a tag of ${tag.type} ${short(tag.object)} named ${tag.tag}` };
}

function parseOrFault(bytes: Uint8Array): TagObject | TagFault {
  try {
    return parseTagObject(bytes);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) {
      return { fault: thrown.message };
    }
    throw thrown;
  }
}

/** How a program that verifies signatures is called, and what it says of a good and of a bad one. */
const verifiers = {
  /**
   * Checks the signature against the key it carries. Whether that key is trusted is the reader's
   * question (allowed signers); that the signature is real is ours.
   */
  ssh: {
    args: (file: string) => ["-Y", "check-novalidate", "-n", "git", "-s", file],
    good: /^Good "git" signature with (.+)$/m,
    bad: /could not verify|incorrect signature|verification failed|invalid format/i,
    signer: "",
    install: "Install ssh-keygen (OpenSSH 8.2 or newer)",
  },
  /**
   * GnuPG's doc/DETAILS: VALIDSIG comes only with a good signature. The primary key's fingerprint, if
   * there is one, follows that of the subkey and eight other fields.
   */
  gpg: {
    args: (file: string) => ["--status-fd=1", "--verify", file, "-"],
    good: /^\[GNUPG:\] VALIDSIG ([0-9A-F]+)(?:(?: \S+){8} ([0-9A-F]+))?/m,
    bad: /^\[GNUPG:\] (BADSIG|EXPSIG|EXPKEYSIG|REVKEYSIG|NODATA)/m,
    signer: "key ",
    install: "Install that program, or correct gpg.program",
  },
};

/** Judges a signature by a program. git itself would wait for every process that it leaves behind. */
async function judgeSignature(
  repository: Repository,
  { armour, format, payload }: TagSignature,
): Promise<Pick<SignedTag, "signer"> | TagFault> {
  const isSsh = format === "ssh";
  const { args, good, bad, signer, install } = isSsh ? verifiers.ssh : verifiers.gpg;
  const named = isSsh
    ? "ssh-keygen"
    : programOf(await readConfiguration(repository), format, repository);
  const program = Buffer.from(named, "latin1").toString();
  const { root: cwd, env, signal } = repository;
  const folder = makeScratchFolder("release-verify-", repository);
  try {
    const file = join(folder, "signature");
    await writeFile(file, armour);
    const answer = await run([program, ...args(file)], {
      ...{ cwd, env, signal, stdin: payload, timeout: layout.limits.signing },
    }).catch((thrown) => needProgram(thrown, install));
    const [, key, primary = key] = good.exec(answer.stdout) ?? [];
    if (answer.code === 0 && primary !== undefined) {
      return { signer: `${signer}${primary}` };
    }
    if (bad.test(`${answer.stdout}\n${answer.stderr}`)) {
      return { fault: `its signature is not good: ${lastWords(answer)}` };
    }
    // A signature that nobody could judge is neither good nor bad.
    throw refusal(`Cannot judge the tag's signature: ${program}: ${lastWords(answer)}`, {
      remedy:
        "Put right what the program says: a release tag requires a signing identity that can be verified",
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The program that git would sign with; git expands a leading `~/`, as it is a path. */
export function programOf(
  entries: readonly (readonly [string, string | undefined])[],
  format: string,
  { env }: Repository,
): string {
  const names = [`gpg.${format}.program`, ...(format === "openpgp" ? ["gpg.program"] : [])];
  const usual = { ssh: "ssh-keygen", x509: "gpgsm" }[format] ?? "gpg";
  const named = entries.findLast(([key]) => names.includes(key))?.[1] ?? usual;
  return named.replace(/^~(?=\/)/, () => bytesOf(env.HOME ?? "~"));
}

/** The bytes of a text, a character each: configuration is passed on byte by byte. */
export const bytesOf = (text: string) => Buffer.from(text).toString("latin1");

/**
 * The configuration that counts in a repository, in its order: keys and values, a letter a byte, as
 * git does not say in which encoding they are. A key alone has no value.
 *
 * @throws {Refusal} If git cannot say.
 */
export async function readConfiguration(
  repository: Repository,
): Promise<(readonly [string, string | undefined])[]> {
  const { root: cwd, env, signal } = repository;
  const answer = await runBytes(["git", "config", "--null", "--list"], {
    ...{ cwd, env, signal },
    timeout: layout.limits.local,
  }).catch((thrown) => needProgram(thrown, installGit));
  const listed = Buffer.from(answer.stdout).toString("latin1");
  if (answer.code !== 0 || answer.timedOut) {
    throw unanswered("read the configuration", { ...answer, stdout: listed });
  }
  return listed.split("\0").map((entry) => {
    const cut = entry.indexOf("\n");
    return cut < 0 ? [entry, undefined] : [entry.slice(0, cut), entry.slice(cut + 1)];
  });
}
