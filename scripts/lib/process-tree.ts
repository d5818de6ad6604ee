/** Ends programs together with the programs that they started. */

/** Milliseconds that the programs below one have to end by themselves before they are killed. */
const treeGrace = 1000;
/** Milliseconds between two looks at processes that are to end. */
const lookPause = 25;

/**
 * Ends a program and what it started: a signing program would outlive its git, and go on asking. A
 * group of its own is no way to do that: a passphrase is asked for on the terminal, which only the
 * foreground group may read.
 *
 * @param name The signal for the program itself; the others get SIGTERM, to restore the terminal.
 */
export async function endTree(
  child: { readonly pid: number; kill(name: "SIGTERM" | "SIGKILL"): void },
  name: "SIGTERM" | "SIGKILL",
): Promise<void> {
  const below = descendantsOf(child.pid);
  child.kill(name);
  await endAll(below, treeGrace);
}

/** Returns the processes below another one; none if `ps` is missing, and the program ends all the same. */
function descendantsOf(root: number): number[] {
  let table = "";
  try {
    table = Bun.spawnSync(["ps", "-A", "-o", "pid=,ppid="]).stdout.toString();
  } catch {
    return [];
  }
  const pairs = Array.from(table.matchAll(/(\d+) +(\d+)/g), (row) => row.slice(1).map(Number));
  const found = [root];
  for (const parent of found) {
    found.push(...pairs.flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : [])));
  }
  return found.slice(1);
}

/** Asks processes to end, and kills those that have not obeyed in time. */
export async function endAll(targets: readonly number[], grace: number): Promise<void> {
  let left = targets.filter((each) => signalTo(each, "SIGTERM"));
  for (let waited = 0; left.length > 0 && waited < grace; waited += lookPause) {
    await Bun.sleep(lookPause);
    left = left.filter((each) => signalTo(each, 0));
  }
  for (const each of left) {
    signalTo(each, "SIGKILL");
  }
}

/** Sends a signal to a process, or to a group by its negated number. Returns false if it is gone. */
function signalTo(target: number, signal: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch (thrown) {
    // Any other failure means that the process exists and may not be reached.
    return (thrown as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
