/**
 * Signed tags. The tag object is made and signed in a scratch repository, and judged there: only a
 * tag whose signature is good ever becomes a ref of the checkout. `git tag -s` alone does not do:
 * some git releases exit 0 without a signature when the key is unusable.
 */

import { accessSync, constants } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { minuteOf } from "../calendar.ts";
import { reason } from "../disk/files.ts";
import { makeScratchFolder } from "../disk/scratch.ts";
import {
  parseTagger,
  parseTagObject,
  type TagObject,
  type TagSignature,
} from "../files/tag-object.ts";
import { attempt, type Finding, quote, refusal, shellWord } from "../finding.ts";
import { layout } from "../layout.ts";
import {
  type Environment,
  type Finished,
  lastWords,
  needProgram,
  run,
  runBytes,
} from "../process.ts";
import { gitLine, gitOutput, type ObjectId, rerun, short, unanswered } from "./git.ts";
import { causedBy } from "./no-repository.ts";
import { readObject } from "./objects.ts";
import { gitEnvironment, installGit, type Repository, runGit } from "./repository.ts";

/** A tag object whose signature is good. */
export interface SignedTag extends TagObject {
  readonly id: ObjectId;
  /** The whole object, as git stores it. */
  readonly bytes: Uint8Array;
  /** Who signed, as the verifying program names the key: its fingerprint is the last word. */
  readonly signer: string;
}

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
  const scratch = await openScratch(repository);
  try {
    const answer = await runGit(
      scratch.repository,
      ["tag", "-s", "--cleanup=verbatim", "-F", "-", request.tag, request.commit],
      { stdin: wholeLines(request.message), timeout: layout.limits.signing },
    );
    if (answer.timedOut) {
      throw unsignedInTime(scratch.format);
    }
    if (answer.code !== 0) {
      throw unsigned(lastWords(answer), scratch.format, repository.env);
    }
    const found = await readTag(scratch.repository, `refs/tags/${request.tag}`);
    if (found === undefined) {
      const nothing = "git tag reported success and made no annotated tag";
      throw unsigned(nothing, scratch.format, repository.env);
    }
    const tag = await judgeTag(scratch.repository, found);
    if ("fault" in tag) {
      const why = `git made a tag, but ${tag.fault}: ${lastWords(answer)}`;
      throw unsigned(why, scratch.format, repository.env);
    }
    const wrong = differenceFrom(request, tag);
    if (wrong !== undefined) {
      throw refusal(`Cannot tag ${request.tag}: git made another tag than asked for: ${wrong}`);
    }
    checkDate(tag, now, repository.env);
    return tag;
  } finally {
    await scratch.remove();
  }
}

/** A message that ends its last line: the signature has to begin on a line of its own. */
function wholeLines(message: string): string {
  return message.endsWith("\n") ? message : `${message}\n`;
}

/** The way out differs by the kind of key; everything else git has said. */
const remedies: Readonly<Record<string, string>> = {
  ssh: "Name a key that works: git config user.signingkey ~/.ssh/id_ed25519.pub. One with a passphrase needs an agent: ssh-add KEY",
  openpgp:
    "Name a key that gpg --list-secret-keys shows: git config user.signingkey KEYID. For an SSH key: git config gpg.format ssh && git config user.signingkey ~/.ssh/id_ed25519.pub",
};

function unsigned(why: string, format: string, env: Environment) {
  const isNameless = /identity unknown|empty ident|auto-detect email/i.test(why);
  const blamed = /invalid date format/i.test(why)
    ? ["GIT_COMMITTER_DATE"]
    : isNameless
      ? ["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"]
      : [];
  // The environment overrides the configuration, so that no change of the latter would help.
  const variables = blamed.filter((name) => env[name] !== undefined);
  const remedy = isNameless
    ? "Say who tags: git config user.name NAME && git config user.email ADDRESS"
    : (remedies[format] ?? "Check the key: git config user.signingkey");
  return refusal(`A release tag requires a signing identity, and none could sign: ${why}`, {
    remedy: variables.length > 0 ? causedBy(variables) : remedy,
  });
}

/** Milliseconds that the date of a new tag may be away from now. */
const dateTolerance = 24 * 60 * 60 * 1000;

/**
 * Checks the date that git gave a new tag.
 *
 * @throws {Refusal} If it is not dated now.
 */
function checkDate({ tag, tagger }: SignedTag, now: Date, env: Environment): void {
  const date = parseTagger(tagger)?.date;
  if (date === undefined || Math.abs(date.getTime() - now.getTime()) > dateTolerance) {
    const found = date === undefined ? "no date" : `the date ${minuteOf(date)}`;
    throw refusal(
      `Cannot tag ${tag}: git gave the new tag ${found}, expected a day or less from ${minuteOf(now)}`,
      {
        remedy:
          env.GIT_COMMITTER_DATE === undefined
            ? "Set the clock of this machine"
            : causedBy(["GIT_COMMITTER_DATE"]),
      },
    );
  }
}

/** What shows the operator, in a terminal, what a signing program waits for. */
const trials: Readonly<Record<string, string>> = {
  ssh: "echo x | ssh-keygen -Y sign -n git -f KEY",
  openpgp: "echo x | gpg --clearsign",
};

function unsignedInTime(format: string) {
  const seconds = layout.limits.signing / 1000;
  const trial = trials[format];
  const byHand = trial === undefined ? "" : `; to see what it waits for: ${trial}`;
  return refusal(
    `A release tag requires a signing identity, and none could sign: the signing program gave no signature within ${seconds} seconds`,
    {
      remedy: `Run it again, and touch the key or enter its passphrase when it asks${byHand}`,
    },
  );
}

/** In what a tag differs from what it is to be; undefined if in nothing. */
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

/** A tag object as it is stored, not judged yet. */
export interface FoundTag {
  readonly id: ObjectId;
  readonly bytes: Uint8Array;
}

/**
 * Reads the tag object that a name means.
 *
 * @returns Undefined if the name means no tag object, as a lightweight tag does.
 * @throws {Refusal} If git could not answer.
 */
export async function readTag(repository: Repository, name: string): Promise<FoundTag | undefined> {
  const object = await readObject(repository, `${name}^{tag}`);
  return object && { id: object.id, bytes: object.bytes };
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
  found: FoundTag,
): Promise<SignedTag | TagFault> {
  const tag = parseOrFault(found.bytes);
  if ("fault" in tag) {
    return tag;
  }
  if (tag.signature === undefined) {
    return { fault: "it holds no signature" };
  }
  const judged =
    tag.signature.format === "ssh"
      ? await judgeSsh(repository, tag.signature)
      : await judgeByProgram(repository, tag.signature);
  return "fault" in judged ? judged : { ...tag, ...found, ...judged };
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

type Judgement = Pick<SignedTag, "signer"> | TagFault;

/**
 * Checks an SSH signature against the key it carries. Whether that key is trusted is the reader's
 * question (allowed signers); that the signature is real is ours.
 */
async function judgeSsh(repository: Repository, signature: TagSignature): Promise<Judgement> {
  const folder = makeScratchFolder("release-verify-", repository);
  try {
    const file = join(folder, "signature");
    await writeFile(file, signature.armour);
    const answer = await run(["ssh-keygen", "-Y", "check-novalidate", "-n", "git", "-s", file], {
      cwd: repository.root,
      env: repository.env,
      stdin: signature.payload,
      timeout: layout.limits.local,
      signal: repository.signal,
    }).catch((thrown) => needProgram(thrown, "Install ssh-keygen (OpenSSH 8.2 or newer)"));
    const good = /^Good "git" signature with (.+)$/m.exec(answer.stdout);
    if (answer.code === 0 && good?.[1] !== undefined) {
      return { signer: good[1] };
    }
    if (
      /could not verify|incorrect signature|verification failed|invalid format/i.test(said(answer))
    ) {
      return { fault: `its SSH signature is not good: ${lastWords(answer)}` };
    }
    throw unjudged("ssh-keygen -Y check-novalidate", answer);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Checks an OpenPGP or X.509 signature by the operator's program, as git does. git itself would wait
 * for every process that the program leaves behind.
 */
async function judgeByProgram(
  repository: Repository,
  { armour, format, payload }: TagSignature,
): Promise<Judgement> {
  const { root: cwd, env, signal } = repository;
  const named = programOf(await readConfiguration(repository), format, repository);
  const program = Buffer.from(named, "latin1").toString();
  const folder = makeScratchFolder("release-verify-", repository);
  try {
    const file = join(folder, "signature");
    await writeFile(file, armour);
    const answer = await run([program, "--status-fd=1", "--verify", file, "-"], {
      ...{ cwd, env, signal, stdin: payload, timeout: layout.limits.signing },
    }).catch((thrown) => needProgram(thrown, `Install ${program}, or correct gpg.program`));
    // GnuPG's doc/DETAILS: VALIDSIG comes only with a good signature. The primary key's fingerprint,
    // if there is one, follows that of the subkey and eight other fields.
    const status = /^\[GNUPG:\] VALIDSIG ([0-9A-F]+)(?:(?: \S+){8} ([0-9A-F]+))?/m;
    const valid = status.exec(answer.stdout);
    if (answer.code === 0 && valid?.[1] !== undefined) {
      return { signer: `key ${valid[2] ?? valid[1]}` };
    }
    if (/^\[GNUPG:\] (BADSIG|EXPSIG|EXPKEYSIG|REVKEYSIG|NODATA)/m.test(answer.stdout)) {
      return { fault: `its signature is not good: ${lastWords(answer)}` };
    }
    throw unjudged(program, answer);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function said({ stdout, stderr }: Finished): string {
  return `${stdout}\n${stderr}`;
}

/** A signature that nobody could judge is neither good nor bad. */
function unjudged(program: string, answer: Finished) {
  return refusal(`Cannot judge the tag's signature: ${program}: ${lastWords(answer)}`, {
    remedy:
      "Put right what the program says: a release tag requires a signing identity that can be verified",
  });
}

/**
 * Makes a signed tag a ref of the repository, only if there is none of that name yet: of two runs
 * at once exactly one succeeds.
 *
 * @throws {Refusal} If the ref could not be made; nothing is left behind then.
 */
export async function installTag(repository: Repository, tag: SignedTag): Promise<void> {
  const id = await gitLine(
    repository,
    `store tag ${tag.tag}`,
    ["hash-object", "-t", "tag", "-w", "--stdin"],
    { stdin: tag.bytes },
  );
  if (id !== tag.id) {
    throw refusal(`Cannot store tag ${tag.tag}: git stored it as ${id}, expected ${tag.id}`, {
      remedy: "Check the repository: git fsck",
    });
  }
  const ref = `refs/tags/${tag.tag}`;
  const answer = await runGit(repository, ["update-ref", ref, tag.id, "0".repeat(tag.id.length)]);
  const found = await refValue(repository, ref);
  if (answer.code === 0 && found === tag.id) {
    return;
  }
  if (found !== undefined) {
    // Even the same object may be another run's: two runs in one second can sign the same bytes.
    throw refusal(`Tag ${tag.tag} already exists locally: it was made just now`, {
      remedy: "See whether another run is under way; if not, finish the release with --resume",
    });
  }
  throw refusal(`Cannot create tag ${tag.tag}: ${lastWords(answer)}`, {
    remedy: `Put right what git says, then run the release again`,
  });
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

/**
 * Returns the object name that a ref holds, or undefined if there is no such ref.
 *
 * @throws {Refusal} If git cannot say.
 */
export async function refValue(repository: Repository, ref: string): Promise<ObjectId | undefined> {
  return (await showRefs(repository, ref, ref)).get(ref);
}

/**
 * Returns refs by full name, and HEAD with them: an answer without HEAD is no answer.
 *
 * @param which The ref, or `--tags` for all tags.
 */
async function showRefs(
  repository: Repository,
  ref: string,
  which: string,
): Promise<ReadonlyMap<string, ObjectId>> {
  const answer = await runGit(repository, ["show-ref", "--head", which]);
  const entries = answer.stdout.split("\n").map((entry) => entry.split(" "));
  const refs = new Map(entries.map(([id = "", name = ""]) => [name, id]));
  // A last line without its end is half an answer: the ref may have been the other half.
  const whole = answer.stdout.endsWith("\n") && refs.has("HEAD");
  if (answer.code !== 0 || answer.timedOut || !whole) {
    throw unanswered(`read ${ref}`, answer);
  }
  return refs;
}

/** The tag of a release's name that the repository holds already, if any. */
export type LocalTag =
  /** There is no answer, or no tag of that name can be made. */
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
  const ref = `refs/tags/${name}`;
  const refs = await showRefs(repository, ref, "--tags");
  const id = refs.get(ref);
  if (id === undefined) {
    const below = [...refs.keys()].find((each) => each.startsWith(`${ref}/`));
    if (below === undefined) {
      return { kind: "absent" };
    }
    const other = below.slice("refs/tags/".length);
    throw refusal(`Cannot make tag ${name}: tag ${other} is here, and git cannot hold both`, {
      remedy: `Delete that tag if it is a slip: git tag -d ${shellWord(other)}`,
    });
  }
  const found = await readTag(repository, ref);
  if (found?.id !== id) {
    return { kind: "unfit", id, why: "a lightweight tag, without a signature" };
  }
  const tag = await judgeTag(repository, found);
  if ("fault" in tag) {
    return { kind: "unfit", id, why: `an annotated tag, and ${tag.fault}` };
  }
  return tag.type === "commit" && tag.tag === name
    ? { kind: "signed", id, tag }
    : { kind: "unfit", id, why: `a tag of ${tag.type} ${short(tag.object)} named ${tag.tag}` };
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

/** The program that git would sign with; git expands a leading `~/`, as it is a path. */
function programOf(
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
const bytesOf = (text: string) => Buffer.from(text).toString("latin1");

/** Whether a file may be run: a temporary folder may be on a disk from which nothing may. */
function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

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
      if (isExecutable(file)) {
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
      Bun.write(
        join(folder, "objects", "info", "alternates"),
        `"${quoted.replaceAll("\n", "\\n")}"\n`,
      ),
    ]);
    // What a git that is killed leaves of its own temporary files goes with the folder.
    const env = { ...gitEnvironment(repository.env), GIT_DIR: folder, TMPDIR: folder };
    /** `format`: the kind of key that signs, as gpg.format says it. */
    return { repository: { ...repository, env }, format, remove };
  } catch (thrown) {
    await remove();
    throw refusal(`Cannot prepare a signature in ${folder}: ${reason(thrown)}`, {
      remedy: "Make room or grant access there, or let TMPDIR name another folder",
    });
  }
}

/**
 * The configuration that counts in a repository, in its order: keys and values, a letter a byte, as
 * git does not say in which encoding they are. A key alone has no value.
 *
 * @throws {Refusal} If git cannot say.
 */
async function readConfiguration(
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

/** The lines of a configuration file that set one key (git-config, "Syntax"). */
function configurationLines(key: string, value: string | undefined): string {
  const escaped = (words: string) => words.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
  const [, section, subsection, name] = /^([^.]+)(?:\.(.*))?\.([^.]+)$/s.exec(key) ?? [];
  const title = subsection === undefined ? section : `${section} "${escaped(subsection)}"`;
  return `[${title}]\n${name}${value === undefined ? "" : ` = "${escaped(value)}"`}\n`;
}
