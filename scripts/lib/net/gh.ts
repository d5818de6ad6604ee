/** Runs gh, GitHub's command: gets the operator's token, and asks about a repository. */

import { checkNetwork, isTemporary, Unverified } from "../answer.ts";
import { asTable } from "../files/document.ts";
import { layout } from "../layout.ts";
import { type Environment, lastWords, MissingProgram, type RunOptions, run } from "../process.ts";

/**
 * Returns the operator's token for github.com. It is a secret and must not appear in any message.
 *
 * @param options.timeout Milliseconds.
 * @throws {Unverified} If gh has no token.
 */
export async function ghToken(
  env: Environment,
  cwd: string,
  { signal, timeout = 10_000 }: Pick<RunOptions, "signal" | "timeout"> = {},
): Promise<string> {
  // With --hostname, GH_HOST cannot make gh return the token of another server.
  const args = ["auth", "token", "--hostname", "github.com"];
  const { code, stdout } = await runGh(args, { env: environmentOf(env), cwd, signal, timeout });
  if (code !== 0) {
    throw unknown(`gh is not logged in to github.com (exit code ${code})`, logIn);
  }
  const token = stdout.replace(/\r?\n$/, "");
  // Only characters that an HTTP header transmits unchanged.
  if (!/^[A-Za-z0-9._~+/=-]{1,1024}$/.test(token)) {
    throw unknown("gh auth token printed something that is not a token");
  }
  return token;
}

/** Where gh runs, and which repository it is asked about. */
export interface GhWorld {
  readonly env: Environment;
  readonly cwd: string;
  /** Ends every question at once, after Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
  /** OWNER/REPO on github.com. */
  readonly repository: string;
}

export interface GhOptions {
  /** Milliseconds. */
  readonly timeout?: number;
  /** Matches the error by which gh reports, with exit code 1, that there is no such thing. */
  readonly absent?: RegExp;
  /** Bytes that gh may print; default: 4 MiB. */
  readonly most?: number;
}

const install =
  "Install gh (https://cli.github.com), and log in: gh auth login --hostname github.com";
const logIn = "Log in: gh auth login --hostname github.com (or set GH_TOKEN)";
const askLater = "Ask again later";

/**
 * Runs gh on the repository and returns the parsed JSON that it prints, or undefined if its error
 * matches `absent`.
 *
 * @param args Arguments without `--repo`, which is added.
 * @throws {Unverified} If gh gives no reliable answer.
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

/** Does the same as `askGh`, but returns the text that gh prints, which may be empty. */
export async function callGh(
  args: readonly string[],
  world: GhWorld,
  { timeout = layout.limits.network, absent, most = 4 * 1024 * 1024 }: GhOptions = {},
): Promise<string | undefined> {
  // `attestation` accepts no host before the repository. For other commands GH_HOST would make gh
  // assume a login.
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
  return new Unverified("unknown", why, remedy, undefined, isTemporary(why));
}

function nameOf(args: readonly string[]): string {
  return `gh ${args.slice(0, 2).join(" ")}`;
}

/**
 * Runs gh to its end.
 *
 * @throws {Unverified} If it is missing, interrupted or exceeds its time limit.
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
 * Returns the environment for gh. It allows no other server or repository, and no output besides
 * the answer: no questions, pager, colours or update notices.
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
  if (/error connecting to|no such host|network is unreachable/i.test(stderr)) {
    return checkNetwork;
  }
  return /\bHTTP 40[34]\b|Could not resolve to a Repository/.test(stderr)
    ? "Log in to gh with an account that may read the repository"
    : askLater;
}

/** Returns an error of gh on one line. Removes the queries of URLs, which may contain a secret. */
function lineOf(words: string): string {
  const line = words
    .trim()
    .replace(/\s*[\r\n]\s*/g, "; ")
    .replace(/(https:[^\s?]*)\?[^\s)]*/g, "$1");
  return line.length > 300 ? `${line.slice(0, 300)}...` : line;
}

/** A JSON object in an answer. */
export type Fields = Readonly<Record<string, unknown>>;

/** Returns a value if it is a list of objects, otherwise undefined. */
export function findList(value: unknown): Fields[] | undefined {
  const list = Array.isArray(value) ? value.map(asTable) : [undefined];
  return list.every((each) => each !== undefined) ? list : undefined;
}

/** Returns a value if it is a non-empty text, otherwise undefined. */
export function findText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Returns a value if it is an HTTPS URL, otherwise undefined. */
export function findLink(value: unknown): string | undefined {
  const isLink = typeof value === "string" && /^https:\/\/[\x21-\x7e]{1,500}$/.test(value);
  return isLink ? value : undefined;
}
