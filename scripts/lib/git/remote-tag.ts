/** Judges the tag of the remote, which is what was released, beside the local one of that name. */

import { rmSync } from "node:fs";
import { resolve } from "node:path";
import { Unverified, unverifiedBy } from "../answer.ts";
import { dayOf } from "../calendar.ts";
import { makeScratchFolder } from "../disk/scratch.ts";
import { parseTagger } from "../files/tag-object.ts";
import { attempt, type Finding, refusal, warning } from "../finding.ts";
import { layout } from "../layout.ts";
import { findCommit, gitOutput, type ObjectId, short } from "./git.ts";
import { openObjects, readObject } from "./objects.ts";
import { addressOf, type Origin, type Remote, unreachable } from "./remote.ts";
import { type Repository, runGit } from "./repository.ts";
import {
  judgeReleaseTag,
  refValue,
  remedyForReplaced,
  resolveTag,
  type SignedTag,
  type TagFault,
} from "./tag.ts";

/** The tag of the remote. */
export interface RemoteTag {
  /** Its object and its commit, and how the local tag of that name relates to it. */
  readonly seen: string;
  /** The signed tag, or why it is none. */
  readonly judged: SignedTag | TagFault;
  /** A warning about a local tag that is a lightweight or unsigned copy of the signed one. */
  readonly copyWarnings: readonly Finding[];
}

/**
 * Judges the tag that the remote holds. Its object is fetched into a scratch folder if the local
 * repository lacks it but has its commit, or another tag of that name.
 *
 * @param name Short name.
 * @returns Undefined if the remote has no such tag.
 * @throws {Unverified} `failed` if the local tag is signed and another object, or of another commit;
 *   `unknown` if the signature cannot be verified.
 */
export async function judgeRemoteTag(
  repository: Repository,
  name: string,
  { remote, refs }: Origin,
): Promise<RemoteTag | undefined> {
  const ref = `refs/tags/${name}`;
  const id = refs.all.get(ref);
  if (id === undefined) {
    return undefined;
  }
  const here = await refValue(repository, ref);
  // A lightweight tag has no object of its own.
  const theirs = { id, commit: refs.all.get(`${ref}^{}`) ?? id, name };
  let seen = `object ${short(id)} of commit ${short(theirs.commit)}`;
  const copyWarnings: Finding[] = [];
  if (here === undefined) {
    seen += `; ${name} does not exist locally`;
  } else if (here === id) {
    seen += ", the same as locally";
  } else {
    await using objects = openObjects(repository);
    const { signature, commit } = await resolveTag(objects, { name, id: here });
    if (signature === "signed" || commit !== theirs.commit) {
      throw await replaced(repository, remote, theirs, { id: here, commit, name });
    }
    const form = `${signature === "unsigned" ? "an unsigned" : "a lightweight"} tag`;
    seen += `; the local ${name} is ${form} of the same commit`;
    const remedy = `Replace it: git fetch --force ${remote.name} ${ref}:${ref}`;
    const copy = `The local ${name} is ${form}, a copy of the signed tag on ${remote.name}`;
    copyWarnings.push(warning(copy, { remedy }));
  }
  try {
    const judged = await judge(repository, remote, theirs);
    return { seen, judged, copyWarnings: "fault" in judged ? [] : copyWarnings };
  } catch (thrown) {
    const { message, remedy, temporary } = unverifiedBy(thrown);
    const evidence = `${seen}; its signature cannot be verified: ${message}`;
    throw new Unverified("unknown", evidence, remedy, undefined, temporary);
  }
}

/** A tag: its object, its commit and its short name. */
interface NamedTag {
  readonly id: ObjectId;
  readonly commit: ObjectId;
  readonly name: string;
}

/**
 * Judges a tag of the remote or of the local repository.
 *
 * @throws {Refusal} If the object is not here and not fetched, or its signature cannot be judged.
 */
async function judge(
  repository: Repository,
  remote: Remote,
  { id, commit, name }: NamedTag,
): Promise<SignedTag | TagFault> {
  if (id === commit) {
    return { fault: "it is a lightweight tag, without an object to sign" };
  }
  // If the repository lacks the commit, git would fetch its whole history as well.
  const isNear = async () =>
    (await findCommit(repository, commit)) ?? (await refValue(repository, `refs/tags/${name}`));
  const found =
    (await readObject(repository, `${id}^{tag}`)) ??
    ((await isNear()) ? await fetchTag(repository, remote, name, id) : undefined);
  if (found === undefined) {
    throw refusal("the local repository lacks its object", {
      remedy: `Fetch the tag: git fetch ${remote.name} tag ${name}`,
    });
  }
  return await judgeReleaseTag(repository, found, name);
}

/**
 * Reads a tag object of the remote. git writes what it fetches to a scratch folder, and changes no
 * ref and no other file of the repository.
 *
 * @throws {Refusal} If it cannot be fetched.
 */
async function fetchTag(repository: Repository, remote: Remote, name: string, id: ObjectId) {
  const purpose = "find the object folder";
  const path = await gitOutput(repository, purpose, ["rev-parse", "--git-path", "objects"]);
  const folder = makeScratchFolder("release-fetch-", repository);
  try {
    const { target, env: address } = addressOf(repository, remote);
    const env = {
      ...repository.env,
      GIT_OBJECT_DIRECTORY: folder,
      // git reads a quoted path as C has it, so that a colon does not end it.
      GIT_ALTERNATE_OBJECT_DIRECTORIES: JSON.stringify(
        resolve(repository.root, path.replace(/\n$/, "")),
      ),
    };
    const none = ["tags", "write-fetch-head", "auto-maintenance", "prune", "recurse-submodules"];
    const args = ["fetch", "--quiet", "--refmap=", ...none.map((each) => `--no-${each}`)];
    const answer = await runGit(
      { ...repository, env },
      ["-c", "fetch.writeCommitGraph=false", ...args, "--", target, `refs/tags/${name}`],
      { timeout: layout.limits.network, env: address },
    );
    if (answer.code !== 0 || answer.timedOut) {
      throw unreachable(remote, answer);
    }
    return await readObject({ ...repository, env }, `${id}^{tag}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the failure of two tags of which one was replaced; it shows both. */
async function replaced(
  repository: Repository,
  remote: Remote,
  ...both: [theirs: NamedTag, ours: NamedTag]
): Promise<Unverified> {
  const judged = await Promise.all(
    both.map(async (each) => (await attempt(() => judge(repository, remote, each))).value),
  );
  const [there = "", here = ""] = both.map(
    ({ id, commit }, index) =>
      `object ${short(id)} of commit ${short(commit)}, ${describe(judged[index])}`,
  );
  const [first] = judged;
  const key = first && "signer" in first ? first.signer : "no key";
  const { name } = both[0];
  return new Unverified(
    "failed",
    `${remote.name} holds ${there}, and the local ${name} is ${here.replace(key, "the same key")}: one of the two was replaced`,
    remedyForReplaced(name),
  );
}

function describe(tag: SignedTag | TagFault | undefined): string {
  if (tag === undefined || "fault" in tag) {
    return tag?.fault ?? "its signature cannot be verified";
  }
  const { who = "nobody", date } = parseTagger(tag.tagger) ?? {};
  return `signed by ${tag.signer}, tagged by ${who} on ${date ? dayOf(date) : "no date"}`;
}
