/** The door to gh, GitHub's command: the operator's token, and answers about a repository. */

import { Unverified } from "../answer.ts";
import { asTable } from "../files/document.ts";
import { layout } from "../layout.ts";
import { type Environment, lastWords, MissingProgram, type RunOptions, run } from "../process.ts";

/**
 * Asks gh for the operator's token for github.com. The token is a secret: it goes into no message.
 *
 * @param options.timeout Milliseconds; gh reads a file or a keyring.
 * @throws {Unverified} If there is none.
 */
export async function ghToken(
  env: Environment,
  cwd: string,
  { signal, timeout = 10_000 }: Pick<RunOptions, "signal" | "timeout"> = {},
): Promise<string> {
  // Named in full: GH_HOST would have gh answer with the token of another server.
  const args = ["auth", "token", "--hostname", "github.com"];
  const { code, stdout } = await runGh(args, { env: environmentOf(env), cwd, signal, timeout });
  if (code !== 0) {
    throw unknown(`gh is not logged in to github.com (exit code ${code})`, logIn);
  }
  const token = stdout.replace(/\r?\n$/, "");
  // What an HTTP header carries unchanged.
  if (!/^[A-Za-z0-9._~+/=-]{1,1024}$/.test(token)) {
    throw unknown("gh auth token printed something that is not a token");
  }
  return token;
}

/** Where gh questions are asked. */
export interface GhWorld {
  readonly env: Environment;
  readonly cwd: string;
  /** Ends every question at once, for Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
  /** OWNER/REPO on github.com. */
  readonly repository: string;
}

export interface GhOptions {
  /** Milliseconds that gh may take. */
  readonly timeout?: number;
  /** How gh says on standard error that there is no such thing; exit code 1 only. */
  readonly absent?: RegExp;
  /** Bytes that gh may print; default: 4 MiB. */
  readonly most?: number;
}

const install =
  "Install gh (https://cli.github.com), and log in: gh auth login --hostname github.com";
const logIn = "Log in: gh auth login --hostname github.com (or set GH_TOKEN)";
const askLater = "Ask again later";

/**
 * Asks gh about the repository, and returns the JSON that it prints, or undefined if there is no
 * such thing as `absent` describes.
 *
 * @param args Without `--repo`, which is added.
 * @throws {Unverified} If gh gave no answer that can be relied on.
 */
export async function askGh(
  args: readonly string[],
  world: GhWorld,
  options?: GhOptions,
): Promise<unknown> {
  const text = await callGh(args, world, options);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    throw unknown(`${nameOf(args)} printed something that is not JSON`);
  }
}

/** Does the same as `askGh`, and returns the text that gh prints, which may be empty. */
export async function callGh(
  args: readonly string[],
  world: GhWorld,
  { timeout = layout.limits.network, absent, most = 4 * 1024 * 1024 }: GhOptions = {},
): Promise<string | undefined> {
  // `attestation` takes no host before the repository. For the others GH_HOST would make gh believe
  // that somebody is logged in there.
  const isAttestation = args[0] === "attestation";
  const place = isAttestation ? world.repository : `github.com/${world.repository}`;
  const answer = await runGh([...args, "--repo", place], {
    cwd: world.cwd,
    env: { ...environmentOf(world.env), ...(isAttestation && { GH_HOST: "github.com" }) },
    timeout,
    mostOutput: most,
    signal: world.signal,
  });
  const { code, stdout, stderr, overflowed } = answer;
  if (code === 0 && !overflowed) {
    return stdout;
  }
  if (code === 4 || /\bHTTP 401\b/.test(stderr)) {
    throw unknown("gh is not logged in to github.com", logIn);
  }
  if (/^(?:unknown command "|unknown flag: |Unknown JSON field: )/m.test(stderr)) {
    const update = "Update gh to 2.67 or later (https://cli.github.com)";
    throw unknown(`the installed gh is too old for ${nameOf(args)}`, update);
  }
  if (code === 1 && absent?.test(stderr)) {
    return undefined;
  }
  throw unknown(`${nameOf(args)} failed: ${lineOf(lastWords(answer))}`, remedyFor(stderr));
}

function unknown(why: string, remedy = askLater): Unverified {
  return new Unverified("unknown", why, remedy);
}

function nameOf(args: readonly string[]): string {
  return `gh ${args.slice(0, 2).join(" ")}`;
}

/**
 * Runs gh to its own end.
 *
 * @throws {Unverified} If it is missing, interrupted or out of time.
 */
async function runGh(args: readonly string[], options: RunOptions) {
  try {
    const answer = await run(["gh", ...args], options);
    if (options.signal?.aborted) {
      throw unknown(`${nameOf(args)} was interrupted`);
    }
    if (answer.timedOut) {
      throw unknown(`${nameOf(args)} gave no answer within ${(options.timeout ?? 0) / 1000} s`);
    }
    return answer;
  } catch (thrown) {
    throw thrown instanceof MissingProgram
      ? unknown(thrown.message.replace(/^Cannot run gh: it/, "gh"), install)
      : thrown;
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

function remedyFor(stderr: string): string {
  if (/rate limit/i.test(stderr)) {
    return "Wait until GitHub's rate limit is reset, and ask again";
  }
  return /\bHTTP 40[34]\b|Could not resolve to a Repository/.test(stderr)
    ? "Log in to gh with an account that may read the repository"
    : askLater;
}

/** Returns words of gh on one line. A URL's query is left out: it is long, and may hold a secret. */
function lineOf(words: string): string {
  const line = words
    .trim()
    .replace(/\s*[\r\n]\s*/g, "; ")
    .replace(/(https:[^\s?]*)\?[^\s)]*/g, "$1");
  return line.length > 300 ? `${line.slice(0, 300)}...` : line;
}

/** A JSON object of an answer. */
export type Fields = Readonly<Record<string, unknown>>;

/** Returns a value as a list of objects; undefined if it is no list, or holds anything else. */
export function findList(value: unknown): Fields[] | undefined {
  const list = Array.isArray(value) ? value.map(asTable) : [undefined];
  return list.every((each) => each !== undefined) ? list : undefined;
}

/** Returns a text that is not empty. */
export function findText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Returns a text that is a link a person can follow. */
export function findLink(value: unknown): string | undefined {
  const isLink = typeof value === "string" && /^https:\/\/[\x21-\x7e]{1,500}$/.test(value);
  return isLink ? value : undefined;
}
