/**
 * Signs tags, and makes them refs. A tag object is made, signed and judged in a scratch repository:
 * only a tag whose signature is good ever becomes a ref of the checkout. `git tag -s` alone does not
 * do: some git releases exit 0 without a signature when the key is unusable.
 */

import { access, constants, mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { minuteOf } from "../lib/calendar.ts";
import { reason } from "../lib/disk/files.ts";
import { makeScratchFolder } from "../lib/disk/scratch.ts";
import { parseTagger, type TagObject } from "../lib/files/tag-object.ts";
import { quote, refusal, shellWord } from "../lib/finding.ts";
import { gitLine, gitOutput, type ObjectId, rerun } from "../lib/git/git.ts";
import { readObject } from "../lib/git/objects.ts";
import { gitEnvironment, type Repository, runGit } from "../lib/git/repository.ts";
import {
  bytesOf,
  judgeTag,
  programOf,
  readConfiguration,
  refValue,
  type SignedTag,
} from "../lib/git/tag.ts";
import { layout } from "../lib/layout.ts";
import { type Environment, lastWords } from "../lib/process.ts";

/** Reports whether one key signed both tags: for OpenPGP one primary key, for X.509 one certificate. */
export function isSameKey(one: SignedTag, other: SignedTag): boolean {
  const [a, b] = [one, other].map(({ signer }) => signer.split(" ").at(-1));
  return a === b;
}

/** What a tag is to be. */
export interface TagRequest {
  /** Short name, such as `v1.2.3`. */
  readonly tag: string;
  readonly commit: ObjectId;
  /** Ends with a line feed: the signature has to begin on a line of its own. */
  readonly message: string;
}

/**
 * Signs a tag with the operator's own identity and verifies it, changing nothing in the repository.
 *
 * @param now The present moment, which git has to date the tag with.
 * @throws {Refusal} If no signature comes of it, or not a good one.
 */
export async function signTag(
  repository: Repository,
  request: TagRequest,
  now: Date,
): Promise<SignedTag> {
  const { tag: name, commit, message } = request;
  const scratch = await openScratch(repository);
  const unsigned = async (why: string, remedy?: string) =>
    refusal(`A release tag requires a signing identity, and none could sign: ${why}`, {
      remedy: remedy ?? (await remedyFor(why, scratch.format, repository.env)),
    });
  try {
    const answer = await runGit(
      scratch.repository,
      ["tag", "-s", "--cleanup=verbatim", "-F", "-", name, commit],
      { stdin: message, timeout: layout.limits.signing },
    );
    if (answer.timedOut) {
      const seconds = layout.limits.signing / 1000;
      const late = `the signing program gave no signature within ${seconds} seconds`;
      const trial = keys[scratch.format]?.trial;
      const byHand = trial === undefined ? "" : `; to see what it waits for: ${trial}`;
      const touch = `Run it again, and touch the key or enter its passphrase when it asks${byHand}`;
      throw await unsigned(late, touch);
    }
    if (answer.code !== 0) {
      throw await unsigned(lastWords(answer));
    }
    const found = await readObject(scratch.repository, `refs/tags/${name}^{tag}`);
    const tag = found ? await judgeTag(scratch.repository, found) : { fault: "it is lightweight" };
    if ("fault" in tag) {
      throw await unsigned(`git made a tag, but ${tag.fault}: ${lastWords(answer)}`);
    }
    const wrong = differenceFrom(request, tag);
    if (wrong !== undefined) {
      throw refusal(`Cannot tag ${name}: git made another tag than asked for: ${wrong}`);
    }
    await checkDate(tag, now, repository.env);
    return tag;
  } finally {
    await scratch.remove();
  }
}

/** What helps with a key of each kind: another key, and a trial in a terminal. */
const keys: Readonly<Record<string, { readonly other: string; readonly trial: string }>> = {
  ssh: {
    other:
      "Name a key that works: git config user.signingkey ~/.ssh/id_ed25519.pub. One with a passphrase needs an agent: ssh-add KEY",
    trial: "echo x | ssh-keygen -Y sign -n git -f KEY",
  },
  openpgp: {
    other:
      "Name a key that gpg --list-secret-keys shows: git config user.signingkey KEYID. For an SSH key: git config gpg.format ssh && git config user.signingkey ~/.ssh/id_ed25519.pub",
    trial: "echo x | gpg --clearsign",
  },
};

async function remedyFor(why: string, format: string, env: Environment): Promise<string> {
  const isNameless = /identity unknown|empty ident|auto-detect email/i.test(why);
  const blamed = [
    ...(/invalid date format/i.test(why) ? ["GIT_COMMITTER_DATE"] : []),
    ...(isNameless ? ["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] : []),
  ];
  // The environment overrides the configuration, so that no change of the latter would help.
  const variables = blamed.filter((name) => env[name] !== undefined);
  if (variables.length > 0) {
    return (await import("../lib/git/no-repository.ts")).causedBy(variables);
  }
  return isNameless
    ? "Say who tags: git config user.name NAME && git config user.email ADDRESS"
    : (keys[format]?.other ?? "Check the key: git config user.signingkey");
}

/** Milliseconds that the date of a new tag may be away from now. */
const dateTolerance = 24 * 60 * 60 * 1000;

/**
 * Checks the date that git gave a new tag.
 *
 * @throws {Refusal} If it is not dated now.
 */
async function checkDate({ tag, tagger }: SignedTag, now: Date, env: Environment): Promise<void> {
  const date = parseTagger(tagger)?.date;
  if (date !== undefined && Math.abs(date.getTime() - now.getTime()) <= dateTolerance) {
    return;
  }
  const found = date === undefined ? "no date" : `the date ${minuteOf(date)}`;
  const remedy =
    env.GIT_COMMITTER_DATE === undefined
      ? "Set the clock of this machine"
      : (await import("../lib/git/no-repository.ts")).causedBy(["GIT_COMMITTER_DATE"]);
  throw refusal(
    `Cannot tag ${tag}: git gave the new tag ${found}, expected a day or less from ${minuteOf(now)}`,
    { remedy },
  );
}

/** Returns in what a tag differs from what it is to be; undefined if in nothing. */
export function differenceFrom(request: TagRequest, tag: TagObject): string | undefined {
  const pairs: readonly [string, string, string][] = [
    ["name", tag.tag, request.tag],
    ["object type", tag.type, "commit"],
    ["commit", tag.object, request.commit],
    ["message", tag.message.trimEnd(), request.message.trimEnd()],
  ];
  const wrong = pairs.find(([, found, expected]) => found !== expected);
  return (
    wrong && `its ${wrong[0]} is ${JSON.stringify(wrong[1])}, expected ${JSON.stringify(wrong[2])}`
  );
}

/**
 * Makes a signed tag a ref of the repository, only if there is none of that name yet: of two runs
 * at once exactly one succeeds.
 *
 * @returns Whether it did; false if a tag of that name is there.
 * @throws {Refusal} If the ref could not be made; nothing is left behind then.
 */
export async function installTag(repository: Repository, tag: SignedTag): Promise<boolean> {
  const store = ["hash-object", "-t", "tag", "-w", "--stdin"];
  const id = await gitLine(repository, `store tag ${tag.tag}`, store, { stdin: tag.bytes });
  if (id !== tag.id) {
    throw refusal(`Cannot store tag ${tag.tag}: git stored it as ${id}, expected ${tag.id}`, {
      remedy: "Check the repository: git fsck",
    });
  }
  const ref = `refs/tags/${tag.tag}`;
  const answer = await runGit(repository, ["update-ref", ref, tag.id, "0".repeat(tag.id.length)]);
  const found = await refValue(repository, ref);
  if (found === undefined) {
    throw refusal(`Cannot create tag ${tag.tag}: ${lastWords(answer)}`, {
      remedy: `Put right what git says, then run the release again`,
    });
  }
  return answer.code === 0 && found === tag.id;
}

/**
 * Deletes a tag, only if it still is that object.
 *
 * @returns The object that is left under the name, if any, and git's words on the deletion.
 */
export async function removeTag(
  repository: Repository,
  tag: Pick<SignedTag, "id" | "tag">,
): Promise<{ readonly left: ObjectId | undefined; readonly words: string }> {
  const ref = `refs/tags/${tag.tag}`;
  const answer = await runGit(repository, ["update-ref", "-d", ref, tag.id]);
  return { left: await refValue(repository, ref), words: lastWords(answer) };
}

/** Configuration that decides who tags and how it is signed. */
const identity = /^(user|author|committer|gpg)\./;

/**
 * Returns a program that does what a command does, and ends with it. git reads the output of a signing
 * program until it is closed, and a process that the program leaves behind may keep it open for ever.
 *
 * @param command As a shell takes it.
 */
function endingScript(command: string): string {
  return `#!/bin/sh
${command} "$@" >"$0.out" 2>"$0.err"
code=$?
cat "$0.out"
cat "$0.err" >&2
exit $code
`;
}

const isExecutable = (file: string) =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

/** Makes an empty repository that borrows the checkout's objects and the operator's identity. */
async function openScratch(repository: Repository) {
  const purpose = "find the object folder";
  const question = ["rev-parse", "--show-object-format", "--git-path", "objects"];
  const [places, config] = await Promise.all([
    gitOutput(repository, purpose, question),
    readConfiguration(repository),
  ]);
  // The path may hold line feeds.
  const [, objectFormat, objects] = /^(\w+)\n(.+)\n$/s.exec(places) ?? [];
  if (objectFormat === undefined || objects === undefined) {
    throw refusal(`Cannot ${purpose}: git rev-parse printed ${quote(places)}`, {
      remedy: rerun(question),
    });
  }
  const folder = makeScratchFolder("release-sign-", repository);
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const entries = config.filter(([key]) => identity.test(key));
    const format = entries.findLast(([key]) => key === "gpg.format")?.[1] ?? "openpgp";
    const commands = [[`gpg.${format}.program`, shellWord(programOf(entries, format, repository))]];
    const keys = entries.findLast(([key]) => key === "gpg.ssh.defaultkeycommand");
    if (keys?.[1] !== undefined) {
      commands.push([keys[0], keys[1]]);
    }
    for (const [key = "", command = ""] of commands) {
      const file = join(folder, key);
      await writeFile(file, endingScript(command), { mode: 0o700, encoding: "latin1" });
      // A temporary folder may be on a disk from which nothing may be run.
      if (await isExecutable(file)) {
        entries.push([key, bytesOf(file)]);
      }
    }
    const own: [string, string][] = [
      ["core.repositoryformatversion", "1"],
      ["core.bare", "true"],
      ["extensions.objectformat", objectFormat],
    ];
    const written = [...own, ...entries].map(([key, value]) => configurationLines(key, value));
    // git reads a quoted path as C has it: one with a line feed stays one path.
    const quoted = resolve(repository.root, objects).replace(/["\\]/g, "\\$&");
    await Promise.all([
      writeFile(join(folder, "config"), written.join(""), "latin1"),
      writeFile(join(folder, "HEAD"), "ref: refs/heads/none\n"),
      mkdir(join(folder, "refs")),
      mkdir(join(folder, "objects")),
    ]);
    // What a git that is killed leaves of its own temporary files goes with the folder.
    const env = {
      ...gitEnvironment(repository.env),
      GIT_ALTERNATE_OBJECT_DIRECTORIES: `"${quoted.replaceAll("\n", "\\n")}"`,
      ...{ GIT_DIR: folder, TMPDIR: folder },
    };
    /** `format`: the kind of key that signs, as gpg.format says it. */
    return { repository: { ...repository, env }, format, remove };
  } catch (thrown) {
    await remove();
    throw refusal(`Cannot prepare a signature in ${folder}: ${reason(thrown)}`, {
      remedy: "Make room or grant access there, or let TMPDIR name another folder",
    });
  }
}

/** The lines of a configuration file that set one key (git-config, "Syntax"). */
function configurationLines(key: string, value: string | undefined): string {
  const escaped = (words: string) => words.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
  const [, section, subsection, name] = /^([^.]+)(?:\.(.*))?\.([^.]+)$/s.exec(key) ?? [];
  const title = subsection === undefined ? section : `${section} "${escaped(subsection)}"`;
  return `[${title}]\n${name}${value === undefined ? "" : ` = "${escaped(value)}"`}\n`;
}
