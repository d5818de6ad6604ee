/** Command lines as an operator runs them: by a shell, in a terminal, answering what is asked. */

export interface Session {
  readonly code: number;
  /** All that the terminal showed, with plain line ends. */
  readonly shown: string;
}

/**
 * Runs a command line through `sh -c` in a real terminal.
 *
 * @param answers What is typed after each text that is seen for the first time.
 */
export async function runLine(
  line: string,
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  answers: Readonly<Record<string, string>> = {},
): Promise<Session> {
  let shown = "";
  const waiting = new Map(Object.entries(answers));
  const decoder = new TextDecoder();
  const child = Bun.spawn(["sh", "-c", line], {
    ...options,
    terminal: {
      cols: 200,
      rows: 50,
      data(terminal, bytes) {
        shown += decoder.decode(bytes, { stream: true });
        for (const [prompt, answer] of waiting) {
          if (shown.includes(prompt)) {
            waiting.delete(prompt);
            terminal.write(answer);
          }
        }
      },
    },
  });
  const code = await child.exited;
  child.terminal?.close();
  return { code, shown: shown.replaceAll("\r\n", "\n") };
}
