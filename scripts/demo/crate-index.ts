/** A crate index on loopback for the demo and the tests, with the sparse protocol of cargo. */

export type StandInCrateIndex = ReturnType<typeof startCrateIndex>;

/** Starts an empty index, which stops at the end of its scope: `using index = startCrateIndex()`. */
export function startCrateIndex(intercept?: (path: string) => Response | undefined) {
  const requests: string[] = [];
  const files = new Map<string, string>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request): Response => {
      const path = new URL(request.url).pathname;
      requests.push(path);
      const intercepted = intercept?.(path);
      if (intercepted !== undefined) {
        return intercepted;
      }
      if (path === "/config.json") {
        return Response.json({ dl: `${url}crates`, api: url });
      }
      const name = path.slice(path.lastIndexOf("/") + 1);
      const text = path === `/${folderOf(name)}/${name}` ? files.get(name) : undefined;
      return new Response(text ?? "no such crate", { status: text === undefined ? 404 : 200 });
    },
  });
  const url: string = `http://${server.hostname}:${server.port}/`;

  /** Adds a line to the index file of a crate, valid or not. */
  function addLine(name: string, line: string): void {
    files.set(name, `${files.get(name) ?? ""}${line}\n`);
  }

  return {
    /** The base URL of the index, which ends with a slash. */
    url,
    /** The requested paths, in order. */
    requests,
    addLine,
    /** Adds a version of a crate, and returns its checksum. */
    publish(name: string, version: string, { yanked = false } = {}): string {
      const archive = `the archive of ${name} ${version}`;
      const cksum = new Bun.CryptoHasher("sha256").update(archive).digest("hex");
      addLine(name, JSON.stringify({ name, vers: version, deps: [], cksum, features: {}, yanked }));
      return cksum;
    },
    /** Removes a crate. */
    remove: (name: string) => void files.delete(name),
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** Returns the folder of the index file of a crate, from the letters of its name. */
function folderOf(name: string): string {
  if (name.length <= 3) {
    return name.length === 3 ? `3/${name[0]}` : String(name.length);
  }
  return `${name.slice(0, 2)}/${name.slice(2, 4)}`;
}
