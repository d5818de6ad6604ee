import { expect, spyOn, test } from "bun:test";
import { chmodSync, closeSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { converse } from "../../scripts/lib/conversation.ts";
import { error, Refusal } from "../../scripts/lib/finding.ts";
import {
  lastWords,
  MissingProgram,
  needProgram,
  run,
  runBytes,
} from "../../scripts/lib/process.ts";
import { runGroup } from "../../scripts/lib/process-group.ts";
import { isolatedEnvironment, temporaryFolder } from "../helpers/world.ts";

const env = isolatedEnvironment("/no/such/home");
const here = { cwd: "/", env };
const shell = (script: string) => ["sh", "-c", script];
const tenMegabytes = "x".repeat(10_000_000);

test("a program's exit code, output and errors are data", async () => {
  const command = shell("printf out; printf err >&2; exit 7");
  expect(await run(command, here)).toEqual({
    command,
    code: 7,
    stdout: "out",
    stderr: "err",
    timedOut: false,
  });
});

test("a program that signal n ended has exit code 128 + n", async () => {
  expect((await run(shell("kill -TERM $$"), here)).code).toBe(143);
  expect((await run(shell("kill -INT $$"), here)).code).toBe(130);
});

test("only the environment that is passed reaches a program", async () => {
  const { stdout } = await run(shell('printf "%s|%s" "$ONLY" "$HOME"'), {
    cwd: "/",
    env: { PATH: env.PATH, ONLY: "this", HOME: undefined },
  });
  expect(stdout).toBe("this|");
});

test("output is bytes as they are, and text keeps its byte order mark", async () => {
  const { stdout } = await runBytes(shell("printf '\\377\\000\\200'"), here);
  expect([...stdout]).toEqual([255, 0, 128]);
  expect((await run(shell("printf '\\357\\273\\277x'"), here)).stdout).toBe("\ufeffx");
});

test("standard input arrives whole while the output is being read", async () => {
  const { stdout } = await run(["cat"], { ...here, stdin: tenMegabytes });
  expect(stdout.length).toBe(tenMegabytes.length);
});

test("a program without standard input reads an empty one", async () => {
  expect(await run(["cat"], here)).toMatchObject({ code: 0, stdout: "" });
  expect(await run(["cat"], { ...here, stdin: "" })).toMatchObject({ code: 0, stdout: "" });
});

test.each(["exit 3", "exec 0<&-; sleep 0.1; exit 3", "head -c 5 >/dev/null; exit 3"])(
  "a program that leaves its input unread (%p) is judged by its exit code",
  async (script) => {
    expect((await run(shell(script), { ...here, stdin: tenMegabytes })).code).toBe(3);
  },
);

test("what an ended program has left in its pipes is read whole, though this process is late", async () => {
  const running = run(shell("sleep 150 & head -c 60000 /dev/zero; exit 0"), here);
  await Bun.sleep(1);
  Bun.sleepSync(1500);
  expect((await running).stdout.length).toBe(60_000);
});

test.concurrent("the time limit ends a program that reads nothing and says nothing", async () => {
  const answer = await run(["sleep", "100"], { ...here, stdin: tenMegabytes, timeout: 50 });
  expect(answer).toMatchObject({ code: 137, timedOut: true });
  expect(lastWords(answer)).toBe("no answer within the time limit");
});

test.concurrent("the time limit holds though a grandchild keeps the pipes open", async () => {
  const answer = await run(shell("sleep 150 & echo early; wait"), { ...here, timeout: 200 });
  expect(answer).toMatchObject({ stdout: "early\n", timedOut: true });
});

test.concurrent("a program that ended has answered, though a grandchild keeps the pipes open", async () => {
  const answer = await run(shell("sleep 150 & echo done; exit 0"), { ...here, timeout: 60_000 });
  expect(answer).toMatchObject({ code: 0, stdout: "done\n", timedOut: false });
});

test.concurrent.each(["&1", "&2"])(
  "a program has ended when it exits, though a child of it goes on printing to %s",
  async (stream) => {
    using folder = temporaryFolder();
    const chatter = `(for i in $(seq 60); do echo x >${stream} || exit; sleep 0.1; done) & printf done`;
    const begin = performance.now();
    const answer = await run(shell(chatter), { ...here, cwd: folder.path });
    expect(performance.now() - begin).toBeLessThan(2500);
    expect(answer).toMatchObject({ code: 0, timedOut: false });
    expect(answer.stdout).toContain("done");
  },
);

test("a program has ended when it exits, though a child of it prints errors without a pause", async () => {
  const begin = performance.now();
  const flood = shell("timeout 8 yes >&2 & sleep 0.01; printf done");
  const answer = await run(flood, { ...here, mostOutput: 2 ** 26 });
  expect(performance.now() - begin).toBeLessThan(4000);
  expect(answer).toMatchObject({ code: 0, stdout: "done", timedOut: false });
});

test("errors that are passed on slower than they come leave time for the end of a program", async () => {
  const begin = performance.now();
  const answer = await run(shell("timeout 8 yes >&2 & exit 0"), {
    ...here,
    onStderr: () => Bun.sleepSync(60),
  });
  expect(performance.now() - begin).toBeLessThan(4000);
  expect(answer.code).toBe(0);
});

test.concurrent("what a program waits for ends with it, at an interrupt and at the time limit", async () => {
  using folder = temporaryFolder();
  const waits = { ...here, cwd: folder.path };
  const script = shell("sh -c 'echo $$ >>pids; sleep 60; true' >/dev/null 2>&1; true");
  const file = join(folder.path, "pids");
  expect((await run(script, { ...waits, timeout: 500 })).timedOut).toBe(true);
  const controller = new AbortController();
  const running = run(script, { ...waits, signal: controller.signal });
  while (readFileSync(file, "utf8").trim().split("\n").length < 2) {
    await Bun.sleep(5);
  }
  controller.abort();
  expect((await running).code).toBe(143);
  for (const pid of readFileSync(file, "utf8").trim().split("\n")) {
    const { stdout } = await run(["ps", "-o", "stat=", "-p", pid], here);
    expect(stdout).toMatch(/^\s*(?:Z|$)/);
  }
});

test.each(["yes", "yes >&2", "trap '' TERM; yes & wait"])(
  "a program that prints more than is wanted (%p) is killed",
  async (script) => {
    const answer = await run(shell(script), { ...here, mostOutput: 100_000, timeout: 20_000 });
    expect(answer).toMatchObject({ code: 137, overflowed: 100_000, timedOut: false });
  },
);

test("as much as is wanted may be printed, and a cut answer is none though its program had ended", async () => {
  const cut = await run(shell("printf 123456"), { ...here, mostOutput: 5 });
  expect(cut).toMatchObject({ code: 137, overflowed: 5 });
  const answer = await run(shell("printf 12345; printf 12345 >&2"), { ...here, mostOutput: 5 });
  expect(answer).toMatchObject({ code: 0, stdout: "12345", stderr: "12345" });
  expect(answer.overflowed).toBeUndefined();
});

test("a program ends at its time limit where ps is missing, too", async () => {
  const ps = spyOn(Bun, "spawnSync").mockImplementation(() => {
    throw new Error("ENOENT");
  });
  const answer = await run(["sleep", "100"], { ...here, timeout: 50 });
  ps.mockRestore();
  expect(answer).toMatchObject({ code: 137, timedOut: true });
});

test("output has a bound where the caller states none, and the refusal names it", async () => {
  const flood = "printf 'why\\n' >&2; head -c 70000000 /dev/zero";
  const answer = await run(shell(flood), { ...here, timeout: 60_000 });
  expect(answer).toMatchObject({ code: 137, overflowed: 67_108_864 });
  expect(lastWords(answer)).toBe("it printed more than 64 MB, and at last: why");
  const errors = await run(shell("head -c 70000000 /dev/zero >&2"), here);
  expect(errors).toMatchObject({ code: 137, overflowed: 67_108_864 });
}, 60_000);

test("of errors that are passed on as they come only the end is kept, and they may be endless", async () => {
  let heard = 0;
  const answer = await run(shell("head -c 70000000 /dev/zero >&2; printf end >&2"), {
    ...here,
    onStderr: (text) => {
      heard += text.length;
    },
  });
  expect(heard).toBe(70_000_003);
  expect(answer.code).toBe(0);
  expect(answer.stderr.length).toBeLessThan(1_000_000);
  expect(answer.stderr).toEndWith("\0end");
}, 60_000);

test("an interrupt ends the program, also one that comes before the start", async () => {
  const controller = new AbortController();
  const running = run(["sleep", "100"], { ...here, signal: controller.signal });
  controller.abort();
  expect((await running).code).toBe(143);
  expect((await run(["sleep", "100"], { ...here, signal: controller.signal })).code).toBe(143);
});

test("standard error is told as it comes", async () => {
  const heard: string[] = [];
  await run(shell("printf a >&2; sleep 0.1; printf '\\303' >&2; sleep 0.1; printf '\\251' >&2"), {
    ...here,
    onStderr: (text) => heard.push(text),
  });
  expect(heard.length).toBeGreaterThan(1);
  expect(heard.join("")).toBe("aé");
});

test("a program that is not installed, or may not be executed, is missing, and says which", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "plain-file");
  writeFileSync(file, "#!/bin/sh\n");
  await expect(run(["no-such-program"], here)).rejects.toThrow(
    new MissingProgram("no-such-program", undefined),
  );
  await expect(run([file], here)).rejects.toThrow(
    `Cannot run ${file}: it is there, but may not be executed`,
  );
  chmodSync(file, 0o755);
  expect((await run([file], here)).code).toBe(0);
});

test("a missing program becomes a refusal with the remedy; anything else passes through", () => {
  const findings = [
    error("Cannot run gh: it is not installed, or not on PATH", { remedy: "Install gh" }),
  ];
  expect(() => needProgram(new MissingProgram("gh", undefined), "Install gh")).toThrow(
    expect.objectContaining({ findings }),
  );
  const other = new Error("other");
  expect(() => needProgram(other, "")).toThrow(other);
});

test("a folder that is gone is not mistaken for a missing program", async () => {
  using folder = temporaryFolder();
  const gone = join(folder.path, "gone");
  const started = run(["true"], { cwd: gone, env });
  await expect(started).rejects.toThrow(`Cannot run true in ${gone}: there is no such directory`);
  await expect(started).rejects.toBeInstanceOf(Refusal);
  writeFileSync(gone, "");
  await expect(run(["true"], { cwd: gone, env })).rejects.toThrow("there is no such directory");
  rmSync(gone);
});

test("a command line that the system refuses is a refusal, not a missing program", async () => {
  const started = run(["true", "x".repeat(3_000_000)], here);
  await expect(started).rejects.toThrow(/^Cannot run true: E2BIG: argument list too long/);
  await expect(started).rejects.toBeInstanceOf(Refusal);
  await expect(run(["true", "a\0b"], here)).rejects.toThrow(/^Cannot run true: .*null bytes/);
});

test("a conversation survives a program that stopped listening", async () => {
  const talk = converse(
    shell("read -r line; exec 0<&-; echo heard $line; sleep 0.3; exit 4"),
    here,
  );
  talk.write("one\n");
  const reader = talk.output.getReader();
  const first = await reader.read();
  expect(new TextDecoder().decode(first.value as Uint8Array)).toBe("heard one\n");
  for (let round = 0; round < 3; round++) {
    talk.write("more\n");
    await Bun.sleep(10);
  }
  expect((await reader.read()).done).toBe(true);
  expect(await talk.exited).toBe(4);
  talk.write("after the end\n");
  talk.end();
  await Bun.sleep(10);
});

test("last words are the end of what a program said, and never endless", () => {
  const said = (stderr: string) => lastWords({ code: 9, stderr, timedOut: false });
  expect(said(" fatal: no\n")).toBe("fatal: no");
  expect(said(" \n")).toBe("exit code 9 without a message");
  expect(said(`${"x".repeat(1_000_000)}end`)).toMatch(/^\.\.\.x{1997}end$/);
});

test("a group that does not obey is killed whole, and its output is in the file", async () => {
  using folder = temporaryFolder();
  const file = join(folder.path, "log");
  const output = openSync(file, "a+");
  const stop = new AbortController();
  const stubborn =
    'trap "" TERM; (while :; do sleep 0.05; done) & echo $!; while :; do sleep 0.05; done';
  const running = runGroup(shell(stubborn), { ...here, output, signal: stop.signal, grace: 100 });
  while (!readFileSync(file, "utf8").endsWith("\n")) {
    await Bun.sleep(5);
  }
  stop.abort();
  expect(await running).toBe(137);
  closeSync(output);
  const pid = readFileSync(file, "utf8").trim();
  await Bun.sleep(50);
  const { stdout } = await run(["ps", "-o", "stat=", "-p", pid], here);
  expect(stdout).toMatch(/^\s*(?:Z|$)/);
});

test("what a group leaves running when it ends by itself goes on, and nobody waits for it", async () => {
  using folder = temporaryFolder();
  const output = openSync(join(folder.path, "log"), "a+");
  const { signal } = new AbortController();
  expect(
    await runGroup(shell("sleep 5 & echo $! >pid; exit 4"), {
      ...here,
      cwd: folder.path,
      output,
      signal,
    }),
  ).toBe(4);
  closeSync(output);
  const pid = readFileSync(join(folder.path, "pid"), "utf8").trim();
  expect((await run(["kill", pid], here)).code).toBe(0);
});
