/** The door to gh, GitHub's command: the operator's token, and answers about a repository. */

import { layout } from "../layout.ts";
import {
  type Environment,
  type Finished,
  lastWords,
  MissingProgram,
  type RunOptions,
  run,
} from "../process.ts";

/** A token, or why there is none. The token is a secret: it goes into no message. */
export type GhToken = { readonly token: string } | { readonly why: string };

/** Milliseconds for the token: gh reads a file or a keyring. */
const tokenTime = 10_000;

/**
 * Asks gh for the operator's token for github.com.
 *
 * @param options.timeout Milliseconds.
 */
export async function ghToken(
  env: Environment,
  cwd: string,
  { signal, timeout = tokenTime }: Pick<RunOptions, "signal" | "timeout"> = {},
): Promise<GhToken> {
  // Named in full: GH_HOST would have gh answer with the token of another server.
  const args = ["auth", "token", "--hostname", "github.com"];
  const answer = await runGh(args, { env: environmentOf(env), cwd, signal, timeout });
  if ("why" in answer) {
    return { why: answer.why };
  }
  if (answer.code !== 0) {
    return { why: `gh is not logged in to github.com (exit code ${answer.code})` };
  }
  const token = answer.stdout.replace(/\r?\n$/, "");
  // What an HTTP header carries unchanged.
  return /^[A-Za-z0-9._~+/=-]{1,1024}$/.test(token)
    ? { token }
    : { why: "gh auth token printed something that is not a token" };
}

/** Where gh questions are asked. */
export interface GhWorld {
  readonly env: Environment;
  readonly cwd: string;
  /** Ends every question at once, for Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
  /** OWNER/REPO on github.com. */
  readonly repository: string;
  /** Milliseconds that any question may take; default: as long as its kind usually may. */
  readonly patience?: number | undefined;
}

/** Why gh gave no answer that can be relied on. */
export interface GhFailure {
  readonly kind: "missing" | "not logged in" | "too old" | "not found" | "failed" | "timed out";
  /** A reason on one line, not a sentence. */
  readonly why: string;
  readonly remedy: string;
}

/** What gh answered. `not found` only where the question says how gh reports that. */
export type GhAnswer =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "text"; readonly text: string }
  | GhFailure;

export interface GhOptions {
  /** Milliseconds that gh may take. */
  readonly timeout?: number;
  /** `json` is the usual: one JSON value. `text` is whatever gh says, perhaps nothing. */
  readonly expect?: "json" | "text";
  /** How gh says on standard error that there is no such thing; exit code 1 only. */
  readonly absent?: RegExp;
  /** Bytes that gh may print. */
  readonly most?: number;
}

/** Bytes that an answer has at most unless the question says otherwise. */
const usualSize = 4 * 1024 * 1024;

/** The way out of what keeps gh from answering anything; the same words for all questions. */
const remedies = {
  missing: "Install gh (https://cli.github.com), and log in: gh auth login --hostname github.com",
  "not logged in": "Log in: gh auth login --hostname github.com (or set GH_TOKEN)",
  "too old": "Update gh to 2.67 or later (https://cli.github.com)",
} as const;

/** Reports whether an answer of gh is a failure to answer. */
export function isGhFailure(answer: GhAnswer): answer is GhFailure {
  return answer.kind !== "json" && answer.kind !== "text";
}

/** Reports whether gh cannot answer before a person has acted. */
export function isLasting({ kind }: GhFailure): boolean {
  return kind in remedies;
}

/**
 * Asks gh about the repository. Only an exit code 0 with an answer of the expected form counts as
 * one; everything else comes back as a failure with a reason.
 *
 * @param args Without `--repo`, which is added.
 */
export async function askGh(
  args: readonly string[],
  world: GhWorld,
  options: GhOptions = {},
): Promise<GhAnswer> {
  const name = nameOf(args);
  // `attestation` takes no host before the repository. For the others GH_HOST would make gh believe
  // that somebody is logged in there.
  const isAttestation = args[0] === "attestation";
  const place = isAttestation ? world.repository : `github.com/${world.repository}`;
  const answer = await runGh([...args, "--repo", place], {
    cwd: world.cwd,
    env: { ...environmentOf(world.env), ...(isAttestation && { GH_HOST: "github.com" }) },
    timeout: world.patience ?? options.timeout ?? layout.limits.network,
    mostOutput: options.most ?? usualSize,
    signal: world.signal,
  });
  if ("why" in answer) {
    return answer;
  }
  return answer.code === 0 && !answer.overflowed
    ? read(answer, name, options)
    : failureOf(answer, name, options);
}

function nameOf(args: readonly string[]): string {
  return `gh ${args.slice(0, 2).join(" ")}`;
}

/** Runs gh. Only an end of its own is an answer. */
async function runGh(args: readonly string[], options: RunOptions): Promise<Finished | GhFailure> {
  try {
    const answer = await run(["gh", ...args], options);
    if (options.signal?.aborted) {
      return failed("failed", `${nameOf(args)} was interrupted`);
    }
    const { timeout = 0 } = options;
    return answer.timedOut
      ? failed("timed out", `${nameOf(args)} gave no answer within ${timeout / 1000} s`)
      : answer;
  } catch (thrown) {
    if (thrown instanceof MissingProgram) {
      return failed("missing", thrown.message.replace(/^Cannot run gh: it/, "gh"));
    }
    throw thrown;
  }
}

/**
 * The environment for gh: no other server or repository, no question, no pager, no colours, no notice
 * of updates, nothing that would print more than the answer.
 */
function environmentOf(env: Environment): Environment {
  const unwanted =
    /^(?:GH_HOST|GH_REPO|GH_FORCE_TTY|GH_DEBUG|DEBUG|CLICOLOR_FORCE|GH_ENTERPRISE_TOKEN)$/;
  return {
    ...Object.fromEntries(Object.entries(env).filter(([name]) => !unwanted.test(name))),
    GH_PROMPT_DISABLED: "1",
    GH_PAGER: "cat",
    GH_NO_UPDATE_NOTIFIER: "1",
    GH_NO_EXTENSION_UPDATE_NOTIFIER: "1",
    GH_SPINNER_DISABLED: "1",
    NO_COLOR: "1",
  };
}

function failed(kind: GhFailure["kind"], why: string, remedy?: string): GhFailure {
  const usual = kind in remedies ? remedies[kind as keyof typeof remedies] : "Ask again later";
  return { kind, why, remedy: remedy ?? usual };
}

function read({ stdout }: Finished, name: string, { expect = "json" }: GhOptions): GhAnswer {
  if (expect === "text") {
    return { kind: "text", text: stdout };
  }
  if (stdout.trim() === "") {
    return failed("failed", `${name} ended without an answer`);
  }
  try {
    return { kind: "json", value: JSON.parse(stdout) };
  } catch {
    return failed("failed", `${name} printed something that is not JSON`);
  }
}

/** What gh says where its version does not know what it was asked. */
const unknownWords = /^(?:unknown command "|unknown flag: |Unknown JSON field: )/m;

function failureOf(answer: Finished, name: string, { absent }: GhOptions): GhFailure {
  const { code, stderr } = answer;
  if (answer.overflowed) {
    return failed("failed", `${name} printed more than an answer can be`);
  }
  if (code === 4 || /\bHTTP 401\b/.test(stderr)) {
    return failed("not logged in", "gh is not logged in to github.com");
  }
  if (unknownWords.test(stderr)) {
    return failed("too old", `the installed gh is too old for ${name}`);
  }
  if (code === 1 && absent?.test(stderr)) {
    return failed("not found", lineOf(stderr));
  }
  if (code > 128) {
    return failed("failed", `${name} was ended by signal ${code - 128}`);
  }
  const why = `${name} failed: ${lineOf(lastWords(answer))}`;
  if (/rate limit/i.test(stderr)) {
    return failed("failed", why, "Wait until GitHub's rate limit is reset, and ask again");
  }
  if (/\bHTTP 40[34]\b|Could not resolve to a Repository/.test(stderr)) {
    return failed("failed", why, "Log in to gh as somebody who may read the repository");
  }
  return failed("failed", why);
}

/** How many characters of gh's words a reason carries. */
const reasonLength = 300;

/** Words of gh on one line. A URL's query is left out: it is long, and may hold a secret. */
function lineOf(words: string): string {
  const line = words
    // A link's query may take most of the words that are read.
    .slice(0, 20 * reasonLength)
    .trim()
    .replace(/\s*[\r\n]\s*/g, "; ")
    .replace(/(https:[^\s?]*)\?[^\s)]*/g, "$1");
  return line.length > reasonLength ? `${line.slice(0, reasonLength)}...` : line;
}
