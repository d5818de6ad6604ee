/** HTTP requests that end within their limits: the only door to the network. */

import { Unverified } from "../answer.ts";
import { layout } from "../layout.ts";
import { sleep } from "../sleep.ts";

/** A question without an answer that can be relied on. Its message is a reason, not a sentence. */
export class NoAnswer extends Unverified {
  override readonly name = "NoAnswer";
  /** Whether the same request may succeed a moment later. */
  readonly isTransient: boolean;

  constructor(why: string, remedy?: string, isTransient = false) {
    super("unknown", why, remedy);
    this.isTransient = isTransient;
  }
}

export interface HttpLimits {
  /** Milliseconds for one attempt, from the connection to the last byte of the body. */
  readonly attempt: number;
  /** Milliseconds for everything that is asked through one `openHttp`, pauses included. */
  readonly total: number;
}

const defaultLimits: HttpLimits = {
  attempt: layout.limits.network / 3,
  total: layout.limits.network,
};

/** How often one request is sent, and how many redirects one attempt follows, at most. */
const mostAttempts = 4;
const mostRedirects = 5;

/** Bytes of a body at most. Registries hold manifests to the same limit. */
const longestBody = 4 * 1024 * 1024;

/** Milliseconds before the second attempt (each further pause is twice as long), and at most. */
const pauses = { first: 500, longest: 10_000 };

export interface HttpOptions {
  /** Ends every request at once, for Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
  readonly limits?: Partial<HttpLimits> | undefined;
  /** Waits some milliseconds, or until the signal fires. */
  readonly sleep?: ((milliseconds: number, signal: AbortSignal) => Promise<unknown>) | undefined;
}

/** One question to the network, which may take several requests. */
export interface Http {
  readonly limits: HttpLimits;
  readonly sleep: NonNullable<HttpOptions["sleep"]>;
  readonly interrupt: AbortSignal | undefined;
  /** Fires when the question is interrupted or out of time. */
  readonly end: AbortSignal;
}

/** Opens HTTP for one question; its time runs from here. */
export function openHttp(options: HttpOptions = {}): Http {
  const limits = { ...defaultLimits, ...options.limits };
  const deadline = AbortSignal.timeout(limits.total);
  return {
    limits,
    sleep: options.sleep ?? sleep,
    interrupt: options.signal,
    end: options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]),
  };
}

/** What a server answered: any status but a redirect that was followed. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
  /** Where the answer came from, after redirects. */
  readonly url: URL;
}

/**
 * Sends a GET request, and again after 429, 5xx, a lost connection or a silence. The answer to the
 * last attempt counts, whatever its status.
 *
 * @param headers `Authorization` stays with the origin of `url`: a redirect elsewhere drops it.
 * @throws {NoAnswer} If no whole answer comes within the limits, or a redirect must not be followed.
 */
export async function request(
  http: Http,
  url: URL,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  let before = "";
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await send(http, url, headers);
    const isAnswer = !(outcome instanceof NoAnswer);
    const isTransient = isAnswer
      ? outcome.status === 429 || outcome.status >= 500
      : outcome.isTransient;
    if (!isTransient || attempt >= mostAttempts || http.end.aborted) {
      if (isAnswer) {
        return outcome;
      }
      // What the attempts before got says more than that the time is over.
      throw before === "" || before === outcome.message
        ? outcome
        : new NoAnswer(`${outcome.message}; before that: ${before}`, outcome.remedy);
    }
    before = isAnswer ? describe(outcome) : outcome.message;
    const asked = isAnswer ? requestedPause(outcome) : undefined;
    const pause = asked ?? pauses.first * 2 ** (attempt - 1);
    // Where the signal ends the pause, the next attempt says why.
    await http.sleep(Math.min(pause, pauses.longest), http.end).catch(() => {});
  }
}

/** The milliseconds that a server asks to wait, with `Retry-After` in seconds. */
function requestedPause({ headers }: Reply): number | undefined {
  const seconds = headers.get("retry-after") ?? "";
  return /^[0-9]{1,9}$/.test(seconds) ? Number(seconds) * 1000 : undefined;
}

const redirectStatuses: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Makes one attempt. What ends it without an answer is returned, a defect of ours is thrown. */
async function send(
  http: Http,
  start: URL,
  given: Readonly<Record<string, string>>,
): Promise<Reply | NoAnswer> {
  const signal = AbortSignal.any([AbortSignal.timeout(http.limits.attempt), http.end]);
  const headers = new Headers(given);
  headers.set("User-Agent", `${layout.product}-release-tools`);
  // A digest and the limit of a body both count the bytes as they are sent.
  headers.set("Accept-Encoding", "identity");
  let url = start;
  try {
    permitted(start);
    for (let hops = 0; ; hops += 1) {
      const response = await fetch(url, {
        headers,
        signal,
        redirect: "manual",
        decompress: false,
        // A proxy's loopback is another machine's.
        proxy: isLoopback(url) ? false : undefined,
        // Set explicitly, so that NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect.
        tls: { rejectUnauthorized: true },
      });
      const location = response.headers.get("location");
      if (location === null || !redirectStatuses.has(response.status)) {
        const body = await readBody(response, url);
        return { status: response.status, headers: response.headers, body, url };
      }
      await response.body?.cancel();
      if (hops >= mostRedirects) {
        throw new NoAnswer(`${start.origin} redirects more than ${mostRedirects} times`);
      }
      const next = URL.parse(location, url.href);
      if (next === null) {
        throw new NoAnswer(`${url.origin} redirects to something that is not a URL`);
      }
      if (permitted(next, url).origin !== url.origin) {
        headers.delete("Authorization");
      }
      url = next;
    }
  } catch (thrown) {
    return reasonOf(thrown, http, url);
  }
}

/**
 * Returns the URL itself if it may be requested: over HTTPS, or over plain HTTP on loopback, and on
 * loopback only if the server that named it is there too.
 *
 * @param from The server that named the URL, if one did.
 * @throws {NoAnswer} If it may not be requested.
 */
export function permitted(url: URL, from = url): URL {
  const loopback = isLoopback(url);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && loopback)) {
    throw new NoAnswer(
      `${url.origin === "null" ? url.protocol : url.origin} is not HTTPS`,
      "Use a server that speaks HTTPS; plain HTTP is for loopback only",
    );
  }
  if (loopback && !isLoopback(from)) {
    throw new NoAnswer(`${from.origin} points to this machine, ${url.origin}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new NoAnswer(`a URL on ${url.origin} carries a user name or a password`);
  }
  return url;
}

/** Reports whether a URL's host is this machine. The URL parser has normalised the host. */
export function isLoopback({ hostname }: URL): boolean {
  return /^(?:localhost|\[::1\]|127(?:\.[0-9]{1,3}){3})$/.test(hostname);
}

async function readBody(response: Response, url: URL): Promise<Uint8Array> {
  const encoding = response.headers.get("content-encoding") ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    await response.body?.cancel();
    throw new NoAnswer(`${url.origin} sends an encoded body, which was not asked for`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop early cancels the body.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > longestBody) {
      throw new NoAnswer(`${url.origin} sends more than ${longestBody} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Resolvers do not tell a missing network from a missing name in the same way everywhere. */
const unresolved = "its name cannot be resolved (no network, no DNS, or no such host)";

/** The runtime's error codes in words. */
const failures: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "the connection is refused"],
  ["ECONNRESET", "the connection was closed before the end of the answer"],
  ["EAI_AGAIN", unresolved],
  ["ENOTFOUND", unresolved],
  ["EPROTO", "the TLS handshake failed"],
  ["Malformed_HTTP_Response", "the answer is not HTTP"],
]);

const transientFailures: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT"]);

/** Turns what ended an attempt into a `NoAnswer`; rethrows a defect of the program. */
function reasonOf(thrown: unknown, http: Http, url: URL): NoAnswer {
  if (http.interrupt?.aborted) {
    return new NoAnswer("the question was interrupted");
  }
  if (thrown instanceof NoAnswer) {
    return thrown;
  }
  const { name, code } = thrown as { name?: unknown; code?: unknown };
  if (http.end.aborted || name === "TimeoutError") {
    const limit = http.end.aborted ? http.limits.total : http.limits.attempt;
    const why = `${url.origin} gave no whole answer within ${limit / 1000} s`;
    return new NoAnswer(why, undefined, true);
  }
  if (typeof code !== "string") {
    throw thrown;
  }
  const why = `${url.origin} cannot be asked: ${failures.get(code) ?? code}`;
  return new NoAnswer(why, undefined, transientFailures.has(code));
}

/** A reply in a few words, for a message. */
export function describe(reply: Reply): string {
  const codes = errorCodes(reply);
  const more = codes.length === 0 ? "" : ` (${codes.join(", ")})`;
  return `${reply.url.origin} answered ${reply.status}${more}`;
}

/** The text of a body. */
export function textOf(reply: Reply): string {
  return new TextDecoder().decode(reply.body);
}

/** A member of the JSON object that a reply's body is, or undefined if there is none. */
export function member(reply: Reply, name: string): unknown {
  try {
    const value: unknown = JSON.parse(textOf(reply));
    return Object.hasOwn(value as object, name) ? (value as never)[name] : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The error codes of a registry's reply, as the distribution specification defines them. The
 * messages beside them are free text from outside and stay out of ours.
 */
export function errorCodes(reply: Reply): string[] {
  const errors = reply.status < 400 ? undefined : member(reply, "errors");
  const codes = (Array.isArray(errors) ? errors : [])
    .slice(0, 4)
    .map((each: { code?: unknown } | null) => String(each?.code));
  return codes.filter((code) => /^[A-Z][A-Z_]{2,31}$/.test(code));
}
