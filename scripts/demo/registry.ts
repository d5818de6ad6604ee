/** A stand-in image registry on loopback: OCI distribution, as much of it as pulling an image takes. */

/** A request as the registry saw it. */
export interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: Headers;
}

/** How the registry wants to be asked. */
export type RegistryAccess =
  | { readonly kind: "open" }
  /** A token for everyone, from the registry's own token server. */
  | { readonly kind: "bearer" }
  /** A token only for who logs in with this password, any user name. */
  | { readonly kind: "private"; readonly password: string };

export interface RegistryOptions {
  readonly access?: RegistryAccess;
  /** Answers in the registry's place, where it answers at all: for faults. */
  readonly intercept?: (
    request: Request,
    path: string,
  ) => Response | undefined | Promise<Response | undefined>;
}

/** Bytes that a registry holds, by digest. */
interface Stored {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

export interface StandInRegistry extends Disposable {
  /** Such as `127.0.0.1:41234`. */
  readonly host: string;
  readonly requests: readonly SeenRequest[];
  /** Holds an image for one platform, under a tag if one is given; answers its manifest's digest. */
  pushImage(repository: string, tag: string | undefined, platform: string): string;
  /** Holds an index of images under a tag, as a multi-platform build pushes it, attestations too. */
  pushIndex(repository: string, tag: string, platforms: readonly string[]): string;
  /** Holds a chart under its version, as `helm push` does; answers the digest of its manifest. */
  pushChart(repository: string, chart: StandInChart): string;
  /** Holds any JSON, or text, as a manifest; under a tag if one is given. Answers its digest. */
  pushManifest(repository: string, tag: string | undefined, body: unknown, type: string): string;
  /** Holds a blob; answers its digest. */
  pushBlob(repository: string, body: unknown): string;
  /** Forgets what a digest names. */
  remove(repository: string, digest: string): void;
}

/** What a chart's artifact says about it. */
export interface StandInChart {
  readonly name: string;
  readonly version: string;
  readonly appVersion: string;
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

/** The digest of a text or of bytes. */
export function digestOf(content: string | Uint8Array): string {
  return `sha256:${new Bun.CryptoHasher("sha256").update(content).digest("hex")}`;
}

/** Starts an empty registry; it stops when the scope ends: `using registry = startRegistry()`. */
export function startRegistry(options: RegistryOptions = {}): StandInRegistry {
  const access = options.access ?? { kind: "open" };
  const requests: SeenRequest[] = [];
  const manifests = new Map<string, Stored>();
  const blobs = new Map<string, Stored>();

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const path = `${pathname}${search}`;
      requests.push({ method: request.method, path, headers: new Headers(request.headers) });
      return (await options.intercept?.(request, path)) ?? answer(request, pathname);
    },
  });
  const host = `${server.hostname}:${server.port}`;

  function answer(request: Request, path: string): Response {
    const authorization = request.headers.get("authorization") ?? "";
    if (path === "/token") {
      const allowed = access.kind === "bearer" || knows(access, authorization);
      return allowed ? Response.json({ token: bearerToken }) : failure(401, "UNAUTHORIZED");
    }
    if (access.kind !== "open" && authorization !== `Bearer ${bearerToken}`) {
      return failure(401, "UNAUTHORIZED", { "WWW-Authenticate": challenge(path) });
    }
    const [, repository = "", kind = "", reference = ""] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
    const found = (kind === "blobs" ? blobs : manifests).get(`${repository}/${reference}`);
    if (found === undefined) {
      return failure(404, kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN");
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

  function challenge(path: string): string {
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(path)?.[1];
    return `Bearer realm="http://${host}/token",service="${host}",scope="repository:${repository}:pull"`;
  }

  function pushBlob(repository: string, body: unknown): string {
    const bytes = encode(body);
    blobs.set(`${repository}/${digestOf(bytes)}`, { bytes, mediaType: "application/octet-stream" });
    return digestOf(bytes);
  }

  function pushManifest(
    repository: string,
    tag: string | undefined,
    body: unknown,
    mediaType: string,
  ): string {
    const bytes = encode(body);
    const digest = digestOf(bytes);
    for (const reference of [digest, ...(tag === undefined ? [] : [tag])]) {
      manifests.set(`${repository}/${reference}`, { bytes, mediaType });
    }
    return digest;
  }

  function pushImage(repository: string, tag: string | undefined, platform: string): string {
    const [os, architecture, variant] = platform.split("/");
    const config = { os, architecture, variant, rootfs: { type: "layers", diff_ids: [] } };
    const descriptor = {
      mediaType: mediaTypes.config,
      digest: pushBlob(repository, config),
      size: encode(config).length,
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: descriptor,
      layers: [],
    };
    return pushManifest(repository, tag, manifest, mediaTypes.manifest);
  }

  function pushIndex(repository: string, tag: string, platforms: readonly string[]): string {
    const images = platforms.map((platform) => {
      const [os, architecture, variant] = platform.split("/");
      const digest = pushImage(repository, undefined, platform);
      return entry(repository, digest, { os, architecture, variant });
    });
    const attestations = images.map(({ digest }) => ({
      ...entry(repository, pushImage(repository, undefined, `unknown/unknown/${digest.slice(7)}`), {
        os: "unknown",
        architecture: "unknown",
      }),
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": digest,
      },
    }));
    const index = {
      schemaVersion: 2,
      mediaType: mediaTypes.index,
      manifests: [...images, ...attestations],
    };
    return pushManifest(repository, tag, index, mediaTypes.index);
  }

  function pushChart(repository: string, chart: StandInChart): string {
    const content = `the archive of ${chart.name} ${chart.version}`;
    const part = (mediaType: string, body: unknown) => ({
      mediaType,
      digest: pushBlob(repository, body),
      size: encode(body).length,
    });
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: part(mediaTypes.helmConfig, { apiVersion: "v2", ...chart }),
      layers: [part(mediaTypes.helmContent, content)],
    };
    return pushManifest(repository, chart.version, manifest, mediaTypes.manifest);
  }

  function entry(repository: string, digest: string, platform: object) {
    const size = manifests.get(`${repository}/${digest}`)?.bytes.length;
    return { mediaType: mediaTypes.manifest, digest, size, platform };
  }

  return {
    host,
    requests,
    pushImage,
    pushIndex,
    pushChart,
    pushManifest,
    pushBlob,
    remove(repository, digest) {
      manifests.delete(`${repository}/${digest}`);
      blobs.delete(`${repository}/${digest}`);
    },
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** An error as the distribution specification lays it out. */
export function failure(
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const errors = [{ code, message: code.toLowerCase().replaceAll("_", " ") }];
  return Response.json({ errors }, { status, headers });
}

/** Whether credentials of the Basic scheme carry the password. */
function knows(access: RegistryAccess, authorization: string): boolean {
  const credentials = /^Basic (.+)$/.exec(authorization)?.[1] ?? "";
  const said = Buffer.from(credentials, "base64").toString();
  return "password" in access && said.slice(said.indexOf(":") + 1) === access.password;
}

function encode(body: unknown): Uint8Array {
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}

/** A server that says the same bytes to every connection, legal HTTP or not, and then hangs up. */
export function startRawServer(
  bytes: string,
  end: "close" | "reset" | "stay" = "close",
): Disposable & { readonly host: string; readonly connections: () => number } {
  let connections = 0;
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket) {
        connections += 1;
        socket.write(bytes);
        if (end === "close") {
          socket.end();
        } else if (end === "reset") {
          socket.terminate();
        }
      },
    },
  });
  return {
    host: `127.0.0.1:${server.port}`,
    connections: () => connections,
    [Symbol.dispose]: () => server.stop(true),
  };
}
