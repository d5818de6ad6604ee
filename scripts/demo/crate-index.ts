/** A stand-in crate index on loopback: the sparse protocol, as cargo reads it. */

export interface StandInCrateIndex extends Disposable {
  /** The base of the index, with a slash at its end. */
  readonly url: string;
  /** The paths that were asked for, in order. */
  readonly requests: readonly string[];
  /** Lists a version of a crate; answers its checksum. */
  publish(name: string, version: string, details?: { readonly yanked?: boolean }): string;
  /** Forgets a crate. */
  remove(name: string): void;
  /** Adds a line to the file of a crate, legal or not. */
  addLine(name: string, line: string): void;
}

/** Starts an empty index; it stops when the scope ends: `using index = startCrateIndex()`. */
export function startCrateIndex(
  intercept: (path: string) => Response | undefined = () => undefined,
): StandInCrateIndex {
  const requests: string[] = [];
  const files = new Map<string, string[]>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      requests.push(pathname);
      return intercept(pathname) ?? answer(pathname);
    },
  });
  const url = `http://${server.hostname}:${server.port}/`;

  function answer(path: string): Response {
    if (path === "/config.json") {
      return Response.json({ dl: `${url}crates`, api: url });
    }
    const name = path.split("/").at(-1) ?? "";
    const lines = path === `/${folderOf(name)}/${name}` ? files.get(name) : undefined;
    return lines === undefined
      ? new Response("no such crate", { status: 404 })
      : new Response(lines.map((line) => `${line}\n`).join(""));
  }

  function addLine(name: string, line: string): void {
    files.set(name, [...(files.get(name) ?? []), line]);
  }

  return {
    url,
    requests,
    publish(name, version, { yanked = false } = {}) {
      const archive = `the archive of ${name} ${version}`;
      const cksum = new Bun.CryptoHasher("sha256").update(archive).digest("hex");
      addLine(name, JSON.stringify({ name, vers: version, deps: [], cksum, features: {}, yanked }));
      return cksum;
    },
    remove: (name) => void files.delete(name),
    addLine,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** The folder of a crate's file: by its first letters, so that no folder holds too many. */
function folderOf(name: string): string {
  if (name.length <= 3) {
    return name.length === 3 ? `3/${name[0]}` : String(name.length);
  }
  return `${name.slice(0, 2)}/${name.slice(2, 4)}`;
}
