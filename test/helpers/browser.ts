/** A headless Chromium for tests, spoken to over its own protocol. */

import { findComponent } from "./components.ts";
import { isolatedEnvironment, temporaryFolder } from "./world.ts";

/** The browser's program; undefined where none is installed. */
export const chromium: string | undefined = findComponent(
  "chromium",
  "chromium-browser",
  "google-chrome",
);

// biome-ignore lint/suspicious/noExplicitAny: the protocol has shapes of its own
type Shape = any;

/** One page of the browser. */
export interface BrowserPage {
  /** Sends a command, such as `Page.reload`. */
  send(method: string, params?: object): Promise<Shape>;
  /** The value of an expression in the page. */
  evaluate(expression: string): Promise<Shape>;
  /** Opens an address and waits until it is loaded. */
  open(url: string): Promise<void>;
  /** What was told since the start, by the name of the event. */
  readonly events: readonly { readonly method: string; readonly params: Shape }[];
  close(): Promise<void>;
}

/** Starts the browser with one page. */
export async function startBrowser(program: string): Promise<BrowserPage> {
  const folder = temporaryFolder();
  const child = Bun.spawn(
    [
      program,
      ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
      ...["--no-first-run", "--disable-background-networking", "--remote-debugging-port=0"],
      `--user-data-dir=${folder.path}`,
    ],
    { env: isolatedEnvironment(folder.path), stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  const address = await addressIn(child.stderr);
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const waiting = new Map<number, { resolve(value: Shape): void; reject(why: Error): void }>();
  const events: { method: string; params: Shape }[] = [];
  let session: string | undefined;
  let number = 0;
  let onEvent = () => {};
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data));
    const answered = waiting.get(message.id);
    waiting.delete(message.id);
    if (answered === undefined) {
      events.push(message);
      onEvent();
    } else if (message.error) {
      answered.reject(new Error(JSON.stringify(message.error)));
    } else {
      answered.resolve(message.result);
    }
  };
  function send(method: string, params: object = {}): Promise<Shape> {
    number += 1;
    const id = number;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      socket.send(JSON.stringify({ id, method, params, sessionId: session }));
    });
  }
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  ({ sessionId: session } = await send("Target.attachToTarget", { targetId, flatten: true }));
  for (const domain of ["Page", "Runtime", "Log", "Network", "Accessibility"]) {
    await send(`${domain}.enable`);
  }
  return {
    send,
    events,
    async evaluate(expression) {
      const { result, exceptionDetails } = await send("Runtime.evaluate", {
        expression,
        returnByValue: true,
      });
      if (exceptionDetails !== undefined) {
        throw new Error(JSON.stringify(exceptionDetails));
      }
      return result.value;
    },
    async open(url) {
      const from = events.length;
      const loaded = new Promise<void>((resolve) => {
        onEvent = () => {
          if (events.slice(from).some(({ method }) => method === "Page.loadEventFired")) {
            resolve();
          }
        };
      });
      await send("Page.navigate", { url });
      await loaded;
      onEvent = () => {};
    },
    async close() {
      socket.close();
      child.kill("SIGKILL");
      await child.exited;
      // Its helpers may write for a moment longer.
      await Bun.sleep(100);
      folder[Symbol.dispose]();
    },
  };
}

async function addressIn(stream: ReadableStream<Uint8Array>): Promise<string> {
  let seen = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream) {
    seen += decoder.decode(bytes, { stream: true });
    const address = /DevTools listening on (ws:\S+)/.exec(seen)?.[1];
    if (address !== undefined) {
      return address;
    }
  }
  throw new Error(`the browser did not start: ${seen}`);
}
