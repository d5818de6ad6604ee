/** Programs as an operator runs them: in a terminal, where what they ask is answered. */

export interface Session {
  readonly code: number;
  /** All that the terminal showed, with plain line ends. */
  readonly shown: string;
}

/** What is typed after each text that is seen for the first time. */
type Answers = Readonly<Record<string, string | (() => Promise<string> | string)>>;

/** Milliseconds in which the screen has to show what a program that ended wrote last. */
const longestLag = 5000;

/** Runs a program in a real terminal. */
export async function runOnTerminal(
  command: readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  answers: Answers = {},
  cols = 200,
): Promise<Session> {
  let shown = "";
  const waiting = new Map(Object.entries(answers));
  const decoder = new TextDecoder();
  const closed = Promise.withResolvers<void>();
  const child = Bun.spawn([...command], {
    ...options,
    terminal: {
      cols,
      rows: 50,
      data(terminal, bytes) {
        shown += decoder.decode(bytes, { stream: true });
        for (const [prompt, answer] of waiting) {
          if (shown.includes(prompt)) {
            waiting.delete(prompt);
            const typed = typeof answer === "string" ? answer : answer();
            void Promise.resolve(typed).then((text) => terminal.write(text));
          }
        }
      },
      exit: () => closed.resolve(),
    },
  });
  const code = await child.exited;
  await Promise.race([closed.promise, Bun.sleep(longestLag)]);
  child.terminal?.close();
  return { code, shown: shown.replaceAll("\r\n", "\n") };
}
