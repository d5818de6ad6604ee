/** The client of image registries: questions of the OCI distribution specification. */

import { manifestTypes } from "../files/image-manifest.ts";
import {
  type ImageReference,
  isDigest,
  nameOf,
  parseImageReference,
} from "../files/image-reference.ts";
import { quote } from "../finding.ts";
import type { Environment } from "../process.ts";
import { ghToken } from "./gh.ts";
import {
  describe,
  errorCodes,
  type HttpOptions,
  isLoopback,
  member,
  NoAnswer,
  openHttp,
  permitted,
  type Reply,
  request,
  textOf,
} from "./http.ts";

/** The origin of the registry that gh's token is for. */
export const githubRegistry = "https://ghcr.io";

/** Where a registry is asked from. */
export interface RegistryWorld {
  /** Where gh runs, which is asked for a token if anonymous access is denied. */
  readonly env: Environment;
  readonly cwd: string;
  /** The only origin that gets gh's token; default: `githubRegistry`. */
  readonly tokenOrigin?: string;
  /** Ctrl-C, and limits other than the usual ones. */
  readonly http?: HttpOptions;
}

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
   * Fetches the manifest of a tag or a digest.
   *
   * @throws {NoAnswer} If the registry gave no answer that can be relied on.
   */
  manifest(reference: string): Promise<StoredManifest | Absent>;
  /**
   * Fetches the text of a blob.
   *
   * @throws {NoAnswer} If the registry did not deliver it whole.
   */
  blob(digest: string): Promise<string>;
}

/** The URL of a registry: HTTPS, or plain HTTP on loopback. */
export function registryUrl(host: string): URL {
  const served = host === "docker.io" ? "registry-1.docker.io" : host;
  const secure = new URL(`https://${served}`);
  return isLoopback(secure) ? new URL(`http://${served}`) : secure;
}

/**
 * Opens the repository of an image or another artifact.
 *
 * @throws {SyntaxError} If the reference has parts that `parseImageReference` would not return: they
 *   become parts of a URL.
 */
export function openRegistry(reference: ImageReference, world: RegistryWorld): Registry {
  const name = nameOf(reference);
  const read = parseImageReference(name);
  if (nameOf(read) !== name || read.repository !== reference.repository) {
    throw new SyntaxError(`the parts of ${quote(name)} are those of another reference`);
  }
  const get = authenticatedGet(reference, world);
  return {
    async manifest(wanted) {
      const reply = await get(`manifests/${wanted}`, manifestTypes.join(", "));
      return reply.status === 404 && saysAbsent(reply)
        ? { absent: describe(reply) }
        : checkedManifest(expectSuccess(reply), wanted);
    },
    async blob(digest) {
      const reply = expectSuccess(await get(`blobs/${digest}`, "*/*"));
      expectDigest(reply, digest);
      return textOf(reply);
    },
  };
}

/** Codes with which registries say that there is no such manifest or repository. */
const absentCodes: ReadonlySet<string> = new Set(["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"]);

/**
 * Reports whether a 404 is a registry's own: it names the error, or itself. The 404 of a proxy, a
 * load balancer or another kind of server says nothing about an image.
 */
function saysAbsent(reply: Reply): boolean {
  const codes = errorCodes(reply);
  const api = reply.headers.get("docker-distribution-api-version") ?? "";
  return codes.length === 0
    ? api.startsWith("registry/2")
    : codes.some((code) => absentCodes.has(code));
}

function expectSuccess(reply: Reply): Reply {
  if (reply.status !== 200) {
    throw new NoAnswer(describe(reply));
  }
  return reply;
}

function expectDigest(reply: Reply, expected: string): void {
  const algorithm = expected.startsWith("sha512:") ? "sha512" : "sha256";
  const found = `${algorithm}:${new Bun.CryptoHasher(algorithm).update(reply.body).digest("hex")}`;
  if (found !== expected) {
    throw new NoAnswer(
      `${reply.url.origin} sends a body with digest ${found}, expected ${expected}`,
    );
  }
}

/** The manifest in a reply, by the digest that was asked for, that the registry names, or that it has. */
function checkedManifest(reply: Reply, wanted: string): StoredManifest {
  const type = (reply.headers.get("content-type") ?? "").split(";", 1)[0]?.trim() ?? "";
  const mediaType = manifestTypes.find((known) => known === type.toLowerCase());
  if (mediaType === undefined) {
    throw new NoAnswer(
      `${reply.url.origin} answered ${reply.status} with ${quote(type)}, expected an image manifest`,
    );
  }
  const named = reply.headers.get("docker-content-digest");
  if (named !== null && !isDigest(named)) {
    throw new NoAnswer(`${reply.url.origin} names digest ${quote(named)}, which cannot be checked`);
  }
  const own = `sha256:${new Bun.CryptoHasher("sha256").update(reply.body).digest("hex")}`;
  const digest = isDigest(wanted) ? wanted : (named ?? own);
  expectDigest(reply, digest);
  expectDigest(reply, named ?? digest);
  return { digest, mediaType, text: textOf(reply) };
}

/**
 * Returns a function that reads paths of a repository. Where the registry denies access, it asks the
 * registry's token server: without a login first, then as the operator who is logged in to gh.
 */
function authenticatedGet(
  { registry, repository }: ImageReference,
  { env, cwd, tokenOrigin = githubRegistry, http: options }: RegistryWorld,
): (path: string, accept: string) => Promise<Reply> {
  const base = registryUrl(registry);
  const http = openHttp(options);
  let bearer: { Authorization?: string } = {};

  // Behind a redirect it is not the registry that denies, and nothing there gets a token.
  const isDenial = (reply: Reply) => isDenied(reply) && reply.url.origin === base.origin;

  /** The operator's login, which goes to the origin that it is for and to no other. */
  async function operatorLogin(realm: URL, denial: Reply): Promise<{ Authorization: string }> {
    const stranger = [base, realm].find(({ origin }) => origin !== tokenOrigin);
    if (stranger !== undefined) {
      const kept = `anonymous access, and gh's token is not for ${stranger.origin}`;
      throw denied(denial, kept, readable);
    }
    const answer = await ghToken(env, cwd, { signal: options?.signal });
    if ("why" in answer) {
      throw denied(denial, `anonymous access, and ${answer.why}`, logIn);
    }
    // The user name may be any: the token alone counts.
    const login = Buffer.from(`x-access-token:${answer.token}`).toString("base64");
    return { Authorization: `Basic ${login}` };
  }

  return async (path, accept) => {
    const url = new URL(`/v2/${repository}/${path}`, base);
    let reply = await request(http, url, { Accept: accept, ...bearer });
    if (!isDenial(reply)) {
      return reply;
    }
    const realm = tokenServer(reply, repository);
    for (const isAnonymous of [true, false]) {
      const login = isAnonymous ? {} : await operatorLogin(realm, reply);
      reply = await request(http, realm, { Accept: "application/json", ...login });
      if (isDenied(reply)) {
        continue;
      }
      const Authorization = `Bearer ${tokenIn(expectSuccess(reply))}`;
      reply = await request(http, url, { Accept: accept, Authorization });
      if (!isDenial(reply)) {
        bearer = { Authorization };
        return reply;
      }
    }
    throw denied(reply, "gh's token", letRead);
  };
}

const readable = "Let the image be read without a login, or look it up by hand";
const logIn = "Log in with a token that may read packages: gh auth login --scopes read:packages";
const letRead = "Let gh's token read packages: gh auth refresh --scopes read:packages";

function isDenied({ status }: Reply): boolean {
  return status === 401 || status === 403;
}

function denied(reply: Reply, whom: string, remedy: string): NoAnswer {
  const ambiguous = "a denial does not tell a private image from an absent one";
  return new NoAnswer(`${describe(reply)} to ${whom}; ${ambiguous}`, remedy);
}

function tokenIn(reply: Reply): string {
  const token = member(reply, "token") ?? member(reply, "access_token");
  if (typeof token !== "string" || !/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
    throw new NoAnswer(`token server ${reply.url.origin} answered without a token`);
  }
  return token;
}

/**
 * Returns the question to the token server that a denial names in its Bearer challenge.
 *
 * @throws {NoAnswer} If it names none that may be asked.
 */
function tokenServer(denial: Reply, repository: string): URL {
  // The length bounds the time of the patterns.
  const header = (denial.headers.get("www-authenticate") ?? "").slice(0, 4096);
  const challenge = /(?:^|,) *Bearer +(.+)$/i.exec(header)?.[1];
  if (challenge === undefined) {
    throw denied(denial, "anonymous access, and offers no Bearer token", readable);
  }
  const parameter = (name: string) =>
    new RegExp(`(?:^|,) *${name}="([^"]*)"`, "i").exec(challenge)?.[1];
  const realm = URL.parse(parameter("realm") ?? "");
  if (realm === null) {
    throw new NoAnswer(`${denial.url.origin} names a token server that is not a URL`);
  }
  const service = parameter("service");
  if (service !== undefined) {
    realm.searchParams.set("service", service);
  }
  // Whatever scope the registry names, a token that may pull is enough.
  realm.searchParams.set("scope", `repository:${repository}:pull`);
  return permitted(realm, denial.url);
}
