/** The door to image registries: the questions of the OCI distribution specification. */

import { quote } from "../finding.ts";
import { parseChallenges } from "./challenge.ts";
import type { GhToken } from "./gh.ts";
import {
  describe,
  errorCodes,
  type Http,
  isLoopback,
  isPassing,
  member,
  NoAnswer,
  permitted,
  type Reply,
  request,
  textOf,
} from "./registry.ts";

/** Names of registries that are served elsewhere. */
const servedBy: ReadonlyMap<string, string> = new Map([
  ["docker.io", "registry-1.docker.io"],
  ["index.docker.io", "registry-1.docker.io"],
]);

/** The origin of the registry that a token of github.com is for. */
export const githubRegistry = "https://ghcr.io";

/** Media types that a registry may answer with when asked for an image. */
export const manifestTypes = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
} as const;

/** A manifest or an index, its digest checked. */
export interface StoredManifest {
  readonly digest: string;
  /** One of `manifestTypes`. */
  readonly mediaType: string;
  readonly text: string;
}

/** Something that the registry itself says it does not hold. */
export interface Absent {
  readonly absent: string;
}

/** One repository of a registry. */
export interface Registry {
  /**
   * The manifest of a tag or a digest.
   *
   * @throws {NoAnswer} If the registry gave no answer that can be relied on.
   */
  manifest(reference: string): Promise<StoredManifest | Absent>;
  /**
   * The text of a blob.
   *
   * @throws {NoAnswer} If the registry did not deliver it whole.
   */
  blob(digest: string): Promise<string>;
}

export interface RegistryOptions {
  readonly http: Http;
  /** The origin of the one registry that the token is for. */
  readonly tokenOrigin: string;
  /** Asked once, and only where that registry denies anonymous access. */
  readonly token: () => Promise<GhToken>;
}

/** Where a registry is served: over HTTPS, or on loopback over plain HTTP. */
export function registryUrl(host: string): URL {
  const served = servedBy.get(host.toLowerCase()) ?? host;
  const secure = new URL(`https://${served}`);
  return isLoopback(secure) ? new URL(`http://${served}`) : secure;
}

/**
 * Opens a repository of a registry, over HTTPS or, on loopback, plain HTTP.
 *
 * @param host Such as `ghcr.io`, `localhost:5000` or `docker.io`.
 * @param repository A legal repository path: it becomes part of a URL.
 */
export function openRegistry(host: string, repository: string, options: RegistryOptions): Registry {
  const base = registryUrl(host);
  const get = authenticatedGet(base, repository, options);
  return {
    async manifest(reference) {
      const reply = await get(`manifests/${reference}`, Object.values(manifestTypes).join(", "));
      if (reply.status === 404 && saysAbsent(reply)) {
        return { absent: describe(reply) };
      }
      expectSuccess(reply);
      return checkedManifest(reply, isDigest(reference) ? reference : undefined);
    },
    async blob(digest) {
      const reply = await get(`blobs/${digest}`, "*/*");
      expectSuccess(reply);
      expectDigest(reply, digest);
      return textOf(reply);
    },
  };
}

/** Codes with which registries say that there is no such manifest or repository. */
const absentCodes: ReadonlySet<string> = new Set(["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"]);

/**
 * Whether a 404 is a registry's own: it names the error, or itself. The 404 of a proxy, a load
 * balancer or another kind of server says nothing about an image.
 */
function saysAbsent(reply: Reply): boolean {
  const codes = errorCodes(reply);
  const api = reply.headers.get("docker-distribution-api-version") ?? "";
  return codes.length === 0
    ? api.startsWith("registry/2")
    : codes.some((code) => absentCodes.has(code));
}

function expectSuccess(reply: Reply): void {
  if (reply.status !== 200) {
    throw new NoAnswer(describe(reply), { transient: isPassing(reply.status) });
  }
}

/** The digests that a manifest or a blob is named by. */
export function isDigest(text: string): boolean {
  return /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/.test(text);
}

function expectDigest(reply: Reply, expected: string): void {
  const algorithm = expected.startsWith("sha512:") ? "sha512" : "sha256";
  const found = `${algorithm}:${new Bun.CryptoHasher(algorithm).update(reply.body).digest("hex")}`;
  if (found !== expected) {
    const what = `${reply.url.origin} sends a body with digest ${found}, expected ${expected}`;
    throw new NoAnswer(what, { transient: true });
  }
}

function checkedManifest(reply: Reply, wanted: string | undefined): StoredManifest {
  const type = (reply.headers.get("content-type") ?? "").split(";", 1)[0]?.trim() ?? "";
  const mediaType = Object.values(manifestTypes).find((known) => known === type.toLowerCase());
  if (mediaType === undefined) {
    throw new NoAnswer(
      `${reply.url.origin} answered ${reply.status} with ${quote(type)}, expected an image manifest`,
    );
  }
  const said = reply.headers.get("docker-content-digest") ?? undefined;
  if (said !== undefined && !isDigest(said)) {
    throw new NoAnswer(`${reply.url.origin} names digest ${quote(said)}, which cannot be checked`);
  }
  const sha256 = new Bun.CryptoHasher("sha256").update(reply.body).digest("hex");
  const digest = wanted ?? said ?? `sha256:${sha256}`;
  for (const each of [digest, said ?? digest]) {
    expectDigest(reply, each);
  }
  return { digest, mediaType, text: textOf(reply) };
}

/** Reads paths below `/v2/<repository>/`: anonymously first, then as the operator known to gh. */
function authenticatedGet(
  base: URL,
  repository: string,
  { http, tokenOrigin, token }: RegistryOptions,
): (path: string, accept: string) => Promise<Reply> {
  const secrets = new Set<string>();
  let authorization: string | undefined;
  let operator: Promise<GhToken> | undefined;

  async function send(url: URL, accept: string, credentials = authorization): Promise<Reply> {
    const headers = { Accept: accept, ...(credentials && { Authorization: credentials }) };
    const reply = await request(http, url, { headers });
    // Whatever is quoted from a reply later on, it cannot be the operator's token.
    const said = [...reply.headers.values(), textOf(reply)].join("\n");
    if ([...secrets].some((secret) => said.includes(secret))) {
      throw new NoAnswer(`${reply.url.origin} repeats the credentials that it was sent`);
    }
    return reply;
  }

  /** The value of an `Authorization` header, or the reply with which a token server denies one. */
  async function authorize(challenge: Challenge, basic?: string): Promise<string | Reply> {
    if (challenge.realm === undefined) {
      return basic === undefined ? challenge.reply : `Basic ${basic}`;
    }
    const url = tokenUrl(challenge.realm, challenge, `repository:${repository}:pull`);
    const credentials = basic === undefined ? {} : { Authorization: `Basic ${basic}` };
    const reply = await request(http, url, {
      headers: { Accept: "application/json", ...credentials },
    });
    if (isDenied(reply)) {
      return reply;
    }
    expectSuccess(reply);
    const found = member(textOf(reply), "token") ?? member(textOf(reply), "access_token");
    if (typeof found !== "string" || !/^[A-Za-z0-9._~+/-]+=*$/.test(found)) {
      throw new NoAnswer(`token server ${reply.url.origin} answered without a token`);
    }
    if (basic !== undefined) {
      secrets.add(found);
    }
    return `Bearer ${found}`;
  }

  /** The operator's token as basic credentials, where that token may go. */
  async function operatorCredentials(challenge: Challenge, reply: Reply): Promise<string> {
    if (base.origin !== tokenOrigin) {
      throw denied(reply, "anonymous access", readable);
    }
    if (challenge.realm !== undefined && challenge.realm.origin !== base.origin) {
      const kept = `anonymous access, and gh's token is not for ${challenge.realm.origin}`;
      throw denied(reply, kept, readable);
    }
    operator ??= token();
    const answer = await operator;
    if ("why" in answer) {
      throw denied(reply, `anonymous access, and ${answer.why}`, logIn);
    }
    // The user name may be any: the token alone counts.
    const basic = Buffer.from(`x-access-token:${answer.token}`).toString("base64");
    secrets.add(answer.token).add(basic);
    return basic;
  }

  // Behind a redirect it is not the registry that denies, and nothing there is asked for a login.
  const deniesItself = (reply: Reply) => isDenied(reply) && reply.url.origin === base.origin;

  return async (path, accept) => {
    const url = new URL(`/v2/${repository}/${path}`, base);
    let reply = await send(url, accept);
    if (!deniesItself(reply)) {
      return reply;
    }
    const challenge = readChallenge(reply);
    for (const anonymous of [true, false]) {
      const basic = anonymous ? undefined : await operatorCredentials(challenge, reply);
      const authorized = await authorize(challenge, basic);
      reply = typeof authorized === "string" ? await send(url, accept, authorized) : authorized;
      if (typeof authorized === "string" && !deniesItself(reply)) {
        authorization = authorized;
        return reply;
      }
    }
    throw denied(reply, "gh's token", letRead);
  };
}

const readable = "Let the image be read without a login, or look it up by hand";
const logIn = "Log in with a token that may read packages: gh auth login --scopes read:packages";
const letRead = "Let gh's token read packages: gh auth refresh --scopes read:packages";

function isDenied(reply: Reply): boolean {
  return reply.status === 401 || reply.status === 403;
}

function denied(reply: Reply, whom: string, remedy: string): NoAnswer {
  const ambiguous = "a denial does not tell a private image from an absent one";
  return new NoAnswer(`${describe(reply)} to ${whom}; ${ambiguous}`, { remedy });
}

/** How a registry wants to be asked. */
interface Challenge {
  /** The reply that carried it. */
  readonly reply: Reply;
  /** The token server of Bearer; none means Basic. */
  readonly realm: URL | undefined;
  readonly service: string | undefined;
  readonly scope: string | undefined;
}

/**
 * The challenge of a reply that can be met.
 *
 * @throws {NoAnswer} If there is none.
 */
function readChallenge(reply: Reply): Challenge {
  const origin = reply.url.origin;
  const offered = parseHeader(reply);
  const bearer = offered.find(({ scheme }) => scheme === "bearer");
  if (bearer === undefined && !offered.some(({ scheme }) => scheme === "basic")) {
    const schemes = offered.map(({ scheme }) => scheme).join(", ");
    const how = schemes === "" ? "does not say how to log in" : `asks for ${quote(schemes)}`;
    throw new NoAnswer(`${describe(reply)} and ${how}, expected Bearer or Basic`);
  }
  const realm = bearer && URL.parse(bearer.parameters.get("realm") ?? "");
  if (realm === null) {
    throw new NoAnswer(`${origin} names a token server that is no URL`);
  }
  return {
    reply,
    realm: realm && permitted(realm, reply.url),
    service: bearer?.parameters.get("service"),
    scope: bearer?.parameters.get("scope"),
  };
}

function parseHeader(reply: Reply) {
  try {
    return parseChallenges(reply.headers.get("www-authenticate") ?? "");
  } catch (thrown) {
    if (thrown instanceof SyntaxError) {
      throw new NoAnswer(`${describe(reply)} with a challenge that cannot be read`);
    }
    throw thrown;
  }
}

/** The question to a token server, by the registry's token authentication specification. */
function tokenUrl(realm: URL, { service, scope }: Challenge, usualScope: string): URL {
  const url = new URL(realm);
  if (service !== undefined) {
    url.searchParams.set("service", service);
  }
  for (const each of (scope ?? usualScope).split(" ").filter((part) => part !== "")) {
    url.searchParams.append("scope", each);
  }
  return url;
}
