/** The door to registries and the only one to HTTP: requests that end within their limits. */

import { layout } from "../layout.ts";
import { sleep } from "../sleep.ts";

/** A question that got no answer one could rely on. Its message is a reason, not a sentence. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  readonly remedy: string | undefined;
  /** Whether the same question may be answered a moment later. */
  readonly transient: boolean;

  constructor(
    why: string,
    details: { readonly remedy?: string | undefined; readonly transient?: boolean } = {},
  ) {
    super(why);
    this.remedy = details.remedy;
    this.transient = details.transient ?? false;
  }
}

export interface HttpLimits {
  /** Milliseconds for one attempt, from the connection to the last byte of the body. */
  readonly attempt: number;
  /** Milliseconds for everything that is asked through one `openHttp`, pauses included. */
  readonly total: number;
  /** How often one request is sent at most. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; each further pause is twice as long. */
  readonly pause: number;
  /** Milliseconds that a pause takes at most, whatever the server asks for. */
  readonly longestPause: number;
  /** Bytes of a body at most. Registries hold manifests to the same limit. */
  readonly body: number;
  /** Redirects that one attempt follows at most. */
  readonly redirects: number;
}

const usualLimits: HttpLimits = {
  attempt: layout.limits.network / 3,
  total: layout.limits.network,
  attempts: 4,
  pause: 500,
  longestPause: 10_000,
  body: 4 * 1024 * 1024,
  redirects: 5,
};

/** Waits some milliseconds; rejects as soon as the signal fires. */
export type Sleep = (milliseconds: number, signal: AbortSignal) => Promise<unknown>;

export interface HttpOptions {
  /** Ends every request at once, for Ctrl-C. */
  readonly signal?: AbortSignal | undefined;
  readonly limits?: Partial<HttpLimits> | undefined;
  readonly sleep?: Sleep | undefined;
}

/** One question to the network, which may take several requests. */
export interface Http {
  readonly limits: HttpLimits;
  readonly sleep: Sleep;
  readonly interrupt: AbortSignal | undefined;
  /** Fires when the question is to end: interrupted, or out of time. */
  readonly end: AbortSignal;
}

/** Opens HTTP for one question; its time runs from here. */
export function openHttp(options: HttpOptions = {}): Http {
  const limits = { ...usualLimits, ...options.limits };
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

export interface RequestOptions {
  readonly method?: "GET" | "HEAD";
  /** `Authorization` stays with the origin that the request names: no redirect takes it along. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Sends a request, and again after 429, 5xx, a lost connection or a silence. The answer to the last
 * attempt counts, whatever its status.
 *
 * @throws {NoAnswer} If there is no whole answer within the limits, or a redirect leads astray.
 */
export async function request(http: Http, url: URL, options: RequestOptions = {}): Promise<Reply> {
  const { limits } = http;
  let last: string | undefined;
  for (let attempt = 1; ; attempt += 1) {
    let reply: Reply | undefined;
    try {
      reply = await attemptOnce(http, url, options);
      if (attempt >= limits.attempts || !isPassing(reply.status)) {
        return reply;
      }
      last = describe(reply);
    } catch (thrown) {
      const isLast = http.end.aborted || attempt >= limits.attempts;
      if (!(thrown instanceof NoAnswer) || !thrown.transient || isLast) {
        throw withHistory(thrown, last);
      }
      last = thrown.message;
    }
    const usual = limits.pause * 2 ** (attempt - 1);
    const pause = Math.min(limits.longestPause, askedPause(reply) ?? usual);
    await http.sleep(pause, http.end).catch((thrown) => {
      throw withHistory(reasonOf(thrown, http, url), last);
    });
  }
}

/** Keeps what the attempts before said, which tells more than that the time is over. */
function withHistory(thrown: unknown, last: string | undefined): unknown {
  return thrown instanceof NoAnswer && last !== undefined && last !== thrown.message
    ? new NoAnswer(`${thrown.message}; before that: ${last}`, thrown)
    : thrown;
}

/** Whether a status may be another one a moment later. */
export function isPassing(status: number): boolean {
  return status === 429 || status >= 500;
}

/** The pause in milliseconds that a server asks for with `Retry-After`. */
function askedPause(reply: Reply | undefined): number | undefined {
  const asked = reply?.headers.get("retry-after")?.trim() ?? "";
  if (/^[0-9]{1,9}$/.test(asked)) {
    return Number(asked) * 1000;
  }
  // A moment by the server's clock is measured by the server's clock, right or wrong.
  const pause = Date.parse(asked) - Date.parse(reply?.headers.get("date") ?? "");
  return Number.isNaN(pause) ? undefined : Math.max(0, pause);
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

async function attemptOnce(http: Http, start: URL, options: RequestOptions): Promise<Reply> {
  const limit = AbortSignal.timeout(http.limits.attempt);
  const signal = AbortSignal.any([limit, http.end]);
  const headers = new Headers(options.headers);
  headers.set("User-Agent", `${layout.product}-release-tools`);
  // Digests count the bytes as they are sent, and the limit of a body counts no other ones.
  headers.set("Accept-Encoding", "identity");
  let url = permitted(start);
  try {
    for (let hops = 0; ; hops += 1) {
      const response = await fetch(url, {
        method: options.method ?? "GET",
        headers,
        signal,
        redirect: "manual",
        decompress: false,
        // A proxy's loopback is another machine's.
        proxy: isLoopback(url) ? false : undefined,
        // Said in so many words, so that NODE_TLS_REJECT_UNAUTHORIZED=0 changes nothing.
        tls: { rejectUnauthorized: true },
      });
      const location = response.headers.get("location");
      if (location === null || !redirects.has(response.status)) {
        const body = await readBody(response, http.limits.body, url);
        return { status: response.status, headers: response.headers, body, url };
      }
      await response.body?.cancel();
      if (hops >= http.limits.redirects) {
        throw new NoAnswer(`${start.origin} redirects more than ${http.limits.redirects} times`);
      }
      const next = redirected(url, location);
      if (next.origin !== url.origin) {
        headers.delete("Authorization");
      }
      url = next;
    }
  } catch (thrown) {
    throw reasonOf(thrown, http, url);
  }
}

function redirected(from: URL, location: string): URL {
  const next = URL.parse(location, from.href);
  if (next === null) {
    throw new NoAnswer(`${from.origin} redirects to something that is no URL`);
  }
  return permitted(next, from);
}

/**
 * The URL itself, if it may be asked: over HTTPS, or on loopback, where the way is short enough for
 * plain HTTP; and on loopback only if that is where the question came from.
 *
 * @param from Where the server stands that named the URL, if one did.
 * @throws {NoAnswer} If it may not.
 */
export function permitted(url: URL, from = url): URL {
  const loopback = isLoopback(url);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && loopback)) {
    throw new NoAnswer(`${url.origin === "null" ? url.protocol : url.origin} is not HTTPS`, {
      remedy: "Use a server that speaks HTTPS; plain HTTP is for loopback only",
    });
  }
  if (loopback && !isLoopback(from)) {
    throw new NoAnswer(`${from.origin} points to this machine, ${url.origin}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new NoAnswer(`a URL on ${url.origin} carries a user name or a password`);
  }
  return url;
}

/** Whether a URL's host is this machine, by the host that the URL parser made out. */
export function isLoopback(url: URL): boolean {
  const { hostname } = url;
  return (
    hostname === "localhost" ||
    hostname === "[::1]" ||
    /^127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$/.test(hostname)
  );
}

async function readBody(response: Response, most: number, url: URL): Promise<Uint8Array> {
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
    if (size > most) {
      throw new NoAnswer(`${url.origin} sends more than ${most} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Resolvers do not tell a missing network from a missing name in the same way everywhere. */
const unresolved = "its name cannot be resolved (no network, no DNS, or no such host)";

/** The runtime's error codes in words. */
const failures: ReadonlyMap<unknown, string> = new Map([
  ["ECONNREFUSED", "the connection is refused"],
  ["ECONNRESET", "the connection was closed before the end of the answer"],
  ["EAI_AGAIN", unresolved],
  ["ENOTFOUND", unresolved],
  ["EPROTO", "the TLS handshake failed"],
  ["Malformed_HTTP_Response", "the answer is not HTTP"],
]);

const transientFailures: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT"]);

/** Turns what ended an attempt into a `NoAnswer`; a defect of the program stays what it is. */
function reasonOf(thrown: unknown, http: Http, url: URL): unknown {
  if (http.interrupt?.aborted) {
    return new NoAnswer("the question was interrupted");
  }
  if (thrown instanceof NoAnswer) {
    return thrown;
  }
  const { name, code } = thrown as { name?: unknown; code?: unknown };
  if (http.end.aborted || name === "TimeoutError") {
    const limit = http.end.aborted ? http.limits.total : http.limits.attempt;
    return new NoAnswer(`${url.origin} gave no whole answer within ${limit / 1000} s`, {
      transient: true,
    });
  }
  return typeof code === "string"
    ? new NoAnswer(`${url.origin} cannot be asked: ${failures.get(code) ?? code}`, {
        transient: transientFailures.has(code),
      })
    : thrown;
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

/** A member of a JSON text's top-level object, or undefined if there is none. */
export function member(text: string, name: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" && Object.hasOwn(value, name)
      ? (value as Record<string, unknown>)[name]
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The error codes of a registry's reply, as the distribution specification lays them out. The
 * messages beside them are free text from outside and stay out of ours.
 */
export function errorCodes(reply: Reply): string[] {
  const errors = reply.status < 400 ? undefined : member(textOf(reply), "errors");
  const codes = (Array.isArray(errors) ? errors : [])
    .slice(0, 4)
    .map((each: unknown) => (each as { code?: unknown } | null)?.code);
  return codes.filter(
    (code): code is string => typeof code === "string" && /^[A-Z][A-Z_]{2,31}$/.test(code),
  );
}
