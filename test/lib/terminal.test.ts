import { expect, test } from "bun:test";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { attempt, Refusal } from "../../scripts/lib/finding.ts";
import { ask } from "../../scripts/lib/question.ts";
import { processTerminal } from "../../scripts/lib/terminal.ts";
import { temporaryFolder } from "../helpers/world.ts";

/** Streams that lead to files, and others in their place where a test says so. */
function streamsInFiles() {
  const folder = temporaryFolder();
  const paths = ["in", "out", "err"].map((name) => join(folder.path, name));
  const [input = 0, out = 0, err = 0] = paths.map((path) => openSync(path, "w+"));
  const typed = new PassThrough();
  return {
    typed,
    streams: { in: input, out, err, input: () => typed },
    written: () => paths.slice(1).map((path) => readFileSync(path, "utf8")),
    [Symbol.dispose]() {
      for (const descriptor of [input, out, err]) {
        closeSync(descriptor);
      }
      folder[Symbol.dispose]();
    },
  };
}

/** A descriptor for as long as the scope lasts. */
function opened(path: string, flags = "r+"): Disposable & { readonly descriptor: number } {
  const descriptor = openSync(path, flags);
  return { descriptor, [Symbol.dispose]: () => closeSync(descriptor) };
}

/** Opening this makes a terminal of its own. */
const pseudoTerminal = "/dev/ptmx";
const withTerminal = test.skipIf(process.platform !== "linux" || !existsSync(pseudoTerminal));

test("what is written goes whole to the stream that is named, a character of any width too", () => {
  using files = streamsInFiles();
  const terminal = processTerminal({}, files.streams);
  const long = "é€😀\n".repeat(100_000);
  terminal.out(long);
  terminal.out("");
  terminal.err("beside it\n");
  expect(files.written()).toEqual([long, "beside it\n"]);
});

test.skipIf(!existsSync("/dev/full"))(
  "an answer that cannot be written is a refusal, words beside it that cannot be are not",
  () => {
    using files = streamsInFiles();
    using full = opened("/dev/full", "w");
    const terminal = processTerminal(
      {},
      { ...files.streams, out: full.descriptor, err: full.descriptor },
    );
    expect(() => terminal.err("lost")).not.toThrow();
    expect(() => terminal.out("lost")).toThrow(Refusal);
    expect(() => terminal.out("lost")).toThrow("Cannot write to standard output: ENOSPC");
  },
);

test("an answer to a stream that was never open is a refusal", () => {
  using files = streamsInFiles();
  const terminal = processTerminal({}, { ...files.streams, in: -1, out: -1, err: -1 });
  expect(() => terminal.out("lost")).toThrow(Refusal);
  expect(() => terminal.err("lost")).not.toThrow();
  expect(terminal.colours).toEqual({ out: false, err: false });
  expect(terminal.interactive).toBe(false);
});

test("what outlives its streams is said once, on the one that is left, and never throws", () => {
  for (const outIsData of [false, true]) {
    using files = streamsInFiles();
    const withoutOut = processTerminal({}, { ...files.streams, out: -1 });
    withoutOut.keepWriting(outIsData);
    withoutOut.out("from out\n");
    const withoutErr = processTerminal({}, { ...files.streams, err: -1 });
    withoutErr.keepWriting(outIsData);
    withoutErr.err("from err\n");
    withoutErr.err("\rprogress");
    expect(files.written()).toEqual([outIsData ? "" : "from err\n", "from out\n"]);
  }
  using files = streamsInFiles();
  const closed = processTerminal({}, { ...files.streams, out: -1, err: -1 });
  closed.keepWriting(false);
  expect(() => closed.out("lost")).not.toThrow();
  expect(() => closed.err("lost")).not.toThrow();
});

test("a reader that left is no failure", async () => {
  using files = streamsInFiles();
  using folder = temporaryFolder();
  const pipe = join(folder.path, "pipe");
  expect(await Bun.spawn(["mkfifo", pipe]).exited).toBe(0);
  const reader = opened(pipe);
  using writer = opened(pipe, "w");
  reader[Symbol.dispose]();
  const terminal = processTerminal({}, { ...files.streams, out: writer.descriptor });
  expect(() => terminal.out("nobody reads this\n")).not.toThrow();
});

test("files are no terminal: no colours, no answers, nobody who watches, and 80 columns", () => {
  using files = streamsInFiles();
  const terminal = processTerminal({ TERM: "xterm-256color" }, files.streams);
  expect(terminal.colours).toEqual({ out: false, err: false });
  expect([terminal.interactive, terminal.outIsTerminal(), terminal.errIsTerminal()]).toEqual([
    false,
    false,
    false,
  ]);
  expect(terminal.columns()).toBe(80);
});

withTerminal("each stream is asked for itself whether it is a terminal", () => {
  using files = streamsInFiles();
  using device = opened(pseudoTerminal);
  const { descriptor } = device;
  const states = (["in", "out", "err"] as const).map((name) => {
    const terminal = processTerminal({}, { ...files.streams, [name]: descriptor });
    const { interactive, colours } = terminal;
    return [
      interactive,
      terminal.outIsTerminal(),
      terminal.errIsTerminal(),
      colours.out,
      colours.err,
    ];
  });
  expect(states).toEqual([
    [true, false, false, false, false],
    [false, true, false, true, false],
    [false, false, true, false, true],
  ]);
});

withTerminal.each([
  [{}, true],
  [{ TERM: "xterm-256color" }, true],
  [{ NO_COLOR: "" }, true],
  [{ NO_COLOR: "1" }, false],
  [{ NO_COLOR: "1", TERM: "xterm-256color" }, false],
  [{ TERM: "dumb" }, false],
])("a terminal has colours unless NO_COLOR or TERM=dumb takes them: %p", (env, expected) => {
  using files = streamsInFiles();
  using device = opened(pseudoTerminal);
  const { descriptor } = device;
  const terminal = processTerminal(env, { ...files.streams, out: descriptor, err: descriptor });
  expect(terminal.colours).toEqual({ out: expected, err: expected });
});

withTerminal(
  "columns are those of the window as it is now, and 80 if it does not tell",
  async () => {
    using files = streamsInFiles();
    const { descriptor } = opened(pseudoTerminal);
    const terminal = processTerminal({}, { ...files.streams, err: descriptor });
    expect(terminal.columns()).toBe(80);
    for (const columns of [132, 40]) {
      const resized = Bun.spawn(["stty", "cols", String(columns)], { stdin: descriptor });
      expect(await resized.exited).toBe(0);
      expect(terminal.columns()).toBe(columns);
    }
  },
);

test("a question is asked beside the answer's stream, and one line answers it", async () => {
  using files = streamsInFiles();
  const terminal = processTerminal({}, files.streams);
  files.typed.write("yes\nand more\n");
  expect(await terminal.question("sure? ", new AbortController().signal)).toBe("yes");
  expect(files.written()).toEqual(["", "sure? "]);
});

test("the end of input is no answer, and the next words start on a line of their own", async () => {
  using files = streamsInFiles();
  files.typed.end();
  const { signal } = new AbortController();
  expect(await processTerminal({}, files.streams).question("sure? ", signal)).toBeUndefined();
  expect(files.written()).toEqual(["", "sure? \n"]);
});

test("an interrupted question has no answer", async () => {
  using files = streamsInFiles();
  const controller = new AbortController();
  const input = () => {
    // The question listens to the signal as soon as it has what it reads.
    setTimeout(() => controller.abort());
    return files.typed;
  };
  const terminal = processTerminal({}, { ...files.streams, input });
  expect(await terminal.question("sure? ", controller.signal)).toBeUndefined();
  expect(files.written()).toEqual(["", "sure? \n"]);
  // It is interrupted already.
  expect(await terminal.question("sure? ", controller.signal)).toBeUndefined();
});

withTerminal(
  "a question discards what was typed before it, or refuses a terminal that it cannot read",
  async () => {
    using device = opened(pseudoTerminal);
    using folder = temporaryFolder();
    using other = opened(folder.path, "r");
    const modes: boolean[] = [];
    const typed = () => {
      const setRawMode = (isRaw: boolean) => modes.push(isRaw);
      const input = Object.assign(new PassThrough(), { setRawMode });
      input.end("yes\n");
      return input;
    };
    const { signal } = new AbortController();
    const askOn = async (terminal: number) =>
      await ask("sure? ", signal, { input: typed(), terminal, print: () => {} });
    expect(await askOn(device.descriptor)).toBe("yes");
    const second = await attempt(() => askOn(other.descriptor));
    // A process that has a terminal of its own reads that one.
    expect(second.value ?? second.findings?.[0]?.message).toMatch(
      /^yes$|^Cannot ask on this terminal: /,
    );
    expect(modes).toEqual([true, false, true, false]);
  },
);
