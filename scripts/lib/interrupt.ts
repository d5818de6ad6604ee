/** Handles signals such as Ctrl-C, and work that they must not cut off. */

/** Exit codes by signal, as in a shell. */
const signalCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Is thrown when a signal has interrupted the command. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exitCode: number;

  /** @param state The state after the interrupt, as the end of a sentence. */
  constructor(state: string, exitCode: number = signalCodes.SIGINT) {
    super(`Interrupted: ${state}`);
    this.exitCode = exitCode;
  }
}

/** The state of interrupts in this process. */
export interface Interrupt {
  /** Fires when the command must end now. */
  readonly signal: AbortSignal;
  /** Whether a signal has arrived. Work in `hold` decides itself when to stop. */
  readonly requested: boolean;
  /** Fires when a signal arrives, even during `hold`: a child process can then end early. */
  readonly requestSignal: AbortSignal;
  /** The exit code for the first signal; the one for Ctrl-C if none has arrived. */
  readonly exitCode: number;
  /**
   * Runs work that an interrupt must not cut off.
   *
   * @param changes Whether the work changes anything. After the first change, a failure to write
   *   output is ignored. Work without changes uses `hold` only to report an interrupt itself.
   */
  hold<T>(work: () => Promise<T>, changes?: boolean): Promise<T>;
}

/** An emitter of signals and unhandled errors, such as `process`. */
export interface EventSource {
  on(name: string, listener: (thrown: unknown) => void): unknown;
  off(name: string, listener: (thrown: unknown) => void): unknown;
}

export interface Watch {
  readonly interrupt: Interrupt;
  /** Rejects when the process must end now. */
  readonly ended: Promise<never>;
  stop(): void;
}

/**
 * Listens for signals and unhandled errors. Either one ends the command, but only after the work in
 * `hold` has ended.
 *
 * @param source Tests pass another emitter.
 * @param onChange Called before work in `hold` that changes something.
 */
export function watchProcess(source: EventSource = process, onChange = () => {}): Watch {
  const stopping = new AbortController();
  const request = new AbortController();
  const { promise: ended, reject: end } = Promise.withResolvers<never>();
  ended.catch(() => {});
  let holds = 0;
  let held = false;
  let requestedCode: number | undefined;
  let cause: { readonly thrown: unknown } | undefined;

  function onSignal(code: number): void {
    requestedCode ??= code;
    request.abort();
    if (holds === 0) {
      const state = held ? "what had been begun is done" : "nothing was changed";
      cause ??= { thrown: new Interrupted(state, code) };
      stopping.abort();
      end(cause.thrown);
    }
  }

  function onDefect(thrown: unknown): void {
    cause ??= { thrown };
    if (holds === 0) {
      end(cause.thrown);
    }
  }

  const listeners: [string, (thrown: unknown) => void][] = [
    ...Object.entries(signalCodes).map(([name, code]): [string, () => void] => [
      name,
      () => onSignal(code),
    ]),
    ["unhandledRejection", onDefect],
    ["uncaughtException", onDefect],
  ];
  for (const [name, listener] of listeners) {
    source.on(name, listener);
  }
  return {
    ended,
    interrupt: {
      signal: stopping.signal,
      requestSignal: request.signal,
      get requested() {
        return request.signal.aborted;
      },
      get exitCode() {
        return requestedCode ?? signalCodes.SIGINT;
      },
      async hold(work, changes = true) {
        holds += 1;
        if (changes) {
          held = true;
          onChange();
        }
        try {
          return await work();
        } catch (thrown) {
          // The work has stated what it left behind; a second Ctrl-C must not replace that message.
          cause ??= thrown instanceof Interrupted ? { thrown } : undefined;
          throw thrown;
        } finally {
          holds -= 1;
          if (holds === 0 && cause !== undefined) {
            end(cause.thrown);
          }
        }
      },
    },
    stop() {
      for (const [name, listener] of listeners) {
        source.off(name, listener);
      }
    },
  };
}
