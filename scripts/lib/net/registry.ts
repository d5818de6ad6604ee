/** Reads image registries, as the OCI distribution specification defines. */

import { Unverified } from "../answer.ts";
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
  noAnswer,
  noAnswerIn,
  openHttp,
  permitted,
  type Reply,
  textOf,
} from "./http.ts";

/** The origin of the registry that gh's token is for. */
export const githubRegistry = "https://ghcr.io";

/** What is needed to ask a registry. */
export interface RegistryWorld {
  /** The environment of gh, which is asked for a token if the registry denies anonymous access. */
  readonly env: Environment;
  readonly cwd: string;
  /** The only origin that gets gh's token; default: `githubRegistry`. */
  readonly tokenOrigin?: string;
  /** The signal for Ctrl-C, and limits other than the defaults. */
  readonly http?: HttpOptions;
}

/** A manifest or an index with a verified digest. */
export interface StoredManifest {
  readonly digest: string;
  /** One of `manifestTypes`. */
  readonly mediaType: string;
  readonly text: string;
}

/** One repository of a registry. */
export type Registry = ReturnType<typeof openRegistry>;

/** Returns the URL of a registry: with HTTPS, or on loopback with plain HTTP. */
export function registryUrl(host: string): URL {
  const served = host === "docker.io" ? "registry-1.docker.io" : host;
  const secure = new URL(`https://${served}`);
  return isLoopback(secure) ? new URL(`http://${served}`) : secure;
}

/**
 * Returns functions that read the repository of an image or another artifact. They throw
 * `Unverified`: `pending` if the registry reports that it has no such manifest, and `unknown` if it
 * gives no reliable answer.
 *
 * @throws {SyntaxError} If `parseImageReference` would not return these parts. They become parts of
 *   a URL.
 */
export function openRegistry(reference: ImageReference, world: RegistryWorld) {
  const name = nameOf(reference);
  const read = parseImageReference(name);
  if (nameOf(read) !== name || read.repository !== reference.repository) {
    throw new SyntaxError(`the parts of ${quote(name)} are those of another reference`);
  }
  const get = authenticatedGet(reference, world);
  return {
    /** Fetches the manifest of a tag or a digest. */
    async manifest(wanted: string): Promise<StoredManifest> {
      const reply = await get(`manifests/${wanted}`, manifestTypes.join(", "));
      if (reply.status === 404 && saysAbsent(reply)) {
        throw new Unverified("pending", describe(reply));
      }
      return checkedManifest(expectSuccess(reply), wanted);
    },
    /** Fetches the text of a blob. */
    async blob(digest: string): Promise<string> {
      const reply = expectSuccess(await get(`blobs/${digest}`, "*/*"));
      expectDigest(reply, digest);
      return textOf(reply);
    },
  };
}

/** Error codes of registries for a manifest or a repository that does not exist. */
const absentCodes: ReadonlySet<string> = new Set(["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"]);

/**
 * Reports whether a 404 comes from a registry, which names the error or its API version. A 404 of a
 * proxy or a load balancer does not mean that the image is absent.
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
    throw noAnswerIn(reply);
  }
  return reply;
}

/**
 * Returns the digest of a body, with the algorithm of the expected one.
 *
 * @throws {Unverified} If the two differ.
 */
function expectDigest(reply: Reply, expected: string | null): string {
  const algorithm = expected?.startsWith("sha512:") ? "sha512" : "sha256";
  const found = `${algorithm}:${new Bun.CryptoHasher(algorithm).update(reply.body).digest("hex")}`;
  if (found !== (expected ?? found)) {
    throw noAnswer(`${reply.url.origin} sends a body with digest ${found}, expected ${expected}`);
  }
  return found;
}

/** Returns the manifest in a reply, after checking its media type and its digests. */
function checkedManifest(reply: Reply, wanted: string): StoredManifest {
  const type = (reply.headers.get("content-type") ?? "").split(";", 1)[0]?.trim() ?? "";
  const mediaType = manifestTypes.find((known) => known === type.toLowerCase());
  if (mediaType === undefined) {
    throw noAnswer(
      `${reply.url.origin} answered ${reply.status} with ${quote(type)}, expected an image manifest`,
    );
  }
  const named = expectDigest(reply, reply.headers.get("docker-content-digest"));
  const digest = isDigest(wanted) ? expectDigest(reply, wanted) : named;
  return { digest, mediaType, text: textOf(reply) };
}

/**
 * Returns a function that reads paths of a repository. If the registry denies access, the function
 * asks the registry's token server, first without a login, then with the operator's token of gh.
 */
function authenticatedGet(
  { registry, repository }: ImageReference,
  { env, cwd, tokenOrigin = githubRegistry, http }: RegistryWorld,
): (path: string, accept: string) => Promise<Reply> {
  const base = registryUrl(registry);
  const get = openHttp(http);
  let bearer: { Authorization?: string } = {};

  const isDenied = ({ status }: Reply) => status === 401 || status === 403;
  // After a redirect another server denies access, and it must not get a token.
  const isDenial = (reply: Reply) => isDenied(reply) && reply.url.origin === base.origin;

  /** Returns the operator's login. It is sent to `tokenOrigin` only. */
  async function operatorLogin(realm: URL, denial: Reply): Promise<{ Authorization: string }> {
    const stranger = [base, realm].find(({ origin }) => origin !== tokenOrigin);
    if (stranger !== undefined) {
      const kept = `anonymous access, and gh's token is not for ${stranger.origin}`;
      throw denied(denial, kept, readable);
    }
    const token = await ghToken(env, cwd, { signal: http?.signal }).catch((thrown) => {
      const why = `anonymous access, and ${(thrown as Error).message}`;
      throw thrown instanceof Unverified ? denied(denial, why, logIn, thrown.temporary) : thrown;
    });
    // The registry ignores the user name.
    const login = Buffer.from(`x-access-token:${token}`).toString("base64");
    return { Authorization: `Basic ${login}` };
  }

  return async (path, accept) => {
    const url = new URL(`/v2/${repository}/${path}`, base);
    const ask = () => get(url, { Accept: accept, ...bearer });
    let reply = await ask();
    for (const isAnonymous of [true, false]) {
      if (!isDenial(reply)) {
        return reply;
      }
      const realm = tokenServer(reply, repository);
      const login = isAnonymous ? {} : await operatorLogin(realm, reply);
      const granted = await get(realm, { Accept: "application/json", ...login });
      if (!isDenied(granted)) {
        bearer = { Authorization: `Bearer ${tokenIn(granted)}` };
        reply = await ask();
      }
    }
    if (isDenial(reply)) {
      throw denied(reply, "gh's token", letRead);
    }
    return reply;
  };
}

const readable = "Let the image be read without a login, or look it up by hand";
const logIn = "Log in with a token that may read packages: gh auth login --scopes read:packages";
const letRead = "Let gh's token read packages: gh auth refresh --scopes read:packages";

/** Some registries deny what they do not hold yet: unless a login is missing, waiting may help. */
function denied(reply: Reply, whom: string, remedy: string, temporary = true): Unverified {
  const why = `${describe(reply)} to ${whom}; the image may be private or absent`;
  return noAnswer(why, remedy, temporary);
}

function tokenIn(reply: Reply): string {
  expectSuccess(reply);
  const token = member(reply, "token") ?? member(reply, "access_token");
  if (typeof token !== "string" || !/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
    throw noAnswer(`token server ${reply.url.origin} answered without a token`);
  }
  return token;
}

/**
 * Returns the URL that requests a token, from the Bearer challenge of a denial.
 *
 * @throws {Unverified} If the challenge names no token server that may be asked.
 */
function tokenServer(denial: Reply, repository: string): URL {
  // A long header would make the patterns slow.
  const header = (denial.headers.get("www-authenticate") ?? "").slice(0, 4096);
  const parameter = (name: string) =>
    new RegExp(`^Bearer (?:.*[ ,])?${name}="([^"]*)"`, "i").exec(header)?.[1];
  const named = parameter("realm");
  if (named === undefined) {
    throw denied(denial, "anonymous access, and offers no Bearer token", readable);
  }
  const realm = URL.parse(named);
  if (realm === null) {
    throw noAnswer(`${denial.url.origin} names a token server that is not a URL`);
  }
  const service = parameter("service");
  if (service !== undefined) {
    realm.searchParams.set("service", service);
  }
  // A token for pulling is enough, whatever scope the registry names.
  realm.searchParams.set("scope", `repository:${repository}:pull`);
  return permitted(realm, denial.url);
}
