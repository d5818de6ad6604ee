/** Ctrl-C and its relatives: what ends a script early, and the work that must end by itself first. */

/** Exit codes by signal, as shells tell them. */
const signalCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** The operator interrupted the command. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly exitCode: number;

  /** @param state What is left behind, as the end of a sentence. */
  constructor(state: string, exitCode: number = signalCodes.SIGINT) {
    super(`Interrupted: ${state}`);
    this.exitCode = exitCode;
  }
}

/** Ctrl-C and its relatives, and work that must reach its own end first. */
export interface Interrupt {
  /** Fires when the script is to end now. */
  readonly signal: AbortSignal;
  /** Whether the operator asked for an end; during `hold` it is the work's to obey. */
  readonly requested: boolean;
  /** Fires with the request itself, even during `hold`: for a child that is to end early. */
  readonly requestSignal: AbortSignal;
  /** The exit code of the signal that asked first; of Ctrl-C, while none has. */
  readonly exitCode: number;
  /**
   * Runs work that an interrupt must not cut off half-way.
   *
   * @param changes Whether it changes anything; if not, it only has words of its own for its end.
   *   From the first change on, output that cannot be written is no failure.
   */
  hold<T>(work: () => Promise<T>, changes?: boolean): Promise<T>;
}

/** What tells of signals, and of errors that nobody waited for. */
export interface EventSource {
  on(name: string, listener: (thrown: unknown) => void): unknown;
  off(name: string, listener: (thrown: unknown) => void): unknown;
}

export interface Watch {
  readonly interrupt: Interrupt;
  /** Rejects when the process is to end now. */
  readonly ended: Promise<never>;
  stop(): void;
}

/**
 * Turns signals into an interrupt, and errors that nobody waited for into an end with a message.
 * Held work comes to its own end before either.
 *
 * @param source Where signals and errors are heard of: this process, if it is not a test's.
 * @param onChange Called before held work that changes something.
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
          // Work that was interrupted has said what is left; a second Ctrl-C does not unsay it.
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
