/** Debian's docker-registry on loopback, and pushes to it over the registry API. */

import { type StandInRegistry, startRegistry } from "../../scripts/demo/registry.ts";
import { temporaryFolder, writeFiles } from "./world.ts";

export type RealRegistry = Awaited<ReturnType<typeof startRealRegistry>>;

/** Starts an empty registry, and returns once it is ready. */
export async function startRealRegistry(program: string) {
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
        /** Host and port. */
        host,
        pushIndex: (...image: Parameters<StandInRegistry["pushIndex"]>) =>
          copyOf(host, (standIn) => standIn.pushIndex(...image)),
        pushChart: (...chart: Parameters<StandInRegistry["pushChart"]>) =>
          copyOf(host, (standIn) => standIn.pushChart(...chart)),
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

/** Pushes to a stand-in and copies all that it holds then, parts first; returns the same digest. */
async function copyOf(host: string, push: (registry: StandInRegistry) => string): Promise<string> {
  using standIn = startRegistry();
  const digest = push(standIn);
  for (const [path, { bytes, mediaType }] of standIn.held) {
    const url = new URL(path, `http://${host}/`);
    if (path.includes("/manifests/")) {
      const headers = { "Content-Type": mediaType };
      await created(fetch(url, { method: "PUT", body: bytes, headers }));
    } else {
      const begun = await fetch(new URL("uploads/", url), { method: "POST" });
      const upload = new URL(begun.headers.get("location") ?? "", url);
      upload.searchParams.set("digest", path.slice(path.lastIndexOf("/") + 1));
      await created(fetch(upload, { method: "PUT", body: bytes }));
    }
  }
  return digest;
}

async function created(asking: Promise<Response>): Promise<void> {
  const reply = await asking;
  if (reply.status !== 201) {
    throw new Error(`${reply.url}: ${reply.status} ${await reply.text()}`);
  }
}
