/**
 * Registries on loopback for the demo and the tests: one of images, with the part of OCI distribution for
 * pulls, and one of crates, with the sparse protocol of cargo.
 */

import { crateIndexPath } from "../verify/published.ts";

/** Returns a response to send instead of the server's, to simulate faults. */
type Intercept = (
  request: Request,
  path: string,
) => Response | undefined | Promise<Response | undefined>;

/** Starts a server that records its requests. It stops at the end of its scope. */
function serve(answer: (request: Request, path: string) => Response, intercept?: Intercept) {
  const requests: { method: string; path: string; headers: Headers }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const path = `${pathname}${search}`;
      requests.push({ method: request.method, path, headers: new Headers(request.headers) });
      return (await intercept?.(request, path)) ?? answer(request, pathname);
    },
  });
  return {
    host: `${server.hostname}:${server.port}`,
    requests,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** How clients authenticate. */
type Access =
  | { readonly kind: "open" }
  /** The token server gives a token to everyone. */
  | { readonly kind: "bearer" }
  /** The token server requires this password, with any user name. */
  | { readonly kind: "private"; readonly password: string };

export interface RegistryOptions {
  readonly access?: Access;
  readonly intercept?: Intercept;
}

export const mediaTypes = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  helmConfig: "application/vnd.cncf.helm.config.v1+json",
  helmContent: "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
} as const;

const bearerToken = "stand-in-registry-bearer-token";

/** Returns the OCI digest of a text or of bytes. */
export function digestOf(content: string | Uint8Array): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(content).digest("hex")}`;
}

export type StandInRegistry = ReturnType<typeof startRegistry>;

/** Starts an empty registry, which stops at the end of its scope: `using registry = startRegistry()`. */
export function startRegistry({ access = { kind: "open" }, intercept }: RegistryOptions = {}) {
  /** Manifests and blobs by the path of their request, in the order of the pushes. */
  const held = new Map<string, { readonly bytes: Uint8Array; readonly mediaType: string }>();
  const server = serve(answer, intercept);
  const { host } = server;

  function answer(request: Request, path: string): Response {
    const authorization = request.headers.get("authorization") ?? "";
    if (path === "/token") {
      const isAllowed = access.kind === "bearer" || hasPassword(access, authorization);
      return isAllowed ? Response.json({ token: bearerToken }) : failure(401, "UNAUTHORIZED");
    }
    if (access.kind !== "open" && authorization !== `Bearer ${bearerToken}`) {
      const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(path)?.[1];
      const challenge = `Bearer realm="http://${host}/token",service="${host}",scope="repository:${repository}:pull"`;
      return failure(401, "UNAUTHORIZED", { "WWW-Authenticate": challenge });
    }
    const found = held.get(path);
    if (found === undefined) {
      return failure(404, path.includes("/blobs/") ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN");
    }
    return new Response(request.method === "HEAD" ? null : found.bytes, {
      headers: {
        "Content-Type": found.mediaType,
        "Content-Length": String(found.bytes.length),
        "Docker-Content-Digest": digestOf(found.bytes),
        "Docker-Distribution-API-Version": "registry/2.0",
      },
    });
  }

  /** Stores a blob, and returns its digest. */
  function pushBlob(repository: string, body: unknown): string {
    const bytes = encode(body);
    const digest = digestOf(bytes);
    held.set(`/v2/${repository}/blobs/${digest}`, { bytes, mediaType: "application/octet-stream" });
    return digest;
  }

  /** Stores JSON or a text as a manifest, optionally under a tag, and returns its digest. */
  function pushManifest(
    repository: string,
    tag: string | undefined,
    body: unknown,
    mediaType: string,
  ): string {
    const bytes = encode(body);
    const digest = digestOf(bytes);
    for (const reference of tag === undefined ? [digest] : [digest, tag]) {
      held.set(`/v2/${repository}/manifests/${reference}`, { bytes, mediaType });
    }
    return digest;
  }

  /** Stores an artifact, optionally under a tag, and returns its manifest's digest. */
  function pushArtifact(
    repository: string,
    tag: string | undefined,
    config: readonly [mediaType: string, body: unknown],
    ...layers: (readonly [mediaType: string, body: unknown])[]
  ): string {
    const [about, ...parts] = [config, ...layers].map(([mediaType, body]) => ({
      mediaType,
      digest: pushBlob(repository, body),
      size: encode(body).length,
    }));
    const mediaType = mediaTypes.manifest;
    const manifest = { schemaVersion: 2, mediaType, config: about, layers: parts };
    return pushManifest(repository, tag, manifest, mediaType);
  }

  /** Stores an image of one platform, optionally under a tag, and returns its manifest's digest. */
  function pushImage(repository: string, tag: string | undefined, platform: string): string {
    const config = { ...platformOf(platform), rootfs: { type: "layers", diff_ids: [] } };
    return pushArtifact(repository, tag, [mediaTypes.config, config]);
  }

  /**
   * Stores an index of images under a tag, with attestations, as a multi-platform build pushes it.
   *
   * @param built The platforms in the configurations of the images; by default those of the index.
   * @returns The digest of the index.
   */
  function pushIndex(
    repository: string,
    tag: string,
    platforms: readonly string[],
    built: readonly string[] = platforms,
  ): string {
    const entry = (named: string, digest: string) => ({
      mediaType: mediaTypes.manifest,
      digest,
      size: held.get(`/v2/${repository}/manifests/${digest}`)?.bytes.length,
      platform: platformOf(named),
    });
    const images = platforms.map((platform, index) =>
      entry(platform, pushImage(repository, undefined, built[index] ?? platform)),
    );
    const attestations = images.map(({ digest }) => {
      const subject = `unknown/unknown/${digest.slice("sha256:".length)}`;
      return entry("unknown/unknown", pushImage(repository, undefined, subject));
    });
    const mediaType = mediaTypes.index;
    const index = { schemaVersion: 2, mediaType, manifests: [...images, ...attestations] };
    return pushManifest(repository, tag, index, mediaType);
  }

  /** Stores a chart under its version, as `helm push` does, and returns the digest of its manifest. */
  function pushChart(
    repository: string,
    chart: { readonly name: string; readonly version: string; readonly appVersion: string },
  ): string {
    const config = [mediaTypes.helmConfig, { apiVersion: "v2", ...chart }] as const;
    const archive = `the archive of ${chart.name} ${chart.version}`;
    return pushArtifact(repository, chart.version, config, [mediaTypes.helmContent, archive]);
  }

  return {
    ...server,
    held,
    pushImage,
    pushIndex,
    pushChart,
    pushManifest,
    pushBlob,
    /** Removes the manifest and the blob with a digest. */
    remove(repository: string, digest: string): void {
      held.delete(`/v2/${repository}/manifests/${digest}`);
      held.delete(`/v2/${repository}/blobs/${digest}`);
    },
  };
}

/** Returns an error response in the form of the distribution specification. */
export function failure(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const errors = [{ code, message: code.toLowerCase().replaceAll("_", " ") }];
  return Response.json({ errors }, { status, headers });
}

/** Reports whether Basic credentials have the password. */
function hasPassword(access: Access, authorization: string): boolean {
  const credentials = /^Basic (.+)$/.exec(authorization)?.[1] ?? "";
  const text = Buffer.from(credentials, "base64").toString();
  return "password" in access && text.slice(text.indexOf(":") + 1) === access.password;
}

function platformOf(platform: string) {
  const [os, architecture, variant] = platform.split("/");
  return { os, architecture, variant };
}

function encode(body: unknown): Uint8Array {
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}

export type StandInCrateIndex = ReturnType<typeof startCrateIndex>;

/** Starts an empty crate index, which stops at the end of its scope. */
export function startCrateIndex(intercept?: Intercept) {
  /** The lines of all versions, by the name of the crate. */
  const crates = new Map<string, string>();
  const server = serve((_, path) => {
    if (path === "/config.json") {
      return Response.json({ dl: `http://${server.host}/crates`, api: `http://${server.host}/` });
    }
    const found = [...crates].find(([name]) => path === `/${crateIndexPath(name)}`);
    return found === undefined
      ? new Response("no such crate", { status: 404 })
      : new Response(found[1]);
  }, intercept);

  /** Adds a line to the index file of a crate, valid or not. */
  function addLine(name: string, line: string): void {
    crates.set(name, `${crates.get(name) ?? ""}${line}\n`);
  }

  return {
    ...server,
    /** The base URL of the index, which ends with a slash. */
    url: `http://${server.host}/`,
    addLine,
    /** Adds a version of a crate, and returns its checksum. */
    publish(name: string, version: string, { yanked = false } = {}): string {
      const cksum = digestOf(`the archive of ${name} ${version}`).slice("sha256:".length);
      addLine(name, JSON.stringify({ name, vers: version, deps: [], cksum, features: {}, yanked }));
      return cksum;
    },
    /** Removes a crate. */
    remove: (name: string) => void crates.delete(name),
  };
}
