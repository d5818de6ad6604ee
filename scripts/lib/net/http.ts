/** Sends HTTP requests with time limits. Every other module uses the network through this one. */

import { Unverified } from "../answer.ts";
import { layout } from "../layout.ts";
import { sleep } from "../sleep.ts";

/** The most attempts per request, and the most redirects per attempt. */
const mostAttempts = 4;
const mostRedirects = 5;

/** The most bytes of a body. Registries use the same limit for manifests. */
const longestBody = 4 * 1024 * 1024;

/** Milliseconds before the second attempt, and the longest pause. Each pause doubles. */
const pauses = { first: 500, longest: 10_000 };

export interface HttpOptions {
  /** Ends every request at once, after Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds for one attempt, from the connection to the last byte of the body, and for all
   * requests of one `openHttp`, including pauses.
   */
  readonly limits?: { readonly attempt?: number; readonly total?: number };
  /** Waits some milliseconds, or rejects when the signal fires. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/** The reply of a server, after redirects. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** The URL that the last redirect led to. */
  readonly url: URL;
}

/**
 * Sends a GET request. A redirect to another origin drops `Authorization`.
 *
 * @throws {Unverified} If no complete reply arrives in time, or a redirect must not be followed.
 */
export type Get = (url: URL, headers?: Readonly<Record<string, string>>) => Promise<Reply>;

/** Returns the error for a server that gives no reliable answer, `temporary` if it may give one later. */
export function noAnswer(why: string, remedy?: string, temporary = false): Unverified {
  return new Unverified("unknown", why, remedy, undefined, temporary);
}

/** Returns the error for a reply with a status that says nothing about what was asked for. */
export function noAnswerIn(reply: Reply): Unverified {
  return noAnswer(describe(reply), undefined, isTroubled(reply));
}

/** Reports whether the server is overloaded or has failed. */
export function isTroubled({ status }: Reply): boolean {
  return status === 429 || status >= 500;
}

/**
 * Returns a function that sends requests; the total time limit starts now. A request is repeated
 * after 429, 5xx, a lost connection or a timeout. The reply to the last attempt is returned with
 * any status.
 */
export function openHttp({ signal, limits, sleep: pause = sleep }: HttpOptions = {}): Get {
  const { attempt = layout.limits.network / 3, total = layout.limits.network } = limits ?? {};
  const deadline = AbortSignal.timeout(total);
  const end = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);

  /** Makes one attempt. Returns the reply, or the reason of a failure that may be temporary. */
  async function send(start: URL, given: Readonly<Record<string, string>>) {
    const headers = new Headers({
      ...given,
      "User-Agent": `${layout.product}-release-tools`,
      // A digest and the limit of a body both count the bytes as they are sent.
      "Accept-Encoding": "identity",
    });
    let url = permitted(start);
    try {
      const inTime = AbortSignal.any([AbortSignal.timeout(attempt), end]);
      for (let hops = 0; hops <= mostRedirects; hops += 1) {
        const response = await fetchOnce(url, headers, inTime);
        const location = response.headers.get("location");
        if (location === null || !redirectStatuses.has(response.status)) {
          const body = await readBody(response, url);
          return { status: response.status, headers: response.headers, body, url };
        }
        await response.body?.cancel();
        const next = URL.parse(location, url.href);
        if (next === null) {
          throw noAnswer(`${url.origin} redirects to something that is not a URL`);
        }
        if (permitted(next, url).origin !== url.origin) {
          headers.delete("Authorization");
        }
        url = next;
      }
    } catch (thrown) {
      const { name, code } = thrown as { name?: unknown; code?: unknown };
      if (signal?.aborted) {
        throw noAnswer("the question was interrupted");
      }
      if (end.aborted || name === "TimeoutError") {
        return `${url.origin} gave no whole answer within ${(end.aborted ? total : attempt) / 1000} s`;
      }
      if (typeof code !== "string") {
        throw thrown;
      }
      const why = `${url.origin} cannot be asked: ${failures.get(code) ?? code}`;
      if (transientFailures.has(code)) {
        return why;
      }
      throw noAnswer(why);
    }
    throw noAnswer(`${start.origin} redirects more than ${mostRedirects} times`);
  }

  return async (url, headers = {}) => {
    let before = "";
    for (let count = 1; ; count += 1) {
      const outcome = await send(url, headers);
      const isReply = typeof outcome !== "string";
      const isLast = count === mostAttempts || end.aborted;
      if (isReply && (isLast || !isTroubled(outcome))) {
        return outcome;
      }
      const why = isReply ? describe(outcome) : outcome;
      if (isLast) {
        // An earlier failure is more informative than a timeout.
        const whole = before === "" || before === why ? why : `${why}; before that: ${before}`;
        throw noAnswer(whole, undefined, true);
      }
      before = why;
      const asked = /^[0-9]+$/.exec(isReply ? (outcome.headers.get("retry-after") ?? "") : "");
      const length = asked === null ? pauses.first * 2 ** (count - 1) : Number(asked[0]) * 1000;
      // If the signal ends the pause, the next attempt reports that.
      await pause(Math.min(length, pauses.longest), end).catch(() => {});
    }
  };
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Fetches a URL. Does not follow redirects: the runtime would follow one to plain HTTP. */
async function fetchOnce(url: URL, headers: Headers, signal: AbortSignal): Promise<Response> {
  return await fetch(url, {
    headers,
    signal,
    redirect: "manual",
    decompress: false,
    // The loopback address of a proxy is another machine.
    proxy: isLoopback(url) ? false : undefined,
    // Set explicitly, so that NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect.
    tls: { rejectUnauthorized: true },
  });
}

/**
 * Returns a URL that may be requested: over HTTPS, or on loopback over plain HTTP. Loopback is
 * allowed only if the server that named the URL is on loopback, too.
 *
 * @param from The server that named the URL, if one did.
 * @throws {Unverified} If it may not be requested.
 */
export function permitted(url: URL, from = url): URL {
  const loopback = isLoopback(url);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && loopback)) {
    throw noAnswer(
      `${url.origin === "null" ? url.protocol : url.origin} is not HTTPS`,
      "Use a server that speaks HTTPS; plain HTTP is for loopback only",
    );
  }
  if (loopback && !isLoopback(from)) {
    throw noAnswer(`${from.origin} points to this machine, ${url.origin}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw noAnswer(`a URL on ${url.origin} carries a user name or a password`);
  }
  return url;
}

/** Reports whether a URL's host is this machine. The URL parser has normalised the host. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(?:localhost|\[::1\]|127(?:\.[0-9]{1,3}){3})$/.test(hostname);
}

async function readBody(response: Response, url: URL): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the body.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > longestBody) {
      throw noAnswer(`${url.origin} sends more than ${longestBody} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Resolvers do not reliably distinguish a missing network from a missing name. */
const unresolved = "its name cannot be resolved (no network, no DNS, or no such host)";

/** The meanings of the runtime's error codes. */
const failures: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "the connection is refused"],
  ["ECONNRESET", "the connection was closed before the end of the answer"],
  ["EAI_AGAIN", unresolved],
  ["ENOTFOUND", unresolved],
  ["EPROTO", "the TLS handshake failed"],
  ["Malformed_HTTP_Response", "the answer is not HTTP"],
]);

const transientFailures: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT"]);

/** Returns the origin, status and error codes of a reply, for a message. */
export function describe(reply: Reply): string {
  const codes = errorCodes(reply);
  const more = codes.length === 0 ? "" : ` (${codes.join(", ")})`;
  return `${reply.url.origin} answered ${reply.status}${more}`;
}

/** Returns the body of a reply as text. */
export function textOf(reply: Reply): string {
  return new TextDecoder().decode(reply.body);
}

/** Returns a member of the JSON object in a reply's body, or undefined if there is none. */
export function member(reply: Reply, name: string): unknown {
  try {
    const value: unknown = JSON.parse(textOf(reply));
    return Object.hasOwn(value as object, name) ? (value as never)[name] : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the error codes of a registry's reply, as the distribution specification defines them.
 * Their messages are untrusted text and are not shown.
 */
export function errorCodes(reply: Reply): string[] {
  const errors = reply.status < 400 ? undefined : member(reply, "errors");
  const codes = (Array.isArray(errors) ? errors : [])
    .slice(0, 4)
    .map((each: { code?: unknown } | null) => String(each?.code));
  return codes.filter((code) => /^[A-Z][A-Z_]{2,31}$/.test(code));
}
