import { expect, test } from "bun:test";
import { join } from "node:path";
import { Unverified } from "../../../scripts/lib/answer.ts";
import {
  type HttpOptions,
  isLoopback,
  openHttp,
  permitted,
  textOf,
} from "../../../scripts/lib/net/http.ts";
import { findComponent } from "../../helpers/components.ts";
import { startRawServer } from "../../helpers/raw-server.ts";
import { isolatedEnvironment, projectRoot, start, temporaryFolder } from "../../helpers/world.ts";

type Handler = (request: Request, count: number) => Response | Promise<Response>;

/** A server on loopback that counts what it is asked. */
function serve(handler: Handler) {
  const seen: { method: string; path: string; headers: Headers }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch(asked) {
      const { method, headers } = asked;
      seen.push({ method, path: new URL(asked.url).pathname, headers: new Headers(headers) });
      return handler(asked, seen.length);
    },
  });
  return {
    url: new URL(`http://127.0.0.1:${server.port}/`),
    seen,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

const never = () => new Promise<Response>(() => {});

/** HTTP with short limits, whose pauses are noted and not waited for. */
function quick(options: HttpOptions = {}) {
  const pauses: number[] = [];
  const http = openHttp({
    ...options,
    sleep: (milliseconds) => Promise.resolve(pauses.push(milliseconds)),
    limits: { attempt: 2000, total: 4000, ...options.limits },
  });
  return { http, pauses };
}

/** The reason why there is no answer. */
async function reason(question: Promise<unknown>): Promise<Unverified> {
  try {
    await question;
  } catch (thrown) {
    if (thrown instanceof Unverified) {
      return thrown;
    }
    throw thrown;
  }
  throw new Error("there is an answer");
}

test("an answer carries status, headers and body", async () => {
  using server = serve(() => new Response("body", { status: 203, headers: { "X-Name": "value" } }));
  const reply = await quick().http(server.url);
  expect([reply.status, reply.headers.get("x-name"), textOf(reply)]).toEqual([
    203,
    "value",
    "body",
  ]);
  expect(server.seen[0]?.headers.get("user-agent")).toBe("perf-sentinel-release-tools");
});

test.each([429, 500, 599])("status %p is asked again", async (status) => {
  using server = serve((_, count) => new Response("", { status: count < 3 ? status : 200 }));
  const { http, pauses } = quick();
  expect((await http(server.url)).status).toBe(200);
  expect(pauses).toEqual([500, 1000]);
});

test.each([200, 301, 401, 404, 408])("status %p is an answer at once", async (status) => {
  using server = serve(() => new Response("", { status }));
  expect((await quick().http(server.url)).status).toBe(status);
  expect(server.seen).toHaveLength(1);
});

test("after the last attempt a passing status is the answer", async () => {
  using server = serve(() => new Response("", { status: 503 }));
  expect((await quick().http(server.url)).status).toBe(503);
  expect(server.seen).toHaveLength(4);
});

test.each([
  ["seconds", { "Retry-After": "2" }, 2000],
  ["more seconds than anybody waits", { "Retry-After": "999999999" }, 10_000],
  ["a date", { "Retry-After": "Fri, 07 Aug 2026 12:00:03 GMT" }, 500],
])("Retry-After may name %s", async (_, headers, pause) => {
  using server = serve((_, count) => new Response("", { status: count < 2 ? 429 : 200, headers }));
  const { http, pauses } = quick();
  expect((await http(server.url)).status).toBe(200);
  expect(pauses).toEqual([pause]);
});

test("a lost connection is asked again, and then no answer", async () => {
  using server = startRawServer("", "reset");
  const failed = await reason(quick().http(new URL(`http://${server.host}/`)));
  expect(failed.message).toEndWith("the connection was closed before the end of the answer");
  expect(server.connections()).toBeGreaterThanOrEqual(2);
});

test.each([
  ["a body shorter than promised", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", "closed"],
  [
    "a chunk that never ends",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    "closed",
  ],
  ["something other than HTTP", "220 mail.example ESMTP\r\n", "not HTTP"],
])("%s is no answer", async (_, bytes, why) => {
  using server = startRawServer(bytes);
  const failed = await reason(quick().http(new URL(`http://${server.host}/`)));
  expect(failed.message).toContain(why);
});

test("a refused connection is no answer, and says so", async () => {
  const gone = serve(never);
  gone[Symbol.dispose]();
  const failed = await reason(quick().http(gone.url));
  expect(failed.message).toBe(`${gone.url.origin} cannot be asked: the connection is refused`);
});

test("silence ends after the time of an attempt, and is asked again", async () => {
  using server = serve((_, count) => (count === 1 ? never() : new Response("late")));
  expect(textOf(await quick({ limits: { attempt: 100 } }).http(server.url))).toBe("late");
});

/** A body that trickles, one byte at a time, and does not end. */
function drip(): Response {
  return new Response(
    new ReadableStream({
      async pull(controller) {
        controller.enqueue(new Uint8Array([97]));
        await Bun.sleep(5);
      },
    }),
  );
}

test.each([
  ["hangs before the headers", never],
  ["trickles a body without end", drip],
])("a server that %s gets the time of an attempt", async (_, handler) => {
  using server = serve(handler);
  const failed = await reason(quick({ limits: { attempt: 80 } }).http(server.url));
  expect(failed).toMatchObject({
    message: `${server.url.origin} gave no whole answer within 0.08 s`,
    temporary: true,
  });
  expect(server.seen).toHaveLength(4);
});

test("all attempts together end with the time of the question, and the last status is named", async () => {
  using server = serve(() => new Response("", { status: 503 }));
  const http = openHttp({ limits: { total: 100 } });
  const { origin } = server.url;
  const failed = await reason(http(server.url));
  expect(failed.message).toBe(
    `${origin} gave no whole answer within 0.1 s; before that: ${origin} answered 503`,
  );
});

test.each([
  ["an attempt", never],
  ["a pause", () => new Response("", { status: 503 })],
])(
  "an interrupt ends %s at once",
  async (_, handler) => {
    using server = serve(handler);
    const limits = { total: 60_000, attempt: 60_000 };
    const http = openHttp({ signal: AbortSignal.timeout(50), limits });
    const failed = await reason(http(server.url));
    expect(failed.message).toStartWith("the question was interrupted");
    expect(server.seen).toHaveLength(1);
  },
  5000,
);

test("a body may be as large as the limit and no larger", async () => {
  const limit = 4 * 1024 * 1024;
  using server = serve((_, count) => new Response(new Uint8Array(limit + count - 1)));
  expect((await quick().http(server.url)).body).toHaveLength(limit);
  expect((await reason(quick().http(server.url))).message).toBe(
    `${server.url.origin} sends more than ${limit} bytes`,
  );
});

test("a body is asked for as it is, and never decompressed", async () => {
  const body = Bun.gzipSync(new Uint8Array(1_000_000));
  using server = serve(() => new Response(body, { headers: { "Content-Encoding": "gzip" } }));
  expect((await quick().http(server.url)).body).toHaveLength(body.length);
  expect(server.seen[0]?.headers.get("accept-encoding")).toBe("identity");
});

test("a redirect within the origin keeps the authorization, one to another origin loses it for good", async () => {
  const headers = { Authorization: "Bearer secret" };
  using other = serve(() => Response.redirect(new URL("/back", first.url).href, 302));
  using first = serve(({ url }) => {
    const { pathname } = new URL(url);
    return pathname === "/"
      ? new Response("", { status: 302, headers: { Location: "/same" } })
      : pathname === "/same"
        ? Response.redirect(other.url.href, 302)
        : new Response("end");
  });
  const reply = await quick().http(first.url, headers);
  expect([textOf(reply), reply.url.href]).toEqual(["end", new URL("/back", first.url).href]);
  const sent = [...first.seen, ...other.seen].map((seen) => [
    seen.path,
    seen.headers.get("authorization"),
  ]);
  expect(sent).toEqual([
    ["/", "Bearer secret"],
    ["/same", "Bearer secret"],
    ["/back", null],
    ["/", null],
  ]);
});

test("a loop of redirects ends", async () => {
  using server = serve(() => new Response("", { status: 302, headers: { Location: "/" } }));
  const failed = await reason(quick().http(server.url));
  expect(failed.message).toBe(`${server.url.origin} redirects more than 5 times`);
  expect(server.seen).toHaveLength(6);
});

test.each([
  ["http://registry.example/", "http://registry.example is not HTTPS"],
  ["file:///etc/passwd", "file: is not HTTPS"],
  ["https://user:word@registry.example/", "carries a user name or a password"],
  ["http://", "redirects to something that is not a URL"],
])("a redirect to %s is not followed", async (target, why) => {
  using server = serve(() => new Response("", { status: 302, headers: { Location: target } }));
  expect((await reason(quick().http(server.url))).message).toContain(why);
  expect(server.seen).toHaveLength(1);
});

test.each([
  ["https://ghcr.io/token", "https://ghcr.io/", true],
  ["http://127.0.0.1:2/", "http://localhost:1/", true],
  ["https://ghcr.io/", "http://localhost:1/", true],
  ["http://127.0.0.1:2/", "https://ghcr.io/", false],
  ["https://localhost/", "https://ghcr.io/", false],
])("%s may be asked because %s says so: %p", (url, from, expected) => {
  const allowed = () => permitted(new URL(url), new URL(from));
  if (expected) {
    expect(allowed().href).toBe(url);
  } else {
    expect(allowed).toThrow(Unverified);
  }
});

test.each([
  ["localhost:5000", true],
  ["127.0.0.1", true],
  ["127.1", true],
  ["[::1]:5000", true],
  ["127.0.0.1.evil.example", false],
  ["evil.localhost", false],
  ["0.0.0.0", false],
])("%s is loopback: %p", (host, expected) => {
  expect(isLoopback(new URL(`https://${host}/`))).toBe(expected);
});

/** Sends one request in a process of its own, for what the process's environment may change. */
async function requestIn(env: Record<string, string>, url: URL) {
  using folder = temporaryFolder();
  const module = JSON.stringify(join(projectRoot, "scripts/lib/net/http.ts"));
  const code = `
    const { openHttp, textOf } = await import(${module});
    await openHttp({ limits: { total: 5000 } })(new URL(process.argv[1])).then(
      (reply) => process.stdout.write(textOf(reply)),
      (failed) => process.stdout.write((failed.temporary ? "for now, " : "") + failed.message));`;
  return await start([process.execPath, "-e", code, url.href], {
    cwd: folder.path,
    env: { ...isolatedEnvironment(folder.path), ...env },
  });
}

test("loopback is never asked through a proxy", async () => {
  using proxy = serve(() => new Response("from the proxy"));
  using server = serve(() => new Response("direct"));
  const { href } = proxy.url;
  const env = { HTTP_PROXY: href, http_proxy: href, NO_PROXY: "", no_proxy: "" };
  expect((await requestIn(env, server.url)).stdout).toBe("direct");
  expect(proxy.seen).toHaveLength(0);
});

test("a name that does not resolve may be the network's fault, and is told so", async () => {
  // No label of a name has more than 63 characters, so no resolver is asked.
  const url = new URL(`https://${"a".repeat(64)}.invalid/`);
  const { stdout } = await requestIn({ https_proxy: "", HTTPS_PROXY: "" }, url);
  expect(stdout).toBe(
    `${url.origin} cannot be asked: its name cannot be resolved (no network, no DNS, or no such host)`,
  );
});

test.skipIf(findComponent("openssl") === undefined)(
  "a certificate that nobody vouches for is no answer, even where the environment allows it",
  async () => {
    using folder = temporaryFolder();
    const [key, certificate] = [join(folder.path, "key.pem"), join(folder.path, "certificate.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    const files = ["-newkey", "ed25519", "-nodes", "-keyout", key, "-out", certificate];
    const made = await start(["openssl", "req", "-x509", "-days", "1", ...files, ...subject], {
      cwd: folder.path,
    });
    expect(made.code).toBe(0);
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { key: Bun.file(key), cert: Bun.file(certificate) },
      fetch: () => new Response("trusted"),
    });
    const url = new URL(`https://127.0.0.1:${server.port}/`);
    const forgiving = await requestIn({ NODE_TLS_REJECT_UNAUTHORIZED: "0" }, url);
    const trusting = await requestIn({ NODE_EXTRA_CA_CERTS: certificate }, url);
    await server.stop(true);
    expect(forgiving.stdout).toEndWith("cannot be asked: DEPTH_ZERO_SELF_SIGNED_CERT");
    expect(trusting.stdout).toBe("trusted");
  },
);
