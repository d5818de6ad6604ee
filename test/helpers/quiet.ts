/** A world of commands inside a test: a clock that only sleep moves, and an operator with Ctrl-C. */

import type { Interrupt } from "../../scripts/lib/interrupt.ts";
import { openReport } from "../../scripts/lib/report.ts";
import type { Terminal } from "../../scripts/lib/terminal.ts";
import { testDay } from "./world.ts";

/** A terminal that keeps what it is told. @param live Whether somebody watches. */
export function silentTerminal(live = false) {
  const written = { out: "", err: "" };
  const terminal: Terminal = {
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    keepWriting: () => {},
    colours: { out: false, err: false },
    interactive: false,
    outIsTerminal: () => live,
    errIsTerminal: () => live,
    columns: () => 100,
    question: () => Promise.resolve(undefined),
  };
  return { written, terminal };
}

/** @param live Whether somebody watches standard error. */
export function quietWorld(live = false) {
  const { written, terminal } = silentTerminal(live);
  const controller = new AbortController();
  const interrupt: Interrupt = {
    signal: new AbortController().signal,
    requestSignal: controller.signal,
    get requested() {
      return controller.signal.aborted;
    },
    exitCode: 130,
    hold: (work) => work(),
  };
  const begin = 5_000_000;
  let now = begin;
  const moment = () => new Date(`${testDay}T12:00:00Z`);
  const report = openReport(terminal, { script: "s.ts", json: false, actions: false });
  return {
    /** What a survey needs. */
    world: { env: {}, terminal, report, interrupt, clock: () => now, moment },
    written,
    controller,
    sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
      signal.throwIfAborted();
      now += milliseconds;
      return Promise.resolve();
    },
    /** Milliseconds that were slept. */
    elapsed: () => now - begin,
  };
}
