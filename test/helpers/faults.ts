/** Releases in which one call of git goes wrong: which calls there are, and how each can. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ReleaseWorld, standIn } from "./release.ts";
import { type Ended, projectRoot, start } from "./world.ts";

/** One call of git, told from all others whatever runs beside it. */
export interface Call {
  /** Its arguments as a pattern of the shell. */
  readonly pattern: string;
  /** Which of the calls with these arguments, from 1. */
  readonly nth: number;
}

/** How a call goes wrong. */
export interface Fault {
  /** Whether git does its work first; its answer is lost either way. */
  readonly work: "undone" | "done";
  readonly end: /** Exit code 128. */
    | "fail"
    /** Exit code 128, and so does every call from then on. */
    | "outage"
    /** Exit code 0 without a word. */
    | "silent"
    /** No end before the time limit; a push, which has none, comes to its end without a word. */
    | "hang"
    /** No end, and Ctrl-C reaches the release. */
    | "interrupt"
    /** SIGKILL ends the release. */
    | "kill";
}

/** Every way in which a call can go wrong. */
export const faults: readonly Fault[] = (
  ["fail", "outage", "silent", "hang", "interrupt", "kill"] as const
).flatMap((end) => [
  { work: "undone", end },
  { work: "done", end },
]);

/** A world that many cases start from, each in a copy of its own. */
export interface Template {
  readonly world: ReleaseWorld;
  /** Its environment, with the stand-in git on PATH. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The git of every case. A call that is to go wrong is found by its arguments and its turn among
 * their like; a conversation has answered three questions when its work counts as done.
 */
const standInGit = `
[ -z "$CALLS" ] || printf '%s\\n' "$*" >>"$CALLS"
if [ -n "$FAULT_CALL" ] && [ -e "$FAULTS/outage" ]; then
  echo 'fatal: the stand-in is out of order' >&2
  exit 128
fi
case "$*" in $FAULT_CALL) ;; *) exec "$REAL" "$@" ;; esac
nth=1
until (set -C; : >"$FAULTS/call-$nth") 2>/dev/null; do nth=$((nth + 1)); done
[ "$nth" = "$FAULT_NTH" ] || exec "$REAL" "$@"
if [ "$FAULT_WORK" = done ]; then
  case "$*" in
    "cat-file --batch")
      asked=0
      while [ $asked -lt 3 ] && IFS= read -r question; do
        printf '%s\\n' "$question"
        asked=$((asked + 1))
      done | "$REAL" "$@"
      ;;
    *) "$REAL" "$@" >/dev/null 2>&1 ;;
  esac
fi
echo $$ >"$FAULTS/reached"
case "$FAULT_END" in
  silent) exit 0 ;;
  hang) exec sleep 4 ;;
  interrupt) exec sleep 60 ;;
  kill) kill -9 $PPID; exit 137 ;;
  outage) : >"$FAULTS/outage" ;;
esac
echo 'fatal: the stand-in fails' >&2
exit 128
`;

/** Puts the stand-in git before a world's own. */
export function template(world: ReleaseWorld): Template {
  mkdirSync(join(world.home, "tmp"));
  mkdirSync(join(world.home, "faults"));
  const env = {
    ...standIn(world, "git", standInGit),
    TMPDIR: join(world.home, "tmp"),
    FAULTS: join(world.home, "faults"),
  };
  return { world, env };
}

/** Makes a world of few files, which is copied often. */
export async function pack({ git, root, bare }: ReleaseWorld): Promise<void> {
  await Promise.all([
    git("repack", "-a", "-d", "--quiet"),
    git("--git-dir", bare, "repack", "-a", "-d", "--quiet"),
  ]);
  for (const folder of [join(root, ".git"), bare]) {
    for (const unused of ["hooks", "logs", "description"]) {
      rmSync(join(folder, unused), { recursive: true, force: true });
    }
  }
}

/** A copy of a template's world, where a case may do as it likes. */
export interface Copy {
  readonly home: string;
  readonly root: string;
  readonly bare: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Copies a world into a folder that does not exist yet. */
export async function copyOf(original: Copy, home: string): Promise<Copy> {
  const moved = (text: string) => text.replaceAll(original.home, home);
  // The runtime's own copying takes longer than the release does.
  const { code, stderr } = await start(["cp", "-R", original.home, home], { cwd: "/" });
  if (code !== 0) {
    throw new Error(`cp: ${stderr}`);
  }
  const config = join(moved(original.root), ".git/config");
  writeFileSync(config, moved(readFileSync(config, "utf8")));
  const env = Object.entries(original.env).map(([name, value]) => [name, moved(value)]);
  return {
    home,
    root: moved(original.root),
    bare: moved(original.bare),
    env: Object.fromEntries(env),
  };
}

export interface FaultyRun extends Ended {
  /** Whether the call that was to go wrong was made. */
  readonly reached: boolean;
}

/** Runs a release in a copy, with one call going wrong if one is given. */
export async function runFaulty(
  { root, env }: Copy,
  command: readonly [script: string, ...args: string[]],
  call?: Call,
  fault?: Fault,
): Promise<FaultyRun> {
  const [script, ...args] = command;
  const hasty = fault?.end === "hang" || fault?.end === "interrupt";
  const preload = hasty ? ["short-limits.ts", "short-pauses.ts"] : ["short-pauses.ts"];
  const preloads = preload.flatMap((file) => ["--preload", join(import.meta.dir, file)]);
  const child = Bun.spawn([process.execPath, ...preloads, join(projectRoot, script), ...args], {
    cwd: root,
    env: {
      ...env,
      ...(call && { FAULT_CALL: call.pattern, FAULT_NTH: String(call.nth) }),
      ...(fault && { FAULT_WORK: fault.work, FAULT_END: fault.end }),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const mark = join(env.FAULTS ?? "", "reached");
  if (fault?.end === "interrupt") {
    while (child.exitCode === null && child.signalCode === null && pidIn(mark) === undefined) {
      await Bun.sleep(5);
    }
    child.kill("SIGINT");
  }
  const [code, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  endLeftover(pidIn(mark));
  return { code, stdout, stderr, reached: existsSync(mark) };
}

/** The process that a stand-in wrote down, once it has. */
function pidIn(file: string): number | undefined {
  return existsSync(file) ? Number(readFileSync(file, "utf8")) || undefined : undefined;
}

/** Ends a hanging stand-in whose release has not waited for it. */
function endLeftover(pid: number | undefined): void {
  try {
    if (pid !== undefined && readFileSync(`/proc/${pid}/comm`, "utf8") === "sleep\n") {
      process.kill(pid, "SIGKILL");
    }
  } catch {
    // It has ended by itself.
  }
}

/** Every call that a release makes when nothing goes wrong. */
export async function callsOf(
  copy: Copy,
  command: readonly [string, ...string[]],
): Promise<{ readonly calls: readonly Call[]; readonly ended: Ended }> {
  const log = join(copy.home, "calls");
  const ended = await runFaulty({ ...copy, env: { ...copy.env, CALLS: log } }, command);
  const seen = new Map<string, number>();
  const lines = readFileSync(log, "utf8").trimEnd().split("\n");
  const calls = lines.map((line) => {
    // Scratch folders have names of their own in every run, and so has the world.
    const pattern = line.replaceAll(copy.home, "*").replaceAll(/release-sign-\w+/g, "*");
    const nth = (seen.get(pattern) ?? 0) + 1;
    seen.set(pattern, nth);
    return { pattern, nth };
  });
  return { calls, ended };
}
