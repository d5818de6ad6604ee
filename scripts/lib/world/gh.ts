/** The door to gh, GitHub's command: the token that the operator is logged in with. */

import { type Environment, MissingProgram, run } from "./process.ts";

/** A token, or why there is none. The token is a secret: it goes into no message. */
export type GhToken = { readonly token: string } | { readonly why: string };

/** Milliseconds that gh may take: it reads a file or a keyring. */
const patience = 10_000;

/** How a token may look: what an HTTP header carries unchanged. */
const tokenForm = /^[A-Za-z0-9._~+/=-]{1,1024}$/;

/**
 * Asks gh for the operator's token for github.com.
 *
 * @param timeout Milliseconds.
 */
export async function ghToken(
  env: Environment,
  cwd: string,
  options: { readonly signal?: AbortSignal | undefined; readonly timeout?: number } = {},
): Promise<GhToken> {
  // Named in full: GH_HOST would have gh answer with the token of another server.
  const command = ["gh", "auth", "token", "--hostname", "github.com"];
  const timeout = options.timeout ?? patience;
  try {
    const answer = await run(command, {
      cwd,
      env: { ...env, GH_PROMPT_DISABLED: "1" },
      timeout,
      signal: options.signal,
    });
    if (answer.timedOut) {
      return { why: `gh auth token gave no answer within ${timeout / 1000} s` };
    }
    if (answer.code !== 0) {
      return { why: `gh is not logged in to github.com (exit code ${answer.code})` };
    }
    const token = answer.stdout.replace(/\r?\n$/, "");
    return tokenForm.test(token)
      ? { token }
      : { why: "gh auth token printed something that is no token" };
  } catch (thrown) {
    if (thrown instanceof MissingProgram) {
      return { why: "gh is not installed, or not on PATH" };
    }
    throw thrown;
  }
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

/** Why gh gave no answer that one could rely on. */
export interface GhFailure {
  readonly kind: "missing" | "not logged in" | "too old" | "not found" | "failed" | "timed out";
  /** A reason on one line, not a sentence. */
  readonly why: string;
  readonly remedy: string;
}

/** What gh answered. `not found` only where the question says how gh tells that. */
export type GhAnswer =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "text"; readonly text: string }
  | GhFailure;
