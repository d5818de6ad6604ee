/** How a call of git goes wrong, and the git that does it. */

import { chmodSync } from "node:fs";
import { join } from "node:path";
import { writeFiles } from "./world.ts";

/** One call of git, told from all others whatever runs beside it. */
export interface Call {
  /** Its arguments, without what differs from world to world. */
  readonly words: string;
  /** Which of the calls with these arguments, from 1. */
  readonly nth: number;
}

/** A call that a release makes when nothing goes wrong, and what was seen of it. */
export interface SeenCall extends Call {
  /** Whether it changed nothing in the world, temporary files included. */
  readonly harmless: boolean;
  /** Whether it printed nothing. */
  readonly mute: boolean;
  /** Whether nothing was written since the call before it was made, or had come to its end. */
  readonly still: boolean;
}

/** How a call goes wrong. */
export interface Fault {
  /** Whether git does its work first. */
  readonly work: "undone" | "done";
  readonly end: /** Exit code 128. */
    | "fail"
    /** Exit code 128, and so does every call from then on. */
    | "outage"
    /** Exit code 128, and so does every call from then on that asks a remote. */
    | "remote outage"
    /** Exit code 0 without a word. */
    | "silent"
    /** The first half of the answer, to the middle of a line, and exit code 0. */
    | "cut"
    /** The same, and exit code 128. */
    | "cut and fail"
    /** No end before the time limit; a push, which has none, comes to its end without a word. */
    | "hang"
    /** No end, and Ctrl-C reaches the release. */
    | "interrupt"
    /** SIGKILL ends the release. */
    | "kill";
}

/** Every way in which a call can go wrong. */
export const faults: readonly Fault[] = [
  ...(["fail", "outage", "remote outage", "silent", "hang", "interrupt", "kill"] as const).flatMap(
    (end): Fault[] => [
      { work: "undone", end },
      { work: "done", end },
    ],
  ),
  { work: "done", end: "cut" },
  { work: "done", end: "cut and fail" },
];

/** A fault in words, as the end of a sentence. */
export function nameOf({ work, end }: Fault): string {
  const ways = {
    fail: "a call fails",
    outage: "git fails from a call on",
    "remote outage": "git reaches no remote from a call on",
    silent: "a call says nothing and reports success",
    cut: "an answer is cut short and reports success",
    "cut and fail": "an answer is cut short and fails",
    hang: "a call hangs until its time limit",
    interrupt: "Ctrl-C comes while a call hangs",
    kill: "the release is killed during a call",
  };
  return `where ${ways[end]}, its work ${work}`;
}

/** Whether a release may end so: what was killed or interrupted has not succeeded by chance. */
export function fits({ end }: Fault, code: number): boolean {
  switch (end) {
    case "kill":
      return code === 137;
    case "interrupt":
      return code === 130 || code === 0;
    default:
      return code === 0 || code === 1;
  }
}

/**
 * Whether another fault of the same call is this very case. Where a call changes nothing, nobody can
 * tell its work done from undone: the world is the same, and the asker hears the same. Half of an
 * answer that is empty is silence, or a failure that says no more than any other. Of a release that is
 * killed the files alone are left, and those that it leaves at this call may be the same as at the
 * one before. A remote that cannot be reached is noticed by the next call that asks one.
 */
export function isTwin({ work, end }: Fault, call: SeenCall): boolean {
  const { harmless, mute, still } = call;
  switch (end) {
    case "remote outage":
      return !asksRemote(call) || (work === "done" && harmless);
    case "cut":
    case "cut and fail":
      return mute;
    case "kill":
      return work === "done" ? harmless : still;
    default:
      return work === "done" && harmless;
  }
}

/**
 * Whether a fault is that of the call alone: nothing that it would spoil came after the failure.
 *
 * @param later The calls that were made after that call failed.
 */
export function isMereFailure({ end }: Fault, later: readonly Call[]): boolean {
  return (
    (end === "outage" && later.length === 0) || (end === "remote outage" && !later.some(asksRemote))
  );
}

/** Whether a call of git asks a remote, or tells it something. */
export function asksRemote({ words }: Call): boolean {
  return /(?:^| )(?:ls-remote|fetch|push) /.test(words);
}

/** Makes the git that a call meets when it goes wrong; answers its path. */
export function makeFaultyGit(folder: string): string {
  const file = join(folder, "git");
  writeFiles(folder, { git: `#!/bin/sh\nREAL='${Bun.which("git")}'\n${faultyGit}` });
  chmodSync(file, 0o755);
  return file;
}

/**
 * A conversation has answered three questions when its work counts as done, the last of them to its
 * middle where answers are cut: who asks waits for an answer before the next question.
 */
const faultyGit = `
answer="$FAULT_MARK.answer"
converse() {
  asked=0
  while [ $asked -lt "$1" ] && IFS= read -r question; do
    printf '%s\\n' "$question"
    asked=$((asked + 1))
  done | "$REAL" cat-file --batch
}
case "$FAULT_WORK $FAULT_END $*" in
  "done cut"*" cat-file --batch") converse 2; converse 1 >"$answer" ;;
  *" cat-file --batch") [ "$FAULT_WORK" = undone ] || converse 3 ;;
  done*) "$REAL" "$@" >"$answer" 2>/dev/null ;;
esac
echo $$ >"$FAULT_MARK"
case "$FAULT_END" in
  silent) exit 0 ;;
  hang)
    case "$*" in *" push "*) exec sleep 1 ;; esac
    exec sleep 5 ;;
  interrupt) exec sleep 60 ;;
  kill) kill -9 $PPID; exit 137 ;;
  cut*)
    half=$(($(wc -c <"$answer") / 2))
    [ -n "$(head -c "$half" "$answer" | tail -c 1 | tr '\\0' '\\n')" ] || half=$((half - 1))
    [ "$half" -lt 1 ] || head -c "$half" "$answer"
    [ "$FAULT_END" != cut ] || exit 0
    ;;
esac
echo 'fatal: the stand-in fails' >&2
exit 128
`;
