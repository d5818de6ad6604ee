/** Debian's docker-registry on loopback, and pushes to it over the registry API. */

import { digestOf, mediaTypes } from "../../scripts/demo/registry.ts";
import { temporaryFolder, writeFiles } from "./world.ts";

export interface RealRegistry extends AsyncDisposable {
  /** Host and port. */
  readonly host: string;
  /**
   * Pushes an image of several platforms under a tag; answers the digest of its index.
   *
   * @param built The platforms that the images themselves say; default: those of the index.
   */
  pushIndex(
    repository: string,
    tag: string,
    platforms: readonly string[],
    built?: readonly string[],
  ): Promise<string>;
  /** Pushes a chart as helm does; answers the digest of its manifest. */
  pushChart(
    repository: string,
    chart: { name: string; version: string; appVersion: string },
  ): Promise<string>;
}

/** Starts an empty registry; answers once it is ready. */
export async function startRealRegistry(program: string): Promise<RealRegistry> {
  const folder = temporaryFolder();
  for (let attempt = 1; ; attempt += 1) {
    const host = `127.0.0.1:${freePort()}`;
    writeFiles(folder.path, { "registry.yml": configuration(folder.path, host) });
    const child = Bun.spawn([program, "serve", "registry.yml"], {
      cwd: folder.path,
      env: { PATH: process.env.PATH ?? "", OTEL_TRACES_EXPORTER: "none" },
      stdout: "ignore",
      stderr: "ignore",
    });
    if (await isReady(host, child.exited)) {
      return {
        host,
        pushIndex: (...image) => pushIndex(host, ...image),
        pushChart: (repository, chart) => pushChart(host, repository, chart),
        async [Symbol.asyncDispose]() {
          child.kill("SIGKILL");
          await child.exited;
          folder[Symbol.dispose]();
        },
      };
    }
    child.kill("SIGKILL");
    if (attempt === 3) {
      throw new Error(`${program} does not start`);
    }
  }
}

/** A port that was free a moment ago: whoever finds it taken again takes another one. */
function freePort(): number {
  using server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  return server.port;
}

function configuration(folder: string, host: string): string {
  return `version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: ${folder}/storage}}
http: {addr: "${host}"}
`;
}

async function isReady(host: string, ended: Promise<unknown>): Promise<boolean> {
  const over = ended.then(() => "over" as const);
  for (let look = 0; look < 200; look += 1) {
    const answer = fetch(`http://${host}/v2/`).then(
      ({ status }) => status === 200,
      () => false,
    );
    const found = await Promise.race([answer, over]);
    if (found === true || found === "over") {
      return found === true;
    }
    await Bun.sleep(25);
  }
  return false;
}

async function pushIndex(
  host: string,
  repository: string,
  tag: string,
  platforms: readonly string[],
  built: readonly string[] = platforms,
): Promise<string> {
  const manifests = [];
  for (const [index, platform] of platforms.entries()) {
    const config = {
      ...platformOf(built[index] ?? platform),
      rootfs: { type: "layers", diff_ids: [] },
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: await pushBlob(host, repository, JSON.stringify(config), mediaTypes.config),
      layers: [],
    };
    const text = JSON.stringify(manifest);
    const digest = digestOf(text);
    await pushManifest(host, repository, digest, text, mediaTypes.manifest);
    const size = text.length;
    manifests.push({
      mediaType: mediaTypes.manifest,
      digest,
      size,
      platform: platformOf(platform),
    });
  }
  const index = JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests });
  await pushManifest(host, repository, tag, index, mediaTypes.index);
  return digestOf(index);
}

function platformOf(platform: string) {
  const [os, architecture, variant] = platform.split("/");
  return { os, architecture, variant };
}

async function pushChart(
  host: string,
  repository: string,
  chart: { name: string; version: string; appVersion: string },
): Promise<string> {
  const config = JSON.stringify({ apiVersion: "v2", ...chart });
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: await pushBlob(host, repository, config, mediaTypes.helmConfig),
    layers: [await pushBlob(host, repository, "the archive", mediaTypes.helmContent)],
  });
  await pushManifest(host, repository, chart.version, text, mediaTypes.manifest);
  return digestOf(text);
}

/** Uploads a blob in one piece, as the distribution specification has it; answers its descriptor. */
async function pushBlob(host: string, repository: string, text: string, mediaType: string) {
  const digest = digestOf(text);
  const begun = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  const upload = new URL(begun.headers.get("location") ?? "", `http://${host}/`);
  upload.searchParams.set("digest", digest);
  await created(fetch(upload, { method: "PUT", body: text }));
  return { mediaType, digest, size: text.length };
}

async function pushManifest(
  host: string,
  repository: string,
  reference: string,
  body: string,
  type: string,
): Promise<void> {
  const url = `http://${host}/v2/${repository}/manifests/${reference}`;
  await created(fetch(url, { method: "PUT", body, headers: { "Content-Type": type } }));
}

async function created(asking: Promise<Response>): Promise<void> {
  const reply = await asking;
  if (reply.status !== 201) {
    throw new Error(`${reply.url}: ${reply.status} ${await reply.text()}`);
  }
}
